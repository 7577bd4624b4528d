//! Signatures that were verified. Bounded in bytes; an entry ends with what it was signed for, and is good for nothing
//! once its key is not trusted any more, since keys are told apart by a number that is never given twice.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use equivalent::Equivalent;
use foldhash::fast::RandomState;
use moka::Expiry;
use moka::sync::Cache;

use crate::keys;
use crate::pattern::Target;
use crate::policy::Policy;

/// What the entries may weigh, in bytes.
const MOST_BYTES: u64 = 32 << 20;
/// What an entry weighs besides its texts.
const ENTRY: usize = 512;
/// No entry stays longer, whatever it was signed for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What a signature is said to be made for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Document<'a> {
    /// A custom policy, as it was sent.
    Policy(&'a str),
    /// The canned policy of a URL, with the expiry as it was sent.
    Canned {
        /// The URL.
        target: Target<'a>,
        /// The `Expires` parameter.
        expires: &'a str,
    },
}

/// A signature and everything that decides whether it is good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) serial: u64,
    pub(crate) hash: keys::Hash,
    pub(crate) signature: &'a str,
    pub(crate) document: Document<'a>,
}

/// What a good signature was made for; judged for each request.
#[derive(Debug)]
pub(crate) enum Terms {
    /// One URL, until then.
    Canned { not_after: u64 },
    /// What a policy says.
    Policy(Policy),
}

impl Terms {
    fn not_after(&self) -> u64 {
        match self {
            Self::Canned { not_after } => *not_after,
            Self::Policy(policy) => policy.not_after,
        }
    }
}

/// [`Asked`], kept. A policy is one text; a URL with its expiry is four, and a query may be missing.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    serial: u64,
    hash: keys::Hash,
    signature: Box<str>,
    document: KnownDocument,
}

#[derive(Debug, PartialEq, Eq)]
enum KnownDocument {
    Policy(Box<str>),
    Canned { scheme: Box<str>, host: Box<str>, path: Box<str>, query: Option<Box<str>>, expires: Box<str> },
}

/// The signature stands for the whole: of two entries with one signature all else is compared. It is hashed to its
/// last byte, under a random seed, so that texts are compared only where it is the same: the time a comparison takes
/// tells nothing of a signature that somebody else was given.
impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.serial, self.signature).hash(state);
    }
}

impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.serial, &*self.signature).hash(state);
    }
}

impl Equivalent<Known> for Asked<'_> {
    fn equivalent(&self, known: &Known) -> bool {
        let same_document = match (&self.document, &known.document) {
            (Document::Policy(asked), KnownDocument::Policy(known)) => **asked == **known,
            (
                Document::Canned { target, expires },
                KnownDocument::Canned { scheme, host, path, query, expires: until },
            ) => {
                *target.scheme == **scheme
                    && *target.host == **host
                    && *target.path == **path
                    && target.query == query.as_deref()
                    && **expires == **until
            }
            _ => false,
        };
        same_document && self.serial == known.serial && self.hash == known.hash && *self.signature == *known.signature
    }
}

impl Asked<'_> {
    fn to_known(self) -> Known {
        let document = match self.document {
            Document::Policy(policy) => KnownDocument::Policy(policy.into()),
            Document::Canned { target: Target { scheme, host, path, query }, expires } => KnownDocument::Canned {
                scheme: scheme.into(),
                host: host.into(),
                path: path.into(),
                query: query.map(Into::into),
                expires: expires.into(),
            },
        };
        Known { serial: self.serial, hash: self.hash, signature: self.signature.into(), document }
    }
}

impl Known {
    fn weight(&self) -> u32 {
        let texts = match &self.document {
            KnownDocument::Policy(policy) => 2 * policy.len(),
            KnownDocument::Canned { host, path, query, .. } => {
                host.len() + path.len() + query.as_ref().map_or(0, |query| query.len())
            }
        };
        u32::try_from(ENTRY + self.signature.len() + texts).unwrap_or(u32::MAX)
    }
}

/// An entry and how long it may stay.
type Kept = (Arc<Terms>, Duration);

struct UntilExpired;

impl Expiry<Known, Kept> for UntilExpired {
    fn expire_after_create(&self, _: &Known, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.1)
    }
}

/// The signatures.
#[derive(Debug)]
pub(crate) struct Seen {
    good: Cache<Known, Kept, RandomState>,
    serials: AtomicU64,
}

impl Default for Seen {
    fn default() -> Self {
        let good = Cache::builder()
            .max_capacity(MOST_BYTES)
            .weigher(|known: &Known, _| known.weight())
            .expire_after(UntilExpired)
            .build_with_hasher(RandomState::default());
        Self { good, serials: AtomicU64::new(0) }
    }
}

impl Seen {
    pub(crate) fn next_serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn find(&self, asked: &Asked<'_>) -> Option<Arc<Terms>> {
        self.good.get(asked).map(|(terms, _)| terms)
    }

    /// Keeps what was found good until it ends. What has ended at `now` is not kept.
    pub(crate) fn keep(&self, asked: &Asked<'_>, terms: &Arc<Terms>, now: u64) {
        let left = Duration::from_secs(terms.not_after().saturating_sub(now)).min(LONGEST);
        if !left.is_zero() {
            self.good.insert(asked.to_known(), (Arc::clone(terms), left));
        }
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.good.run_pending_tasks();
        self.good.entry_count()
    }
}

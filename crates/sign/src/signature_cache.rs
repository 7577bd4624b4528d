//! Caches signatures that were verified, within a limit of bytes. An entry expires with its grant.
//! It also stops matching when its key is no longer trusted, because every trusted key has a serial
//! number that is never reused. Never evaluates a policy's conditions; `verify` does so for every
//! request.

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

/// The largest total weight of all entries, in bytes.
const MAX_CACHE_BYTES: u64 = 32 << 20;
/// The weight of an entry besides its strings, in bytes.
const ENTRY_OVERHEAD: usize = 512;
/// The longest time an entry is kept, whatever its expiry.
const MAX_ENTRY_AGE: Duration = Duration::from_secs(24 * 3600);

/// The policy that a request's signature claims to cover.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ClaimedPolicy<'a> {
    /// A custom policy, as sent.
    Custom(&'a str),
    /// The canned policy of a URL.
    Canned {
        /// The URL of the request.
        target: Target<'a>,
        /// The `Expires` parameter, as sent.
        expires: &'a str,
    },
}

/// A request's signature and everything that decides whether it is valid. The cache is looked up
/// with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignatureClaim<'a> {
    /// The serial number of the trusted key.
    pub(crate) serial: u64,
    pub(crate) hash: keys::Hash,
    pub(crate) signature: &'a str,
    pub(crate) policy: ClaimedPolicy<'a>,
}

/// The policy under a verified signature. Its conditions are evaluated for each request.
#[derive(Debug)]
pub(crate) enum VerifiedPolicy {
    /// A canned policy: one URL until `not_after` (epoch seconds).
    Canned { not_after: u64 },
    /// A custom policy.
    Custom(Policy),
}

impl VerifiedPolicy {
    /// Returns when the grant expires, in epoch seconds.
    fn not_after(&self) -> u64 {
        match self {
            Self::Canned { not_after } => *not_after,
            Self::Custom(policy) => policy.not_after,
        }
    }
}

/// The owned form of a [`SignatureClaim`].
#[derive(Debug, PartialEq, Eq)]
struct CacheKey {
    serial: u64,
    hash: keys::Hash,
    signature: Box<str>,
    policy: OwnedPolicy,
}

/// The owned form of a [`ClaimedPolicy`].
#[derive(Debug, PartialEq, Eq)]
enum OwnedPolicy {
    Custom(Box<str>),
    Canned { scheme: Box<str>, host: Box<str>, path: Box<str>, query: Option<Box<str>>, expires: Box<str> },
}

/// Hashes the key serial and the whole signature; the other fields are compared only between
/// entries with the same hash. The hash has a random seed, so the time of a lookup reveals nothing
/// about signatures issued to other clients.
impl Hash for SignatureClaim<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.serial, self.signature).hash(state);
    }
}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.serial, &*self.signature).hash(state);
    }
}

impl Equivalent<CacheKey> for SignatureClaim<'_> {
    fn equivalent(&self, cached: &CacheKey) -> bool {
        let same_policy = match (&self.policy, &cached.policy) {
            (ClaimedPolicy::Custom(claimed), OwnedPolicy::Custom(cached)) => **claimed == **cached,
            (
                ClaimedPolicy::Canned { target, expires },
                OwnedPolicy::Canned { scheme, host, path, query, expires: cached_expires },
            ) => {
                *target.scheme == **scheme
                    && *target.host == **host
                    && *target.path == **path
                    && target.query == query.as_deref()
                    && **expires == **cached_expires
            }
            _ => false,
        };
        same_policy && self.serial == cached.serial && self.hash == cached.hash && *self.signature == *cached.signature
    }
}

impl SignatureClaim<'_> {
    /// Returns the owned form, to be stored.
    fn to_cache_key(self) -> CacheKey {
        let policy = match self.policy {
            ClaimedPolicy::Custom(policy) => OwnedPolicy::Custom(policy.into()),
            ClaimedPolicy::Canned { target: Target { scheme, host, path, query }, expires } => OwnedPolicy::Canned {
                scheme: scheme.into(),
                host: host.into(),
                path: path.into(),
                query: query.map(Into::into),
                expires: expires.into(),
            },
        };
        CacheKey { serial: self.serial, hash: self.hash, signature: self.signature.into(), policy }
    }
}

impl CacheKey {
    /// Returns the memory that the entry takes, in bytes, estimated.
    fn weight(&self) -> u32 {
        let strings = match &self.policy {
            // Twice: the key holds the encoded policy, the value the parsed one.
            OwnedPolicy::Custom(policy) => 2 * policy.len(),
            OwnedPolicy::Canned { host, path, query, .. } => {
                host.len() + path.len() + query.as_ref().map_or(0, |query| query.len())
            }
        };
        u32::try_from(ENTRY_OVERHEAD + self.signature.len() + strings).unwrap_or(u32::MAX)
    }
}

/// A cached policy and how long it is kept.
type CacheValue = (Arc<VerifiedPolicy>, Duration);

/// Removes each entry when its own lifetime is over.
struct PerEntryExpiry;

impl Expiry<CacheKey, CacheValue> for PerEntryExpiry {
    fn expire_after_create(&self, _: &CacheKey, value: &CacheValue, _: Instant) -> Option<Duration> {
        Some(value.1)
    }
}

/// The verified signatures.
#[derive(Debug)]
pub(crate) struct SignatureCache {
    entries: Cache<CacheKey, CacheValue, RandomState>,
    next_serial: AtomicU64,
}

impl Default for SignatureCache {
    fn default() -> Self {
        let entries = Cache::builder()
            .max_capacity(MAX_CACHE_BYTES)
            .weigher(|key: &CacheKey, _| key.weight())
            .expire_after(PerEntryExpiry)
            .build_with_hasher(RandomState::default());
        Self { entries, next_serial: AtomicU64::new(0) }
    }
}

impl SignatureCache {
    /// Returns a serial number for a newly trusted key. It is never returned again.
    pub(crate) fn next_serial(&self) -> u64 {
        self.next_serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the policy of a signature that was verified before.
    pub(crate) fn get(&self, claim: &SignatureClaim<'_>) -> Option<Arc<VerifiedPolicy>> {
        self.entries.get(claim).map(|(policy, _)| policy)
    }

    /// Stores a verified signature until its grant expires. Ignores a grant that has expired at
    /// `now` (epoch seconds).
    pub(crate) fn insert(&self, claim: &SignatureClaim<'_>, policy: &Arc<VerifiedPolicy>, now: u64) {
        let left = Duration::from_secs(policy.not_after().saturating_sub(now)).min(MAX_ENTRY_AGE);
        if !left.is_zero() {
            self.entries.insert(claim.to_cache_key(), (Arc::clone(policy), left));
        }
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.entries.run_pending_tasks();
        self.entries.entry_count()
    }
}

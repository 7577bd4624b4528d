//! The cache of verdicts. A reader of a large object sends many range requests with one URL, and
//! pages request the same pictures repeatedly. The verdict on one request is reused for the next
//! with the same URL, host and cookies, while keys, time and object are unchanged.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use equivalent::Equivalent;
use foldhash::fast::RandomState;
use moka::sync::Cache;
use sign::{Allowed, Verifier};

use super::super::head::Head;
use super::origin::ServedObject;

/// The most memory of the cache in bytes.
const MAX_BYTES: u64 = 32 << 20;
/// The size of a verdict in bytes, besides its key.
const VERDICT_BYTES: usize = 400;
/// How long a verdict is kept: as long as a blob may stay open.
const LIFETIME: Duration = Duration::from_secs(60);

/// Everything in a request that decides whether it is allowed, except client and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct VerdictKey<'a> {
    target: &'a str,
    host: &'a [u8],
    cookies: Option<&'a [u8]>,
}

impl<'a> VerdictKey<'a> {
    /// Returns the key of a request; `None` if a header occurs twice, since such a request is never
    /// cached.
    fn of(request: &'a Head<'_>) -> Option<Self> {
        let host = only(&request.headers, &header::HOST)??;
        Some(Self { target: request.target, host, cookies: only(&request.headers, &header::COOKIE)? })
    }
}

/// Returns the value of a header that occurs at most once; `None` if it occurs more often.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a [u8]>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Some(value.map(|value| value.as_bytes())),
        _ => None,
    }
}

/// An allowed request and the object it read. Contains signatures, so it does not implement
/// `Debug`.
pub(super) struct Verdict {
    target: Box<str>,
    host: Box<[u8]>,
    cookies: Option<Box<[u8]>>,
    /// The only client it holds for, if the policy names an address.
    client: Option<IpAddr>,
    verifier: Arc<Verifier>,
    pub(super) allowed: Allowed,
    /// Weak, since the origin decides which objects stay open.
    served: Weak<ServedObject>,
}

impl Verdict {
    fn key(&self) -> VerdictKey<'_> {
        VerdictKey { target: &self.target, host: &self.host, cookies: self.cookies.as_deref() }
    }

    /// Returns the object, if the verdict still holds: same keys, within its time, from an allowed
    /// address, and the object is current.
    fn valid_for(&self, client: IpAddr, verifier: &Arc<Verifier>, now: u64) -> Option<Arc<ServedObject>> {
        let in_time = (self.allowed.not_before..self.allowed.expires).contains(&now);
        let from_there = self.client.is_none_or(|only| only == client);
        if !in_time || !from_there || !Arc::ptr_eq(&self.verifier, verifier) {
            return None;
        }
        self.served.upgrade().filter(|served| served.is_current())
    }
}

/// A cache entry, looked up by the verdict's key. The key is hashed with a random seed and compared
/// only on equal hashes, so timing reveals nothing about another client's signature.
struct CacheEntry(Arc<Verdict>);

impl PartialEq for CacheEntry {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for CacheEntry {}

impl Hash for CacheEntry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

impl Equivalent<CacheEntry> for VerdictKey<'_> {
    fn equivalent(&self, kept: &CacheEntry) -> bool {
        *self == kept.0.key()
    }
}

/// The verdict cache of an edge.
pub(super) struct Verdicts(Cache<CacheEntry, Arc<Verdict>, RandomState>);

impl Verdicts {
    pub(super) fn new() -> Self {
        let weigh = |_: &CacheEntry, verdict: &Arc<Verdict>| {
            let texts =
                verdict.target.len() + verdict.host.len() + verdict.cookies.as_ref().map_or(0, |text| text.len());
            u32::try_from(VERDICT_BYTES + texts).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).time_to_live(LIFETIME);
        Self(cache.build_with_hasher(RandomState::default()))
    }

    /// Returns the object and authorization of an earlier verdict that holds for the request.
    /// `last` is the connection's previous verdict, the most likely match.
    pub(super) fn find(
        &self,
        request: &Head<'_>,
        client: IpAddr,
        verifier: &Arc<Verifier>,
        now: u64,
        last: &mut Option<Arc<Verdict>>,
    ) -> Option<(Arc<ServedObject>, Allowed)> {
        let key = VerdictKey::of(request)?;
        if last.as_ref().is_none_or(|last| last.key() != key) {
            *last = self.0.get(&key);
        }
        let verdict = last.as_ref()?;
        let served = verdict.valid_for(client, verifier, now)?;
        Some((served, verdict.allowed))
    }

    /// Stores the verdict on a request, if it can be cached.
    pub(super) fn insert(
        &self,
        request: &Head<'_>,
        client: IpAddr,
        verifier: &Arc<Verifier>,
        allowed: Allowed,
        served: &Arc<ServedObject>,
        last: &mut Option<Arc<Verdict>>,
    ) {
        *last = None;
        let Some(VerdictKey { target, host, cookies }) = VerdictKey::of(request).filter(|_| served.is_current()) else {
            return;
        };
        let verdict = Arc::new(Verdict {
            target: target.into(),
            host: host.into(),
            cookies: cookies.map(Into::into),
            client: allowed.ip_restricted.then_some(client),
            verifier: Arc::clone(verifier),
            allowed,
            served: Arc::downgrade(served),
        });
        self.0.insert(CacheEntry(Arc::clone(&verdict)), Arc::clone(&verdict));
        *last = Some(verdict);
    }

    /// Removes expired verdicts. Blocks for the time that takes.
    pub(super) fn upkeep(&self) {
        self.0.run_pending_tasks();
    }
}

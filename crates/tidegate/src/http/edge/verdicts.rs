//! What was allowed before. Who reads a large object asks for range after range of it by one URL, and a page asks for the
//! same pictures again and again: what was found out for one request holds for the next one in the same key, as long
//! as nothing it was found from has changed.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use equivalent::Equivalent;
use foldhash::fast::RandomState;
use moka::sync::Cache;
use sign::{Allowed, Verifier};

use super::head::Head;
use super::origin::ServedObject;

/// What all of it may weigh, in bytes.
const MAX_BYTES: u64 = 32 << 20;
/// What a verdict weighs besides its key.
const VERDICT_BYTES: usize = 400;
/// As long as an object stays open, which a verdict does not outlive in use.
const LIFETIME: Duration = Duration::from_secs(60);

/// All of a request that decides whether it is allowed, save for who sent it and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct VerdictKey<'a> {
    target: &'a str,
    host: &'a [u8],
    cookies: Option<&'a [u8]>,
}

impl<'a> VerdictKey<'a> {
    /// `None` where a field was sent twice: what could be looked at in two ways is looked at each time.
    fn of(request: &'a Head<'_>) -> Option<Self> {
        let host = only(&request.headers, &header::HOST)??;
        Some(Self { target: request.target, host, cookies: only(&request.headers, &header::COOKIE)? })
    }
}

/// A field's value; `None` where there are several.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a [u8]>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Some(value.map(|value| value.as_bytes())),
        _ => None,
    }
}

/// A request that was allowed, and what lies there. Holds signatures: it has no `Debug`.
pub(super) struct Verdict {
    target: Box<str>,
    host: Box<[u8]>,
    cookies: Option<Box<[u8]>>,
    /// For whom alone, where the policy names an address.
    client: Option<IpAddr>,
    verifier: Arc<Verifier>,
    pub(super) allowed: Allowed,
    /// Not held: how many objects are open is the origin's business.
    served: Weak<ServedObject>,
}

impl Verdict {
    fn key(&self) -> VerdictKey<'_> {
        VerdictKey { target: &self.target, host: &self.host, cookies: self.cookies.as_deref() }
    }

    /// What lies there, if a request in the same key is allowed for the same reasons: judged by the same keys, in
    /// time, from an address that is as good, for an object that is still what its key names.
    fn valid_for(&self, client: IpAddr, verifier: &Arc<Verifier>, now: u64) -> Option<Arc<ServedObject>> {
        let in_time = (self.allowed.not_before..self.allowed.expires).contains(&now);
        let from_there = self.client.is_none_or(|only| only == client);
        if !in_time || !from_there || !Arc::ptr_eq(&self.verifier, verifier) {
            return None;
        }
        self.served.upgrade().filter(|served| served.is_current())
    }
}

/// A verdict, found by its key. All of them are hashed, under a random seed: texts are compared only where that is
/// the same, and the time it takes tells nothing of a signature that somebody else was given.
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

/// The verdicts of an edge.
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

    /// What a request is allowed by an earlier verdict. `last` is the one of its connection, which is most often it.
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

    /// Keeps what a request was allowed, where the next one could be the same.
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
            client: allowed.for_address.then_some(client),
            verifier: Arc::clone(verifier),
            allowed,
            served: Arc::downgrade(served),
        });
        self.0.insert(CacheEntry(Arc::clone(&verdict)), Arc::clone(&verdict));
        *last = Some(verdict);
    }

    /// Lets go of what is too old. Blocking.
    pub(super) fn upkeep(&self) {
        self.0.run_pending_tasks();
    }
}

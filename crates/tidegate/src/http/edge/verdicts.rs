//! What was allowed before. Who reads a large object asks for range after range of it by one URL, and a page asks for the
//! same pictures again and again: what was found out for one request holds for the next one in the same words, as long
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
use super::origin::Served;

/// What all of it may weigh, in bytes.
const MOST_BYTES: u64 = 32 << 20;
/// What a verdict weighs besides its words.
const VERDICT: usize = 400;
/// As long as an object stays open, which a verdict does not outlive in use.
const KEPT: Duration = Duration::from_secs(60);

/// All of a request that decides whether it is allowed, save for who sent it and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Words<'a> {
    target: &'a str,
    host: &'a [u8],
    cookies: Option<&'a [u8]>,
}

impl<'a> Words<'a> {
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
    served: Weak<Served>,
}

impl Verdict {
    fn words(&self) -> Words<'_> {
        Words { target: &self.target, host: &self.host, cookies: self.cookies.as_deref() }
    }

    /// What lies there, if a request in the same words is allowed for the same reasons: judged by the same keys, in
    /// time, from an address that is as good, for an object that is still what its key names.
    fn holds(&self, client: IpAddr, verifier: &Arc<Verifier>, now: u64) -> Option<Arc<Served>> {
        let in_time = (self.allowed.not_before..self.allowed.expires).contains(&now);
        let from_there = self.client.is_none_or(|only| only == client);
        if !in_time || !from_there || !Arc::ptr_eq(&self.verifier, verifier) {
            return None;
        }
        self.served.upgrade().filter(|served| served.is_current())
    }
}

/// A verdict, found by its words. All of them are hashed, under a random seed: texts are compared only where that is
/// the same, and the time it takes tells nothing of a signature that somebody else was given.
struct Kept(Arc<Verdict>);

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.0.words() == other.0.words()
    }
}

impl Eq for Kept {}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.words().hash(state);
    }
}

impl Equivalent<Kept> for Words<'_> {
    fn equivalent(&self, kept: &Kept) -> bool {
        *self == kept.0.words()
    }
}

/// The verdicts of an edge.
pub(super) struct Verdicts(Cache<Kept, Arc<Verdict>, RandomState>);

impl Verdicts {
    pub(super) fn new() -> Self {
        let weigh = |_: &Kept, verdict: &Arc<Verdict>| {
            let texts =
                verdict.target.len() + verdict.host.len() + verdict.cookies.as_ref().map_or(0, |text| text.len());
            u32::try_from(VERDICT + texts).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(MOST_BYTES).weigher(weigh).time_to_live(KEPT);
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
    ) -> Option<(Arc<Served>, Allowed)> {
        let words = Words::of(request)?;
        if last.as_ref().is_none_or(|last| last.words() != words) {
            *last = self.0.get(&words);
        }
        let verdict = last.as_ref()?;
        let served = verdict.holds(client, verifier, now)?;
        Some((served, verdict.allowed))
    }

    /// Keeps what a request was allowed, where the next one could be the same.
    pub(super) fn keep(
        &self,
        request: &Head<'_>,
        client: IpAddr,
        verifier: &Arc<Verifier>,
        allowed: Allowed,
        served: &Arc<Served>,
        last: &mut Option<Arc<Verdict>>,
    ) {
        *last = None;
        let Some(Words { target, host, cookies }) = Words::of(request).filter(|_| served.is_current()) else { return };
        let verdict = Arc::new(Verdict {
            target: target.into(),
            host: host.into(),
            cookies: cookies.map(Into::into),
            client: allowed.ip_restricted.then_some(client),
            verifier: Arc::clone(verifier),
            allowed,
            served: Arc::downgrade(served),
        });
        self.0.insert(Kept(Arc::clone(&verdict)), Arc::clone(&verdict));
        *last = Some(verdict);
    }

    /// Lets go of what is too old. Blocking.
    pub(super) fn upkeep(&self) {
        self.0.run_pending_tasks();
    }
}

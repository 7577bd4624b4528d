//! What a connection was last allowed. Who reads a large object asks for range after range of it by one URL on one
//! connection: what was found out for the first of them holds for the next, as long as nothing it was found from has
//! changed.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use axum::http::{HeaderMap, HeaderName, header};
use sign::{Allowed, Verifier};

use super::head::Head;
use super::origin::Served;

/// A request that was allowed, and what lies there.
pub(super) struct Last {
    target: Box<str>,
    host: Box<[u8]>,
    cookies: Option<Box<[u8]>>,
    client: IpAddr,
    verifier: Arc<Verifier>,
    pub(super) allowed: Allowed,
    served: Weak<Served>,
}

impl Last {
    /// Keeps what `request` was allowed. Nothing is kept of what could be looked at in two ways, nor of what is asked for
    /// elsewhere each time. The object itself is not held: how many are open is the origin's business.
    pub(super) fn of(
        request: &Head<'_>,
        client: IpAddr,
        verifier: &Arc<Verifier>,
        allowed: Allowed,
        served: &Arc<Served>,
    ) -> Option<Self> {
        if !served.is_current() {
            return None;
        }
        Some(Self {
            target: request.target.into(),
            host: only(&request.headers, &header::HOST).ok()??.into(),
            cookies: only(&request.headers, &header::COOKIE).ok()?.map(Into::into),
            client,
            verifier: Arc::clone(verifier),
            allowed,
            served: Arc::downgrade(served),
        })
    }

    /// What another request is allowed for the same reasons: the same words from the same place, judged by the same
    /// keys, in time, for an object that is still there.
    pub(super) fn covers(
        &self,
        request: &Head<'_>,
        client: IpAddr,
        verifier: &Arc<Verifier>,
        now: u64,
    ) -> Option<Arc<Served>> {
        let same = (self.allowed.not_before..self.allowed.expires).contains(&now)
            && *self.target == *request.target
            && only(&request.headers, &header::HOST) == Ok(Some(&self.host))
            && only(&request.headers, &header::COOKIE) == Ok(self.cookies.as_deref())
            && self.client == client
            && Arc::ptr_eq(&self.verifier, verifier);
        if !same {
            return None;
        }
        self.served.upgrade().filter(|served| served.is_current())
    }
}

/// A field's value; an error where there are several.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| value.as_bytes())),
        _ => Err(()),
    }
}

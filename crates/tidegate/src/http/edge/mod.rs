//! The edge door: verifies as CloudFront does, then serves what lies in served roots. Needs no database and no
//! private key, and writes nothing.

mod headers;
mod meters;
mod origin;
mod refused;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use percent_encoding::percent_decode_str;
use sign::{Allowed, Refusal};
use uuid::Uuid;

use self::meters::{Metered, Meters};
pub use self::origin::Origin;
use self::refused::Refused;
use super::address::{self, ClientAddress};
use super::content::{self, Sent};
use super::cors::{CorsPolicy, is_preflight};
use super::guard::MAX_URL;
use super::serve::Answering;
use crate::config::{self, Config};
use crate::model::epoch_seconds;
use crate::model::key::Layout;
use crate::model::network::Network;
use crate::trust::Trust;

/// The door and all it needs to answer.
pub struct Edge {
    /// The scheme URLs are rebuilt with.
    scheme: &'static str,
    /// Host and port it answers to, in lower case.
    hosts: Vec<String>,
    trust: Arc<Trust>,
    origin: Origin,
    layout: Layout,
    resource_policy: &'static str,
    cors: CorsPolicy,
    proxies: Vec<Network>,
    meters: Meters,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("hosts", &self.hosts).field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl Edge {
    /// The edge that clients know as `address`. `own_page` is an origin that may always read, with credentials.
    pub fn new(
        config: &Config,
        address: &config::Origin,
        own_page: Option<String>,
        trust: Arc<Trust>,
        origin: Origin,
    ) -> Self {
        let mut hosts = vec![address.authority.to_ascii_lowercase()];
        hosts.extend(config.edge_hosts.iter().cloned());
        Self {
            scheme: address.scheme,
            hosts,
            trust,
            origin,
            layout: config.images.layout.clone(),
            resource_policy: config.resource_policy,
            cors: CorsPolicy::bytes(&config.cors, own_page, "GET, HEAD"),
            proxies: config.trusted_proxies.clone(),
            meters: Meters::new(),
        }
    }

    async fn answer(&self, peer: SocketAddr, parts: &Parts) -> Response<Metered> {
        let started = Instant::now();
        let id = Uuid::now_v7();
        let ClientAddress(client) = address::client(peer.ip(), &parts.headers, &self.proxies);
        let outcome = if has_body(&parts.headers) {
            Err(Refused::Body)
        } else if is_preflight(&parts.method, &parts.headers) {
            return self.meters.preflight(self.cors.preflight(&parts.headers));
        } else {
            self.serve(parts, client).await
        };
        let (mut response, verdict) = match outcome {
            Ok(response) => (response, "Allowed"),
            Err(refused) => {
                refused.log(&id, client);
                (refused.response(&parts.method), refused.verdict())
            }
        };
        let headers = response.headers_mut();
        self.cors.apply(parts.headers.get(header::ORIGIN), headers);
        headers.insert("x-request-id", request_id(&parts.headers, &id));
        let status = response.status().as_u16();
        tracing::debug!(door = "edge", %id, method = %parts.method, status, verdict, "answered");
        self.meters.count(response, verdict, started)
    }

    async fn serve(&self, request: &Parts, client: std::net::IpAddr) -> Result<Response<Sent>, Refused> {
        if ![Method::GET, Method::HEAD].contains(&request.method) {
            return Err(Refused::Method);
        }
        let length = request.uri.path_and_query().map_or(0, |path| path.as_str().len());
        if length > MAX_URL {
            return Err(Refused::TooLong);
        }
        let now = epoch_seconds(SystemTime::now());
        let allowed = self.verify(request, client, now).map_err(Refused::Signature)?;
        self.meters.signature(allowed.remembered);
        // A valid signature opens served roots and nothing else, whatever its policy says.
        let outside = Refused::Signature(Refusal::AccessDenied);
        let Some(key) = key_of(request.uri.path()) else { return Err(outside) };
        if self.layout.served_root(&key).is_none() {
            return Err(outside);
        }
        let served = self.origin.find(&key, &self.meters).await?;
        let mut base = content::guarded(self.resource_policy);
        served.headers.apply(allowed.expires.saturating_sub(now), &mut base);
        let read = served.reader(key);
        let response = content::respond(&request.method, &request.headers, &served.facts, base, read).await;
        response.map_err(Refused::from)
    }

    /// The verdict, from the raw request. Scheme and hosts are the configured ones.
    fn verify(&self, request: &Parts, client: std::net::IpAddr, now: u64) -> Result<Allowed, Refusal> {
        let mut given = request.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (given.next().and_then(|host| host.to_str().ok()), given.next()) else {
            return Err(Refusal::AccessDenied);
        };
        let is_ours = |host: &str| self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
        // A target in absolute form must not say something else than the header that is checked.
        let named = request.uri.authority().is_none_or(|named| named.as_str() == host);
        if !is_ours(host) || !named {
            return Err(Refusal::AccessDenied);
        }
        let cookies: Vec<&str> =
            request.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
        self.trust.verifier().verify(&sign::Request {
            scheme: self.scheme,
            host,
            path: request.uri.path(),
            query: request.uri.query(),
            cookies: &cookies,
            client_ip: client,
            now,
        })
    }
}

impl Answering for Arc<Edge> {
    type Body = Metered;

    async fn answer(self, peer: SocketAddr, request: Request<hyper::body::Incoming>) -> Response<Metered> {
        let (parts, _) = request.into_parts();
        Edge::answer(&self, peer, &parts).await
    }
}

/// Nothing that is asked of an edge has a body. One that says it has may mean to smuggle a request past a proxy that
/// measures it in another way.
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// The key a raw path names: percent-decoded once, and plain.
fn key_of(path: &str) -> Option<Cow<'_, str>> {
    let decoded = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let plain = !decoded.chars().any(|c| c.is_control() || c == '\\');
    plain.then_some(decoded)
}

/// The caller's id if it is a plain one, else ours.
fn request_id(headers: &HeaderMap, id: &Uuid) -> HeaderValue {
    if let Some(given) = headers.get("x-request-id")
        && given.to_str().is_ok_and(super::observe::is_plain_id)
    {
        return given.clone();
    }
    let mut buffer = Uuid::encode_buffer();
    let text = id.simple().encode_lower(&mut buffer);
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(text.as_bytes()))
        .unwrap_or_else(|_| HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_paths_never_become_served_keys(path in "(/|%2e|%2f|%5c|\\.|images|%00|%c0%ae|a){1,12}") {
            let layout = Layout::default();
            let served = key_of(&format!("/{path}")).is_some_and(|key| layout.served_root(&key).is_some());
            prop_assert!(!served, "{}", path);
        }
    }
}

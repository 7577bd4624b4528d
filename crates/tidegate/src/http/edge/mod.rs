//! The edge door: verifies signed URLs and cookies as CloudFront does, then serves objects below
//! the served roots. Needs no database and no private key, and writes nothing. The HTTP parser is
//! in `head.rs`, the store side in `origin.rs`.

mod connection;
mod headers;
mod meters;
pub mod ops;
mod origin;
mod refused;
mod response_writer;
mod verdicts;

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime};

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use sign::{Allowed, Denied, Refusal, Verifier};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::meters::{ALLOWED, Lookup, Meters, ResponseMeter};
pub use self::origin::Origin;
use self::origin::ServedObject;
use self::refused::Refused;
pub(super) use self::refused::refusals;
use self::verdicts::{Verdict, Verdicts};
use super::address::{self, ClientAddress};
use super::connections::OpenConnection;
use super::content::{self, AuthorizedBy, FieldLines, Fields as _, ResponseBody};
use super::cors::{CorsPolicy, has_parameter, is_preflight};
use super::guard::MAX_URL;
use super::head::Head;
use super::serve::ConnectionHandler;
use crate::config::{self, Config};
use crate::model::epoch_seconds;
use crate::model::key::Layout;
use crate::model::network::Network;
use crate::state::edge_keys::EdgeKeys;

/// The edge: keys, origin, policies and caches.
pub struct Edge {
    /// The scheme that signed URLs are rebuilt with.
    scheme: &'static str,
    /// The accepted `Host` values, in lower case.
    hosts: Vec<String>,
    edge_keys: Arc<EdgeKeys>,
    origin: Origin,
    layout: Layout,
    resource_policy: Option<&'static str>,
    cors: CorsPolicy,
    proxies: Vec<Network>,
    verdicts: Verdicts,
    meters: Meters,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("hosts", &self.hosts).field("edge_keys", &self.edge_keys).finish_non_exhaustive()
    }
}

impl Edge {
    /// Creates the edge that clients know as `address`. Pages of the origin `own_page` may always
    /// read, with credentials.
    pub fn new(
        config: &Config,
        address: &config::Origin,
        own_page: Option<String>,
        edge_keys: Arc<EdgeKeys>,
        origin: Origin,
    ) -> Self {
        let mut hosts = vec![address.authority.to_ascii_lowercase()];
        hosts.extend(config.edge_hosts.iter().cloned());
        Self {
            scheme: address.scheme,
            hosts,
            edge_keys,
            origin,
            layout: config.images.layout.clone(),
            resource_policy: config.resource_policy,
            cors: CorsPolicy::bytes(&config.cors, own_page, "GET, HEAD"),
            proxies: config.trusted_proxies.clone(),
            verdicts: Verdicts::new(),
            meters: Meters::new(),
        }
    }

    /// Responds to a request; writes the header fields to `lines`. `last` is the previous verdict
    /// on this connection.
    async fn respond(
        &self,
        peer: SocketAddr,
        request: &Head<'_>,
        last: &mut Option<Arc<Verdict>>,
        lines: &mut FieldLines,
    ) -> EdgeResponse {
        let started = Instant::now();
        let ClientAddress(client) = address::client(peer.ip(), &request.headers, &self.proxies);
        lines.clear();
        let outcome = if request.has_body() {
            Err(Refused::Body)
        } else if is_preflight(&request.method, &request.headers) {
            return self.preflight(request, started, lines);
        } else {
            self.serve(request, client, last, lines).await
        };
        let mut id = [0; ID_LENGTH];
        let id = request_id(&request.headers, &mut id);
        match outcome {
            Ok((status, body, by)) => {
                self.add_cors_fields(&request.headers, by == AuthorizedBy::Url, lines);
                lines.set(&REQUEST_ID, id.as_bytes());
                tracing::debug!(
                    door = "edge",
                    id,
                    method = %request.method,
                    path = request.path,
                    %client,
                    status = status.as_u16(),
                    duration_us = started.elapsed().as_micros(),
                    "answered"
                );
                EdgeResponse {
                    status,
                    body,
                    meter: self.meters.count(status, ALLOWED, started),
                    closes_connection: false,
                }
            }
            Err(refused) => self.refuse(&refused, Some(request), Some(client), started, lines),
        }
    }

    /// Responds to a request that is not served, or to bytes that are no request.
    fn refuse(
        &self,
        refused: &Refused,
        request: Option<&Head<'_>>,
        client: Option<IpAddr>,
        started: Instant,
        lines: &mut FieldLines,
    ) -> EdgeResponse {
        lines.clear();
        let nothing = HeaderMap::new();
        let headers = request.map_or(&nothing, |request| &request.headers);
        let (status, body) = refused.respond(request.map_or(&Method::GET, |request| &request.method), lines);
        self.add_cors_fields(headers, false, lines);
        let mut id = [0; ID_LENGTH];
        let id = request_id(headers, &mut id);
        lines.set(&REQUEST_ID, id.as_bytes());
        refused.log(id, client, request.map_or("", |request| request.path), status, started);
        let meter = self.meters.count(status, refused.verdict(), started);
        EdgeResponse { status, body, meter, closes_connection: refused.closes_connection() }
    }

    /// Responds to a preflight, which carries no signature.
    fn preflight(&self, request: &Head<'_>, started: Instant, lines: &mut FieldLines) -> EdgeResponse {
        let response = if has_parameter(request.query, "Signature") {
            self.cors.preflight_of_signed_url(&request.headers)
        } else {
            self.cors.preflight(&request.headers)
        };
        let (parts, _) = response.into_parts();
        lines.extend(&parts.headers);
        let mut id = [0; ID_LENGTH];
        lines.set(&REQUEST_ID, request_id(&request.headers, &mut id).as_bytes());
        let meter = self.meters.count(parts.status, "Preflight", started);
        EdgeResponse { status: parts.status, body: ResponseBody::Nothing, meter, closes_connection: false }
    }

    /// Adds the CORS fields of a response. `by_url` says whether the URL's own signature authorized
    /// the request.
    fn add_cors_fields(&self, headers: &HeaderMap, by_url: bool, lines: &mut FieldLines) {
        match headers.get(header::ORIGIN) {
            None if self.cors.varies() => lines.set(&header::VARY, b"Origin"),
            None => {}
            origin => {
                let mut fields = HeaderMap::new();
                if by_url {
                    self.cors.apply_to_signed_url(origin, &mut fields);
                } else {
                    self.cors.apply(origin, &mut fields);
                }
                lines.extend(&fields);
            }
        }
    }

    /// Verifies a request and opens the object it names.
    async fn serve(
        &self,
        request: &Head<'_>,
        client: IpAddr,
        last: &mut Option<Arc<Verdict>>,
        lines: &mut FieldLines,
    ) -> Result<(StatusCode, ResponseBody, AuthorizedBy), Refused> {
        if ![Method::GET, Method::HEAD].contains(&request.method) {
            return Err(Refused::Method);
        }
        let now = epoch_seconds(SystemTime::now());
        let (served, allowed) = self.authorize(request, client, now, last).await?;
        let by = if allowed.by_url { AuthorizedBy::Url } else { AuthorizedBy::SignedCookies };
        let rendering = served.representation.rendering();
        content::set_security_fields(rendering, by.resource_policy(self.resource_policy), lines);
        let read = served.reader();
        let (status, body) =
            content::respond(&request.method, &request.headers, &served.representation, lines, read).await?;
        served.headers.apply(status, allowed.expires.saturating_sub(now), lines);
        Ok((status, body, by))
    }

    /// Returns the object that a request may read, and its authorization.
    async fn authorize(
        &self,
        request: &Head<'_>,
        client: IpAddr,
        now: u64,
        last: &mut Option<Arc<Verdict>>,
    ) -> Result<(Arc<ServedObject>, Allowed), Refused> {
        // The verifier is only borrowed here, since nothing is awaited.
        let found = self.verdicts.find(request, client, &self.edge_keys.verifier(), now, last);
        if let Some(found) = found {
            self.meters.signature(true);
            self.meters.blob(Lookup::Hit);
            return Ok(found);
        }
        // CloudFront limits the length of path and query.
        if request.path.len() + request.query.map_or(0, |query| query.len() + 1) > MAX_URL {
            return Err(Refused::TooLong);
        }
        let verifier = Arc::clone(&self.edge_keys.verifier());
        let allowed = self.verify(&verifier, request, client, now).map_err(Refused::Signature)?;
        self.meters.signature(allowed.cached);
        // A valid signature opens only served roots, whatever its policy covers.
        let outside = Refused::Signature(Refusal::AccessDenied(Denied::UnservedPath));
        let Some(key) = key_of(request.path) else { return Err(outside) };
        if self.layout.served_root(&key).is_none() {
            return Err(outside);
        }
        let served = self.origin.find(&key, &self.meters).await?;
        self.verdicts.insert(request, client, &verifier, allowed, &served, last);
        Ok((served, allowed))
    }

    /// Returns whether the objects are on this machine.
    pub fn is_local(&self) -> bool {
        self.origin.is_local()
    }

    /// Closes blobs that were open too long. Must be called periodically, since an idle edge does
    /// not do so by itself. Blocks on file operations.
    pub fn upkeep(&self) {
        self.verdicts.upkeep();
        self.origin.upkeep();
    }

    /// Verifies the signature of a raw request. Scheme and hosts are the configured ones.
    fn verify(&self, verifier: &Verifier, request: &Head<'_>, client: IpAddr, now: u64) -> Result<Allowed, Refusal> {
        let mut given = request.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (given.next().and_then(|host| host.to_str().ok()), given.next()) else {
            return Err(Refusal::AccessDenied(Denied::UnknownHost));
        };
        let is_ours = |host: &str| self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
        if !is_ours(host) {
            return Err(Refusal::AccessDenied(Denied::UnknownHost));
        }
        // Split before it is decoded: another site's cookie that is not UTF-8 must not hide ours.
        let lines = request.headers.get_all(header::COOKIE).iter();
        let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let cookies: Vec<&str> = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
        verifier.verify(&sign::Request {
            scheme: self.scheme,
            host,
            path: request.path,
            query: request.query,
            cookies: &cookies,
            client_ip: client,
            now,
        })
    }
}

impl ConnectionHandler for Arc<Edge> {
    async fn serve_connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        connection: Arc<OpenConnection>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        Ok(connection::serve_connection(&self, stream, peer, &connection, &stop).await?)
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Returns the key in a raw path: percent-decoded once, without control characters and backslashes.
fn key_of(path: &str) -> Option<Cow<'_, str>> {
    let path = path.strip_prefix('/')?;
    if path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%' && byte != b'\\') {
        return Some(Cow::Borrowed(path));
    }
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let plain = !decoded.chars().any(|c| c.is_control() || c == '\\');
    plain.then_some(decoded)
}

/// A response whose header fields are written.
struct EdgeResponse {
    status: StatusCode,
    body: ResponseBody,
    meter: ResponseMeter,
    /// Whether the connection closes after it, whatever the client asked for.
    closes_connection: bool,
}

/// The hexadecimal digits of a generated request id.
const ID_LENGTH: usize = 32;

/// Returns the client's request id if it is safe to log, otherwise a new one: random per process,
/// then counted.
fn request_id<'a>(headers: &'a HeaderMap, buffer: &'a mut [u8; ID_LENGTH]) -> &'a str {
    static OURS: LazyLock<(u64, AtomicU64)> = LazyLock::new(|| (Uuid::new_v4().as_u64_pair().0, AtomicU64::new(0)));
    let given = headers.get(REQUEST_ID).and_then(|given| given.to_str().ok());
    if let Some(given) = given.filter(|given| super::observe::is_plain_id(given)) {
        return given;
    }
    let (process, count) = &*OURS;
    let id = Uuid::from_u64_pair(*process, count.fetch_add(1, Ordering::Relaxed));
    id.simple().encode_lower(buffer)
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

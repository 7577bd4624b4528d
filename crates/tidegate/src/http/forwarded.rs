//! Whether a proxy forwarded a request. Where sign-in or metrics are for this machine only, what a
//! proxy forwards is for nobody: the proxy is on this machine, and its clients are not.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, Version};

use super::connections::OpenConnection;
use super::peer_account;
use super::serve::{LocalAddress, Peer};

/// Headers that proxies, load balancers and CDNs add. A client can send them too, which takes from
/// it only what it would have had by itself.
const ADDED_BY_PROXIES: [&str; 31] = [
    "forwarded",
    "via",
    "cdn-loop",
    "x-forwarded",
    "x-forwarded-by",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-ray",
    "fastly-client-ip",
    "fly-client-ip",
    "x-amz-cf-id",
    "x-azure-clientip",
    "x-envoy-external-address",
];

/// Returns whether a proxy forwarded the request: it shows that, or a service account opened the
/// connection. To find out the account takes milliseconds where there are many connections.
pub(crate) fn was_forwarded(request: &Request) -> bool {
    shows_a_proxy(request) || comes_from_a_service(request)
}

/// Returns whether a request shows that a proxy forwarded it: by a header, or as HTTP/1.0, which
/// nginx spoke to servers behind it before 1.29.7 and hardly any client does.
pub(crate) fn shows_a_proxy(request: &Request) -> bool {
    request.version() == Version::HTTP_10 || names_a_proxy(request.headers())
}

/// Returns whether a service account on this machine opened the connection of a request.
fn comes_from_a_service(request: &Request) -> bool {
    let extensions = request.extensions();
    let (Some(Peer(peer)), Some(LocalAddress(own)), Some(connection)) =
        (extensions.get::<Peer>(), extensions.get::<LocalAddress>(), extensions.get::<Arc<OpenConnection>>())
    else {
        return false;
    };
    peer.ip().to_canonical().is_loopback() && connection.is_of_a_service(|| peer_account::is_service(*peer, *own))
}

/// Returns whether a request has a header that proxies add.
pub(crate) fn names_a_proxy(headers: &HeaderMap) -> bool {
    ADDED_BY_PROXIES.iter().any(|name| headers.contains_key(*name))
}

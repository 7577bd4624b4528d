//! Whether a proxy forwarded a request. Where sign-in or metrics are for this machine only, what a
//! proxy forwards is for nobody: the proxy is on this machine, and its clients are not.

use axum::http::{HeaderMap, Version};

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

/// Returns whether a proxy forwarded the request, as far as the request shows it. HTTP/1.0 is what
/// nginx speaks to servers behind it unless told otherwise, and hardly any client does.
pub(crate) fn was_forwarded(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_10 || names_a_proxy(headers)
}

/// Returns whether a request has a header that proxies add.
pub(crate) fn names_a_proxy(headers: &HeaderMap) -> bool {
    ADDED_BY_PROXIES.iter().any(|name| headers.contains_key(*name))
}

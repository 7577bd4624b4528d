//! Cross-origin resource sharing (Fetch Standard, "CORS protocol"): which origins may read
//! responses, and the headers that tell a browser so.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use crate::config::Cors;

/// The origins whose pages may read the responses of a door or route.
#[derive(Debug, Clone)]
pub(crate) struct CorsPolicy {
    /// Whether every origin may read, without credentials.
    any: bool,
    /// Origins that may read with credentials.
    named: Vec<String>,
    /// The value of `Access-Control-Allow-Methods`.
    methods: &'static str,
}

/// The response headers that scripts may read. By `date` a page learns how far its clock is off,
/// and by `retry-after` when to come again.
const EXPOSED: &str = "accept-ranges, content-range, content-length, content-encoding, date, etag, last-modified, \
                       retry-after, x-request-id";

impl CorsPolicy {
    /// Returns the policy of JSON routes: named origins only.
    pub(crate) fn json(config: &Cors) -> Self {
        let named = match config {
            Cors::Any => Vec::new(),
            Cors::Named(origins) => origins.clone(),
        };
        Self { any: false, named, methods: "GET, HEAD, POST, PUT, DELETE" }
    }

    /// Returns the policy of byte routes: every origin where configured, and always the origin
    /// `also`.
    pub(crate) fn bytes(config: &Cors, also: Option<String>, methods: &'static str) -> Self {
        let mut policy = Self { any: *config == Cors::Any, methods, ..Self::json(config) };
        policy.named.extend(also);
        policy
    }

    /// Returns whether pages of this origin may send credentials.
    pub(crate) fn allows_credentials(&self, origin: &str) -> bool {
        self.named.iter().any(|named| named == origin)
    }

    /// Returns whether responses differ by `Origin`, so that `Vary` must name it.
    pub(crate) fn varies(&self) -> bool {
        self.any || !self.named.is_empty()
    }

    /// Adds the CORS headers to a response; errors get them too. `origin` is that of the request.
    pub(crate) fn apply(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        self.apply_or_any(origin, self.any, response);
    }

    /// Adds the CORS headers to a response of a URL that carries a signature.
    ///
    /// Pages of an opaque origin may read it too, without credentials. A browser that follows a
    /// redirect of another origin than the page's to a third one sends `Origin: null` (Fetch
    /// Standard, "HTTP-redirect fetch"), and links of the API redirect to such URLs. Whoever knows
    /// the URL may read, and the response does not depend on cookies.
    pub(crate) fn apply_to_signed_url(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        let is_opaque = origin.is_some_and(|origin| origin.as_bytes() == b"null");
        self.apply_or_any(origin, self.any || is_opaque, response);
    }

    /// Adds the CORS headers; `any` allows every origin without credentials.
    fn apply_or_any(&self, origin: Option<&HeaderValue>, any: bool, response: &mut HeaderMap) {
        match origin.filter(|origin| origin.to_str().is_ok_and(|origin| self.allows_credentials(origin))) {
            Some(origin) => {
                response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            // A request without `Origin` does not need the header.
            None if any && origin.is_some() => {
                response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            None => {}
        }
        if self.varies() {
            response.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if response.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    /// Responds to a preflight request. An origin that is not allowed gets no
    /// `Access-Control-Allow-*` header.
    pub(crate) fn preflight(&self, request: &HeaderMap) -> Response<Body> {
        self.respond_to_preflight(request, Self::apply)
    }

    /// Responds to a preflight request of a URL that carries a signature, which is verified only
    /// with the request that follows.
    pub(crate) fn preflight_of_signed_url(&self, request: &HeaderMap) -> Response<Body> {
        self.respond_to_preflight(request, Self::apply_to_signed_url)
    }

    fn respond_to_preflight(
        &self,
        request: &HeaderMap,
        apply: impl Fn(&Self, Option<&HeaderValue>, &mut HeaderMap),
    ) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        apply(self, request.get(header::ORIGIN), headers);
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        headers.append(
            header::VARY,
            HeaderValue::from_static("Access-Control-Request-Method, Access-Control-Request-Headers"),
        );
        if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(self.methods));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            if let Some(names) = requested_headers(request) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
            }
        }
        response
    }
}

/// Returns whether a raw query has a parameter of this name, such as that of a signature.
pub(crate) fn has_parameter(query: Option<&str>, name: &str) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some(name)))
}

/// Returns whether a request is a CORS preflight.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Returns the requested header names that are valid field names, at most 64.
fn requested_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let requested = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS)?.to_str().ok()?;
    let names: Vec<&str> =
        requested.split(',').map(str::trim).filter(|name| name.parse::<HeaderName>().is_ok()).take(64).collect();
    if names.is_empty() { None } else { HeaderValue::from_str(&names.join(", ")).ok() }
}

//! Adds the security headers that a response lacks: the outermost layer of the API, S3 and
//! operations doors. Handlers that know their content have set theirs; the edge sets its own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::content::ACTIVE_CONTENT_POLICY;
use crate::config::Origin;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// The folder of Swagger UI, whose files come from a crate and set no header.
const SWAGGER: &str = "/docs";

/// What is added where a response has nothing of its own.
#[derive(Debug)]
pub(super) struct SecurityHeaders {
    /// The `Content-Security-Policy` of Swagger UI.
    swagger_policy: HeaderValue,
    /// The `Cache-Control` of successful reads.
    reads: &'static str,
}

impl SecurityHeaders {
    /// Returns the headers of doors that answer with JSON and pages. Swagger UI sets inline styles,
    /// and calls follow redirects to the doors in `others`.
    pub(super) fn of_pages<'a>(others: impl IntoIterator<Item = &'a Origin>) -> Arc<Self> {
        let others: String = others.into_iter().map(|door| format!(" {door}")).collect();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self'{others}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let strict = HeaderValue::from_static(ACTIVE_CONTENT_POLICY);
        Arc::new(Self { swagger_policy: HeaderValue::from_str(&policy).unwrap_or(strict), reads: "no-store" })
    }

    /// Returns the headers of the S3 door. What a signed URL reads may be kept by the browser that
    /// read it, and by no other cache.
    pub(super) fn of_objects() -> Arc<Self> {
        let swagger_policy = HeaderValue::from_static(ACTIVE_CONTENT_POLICY);
        Arc::new(Self { swagger_policy, reads: "private, no-cache" })
    }

    fn complete(&self, is_swagger: bool, status: StatusCode, headers: &mut HeaderMap) {
        let mut add = |name: HeaderName, value: HeaderValue| {
            headers.entry(name).or_insert(value);
        };
        add(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        add(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        // A 304 changes the fields of the response that a browser keeps. The files of Swagger UI
        // are the same for everybody.
        if status != StatusCode::NOT_MODIFIED && !is_swagger {
            let value = if status.is_success() { self.reads } else { "no-store" };
            add(header::CACHE_CONTROL, HeaderValue::from_static(value));
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.starts_with("application/json");
        if kind.contains("html") || kind.contains("xml") {
            let policy =
                if is_swagger { self.swagger_policy.clone() } else { HeaderValue::from_static(ACTIVE_CONTENT_POLICY) };
            headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
        }
        // Stored bytes have said who may embed them. JSON of our own is for `fetch` with CORS.
        if is_json {
            headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
        }
    }
}

/// Adds what a response lacks.
pub(super) async fn add(State(add): State<Arc<SecurityHeaders>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_swagger = path.strip_prefix(SWAGGER).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut response = next.run(request).await;
    let status = response.status();
    add.complete(is_swagger, status, response.headers_mut());
    response
}

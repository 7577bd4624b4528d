//! The documentation of this version, at `/manual/`: the files of `site`, the same for everybody, as
//! `/docs` and `/redoc` are. Only names that the site has lead to anything.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::content::etag_matches;
use crate::app::App;
use crate::site;

/// Where the site begins.
pub(super) const ROOT: &str = "/manual/";

/// The `Content-Security-Policy` of pages: the site's own style, scripts and pictures.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);
/// The policy of pictures that are opened by themselves. They hold their own style.
const PICTURE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

pub(super) fn routes() -> Router<Arc<App>> {
    let start = || async { Redirect::permanent(ROOT) };
    Router::new().route("/manual", get(start)).route(ROOT, get(file)).route("/manual/{*path}", get(file))
}

/// Responds with a file of the site. The path is looked up as it was sent, and decoded nowhere.
async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = match uri.path().strip_prefix(ROOT).unwrap_or_default() {
        "" => "index.html",
        path => path,
    };
    let Some(file) = site::served().get(path) else { return missing() };
    let etag = HeaderValue::from_str(&file.etag).unwrap_or(HeaderValue::from_static("\"\""));
    let policy = if file.kind.starts_with("image/") { PICTURE_POLICY } else { POLICY };
    let fields = [
        (header::ETAG, etag),
        // Another version of the server has other pages at the same addresses.
        (header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CONTENT_TYPE, HeaderValue::from_static(file.kind)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    if etag_matches(&headers, &file.etag) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    (fields, file.body.as_ref()).into_response()
}

fn missing() -> Response {
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::NOT_FOUND, fields, site::missing(ROOT)).into_response()
}

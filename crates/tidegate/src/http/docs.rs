//! The API reference as a page (`/redoc`); Swagger UI is at `/docs`. Loads nothing from other
//! hosts.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::app::App;

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidegate API</title>
<link rel="icon" href="data:,">
<style>body { margin: 0 } a[href*="redocly.com/redoc"] { display: none !important }</style>
</head>
<body>
<redoc spec-url="/openapi.json"></redoc>
<script src="/redoc/redoc.standalone.js"></script>
</body>
</html>
"#;

/// The script, gzip-compressed, which every browser accepts; see `assets/redoc/ORIGIN.md`.
const SCRIPT: &[u8] = include_bytes!("../../assets/redoc/redoc.standalone.js.gz");

/// The `Content-Security-Policy` of the page. The script sets inline styles and creates its search
/// worker from a blob.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self'; connect-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/redoc", get(page)).route("/redoc/redoc.standalone.js", get(script))
}

async fn page() -> impl IntoResponse {
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (fields, PAGE)
}

async fn script() -> impl IntoResponse {
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
        (header::CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (fields, SCRIPT)
}

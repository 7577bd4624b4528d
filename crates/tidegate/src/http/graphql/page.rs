//! The GraphiQL page (`/graphiql`). Loads nothing from other hosts; see
//! `assets/graphiql/ORIGIN.md`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::app::App;
use crate::config::AuthMode;

const SCRIPT: &[u8] = include_bytes!("../../../assets/graphiql/graphiql.js.gz");
const STYLE: &[u8] = include_bytes!("../../../assets/graphiql/graphiql.css.gz");
const PAGE_SCRIPT: &str = include_str!("../../../assets/graphiql/page.js");

/// The `Content-Security-Policy` of the page. The editor sets inline styles and creates its worker
/// from a blob.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/graphiql", get(page))
        .route("/graphiql/page.js", get(|| async { plain("text/javascript; charset=utf-8", PAGE_SCRIPT) }))
        .route("/graphiql/graphiql.js", get(|| async { packed("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/graphiql/graphiql.css", get(|| async { packed("text/css; charset=utf-8", STYLE) }))
}

async fn page(State(app): State<Arc<App>>) -> impl IntoResponse {
    let headers = match app.config.auth.mode {
        AuthMode::Dev => "{&quot;x-user-id&quot;: &quot;ann&quot;, &quot;x-org-id&quot;: &quot;garage&quot;}",
        AuthMode::Jwt | AuthMode::Authorizer => "{&quot;authorization&quot;: &quot;Bearer &quot;}",
        AuthMode::None => "{}",
    };
    let page = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidegate GraphQL</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/graphiql/graphiql.css">
<style>html, body, #graphiql {{ height: 100%; margin: 0 }}</style>
</head>
<body>
<div id="graphiql" data-headers="{headers}"></div>
<script src="/graphiql/graphiql.js"></script>
<script src="/graphiql/page.js"></script>
</body>
</html>
"#
    );
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (fields, page)
}

fn fields(content_type: &'static str) -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}

fn plain(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    (fields(content_type), text)
}

/// Responds with a gzip-compressed asset, which every browser accepts.
fn packed(content_type: &'static str, bytes: &'static [u8]) -> impl IntoResponse {
    (fields(content_type), [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))], bytes)
}

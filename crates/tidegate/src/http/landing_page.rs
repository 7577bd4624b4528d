//! The page at `/start`: links, a first request, addresses and health. Plain HTML rendered for each request; it
//! loads nothing and shows no secrets.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::first_request::first_request;
use crate::app::App;
use crate::config::{AuthMode, StoreSetting};
use crate::model::owner::OwnerKind;
use crate::model::rules;
use crate::site::escaped;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#14202b;--soft:#55646f;--line:#dbe3ea;--ground:#f6f8fa;--card:#fff;--code:#eef3f7;--link:#0b62b8;--good:#17734a;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa9b6;--line:#2c3843;--ground:#0f151b;--card:#172029;--code:#0f161d;--link:#7cb8f5;--good:#5fd39b;--bad:#ff8a80}}\
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:46rem;margin:0 auto;padding:3rem 1.25rem 4rem}h1{font-size:1.75rem;line-height:1.2;margin:0}\
h1 small{font-size:.9rem;font-weight:400;color:var(--soft);margin-left:.5rem}.lead{color:var(--soft);margin:.25rem 0 1.5rem}\
nav{display:flex;flex-wrap:wrap;gap:.5rem;margin:0 0 1.5rem}nav a{border:1px solid var(--line);border-radius:8px;background:var(--card);padding:.4rem .65rem;font-size:.95rem;text-decoration:none}\
nav a:hover,nav a:focus-visible{border-color:var(--link)}nav a:first-child{background:var(--link);border-color:var(--link);color:var(--card)}\
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.25rem;margin:0 0 1rem}\
h2{font-size:1rem;line-height:1.3;margin:0 0 .6rem}section p{color:var(--soft);margin:0 0 .6rem}\
dl{display:grid;grid-template-columns:9rem 1fr;gap:.35rem 1rem;margin:0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\
code{font:.875rem/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}a{color:var(--link)}.note{color:var(--soft);margin-left:.5rem}.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}\
pre{margin:0;padding:.75rem 1rem;border-radius:8px;background:var(--code);overflow-x:auto}\
@media(max-width:30rem){main{padding-top:1.75rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.55rem}}";

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Where the page is.
pub(super) const PATH: &str = "/start";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route(PATH, get(page))
}

fn row(name: &str, value: &str) -> String {
    format!("<dt>{}</dt><dd>{value}</dd>", escaped(name))
}

fn address(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// What an address is for.
fn note(text: &str) -> String {
    format!("<span class=\"note\">{}</span>", escaped(text))
}

fn health(name: &str, is_well: bool) -> String {
    let (class, word) = if is_well { ("good", "✓ answers") } else { ("bad", "✗ does not answer") };
    row(name, &format!("<span class=\"{class}\">{word}</span>"))
}

async fn page(State(app): State<Arc<App>>) -> Response {
    let (database, store) = app.probe().await;
    let sign_in = app.sign_in.is_external().then(|| app.sign_in.unavailable_reason().is_none());
    let is_well = database.is_none() && store.is_none() && sign_in.unwrap_or(true);
    let state = state(database.is_none(), store.is_none(), sign_in);
    let body = [links(&app), request(&app), addresses(&app), state, surfaces(&app)].concat();
    let version = env!("CARGO_PKG_VERSION");
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Tidegate</title><link rel=\"icon\" href=\"data:,\">\
         <style>{STYLE}</style></head><body><main><h1>Tidegate<small>{version}</small></h1>\
         <p class=\"lead\">The gate in front of a private bucket.</p>{body}</main></body></html>\n"
    );
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, fields, html).into_response()
}

/// A request to try first.
fn request(app: &App) -> String {
    let command = escaped(&first_request(app));
    format!("<section><h2>A first request</h2><p>Paste it into a shell.</p><pre><code>{command}</code></pre></section>")
}

/// Where the server is reached, and where its data lies. In production, strangers see the page, and
/// the folder is nothing for them.
fn addresses(app: &App) -> String {
    let edge = match &app.addresses.edge {
        Some(edge) => address(&edge.to_string()) + &note("reads with a signature"),
        None => "off".to_owned(),
    };
    let s3 = address(&app.addresses.s3.to_string());
    let s3 = match &app.config.store {
        StoreSetting::Local(_) => s3 + &note("presigned uploads"),
        StoreSetting::S3(_) => s3 + &note("presigned uploads, to the bucket itself"),
    };
    let api = app.addresses.api.to_string();
    let api = format!("<a href=\"{}/\">{}</a>{}", escaped(&api), address(&api), note("this page, and the API"));
    let mut rows = row("API", &api) + &row("Edge", &edge) + &row("S3", &s3);
    if !app.config.in_production() {
        let data = std::path::absolute(&app.config.data).unwrap_or_else(|_| app.config.data.clone());
        rows += &row("Data folder", &address(&data.display().to_string()));
    }
    format!("<section><h2>Addresses</h2><dl>{rows}</dl></section>")
}

fn state(database: bool, store: bool, sign_in: Option<bool>) -> String {
    let sign_in = sign_in.map(|well| health("Token issuer", well)).unwrap_or_default();
    let rows = health("Database", database) + &health("Store", store) + &sign_in;
    format!("<section><h2>Health</h2><dl>{rows}</dl></section>")
}

fn surfaces(app: &App) -> String {
    let on: Vec<&str> = app.config.surfaces.iter().map(|kind| rules::of(*kind).title).collect();
    let sign_in = match app.config.auth.mode {
        AuthMode::Dev => "by the X-User-Id header, for development",
        AuthMode::None => "off: everybody is one user",
        AuthMode::Jwt => "by token",
        AuthMode::Authorizer => "by the authorizer of API Gateway",
    };
    let mut rows = row("Surfaces", &on.join(", ")) + &row("Sign-in", sign_in);
    if app.config.is_on(OwnerKind::Files) {
        let public = if app.config.files.public {
            "public: whoever knows the path of a file that is not private reads it (FILES_PUBLIC)"
        } else {
            "read by their owner and by links only"
        };
        rows += &row("Users’ files", public);
    }
    format!("<section><h2>What is on</h2><dl>{rows}</dl></section>")
}

fn links(app: &App) -> String {
    let mut all = vec![
        (super::manual::ROOT, "Documentation"),
        ("/docs/", "Try the API"),
        ("/redoc", "API reference"),
        ("/openapi.json", "OpenAPI"),
        ("/readyz", "Readiness"),
    ];
    if app.config.is_on(OwnerKind::Session) && app.config.graphql.graphiql {
        all.insert(3, ("/graphiql", "GraphiQL"));
    }
    let items: String = all.iter().map(|(to, name)| format!("<a href=\"{to}\">{name}</a>")).collect();
    format!("<nav aria-label=\"Documentation\">{items}</nav>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text_stays_text() {
        assert_eq!(address("<b>&\"'"), "<code>&lt;b&gt;&amp;&quot;&#39;</code>");
    }
}

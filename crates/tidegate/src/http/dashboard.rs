//! The dashboard at `/`: one page for all its addresses, and the hashed files that it loads. The page
//! holds no data and has no rights: it calls the public API as whoever signs in there. `DASHBOARD=false`
//! leaves it out; then `/` leads to the start page.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;

use super::content::etag_matches;
use super::{error, landing_page};
use crate::app::App;
use crate::config::{OidcSetting, Origin};
use crate::dashboard::{Build, File, Manifest, carried};
use crate::error::Code;

/// A build, and the header fields of its page and of its files.
struct Dashboard {
    build: Build,
    page_headers: HeaderMap,
    file_headers: HeaderMap,
}

/// Returns the routes of the dashboard, or that of `/` alone if it is off.
pub(super) fn routes(app: &App) -> Router<Arc<App>> {
    let dashboard = if app.config.dashboard {
        carried().and_then(|build| Dashboard::new(app, build))
    } else {
        Err("DASHBOARD=false".to_owned())
    };
    match dashboard {
        Ok(dashboard) => dashboard.routes(),
        Err(reason) => {
            tracing::info!(reason, "the dashboard is not served");
            Router::new().route("/", get(|| async { Redirect::temporary(landing_page::PATH) }))
        }
    }
}

impl Dashboard {
    /// Returns a dashboard that can be served. Without one of its header fields it would be less protected.
    ///
    /// # Errors
    ///
    /// A text that names the header field that is not valid, which is logged.
    fn new(app: &App, build: Build) -> Result<Self, String> {
        let Manifest { page_headers, file_headers, .. } = &build.manifest;
        let log = |error: &String| tracing::error!(error, "the dashboard has a header field that is not valid");
        let page_headers = fields(page_headers.iter().map(|(name, value)| (name, fill_origins(value, app))));
        let file_headers = fields(file_headers.iter().map(|(name, value)| (name, value.clone())));
        let (page_headers, file_headers) = (page_headers.inspect_err(log)?, file_headers.inspect_err(log)?);
        Ok(Self { build, page_headers, file_headers })
    }

    fn routes(self) -> Router<Arc<App>> {
        let pages: Vec<String> = self.build.manifest.pages.iter().map(|page| route_of(page)).collect();
        let dashboard = Arc::new(self);
        let mut router = Router::new();
        for address in pages {
            let dashboard = Arc::clone(&dashboard);
            router = router.route(&address, get(move |asked: HeaderMap| async move { dashboard.page(&asked) }));
        }
        let file = move |Path(name): Path<String>, asked: HeaderMap| async move { dashboard.file(&name, &asked) };
        router.route("/assets/{*name}", get(file))
    }

    fn page(&self, asked: &HeaderMap) -> Response {
        respond(&self.build.page, &self.page_headers, asked)
    }

    /// Responds with a file below `/assets/`. The name is looked up among the carried files, and opens
    /// nothing else.
    fn file(&self, name: &str, asked: &HeaderMap) -> Response {
        match self.build.files.get(&format!("/assets/{name}")) {
            Some(file) => respond(file, &self.file_headers, asked),
            None => error::body(Code::NotFound, "the dashboard of this version has no such file"),
        }
    }
}

/// Returns the route of an address of the manifest, whose `*` stand for one segment each.
fn route_of(page: &str) -> String {
    let named = |(place, segment)| if segment == "*" { format!("{{segment{place}}}") } else { str::to_owned(segment) };
    page.split('/').enumerate().map(named).collect::<Vec<_>>().join("/")
}

/// Puts the origins that the page reaches into a `Content-Security-Policy`: the other doors, and the
/// provider of sign-in, which may have several. One that is not configured leaves nothing in its place.
fn fill_origins(policy: &str, app: &App) -> String {
    let provider =
        |oidc: &OidcSetting| -> Vec<Origin> { oidc.origin().into_iter().chain(oidc.origins.iter().cloned()).collect() };
    let origins: [(&str, Vec<Origin>); 3] = [
        ("{edge}", app.addresses.edge.clone().into_iter().collect()),
        ("{store}", vec![app.config.store.origin(&app.addresses.s3)]),
        ("{issuer}", app.config.auth.oidc.as_ref().map(provider).unwrap_or_default()),
    ];
    origins.into_iter().fold(policy.to_owned(), |policy, (name, origins)| {
        let filled: String = origins.iter().map(|origin| format!(" {origin}")).collect();
        policy.replace(&format!(" {name}"), &filled)
    })
}

fn fields<'a>(all: impl Iterator<Item = (&'a String, String)>) -> Result<HeaderMap, String> {
    let field = |(name, value): (&String, String)| {
        let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(&value).ok());
        parsed.ok_or_else(|| format!("{name:?}: {value:?} is not a valid header field"))
    };
    all.map(field).collect()
}

/// Responds with a file in the best coding that the client accepts. Each coding has an `ETag` of its own
/// (RFC 9110, section 8.8.3.3).
fn respond(file: &File, fields: &HeaderMap, asked: &HeaderMap) -> Response {
    let coding = accepted_coding(asked);
    let etag = format!("\"{}{}\"", &file.entry.sha256[..32], coding.map(|name| format!("-{name}")).unwrap_or_default());
    let mut headers = fields.clone();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(value) = HeaderValue::try_from(&etag) {
        headers.insert(header::ETAG, value);
    }
    if etag_matches(asked, &etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if let Ok(kind) = HeaderValue::try_from(&file.entry.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    let body = match coding {
        Some("br") => Bytes::from_static(file.brotli),
        Some(_) => Bytes::from_static(file.gzip),
        None => file.plain(),
    };
    if let Some(name) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    (headers, body).into_response()
}

/// Returns the coding to send: what the client weights most of brotli and gzip, brotli if both are
/// equal, and `None` if it accepts neither (RFC 9110, section 12.5.3).
fn accepted_coding(asked: &HeaderMap) -> Option<&'static str> {
    let lists = asked.get_all(header::ACCEPT_ENCODING);
    let offers: Vec<(String, f32)> =
        lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',').map(weighted)).collect();
    let weight_of = |coding: &str| {
        let named = offers.iter().find(|(name, _)| name == coding);
        named.or_else(|| offers.iter().find(|(name, _)| name == "*")).map_or(0.0, |(_, weight)| *weight)
    };
    let (brotli, gzip) = (weight_of("br"), weight_of("gzip"));
    match (brotli > 0.0, gzip > 0.0) {
        (true, _) if brotli >= gzip => Some("br"),
        (_, true) => Some("gzip"),
        _ => None,
    }
}

/// Splits an element of `Accept-Encoding` into its coding and its weight. A weight that can't be read
/// is 0: the coding is not sent.
fn weighted(element: &str) -> (String, f32) {
    let mut parts = element.split(';').map(str::trim);
    let coding = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (coding, weight.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_header_field_is_an_error() {
        let parsed = |name: &str, value: &str| {
            let (good, name) = ("referrer-policy".to_owned(), name.to_owned());
            fields([(&good, "no-referrer".to_owned()), (&name, value.to_owned())].into_iter())
        };
        let policy = parsed("Content-Security-Policy", "default-src 'self'").unwrap();
        assert_eq!(policy.len(), 2);
        assert_eq!(policy[header::CONTENT_SECURITY_POLICY], "default-src 'self'");
        for (name, value) in [("content security", "x"), ("x", "a\nb"), ("", "x")] {
            assert!(parsed(name, value).unwrap_err().contains("is not a valid header field"), "{name:?} {value:?}");
        }
    }

    #[test]
    fn the_best_accepted_coding_is_sent() {
        for (accepted, expected) in [
            ("", None),
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("br;q=0.5, gzip", Some("gzip")),
            ("br;q=0, gzip;q=0", None),
            ("br;q=0, *", Some("gzip")),
            ("*", Some("br")),
            ("identity", None),
            ("br;q=x", None),
            ("br;q=NaN", None),
            ("deflate;q=1, br ; q=0.1", Some("br")),
        ] {
            let asked = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assert_eq!(accepted_coding(&asked), expected, "{accepted}");
        }
        assert_eq!(accepted_coding(&HeaderMap::new()), None);
    }
}

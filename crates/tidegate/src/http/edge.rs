//! The edge door: verifies as CloudFront does, then serves what lies in served roots. Needs no database.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use sign::{Allowed, Refusal};

use super::address::ClientAddress;
use super::content;
use super::cors::{CorsPolicy, is_preflight};
use super::guard::MAX_URL;
use crate::app::App;
use crate::model::epoch_seconds;

#[derive(Debug)]
struct Edge {
    app: Arc<App>,
    cors: CorsPolicy,
}

/// The door's router: one handler for every path.
pub(crate) fn router(app: Arc<App>) -> Router {
    let own_page = Some(app.addresses.api.to_string());
    let cors = CorsPolicy::bytes(&app.config.cors, own_page, "GET, HEAD");
    Router::new().fallback(answer).with_state(Arc::new(Edge { app, cors }))
}

async fn answer(State(edge): State<Arc<Edge>>, request: Request) -> Response<Body> {
    if is_preflight(request.method(), request.headers()) {
        return edge.cors.preflight(request.headers());
    }
    let (parts, _) = request.into_parts();
    let mut response = match serve(&edge.app, &parts).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(&parts.method),
    };
    edge.cors.apply(parts.headers.get(header::ORIGIN), response.headers_mut());
    response
}

/// Why nothing is served, in the words of CloudFront or of the S3 origin behind it.
#[derive(Debug)]
enum Refused {
    Signature(Refusal),
    Missing,
    Method,
    TooLong,
    Failed(crate::error::Error),
}

impl Refused {
    fn into_response(self, method: &Method) -> Response<Body> {
        let (status, code, message) = match &self {
            Self::Signature(refusal) => (StatusCode::FORBIDDEN, refusal.code(), refusal.message()),
            Self::Missing => (StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Only GET and HEAD are allowed."),
            Self::TooLong => (StatusCode::URI_TOO_LONG, "RequestURITooLong", "The URL is longer than 8192 bytes."),
            Self::Failed(error) => {
                tracing::error!(error = error.detail(), "the edge can't read a blob");
                (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "Try again.")
            }
        };
        let verdict = if let Self::Signature(refusal) = &self { refusal.code() } else { code };
        metrics::counter!("tidegate_edge_requests_total", "verdict" => verdict).increment(1);
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        content::insert(headers, header::CONTENT_LENGTH, &text.len().to_string());
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        }
        if method != Method::HEAD {
            *response.body_mut() = text.into();
        }
        response
    }
}

async fn serve(app: &App, request: &axum::http::request::Parts) -> Result<Response<Body>, Refused> {
    if ![Method::GET, Method::HEAD].contains(&request.method) {
        return Err(Refused::Method);
    }
    let length = request.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if length > MAX_URL {
        return Err(Refused::TooLong);
    }
    let now = epoch_seconds(SystemTime::now());
    let allowed = verify(app, request, now).map_err(Refused::Signature)?;
    // A valid signature opens served roots and nothing else, whatever its policy says.
    let outside = Refused::Signature(Refusal::AccessDenied);
    let Some(key) = key_of(request.uri.path()) else { return Err(outside) };
    if app.config.images.layout.served_root(&key).is_none() {
        return Err(outside);
    }
    let failed = |error: store::Error| match error {
        store::Error::NotFound | store::Error::InvalidKey(_) => Refused::Missing,
        other => Refused::Failed(other.into()),
    };
    let stat = app.store.stat(&key).await.map_err(failed)?;
    let mut base = content::guarded(app.config.resource_policy);
    let cache_control = stat.attributes.cache_control.as_deref().unwrap_or("private, no-store");
    content::insert(&mut base, header::CACHE_CONTROL, &within_grant(cache_control, allowed.expires - now));
    let key: &str = &key;
    let read = async |range: std::ops::Range<u64>| {
        let length = range.end - range.start;
        let (_, body) = app.store.read(key, Some(range)).await?;
        metrics::counter!("tidegate_edge_bytes_total").increment(length);
        Ok(body)
    };
    let response = content::respond(&request.method, &request.headers, &stat, base, read).await;
    let response = response.map_err(|error| match error {
        crate::error::Error::NotFound(_) => Refused::Missing,
        other => Refused::Failed(other),
    })?;
    metrics::counter!("tidegate_edge_requests_total", "verdict" => "Allowed").increment(1);
    Ok(response)
}

/// The verdict, from the raw request. Scheme and hosts are the configured ones.
fn verify(app: &App, request: &axum::http::request::Parts, now: u64) -> Result<Allowed, Refusal> {
    let edge = app.addresses.edge.as_ref().ok_or(Refusal::AccessDenied)?;
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
        return Err(Refusal::AccessDenied);
    };
    let lower = host.to_ascii_lowercase();
    if lower != edge.authority && !app.config.edge_hosts.contains(&lower) {
        return Err(Refusal::AccessDenied);
    }
    let cookies: Vec<&str> =
        request.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    let Some(ClientAddress(client)) = request.extensions.get() else { return Err(Refusal::AccessDenied) };
    app.verifier.verify(&sign::Request {
        scheme: edge.scheme,
        host,
        path: request.uri.path(),
        query: request.uri.query(),
        cookies: &cookies,
        client_ip: *client,
        now,
    })
}

/// The key a raw path names: percent-decoded once, and plain.
fn key_of(path: &str) -> Option<Cow<'_, str>> {
    let decoded = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let plain = !decoded.chars().any(|c| c.is_control() || c == '\\');
    plain.then_some(decoded)
}

/// A cache must not keep what the grant no longer covers.
fn within_grant(cache_control: &str, left: u64) -> String {
    let capped = |directive: &str| match directive.trim().strip_prefix("max-age=").map(str::parse::<u64>) {
        Some(Ok(age)) => format!("max-age={}", age.min(left)),
        _ => directive.trim().to_owned(),
    };
    cache_control.split(',').map(capped).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn max_age_ends_with_the_grant() {
        let immutable = "public, max-age=31536000, immutable, no-transform";
        assert_eq!(within_grant(immutable, 60), "public, max-age=60, immutable, no-transform");
        assert_eq!(within_grant("private, no-store", 60), "private, no-store");
        assert_eq!(within_grant("max-age=10", 60), "max-age=10");
    }

    proptest! {
        #[test]
        fn hostile_paths_never_become_served_keys(path in "(/|%2e|%2f|%5c|\\.|images|%00|%c0%ae|a){1,12}") {
            let layout = crate::model::key::Layout::default();
            let served = key_of(&format!("/{path}")).is_some_and(|key| layout.served_root(&key).is_some());
            prop_assert!(!served, "{}", path);
        }
    }
}

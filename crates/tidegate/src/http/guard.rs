//! Middleware of the API listener: URL length, `Host`, `Origin`, CORS and rate limits. Never
//! identifies the caller; `auth.rs` does that later. Limits of concurrency and time are in
//! `admission.rs`.

use std::sync::{Arc, Once};

use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::address::ClientAddress;
use super::auth;
use super::cors::{CorsPolicy, is_preflight};
use super::error::{ApiError, body};
use super::forwarded::{shows_a_proxy, was_forwarded};
use super::head::Malformed;
use super::observe::InvocationId;
use crate::app::App;
use crate::config::{host_of, is_loopback_host};
use crate::error::{Code, Error};

/// The longest path and query in bytes; the limit of CloudFront.
pub(crate) const MAX_URL: usize = 8192;

/// The name under which AWS routes to this function, where it is a name of the API
/// (`LAMBDA_OWN_DOMAIN`). An extension of requests that come as events.
#[derive(Debug, Clone)]
pub(super) struct OwnDomain(pub(super) String);

/// The state shared by the middleware.
#[derive(Debug)]
pub(crate) struct Guards {
    pub(crate) app: Arc<App>,
    pub(crate) json_cors: CorsPolicy,
    pub(crate) byte_cors: CorsPolicy,
}

/// Answers a request that stands for a malformed one.
pub(crate) async fn refuse_malformed(request: Request, next: Next) -> Response {
    let Some(malformed) = request.extensions().get::<Malformed>() else { return next.run(request).await };
    let code = match malformed {
        Malformed::Syntax => Code::BadRequest,
        Malformed::Version => Code::HttpVersionNotSupported,
        Malformed::TooLarge => Code::HeadersTooLarge,
    };
    body(code, malformed.words().2)
}

/// Refuses requests whose URL is too long, or whose `Host` or `Origin` is not allowed. Health
/// probes bypass it.
pub(crate) async fn check_host(State(guards): State<Arc<Guards>>, request: Request, next: Next) -> Response {
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if length > MAX_URL {
        return body(Code::UrlTooLong, "the URL is longer than 8192 bytes");
    }
    match check_names_and_origin(&guards, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => ApiError(error).into_response(),
    }
}

fn check_names_and_origin(guards: &Guards, request: &Request) -> Result<(), Error> {
    let (config, method, headers) = (&guards.app.config, request.method(), request.headers());
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
        return Err(Error::BadRequest("give one Host header".into()));
    };
    let name = host_of(host).to_ascii_lowercase();
    let loopback = is_loopback_host(&name);
    let ours = name == guards.app.addresses.api.host()
        || config.allowed_hosts.contains(&name)
        || request.extensions().get::<OwnDomain>().is_some_and(|own| own.0 == name);
    if config.insecure_auth() && !config.auth.allow_insecure_remote {
        if !loopback {
            return Err(Error::Forbidden(
                "without sign-in, only loopback names are answered in the Host header".into(),
            ));
        }
        if was_forwarded(request) {
            return Err(Error::Forbidden("without sign-in, requests that came through a proxy are refused".into()));
        }
    } else if !ours && !loopback {
        return Err(Error::BadRequest("the Host header names another server; see ALLOWED_HOSTS".into()));
    }
    // An upgraded connection can carry changes.
    let upgrades = headers.contains_key(header::UPGRADE);
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) && !upgrades;
    match headers.get(header::ORIGIN).filter(|_| !safe) {
        Some(origin) if !may_change(guards, origin.to_str().unwrap_or("null"), host) => {
            Err(Error::Forbidden("pages of this origin may not change anything here; see CORS_ALLOW_ORIGIN".into()))
        }
        _ => Ok(()),
    }
}

/// Returns whether pages of an origin may change anything: the server's own, and those of named
/// origins.
fn may_change(guards: &Guards, origin: &str, host: &str) -> bool {
    let api = &guards.app.addresses.api;
    origin == api.to_string()
        || origin == format!("{}://{host}", api.scheme)
        || guards.json_cors.allows_credentials(origin)
}

/// Limits the rate of requests by client address. Runs before sign-in, which costs a signature
/// check.
pub(crate) async fn limit_rate(State(guards): State<Arc<Guards>>, request: Request, next: Next) -> Response {
    static WARNED: Once = Once::new();
    let app = &guards.app;
    // Services send the requests of many clients from few addresses, so they are exempt.
    if let Some(ClientAddress(client)) = request.extensions().get::<ClientAddress>()
        && !auth::is_service(app, request.headers())
        && let Err(error) = app.rates.check_address(*client)
    {
        // A function knows clients by the event's context, whatever proxies write.
        let by_header = request.extensions().get::<InvocationId>().is_none();
        if by_header && shows_a_proxy(&request) && app.config.trusted_proxies.is_empty() {
            let message =
                "requests come through a proxy: all its clients share one limit unless TRUSTED_PROXIES names it";
            WARNED.call_once(|| tracing::warn!("{message}"));
        }
        return ApiError(error).into_response();
    }
    next.run(request).await
}

/// Answers preflights, and adds CORS headers to every response, errors included.
pub(crate) async fn cors(State(guards): State<Arc<Guards>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let below = |prefix: &str| path.starts_with(prefix);
    let bytes = path.ends_with("/range")
        || below("/get/")
        || below("/storage/")
        || below("/v1/files/get/")
        || (below("/v1/sessions/") && path.ends_with("/content"))
        || below("/packages/presign/")
        || below("/packages/proxy/");
    let policy = if bytes { &guards.byte_cors } else { &guards.json_cors };
    if is_preflight(request.method(), request.headers()) {
        return policy.preflight(request.headers());
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    policy.apply(origin.as_ref(), response.headers_mut());
    response
}

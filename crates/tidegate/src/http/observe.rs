//! Request logging and metrics of the API and S3 doors: an id, a span, a log line, a counter. Query
//! strings are never logged, since they carry signatures.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

use super::address::{self, ClientAddress};
use super::error::ErrorCode;
use super::refusal_log::{self, Denied};
use super::serve::Peer;
use crate::app::App;
use crate::telemetry::{self, TraceContext};

/// The door that is observed.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) door: &'static str,
    pub(crate) app: Arc<App>,
}

/// The id of the invocation that a request came by: an extension of requests that come as events of
/// AWS Lambda.
#[derive(Debug, Clone)]
pub(super) struct InvocationId(pub(super) String);

/// Gives a request an id and a client address, runs it in a span, and logs and counts the response.
pub(crate) async fn observe(State(watch): State<Arc<Watch>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let door = watch.door;
    if let Some(Peer(peer)) = request.extensions().get::<Peer>() {
        let client = address::client(peer.ip(), request.headers(), &watch.app.config.trusted_proxies);
        request.extensions_mut().insert(client);
    }
    let id = request_id(&request);
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert("x-request-id", value);
    }
    let method = request.method().clone();
    let client = request.extensions().get::<ClientAddress>().map(|ClientAddress(client)| *client);
    // Paths of the S3 door are bucket and key; those of the API may hold a token.
    let path = (door == "s3").then(|| request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        door,
        id,
        method = %method,
        route,
        trace_id = tracing::field::Empty,
        aws_request_id = tracing::field::Empty,
    );
    let invocation = request.extensions().get::<InvocationId>();
    if let Some(InvocationId(invocation)) = invocation {
        span.record("aws_request_id", invocation);
    }
    if let Some(trace) = trace_of(request.headers(), invocation.is_some()) {
        span.record("trace_id", &trace.trace_id);
        telemetry::set_parent(&span, &trace);
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    span.in_scope(|| {
        let duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(status, duration_us, "answered");
        if [401, 403].contains(&status) {
            let reason = response.extensions().get::<ErrorCode>().map_or("DENIED", |ErrorCode(code)| code);
            let path = path.as_deref().unwrap_or(&route);
            refusal_log::note(&Denied { door, id: &id, client, path, status, reason });
        }
    });
    let method = method_label(&method);
    let status = response.status().as_str().to_owned();
    metrics::counter!("tidegate_http_requests_total", "door" => door, "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("tidegate_http_request_seconds", "door" => door, "method" => method, "route" => route)
        .record(elapsed.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Returns the trace context in `traceparent` (W3C Trace Context) or `X-Amzn-Trace-Id`. In a function
/// the latter comes first, since it is the invocation's, and a client writes the former.
fn trace_of(headers: &HeaderMap, in_function: bool) -> Option<TraceContext> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let w3c = || header("traceparent").and_then(TraceContext::from_traceparent);
    let amzn = || header("x-amzn-trace-id").and_then(TraceContext::from_amzn);
    if in_function { amzn().or_else(w3c) } else { w3c().or_else(amzn) }
}

/// Returns the client's `X-Request-Id` if it is safe to log, otherwise the id of the invocation, or a
/// new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let given = given.filter(|id| is_plain_id(id));
    let invocation = request.extensions().get::<InvocationId>().map(|InvocationId(id)| id.as_str());
    let known = given.or(invocation.filter(|id| is_plain_id(id)));
    known.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// Returns whether a client's request id may be logged as it is: 8 to 64 letters, digits and
/// hyphens.
pub(crate) fn is_plain_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Returns the method as a metric label; unknown methods share one label, so clients cannot create
/// new ones.
fn method_label(method: &axum::http::Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_function_the_trace_is_that_of_the_invocation() {
        let mut headers = HeaderMap::new();
        let client = HeaderValue::from_static("00-11111111111111111111111111111111-2222222222222222-01");
        headers.insert("traceparent", client);
        let of = |headers: &HeaderMap, in_function| trace_of(headers, in_function).map(|trace| trace.trace_id);
        assert_eq!(of(&headers, true).as_deref(), Some("11111111111111111111111111111111"));
        let invocation = HeaderValue::from_static("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1");
        headers.insert("x-amzn-trace-id", invocation);
        assert_eq!(of(&headers, true).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(of(&headers, false).as_deref(), Some("11111111111111111111111111111111"));
    }
}

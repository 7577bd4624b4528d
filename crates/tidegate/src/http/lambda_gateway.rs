//! Requests that come as events of AWS Lambda: gives the API's router what its own connections give
//! it (the client's address, checked heads, limits of size and time), and returns its answers as
//! documents. Never believes a header about the client: address, domain name and claims come from
//! the event's context.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderValue, Request, Response, Uri, header};
use axum::middleware::Next;
use futures::StreamExt as _;
use lambda::{Answer, ByteStream, HttpEvent, Interrupted, MAX_DOCUMENT, Payload};
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::address::ClientAddress;
use super::api_router;
use super::auth::AuthorizerClaims;
use super::error::body;
use super::guard::OwnDomain;
use super::head::Malformed;
use super::observe::InvocationId;
use crate::app::App;
use crate::config::{AuthMode, LambdaSetting};
use crate::error::Code;

/// The longest request body in bytes. Lambda takes events of 6 MB.
const MAX_BODY: usize = 6 << 20;
/// The length of the headers that are added to a response after its body is known to fit.
const LATER_HEADERS: usize = 8 << 10;
/// How long the last response may take to be put together after the limit.
const GRACE: Duration = Duration::from_millis(100);
/// The header of X-Ray.
const TRACE_HEADER: &str = "x-amzn-trace-id";

/// The API behind API Gateway or a function URL.
#[derive(Debug, Clone)]
pub struct Gateway {
    router: Router,
    setting: LambdaSetting,
    takes_claims: bool,
}

/// What the Runtime API says of the invocation that a request came by.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// The invocation's id.
    pub id: String,
    /// The trace, in the form of `X-Amzn-Trace-Id`.
    pub trace: Option<String>,
    /// When the response must be there, and when a streamed one ends. Lies before the end of the
    /// invocation, by as much as what follows takes.
    pub until: Instant,
}

/// What a response may be: an extension of requests that come as events.
#[derive(Debug, Clone, Copy)]
struct ResponseLimit {
    until: Instant,
    /// Whether the body is streamed.
    streams: bool,
}

impl Gateway {
    /// Returns the API of an app as a function.
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            router: api_router(Arc::clone(app)),
            setting: app.config.lambda.clone(),
            takes_claims: app.config.auth.mode == AuthMode::Authorizer,
        }
    }

    /// Answers a request.
    pub async fn answer(&self, event: HttpEvent, invoked: Invoked) -> Answer {
        let (payload, until, id) = (event.payload, invoked.until, invoked.id.clone());
        let trace = invoked.trace.clone();
        let mut response = self.respond(event, invoked).await;
        if let Some(trace) = trace.and_then(|trace| HeaderValue::from_str(root_of(&trace)).ok()) {
            response.headers_mut().entry(TRACE_HEADER).or_insert(trace);
        }
        if self.setting.streams {
            return Answer::Stream(streamed(response, until, id));
        }
        match held(response, until + GRACE).await.and_then(|response| document(payload, response)) {
            Ok(document) => Answer::Document(document),
            Err(message) => Answer::Failed { kind: "Response".to_owned(), message: message.to_owned() },
        }
    }

    /// Returns the router's response.
    async fn respond(&self, event: HttpEvent, invoked: Invoked) -> Response<Body> {
        let mut request = match event.request {
            Ok(request) => request.map(Body::from),
            Err(malformed) => {
                let mut stand_in = Request::new(Body::empty());
                stand_in.extensions_mut().insert(match malformed {
                    lambda::Malformed::Syntax => Malformed::Syntax,
                    lambda::Malformed::TooLarge => Malformed::TooLarge,
                });
                stand_in
            }
        };
        if let Some(uri) = self.setting.base_path.as_deref().and_then(|base| without_base(request.uri(), base)) {
            *request.uri_mut() = uri;
        }
        // The client can send this header too; Lambda's own says which trace this is.
        if let Some(trace) = invoked.trace.and_then(|trace| HeaderValue::from_str(&trace).ok()) {
            request.headers_mut().insert(TRACE_HEADER, trace);
        }
        let context = event.context;
        if let Some(gateway_request_id) = &context.request_id {
            tracing::debug!(gateway_request_id, aws_request_id = invoked.id, "a request came as an event");
        }
        let extensions = request.extensions_mut();
        extensions.insert(InvocationId(invoked.id));
        extensions.insert(ResponseLimit { until: invoked.until, streams: self.setting.streams });
        if let Some(address) = context.source_ip {
            extensions.insert(ClientAddress(address.to_canonical()));
        }
        if let Some(name) = context.domain_name.filter(|_| self.setting.own_domain) {
            extensions.insert(OwnDomain(name));
        }
        if let Some(claims) = context.claims.filter(|_| self.takes_claims) {
            extensions.insert(AuthorizerClaims(claims));
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Keeps requests and responses in what AWS Lambda takes, where they come as events; those of connections
/// pass. Runs inside the layers that add headers and count, so that refusals have and are those too.
pub(super) async fn limit_event(request: Request<Body>, next: Next) -> Response<Body> {
    let Some(limit) = request.extensions().get::<ResponseLimit>().copied() else { return next.run(request).await };
    if request.body().size_hint().lower() > MAX_BODY as u64 {
        return body(Code::TooLarge, "a request through AWS Lambda has 6 MiB at most");
    }
    // What can't be answered any more is not begun: it might change something.
    let in_time = Instant::now() < limit.until;
    let answered = async { tokio::time::timeout_at(limit.until, next.run(request)).await.ok() };
    let response = if in_time { answered.await } else { None };
    let Some(response) = response else {
        tracing::warn!("a request took longer than the function may");
        return body(Code::StoreUnavailable, "the request took longer than it may; try again later");
    };
    if limit.streams {
        return response;
    }
    let response = match held(response, limit.until).await {
        Ok(response) if lambda::fits(response.headers(), response.body(), LATER_HEADERS) => Ok(response),
        Ok(_) => Err(TOO_LARGE),
        Err(message) => Err(message),
    };
    match response {
        Ok(response) => response.map(Body::from),
        Err(message) => {
            tracing::warn!("{message}");
            body(Code::Misconfig, message)
        }
    }
}

/// Returns a URI without the base path of an API mapping; `None` if it is not below it.
fn without_base(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    match rest.as_bytes().first() {
        Some(b'/') => rest.parse().ok(),
        None | Some(b'?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    }
}

/// Returns the trace without the span, which is of no use to a client.
fn root_of(trace: &str) -> &str {
    trace.split(';').find(|part| part.starts_with("Root=")).unwrap_or(trace)
}

/// Why a response can't be sent.
const TOO_LARGE: &str = "the response is larger than AWS Lambda takes: ask for a range, or set LAMBDA_RESPONSES=stream";

/// Returns a response with its whole body, or why AWS Lambda can't carry it.
async fn held(response: Response<Body>, end: Instant) -> Result<Response<Bytes>, &'static str> {
    let is_endless = is_event_stream(&response);
    let (parts, content) = response.into_parts();
    if is_endless {
        return Err("event streams need LAMBDA_RESPONSES=stream, or a server");
    }
    if content.size_hint().lower() > MAX_DOCUMENT as u64 {
        return Err(TOO_LARGE);
    }
    match tokio::time::timeout_at(end, axum::body::to_bytes(content, MAX_DOCUMENT)).await {
        Ok(Ok(bytes)) => Ok(Response::from_parts(parts, bytes)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a response could not be held");
            Err(TOO_LARGE)
        }
        Err(_) => Err("the response took longer than the function may"),
    }
}

/// Returns the document of a response.
fn document(payload: Payload, response: Response<Bytes>) -> Result<serde_json::Value, &'static str> {
    lambda::document(payload, response).map_err(|lambda::TooLarge| TOO_LARGE)
}

fn is_event_stream(response: &Response<Body>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.starts_with(b"text/event-stream")
}

/// Returns a response whose body is streamed, until `until` at the latest. Event streams then end, since
/// their clients connect again; any other body is interrupted. `id` is that of the invocation.
fn streamed(mut response: Response<Body>, until: Instant, id: String) -> Response<ByteStream> {
    let is_endless = is_event_stream(&response);
    if let Some(length @ 1..) = response.body().size_hint().exact() {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|content| -> ByteStream {
        let rest = Some((content.into_data_stream(), id));
        Box::pin(futures::stream::unfold(rest, move |rest| async move {
            let (mut frames, id) = rest?;
            let failure = match tokio::time::timeout_at(until, frames.next()).await {
                Ok(Some(Ok(bytes))) => return Some((Ok(bytes), Some((frames, id)))),
                Ok(Some(Err(error))) => error.to_string(),
                Ok(None) => return None,
                Err(_) if is_endless => return None,
                Err(_) => "it took longer than the function may".to_owned(),
            };
            tracing::error!(aws_request_id = id, error = failure, "a streamed response was interrupted");
            Some((Err(Interrupted), None))
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_removed_where_it_is() {
        let of = |uri: &str| without_base(&uri.parse().unwrap(), "/api/v2").map(|uri| uri.to_string());
        assert_eq!(of("/api/v2/packages/x?a=/b").as_deref(), Some("/packages/x?a=/b"));
        assert_eq!(of("/api/v2").as_deref(), Some("/"));
        assert_eq!(of("/api/v2?x=1").as_deref(), Some("/?x=1"));
        assert_eq!(of("/api/v23/x"), None);
        assert_eq!(of("/x/api/v2"), None);
    }

    #[test]
    fn clients_are_told_the_trace_and_no_span() {
        assert_eq!(root_of("Root=1-2-3;Parent=4;Sampled=1"), "Root=1-2-3");
        assert_eq!(root_of("Self=1;Root=1-2-3"), "Root=1-2-3");
    }

    fn streaming(kind: &'static str, body: Body) -> Response<Body> {
        Response::builder().header(header::CONTENT_TYPE, kind).body(body).unwrap_or_default()
    }

    fn endless() -> Body {
        Body::from_stream(futures::stream::repeat_with(|| Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x"))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_has_no_end_is_not_held() {
        let end = Instant::now() + Duration::from_secs(5);
        let silent = || Body::from_stream(futures::stream::pending::<Result<Bytes, std::convert::Infallible>>());
        let of = async |kind, body| held(streaming(kind, body), end).await.map(|_| ()).unwrap_err();
        assert!(of("text/event-stream", silent()).await.contains("event streams need"));
        assert_eq!(of("application/zip", endless()).await, TOO_LARGE);
        assert!(of("application/zip", silent()).await.contains("took longer"));
    }

    fn ticking() -> Body {
        Body::from_stream(futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x")), ()))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_before_the_function_and_a_part_is_not_the_whole() {
        for (kind, expected) in [("text/event-stream", vec![true, true]), ("image/tiff", vec![true, true, false])] {
            let until = Instant::now() + Duration::from_secs(5);
            let response = streamed(streaming(kind, ticking()), until, "i".into());
            let parts: Vec<bool> = response.into_body().map(|part| part.is_ok()).collect().await;
            assert_eq!(parts, expected, "{kind}");
            assert!(Instant::now() <= until + Duration::from_millis(1));
        }
    }

    #[tokio::test]
    async fn a_stream_that_fails_says_no_more_than_that() {
        let parts = [Ok(Bytes::from_static(b"x")), Err(std::io::Error::other("a secret")), Ok(Bytes::new())];
        let response = streaming("image/tiff", Body::from_stream(futures::stream::iter(parts)));
        let until = Instant::now() + Duration::from_secs(5);
        let parts: Vec<_> = streamed(response, until, "i".into()).into_body().collect().await;
        assert_eq!(parts, [Ok(Bytes::from_static(b"x")), Err(Interrupted)]);
        let whole = streamed(streaming("image/tiff", Body::from("abc")), until, "i".into());
        assert_eq!(whole.headers()[header::CONTENT_LENGTH], "3");
    }
}

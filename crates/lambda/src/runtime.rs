//! The loop that asks the Runtime API for events, one at a time, and sends back the answers. Written
//! here and not by `lambda_runtime`, which sends the error of a streamed body as a part of the body.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::event::Event;
use crate::response::{ByteStream, Interrupted, prelude};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request to the Runtime API.
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The type of a failure, as a header and as a trailer.
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
/// The description of a failure, as a trailer in base64.
const ERROR_BODY: HeaderName = HeaderName::from_static("lambda-runtime-function-error-body");
/// Says that an answer is streamed.
const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
/// Names one attempt of an invocation, and is sent back with its answer.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");
/// What a streamed answer is: a prelude of JSON, eight zero bytes, and the body.
const INTEGRATION_RESPONSE: &str = "application/vnd.awslambda.http-integration-response";

/// An event, and what the Runtime API says of its invocation.
#[derive(Debug)]
pub struct Invocation {
    /// The event.
    pub event: Event,
    /// The id of the invocation, as in the lines that Lambda itself logs.
    pub request_id: String,
    /// When Lambda stops the process if it has not answered.
    pub deadline: SystemTime,
    /// The trace, in the form of `X-Amzn-Trace-Id`.
    pub trace_id: Option<String>,
}

impl Invocation {
    /// Returns the time left until the deadline.
    pub fn time_left(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

/// The answer to an event.
pub enum Answer {
    /// A document of an HTTP answer.
    Document(Value),
    /// An HTTP answer whose body is streamed.
    Stream(Response<ByteStream>),
    /// The ids of the messages of a batch that are to come again.
    Failures(Vec<String>),
    /// Nothing to say.
    Done,
    /// The event failed; Lambda counts an error, and tries it again where it does so.
    Failed {
        /// A short name for the failure.
        kind: String,
        /// What went wrong.
        message: String,
    },
}

/// Answers events of the Runtime API at an address (`AWS_LAMBDA_RUNTIME_API`, a host and a port) until
/// it can't be reached any more. A handler that panics fails its event.
///
/// # Errors
///
/// An error if the Runtime API answers wrongly or not at all.
pub async fn run<H, F>(address: &str, handler: H) -> Result<(), BoxError>
where
    H: Fn(Invocation) -> F,
    F: Future<Output = Answer> + Send,
{
    let api = RuntimeApi::new(address);
    loop {
        let (invocation, given) = api.next().await?;
        let answering = AssertUnwindSafe(handler(invocation)).catch_unwind();
        let answer = answering.await.unwrap_or_else(|_| Answer::Failed {
            kind: "Panic".to_owned(),
            message: "the function panicked; see the log".to_owned(),
        });
        // Without the answer the invocation has failed, and the next one need not.
        if let Err(error) = api.answer(&given, answer).await {
            tracing::error!(aws_request_id = given.request_id, %error, "an answer can't be sent");
        }
    }
}

/// What names an invocation in its answer.
struct Given {
    request_id: String,
    invocation_id: Option<HeaderValue>,
}

/// A client of the Runtime API (version 2018-06-01).
struct RuntimeApi {
    client: Client<HttpConnector, Body>,
    base: String,
}

impl RuntimeApi {
    fn new(address: &str) -> Self {
        let base = format!("http://{address}/2018-06-01/runtime/invocation");
        Self { client: Client::builder(TokioExecutor::new()).build_http(), base }
    }

    /// Waits for the next event.
    async fn next(&self) -> Result<(Invocation, Given), BoxError> {
        let request = Request::get(format!("{}/next", self.base)).body(Full::default().boxed_unsync())?;
        let response = self.client.request(request).await?;
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            return Err(format!("it answers {} when asked for an event", parts.status).into());
        }
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let required = |name: &'static str| text(name).ok_or_else(|| format!("an event comes without {name}"));
        let request_id = required("lambda-runtime-aws-request-id")?;
        let deadline: u64 = required("lambda-runtime-deadline-ms")?.parse()?;
        let document = body.collect().await?.to_bytes();
        let invocation = Invocation {
            event: Event::parse(&String::from_utf8_lossy(&document)),
            request_id: request_id.clone(),
            deadline: SystemTime::UNIX_EPOCH + Duration::from_millis(deadline),
            trace_id: text("lambda-runtime-trace-id"),
        };
        Ok((invocation, Given { request_id, invocation_id: parts.headers.get(INVOCATION_ID).cloned() }))
    }

    /// Sends an answer; a streamed one until its body's end.
    async fn answer(&self, given: &Given, answer: Answer) -> Result<(), BoxError> {
        let kind = if matches!(answer, Answer::Failed { .. }) { "error" } else { "response" };
        let mut request = message(answer)?;
        *request.uri_mut() = format!("{}/{}/{kind}", self.base, given.request_id).parse()?;
        if let Some(id) = &given.invocation_id {
            request.headers_mut().insert(INVOCATION_ID, id.clone());
        }
        let response = self.client.request(request).await?;
        let status = response.status();
        // The connection can be used again once the response was read.
        let said = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("the Runtime API refuses it with {status}: {}", String::from_utf8_lossy(&said)).into())
    }
}

/// Returns the message that carries an answer, without an address.
fn message(answer: Answer) -> Result<Request<Body>, http::Error> {
    let json = Request::post("/").header(header::CONTENT_TYPE, "application/json");
    let whole = |document: Value| Full::from(document.to_string()).boxed_unsync();
    match answer {
        Answer::Document(document) => json.body(whole(document)),
        Answer::Stream(response) => {
            let builder = Request::post("/").header(header::CONTENT_TYPE, INTEGRATION_RESPONSE);
            let builder = builder.header(RESPONSE_MODE, "streaming").header(header::TRAILER, ERROR_TYPE.as_str());
            builder.header(header::TRAILER, ERROR_BODY.as_str()).body(streamed(response))
        }
        Answer::Failures(ids) => json.body(whole(failures(&ids))),
        Answer::Done => json.body(whole(Value::Null)),
        Answer::Failed { kind, message } => {
            let document = json!({ "errorType": kind, "errorMessage": message });
            json.header(ERROR_TYPE, kind).body(whole(document))
        }
    }
}

/// Returns the answer to a batch (`ReportBatchItemFailures`).
fn failures(ids: &[String]) -> Value {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": items })
}

/// Returns the body of a streamed answer. An interruption is told by trailers, so that no client takes
/// a part for the whole (Lambda developer guide, "Building a custom runtime", response streaming).
fn streamed(response: Response<ByteStream>) -> Body {
    let (parts, content) = response.into_parts();
    let head = [Bytes::from(prelude(parts).to_string()), Bytes::from_static(&[0; 8])];
    let frames = content.map(|part| match part {
        Ok(bytes) => http_body::Frame::data(bytes),
        Err(Interrupted) => http_body::Frame::trailers(error_trailers()),
    });
    let frames = stream::iter(head.map(http_body::Frame::data)).chain(frames);
    StreamBody::new(frames.map(Ok::<_, Infallible>)).boxed_unsync()
}

/// Returns the trailers of an interrupted body. They name no cause, which could be internal.
fn error_trailers() -> HeaderMap {
    let kind = "Runtime.ResponseInterrupted";
    let document = json!({ "errorType": kind, "errorMessage": "the response was interrupted; see the log" });
    let mut trailers = HeaderMap::new();
    trailers.insert(ERROR_TYPE, HeaderValue::from_static(kind));
    if let Ok(document) = HeaderValue::from_str(&STANDARD.encode(document.to_string())) {
        trailers.insert(ERROR_BODY, document);
    }
    trailers
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lambda_events::sqs::SqsBatchResponse;

    /// The document is what AWS' own types read.
    #[test]
    fn a_batch_is_answered_with_the_messages_that_are_to_come_again() {
        let read: SqsBatchResponse = serde_json::from_value(failures(&["a".to_owned(), "b".to_owned()])).unwrap();
        let ids: Vec<&str> = read.batch_item_failures.iter().map(|item| item.item_identifier.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(failures(&[]), json!({"batchItemFailures": []}));
    }
}

//! GraphQL responses: their media type and status code as GraphQL over HTTP says, and errors in the
//! forms that clients know. Never executes anything.

use async_graphql::{Request, Response as Answer, ServerError, Value};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value as Json;

use crate::error::Code;

/// The media type whose status codes say whether the request was executed.
const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// The form of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/json`: 200 for every GraphQL response.
    Json,
    /// `application/graphql-response+json`: 400 for a request that was not executed.
    Graphql,
    /// Server-sent events, for a client that takes nothing else.
    Events,
}

impl Format {
    /// Returns the form that a client asks for. Without one it is JSON.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let mut events = false;
        for range in lines.flat_map(|line| line.split(',')) {
            let mut words = range.split(';').map(str::trim);
            let kind = words.next().unwrap_or_default().to_ascii_lowercase();
            if words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
                continue;
            }
            match kind.as_str() {
                GRAPHQL => return Self::Graphql,
                JSON | "application/*" | "*/*" => return Self::Json,
                EVENTS => events = true,
                _ => {}
            }
        }
        if events { Self::Events } else { Self::Json }
    }

    /// Returns the response to one operation.
    pub(super) fn render(self, answer: Answer) -> Response {
        let json = to_json(answer);
        let (status, kind, text) = match self {
            Self::Json => (StatusCode::OK, JSON, json.to_string()),
            Self::Graphql => {
                let executed = json.get("data").is_some();
                (if executed { StatusCode::OK } else { StatusCode::BAD_REQUEST }, GRAPHQL, json.to_string())
            }
            Self::Events => {
                (StatusCode::OK, EVENTS, format!("event: next\ndata: {json}\n\nevent: complete\ndata:\n\n"))
            }
        };
        with_type(status, kind, text)
    }
}

/// Returns the response to a batch: an array in the order of its operations.
pub(super) fn render_batch(answers: Vec<Answer>) -> Response {
    let all = Json::Array(answers.into_iter().map(to_json).collect());
    with_type(StatusCode::OK, JSON, all.to_string())
}

fn with_type(status: StatusCode, kind: &'static str, text: String) -> Response {
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, fields, text).into_response()
}

/// Returns the JSON of a response. One to a request that was not executed has no `data`.
pub(super) fn to_json(mut answer: Answer) -> Json {
    answer.errors.iter_mut().for_each(add_code);
    let executed = answer.data != Value::Null || answer.errors.iter().any(|error| !error.path.is_empty());
    let failed = !executed && !answer.errors.is_empty();
    let mut json = serde_json::to_value(&answer).unwrap_or_default();
    if let Some(members) = json.as_object_mut().filter(|_| failed) {
        members.remove("data");
    }
    json
}

/// Adds a code to errors that the library itself produced.
fn add_code(error: &mut ServerError) {
    let has_code = error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some());
    if !has_code {
        error.extensions.get_or_insert_default().set("code", Code::BadRequest.as_str());
    }
}

/// Returns whether a request names a query by its hash alone (Apollo's automatic persisted queries).
pub(super) fn is_persisted(request: &Request) -> bool {
    request.query.is_empty() && request.extensions.contains_key("persistedQuery")
}

/// Returns the error after which such a client sends the whole query.
pub(super) fn persisted_error() -> Answer {
    let mut error = ServerError::new("PersistedQueryNotSupported", None);
    error.extensions.get_or_insert_default().set("code", "PERSISTED_QUERY_NOT_SUPPORTED");
    Answer::from_errors(vec![error])
}

/// Responds with that error. Its status is 200, as clients expect.
pub(super) fn persisted_not_supported(format: Format) -> Response {
    let mut response = format.render(persisted_error());
    *response.status_mut() = StatusCode::OK;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_client_names_first() {
        let format = |accept: &str| {
            Format::accepted(&[(header::ACCEPT, accept.parse().unwrap())].into_iter().collect::<HeaderMap>())
        };
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Json);
        for (accept, wanted) in [
            ("*/*", Format::Json),
            ("application/json", Format::Json),
            ("text/html", Format::Json),
            ("text/event-stream", Format::Events),
            ("application/graphql-response+json, application/json;q=0.9", Format::Graphql),
            ("application/graphql-response+json;q=0, application/json", Format::Json),
            ("application/json, application/graphql-response+json", Format::Json),
            ("text/event-stream, application/json", Format::Json),
            (
                "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
                Format::Graphql,
            ),
        ] {
            assert_eq!(format(accept), wanted, "{accept}");
        }
    }
}

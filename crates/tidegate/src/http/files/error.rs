//! Errors in the form that clients of the sources expect: below the file surface `detail` beside
//! `error`, and the figures of an exceeded quota; below `/packages` `message`.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::archived::ArchiveResponse;
use super::super::error::{ApiError, status};
use crate::error::Error;

/// The most bytes read of an error body.
const MAX_ERROR: usize = 64 << 10;

/// Repeats the message of every JSON error at the top, under the name that the clients of its path
/// know, whichever layer produced it.
pub(in crate::http) async fn repeat_message(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let below = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    let name = match path {
        _ if below(&["/v1/files", "/get/", "/storage/"]) => Some("detail"),
        _ if path == "/packages" || below(&["/packages/"]) => Some("message"),
        _ => None,
    };
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let Some(name) = name else { return response };
    if !is_json || response.status().as_u16() < 400 {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_ERROR).await else { return (parts, Body::empty()).into_response() };
    let Ok(mut error) = serde_json::from_slice::<Value>(&bytes) else { return (parts, bytes).into_response() };
    let message = error["error"]["message"].clone();
    if let (Some(error), Value::String(_)) = (error.as_object_mut(), &message) {
        error.insert(name.to_owned(), message);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    (parts, error.to_string()).into_response()
}

/// An error to be rendered as a response of the file surface.
#[derive(Debug)]
pub(super) struct FilesError(pub(super) Error);

impl<E: Into<Error>> From<E> for FilesError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for FilesError {
    fn into_response(self) -> Response {
        let message: String = self.0.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut error = json!({ "code": self.0.code().as_str(), "message": message });
        if let Error::QuotaExceeded(shortage) = &self.0 {
            error["resource"] = json!(shortage.resource.as_str());
            error["used"] = json!(shortage.used);
            error["quota"] = json!(shortage.quota);
            error["requested"] = json!(shortage.requested);
        }
        if let Error::Archived(status) = &self.0 {
            error["archive"] = json!(ArchiveResponse::from(*status));
        }
        let body = json!({ "error": error });
        let status = status(&self.0);
        // All other headers are the same as on other surfaces.
        let (parts, _) = ApiError(self.0).into_response().into_parts();
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().extend(parts.extensions);
        for (name, value) in &parts.headers {
            if ![header::CONTENT_LENGTH, header::CONTENT_TYPE].contains(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

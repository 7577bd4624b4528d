//! Errors as these clients read them: `detail` beside `error`.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::error::{ApiError, status};
use crate::error::Error;

/// An outcome on its way to a client.
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
        let mut error = json!({ "code": self.0.code(), "message": message });
        if let Error::QuotaExceeded { used, quota, requested } = &self.0 {
            error["used"] = json!(used);
            error["quota"] = json!(quota);
            error["requested"] = json!(requested);
        }
        let body = json!({ "error": error, "detail": message });
        let status = status(&self.0);
        // What else an answer says is the same everywhere.
        let (parts, _) = ApiError(self.0).into_response().into_parts();
        let mut response = (status, Json(body)).into_response();
        for (name, value) in &parts.headers {
            if ![header::CONTENT_LENGTH, header::CONTENT_TYPE].contains(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

//! Errors as HTTP responses: the only mapping from error codes to status codes.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::archived::ArchiveResponse;
use crate::error::archived::ArchiveStatus;
use crate::error::{Code, Error};
use crate::model::quota::Shortage;

/// The body of every refused JSON request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"error": {"code": "NOT_FOUND", "message": "no such image"}}))]
pub(super) struct ErrorBody {
    error: ErrorDetail,
    /// The message again; on routes of files, whose clients read it here. Added in `files/error.rs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The message again; on routes of packages, whose clients read it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// What is wrong.
#[derive(Debug, Default, Serialize, ToSchema)]
struct ErrorDetail {
    /// Stable; for programs.
    #[schema(example = "NOT_FOUND")]
    code: &'static str,
    /// One line; for people.
    #[schema(example = "no such image")]
    message: String,
    /// With `QUOTA_EXCEEDED`: what is used up, such as `bytes`, `objects` or `open_uploads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'static str>,
    /// With `QUOTA_EXCEEDED`: how much of it is taken, reservations included.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
    /// With `QUOTA_EXCEEDED`: how much of it may be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<u64>,
    /// With `QUOTA_EXCEEDED`: how much the request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<u64>,
    /// With `ARCHIVED`: what is known of the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<ArchiveResponse>,
}

/// The code of an error response, for the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorCode(pub(super) &'static str);

/// An error to be rendered as an HTTP response.
#[derive(Debug)]
pub struct ApiError(pub(crate) Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Returns the status code of an error.
pub(crate) fn status(error: &Error) -> StatusCode {
    status_of(error.code())
}

/// Returns the status code of the errors with this code. A method that a route does not have is 405
/// with `BAD_REQUEST`.
pub(super) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::Unauthenticated | Code::Unidentified => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidState | Code::Archived => StatusCode::CONFLICT,
        Code::TooLarge | Code::QuotaExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UrlTooLong => StatusCode::URI_TOO_LONG,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::Misconfig | Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::StoreError => StatusCode::BAD_GATEWAY,
        Code::ScannerUnavailable | Code::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::HttpVersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        Code::InsufficientStorage => StatusCode::INSUFFICIENT_STORAGE,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = status(&self.0);
        if status.is_server_error() && !self.0.is_logged() {
            // The cause is logged only here, and never sent.
            tracing::error!(error = self.0.detail(), code = self.0.code().as_str(), "a request failed");
        }
        let mut response = body_with(status, self.0.code(), &self.0.to_string(), Facts::of(&self.0));
        response.extensions_mut().insert(ErrorCode(self.0.code().as_str()));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Error::RateLimited { retry_after } = &self.0 {
            let seconds = retry_after.as_millis().div_ceil(1000);
            if let Ok(seconds) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Returns an error response for a request that never reached a shared function.
pub(crate) fn body(code: Code, message: &str) -> Response {
    body_with(status_of(code), code, message, Facts::default())
}

/// Returns the response to a method that the route does not have.
pub(super) fn no_such_method(message: &str) -> Response {
    body_with(StatusCode::METHOD_NOT_ALLOWED, Code::BadRequest, message, Facts::default())
}

/// What an error says beside its message.
#[derive(Debug, Clone, Copy, Default)]
struct Facts<'a> {
    /// The figures of an exceeded quota.
    shortage: Option<&'a Shortage>,
    /// The state of archived bytes.
    archive: Option<ArchiveStatus>,
}

impl<'a> Facts<'a> {
    fn of(error: &'a Error) -> Self {
        match error {
            Error::QuotaExceeded(shortage) => Self { shortage: Some(shortage), archive: None },
            Error::Archived(status) => Self { shortage: None, archive: Some(*status) },
            _ => Self::default(),
        }
    }
}

/// Returns an error response.
fn body_with(status: StatusCode, code: Code, message: &str, facts: Facts<'_>) -> Response {
    let Facts { shortage, archive } = facts;
    let message = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let error = ErrorDetail {
        code: code.as_str(),
        message,
        resource: shortage.map(|shortage| shortage.resource.as_str()),
        used: shortage.map(|shortage| shortage.used),
        quota: shortage.map(|shortage| shortage.quota),
        requested: shortage.map(|shortage| shortage.requested),
        archive: archive.map(Into::into),
    };
    let body = ErrorBody { error, detail: None, message: None };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, no_store, Json(body)).into_response()
}

/// Rewrites plain-text rejections of the framework, such as a path that is not UTF-8, into the JSON
/// form of all other errors.
pub(super) async fn reword_rejections(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_text = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/plain; charset=utf-8");
    if is_text && response.status() == StatusCode::BAD_REQUEST {
        return body(Code::BadRequest, "the path can't be read");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn internals_stay_in_the_log() {
        let detail = "the row of /var/lib/tidegate is damaged: SELECT secret";
        let database = store::Error::Damaged(detail.to_owned());
        for error in [
            Error::Internal(anyhow::anyhow!(detail)),
            Error::Unavailable(anyhow::anyhow!(detail)),
            Error::StoreError(database),
        ] {
            let response = ApiError(error).into_response();
            assert!(response.status().is_server_error());
            let shown = format!("{:?}", response.headers());
            let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            for word in ["row", "/var/lib", "SELECT", "secret"] {
                assert!(!text.contains(word) && !shown.contains(word), "{text} {shown}");
            }
        }
    }
}

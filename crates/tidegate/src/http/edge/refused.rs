//! Why nothing is served, in the words of CloudFront, or of the S3 origin behind it.

use std::net::IpAddr;

use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use sign::Refusal;
use uuid::Uuid;

use super::super::content::{self, Sent};
use crate::error::Error;

/// The reason.
#[derive(Debug)]
pub(super) enum Refused {
    Signature(Refusal),
    Missing,
    Method,
    Body,
    TooLong,
    Failed(Error),
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound | store::Error::InvalidKey(_) => Self::Missing,
            other => Self::Failed(other.into()),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_) => Self::Missing,
            other => Self::Failed(other),
        }
    }
}

impl Refused {
    /// The code in the answer and in the metrics.
    pub(super) fn verdict(&self) -> &'static str {
        self.words().1
    }

    fn words(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Signature(refusal) => (StatusCode::FORBIDDEN, refusal.code(), refusal.message()),
            Self::Missing => (StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Only GET and HEAD are allowed."),
            Self::Body => (StatusCode::BAD_REQUEST, "InvalidRequest", "A request for bytes has no body."),
            Self::TooLong => (StatusCode::URI_TOO_LONG, "RequestURITooLong", "The URL is longer than 8192 bytes."),
            Self::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "Try again."),
        }
    }

    /// What went wrong with us is said once, in the log.
    pub(super) fn log(&self, id: &Uuid, client: IpAddr) {
        match self {
            Self::Failed(error) => tracing::error!(%id, error = error.detail(), "the edge can't read a blob"),
            other => tracing::debug!(%id, %client, verdict = other.verdict(), "the edge refused a request"),
        }
    }

    pub(super) fn response(&self, method: &Method) -> Response<Sent> {
        let (status, code, message) = self.words();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        let mut response = Response::new(Sent::Nothing);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        content::insert(headers, header::CONTENT_LENGTH, &text.len().to_string());
        match self {
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            }
            // Whatever the body is, it is not read, and what follows it is no request.
            Self::Body => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Failed(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        if method != Method::HEAD {
            *response.body_mut() = Sent::Text(text.into());
        }
        response
    }
}

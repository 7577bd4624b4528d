//! Refusals of the edge, with the codes and messages of CloudFront, or of the S3 origin behind it.

use std::net::IpAddr;
use std::time::Instant;

use axum::http::{Method, StatusCode, header};
use sign::Refusal;

use super::super::content::{ACTIVE_CONTENT_POLICY, Fields, ResponseBody};
use super::super::head::Malformed;
use super::super::refusal_log::{self, Denied};
use crate::error::Error;

/// Why a request is not served.
#[derive(Debug)]
pub(super) enum Refused {
    Signature(Refusal),
    Missing,
    Archived,
    Method,
    Body,
    TooLong,
    Malformed(Malformed),
    Failed(Error),
}

/// Returns code, status code and meaning of each kind of refusal, for the reference.
pub(in crate::http) fn refusals() -> impl Iterator<Item = (&'static str, u16, &'static str)> {
    Refused::all().map(|refused| (refused.verdict(), refused.status().as_u16(), refused.meaning()))
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound | store::Error::InvalidKey(_) => Self::Missing,
            store::Error::Archived(_) => Self::Archived,
            other => Self::Failed(other.into()),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_) => Self::Missing,
            Error::Archived(_) => Self::Archived,
            other => Self::Failed(other),
        }
    }
}

impl Refused {
    /// Returns one refusal of each kind, for counters that must exist from the start.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let denied = Refusal::AccessDenied(sign::Denied::Signature);
        let signatures =
            [Refusal::MissingKey, Refusal::InvalidKey, Refusal::MalformedSignature, Refusal::MalformedPolicy, denied];
        let failed = Self::Failed(store::Error::Damaged(String::new()).into());
        let others = [
            Self::Missing,
            Self::Archived,
            Self::Method,
            Self::Body,
            Self::TooLong,
            Self::Malformed(Malformed::Syntax),
            Self::Malformed(Malformed::Version),
            Self::Malformed(Malformed::TooLarge),
            failed,
        ];
        signatures.into_iter().map(Self::Signature).chain(others)
    }

    pub(super) fn status(&self) -> StatusCode {
        self.words().0
    }

    /// Returns the code, as in the response and in metrics.
    pub(super) fn verdict(&self) -> &'static str {
        self.words().1
    }

    /// Returns the reason, for the log.
    fn reason(&self) -> &'static str {
        match self {
            Self::Signature(refusal) => refusal.reason(),
            other => other.words().2,
        }
    }

    /// Returns status, code and message of the response.
    fn words(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Signature(refusal) => (StatusCode::FORBIDDEN, refusal.code(), refusal.message()),
            Self::Missing => (StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
            Self::Archived => (
                StatusCode::FORBIDDEN,
                "InvalidObjectState",
                "The operation is not valid for the object's access tier.",
            ),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Only GET and HEAD are allowed."),
            Self::Body => (StatusCode::BAD_REQUEST, "InvalidRequest", "A request for bytes has no body."),
            Self::Malformed(malformed) => malformed.words(),
            Self::TooLong => (StatusCode::URI_TOO_LONG, "RequestURITooLong", "The URL is longer than 8192 bytes."),
            Self::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "Try again."),
        }
    }

    /// Returns what the code means, in Markdown, for the reference.
    fn meaning(&self) -> &'static str {
        match self {
            Self::Signature(Refusal::MissingKey) => {
                "The URL has no `Key-Pair-Id`, and the request no cookies: it is not signed."
            }
            Self::Signature(Refusal::InvalidKey) => "The signature names a key that this edge does not know.",
            Self::Signature(Refusal::MalformedSignature) => "The signature is not in CloudFront's base64.",
            Self::Signature(Refusal::MalformedPolicy) => "The policy is not in CloudFront's base64, or is no policy.",
            Self::Signature(Refusal::AccessDenied(_)) => {
                "The grant has expired or is not valid yet, the signature is not one for this URL, or the path is \
                 outside what the grant opens. Ask the API for a new URL."
            }
            Self::Missing => "The object does not exist, or was deleted.",
            Self::Archived => {
                "The object is in an archive of the bucket, as S3 says it. Ask the API for its state and for a thaw."
            }
            Self::Method => "The edge has `GET` and `HEAD` only.",
            Self::Body => "The request has a body.",
            Self::Malformed(Malformed::Syntax) => "The request is no HTTP, or two servers could read it differently.",
            Self::Malformed(Malformed::Version) => "The request is of another version than HTTP/1.0 or 1.1.",
            Self::Malformed(Malformed::TooLarge) => "The head of the request has more than 32 KiB or 64 lines.",
            Self::TooLong => "The URL has more than 8192 bytes.",
            Self::Failed(_) => "The store or the database does not answer, or a blob is damaged. Try again.",
        }
    }

    /// Logs the refusal: failures of the server as errors, denied signatures at info level as often
    /// as `refusal_log` allows, and all of them at debug level.
    pub(super) fn log(&self, id: &str, client: Option<IpAddr>, path: &str, status: StatusCode, started: Instant) {
        if matches!(self, Self::Signature(_)) {
            let (status, reason) = (status.as_u16(), self.reason());
            refusal_log::note(&Denied { door: "edge", id, client, path, status, reason });
        }
        match self {
            Self::Failed(error) => tracing::error!(id, path, error = error.detail(), "the edge can't read a blob"),
            other => tracing::debug!(
                door = "edge",
                id,
                client = client.map(tracing::field::display),
                path,
                status = status.as_u16(),
                duration_us = started.elapsed().as_micros(),
                verdict = other.verdict(),
                reason = other.reason(),
                "refused"
            ),
        }
    }

    /// Returns whether the connection must close, since the bytes that follow may not be a request.
    pub(super) fn closes_connection(&self) -> bool {
        matches!(self, Self::Body | Self::Malformed(_))
    }

    /// Writes the header fields and returns status and body.
    pub(super) fn respond(&self, method: &Method, fields: &mut impl Fields) -> (StatusCode, ResponseBody) {
        let (status, code, message) = self.words();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        fields.set(&header::CONTENT_TYPE, b"text/xml");
        fields.set(&header::CACHE_CONTROL, b"no-store");
        fields.set(&header::X_CONTENT_TYPE_OPTIONS, b"nosniff");
        fields.set(&header::CONTENT_SECURITY_POLICY, ACTIVE_CONTENT_POLICY.as_bytes());
        fields.set(&header::REFERRER_POLICY, b"no-referrer");
        fields.number(&header::CONTENT_LENGTH, text.len() as u64);
        match self {
            Self::Method => fields.set(&header::ALLOW, b"GET, HEAD, OPTIONS"),
            Self::Failed(_) => fields.set(&header::RETRY_AFTER, b"1"),
            _ => {}
        }
        (status, if *method == Method::HEAD { ResponseBody::Nothing } else { ResponseBody::Text(text.into()) })
    }
}

//! What S3 answers, as outcomes.

use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Error, Result};

/// An answer that makes no sense.
pub(super) fn unavailable(what: &'static str) -> Error {
    Error::Unavailable(io::Error::other(format!("S3 gave {what}")))
}

/// Turns what the client returns into an outcome.
pub(super) trait Trouble<T> {
    /// The outcome.
    fn or_trouble(self) -> Result<T>;
}

impl<T, E> Trouble<T> for std::result::Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn or_trouble(self) -> Result<T> {
        self.map_err(|error| match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let code = service.err().code().unwrap_or_default();
                outcome(status, code).unwrap_or_else(|| {
                    let said = format!("S3 answered {status}: {}", told(service.err()));
                    Error::Unavailable(io::Error::other(said))
                })
            }
            // No connection, no credentials, no answer in time, no answer that can be read.
            _ => Error::Unavailable(io::Error::other(told(&error))),
        })
    }
}

/// An error and what it came from, each said once.
pub(super) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = inner.source();
    }
    text
}

/// The outcome of a status and a code; `None` is trouble that may pass.
pub(super) fn outcome(status: u16, code: &str) -> Option<Error> {
    match (status, code) {
        (_, "NoSuchUpload") => Some(Error::NoSuchUpload),
        (_, "NoSuchBucket") => Some(Error::Refused("NoSuchBucket".into())),
        (_, "InvalidRange") | (416, _) => Some(Error::BadRange),
        (_, "PreconditionFailed") | (412, _) => Some(Error::AlreadyExists),
        (_, "NoSuchKey" | "NotFound") => Some(Error::NotFound),
        // Another request at the same moment, or a time limit: trying again helps.
        (_, "ConditionalRequestConflict" | "OperationAborted" | "RequestTimeout" | "SlowDown" | "InternalError") => {
            None
        }
        (404, _) => Some(Error::NotFound),
        (408 | 409 | 429, _) => None,
        // The wrong region, a feature that is not there: no repetition helps.
        (300..=399 | 400..=499 | 501, "") => Some(Error::Refused(status.to_string())),
        (300..=399 | 400..=499 | 501, code) => Some(Error::Refused(code.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_codes() {
        let said = |status, code| outcome(status, code).map_or("later".to_owned(), |error| error.to_string());
        assert_eq!(said(404, "NoSuchKey"), "no such key");
        assert_eq!(said(404, ""), "no such key");
        assert_eq!(said(404, "NoSuchBucket"), "the store refused: NoSuchBucket");
        assert_eq!(said(404, "NoSuchUpload"), "no such upload");
        assert_eq!(said(403, "AccessDenied"), "the store refused: AccessDenied");
        assert_eq!(said(403, "RequestTimeTooSkewed"), "the store refused: RequestTimeTooSkewed");
        assert_eq!(said(403, ""), "the store refused: 403");
        assert_eq!(said(301, "PermanentRedirect"), "the store refused: PermanentRedirect");
        assert_eq!(said(501, "NotImplemented"), "the store refused: NotImplemented");
        assert_eq!(said(412, "PreconditionFailed"), "the key exists already");
        for (status, code) in
            [(503, "SlowDown"), (500, "InternalError"), (409, "ConditionalRequestConflict"), (200, "InternalError")]
        {
            assert_eq!(said(status, code), "later", "{status} {code}");
        }
    }
}

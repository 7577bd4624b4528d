//! Maps errors of the AWS SDK and S3 error codes to the store's errors. Retries nothing; the SDK
//! does.

use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::ArchiveState;
use crate::error::{Error, Result};

/// Returns the error for an invalid response; `what` completes "S3 returned …".
pub(super) fn unavailable(what: &'static str) -> Error {
    Error::Unavailable(io::Error::other(format!("S3 returned {what}")))
}

/// Converts results of the SDK to results of the store.
pub(super) trait SdkResultExt<T> {
    /// Maps the error.
    fn or_store_error(self) -> Result<T>;
}

impl<T, E> SdkResultExt<T> for std::result::Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn or_store_error(self) -> Result<T> {
        self.map_err(|error| match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let code = service.err().code().unwrap_or_default();
                error_from_code(status, code).unwrap_or_else(|| {
                    let message = format!("S3 responded with {status}: {}", error_chain(service.err()));
                    Error::Unavailable(io::Error::other(message))
                })
            }
            // No connection, no credentials, no response in time, or an unreadable response.
            _ => Error::Unavailable(io::Error::other(error_chain(&error))),
        })
    }
}

/// Returns the messages of an error and its sources, without repetitions.
pub(super) fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let message = inner.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = inner.source();
    }
    text
}

/// Maps an HTTP status and an S3 error code to an error. Returns `None` for a temporary error.
pub(super) fn error_from_code(status: u16, code: &str) -> Option<Error> {
    match (status, code) {
        (_, "NoSuchUpload") => Some(Error::NoSuchUpload),
        (_, "NoSuchBucket") => Some(Error::Refused("NoSuchBucket".into())),
        (_, "InvalidRange") | (416, _) => Some(Error::BadRange),
        (_, "PreconditionFailed") | (412, _) => Some(Error::AlreadyExists),
        // The second one is the code of a copy.
        (_, "InvalidObjectState" | "ObjectNotInActiveTierError") => Some(Error::Archived(ArchiveState::Archived)),
        (_, "NoSuchKey" | "NotFound") => Some(Error::NotFound),
        // A concurrent request or a rate limit; a retry can succeed.
        (_, "ConditionalRequestConflict" | "OperationAborted" | "RequestTimeout" | "SlowDown" | "InternalError") => {
            None
        }
        (404, _) => Some(Error::NotFound),
        (408 | 409 | 429, _) => None,
        // A wrong region, missing rights or an unsupported feature; a retry does not help.
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
        let message =
            |status, code| error_from_code(status, code).map_or("later".to_owned(), |error| error.to_string());
        assert_eq!(message(404, "NoSuchKey"), "no such key");
        assert_eq!(message(404, ""), "no such key");
        assert_eq!(message(404, "NoSuchBucket"), "the store refused: NoSuchBucket");
        assert_eq!(message(404, "NoSuchUpload"), "no such upload");
        assert_eq!(message(403, "AccessDenied"), "the store refused: AccessDenied");
        assert_eq!(message(403, "RequestTimeTooSkewed"), "the store refused: RequestTimeTooSkewed");
        assert_eq!(message(403, "InvalidObjectState"), "the blob is archived");
        assert_eq!(message(403, "ObjectNotInActiveTierError"), "the blob is archived");
        assert_eq!(message(403, ""), "the store refused: 403");
        assert_eq!(message(301, "PermanentRedirect"), "the store refused: PermanentRedirect");
        assert_eq!(message(501, "NotImplemented"), "the store refused: NotImplemented");
        assert_eq!(message(412, "PreconditionFailed"), "the key exists already");
        for (status, code) in
            [(503, "SlowDown"), (500, "InternalError"), (409, "ConditionalRequestConflict"), (200, "InternalError")]
        {
            assert_eq!(message(status, code), "later", "{status} {code}");
        }
    }
}

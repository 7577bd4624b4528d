//! Converts values of S3 responses to the store's types. A value that S3 may omit is an error where
//! the store needs it. Sends no requests.

use std::time::SystemTime;

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::Object;

use super::error::unavailable;
use crate::Entry;
use crate::error::Result;

/// Converts an object of a listing.
pub(super) fn entry(object: &Object) -> Result<Entry> {
    Ok(Entry {
        key: object.key().unwrap_or_default().to_owned(),
        size: length(object.size())?,
        etag: etag(object.e_tag())?,
        last_modified: time(object.last_modified())?,
    })
}

/// Converts a length in bytes.
pub(super) fn length(given: Option<i64>) -> Result<u64> {
    given.and_then(|length| u64::try_from(length).ok()).ok_or_else(|| unavailable("a response without a length"))
}

/// Converts an ETag; removes its quotes.
pub(super) fn etag(given: Option<&str>) -> Result<String> {
    let etag = given.map(unquoted).filter(|etag| !etag.is_empty());
    etag.map(str::to_owned).ok_or_else(|| unavailable("a response without an ETag"))
}

/// Removes the quotes of an ETag.
pub(super) fn unquoted(etag: &str) -> &str {
    etag.trim_matches('"')
}

/// Converts a time.
pub(super) fn time(given: Option<&DateTime>) -> Result<SystemTime> {
    let time = given.and_then(|time| SystemTime::try_from(*time).ok());
    time.ok_or_else(|| unavailable("a response without a time"))
}

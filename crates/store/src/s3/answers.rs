//! What answers say, in the store's words: what S3 may leave out is an error where it is needed.

use std::time::SystemTime;

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::Object;

use super::error::unavailable;
use crate::Entry;
use crate::error::Result;

pub(super) fn entry(object: &Object) -> Result<Entry> {
    Ok(Entry {
        key: object.key().unwrap_or_default().to_owned(),
        size: length(object.size())?,
        etag: etag(object.e_tag())?,
        last_modified: time(object.last_modified())?,
    })
}

pub(super) fn length(given: Option<i64>) -> Result<u64> {
    given.and_then(|length| u64::try_from(length).ok()).ok_or_else(|| unavailable("an answer without a length"))
}

pub(super) fn etag(given: Option<&str>) -> Result<String> {
    let etag = given.map(unquoted).filter(|etag| !etag.is_empty());
    etag.map(str::to_owned).ok_or_else(|| unavailable("an answer without an ETag"))
}

pub(super) fn unquoted(etag: &str) -> &str {
    etag.trim_matches('"')
}

pub(super) fn time(given: Option<&DateTime>) -> Result<SystemTime> {
    let time = given.and_then(|time| SystemTime::try_from(*time).ok());
    time.ok_or_else(|| unavailable("an answer without a time"))
}

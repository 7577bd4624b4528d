//! The nouns and the pure rules: no I/O, no async, nothing that goes on the wire as it is.

pub mod access;
pub mod archive;
pub mod caller;
pub mod disposition;
pub mod event;
pub mod file;
pub mod ids;
pub mod key;
pub mod media;
pub mod network;
pub mod object;
pub mod owner;
pub mod package;
pub mod principal;
pub mod quota;
pub mod role;
pub mod rules;
pub mod s3_url;
pub mod space;
pub mod upload;

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::macros::format_description;

/// Microseconds since 1970, as every time is stored.
pub fn micros(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The time that was stored; what lies before 1970 is 1970.
pub fn from_micros(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// RFC 3339 in UTC with milliseconds.
pub fn rfc3339(at: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(from_micros(micros(at))).format(format).unwrap_or_default()
}

/// Whole seconds since 1970.
pub fn epoch_seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

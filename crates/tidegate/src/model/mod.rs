//! The domain types and the pure rules about them. No I/O, no async, no serialization: wire types
//! live beside their routes in `http/`, rows in `db/`.

pub mod access;
pub mod archive;
pub mod bulk;
pub mod caller;
pub mod disposition;
pub mod event;
pub mod file;
pub mod ids;
pub mod job_class;
pub mod key;
pub mod media;
pub mod network;
pub mod object;
pub mod owner;
pub mod package;
pub mod page;
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

/// Returns microseconds since the Unix epoch, as times are stored. A time before 1970 becomes 0.
pub fn micros(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Returns the time of a stored number of microseconds. A negative number becomes the Unix epoch.
pub fn from_micros(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Formats a time as RFC 3339 in UTC with milliseconds.
pub fn rfc3339(at: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(from_micros(micros(at))).format(format).unwrap_or_default()
}

/// Returns whole seconds since the Unix epoch.
pub fn epoch_seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

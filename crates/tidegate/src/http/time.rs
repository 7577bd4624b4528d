//! Times on the wire.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::model::{from_micros, micros};

/// RFC 3339 in UTC with milliseconds.
pub(super) fn rfc3339(at: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(from_micros(micros(at))).format(format).unwrap_or_default()
}

/// Reads RFC 3339 in any zone.
pub(super) fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

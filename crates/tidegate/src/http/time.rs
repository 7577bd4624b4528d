//! Times in requests and responses, as RFC 3339.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) use crate::model::rfc3339;

/// Parses an RFC 3339 time in any zone.
pub(super) fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

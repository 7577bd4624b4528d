//! The error codes of all doors, for the reference page that a test makes of them.

use super::edge::refusals;
use super::error::status_of;
use super::s3;
use crate::error::Code;

/// A row of the table of a door: code, status code, and meaning in Markdown.
pub type Row = (&'static str, u16, &'static str);

/// Returns the codes of the JSON API.
pub fn api() -> Vec<Row> {
    Code::ALL.iter().map(|code| (code.as_str(), status_of(*code).as_u16(), code.meaning())).collect()
}

/// Returns the codes of the edge, ordered by status code.
pub fn edge() -> Vec<Row> {
    let mut rows: Vec<Row> = refusals().collect();
    rows.sort_by_key(|(_, status, _)| *status);
    rows
}

/// Returns the codes of the S3 door.
pub fn s3() -> Vec<Row> {
    s3::CODES.iter().map(|code| (code.code, code.status, code.meaning)).collect()
}

//! Cursors of listings: opaque to clients, a time and an id to the server.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::db::Cursor;
use crate::error::{Result, bad_request};
use crate::model::ids::ObjectId;
use crate::model::page::Start;

/// The largest offset: more than any list has, and what numbers of JSON hold without loss.
const MAX_OFFSET: u64 = (1 << 53) - 1;

/// Parses where a page begins: after the cursor that the request gives in `name`, or at `offset`.
pub(super) fn parse_start<C>(
    (name, cursor): (&str, Option<&str>),
    offset: Option<&str>,
    parse: impl FnOnce(&str) -> Result<C>,
) -> Result<Start<C>> {
    match (cursor, offset) {
        (None, None) => Ok(Start::First),
        (Some(cursor), None) => parse(cursor).map(Start::After),
        (Some(_), Some(_)) => Err(bad_request(format!("give either {name} or offset"))),
        (None, Some(offset)) => {
            // A sign is not part of a number of items.
            let number = offset.bytes().all(|byte| byte.is_ascii_digit()).then(|| offset.parse().ok()).flatten();
            let number = number.filter(|number| *number <= MAX_OFFSET);
            number.map(Start::At).ok_or_else(|| bad_request(format!("offset must be from 0 to {MAX_OFFSET}")))
        }
    }
}

/// Encodes the position after which the next page begins.
pub(super) fn encode_cursor(last: Cursor) -> String {
    let mut bytes = last.created_at.to_be_bytes().to_vec();
    bytes.extend_from_slice(last.id.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a cursor. Cursors are not signed: a forged one only selects another position in a list
/// that the caller may see.
pub(super) fn parse_cursor(text: &str) -> Result<Cursor> {
    let read = || {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let created_at = i64::from_be_bytes(bytes[..8].try_into().ok()?);
        Some(Cursor { created_at, id: ObjectId(Uuid::from_slice(&bytes[8..]).ok()?) })
    };
    read().ok_or_else(|| bad_request("cursor is not one that a listing gave"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(cursor: Option<&str>, offset: Option<&str>) -> Result<Start<Cursor>> {
        parse_start(("cursor", cursor), offset, parse_cursor)
    }

    #[test]
    fn a_page_begins_after_a_cursor_or_at_an_offset() {
        assert_eq!(start(None, None).unwrap(), Start::First);
        assert_eq!(start(None, Some("0")).unwrap(), Start::At(0));
        assert_eq!(start(None, Some("999999")).unwrap(), Start::At(999_999));
        assert_eq!(start(None, Some("9007199254740991")).unwrap(), Start::At(MAX_OFFSET));
        let cursor = encode_cursor(Cursor::START);
        assert_eq!(start(Some(&cursor), None).unwrap(), Start::After(Cursor::START));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "-1", "+1", "1.5", "1e3", " 1", "x", "9007199254740992", "99999999999999999999999", "\u{661}"] {
            let message = start(None, Some(bad)).unwrap_err().to_string();
            assert_eq!(message, "offset must be from 0 to 9007199254740991", "{bad}");
        }
        let both = start(Some("x"), Some("1")).unwrap_err().to_string();
        assert_eq!(both, "give either cursor or offset");
    }
}

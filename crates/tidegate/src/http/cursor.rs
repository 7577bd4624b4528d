//! Cursors of listings: opaque to clients, a time and an id to the server.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::db::Cursor;
use crate::error::{Result, bad_request};
use crate::model::ids::ObjectId;

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

//! JSON request bodies: read within a size limit and a reservation of memory, checked for nesting, and parsed.

use axum::Extension;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::admission::{BodyMemory, length};
use crate::error::{Error, Result, bad_request};

/// The longest JSON body in bytes; enough for 10,000 parts with quoted ETags, pretty-printed.
const MAX_JSON: usize = 2 << 20;
/// The longest JSON body with a list of keys in bytes; enough for 100,000 keys.
const MAX_LONG_JSON: usize = 32 << 20;

/// The deepest nesting of a body. No request of the API is deeper than three.
const MAX_DEPTH: usize = 32;

/// Reads a JSON body.
///
/// # Errors
///
/// [`Error::BadRequest`] if it is missing or malformed, [`Error::TooLarge`] over the limit.
pub(super) async fn json<T: DeserializeOwned>(request: Request) -> Result<T> {
    optional_json(request).await?.ok_or_else(|| bad_request("a JSON body is needed"))
}

/// Reads a JSON body; `None` if the request has no body or `null`.
pub(super) async fn optional_json<T: DeserializeOwned>(request: Request) -> Result<Option<T>> {
    let Some(bytes) = read(request).await? else { return Ok(None) };
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        _ if bytes.trim_ascii() == b"null" => return Ok(None),
        _ => return Err(bad_request("the body must be a JSON object")),
    }
    parse(&bytes).map(Some)
}

/// One JSON object, or an array of them.
pub(super) enum Batch<T> {
    /// An object.
    One(T),
    /// An array.
    Many(Vec<T>),
}

/// Reads a JSON body that is an object or an array of objects.
///
/// # Errors
///
/// As [`json`].
pub(super) async fn json_batch<T: DeserializeOwned>(request: Request) -> Result<Batch<T>> {
    let bytes = read(request).await?.ok_or_else(|| bad_request("a JSON body is needed"))?;
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => parse(&bytes).map(Batch::One),
        Some(b'[') => {
            let all: Vec<Value> = parse(&bytes)?;
            if !all.iter().all(Value::is_object) {
                return Err(bad_request("the body must be an array of JSON objects"));
            }
            let read = |one| serde_json::from_value(one).map_err(|error| bad_request(describe_error(&error)));
            all.into_iter().map(read).collect::<Result<_>>().map(Batch::Many)
        }
        _ => Err(bad_request("the body must be a JSON object, or an array of them")),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| bad_request(describe_error(&error)))
}

/// Reads the bytes of a JSON body; `None` if there is none.
async fn read(request: Request) -> Result<Option<Bytes>> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.map(|text| text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase());
    let is_json = essence.as_deref() == Some("application/json");
    let BodyLimit(most) = request.extensions().get().copied().unwrap_or(BodyLimit(MAX_JSON));
    if length(&request).is_some_and(|length| length > most as u64) {
        return Err(Error::TooLarge(format!("the body is longer than {most} bytes").into()));
    }
    BodyMemory::of(&request).hold(most)?;
    let bytes = to_bytes(request.into_body(), most)
        .await
        .map_err(|_| Error::TooLarge("the body is too long, or broke off".into()))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json {
        return Err(bad_request("send the body with content-type: application/json"));
    }
    if is_deep(&bytes) {
        return Err(bad_request(format!("the body is nested more than {MAX_DEPTH} levels deep")));
    }
    Ok(Some(bytes))
}

/// Returns the parser's message in terms of JSON rather than of Rust types.
pub(super) fn describe_error(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    for (ours, theirs) in
        [("u64", "a whole number"), ("u32", "a whole number"), ("a sequence", "an array"), ("a map", "an object")]
    {
        message = message.replace(&format!("expected {ours}"), &format!("expected {theirs}"));
    }
    format!("the body is not as expected: {message}")
}

/// The longest body in bytes that a route reads as JSON, as an extension of its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimit(pub(super) usize);

/// Returns the body limit of routes that take lists of keys.
pub(super) fn long_body_limit() -> Extension<BodyLimit> {
    Extension(BodyLimit(MAX_LONG_JSON))
}

/// Returns the body limit of all other JSON routes.
pub(super) fn body_limit() -> Extension<BodyLimit> {
    Extension(BodyLimit(MAX_JSON))
}

/// Returns whether arrays and objects are nested beyond [`MAX_DEPTH`]. The parser has no limit for
/// values that it skips.
fn is_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_text() {
        let nested = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count)).into_bytes();
        assert!(!is_deep(&nested(MAX_DEPTH)) && is_deep(&nested(MAX_DEPTH + 1)));
        assert!(!is_deep(format!("\"{}\"", "[".repeat(100)).as_bytes()));
        assert!(!is_deep(format!("\"\\\"{}\"", "{".repeat(100)).as_bytes()));
        assert!(is_deep(format!("{{\"a\\\\\":{}", "[".repeat(100)).as_bytes()));
        assert!(!is_deep("[],".repeat(1000).as_bytes()));
    }
}

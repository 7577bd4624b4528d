//! Answers as the gateway expects them: a JSON document in the payload format of the request, with
//! the body as text or in base64. A body that is streamed goes through `runtime.rs`.

use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::Stream;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use serde_json::{Map, Value, json};

/// The longest document that Lambda takes as an answer, in bytes (Lambda quotas: 6 MB).
pub const MAX_DOCUMENT: usize = 6_291_556;

/// The body of an answer that is streamed.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Interrupted>> + Send>>;

/// A body that ended before it was whole. Names no cause, since what is streamed goes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted;

/// The payload format of an HTTP event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// 1.0: REST APIs, and HTTP APIs that ask for it.
    One,
    /// 2.0: HTTP APIs and function URLs.
    Two,
}

/// An answer does not fit in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Headers that the gateway writes itself. `Content-Length` stays on answers without a body, where it
/// says how long the body of a GET would be, and on those that are streamed, where it tells a client
/// that the body was interrupted.
const DROPPED: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, HeaderName::from_static("keep-alive")];

/// Returns the document of an answer.
///
/// # Errors
///
/// [`TooLarge`] if it is longer than [`MAX_DOCUMENT`].
pub fn document(payload: Payload, response: Response<Bytes>) -> Result<Value, TooLarge> {
    let (mut parts, body) = response.into_parts();
    let encoded = encode(&parts.headers, &body);
    if !encoded.fits(&parts.headers, &body, 0) {
        return Err(TooLarge);
    }
    strip(&mut parts.headers);
    if !body.is_empty() {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let (text, is_base64) = match encoded {
        Body::Text(text) => (text, false),
        Body::Base64 => (STANDARD.encode(&body), true),
    };
    let mut document = Map::new();
    document.insert("statusCode".into(), json!(parts.status.as_u16()));
    document.insert("body".into(), Value::String(text));
    document.insert("isBase64Encoded".into(), Value::Bool(is_base64));
    match payload {
        Payload::One => {
            document.insert("multiValueHeaders".into(), lines(&parts.headers));
        }
        Payload::Two => {
            let cookies: Vec<Value> = parts.headers.get_all(header::SET_COOKIE).iter().map(text_of).collect();
            parts.headers.remove(header::SET_COOKIE);
            document.insert("headers".into(), joined(&parts.headers));
            document.insert("cookies".into(), Value::Array(cookies));
        }
    }
    Ok(Value::Object(document))
}

/// Returns whether an answer fits in a document, with `more` bytes of further headers.
pub fn fits(headers: &HeaderMap, body: &Bytes, more: usize) -> bool {
    encode(headers, body).fits(headers, body, more)
}

/// Returns what precedes the body of a streamed answer: status, headers and cookies.
pub(crate) fn prelude(mut parts: Parts) -> Value {
    strip(&mut parts.headers);
    let cookies: Vec<Value> = parts.headers.get_all(header::SET_COOKIE).iter().map(text_of).collect();
    parts.headers.remove(header::SET_COOKIE);
    // Otherwise Lambda says that it is JSON.
    parts.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/octet-stream"));
    json!({ "statusCode": parts.status.as_u16(), "headers": joined(&parts.headers), "cookies": cookies })
}

/// Removes what the gateway writes itself.
fn strip(headers: &mut HeaderMap) {
    for name in DROPPED {
        headers.remove(name);
    }
}

enum Body {
    Text(String),
    Base64,
}

impl Body {
    /// Returns whether a document holds the body, `headers`, and `more` bytes.
    fn fits(&self, headers: &HeaderMap, body: &Bytes, more: usize) -> bool {
        // Escapes lengthen a text, so it is measured as it is written.
        let length = match self {
            Self::Text(text) => serde_json::to_string(text).map_or(usize::MAX, |text| text.len()),
            Self::Base64 => body.len().div_ceil(3) * 4,
        };
        let head: usize = headers.iter().map(|(name, value)| name.as_str().len() + 2 * value.len() + 8).sum();
        length.saturating_add(head + more + 512) <= MAX_DOCUMENT
    }
}

/// Decides whether a body goes as text: only a type of text, in UTF-8 and without a coding.
fn encode(headers: &HeaderMap, body: &Bytes) -> Body {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&kind.as_str())
        || ["+json", "+xml"].iter().any(|end| kind.ends_with(end))
        || body.is_empty();
    match std::str::from_utf8(body) {
        Ok(text) if is_text && !headers.contains_key(header::CONTENT_ENCODING) => Body::Text(text.to_owned()),
        _ => Body::Base64,
    }
}

fn text_of(value: &HeaderValue) -> Value {
    Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Returns each header with all of its lines.
fn lines(headers: &HeaderMap) -> Value {
    let each = |name: &HeaderName| Value::Array(headers.get_all(name).iter().map(text_of).collect());
    Value::Object(headers.keys().map(|name| (name.as_str().to_owned(), each(name))).collect())
}

/// Returns each header as one line (RFC 9110, section 5.3).
fn joined(headers: &HeaderMap) -> Value {
    let each = |name: &HeaderName| {
        let lines: Vec<_> = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        Value::String(lines.join(", "))
    };
    Value::Object(headers.keys().map(|name| (name.as_str().to_owned(), each(name))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)], body: &'static [u8]) -> Response<Bytes> {
        let builder = headers
            .iter()
            .fold(Response::builder().status(206), |builder, (name, value)| builder.header(*name, *value));
        builder.body(Bytes::from_static(body)).unwrap()
    }

    #[test]
    fn both_formats_carry_repeated_headers_and_cookies() {
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("vary", "origin"),
            ("vary", "accept"),
            ("set-cookie", "a=1; Path=/"),
            ("set-cookie", "b=2"),
            ("connection", "close"),
            ("content-length", "2"),
        ];
        let one = document(Payload::One, response(&headers, b"{}")).unwrap();
        assert_eq!(one["multiValueHeaders"]["vary"], json!(["origin", "accept"]));
        assert_eq!(one["multiValueHeaders"]["set-cookie"], json!(["a=1; Path=/", "b=2"]));
        assert_eq!((one["statusCode"].clone(), one["isBase64Encoded"].clone()), (json!(206), json!(false)));
        assert!(one.get("headers").is_none() && one.get("cookies").is_none());
        let two = document(Payload::Two, response(&headers, b"{}")).unwrap();
        assert_eq!(
            two["headers"],
            json!({"content-type": "application/json; charset=utf-8", "vary": "origin, accept"})
        );
        assert_eq!(two["cookies"], json!(["a=1; Path=/", "b=2"]));
        assert_eq!(two["body"], "{}");
    }

    #[test]
    fn what_is_no_text_goes_in_base64() {
        for (headers, body, expected) in [
            (&[("content-type", "image/png")][..], &b"\x89PNG"[..], json!("iVBORw==")),
            (&[("content-type", "text/html"), ("content-encoding", "gzip")], b"abc", json!("YWJj")),
            (&[("content-type", "text/plain")], b"\xff", json!("/w==")),
            (&[], b"abc", json!("YWJj")),
            (&[("content-type", "application/octet-stream")], b"abc", json!("YWJj")),
        ] {
            let answer = document(Payload::Two, response(headers, body)).unwrap();
            assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&expected, &json!(true)), "{headers:?}");
        }
        for kind in ["text/plain", "application/problem+json", "image/svg+xml", "application/javascript"] {
            let answer = document(Payload::Two, response(&[("content-type", kind)], b"abc")).unwrap();
            assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&json!("abc"), &json!(false)), "{kind}");
        }
        let head = document(Payload::Two, response(&[("content-length", "7340032")], b"")).unwrap();
        assert_eq!(head["headers"]["content-length"], "7340032", "HEAD says how long the body would be");
    }

    #[test]
    fn an_answer_that_lambda_would_refuse_is_refused_here() {
        let of = |kind: &'static str, byte: u8, length: usize| {
            let body = Bytes::from(vec![byte; length]);
            document(Payload::Two, Response::builder().header("content-type", kind).body(body).unwrap())
        };
        assert!(of("image/png", 0, 4_700_000).is_ok());
        assert_eq!(of("image/png", 0, 4_720_000), Err(TooLarge), "a third longer in base64");
        assert!(of("text/plain", b'a', 6_290_000).is_ok());
        assert_eq!(of("text/plain", b'"', 6_290_000), Err(TooLarge), "twice as long when it is escaped");
        let longest = of("text/plain", b'a', 6_290_900).unwrap();
        assert!(serde_json::to_vec(&longest).unwrap().len() <= MAX_DOCUMENT);
    }
}

//! A streaming parser for JSON bodies with base64 content. Strings of one member name are decoded
//! as they arrive and never held as a whole; the rest of the body is small, and parsed as ordinary
//! JSON.

use std::collections::VecDeque;

use axum::body::{Body, BodyDataStream, Bytes};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use futures::{StreamExt as _, stream};
use serde::de::DeserializeOwned;
use store::ByteStream;
use tokio::sync::oneshot;

use crate::error::{Error, Result, bad_request};

/// The deepest nesting of a body.
const MAX_DEPTH: usize = 32;
/// The most encoded bytes collected from very small chunks before they are decoded.
const MAX_CARRY: usize = 4096;
/// The longest member name that is compared.
const MAX_NAME: usize = 32;
/// Standard base64, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An event of the parser.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An embedded value begins.
    Begin(Before),
    /// Decoded bytes of the value.
    Bytes(Bytes),
    /// The value ends.
    End,
}

/// What stands before an embedded value. The scanner may be far beyond it: a chunk is scanned as a
/// whole, and can end within a string or a number that follows the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    /// The length of the body up to the value's quotation mark, without earlier embedded values.
    length: usize,
    /// The open `{` and `[`.
    open: Vec<u8>,
}

impl Before {
    /// Returns the nesting depth of the value; 1 is directly in the top-level object.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }
}

/// The state of the scanner.
#[derive(Debug)]
enum State {
    /// Outside of strings.
    Between,
    /// In an ordinary string; `true` right after a backslash.
    Text(bool),
    /// After a string that may be a member name.
    AfterText,
    /// After the colon that follows the name of an embedded value.
    BeforeValue,
    /// In an embedded value; `Some` holds the escape sequence that was begun.
    Value(Option<Vec<u8>>),
}

/// Reads a body and yields its embedded values.
pub(super) struct EmbeddedReader {
    body: BodyDataStream,
    name: &'static str,
    /// The most bytes of the body besides its embedded values.
    max_rest: usize,
    scanner: Scanner,
    events: VecDeque<Event>,
}

impl EmbeddedReader {
    /// Creates a reader that treats string members of this name as embedded content, and takes at
    /// most `max_rest` bytes besides.
    pub(super) fn new(body: Body, name: &'static str, max_rest: usize) -> Self {
        Self { body: body.into_data_stream(), name, max_rest, scanner: Scanner::new(), events: VecDeque::new() }
    }

    /// Returns the next event; `None` at the end of the body.
    pub(super) async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let chunk = match self.body.next().await {
                Some(chunk) => chunk.map_err(|_| bad_request("the body ended early"))?,
                None => return Ok(None),
            };
            self.scanner.push(&chunk, self.name, &mut self.events)?;
            if self.scanner.rest.len() > self.max_rest {
                let message = format!("the body is longer than {} KiB besides what it embeds", self.max_rest >> 10);
                return Err(Error::TooLarge(message.into()));
            }
        }
    }

    /// Parses what stands before an embedded value, with that value as an empty string; `None` if
    /// that is not a valid `T`.
    pub(super) fn partial<T: DeserializeOwned>(&self, before: &Before) -> Option<T> {
        self.scanner.partial(before)
    }

    /// Parses the body, with every embedded value replaced by an empty string. Valid only at the
    /// end of the body.
    pub(super) fn rest<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.scanner.rest)
            .map_err(|error| bad_request(super::super::json::describe_error(&error)))
    }

    /// Returns the bytes of the current value as a stream. The receiver returns the reader once the
    /// stream was read to its end.
    pub(super) fn value_stream(self) -> (ByteStream, oneshot::Receiver<Self>) {
        let (give, back) = oneshot::channel();
        let bytes = stream::unfold(Some((self, give)), |state| async {
            let (mut reader, give) = state?;
            match reader.next().await {
                Ok(Some(Event::Bytes(bytes))) => Some((Ok(bytes), Some((reader, give)))),
                Ok(Some(Event::End)) => {
                    // The receiver is gone if the request has failed.
                    let _ = give.send(reader);
                    None
                }
                Ok(_) => Some((Err(std::io::Error::other("the body ended early")), None)),
                Err(error) => Some((Err(std::io::Error::other(BodyError(error))), None)),
            }
        });
        (Box::pin(bytes), back)
    }
}

/// An [`Error`] passed through a byte stream.
#[derive(Debug)]
pub(super) struct BodyError(pub(super) Error);

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for BodyError {}

/// The scanner over the bytes of a body.
struct Scanner {
    state: State,
    /// The body without its embedded values.
    rest: Vec<u8>,
    /// The last string, which may be a member name.
    text: Vec<u8>,
    /// The open `{` and `[`.
    open: Vec<u8>,
    /// Encoded bytes not yet decoded: the last of them may be followed by padding.
    carry: Vec<u8>,
}

impl Scanner {
    fn new() -> Self {
        Self { state: State::Between, rest: Vec::new(), text: Vec::new(), open: Vec::new(), carry: Vec::new() }
    }

    /// Parses what stands before an embedded value, as [`EmbeddedReader::partial`] does.
    fn partial<T: DeserializeOwned>(&self, before: &Before) -> Option<T> {
        let mut text = self.rest.get(..before.length)?.to_vec();
        text.push(b'"');
        text.extend(before.open.iter().rev().map(|open| if *open == b'{' { b'}' } else { b']' }));
        serde_json::from_slice(&text).ok()
    }

    /// Scans the next chunk of the body.
    fn push(&mut self, chunk: &[u8], name: &str, events: &mut VecDeque<Event>) -> Result<()> {
        let mut at = 0;
        while at < chunk.len() {
            if let State::Value(None) = self.state {
                let plain = memchr::memchr2(b'"', b'\\', &chunk[at..]).unwrap_or(chunk.len() - at);
                self.decode_most(&chunk[at..at + plain], events)?;
                at += plain;
                match chunk.get(at) {
                    None => break,
                    Some(b'\\') => self.state = State::Value(Some(Vec::new())),
                    Some(_) => {
                        self.decode_rest(events)?;
                        events.push_back(Event::End);
                        self.rest.push(b'"');
                        self.state = State::Between;
                    }
                }
            } else {
                self.step(chunk[at], name, events)?;
            }
            at += 1;
        }
        Ok(())
    }

    /// Scans one byte outside of a run of base64.
    fn step(&mut self, byte: u8, name: &str, events: &mut VecDeque<Event>) -> Result<()> {
        if let State::Value(Some(escaped)) = &mut self.state {
            escaped.push(byte);
            if let Some(byte) = unescaped(escaped)? {
                self.carry.push(byte);
                self.state = State::Value(None);
            }
            return Ok(());
        }
        self.rest.push(byte);
        match (&self.state, byte) {
            (State::Text(true), _) => self.state = State::Text(false),
            (State::Text(false), b'\\') => self.state = State::Text(true),
            (State::Text(false), b'"') => self.state = State::AfterText,
            (State::Text(false), _) if self.text.len() < MAX_NAME => self.text.push(byte),
            (State::AfterText | State::BeforeValue, b' ' | b'\t' | b'\r' | b'\n') | (State::Text(_), _) => {}
            (State::AfterText, b':') if self.text == name.as_bytes() => self.state = State::BeforeValue,
            (State::BeforeValue, b'"') => {
                self.state = State::Value(None);
                events.push_back(Event::Begin(Before { length: self.rest.len(), open: self.open.clone() }));
            }
            (_, b'"') => {
                self.text.clear();
                self.state = State::Text(false);
            }
            (_, b'{' | b'[') => {
                self.open.push(byte);
                self.state = State::Between;
                if self.open.len() > MAX_DEPTH {
                    return Err(bad_request(format!("the body is nested more than {MAX_DEPTH} levels deep")));
                }
            }
            (_, b'}' | b']') => {
                self.open.pop();
                self.state = State::Between;
            }
            _ => self.state = State::Between,
        }
        Ok(())
    }

    /// Decodes all but the last few bytes, which padding may follow, directly from the chunk.
    fn decode_most(&mut self, encoded: &[u8], events: &mut VecDeque<Event>) -> Result<()> {
        let odd = self.carry.len().next_multiple_of(4) - self.carry.len();
        if encoded.len() < odd + 8 {
            self.carry.extend_from_slice(encoded);
            return if self.carry.len() > MAX_CARRY { self.decode_carry(events) } else { Ok(()) };
        }
        let (begin, rest) = encoded.split_at(odd);
        self.carry.extend_from_slice(begin);
        let (ready, rest) = rest.split_at((rest.len() - 4) / 4 * 4);
        if self.carry.contains(&b'=') || memchr::memchr(b'=', ready).is_some() {
            return Err(not_base64());
        }
        let mut bytes = Vec::with_capacity((self.carry.len() + ready.len()) / 4 * 3);
        BASE64.decode_vec(&self.carry, &mut bytes).map_err(|_| not_base64())?;
        BASE64.decode_vec(ready, &mut bytes).map_err(|_| not_base64())?;
        self.carry.clear();
        self.carry.extend_from_slice(rest);
        events.push_back(Event::Bytes(bytes.into()));
        Ok(())
    }

    /// Decodes the collected bytes, which came in very small chunks or with escapes between them.
    fn decode_carry(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        let ready = (self.carry.len() - 4) / 4 * 4;
        if memchr::memchr(b'=', &self.carry[..ready]).is_some() {
            return Err(not_base64());
        }
        let bytes = BASE64.decode(&self.carry[..ready]).map_err(|_| not_base64())?;
        self.carry.drain(..ready);
        events.push_back(Event::Bytes(bytes.into()));
        Ok(())
    }

    /// Decodes the remaining bytes at the end of a value.
    fn decode_rest(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        let bytes = BASE64.decode(&self.carry).map_err(|_| not_base64())?;
        self.carry.clear();
        if !bytes.is_empty() {
            events.push_back(Event::Bytes(bytes.into()));
        }
        Ok(())
    }
}

fn not_base64() -> Error {
    bad_request("what is embedded is not base64")
}

/// Returns the character of an escape sequence; `None` while it is incomplete. Only characters of
/// base64 are valid.
fn unescaped(escaped: &[u8]) -> Result<Option<u8>> {
    match escaped {
        [b'/'] => Ok(Some(b'/')),
        [b'u', digits @ ..] if digits.len() < 4 => Ok(None),
        [b'u', digits @ ..] => {
            let text = std::str::from_utf8(digits).map_err(|_| not_base64())?;
            let code = u32::from_str_radix(text, 16).map_err(|_| not_base64())?;
            u8::try_from(code).ok().filter(u8::is_ascii_graphic).map(Some).ok_or_else(not_base64)
        }
        _ => Err(not_base64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD as PLAIN;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Returns the embedded values and the rest of a body that arrives in chunks.
    fn read(body: &[u8], piece: usize) -> Result<(Vec<Vec<u8>>, Value)> {
        let (mut scanner, mut events) = (Scanner::new(), VecDeque::new());
        for piece in body.chunks(piece.max(1)) {
            scanner.push(piece, "data", &mut events)?;
        }
        let mut values: Vec<Vec<u8>> = Vec::new();
        for event in events {
            match event {
                Event::Begin(_) => values.push(Vec::new()),
                Event::Bytes(bytes) => values.last_mut().unwrap().extend_from_slice(&bytes),
                Event::End => {}
            }
        }
        let rest = serde_json::from_slice(&scanner.rest).map_err(|error| bad_request(error.to_string()))?;
        Ok((values, rest))
    }

    proptest! {
        #[test]
        fn whatever_is_embedded_comes_out_and_the_rest_is_what_it_was(
            values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..4),
            name in "\\PC{0,8}", piece in 1usize..40, padded: bool, slashes: bool,
        ) {
            let encoded = |bytes: &Vec<u8>| {
                let text = PLAIN.encode(bytes);
                if padded { text } else { text.trim_end_matches('=').to_owned() }
            };
            let parts: Vec<Value> = values.iter().map(|bytes| json!({"n": name, "data": encoded(bytes), "x": "data"})).collect();
            let mut text = json!({"a": name, "parts": parts, "data2": "AAAA"}).to_string();
            if slashes {
                text = text.replace('/', "\\/");
            }
            let (got, rest) = read(text.as_bytes(), piece).unwrap();
            prop_assert_eq!(&got, &values);
            let mut expected: Value = serde_json::from_str(&text).unwrap();
            for part in expected["parts"].as_array_mut().unwrap() {
                part["data"] = json!("");
            }
            prop_assert_eq!(rest, expected);
        }

        #[test]
        fn what_stands_before_a_value_is_known_by_it_alone(piece in 1usize..200) {
            let text = json!({"a": "first", "parts": [{"data": "AAAA"}, {"data": "AAAA"}], "z": 123_456}).to_string();
            let (mut scanner, mut events) = (Scanner::new(), VecDeque::new());
            let mut seen: Vec<(Value, usize)> = Vec::new();
            for piece in text.as_bytes().chunks(piece) {
                scanner.push(piece, "data", &mut events).unwrap();
                for event in events.drain(..) {
                    if let Event::Begin(before) = event {
                        seen.push((scanner.partial(&before).unwrap(), before.depth()));
                    }
                }
            }
            let expected = [
                (json!({"a": "first", "parts": [{"data": ""}]}), 3),
                (json!({"a": "first", "parts": [{"data": ""}, {"data": ""}]}), 3),
            ];
            prop_assert_eq!(seen, expected);
        }

        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..100), text in "[{}\\[\\]\":,\\\\u0/data=]{0,60}", piece in 1usize..9) {
            let _ = read(&body, piece);
            let _ = read(text.as_bytes(), piece);
        }
    }

    #[test]
    fn little_lies_in_memory_however_it_comes() {
        let text = format!("{{\"data\":\"{}\"}}", "\\/AAA".repeat(20_000));
        for piece in [1, 7, 100_000] {
            let (mut scanner, mut events) = (Scanner::new(), VecDeque::new());
            for piece in text.as_bytes().chunks(piece) {
                scanner.push(piece, "data", &mut events).unwrap();
                assert!(scanner.carry.len() <= MAX_CARRY + 16, "{}", scanner.carry.len());
            }
            assert_eq!(read(text.as_bytes(), piece).unwrap().0[0].len(), 60_000);
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for bad in ["A", "AA=A", "AA==AA==", "A A=", "A\\nAA", "AAA\\u00e9", "AAAA-_", "=", "\\\"AAA"] {
            assert!(read(format!("{{\"data\":\"{bad}\"}}").as_bytes(), 3).is_err(), "{bad:?}");
        }
        for (good, bytes) in [
            ("", &b""[..]),
            ("AAA=", &[0, 0]),
            ("AAA", &[0, 0]),
            ("A\\u0041A\\u003D", &[0, 0]),
            ("\\/\\/\\/\\/", &[255; 3]),
        ] {
            assert_eq!(read(format!("{{\"data\" : \"{good}\"}}").as_bytes(), 2).unwrap().0, [bytes], "{good:?}");
        }
        // Not embedded: a value that is no string, a name used as a value, a name written with an
        // escape.
        for plain in ["{\"data\":7}", "{\"x\":\"data\",\"y\":\"!\"}", "{\"d\\u0061ta\":\"!\"}", "[\"data\",\"!\"]"] {
            assert_eq!(read(plain.as_bytes(), 1).unwrap().0.len(), 0, "{plain}");
        }
    }
}

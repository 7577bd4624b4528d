//! Request heads, parsed from the bytes of a connection. Strict where two parsers could disagree,
//! which request smuggling exploits: lines end in CRLF, lines are not folded, and one rule says
//! where the body ends. All doors read heads by it.

use std::mem::MaybeUninit;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// The most header lines of a request.
pub(crate) const MAX_HEADERS: usize = 64;
/// The longest head in bytes: a URL of 8 KiB, cookies with their policies, and the rest.
pub(crate) const MAX_HEAD: usize = 32 << 10;

/// The headers that are kept; others are only checked for their form.
const KNOWN: [HeaderName; 15] = [
    header::HOST,
    header::COOKIE,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::ORIGIN,
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::ACCESS_CONTROL_REQUEST_HEADERS,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-request-id"),
];

/// A request head as it was sent, neither decoded nor normalised.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) method: Method,
    /// The path; begins with `/`, unless it is `*`.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    /// The whole request target.
    pub(super) target: &'a str,
    pub(super) headers: HeaderMap,
    /// Whether the connection may be kept alive after the response.
    pub(super) keep_alive: bool,
    /// Whether the client speaks HTTP/1.0, which needs an explicit `keep-alive`.
    pub(super) is_http_10: bool,
}

/// How the end of a request's body is found (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// A body of this many bytes; 0 if there is none.
    Length(u64),
    /// A chunked body.
    Chunked,
}

/// Which bytes a request target may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Targets {
    /// Visible ASCII, as in URLs that were signed.
    Ascii,
    /// UTF-8 besides, which clients such as curl send as it was typed.
    Utf8,
}

/// Why bytes are not a valid request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Not a request, or an ambiguous one.
    Syntax,
    /// Another version than HTTP/1.0 and 1.1.
    Version,
    /// Too many header lines, or too long a head.
    TooLarge,
}

impl Malformed {
    /// Returns status, code and message of the response.
    pub(super) fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Syntax => {
                (StatusCode::BAD_REQUEST, "InvalidRequest", "This is no HTTP request, or an ambiguous one.")
            }
            Self::Version => {
                (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "HttpVersionNotSupported", "Only HTTP/1.1 and 1.0 are spoken.")
            }
            Self::TooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "RequestHeaderSectionTooLarge",
                "At most 64 header lines and 32 KiB are read.",
            ),
        }
    }
}

/// Returns the length of a head including its final empty line; `None` if that has not arrived. The
/// first `seen` bytes were searched before.
pub(super) fn find_end(bytes: &[u8], seen: usize) -> Result<Option<usize>, Malformed> {
    for at in memchr::memchr_iter(b'\n', &bytes[seen..]).map(|at| at + seen) {
        // Some parsers accept a lone LF as a line end and others do not.
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(Malformed::Syntax);
        }
        if at >= 3 && &bytes[at - 3..at - 1] == b"\r\n" {
            return Ok(Some(at + 1));
        }
    }
    if bytes.len() >= MAX_HEAD { Err(Malformed::TooLarge) } else { Ok(None) }
}

impl<'a> Head<'a> {
    /// Parses a complete head.
    pub(super) fn parse(bytes: &'a [u8], targets: Targets) -> Result<Self, Malformed> {
        let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut []);
        match httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut request, bytes, &mut lines) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Malformed::Syntax),
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooLarge),
            Err(httparse::Error::Version) if names_a_version(bytes) => return Err(Malformed::Version),
            Err(_) => return Err(Malformed::Syntax),
        }
        let is_http_10 = request.version == Some(0);
        let mut headers = HeaderMap::with_capacity(6);
        let (mut close, mut stay) = (false, !is_http_10);
        for line in request.headers.iter() {
            let is = |name: &HeaderName| line.name.eq_ignore_ascii_case(name.as_str());
            if let Some(known) = KNOWN.iter().find(|known| is(known)) {
                headers.append(known, HeaderValue::from_bytes(line.value).map_err(|_| Malformed::Syntax)?);
            } else if is(&header::CONNECTION) {
                close |= contains_option(line.value, "close");
                stay |= contains_option(line.value, "keep-alive");
            }
        }
        // Exactly one `Host`, which HTTP/1.0 may omit (RFC 9112, section 3.2).
        let hosts = headers.get_all(header::HOST).iter().count();
        if hosts > 1 || (hosts == 0 && !is_http_10) {
            return Err(Malformed::Syntax);
        }
        let method = request.method.unwrap_or_default();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Malformed::Syntax)?;
        let target = request.path.filter(|target| is_plain(target, targets));
        let target = target.ok_or(Malformed::Syntax)?;
        let (authority, local) = split_target(target).ok_or(Malformed::Syntax)?;
        let (path, query) = local.split_once('?').map_or((local, None), |(path, query)| (path, Some(query)));
        // An absolute-form target must name the same host as the field that is checked (RFC 9112,
        // section 3.2.2).
        let host = headers.get(header::HOST).map_or(&b""[..], HeaderValue::as_bytes);
        if authority.is_some_and(|named| !named.as_bytes().eq_ignore_ascii_case(host)) {
            return Err(Malformed::Syntax);
        }
        Ok(Self { method, path, query, target, headers, keep_alive: stay && !close, is_http_10 })
    }

    /// Returns whether a request announces a body, which none at the edge has. It may be an attempt
    /// to smuggle a request past a proxy that measures the body differently.
    pub(super) fn has_body(&self) -> bool {
        self.headers.contains_key(header::TRANSFER_ENCODING)
            || self.headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0")
    }

    /// Returns how the body's end is found. A request that another parser could frame differently
    /// is malformed: one with both fields, with a field twice, or with another coding.
    pub(super) fn framing(&self) -> Result<Framing, Malformed> {
        let mut codings = self.headers.get_all(header::TRANSFER_ENCODING).iter();
        let mut lengths = self.headers.get_all(header::CONTENT_LENGTH).iter();
        match ((codings.next(), codings.next()), (lengths.next(), lengths.next())) {
            ((None, _), (None, _)) => Ok(Framing::Length(0)),
            ((None, _), (Some(length), None)) => parse_length(length.as_bytes()).map(Framing::Length),
            ((Some(coding), None), (None, _))
                if coding.as_bytes().eq_ignore_ascii_case(b"chunked") && !self.is_http_10 =>
            {
                Ok(Framing::Chunked)
            }
            _ => Err(Malformed::Syntax),
        }
    }
}

/// Parses the value of `Content-Length`: digits only, where other parsers take signs and lists.
fn parse_length(value: &[u8]) -> Result<u64, Malformed> {
    let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(Malformed::Syntax)
}

/// Returns whether a request line ends in another version of HTTP.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let other = |version: &[u8]| !matches!(version, b"1.0" | b"1.1") && version.iter().all(u8::is_ascii_graphic);
    line.iter().filter(|byte| **byte == b' ').count() == 2 && last.strip_prefix(b"HTTP/").is_some_and(other)
}

/// Returns whether a target consists of allowed bytes and has no fragment. Has no early exit, so
/// that the compiler can check many bytes per step.
fn is_plain(target: &str, targets: Targets) -> bool {
    let utf8 = targets == Targets::Utf8;
    let allowed = |byte: u8| (byte.is_ascii_graphic() & (byte != b'#')) | (utf8 & !byte.is_ascii());
    target.bytes().fold(true, |plain, byte| plain & allowed(byte))
}

/// Splits a target in origin form, absolute form or asterisk form into authority and the rest.
fn split_target(target: &str) -> Option<(Option<&str>, &str)> {
    if target.starts_with('/') || target == "*" {
        return Some((None, target));
    }
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let at = rest.find(['/', '?']).filter(|at| rest.as_bytes()[*at] == b'/')?;
    Some((Some(&rest[..at]), &rest[at..]))
}

/// Returns whether a `Connection` field lists an option.
fn contains_option(line: &[u8], option: &str) -> bool {
    line.split(|byte| *byte == b',').any(|listed| listed.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Head<'_>, Malformed> {
        match find_end(text.as_bytes(), 0)? {
            Some(length) => Head::parse(&text.as_bytes()[..length], Targets::Ascii),
            None => Err(Malformed::Syntax),
        }
    }

    #[test]
    fn targets_and_connections() {
        let head = parse("GET /a/%2e?x=1?y HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n\r\n").unwrap();
        assert_eq!((head.path, head.query, head.keep_alive), ("/a/%2e", Some("x=1?y"), true));
        assert_eq!(head.headers.len(), 1, "what means nothing is not kept");
        let head =
            parse("GET http://h:1/a HTTP/1.1\r\nHost: h:1\r\nConnection: x, Close\r\nConnection: keep-alive\r\n\r\n")
                .unwrap();
        assert_eq!((head.path, head.keep_alive), ("/a", false));
        let line = "GET / HTTP/1.0\r\n";
        assert!(!parse(&format!("{line}\r\n")).unwrap().keep_alive);
        assert!(parse(&format!("{line}connection: Keep-Alive\r\n\r\n")).unwrap().keep_alive);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use Malformed::{Syntax, TooLarge, Version};
        let many: String = (0..65).map(|n| format!("h{n}: v\r\n")).collect();
        for (text, expected) in [
            ("GET / HTTP/1.1\nHost: h\n\n", Syntax),
            ("GET / HTTP/1.1\r\nHost: h\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nHost: h\r\n\n", Syntax),
            ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nA : b\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nA: b\0\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Syntax),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", Syntax),
            ("GET  / HTTP/1.1\r\n\r\n", Syntax),
            ("GET /a b HTTP/1.1\r\n\r\n", Syntax),
            ("GET /a#b HTTP/1.1\r\n\r\n", Syntax),
            ("GET /é HTTP/1.1\r\n\r\n", Syntax),
            ("GET ftp://h/a HTTP/1.1\r\n\r\n", Syntax),
            ("GET http://h?a HTTP/1.1\r\n\r\n", Syntax),
            ("GET http://h/a HTTP/1.1\r\nHost: other\r\n\r\n", Syntax),
            ("GET http://h/a HTTP/1.0\r\n\r\n", Syntax),
            ("GET a HTTP/1.1\r\n\r\n", Syntax),
            ("PRI * HTTP/2.0\r\n\r\n", Version),
            (&format!("GET / HTTP/1.1\r\n{many}\r\n"), TooLarge),
            (&"a".repeat(MAX_HEAD), TooLarge),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text:?}");
        }
    }

    #[test]
    fn one_rule_says_where_a_body_ends() {
        use Framing::{Chunked, Length};
        let framing = |version: &str, lines: &str| {
            let text = format!("POST / HTTP/{version}\r\nHost: h\r\n{lines}\r\n");
            parse(&text).and_then(|head| head.framing())
        };
        for (lines, expected) in [
            ("", Some(Length(0))),
            ("Content-Length: 0\r\n", Some(Length(0))),
            ("Content-Length:  5 \r\n", Some(Length(5))),
            ("Transfer-Encoding: Chunked\r\n", Some(Chunked)),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", None),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", None),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", None),
            ("Transfer-Encoding: chunked, chunked\r\n", None),
            ("Transfer-Encoding: gzip, chunked\r\n", None),
            ("Transfer-Encoding: identity\r\n", None),
            ("Transfer-Encoding: xchunked\r\n", None),
            ("Transfer-Encoding:\r\n", None),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", None),
            ("Content-Length: 5, 5\r\n", None),
            ("Content-Length: +5\r\n", None),
            ("Content-Length: -5\r\n", None),
            ("Content-Length: 0x5\r\n", None),
            ("Content-Length: 5 5\r\n", None),
            ("Content-Length:\r\n", None),
            ("Content-Length: 18446744073709551616\r\n", None),
        ] {
            assert_eq!(framing("1.1", lines).ok(), expected, "{lines:?}");
        }
        assert_eq!(framing("1.0", "Transfer-Encoding: chunked\r\n"), Err(Malformed::Syntax), "1.0 has no codings");
    }

    proptest! {
        #[test]
        fn bytes_in_any_pieces_come_to_one_head(
            text in "(GET|G T) (/|/a b|\\*) HTTP/1.[01](\r\n|\n)(a: b(\r\n|\r|\n)){0,3}(\r\n|\n){0,2}[a-z]{0,4}",
            cut in 0usize..60,
        ) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let whole = find_end(bytes, 0);
            match find_end(&bytes[..cut], 0) {
                Ok(None) => prop_assert_eq!(find_end(bytes, cut), whole),
                other => prop_assert_eq!(other, whole),
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some(length)) = find_end(&bytes, 0) {
                prop_assert!(Head::parse(&bytes[..length], Targets::Utf8).is_ok_and(|head| head.path.starts_with('/') || head.path == "*") || length > 0);
            }
        }
    }
}

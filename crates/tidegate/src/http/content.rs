//! Bytes over HTTP: conditional requests and ranges (RFC 9110, sections 13 and 14).
//!
//! Preconditions come first and in the RFC's order; a 304 or 412 beats a 416. One range is exact. Several are
//! answered as `multipart/byteranges` while they are few, ascending and apart; otherwise with the whole, as
//! the RFC permits and CloudFront does.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use futures::{StreamExt as _, TryStreamExt as _};
use store::{ByteStream, Stat};
use uuid::Uuid;

use crate::error::Result;

/// More ranges than this get the whole.
const MAX_RANGES: usize = 16;

/// What a request for bytes comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    Unsatisfiable,
    /// 200.
    Whole,
    /// 206 of one range.
    Part(Range<u64>),
    /// 206 of several.
    Parts(Vec<Range<u64>>),
}

/// Decides, from the method, the request's headers and what is there.
pub(crate) fn decide(method: &Method, headers: &HeaderMap, stat: &Stat) -> Answer {
    let etag = format!("\"{}\"", stat.etag);
    let modified = whole_seconds(stat.last_modified);
    if headers.contains_key(header::IF_MATCH) {
        if !tags_match(headers, header::IF_MATCH, &etag, true) {
            return Answer::PreconditionFailed;
        }
    } else if date(headers, header::IF_UNMODIFIED_SINCE).is_some_and(|since| modified > since) {
        return Answer::PreconditionFailed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if tags_match(headers, header::IF_NONE_MATCH, &etag, false) {
            return Answer::NotModified;
        }
    } else if date(headers, header::IF_MODIFIED_SINCE).is_some_and(|since| modified <= since) {
        return Answer::NotModified;
    }
    // Range is defined for GET only; S3 answers it on HEAD too, we do not.
    if method != Method::GET || !if_range_holds(headers, &etag, modified) {
        return Answer::Whole;
    }
    let mut ranges = headers.get_all(header::RANGE).iter();
    match (ranges.next().and_then(|value| value.to_str().ok()), ranges.next()) {
        (Some(range), None) => decide_range(range, stat.size),
        _ => Answer::Whole,
    }
}

fn decide_range(header: &str, size: u64) -> Answer {
    let Some(specs) = parse_ranges(header) else { return Answer::Whole };
    let ranges: Vec<Range<u64>> = specs.iter().filter_map(|spec| spec.within(size)).collect();
    match ranges.as_slice() {
        [] => Answer::Unsatisfiable,
        [one] => Answer::Part(one.clone()),
        several => {
            let apart = several.windows(2).all(|pair| pair[0].end <= pair[1].start);
            if apart && several.len() <= MAX_RANGES { Answer::Parts(ranges) } else { Answer::Whole }
        }
    }
}

/// One element of a range set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    From(u64),
    FromTo(u64, u64),
    Last(u64),
}

impl Spec {
    fn within(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::From(first) => (first < size).then_some(first..size),
            Self::FromTo(first, last) => (first < size).then(|| first..last.saturating_add(1).min(size)),
            Self::Last(count) => (count > 0 && size > 0).then(|| size.saturating_sub(count)..size),
        }
    }
}

/// A byte range set; `None` for another unit or anything invalid, which is then ignored as a whole.
fn parse_ranges(header: &str) -> Option<Vec<Spec>> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let specs: Option<Vec<Spec>> =
        set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).map(parse_spec).collect();
    specs.filter(|specs| !specs.is_empty())
}

fn parse_spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", "") => None,
        ("", count) => Some(Spec::Last(number(count)?)),
        (first, "") => Some(Spec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::FromTo(first, last))
        }
    }
}

/// Digits only; what exceeds 64 bits lies beyond any end, it does not wrap.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether any listed entity tag is this one. `strong`: a weak tag never matches.
fn tags_match(headers: &HeaderMap, name: HeaderName, etag: &str, strong: bool) -> bool {
    headers.get_all(name).iter().any(|value| value.to_str().is_ok_and(|list| listed(list, etag, strong)))
}

fn listed(list: &str, etag: &str, strong: bool) -> bool {
    if list.trim() == "*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (weak, tag) = match rest.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let Some(end) = tag.strip_prefix('"').and_then(|inner| inner.find('"')) else { return false };
        if tag[..end + 2] == *etag && !(weak && strong) {
            return true;
        }
        rest = &tag[end + 2..];
    }
}

/// `If-Range` by a strong tag or by the exact date; absent, it holds.
fn if_range_holds(headers: &HeaderMap, etag: &str, modified: SystemTime) -> bool {
    let mut values = headers.get_all(header::IF_RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(value), None) => value
            .to_str()
            .is_ok_and(|text| text == etag || httpdate::parse_http_date(text).is_ok_and(|date| date == modified)),
        _ => false,
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| httpdate::parse_http_date(text).ok())
}

/// What an HTTP date can say.
fn whole_seconds(at: SystemTime) -> SystemTime {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// Answers a GET or HEAD. `base` holds the headers of the place (caching, policies); `read` gives the bytes of
/// a range and is called for what is sent only.
pub(crate) async fn respond<R>(
    method: &Method,
    request: &HeaderMap,
    stat: &Stat,
    base: HeaderMap,
    read: impl Fn(Range<u64>) -> R,
) -> Result<Response<Body>>
where
    R: Future<Output = Result<ByteStream>>,
{
    let answer = decide(method, request, stat);
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = base;
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(headers, header::ETAG, &format!("\"{}\"", stat.etag));
    insert(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(stat.last_modified));
    let status = match &answer {
        Answer::NotModified => StatusCode::NOT_MODIFIED,
        Answer::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Answer::Unsatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        Answer::Whole => StatusCode::OK,
        Answer::Part(_) | Answer::Parts(_) => StatusCode::PARTIAL_CONTENT,
    };
    let content_type = &stat.attributes.content_type;
    let body = match answer {
        Answer::NotModified => Body::empty(),
        Answer::PreconditionFailed => {
            insert(headers, header::CONTENT_LENGTH, "0");
            Body::empty()
        }
        Answer::Unsatisfiable => {
            insert(headers, header::CONTENT_RANGE, &format!("bytes */{}", stat.size));
            insert(headers, header::CONTENT_LENGTH, "0");
            Body::empty()
        }
        Answer::Whole => {
            insert(headers, header::CONTENT_TYPE, content_type);
            insert(headers, header::CONTENT_LENGTH, &stat.size.to_string());
            if method == Method::HEAD { Body::empty() } else { Body::from_stream(read(0..stat.size).await?) }
        }
        Answer::Part(range) => {
            insert(headers, header::CONTENT_TYPE, content_type);
            insert(headers, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
            insert(headers, header::CONTENT_RANGE, &content_range(&range, stat.size));
            Body::from_stream(read(range).await?)
        }
        Answer::Parts(ranges) => {
            // Another one each time: whoever uploaded the bytes must not know it.
            let boundary = Uuid::new_v4().simple().to_string();
            insert(headers, header::CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
            let (length, body) = multipart(&ranges, stat, &boundary, read).await?;
            insert(headers, header::CONTENT_LENGTH, &length.to_string());
            body
        }
    };
    *response.status_mut() = status;
    *response.body_mut() = body;
    Ok(response)
}

async fn multipart<R>(
    ranges: &[Range<u64>],
    stat: &Stat,
    boundary: &str,
    read: impl Fn(Range<u64>) -> R,
) -> Result<(u64, Body)>
where
    R: Future<Output = Result<ByteStream>>,
{
    let mut pieces: Vec<ByteStream> = Vec::new();
    let mut length = 0u64;
    let mut text = |text: String, pieces: &mut Vec<ByteStream>| {
        length += text.len() as u64;
        pieces.push(Box::pin(futures::stream::once(async move { Ok(Bytes::from(text)) })));
    };
    for range in ranges {
        let content_type = &stat.attributes.content_type;
        let content_range = content_range(range, stat.size);
        text(
            format!("\r\n--{boundary}\r\ncontent-type: {content_type}\r\ncontent-range: {content_range}\r\n\r\n"),
            &mut pieces,
        );
        pieces.push(read(range.clone()).await?);
    }
    text(format!("\r\n--{boundary}--\r\n"), &mut pieces);
    length += ranges.iter().map(|range| range.end - range.start).sum::<u64>();
    Ok((length, Body::from_stream(futures::stream::iter(pieces).map(Ok::<_, std::io::Error>).try_flatten())))
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// Sets a header; a value that can't be one is left out rather than failing a download.
pub(crate) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The headers of bytes from anywhere: no sniffing, no scripts, no other site's page.
pub(crate) fn guarded(resource_policy: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static(resource_policy));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use store::Attributes;

    fn stat(size: u64) -> Stat {
        let last_modified = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_250_000);
        Stat { size, etag: "tag-1".into(), last_modified, attributes: Attributes::default() }
    }

    fn answer(pairs: &[(&str, &str)], size: u64) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        decide(&Method::GET, &headers, &stat(size))
    }

    fn shown(answer: &Answer, size: u64) -> (u16, Option<String>) {
        match answer {
            Answer::NotModified => (304, None),
            Answer::PreconditionFailed => (412, None),
            Answer::Unsatisfiable => (416, Some(format!("bytes */{size}"))),
            Answer::Whole => (200, None),
            Answer::Part(range) => (206, Some(content_range(range, size))),
            Answer::Parts(_) => (206, None),
        }
    }

    /// The shared matrix of ranges and preconditions.
    #[test]
    fn golden_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/range-conditional-vectors.json")).unwrap();
        let size = vectors["size"].as_u64().unwrap();
        for vector in vectors["range"].as_array().unwrap() {
            let range = vector["range"].as_str().unwrap();
            let (status, content_range) = shown(&answer(&[("range", range)], size), size);
            assert_eq!(u64::from(status), vector["preferred"].as_u64().unwrap(), "{range}");
            let expected = if status == 416 { &vector["on_416"] } else { &vector["content_range"] };
            if let Some(expected) = expected.as_str().filter(|text| text.starts_with("bytes ")) {
                assert_eq!(content_range.as_deref(), Some(expected), "{range}");
            }
        }
        let dates = |offset: i64| {
            let at = u64::try_from(1_700_000_000 + offset).unwrap();
            httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
        };
        for vector in vectors["conditional_with_Range_bytes_0_99"].as_array().unwrap() {
            let mut pairs = vec![("range".to_owned(), "bytes=0-99".to_owned())];
            for (name, value) in vector["headers"].as_object().unwrap() {
                let value = value.as_str().unwrap();
                if name == "Range2" {
                    pairs[0].1 = value.to_owned();
                    continue;
                }
                let value = match value {
                    "LASTMOD" => dates(0),
                    "LASTMOD+1s" => dates(1),
                    "LASTMOD-1s" => dates(-1),
                    other => other.replace("ETAG", "\"tag-1\""),
                };
                pairs.push((name.clone(), value));
            }
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let (status, _) = shown(&answer(&pairs, size), size);
            let wanted = &vector["status"];
            let wanted = wanted.as_u64().unwrap_or_else(|| wanted.as_str().unwrap()[..3].parse().unwrap());
            assert_eq!(u64::from(status), wanted, "{vector}");
        }
    }

    #[test]
    fn what_the_vectors_leave_open() {
        let date = httpdate::fmt_http_date(whole_seconds(stat(1).last_modified));
        for (pairs, size, expected) in [
            (&[("range", "bytes=0-")][..], 0, Answer::Unsatisfiable),
            (&[("range", "bytes=-5")], 0, Answer::Unsatisfiable),
            (&[("range", "bytes=-0")], 10, Answer::Unsatisfiable),
            (&[("range", "bytes=0-0,-1")], 10, Answer::Parts(vec![0..1, 9..10])),
            (&[("range", "bytes=0-4,4-9")], 10, Answer::Whole),
            (&[("range", "bytes=0-1, ,5-6")], 10, Answer::Parts(vec![0..2, 5..7])),
            (&[("range", "bytes=0-1,99-")], 10, Answer::Part(0..2)),
            (&[("range", "bytes=0-1"), ("range", "bytes=2-3")], 10, Answer::Whole),
            (&[("range", "bytes=0-1"), ("if-range", &date)], 10, Answer::Part(0..2)),
            (&[("range", "bytes=0-1"), ("if-range", "W/\"tag-1\"")], 10, Answer::Whole),
            (&[("if-none-match", "*")], 10, Answer::NotModified),
            (&[("if-match", "*"), ("range", "bytes=0-1")], 10, Answer::Part(0..2)),
            (&[("if-match", "\"a,b\", \"tag-1\"")], 10, Answer::Whole),
            (&[("if-match", "tag-1")], 10, Answer::PreconditionFailed),
            (&[("if-none-match", "\"x\""), ("if-none-match", "\"tag-1\"")], 10, Answer::NotModified),
            (&[("if-none-match", "\"x\""), ("if-modified-since", &date)], 10, Answer::Whole),
            (&[("if-modified-since", "yesterday")], 10, Answer::Whole),
        ] {
            assert_eq!(answer(pairs, size), expected, "{pairs:?} of {size}");
        }
        let many = format!("bytes={}", (0..17).map(|n| format!("{}-{}", n * 2, n * 2)).collect::<Vec<_>>().join(","));
        assert_eq!(answer(&[("range", &many)], 100), Answer::Whole);
        let headers: HeaderMap = [(header::RANGE, HeaderValue::from_static("bytes=0-1"))].into_iter().collect();
        assert_eq!(decide(&Method::HEAD, &headers, &stat(10)), Answer::Whole);
    }

    proptest! {
        #[test]
        fn no_header_panics_and_every_range_lies_inside(text in "[ -~]{0,30}", size in 0u64..2000) {
            for range in [text.clone(), format!("bytes={text}")] {
                match decide_range(&range, size) {
                    Answer::Part(range) => prop_assert!(range.start < range.end && range.end <= size),
                    Answer::Parts(ranges) => {
                        prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
                    }
                    _ => {}
                }
            }
            listed(&text, "\"tag\"", true);
        }

        #[test]
        fn a_plain_range_is_exact(first in 0u64..1500, length in 1u64..1500) {
            let last = first + length - 1;
            let expected = if first < 1000 { Answer::Part(first..(last + 1).min(1000)) } else { Answer::Unsatisfiable };
            prop_assert_eq!(decide_range(&format!("bytes={first}-{last}"), 1000), expected);
        }
    }
}

//! Preconditions (RFC 9110, section 13.2), evaluated in the RFC's order: 304 and 412 take
//! precedence over 416.

use std::cmp::Ordering;
use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderName, Method, header};

use super::ranges::{self, RequestedRanges};
use super::{ReadOutcome, Representation};

/// Evaluates the preconditions and the range of a request against a representation.
pub(crate) fn evaluate(method: &Method, headers: &HeaderMap, representation: &Representation) -> ReadOutcome {
    if headers.contains_key(header::IF_MATCH) {
        if !tags_match(headers, header::IF_MATCH, &representation.etag, true) {
            return ReadOutcome::PreconditionFailed;
        }
    } else if compare(headers, header::IF_UNMODIFIED_SINCE, representation).is_some_and(Ordering::is_gt) {
        return ReadOutcome::PreconditionFailed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if tags_match(headers, header::IF_NONE_MATCH, &representation.etag, false) {
            return ReadOutcome::NotModified;
        }
    } else if compare(headers, header::IF_MODIFIED_SINCE, representation).is_some_and(Ordering::is_le) {
        return ReadOutcome::NotModified;
    }
    // Range is defined for GET only (RFC 9110, section 14.2). S3 also applies it to HEAD; this
    // server does not.
    if method != Method::GET {
        return ReadOutcome::Whole;
    }
    let mut given = headers.get_all(header::RANGE).iter();
    let range = match (given.next().and_then(|value| value.to_str().ok()), given.next()) {
        (Some(range), None) if if_range_holds(headers, representation) => range,
        _ => return ReadOutcome::Whole,
    };
    match ranges::parse_range(range, representation.size) {
        RequestedRanges::Whole => ReadOutcome::Whole,
        RequestedRanges::Unsatisfiable => ReadOutcome::Unsatisfiable,
        RequestedRanges::One(range) => ReadOutcome::Part(range),
        RequestedRanges::Several(ranges) => ReadOutcome::Parts(ranges),
    }
}

/// Returns whether the reader has the representation with this entity tag, by `If-None-Match`.
pub(crate) fn etag_matches(headers: &HeaderMap, etag: &str) -> bool {
    tags_match(headers, header::IF_NONE_MATCH, etag, false)
}

/// Returns whether any listed entity tag matches. With `strong` comparison a weak tag never matches
/// (RFC 9110, section 8.8.3.2).
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

/// Returns whether `If-Range` matches (RFC 9110, section 13.1.5): by its strong tag, or by its
/// exact date if that is a strong validator. An absent field matches; any other value, and more
/// than one, does not.
fn if_range_holds(headers: &HeaderMap, representation: &Representation) -> bool {
    let mut values = headers.get_all(header::IF_RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(value), None) => value.to_str().is_ok_and(|text| {
            let by_tag = !representation.etag.is_empty() && text == representation.etag;
            let by_date = || httpdate::parse_http_date(text).is_ok_and(|date| Some(date) == representation.modified);
            by_tag || (representation.date_is_strong && by_date())
        }),
        _ => false,
    }
}

/// Compares the representation's date with the date in a header; `None` if either is missing.
fn compare(headers: &HeaderMap, name: HeaderName, representation: &Representation) -> Option<Ordering> {
    Some(representation.modified?.cmp(&date(headers, name)?))
}

/// Returns a header's date if it occurs once and is valid; otherwise it is ignored (RFC 9110,
/// sections 13.1.3 and 13.1.4).
fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok())
}

#[cfg(test)]
mod tests {
    use super::super::ContentRange;
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use std::time::Duration;
    use store::{Attributes, Stat};

    fn representation(size: u64) -> Representation {
        let last_modified = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_250_000);
        Representation::of(&Stat {
            size,
            etag: "tag-1".into(),
            last_modified,
            attributes: Attributes::default(),
            archive: store::ArchiveState::Readable,
        })
    }

    const LONG_AGO: &str = "Thu, 01 Jan 1970 00:00:01 GMT";

    fn outcome(pairs: &[(&str, &str)], size: u64) -> ReadOutcome {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        evaluate(&Method::GET, &headers, &representation(size))
    }

    fn shown(outcome: &ReadOutcome, size: u64) -> (u16, Option<String>) {
        match outcome {
            ReadOutcome::NotModified => (304, None),
            ReadOutcome::PreconditionFailed => (412, None),
            ReadOutcome::Unsatisfiable => (416, Some(format!("bytes */{size}"))),
            ReadOutcome::Whole => (200, None),
            ReadOutcome::Part(range) => (206, Some(ContentRange(range, size).to_string())),
            ReadOutcome::Parts(_) => (206, None),
        }
    }

    /// The shared matrix of ranges and preconditions.
    #[test]
    fn golden_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/range-conditional-vectors.json")).unwrap();
        let size = vectors["size"].as_u64().unwrap();
        for vector in vectors["range"].as_array().unwrap() {
            let range = vector["range"].as_str().unwrap();
            let (status, content_range) = shown(&outcome(&[("range", range)], size), size);
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
            let (status, _) = shown(&outcome(&pairs, size), size);
            let wanted = &vector["status"];
            let wanted = wanted.as_u64().unwrap_or_else(|| wanted.as_str().unwrap()[..3].parse().unwrap());
            assert_eq!(u64::from(status), wanted, "{vector}");
        }
    }

    #[test]
    fn what_the_vectors_leave_open() {
        let date = httpdate::fmt_http_date(representation(1).modified.unwrap());
        for (pairs, size, expected) in [
            (&[("range", "bytes=0-")][..], 0, ReadOutcome::Unsatisfiable),
            (&[("range", "bytes=-5")], 0, ReadOutcome::Unsatisfiable),
            (&[("range", "bytes=-0")], 10, ReadOutcome::Unsatisfiable),
            (&[("range", "bytes=0-0,-1")], 10, ReadOutcome::Parts(vec![0..1, 9..10])),
            (&[("range", "bytes=0-4,4-9")], 10, ReadOutcome::Whole),
            (&[("range", "bytes=0-1, ,5-6")], 10, ReadOutcome::Parts(vec![0..2, 5..7])),
            (&[("range", "bytes=0-1,99-")], 10, ReadOutcome::Part(0..2)),
            (&[("range", "bytes=0-1"), ("range", "bytes=2-3")], 10, ReadOutcome::Whole),
            (&[("range", "bytes=0-1"), ("if-range", &date)], 10, ReadOutcome::Part(0..2)),
            (&[("range", "bytes=0-1"), ("if-range", "W/\"tag-1\"")], 10, ReadOutcome::Whole),
            (&[("if-none-match", "*")], 10, ReadOutcome::NotModified),
            (&[("if-match", "*"), ("range", "bytes=0-1")], 10, ReadOutcome::Part(0..2)),
            (&[("if-match", "\"a,b\", \"tag-1\"")], 10, ReadOutcome::Whole),
            (&[("if-match", "tag-1")], 10, ReadOutcome::PreconditionFailed),
            (&[("if-none-match", "\"x\""), ("if-none-match", "\"tag-1\"")], 10, ReadOutcome::NotModified),
            (&[("if-none-match", "\"x\""), ("if-modified-since", &date)], 10, ReadOutcome::Whole),
            (&[("if-modified-since", "yesterday")], 10, ReadOutcome::Whole),
            (&[("if-modified-since", &date), ("if-modified-since", &date)], 10, ReadOutcome::Whole),
            (&[("if-unmodified-since", LONG_AGO), ("if-unmodified-since", LONG_AGO)], 10, ReadOutcome::Whole),
        ] {
            assert_eq!(outcome(pairs, size), expected, "{pairs:?} of {size}");
        }
        let many = format!("bytes={}", (0..17).map(|n| format!("{}-{}", n * 2, n * 2)).collect::<Vec<_>>().join(","));
        assert_eq!(outcome(&[("range", &many)], 100), ReadOutcome::Whole);
        let headers: HeaderMap = [(header::RANGE, HeaderValue::from_static("bytes=0-1"))].into_iter().collect();
        assert_eq!(evaluate(&Method::HEAD, &headers, &representation(10)), ReadOutcome::Whole);
    }

    /// A date in seconds cannot distinguish two contents stored at one key within a second.
    #[test]
    fn a_date_that_is_no_strong_validator_opens_no_range() {
        let (asset, image) =
            (representation(10).at_key("O1/D2/P3/view/a.json"), representation(10).at_key("images/ann/a/b/disk.img"));
        for (value, of_asset, of_image) in [
            (asset.last_modified.as_str(), ReadOutcome::Whole, ReadOutcome::Part(0..2)),
            ("\"tag-1\"", ReadOutcome::Part(0..2), ReadOutcome::Part(0..2)),
        ] {
            let fields = [(header::RANGE, "bytes=0-1"), (header::IF_RANGE, value)];
            let fields = fields.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap()));
            let headers: HeaderMap = fields.into_iter().collect();
            assert_eq!(evaluate(&Method::GET, &headers, &asset), of_asset, "{value}");
            assert_eq!(evaluate(&Method::GET, &headers, &image), of_image, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_tag_list_panics(text in "[ -~]{0,30}") {
            listed(&text, "\"tag\"", true);
        }

        #[test]
        fn a_listed_tag_is_found(before in "[a-z,*/ W]{0,8}", after in "[ -~]{0,8}", weak in any::<bool>()) {
            let list = format!("\"{before}\", {}\"tag\"{after}", if weak { "W/" } else { "" });
            prop_assert!(listed(&list, "\"tag\"", false));
            prop_assert!(!weak || before == "tag" || !listed(&list, "\"tag\"", true) || after.contains("\"tag\""));
        }
    }
}

//! Preconditions (RFC 9110, section 13), in the RFC's order: a 304 or 412 beats a 416.

use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderName, Method, header};

use super::ranges::{self, Asked};
use super::{Answer, Facts};

/// Decides, from the method, the request's headers and what is there.
pub(crate) fn decide(method: &Method, headers: &HeaderMap, facts: &Facts) -> Answer {
    if headers.contains_key(header::IF_MATCH) {
        if !tags_match(headers, header::IF_MATCH, &facts.etag, true) {
            return Answer::PreconditionFailed;
        }
    } else if date(headers, header::IF_UNMODIFIED_SINCE).is_some_and(|since| facts.modified > since) {
        return Answer::PreconditionFailed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        if tags_match(headers, header::IF_NONE_MATCH, &facts.etag, false) {
            return Answer::NotModified;
        }
    } else if date(headers, header::IF_MODIFIED_SINCE).is_some_and(|since| facts.modified <= since) {
        return Answer::NotModified;
    }
    // Range is defined for GET only; S3 answers it on HEAD too, we do not.
    if method != Method::GET {
        return Answer::Whole;
    }
    let mut given = headers.get_all(header::RANGE).iter();
    let range = match (given.next().and_then(|value| value.to_str().ok()), given.next()) {
        (Some(range), None) if if_range_holds(headers, facts) => range,
        _ => return Answer::Whole,
    };
    match ranges::asked(range, facts.size) {
        Asked::Whole => Answer::Whole,
        Asked::Nothing => Answer::Unsatisfiable,
        Asked::One(range) => Answer::Part(range),
        Asked::Several(ranges) => Answer::Parts(ranges),
    }
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
fn if_range_holds(headers: &HeaderMap, facts: &Facts) -> bool {
    let mut values = headers.get_all(header::IF_RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(value), None) => value.to_str().is_ok_and(|text| {
            text == facts.etag || httpdate::parse_http_date(text).is_ok_and(|date| date == facts.modified)
        }),
        _ => false,
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| httpdate::parse_http_date(text).ok())
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use std::time::Duration;
    use store::{Attributes, Stat};

    fn facts(size: u64) -> Facts {
        let last_modified = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_250_000);
        Facts::of(&Stat { size, etag: "tag-1".into(), last_modified, attributes: Attributes::default() })
    }

    fn answer(pairs: &[(&str, &str)], size: u64) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        decide(&Method::GET, &headers, &facts(size))
    }

    fn shown(answer: &Answer, size: u64) -> (u16, Option<String>) {
        match answer {
            Answer::NotModified => (304, None),
            Answer::PreconditionFailed => (412, None),
            Answer::Unsatisfiable => (416, Some(format!("bytes */{size}"))),
            Answer::Whole => (200, None),
            Answer::Part(range) => (206, Some(Place(range, size).to_string())),
            Answer::Parts(_) => (206, None),
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
        let date = httpdate::fmt_http_date(facts(1).modified);
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
        assert_eq!(decide(&Method::HEAD, &headers, &facts(10)), Answer::Whole);
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

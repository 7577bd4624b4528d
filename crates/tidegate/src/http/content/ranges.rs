//! The `Range` header (RFC 9110, section 14.1.2): parsed and resolved against a length.

use std::ops::Range;

/// The most ranges answered separately; a request for more gets the whole content.
const MAX_RANGES: usize = 16;

/// The outcome of a `Range` header for content of some length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestedRanges {
    /// The whole content: the header is invalid, or asks for more than is answered in parts.
    Whole,
    /// No range that the content satisfies.
    Unsatisfiable,
    /// One range.
    One(Range<u64>),
    /// Several ranges, in ascending order and without overlap.
    Several(Vec<Range<u64>>),
}

/// Parses the value of a `Range` header. A single range is answered exactly. Several are answered
/// as such if they are few, ascending and without overlap; otherwise the whole content is sent, as
/// RFC 9110, section 14.2 permits and CloudFront does.
pub(super) fn parse_range(header: &str, size: u64) -> RequestedRanges {
    let Some(set) = byte_set(header) else { return RequestedRanges::Whole };
    if !set.contains(',') {
        return match parse_spec(set.trim()) {
            None => RequestedRanges::Whole,
            Some(spec) => spec.resolve(size).map_or(RequestedRanges::Unsatisfiable, RequestedRanges::One),
        };
    }
    let Some(specs) = parse_set(set) else { return RequestedRanges::Whole };
    let mut ranges: Vec<Range<u64>> = specs.iter().filter_map(|spec| spec.resolve(size)).collect();
    let apart = ranges.windows(2).all(|pair| pair[0].end <= pair[1].start);
    match ranges.len() {
        0 => RequestedRanges::Unsatisfiable,
        1 => ranges.pop().map_or(RequestedRanges::Unsatisfiable, RequestedRanges::One),
        several if apart && several <= MAX_RANGES => RequestedRanges::Several(ranges),
        _ => RequestedRanges::Whole,
    }
}

/// One range specifier (RFC 9110, section 14.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeSpec {
    From(u64),
    FromTo(u64, u64),
    Last(u64),
}

impl RangeSpec {
    /// Returns the range within a length; `None` if it is not satisfiable.
    fn resolve(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::From(first) => (first < size).then_some(first..size),
            Self::FromTo(first, last) => (first < size).then(|| first..last.saturating_add(1).min(size)),
            Self::Last(count) => (count > 0 && size > 0).then(|| size.saturating_sub(count)..size),
        }
    }
}

/// Returns the range set if the unit is `bytes`.
fn byte_set(header: &str) -> Option<&str> {
    let (unit, set) = header.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(set)
}

/// Parses a range set; `None` if any element is invalid, since the whole header is then ignored.
fn parse_set(set: &str) -> Option<Vec<RangeSpec>> {
    let specs: Option<Vec<RangeSpec>> =
        set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).map(parse_spec).collect();
    specs.filter(|specs| !specs.is_empty())
}

fn parse_spec(text: &str) -> Option<RangeSpec> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", "") => None,
        ("", count) => Some(RangeSpec::Last(number(count)?)),
        (first, "") => Some(RangeSpec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(RangeSpec::FromTo(first, last))
        }
    }
}

/// Parses decimal digits. A number over 64 bits lies beyond any length and becomes the maximum.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: every position that a range set names.
    fn positions(header: &str, size: u64) -> Option<Vec<u64>> {
        let specs = parse_set(byte_set(header)?)?;
        Some(
            (0..size)
                .filter(|at| specs.iter().any(|spec| spec.resolve(size).is_some_and(|r| r.contains(at))))
                .collect(),
        )
    }

    proptest! {
        #[test]
        fn no_header_panics_and_every_range_lies_inside(text in "[ -~]{0,40}", size in 0u64..2000) {
            for header in [text.clone(), format!("bytes={text}")] {
                match parse_range(&header, size) {
                    RequestedRanges::One(range) => prop_assert!(range.start < range.end && range.end <= size),
                    RequestedRanges::Several(ranges) => {
                        prop_assert!(ranges.len() > 1 && ranges.len() <= MAX_RANGES);
                        prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
                    }
                    RequestedRanges::Whole | RequestedRanges::Unsatisfiable => {}
                }
            }
        }

        #[test]
        fn what_is_answered_in_parts_is_what_was_asked_for(
            text in "bytes=([0-9]{0,3}-[0-9]{0,3},? ?){1,5}", size in 0u64..300,
        ) {
            let answered: Vec<u64> = match parse_range(&text, size) {
                RequestedRanges::Whole => return Ok(()),
                RequestedRanges::Unsatisfiable => Vec::new(),
                RequestedRanges::One(range) => range.collect(),
                RequestedRanges::Several(ranges) => ranges.into_iter().flatten().collect(),
            };
            prop_assert_eq!(Some(answered), positions(&text, size));
        }

        #[test]
        fn a_plain_range_is_exact(first in 0u64..1500, length in 1u64..1500) {
            let last = first + length - 1;
            let inside = || RequestedRanges::One(first..(last + 1).min(1000));
            let expected = if first < 1000 { inside() } else { RequestedRanges::Unsatisfiable };
            prop_assert_eq!(parse_range(&format!("bytes={first}-{last}"), 1000), expected);
        }
    }
}

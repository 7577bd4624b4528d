//! Range sets (RFC 9110, section 14.1): which bytes are asked for, and what a set of them comes to.

use std::ops::Range;

/// More ranges than this get the whole.
const MAX_RANGES: usize = 16;

/// What a `Range` header comes to for a blob of some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestedRanges {
    /// Everything: the header means nothing here, or more than is answered in parts.
    Whole,
    /// Nothing that is there.
    Unsatisfiable,
    /// One range.
    One(Range<u64>),
    /// A few ranges, ascending and apart.
    Several(Vec<Range<u64>>),
}

/// Reads the header's value. One range is exact. Several are answered as such while they are few, ascending and apart;
/// otherwise with the whole, as the RFC permits and CloudFront does.
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

/// One element of a range set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeSpec {
    From(u64),
    FromTo(u64, u64),
    Last(u64),
}

impl RangeSpec {
    fn resolve(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::From(first) => (first < size).then_some(first..size),
            Self::FromTo(first, last) => (first < size).then(|| first..last.saturating_add(1).min(size)),
            Self::Last(count) => (count > 0 && size > 0).then(|| size.saturating_sub(count)..size),
        }
    }
}

/// What follows the unit, if that is bytes.
fn byte_set(header: &str) -> Option<&str> {
    let (unit, set) = header.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(set)
}

/// `None` for anything invalid, which is then ignored as a whole.
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

/// Digits only; what exceeds 64 bits lies beyond any end, it does not wrap.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, plainly: every position a set names.
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

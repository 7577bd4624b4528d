//! Reads when a certificate ends (RFC 5280, section 4.1.2.5). Reads nothing else of it: the TLS library
//! has verified it by then.

use std::time::{Duration, SystemTime};

use time::{Date, Month, PrimitiveDateTime, Time};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit tag of the version, which version 1 leaves out.
const VERSION: u8 = 0xa0;

/// Returns the end of the validity of a certificate in DER; `None` if it can't be read.
pub(super) fn not_after(der: &[u8]) -> Option<SystemTime> {
    let (certificate, _) = element(der, Some(SEQUENCE))?;
    let (mut rest, _) = element(certificate, Some(SEQUENCE))?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, None)?.1;
    }
    // The serial number, the signature algorithm, and the issuer.
    for _ in 0..3 {
        rest = element(rest, None)?.1;
    }
    let (validity, _) = element(rest, Some(SEQUENCE))?;
    let (_, after) = element(validity, None)?;
    let tag = *after.first()?;
    let (text, _) = element(after, None)?;
    parse(tag, std::str::from_utf8(text).ok()?)
}

/// Returns the content of the first element, and what follows it. Lengths above 64 KiB are refused.
fn element(der: &[u8], tag: Option<u8>) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if tag.is_some_and(|tag| tag != *first) {
        return None;
    }
    let (short, rest) = rest.split_first()?;
    let (length, rest) = match *short {
        length @ 0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    Some((rest.get(..length)?, rest.get(length..)?))
}

/// Parses `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn parse(tag: u8, text: &str) -> Option<SystemTime> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME if digits.len() == 12 => {
            let year: i32 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let number = |at: usize| rest[at..at + 2].parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(number(0)?).ok()?, number(2)?).ok()?;
    let at = PrimitiveDateTime::new(date, Time::from_hms(number(4)?, number(6)?, number(8)?).ok()?).assume_utc();
    let seconds = u64::try_from(at.unix_timestamp()).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A certificate of this structure whose fields are empty but for the validity.
    fn certificate(tag: u8, end: &str) -> Vec<u8> {
        let wrap = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
        let begin = wrap(UTC_TIME, b"200101000000Z");
        let validity = wrap(SEQUENCE, &[begin, wrap(tag, end.as_bytes())].concat());
        let version = wrap(VERSION, &[2, 1, 2]);
        let fields = [version, wrap(2, &[1]), wrap(SEQUENCE, &[]), wrap(SEQUENCE, &[]), validity].concat();
        wrap(SEQUENCE, &wrap(SEQUENCE, &fields))
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        let seconds = |der: &[u8]| not_after(der).map(crate::model::epoch_seconds);
        assert_eq!(seconds(&certificate(UTC_TIME, "270102030405Z")), Some(1_798_859_045));
        assert_eq!(seconds(&certificate(GENERALIZED_TIME, "20270102030405Z")), Some(1_798_859_045));
        for bad in ["270102030405", "27013203040Z", "271302030405Z", "2701020304-5Z"] {
            assert_eq!(seconds(&certificate(UTC_TIME, bad)), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(der in proptest::collection::vec(any::<u8>(), 0..60), cut in 0usize..80) {
            not_after(&der);
            let whole = certificate(UTC_TIME, "270102030405Z");
            not_after(&whole[..cut.min(whole.len())]);
        }
    }
}

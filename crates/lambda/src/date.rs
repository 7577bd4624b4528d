//! The form in which the Cognito authorizer of a REST API passes times on: that of Java's
//! `Date.toString`, such as `Sun Dec 17 07:28:12 UTC 2017`.

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns the seconds from 1970 to a date in UTC; `None` if the text is of another form. The day of
/// the week is not checked.
pub(crate) fn epoch_seconds(text: &str) -> Option<u64> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || words.next();
    let (_weekday, month, day, time, zone, year) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let month = MONTHS.iter().position(|name| *name == month)?;
    let (day, year) = (number(day, 1, 31)?, number(year, 1970, 9999)?);
    if next().is_some() || !["UTC", "GMT"].contains(&zone) || day > days_of(month, year) {
        return None;
    }
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 0, 23)?, number(parts.next()?, 0, 59)?);
    let second = number(parts.next()?, 0, 60)?;
    let years = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum::<u64>();
    let months = (0..month).map(|month| days_of(month, year)).sum::<u64>();
    let days = years + months + day - 1;
    parts.next().is_none().then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Parses digits as a number of a range.
fn number(text: &str, least: u64, most: u64) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && (least..=most).contains(number))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Returns the days of a month; January is 0.
fn days_of(month: usize, year: u64) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_cognito_are_read() {
        for (text, expected) in [
            ("Sun Dec 17 07:28:12 UTC 2017", Some(1_513_495_692)),
            ("Thu Jan 01 00:00:00 UTC 1970", Some(0)),
            ("Thu Feb 29 23:59:59 GMT 2024", Some(1_709_251_199)),
            ("Fri Jan 01 00:00:00 UTC 2100", Some(4_102_444_800)),
            ("Wed Feb 29 23:59:59 UTC 2023", None),
            ("Sun Dec 17 07:28:12 PST 2017", None),
            ("Sun Dec 17 07:28:12 UTC 2017 x", None),
            ("Sun Dec 17 07:28:12:00 UTC 2017", None),
            ("Sun Dec 17 24:00:00 UTC 2017", None),
            ("Sun Dec +7 07:28:12 UTC 2017", None),
            ("Sun Dez 17 07:28:12 UTC 2017", None),
            ("1513495692", None),
            ("", None),
        ] {
            assert_eq!(epoch_seconds(text), expected, "{text}");
        }
    }
}

//! The text of a message: the id of a job, and nothing else. What the job is, and whether it is to be
//! run, is in its row.

use serde::{Deserialize, Serialize};

/// The version of the form.
const VERSION: u32 = 1;
/// The longest text that can be a message.
const MAX_LENGTH: usize = 256;

/// The form of a message. Fields that a later release adds are ignored.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    v: u32,
    /// The id in decimal digits. Not a JSON number, since many readers round large ones.
    job: &'a str,
}

/// Returns the message that names a job.
pub fn body(id: i64) -> String {
    format!(r#"{{"v":{VERSION},"job":"{id}"}}"#)
}

/// Returns the id of the job that a message names; `None` if it is of another shape or version.
pub fn parse(text: &str) -> Option<i64> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let form: Form<'_> = serde_json::from_str(text).ok()?;
    let is_plain = form.job.bytes().all(|byte| byte.is_ascii_digit());
    (form.v == VERSION && is_plain).then(|| form.job.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_of_another_shape_are_not_read() {
        assert_eq!(body(17), r#"{"v":1,"job":"17"}"#);
        for good in [r#"{"v":1,"job":"17"}"#, r#" {"job":"17","v":1,"class":"images"} "#] {
            assert_eq!(parse(good), Some(17), "{good}");
        }
        let long = format!(r#"{{"v":1,"job":"17","x":"{}"}}"#, "x".repeat(300));
        for bad in [
            "",
            "17",
            "null",
            "[]",
            "{}",
            r#"{"v":1}"#,
            r#"{"job":"17"}"#,
            r#"{"v":2,"job":"17"}"#,
            r#"{"v":"1","job":"17"}"#,
            r#"{"v":1,"job":17}"#,
            r#"{"v":1,"job":""}"#,
            r#"{"v":1,"job":"-17"}"#,
            r#"{"v":1,"job":"+17"}"#,
            r#"{"v":1,"job":"17 "}"#,
            r#"{"v":1,"job":"9223372036854775808"}"#,
            r#"{"v":1,"job":"17","job":"18"}"#,
            r#"{"Records":[{"s3":{}}]}"#,
            "\u{0}",
            &long,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(id in 0..=i64::MAX) {
            prop_assert_eq!(parse(&body(id)), Some(id));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,300}") {
            let _ = parse(&text);
        }
    }
}

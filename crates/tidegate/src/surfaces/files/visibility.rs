//! Detects unknown request members that evidently ask for a file's visibility, so that a misspelt
//! or differently worded request for privacy is not ignored. Pure functions over name and value;
//! the callers decide what follows.

use serde_json::Value;

use crate::model::file::Visibility;

/// The largest edit distance from `visibility` at which a name is still recognized.
const MAX_DISTANCE: usize = 2;
/// Names of a flag that is true for private files.
const PRIVATE: [&str; 9] = [
    "private",
    "isprivate",
    "makeprivate",
    "hidden",
    "ishidden",
    "confidential",
    "isconfidential",
    "secret",
    "restricted",
];
/// Names of a flag that is true for public files.
const PUBLIC: [&str; 7] =
    ["public", "ispublic", "makepublic", "publiclyreadable", "publicread", "visible", "isvisible"];
/// Names with other meanings too; they count only if their value asks for privacy.
const ACCESS: [&str; 9] =
    ["access", "acl", "accesslevel", "accesscontrol", "permission", "permissions", "privacy", "sharing", "cannedacl"];

/// Words near `visibility` with another meaning.
const OTHER_WORDS: [&str; 3] = ["divisibility", "indivisibility", "viability"];

/// Returns the visibility that a member other than `visibility` asks for; `None` if it asks for
/// none.
pub fn asked_by(name: &str, value: &Value) -> Option<Visibility> {
    let name = folded(name);
    if value.is_null() {
        return None;
    }
    if PRIVATE.contains(&name.as_str()) {
        return Some(if is_off(value) { Visibility::Public } else { Visibility::Private });
    }
    if PUBLIC.contains(&name.as_str()) {
        return Some(if is_on(value) { Visibility::Public } else { Visibility::Private });
    }
    if ACCESS.contains(&name.as_str()) {
        return means_private(value).then_some(Visibility::Private);
    }
    if OTHER_WORDS.contains(&name.as_str()) {
        return None;
    }
    let means_it =
        name.starts_with("visib") || name.contains("visibility") || distance(&name, "visibility") <= MAX_DISTANCE;
    means_it.then(|| if means_public(value) { Visibility::Public } else { Visibility::Private })
}

/// Returns the ASCII letters and digits of a name in lower case.
fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(|text| text.trim().to_ascii_lowercase())
}

fn means_public(value: &Value) -> bool {
    text(value).as_deref() == Some("public")
}

fn means_private(value: &Value) -> bool {
    text(value).is_some_and(|text| text.contains("private") || text == "none" || text == "owner")
}

fn is_on(value: &Value) -> bool {
    let word = text(value).is_some_and(|text| matches!(text.as_str(), "true" | "1" | "yes" | "on" | "public"));
    word || value.as_bool() == Some(true) || value.as_u64() == Some(1)
}

fn is_off(value: &Value) -> bool {
    let word = text(value).is_some_and(|text| matches!(text.as_str(), "false" | "0" | "no" | "off" | "public" | ""));
    word || value.as_bool() == Some(false) || value.as_u64() == Some(0)
}

/// Returns the Levenshtein distance of two texts, or a value above [`MAX_DISTANCE`] if their
/// lengths differ by more than that.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > MAX_DISTANCE {
        return MAX_DISTANCE + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut before = row.first().copied().unwrap_or_default();
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, right) in b.bytes().enumerate() {
            let (above, here) = (row[j + 1], row[j]);
            row[j + 1] = (before + usize::from(left != right)).min(above + 1).min(here + 1);
            before = above;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn requests_for_privacy_are_detected() {
        for (name, value) in [
            ("visiblity", json!("private")),
            ("Visibility", json!("private")),
            ("VISIBILITY", json!("public-ish")),
            ("visibilty", json!(true)),
            ("visability", json!("Private")),
            ("vizibility", json!({})),
            ("visibilté", json!("private")),
            ("file_visibility", json!("private")),
            ("vis\u{456}bility", json!("private")),
            ("visibility ", json!("private")),
            ("private", json!(true)),
            ("Private", json!("yes")),
            ("is_private", json!(1)),
            ("isPrivate", json!([])),
            ("public", json!(false)),
            ("is-public", json!("no")),
            ("visible", json!(false)),
            ("acl", json!("private")),
            ("privacy", json!("Private")),
            ("hidden", json!(true)),
        ] {
            assert_eq!(asked_by(name, &value), Some(Visibility::Private), "{name}: {value}");
        }
    }

    #[test]
    fn other_members_are_ignored() {
        for (name, value) in [
            ("visiblity", json!("public")),
            ("private", json!(false)),
            ("public", json!(true)),
            ("visible", json!("true")),
        ] {
            assert_eq!(asked_by(name, &value), Some(Visibility::Public), "{name}: {value}");
        }
        for (name, value) in [
            ("category", json!("private")),
            ("tags", json!(["private"])),
            ("description", json!("a visible one")),
            ("type", json!("profile_picture")),
            ("access", json!("read")),
            ("utility", json!("private")),
            ("ability", json!("x")),
            ("publication", json!(false)),
            ("public_url", json!("https://x.test")),
            ("private_notes", json!("")),
            ("visiblity", json!(null)),
            ("", json!("private")),
        ] {
            assert_eq!(asked_by(name, &value), None, "{name}: {value}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_letter_is_still_detected(at in 0usize..10, letter in "[a-z]", change in 0u8..3) {
            let mut name = "visibility".to_owned();
            match change {
                0 => drop(name.remove(at)),
                1 => name.insert_str(at, &letter),
                _ => name.replace_range(at..=at, &letter),
            }
            prop_assert_eq!(asked_by(&name, &json!("private")), Some(Visibility::Private));
            prop_assert_eq!(asked_by(&name, &json!("public")), Some(Visibility::Public));
        }

        #[test]
        fn no_name_panics(name in "\\PC{0,40}", value in "\\PC{0,10}") {
            let _ = asked_by(&name, &json!(value));
        }
    }
}

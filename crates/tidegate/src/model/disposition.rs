//! `Content-Disposition`: names that people gave, made safe for a header and a disk (RFC 6266, RFC 8187), and what
//! may be shown in a browser at all.

use std::fmt::Write as _;

/// What stands in for a name of which nothing is left.
const NAMELESS: &str = "download";
const MAX_CHARS: usize = 255;
/// Raster images: nothing in them runs.
const RASTER: [&str; 13] = [
    "apng",
    "avif",
    "bmp",
    "gif",
    "heic",
    "heif",
    "jpeg",
    "jxl",
    "png",
    "tiff",
    "vnd.microsoft.icon",
    "webp",
    "x-icon",
];

/// `attachment` under a name.
pub fn attachment(name: &str) -> String {
    named("attachment", name)
}

/// `inline` under a name.
pub fn inline(name: &str) -> String {
    named("inline", name)
}

fn named(kind: &str, name: &str) -> String {
    let name = safe_name(name);
    let fallback: String = name
        .chars()
        .map(|c| if (' '..='~').contains(&c) && !matches!(c, '"' | '\\' | '%') { c } else { '_' })
        .collect();
    let mut text = format!("{kind}; filename=\"{fallback}\"");
    if fallback != name {
        text.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            // attr-char of RFC 8187.
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// The last component of a name, without what no header, terminal or disk should see: control characters, marks that
/// turn the direction of writing, spaces and dots at its ends.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|c| !c.is_control() && !is_format(*c)).take(MAX_CHARS).collect();
    let trimmed = visible.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    if trimmed.is_empty() { NAMELESS.to_owned() } else { trimmed.to_owned() }
}

/// Line separators, direction marks and their like: invisible, and not what a name is made of.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// What is said of content of a type whose uploader may have said something else: only raster images, sound and
/// video may be shown in place, everything else is an attachment.
pub fn served(content_type: &str, given: Option<&str>) -> Option<String> {
    if is_passive(content_type) {
        return given.map(str::to_owned);
    }
    let Some(given) = given else { return Some("attachment".to_owned()) };
    let (kind, parameters) = given.split_once(';').map_or((given, ""), |(kind, rest)| (kind, rest));
    if kind.trim().eq_ignore_ascii_case("attachment") {
        return Some(given.to_owned());
    }
    let parameters = parameters.trim();
    Some(if parameters.is_empty() { "attachment".to_owned() } else { format!("attachment; {parameters}") })
}

/// Whether nothing in content of this type runs in a browser.
fn is_passive(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // What is no token could be read as several types.
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    match essence.split_once('/').filter(|(_, kind)| is_token(kind)) {
        Some(("image", kind)) => RASTER.contains(&kind),
        Some(("audio" | "video", kind)) => !kind.contains("xml"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/content-disposition-vectors.json")).unwrap();
        for row in vectors["rows"].as_array().unwrap() {
            let name = row["input_name"].as_str().unwrap();
            // The vectors' notes are part of one of their names.
            assert_eq!(safe_name(name), row["safe_name"].as_str().unwrap(), "{name:?}");
            assert_eq!(attachment(name), row["header"].as_str().unwrap(), "{name:?}");
        }
    }

    #[test]
    fn only_what_runs_nothing_is_shown_in_place() {
        for (content_type, given, said) in [
            ("image/png", None, None),
            ("IMAGE/JPEG; q=1", Some("inline; filename=a"), Some("inline; filename=a")),
            ("video/mp4", Some("inline"), Some("inline")),
            ("image/svg+xml", Some("inline"), Some("attachment")),
            ("text/html", Some("inline; filename=\"a.html\""), Some("attachment; filename=\"a.html\"")),
            ("text/html", Some("ATTACHMENT; filename=x"), Some("ATTACHMENT; filename=x")),
            ("application/xhtml+xml", None, Some("attachment")),
            ("application/pdf", None, Some("attachment")),
            ("", None, Some("attachment")),
            ("image/", None, Some("attachment")),
            ("audio/x,text/html", None, Some("attachment")),
        ] {
            assert_eq!(served(content_type, given).as_deref(), said, "{content_type} {given:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_makes_one_plain_line(name in "\\PC{0,40}|[\u{0}-\u{ff}]{0,40}|[\u{2000}-\u{2070}]{0,20}") {
            let text = attachment(&name);
            prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", text);
            let quoted = text.strip_prefix("attachment; filename=\"").unwrap();
            let (fallback, rest) = quoted.split_once('"').unwrap();
            prop_assert!(!fallback.is_empty() && !fallback.contains(['\\', '%', '/']));
            prop_assert!(rest.is_empty() || rest.starts_with("; filename*=UTF-8''"), "{}", rest);
            prop_assert_eq!(safe_name(&safe_name(&name)), safe_name(&name));
        }
    }
}

//! `Content-Disposition` values (RFC 6266, RFC 8187): user-given file names made safe for headers
//! and disks, and the rule of which content types a browser may display. Sets no headers itself.

use std::fmt::Write as _;

/// The file name used where nothing of the given one is left.
const DEFAULT_NAME: &str = "download";
/// The most characters of a file name.
const MAX_CHARS: usize = 255;
/// Subtypes of raster images, which cannot run scripts.
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

/// Returns an `attachment` disposition with a file name.
pub fn attachment(name: &str) -> String {
    named("attachment", name)
}

/// Returns an `inline` disposition with a file name.
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
            // `attr-char` of RFC 8187, section 3.2.1.
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// Returns the last path component of a name without control characters, misleading invisible
/// characters, leading spaces, and trailing spaces or dots.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|c| !c.is_control() && !is_misleading(*c)).take(MAX_CHARS).collect();
    let trimmed = visible.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    if !trimmed.contains(is_visible) { DEFAULT_NAME.to_owned() } else { trimmed.to_owned() }
}

/// Returns whether a character is invisible and not part of a spelling: it ends a line, changes the
/// order in which a name is shown (U+202A–202E, U+2066–2069), or has no width. Joiners (U+200C,
/// U+200D) and the marks U+200E, U+200F and U+061C belong to Persian, Hindi, Hebrew and emoji names.
fn is_misleading(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns whether a character can be seen by itself.
fn is_visible(c: char) -> bool {
    !matches!(c, '\u{200c}'..='\u{200f}' | '\u{61c}' | '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the `Content-Disposition` to send for content of a type. Only raster images, audio and
/// video may be displayed inline; everything else becomes `attachment`, whatever disposition was
/// `given` at upload.
pub fn served(content_type: &str, given: Option<&str>) -> Option<String> {
    if Rendering::of(content_type) != Rendering::Other {
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

/// What a browser makes of content that is opened in a tab of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// A raster image, which runs no script.
    Image,
    /// Audio or video, which runs no script.
    Media,
    /// Anything else: a document that may run scripts, or a download.
    Other,
}

impl Rendering {
    /// Returns the rendering of a content type. A type that could be read in two ways is
    /// [`Rendering::Other`].
    pub fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // A subtype that is no token could be read as a list of types.
        let is_token = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
        };
        match essence.split_once('/').filter(|(_, kind)| is_token(kind)) {
            // A browser prefers a type after a comma (Fetch Standard, "extract a MIME type").
            _ if content_type.split(',').skip(1).any(|rest| rest.contains('/')) => Self::Other,
            Some(("image", kind)) if RASTER.contains(&kind) => Self::Image,
            Some(("audio" | "video", kind)) if !kind.contains("xml") => Self::Media,
            _ => Self::Other,
        }
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
            // One of the names contains the vectors' own note.
            assert_eq!(safe_name(name), row["safe_name"].as_str().unwrap(), "{name:?}");
            assert_eq!(attachment(name), row["header"].as_str().unwrap(), "{name:?}");
        }
    }

    #[test]
    fn joiners_and_marks_belong_to_a_name() {
        for name in [
            "\u{6af}\u{632}\u{200c}\u{647}\u{627}.pdf",
            "\u{915}\u{94d}\u{200d}\u{937}.txt",
            "\u{1f468}\u{200d}\u{1f469}.jpg",
            "\u{5d0}\u{200f}!.txt",
        ] {
            assert_eq!(safe_name(name), name);
        }
        assert_eq!(safe_name("a\u{2066}\u{202e}gpj.exe\u{2069}"), "agpj.exe");
        assert_eq!(safe_name("\u{200d}\u{200b}\u{feff}\u{3164}"), DEFAULT_NAME, "nothing to be seen");
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

//! Users' files: valid names and folders, and the keys made of them. Clients know the keys, so
//! their form is fixed: `storage/{user}/{folder}/{8 hex digits}_{name}`. Keys of other owners are
//! built in `key.rs`.

use super::ids::UserId;
use super::key;
use super::media::Scan;
use super::object::Object;
use super::upload::Digests;

/// The first segment of every file's key.
pub(super) const ROOT: &str = "storage";
/// The most bytes in one segment of a key; file systems allow 255 in a file name.
const MAX_SEGMENT: usize = 250;
/// The most bytes in a file name: a segment less its tag and the underscore.
const MAX_NAME: usize = MAX_SEGMENT - TAG - 1;
/// The most bytes in a folder, slashes included.
const MAX_FOLDER: usize = 512;
/// The hexadecimal digits of a tag, which tells files of equal names apart.
const TAG: usize = 8;
/// The longest tag of an imported file: a UUID.
const MAX_TAG: usize = 36;
/// Device names reserved on Windows, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Why a file name or a folder name is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// The name is empty.
    #[error("must not be empty")]
    Empty,
    /// The name has more than this number of bytes.
    #[error("may have at most {0} bytes")]
    TooLong(usize),
    /// The name holds a slash or a backslash. Characters that look like one are data.
    #[error("must not hold a slash or backslash")]
    Slash,
    /// The name holds control characters or bidirectional marks.
    #[error("must not hold control characters or direction marks")]
    Control,
    /// The name is `.` or `..`, or a folder begins with a dot.
    #[error("must not be . or .., and no folder may begin with a dot")]
    Dots,
    /// The name begins or ends with a space, or ends with a dot; Windows removes these.
    #[error("must not begin or end with a space, nor end with a dot")]
    Edge,
    /// The name is a Windows device name.
    #[error("must not be the name of a device (CON, PRN, AUX, NUL, COM1, LPT1, …)")]
    Device,
    /// The name ends as the store's own files do.
    #[error("must not end in .meta or .part")]
    Ending,
}

/// A file's name, as its uploader gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Validates a file name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        check(text, MAX_NAME)?;
        Ok(Self(text.to_owned()))
    }

    /// Repairs and validates a file name: dots and spaces at either end are removed, as the original
    /// service removes them. Everything else that is invalid stays an error.
    pub fn clean(text: &str) -> Result<Self, BadName> {
        match text.trim_matches(|c| is_space(c) || c == '.') {
            "" => Self::parse(text),
            trimmed => Self::parse(trimmed),
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A folder path: names separated by slashes. The root folder is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folder(String);

impl Folder {
    /// Validates a folder path; one slash at either end is ignored.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > MAX_FOLDER {
            return Err(BadName::TooLong(MAX_FOLDER));
        }
        for segment in text.split('/') {
            check(segment, MAX_SEGMENT)?;
            if segment.starts_with('.') {
                return Err(BadName::Dots);
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Repairs and validates a folder path: empty segments, and dots and spaces at either end of a
    /// segment are removed, as the original service removes them. Segments of dots alone, and
    /// everything else that is invalid, stay errors.
    pub fn clean(text: &str) -> Result<Self, BadName> {
        let mut path = String::new();
        for segment in text.split('/').filter(|segment| !segment.chars().all(is_space)) {
            let trimmed = segment.trim_matches(|c| is_space(c) || c == '.');
            if trimmed.is_empty() {
                return Err(BadName::Dots);
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(trimmed);
        }
        Self::parse(&path)
    }

    /// Returns the path, without a slash at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str, most: usize) -> Result<(), BadName> {
    let stem = text.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        let rest = stem.strip_prefix(prefix).unwrap_or_default();
        rest.chars().count() == 1 && rest.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c))
    };
    let lower = text.to_ascii_lowercase();
    match text {
        "" => Err(BadName::Empty),
        _ if text.len() > most => Err(BadName::TooLong(most)),
        "." | ".." => Err(BadName::Dots),
        _ if text.contains(['/', '\\']) => Err(BadName::Slash),
        _ if text.chars().any(|c| c.is_control() || is_mark(c)) => Err(BadName::Control),
        _ if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) => Err(BadName::Edge),
        _ if text.ends_with('.') => Err(BadName::Edge),
        _ if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") => Err(BadName::Device),
        _ if lower.ends_with(".meta") || lower.ends_with(".part") => Err(BadName::Ending),
        _ => Ok(()),
    }
}

/// Returns whether a character is a space that can be removed. Line breaks and other control
/// characters are refused instead.
fn is_space(c: char) -> bool {
    c.is_whitespace() && !c.is_control() && !is_mark(c)
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

/// Returns the user's segment in file keys: the literal id where that is safe, since clients know
/// it so, otherwise [`key::encoded`].
pub fn user_segment(user: &UserId) -> String {
    let text = user.as_str();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@._+-".contains(&byte));
    let harmless = !text.starts_with('.') && text.len() <= 128 && check(text, 128).is_ok();
    if plain && harmless { text.to_owned() } else { key::encoded(user) }
}

/// Returns the key of a file. `tag` tells files of equal names apart.
pub(super) fn key_text(user: &UserId, folder: &Folder, tag: u32, name: &FileName) -> String {
    key_of_segments(&user_segment(user), folder, &format!("{tag:08x}"), name)
}

fn key_of_segments(user: &str, folder: &Folder, tag: &str, name: &FileName) -> String {
    match folder.as_str() {
        "" => format!("{ROOT}/{user}/{tag}_{}", name.as_str()),
        folder => format!("{ROOT}/{user}/{folder}/{tag}_{}", name.as_str()),
    }
}

/// A file key taken apart. Nothing says that a file with this key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKey<'a> {
    text: &'a str,
    user: &'a str,
    folder: &'a str,
    tag: &'a str,
    name: &'a str,
}

impl<'a> FileKey<'a> {
    /// Parses a key from a client; `None` if no file can have it.
    pub fn parse(text: &'a str) -> Option<Self> {
        let below = text.strip_prefix(ROOT)?.strip_prefix('/')?;
        let (user, path) = below.split_once('/')?;
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        // The server's own tags have 8 digits; imported files keep those of the program they came
        // from.
        let (tag, name) = file.split_once('_')?;
        let is_tag =
            (1..=MAX_TAG).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let in_folder = folder.is_empty() != path.contains('/') && Folder::parse(folder).ok()?.as_str() == folder;
        let named = FileName::parse(name).is_ok();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._+-~".contains(&byte);
        let harmless = user.bytes().all(plain) && !user.starts_with('.') && !user.ends_with(".meta");
        (is_tag && in_folder && named && harmless && !user.is_empty()).then_some(Self { text, user, folder, tag, name })
    }

    /// Returns the whole key.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns the user's segment.
    pub fn user(self) -> &'a str {
        self.user
    }

    /// Returns the folder, without a slash at either end; empty for the root folder.
    pub fn folder(self) -> &'a str {
        self.folder
    }

    /// Returns the text of the key under another folder and name.
    pub(super) fn moved(self, folder: &Folder, name: &FileName) -> String {
        key_of_segments(self.user, folder, self.tag, name)
    }

    /// Returns the text of the key with another tag.
    pub(super) fn with_tag(self, tag: u32) -> String {
        let folder = if self.folder.is_empty() { String::new() } else { format!("/{}", self.folder) };
        format!("{ROOT}/{}{folder}/{tag:08x}_{}", self.user, self.name)
    }

    /// Returns the file name.
    pub fn name(self) -> &'a str {
        self.name
    }

    /// Returns whether the key is of this user's files.
    pub fn is_of(self, user: &UserId) -> bool {
        self.user == user_segment(user)
    }
}

/// Whether a file can be read without a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone who knows the path can read it, where the public path is enabled.
    #[default]
    Public,
    /// Only links and the owner's sign-in open it.
    Private,
}

impl Visibility {
    /// Returns the name, on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }

    /// Parses the name; `None` if there is no such visibility.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Public, Self::Private].into_iter().find(|visibility| visibility.as_str() == text)
    }

    /// Returns the visibility that applies where several places may state one: private if any
    /// states private; `None` if none states any.
    pub fn strictest(stated: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        stated.into_iter().flatten().max_by_key(|visibility| *visibility == Self::Private)
    }
}

/// The record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The fields common to all objects.
    pub object: Object,
    /// The folder, without a slash at either end; empty for the root folder.
    pub folder: String,
    /// Checksums of the bytes; `None` before the upload is complete.
    pub digests: Option<Digests>,
    /// Whether the file can be read without a link.
    pub visibility: Visibility,
    /// The scan result; `None` before a scan or without a scanner.
    pub scan: Option<Scan>,
    /// Why the file was rejected or could not be scanned.
    pub reason: Option<String>,
}

/// A filter for a user's files; an empty filter matches all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileFilter {
    /// Only files in this folder.
    pub folder: Option<String>,
    /// Whether files in folders below it match too.
    pub subtree: bool,
    /// Only files whose name contains this text, in letters of either case.
    pub name: Option<String>,
}

impl FileFilter {
    /// Returns whether files of every folder match.
    pub fn is_anywhere(&self) -> bool {
        match self.folder.as_deref() {
            None => true,
            Some(folder) => folder.is_empty() && self.subtree,
        }
    }

    /// Returns whether every file matches.
    pub fn is_everything(&self) -> bool {
        self.is_anywhere() && self.name.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_names_are_refused_and_plain_ones_are_not() {
        use BadName::*;
        let long = "a".repeat(242);
        for (name, reason) in [
            ("", Empty),
            (&long, TooLong(241)),
            (".", Dots),
            ("..", Dots),
            ("a/b", Slash),
            ("a\\b", Slash),
            ("a\0b", Control),
            ("a\u{202e}gpj.exe", Control),
            ("a\nb", Control),
            (" a", Edge),
            ("a ", Edge),
            ("a.", Edge),
            ("CON", Device),
            ("nul.txt", Device),
            ("com1.x", Device),
            ("LPT9", Device),
            ("lpt¹", Device),
            ("x.meta", Ending),
            ("x.PART", Ending),
        ] {
            assert_eq!(FileName::parse(name), Err(reason), "{name:?}");
        }
        for name in [
            "a.txt",
            "%2e%2e",
            "..a",
            ".env",
            "com10",
            "console",
            "é ü.png",
            "-rf",
            "a'b\"c",
            "日本.txt",
            "1 \u{29f8} 2",
            "23\u{ff0f}12",
        ] {
            assert!(FileName::parse(name).is_ok(), "{name:?}");
        }
        for folder in ["..", "a/../b", "a//b", ".git", "a/.b", "a/con", "a\\b", "a/x.meta"] {
            assert!(Folder::parse(folder).is_err(), "{folder:?}");
        }
        assert_eq!(Folder::parse("/main/pictures/").unwrap().as_str(), "main/pictures");
        assert_eq!(Folder::parse("/").unwrap().as_str(), "");
    }

    #[test]
    fn what_can_be_repaired_is_repaired() {
        for (given, name) in [
            ("a.txt", "a.txt"),
            (" a.txt ", "a.txt"),
            ("a...", "a"),
            ("a. . ", "a"),
            ("\u{3000}a", "a"),
            (".env", "env"),
            (" ..a.txt", "a.txt"),
            (".meta", "meta"),
        ] {
            assert_eq!(FileName::clean(given).as_ref().map(FileName::as_str), Ok(name), "{given:?}");
        }
        for given in
            ["", " ", ".", "..", " ..", ".. ", "...", "a\n", "\na", "a\0", "a/", "nul.", " nul", "x.meta.", "a\u{2028}"]
        {
            assert!(FileName::clean(given).is_err(), "{given:?}");
        }
        for (given, folder) in [
            ("a//b", "a/b"),
            ("//a/ /b//", "a/b"),
            (".hidden", "hidden"),
            ("a/.b./c.", "a/b/c"),
            (" a /b", "a/b"),
            ("/", ""),
            ("", ""),
            ("a/.meta", "a/meta"),
        ] {
            assert_eq!(Folder::clean(given).as_ref().map(Folder::as_str), Ok(folder), "{given:?}");
        }
        for given in
            [".", "..", "a/../b", "a/ .. /b", "a/.../b", "a/\n/b", "a\\b", "a\0", ".nul", "x.meta.", "a/\u{202e}"]
        {
            assert!(Folder::clean(given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn users_stay_literal_as_long_as_that_is_harmless() {
        for (user, segment) in [
            ("user123", "user123"),
            ("a.b+c@example.com", "a.b+c@example.com"),
            ("..", "~2e~2e"),
            (".hidden", "~2ehidden"),
            ("x.meta", "x~2emeta"),
            ("a/b", "a~2fb"),
            ("nul", "nul"),
        ] {
            let user = UserId::parse(user).unwrap();
            let expected = if segment == "nul" { key::encoded(&user) } else { segment.to_owned() };
            assert_eq!(user_segment(&user), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_repaired_is_valid_and_needs_no_second_repair(name in "[ ./a\\\\\u{0}\\n\u{3000}]{0,8}|\\PC{0,20}") {
            if let Ok(cleaned) = FileName::clean(&name) {
                prop_assert_eq!(FileName::parse(cleaned.as_str()), Ok(cleaned.clone()));
                prop_assert_eq!(FileName::clean(cleaned.as_str()), Ok(cleaned));
            }
            if let Ok(cleaned) = Folder::clean(&name) {
                prop_assert_eq!(Folder::parse(cleaned.as_str()), Ok(cleaned.clone()));
                prop_assert_eq!(Folder::clean(cleaned.as_str()), Ok(cleaned));
            }
        }

        #[test]
        fn every_key_is_read_back_and_is_its_users_alone(user in "\\PC{1,20}", other in "\\PC{1,20}", folder in "([a-z ]{1,5}/){0,3}", name in "\\PC{1,20}", tag: u32) {
            let (user, other) = (UserId::parse(&user).unwrap(), UserId::parse(&other).unwrap());
            if let (Ok(folder), Ok(name)) = (Folder::parse(&folder), FileName::parse(&name)) {
                let text = key_text(&user, &folder, tag, &name);
                let key = FileKey::parse(&text).unwrap();
                prop_assert!(key.is_of(&user));
                prop_assert_eq!(key.is_of(&other), user == other);
            }
        }

        #[test]
        fn nothing_that_is_read_climbs(text in "storage/(u|\\.|/|00000000_|[a-f]{8}_|a|%2e|\\\\|\\.meta|\0){0,8}") {
            if let Some(key) = FileKey::parse(&text) {
                prop_assert!(!key.as_str().split('/').any(|segment| segment.starts_with('.') || segment.is_empty()));
                prop_assert!(!key.as_str().contains(['\\', '\0']) && !key.as_str().ends_with(".meta"));
            }
        }
    }
}

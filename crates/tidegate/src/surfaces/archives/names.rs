//! Creates safe names for ZIP entries from names that users chose: any program can extract every
//! entry on any system, without leaving the target folder and without overwriting another entry.
//! Never fails; unsafe characters are replaced.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization as _;

/// The longest segment in bytes; the limit of most file systems.
const MAX_SEGMENT: usize = 255;
/// The largest number of segments: more than a key has, and within the format's 65,535 bytes
/// together.
const MAX_SEGMENTS: usize = 200;
/// The name of a file whose own has no usable character.
const NAMELESS: &str = "unnamed";
/// Device names of Windows, which are reserved with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
/// Characters that Windows programs may read as a slash or a backslash when they convert a name to
/// their code page.
const LOOK_ALIKES: [char; 8] =
    ['\u{2044}', '\u{2215}', '\u{2216}', '\u{29f5}', '\u{29f8}', '\u{29f9}', '\u{ff0f}', '\u{ff3c}'];

/// The names that are already used in one archive.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The folded names of files and folders in use.
    taken: HashSet<String>,
    /// The name of each requested folder, by its folded requested name.
    folders: HashMap<String, String>,
    /// The last number appended to each name, so that many equal names take linear time.
    numbers: HashMap<String, u32>,
}

impl Names {
    /// Returns a unique safe name for the next entry.
    pub(crate) fn unique(&mut self, path: &str) -> String {
        let mut segments = plain_segments(path);
        let file = segments.pop().unwrap_or_else(|| NAMELESS.to_owned());
        let folder =
            segments.iter().fold(String::new(), |above, segment| self.folder(&format!("{above}{segment}")) + "/");
        let (stem, ending) = file.split_at(file.rfind('.').filter(|at| *at > 0).unwrap_or(file.len()));
        self.free(&format!("{folder}{stem}"), ending)
    }

    /// Returns the unique name of a requested folder.
    fn folder(&mut self, wanted: &str) -> String {
        if let Some(known) = self.folders.get(&folded(wanted)) {
            return known.clone();
        }
        let given = self.free(wanted, "");
        self.folders.insert(folded(wanted), given.clone());
        // The folder may also be requested by its new name.
        self.folders.insert(folded(&given), given.clone());
        given
    }

    /// Returns the name itself, or the first free one with a number appended.
    fn free(&mut self, stem: &str, ending: &str) -> String {
        let wanted = format!("{stem}{ending}");
        let key = folded(&wanted);
        if self.taken.insert(key.clone()) {
            return wanted;
        }
        let mut number = self.numbers.get(&key).copied().unwrap_or(0);
        loop {
            number += 1;
            let numbered = format!("{stem} ({number}){ending}");
            if self.taken.insert(folded(&numbered)) {
                self.numbers.insert(key, number);
                return numbered;
            }
        }
    }
}

/// Returns a key that is equal for names that may collide when extracted: case and composition are
/// ignored.
fn folded(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Returns the safe segments of a path, without empty and dot segments; only the last ones if there
/// are too many.
fn plain_segments(path: &str) -> Vec<String> {
    let meant = path.split(['/', '\\']).filter(|segment| !matches!(*segment, "" | "." | ".."));
    let mut segments: Vec<String> = meant.rev().take(MAX_SEGMENTS).map(plain).collect();
    segments.reverse();
    segments
}

/// Returns a segment that is safe on every file system.
fn plain(segment: &str) -> String {
    let visible = segment.chars().filter(|c| !c.is_control() && !is_mark(*c));
    let is_unsafe = |c: char| r#":*?"<>|"#.contains(c) || LOOK_ALIKES.contains(&c);
    let mut text: String = visible.map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    // Windows removes trailing dots and spaces, which could make two names equal.
    text.truncate(text.trim_end_matches([' ', '.']).len());
    let stem = text.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        let number =
            stem.strip_prefix(prefix).and_then(|rest| rest.chars().next().filter(|_| rest.chars().count() == 1));
        number.is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c))
    };
    if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        text.insert(0, '_');
    }
    if text.is_empty() {
        text.push_str(NAMELESS);
    }
    shortened(&text)
}

/// Returns whether a character is an invisible direction mark or line separator, which can disguise
/// a name.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

/// Shortens a segment to the limit, and keeps its extension.
fn shortened(text: &str) -> String {
    if text.len() <= MAX_SEGMENT {
        return text.to_owned();
    }
    let ending = text.rfind('.').map_or("", |at| &text[at..]);
    let ending = if ending.len() <= 32 { ending } else { "" };
    let mut end = MAX_SEGMENT - ending.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a fixture")]
    fn the_vectors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/zip-name-vectors.json");
        let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut names = Names::default();
        // The sample's later lines expect these names.
        assert_eq!((names.unique("dup.txt"), names.unique("dir")), ("dup.txt".to_owned(), "dir".to_owned()));
        for vector in vectors["order_matters"].as_array().unwrap() {
            let (given, wanted) = (vector["in"].as_str().unwrap(), vector["out"].as_str().unwrap());
            let got = names.unique(given);
            assert!(
                wanted.split(" or ").any(|one| one.split(": ").next() == Some(&got)),
                "{given:?}: {got:?}, not {wanted:?}"
            );
        }
    }

    #[test]
    fn folders_stay_together_and_a_thousand_namesakes_are_quick() {
        let mut names = Names::default();
        assert_eq!(names.unique("a"), "a");
        assert_eq!((names.unique("a/x"), names.unique("A/y")), ("a (1)/x".to_owned(), "a (1)/y".to_owned()));
        assert_eq!((names.unique("a"), names.unique("a/z")), ("a (2)".to_owned(), "a (1)/z".to_owned()));
        assert_eq!(
            (names.unique("COM1.txt"), names.unique("é"), names.unique("e\u{301}")),
            ("_COM1.txt".into(), "é".into(), "e\u{301} (1)".into())
        );
        assert_eq!(names.unique("x. . "), "x");
        assert_eq!(names.unique("..\u{ff0f}..\u{2215}evil.exe"), ".._.._evil.exe");
        for number in 1..3000 {
            assert!(names.unique("same.bin").starts_with("same"), "{number}");
        }
        assert_eq!(names.unique("same.bin"), "same (2999).bin");
    }

    proptest! {
        #[test]
        fn every_name_is_harmless_and_its_own(paths in proptest::collection::vec("[aAbé./\\\\: \u{301}-]{0,8}|\\PC{0,12}", 0..30)) {
            let mut names = Names::default();
            let mut seen = HashSet::new();
            let mut folders = HashSet::new();
            for path in &paths {
                let name = names.unique(path);
                prop_assert!(!name.contains(['\\', '\0', ':']) && !name.starts_with('/'), "{:?}", name);
                prop_assert!(name.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.len() <= MAX_SEGMENT + 16));
                prop_assert!(seen.insert(folded(&name)), "{:?} twice", name);
                for (at, _) in name.match_indices('/') {
                    folders.insert(folded(&name[..at]));
                }
            }
            prop_assert!(seen.is_disjoint(&folders), "a file and a folder share a name");
        }
    }
}

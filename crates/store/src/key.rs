//! What a key may be: the same on every backend, so that a store can be moved from one to the other.

use crate::error::{Error, Result};

/// Bytes in a key: S3's 1024 less room for the prefix of what was deleted.
const MAX_KEY: usize = 1000;
/// Bytes in one segment: a file system's 255 less room for the sidecar's ending.
const MAX_SEGMENT: usize = 250;
/// The ending of sidecars, which no name may have.
pub(crate) const SIDECAR: &str = ".meta";
/// A backend's own folders; no key reaches into them.
pub(crate) const TEMP: &str = ".tmp";
pub(crate) const UPLOADS: &str = ".uploads";
pub(crate) const TRASH: &str = ".trash";

/// Checks a key. What passes is a relative path of plain names.
pub(crate) fn check(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Error::InvalidKey("a key has 1 to 1000 bytes"));
    }
    if key.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(Error::InvalidKey("control characters are not allowed"));
    }
    for segment in key.split('/') {
        match segment {
            "" => return Err(Error::InvalidKey("empty segments are not allowed")),
            "." | ".." => return Err(Error::InvalidKey("dot segments are not allowed")),
            _ if segment.len() > MAX_SEGMENT => return Err(Error::InvalidKey("a segment has at most 250 bytes")),
            _ if segment.ends_with(SIDECAR) => return Err(Error::InvalidKey("names ending in .meta are reserved")),
            _ => {}
        }
    }
    let first = key.split('/').next().unwrap_or(key);
    if [TEMP, UPLOADS, TRASH].contains(&first) {
        return Err(Error::InvalidKey("the first segment is reserved"));
    }
    Ok(())
}

/// Where a restorably deleted blob waits.
pub(crate) fn trash(key: &str) -> String {
    format!("{TRASH}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_keys_are_refused() {
        let long = "a".repeat(251);
        let longer = "a/".repeat(600) + "a";
        for bad in [
            "",
            "/",
            "a//b",
            "/a",
            "a/",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/.",
            "a\0b",
            "a\nb",
            "a\x7f",
            "x.meta",
            "x.meta/y",
            ".tmp/x",
            ".uploads/x",
            ".trash/x",
            &long,
            &longer,
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "images/u/i/v/disk.img", ".incoming/x", "a\\b", "é/ü", "..a/b..", "a%2f..%2fb"] {
            assert!(check(good).is_ok(), "{good:?}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_stays_beneath(key in "[a./\\\\%]{0,12}") {
            if check(&key).is_ok() {
                let depth = key.split('/').try_fold(0i32, |depth, segment| match segment {
                    ".." => None,
                    _ => Some(depth + 1),
                });
                prop_assert!(depth.is_some() && !key.starts_with('/'));
            }
        }
    }
}

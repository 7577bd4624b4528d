//! Validates keys. The rules are the same in every backend, so that blobs can be moved from one
//! backend to another. Builds no keys of the product; the server does.

use crate::error::{Error, Result};

/// The longest key, in bytes: S3's 1024 minus room for the trash prefix.
const MAX_KEY: usize = 1000;
/// The longest segment of a key, in bytes: a file system's 255 minus room for the sidecar suffix.
const MAX_SEGMENT: usize = 250;
/// The file name suffix of sidecars. No segment of a key may end in it.
pub(crate) const SIDECAR_SUFFIX: &str = ".meta";
/// The folder of temporary files. No key may begin with it.
pub(crate) const TEMP: &str = ".tmp";
/// The folder of multipart uploads. No key may begin with it.
pub(crate) const UPLOADS: &str = ".uploads";
/// The folder of restorably deleted blobs. No key may begin with it.
pub const TRASH: &str = ".trash";
/// The folder of the ballast, which is given up on a full disk. No key may begin with it.
pub(crate) const BALLAST: &str = ".ballast";
/// The file that identifies the store. No key may begin with it.
pub(crate) const IDENTITY: &str = ".identity";
/// The names at the root of a store that are not keys.
pub(crate) const RESERVED: [&str; 5] = [TEMP, UPLOADS, TRASH, BALLAST, IDENTITY];

/// Validates a key. A valid key is a relative path without empty or dot segments.
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
            _ if segment.ends_with(SIDECAR_SUFFIX) => {
                return Err(Error::InvalidKey("names ending in .meta are reserved"));
            }
            _ => {}
        }
    }
    let first = key.split('/').next().unwrap_or(key);
    if RESERVED.contains(&first) {
        return Err(Error::InvalidKey("the first segment is reserved"));
    }
    Ok(())
}

/// Returns the key that a blob has while it is deleted restorably.
pub(crate) fn trash_key(key: &str) -> String {
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
        fn a_valid_key_stays_below_the_root(key in "[a./\\\\%]{0,12}") {
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

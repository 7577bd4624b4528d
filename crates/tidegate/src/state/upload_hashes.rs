//! SHA-256 of uploads whose parts arrive in order, which most do. The hash of the whole is then
//! known when the last part has been written, so completing the upload reads nothing again. Kept in
//! memory only; where it is missing, the bytes are read and hashed
//! (`surfaces/files/completion.rs`).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;

use crate::hashing::{sha256, to_hex};
use crate::model::upload::StoredPart;

/// The most uploads whose hashes are kept.
const MAX_UPLOADS: usize = 8192;
/// At that limit, uploads without a part for this long are dropped.
const IDLE: Duration = Duration::from_secs(60);

/// The running SHA-256 of open uploads, by upload id.
#[derive(Default)]
pub struct SequentialHash {
    prefixes: Mutex<HashMap<String, Prefix>>,
}

/// The parts of an upload from the first to one of them.
#[derive(Clone)]
pub(crate) struct Prefix {
    /// The number of the part that comes next.
    next: u32,
    /// SHA-256 of the bytes of these parts.
    pub(crate) sha256: digest::Context,
    /// SHA-256 of the fragment names of these parts. No two parts share a fragment, so an equal
    /// hash means that no part was replaced.
    fragments: digest::Context,
    touched: Instant,
}

impl Prefix {
    fn new(first: u32) -> Self {
        Self { next: first, sha256: sha256(), fragments: sha256(), touched: Instant::now() }
    }

    /// Returns the prefix with one more part, stored in `place`.
    pub(crate) fn with_part(mut self, place: &str, sha256: digest::Context) -> Self {
        add_fragment(&mut self.fragments, place);
        Self { next: self.next.saturating_add(1), sha256, touched: Instant::now(), ..self }
    }
}

fn add_fragment(fragments: &mut digest::Context, place: &str) {
    fragments.update(place.as_bytes());
    fragments.update(b"\n");
}

impl std::fmt::Debug for SequentialHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SequentialHash").field("uploads", &self.prefixes().len()).finish()
    }
}

impl SequentialHash {
    fn prefixes(&self) -> MutexGuard<'_, HashMap<String, Prefix>> {
        self.prefixes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the prefix before part `number`, if the hash of all parts before it is known.
    pub(crate) fn prefix_before(&self, upload_id: &str, number: u32) -> Option<Prefix> {
        let prefix = self.prefixes().get(upload_id).filter(|prefix| prefix.next == number).cloned();
        // Part numbers begin at 0 or 1.
        prefix.or_else(|| (number <= 1).then(|| Prefix::new(number)))
    }

    /// Stores the prefix of an upload. At the limit, idle uploads are dropped first; if none is
    /// idle, the prefix is not stored.
    pub(crate) fn insert(&self, upload_id: &str, prefix: Prefix) {
        let mut prefixes = self.prefixes();
        if prefixes.len() >= MAX_UPLOADS {
            prefixes.retain(|_, prefix| prefix.touched.elapsed() < IDLE);
        }
        if prefixes.len() < MAX_UPLOADS {
            prefixes.insert(upload_id.to_owned(), prefix);
        }
    }

    /// Returns the SHA-256 of these parts in lower-case hex, if they arrived in order and none was
    /// sent again.
    pub(crate) fn sha256_of(&self, upload_id: &str, parts: &[StoredPart]) -> Option<String> {
        let prefix = self.prefixes().get(upload_id).cloned()?;
        let mut fragments = sha256();
        for part in parts {
            add_fragment(&mut fragments, &part.bytes.place);
        }
        (to_hex(prefix.fragments) == to_hex(fragments)).then(|| to_hex(prefix.sha256))
    }

    /// Removes an upload that was completed or aborted.
    pub(crate) fn remove(&self, upload_id: &str) {
        self.prefixes().remove(upload_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, place: &str) -> StoredPart {
        StoredPart { number, bytes: store::Fragment { place: place.into(), offset: 0, size: 1 }, crc32: 0 }
    }

    fn came(all: &SequentialHash, number: u32, place: &str, bytes: &[u8]) {
        if let Some(prefix) = all.prefix_before("u", number) {
            let mut sha256 = prefix.sha256.clone();
            sha256.update(bytes);
            all.insert("u", prefix.with_part(place, sha256));
        }
    }

    #[test]
    fn what_came_in_order_is_known_and_nothing_else() {
        let all = SequentialHash::default();
        came(&all, 0, "a", b"one");
        came(&all, 1, "b", b"two");
        let sha256 = all.sha256_of("u", &[part(0, "a"), part(1, "b")]);
        assert_eq!(sha256, Some(hex::encode(digest::digest(&digest::SHA256, b"onetwo"))));
        assert_eq!(all.sha256_of("u", &[part(0, "a")]), None, "there is more");
        assert_eq!(all.sha256_of("u", &[part(0, "c"), part(1, "b")]), None, "one was sent again");
        came(&all, 5, "f", b"later");
        assert!(all.sha256_of("u", &[part(0, "a"), part(1, "b")]).is_some());
        assert_eq!(all.sha256_of("u", &[part(0, "a"), part(1, "b"), part(5, "f")]), None);
        came(&all, 0, "z", b"again");
        assert_eq!(all.sha256_of("u", &[part(0, "z"), part(1, "b")]), None, "what follows it was hashed after another");
        all.remove("u");
        assert_eq!(all.sha256_of("u", &[part(0, "z")]), None);
    }
}

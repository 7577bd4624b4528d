//! Checksums of uploads whose parts come one after the other, as most do: the whole's SHA-256 is then known when the last
//! one is there, and nothing is read again. Kept in memory only; what is not known here is found by reading.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;

use crate::hashing::{hex_of, sha256};
use crate::model::upload::StoredPart;

/// The most uploads whose checksums are kept.
const KEPT: usize = 8192;
/// Beyond that, those that had a part lately.
const LATELY: Duration = Duration::from_secs(60);

/// The uploads.
#[derive(Default)]
pub struct SequentialHash {
    known: Mutex<HashMap<String, Prefix>>,
}

/// The parts of an upload from its first to one of them.
#[derive(Clone)]
pub(crate) struct Prefix {
    /// What comes next.
    next: u32,
    /// Of their bytes.
    pub(crate) sha256: digest::Context,
    /// Of their places, which no two parts share: what tells that they are still the same.
    places: digest::Context,
    touched: Instant,
}

impl Prefix {
    fn new(first: u32) -> Self {
        Self { next: first, sha256: sha256(), places: sha256(), touched: Instant::now() }
    }

    /// With one part more.
    pub(crate) fn and(mut self, place: &str, sha256: digest::Context) -> Self {
        note(&mut self.places, place);
        Self { next: self.next.saturating_add(1), sha256, touched: Instant::now(), ..self }
    }
}

fn note(places: &mut digest::Context, place: &str) {
    places.update(place.as_bytes());
    places.update(b"\n");
}

impl std::fmt::Debug for SequentialHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SequentialHash").field("uploads", &self.known().len()).finish()
    }
}

impl SequentialHash {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Prefix>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes before part `number`, if all of that is known.
    pub(crate) fn before(&self, upload_id: &str, number: u32) -> Option<Prefix> {
        let known = self.known().get(upload_id).filter(|prefix| prefix.next == number).cloned();
        // Numbers begin at 0 or 1.
        known.or_else(|| (number <= 1).then(|| Prefix::new(number)))
    }

    /// Keeps what is known now.
    pub(crate) fn keep(&self, upload_id: &str, prefix: Prefix) {
        let mut known = self.known();
        if known.len() >= KEPT {
            known.retain(|_, prefix| prefix.touched.elapsed() < LATELY);
        }
        if known.len() < KEPT {
            known.insert(upload_id.to_owned(), prefix);
        }
    }

    /// The SHA-256 of these parts, if they came in order.
    pub(crate) fn of(&self, upload_id: &str, parts: &[StoredPart]) -> Option<String> {
        let prefix = self.known().get(upload_id).cloned()?;
        let mut places = sha256();
        for part in parts {
            note(&mut places, &part.bytes.place);
        }
        (hex_of(prefix.places) == hex_of(places)).then(|| hex_of(prefix.sha256))
    }

    /// Nobody asks any more.
    pub(crate) fn forget(&self, upload_id: &str) {
        self.known().remove(upload_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, place: &str) -> StoredPart {
        StoredPart { number, bytes: store::Fragment { place: place.into(), offset: 0, size: 1 }, crc32: 0 }
    }

    fn came(all: &SequentialHash, number: u32, place: &str, bytes: &[u8]) {
        if let Some(prefix) = all.before("u", number) {
            let mut sha256 = prefix.sha256.clone();
            sha256.update(bytes);
            all.keep("u", prefix.and(place, sha256));
        }
    }

    #[test]
    fn what_came_in_order_is_known_and_nothing_else() {
        let all = SequentialHash::default();
        came(&all, 0, "a", b"one");
        came(&all, 1, "b", b"two");
        let known = all.of("u", &[part(0, "a"), part(1, "b")]);
        assert_eq!(known, Some(hex::encode(digest::digest(&digest::SHA256, b"onetwo"))));
        assert_eq!(all.of("u", &[part(0, "a")]), None, "there is more");
        assert_eq!(all.of("u", &[part(0, "c"), part(1, "b")]), None, "one was sent again");
        came(&all, 5, "f", b"later");
        assert!(all.of("u", &[part(0, "a"), part(1, "b")]).is_some());
        assert_eq!(all.of("u", &[part(0, "a"), part(1, "b"), part(5, "f")]), None);
        came(&all, 0, "z", b"again");
        assert_eq!(all.of("u", &[part(0, "z"), part(1, "b")]), None, "what follows it was hashed after another");
        all.forget("u");
        assert_eq!(all.of("u", &[part(0, "z")]), None);
    }
}

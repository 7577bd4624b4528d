//! The random tags in the keys of files.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// The source of the tags. A tag has 32 bits, because clients read keys of that form, so two files
/// with one name and folder can draw the same one.
#[derive(Debug, Default)]
pub struct FileTags {
    chosen: Mutex<VecDeque<u32>>,
}

impl FileTags {
    /// Returns a random tag, or the next chosen one.
    pub fn draw(&self) -> u32 {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        chosen.unwrap_or_else(|| {
            let [a, b, c, d, ..] = Uuid::new_v4().into_bytes();
            u32::from_be_bytes([a, b, c, d])
        })
    }

    /// Chooses the tags that are drawn next, so that a test can make keys collide.
    pub fn choose(&self, tags: impl IntoIterator<Item = u32>) {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner).extend(tags);
    }
}

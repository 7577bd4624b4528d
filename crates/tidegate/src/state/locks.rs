//! One at a time for each name, without a lock for each: names share locks by chance.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use tokio::sync::{Mutex, MutexGuard};

const STRIPES: u64 = 1024;

/// The locks.
#[derive(Debug)]
pub struct Stripes {
    locks: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl Stripes {
    /// None of them held.
    pub fn new() -> Self {
        Self { locks: (0..STRIPES).map(|_| Mutex::new(())).collect(), hasher: RandomState::default() }
    }

    /// Waits until nobody else holds the name, and holds it.
    pub async fn hold(&self, name: &str) -> MutexGuard<'_, ()> {
        let stripe = self.hasher.hash_one(name) % STRIPES;
        self.locks[usize::try_from(stripe).unwrap_or(0)].lock().await
    }
}

impl Default for Stripes {
    fn default() -> Self {
        Self::new()
    }
}

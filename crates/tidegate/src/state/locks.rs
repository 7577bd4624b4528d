//! Locks by name. Names share a fixed number of locks by their hash, so no lock is created or
//! removed at run time.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use tokio::sync::{Mutex, MutexGuard};

/// The number of locks that all names share.
const LOCK_COUNT: u64 = 1024;

/// A lock for every name. Two names may share a lock, so a task that holds two at once can deadlock.
#[derive(Debug)]
pub struct KeyedLock {
    locks: Box<[Mutex<()>]>,
    hasher: RandomState,
}

impl KeyedLock {
    /// Creates the locks, none of them held.
    pub fn new() -> Self {
        Self { locks: (0..LOCK_COUNT).map(|_| Mutex::new(())).collect(), hasher: RandomState::default() }
    }

    /// Locks a name until the guard is dropped.
    pub async fn lock(&self, name: &str) -> MutexGuard<'_, ()> {
        let at = self.hasher.hash_one(name) % LOCK_COUNT;
        self.locks[usize::try_from(at).unwrap_or(0)].lock().await
    }
}

impl Default for KeyedLock {
    fn default() -> Self {
        Self::new()
    }
}

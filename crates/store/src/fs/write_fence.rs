//! Stops writers before a file becomes a blob, so that no byte changes afterwards. Holds no file;
//! `draft`, `multipart` and `part` put it around their writes.

use std::sync::{PoisonError, RwLock};

use crate::error::{Error, Result};

/// Allows writes to a file until it is closed. Every write holds the read lock, so no write is in
/// progress after [`WriteFence::close`] returns.
#[derive(Debug, Default)]
pub(super) struct WriteFence(RwLock<State>);

/// Whether the fence is closed, and how often it was closed. A writer that started before a failed
/// completion must not continue, because its range of the file can belong to another part by now.
#[derive(Debug, Default)]
struct State {
    closed: bool,
    generation: u64,
}

impl WriteFence {
    /// Waits for writes in progress and refuses later ones.
    pub(super) fn close(&self) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.generation += 1;
    }

    /// Allows writes again, but only for writers that start after this call.
    pub(super) fn reopen(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).closed = false;
    }

    /// Returns how often the fence was closed. A writer reads it when it starts.
    pub(super) fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Runs `write`, during which the fence can't be closed. Fails with [`Error::NoSuchUpload`] if
    /// the fence is closed or was closed since `generation`.
    pub(super) fn write_if_open<T>(&self, generation: u64, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if state.closed || state.generation != generation { Err(Error::NoSuchUpload) } else { write() }
    }
}

//! Whether a file may still be written to that is about to become a blob, or has.

use std::sync::{PoisonError, RwLock};

use crate::error::{Error, Result};

/// Read-locked around every write, so that once it is shut no byte of the file changes.
#[derive(Debug, Default)]
pub(super) struct Gate(RwLock<State>);

/// Whether it is shut, and how often it was: a writer from before an end that failed must not go on, its place may hold
/// something else by now.
#[derive(Debug, Default)]
struct State {
    shut: bool,
    generation: u64,
}

impl Gate {
    /// Waits for writes that are going on; those that follow fail.
    pub(super) fn shut(&self) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.shut = true;
        state.generation += 1;
    }

    /// For writers that come from here on.
    pub(super) fn open_again(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).shut = false;
    }

    pub(super) fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Runs `write` unless it was shut since `generation`, and keeps it from being shut meanwhile.
    pub(super) fn while_open<T>(&self, generation: u64, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if state.shut || state.generation != generation { Err(Error::NoSuchUpload) } else { write() }
    }
}

//! Stops writers before a file becomes a blob, so that no byte changes afterwards. Holds no file;
//! `draft`, `multipart` and `part` put it around their writes.

use std::io;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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
        self.lock().close();
    }

    /// Closes the fence if `check`, which runs while no write is in progress, finds nothing wrong. A
    /// completion that names wrong parts so refuses no write, whatever is written meanwhile.
    pub(super) fn close_if<T>(&self, check: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut state = self.lock();
        let checked = check()?;
        state.close();
        Ok(checked)
    }

    /// Allows writes again, but only for writers that start after this call.
    pub(super) fn reopen(&self) {
        self.lock().closed = false;
    }

    /// Returns how often the fence was closed. A writer reads it when it starts.
    pub(super) fn generation(&self) -> u64 {
        self.lock_shared().generation
    }

    /// Runs `write`, during which the fence can't be closed. Fails with [`Error::NoSuchUpload`] if
    /// the fence is closed, and with [`Error::Unavailable`] if it was closed since `generation` and
    /// is open again: the writer may start anew.
    pub(super) fn write_if_open<T>(&self, generation: u64, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let state = self.lock_shared();
        if state.closed {
            Err(Error::NoSuchUpload)
        } else if state.generation != generation {
            Err(Error::Unavailable(io::Error::other("a completion failed while the bytes were sent; send them again")))
        } else {
            write()
        }
    }

    /// Runs `change`, during which the fence can't be closed. Returns `None` if it is closed.
    pub(super) fn change_if_open<T>(&self, change: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        let state = self.lock_shared();
        if state.closed { Ok(None) } else { change().map(Some) }
    }

    fn lock(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_shared(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self) {
        self.closed = true;
        self.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(fence: &WriteFence, generation: u64) -> Result<()> {
        fence.write_if_open(generation, || Ok(()))
    }

    #[test]
    fn a_check_that_fails_refuses_no_writer() {
        let fence = WriteFence::default();
        let begun = fence.generation();
        fence.close_if(|| Err::<(), _>(Error::NotFound)).unwrap_err();
        write(&fence, begun).unwrap();
        fence.close_if(|| Ok(())).unwrap();
        assert!(matches!(write(&fence, begun), Err(Error::NoSuchUpload)));
        assert!(matches!(write(&fence, fence.generation()), Err(Error::NoSuchUpload)));
        assert_eq!(fence.change_if_open(|| Ok(())).unwrap(), None);
    }

    #[test]
    fn a_writer_from_before_a_failed_completion_is_told_to_send_again() {
        let fence = WriteFence::default();
        let begun = fence.generation();
        fence.close();
        fence.reopen();
        assert!(matches!(write(&fence, begun), Err(Error::Unavailable(_))));
        write(&fence, fence.generation()).unwrap();
        assert_eq!(fence.change_if_open(|| Ok(())).unwrap(), Some(()));
    }
}

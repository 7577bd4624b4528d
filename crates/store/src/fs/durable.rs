//! Writes files and syncs them in the background, so that the final sync has little left to write.
//! Claims room for every write, so that no writer uses the reserve of the disk. Knows neither keys
//! nor uploads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::root::Root;
use crate::error::{Error, Result};
use crate::space::Space;

/// The number of written bytes after which a background sync starts, if none is running.
const SYNC_EVERY: u64 = 8 << 20;

/// A file open for writing, with its own descriptor. Linux reports a write-back error once per
/// descriptor. Writers of one file must therefore not share a descriptor, or one writer's `fsync`
/// would consume the error of another.
#[derive(Debug)]
pub(super) struct DurableFile {
    file: Arc<File>,
    space: Arc<Space>,
    unsynced: u64,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl DurableFile {
    /// Wraps a file that no other writer shares.
    pub(super) fn new(file: File, space: Arc<Space>) -> Self {
        Self { file: Arc::new(file), space, unsynced: 0, syncing: None }
    }

    /// Writes `bytes` at `offset` and starts a background sync when one is due. Fails with
    /// [`Error::Full`] if the bytes would use the reserve. Call on the blocking pool only.
    pub(super) fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let room = self.space.claim(bytes.len() as u64)?;
        self.file.write_all_at(bytes, offset)?;
        drop(room);
        self.count_written(bytes.len() as u64)
    }

    /// Returns whether `path` still leads to this file.
    pub(super) fn is_at(&self, root: &Root, path: &str) -> Result<bool> {
        root.is_at(&self.file, path)
    }

    /// Copies `length` bytes from offset `from` of another file to `offset`. Call on the blocking
    /// pool only.
    pub(super) fn copy_at(&mut self, source: &File, from: u64, length: u64, offset: u64) -> Result<()> {
        let mut done = 0;
        while done < length {
            let next = (length - done).min(SYNC_EVERY);
            let room = self.space.claim(next)?;
            copy_range(source, from + done, &self.file, offset + done, next)?;
            drop(room);
            done += next;
            self.count_written(next)?;
        }
        Ok(())
    }

    /// Counts written bytes and starts a background sync when enough are unsynced.
    fn count_written(&mut self, bytes: u64) -> Result<()> {
        self.unsynced += bytes;
        let idle = self.syncing.as_ref().is_none_or(JoinHandle::is_finished);
        if self.unsynced >= SYNC_EVERY && idle {
            self.wait_for_sync()?;
            let file = Arc::clone(&self.file);
            self.syncing = Some(spawn_blocking(move || file.sync_data()));
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Makes everything written so far durable. Call on the blocking pool only.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.wait_for_sync()?;
        Ok(self.file.sync_data()?)
    }

    /// Waits for the background sync and returns its result. The kernel reports a write-back error
    /// to that sync only, so its result must not be lost.
    fn wait_for_sync(&mut self) -> Result<()> {
        match self.syncing.take() {
            None => Ok(()),
            Some(task) => {
                let outcome = Handle::current().block_on(task);
                Ok(outcome.map_err(|error| Error::Unavailable(io::Error::other(error)))??)
            }
        }
    }
}

/// Copies a range between files with `copy_file_range(2)`. Fails if the source ends early.
pub(super) fn copy_range(source: &File, from: u64, target: &File, to: u64, length: u64) -> Result<()> {
    let (mut from, mut to, end) = (from, to, from + length);
    while from < end {
        let left = usize::try_from(end - from).unwrap_or(usize::MAX);
        let copied = rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), left)?;
        if copied == 0 {
            return Err(Error::Damaged("a part is shorter than recorded".into()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(folder: &std::path::Path) -> Arc<Space> {
        Arc::new(Space::open(folder, "test", Some(0)).unwrap())
    }

    #[tokio::test]
    async fn bytes_written_during_a_sync_are_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = DurableFile::new(File::create(&path).unwrap(), space(folder.path()));
        let chunk = vec![7u8; 3 << 20];
        spawn_blocking(move || {
            for at in 0..9 {
                file.write_at(&chunk, at * (3 << 20)).unwrap();
            }
            assert!(file.syncing.is_some(), "a background sync was started");
            file.sync().unwrap();
            assert!(file.syncing.is_none());
        })
        .await
        .unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 27 << 20);
    }

    #[tokio::test]
    async fn an_error_of_the_background_sync_fails_the_next_sync() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DurableFile::new(File::create(folder.path().join("file")).unwrap(), space(folder.path()));
        file.syncing = Some(spawn_blocking(|| Err(io::Error::other("the disk failed"))));
        let outcome = spawn_blocking(move || file.sync()).await.unwrap();
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    }
}

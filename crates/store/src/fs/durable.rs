//! A file that is made durable while it is still being written, so that the last sync has little left to do.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::root::Root;
use crate::error::{Error, Result};

/// Bytes after which a sync is begun, if none is on its way.
const SYNC_EVERY: u64 = 8 << 20;

/// A writer's own descriptor of a file. The system tells of a failed write-back once per descriptor, so that writers
/// of one file must not share one: the first to sync would take the other's error for its own.
#[derive(Debug)]
pub(super) struct DurableFile {
    file: Arc<File>,
    unsynced: u64,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

impl DurableFile {
    pub(super) fn new(file: File) -> Self {
        Self { file: Arc::new(file), unsynced: 0, syncing: None }
    }

    /// Writes, and now and then begins a sync beside it. On the blocking pool only.
    pub(super) fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_all_at(bytes, offset)?;
        self.written(bytes.len() as u64)
    }

    /// Whether it is what lies at `path` now.
    pub(super) fn is_at(&self, root: &Root, path: &str) -> Result<bool> {
        root.is_at(&self.file, path)
    }

    /// Copies `length` bytes at `from` of another file. On the blocking pool only.
    pub(super) fn copy_at(&mut self, source: &File, from: u64, length: u64, offset: u64) -> Result<()> {
        let mut done = 0;
        while done < length {
            let next = (length - done).min(SYNC_EVERY);
            copy(source, from + done, &self.file, offset + done, next)?;
            done += next;
            self.written(next)?;
        }
        Ok(())
    }

    fn written(&mut self, bytes: u64) -> Result<()> {
        self.unsynced += bytes;
        let free = self.syncing.as_ref().is_none_or(JoinHandle::is_finished);
        if self.unsynced >= SYNC_EVERY && free {
            self.settle()?;
            let file = Arc::clone(&self.file);
            self.syncing = Some(spawn_blocking(move || file.sync_data()));
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Returns once all that was written is on disk. On the blocking pool only.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.settle()?;
        Ok(self.file.sync_data()?)
    }

    /// The outcome of the sync beside us: an error is told once, and there to whoever asked.
    fn settle(&mut self) -> Result<()> {
        match self.syncing.take() {
            None => Ok(()),
            Some(task) => {
                let outcome = Handle::current().block_on(task);
                Ok(outcome.map_err(|error| Error::Unavailable(io::Error::other(error)))??)
            }
        }
    }
}

/// Copies a range of a file by the system. That it ends early is an error.
pub(super) fn copy(source: &File, from: u64, target: &File, to: u64, length: u64) -> Result<()> {
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

    #[tokio::test]
    async fn what_was_written_while_syncing_is_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = DurableFile::new(File::create(&path).unwrap());
        let chunk = vec![7u8; 3 << 20];
        spawn_blocking(move || {
            for at in 0..9 {
                file.write_at(&chunk, at * (3 << 20)).unwrap();
            }
            assert!(file.syncing.is_some(), "a sync was begun on the way");
            file.sync().unwrap();
            assert!(file.syncing.is_none());
        })
        .await
        .unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 27 << 20);
    }

    #[tokio::test]
    async fn an_error_of_the_sync_beside_is_an_error_of_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DurableFile::new(File::create(folder.path().join("file")).unwrap());
        file.syncing = Some(spawn_blocking(|| Err(io::Error::other("the disk failed"))));
        let outcome = spawn_blocking(move || file.sync()).await.unwrap();
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    }
}

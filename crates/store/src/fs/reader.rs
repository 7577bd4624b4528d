//! Opens and reads blobs, for the server's own edge and for the stand-alone edge. Takes no lock and
//! writes nothing. Sending the bytes is in `blob_stream`.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::blob_stream::BlobStream;
use super::ingest::run_blocking;
use super::pages::Pages;
use super::paths::sidecar_path;
use super::root::Root;
use super::sidecar::Sidecar;
use crate::Stat;
use crate::error::{Error, Result};
use crate::key;

/// The number of change counters.
const COUNTERS: usize = 64;
/// How often opening a blob is tried while it is being replaced.
const MAX_OPEN_ATTEMPTS: usize = 3;

/// Counts moves and deletes, with one counter per group of keys. A blob that was opened before a
/// change to its group is opened again.
#[derive(Debug)]
pub(super) struct ChangeCounters([AtomicU64; COUNTERS]);

impl ChangeCounters {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Returns the counter of a key.
    fn index(key: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        usize::try_from(hasher.finish() % COUNTERS as u64).unwrap_or(0)
    }

    /// Counts a change to a key. Call it after the change and before the change is acknowledged.
    pub(super) fn increment(&self, key: &str) {
        self.0[Self::index(key)].fetch_add(1, Ordering::AcqRel);
    }
}

/// How bytes are sent from a file to a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reads {
    /// The kernel sends them from its page cache (`sendfile(2)`), except the first read of a small
    /// file.
    #[default]
    Sendfile,
    /// They are read into a buffer.
    Plain,
}

/// Reads the blobs of a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FsReader {
    pub(super) root: Arc<Root>,
    changes: Arc<ChangeCounters>,
    reads: Reads,
}

impl FsReader {
    /// Opens the folder of a store for reading. A server can have it open for writing. Blocking.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self::new(Arc::new(Root::open_for_reading(folder)?), Arc::new(ChangeCounters::new())))
    }

    pub(super) fn new(root: Arc<Root>, changes: Arc<ChangeCounters>) -> Self {
        Self { root, changes, reads: Reads::default() }
    }

    /// Sets how bytes are sent.
    #[must_use]
    pub fn reading(self, reads: Reads) -> Self {
        Self { reads, ..self }
    }

    /// Opens a blob. Fails with [`Error::NotFound`] if there is none.
    pub async fn blob(&self, key: &str) -> Result<Blob> {
        let (reader, key) = (self.clone(), key.to_owned());
        run_blocking(move || reader.open_blob(&key)).await
    }

    /// Checks that the folder can be read and is still the one at its path.
    pub async fn probe(&self) -> Result<()> {
        let reader = self.clone();
        run_blocking(move || reader.root.probe()).await
    }

    /// Opens a blob and its record, which must belong together and agree on the size. Blocking.
    pub(super) fn open_blob(&self, key: &str) -> Result<Blob> {
        key::check(key)?;
        let record_path = sidecar_path(key);
        let counter = ChangeCounters::index(key);
        for _ in 0..MAX_OPEN_ATTEMPTS {
            let generation = self.changes.0[counter].load(Ordering::Acquire);
            let (record, record_file) = Sidecar::open(&self.root, &record_path)?;
            let file = self.root.open_file(key)?;
            let version = FileVersion::of(&file)?;
            // The blob can have been moved, deleted or replaced between these steps. The inode
            // number of an open file is not reused, so comparing inodes detects that.
            if !self.root.is_at(&record_file, &record_path)? || !self.root.is_at(&file, key)? {
                continue;
            }
            if version.size != record.size {
                return Err(Error::Damaged(format!(
                    "the file has {} bytes, its record says {}",
                    version.size, record.size
                )));
            }
            let changes = Arc::clone(&self.changes);
            let file = Arc::new(FileAndPages { file, pages: OnceLock::new() });
            let state = Arc::new(OpenFile { version, was_read: AtomicBool::new(false), file });
            return Ok(Blob { state, stat: record.into_stat(), counter, generation, changes, reads: self.reads });
        }
        Err(Error::Unavailable(std::io::Error::other("the blob was replaced during every attempt to open it")))
    }
}

/// Identifies the state of a file. A rename changes its `ctime`, a removal its number of links, and
/// the store never writes to a published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileVersion {
    /// Reads the state of an open file.
    fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// An open file, shared by its readers.
#[derive(Debug)]
pub(super) struct OpenFile {
    version: FileVersion,
    was_read: AtomicBool,
    file: Arc<FileAndPages>,
}

/// The descriptor and the page map of an open file. It is closed on the blocking pool: closing a
/// removed file frees its blocks, which takes long for a large file.
#[derive(Debug)]
struct FileAndPages {
    file: File,
    /// The residency of the file's pages, looked up on first use; `None` if the kernel does not
    /// report it.
    pages: OnceLock<Option<Pages>>,
}

impl OpenFile {
    pub(super) fn file(&self) -> &File {
        &self.file.file
    }

    /// Returns whether the file was read before, and marks it as read.
    pub(super) fn was_read(&self) -> bool {
        // Loading first avoids a write in the usual case, which would invalidate the cache line of
        // other cores.
        self.was_read.load(Ordering::Relaxed) || self.was_read.swap(true, Ordering::Relaxed)
    }

    pub(super) fn size(&self) -> u64 {
        self.version.size
    }

    /// Returns the residency of the file's pages, if the kernel reports it.
    pub(super) fn pages(&self) -> Option<&Pages> {
        self.file.pages.get_or_init(|| Pages::of(self.file(), self.size())).as_ref()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let file = Arc::clone(&self.file);
            drop(runtime.spawn_blocking(move || drop(file)));
        }
    }
}

/// An open blob. It can be read any number of times while it [is current](Self::is_current).
#[derive(Debug)]
pub struct Blob {
    state: Arc<OpenFile>,
    stat: Stat,
    counter: usize,
    generation: u64,
    changes: Arc<ChangeCounters>,
    reads: Reads,
}

impl Blob {
    /// Returns the blob's properties.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Returns whether the key still refers to this blob. Costs one `fstat`.
    ///
    /// Deletes and moves by this process are detected at once. Those of another process are
    /// detected by the file's times, which have the resolution of the kernel's clock (a few
    /// milliseconds). A blob that was published, opened and moved within one tick still looks
    /// current, so a cache of blobs needs a time to live.
    pub fn is_current(&self) -> bool {
        self.changes.0[self.counter].load(Ordering::Acquire) == self.generation && self.is_untouched()
    }

    /// Returns whether the file is unchanged and has a name.
    fn is_untouched(&self) -> bool {
        let has_links = |stat: &rustix::fs::Stat| stat.st_nlink > 0;
        rustix::fs::fstat(self.state.file()).is_ok_and(|stat| {
            has_links(&stat)
                && FileVersion {
                    size: u64::try_from(stat.st_size).unwrap_or(0),
                    modified: (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
                    changed: (stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0)),
                } == self.state.version
        })
    }

    /// Returns the bytes of `range`. Fails with [`Error::BadRange`] if it is not inside the blob. A
    /// stream that has started continues to its end even if the key is deleted, and fails if the
    /// file ends early.
    pub fn read(&self, range: Range<u64>) -> Result<BlobStream> {
        if range.start > range.end || range.end > self.stat.size {
            return Err(Error::BadRange);
        }
        Ok(BlobStream::new(Arc::clone(&self.state), range, self.reads))
    }

    /// Returns the blob's properties and closes the blob.
    pub(super) fn into_stat(self) -> Stat {
        self.stat
    }
}

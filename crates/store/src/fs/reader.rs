//! Reading blobs, and nothing else: what the server's own edge and the stand-alone one have in common. Takes no lock
//! and writes nothing.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::flow::BlobStream;
use super::ingest::blocking;
use super::pages::Pages;
use super::place::sidecar;
use super::root::Root;
use super::sidecar::Sidecar;
use crate::Stat;
use crate::error::{Error, Result};
use crate::key;

const STRIPES: usize = 64;
/// How often a blob that changes hands while it is opened is opened again.
const TRIES: usize = 3;

/// How many times keys were taken away or given anew, in groups of keys: a blob opened before is then opened again.
#[derive(Debug)]
pub(super) struct Changes([AtomicU64; STRIPES]);

impl Changes {
    pub(super) fn none() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    fn stripe(key: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0)
    }

    /// After the change, before it is acknowledged.
    pub(super) fn note(&self, key: &str) {
        self.0[Self::stripe(key)].fetch_add(1, Ordering::AcqRel);
    }
}

/// How bytes get from a file to a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reads {
    /// The kernel sends them from its page cache, save for a small file that is read once.
    #[default]
    Sendfile,
    /// All are read into a buffer.
    Plain,
}

/// Reads blobs from a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FsReader {
    pub(super) root: Arc<Root>,
    changes: Arc<Changes>,
    reads: Reads,
}

impl FsReader {
    /// Opens the folder of a store for reading. A server may be writing to it. Blocking.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self::new(Arc::new(Root::open_for_reading(folder)?), Arc::new(Changes::none())))
    }

    pub(super) fn new(root: Arc<Root>, changes: Arc<Changes>) -> Self {
        Self { root, changes, reads: Reads::default() }
    }

    /// The same, reading in another way.
    #[must_use]
    pub fn reading(self, reads: Reads) -> Self {
        Self { reads, ..self }
    }

    /// Opens a blob.
    pub async fn blob(&self, key: &str) -> Result<Blob> {
        let (reader, key) = (self.clone(), key.to_owned());
        blocking(move || reader.open_blob(&key)).await
    }

    /// Whether the folder answers, and is still the one at its path.
    pub async fn probe(&self) -> Result<()> {
        let reader = self.clone();
        blocking(move || reader.root.probe()).await
    }

    /// The blob's bytes and its record, which must agree and belong together. Blocking.
    pub(super) fn open_blob(&self, key: &str) -> Result<Blob> {
        key::check(key)?;
        let record_path = sidecar(key);
        let stripe = Changes::stripe(key);
        for _ in 0..TRIES {
            let generation = self.changes.0[stripe].load(Ordering::Acquire);
            let (record, record_file) = Sidecar::open(&self.root, &record_path)?;
            let file = self.root.open_file(key)?;
            let seen = Seen::of(&file)?;
            // Between these steps, one blob may have made way for another, or be on its way out. While a file is
            // open, nothing else has the number of its inode.
            if !self.root.is_at(&record_file, &record_path)? || !self.root.is_at(&file, key)? {
                continue;
            }
            if seen.size != record.size {
                return Err(Error::Damaged(format!("{} bytes are there, the record says {}", seen.size, record.size)));
            }
            let changes = Arc::clone(&self.changes);
            let held = Arc::new(Held { file, pages: OnceLock::new() });
            let state = Arc::new(Open { seen, was_read: AtomicBool::new(false), held });
            return Ok(Blob { state, stat: record.into_stat(), stripe, generation, changes, reads: self.reads });
        }
        Err(Error::Unavailable(std::io::Error::other("the blob changes too often to be opened")))
    }
}

/// What tells that an open file is still the one that was published, at its place, and whole. Renaming and removing
/// a file change its `ctime` or its number of links; nobody else writes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// An open file, shared by those who read from it.
#[derive(Debug)]
pub(super) struct Open {
    seen: Seen,
    was_read: AtomicBool,
    held: Arc<Held>,
}

/// What is let go of last, by a thread that may wait: where the file was removed meanwhile, closing it is what frees its
/// blocks, which takes long for a large one.
#[derive(Debug)]
struct Held {
    file: File,
    /// Which of its pages are in memory, once somebody asked; `None` where that can't be told.
    pages: OnceLock<Option<Pages>>,
}

impl Open {
    pub(super) fn file(&self) -> &File {
        &self.held.file
    }

    /// Whether somebody asked before.
    pub(super) fn was_read(&self) -> bool {
        // Read first: most often it is so, and a write would be seen by every other core.
        self.was_read.load(Ordering::Relaxed) || self.was_read.swap(true, Ordering::Relaxed)
    }

    pub(super) fn size(&self) -> u64 {
        self.seen.size
    }

    pub(super) fn pages(&self) -> Option<&Pages> {
        self.held.pages.get_or_init(|| Pages::of(self.file(), self.size())).as_ref()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let held = Arc::clone(&self.held);
            drop(runtime.spawn_blocking(move || drop(held)));
        }
    }
}

/// A blob that was opened and may be read from many times, as long as it [is current](Self::is_current).
#[derive(Debug)]
pub struct Blob {
    state: Arc<Open>,
    stat: Stat,
    stripe: usize,
    generation: u64,
    changes: Arc<Changes>,
    reads: Reads,
}

impl Blob {
    /// What it is.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// Whether it is still what its key names, whole. Costs one `fstat`.
    ///
    /// What the store of this process deletes or moves shows at once. What another process does shows by the file's
    /// times, whose grain is that of the kernel's clock (a few milliseconds): a blob that was published, opened here
    /// and moved away within one grain keeps looking current, and whoever keeps blobs must give them a time to live.
    pub fn is_current(&self) -> bool {
        self.changes.0[self.stripe].load(Ordering::Acquire) == self.generation && self.is_untouched()
    }

    fn is_untouched(&self) -> bool {
        let links = |stat: &rustix::fs::Stat| stat.st_nlink > 0;
        rustix::fs::fstat(self.state.file()).is_ok_and(|stat| {
            links(&stat)
                && Seen {
                    size: u64::try_from(stat.st_size).unwrap_or(0),
                    modified: (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
                    changed: (stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0)),
                } == self.state.seen
        })
    }

    /// The bytes of `range`, which must lie inside the blob. What was begun is read to its end, whatever happens to
    /// the key; it ends with an error where the file ends early.
    pub fn read(&self, range: Range<u64>) -> Result<BlobStream> {
        if range.start > range.end || range.end > self.stat.size {
            return Err(Error::BadRange);
        }
        Ok(BlobStream::new(Arc::clone(&self.state), range, self.reads))
    }

    pub(super) fn into_stat(self) -> Stat {
        self.stat
    }
}

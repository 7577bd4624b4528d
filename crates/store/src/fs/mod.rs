//! Stores blobs on the local disk: one folder, one file per blob, one sidecar beside it. A blob is
//! written to a temporary file, made durable, renamed to its key without replacing and never
//! modified afterwards. The parts of an upload are written to their offsets in one file, so that
//! completing 100 GB costs a rename. Serves no HTTP. See `root` for path resolution, `blob` for
//! blobs at their keys and `multipart` for uploads.

mod beside;
mod blob;
mod blob_stream;
mod draft;
mod durable;
mod identity;
mod ingest;
mod journal;
mod layout;
mod leftovers;
mod multipart;
mod pages;
mod part;
mod paths;
mod reader;
mod root;
mod sidecar;
mod tree;
mod write_fence;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

pub use self::blob_stream::{BlobStream, Piece, SendError};
use self::draft::Draft;
use self::durable::DurableFile;
use self::ingest::{GatherBudget, Sink, run_blocking, write_to_sink};
use self::multipart::ActiveUpload;
use self::reader::ChangeCounters;
pub use self::reader::{Blob, FsReader, Reads};
use self::root::Root;
use self::sidecar::{Etag, Sidecar};
pub use self::tree::{ForeignFile, Tree, TreeEntry};
use crate::checksum::{Checks, Hashes};
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::key;
use crate::seals;
use crate::sigv4::{Presigner, Unsigned};
use crate::space::Space;
use crate::{
    ArchiveState, Attributes, ByteStream, Deletion, Entry, Fragment, OpenUpload, Part, PresignedRequest, Seals, Stat,
    Store, ThawTier, UploadRef,
};

/// The number of key locks; keys with the same hash share one.
const KEY_LOCKS: usize = 64;

/// A store in a folder of the local disk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FsStore {
    inner: Arc<Inner>,
}

/// The state that the clones of a store share.
#[derive(Debug)]
pub struct Inner {
    root: Arc<Root>,
    reader: FsReader,
    changes: Arc<ChangeCounters>,
    presigner: Presigner,
    space: Arc<Space>,
    /// When the store was opened.
    opened: SystemTime,
    /// Serialise publishing, moving, deleting and restoring per key.
    key_locks: [Mutex<()>; KEY_LOCKS],
    /// Held exclusively to remove empty folders, shared to create and fill them.
    tree: RwLock<()>,
    uploads: Mutex<HashMap<String, Arc<ActiveUpload>>>,
    drafts: Mutex<HashMap<String, Arc<Draft>>>,
    /// What all writers together may gather in memory.
    gathering: GatherBudget,
    /// Whether a server has the folder open besides. Its folders are then never removed.
    beside: bool,
}

impl std::ops::Deref for FsStore {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl FsStore {
    /// Opens the store in `folder`, which is created if it does not exist, and removes temporary
    /// files of interrupted writes. Fails if another server has the folder open. Reserves no space.
    /// Blocking.
    pub fn open(folder: &Path, presigner: Presigner) -> Result<Self> {
        Self::open_reserving(folder, presigner, Some(0))
    }

    /// Opens the store like [`Self::open`] and keeps `reserve` bytes of its disk free; `None` keeps
    /// the default of [`Space::open`]. Blocking.
    pub fn open_reserving(folder: &Path, presigner: Presigner, reserve: Option<u64>) -> Result<Self> {
        let (root, changes) = (Arc::new(Root::open(folder)?), Arc::new(ChangeCounters::new()));
        let space = Arc::new(Space::open(folder, "store", reserve)?);
        // A full disk must not keep the server from starting: deletes need it.
        space.free_ballast_if_exhausted();
        for own in [key::TEMP, key::UPLOADS, key::TRASH] {
            root.ensure_dir(own)?;
        }
        for (name, is_dir) in root.entries(key::TEMP)? {
            if !is_dir {
                root.unlink(&format!("{}/{name}", key::TEMP))?;
            }
        }
        // Fails at start if the folder is not writable, rather than at the first upload.
        let temp = format!("{}/{}", key::TEMP, Uuid::new_v4().simple());
        root.create_new(&temp)?;
        root.unlink(&temp)?;
        Ok(Self::with_root(root, changes, presigner, space, false))
    }

    /// Returns the store of an open folder.
    fn with_root(
        root: Arc<Root>,
        changes: Arc<ChangeCounters>,
        presigner: Presigner,
        space: Arc<Space>,
        beside: bool,
    ) -> Self {
        let inner = Inner {
            reader: FsReader::new(Arc::clone(&root), Arc::clone(&changes)),
            root,
            changes,
            presigner,
            space,
            opened: SystemTime::now(),
            key_locks: std::array::from_fn(|_| Mutex::new(())),
            tree: RwLock::new(()),
            uploads: Mutex::new(HashMap::new()),
            drafts: Mutex::new(HashMap::new()),
            gathering: GatherBudget::default(),
            beside,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Writes a blob of up to `limit` bytes and verifies its checksums before it becomes visible.
    /// Its ETag is its MD5.
    pub async fn write_checked(
        &self,
        key: &str,
        body: ByteStream,
        attributes: Attributes,
        limit: u64,
        checks: Checks,
    ) -> Result<Stat> {
        let (guard, file) = self.temporary(key).await?;
        let sink = BlobSink { file, offset: 0, hashes: Some(Hashes::new(checks)) };
        let sink = write_to_sink(&self.gathering, sink, body, limit).await?;
        let key = key.to_owned();
        run_blocking(move || guard.publish(sink, &key, attributes)).await
    }

    /// Creates a temporary file for a blob at `key`. The guard publishes or removes it.
    async fn temporary(&self, key: &str) -> Result<(TempGuard, DurableFile)> {
        key::check(key)?;
        let store = self.clone();
        run_blocking(move || store.temporary_blocking()).await
    }

    /// Creates a temporary file with the guard that publishes or removes it.
    fn temporary_blocking(&self) -> Result<(TempGuard, DurableFile)> {
        let temp = self.temp_name();
        self.space.check(0)?;
        let file = self.root.create_new(&temp)?;
        Ok((TempGuard { store: self.clone(), path: Some(temp) }, DurableFile::new(file, Arc::clone(&self.space))))
    }

    /// Returns the watch over the space of the store's disk.
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Returns a reader of the same blobs whose files can stay open between reads.
    pub fn reader(&self) -> FsReader {
        self.reader.clone()
    }

    /// Returns an unused path for a temporary file.
    fn temp_name(&self) -> String {
        format!("{}/{}", key::TEMP, Uuid::new_v4().simple())
    }

    /// Returns the index of a key's lock.
    fn lock_index(key: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        usize::try_from(hasher.finish() % KEY_LOCKS as u64).unwrap_or(0)
    }

    /// Locks a key.
    fn lock_key(&self, key: &str) -> MutexGuard<'_, ()> {
        self.key_locks[Self::lock_index(key)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks two keys, always in the order of their indices, so that two calls can't deadlock.
    fn lock_keys(&self, one: &str, other: &str) -> Vec<MutexGuard<'_, ()>> {
        let mut indices = vec![Self::lock_index(one), Self::lock_index(other)];
        indices.sort_unstable();
        indices.dedup();
        indices.into_iter().map(|at| self.key_locks[at].lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Locks the folder tree for creating and filling folders.
    fn lock_tree(&self) -> RwLockReadGuard<'_, ()> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the folder tree for removing empty folders.
    fn lock_tree_exclusively(&self) -> RwLockWriteGuard<'_, ()> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a body to a temporary file.
struct BlobSink {
    file: DurableFile,
    offset: u64,
    /// The hashes to compute, if the ETag is the MD5 or the client sent checksums.
    hashes: Option<Hashes>,
}

impl Sink for BlobSink {
    fn write(&mut self, chunks: &[Bytes]) -> Result<()> {
        for chunk in chunks {
            self.file.write_at(chunk, self.offset)?;
            if let Some(hashes) = &mut self.hashes {
                hashes.update(chunk);
            }
            self.offset += chunk.len() as u64;
        }
        Ok(())
    }
}

/// Owns a temporary file: publishes it, or removes it when dropped.
struct TempGuard {
    store: FsStore,
    path: Option<String>,
}

impl TempGuard {
    /// Makes the file durable and publishes it as the blob at `key`.
    fn publish(mut self, mut sink: BlobSink, key: &str, attributes: Attributes) -> Result<Stat> {
        let etag = match sink.hashes.take() {
            Some(hashes) => Etag::Md5(hashes.finish()?),
            None => Etag::Unique,
        };
        sink.file.sync()?;
        let record = Sidecar::new(sink.offset, etag, attributes, None);
        let path = self.path.as_deref().unwrap_or_default();
        let stat = self.store.publish(path, key, &record)?;
        self.path = None;
        Ok(stat)
    }
}

impl Drop for TempGuard {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = self.store.root.unlink(&path)
        {
            tracing::warn!(%error, "a temporary file can't be removed; it is removed at the next start");
        }
    }
}

/// The one seal of an upload.
fn seal_of(upload_id: &str) -> Option<Uuid> {
    Uuid::try_parse(upload_id).ok()
}

#[async_trait]
impl Store for FsStore {
    #[tracing::instrument(name = "store.begin_put", level = "trace", skip_all)]
    async fn begin_put(
        &self,
        key: &str,
        content_type: &str,
        size: Option<u64>,
        lifetime: Duration,
    ) -> Result<PresignedRequest> {
        key::check(key)?;
        let length = size.map(|size| size.to_string());
        let length = length.iter().map(|length| ("content-length", length.as_str()));
        let headers: Vec<_> = length.chain([("content-type", content_type)]).collect();
        let unsigned = Unsigned { method: "PUT", key, query: &[], headers: &headers };
        self.presigner.presign(unsigned, SystemTime::now(), lifetime)
    }

    #[tracing::instrument(name = "store.begin_parts", level = "trace", skip_all)]
    async fn begin_parts(&self, key: &str, part_size: u64, attributes: Attributes) -> Result<String> {
        key::check(key)?;
        let (store, key) = (self.clone(), key.to_owned());
        let created = run_blocking(move || store.create_upload(&key, part_size, attributes)).await;
        created.map_err(|error| match error {
            Error::NotFound => Error::Damaged("one of the store's own folders is missing".into()),
            other => other,
        })
    }

    #[tracing::instrument(name = "store.sign_part", level = "trace", skip_all)]
    async fn sign_part(&self, upload: &UploadRef, number: u32, lifetime: Duration) -> Result<PresignedRequest> {
        let number = number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", upload.upload_id.as_str())];
        let unsigned = Unsigned { method: "PUT", key: &upload.key, query: &query, headers: &[] };
        self.presigner.presign(unsigned, SystemTime::now(), lifetime)
    }

    #[tracing::instrument(name = "store.list_parts", level = "trace", skip_all)]
    async fn list_parts(&self, upload: &UploadRef) -> Result<Vec<Part>> {
        let (store, upload) = (self.clone(), upload.clone());
        run_blocking(move || Ok(store.active_upload(&upload)?.parts())).await
    }

    #[tracing::instrument(name = "store.complete", level = "trace", skip_all)]
    async fn complete(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        self.complete_upload(upload.clone(), completion.clone()).await
    }

    #[tracing::instrument(name = "store.abort", level = "trace", skip_all)]
    async fn abort(&self, upload: &UploadRef) -> Result<()> {
        self.abort_upload(upload.clone()).await
    }

    #[tracing::instrument(name = "store.list_uploads", level = "trace", skip_all)]
    async fn list_uploads(&self, prefix: &str, before: SystemTime) -> Result<Vec<OpenUpload>> {
        let (store, prefix) = (self.clone(), prefix.to_owned());
        let mut open = run_blocking(move || store.list_open(before)).await?;
        open.retain(|open| open.upload.key.starts_with(&prefix));
        Ok(open)
    }

    fn has_md5_etags(&self) -> bool {
        true
    }

    #[tracing::instrument(name = "store.write", level = "trace", skip_all)]
    async fn write(&self, key: &str, body: ByteStream, attributes: Attributes) -> Result<Stat> {
        let (guard, file) = self.temporary(key).await?;
        let sink = BlobSink { file, offset: 0, hashes: None };
        let sink = write_to_sink(&self.gathering, sink, body, u64::MAX).await?;
        let key = key.to_owned();
        run_blocking(move || guard.publish(sink, &key, attributes)).await
    }

    #[tracing::instrument(name = "store.write_fragment", level = "trace", skip_all)]
    async fn write_fragment(
        &self,
        draft: &str,
        number: u32,
        most: u64,
        body: ByteStream,
        _: &Attributes,
    ) -> Result<Fragment> {
        self.write_to_draft(draft, number, most, body).await
    }

    #[tracing::instrument(name = "store.read_fragment", level = "trace", skip_all)]
    async fn read_fragment(&self, draft: &str, fragment: &Fragment) -> Result<ByteStream> {
        self.read_from_draft(draft, fragment).await
    }

    #[tracing::instrument(name = "store.drop_fragment", level = "trace", skip_all)]
    async fn drop_fragment(&self, draft: &str, fragment: &Fragment) -> Result<()> {
        let (store, draft, fragment) = (self.clone(), draft.to_owned(), fragment.clone());
        run_blocking(move || store.drop_from_draft(&draft, &fragment)).await
    }

    #[tracing::instrument(name = "store.join", level = "trace", skip_all)]
    async fn join(&self, draft: &str, fragments: &[Fragment], to: &str, attributes: Attributes) -> Result<Stat> {
        let (store, draft, fragments, to) = (self.clone(), draft.to_owned(), fragments.to_vec(), to.to_owned());
        run_blocking(move || store.join_draft(&draft, &fragments, &to, attributes)).await
    }

    #[tracing::instrument(name = "store.discard", level = "trace", skip_all)]
    async fn discard(&self, draft: &str) -> Result<()> {
        let (store, draft) = (self.clone(), draft.to_owned());
        run_blocking(move || store.discard_draft(&draft)).await
    }

    #[tracing::instrument(name = "store.list_drafts", level = "trace", skip_all)]
    async fn list_drafts(&self, below: &str, before: SystemTime) -> Result<Vec<String>> {
        let (store, below) = (self.clone(), below.to_owned());
        run_blocking(move || store.idle_drafts(&below, before)).await
    }

    #[tracing::instrument(name = "store.read", level = "trace", skip_all)]
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<(Stat, ByteStream)> {
        let (store, key) = (self.clone(), key.to_owned());
        let blob = run_blocking(move || store.reader.open_blob(&key)).await?;
        let body = blob.read(range.unwrap_or(0..blob.stat().size))?;
        Ok((blob.into_stat(), Box::pin(body)))
    }

    #[tracing::instrument(name = "store.stat", level = "trace", skip_all)]
    async fn stat(&self, key: &str) -> Result<Stat> {
        let (store, key) = (self.clone(), key.to_owned());
        run_blocking(move || store.stat_blocking(&key)).await
    }

    #[tracing::instrument(name = "store.move_to", level = "trace", skip_all)]
    async fn move_to(&self, from: &str, to: &str, carrying: Option<&Attributes>) -> Result<()> {
        let (store, from, to, carrying) = (self.clone(), from.to_owned(), to.to_owned(), carrying.cloned());
        run_blocking(move || store.move_blocking(&from, &to, carrying)).await
    }

    #[tracing::instrument(name = "store.seal", level = "trace", skip_all)]
    async fn seal(&self, from: &str, seals: &str, upload_id: &str, attributes: &Attributes) -> Result<Option<String>> {
        let to = seals::key(seals, seal_of(upload_id).unwrap_or_else(Uuid::now_v7));
        let mut moved = self.move_to(from, &to, Some(attributes)).await;
        if matches!(moved, Err(Error::AlreadyExists)) {
            // Something whole is at `from`: it was put after what an earlier call has sealed, and takes its place.
            self.delete(&to, Deletion::Purge).await?;
            moved = self.move_to(from, &to, Some(attributes)).await;
        }
        match moved {
            Ok(()) | Err(Error::AlreadyExists) => Ok(Some(to)),
            Err(Error::NotFound) => seals::newest(self, seals).await,
            Err(error) => Err(error),
        }
    }

    #[tracing::instrument(name = "store.remove_seals", level = "trace", skip_all)]
    async fn remove_seals(&self, seals: &str, which: Seals<'_>) -> Result<()> {
        seals::remove(self, seals, which).await?;
        match which {
            Seals::All { upload_id: Some(upload_id) } => match seal_of(upload_id) {
                Some(seal) => self.delete(&seals::key(seals, seal), Deletion::Purge).await,
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    #[tracing::instrument(name = "store.delete", level = "trace", skip_all)]
    async fn delete(&self, key: &str, deletion: Deletion) -> Result<()> {
        let (store, key) = (self.clone(), key.to_owned());
        run_blocking(move || {
            // The trash can need a new folder.
            store.space.free_ballast_if_exhausted();
            store.delete_blocking(&key, deletion)
        })
        .await
    }

    #[tracing::instrument(name = "store.restore", level = "trace", skip_all)]
    async fn restore(&self, key: &str) -> Result<Stat> {
        let (store, key) = (self.clone(), key.to_owned());
        run_blocking(move || store.restore_blocking(&key)).await
    }

    #[tracing::instrument(name = "store.thaw", level = "trace", skip_all)]
    async fn thaw(&self, key: &str, _days: u32, _tier: ThawTier) -> Result<ArchiveState> {
        self.stat(key).await.map(|stat| stat.archive)
    }

    #[tracing::instrument(name = "store.list", level = "trace", skip_all)]
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let (store, prefix, after) = (self.clone(), prefix.to_owned(), after.map(str::to_owned));
        run_blocking(move || store.list_blocking(&prefix, after.as_deref(), limit)).await
    }

    #[tracing::instrument(name = "store.sign_read", level = "trace", skip_all)]
    async fn sign_read(&self, key: &str, lifetime: Duration) -> Result<PresignedRequest> {
        key::check(key)?;
        let unsigned = Unsigned { method: "GET", key, query: &[], headers: &[] };
        self.presigner.presign(unsigned, SystemTime::now(), lifetime)
    }

    #[tracing::instrument(name = "store.probe", level = "trace", skip_all)]
    async fn probe(&self) -> Result<()> {
        let store = self.clone();
        run_blocking(move || {
            let temp = store.temp_name();
            store.root.create_new(&temp)?;
            store.root.unlink(&temp).map(drop)
        })
        .await
    }
}

//! The local-disk store: one folder, one file per blob, a sidecar beside it.
//!
//! Blobs are written beside the tree, made durable, renamed into place without replacing, and never
//! modified afterwards. Parts of an upload go to their offsets in one file, so that completing a
//! hundred gigabytes costs a rename. See `root` for how keys stay inside, `multipart` for parts.

mod blob;
mod draft;
mod durable;
mod flow;
mod gate;
mod ingest;
mod journal;
mod multipart;
mod pages;
mod part;
mod place;
mod reader;
mod root;
mod sidecar;
mod tree;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use self::draft::Draft;
use self::durable::DurableFile;
pub use self::flow::{BlobStream, Piece, SendError};
use self::ingest::{Sink, blocking, pump};
use self::multipart::Opened;
use self::reader::Changes;
pub use self::reader::{Blob, FsReader, Reads};
use self::root::Root;
use self::sidecar::{Etag, Sidecar};
pub use self::tree::{Foreign, Found, Tree};
use crate::checksum::{Checks, Hashes};
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::key;
use crate::seals;
use crate::sigv4::{Presigner, Unsigned};
use crate::{
    Attributes, ByteStream, Deletion, Entry, Fragment, OpenUpload, Part, PresignedRequest, Seals, Stat, Store,
    UploadRef,
};

const STRIPES: usize = 64;

/// Blobs in a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FsStore {
    inner: Arc<Inner>,
}

/// What the clones of a store share.
#[derive(Debug)]
pub struct Inner {
    root: Arc<Root>,
    reader: FsReader,
    changes: Arc<Changes>,
    presigner: Presigner,
    /// One publish, delete or restore of a key at a time.
    stripes: [Mutex<()>; STRIPES],
    /// Removing empty folders (alone) against filling them (together).
    tree: RwLock<()>,
    uploads: Mutex<HashMap<String, Arc<Opened>>>,
    drafts: Mutex<HashMap<String, Arc<Draft>>>,
}

impl std::ops::Deref for FsStore {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl FsStore {
    /// Opens the store in `folder`, making it if it is not there, and clears what an interrupted write
    /// left. Only one server may have it open. Blocking.
    pub fn open(folder: &Path, presigner: Presigner) -> Result<Self> {
        let (root, changes) = (Arc::new(Root::open(folder)?), Arc::new(Changes::none()));
        for own in [key::TEMP, key::UPLOADS, key::TRASH] {
            root.ensure_dir(own)?;
        }
        for (name, is_dir) in root.entries(key::TEMP)? {
            if !is_dir {
                root.unlink(&format!("{}/{name}", key::TEMP))?;
            }
        }
        // Said now rather than at the first upload.
        let temp = format!("{}/{}", key::TEMP, Uuid::new_v4().simple());
        root.create_new(&temp)?;
        root.unlink(&temp)?;
        let inner = Inner {
            reader: FsReader::new(Arc::clone(&root), Arc::clone(&changes)),
            root,
            changes,
            presigner,
            stripes: std::array::from_fn(|_| Mutex::new(())),
            tree: RwLock::new(()),
            uploads: Mutex::new(HashMap::new()),
            drafts: Mutex::new(HashMap::new()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes a blob from a body whose sender gave checksums; nothing is visible unless they are met.
    /// `limit` is the most bytes taken.
    pub async fn write_checked(
        &self,
        key: &str,
        body: ByteStream,
        attributes: Attributes,
        limit: u64,
        checks: Checks,
    ) -> Result<Stat> {
        let (guard, file) = self.temporary(key).await?;
        let sink = pump(BlobSink { file, offset: 0, hashes: Some(Hashes::new(checks)) }, body, limit).await?;
        let key = key.to_owned();
        blocking(move || guard.publish(sink, &key, attributes)).await
    }

    /// A file that becomes the blob at `key`, or goes.
    async fn temporary(&self, key: &str) -> Result<(TempGuard, DurableFile)> {
        key::check(key)?;
        let store = self.clone();
        blocking(move || store.temporary_blocking()).await
    }

    fn temporary_blocking(&self) -> Result<(TempGuard, DurableFile)> {
        let temp = self.temp_name();
        let file = self.root.create_new(&temp)?;
        Ok((TempGuard { store: self.clone(), path: Some(temp) }, DurableFile::new(file)))
    }

    /// Bytes that are left on the disk for those who are not its administrator.
    pub async fn free_space(&self) -> Result<u64> {
        let store = self.clone();
        blocking(move || store.root.free_space()).await
    }

    /// Reads the same blobs, faster: what is open may stay open.
    pub fn reader(&self) -> FsReader {
        self.reader.clone()
    }

    fn temp_name(&self) -> String {
        format!("{}/{}", key::TEMP, Uuid::new_v4().simple())
    }

    fn stripe(&self, key: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0)
    }

    fn lock_key(&self, key: &str) -> MutexGuard<'_, ()> {
        self.stripes[self.stripe(key)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Both keys' locks, taken in one order everywhere.
    fn lock_keys(&self, one: &str, other: &str) -> Vec<MutexGuard<'_, ()>> {
        let mut stripes = vec![self.stripe(one), self.stripe(other)];
        stripes.sort_unstable();
        stripes.dedup();
        stripes.into_iter().map(|at| self.stripes[at].lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    fn lock_tree(&self) -> RwLockReadGuard<'_, ()> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_tree_alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body written to a file of its own.
struct BlobSink {
    file: DurableFile,
    offset: u64,
    /// Where the sender is to be told the MD5, or gave checksums.
    hashes: Option<Hashes>,
}

impl Sink for BlobSink {
    fn take(&mut self, chunks: &[Bytes]) -> Result<()> {
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

/// Removes a temporary file that was not published.
struct TempGuard {
    store: FsStore,
    path: Option<String>,
}

impl TempGuard {
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
            tracing::warn!(%error, "a temporary file was left; it is removed at the next start");
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
        let created = blocking(move || store.create_upload(&key, part_size, attributes)).await;
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
        blocking(move || Ok(store.opened(&upload)?.parts())).await
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
        let mut open = blocking(move || store.list_open(before)).await?;
        open.retain(|open| open.upload.key.starts_with(&prefix));
        Ok(open)
    }

    fn has_md5_etags(&self) -> bool {
        true
    }

    #[tracing::instrument(name = "store.write", level = "trace", skip_all)]
    async fn write(&self, key: &str, body: ByteStream, attributes: Attributes) -> Result<Stat> {
        let (guard, file) = self.temporary(key).await?;
        let sink = pump(BlobSink { file, offset: 0, hashes: None }, body, u64::MAX).await?;
        let key = key.to_owned();
        blocking(move || guard.publish(sink, &key, attributes)).await
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
        self.write_draft(draft, number, most, body).await
    }

    #[tracing::instrument(name = "store.read_fragment", level = "trace", skip_all)]
    async fn read_fragment(&self, draft: &str, fragment: &Fragment) -> Result<ByteStream> {
        self.read_draft(draft, fragment).await
    }

    #[tracing::instrument(name = "store.drop_fragment", level = "trace", skip_all)]
    async fn drop_fragment(&self, draft: &str, fragment: &Fragment) -> Result<()> {
        let (store, draft, fragment) = (self.clone(), draft.to_owned(), fragment.clone());
        blocking(move || store.drop_from_draft(&draft, &fragment)).await
    }

    #[tracing::instrument(name = "store.join", level = "trace", skip_all)]
    async fn join(&self, draft: &str, fragments: &[Fragment], to: &str, attributes: Attributes) -> Result<Stat> {
        let (store, draft, fragments, to) = (self.clone(), draft.to_owned(), fragments.to_vec(), to.to_owned());
        blocking(move || store.join_draft(&draft, &fragments, &to, attributes)).await
    }

    #[tracing::instrument(name = "store.discard", level = "trace", skip_all)]
    async fn discard(&self, draft: &str) -> Result<()> {
        let (store, draft) = (self.clone(), draft.to_owned());
        blocking(move || store.discard_draft(&draft)).await
    }

    #[tracing::instrument(name = "store.list_drafts", level = "trace", skip_all)]
    async fn list_drafts(&self, below: &str, before: SystemTime) -> Result<Vec<String>> {
        let (store, below) = (self.clone(), below.to_owned());
        blocking(move || store.old_drafts(&below, before)).await
    }

    #[tracing::instrument(name = "store.read", level = "trace", skip_all)]
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<(Stat, ByteStream)> {
        let (store, key) = (self.clone(), key.to_owned());
        let blob = blocking(move || store.reader.open_blob(&key)).await?;
        let body = blob.read(range.unwrap_or(0..blob.stat().size))?;
        Ok((blob.into_stat(), Box::pin(body)))
    }

    #[tracing::instrument(name = "store.stat", level = "trace", skip_all)]
    async fn stat(&self, key: &str) -> Result<Stat> {
        let (store, key) = (self.clone(), key.to_owned());
        blocking(move || store.stat_blocking(&key)).await
    }

    #[tracing::instrument(name = "store.move_to", level = "trace", skip_all)]
    async fn move_to(&self, from: &str, to: &str, carrying: Option<&Attributes>) -> Result<()> {
        let (store, from, to, carrying) = (self.clone(), from.to_owned(), to.to_owned(), carrying.cloned());
        blocking(move || store.move_blocking(&from, &to, carrying)).await
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
        blocking(move || store.delete_blocking(&key, deletion)).await
    }

    #[tracing::instrument(name = "store.restore", level = "trace", skip_all)]
    async fn restore(&self, key: &str) -> Result<Stat> {
        let (store, key) = (self.clone(), key.to_owned());
        blocking(move || store.restore_blocking(&key)).await
    }

    #[tracing::instrument(name = "store.list", level = "trace", skip_all)]
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let (store, prefix, after) = (self.clone(), prefix.to_owned(), after.map(str::to_owned));
        blocking(move || store.list_blocking(&prefix, after.as_deref(), limit)).await
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
        blocking(move || {
            let temp = store.temp_name();
            store.root.create_new(&temp)?;
            store.root.unlink(&temp).map(drop)
        })
        .await
    }
}

//! Stores drafts: fragments of any size that will be joined into one blob. All fragments of a draft
//! lie in one file, each at its expected offset in the blob. If every fragment lies at its final
//! offset, joining is a rename; otherwise the fragments are copied. Uploads with fixed part sizes
//! are in `multipart`.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;
use uuid::Uuid;

use super::durable::DurableFile;
use super::ingest::{Sink, run_blocking, write_to_sink};
use super::layout::Layout;
use super::sidecar::{Etag, Sidecar};
use super::write_fence::WriteFence;
use super::{BlobSink, FsStore};
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Fragment, Stat, key};

/// The number of drafts in memory above which unused ones are dropped from memory.
const MAX_CACHED_DRAFTS: usize = 4096;
/// The name of a draft's file.
const DATA: &str = "data";
/// Bytes per read.
const CHUNK: u64 = 1 << 20;
/// The block size in which space is freed, in bytes.
const BLOCK: u64 = 4096;

/// The state of a draft in memory.
#[derive(Debug)]
pub(super) struct Draft {
    layout: Mutex<Layout>,
    fence: WriteFence,
}

impl Draft {
    fn layout(&self) -> MutexGuard<'_, Layout> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one fragment. Dropping it before [`FragmentSink::finish`] frees its range.
struct FragmentSink {
    store: FsStore,
    name: String,
    draft: Arc<Draft>,
    generation: u64,
    file: DurableFile,
    at: u64,
    size: u64,
    finished: bool,
}

impl Sink for FragmentSink {
    fn write(&mut self, chunks: &[Bytes]) -> Result<()> {
        for chunk in chunks {
            let (file, at) = (&mut self.file, self.at + self.size);
            self.draft.fence.write_if_open(self.generation, || file.write_at(chunk, at))?;
            self.size += chunk.len() as u64;
        }
        Ok(())
    }
}

impl FragmentSink {
    /// Makes the fragment durable and returns it. Fails if the draft was joined or discarded since
    /// the fragment began.
    fn finish(mut self) -> Result<Fragment> {
        self.file.sync()?;
        // A join since the start can have cut the fragment off. Within the fence the next join sees
        // the fragment as finished.
        self.draft.fence.write_if_open(self.generation, || {
            self.draft.layout().finish(self.at, self.size);
            Ok(())
        })?;
        self.finished = true;
        Ok(Fragment { place: Uuid::new_v4().simple().to_string(), offset: self.at, size: self.size })
    }
}

impl Drop for FragmentSink {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Free the space first: no quota counts the bytes of a failed fragment.
        let (store, name, draft, at) = (self.store.clone(), self.name.clone(), Arc::clone(&self.draft), self.at);
        let free = move || {
            if let Err(error) = store.free_failed(&name, &draft, at) {
                tracing::warn!(%error, "the space of a failed fragment can't be freed before its upload ends");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(free)),
            Err(_) => free(),
        }
    }
}

/// Returns the path of a draft's file.
pub(super) fn data_path(draft: &str) -> String {
    format!("{draft}/{DATA}")
}

impl FsStore {
    /// Writes a fragment of up to `most` bytes to a draft.
    pub(super) async fn write_to_draft(
        &self,
        draft: &str,
        number: u32,
        most: u64,
        body: ByteStream,
    ) -> Result<Fragment> {
        key::check(draft)?;
        let (store, name) = (self.clone(), draft.to_owned());
        let sink = run_blocking(move || store.fragment_sink(&name, number, most)).await?;
        let sink = write_to_sink(&self.gathering, sink, body, most).await?;
        run_blocking(move || sink.finish()).await
    }

    /// Opens the draft and allocates a range for the fragment.
    fn fragment_sink(&self, name: &str, number: u32, most: u64) -> Result<FragmentSink> {
        let path = data_path(name);
        let file = match self.root.open_rw(&path) {
            Err(Error::NotFound) => self.begin_draft(name, &path)?,
            other => other?,
        };
        let draft = self.draft(name, &file)?;
        let generation = draft.fence.generation();
        let at = draft.layout().allocate(number, most);
        let (store, file) = (self.clone(), DurableFile::new(file, Arc::clone(&self.space)));
        let sink = FragmentSink { store, name: name.to_owned(), draft, generation, file, at, size: 0, finished: false };
        // The file can have become a blob between opening it and looking the draft up.
        let is_current = sink.draft.fence.write_if_open(generation, || sink.file.is_at(&self.root, &path))?;
        if is_current { Ok(sink) } else { Err(Error::NoSuchUpload) }
    }

    /// Creates the folder and the file of a draft.
    fn begin_draft(&self, draft: &str, path: &str) -> Result<File> {
        self.space.check(0)?;
        let _tree = self.lock_tree();
        self.root.ensure_dir(draft)?;
        match self.root.create_new(path) {
            Ok(file) => {
                self.root.sync_dir(draft)?;
                Ok(file)
            }
            // Another fragment of the draft created the file first.
            Err(_) if self.root.exists(path)? => self.root.open_rw(path),
            Err(error) => Err(error),
        }
    }

    /// Returns the draft's state in memory; creates it from the file's length if it is not there.
    fn draft(&self, name: &str, file: &File) -> Result<Arc<Draft>> {
        let mut drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(draft) = drafts.get(name) {
            return Ok(Arc::clone(draft));
        }
        if drafts.len() >= MAX_CACHED_DRAFTS {
            drafts.retain(|_, draft| Arc::strong_count(draft) > 1);
        }
        let layout = Layout::with_length(file.metadata()?.len());
        let draft = Arc::new(Draft { layout: Mutex::new(layout), fence: WriteFence::default() });
        drafts.insert(name.to_owned(), Arc::clone(&draft));
        Ok(draft)
    }

    /// Removes a fragment that another one replaces, and frees its space.
    pub(super) fn drop_from_draft(&self, name: &str, fragment: &Fragment) -> Result<()> {
        let file = match self.root.open_rw(&data_path(name)) {
            Err(Error::NotFound) => return Ok(()),
            other => other?,
        };
        let draft = self.draft(name, &file)?;
        drop(file);
        {
            let mut layout = draft.layout();
            layout.dropped.insert(fragment.place.clone());
            // The range is not allocated again: an older list of fragments must not refer to other
            // bytes.
            if let Some(extent) = layout.extents.get_mut(&fragment.offset) {
                extent.finished = false;
            }
        }
        self.if_current(name, &draft, |file| punch_hole(file, fragment.offset, fragment.offset + fragment.size))
    }

    /// Frees the range of a fragment that was not finished, whatever of it was written: a write that
    /// failed half-way has counted nothing. Also frees the blocks that it shares with unused space.
    fn free_failed(&self, name: &str, draft: &Draft, at: u64) -> Result<()> {
        let mut is_unused = false;
        let freed = self.if_current(name, draft, |file| {
            // Locked until the range is free, so that no other fragment is put into it.
            let mut layout = draft.layout();
            let freed = layout.unshared_range(at).map_or(Ok(()), |(from, to)| punch_hole(file, from, to));
            layout.finish(at, 0);
            is_unused = true;
            freed
        });
        if !is_unused {
            draft.layout().finish(at, 0);
        }
        freed
    }

    /// Runs `change` with the draft's file. Does nothing if the draft is being joined or has become
    /// a blob.
    fn if_current(&self, name: &str, draft: &Draft, change: impl FnOnce(&File) -> Result<()>) -> Result<()> {
        let path = data_path(name);
        let changed = draft.fence.change_if_open(|| {
            // Opened within the fence, so that the file can't be renamed to a blob in the meantime.
            change(&self.root.open_rw(&path)?)
        });
        match changed {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns the bytes of a fragment.
    pub(super) async fn read_from_draft(&self, draft: &str, fragment: &Fragment) -> Result<ByteStream> {
        let (store, path) = (self.clone(), data_path(draft));
        let file = run_blocking(move || store.root.open_file(&path)).await?;
        Ok(stream_range(file, fragment.offset, fragment.offset.saturating_add(fragment.size)))
    }

    /// Joins fragments into the blob at `to`. The draft's file becomes the blob or remains in
    /// place.
    pub(super) fn join_draft(
        &self,
        name: &str,
        fragments: &[Fragment],
        to: &str,
        attributes: Attributes,
    ) -> Result<Stat> {
        key::check(to)?;
        let file = self.root.open_rw(&data_path(name))?;
        let draft = self.draft(name, &file)?;
        draft.fence.close();
        let joined = self.join_fenced(&draft, name, &file, fragments, to, attributes);
        if joined.is_ok() {
            self.drafts.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        } else {
            draft.fence.reopen();
        }
        joined
    }

    /// Joins fragments while the fence is closed.
    fn join_fenced(
        &self,
        draft: &Draft,
        name: &str,
        file: &File,
        fragments: &[Fragment],
        to: &str,
        attributes: Attributes,
    ) -> Result<Stat> {
        let total: u64 = fragments.iter().map(|fragment| fragment.size).sum();
        let non_empty = || fragments.iter().filter(|fragment| fragment.size > 0);
        if file.metadata()?.len() < non_empty().map(|fragment| fragment.offset + fragment.size).max().unwrap_or(0) {
            return Err(Error::Damaged(format!("draft {name} is shorter than its fragments")));
        }
        if fragments.iter().any(|fragment| draft.layout().dropped.contains(&fragment.place)) {
            return Err(Error::NotFound);
        }
        for fragment in non_empty() {
            if has_hole(file, fragment)? {
                return Err(Error::NotFound);
            }
        }
        if self.root.exists(to)? {
            return Err(Error::AlreadyExists);
        }
        let mut next = 0;
        let in_place = non_empty().all(|fragment| {
            let fits = fragment.offset == next;
            next += fragment.size;
            fits
        });
        // A fragment after the end can have been acknowledged since the list was made; then the
        // file is not truncated.
        if in_place && !draft.layout().may_have_fragments_after(total) {
            file.set_len(total)?;
            file.sync_data()?;
            return self.publish(&data_path(name), to, &Sidecar::new(total, Etag::Unique, attributes, None));
        }
        let (guard, mut whole) = self.temporary_blocking()?;
        let mut offset = 0;
        for fragment in fragments {
            whole.copy_at(file, fragment.offset, fragment.size, offset)?;
            offset += fragment.size;
        }
        guard.publish(BlobSink { file: whole, offset, hashes: None }, to, attributes)
    }

    /// Removes a draft with its file. Idempotent.
    pub(super) fn discard_draft(&self, name: &str) -> Result<()> {
        key::check(name)?;
        let draft = self.drafts.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(draft) = draft {
            draft.fence.close();
        }
        self.root.unlink(&data_path(name))?;
        self.remove_empty_folders(name)
    }

    /// Returns the names of the drafts below a folder that were last written before `before`.
    pub(super) fn idle_drafts(&self, below: &str, before: SystemTime) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for (name, is_dir) in self.root.entries(below)? {
            let draft = format!("{below}/{name}");
            match self.root.open_file(&data_path(&draft)) {
                Ok(file) if is_dir && file.metadata()?.modified()? < before => found.push(draft),
                Ok(_) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// Frees the whole blocks of a range (`fallocate(2)`, `FALLOC_FL_PUNCH_HOLE`), up to the end of the
/// file if `to` is `u64::MAX`. Frees nothing on a file system that cannot punch holes; the blocks
/// are freed with the file.
pub(super) fn punch_hole(file: &File, from: u64, to: u64) -> Result<()> {
    let to = if to == u64::MAX { file.metadata()?.len().next_multiple_of(BLOCK) } else { to / BLOCK * BLOCK };
    let from = from.next_multiple_of(BLOCK);
    if from >= to {
        return Ok(());
    }
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file.as_fd(), flags, from, to - from) {
        Err(Errno::OPNOTSUPP) => Ok(()),
        done => Ok(done?),
    }
}

/// Returns whether blocks of a fragment were freed. Such a fragment was dropped, possibly before a
/// restart.
fn has_hole(file: &File, fragment: &Fragment) -> Result<bool> {
    let hole = match rustix::fs::seek(file, SeekFrom::Hole(fragment.offset)) {
        Ok(hole) => hole,
        Err(Errno::NXIO | Errno::INVAL) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(hole < fragment.offset + fragment.size)
}

/// Streams a range of a file, up to the end of the file.
pub(super) fn stream_range(file: File, from: u64, to: u64) -> ByteStream {
    let file = Arc::new(file);
    Box::pin(futures::stream::try_unfold((file, from), move |(file, at)| async move {
        let (source, length) = (Arc::clone(&file), (to - at).min(CHUNK));
        if length == 0 {
            return Ok(None);
        }
        let bytes = run_blocking(move || Ok(read_at(&source, at, length)?)).await.map_err(std::io::Error::other)?;
        let next = at + bytes.len() as u64;
        Ok((!bytes.is_empty()).then_some((bytes, (file, next))))
    }))
}

/// Reads up to `length` bytes at an offset; fewer only at the end of the file.
fn read_at(file: &File, at: u64, length: u64) -> std::io::Result<Bytes> {
    let mut bytes = BytesMut::zeroed(usize::try_from(length).unwrap_or(0));
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.freeze())
}

//! Stores drafts: fragments of any size that will be joined into one blob. All fragments of a draft
//! lie in one file, each at its expected offset in the blob. If every fragment lies at its final
//! offset, joining is a rename; otherwise the fragments are copied. Uploads with fixed part sizes
//! are in `multipart`.

use std::collections::{BTreeMap, HashSet};
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
/// Offsets from here on are never used for expected positions, because some file systems allow no
/// larger files.
const MAX_EXPECTED_OFFSET: u64 = 1 << 42;
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

/// Allocates ranges of a draft's file to fragments. The range that the file had when it was opened
/// counts as used.
#[derive(Debug, Default)]
struct Layout {
    /// The allocated ranges by offset.
    extents: BTreeMap<u64, Extent>,
    /// The length of the file when it was opened. Offsets below it are never allocated.
    initial_length: u64,
    /// The end of the last used range.
    end: u64,
    /// The number and the length of the first fragment. Fragments of this length get expected
    /// offsets.
    first: Option<(u32, u64)>,
    /// The ids of the fragments whose bytes were removed.
    dropped: HashSet<String>,
}

/// A range of the file that belongs to a fragment.
#[derive(Debug, Clone, Copy)]
struct Extent {
    length: u64,
    number: u32,
    finished: bool,
}

impl Layout {
    /// Creates the layout of a file with `length` bytes.
    fn with_length(length: u64) -> Self {
        Self { initial_length: length, end: length, ..Self::default() }
    }

    /// Allocates a range for a fragment of up to `length` bytes and returns its offset: the
    /// expected offset if all fragments have the same length, else the end of the file.
    fn allocate(&mut self, number: u32, length: u64) -> u64 {
        // An empty fragment gets an offset of its own too.
        let length = length.max(1);
        if self.extents.is_empty() && self.end == 0 {
            // Numbers begin with 0 or 1. A higher first number means that fragments are sent in
            // parallel.
            self.first = Some((if number == 1 { 1 } else { 0 }, length));
        }
        let at = self.expected_offset(number, length).unwrap_or(self.end);
        self.extents.insert(at, Extent { length, number, finished: false });
        self.end = self.end.max(at.saturating_add(length));
        at
    }

    /// Returns the offset of a fragment if all fragments have the length of the first one and the
    /// range is free.
    fn expected_offset(&self, number: u32, length: u64) -> Option<u64> {
        let (first, unit) = self.first?;
        // A shorter fragment at the end of the file is taken for the last one.
        let regular = self
            .extents
            .iter()
            .all(|(at, extent)| extent.length == unit || at + extent.length == self.end && extent.number > first);
        let at = u64::from(number.checked_sub(first)?).checked_mul(unit)?;
        let before = self.extents.range(..at.checked_add(length)?).next_back();
        let is_free = at >= self.initial_length && before.is_none_or(|(start, extent)| start + extent.length <= at);
        (regular && length <= unit && is_free && unit > 0 && at < MAX_EXPECTED_OFFSET).then_some(at)
    }

    /// Returns whether a finished fragment can lie at `offset` or after it.
    fn may_have_fragments_after(&self, offset: u64) -> bool {
        self.initial_length > offset || self.extents.range(offset..).any(|(_, extent)| extent.finished)
    }

    /// Sets the final length of the fragment at an offset. A length of 0 frees the range.
    fn finish(&mut self, at: u64, length: u64) {
        let Some(extent) = self.extents.remove(&at) else { return };
        if let Some((_, unit)) = &mut self.first
            && *unit == extent.length.max(1)
            && self.extents.is_empty()
            && self.initial_length == 0
        {
            *unit = length;
        }
        if length > 0 {
            self.extents.insert(at, Extent { length, finished: true, ..extent });
        }
        let last = self.extents.last_key_value().map_or(0, |(at, extent)| at + extent.length);
        self.end = last.max(self.initial_length);
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
        if self.size == 0 {
            self.draft.layout().finish(self.at, 0);
            return;
        }
        // Free the space first: no quota counts the bytes of a failed fragment.
        let (store, name, draft) = (self.store.clone(), self.name.clone(), Arc::clone(&self.draft));
        let (at, size) = (self.at, self.size);
        let free = move || {
            if let Err(error) = store.punch_hole(&name, &draft, at, size) {
                tracing::warn!(%error, "the space of a failed fragment can't be freed before its upload ends");
            }
            draft.layout().finish(at, 0);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(free)),
            Err(_) => free(),
        }
    }
}

/// Returns the path of a draft's file.
fn data_path(draft: &str) -> String {
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
        let (store, file) = (self.clone(), DurableFile::new(file));
        let sink = FragmentSink { store, name: name.to_owned(), draft, generation, file, at, size: 0, finished: false };
        // The file can have become a blob between opening it and looking the draft up.
        let is_current = sink.draft.fence.write_if_open(generation, || sink.file.is_at(&self.root, &path))?;
        if is_current { Ok(sink) } else { Err(Error::NoSuchUpload) }
    }

    /// Creates the folder and the file of a draft.
    fn begin_draft(&self, draft: &str, path: &str) -> Result<File> {
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
        self.punch_hole(name, &draft, fragment.offset, fragment.size)?;
        Ok(())
    }

    /// Frees the whole blocks of a range (`fallocate(2)`, `FALLOC_FL_PUNCH_HOLE`). Does nothing if
    /// the draft is being joined or has become a blob.
    fn punch_hole(&self, name: &str, draft: &Draft, at: u64, size: u64) -> Result<()> {
        let (from, to) = (at.next_multiple_of(BLOCK), (at + size) / BLOCK * BLOCK);
        if from >= to {
            return Ok(());
        }
        let path = data_path(name);
        let punched = draft.fence.write_if_open(draft.fence.generation(), || {
            // Opened within the fence, so that the file can't be renamed to a blob in the meantime.
            let file = self.root.open_rw(&path)?;
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            Ok(rustix::fs::fallocate(file.as_fd(), flags, from, to - from)?)
        });
        match punched {
            Err(Error::NoSuchUpload | Error::NotFound) => Ok(()),
            other => other,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the offsets of fragments (number, limit, length), each finished before the next
    /// begins.
    fn offsets(fragments: &[(u32, u64, u64)]) -> Vec<u64> {
        let mut layout = Layout::default();
        let write = |(number, most, size): &(u32, u64, u64)| {
            let at = layout.allocate(*number, *most);
            layout.finish(at, *size);
            at
        };
        fragments.iter().map(write).collect()
    }

    #[test]
    fn fragments_get_their_expected_offsets_if_known() {
        assert_eq!(offsets(&[(0, 5, 5), (1, 5, 5), (2, 5, 3)]), [0, 5, 10], "in order");
        assert_eq!(offsets(&[(1, 9, 5), (2, 9, 5), (3, 9, 3)]), [0, 5, 10], "with an upper limit instead of a length");
        assert_eq!(offsets(&[(0, 5, 5), (3, 2, 2), (1, 5, 5), (2, 5, 5)]), [0, 15, 5, 10], "in any order");
        assert_eq!(offsets(&[(0, 5, 5), (1, 3, 3), (2, 7, 7), (3, 1, 1)]), [0, 5, 8, 15], "of any length");
        assert_eq!(offsets(&[(0, 5, 5), (1, 5, 5), (1, 5, 5)]), [0, 5, 10], "sent again: at the end");
        assert_eq!(offsets(&[(0, 5, 5), (1, 5, 0), (1, 5, 5)]), [0, 5, 5], "the first attempt failed");
        assert_eq!(offsets(&[(2, 5, 5), (0, 5, 5), (1, 5, 5)]), [10, 0, 5], "a later one first");
        assert_eq!(offsets(&[(9999, 1 << 40, 5)]), [0], "an implausible number");
        let mut layout = Layout::default();
        let all = [(1, 5), (2, 5), (3, 5), (4, 2)].map(|(number, most)| layout.allocate(number, most));
        assert_eq!(all, [0, 5, 10, 15], "in parallel");
    }

    proptest! {
        #[test]
        fn no_two_fragments_overlap(
            fragments in proptest::collection::vec((0u32..9, 0u64..9, 0u64..9, any::<bool>()), 0..20),
            before in prop_oneof![Just(0u64), 1u64..20],
        ) {
            let mut layout = Layout::with_length(before);
            let (mut lying, mut open) = (vec![(0, before)], Vec::new());
            for (number, most, size, stays_open) in fragments {
                let at = layout.allocate(number, most);
                for (other, length) in lying.iter().chain(&open) {
                    prop_assert!(at + most <= *other || other + length <= at || most == 0 || *length == 0, "{layout:?} {at}");
                }
                if stays_open && most > 0 {
                    open.push((at, most));
                } else if most > 0 {
                    layout.finish(at, size.min(most));
                    lying.push((at, size.min(most)));
                }
            }
        }
    }
}

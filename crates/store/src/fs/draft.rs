//! Drafts: fragments of any size on their way to become one blob. All of them lie in one file, each at the place where it
//! will probably be in the whole. If that turns out to be so, making the whole costs a rename; else they are copied.

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
use super::gate::Gate;
use super::ingest::{Sink, blocking, pump};
use super::sidecar::{Etag, Sidecar};
use super::{BlobSink, FsStore};
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Fragment, Stat, key};

/// Drafts kept in memory; beyond it those that nobody writes to are forgotten.
const KEPT: usize = 4096;
/// The file of a draft.
const DATA: &str = "data";
/// Bytes read at once.
const CHUNK: u64 = 1 << 20;
/// No file is longer on some file systems: what is said to belong there lies behind the others.
const FAR: u64 = 1 << 42;
/// What file systems free.
const BLOCK: u64 = 4096;

/// A draft in memory.
#[derive(Debug)]
pub(super) struct Draft {
    layout: Mutex<Layout>,
    gate: Gate,
}

impl Draft {
    fn layout(&self) -> MutexGuard<'_, Layout> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which places of the file are taken. What lay there when it was opened is taken up to its end.
#[derive(Debug, Default)]
struct Layout {
    taken: BTreeMap<u64, Taken>,
    /// Nobody lies below, who is not known to `taken`.
    floor: u64,
    /// Nothing lies from here on.
    end: u64,
    /// Number and length of the fragment that came first, as long as fragments have its length.
    first: Option<(u32, u64)>,
    /// Fragments whose bytes are gone.
    dropped: HashSet<String>,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    length: u64,
    number: u32,
    finished: bool,
}

impl Layout {
    fn of(length: u64) -> Self {
        Self { floor: length, end: length, ..Self::default() }
    }

    /// A place for a fragment of up to `length` bytes: where it belongs if all have one length, or behind all others.
    fn place(&mut self, number: u32, length: u64) -> u64 {
        // Nothing lies in one place with another, also where it turns out to be nothing.
        let length = length.max(1);
        if self.taken.is_empty() && self.end == 0 {
            // Numbers begin with 0 or 1. Where another one comes first, several are sent at once.
            self.first = Some((if number == 1 { 1 } else { 0 }, length));
        }
        let at = self.expected(number, length).unwrap_or(self.end);
        self.taken.insert(at, Taken { length, number, finished: false });
        self.end = self.end.max(at.saturating_add(length));
        at
    }

    fn expected(&self, number: u32, length: u64) -> Option<u64> {
        let (first, unit) = self.first?;
        // One that is shorter is the last one, if all go on as they began.
        let regular = self
            .taken
            .iter()
            .all(|(at, taken)| taken.length == unit || at + taken.length == self.end && taken.number > first);
        let at = u64::from(number.checked_sub(first)?).checked_mul(unit)?;
        let before = self.taken.range(..at.checked_add(length)?).next_back();
        let is_free = at >= self.floor && before.is_none_or(|(start, taken)| start + taken.length <= at);
        (regular && length <= unit && is_free && unit > 0 && at < FAR).then_some(at)
    }

    /// Whether finished fragments may lie behind a place.
    fn may_hold_beyond(&self, total: u64) -> bool {
        self.floor > total || self.taken.range(total..).any(|(_, taken)| taken.finished)
    }

    /// The fragment is shorter than was thought, or nothing came of it.
    fn settle(&mut self, at: u64, length: u64) {
        let Some(taken) = self.taken.remove(&at) else { return };
        if let Some((_, unit)) = &mut self.first
            && *unit == taken.length.max(1)
            && self.taken.is_empty()
            && self.floor == 0
        {
            *unit = length;
        }
        if length > 0 {
            self.taken.insert(at, Taken { length, finished: true, ..taken });
        }
        let last = self.taken.last_key_value().map_or(0, |(at, taken)| at + taken.length);
        self.end = last.max(self.floor);
    }
}

/// A fragment on its way in. Its place is free again unless it was finished.
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
    fn take(&mut self, chunks: &[Bytes]) -> Result<()> {
        for chunk in chunks {
            let (file, at) = (&mut self.file, self.at + self.size);
            self.draft.gate.while_open(self.generation, || file.write_at(chunk, at))?;
            self.size += chunk.len() as u64;
        }
        Ok(())
    }
}

impl FragmentSink {
    fn finish(mut self) -> Result<Fragment> {
        self.file.sync()?;
        // What was cut off meanwhile is not there, whatever was synced. Whoever shuts the gate next sees that it lies there.
        self.draft.gate.while_open(self.generation, || {
            self.draft.layout().settle(self.at, self.size);
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
            self.draft.layout().settle(self.at, 0);
            return;
        }
        // What broke off must not take space that nobody counts; its place is free only after that.
        let (store, name, draft) = (self.store.clone(), self.name.clone(), Arc::clone(&self.draft));
        let (at, size) = (self.at, self.size);
        let free = move || {
            if let Err(error) = store.punch(&name, &draft, at, size) {
                tracing::warn!(%error, "a part that broke off keeps its space until its upload ends");
            }
            draft.layout().settle(at, 0);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(free)),
            Err(_) => free(),
        }
    }
}

fn data(draft: &str) -> String {
    format!("{draft}/{DATA}")
}

impl FsStore {
    pub(super) async fn write_draft(&self, draft: &str, number: u32, most: u64, body: ByteStream) -> Result<Fragment> {
        key::check(draft)?;
        let (store, name) = (self.clone(), draft.to_owned());
        let sink = blocking(move || store.fragment_sink(&name, number, most)).await?;
        let sink = pump(sink, body, most).await?;
        blocking(move || sink.finish()).await
    }

    fn fragment_sink(&self, name: &str, number: u32, most: u64) -> Result<FragmentSink> {
        let path = data(name);
        let file = match self.root.open_rw(&path) {
            Err(Error::NotFound) => self.begin_draft(name, &path)?,
            other => other?,
        };
        let draft = self.draft(name, &file)?;
        let generation = draft.gate.generation();
        let at = draft.layout().place(number, most);
        let (store, file) = (self.clone(), DurableFile::new(file));
        let sink = FragmentSink { store, name: name.to_owned(), draft, generation, file, at, size: 0, finished: false };
        // It may have become a blob before the draft was looked up.
        let is_there = sink.draft.gate.while_open(generation, || sink.file.is_at(&self.root, &path))?;
        if is_there { Ok(sink) } else { Err(Error::NoSuchUpload) }
    }

    fn begin_draft(&self, draft: &str, path: &str) -> Result<File> {
        let _tree = self.lock_tree();
        self.root.ensure_dir(draft)?;
        match self.root.create_new(path) {
            Ok(file) => {
                self.root.sync_dir(draft)?;
                Ok(file)
            }
            // Another fragment of it was first.
            Err(_) if self.root.exists(path)? => self.root.open_rw(path),
            Err(error) => Err(error),
        }
    }

    fn draft(&self, name: &str, file: &File) -> Result<Arc<Draft>> {
        let mut drafts = self.drafts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(draft) = drafts.get(name) {
            return Ok(Arc::clone(draft));
        }
        if drafts.len() >= KEPT {
            drafts.retain(|_, draft| Arc::strong_count(draft) > 1);
        }
        let layout = Layout::of(file.metadata()?.len());
        let draft = Arc::new(Draft { layout: Mutex::new(layout), gate: Gate::default() });
        drafts.insert(name.to_owned(), Arc::clone(&draft));
        Ok(draft)
    }

    /// Frees the space of a fragment that another has taken the place of.
    pub(super) fn drop_from_draft(&self, name: &str, fragment: &Fragment) -> Result<()> {
        let file = match self.root.open_rw(&data(name)) {
            Err(Error::NotFound) => return Ok(()),
            other => other?,
        };
        let draft = self.draft(name, &file)?;
        drop(file);
        {
            let mut layout = draft.layout();
            layout.dropped.insert(fragment.place.clone());
            // Its place is not given to another: a list that was made before must not mean that one.
            if let Some(taken) = layout.taken.get_mut(&fragment.offset) {
                taken.finished = false;
            }
        }
        self.punch(name, &draft, fragment.offset, fragment.size)?;
        Ok(())
    }

    /// Makes a hole of the whole blocks of a range, unless the draft has become a blob, or is about to.
    fn punch(&self, name: &str, draft: &Draft, at: u64, size: u64) -> Result<()> {
        let (from, to) = (at.next_multiple_of(BLOCK), (at + size) / BLOCK * BLOCK);
        if from >= to {
            return Ok(());
        }
        let path = data(name);
        let punched = draft.gate.while_open(draft.gate.generation(), || {
            // Opened in here: what lies there now can't be renamed away meanwhile.
            let file = self.root.open_rw(&path)?;
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            Ok(rustix::fs::fallocate(file.as_fd(), flags, from, to - from)?)
        });
        match punched {
            Err(Error::NoSuchUpload | Error::NotFound) => Ok(()),
            other => other,
        }
    }

    pub(super) async fn read_draft(&self, draft: &str, fragment: &Fragment) -> Result<ByteStream> {
        let (store, path) = (self.clone(), data(draft));
        let file = blocking(move || store.root.open_file(&path)).await?;
        Ok(reading(file, fragment.offset, fragment.offset.saturating_add(fragment.size)))
    }

    /// The whole at its key; the draft's file is it, or is still there.
    pub(super) fn join_draft(
        &self,
        name: &str,
        fragments: &[Fragment],
        to: &str,
        attributes: Attributes,
    ) -> Result<Stat> {
        key::check(to)?;
        let file = self.root.open_rw(&data(name))?;
        let draft = self.draft(name, &file)?;
        draft.gate.shut();
        let joined = self.join_shut(&draft, name, &file, fragments, to, attributes);
        if joined.is_ok() {
            self.drafts.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        } else {
            draft.gate.open_again();
        }
        joined
    }

    fn join_shut(
        &self,
        draft: &Draft,
        name: &str,
        file: &File,
        fragments: &[Fragment],
        to: &str,
        attributes: Attributes,
    ) -> Result<Stat> {
        let total: u64 = fragments.iter().map(|fragment| fragment.size).sum();
        let full = || fragments.iter().filter(|fragment| fragment.size > 0);
        if file.metadata()?.len() < full().map(|fragment| fragment.offset + fragment.size).max().unwrap_or(0) {
            return Err(Error::Damaged("fragments are missing at the end of a draft".into()));
        }
        if fragments.iter().any(|fragment| draft.layout().dropped.contains(&fragment.place)) {
            return Err(Error::NotFound);
        }
        for fragment in full() {
            if has_hole(file, fragment)? {
                return Err(Error::NotFound);
            }
        }
        if self.root.exists(to)? {
            return Err(Error::AlreadyExists);
        }
        let mut next = 0;
        let in_place = full().all(|fragment| {
            let fits = fragment.offset == next;
            next += fragment.size;
            fits
        });
        // What lies behind the whole may have been acknowledged since the list was made: then it is not cut off.
        if in_place && !draft.layout().may_hold_beyond(total) {
            file.set_len(total)?;
            file.sync_data()?;
            return self.publish(&data(name), to, &Sidecar::new(total, Etag::Unique, attributes, None));
        }
        let (guard, mut whole) = self.temporary_blocking()?;
        let mut offset = 0;
        for fragment in fragments {
            whole.copy_at(file, fragment.offset, fragment.size, offset)?;
            offset += fragment.size;
        }
        guard.publish(BlobSink { file: whole, offset, hashes: None }, to, attributes)
    }

    pub(super) fn discard_draft(&self, name: &str) -> Result<()> {
        key::check(name)?;
        let draft = self.drafts.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(draft) = draft {
            draft.gate.shut();
        }
        self.root.unlink(&data(name))?;
        self.prune(name)
    }

    /// Names of drafts below a folder that nobody has written to since `before`.
    pub(super) fn old_drafts(&self, below: &str, before: SystemTime) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for (name, is_dir) in self.root.entries(below)? {
            let draft = format!("{below}/{name}");
            match self.root.open_file(&data(&draft)) {
                Ok(file) if is_dir && file.metadata()?.modified()? < before => found.push(draft),
                Ok(_) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// Whether some of a fragment's blocks are gone: it was dropped, be it before a restart.
fn has_hole(file: &File, fragment: &Fragment) -> Result<bool> {
    let hole = match rustix::fs::seek(file, SeekFrom::Hole(fragment.offset)) {
        Ok(hole) => hole,
        Err(Errno::NXIO | Errno::INVAL) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(hole < fragment.offset + fragment.size)
}

/// A range of a file, or as much of it as there is.
pub(super) fn reading(file: File, from: u64, to: u64) -> ByteStream {
    let file = Arc::new(file);
    Box::pin(futures::stream::try_unfold((file, from), move |(file, at)| async move {
        let (source, length) = (Arc::clone(&file), (to - at).min(CHUNK));
        if length == 0 {
            return Ok(None);
        }
        let bytes = blocking(move || Ok(read_at(&source, at, length)?)).await.map_err(std::io::Error::other)?;
        let next = at + bytes.len() as u64;
        Ok((!bytes.is_empty()).then_some((bytes, (file, next))))
    }))
}

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

    /// Places fragments, each finished before the next begins.
    fn placed(fragments: &[(u32, u64, u64)]) -> Vec<u64> {
        let mut layout = Layout::default();
        let place = |(number, most, size): &(u32, u64, u64)| {
            let at = layout.place(*number, *most);
            layout.settle(at, *size);
            at
        };
        fragments.iter().map(place).collect()
    }

    #[test]
    fn pieces_lie_where_they_belong_if_that_can_be_told() {
        assert_eq!(placed(&[(0, 5, 5), (1, 5, 5), (2, 5, 3)]), [0, 5, 10], "one after the other");
        assert_eq!(placed(&[(1, 9, 5), (2, 9, 5), (3, 9, 3)]), [0, 5, 10], "of which only the most is known");
        assert_eq!(placed(&[(0, 5, 5), (3, 2, 2), (1, 5, 5), (2, 5, 5)]), [0, 15, 5, 10], "in any order");
        assert_eq!(placed(&[(0, 5, 5), (1, 3, 3), (2, 7, 7), (3, 1, 1)]), [0, 5, 8, 15], "of any length");
        assert_eq!(placed(&[(0, 5, 5), (1, 5, 5), (1, 5, 5)]), [0, 5, 10], "again: behind all others");
        assert_eq!(placed(&[(0, 5, 5), (1, 5, 0), (1, 5, 5)]), [0, 5, 5], "nothing came of the first try");
        assert_eq!(placed(&[(2, 5, 5), (0, 5, 5), (1, 5, 5)]), [10, 0, 5], "a later one first");
        assert_eq!(placed(&[(9999, 1 << 40, 5)]), [0], "nobody has such files");
        let mut layout = Layout::default();
        let all = [(1, 5), (2, 5), (3, 5), (4, 2)].map(|(number, most)| layout.place(number, most));
        assert_eq!(all, [0, 5, 10, 15], "all at once");
    }

    proptest! {
        #[test]
        fn no_two_pieces_lie_in_one_place(
            fragments in proptest::collection::vec((0u32..9, 0u64..9, 0u64..9, any::<bool>()), 0..20),
            before in prop_oneof![Just(0u64), 1u64..20],
        ) {
            let mut layout = Layout::of(before);
            let (mut lying, mut open) = (vec![(0, before)], Vec::new());
            for (number, most, size, stays_open) in fragments {
                let at = layout.place(number, most);
                for (other, length) in lying.iter().chain(&open) {
                    prop_assert!(at + most <= *other || other + length <= at || most == 0 || *length == 0, "{layout:?} {at}");
                }
                if stays_open && most > 0 {
                    open.push((at, most));
                } else if most > 0 {
                    layout.settle(at, size.min(most));
                    lying.push((at, size.min(most)));
                }
            }
        }
    }
}

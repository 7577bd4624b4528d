//! Uploads in parts. Part `n` is written at `(n - 1) * part_size` of one file; a journal records what was
//! acknowledged. A part sent again goes to a file of its own first, so that the acknowledged one survives
//! until the new one is whole; it is copied into place at completion.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FsStore;
use super::ingest::{Sink, blocking, pump};
use super::journal::{self, Line};
use super::place::{self, UPLOADS};
use super::sidecar::{Sidecar, micros};
use crate::checksum::{Checks, Hashes};
use crate::completion::Completion;
use crate::error::{Error, PartFault, Result};
use crate::{Attributes, ByteStream, MAX_PARTS, OpenUpload, Part, Stat, UploadRef};

/// Uploads kept open in memory; beyond it the idle ones are forgotten and read again when needed.
const KEPT_OPEN: usize = 256;

/// What `begin` wrote.
#[derive(Debug, Serialize, Deserialize)]
struct Announced {
    key: String,
    part_size: u64,
    begun_us: u64,
    attributes: Attributes,
}

/// An upload in memory.
#[derive(Debug)]
pub(super) struct Opened {
    announced: Announced,
    folder: String,
    data: File,
    state: Mutex<State>,
    /// Read-locked around every write, so that once it is sealed no byte of the file changes.
    gate: RwLock<Gate>,
}

/// Whether completion or abortion has begun, and how often: a writer from before a completion that
/// failed must not go on, its place may hold an acknowledged part by now.
#[derive(Debug, Default)]
struct Gate {
    sealed: bool,
    generation: u64,
}

#[derive(Debug)]
struct State {
    journal: File,
    parts: BTreeMap<u32, Line>,
    /// Parts whose place in the file is being written.
    in_place: HashSet<u32>,
}

impl Opened {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        let state = self.state();
        let part = |line: &Line| Part { number: line.number, etag: line.md5.clone(), size: line.size };
        state.parts.values().map(part).collect()
    }

    fn offset(&self, number: u32) -> u64 {
        u64::from(number - 1) * self.announced.part_size
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    fn seal(&self) {
        let mut gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        gate.sealed = true;
        gate.generation += 1;
    }

    fn unseal(&self) {
        self.gate.write().unwrap_or_else(PoisonError::into_inner).sealed = false;
    }

    fn generation(&self) -> u64 {
        self.gate.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Runs `write` unless the upload was sealed since `generation`, and keeps it from being sealed
    /// meanwhile.
    fn while_open<T>(&self, generation: u64, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        if gate.sealed || gate.generation != generation { Err(Error::NoSuchUpload) } else { write() }
    }
}

impl FsStore {
    pub(super) fn begin_parts(&self, key: &str, part_size: u64, attributes: Attributes) -> Result<String> {
        let upload_id = Uuid::new_v4().simple().to_string();
        let folder = format!("{UPLOADS}/{upload_id}");
        let announced = Announced { key: key.to_owned(), part_size, begun_us: micros(SystemTime::now()), attributes };
        self.root.ensure_dir(&folder)?;
        self.root.create_new(&format!("{folder}/data"))?;
        self.root.create_new(&format!("{folder}/journal"))?;
        // Last: a folder without it is no upload.
        self.write_record(&format!("{folder}/upload"), &announced)?;
        self.root.sync_dir(&folder)?;
        Ok(upload_id)
    }

    /// The upload in memory, read from disk the first time.
    pub(super) fn opened(&self, upload: &UploadRef) -> Result<Arc<Opened>> {
        if upload.upload_id.len() != 32 || !upload.upload_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::NoSuchUpload);
        }
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match uploads.get(&upload.upload_id) {
            Some(opened) => Arc::clone(opened),
            None => {
                if uploads.len() >= KEPT_OPEN {
                    uploads.retain(|_, opened| Arc::strong_count(opened) > 1);
                }
                let opened = Arc::new(self.load(&upload.upload_id)?);
                uploads.insert(upload.upload_id.clone(), Arc::clone(&opened));
                opened
            }
        };
        if opened.announced.key == upload.key { Ok(opened) } else { Err(Error::NoSuchUpload) }
    }

    fn load(&self, upload_id: &str) -> Result<Opened> {
        let folder = format!("{UPLOADS}/{upload_id}");
        let gone = |error| if matches!(error, Error::NotFound) { Error::NoSuchUpload } else { error };
        let announced = self.announced(&folder).map_err(gone)?;
        let data = self.root.open_rw(&format!("{folder}/data"), false).map_err(gone)?;
        let mut journal = self.root.open_rw(&format!("{folder}/journal"), false).map_err(gone)?;
        let lines = journal::read(&mut journal)?;
        let parts = lines.into_iter().map(|line| (line.number, line)).collect();
        let state = Mutex::new(State { journal, parts, in_place: HashSet::new() });
        Ok(Opened { announced, folder, data, state, gate: RwLock::default() })
    }

    fn announced(&self, folder: &str) -> Result<Announced> {
        let bytes = self.root.read_small(&format!("{folder}/upload"), 64 << 10)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Damaged(format!("an upload's record: {error}")))
    }

    /// Stores a part and returns once it is durable. More than `limit` bytes or wrong checksums are
    /// refused, and what was acknowledged under that number before stays.
    pub async fn write_part(
        &self,
        upload: &UploadRef,
        number: u32,
        body: ByteStream,
        limit: u64,
        checks: Checks,
    ) -> Result<Part> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(Error::InvalidPart { number, fault: PartFault::Missing });
        }
        let (store, upload) = (self.clone(), upload.clone());
        let sink = blocking(move || store.part_sink(&upload, number, checks)).await?;
        let limit = limit.min(sink.opened.announced.part_size);
        let sink = pump(sink, body, limit).await?;
        blocking(move || sink.acknowledge()).await
    }

    fn part_sink(&self, upload: &UploadRef, number: u32, checks: Checks) -> Result<PartSink> {
        let opened = self.opened(upload)?;
        // Before the place is claimed: a completion in between makes this writer stale.
        let generation = opened.generation();
        let in_place = {
            let mut state = opened.state();
            !state.parts.contains_key(&number) && state.in_place.insert(number)
        };
        let mut sink = PartSink {
            store: self.clone(),
            number,
            size: 0,
            hashes: Some(Hashes::new(checks)),
            aside: None,
            in_place,
            generation,
            opened,
        };
        if !in_place {
            let name = format!("part-{number:05}.{}", Uuid::new_v4().simple());
            let file = self.root.create_new(&sink.opened.path(&name))?;
            sink.aside = Some((name, file));
        }
        Ok(sink)
    }

    pub(super) fn complete_parts(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        place::check(&upload.key)?;
        let opened = match self.opened(upload) {
            Err(Error::NoSuchUpload) => return self.completed_before(upload),
            other => other?,
        };
        completion.check(&opened.parts())?;
        opened.seal();
        let done = self.assemble(upload, &opened, completion);
        match &done {
            Ok(_) => self.forget(&upload.upload_id, &opened.folder)?,
            Err(_) => opened.unseal(),
        }
        done
    }

    /// The blob is visible when this returns; the upload's folder may be removed.
    fn assemble(&self, upload: &UploadRef, opened: &Opened, completion: &Completion) -> Result<Stat> {
        // Held throughout: a second completion of the same upload waits here and finds the blob.
        let mut state = opened.state();
        if let Ok(stat) = self.completed_before(upload) {
            return Ok(stat);
        }
        if !self.root.exists(&opened.path("upload"))? {
            return Err(Error::NoSuchUpload);
        }
        let stored: Vec<Part> = state
            .parts
            .values()
            .map(|line| Part { number: line.number, etag: line.md5.clone(), size: line.size })
            .collect();
        let total = completion.check(&stored)?;
        let mut etag = Md5::new();
        for (number, _) in &completion.parts {
            if let Some(line) = state.parts.get(number).filter(|line| line.aside.is_some()).cloned() {
                self.copy_into_place(opened, &line)?;
                let settled = Line { aside: None, ..line.clone() };
                journal::append(&mut state.journal, &settled)?;
                state.parts.insert(*number, settled);
                if let Some(name) = line.aside {
                    self.root.unlink(&opened.path(&name))?;
                }
            }
        }
        let count = completion.parts.len();
        for line in state.parts.values().take(count) {
            etag.update(hex::decode(&line.md5).map_err(|_| Error::Damaged("a part's record".into()))?);
        }
        opened.data.set_len(total)?;
        opened.data.sync_data()?;
        let etag = format!("{}-{count}", hex::encode(etag.finalize()));
        let record = Sidecar::new(total, etag, opened.announced.attributes.clone(), Some(upload.upload_id.clone()));
        self.publish(&opened.path("data"), &upload.key, &record)
    }

    fn copy_into_place(&self, opened: &Opened, line: &Line) -> Result<()> {
        let Some(name) = &line.aside else { return Ok(()) };
        let source = self.root.open_file(&opened.path(name))?;
        let (mut from, mut to) = (0, opened.offset(line.number));
        while from < line.size {
            let left = usize::try_from(line.size - from).unwrap_or(usize::MAX);
            let copied = rustix::fs::copy_file_range(&source, Some(&mut from), &opened.data, Some(&mut to), left)?;
            if copied == 0 {
                return Err(Error::Damaged(format!("part {} is shorter than recorded", line.number)));
            }
        }
        Ok(opened.data.sync_data()?)
    }

    /// The answer to a completion that was answered before, or whose answer was lost.
    fn completed_before(&self, upload: &UploadRef) -> Result<Stat> {
        match Sidecar::read(&self.root, &place::sidecar(&upload.key)) {
            Ok(record) if record.upload_id.as_deref() == Some(&upload.upload_id) => {
                self.open_blob(&upload.key).map(|(_, stat)| stat).map_err(|error| match error {
                    Error::NotFound => Error::NoSuchUpload,
                    other => other,
                })
            }
            Ok(_) | Err(Error::NotFound | Error::InvalidKey(_)) => Err(Error::NoSuchUpload),
            Err(error) => Err(error),
        }
    }

    pub(super) fn abort_parts(&self, upload: &UploadRef) -> Result<()> {
        match self.opened(upload) {
            Ok(opened) => {
                opened.seal();
                // A completion that has begun comes first.
                let _state = opened.state();
                self.forget(&upload.upload_id, &opened.folder)
            }
            Err(Error::NoSuchUpload) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes the record first: what is left of a folder without it is no upload any more.
    fn forget(&self, upload_id: &str, folder: &str) -> Result<()> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).remove(upload_id);
        let removed = || {
            if self.root.unlink(&format!("{folder}/upload"))? {
                self.root.sync_dir(folder)?;
            }
            self.root.remove_flat_dir(folder)
        };
        // A completion and an abort that end at once both come here; one finds the folder gone.
        match removed() {
            Err(Error::NotFound) => Ok(()),
            other => other,
        }
    }

    pub(super) fn list_open(&self, before: SystemTime) -> Result<Vec<OpenUpload>> {
        let mut found = Vec::new();
        for (upload_id, _) in self.root.entries(UPLOADS)? {
            let folder = format!("{UPLOADS}/{upload_id}");
            match self.announced(&folder) {
                Ok(announced) if announced.begun_us < micros(before) => found.push(OpenUpload {
                    begun: SystemTime::UNIX_EPOCH + Duration::from_micros(announced.begun_us),
                    upload: UploadRef { key: announced.key, upload_id },
                }),
                Ok(_) => {}
                // Half begun or half removed.
                Err(Error::NotFound) => self.remove_remains(&folder, before)?,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn remove_remains(&self, folder: &str, before: SystemTime) -> Result<()> {
        let modified = match self.root.open_dir(folder) {
            Ok(dir) => File::from(dir).metadata()?.modified()?,
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        if modified < before { self.root.remove_flat_dir(folder) } else { Ok(()) }
    }
}

/// A part on its way in. Gives its place up when dropped, whatever became of it.
struct PartSink {
    store: FsStore,
    opened: Arc<Opened>,
    number: u32,
    size: u64,
    hashes: Option<Hashes>,
    /// Name and file of a part that is sent again.
    aside: Option<(String, File)>,
    in_place: bool,
    generation: u64,
}

impl Sink for PartSink {
    fn take(&mut self, chunks: &[Bytes]) -> Result<()> {
        for chunk in chunks {
            let (file, start) = match &self.aside {
                Some((_, file)) => (file, 0),
                None => (&self.opened.data, self.opened.offset(self.number)),
            };
            self.opened.while_open(self.generation, || Ok(file.write_all_at(chunk, start + self.size)?))?;
            if let Some(hashes) = &mut self.hashes {
                hashes.update(chunk);
            }
            self.size += chunk.len() as u64;
        }
        Ok(())
    }
}

impl PartSink {
    /// Makes the part durable and records it; only then may the client be told.
    fn acknowledge(mut self) -> Result<Part> {
        let hashes = self.hashes.take().ok_or_else(|| Error::Unavailable(io::Error::other("a part ended twice")))?;
        let md5 = hex::encode(hashes.finish()?);
        match &self.aside {
            Some((_, file)) => {
                file.sync_data()?;
                self.store.root.sync_dir(&self.opened.folder)?;
            }
            None => self.opened.data.sync_data()?,
        }
        let line = Line {
            number: self.number,
            size: self.size,
            md5: md5.clone(),
            aside: self.aside.as_ref().map(|(name, _)| name.clone()),
        };
        let opened = Arc::clone(&self.opened);
        let replaced = opened.while_open(self.generation, || {
            let mut state = opened.state();
            journal::append(&mut state.journal, &line)?;
            Ok(state.parts.insert(self.number, line))
        })?;
        // It is the record now; dropping must not remove it.
        self.aside = None;
        if let Some(Line { aside: Some(older), .. }) = replaced {
            self.store.root.unlink(&self.opened.path(&older))?;
        }
        Ok(Part { number: self.number, etag: md5, size: self.size })
    }
}

impl Drop for PartSink {
    fn drop(&mut self) {
        if self.in_place {
            self.opened.state().in_place.remove(&self.number);
        }
        if let Some((name, _)) = self.aside.take()
            && let Err(error) = self.store.root.unlink(&self.opened.path(&name))
        {
            tracing::warn!(%error, "a part that broke off was left; it goes with its upload");
        }
    }
}

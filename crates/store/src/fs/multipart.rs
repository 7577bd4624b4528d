//! Uploads in parts: begun, completed, aborted, found again after a restart. How a part gets in is in `part`.
//!
//! Completing checks the parts, copies those that were sent again into place, cuts the file to length and renames
//! it to its key. Once that has begun no part is written or acknowledged; see `Gate`.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FsStore;
use super::durable::copy;
use super::gate::Gate;
use super::ingest::blocking;
use super::journal::{self, Line};
use super::place;
use super::root::split;
use super::sidecar::{Etag, Sidecar, micros};
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::key::{self, UPLOADS};
use crate::{Attributes, OpenUpload, Part, Stat, UploadRef};

/// Uploads kept open in memory; beyond it the idle ones are forgotten and read again when needed.
const KEPT_OPEN: usize = 256;

/// The file of an upload that its parts go to.
pub(super) const DATA: &str = "data";

/// What `begin` wrote.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Announced {
    key: String,
    pub(super) part_size: u64,
    begun_us: u64,
    attributes: Attributes,
}

/// An upload in memory.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) announced: Announced,
    pub(super) folder: String,
    pub(super) data: File,
    state: Mutex<State>,
    /// Shut once completion or abortion has begun.
    pub(super) gate: Gate,
    /// Held by the one completion or abortion that is at work. Waited for without a thread.
    ending: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) journal: File,
    pub(super) parts: BTreeMap<u32, Line>,
    /// Parts whose place in the file is being written.
    pub(super) in_place: HashSet<u32>,
}

impl Opened {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        let state = self.state();
        let part = |line: &Line| Part { number: line.number, etag: line.md5.clone(), size: line.size };
        state.parts.values().map(part).collect()
    }

    pub(super) fn offset(&self, number: u32) -> u64 {
        u64::from(number - 1) * self.announced.part_size
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

impl FsStore {
    /// Creates the records of an upload in parts. Returns its id.
    pub(super) fn create_upload(&self, key: &str, part_size: u64, attributes: Attributes) -> Result<String> {
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
        if !is_upload_id(&upload.upload_id) {
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
        let data = self.root.open_rw(&format!("{folder}/data")).map_err(gone)?;
        let mut journal = self.root.open_rw(&format!("{folder}/journal")).map_err(gone)?;
        let mut parts = BTreeMap::new();
        for line in journal::read(&mut journal)? {
            let there = match &line.aside {
                // Its append failed after all: what was acknowledged before it stands.
                Some(name) => self.root.exists(&format!("{folder}/{name}"))?,
                None => true,
            };
            if line.dropped {
                parts.remove(&line.number);
            } else if there {
                parts.insert(line.number, line);
            }
        }
        let state = Mutex::new(State { journal, parts, in_place: HashSet::new() });
        Ok(Opened { announced, folder, data, state, gate: Gate::default(), ending: Arc::default() })
    }

    fn announced(&self, folder: &str) -> Result<Announced> {
        let bytes = self.root.read_small(&format!("{folder}/upload"), 64 << 10)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Damaged(format!("an upload's record: {error}")))
    }

    /// Completes an upload. Only one completion or abortion is at work at a time.
    pub(super) async fn complete_upload(&self, upload: UploadRef, completion: Completion) -> Result<Stat> {
        key::check(&upload.key)?;
        let Some((opened, ending)) = self.end(&upload).await? else {
            let store = self.clone();
            return blocking(move || store.completed_before(&upload, &completion)).await;
        };
        let store = self.clone();
        blocking(move || {
            let _ending = ending;
            store.complete_opened(&upload, &opened, &completion)
        })
        .await
    }

    /// The upload in memory and the right to end it; `None` if there is none.
    async fn end(&self, upload: &UploadRef) -> Result<Option<(Arc<Opened>, tokio::sync::OwnedMutexGuard<()>)>> {
        let (store, named) = (self.clone(), upload.clone());
        let opened = match blocking(move || store.opened(&named)).await {
            Err(Error::NoSuchUpload) => return Ok(None),
            other => other?,
        };
        let ending = Arc::clone(&opened.ending).lock_owned().await;
        Ok(Some((opened, ending)))
    }

    fn complete_opened(&self, upload: &UploadRef, opened: &Opened, completion: &Completion) -> Result<Stat> {
        if !self.root.exists(&opened.path("upload"))? {
            // Whoever was at work before us ended it.
            return self.completed_before(upload, completion);
        }
        completion.check(&opened.parts())?;
        opened.gate.shut();
        let done = self.assemble(upload, opened, completion);
        match &done {
            Ok(_) => self.forget(&upload.upload_id, &opened.folder)?,
            // Once the file has its place it is never written to again, whatever failed after that.
            Err(_) if self.root.exists(&opened.path(DATA)).unwrap_or(false) => opened.gate.open_again(),
            Err(_) => {}
        }
        done.map_err(|error| match error {
            Error::NotFound => Error::Damaged("a part of the upload is missing".into()),
            other => other,
        })
    }

    /// The blob is visible when this returns; the upload's folder may be removed. The upload is sealed: no
    /// part is written or acknowledged meanwhile.
    fn assemble(&self, upload: &UploadRef, opened: &Opened, completion: &Completion) -> Result<Stat> {
        match self.completed_before(upload, completion) {
            Err(Error::NoSuchUpload) => {}
            other => return other,
        }
        let total = completion.check(&opened.parts())?;
        let lines: Vec<Line> = opened.state().parts.values().cloned().collect();
        for line in &lines {
            // The parts checked run from 1 without a gap, so what comes after them is left out.
            if usize::try_from(line.number).is_ok_and(|number| number > completion.parts.len()) {
                // Cutting the file to length may cut it off: from here on it was never uploaded.
                self.settle(opened, line, true)?;
            } else if line.aside.is_some() {
                self.copy_into_place(opened, line)?;
                self.settle(opened, line, false)?;
            }
        }
        opened.data.set_len(total)?;
        opened.data.sync_data()?;
        let etag = completion.etag().ok_or_else(|| Error::Damaged("a part's record".into()))?;
        let record =
            Sidecar::new(total, Etag::Parts(etag), opened.announced.attributes.clone(), Some(upload.upload_id.clone()));
        self.publish(&opened.path(DATA), &upload.key, &record)
    }

    /// Records that a part lies at its offset now, or nowhere any more, and removes the file it was in.
    fn settle(&self, opened: &Opened, line: &Line, dropped: bool) -> Result<()> {
        let settled = Line { aside: None, dropped, ..line.clone() };
        let mut state = opened.state();
        journal::append(&mut state.journal, &settled)?;
        if dropped {
            state.parts.remove(&line.number);
        } else {
            state.parts.insert(line.number, settled);
        }
        drop(state);
        if let Some(name) = &line.aside {
            self.root.unlink(&opened.path(name))?;
        }
        Ok(())
    }

    fn copy_into_place(&self, opened: &Opened, line: &Line) -> Result<()> {
        let Some(name) = &line.aside else { return Ok(()) };
        let source = self.root.open_file(&opened.path(name))?;
        copy(&source, 0, &opened.data, opened.offset(line.number), line.size)?;
        Ok(opened.data.sync_data()?)
    }

    /// The answer to a completion that was answered before, or whose answer was lost; another one than that
    /// is refused.
    fn completed_before(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        let record = match Sidecar::read(&self.root, &place::sidecar(&upload.key)) {
            Ok(record) if record.upload_id.as_deref() == Some(&upload.upload_id) => record,
            Ok(_) | Err(Error::NotFound | Error::InvalidKey(_)) => return Err(Error::NoSuchUpload),
            Err(error) => return Err(error),
        };
        match self.stat_blocking(&upload.key) {
            // A record alone: its bytes had no time to follow, or are gone.
            Err(Error::NotFound) => Err(Error::NoSuchUpload),
            Err(error) => Err(error),
            Ok(_) if completion.etag().as_deref() != Some(&record.etag) => Err(Error::CompletedDifferently),
            Ok(stat) => {
                // The first attempt may have failed at just this.
                self.root.sync_dir(split(&upload.key).0)?;
                self.forget(&upload.upload_id, &format!("{UPLOADS}/{}", upload.upload_id))?;
                Ok(stat)
            }
        }
    }

    /// Drops an upload, once no completion is at work.
    pub(super) async fn abort_upload(&self, upload: UploadRef) -> Result<()> {
        let ended = self.end(&upload).await?;
        let store = self.clone();
        blocking(move || match ended {
            Some((opened, _ending)) => {
                opened.gate.shut();
                store.forget(&upload.upload_id, &opened.folder)
            }
            None => store.forget_remains(&upload),
        })
        .await
    }

    /// What a crash left of an upload that is none any more.
    fn forget_remains(&self, upload: &UploadRef) -> Result<()> {
        if !is_upload_id(&upload.upload_id) {
            return Ok(());
        }
        let folder = format!("{UPLOADS}/{}", upload.upload_id);
        match self.announced(&folder) {
            Ok(announced) if announced.key != upload.key => Ok(()),
            Ok(_) | Err(Error::NotFound | Error::Damaged(_)) => self.forget(&upload.upload_id, &folder),
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

/// What `create_upload` returns: 32 hexadecimal digits.
fn is_upload_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

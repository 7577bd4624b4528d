//! Begins, completes, aborts and lists multipart uploads, also after a restart. Completing
//! validates the parts, copies parts that were sent again to their offsets, truncates the file to
//! its length and renames it to its key. Once completion has begun, no part is written or
//! acknowledged; see `write_fence`. Writing a part is in `part`.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FsStore;
use super::draft::punch_hole;
use super::durable::copy_range;
use super::ingest::run_blocking;
use super::journal::{self, PartRecord};
use super::paths::sidecar_path;
use super::root::split_parent;
use super::sidecar::{Etag, Sidecar, unix_micros};
use super::write_fence::WriteFence;
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::key::{self, UPLOADS};
use crate::{Attributes, OpenUpload, Part, Stat, UploadRef};

/// The number of uploads in memory above which idle ones are dropped; they are read again when
/// needed.
const MAX_CACHED_UPLOADS: usize = 256;

/// The name of an upload's data file.
pub(super) const DATA: &str = "data";

/// The record of an upload, stored as JSON in its folder when it begins.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UploadRecord {
    key: String,
    pub(super) part_size: u64,
    begun_us: u64,
    attributes: Attributes,
}

/// The state of an open upload in memory.
#[derive(Debug)]
pub(super) struct ActiveUpload {
    pub(super) record: UploadRecord,
    pub(super) folder: String,
    pub(super) data: File,
    state: Mutex<PartsState>,
    /// Closed once completion or abortion has begun.
    pub(super) fence: WriteFence,
    /// Held by the running completion or abortion. An async lock, so that waiting occupies no
    /// thread.
    completion_lock: Arc<tokio::sync::Mutex<()>>,
}

/// The parts of an open upload.
#[derive(Debug)]
pub(super) struct PartsState {
    pub(super) journal: File,
    pub(super) parts: BTreeMap<u32, PartRecord>,
    /// The parts that are being written to their offsets in the data file.
    pub(super) writing_in_place: HashSet<u32>,
}

impl ActiveUpload {
    pub(super) fn state(&self) -> MutexGuard<'_, PartsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stored parts in the order of their numbers.
    pub(super) fn parts(&self) -> Vec<Part> {
        let state = self.state();
        let part = |record: &PartRecord| Part { number: record.number, etag: record.md5.clone(), size: record.size };
        state.parts.values().map(part).collect()
    }

    /// Returns the offset of a part in the data file.
    pub(super) fn offset(&self, number: u32) -> u64 {
        u64::from(number - 1) * self.record.part_size
    }

    /// Frees the space at the offset of a part whose writer there failed. Does nothing if the part
    /// lies there by now: a completion that failed later had copied it. Does nothing either once
    /// completion has begun, which truncates the file to its parts.
    pub(super) fn free_offset(&self, number: u32) -> Result<()> {
        let freed = self.fence.change_if_open(|| {
            // Within the fence no completion copies a part to its offset, and the failed writer
            // still claims the offset.
            if self.state().parts.get(&number).is_some_and(|part| part.side_file.is_none()) {
                return Ok(());
            }
            let from = self.offset(number);
            punch_hole(&self.data, from, from.saturating_add(self.record.part_size))
        });
        freed.map(|_| ())
    }

    /// Returns the path of a file in the upload's folder.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

impl FsStore {
    /// Creates the folder of a new upload and returns the upload's id.
    pub(super) fn create_upload(&self, key: &str, part_size: u64, attributes: Attributes) -> Result<String> {
        let upload_id = Uuid::new_v4().simple().to_string();
        let folder = format!("{UPLOADS}/{upload_id}");
        let record =
            UploadRecord { key: key.to_owned(), part_size, begun_us: unix_micros(SystemTime::now()), attributes };
        self.space.check(0)?;
        self.root.ensure_dir(&folder)?;
        let created = || {
            self.root.create_new(&format!("{folder}/{DATA}"))?;
            self.root.create_new(&format!("{folder}/journal"))?;
            // The record comes last: a folder without it is not an upload.
            self.write_record(&format!("{folder}/upload"), &record)?;
            self.root.sync_dir(&folder)
        };
        match created() {
            Ok(()) => Ok(upload_id),
            Err(error) => {
                self.root.remove_flat_dir(&folder)?;
                Err(error)
            }
        }
    }

    /// Returns the state of an open upload; reads it from disk if it is not in memory.
    pub(super) fn active_upload(&self, upload: &UploadRef) -> Result<Arc<ActiveUpload>> {
        if !is_upload_id(&upload.upload_id) {
            return Err(Error::NoSuchUpload);
        }
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let active = match uploads.get(&upload.upload_id) {
            Some(active) => Arc::clone(active),
            None => {
                if uploads.len() >= MAX_CACHED_UPLOADS {
                    uploads.retain(|_, active| Arc::strong_count(active) > 1);
                }
                let active = Arc::new(self.load_upload(&upload.upload_id)?);
                self.free_unacknowledged_of(&active);
                uploads.insert(upload.upload_id.clone(), Arc::clone(&active));
                active
            }
        };
        if active.record.key == upload.key { Ok(active) } else { Err(Error::NoSuchUpload) }
    }

    /// Reads an upload and its journal from disk.
    fn load_upload(&self, upload_id: &str) -> Result<ActiveUpload> {
        let folder = format!("{UPLOADS}/{upload_id}");
        let gone = |error| if matches!(error, Error::NotFound) { Error::NoSuchUpload } else { error };
        let record = self.read_upload_record(&folder).map_err(gone)?;
        let data = self.root.open_rw(&format!("{folder}/data")).map_err(gone)?;
        let mut journal = self.root.open_rw(&format!("{folder}/journal")).map_err(gone)?;
        let mut parts = BTreeMap::new();
        for part in journal::read(&mut journal)? {
            let exists = match &part.side_file {
                // Without its side file the part was not acknowledged, and the earlier record of
                // the number counts.
                Some(name) => self.root.exists(&format!("{folder}/{name}"))?,
                None => true,
            };
            if part.dropped {
                parts.remove(&part.number);
            } else if exists {
                parts.insert(part.number, part);
            }
        }
        let state = Mutex::new(PartsState { journal, parts, writing_in_place: HashSet::new() });
        let fence = WriteFence::default();
        Ok(ActiveUpload { record, folder, data, state, fence, completion_lock: Arc::default() })
    }

    /// Reads the record of the upload in a folder.
    fn read_upload_record(&self, folder: &str) -> Result<UploadRecord> {
        let bytes = self.root.read_small(&format!("{folder}/upload"), 64 << 10)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Damaged(format!("the record of {folder}: {error}")))
    }

    /// Completes an upload. Only one completion or abortion of an upload runs at a time.
    pub(super) async fn complete_upload(&self, upload: UploadRef, completion: Completion) -> Result<Stat> {
        key::check(&upload.key)?;
        let Some((active, completion_guard)) = self.lock_for_completion(&upload).await? else {
            let store = self.clone();
            return run_blocking(move || store.find_completed(&upload, &completion)).await;
        };
        let store = self.clone();
        run_blocking(move || {
            let _guard = completion_guard;
            store.complete_active(&upload, &active, &completion)
        })
        .await
    }

    /// Returns an open upload and its completion lock; `None` if there is no such upload.
    async fn lock_for_completion(
        &self,
        upload: &UploadRef,
    ) -> Result<Option<(Arc<ActiveUpload>, tokio::sync::OwnedMutexGuard<()>)>> {
        let (store, named) = (self.clone(), upload.clone());
        let active = match run_blocking(move || store.active_upload(&named)).await {
            Err(Error::NoSuchUpload) => return Ok(None),
            other => other?,
        };
        let guard = Arc::clone(&active.completion_lock).lock_owned().await;
        Ok(Some((active, guard)))
    }

    /// Completes an upload while its completion lock is held.
    fn complete_active(&self, upload: &UploadRef, active: &ActiveUpload, completion: &Completion) -> Result<Stat> {
        if !self.root.exists(&active.path("upload"))? {
            // The previous holder of the lock completed or aborted the upload.
            return self.find_completed(upload, completion);
        }
        // Parts are acknowledged within the fence, so none changes between the check and the end.
        active.fence.close_if(|| completion.check(&active.parts()))?;
        let done = self.assemble(upload, active, completion);
        match &done {
            Ok(_) => self.remove_upload(&upload.upload_id, &active.folder)?,
            // Reopened only while the data file is still in the upload's folder: a blob is never
            // written to.
            Err(_) if self.root.exists(&active.path(DATA)).unwrap_or(false) => active.fence.reopen(),
            Err(_) => {}
        }
        done.map_err(|error| match error {
            Error::NotFound => Error::Damaged("a part of the upload is missing".into()),
            other => other,
        })
    }

    /// Assembles the parts and publishes the blob. The fence must be closed. The upload's folder
    /// can be removed afterwards.
    fn assemble(&self, upload: &UploadRef, active: &ActiveUpload, completion: &Completion) -> Result<Stat> {
        match self.find_completed(upload, completion) {
            Err(Error::NoSuchUpload) => {}
            other => return other,
        }
        let total = completion.check(&active.parts())?;
        let parts: Vec<PartRecord> = active.state().parts.values().cloned().collect();
        for part in &parts {
            // The completed parts run from 1 without a gap, so every higher number is left out.
            if usize::try_from(part.number).is_ok_and(|number| number > completion.parts.len()) {
                // Truncating the file can remove the part's bytes, so it counts as never uploaded
                // from now on.
                self.record_final_location(active, part, true)?;
            } else if part.side_file.is_some() {
                self.copy_into_place(active, part)?;
                self.record_final_location(active, part, false)?;
            }
        }
        active.data.set_len(total)?;
        active.data.sync_data()?;
        let etag = completion.etag().ok_or_else(|| Error::Damaged("the ETag of a stored part is not an MD5".into()))?;
        let attributes = active.record.attributes.clone();
        let record = Sidecar::new(total, Etag::Parts(etag), attributes, Some(upload.upload_id.clone()));
        self.publish(&active.path(DATA), &upload.key, &record)
    }

    /// Records that a part lies at its offset or was dropped, and removes its side file.
    fn record_final_location(&self, active: &ActiveUpload, part: &PartRecord, dropped: bool) -> Result<()> {
        let recorded = PartRecord { side_file: None, dropped, ..part.clone() };
        let mut state = active.state();
        journal::append(&mut state.journal, &recorded)?;
        if dropped {
            state.parts.remove(&part.number);
        } else {
            state.parts.insert(part.number, recorded);
        }
        drop(state);
        if let Some(name) = &part.side_file {
            self.root.unlink(&active.path(name))?;
        }
        Ok(())
    }

    /// Copies a part from its side file to its offset, durably.
    fn copy_into_place(&self, active: &ActiveUpload, part: &PartRecord) -> Result<()> {
        let Some(name) = &part.side_file else { return Ok(()) };
        let source = self.root.open_file(&active.path(name))?;
        let _room = self.space.claim(part.size)?;
        copy_range(&source, 0, &active.data, active.offset(part.number), part.size)?;
        Ok(active.data.sync_data()?)
    }

    /// Returns the blob of an upload that was completed before with the same parts. Fails with
    /// [`Error::NoSuchUpload`] if there is none, and with [`Error::CompletedDifferently`] if the
    /// parts differ.
    fn find_completed(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        let record = match Sidecar::read(&self.root, &sidecar_path(&upload.key)) {
            Ok(record) if record.upload_id.as_deref() == Some(&upload.upload_id) => record,
            Ok(_) | Err(Error::NotFound | Error::InvalidKey(_)) => return Err(Error::NoSuchUpload),
            Err(error) => return Err(error),
        };
        match self.stat_blocking(&upload.key) {
            // A record without bytes: they were not renamed yet, or were deleted.
            Err(Error::NotFound) => Err(Error::NoSuchUpload),
            Err(error) => Err(error),
            Ok(_) if completion.etag().as_deref() != Some(&record.etag) => Err(Error::CompletedDifferently),
            Ok(stat) => {
                // The first attempt can have failed at this step.
                self.root.sync_dir(split_parent(&upload.key).0)?;
                self.remove_upload(&upload.upload_id, &format!("{UPLOADS}/{}", upload.upload_id))?;
                Ok(stat)
            }
        }
    }

    /// Aborts an upload after a running completion has ended.
    pub(super) async fn abort_upload(&self, upload: UploadRef) -> Result<()> {
        let locked = self.lock_for_completion(&upload).await?;
        let store = self.clone();
        run_blocking(move || match locked {
            Some((active, _guard)) => {
                active.fence.close();
                store.remove_upload(&upload.upload_id, &active.folder)
            }
            None => store.remove_leftovers(&upload),
        })
        .await
    }

    /// Removes the files that a crash left of an upload that is no longer open.
    fn remove_leftovers(&self, upload: &UploadRef) -> Result<()> {
        if !is_upload_id(&upload.upload_id) {
            return Ok(());
        }
        let folder = format!("{UPLOADS}/{}", upload.upload_id);
        match self.read_upload_record(&folder) {
            Ok(record) if record.key != upload.key => Ok(()),
            Ok(_) | Err(Error::NotFound | Error::Damaged(_)) => self.remove_upload(&upload.upload_id, &folder),
            Err(error) => Err(error),
        }
    }

    /// Removes an upload from memory and disk. Removes the record first, because a folder without
    /// it is not an upload.
    fn remove_upload(&self, upload_id: &str, folder: &str) -> Result<()> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).remove(upload_id);
        let removed = || {
            if self.root.unlink(&format!("{folder}/upload"))? {
                self.root.sync_dir(folder)?;
            }
            self.root.remove_flat_dir(folder)
        };
        // A completion and an abort can both reach this; the second finds no folder.
        match removed() {
            Err(Error::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Returns the uploads begun before `before`. Also removes the incomplete folders of that age.
    pub(super) fn list_open(&self, before: SystemTime) -> Result<Vec<OpenUpload>> {
        let mut found = Vec::new();
        for (upload_id, _) in self.root.entries(UPLOADS)? {
            let folder = format!("{UPLOADS}/{upload_id}");
            match self.read_upload_record(&folder) {
                Ok(record) if record.begun_us < unix_micros(before) => found.push(OpenUpload {
                    begun: SystemTime::UNIX_EPOCH + Duration::from_micros(record.begun_us),
                    upload: UploadRef { key: record.key, upload_id },
                }),
                Ok(_) => {}
                // Beginning or removing the upload was interrupted.
                Err(Error::NotFound) => self.remove_incomplete_folder(&folder, before)?,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Removes the folder of an interrupted upload if it was last changed before `before`.
    fn remove_incomplete_folder(&self, folder: &str, before: SystemTime) -> Result<()> {
        let modified = match self.root.open_dir(folder) {
            Ok(dir) => File::from(dir).metadata()?.modified()?,
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        if modified < before { self.root.remove_flat_dir(folder) } else { Ok(()) }
    }
}

/// Returns whether a text has the form of an upload id: 32 hexadecimal digits.
fn is_upload_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

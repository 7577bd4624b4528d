//! Frees what a server that was killed has left in open uploads: bytes of parts and fragments that
//! were never acknowledged. Looks only at what was not written to since the store was opened.

use std::collections::HashSet;
use std::sync::PoisonError;

use super::FsStore;
use super::draft::{data_path, punch_hole};
use super::ingest::run_blocking;
use super::multipart::ActiveUpload;
use crate::error::{Error, Result};
use crate::key;
use crate::{Fragment, UploadRef};

impl FsStore {
    /// Frees the space of the unacknowledged parts of an open upload, unless a part was written
    /// since the store was opened. The first request that names the upload does so too.
    pub async fn free_unacknowledged(&self, upload: &UploadRef) -> Result<()> {
        let (store, upload) = (self.clone(), upload.clone());
        match run_blocking(move || store.active_upload(&upload)).await {
            Ok(_) | Err(Error::NoSuchUpload) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Frees the space of an upload's unacknowledged parts, unless one was written since the store
    /// was opened. The upload was just read from disk, so nobody is writing to it. What can't be
    /// freed is removed when the upload ends.
    pub(super) fn free_unacknowledged_of(&self, upload: &ActiveUpload) {
        let freed = upload
            .data
            .metadata()
            .and_then(|data| data.modified())
            .map_err(Error::from)
            .and_then(|written| if written < self.opened { self.free_all_but_recorded(upload) } else { Ok(()) });
        if let Err(error) = freed {
            tracing::warn!(%error, upload.folder, "the leftovers of an upload can't be freed");
        }
    }

    /// Frees everything in an upload's folder that its journal does not refer to.
    fn free_all_but_recorded(&self, upload: &ActiveUpload) -> Result<()> {
        let state = upload.state();
        let side_files: HashSet<&str> = state.parts.values().filter_map(|part| part.side_file.as_deref()).collect();
        for (name, _) in self.root.entries(&upload.folder)? {
            if name.starts_with("part-") && !side_files.contains(name.as_str()) {
                self.root.unlink(&upload.path(&name))?;
            }
        }
        let in_place = state.parts.values().filter(|part| part.side_file.is_none());
        let used = in_place.map(|part| (upload.offset(part.number), part.size));
        free_gaps(&upload.data, used)
    }

    /// Frees the space of a draft that is not part of `fragments`, if no fragment was written since
    /// the store was opened. `fragments` are all that were acknowledged.
    pub async fn free_unlisted(&self, draft: &str, fragments: &[Fragment]) -> Result<()> {
        key::check(draft)?;
        let (store, draft) = (self.clone(), draft.to_owned());
        let mut used: Vec<_> = fragments.iter().map(|fragment| (fragment.offset, fragment.size)).collect();
        used.sort_unstable();
        run_blocking(move || {
            // Locked, so that no writer begins meanwhile.
            let drafts = store.drafts.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match store.root.open_rw(&data_path(&draft)) {
                Err(Error::NotFound) => return Ok(()),
                other => other?,
            };
            if drafts.contains_key(&draft) || file.metadata()?.modified()? >= store.opened {
                return Ok(());
            }
            free_gaps(&file, used.into_iter())
        })
        .await
    }
}

/// Frees the space of a file before, between and after ranges, given as offset and length in the
/// order of their offsets.
fn free_gaps(file: &std::fs::File, used: impl Iterator<Item = (u64, u64)>) -> Result<()> {
    let mut end = 0;
    for (at, length) in used.filter(|(_, length)| *length > 0) {
        if at > end {
            punch_hole(file, end, at)?;
        }
        end = end.max(at.saturating_add(length));
    }
    punch_hole(file, end, u64::MAX)
}

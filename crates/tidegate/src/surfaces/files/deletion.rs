//! Deletes files. A single file's bytes are deleted before the response; a folder's rows are
//! deleted before the response, and its bytes by jobs. Never keeps deleted files for a restore.

use std::collections::BTreeMap;

use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::library::files::find_kept;
use crate::library::objects;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::file::{File, Folder};
use crate::model::ids::UserId;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::queue::{self, Job};

/// The number of files deleted in one transaction.
const BATCH: i64 = 200;

/// Deletes a file: its row and quota first, then its bytes, both before the response. Authorizes
/// the caller.
pub async fn delete(app: &App, caller: &Caller, key: &str) -> Result<()> {
    let (owner, mut file) = find_kept(app, caller, Action::Delete, key).await?;
    // The scan may change the file's state in between.
    while mark_deleted(app, caller, &owner, std::slice::from_ref(&file)).await? == 0 {
        (_, file) = find_kept(app, caller, Action::Delete, key).await?;
    }
    app.store.delete(file.object.key.as_str(), store::Deletion::Purge).await?;
    Ok(())
}

/// Deletes a folder with its files and subfolders. None of its files is found after the response.
/// Authorizes the caller. Returns the id of the job that deletes the remaining bytes.
pub async fn delete_folder(app: &App, caller: &Caller, owner: &Owner, folder: &str) -> Result<String> {
    access::authorize(app, caller, Action::Delete, owner, None)?;
    let folder = Folder::clean(folder).map_err(|error| bad_request(format!("folder {error}")))?;
    if folder.as_str().is_empty() {
        return Err(bad_request("folder must name one; all files of a user are not deleted at once"));
    }
    loop {
        // One query covers all states, so that a file that changes state is not missed.
        let files = app.db.list_files_to_delete(owner, folder.as_str(), BATCH).await?;
        if files.is_empty() {
            break;
        }
        mark_deleted(app, caller, owner, &files).await?;
        for file in files.iter().filter(|file| file.object.state != ObjectState::Ready) {
            // These are few, and the scanner may have found malware in them.
            app.store.delete(file.object.key.as_str(), store::Deletion::Purge).await?;
        }
    }
    let job = Job::PurgeFilesFolderV1 { user: owner.id().to_owned(), folder: folder.as_str().to_owned() };
    let mut tx = app.db.begin().await?;
    let id = queue::enqueue(&mut tx, &job, app.db.now()).await?;
    tx.commit().await?;
    id.map(|id| id.to_string()).ok_or_else(|| Error::Internal(anyhow::anyhow!("a job without an id")))
}

/// Deletes the bytes of the deleted files in a folder and its subfolders. Each file also has its
/// own job, so that nothing remains if this job was never enqueued.
pub async fn purge_folder(app: &App, user: UserId, folder: &str) -> Result<()> {
    let owner = Owner::Files(user);
    loop {
        let deleted = app.db.list_deleted_files(&owner, folder, BATCH).await?;
        if deleted.is_empty() {
            return Ok(());
        }
        for file in deleted {
            objects::purge(app, file.object.id, file.object.key.as_str()).await?;
        }
    }
}

/// Marks files as deleted and returns how many were; another request may have deleted some.
async fn mark_deleted(app: &App, caller: &Caller, owner: &Owner, files: &[File]) -> Result<u64> {
    let now = app.db.now();
    let mut deleted = 0;
    let mut gone: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut tx = app.db.begin().await?;
    // Locked first, because every deletion of this owner's files takes its locks in this order.
    tx.hold_quota(owner).await?;
    for file in files {
        let (id, state) = (file.object.id, file.object.state);
        let counted = state == ObjectState::Ready;
        // A file that was never readable needs no delay before its purge.
        let then = if counted { ObjectState::Deleted } else { ObjectState::Purged };
        if !tx.set_object_state(id, state, then, now).await? {
            continue;
        }
        deleted += 1;
        if counted {
            let size = file.object.content.as_ref().map_or(0, |content| content.size);
            let folder = gone.entry(&file.folder).or_default();
            *folder = (folder.0 - 1, folder.1 - i64::try_from(size).unwrap_or(i64::MAX));
        }
        tx.record(caller, AuditAction::ObjectDeleted, id, now).await?;
        let job = Job::PurgeObjectV1 { object: id.0, key: file.object.key.as_str().to_owned() };
        queue::enqueue(&mut tx, &job, app.db.now()).await?;
    }
    for (folder, (files, bytes)) in &gone {
        tx.count_in_folder(owner, folder, *files, *bytes).await?;
    }
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => owner.kind().as_str()).increment(deleted);
    Ok(deleted)
}

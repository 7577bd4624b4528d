//! Files deleted: one at once, with its bytes; a folder by a job, batch by batch.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{find, not_found};
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::jobs::{self, Job};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::Deed;
use crate::model::file::{File, Folder, Within};
use crate::model::ids::{ObjectId, UserId};
use crate::model::micros;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::principal::Principal;

/// Files deleted in one transaction.
const BATCH: i64 = 200;

/// Deletes a file: its row and what it takes first, then its bytes, both before the answer.
pub async fn delete(app: &App, caller: &Caller, key: &str) -> Result<()> {
    let (owner, file) = find(app, caller, Action::Delete, key).await?;
    if mark_deleted(app, caller, &owner, std::slice::from_ref(&file)).await? == 0 {
        return Err(not_found());
    }
    app.store.delete(file.object.key.as_str(), store::Deletion::Purge).await?;
    app.jobs.notify_one();
    Ok(())
}

/// Has a folder deleted, with all that is below it now; the job that does it.
pub async fn delete_folder(app: &App, caller: &Caller, owner: &Owner, folder: &str) -> Result<String> {
    app.authorize(caller, Action::Delete, owner, None)?;
    let folder = Folder::parse(folder).map_err(|error| bad_request(format!("folder {error}")))?;
    if folder.as_str().is_empty() {
        return Err(bad_request("folder must name one; all files of a user are not deleted at once"));
    }
    let job = Job::DeleteFilesFolderV1 {
        user: owner.id().to_owned(),
        folder: folder.as_str().to_owned(),
        before_us: micros(SystemTime::now()),
        by_service: caller.principal == Principal::Service,
        request_id: caller.request_id.clone(),
    };
    let mut tx = app.db.begin().await?;
    let id = jobs::enqueue(&mut tx, &job, app.db.now()).await?;
    tx.commit().await?;
    app.jobs.notify_one();
    id.map(|id| id.to_string()).ok_or_else(|| Error::Internal(anyhow::anyhow!("a job without an id")))
}

/// Deletes what was in a folder and below it before a time. How many files that were.
pub async fn empty_folder(app: &App, caller: &Caller, user: UserId, folder: &str, before_us: i64) -> Result<u64> {
    let owner = Owner::Files(user);
    let within = Within { folder: Some(folder.to_owned()), subtree: true, name: None };
    // Those from before it: what came since then is not meant.
    let newest = Cursor { created_at: before_us, id: ObjectId(uuid::Uuid::nil()) };
    let mut deleted = 0;
    loop {
        let files = app.db.list_files(&owner, &within, newest, BATCH).await?;
        if files.is_empty() {
            return Ok(deleted);
        }
        deleted += mark_deleted(app, caller, &owner, &files).await?;
        app.jobs.notify_one();
    }
}

/// How many that were: somebody else may have deleted some meanwhile.
async fn mark_deleted(app: &App, caller: &Caller, owner: &Owner, files: &[File]) -> Result<u64> {
    let now = SystemTime::now();
    let mut gone: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut tx = app.db.begin().await?;
    // First: whoever deletes this owner's files takes them in the same order.
    tx.hold_quota(owner).await?;
    for file in files {
        let id = file.object.id;
        if !tx.set_object_state(id, ObjectState::Ready, ObjectState::Deleted, now).await? {
            continue;
        }
        let size = file.object.content.as_ref().map_or(0, |content| content.size);
        let folder = gone.entry(&file.folder).or_default();
        *folder = (folder.0 - 1, folder.1 - i64::try_from(size).unwrap_or(i64::MAX));
        tx.record(caller, Deed::ObjectDeleted, id, now).await?;
        let job = Job::PurgeObjectV1 { object: id.0, key: file.object.key.as_str().to_owned() };
        jobs::enqueue(&mut tx, &job, app.db.now()).await?;
    }
    for (folder, (files, bytes)) in &gone {
        tx.count_files(owner, folder, *files, *bytes).await?;
    }
    tx.commit().await?;
    let deleted = gone.values().map(|(files, _)| files.unsigned_abs()).sum();
    metrics::counter!("tidegate_objects_deleted_total", "owner" => owner.kind().as_str()).increment(deleted);
    Ok(deleted)
}

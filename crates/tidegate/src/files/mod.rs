//! Users' files: found by their keys, listed, deleted, linked to. How they come about is in `uploads`, `parts` and
//! `completion`.

pub mod completion;
pub mod links;
pub mod parts;
mod tally;
pub mod uploads;

use std::time::SystemTime;

use crate::app::{App, unauthenticated};
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::jobs::{self, Job};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::Deed;
use crate::model::file::{File, FileKey, Folder, Within};
use crate::model::ids::UserId;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::principal::Principal;
use crate::model::quota::Usage;

/// The most files in one page.
pub const MAX_PAGE: i64 = 1000;
/// Files deleted in one transaction.
const BATCH: i64 = 200;

/// Whose files a route without a key is about: the caller's own, or those of the user a service names.
pub fn owner(caller: &Caller, named: Option<&str>) -> Result<Owner> {
    let user = match &caller.principal {
        Principal::User { id, .. } => id.clone(),
        Principal::Service => match (named, &caller.acting_for) {
            (Some(named), _) => UserId::parse(named).map_err(|error| bad_request(error.to_string()))?,
            (None, Some(user)) => user.clone(),
            (None, None) => return Err(bad_request("a service must name the user: user_id or user_email")),
        },
        Principal::Anonymous | Principal::System => return Err(unauthenticated()),
    };
    Ok(Owner::Files(user))
}

/// Finds a file for somebody who may do `action` with it. Whose it is shows in its key: that it is not theirs is
/// said before anything is looked up.
pub async fn find(app: &App, caller: &Caller, action: Action, key: &str) -> Result<(Owner, File)> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let key = FileKey::parse(key).ok_or_else(not_found)?;
    if let Some(user) = caller.user() {
        if !key.is_of(user) {
            return Err(Error::Forbidden("this is not one of your files".into()));
        }
        app.authorize(caller, action, &Owner::Files(user.clone()), None)?;
    }
    let (owner, file) = app.db.find_file(key.as_str()).await?.ok_or_else(not_found)?;
    app.authorize(caller, action, &owner, Some(file.object.id))?;
    if file.object.state == ObjectState::Ready { Ok((owner, file)) } else { Err(not_found()) }
}

fn not_found() -> Error {
    Error::NotFound("no such file".into())
}

/// A page of a user's files, and whether there are more.
pub async fn list(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    within: &Within,
    after: Cursor,
    limit: i64,
) -> Result<(Vec<File>, bool)> {
    app.authorize(caller, Action::List, owner, None)?;
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let mut found = app.db.list_files(owner, within, after, limit + 1).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((found, more))
}

/// How many files are meant, and how many bytes.
pub async fn totals(app: &App, caller: &Caller, owner: &Owner, within: &Within) -> Result<(u64, u64)> {
    app.authorize(caller, Action::List, owner, None)?;
    app.db.count_files(owner, within).await
}

/// What a user's files take, and the limit.
pub async fn usage(app: &App, caller: &Caller, owner: &Owner) -> Result<(Usage, u64)> {
    app.authorize(caller, Action::List, owner, None)?;
    let usage = app.db.find_usage(owner).await?;
    Ok((usage, usage.quota.unwrap_or(app.config.files.quota)))
}

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

/// Deletes a folder with all that is below it; how many files that were. From here on none of them is found; their bytes
/// follow.
pub async fn delete_folder(app: &App, caller: &Caller, owner: &Owner, folder: &str) -> Result<u64> {
    app.authorize(caller, Action::Delete, owner, None)?;
    let folder = Folder::parse(folder).map_err(|error| bad_request(format!("folder {error}")))?;
    if folder.as_str().is_empty() {
        return Err(bad_request("folder must name one; all files of a user are not deleted at once"));
    }
    let within = Within { folder: Some(folder.as_str().to_owned()), subtree: true, name: None };
    let mut deleted = 0;
    loop {
        let files = app.db.list_files(owner, &within, Cursor::START, BATCH).await?;
        if files.is_empty() {
            app.jobs.notify_one();
            return Ok(deleted);
        }
        deleted += mark_deleted(app, caller, owner, &files).await?;
    }
}

/// How many that were: somebody else may have deleted some meanwhile.
async fn mark_deleted(app: &App, caller: &Caller, owner: &Owner, files: &[File]) -> Result<u64> {
    let (now, mut deleted) = (SystemTime::now(), 0);
    let mut tx = app.db.begin().await?;
    for file in files {
        let id = file.object.id;
        if !tx.set_object_state(id, ObjectState::Ready, ObjectState::Deleted, now).await? {
            continue;
        }
        let size = file.object.content.as_ref().map_or(0, |content| content.size);
        tx.count_file(owner, &file.folder, -1, -i64::try_from(size).unwrap_or(i64::MAX)).await?;
        tx.record(caller, Deed::ObjectDeleted, id, now).await?;
        let job = Job::PurgeObjectV1 { object: id.0, key: file.object.key.as_str().to_owned() };
        jobs::enqueue(&mut tx, &job, app.db.now()).await?;
        deleted += 1;
    }
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => owner.kind().as_str()).increment(deleted);
    Ok(deleted)
}

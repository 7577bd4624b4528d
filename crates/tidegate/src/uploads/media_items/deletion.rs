//! Deletes, restores and purges media items. Changes rows first and moves bytes second. Bytes of
//! deleted items are moved out of the served root, so that valid signatures find nothing, and are
//! kept until retention ends. Never authorizes; the surfaces do.

use std::time::{Duration, Instant, SystemTime};

use super::{clear, files, published, remove_remains};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::library::thaw_job::Unpublished;
use crate::library::{cdn_invalidations, thaw_job};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::media::{Change, Media, Status};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::rules;
use crate::model::upload::UploadState;
use crate::queue::{self, Job};
use crate::uploads::effects;

/// The number of media items in one query.
const BATCH: i64 = 100;
/// The longest time for which one job deletes the media items of an owner.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// Deletes a media item. Its bytes have left the served root when this returns.
pub(crate) async fn delete(app: &App, caller: &Caller, id: ObjectId) -> Result<()> {
    let mut is_deleted = false;
    // The state may change between the read and the update, so this is tried twice.
    for _ in 0..2 {
        let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Err(super::no_such_media()) };
        media.status().ok_or_else(|| super::gone(&media.owner))?;
        is_deleted = delete_row(app, caller, &media, Cause::Item).await?;
        if is_deleted {
            break;
        }
    }
    if !is_deleted {
        return Err(Error::InvalidState("it is being processed; try again".into()));
    }
    unpublish(app, id).await.map(drop)
}

/// What a deletion applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Item,
    /// The whole session or space. The item is deleted only while its owner stays deleted.
    Owner,
}

/// Marks a media item as deleted in its row. A published item becomes DELETED and can be restored;
/// any other becomes PURGED. Returns `false` if the state has changed since it was read.
async fn delete_row(app: &App, caller: &Caller, media: &Media, cause: Cause) -> Result<bool> {
    let (id, now) = (media.object.id, app.db.now());
    let state = media.object.state;
    let kept = matches!(state, ObjectState::Ready | ObjectState::Restoring);
    let next = if kept { ObjectState::Deleted } else { ObjectState::Purged };
    let open = match app.db.find_media_unscoped(id).await? {
        Some((owner, media)) if media.upload == UploadState::Open => app.db.find_upload(&owner, id).await?,
        _ => None,
    };
    let invalidates = kept && cause == Cause::Item && app.cdn.is_some();
    let public = if invalidates { files(app, media).await? } else { Vec::new() };
    let mut tx = app.db.begin().await?;
    // A restore of the owner restores the items that were deleted before it, and no later ones.
    if cause == Cause::Owner && !tx.hold_deleted(&media.owner).await? {
        return Ok(false);
    }
    if let Some(upload) = open {
        tx.end_upload(&upload.id, UploadState::Aborted, None).await?;
    }
    if !tx.set_object_state(id, state, next, now).await? {
        return Ok(false);
    }
    record_change(&mut tx, media, if kept { Change::Deleted } else { Change::Purged }, now).await?;
    tx.record(caller, AuditAction::ObjectDeleted, id, now).await?;
    queue::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
    // Invalidated in the delete's transaction, so that it cannot be lost, and again by the job once
    // the bytes are moved.
    cdn_invalidations::queue(app, &mut tx, &public).await?;
    effects::release_later(app, &mut tx, media.owner.kind(), id).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => media.owner.kind().as_str()).increment(1);
    tracing::info!(object.id = %id, owner = media.owner.kind().as_str(), "a media item was deleted");
    Ok(true)
}

/// Writes a deletion into the item's history, where the owner's kind has a status for it.
async fn record_change(tx: &mut Tx, media: &Media, change: Change, now: SystemTime) -> Result<()> {
    if !rules::of(media.owner.kind()).tells_of_deletions {
        return Ok(());
    }
    tx.add_status_change(&media.owner, media.object.id, change, None, now).await
}

/// Moves the bytes of a deleted media item out of the served root, and then enqueues its CDN
/// invalidations.
pub(crate) async fn unpublish_and_invalidate(app: &App, id: ObjectId) -> Result<Unpublished> {
    let bytes = unpublish(app, id).await?;
    // What thaws is tried again until it is moved, and then invalidated.
    let invalidates = app.cdn.is_some() && bytes != Unpublished::Thawing;
    let Some((_, media)) = app.db.find_media_unscoped(id).await?.filter(|_| invalidates) else { return Ok(bytes) };
    // The items of a deleted owner are invalidated together, by one path.
    if media.object.state == ObjectState::Deleted && app.db.is_there(&media.owner).await? {
        let gone = files(app, &media).await?;
        let mut tx = app.db.begin().await?;
        cdn_invalidations::queue(app, &mut tx, &gone).await?;
        tx.commit().await?;
    }
    Ok(bytes)
}

/// Moves the bytes of a DELETED media item out of the served root; deletes those of a PURGED one.
/// What thaws is moved by a job that follows the thaw.
pub(crate) async fn unpublish(app: &App, id: ObjectId) -> Result<Unpublished> {
    // The lock works on this server only. Changes by other servers are found by reading the state
    // again.
    let _one = app.completing.lock(&id.to_string()).await;
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(Unpublished::Moved) };
    match media.object.state {
        ObjectState::Deleted => unpublish_deleted(app, &media).await,
        ObjectState::Purged => {
            purge_bytes(app, &media).await?;
            clear(app, id).await?;
            let mut tx = app.db.begin().await?;
            tx.delete_variants(id).await?;
            tx.commit().await?;
            Ok(Unpublished::Moved)
        }
        // The item was restored before its bytes were moved.
        _ => move_back_if_published(app, &media).await.map(|()| Unpublished::Moved),
    }
}

/// Moves the bytes of a DELETED media item out of the served root.
async fn unpublish_deleted(app: &App, media: &Media) -> Result<Unpublished> {
    let id = media.object.id;
    let kept = files(app, media).await?;
    let mut bytes = Unpublished::Moved;
    for file in published(app, media).await? {
        // Remains of an interrupted attempt are purged; only current files can be restored.
        let deletion = if kept.contains(&file) { store::Deletion::Restorable } else { store::Deletion::Purge };
        bytes = bytes.max(Unpublished::of(app.store.delete(&file, deletion).await)?);
    }
    clear(app, id).await?;
    let Some((_, now)) = app.db.find_media_unscoped(id).await? else { return Ok(bytes) };
    match now.object.state {
        ObjectState::Deleted => thaw_job::note_unmoved(app, id, bytes).await?,
        // Another server purged the item while its bytes were being moved, and has already deleted
        // the variants' rows.
        ObjectState::Purged => {
            for file in &kept {
                app.store.delete(file, store::Deletion::Purge).await?;
            }
            bytes = Unpublished::Moved;
        }
        _ => move_back_if_published(app, &now).await?,
    }
    Ok(bytes)
}

/// Moves the bytes of a READY or RESTORING media item back into the served root.
async fn move_back_if_published(app: &App, media: &Media) -> Result<()> {
    if matches!(media.object.state, ObjectState::Ready | ObjectState::Restoring) {
        move_back(app, media).await?;
    }
    Ok(())
}

/// Moves the bytes of a media item back into the served root. Returns an error if some are missing.
async fn move_back(app: &App, media: &Media) -> Result<()> {
    for file in files(app, media).await? {
        match app.store.restore(&file).await {
            Ok(_) | Err(store::Error::AlreadyExists) => {}
            // The file may never have been moved.
            Err(store::Error::NotFound) => drop(app.store.stat(&file).await?),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Deletes the published files of a rejected media item, and then enqueues their CDN invalidations.
pub async fn remove_rejected(app: &App, media: &Media) -> Result<()> {
    let public = if app.cdn.is_some() { files(app, media).await? } else { Vec::new() };
    remove_remains(app, media.object.id).await?;
    let mut tx = app.db.begin().await?;
    cdn_invalidations::queue(app, &mut tx, &public).await?;
    tx.commit().await
}

/// Deletes all published bytes of a media item.
async fn purge_bytes(app: &App, media: &Media) -> Result<()> {
    let mut all = files(app, media).await?;
    all.extend(published(app, media).await?);
    for file in all {
        app.store.delete(&file, store::Deletion::Purge).await?;
    }
    Ok(())
}

/// Moves the bytes of all media items of a deleted owner out of the served root. Returns `false` if
/// the time limit was reached and more remain.
pub async fn unpublish_all(app: &App, owner: &Owner) -> Result<bool> {
    let (system, started) = (Caller::system(), Instant::now());
    let states = [
        ObjectState::Restoring,
        ObjectState::Ready,
        ObjectState::Pending,
        ObjectState::Scanning,
        ObjectState::Processing,
        ObjectState::Failed,
        ObjectState::Rejected,
    ];
    for state in states {
        loop {
            let some = app.db.list_media_in_state(owner, state, BATCH).await?;
            // The owner may have been restored in the meantime.
            if some.is_empty() || app.db.is_there(owner).await? {
                break;
            }
            for media in some {
                delete_row(app, &system, &media, Cause::Owner).await?;
                unpublish(app, media.object.id).await?;
            }
            if started.elapsed() > RUN_LIMIT {
                return Ok(false);
            }
        }
    }
    let mut tx = app.db.begin().await?;
    if tx.hold_deleted(owner).await? {
        cdn_invalidations::queue_root(app, &mut tx, owner).await?;
        tx.commit().await?;
    }
    Ok(true)
}

/// Enqueues the restore of the media items that were deleted together with their owner: those
/// deleted from `since` to `until`, in microseconds.
pub async fn restore_all_bytes(app: &App, owner: &Owner, since: i64, until: i64) -> Result<()> {
    loop {
        let some = app.db.list_media_deleted_between(owner, (since, until), BATCH).await?;
        if some.is_empty() {
            return Ok(());
        }
        let now = app.db.now();
        let mut tx = app.db.begin().await?;
        for media in some {
            let id = media.object.id;
            if tx.set_object_state(id, ObjectState::Deleted, ObjectState::Restoring, now).await? {
                tx.record(&Caller::system(), AuditAction::ObjectRestored, id, now).await?;
                queue::enqueue(&mut tx, &Job::RestoreMediaV1 { object: id.0 }, now).await?;
            }
        }
        tx.commit().await?;
    }
}

/// Restores a deleted media item, if its retention has not ended. Does nothing if it is READY.
pub(crate) async fn restore(app: &App, caller: &Caller, found: &Media) -> Result<()> {
    let id = found.object.id;
    match found.object.state {
        ObjectState::Deleted if begin_restore(app, caller, id).await? => {
            restore_bytes(app, id).await?;
            check_restored(app, found).await?;
        }
        // Another request restores it at the same time, or its retention has ended.
        ObjectState::Deleted => match app.db.find_media_unscoped(id).await?.map(|(_, media)| media.object.state) {
            Some(ObjectState::Restoring | ObjectState::Ready) => restore_bytes(app, id).await?,
            _ => return Err(super::gone(&found.owner)),
        },
        ObjectState::Restoring => restore_bytes(app, id).await?,
        ObjectState::Ready => {}
        _ => return Err(super::gone(&found.owner)),
    }
    Ok(())
}

/// Returns the error of a restore that found bytes missing, if the worker found it before this
/// request did.
async fn check_restored(app: &App, found: &Media) -> Result<()> {
    let Some((owner, now)) = app.db.find_media_unscoped(found.object.id).await? else { return Ok(()) };
    if now.object.state == ObjectState::Deleted && app.db.is_there(&owner).await? {
        return Err(bytes_missing());
    }
    Ok(())
}

fn bytes_missing() -> Error {
    let lost = "some of its bytes are missing, so it stays deleted";
    Error::StoreError(store::Error::Damaged(lost.to_owned()))
}

/// Moves a DELETED media item to RESTORING. Returns `false` if its retention has ended or its state
/// has changed.
async fn begin_restore(app: &App, caller: &Caller, id: ObjectId) -> Result<bool> {
    let now = app.db.now();
    let oldest = now.checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut tx = app.db.begin().await?;
    if !tx.begin_restore(id, oldest).await? {
        return Ok(false);
    }
    tx.record(caller, AuditAction::ObjectRestored, id, now).await?;
    queue::enqueue(&mut tx, &Job::RestoreMediaV1 { object: id.0 }, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Moves the bytes of a RESTORING media item back and makes it READY. If its owner was deleted in
/// the meantime, the item is DELETED again.
pub async fn restore_bytes(app: &App, id: ObjectId) -> Result<()> {
    let _one = app.completing.lock(&id.to_string()).await;
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    if media.object.state != ObjectState::Restoring {
        return Ok(());
    }
    let now = app.db.now();
    match move_back(app, &media).await {
        Ok(()) => {}
        // A retry cannot help, so the item becomes DELETED again, where it is listed.
        Err(error @ (Error::NotFound(_) | Error::StoreError(store::Error::Damaged(_)) | Error::Archived(_))) => {
            let mut tx = app.db.begin().await?;
            if tx.set_object_state(id, ObjectState::Restoring, ObjectState::Deleted, now).await? {
                queue::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
            }
            tx.commit().await?;
            if matches!(error, Error::Archived(_)) {
                tracing::error!(object.id = %id, "a media item cannot be restored: its bytes in the trash are archived");
                return Err(error);
            }
            tracing::error!(object.id = %id, "a media item cannot be restored: some of its bytes are missing");
            return Err(bytes_missing());
        }
        Err(error) => return Err(error),
    }
    let mut tx = app.db.begin().await?;
    if !tx.hold(&media.owner).await? {
        if tx.set_object_state(id, ObjectState::Restoring, ObjectState::Deleted, now).await? {
            queue::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
        }
        tx.commit().await?;
        return Ok(());
    }
    if tx.move_object(id, ObjectState::Restoring, ObjectState::Ready, None).await? {
        tx.add_status_change(&media.owner, id, Status::Completed.into(), Some("restored"), now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Purges a deleted media item before its retention ends. It cannot be restored after that. Returns
/// `false` if it is no longer DELETED.
pub(crate) async fn purge(app: &App, caller: &Caller, media: &Media) -> Result<bool> {
    let (id, now) = (media.object.id, app.db.now());
    let mut tx = app.db.begin().await?;
    if !mark_purged(&mut tx, caller, media, now).await? {
        return Ok(false);
    }
    tx.commit().await?;
    unpublish(app, id).await?;
    Ok(true)
}

/// Moves a DELETED media item to PURGED and enqueues the deletion of its bytes.
async fn mark_purged(tx: &mut Tx, caller: &Caller, media: &Media, now: SystemTime) -> Result<bool> {
    let id = media.object.id;
    if !tx.set_object_state(id, ObjectState::Deleted, ObjectState::Purged, now).await? {
        return Ok(false);
    }
    record_change(tx, media, Change::Purged, now).await?;
    tx.record(caller, AuditAction::ObjectPurged, id, now).await?;
    queue::enqueue(tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
    Ok(true)
}

/// Purges all deleted media items of an owner: rows now, bytes by jobs.
pub(crate) async fn purge_all(app: &App, caller: &Caller, owner: &Owner) -> Result<()> {
    loop {
        let some = app.db.list_media_in_state(owner, ObjectState::Deleted, BATCH).await?;
        if !purge_some(app, caller, &some).await? {
            return Ok(());
        }
    }
}

/// Purges the media items whose retention has ended: rows now, bytes by jobs. A concurrent restore
/// therefore runs either before both or too late.
pub async fn purge_old(app: &App, now: SystemTime) -> Result<()> {
    let Some(before) = now.checked_sub(app.config.retention) else { return Ok(()) };
    let system = Caller::system();
    loop {
        let some = app.db.list_media_to_purge(before, BATCH).await?;
        if !purge_some(app, &system, &some).await? {
            return Ok(());
        }
    }
}

/// Purges some media items. Returns `false` if there are none.
async fn purge_some(app: &App, caller: &Caller, some: &[Media]) -> Result<bool> {
    if some.is_empty() {
        return Ok(false);
    }
    let mut tx = app.db.begin().await?;
    for media in some {
        mark_purged(&mut tx, caller, media, app.db.now()).await?;
    }
    tx.commit().await?;
    Ok(true)
}

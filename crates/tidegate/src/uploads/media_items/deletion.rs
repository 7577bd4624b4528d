//! What is deleted, and brought back: rows first, then bytes. What was published is moved out of the served root, where a
//! signature that is still good finds nothing, and kept until retention ends.

use std::time::{Duration, Instant, SystemTime};

use super::clear;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::library::cdn_invalidations;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key;
use crate::model::media::{Change, Media, Status};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::rules;
use crate::model::upload::UploadState;
use crate::queue::{self, Job};
use crate::uploads::effects::{self, Item};

/// Media that are worked on in one query.
const AT_ONCE: i64 = 100;
/// How long one job works on all that is an owner's.
const TURN: Duration = Duration::from_secs(300);
/// Files of one medium: it, its thumbnails, and what crashes left.
const MOST_FILES: usize = 1000;

/// Deletes a medium; its bytes are out of the served root before the answer.
pub(crate) async fn delete(app: &App, caller: &Caller, id: ObjectId) -> Result<()> {
    let mut marked = false;
    // It may become something else between the look and the change.
    for _ in 0..2 {
        let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Err(super::no_such_media()) };
        media.status().ok_or_else(|| super::gone(&media.owner))?;
        marked = mark(app, caller, &media, With::Alone).await?;
        if marked {
            break;
        }
    }
    if !marked {
        return Err(Error::InvalidState("it is being worked on; ask again".into()));
    }
    hide(app, id).await?;
    Ok(())
}

/// What a medium is deleted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Alone,
    /// Its session or space, as long as that one stays deleted.
    ItsOwner,
}

/// Says in its row that a medium is deleted. What was published can be brought back; anything else is given up for good.
/// `false` if it is no longer in the state that was seen.
async fn mark(app: &App, caller: &Caller, media: &Media, with: With) -> Result<bool> {
    let (id, now) = (media.object.id, app.db.now());
    let state = media.object.state;
    let kept = matches!(state, ObjectState::Ready | ObjectState::Restoring);
    let next = if kept { ObjectState::Deleted } else { ObjectState::Purged };
    let open = match app.db.find_media_unscoped(id).await? {
        Some((owner, media)) if media.upload == UploadState::Open => app.db.find_upload(&owner, id).await?,
        _ => None,
    };
    let told = kept && with == With::Alone && app.cdn.is_some();
    let public = if told { files(app, media).await? } else { Vec::new() };
    let mut tx = app.db.begin().await?;
    // Whoever brings the owner back brings back what was deleted by then, and no more.
    if with == With::ItsOwner && !tx.hold_deleted(&media.owner).await? {
        return Ok(false);
    }
    if let Some(upload) = open {
        tx.end_upload(&upload.id, UploadState::Aborted, None).await?;
    }
    if !tx.set_object_state(id, state, next, now).await? {
        return Ok(false);
    }
    if state == ObjectState::Ready {
        effects::uncharge(&mut tx, &Item::Media(media.clone())).await?;
    }
    tell_of(&mut tx, media, if kept { Change::Deleted } else { Change::Purged }, now).await?;
    tx.record(caller, AuditAction::ObjectDeleted, id, now).await?;
    queue::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
    // In the delete, so that nothing that follows can lose it; and by the job, once the bytes are gone.
    cdn_invalidations::queue(app, &mut tx, &public).await?;
    effects::release_later(app, &mut tx, media.owner.kind(), id).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => media.owner.kind().as_str()).increment(1);
    tracing::info!(object.id = %id, owner = media.owner.kind().as_str(), "a medium was deleted");
    Ok(true)
}

/// Those who watch a space are told of deletes, too; the source of sessions has no word for them.
async fn tell_of(tx: &mut Tx, media: &Media, change: Change, now: SystemTime) -> Result<()> {
    if !rules::of(media.owner.kind()).tells_of_deletions {
        return Ok(());
    }
    tx.add_status_change(&media.owner, media.object.id, change, None, now).await
}

/// Takes the bytes of what was deleted out of the served root, and then tells the CDN.
pub async fn hide_and_tell(app: &App, id: ObjectId) -> Result<()> {
    hide(app, id).await?;
    let Some((_, media)) = app.db.find_media_unscoped(id).await?.filter(|_| app.cdn.is_some()) else { return Ok(()) };
    // Of all that is a deleted owner's it is told by one path.
    if media.object.state == ObjectState::Deleted && app.db.is_there(&media.owner).await? {
        let gone = files(app, &media).await?;
        let mut tx = app.db.begin().await?;
        cdn_invalidations::queue(app, &mut tx, &gone).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Takes the bytes of what was deleted out of the served root; of what was purged, everywhere.
pub async fn hide(app: &App, id: ObjectId) -> Result<()> {
    // One at a time here. What another server does meanwhile is looked at after it.
    let _one = app.completing.lock(&id.to_string()).await;
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    match media.object.state {
        ObjectState::Deleted => {
            let kept = files(app, &media).await?;
            for file in published(app, &media).await? {
                // What a crash left there of an attempt before is nothing to be brought back.
                let deletion = if kept.contains(&file) { store::Deletion::Restorable } else { store::Deletion::Purge };
                app.store.delete(&file, deletion).await?;
            }
            clear(app, id).await?;
            let Some((_, now)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
            // Purged by another server while its bytes were on their way to where they wait.
            if now.object.state == ObjectState::Purged {
                // Whoever did so has forgotten what was derived from it.
                for file in &kept {
                    app.store.delete(file, store::Deletion::Purge).await?;
                }
                return Ok(());
            }
            put_back_if_wanted(app, &now).await
        }
        ObjectState::Purged => {
            purge_bytes(app, &media).await?;
            clear(app, id).await?;
            let mut tx = app.db.begin().await?;
            tx.forget_variants(id).await?;
            tx.commit().await
        }
        // It was brought back at this moment, or by another server before this one had taken it away.
        _ => put_back_if_wanted(app, &media).await,
    }
}

/// What is there, or on its way back, has its bytes where they are served.
async fn put_back_if_wanted(app: &App, media: &Media) -> Result<()> {
    if matches!(media.object.state, ObjectState::Ready | ObjectState::Restoring) {
        put_back(app, media).await?;
    }
    Ok(())
}

async fn put_back(app: &App, media: &Media) -> Result<()> {
    for file in files(app, media).await? {
        match app.store.restore(&file).await {
            Ok(_) | Err(store::Error::AlreadyExists) => {}
            // It may never have been taken away.
            Err(store::Error::NotFound) => drop(app.store.stat(&file).await?),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The keys of a medium and of what was derived from it.
pub(crate) async fn files(app: &App, media: &Media) -> Result<Vec<String>> {
    let mut variants = app.db.list_variants(&[media.object.id]).await?;
    let variants = variants.remove(&media.object.id).unwrap_or_default();
    let derived = variants.into_iter().map(|variant| variant.key.as_str().to_owned());
    Ok(std::iter::once(media.object.key.as_str().to_owned()).chain(derived).collect())
}

/// All that lies in the served root of a medium.
async fn published(app: &App, media: &Media) -> Result<Vec<String>> {
    let found = app.store.list(&key::published(&media.owner, media.object.id), None, MOST_FILES).await?;
    Ok(found.into_iter().map(|entry| entry.key).collect())
}

/// Removes from the served root what is not published of a medium: what attempts left that a crash cut off, or all of it.
pub async fn remove_remains(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    let kept = match media.object.state {
        ObjectState::Rejected | ObjectState::Purged => Vec::new(),
        _ => files(app, &media).await?,
    };
    for file in published(app, &media).await? {
        if !kept.contains(&file) {
            app.store.delete(&file, store::Deletion::Purge).await?;
        }
    }
    Ok(())
}

/// Removes what was published of a media item that is rejected, and then tells the CDN.
pub async fn remove_rejected(app: &App, media: &Media) -> Result<()> {
    let public = if app.cdn.is_some() { files(app, media).await? } else { Vec::new() };
    remove_remains(app, media.object.id).await?;
    let mut tx = app.db.begin().await?;
    cdn_invalidations::queue(app, &mut tx, &public).await?;
    tx.commit().await
}

async fn purge_bytes(app: &App, media: &Media) -> Result<()> {
    let mut all = files(app, media).await?;
    all.extend(published(app, media).await?);
    for file in all {
        app.store.delete(&file, store::Deletion::Purge).await?;
    }
    Ok(())
}

/// Takes the bytes of all that is a deleted owner's out of the served root. `false` if there is more to do: others wait for
/// their turn, too.
pub async fn hide_all(app: &App, owner: &Owner) -> Result<bool> {
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
            let some = app.db.list_media_in_state(owner, state, AT_ONCE).await?;
            // It may have been brought back meanwhile.
            if some.is_empty() || app.db.is_there(owner).await? {
                break;
            }
            for media in some {
                mark(app, &system, &media, With::ItsOwner).await?;
                hide(app, media.object.id).await?;
            }
            if started.elapsed() > TURN {
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

/// Has what was deleted with its owner brought back: not before it, and not after it had come back.
pub async fn restore_all_bytes(app: &App, owner: &Owner, since: i64, until: i64) -> Result<()> {
    loop {
        let some = app.db.list_media_deleted_between(owner, (since, until), AT_ONCE).await?;
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

/// Brings a deleted medium back, before its retention ends. What is there is left as it is.
pub(crate) async fn restore(app: &App, caller: &Caller, found: &Media) -> Result<()> {
    let id = found.object.id;
    match found.object.state {
        ObjectState::Deleted if begin_restore(app, caller, id).await? => {
            restore_bytes(app, id).await?;
        }
        // Somebody else does so at this moment, or its retention has ended.
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

/// Says in its row that a deleted medium is on its way back. `false` if it is not to be had any more.
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

/// Puts the bytes of what is to be restored back, and then says so; unless its owner was deleted meanwhile.
pub async fn restore_bytes(app: &App, id: ObjectId) -> Result<()> {
    let _one = app.completing.lock(&id.to_string()).await;
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    if media.object.state != ObjectState::Restoring {
        return Ok(());
    }
    let now = app.db.now();
    match put_back(app, &media).await {
        Ok(()) => {}
        // Waiting won't help: it stays among what was deleted, where it is seen.
        Err(Error::NotFound(_) | Error::StoreError(store::Error::Damaged(_))) => {
            let mut tx = app.db.begin().await?;
            if tx.set_object_state(id, ObjectState::Restoring, ObjectState::Deleted, now).await? {
                queue::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
            }
            tx.commit().await?;
            tracing::error!(object.id = %id, "what was deleted can't be brought back: some of its bytes are gone");
            let lost = "not all that belongs to it is there any more, so that it stays deleted";
            return Err(Error::StoreError(store::Error::Damaged(lost.to_owned())));
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
        let size = media.object.content.as_ref().map_or(0, |content| content.size);
        effects::charge(&mut tx, &Item::Media(media.clone()), size).await?;
        tx.add_status_change(&media.owner, id, Status::Completed.into(), Some("restored"), now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Purges one that was deleted, before its retention ends: nobody can bring it back from here on.
pub(crate) async fn purge(app: &App, caller: &Caller, media: &Media) -> Result<bool> {
    let (id, now) = (media.object.id, app.db.now());
    let mut tx = app.db.begin().await?;
    if !mark_purged(&mut tx, caller, media, now).await? {
        return Ok(false);
    }
    tx.commit().await?;
    hide(app, id).await?;
    Ok(true)
}

async fn mark_purged(tx: &mut Tx, caller: &Caller, media: &Media, now: SystemTime) -> Result<bool> {
    let id = media.object.id;
    if !tx.set_object_state(id, ObjectState::Deleted, ObjectState::Purged, now).await? {
        return Ok(false);
    }
    tell_of(tx, media, Change::Purged, now).await?;
    tx.record(caller, AuditAction::ObjectPurged, id, now).await?;
    queue::enqueue(tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
    Ok(true)
}

/// Purges all that an owner has deleted: rows now, bytes by jobs.
pub(crate) async fn purge_all(app: &App, caller: &Caller, owner: &Owner) -> Result<()> {
    loop {
        let some = app.db.list_media_in_state(owner, ObjectState::Deleted, AT_ONCE).await?;
        if !purge_some(app, caller, &some).await? {
            return Ok(());
        }
    }
}

/// Purges what was deleted so long ago that nobody can bring it back any more: rows now, bytes by a job, so that a restore
/// comes either before both or too late.
pub async fn purge_old(app: &App, now: SystemTime) -> Result<()> {
    let Some(before) = now.checked_sub(app.config.retention) else { return Ok(()) };
    let system = Caller::system();
    loop {
        let some = app.db.list_media_to_purge(before, AT_ONCE).await?;
        if !purge_some(app, &system, &some).await? {
            return Ok(());
        }
    }
}

/// `false` if there was nothing to do.
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

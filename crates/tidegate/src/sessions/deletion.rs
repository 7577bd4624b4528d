//! What is deleted, and brought back: rows first, then bytes. What was published is moved out of the served root, where a
//! signature that is still good finds nothing, and kept until retention ends.

use std::time::SystemTime;

use super::{Shown, find, find_any, media, no_such_media, uploads};
use crate::app::{App, unauthenticated};
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{Deed, NewEvent};
use crate::model::ids::{ObjectId, SessionId};
use crate::model::key;
use crate::model::media::{Media, Status};
use crate::model::micros;
use crate::model::object::ObjectState;
use crate::model::principal::Principal;
use crate::model::upload::UploadState;

/// Media that are worked on in one query.
const AT_ONCE: i64 = 100;
/// Files of one medium: it, its thumbnails, and what crashes left.
const MOST_FILES: usize = 1000;

/// Deletes one of a session's media; its bytes are out of the served root before the answer.
pub async fn delete(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<()> {
    let (_, media) = find_any(app, caller, Action::Delete, session, id).await?;
    media.status().ok_or_else(no_such_media)?;
    if !mark(app, caller, &media, With::Alone).await? {
        // It became something else meanwhile.
        let (_, media) = find_any(app, caller, Action::Delete, session, id).await?;
        if !mark(app, caller, &media, With::Alone).await? {
            return Err(Error::InvalidState("it is being worked on; ask again".into()));
        }
    }
    app.news.ring();
    hide(app, id).await?;
    app.jobs.ring();
    Ok(())
}

/// What a medium is deleted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Alone,
    /// Its session, as long as that one stays deleted.
    ItsSession,
}

/// Says in its row that a medium is deleted. What was published can be brought back; anything else is given up for good.
/// `false` if it is no longer in the state that was seen.
async fn mark(app: &App, caller: &Caller, media: &Media, with: With) -> Result<bool> {
    let (id, now) = (media.object.id, app.db.now());
    let state = media.object.state;
    let kept = matches!(state, ObjectState::Ready | ObjectState::Restoring);
    let next = if kept { ObjectState::Deleted } else { ObjectState::Purged };
    let open = match app.db.find_media(id).await? {
        Some((owner, media)) if media.upload == UploadState::Open => app.db.find_upload(&owner, id).await?,
        _ => None,
    };
    let mut tx = app.db.begin().await?;
    // Whoever brings the session back brings back what was deleted by then, and no more.
    if with == With::ItsSession && !tx.hold_deleted_session(&media.session).await? {
        return Ok(false);
    }
    if let Some(upload) = open {
        tx.end_upload(&upload.id, UploadState::Aborted, None).await?;
    }
    if !tx.set_object_state(id, state, next, now).await? {
        return Ok(false);
    }
    tx.record(caller, Deed::ObjectDeleted, id, now).await?;
    tx.tell(id).await?;
    jobs::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
    uploads::release_later(app, &mut tx, id).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => "session").increment(1);
    tracing::info!(object.id = %id, "one of a session's media was deleted");
    Ok(true)
}

/// Takes the bytes of what was deleted out of the served root; of what was purged, everywhere.
pub async fn hide(app: &App, id: ObjectId) -> Result<()> {
    // One at a time here. What another server does meanwhile is looked at after it.
    let _one = app.completing.hold(&id.to_string()).await;
    let Some((_, media)) = app.db.find_media(id).await? else { return Ok(()) };
    match media.object.state {
        ObjectState::Deleted => {
            let kept = files(app, &media).await?;
            for file in published(app, &media).await? {
                // What a crash left there of an attempt before is nothing to be brought back.
                let deletion = if kept.contains(&file) { store::Deletion::Restorable } else { store::Deletion::Purge };
                app.store.delete(&file, deletion).await?;
            }
            uploads::clear(app, id).await?;
            let Some((_, now)) = app.db.find_media(id).await? else { return Ok(()) };
            put_back_if_wanted(app, &now).await
        }
        ObjectState::Purged => {
            purge_bytes(app, &media).await?;
            uploads::clear(app, id).await?;
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
async fn files(app: &App, media: &Media) -> Result<Vec<String>> {
    let mut variants = app.db.list_variants(&[media.object.id]).await?;
    let variants = variants.remove(&media.object.id).unwrap_or_default();
    let derived = variants.into_iter().map(|variant| variant.key.as_str().to_owned());
    Ok(std::iter::once(media.object.key.as_str().to_owned()).chain(derived).collect())
}

/// All that lies in the served root of a medium.
async fn published(app: &App, media: &Media) -> Result<Vec<String>> {
    let found = app.store.list(&key::published(&media.session, media.object.id), None, MOST_FILES).await?;
    Ok(found.into_iter().map(|entry| entry.key).collect())
}

/// Removes from the served root what is not published of a medium: what attempts left that a crash cut off, or all of it.
pub async fn remove_remains(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media(id).await? else { return Ok(()) };
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

async fn purge_bytes(app: &App, media: &Media) -> Result<()> {
    let mut all = files(app, media).await?;
    all.extend(published(app, media).await?);
    for file in all {
        app.store.delete(&file, store::Deletion::Purge).await?;
    }
    Ok(())
}

/// Deletes a session and all that is in it: rows now, bytes by a job.
pub async fn delete_session(app: &App, caller: &Caller, id: &SessionId) -> Result<()> {
    let owner = find(app, caller, Action::Delete, id).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if !tx.delete_session(id, now).await? {
        return Err(Error::NotFound("no such session".into()));
    }
    let (deed, object) = (Deed::SessionDeleted, None);
    tx.record_event(&NewEvent { at: now, caller: caller.clone(), deed, owner: Some(owner), object }).await?;
    jobs::enqueue(&mut tx, &Job::HideSessionV1 { session: id.as_str().to_owned() }, now).await?;
    tx.commit().await?;
    app.jobs.ring();
    app.news.ring();
    tracing::info!(session = id.as_str(), "a session was deleted");
    Ok(())
}

/// Takes the bytes of a deleted session out of the served root.
pub async fn hide_session(app: &App, session: &SessionId) -> Result<()> {
    let system = Caller::system();
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
            let some = app.db.list_media_in_state(session, state, AT_ONCE).await?;
            // It may have been brought back meanwhile.
            if some.is_empty() || app.db.find_session(session).await?.is_some() {
                break;
            }
            for media in some {
                mark(app, &system, &media, With::ItsSession).await?;
                hide(app, media.object.id).await?;
            }
        }
    }
    Ok(())
}

/// Brings a deleted session back, before its retention ends: the session now, what went with it by jobs.
pub async fn restore_session(app: &App, caller: &Caller, id: &SessionId) -> Result<()> {
    let unknown = || Error::NotFound("no such session".into());
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let (owner, deleted_at) = app.db.find_any_session(id).await?.ok_or_else(unknown)?;
    app.authorize(caller, Action::Write, &owner, None)?;
    let Some(since) = deleted_at else { return Ok(()) };
    let now = app.db.now();
    let oldest = now.checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut tx = app.db.begin().await?;
    if !tx.undelete_session(id, oldest).await? {
        return Err(unknown());
    }
    let (deed, object) = (Deed::SessionRestored, None);
    tx.record_event(&NewEvent { at: now, caller: caller.clone(), deed, owner: Some(owner), object }).await?;
    let (session, until) = (id.as_str().to_owned(), Some(micros(now)));
    jobs::enqueue(&mut tx, &Job::RestoreSessionV1 { session, since, until }, now).await?;
    tx.commit().await?;
    app.jobs.ring();
    tracing::info!(session = id.as_str(), "a session was brought back");
    Ok(())
}

/// Has what was deleted with a session brought back: not before it, and not after it had come back.
pub async fn bring_back_session(app: &App, session: &SessionId, since: i64, until: i64) -> Result<()> {
    loop {
        let some = app.db.list_media_deleted_between(session, (since, until), AT_ONCE).await?;
        if some.is_empty() {
            app.jobs.ring();
            return Ok(());
        }
        let now = app.db.now();
        let mut tx = app.db.begin().await?;
        for media in some {
            let id = media.object.id;
            if tx.set_object_state(id, ObjectState::Deleted, ObjectState::Restoring, now).await? {
                tx.record(&Caller::system(), Deed::ObjectRestored, id, now).await?;
                jobs::enqueue(&mut tx, &Job::RestoreMediaV1 { object: id.0 }, now).await?;
            }
        }
        tx.commit().await?;
    }
}

/// Brings a deleted medium back, before its retention ends.
pub async fn restore(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<Shown> {
    let (_, found) = find_any(app, caller, Action::Write, session, id).await?;
    let now = app.db.now();
    match found.object.state {
        ObjectState::Deleted => {
            let mut tx = app.db.begin().await?;
            if tx.set_object_state(id, ObjectState::Deleted, ObjectState::Restoring, now).await? {
                tx.record(caller, Deed::ObjectRestored, id, now).await?;
                jobs::enqueue(&mut tx, &Job::RestoreMediaV1 { object: id.0 }, now).await?;
                tx.commit().await?;
            }
            bring_back(app, id).await?;
            app.jobs.ring();
        }
        ObjectState::Restoring => bring_back(app, id).await?,
        ObjectState::Ready => {}
        _ => return Err(no_such_media()),
    }
    media(app, caller, session, id).await
}

/// Puts the bytes of what is to be restored back, and then says so; unless its session was deleted meanwhile.
pub async fn bring_back(app: &App, id: ObjectId) -> Result<()> {
    let _one = app.completing.hold(&id.to_string()).await;
    let Some((_, media)) = app.db.find_media(id).await? else { return Ok(()) };
    if media.object.state != ObjectState::Restoring {
        return Ok(());
    }
    put_back(app, &media).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if !tx.hold_session(&media.session).await? {
        if tx.set_object_state(id, ObjectState::Restoring, ObjectState::Deleted, now).await? {
            jobs::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, now).await?;
        }
        tx.commit().await?;
        app.jobs.ring();
        return Ok(());
    }
    if tx.move_object(id, ObjectState::Restoring, ObjectState::Ready, None).await? {
        tx.add_passage(&media.session, id, Status::Completed, Some("restored"), now).await?;
        tx.tell(id).await?;
        tx.commit().await?;
        app.news.ring();
    }
    Ok(())
}

/// Purges what was deleted so long ago that nobody can bring it back any more: rows now, bytes by a job, so that a restore
/// comes either before both or too late.
pub async fn purge_old(app: &App, now: SystemTime) -> Result<()> {
    let Some(before) = now.checked_sub(app.config.retention) else { return Ok(()) };
    loop {
        let some = app.db.list_media_to_purge(before, AT_ONCE).await?;
        if some.is_empty() {
            return Ok(());
        }
        let mut tx = app.db.begin().await?;
        for media in some {
            let id = media.object.id;
            if tx.set_object_state(id, ObjectState::Deleted, ObjectState::Purged, now).await? {
                tx.record(&Caller::system(), Deed::ObjectPurged, id, now).await?;
                jobs::enqueue(&mut tx, &Job::HideMediaV1 { object: id.0 }, app.db.now()).await?;
            }
        }
        tx.commit().await?;
        app.jobs.ring();
    }
}

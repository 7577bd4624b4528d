//! Authorizes the deletion and restore of sessions and of their media items. The work itself is in
//! `uploads/media_items`.

use std::time::SystemTime;

use super::{MediaView, find, media};
use crate::access;
use crate::app::App;
use crate::error::{Error, Result, unauthenticated};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::{ObjectId, SessionId};
use crate::model::micros;
use crate::model::principal::Principal;
use crate::queue::{self, Job};
use crate::uploads::media_items;

/// Deletes a media item. Its bytes have left the served root when this returns. Authorizes the
/// caller.
pub async fn delete(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<()> {
    find(app, caller, Action::Delete, session, id).await?;
    media_items::deletion::delete(app, caller, id).await
}

/// Restores a deleted media item, if its retention has not ended. Authorizes the caller.
pub async fn restore(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<MediaView> {
    let (_, found) = find(app, caller, Action::Write, session, id).await?;
    media_items::deletion::restore(app, caller, &found).await?;
    media(app, caller, session, id).await
}

/// Deletes a session with its media items: the session's row now, the items and their bytes by a
/// job. Authorizes the caller.
pub async fn delete_session(app: &App, caller: &Caller, id: &SessionId) -> Result<()> {
    let owner = access::find_session(app, caller, Action::Delete, id).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if !tx.delete_session(id, now).await? {
        return Err(Error::NotFound("no such session".into()));
    }
    crate::library::cdn_invalidations::queue_root(app, &mut tx, &owner).await?;
    let (action, object) = (AuditAction::SessionDeleted, None);
    tx.record_event(&NewEvent { at: now, caller: caller.clone(), action, owner: Some(owner.clone()), object }).await?;
    queue::enqueue(&mut tx, &Job::HideSessionV1 { session: id.as_str().to_owned() }, now).await?;
    tx.signal_watchers(&owner);
    tx.commit().await?;
    tracing::info!(session = id.as_str(), "a session was deleted");
    Ok(())
}

/// Restores a deleted session, if its retention has not ended: the session's row now, its media
/// items by jobs. Authorizes the caller.
pub async fn restore_session(app: &App, caller: &Caller, id: &SessionId) -> Result<()> {
    let unknown = || Error::NotFound("no such session".into());
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let (owner, deleted_at) = app.db.find_session_even_deleted_unscoped(id).await?.ok_or_else(unknown)?;
    access::authorize(app, caller, Action::Write, &owner, None)?;
    let Some(since) = deleted_at else { return Ok(()) };
    let now = app.db.now();
    let oldest = now.checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut tx = app.db.begin().await?;
    if !tx.undelete_session(id, oldest).await? {
        return Err(unknown());
    }
    let (action, object) = (AuditAction::SessionRestored, None);
    tx.record_event(&NewEvent { at: now, caller: caller.clone(), action, owner: Some(owner), object }).await?;
    let (session, until) = (id.as_str().to_owned(), Some(micros(now)));
    queue::enqueue(&mut tx, &Job::RestoreSessionV1 { session, since, until }, now).await?;
    tx.commit().await?;
    tracing::info!(session = id.as_str(), "a session was restored");
    Ok(())
}

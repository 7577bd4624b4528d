//! Deletes and restores of sessions and of what is in them. How it is done is in `uploads/media_items`.

use std::time::SystemTime;

use super::{Shown, find, media};
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

/// Deletes one of a session's media; its bytes are out of the served root before the answer.
pub async fn delete(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<()> {
    find(app, caller, Action::Delete, session, id).await?;
    media_items::deletion::delete(app, caller, id).await
}

/// Brings a deleted medium back, before its retention ends.
pub async fn restore(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<Shown> {
    let (_, found) = find(app, caller, Action::Write, session, id).await?;
    media_items::deletion::restore(app, caller, &found).await?;
    media(app, caller, session, id).await
}

/// Deletes a session and all that is in it: rows now, bytes by a job.
pub async fn delete_session(app: &App, caller: &Caller, id: &SessionId) -> Result<()> {
    let owner = access::find_session(app, caller, Action::Delete, id).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if !tx.delete_session(id, now).await? {
        return Err(Error::NotFound("no such session".into()));
    }
    crate::library::cdn_invalidations::queue_root(app, &mut tx, &owner).await?;
    let (action, object) = (AuditAction::SessionDeleted, None);
    tx.record_event(&NewEvent { at: now, caller: caller.clone(), action, owner: Some(owner), object }).await?;
    queue::enqueue(&mut tx, &Job::HideSessionV1 { session: id.as_str().to_owned() }, now).await?;
    tx.signal_watchers();
    tx.commit().await?;
    tracing::info!(session = id.as_str(), "a session was deleted");
    Ok(())
}

/// Brings a deleted session back, before its retention ends: the session now, what went with it by jobs.
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
    tracing::info!(session = id.as_str(), "a session was brought back");
    Ok(())
}

//! Reads the audit log by owner, object, actor, action and time, for those who may, and deletes old events. Never
//! writes events: changes record theirs in their own transactions, and refusals go through
//! `state::refusals`.

use crate::access;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::objects::MAX_PAGE;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{Event, EventFilter};
use crate::model::ids::ObjectId;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;

/// Returns the owner and object that a request for events names. Returns 404 for a session that
/// never existed.
pub async fn about(
    app: &App,
    kind: OwnerKind,
    owner: Option<&str>,
    object: Option<ObjectId>,
) -> Result<(Option<Owner>, Option<(OwnerKind, ObjectId)>)> {
    let owner = match (owner, object) {
        // The owner of an object is known from its row.
        (_, Some(_)) | (None, _) => None,
        (Some(text), None) => Some(access::find_named_owner_unscoped(app, kind, text).await?),
    };
    let object = match object {
        Some(object) => Some((app.db.kind_of(object).await?.unwrap_or(kind), object)),
        None => None,
    };
    Ok((owner, object))
}

/// Returns a page of events, newest first, and where the next one begins. Without an owner and an
/// object, all events. A page of a filter that few events match may be short, or empty, and still
/// have a next one. Authorizes the caller.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: EventFilter,
    before: Cursor,
    limit: i64,
) -> Result<(Vec<Event>, Option<Cursor>)> {
    match (filter.object, &filter.owner) {
        (Some((kind, object)), _) => match app.db.owner_of(kind, object).await? {
            Some(owner) => match access::authorize_audit(app, caller, &owner, Some(object)).await {
                // The error is the same as for an object that never existed.
                Err(Error::NotFound(_)) => return Err(Error::NotFound("no such object".into())),
                other => other?,
            },
            None if caller.principal == Principal::Anonymous => return Err(unauthenticated()),
            None => return Err(Error::NotFound("no such object".into())),
        },
        (None, Some(owner)) => access::authorize_audit(app, caller, owner, None).await?,
        (None, None) => access::authorize_everywhere(app, caller, Action::Audit)?,
    }
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    app.db.list_events(&filter, (before.created_at, before.id.0), limit).await
}

/// Deletes a batch of events that are older than the configured time. Returns `true` if there may
/// be more.
pub async fn delete_old(app: &App) -> Result<bool> {
    /// The number of events deleted in one batch.
    const AT_ONCE: i64 = 1000;
    let Some(before) = app.db.now().checked_sub(app.config.audit_retention) else { return Ok(false) };
    let mut tx = app.db.begin().await?;
    let gone = tx.delete_events(before, AT_ONCE).await?;
    tx.commit().await?;
    Ok(gone >= AT_ONCE.unsigned_abs())
}

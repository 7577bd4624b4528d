//! Sessions and their media items: access, listing and URLs. What sessions share with spaces is in
//! `uploads/media_items`. Never processes bytes; see `uploads::process`.

pub mod deletion;
pub mod links;
pub mod uploads;

use std::collections::HashMap;
use std::sync::Arc;

use futures::Stream;

use crate::access;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::objects::MAX_PAGE;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::{ObjectId, SessionId};
use crate::model::media::{Media, Status, StatusChange, Variant};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::principal::Principal;
use crate::uploads::effects::Item;
use crate::uploads::media_items::{self, no_such_media};
use crate::uploads::outcome;

/// A media item with its variants and its URL.
#[derive(Debug, Clone)]
pub struct MediaView {
    /// The media item.
    pub media: Media,
    /// The files derived from the item.
    pub variants: Vec<Variant>,
    /// The URL of the item.
    pub url: links::MediaUrl,
}

/// Creates a session of the caller's organisation, with a given id or a new one. A repeated call
/// with the same id by the same organisation returns the same session.
pub async fn create(app: &App, caller: &Caller, id: Option<SessionId>) -> Result<SessionId> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let org = caller.org().ok_or_else(|| {
        Error::Forbidden(
            "a session is an organisation's, and your sign-in names none (X-Org-Id, AUTH_CLAIM_ORG)".into(),
        )
    })?;
    let id = id.unwrap_or_else(SessionId::generate);
    let owner = Owner::Session(id.clone(), org.clone());
    access::authorize(app, caller, Action::Write, &owner, None)?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if tx.insert_session(&id, org, caller.principal.name(), now).await? {
        let (action, object) = (AuditAction::SessionCreated, None);
        tx.record_event(&NewEvent { at: now, caller: caller.clone(), action, owner: Some(owner), object }).await?;
        tx.commit().await?;
        metrics::counter!("tidegate_sessions_total").increment(1);
        return Ok(id);
    }
    drop(tx);
    match app.db.find_session_unscoped(&id).await? {
        Some(there) if there == owner => Ok(id),
        // The error does not show whether the session is another organisation's or was deleted.
        _ => Err(Error::InvalidState("the id of the session is taken".into())),
    }
}

/// Returns a media item of a session, whatever its state. Authorizes the caller.
async fn find(
    app: &App,
    caller: &Caller,
    action: Action,
    session: Option<&SessionId>,
    id: ObjectId,
) -> Result<(Owner, Media)> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let (owner, media) = app.db.find_media_unscoped(id).await?.ok_or_else(no_such_media)?;
    if owner.session().is_none_or(|its| session.is_some_and(|session| session != its)) {
        return Err(no_such_media());
    }
    access::authorize(app, caller, action, &owner, Some(id))?;
    // The media items of a deleted session are not found.
    if !app.db.is_there(&owner).await? {
        return Err(no_such_media());
    }
    Ok((owner, media))
}

/// Returns whether a media item belongs to a session.
fn is_in(media: &Media, session: &SessionId) -> bool {
    media.owner.session() == Some(session)
}

/// Returns a media item that is not deleted. Authorizes the caller.
pub async fn media(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<MediaView> {
    let (_, media) = find(app, caller, Action::Read, session, id).await?;
    media.status().ok_or_else(no_such_media)?;
    let mut all = with_urls(app, caller, vec![media]).await?;
    all.pop().ok_or_else(no_such_media)
}

/// Adds variants and URLs to media items.
async fn with_urls(app: &App, caller: &Caller, media: Vec<Media>) -> Result<Vec<MediaView>> {
    let ready = |media: &&Media| media.object.state == ObjectState::Ready;
    let ids: Vec<ObjectId> = media.iter().filter(ready).map(|media| media.object.id).collect();
    let mut variants: HashMap<ObjectId, Vec<Variant>> = app.db.list_variants(&ids).await?;
    let mut all = Vec::with_capacity(media.len());
    for media in media {
        let url = links::url(app, caller, &media).await?;
        let variants = variants.remove(&media.object.id).unwrap_or_default();
        all.push(MediaView { media, variants, url });
    }
    Ok(all)
}

/// Returns a page of a session's media items, newest first, and whether there are more. Authorizes
/// the caller.
pub async fn list(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    status: Option<Status>,
    after: Cursor,
    limit: i64,
) -> Result<(Vec<MediaView>, bool)> {
    let owner = access::find_session(app, caller, Action::List, session).await?;
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let mut found = app.db.list_media(&owner, status.map(Status::states), after, limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    Ok((with_urls(app, caller, found).await?, more))
}

/// Returns the status changes of a media item, oldest first. Authorizes the caller.
pub async fn history(
    app: &App,
    caller: &Caller,
    session: Option<&SessionId>,
    id: ObjectId,
) -> Result<Vec<StatusChange>> {
    find(app, caller, Action::Read, session, id).await?;
    app.db.list_status_changes(id).await
}

/// Queues a FAILED media item again. Authorizes the caller.
pub async fn retry(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<MediaView> {
    let (_, found) = find(app, caller, Action::Write, session, id).await?;
    outcome::retry(app, caller, &Item::Media(found)).await?;
    media(app, caller, session, id).await
}

/// Streams the status changes of a session's media items from now on. Authorizes the caller.
pub async fn watch(
    app: &Arc<App>,
    caller: Caller,
    session: &SessionId,
) -> Result<impl Stream<Item = StatusChange> + Send + use<>> {
    let owner = access::find_session(app, &caller, Action::List, session).await?;
    Ok(media_items::watch::watch(app, caller, owner, None).await?.1)
}

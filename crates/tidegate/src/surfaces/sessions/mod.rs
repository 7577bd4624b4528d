//! Sessions and their media items: uploads, access, listing and URLs. What sessions share with
//! spaces is in `uploads/media_items`. Never processes bytes; see `uploads::process`.

pub mod deletion;
pub mod links;

use std::collections::HashMap;
use std::sync::Arc;

use futures::Stream;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::db::{Cursor, ListedSession, ObjectList};
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::objects::MAX_PAGE;
use crate::library::{positions, quotas, thaw};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::{ObjectId, SessionId};
use crate::model::key;
use crate::model::media::{Media, Stage, Status, StatusChange, Variant, extension};
use crate::model::object::ObjectState;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::page::{Page, Start};
use crate::model::principal::Principal;
use crate::model::upload::UploadState;
use crate::uploads::begin::new_id;
use crate::uploads::effects::{Confirmation, Item};
pub use crate::uploads::media_items::Target;
use crate::uploads::media_items::{self, no_such_media};
use crate::uploads::outcome;

/// The longest alternative text in bytes.
const MAX_ALT: usize = 2000;

/// A media item as its client announces it.
#[derive(Debug, Clone, Default)]
pub struct NewSessionUpload {
    /// The name of the file.
    pub filename: String,
    /// The media type.
    pub content_type: String,
    /// The stage of the session; `general` if it is not given.
    pub stage: Option<String>,
    /// The size in bytes. If given, the upload URL signs it.
    pub size: Option<u64>,
    /// The announced SHA-256 in lower-case hex.
    pub sha256: Option<String>,
}

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
    let org = caller.org().ok_or_else(no_organisation)?;
    let id = id.unwrap_or_else(SessionId::generate);
    let owner = Owner::Session(id.clone(), org.clone());
    access::authorize(app, caller, Action::Write, &owner, None)?;
    app.disks.check(0)?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if tx.insert_session(&id, org, caller.principal.name(), now).await? {
        // Services create the sessions of many users.
        if let Principal::User { id, .. } = &caller.principal {
            quotas::check_owners_of(app, &mut tx, id.as_str(), OwnerKind::Session).await?;
        }
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

/// Returns the error for a caller without an organisation.
fn no_organisation() -> Error {
    let message = "a session belongs to an organisation, and you named none: a token does in the claim of \
                   AUTH_CLAIM_ORG, a service or AUTH_MODE=dev in the X-Org-Id header";
    Error::Forbidden(message.into())
}

/// Returns a page of the sessions that the caller has created in their organisation, newest first,
/// and whether there are more. A service lists those of the user that it names.
pub async fn list_own(app: &App, caller: &Caller, after: Cursor, limit: i64) -> Result<(Vec<ListedSession>, bool)> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    check_limit(limit)?;
    let user = access::effective_user(caller)
        .ok_or_else(|| bad_request("sessions are listed by user; name the user in X-User-Id"))?;
    let org = caller.org().ok_or_else(no_organisation)?;
    let last = after.id.to_string();
    let found = app.db.list_sessions(&user, org, (after.created_at, &last), limit + 1).await?;
    Ok(cut(found, limit))
}

fn check_limit(limit: i64) -> Result<()> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")))
}

/// Removes the additional row that was read, and returns whether there was one.
fn cut<T>(mut found: Vec<T>, limit: i64) -> (Vec<T>, bool) {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    (found, more)
}

/// Begins the upload of a media item. Authorizes the caller.
pub async fn begin_upload(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    announced: NewSessionUpload,
) -> Result<Target> {
    let owner = access::find_session(app, caller, Action::Write, session).await?;
    let NewSessionUpload { filename, content_type, stage: given, size, sha256 } = announced;
    let kind = media_items::kind(&content_type, |_| true)?;
    let stage = stage(given.as_deref())?.unwrap_or(Stage::General);
    let file_key = key::session_upload(session, stage, Uuid::new_v4(), extension(&filename));
    let announced = media_items::NewMediaUpload { filename, kind, size, sha256, stage: Some(stage) };
    media_items::begin(app, caller, &owner, (new_id(), file_key), announced).await
}

/// Signs the upload URL of a media item again. Authorizes the caller, who must be its uploader or a
/// service.
pub async fn sign_upload_again(app: &App, caller: &Caller, session: &SessionId, id: ObjectId) -> Result<Target> {
    let (_, media) = find(app, caller, Action::Write, Some(session), id).await?;
    if !media.is_of_uploader(&caller.effective_principal()) || media.status().is_none() {
        return Err(no_such_media());
    }
    media_items::sign_again(app, &media).await
}

fn stage(given: Option<&str>) -> Result<Option<Stage>> {
    let Some(given) = given else { return Ok(None) };
    let all: Vec<&str> = Stage::ALL.into_iter().map(Stage::as_str).collect();
    let unknown = || bad_request(format!("stage must be one of {}", all.join(", ")));
    Stage::parse(given).ok_or_else(unknown).map(Some)
}

/// Confirms an upload: seals the bytes and enqueues their processing. A repeated call returns the
/// same item. Authorizes the caller.
pub async fn confirm_upload(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    file_key: &str,
    stage_given: Option<&str>,
    alt: Option<&str>,
) -> Result<MediaView> {
    let owner = access::find_session(app, caller, Action::Write, session).await?;
    let stage = stage(stage_given)?;
    if alt.is_some_and(|alt| alt.len() > MAX_ALT) {
        return Err(bad_request(format!("alt may have at most {MAX_ALT} bytes")));
    }
    let media = find_own(app, caller, session, file_key).await?;
    if media.upload == UploadState::Open {
        media_items::confirm(app, caller, &owner, media.object.id, Confirmation { stage, alt }).await?;
    }
    let media = find_own(app, caller, session, file_key).await?;
    let mut all = with_urls(app, caller, vec![media]).await?;
    all.pop().ok_or_else(no_such_media)
}

/// Returns the media item at an upload key, for its uploader or a service. An item of another user
/// is not found.
async fn find_own(app: &App, caller: &Caller, session: &SessionId, file_key: &str) -> Result<Media> {
    let (_, media) = app.db.find_media_by_file_key_unscoped(file_key).await?.ok_or_else(no_such_media)?;
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let theirs = media.is_of_uploader(&caller.effective_principal());
    if !is_in(&media, session) || !theirs || media.status().is_none() {
        return Err(no_such_media());
    }
    Ok(media)
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
    let (owner, mut media) = find(app, caller, Action::Read, session, id).await?;
    media.status().ok_or_else(no_such_media)?;
    thaw::show(app, &owner, &mut media.object).await?;
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

/// Returns a page of a session's media items, newest first. Authorizes the caller.
pub async fn list(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    (status, stage_given): (Option<Status>, Option<&str>),
    start: Start<Cursor>,
    limit: i64,
) -> Result<Page<MediaView>> {
    let owner = access::find_session(app, caller, Action::List, session).await?;
    check_limit(limit)?;
    let (status, stage) = (status.map(Status::states), stage(stage_given)?);
    let (after, total) = positions::of_objects(app, &ObjectList::Media(&owner, status, stage), start).await?;
    let found = app.db.list_media(&owner, (status, stage), after, limit + 1).await?;
    let (mut found, more) = cut(found, limit);
    thaw::show_all(app, found.iter_mut().map(|media| &mut media.object)).await?;
    Ok(Page { items: with_urls(app, caller, found).await?, more, total })
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

/// Has the store thaw an archived media item. Authorizes the caller.
pub async fn thaw(app: &App, caller: &Caller, session: Option<&SessionId>, id: ObjectId) -> Result<MediaView> {
    let (owner, found) = find(app, caller, Action::Thaw, session, id).await?;
    found.status().ok_or_else(no_such_media)?;
    let status = thaw::begin(app, caller, &owner, &found.object).await?;
    let mut view = media(app, caller, session, id).await?;
    view.media.object.archive = Some(status);
    Ok(view)
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

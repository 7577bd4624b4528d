//! Images of spaces: begun, confirmed, listed, deleted and restored. All published images of a
//! space are read under one signature, which is the same within one signing window. Never processes
//! bytes; see `uploads::process`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use futures::Stream;
use media::kind::Kind;
use sign::PolicySignature;

use super::{check_limit, cut};
use crate::access;
use crate::app::App;
use crate::db::{Cursor, ObjectList};
use crate::error::{Error, Result, bad_request};
use crate::library::grants::{self, Times};
use crate::library::{positions, thaw};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::{ObjectId, SpaceId};
use crate::model::media::{Media, StatusChange};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::page::Start;
use crate::model::space::Image;
use crate::model::upload::UploadState;
use crate::model::{key, micros};
use crate::uploads::begin;
use crate::uploads::effects::{Confirmation, Item};
use crate::uploads::media_items::{self, Target, deletion};
use crate::uploads::outcome;

/// The largest number of ids in one request.
const MOST_IDS: usize = 1000;

/// A signature for everything published of a space.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The signature.
    pub signature: Arc<PolicySignature>,
    /// When the signature expires and when to renew it.
    pub times: Times,
    /// The path it covers, with a slash at both ends.
    pub path: String,
}

/// A list of images and the signature that opens them.
#[derive(Debug, Clone)]
pub struct Images {
    /// The images.
    pub images: Vec<Image>,
    /// The signature for all of them; `None` if no image is READY, or there is neither an edge nor
    /// a CDN.
    pub grant: Option<Grant>,
}

fn no_such_image() -> Error {
    Error::NotFound("no such image".into())
}

/// Returns the current signature of a space; `None` if there is neither an edge nor a CDN.
fn grant(app: &App, space: &SpaceId) -> Result<Option<Grant>> {
    if app.addresses.edge.is_none() {
        return Ok(None);
    }
    let root = key::space_root(space);
    let (signature, times) = grants::sign_root(app, &root, app.config.grant_lifetime, app.db.now())?;
    metrics::counter!("tidegate_grants_total", "owner" => "space").increment(1);
    Ok(Some(Grant { signature, times, path: format!("/{root}") }))
}

/// Returns the signature of a space, for cookies. Authorizes the caller.
pub async fn grant_all(app: &App, caller: &Caller, space: &SpaceId) -> Result<Grant> {
    access::find_space(app, caller, Action::Read, space).await?;
    grant(app, space)?.ok_or_else(|| Error::Misconfig("there is neither an edge nor a CDN to read from".into()))
}

/// Adds the signature to a list of images.
fn with_grant(app: &App, space: &SpaceId, images: Vec<Image>) -> Result<Images> {
    let any = images.iter().any(|image| image.object.state == ObjectState::Ready);
    Ok(Images { images, grant: if any { grant(app, space)? } else { None } })
}

/// Returns a visible image of a space.
pub(super) async fn find_visible(app: &App, space: &SpaceId, id: ObjectId) -> Result<Image> {
    app.db.find_images(space, &[id]).await?.into_iter().find(is_there).ok_or_else(no_such_image)
}

/// Returns a visible image and its signature.
async fn one(app: &App, space: &SpaceId, id: ObjectId) -> Result<Images> {
    let mut image = find_visible(app, space, id).await?;
    thaw::show(app, &Owner::Space(space.clone()), &mut image.object).await?;
    with_grant(app, space, vec![image])
}

/// Returns whether an image is visible: neither deleted, purged, nor being restored.
fn is_there(image: &Image) -> bool {
    !matches!(image.object.state, ObjectState::Deleted | ObjectState::Restoring | ObjectState::Purged)
}

/// Returns an image of a space, whatever its state. An image of another space is not found.
async fn in_space(app: &App, space: &SpaceId, id: ObjectId) -> Result<Media> {
    app.db.find_media(&Owner::Space(space.clone()), id).await?.ok_or_else(no_such_image)
}

/// An image as its client announces it.
#[derive(Debug, Clone)]
pub struct NewSpaceUpload {
    /// The name of the file.
    pub filename: String,
    /// The media type.
    pub content_type: String,
    /// The size in bytes.
    pub size: Option<u64>,
    /// The announced SHA-256 in lower-case hex.
    pub sha256: Option<String>,
}

/// Begins the upload of an image. Authorizes the caller.
pub async fn begin(app: &App, caller: &Caller, space: &SpaceId, announced: NewSpaceUpload) -> Result<Target> {
    let owner = access::find_space(app, caller, Action::Write, space).await?;
    let NewSpaceUpload { filename, content_type, size, sha256 } = announced;
    let kind = media_items::kind(&content_type, |kind: Kind| !kind.is_video())?;
    let upload_id = begin::new_id();
    let incoming = key::incoming(&upload_id);
    let announced = media_items::NewMediaUpload { filename, kind, size, sha256, stage: None };
    media_items::begin(app, caller, &owner, (upload_id, incoming), announced).await
}

/// Signs the upload URL of an image again. Authorizes the caller, who must be its uploader or a
/// service.
pub async fn sign_upload_again(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Target> {
    access::find_space(app, caller, Action::Write, space).await?;
    let media = in_space(app, space, id).await?;
    if !media.is_of_uploader(&caller.effective_principal()) || media.status().is_none() {
        return Err(no_such_image());
    }
    media_items::sign_again(app, &media).await
}

/// Confirms the upload of an image: seals the bytes and enqueues their processing. A repeated call
/// returns the same image. Authorizes the caller.
pub async fn confirm(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    let owner = access::find_space(app, caller, Action::Write, space).await?;
    let media = in_space(app, space, id).await?;
    media.status().ok_or_else(no_such_image)?;
    if media.upload == UploadState::Open {
        media_items::confirm(app, caller, &owner, id, Confirmation::default()).await?;
    }
    one(app, space, id).await
}

/// A filter for a list of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All visible images, in any state.
    All,
    /// The images in one state.
    In(ObjectState),
}

/// A page of a list of images.
#[derive(Debug, Clone)]
pub struct ImagePage<I> {
    /// The images.
    pub images: I,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<Cursor>,
    /// The number of images in the whole list; `None` if the page began after a cursor.
    pub total: Option<u64>,
}

/// Returns a page of a space's images, newest first. Authorizes the caller.
pub async fn list(
    app: &App,
    caller: &Caller,
    space: &SpaceId,
    wanted: Wanted,
    start: Start<Cursor>,
    limit: i64,
) -> Result<ImagePage<Images>> {
    let owner = access::find_space(app, caller, Action::List, space).await?;
    check_limit(limit)?;
    let state = match wanted {
        Wanted::All => None,
        Wanted::In(state) => Some(state),
    };
    let (after, total) = positions::of_objects(app, &ObjectList::Objects(&owner, state), start).await?;
    let mut found = app.db.list_images(space, state, after, limit + 1).await?;
    let more = cut(&mut found, limit);
    let place = |last: &Image| Cursor { created_at: micros(last.object.created_at), id: last.object.id };
    let next = found.last().filter(|_| more).map(place);
    thaw::show_all(app, found.iter_mut().map(|image| &mut image.object)).await?;
    Ok(ImagePage { images: with_grant(app, space, found)?, next, total })
}

/// Returns one image. Authorizes the caller.
pub async fn image(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    access::find_space(app, caller, Action::Read, space).await?;
    one(app, space, id).await
}

/// Returns the status changes of an image, oldest first. Authorizes the caller.
pub async fn history(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Vec<StatusChange>> {
    access::find_space(app, caller, Action::Read, space).await?;
    let media = in_space(app, space, id).await?;
    let may_see_trash = access::space_role(app, caller, space).await?.is_none_or(|role| role.allows(Action::Delete));
    if media.status().is_none() && !may_see_trash {
        return Err(no_such_image());
    }
    app.db.list_status_changes(id).await
}

/// Returns images by their ids, in the order of the ids. Leaves out invalid ids and those of other
/// spaces. Authorizes the caller.
pub async fn refresh(app: &App, caller: &Caller, space: &SpaceId, asked: &[String]) -> Result<Images> {
    access::find_space(app, caller, Action::Read, space).await?;
    if asked.len() > MOST_IDS {
        return Err(bad_request(format!("ids may be at most {MOST_IDS}")));
    }
    let ids: Vec<ObjectId> = asked.iter().filter_map(|text| ObjectId::parse(text)).collect();
    let mut found = app.db.find_images(space, &ids).await?;
    thaw::show_all(app, found.iter_mut().map(|image| &mut image.object)).await?;
    let mut found: HashMap<ObjectId, Image> =
        found.into_iter().filter(is_there).map(|image| (image.object.id, image)).collect();
    with_grant(app, space, ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Queues a FAILED image again. Authorizes the caller.
pub async fn retry(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    access::find_space(app, caller, Action::Write, space).await?;
    outcome::retry(app, caller, &Item::Media(in_space(app, space, id).await?)).await?;
    one(app, space, id).await
}

/// Has the store thaw an archived image. Authorizes the caller.
pub async fn thaw(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    let owner = access::find_space(app, caller, Action::Thaw, space).await?;
    let mut image = find_visible(app, space, id).await?;
    image.object.archive = Some(thaw::begin(app, caller, &owner, &image.object).await?);
    with_grant(app, space, vec![image])
}

/// Deletes an image. Its bytes have left the served root when this returns. Authorizes the caller.
pub async fn delete(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<()> {
    access::find_space(app, caller, Action::Delete, space).await?;
    in_space(app, space, id).await?.status().ok_or_else(no_such_image)?;
    deletion::delete(app, caller, id).await
}

/// Returns a page of the deleted images that can be restored, latest deleted first. Authorizes the
/// caller.
pub async fn trash(
    app: &App,
    caller: &Caller,
    space: &SpaceId,
    start: Start<Cursor>,
    limit: i64,
) -> Result<ImagePage<Vec<Image>>> {
    access::find_space(app, caller, Action::Delete, space).await?;
    check_limit(limit)?;
    let oldest = app.db.now().checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let (after, total) = positions::of_objects(app, &ObjectList::Trash(space, oldest), start).await?;
    let mut found = app.db.list_deleted_images(space, oldest, after, limit + 1).await?;
    let more = cut(&mut found, limit);
    let place = |last: &Image| Cursor { created_at: last.deleted_at.map_or(0, micros), id: last.object.id };
    let next = found.last().filter(|_| more).map(place);
    Ok(ImagePage { images: found, next, total })
}

/// Restores a deleted image, if its retention has not ended. Authorizes the caller.
pub async fn restore(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    access::find_space(app, caller, Action::Write, space).await?;
    let found = in_space(app, space, id).await?;
    deletion::restore(app, caller, &found).await?;
    one(app, space, id).await
}

/// Purges a deleted image. It cannot be restored after that. Authorizes the caller.
pub async fn purge(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<()> {
    access::find_space(app, caller, Action::Delete, space).await?;
    let found = in_space(app, space, id).await?;
    if found.object.state != ObjectState::Deleted || !deletion::purge(app, caller, &found).await? {
        return Err(no_such_image());
    }
    Ok(())
}

/// Purges all deleted images of a space: rows now, bytes by jobs. Authorizes the caller.
pub async fn purge_all(app: &App, caller: &Caller, space: &SpaceId) -> Result<()> {
    let owner = access::find_space(app, caller, Action::Delete, space).await?;
    deletion::purge_all(app, caller, &owner).await
}

/// Streams the status changes of a space's images, from now on or after the change `since`. Also
/// returns the number of the change after which the stream begins. Authorizes the caller.
pub async fn watch(
    app: &Arc<App>,
    caller: Caller,
    space: &SpaceId,
    since: Option<i64>,
) -> Result<(i64, impl Stream<Item = StatusChange> + Send + use<>)> {
    let owner = access::find_space(app, &caller, Action::List, space).await?;
    media_items::watch::watch(app, caller, owner, since).await
}

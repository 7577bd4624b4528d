//! Images of spaces: announced, confirmed, listed, deleted, brought back. What is published of a space is read from the edge
//! or the CDN under one signature for all of it, which is the same for as long as a window lasts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use futures::Stream;
use media::kind::Kind;
use sign::PolicySignature;

use super::{check_limit, cut};
use crate::access;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::library::grants::{self, Times};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::{ObjectId, SpaceId};
use crate::model::media::{Media, StatusChange};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::space::Image;
use crate::model::upload::UploadState;
use crate::model::{key, micros};
use crate::uploads::begin;
use crate::uploads::effects::{Confirmation, Item};
use crate::uploads::media_items::{self, Target, deletion};
use crate::uploads::outcome;

/// The most images that are asked for by their ids at once.
const MOST_IDS: usize = 1000;

/// What authorizes reading all that is published of a space.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The signature.
    pub signature: Arc<PolicySignature>,
    /// When it ends and when to ask again.
    pub times: Times,
    /// What of the space it is for: a path with a slash at both ends.
    pub path: String,
}

/// Images, and what opens them: nothing where there is neither edge nor CDN.
#[derive(Debug, Clone)]
pub struct Images {
    /// The images.
    pub images: Vec<Image>,
    /// Their one signature.
    pub grant: Option<Grant>,
}

fn no_such_image() -> Error {
    Error::NotFound("no such image".into())
}

/// The signature of a space in this window.
fn grant(app: &App, space: &SpaceId) -> Result<Option<Grant>> {
    if app.addresses.edge.is_none() {
        return Ok(None);
    }
    let root = key::space_root(space);
    let (signature, times) = grants::sign_root(app, &root, app.config.grant_lifetime, app.db.now())?;
    metrics::counter!("tidegate_grants_total", "owner" => "space").increment(1);
    Ok(Some(Grant { signature, times, path: format!("/{root}") }))
}

/// The same for whoever may read it, as cookies are made of.
pub async fn grant_all(app: &App, caller: &Caller, space: &SpaceId) -> Result<Grant> {
    access::find_space(app, caller, Action::Read, space).await?;
    grant(app, space)?.ok_or_else(|| Error::Misconfig("there is neither an edge nor a CDN to read from".into()))
}

/// With what opens them.
fn shown(app: &App, space: &SpaceId, images: Vec<Image>) -> Result<Images> {
    let any = images.iter().any(|image| image.object.state == ObjectState::Ready);
    Ok(Images { images, grant: if any { grant(app, space)? } else { None } })
}

async fn one(app: &App, space: &SpaceId, id: ObjectId) -> Result<Images> {
    let found = app.db.find_images(space, &[id]).await?;
    if !found.iter().any(is_there) {
        return Err(no_such_image());
    }
    shown(app, space, found)
}

/// Whether it is to be seen, in whatever state.
fn is_there(image: &Image) -> bool {
    !matches!(image.object.state, ObjectState::Deleted | ObjectState::Restoring | ObjectState::Purged)
}

/// An image of this space, whatever its state. Those of others are not there.
async fn in_space(app: &App, space: &SpaceId, id: ObjectId) -> Result<Media> {
    app.db.find_media(&Owner::Space(space.clone()), id).await?.ok_or_else(no_such_image)
}

/// What is to come.
#[derive(Debug, Clone)]
pub struct Announced {
    /// The file's name.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Lower-case hex of what must come.
    pub sha256: Option<String>,
}

/// Announces an image and says where to send it.
pub async fn begin(app: &App, caller: &Caller, space: &SpaceId, announced: Announced) -> Result<Target> {
    let owner = access::find_space(app, caller, Action::Write, space).await?;
    let Announced { filename, content_type, size, sha256 } = announced;
    let kind = media_items::kind(&content_type, |kind: Kind| !kind.is_video())?;
    let upload_id = begin::new_id();
    let incoming = key::incoming(&upload_id);
    let announced = media_items::Announced { filename, kind, size, sha256, stage: None };
    media_items::begin(app, caller, &owner, (upload_id, incoming), announced).await
}

/// Takes what was sent for an image, seals it and has it worked on. Asked again it answers the same.
pub async fn confirm(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    let owner = access::find_space(app, caller, Action::Write, space).await?;
    let media = in_space(app, space, id).await?;
    media.status().ok_or_else(no_such_image)?;
    if media.upload == UploadState::Open {
        media_items::confirm(app, caller, &owner, id, Confirmation::default()).await?;
    }
    one(app, space, id).await
}

/// Which images are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All that are there, in whatever state.
    All,
    /// Those in this state.
    In(ObjectState),
}

/// A page of a space's images, newest first, and where the next one begins.
pub async fn list(
    app: &App,
    caller: &Caller,
    space: &SpaceId,
    wanted: Wanted,
    after: Cursor,
    limit: i64,
) -> Result<(Images, Option<Cursor>)> {
    access::find_space(app, caller, Action::List, space).await?;
    check_limit(limit)?;
    let state = match wanted {
        Wanted::All => None,
        Wanted::In(state) => Some(state),
    };
    let mut found = app.db.list_images(space, state, after, limit + 1).await?;
    let more = cut(&mut found, limit);
    let place = |last: &Image| Cursor { created_at: micros(last.object.created_at), id: last.object.id };
    let next = found.last().filter(|_| more).map(place);
    Ok((shown(app, space, found)?, next))
}

/// One image.
pub async fn image(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    access::find_space(app, caller, Action::Read, space).await?;
    one(app, space, id).await
}

/// What one became, in order.
pub async fn history(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Vec<StatusChange>> {
    access::find_space(app, caller, Action::Read, space).await?;
    let media = in_space(app, space, id).await?;
    let may_see_trash = access::space_role(app, caller, space).await?.is_none_or(|role| role.allows(Action::Delete));
    if media.status().is_none() && !may_see_trash {
        return Err(no_such_image());
    }
    app.db.list_status_changes(id).await
}

/// Images by their ids, in the order that was asked for. What is not in this space, or no id, is left out.
pub async fn refresh(app: &App, caller: &Caller, space: &SpaceId, asked: &[String]) -> Result<Images> {
    access::find_space(app, caller, Action::Read, space).await?;
    if asked.len() > MOST_IDS {
        return Err(bad_request(format!("ids may be at most {MOST_IDS}")));
    }
    let ids: Vec<ObjectId> = asked.iter().filter_map(|text| ObjectId::parse(text)).collect();
    let found = app.db.find_images(space, &ids).await?;
    let mut found: HashMap<ObjectId, Image> =
        found.into_iter().filter(is_there).map(|image| (image.object.id, image)).collect();
    shown(app, space, ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Has one that failed tried again.
pub async fn retry(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    access::find_space(app, caller, Action::Write, space).await?;
    outcome::retry(app, caller, &Item::Media(in_space(app, space, id).await?)).await?;
    one(app, space, id).await
}

/// Deletes an image; its bytes are where no signature reaches before the answer.
pub async fn delete(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<()> {
    access::find_space(app, caller, Action::Delete, space).await?;
    in_space(app, space, id).await?.status().ok_or_else(no_such_image)?;
    deletion::delete(app, caller, id).await
}

/// A page of what was deleted of a space and can be brought back, the latest first, and where the next one begins.
pub async fn trash(
    app: &App,
    caller: &Caller,
    space: &SpaceId,
    after: Cursor,
    limit: i64,
) -> Result<(Vec<Image>, Option<Cursor>)> {
    access::find_space(app, caller, Action::Delete, space).await?;
    check_limit(limit)?;
    let oldest = app.db.now().checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut found = app.db.list_deleted_images(space, oldest, after, limit + 1).await?;
    let more = cut(&mut found, limit);
    let place = |last: &Image| Cursor { created_at: last.deleted_at.map_or(0, micros), id: last.object.id };
    let next = found.last().filter(|_| more).map(place);
    Ok((found, next))
}

/// Brings an image back, before its retention ends.
pub async fn restore(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<Images> {
    access::find_space(app, caller, Action::Write, space).await?;
    let found = in_space(app, space, id).await?;
    deletion::restore(app, caller, &found).await?;
    one(app, space, id).await
}

/// Removes for good what was deleted.
pub async fn purge(app: &App, caller: &Caller, space: &SpaceId, id: ObjectId) -> Result<()> {
    access::find_space(app, caller, Action::Delete, space).await?;
    let found = in_space(app, space, id).await?;
    if found.object.state != ObjectState::Deleted || !deletion::purge(app, caller, &found).await? {
        return Err(no_such_image());
    }
    Ok(())
}

/// The same for all that was deleted of a space: rows now, bytes by jobs.
pub async fn purge_all(app: &App, caller: &Caller, space: &SpaceId) -> Result<()> {
    let owner = access::find_space(app, caller, Action::Delete, space).await?;
    deletion::purge_all(app, caller, &owner).await
}

/// Everything that becomes of a space's images from now on, or after the change `since`; and the
/// change after which that begins.
pub async fn watch(
    app: &Arc<App>,
    caller: Caller,
    space: &SpaceId,
    since: Option<i64>,
) -> Result<(i64, impl Stream<Item = StatusChange> + Send + use<>)> {
    let owner = access::find_space(app, &caller, Action::List, space).await?;
    media_items::watch::watch(app, caller, owner, since).await
}

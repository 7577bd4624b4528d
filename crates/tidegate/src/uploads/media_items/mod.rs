//! Owns what sessions and spaces have in common: announcing, confirming, deleting, restoring and
//! watching media items. Never authorizes, which the calling surface does, and never processes
//! bytes, which `uploads::process` does.

pub mod deletion;
pub mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use media::kind::Kind;
use store::{Attributes, PresignedRequest};

use super::begin::{self, NewUpload};
use super::confirm::{self, Arrival};
use super::effects::{Confirmation, Details, Item};
use super::seal;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};
use crate::model::media::{Media, Stage, check_filename};
use crate::model::object::{Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::rules;
use crate::model::upload::{Upload, UploadState};

/// The largest number of files of one media item: itself, its thumbnails, and remains of crashes.
const MAX_FILES: usize = 1000;

/// A media item as its client announces it.
#[derive(Debug, Clone)]
pub(crate) struct NewMediaUpload {
    /// The name of the file.
    pub(crate) filename: String,
    /// The announced media type.
    pub(crate) kind: Kind,
    /// The announced size in bytes. If given, the upload URL signs it.
    pub(crate) size: Option<u64>,
    /// The announced SHA-256 in lower-case hex.
    pub(crate) sha256: Option<String>,
    /// The stage of the session that the item belongs to.
    pub(crate) stage: Option<Stage>,
}

/// The object of a new upload, and the request that sends its bytes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The id of the new object.
    pub object: ObjectId,
    /// The presigned PUT.
    pub request: PresignedRequest,
    /// The key at which the PUT lands.
    pub file_key: Key,
    /// The lifetime of the request in seconds.
    pub expires_in: u64,
}

/// Returns the error for a media item that does not exist.
pub(crate) fn no_such_media() -> Error {
    Error::NotFound("no such media".into())
}

/// Returns the error for a missing media item, worded for its surface.
fn gone(owner: &Owner) -> Error {
    Error::NotFound(format!("no such {}", rules::of(owner.kind()).noun).into())
}

/// Returns whether a media item was announced as a video.
pub(crate) fn is_video(media: &Media) -> bool {
    media.object.content_type.starts_with("video/")
}

/// Parses a media type. Returns 400 if it is not one that `taken` accepts.
pub(crate) fn kind(content_type: &str, taken: impl Fn(Kind) -> bool) -> Result<Kind> {
    Kind::parse(content_type).filter(|kind| taken(*kind)).ok_or_else(|| {
        let all: Vec<&str> = Kind::ALL.into_iter().filter(|kind| taken(*kind)).map(Kind::content_type).collect();
        bad_request(format!("contentType must be one of {}", all.join(", ")))
    })
}

/// Begins the upload of a media item at `file_key`, and returns the request that sends it.
pub(crate) async fn begin(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    (upload_id, file_key): (String, Key),
    announced: NewMediaUpload,
) -> Result<Target> {
    let NewMediaUpload { filename, kind, size, sha256, stage } = announced;
    check_filename(&filename).map_err(|error| bad_request(error.to_string()))?;
    let limits = app.config.upload_limits.of(owner.kind());
    let max = limits.of_media(kind.is_video());
    if size.is_some_and(|size| size > max) {
        return Err(begin::too_large(max));
    }
    if size == Some(0) {
        return Err(bad_request("size must be at least 1"));
    }
    app.disks.check(size.unwrap_or(0))?;
    let new = NewUpload {
        object: ObjectId::generate(),
        id: upload_id,
        name: Some(filename),
        content_type: kind.content_type().to_owned(),
        size,
        sha256: sha256.as_deref().map(begin::sha256).transpose()?,
        key: file_key.clone(),
        incoming: Some(file_key.clone()),
        part_size: None,
    };
    let rows = new.rows(app, owner.kind(), app.db.now());
    let mut tx = app.db.begin().await?;
    if !tx.hold(owner).await? {
        return Err(Error::NotFound(format!("no such {}", owner.kind().as_str()).into()));
    }
    let (object, upload) = begin::insert(app, &mut tx, caller, owner, (rows, Details::Media(stage))).await?;
    tx.commit().await?;
    begin::count_upload("begun");
    sign(app, (&object, &upload), file_key, limits.url_lifetime).await
}

/// Signs the request that sends a media item, for a lifetime of whole seconds.
async fn sign(app: &App, (object, upload): (&Object, &Upload), file_key: Key, lifetime: Duration) -> Result<Target> {
    let request = begin::presign_put_for(app, object, upload, lifetime).await?;
    // Temporary credentials can end earlier than the requested lifetime.
    let left = request.expires.duration_since(std::time::SystemTime::now()).unwrap_or_default();
    let expires_in = lifetime.as_secs().min(left.as_secs() + 1);
    Ok(Target { object: object.id, request, file_key, expires_in })
}

/// Signs the request that sends a media item again, because the first one expired. The new one ends
/// with the upload at the latest. Returns an error if the upload is no longer open.
pub(crate) async fn sign_again(app: &App, media: &Media) -> Result<Target> {
    let ended = || Error::InvalidState("the upload is no longer open; announce the file again".into());
    let upload = app.db.find_upload(&media.owner, media.object.id).await?.ok_or_else(ended)?;
    // What is imported is not sent.
    let now = app.db.now();
    let Some(file_key) = upload.incoming.clone().filter(|_| upload.takes_bytes(now)) else {
        return Err(ended());
    };
    app.disks.check(upload.announced_size.unwrap_or(0))?;
    let remaining = upload.expires_at.duration_since(now).unwrap_or_default().as_secs().max(1);
    let lifetime = app.config.upload_limits.of(media.owner.kind()).url_lifetime.min(Duration::from_secs(remaining));
    sign(app, (&media.object, &upload), file_key, lifetime).await
}

/// Seals the bytes that were sent for a media item, and enqueues its processing. Does nothing if
/// the upload is no longer open.
pub(crate) async fn confirm(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    id: ObjectId,
    confirmation: Confirmation<'_>,
) -> Result<()> {
    // The lock works on this server only. Between servers, conditions on the rows decide.
    let _confirming = seal::lock(app, id).await;
    let media = app.db.find_media(owner, id).await?.ok_or_else(no_such_media)?;
    let upload = app.db.find_upload(owner, id).await?.ok_or_else(no_such_media)?;
    if upload.state != UploadState::Open {
        return Ok(());
    }
    let kind = Kind::parse(&media.object.content_type).ok_or_else(no_such_media)?;
    let attributes = Attributes {
        content_type: media.object.content_type.clone(),
        metadata: metadata(&media, confirmation.stage.or(media.stage)),
        ..Attributes::default()
    };
    let item = Item::Media(media);
    let arrival =
        Arrival { item: &item, upload: &upload, attributes, kind: Some(kind), parts_digest: None, confirmation };
    confirm::confirm(app, caller, &arrival).await.map(drop)
}

/// Returns the metadata that clients of the original service expect, percent-encoded so that any
/// file name is valid in a header.
pub(crate) fn metadata(media: &Media, stage: Option<Stage>) -> BTreeMap<String, String> {
    let plain =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let name = media.object.name.as_deref().unwrap_or_default();
    let whose = format!("{}-id", media.owner.kind().as_str());
    [
        Some(("original-filename", plain(name))),
        Some(("uploaded-by", plain(&media.created_by))),
        Some((whose.as_str(), media.owner.id().to_owned())),
        stage.map(|stage| ("stage", stage.as_str().to_owned())),
    ]
    .into_iter()
    .flatten()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Deletes what remains of an ended upload: the blob at the upload key and, once the item is no
/// longer being processed, its seals and the remains in the served root.
pub async fn clear(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    if media.upload == UploadState::Open {
        return Ok(());
    }
    app.store.delete(media.file_key.as_str(), store::Deletion::Purge).await?;
    if media.object.state.is_under_way() {
        return Ok(());
    }
    seal::remove(app, id, media.sealed.as_ref()).await?;
    remove_remains(app, id).await
}

/// Returns the keys of a media item and of its variants.
pub(crate) async fn files(app: &App, media: &Media) -> Result<Vec<String>> {
    let mut variants = app.db.list_variants(&[media.object.id]).await?;
    let variants = variants.remove(&media.object.id).unwrap_or_default();
    let derived = variants.into_iter().map(|variant| variant.key.as_str().to_owned());
    Ok(std::iter::once(media.object.key.as_str().to_owned()).chain(derived).collect())
}

/// Returns all keys below the served root of a media item.
async fn published(app: &App, media: &Media) -> Result<Vec<String>> {
    let found = app.store.list(&key::published(&media.owner, media.object.id), None, MAX_FILES).await?;
    Ok(found.into_iter().map(|entry| entry.key).collect())
}

/// Deletes the files in a media item's served root that are not published: remains of interrupted
/// attempts, or all files of a rejected or purged item.
async fn remove_remains(app: &App, id: ObjectId) -> Result<()> {
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

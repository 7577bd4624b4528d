//! Uploads to sessions and spaces: a URL for one PUT, and the word of the client that it was sent. Then the bytes are sealed:
//! moved to where no URL ever led, so that whatever is sent later changes nothing of what is scanned and served.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryStreamExt as _;
use media::kind::{Kind, SNIFFED};
use store::{Attributes, Expect, Plan, PresignedRequest, Shape};
use uuid::Uuid;

use super::{deletion, no_such_media};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::media::{Media, Stage, Status, check_filename};
use crate::model::object::{Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::upload::{Upload, UploadState};
use crate::queue::{self, Job};
use crate::uploads::seal;

/// How long after a confirmation its URL may still bring something, beyond its own end.
const LATE: Duration = Duration::from_secs(60);
/// The slowest PUT that is reckoned with.
const SLOWEST: Duration = Duration::from_secs(86_400);

/// What is to come.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    /// The file's name.
    pub(crate) filename: String,
    /// Its media type.
    pub(crate) kind: Kind,
    /// Bytes. Signed where it is given.
    pub(crate) size: Option<u64>,
    /// Lower-case hex of what must come.
    pub(crate) sha256: Option<String>,
    /// Where in a session it belongs.
    pub(crate) stage: Option<Stage>,
}

/// Where it may be sent.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it will be.
    pub object: ObjectId,
    /// The request.
    pub request: PresignedRequest,
    /// Where it lands.
    pub file_key: Key,
    /// Seconds that the request may be used.
    pub expires_in: u64,
}

/// Of the kinds in `taken`, the one that a media type names.
pub(crate) fn kind(content_type: &str, taken: impl Fn(Kind) -> bool) -> Result<Kind> {
    Kind::parse(content_type).filter(|kind| taken(*kind)).ok_or_else(|| {
        let all: Vec<&str> = Kind::ALL.into_iter().filter(|kind| taken(*kind)).map(Kind::content_type).collect();
        bad_request(format!("contentType must be one of {}", all.join(", ")))
    })
}

/// An id for an upload.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Announces a medium that will be put at `file_key` and says how.
pub(crate) async fn begin(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    (upload_id, file_key): (String, Key),
    announced: Announced,
) -> Result<Target> {
    check_filename(&announced.filename).map_err(|error| bad_request(error.to_string()))?;
    let limit = limit(app, announced.kind);
    if announced.size.is_some_and(|size| size > limit) {
        return Err(too_large(limit));
    }
    if announced.size == Some(0) {
        return Err(bad_request("size must be at least 1"));
    }
    let sha256 = announced.sha256.as_deref().map(checksum).transpose()?;
    let (id, now) = (ObjectId::generate(), app.db.now());
    let object = Object {
        id,
        key: file_key.clone(),
        name: Some(announced.filename),
        content_type: announced.kind.content_type().to_owned(),
        state: ObjectState::Pending,
        created_at: now,
        content: None,
    };
    let upload = Upload {
        id: upload_id,
        of: owner.kind(),
        object: id,
        key: file_key.clone(),
        incoming: Some(file_key.clone()),
        part_size: None,
        announced_size: announced.size,
        state: UploadState::Open,
        parts_digest: sha256,
        expires_at: now + app.config.sessions.expiry,
    };
    let mut tx = app.db.begin().await?;
    if !tx.hold(owner).await? {
        return Err(Error::NotFound(format!("no such {}", owner.kind().as_str()).into()));
    }
    tx.insert_object(owner, &object, &caller.effective_principal()).await?;
    tx.describe_media(id, announced.stage, None).await?;
    tx.insert_upload(owner, &upload, &caller.principal, now).await?;
    if let Some(sha256) = &upload.parts_digest {
        tx.announce_parts(&upload.id, sha256).await?;
    }
    tx.add_status_change(owner, id, Status::PendingUpload.into(), None, now).await?;
    tx.record(caller, AuditAction::UploadBegun, id, now).await?;
    tx.commit().await?;
    app.news.notify();
    metrics::counter!("tidegate_uploads_total", "outcome" => "begun").increment(1);
    let lifetime = app.config.sessions.url_lifetime;
    let attributes = Attributes { content_type: object.content_type, ..Attributes::default() };
    let expect = Expect { shape: Shape::Single { size: announced.size, lifetime }, attributes };
    match app.store.begin(file_key.as_str(), expect).await? {
        Plan::Single(request) => {
            // Earlier where temporary credentials end earlier.
            let left = request.expires.duration_since(std::time::SystemTime::now()).unwrap_or_default();
            let expires_in = lifetime.as_secs().min(left.as_secs() + 1);
            Ok(Target { object: id, request, file_key, expires_in })
        }
        Plan::Parts { .. } => Err(Error::Internal(anyhow::anyhow!("the store planned parts for a single request"))),
    }
}

pub(crate) fn checksum(given: &str) -> Result<String> {
    let lower = given.to_ascii_lowercase();
    if lower.len() == 64 && lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(lower);
    }
    Err(bad_request("sha256 must be 64 hexadecimal digits"))
}

/// Bytes that one of this kind may have.
pub(crate) fn limit(app: &App, kind: Kind) -> u64 {
    if kind.is_video() { app.config.sessions.max_video } else { app.config.sessions.max_image }
}

pub(crate) fn too_large(limit: u64) -> Error {
    Error::TooLarge(format!("at most {limit} bytes are taken of this type").into())
}

/// Takes what the client has sent for a medium whose upload is open, seals it and has it worked on.
pub(crate) async fn seal(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    id: ObjectId,
    stage: Option<Stage>,
    alt: Option<&str>,
) -> Result<()> {
    // One at a time here; what another server does is settled by the rows.
    let _confirming = seal::lock(app, id).await;
    let (_, media) = app.db.find_media(id).await?.ok_or_else(no_such_media)?;
    let upload = app.db.find_upload(owner, id).await?.ok_or_else(no_such_media)?;
    if upload.state != UploadState::Open {
        return Ok(());
    }
    let Some(sealed) = quarantine(app, &media, stage.or(media.stage), &upload).await? else {
        return Err(bad_request("nothing was sent to uploadUrl yet; PUT the file there, then confirm"));
    };
    let now = app.db.now();
    if let Some(wrong) = validate(app, &media, &upload, sealed.as_str()).await? {
        let mut tx = app.db.begin().await?;
        if tx.end_upload(&upload.id, UploadState::Completed, None).await? {
            reject(app, &mut tx, caller, &media, ObjectState::Pending, &wrong.to_string()).await?;
            tx.commit().await?;
            app.news.notify();
        } else {
            // Whatever follows must not wait for this one.
            drop(tx);
        }
        clear(app, id).await?;
        return Err(wrong);
    }
    let mut tx = app.db.begin().await?;
    let held = tx.hold(&media.owner).await?;
    if !held || !tx.end_upload(&upload.id, UploadState::Completed, None).await? {
        return Ok(());
    }
    tx.describe_media(id, stage, alt).await?;
    tx.keep_seal(id, &sealed).await?;
    tx.add_status_change(&media.owner, id, Status::Uploaded.into(), None, now).await?;
    tx.record(caller, AuditAction::UploadConfirmed, id, now).await?;
    tx.tell(id).await?;
    queue::enqueue(&mut tx, &Job::IngestV1 { object: id.0, video: super::is_video(&media) }, now).await?;
    release_later(app, &mut tx, id).await?;
    tx.commit().await?;
    app.jobs.notify();
    app.news.notify();
    metrics::counter!("tidegate_uploads_total", "outcome" => "completed").increment(1);
    tracing::info!(object.id = %id, "what a client sent was sealed");
    Ok(())
}

/// Moves what a client has put to where no URL ever led, with what is said of it.
async fn quarantine(app: &App, media: &Media, stage: Option<Stage>, upload: &Upload) -> Result<Option<Key>> {
    let id = media.object.id;
    let attributes = Attributes {
        content_type: media.object.content_type.clone(),
        metadata: metadata(media, stage),
        ..Attributes::default()
    };
    seal::quarantine(app, id, &upload.id, &media.file_key, &attributes).await
}

/// The source's metadata, in a form in which any name is safe in a header.
pub(crate) fn metadata(media: &Media, stage: Option<Stage>) -> BTreeMap<String, String> {
    let plain =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let name = media.object.name.as_deref().unwrap_or_default();
    let whose = match media.owner {
        Owner::Session(..) => "session-id",
        _ => "space-id",
    };
    [
        Some(("original-filename", plain(name))),
        Some(("uploaded-by", plain(&media.created_by))),
        Some((whose, media.owner.id().to_owned())),
        stage.map(|stage| ("stage", stage.as_str().to_owned())),
    ]
    .into_iter()
    .flatten()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What is wrong with what came, for good.
async fn validate(app: &App, media: &Media, upload: &Upload, sealed: &str) -> Result<Option<Error>> {
    let kind = Kind::parse(&media.object.content_type).ok_or_else(no_such_media)?;
    let size = app.store.stat(sealed).await?.size;
    if size > limit(app, kind) {
        return Ok(Some(too_large(limit(app, kind))));
    }
    if upload.announced_size.is_some_and(|announced| announced != size) {
        let announced = upload.announced_size.unwrap_or_default();
        return Ok(Some(bad_request(format!("{size} bytes came, {announced} were announced"))));
    }
    if size == 0 {
        return Ok(Some(bad_request("the file is empty")));
    }
    let head = u64::try_from(SNIFFED).unwrap_or(u64::MAX).min(size);
    let (_, body) = app.store.read(sealed, Some(0..head)).await?;
    let head: Vec<bytes::Bytes> = body.try_collect().await.map_err(|error| unreadable(&error))?;
    if Kind::sniff(&head.concat()) != Some(kind) {
        let message = format!("the file is not {}, as it was announced", kind.content_type());
        return Ok(Some(bad_request(message)));
    }
    if let Some(announced) = &upload.parts_digest {
        let (_, body) = app.store.read(sealed, None).await?;
        let sha256 = crate::hashing::sha256_of(body).await.map_err(|error| unreadable(&error))?;
        if sha256 != *announced {
            let message = format!("the file's SHA-256 is {sha256}, and {announced} was announced");
            return Ok(Some(bad_request(message)));
        }
    }
    Ok(None)
}

pub(crate) fn unreadable(error: &std::io::Error) -> Error {
    Error::StoreError(store::Error::Damaged(error.to_string()))
}

/// Says that a medium is never published, by its content's fault; its bytes go with a job.
pub(crate) async fn reject(
    app: &App,
    tx: &mut crate::db::Tx,
    caller: &Caller,
    media: &Media,
    from: ObjectState,
    reason: &str,
) -> Result<bool> {
    let (id, now) = (media.object.id, app.db.now());
    if !tx.move_object(id, from, ObjectState::Rejected, Some(reason)).await? {
        return Ok(false);
    }
    tx.add_status_change(&media.owner, id, Status::Rejected.into(), Some(reason), now).await?;
    tx.record(caller, AuditAction::MediaRejected, id, now).await?;
    tx.tell(id).await?;
    if from == ObjectState::Ready {
        deletion::count(tx, media, -1).await?;
    }
    queue::enqueue(tx, &Job::ReleaseMediaV1 { object: id.0 }, now).await?;
    release_later(app, tx, id).await?;
    metrics::counter!("tidegate_media_total", "outcome" => "rejected").increment(1);
    Ok(true)
}

/// What is still sent with the upload's URL goes, too: when the URL has ended; and, where a bucket may have taken a PUT that
/// was begun in time and took its own, once more a day later.
pub(crate) async fn release_later(app: &App, tx: &mut crate::db::Tx, id: ObjectId) -> Result<()> {
    let ended = app.db.now() + app.config.sessions.url_lifetime + LATE;
    queue::enqueue(tx, &Job::ReleaseMediaV1 { object: id.0 }, ended).await?;
    if app.local.is_none() {
        queue::enqueue(tx, &Job::ReleaseMediaV1 { object: id.0 }, ended + SLOWEST).await?;
    }
    Ok(())
}

/// Gives an upload up that nobody confirmed.
pub async fn end(app: &App, caller: &Caller, upload: &Upload, state: UploadState) -> Result<()> {
    let now = app.db.now();
    let Some((_, media)) = app.db.find_media(upload.object).await? else { return Ok(()) };
    let mut tx = app.db.begin().await?;
    if !tx.end_upload(&upload.id, state, None).await? {
        return Err(Error::InvalidState("the upload is no longer open".into()));
    }
    tx.set_object_state(upload.object, ObjectState::Pending, ObjectState::Purged, now).await?;
    let action = if state == UploadState::Expired { AuditAction::UploadExpired } else { AuditAction::UploadAborted };
    tx.record(caller, action, upload.object, now).await?;
    queue::enqueue(&mut tx, &Job::ReleaseMediaV1 { object: upload.object.0 }, now).await?;
    release_later(app, &mut tx, upload.object).await?;
    tx.commit().await?;
    app.jobs.notify();
    let outcome = if state == UploadState::Expired { "expired" } else { "aborted" };
    metrics::counter!("tidegate_uploads_total", "outcome" => outcome).increment(1);
    tracing::info!(object.id = %media.object.id, state = state.as_str(), "an upload was given up");
    Ok(())
}

/// Removes what is left of an upload: what lies where the client was told to put it, and, once nobody works on it any
/// more, what was sealed.
pub async fn clear(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media(id).await? else { return Ok(()) };
    if media.upload == UploadState::Open {
        return Ok(());
    }
    app.store.delete(media.file_key.as_str(), store::Deletion::Purge).await?;
    if media.object.state.is_under_way() {
        return Ok(());
    }
    seal::remove(app, id, media.sealed.as_ref()).await?;
    deletion::remove_remains(app, id).await
}

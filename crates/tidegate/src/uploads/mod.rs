//! Uploads: begun, signed for, listed, completed, aborted. The same functions for every surface.

pub(crate) mod ingest;
pub mod media_items;
pub(crate) mod seal;

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use store::{Attributes, Completion, Expect, Part, Plan, PresignedRequest, Shape, UploadRef};
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::library::objects;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::disposition;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::upload::{Upload, UploadState, plan_part_size};
use crate::queue::{self, Job};

/// The most parts signed for in one call.
pub const MAX_SIGNED: usize = 1000;
const MAX_NAME: usize = 255;
/// S3 may go on assembling parts for so long after whoever asked for it is gone.
const LATE: Duration = Duration::from_secs(15 * 60);
/// What disk images are served as, whatever their uploader says they are.
const OPAQUE: &str = "application/octet-stream";
/// What a disk image is saved as that was given no name.
const NAMELESS: &str = "disk.img";

/// What a client announces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced {
    /// A name for people.
    pub name: Option<String>,
    /// The media type as the client sees it.
    pub content_type: Option<String>,
    /// The size in bytes.
    pub size: Option<u64>,
}

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// What it will become.
    pub object: ObjectId,
    /// Its id.
    pub upload_id: String,
    /// Bytes in every part but the last.
    pub part_size: u64,
}

/// Begins an upload of a new object.
pub async fn begin(app: &App, caller: &Caller, owner: &Owner, announced: Announced) -> Result<Begun> {
    access::authorize(app, caller, Action::Write, owner, None)?;
    check_announced(app, &announced)?;
    let Owner::Disks(user) = owner else { return Err(Error::Internal(anyhow::anyhow!("images of no user"))) };
    let now = app.db.now();
    let id = ObjectId::generate();
    let object = Object {
        id,
        key: app.config.images.layout.disk_image(user, id, Uuid::new_v4()),
        name: announced.name,
        content_type: announced.content_type.unwrap_or_else(|| OPAQUE.to_owned()),
        state: ObjectState::Pending,
        created_at: now,
        content: None,
    };
    let part_size = plan_part_size(app.config.images.part_size, announced.size);
    let attributes = Attributes {
        content_type: OPAQUE.to_owned(),
        cache_control: Some(app.config.images.cache_control.to_owned()),
        content_disposition: Some(disposition::attachment(object.name.as_deref().unwrap_or(NAMELESS))),
        metadata: std::collections::BTreeMap::new(),
    };
    let expect = Expect { shape: Shape::Parts { part_size }, attributes };
    let Plan::Parts { upload_id } = app.store.begin(object.key.as_str(), expect).await? else {
        return Err(Error::Internal(anyhow::anyhow!("the store planned a single request for parts")));
    };
    let upload = Upload {
        of: owner.kind(),
        id: upload_id.clone(),
        object: object.id,
        key: object.key.clone(),
        incoming: None,
        part_size: Some(part_size),
        announced_size: announced.size,
        state: UploadState::Open,
        parts_digest: None,
        expires_at: now + app.config.uploads.expiry,
    };
    // A crash before the commit leaves an upload in the store that no row knows; the sweep ends it.
    let mut tx = app.db.begin().await?;
    tx.insert_object(owner, &object, &caller.principal).await?;
    tx.insert_upload(owner, &upload, &caller.principal, now).await?;
    tx.record(caller, AuditAction::UploadBegun, id, now).await?;
    tx.commit().await?;
    count("begun");
    tracing::info!(object.id = %id, "an upload was begun");
    Ok(Begun { object: id, upload_id, part_size })
}

fn check_announced(app: &App, announced: &Announced) -> Result<()> {
    if let Some(name) = &announced.name
        && (name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control))
    {
        return Err(bad_request(format!("name must have 1 to {MAX_NAME} bytes and no control characters")));
    }
    if announced.content_type.as_deref().is_some_and(|text| !is_media_type(text)) {
        return Err(bad_request("contentType must be a media type such as application/octet-stream"));
    }
    let max = app.config.images.max_size;
    match announced.size {
        Some(0) => Err(bad_request("size must be at least 1")),
        Some(size) if size > max => Err(Error::TooLarge(format!("size may be at most {max} bytes").into())),
        _ => Ok(()),
    }
}

/// `type/subtype` of RFC 9110 tokens, parameters left out.
pub(crate) fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    text.len() <= 127 && text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// A presigned PUT for each part number.
pub async fn sign_parts(
    app: &App,
    caller: &Caller,
    kind: OwnerKind,
    id: ObjectId,
    upload_id: &str,
    numbers: &[u32],
) -> Result<Vec<(u32, PresignedRequest)>> {
    let upload = open_upload(app, caller, kind, id, Some(upload_id)).await?;
    sign_each(app, &upload, numbers, app.config.images.max_size).await
}

/// The same for an upload that was found to be open and the caller's, of a whole of at most `max_size` bytes.
pub(crate) async fn sign_each(
    app: &App,
    upload: &Upload,
    numbers: &[u32],
    max_size: u64,
) -> Result<Vec<(u32, PresignedRequest)>> {
    if numbers.is_empty() || numbers.len() > MAX_SIGNED {
        return Err(bad_request(format!("give 1 to {MAX_SIGNED} part numbers")));
    }
    if let Some(bad) = numbers.iter().find(|number| !(1..=store::MAX_PARTS).contains(*number)) {
        return Err(bad_request(format!("part number {bad} is outside 1 to {}", store::MAX_PARTS)));
    }
    if let Some(beyond) = numbers.iter().find(|number| upload.part_limit(**number, max_size) == 0) {
        return Err(bad_request(format!("part {beyond} lies beyond the announced size, or the largest allowed")));
    }
    let remaining = upload.expires_at.duration_since(app.db.now()).unwrap_or_default();
    let lifetime = app.config.uploads.url_lifetime.min(remaining).max(Duration::from_secs(1));
    let named = reference(upload);
    let mut signed = Vec::with_capacity(numbers.len());
    for number in numbers {
        signed.push((*number, app.store.sign_part(&named, *number, lifetime).await?));
    }
    metrics::counter!("tidegate_parts_signed_total").increment(signed.len() as u64);
    Ok(signed)
}

/// The parts stored so far.
pub async fn list_parts(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<Vec<Part>> {
    let (_, parts) = find_open(app, caller, kind, id).await?;
    Ok(parts)
}

/// An open upload and its parts: all that a client needs to go on which has lost everything but the image's id.
pub async fn find_open(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<(Upload, Vec<Part>)> {
    let upload = open_upload(app, caller, kind, id, None).await?;
    match app.store.list_parts(&reference(&upload)).await {
        Ok(parts) => Ok((upload, parts)),
        Err(store::Error::NoSuchUpload) if recover(app, &upload).await? => {
            Err(Error::InvalidState("the upload is complete".into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Finishes a completion that a crash cut off between the blob and its row: if the blob is there, the object is
/// ready. `false` if there is nothing to finish.
pub async fn recover(app: &App, upload: &Upload) -> Result<bool> {
    let stat = match app.store.stat(upload.key.as_str()).await {
        Err(store::Error::NotFound) => return Ok(false),
        other => other?,
    };
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let forgetting = app.object_cache.forgetting(upload.object);
    let mut tx = app.db.begin().await?;
    let ended = tx.end_upload(&upload.id, UploadState::Completed, None).await?;
    if !ended || !tx.publish_object(upload.object, &content, ObjectState::Ready).await? {
        return Ok(false);
    }
    tx.record(&Caller::system(), AuditAction::UploadCompleted, upload.object, SystemTime::now()).await?;
    tx.tell(upload.object).await?;
    tx.commit().await?;
    drop(forgetting);
    count("recovered");
    tracing::info!(object.id = %upload.object, "an upload whose completion was cut off is complete");
    Ok(true)
}

/// Makes an upload's parts its object. Asked again with the same parts it answers the same.
pub async fn complete(
    app: &App,
    caller: &Caller,
    kind: OwnerKind,
    id: ObjectId,
    upload_id: &str,
    parts: Vec<(u32, String)>,
) -> Result<Content> {
    let (owner, _) = objects::find(app, caller, Action::Write, kind, id).await?;
    let upload = find_upload(app, &owner, id, Some(upload_id)).await?;
    check_part_list(&parts)?;
    let digest = parts_digest(&parts);
    let completion = Completion {
        parts,
        part_size: upload.part_size.unwrap_or(u64::MAX),
        size: upload.announced_size,
        max_size: app.config.images.max_size,
    };
    if upload.state == UploadState::Completed {
        return completed_before(app, &owner, &upload, &digest, &completion).await;
    }
    if !upload.takes_bytes(app.db.now()) {
        return Err(Error::InvalidState("the upload is no longer open".into()));
    }
    if !app.store.has_md5_etags() {
        // Nothing but this tells a completion that was cut off from another one.
        let mut tx = app.db.begin().await?;
        tx.announce_parts(&upload.id, &digest).await?;
        tx.commit().await?;
    }
    let stat = match app.store.complete(&reference(&upload), &completion).await {
        Err(store::Error::TooLarge { limit }) => {
            // Possible where the limit was lowered meanwhile; nothing of it is kept.
            end(app, caller, &upload, UploadState::Aborted).await?;
            return Err(Error::TooLarge(
                format!("an image may have at most {limit} bytes; the upload was dropped").into(),
            ));
        }
        other => other?,
    };
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let forgetting = app.object_cache.forgetting(id);
    let mut tx = app.db.begin().await?;
    let ended = tx.end_upload(&upload.id, UploadState::Completed, Some(&digest)).await?;
    if ended && tx.publish_object(id, &content, ObjectState::Ready).await? {
        tx.record(caller, AuditAction::UploadCompleted, id, SystemTime::now()).await?;
        tx.tell(id).await?;
        tx.commit().await?;
        drop(forgetting);
        count("completed");
        metrics::counter!("tidegate_uploaded_bytes_total").increment(content.size);
        tracing::info!(object.id = %id, object.size_bytes = content.size, "an upload was completed");
        return Ok(content);
    }
    drop(tx);
    resolve_race(app, &owner, &upload, &digest, &completion).await
}

/// Somebody else ended the upload meanwhile: the same completion, or an abort.
async fn resolve_race(
    app: &App,
    owner: &Owner,
    upload: &Upload,
    digest: &str,
    completion: &Completion,
) -> Result<Content> {
    let upload_now = find_upload(app, owner, upload.object, Some(&upload.id)).await?;
    if upload_now.state == UploadState::Completed {
        return completed_before(app, owner, &upload_now, digest, completion).await;
    }
    if upload_now.state == UploadState::Open {
        // Nobody has said that its bytes are of no use.
        return Err(Error::InvalidState("the upload changed meanwhile; ask again".into()));
    }
    app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
    Err(Error::InvalidState("the upload was aborted".into()))
}

/// The object is read only now: what was read before the upload may not have had its content yet. A completion that
/// was recovered may have left no digest of its parts, but where ETags are MD5s the whole's says which they were.
async fn completed_before(
    app: &App,
    owner: &Owner,
    upload: &Upload,
    digest: &str,
    completion: &Completion,
) -> Result<Content> {
    let object = app.db.find_object(owner, upload.object).await?;
    match (object.and_then(|object| object.content), &upload.parts_digest) {
        (Some(content), Some(before)) if before == digest => Ok(content),
        (Some(content), _) if completion.etag().as_ref() == Some(&content.etag) => Ok(content),
        _ => Err(Error::InvalidState("the upload was completed with other parts".into())),
    }
}

pub(crate) fn check_part_list(parts: &[(u32, String)]) -> Result<()> {
    let max = store::MAX_PARTS;
    if parts.is_empty() || parts.len() > usize::try_from(max).unwrap_or(usize::MAX) {
        return Err(bad_request(format!("parts must name 1 to {max} parts")));
    }
    let mut numbers: Vec<u32> = parts.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    if let Some(bad) = numbers.iter().find(|number| !(1..=max).contains(*number)) {
        return Err(bad_request(format!("part number {bad} is outside 1 to {max}")));
    }
    if let Some(twice) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(bad_request(format!("part {} is named twice", twice[0])));
    }
    Ok(())
}

/// One text for one set of parts, whatever order they were given in.
pub(crate) fn parts_digest(parts: &[(u32, String)]) -> String {
    let mut sorted: Vec<_> = parts.iter().collect();
    sorted.sort();
    let mut context = digest::Context::new(&digest::SHA256);
    for (number, etag) in sorted {
        context.update(format!("{number}:{etag}\n").as_bytes());
    }
    hex::encode(context.finish())
}

/// Gives an upload up and frees its parts. Aborting again changes nothing.
pub async fn abort(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<()> {
    // Its owner may ask twice: the object of an aborted upload is purged.
    let (owner, _) = objects::find_even_gone(app, caller, Action::Write, kind, id).await?;
    let upload = find_upload(app, &owner, id, None).await?;
    match upload.state {
        UploadState::Open => end(app, caller, &upload, UploadState::Aborted).await,
        UploadState::Aborted | UploadState::Expired => Ok(()),
        // The object is read only now: what was read before the upload may not have been ready yet.
        UploadState::Completed => match app.db.find_object(&owner, id).await?.map(|object| object.state) {
            Some(ObjectState::Ready) => {
                Err(Error::InvalidState("the upload is complete; delete the image instead".into()))
            }
            _ => Err(Error::NotFound("no such image".into())),
        },
    }
}

/// Ends an open upload without an object: rows and a job first, then the bytes. If those can't be freed now,
/// the job does it.
pub async fn end(app: &App, caller: &Caller, upload: &Upload, state: UploadState) -> Result<()> {
    let now = SystemTime::now();
    let action = if state == UploadState::Expired { AuditAction::UploadExpired } else { AuditAction::UploadAborted };
    let job = Job::ReleaseUploadV1 { upload_id: upload.id.clone(), key: upload.key.as_str().to_owned() };
    let forgetting = app.object_cache.forgetting(upload.object);
    let mut tx = app.db.begin().await?;
    if !tx.end_upload(&upload.id, state, None).await? {
        return Err(Error::InvalidState("the upload is no longer open".into()));
    }
    tx.set_object_state(upload.object, ObjectState::Pending, ObjectState::Purged, now).await?;
    tx.record(caller, action, upload.object, now).await?;
    tx.tell(upload.object).await?;
    queue::enqueue(&mut tx, &job, app.db.now()).await?;
    if !app.store.has_md5_etags() {
        // A completion that was on its way to S3 may still come about there.
        queue::enqueue(&mut tx, &job, app.db.now() + LATE).await?;
    }
    tx.commit().await?;
    drop(forgetting);
    count(if state == UploadState::Expired { "expired" } else { "aborted" });
    tracing::info!(object.id = %upload.object, state = state.as_str(), "an upload was given up");
    app.store.abort(&reference(upload)).await?;
    app.jobs.notify();
    Ok(())
}

async fn open_upload(
    app: &App,
    caller: &Caller,
    kind: OwnerKind,
    id: ObjectId,
    upload_id: Option<&str>,
) -> Result<Upload> {
    let upload = match app.object_cache.open(id).filter(|known| known.0.kind() == kind) {
        Some(known) => {
            access::authorize(app, caller, Action::Write, &known.0, Some(id))?;
            belongs(known.1.clone(), upload_id)?
        }
        None => {
            let (owner, _) = objects::find(app, caller, Action::Write, kind, id).await?;
            find_upload(app, &owner, id, upload_id).await?
        }
    };
    if upload.takes_bytes(app.db.now()) {
        Ok(upload)
    } else {
        Err(Error::InvalidState("the image is not uploading".into()))
    }
}

async fn find_upload(app: &App, owner: &Owner, id: ObjectId, upload_id: Option<&str>) -> Result<Upload> {
    let upload = app.object_cache.read_upload(owner, app.db.find_upload(owner, id)).await?;
    belongs(upload.ok_or_else(|| Error::NotFound("no such image".into()))?, upload_id)
}

/// The id that a client gives must be the upload's own.
fn belongs(upload: Upload, upload_id: Option<&str>) -> Result<Upload> {
    match upload_id {
        Some(given) if given != upload.id => Err(bad_request("uploadId is not this image's")),
        _ => Ok(upload),
    }
}

/// The upload as the store names it.
pub fn reference(upload: &Upload) -> UploadRef {
    UploadRef { key: upload.key.as_str().to_owned(), upload_id: upload.id.clone() }
}

fn count(outcome: &'static str) {
    metrics::counter!("tidegate_uploads_total", "outcome" => outcome).increment(1);
}

//! Confirms uploads of `Landing::Sealed`: seals the bytes (moves them to a key that no client can
//! write to), compares them with what was announced, and enqueues their job. A repeated confirmation
//! continues where an interrupted one stopped. Never scans, decodes or publishes; see `process` and
//! `surfaces::packages::publishing`.

use futures::TryStreamExt as _;
use media::kind::{Kind, SNIFFED};
use store::Attributes;

use super::effects::{self, Confirmation, Item};
use super::{begin, outcome, seal, unreadable};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::hashing;
use crate::library::quotas;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::key::Key;
use crate::model::object::ObjectState;
use crate::model::upload::{Upload, UploadState};

/// The bytes that a client reports as sent, and what they must match.
pub(crate) struct Arrival<'a> {
    /// The object that the bytes belong to.
    pub(crate) item: &'a Item,
    /// The object's upload, which was open when it was read.
    pub(crate) upload: &'a Upload,
    /// The attributes of the sealed blob.
    pub(crate) attributes: Attributes,
    /// The media type that the bytes must have; `None` if any type is accepted.
    pub(crate) kind: Option<Kind>,
    /// The digest of the parts that the bytes were joined from.
    pub(crate) parts_digest: Option<String>,
    /// The fields that the client sent with the confirmation.
    pub(crate) confirmation: Confirmation<'a>,
}

/// Seals the bytes of an upload and enqueues their processing. The caller holds the object's
/// [`seal::lock`]. Returns `false` if another request ended the upload, or the owner was deleted. If
/// the bytes differ from what was announced, rejects the object and returns the difference as the
/// error.
pub(crate) async fn confirm(app: &App, caller: &Caller, arrival: &Arrival<'_>) -> Result<bool> {
    let Arrival { item, upload, attributes, kind, .. } = arrival;
    let from = upload.incoming.as_ref().unwrap_or(&upload.key);
    let Some(sealed) = seal::seal(app, item.id(), &upload.id, from, attributes).await? else {
        return Err(bad_request("nothing was sent to uploadUrl yet; PUT the file there, then confirm"));
    };
    let size = app.store.stat(sealed.as_str()).await?.size;
    if let Some(wrong) = validate(app, upload, *kind, (&sealed, size)).await? {
        return reject(app, caller, arrival, &sealed, wrong).await;
    }
    match accept(app, caller, arrival, (&sealed, size)).await {
        Err(exceeded @ Error::QuotaExceeded(_)) => reject(app, caller, arrival, &sealed, exceeded).await,
        other => other,
    }
}

/// Ends the upload and enqueues the processing of its sealed bytes.
async fn accept(app: &App, caller: &Caller, arrival: &Arrival<'_>, (sealed, size): (&Key, u64)) -> Result<bool> {
    let Arrival { item, upload, parts_digest, confirmation, .. } = arrival;
    let (id, now) = (item.id(), app.db.now());
    let mut tx = app.db.begin().await?;
    if !effects::lock_owner(&mut tx, item).await?
        || !tx.end_upload(&upload.id, UploadState::Completed, parts_digest.as_deref()).await?
    {
        return Ok(false);
    }
    if upload.announced_size.is_none() {
        quotas::reserve_up_to(app, &mut tx, item.owner(), id, size).await?;
        // What was reserved beyond the size is free again.
        tx.set_announced(id, size).await?;
    }
    if !effects::confirmed(app, &mut tx, item, *confirmation).await? {
        return Ok(false);
    }
    tx.set_seal(id, sealed).await?;
    tx.record(caller, AuditAction::UploadConfirmed, id, now).await?;
    tx.commit().await?;
    begin::count_upload("completed");
    tracing::info!(object.id = %id, owner = upload.of.as_str(), "an upload was sealed");
    Ok(true)
}

/// Ends the upload, rejects the object, and returns the difference as the error.
async fn reject(
    app: &App,
    caller: &Caller,
    Arrival { item, upload, .. }: &Arrival<'_>,
    sealed: &Key,
    wrong: Error,
) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    effects::lock_tree(&mut tx, item).await?;
    if tx.end_upload(&upload.id, UploadState::Completed, None).await?
        && outcome::reject(app, &mut tx, caller, item, ObjectState::Pending, &wrong.to_string()).await?
    {
        tx.commit().await?;
        effects::count_rejected(item);
        effects::remove_sealed(app, item, sealed).await?;
    }
    Err(wrong)
}

/// Returns the difference between sealed bytes and what was announced; `None` if they match. A
/// difference is final: the client must begin a new upload. `kind` is the required media type, if
/// any.
async fn validate(
    app: &App,
    upload: &Upload,
    kind: Option<Kind>,
    (sealed, size): (&Key, u64),
) -> Result<Option<Error>> {
    if let Err(wrong) = check_size(app, upload, kind, size) {
        return Ok(Some(wrong));
    }
    if let Some(kind) = kind
        && sniff(app, sealed, size).await? != Some(kind)
    {
        return Ok(Some(bad_request(format!("the file is not {}, as it was announced", kind.content_type()))));
    }
    if let Some(announced) = &upload.parts_digest {
        let (_, body) = app.store.read(sealed.as_str(), None).await?;
        let sha256 = hashing::sha256_of(body).await.map_err(|error| unreadable(&error))?;
        if sha256 != *announced {
            return Ok(Some(bad_request(format!("the file's SHA-256 is {sha256}, and {announced} was announced"))));
        }
    }
    Ok(None)
}

fn check_size(app: &App, upload: &Upload, kind: Option<Kind>, size: u64) -> Result<()> {
    let limits = app.config.upload_limits.of(upload.of);
    let max = kind.map_or(limits.largest(), |kind| limits.of_media(kind.is_video()));
    if size > max {
        return Err(match kind {
            Some(_) => begin::too_large(max),
            None => Error::TooLarge(format!("at most {max} bytes are taken").into()),
        });
    }
    if let Some(announced) = upload.announced_size.filter(|announced| *announced != size) {
        return Err(bad_request(format!("{size} bytes came, {announced} were announced")));
    }
    if size == 0 {
        return Err(bad_request("the file is empty"));
    }
    Ok(())
}

/// Returns the media type that the first bytes of a blob indicate.
async fn sniff(app: &App, sealed: &Key, size: u64) -> Result<Option<Kind>> {
    let head = u64::try_from(SNIFFED).unwrap_or(u64::MAX).min(size);
    let (_, body) = app.store.read(sealed.as_str(), Some(0..head)).await?;
    let head: Vec<bytes::Bytes> = body.try_collect().await.map_err(|error| unreadable(&error))?;
    Ok(Kind::sniff(&head.concat()))
}

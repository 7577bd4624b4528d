//! Confirms uploads of `Landing::Sealed`: seals the bytes (moves them to a key that no client can
//! write to), compares them with what was announced, and enqueues their job. A repeated confirmation
//! continues where an interrupted one stopped. Never publishes; see `publish` and
//! `surfaces::packages::publishing`.

use media::kind::Kind;
use store::Attributes;

use super::effects::{self, Confirmation, Item};
use super::validate::validate;
use super::{count, outcome, seal};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
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
    if let Some(wrong) = validate(app, upload, *kind, &sealed).await? {
        return reject(app, caller, arrival, &sealed, wrong).await;
    }
    accept(app, caller, arrival, &sealed).await
}

/// Ends the upload and enqueues the processing of its sealed bytes.
async fn accept(app: &App, caller: &Caller, arrival: &Arrival<'_>, sealed: &Key) -> Result<bool> {
    let Arrival { item, upload, parts_digest, confirmation, .. } = arrival;
    let (id, now) = (item.id(), app.db.now());
    let mut tx = app.db.begin().await?;
    if !effects::lock_owner(&mut tx, item).await?
        || !tx.end_upload(&upload.id, UploadState::Completed, parts_digest.as_deref()).await?
        || !effects::confirmed(app, &mut tx, item, *confirmation).await?
    {
        return Ok(false);
    }
    tx.set_seal(id, sealed).await?;
    tx.record(caller, AuditAction::UploadConfirmed, id, now).await?;
    tx.commit().await?;
    count("completed");
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

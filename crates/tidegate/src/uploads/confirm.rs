//! Confirms uploads that land beside their key (`Landing::Sealed`): what the client says it has sent is sealed, compared
//! with what was announced, and handed to the worker. Asked again, it goes on where an earlier confirmation was cut off.

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

/// What is known of bytes that a client says it has sent.
pub(crate) struct Arrival<'a> {
    /// The object that they are of.
    pub(crate) item: &'a Item,
    /// Its upload, which was open a moment ago.
    pub(crate) upload: &'a Upload,
    /// What the sealed blob carries.
    pub(crate) attributes: Attributes,
    /// The type they must be of, where only some are taken.
    pub(crate) kind: Option<Kind>,
    /// Digest of the parts they were joined of.
    pub(crate) parts_digest: Option<String>,
    /// What the client says with the confirmation.
    pub(crate) confirmation: Confirmation<'a>,
}

/// Seals what was sent and has it worked on. Returns `false` if another request ended the upload meanwhile. Bytes that are
/// not what was announced are rejected for good and are the error. The caller holds the object's [`seal::lock`].
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
    tracing::info!(object.id = %id, owner = upload.of.as_str(), "what a client sent was sealed");
    Ok(true)
}

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
        effects::remove_sealed(app, item, sealed).await?;
    }
    Err(wrong)
}

//! Aborts and expires open uploads. Commits rows and a job first and deletes the bytes second; what
//! cannot be deleted now is deleted by the job or the sweep. Never ends a completed upload.

use super::begin;
use super::effects::{self, Item};
use super::parts::find_upload;
use crate::app::App;
use crate::error::{Error, Result};
use crate::library::objects;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::object::ObjectState;
use crate::model::owner::OwnerKind;
use crate::model::upload::{Upload, UploadState};

/// Aborts the upload of an object. Does nothing if it was aborted or expired before. Authorizes the
/// caller. Returns an error if the upload is complete.
pub async fn abort(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<()> {
    // The object of an aborted upload is PURGED, and a repeated abort must find it.
    let (owner, _) = objects::find_in_any_state(app, caller, Action::Write, kind, id).await?;
    let upload = find_upload(app, &owner, id, None).await?;
    match abort_upload(app, caller, &upload).await? {
        UploadState::Open | UploadState::Aborted | UploadState::Expired => Ok(()),
        // The object is read again, because the earlier read may have been before it was READY.
        UploadState::Completed => match app.db.find_object(&owner, id).await?.map(|object| object.state) {
            Some(ObjectState::Ready) => {
                Err(Error::InvalidState("the upload is complete; delete the image instead".into()))
            }
            _ => Err(objects::not_found()),
        },
    }
}

/// Aborts an upload if it is open, and returns the state it is in then. Another request may end it
/// at the same time: the outcome is that of the two one after the other.
pub(crate) async fn abort_upload(app: &App, caller: &Caller, upload: &Upload) -> Result<UploadState> {
    if upload.state != UploadState::Open {
        return Ok(upload.state);
    }
    match end(app, caller, upload, UploadState::Aborted).await {
        Ok(()) => Ok(UploadState::Aborted),
        Err(error @ Error::InvalidState(_)) => match app.db.upload_state(&upload.id).await? {
            None | Some(UploadState::Open) => Err(error),
            Some(state) => Ok(state),
        },
        Err(error) => Err(error),
    }
}

/// Ends an open upload without an object. `state` is ABORTED or EXPIRED. Returns an error if the
/// upload is no longer open.
pub(crate) async fn end(app: &App, caller: &Caller, upload: &Upload, state: UploadState) -> Result<()> {
    let Some(item) = Item::find_unscoped(&app.db, upload.of, upload.object).await? else { return Ok(()) };
    let (id, now) = (upload.object, app.db.now());
    let (action, outcome) = match state {
        UploadState::Expired => (AuditAction::UploadExpired, "expired"),
        _ => (AuditAction::UploadAborted, "aborted"),
    };
    let mut tx = app.db.begin().await?;
    effects::lock_tree(&mut tx, &item).await?;
    if !tx.end_upload(&upload.id, state, None).await? {
        return Err(Error::InvalidState("the upload is no longer open".into()));
    }
    tx.set_object_state(id, ObjectState::Pending, ObjectState::Purged, now).await?;
    tx.record(caller, action, id, now).await?;
    effects::discard_upload(app, &mut tx, &item, upload).await?;
    tx.commit().await?;
    begin::count_upload(outcome);
    tracing::info!(object.id = %id, owner = upload.of.as_str(), outcome, "an upload was ended without an object");
    effects::free_bytes(app, &item, upload).await
}

//! Gives up uploads that are open: at their owner's wish, or because nobody completed them in time. Rows and a job come
//! first, then the bytes; what can't be freed now, the job or the sweep frees.

use super::count;
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

/// Gives up the upload of an object. Does nothing if it was given up before. Authorizes the caller.
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
            _ => Err(objects::not_found()),
        },
    }
}

/// Ends an open upload without an object; `state` says why. An upload that is no longer open is an error.
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
    effects::given_up(app, &mut tx, &item, upload).await?;
    tx.commit().await?;
    count(outcome);
    tracing::info!(object.id = %id, owner = upload.of.as_str(), outcome, "an upload was given up");
    effects::free_bytes(app, &item, upload).await
}

//! Disk images: deleted at once and for good. All else that is done with them, the library and the upload pipeline do.

use std::time::SystemTime;

use crate::app::App;
use crate::error::{Error, Result};
use crate::library::objects;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::rules;
use crate::queue::{self, Job};
use crate::uploads;

/// Deletes an object: its row first, then its bytes, both before the answer. One whose upload is open is
/// aborted. If the bytes can't be removed now, the answer says so, asking again tries again, and a job does too.
pub async fn delete(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<()> {
    let (owner, object) = objects::find_even_gone(app, caller, Action::Delete, kind, id).await?;
    match object.state {
        ObjectState::Pending => return uploads::abort(app, caller, kind, id).await,
        ObjectState::Ready => mark_deleted(app, caller, &owner, &object).await?,
        // Its row went before; are the bytes still there?
        ObjectState::Deleted => match app.store.stat(object.key.as_str()).await {
            Err(store::Error::NotFound) => return Err(objects::not_found()),
            other => drop(other?),
        },
        _ => return Err(objects::not_found()),
    }
    app.store.delete(object.key.as_str(), store::Deletion::Purge).await?;
    Ok(())
}

async fn mark_deleted(app: &App, caller: &Caller, owner: &Owner, object: &Object) -> Result<()> {
    let (id, now) = (object.id, SystemTime::now());
    if rules::of(owner.kind()).deletion != rules::Deletion::Purge {
        return Err(Error::Internal(anyhow::anyhow!("what can be restored was about to be purged")));
    }
    let job = Job::PurgeObjectV1 { object: id.0, key: object.key.as_str().to_owned() };
    let mut tx = app.db.begin().await?;
    if !tx.set_object_state(id, ObjectState::Ready, ObjectState::Deleted, now).await? {
        return Err(objects::not_found());
    }
    tx.record(caller, AuditAction::ObjectDeleted, id, now).await?;
    queue::enqueue(&mut tx, &job, app.db.now()).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => owner.kind().as_str()).increment(1);
    tracing::info!(object.id = %id, "an object was deleted");
    Ok(())
}

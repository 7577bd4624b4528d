//! Owns what only disk images have: their announcement, and their deletion, which is immediate and
//! final. Everything else is done by `library` and by the upload pipeline in `uploads`.

use std::collections::BTreeMap;

use store::Attributes;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, bad_request};
use crate::library::{objects, quotas};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::disposition;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::quota::Demand;
use crate::model::rules;
use crate::model::upload::Upload;
use crate::queue::{self, Job};
use crate::uploads;
use crate::uploads::begin::{self, NewUpload};
use crate::uploads::effects::Details;

/// The longest display name in bytes.
const MAX_NAME: usize = 255;
/// The file name of a disk image that has no name.
const NAMELESS: &str = "disk.img";

/// A disk image as its client announces it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewDiskUpload {
    /// The display name.
    pub name: Option<String>,
    /// The media type as the client names it.
    pub content_type: Option<String>,
    /// The size in bytes.
    pub size: Option<u64>,
}

/// A begun upload of a disk image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The id of the new image.
    pub object: ObjectId,
    /// The id of the upload.
    pub upload_id: String,
    /// The size in bytes of every part but the last.
    pub part_size: u64,
}

/// Begins the multipart upload of a new disk image. Authorizes the caller.
pub async fn begin(app: &App, caller: &Caller, owner: &Owner, announced: NewDiskUpload) -> Result<Begun> {
    access::authorize(app, caller, Action::Write, owner, None)?;
    let Owner::Disks(user) = owner else { return Err(Error::Internal(anyhow::anyhow!("disk images without a user"))) };
    let NewDiskUpload { name, content_type, size } = announced;
    check_name(name.as_deref())?;
    begin::check_media_type(content_type.as_deref())?;
    begin::check_size(app, owner.kind(), size)?;
    app.disks.check(size.unwrap_or(0))?;
    let attributes = Attributes {
        // The stored type is always opaque, so that a browser never renders an image.
        content_type: begin::OPAQUE.to_owned(),
        cache_control: Some(app.config.images.cache_control.to_owned()),
        content_disposition: Some(disposition::attachment(name.as_deref().unwrap_or(NAMELESS))),
        metadata: BTreeMap::new(),
    };
    let id = ObjectId::generate();
    let key = app.config.images.layout.disk_image(user, id, Uuid::new_v4());
    // Refused before the store does work for it; the insertion decides.
    quotas::check(app, owner, Demand { bytes: size.unwrap_or(0), objects: 1, uploads: 1 }).await?;
    let (upload_id, part_size) = begin::create_parts(app, owner.kind(), &key, size, attributes).await?;
    let new = NewUpload {
        object: id,
        id: upload_id.clone(),
        name,
        content_type: content_type.unwrap_or_else(|| begin::OPAQUE.to_owned()),
        size,
        sha256: None,
        key: key.clone(),
        incoming: None,
        part_size: Some(part_size),
    };
    let rows = new.rows(app, owner.kind(), app.db.now());
    let inserted = insert(app, caller, owner, rows).await;
    begin::or_abort(app, &upload_id, &key, inserted).await?.commit().await?;
    begin::count_upload("begun");
    tracing::info!(object.id = %id, "an upload was begun");
    Ok(Begun { object: id, upload_id, part_size })
}

/// Inserts the rows of an upload, and returns the transaction that holds them.
async fn insert(app: &App, caller: &Caller, owner: &Owner, rows: (Object, Upload)) -> Result<Tx> {
    let mut tx = app.db.begin().await?;
    begin::insert(app, &mut tx, caller, owner, (rows, Details::Disk)).await?;
    Ok(tx)
}

fn check_name(name: Option<&str>) -> Result<()> {
    match name {
        Some(name) if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) => {
            Err(bad_request(format!("name must have 1 to {MAX_NAME} bytes and no control characters")))
        }
        _ => Ok(()),
    }
}

/// Deletes an object: its row first, then its bytes, both before the response. Aborts an open
/// upload instead. Authorizes the caller. Returns an error if the bytes cannot be deleted now; a
/// repeated call and a job retry it.
pub async fn delete(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<()> {
    let (owner, object) = objects::find_in_any_state(app, caller, Action::Delete, kind, id).await?;
    match object.state {
        ObjectState::Pending => return uploads::abort(app, caller, kind, id).await,
        ObjectState::Ready => mark_deleted(app, caller, &owner, &object).await?,
        // The row is deleted already; the bytes may still exist.
        ObjectState::Deleted => match app.store.stat(object.key.as_str()).await {
            Err(store::Error::NotFound) => return Err(objects::not_found()),
            other => drop(other?),
        },
        _ => return Err(objects::not_found()),
    }
    app.store.delete(object.key.as_str(), store::Deletion::Purge).await?;
    Ok(())
}

/// Moves a READY object to DELETED and enqueues the deletion of its bytes.
async fn mark_deleted(app: &App, caller: &Caller, owner: &Owner, object: &Object) -> Result<()> {
    let (id, now) = (object.id, app.db.now());
    if rules::of(owner.kind()).deletion != rules::Deletion::Purge {
        return Err(Error::Internal(anyhow::anyhow!("an object that can be restored was about to be purged")));
    }
    let job = Job::PurgeObjectV1 { object: id.0, key: object.key.as_str().to_owned() };
    let mut tx = app.db.begin().await?;
    if !tx.set_object_state(id, ObjectState::Ready, ObjectState::Deleted, now).await? {
        return Err(objects::not_found());
    }
    tx.record(caller, AuditAction::ObjectDeleted, id, now).await?;
    queue::enqueue(&mut tx, &job, now).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => owner.kind().as_str()).increment(1);
    tracing::info!(object.id = %id, "an object was deleted");
    Ok(())
}

//! Completes uploads whose parts are joined at the object's own key (`Landing::AtKey`); the object
//! is READY after that. Writes the blob first and the rows second; [`recover`] finishes a
//! completion that a crash interrupted between the two. Never handles uploads that are sealed; see
//! `confirm`.

use store::Completion;

use super::parts::{self, find_upload};
use super::{begin, end, reference};
use crate::app::App;
use crate::error::{Error, Result};
use crate::hashing;
use crate::library::{objects, quotas};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::object::{Content, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::upload::{Upload, UploadState};

/// Joins the parts of an upload and makes its object READY. A repeated call with the same parts
/// returns the same content. Authorizes the caller. Returns an error if the upload is no longer
/// open, or was completed with other parts.
pub async fn complete(
    app: &App,
    caller: &Caller,
    kind: OwnerKind,
    id: ObjectId,
    upload_id: &str,
    listed: Vec<(u32, String)>,
) -> Result<Content> {
    let (owner, _) = objects::find(app, caller, Action::Write, kind, id).await?;
    let upload = find_upload(app, &owner, id, Some(upload_id)).await?;
    parts::check_list(&listed)?;
    let digest = hashing::parts_digest(&listed);
    let completion = parts::completion(app, &upload, listed);
    if upload.state == UploadState::Completed {
        return completed_before(app, &owner, &upload, &digest, &completion).await;
    }
    if !upload.takes_bytes(app.db.now()) {
        return Err(no_longer_open());
    }
    if !app.store.has_md5_etags() {
        // Without MD5 ETags, only this digest shows whether an interrupted completion had the same
        // parts.
        let mut tx = app.db.begin().await?;
        tx.announce_parts(&upload.id, &digest).await?;
        tx.commit().await?;
    }
    let stat = match app.store.complete(&reference(&upload), &completion).await {
        Err(store::Error::TooLarge { limit }) => {
            // This happens if the limit was lowered after the upload began. The upload is aborted.
            end::end(app, caller, &upload, UploadState::Aborted).await?;
            return Err(Error::TooLarge(
                format!("an image may have at most {limit} bytes; the upload was dropped").into(),
            ));
        }
        Ok(stat) => stat,
        Err(error) => {
            // Parts are missing also where another request has ended the upload and freed them.
            let state = app.db.upload_state(&upload.id).await?;
            return match state.unwrap_or(UploadState::Open) {
                UploadState::Open => Err(error.into()),
                UploadState::Completed => resolve_race(app, &owner, &upload, &digest, &completion).await,
                UploadState::Aborted | UploadState::Expired => Err(no_longer_open()),
            };
        }
    };
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    if make_ready(app, caller, (&owner, &upload), &content, Some(&digest)).await? {
        begin::count_upload("completed");
        metrics::counter!("tidegate_uploaded_bytes_total").increment(content.size);
        tracing::info!(object.id = %id, object.size_bytes = content.size, "an upload was completed");
        return Ok(content);
    }
    resolve_race(app, &owner, &upload, &digest, &completion).await
}

fn no_longer_open() -> Error {
    Error::InvalidState("the upload is no longer open".into())
}

/// Makes the object of a joined upload READY. Returns `false` if the upload is no longer open. Bytes
/// that were announced without a size must fit into the owner's quota; if they do not, the upload
/// and its bytes are dropped.
async fn make_ready(
    app: &App,
    caller: &Caller,
    (owner, upload): (&Owner, &Upload),
    content: &Content,
    digest: Option<&str>,
) -> Result<bool> {
    match publish(app, caller, (owner, upload), content, digest).await {
        Err(exceeded @ Error::QuotaExceeded(_)) => {
            end::end(app, caller, upload, UploadState::Aborted).await?;
            app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
            Err(exceeded)
        }
        other => other,
    }
}

/// Writes the rows of [`make_ready`]. Fails with [`Error::QuotaExceeded`] if the bytes do not fit.
async fn publish(
    app: &App,
    caller: &Caller,
    (owner, upload): (&Owner, &Upload),
    content: &Content,
    digest: Option<&str>,
) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let ended = tx.end_upload(&upload.id, UploadState::Completed, digest).await?;
    if ended && upload.announced_size.is_none() {
        quotas::reserve_up_to(app, &mut tx, owner, upload.object, content.size).await?;
    }
    if !ended || !tx.publish_object(upload.object, content, ObjectState::Ready).await? {
        return Ok(false);
    }
    tx.record(caller, AuditAction::UploadCompleted, upload.object, app.db.now()).await?;
    tx.commit().await?;
    Ok(true)
}

/// Finishes a completion that a crash interrupted between the blob and its row: if the blob exists,
/// the object becomes READY. Returns `false` if there is nothing to finish. Fails with
/// [`Error::QuotaExceeded`] if the bytes did not fit into the owner's quota; they are dropped then.
pub async fn recover(app: &App, upload: &Upload) -> Result<bool> {
    let stat = match app.store.stat(upload.key.as_str()).await {
        Err(store::Error::NotFound) => return Ok(false),
        other => other?,
    };
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let Some(owner) = app.db.owner_of(upload.of, upload.object).await? else { return Ok(false) };
    if !make_ready(app, &Caller::system(), (&owner, upload), &content, None).await? {
        return Ok(false);
    }
    begin::count_upload("recovered");
    tracing::info!(object.id = %upload.object, "an interrupted completion was finished");
    Ok(true)
}

/// Returns the outcome of an upload that another request ended at the same time: the same
/// completion, or an abort.
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
        // The open upload may still need the bytes, so they are not deleted.
        return Err(Error::InvalidState("the upload changed in the meantime; try again".into()));
    }
    app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
    Err(Error::InvalidState("the upload was aborted".into()))
}

/// Returns the content of a completed upload, if it was completed with the same parts. Reads the
/// object again, because the earlier read may have been without content. A recovered completion may
/// have no digest of its parts; where ETags are MD5s, the ETag of the whole is compared instead.
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

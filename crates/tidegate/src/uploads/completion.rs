//! Completes uploads whose parts are joined at the object's own key: they are readable from then on. Bytes come first, then
//! the rows; a crash between the two is finished by [`recover`].

use store::Completion;

use super::parts::{self, find_upload};
use super::{count, end, reference};
use crate::app::App;
use crate::error::{Error, Result};
use crate::library::objects;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::object::{Content, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::upload::{Upload, UploadState};

/// Joins an upload's parts to its object. Returns the same if it is asked again with the same parts. Authorizes the caller.
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
    let digest = parts::digest(&listed);
    let completion = parts::completion(app, &upload, listed);
    if upload.state == UploadState::Completed {
        return completed_before(app, &owner, &upload, &digest, &completion).await;
    }
    if !upload.takes_bytes(app.db.now()) {
        return Err(Error::InvalidState("the upload is no longer open".into()));
    }
    if !app.store.has_md5_etags() {
        // Only this tells a completion that was cut off from one with other parts.
        let mut tx = app.db.begin().await?;
        tx.announce_parts(&upload.id, &digest).await?;
        tx.commit().await?;
    }
    let stat = match app.store.complete(&reference(&upload), &completion).await {
        Err(store::Error::TooLarge { limit }) => {
            // Possible where the limit was lowered meanwhile; nothing of it is kept.
            end::end(app, caller, &upload, UploadState::Aborted).await?;
            return Err(Error::TooLarge(
                format!("an image may have at most {limit} bytes; the upload was dropped").into(),
            ));
        }
        other => other?,
    };
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    if make_ready(app, caller, &upload, &content, Some(&digest)).await? {
        count("completed");
        metrics::counter!("tidegate_uploaded_bytes_total").increment(content.size);
        tracing::info!(object.id = %id, object.size_bytes = content.size, "an upload was completed");
        return Ok(content);
    }
    resolve_race(app, &owner, &upload, &digest, &completion).await
}

/// Makes the object of a joined upload readable. Returns `false` if the upload is no longer open.
async fn make_ready(
    app: &App,
    caller: &Caller,
    upload: &Upload,
    content: &Content,
    digest: Option<&str>,
) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let ended = tx.end_upload(&upload.id, UploadState::Completed, digest).await?;
    if !ended || !tx.publish_object(upload.object, content, ObjectState::Ready).await? {
        return Ok(false);
    }
    tx.record(caller, AuditAction::UploadCompleted, upload.object, app.db.now()).await?;
    tx.commit().await?;
    Ok(true)
}

/// Finishes a completion that a crash cut off between the blob and its row: if the blob is there, the object is ready.
/// Returns `false` if there is nothing to finish.
pub async fn recover(app: &App, upload: &Upload) -> Result<bool> {
    let stat = match app.store.stat(upload.key.as_str()).await {
        Err(store::Error::NotFound) => return Ok(false),
        other => other?,
    };
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    if !make_ready(app, &Caller::system(), upload, &content, None).await? {
        return Ok(false);
    }
    count("recovered");
    tracing::info!(object.id = %upload.object, "an upload whose completion was cut off is complete");
    Ok(true)
}

/// Returns what became of an upload that another request ended meanwhile: the same completion, or an abort.
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
        // Its bytes may still be needed.
        return Err(Error::InvalidState("the upload changed meanwhile; ask again".into()));
    }
    app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
    Err(Error::InvalidState("the upload was aborted".into()))
}

/// Returns the content of an upload that is complete, if it was completed with the same parts. The object is read only now:
/// what was read before the upload may not have had its content yet. A completion that was recovered may have left no
/// digest of its parts, but where ETags are MD5s the whole's says which they were.
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

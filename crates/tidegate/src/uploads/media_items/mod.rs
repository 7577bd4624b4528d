//! What sessions and spaces have in common: media that are announced, sealed, scanned, made anew, published, deleted and
//! brought back. Who may do what was decided before, by the surface that calls; what becomes of the bytes is in `uploads/ingest`.

pub mod deletion;
pub mod uploads;
pub mod watch;

use std::time::SystemTime;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::media::{Media, Status};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::queue::{self, Job};

pub(crate) fn no_such_media() -> Error {
    Error::NotFound("no such media".into())
}

/// What is said of what is not there, in the words of its surface.
fn gone(owner: &Owner) -> Error {
    match owner {
        Owner::Space(_) => Error::NotFound("no such image".into()),
        _ => no_such_media(),
    }
}

/// Puts one that failed back to the start. `false` if it has not failed.
pub(crate) async fn requeue(tx: &mut Tx, caller: &Caller, media: &Media, now: SystemTime) -> Result<bool> {
    let id = media.object.id;
    if !tx.move_object(id, ObjectState::Failed, ObjectState::Pending, None).await? {
        return Ok(false);
    }
    tx.add_status_change(&media.owner, id, Status::Uploaded.into(), None, now).await?;
    tx.record(caller, AuditAction::MediaRetried, id, now).await?;
    tx.tell(id).await?;
    // The one that failed may still be at its last steps, and would take the new one along when it ends.
    let job = match (&media.sealed, &media.imported_from) {
        (None, Some(from)) => Job::ImportImageV1 { object: id.0, key: from.clone() },
        _ => Job::IngestV1 { object: id.0, video: is_video(media) },
    };
    queue::enqueue_anew(tx, &job, now).await?;
    Ok(true)
}

/// Has one that failed tried again.
pub(crate) async fn retry(app: &App, caller: &Caller, media: &Media) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if !requeue(&mut tx, caller, media, app.db.now()).await? {
        return Err(Error::InvalidState("only what failed can be tried again".into()));
    }
    tx.commit().await?;
    app.jobs.notify();
    app.news.notify();
    Ok(())
}

/// Whether it was announced as one.
pub(crate) fn is_video(media: &Media) -> bool {
    media.object.content_type.starts_with("video/")
}

/// Bytes of what is published.
pub(crate) fn size(media: &Media) -> i64 {
    media.object.content.as_ref().map_or(0, |content| i64::try_from(content.size).unwrap_or(i64::MAX))
}

//! Maps each job to the function that performs it, and to the consequences of its dead letter.
//! Never claims or retries jobs; see `runner`.

use store::UploadRef;

use super::{bulk, removal, rescan, sweep};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::library::{cdn_invalidations, objects, thaw_job};
use crate::model::ids::{ObjectId, SessionId, SpaceId, UserId};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::queue::{Job, enqueue};
use crate::surfaces::{files, imports, packages};
use crate::uploads::effects::{self, Item};
use crate::uploads::{media_items, outcome, process, scan};

/// Locks the counters of a job's object. A publication locks them before it withdraws the job, so a
/// dead letter does so before it locks the job.
pub(super) async fn lock_counters(app: &App, tx: &mut Tx, job: &Job) -> Result<()> {
    let Some(object) = job.pipeline_object() else { return Ok(()) };
    match Item::find_by_id_unscoped(&app.db, object).await? {
        Some(item) => effects::lock_counters(tx, &item).await,
        None => Ok(()),
    }
}

/// Applies the consequences of dead-lettering a job, in the same transaction.
pub(super) async fn on_dead_letter(app: &App, tx: &mut Tx, payload: &str, reason: &str) -> Result<()> {
    let Ok(job) = serde_json::from_str::<Job>(payload) else { return Ok(()) };
    if let Some(object) = job.pipeline_object() {
        return outcome::fail(app, tx, object, reason).await;
    }
    match job {
        Job::RestoreTreeV1 { restore, .. } => packages::restoring::on_dead_letter(app, tx, restore).await,
        Job::BulkV1 { bulk } => bulk::on_dead_letter(app, tx, bulk, reason).await,
        Job::RestoreMediaV1 { object } => {
            // Some of the bytes may have been moved into the served root.
            let (id, now) = (ObjectId(object), app.db.now());
            if tx.set_object_state(id, ObjectState::Restoring, ObjectState::Deleted, now).await? {
                enqueue(tx, &Job::HideMediaV1 { object }, now).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Performs a job.
pub async fn perform(app: &App, job: &Job) -> Result<()> {
    match job {
        Job::SweepV1 => sweep::run(app).await,
        Job::RecoverV1 => sweep::recover(app).await,
        Job::ReleaseUploadV1 { upload_id, key } => release_upload(app, upload_id, key).await,
        Job::ReleaseFilesUploadV1 { upload_id } => files::uploads::clear(app, upload_id).await,
        Job::PurgeFilesFolderV1 { user, folder } => {
            let user =
                UserId::parse(user).map_err(|error| Error::Internal(anyhow::anyhow!("a job's user: {error}")))?;
            files::deletion::purge_folder(app, user, folder).await
        }
        Job::PurgeObjectV1 { object, key } => objects::purge(app, ObjectId(*object), key).await,
        Job::IngestV1 { object, .. } => process::run(app, ObjectId(*object)).await,
        Job::ScanFileV1 { object } => scan::run(app, ObjectId(*object)).await,
        Job::ReleaseMediaV1 { object } => media_items::clear(app, ObjectId(*object)).await,
        Job::HideMediaV1 { object } => {
            media_items::deletion::unpublish_and_invalidate(app, ObjectId(*object)).await.map(drop)
        }
        Job::HideSessionV1 { session } => unpublish_all(app, &session_of(app, session).await?, job).await,
        Job::HideSpaceV1 { space } => {
            let space = SpaceId::parse(space)
                .ok_or_else(|| Error::Internal(anyhow::anyhow!("a job has an invalid space id")))?;
            unpublish_all(app, &Owner::Space(space), job).await
        }
        Job::ImportImageV1 { object, key } => imports::copy(app, ObjectId(*object), key).await,
        Job::InvalidateV1 => cdn_invalidations::send(app).await,
        Job::RestoreSessionV1 { session, since, until } => {
            let until = until.unwrap_or(i64::MAX);
            media_items::deletion::restore_all_bytes(app, &session_of(app, session).await?, *since, until).await
        }
        Job::RestoreMediaV1 { object } => media_items::deletion::restore_bytes(app, ObjectId(*object)).await,
        Job::RescanV1 { object } => rescan::run(app, ObjectId(*object)).await,
        Job::PublishPackageV1 { object } => packages::publishing::run(app, ObjectId(*object)).await,
        Job::HideTreeV1 { dataset, deleted_at, after } => {
            packages::deletion::unpublish_tree(app, *dataset, *deleted_at, *after).await
        }
        Job::HidePackageV1 { package } => packages::deletion::unpublish_package(app, *package).await,
        Job::ForgetAssetV1 { object } => packages::publishing::purge(app, ObjectId(*object)).await,
        Job::RestoreTreeV1 { restore, actor, after } => packages::restoring::run(app, *restore, actor, *after).await,
        Job::ThawV1 { object, since } => follow_thaw(app, ObjectId(*object), *since).await,
        Job::BulkV1 { bulk } => bulk::run(app, *bulk).await,
    }
}

/// Moves the bytes of a deleted owner's media items out of the served root. Re-enqueues itself to
/// stay below the job time limit.
async fn unpublish_all(app: &App, owner: &Owner, job: &Job) -> Result<()> {
    if !media_items::deletion::unpublish_all(app, owner).await? {
        let mut tx = app.db.begin().await?;
        enqueue(&mut tx, job, app.db.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Looks at an object that thaws. If it was deleted, moves its bytes once they can be read.
async fn follow_thaw(app: &App, id: ObjectId, since: i64) -> Result<()> {
    let Some(deleted) = thaw_job::follow(app, id, since).await? else { return Ok(()) };
    let bytes = removal::remove_leftover(app, id, deleted.state, deleted.key.as_str()).await?;
    thaw_job::follow_deleted(app, id, since, bytes).await
}

/// Returns a session as an owner, even if it is deleted.
async fn session_of(app: &App, text: &str) -> Result<Owner> {
    let unknown = || Error::Internal(anyhow::anyhow!("a job has an invalid session id"));
    let id = SessionId::parse(text).ok_or_else(unknown)?;
    app.db.find_session_even_deleted_unscoped(&id).await?.map(|(owner, _)| owner).ok_or_else(unknown)
}

/// Deletes the parts of an aborted upload, and its blob if there is one.
async fn release_upload(app: &App, upload_id: &str, key: &str) -> Result<()> {
    app.store.abort(&UploadRef { key: key.to_owned(), upload_id: upload_id.to_owned() }).await?;
    // A completion that lost the race against the abort may have published a blob in between.
    Ok(app.store.delete(key, store::Deletion::Purge).await?)
}

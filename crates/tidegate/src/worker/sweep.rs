//! The sweep: expires uploads, aborts store uploads without an open row, deletes remains of crashes
//! and old records. An error for one item is logged and does not stop the others. Never deletes
//! keys that the server did not write.

use super::bulk;
use crate::app::{App, PROBES_LIVE};
use crate::error::{Error, Result};
use crate::library::{audit, cdn_invalidations, overview};
use crate::model::caller::Caller;
use crate::model::key;
use crate::model::object::ObjectState;
use crate::model::rules::{self, Landing};
use crate::model::upload::{Upload, UploadState};
use crate::surfaces::{files, packages};
use crate::uploads::{self, media_items};

/// How long the layout of an archive is kept after its token has expired.
const ARCHIVES_KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// The number of blobs in one listing.
const PAGE: usize = 1000;
/// The number of uploads in one query.
const BATCH: i64 = 500;
/// The number of batches of audit events deleted in one run.
const AUDIT_BATCHES: usize = 100;

/// Finishes completions that a crash interrupted between blob and row, and frees the bytes of parts
/// that were never acknowledged. Visits every open upload once after a start.
pub(super) async fn recover(app: &App) -> Result<()> {
    let (mut after, mut failed) = (String::new(), None);
    loop {
        let page = app.db.list_open_uploads(&after, BATCH).await?;
        let Some(last) = page.last() else { return failed.map_or(Ok(()), Err) };
        after.clone_from(&last.id);
        for upload in &page {
            if let Err(error) = recover_one(app, upload).await {
                failed = Some(log_failure(upload, error));
            }
        }
    }
}

/// Finishes an interrupted completion, or frees what an interrupted request has left.
async fn recover_one(app: &App, upload: &Upload) -> Result<()> {
    if finish(app, upload).await? {
        return Ok(());
    }
    match (rules::of(upload.of).landing, &app.local) {
        (Landing::Beside, _) => files::uploads::free_unacknowledged(app, &upload.id).await,
        (Landing::AtKey | Landing::Sealed, Some(local)) if upload.part_size.is_some() => {
            Ok(local.fs.free_unacknowledged(&uploads::reference(upload)).await?)
        }
        (Landing::AtKey | Landing::Sealed, _) => Ok(()),
    }
}

/// Runs all parts of the sweep, and returns the first error.
pub(super) async fn run(app: &App) -> Result<()> {
    let outcomes = [
        mark_old_etags(app).await,
        expire_uploads(app).await,
        abort_orphans(app).await,
        abort_interrupted_writes(app).await,
        delete_remains(app).await,
        delete_probes(app).await,
        delete_drafts(app).await,
        delete_old_events(app).await,
        delete_old_archives(app).await,
        overview::add_up_days(app).await,
        bulk::delete_old(app).await,
        media_items::deletion::purge_old(app, app.db.now()).await,
        packages::deletion::purge_old(app, app.db.now()).await,
        cdn_invalidations::enqueue_if_waiting(app).await,
    ];
    outcomes.into_iter().collect()
}

/// Marks old ETags, which the start does unless the database was unavailable then.
async fn mark_old_etags(app: &App) -> Result<()> {
    if app.local.is_some() { app.db.mark_old_etags().await.map(drop) } else { Ok(()) }
}

/// Expires open uploads whose time has ended.
async fn expire_uploads(app: &App) -> Result<()> {
    let (now, mut after, mut failed) = (app.db.now(), None, None);
    loop {
        let page = app.db.list_expired_uploads(now, after.as_ref(), BATCH).await?;
        let Some(last) = page.last() else { return failed.map_or(Ok(()), Err) };
        after = Some(last.clone());
        for upload in &page {
            if let Err(error) = expire(app, upload).await {
                failed = Some(log_failure(upload, error));
            }
        }
    }
}

/// Finishes an interrupted completion. Returns `false` if there is nothing to finish.
async fn finish(app: &App, upload: &Upload) -> Result<bool> {
    match rules::of(upload.of).landing {
        Landing::AtKey => match uploads::recover(app, upload).await {
            // The upload was dropped, so it is finished too.
            Err(Error::QuotaExceeded(_)) => Ok(true),
            other => other,
        },
        Landing::Beside => files::completion::recover(app, upload).await,
        // The next confirmation continues from the seal.
        Landing::Sealed => Ok(false),
    }
}

/// Expires an upload, unless its interrupted completion can be finished.
async fn expire(app: &App, upload: &Upload) -> Result<()> {
    if finish(app, upload).await? {
        return Ok(());
    }
    match uploads::end(app, &Caller::system(), upload, UploadState::Expired).await {
        // The upload was completed or aborted in the meantime.
        Ok(()) | Err(Error::InvalidState(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Aborts store uploads without an open row, below the server's own prefixes; other programs may
/// use the same bucket.
async fn abort_orphans(app: &App) -> Result<()> {
    let before = app.db.now().checked_sub(app.config.uploads.sweep_grace).unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    let layout = &app.config.images.layout;
    for place in [format!("{}/", layout.images()), key::INCOMING_ROOT.to_owned()] {
        abort_orphans_below(app, &place, before).await?;
    }
    Ok(())
}

/// Aborts store uploads without an open row below one prefix.
async fn abort_orphans_below(app: &App, place: &str, before: std::time::SystemTime) -> Result<()> {
    for open in app.store.list_uploads(place, before).await? {
        let served = app.config.images.layout.served_root(&open.upload.key).is_some();
        if (served || key::is_incoming(&open.upload.key))
            && app.db.upload_state(&open.upload.upload_id).await? != Some(UploadState::Open)
        {
            app.store.abort(&open.upload).await?;
            metrics::counter!("tidegate_orphans_swept_total").increment(1);
            tracing::info!("a store upload without an open record was aborted");
        }
    }
    Ok(())
}

/// Aborts the server's own interrupted multipart writes to a bucket: parts of files, and files that
/// were being joined.
async fn abort_interrupted_writes(app: &App) -> Result<()> {
    let before = app.db.now().checked_sub(app.config.uploads.sweep_grace).unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    for place in key::WRITTEN_PREFIXES {
        for open in app.store.list_uploads(place, before).await? {
            let is_at_work = match key::KeyHolder::parse(&open.upload.key) {
                Some(key::KeyHolder::Upload(id)) => app.db.upload_state(id).await? == Some(UploadState::Open),
                Some(key::KeyHolder::Object(id)) => {
                    app.db.object_state(id).await?.is_some_and(ObjectState::is_under_way)
                }
                None => match app.db.find_expected_unscoped(&open.upload.key).await? {
                    Some(row) => row.state.is_under_way(),
                    // Not a key of this server.
                    None => true,
                },
            };
            if !is_at_work {
                app.store.abort(&open.upload).await?;
                metrics::counter!("tidegate_orphans_swept_total").increment(1);
                tracing::info!("an interrupted write was removed from the store");
            }
        }
    }
    Ok(())
}

/// Deletes blobs of uploads that have ended or have no row, which a crash left between a blob and
/// its row.
async fn delete_remains(app: &App) -> Result<()> {
    let before = app.db.now().checked_sub(app.config.uploads.sweep_grace).unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    for place in key::UNSERVED {
        let (prefix, mut after) = (format!("{place}/"), None::<String>);
        loop {
            let page = app.store.list(&prefix, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for blob in page.iter().filter(|blob| blob.last_modified < before) {
                let is_kept = match key::KeyHolder::parse(&blob.key) {
                    Some(key::KeyHolder::Upload(id)) => {
                        // A multipart upload has the store's id, while its key contains an id of
                        // this server.
                        app.db.upload_state(id).await? == Some(UploadState::Open)
                            || app.db.is_awaited(&blob.key).await?
                    }
                    Some(key::KeyHolder::Object(id)) => {
                        app.db.object_state(id).await?.is_some_and(ObjectState::is_under_way)
                    }
                    // Not a key of this server.
                    None => true,
                };
                if !is_kept {
                    app.store.delete(&blob.key, store::Deletion::Purge).await?;
                    metrics::counter!("tidegate_orphans_swept_total").increment(1);
                    tracing::info!("remains of an upload were deleted from the store");
                }
            }
        }
    }
    Ok(())
}

/// Deletes probes that a killed `tidegate doctor` has left. A look-up of nine folders costs a bucket
/// nine requests, so that it is made by the first sweep of a process and then about once an hour.
async fn delete_probes(app: &App) -> Result<()> {
    if app.probes_swept.now().is_none() {
        return Ok(());
    }
    let before = app.db.now().checked_sub(PROBES_LIVE).unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    for (folder, _) in key::probe_folders(&app.config.images.layout) {
        for blob in app.store.list(&folder, None, PAGE).await?.iter().filter(|blob| blob.last_modified < before) {
            app.store.delete(&blob.key, store::Deletion::Purge).await?;
            metrics::counter!("tidegate_orphans_swept_total").increment(1);
            tracing::info!("a probe that `tidegate doctor` has left was deleted from the store");
        }
    }
    Ok(())
}

/// Deletes drafts of uploads that have ended; a listing of blobs does not contain them.
async fn delete_drafts(app: &App) -> Result<()> {
    let before = app.db.now().checked_sub(app.config.uploads.sweep_grace).unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    for draft in app.store.list_drafts(key::DRAFTS, before).await? {
        // Any other draft is not of this server.
        let Some(key::KeyHolder::Upload(upload)) = key::KeyHolder::parse(&draft) else { continue };
        if app.db.upload_state(upload).await? != Some(UploadState::Open) {
            app.store.discard(&draft).await?;
            metrics::counter!("tidegate_orphans_swept_total").increment(1);
            tracing::info!("parts of an ended upload were deleted from the store");
        }
    }
    Ok(())
}

/// Deletes the layouts of expired archives.
async fn delete_old_archives(app: &App) -> Result<()> {
    let mut tx = app.db.begin().await?;
    // A download in progress may outlast its token.
    let long_ago = app.db.now().checked_sub(ARCHIVES_KEPT).unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    tx.delete_archives(long_ago).await?;
    tx.commit().await
}

/// Deletes old audit events.
async fn delete_old_events(app: &App) -> Result<()> {
    for _ in 0..AUDIT_BATCHES {
        if !audit::delete_old(app).await? {
            break;
        }
    }
    Ok(())
}

/// Logs an error and returns it.
fn log_failure(upload: &Upload, error: Error) -> Error {
    if !error.is_logged() {
        tracing::error!(object.id = %upload.object, error = error.detail(), "an upload could not be swept");
    }
    error
}

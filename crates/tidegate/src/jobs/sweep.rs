//! The sweep: ends uploads whose time is over, and uploads in the store that no row keeps open.

use std::time::SystemTime;

use crate::app::App;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::upload::UploadState;
use crate::{audit, uploads};

/// Uploads ended in one run; the next run goes on.
const BATCH: i64 = 500;
/// Batches of audit events removed in one run.
const AUDIT_BATCHES: usize = 100;

/// Finishes what a crash cut off between a blob and its row. Goes through every open upload once, after a start.
pub(super) async fn recover(app: &App) -> Result<()> {
    let mut after = String::new();
    loop {
        let page = app.db.list_open_uploads(&after, BATCH).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for upload in &page {
            uploads::recover(app, upload).await?;
        }
    }
}

pub(super) async fn run(app: &App) -> Result<()> {
    let now = SystemTime::now();
    for upload in app.db.list_expired_uploads(now, BATCH).await? {
        if uploads::recover(app, &upload).await? {
            continue;
        }
        match uploads::end(app, &Caller::system(), &upload, UploadState::Expired).await {
            // Completed or aborted meanwhile.
            Ok(()) | Err(Error::InvalidState(_)) => {}
            Err(error) => return Err(error),
        }
    }
    for _ in 0..AUDIT_BATCHES {
        if !audit::forget_old(app).await? {
            break;
        }
    }
    let before = now.checked_sub(app.config.uploads.sweep_grace).unwrap_or(SystemTime::UNIX_EPOCH);
    for open in app.store.list_uploads(before).await? {
        // A bucket may be used by others too: what lies outside our roots is theirs.
        if app.config.images.layout.served_root(&open.upload.key).is_none() {
            continue;
        }
        if app.db.upload_state(&open.upload.upload_id).await? != Some(UploadState::Open) {
            app.store.abort(&open.upload).await?;
            metrics::counter!("tidegate_orphans_swept_total").increment(1);
            tracing::info!("an upload that no record keeps open was removed from the store");
        }
    }
    Ok(())
}

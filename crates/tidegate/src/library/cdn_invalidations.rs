//! Queues and sends CDN invalidations of deleted objects. Paths wait in the database until
//! CloudFront accepts them, in batches. They are queued with the delete and again once the bytes
//! are moved, because a CDN that is invalidated too early fetches the bytes again. The server's own
//! edge needs none: it checks whether the bytes exist.

use std::time::Duration;

use aws_lc_rs::digest;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::model::key;
use crate::model::owner::Owner;
use crate::queue::{self, Job};

/// How long the job waits, so that more paths can join its batch.
const GATHERED: Duration = Duration::from_secs(5);
/// The number of paths in one batch. CloudFront allows 3,000 in progress.
const BATCH: i64 = 1000;
/// The number of wildcard paths in one batch. CloudFront allows 15 in progress.
const WILD_BATCH: i64 = 10;

/// Queues the invalidation of keys, if there is a CDN.
pub(crate) async fn queue(app: &App, tx: &mut Tx, keys: &[String]) -> Result<()> {
    let paths: Vec<String> = keys.iter().map(|key| key::cdn_path(key)).collect();
    queue_paths(app, tx, &paths).await
}

/// Queues the invalidation of everything published of an owner, by one wildcard path.
pub(crate) async fn queue_root(app: &App, tx: &mut Tx, owner: &Owner) -> Result<()> {
    queue_paths(app, tx, &[key::cdn_paths(owner)]).await
}

/// Queues the invalidation of CDN paths.
pub(crate) async fn queue_paths(app: &App, tx: &mut Tx, paths: &[String]) -> Result<()> {
    if app.cdn.is_none() || paths.is_empty() {
        return Ok(());
    }
    let now = app.db.now();
    for path in paths {
        tx.queue_invalidation(path, now).await?;
    }
    queue::enqueue(tx, &Job::InvalidateV1, now + GATHERED).await.map(drop)
}

/// Enqueues the job if paths are waiting, because it may have ended just before the last path was
/// queued.
pub(crate) async fn enqueue_if_waiting(app: &App) -> Result<()> {
    if app.cdn.is_none() || (waiting(app, false, 1).await?.is_empty() && waiting(app, true, 1).await?.is_empty()) {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    queue::enqueue(&mut tx, &Job::InvalidateV1, app.db.now()).await?;
    tx.commit().await
}

/// Returns waiting paths.
async fn waiting(app: &App, wild: bool, limit: i64) -> Result<Vec<(i64, String)>> {
    app.db.list_invalidations(wild, limit).await
}

/// Sends all queued invalidations. If CloudFront refuses a batch for the moment, it stays queued
/// and the job is retried. Wildcard paths have their own batches, so that their low limit does not
/// delay the others.
pub(crate) async fn send(app: &App) -> Result<()> {
    let exact = send_all(app, false, BATCH).await;
    let wild = send_all(app, true, WILD_BATCH).await;
    exact.and(wild)
}

/// Sends waiting paths in batches until none is left.
async fn send_all(app: &App, wild: bool, batch: i64) -> Result<()> {
    let (Some(cdn), Some(distribution)) = (&app.cdn, &app.config.cloudfront.distribution) else { return Ok(()) };
    loop {
        let some = waiting(app, wild, batch).await?;
        if some.is_empty() {
            return Ok(());
        }
        let reference = reference(&some);
        let (ids, mut paths): (Vec<i64>, Vec<String>) = some.into_iter().unzip();
        // A path is queued twice by a delete: in its transaction, and once the bytes are moved.
        paths.sort_unstable();
        paths.dedup();
        let outcome = cdn.invalidate(distribution, &paths, &reference).await;
        let label = if outcome.is_ok() { "sent" } else { "failed" };
        metrics::counter!("tidegate_invalidations_total", "outcome" => label).increment(1);
        if let Err(error @ aws::Error::Refused { .. }) = &outcome {
            let message = "the CDN refuses invalidations; check CLOUDFRONT_DISTRIBUTION_ID and \
                           the permission cloudfront:CreateInvalidation";
            tracing::error!(%error, "{message}");
        }
        outcome.map_err(|error| Error::Unavailable(error.into()))?;
        metrics::counter!("tidegate_invalidated_paths_total").increment(u64::try_from(paths.len()).unwrap_or(0));
        tracing::info!(paths = paths.len(), "invalidations were sent to the CDN");
        let mut tx = app.db.begin().await?;
        tx.delete_invalidations(&ids).await?;
        tx.commit().await?;
    }
}

/// Returns the caller reference of a batch. It is the same for the same rows, so that a repeated
/// batch has no effect, and differs for a later delete of the same paths, which CloudFront would
/// otherwise ignore.
fn reference(rows: &[(i64, String)]) -> String {
    let lines: String = rows.iter().map(|(id, path)| format!("{id} {path}\n")).collect();
    let digest = digest::digest(&digest::SHA256, lines.as_bytes());
    format!("tidegate-{}", hex::encode(&digest.as_ref()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_known_by_its_rows() {
        let row = |id| (id, "/a".to_owned());
        assert_eq!(reference(&[row(1), row(2)]), reference(&[row(1), row(2)]));
        assert_ne!(reference(&[row(1)]), reference(&[row(2)]), "deleted again after a restore");
    }
}

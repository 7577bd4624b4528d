//! Telling the CDN of what was deleted, so that it forgets what it still has. The edge of our own needs no such word: it
//! looks whether the bytes are there. Paths wait in the database until CloudFront has taken them, and go in batches: it takes
//! only so many at once. They are queued with the delete, and again once the bytes are gone: a CDN that forgets too early
//! fetches them again.

use std::time::Duration;

use aws_lc_rs::digest;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::model::key;
use crate::model::owner::Owner;
use crate::queue::{self, Job};

/// Others may follow within a moment.
const GATHERED: Duration = Duration::from_secs(5);
/// Paths in one batch; CloudFront takes 3,000 that it is not done with.
const BATCH: i64 = 1000;
/// The same of those that end in a wildcard, of which it takes 15.
const WILD_BATCH: i64 = 10;

/// Has the CDN told of keys, where there is one.
pub(crate) async fn queue(app: &App, tx: &mut Tx, keys: &[String]) -> Result<()> {
    let paths: Vec<String> = keys.iter().map(|key| key::cdn_path(key)).collect();
    queue_paths(app, tx, &paths).await
}

/// The same of all that is published of an owner, by one path.
pub(crate) async fn queue_root(app: &App, tx: &mut Tx, owner: &Owner) -> Result<()> {
    queue_paths(app, tx, &[key::cdn_paths(owner)]).await
}

/// The same by paths as the CDN has them.
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

/// Makes sure that somebody tells it of what waits: a job may have ended as the last path came.
pub(crate) async fn make_sure(app: &App) -> Result<()> {
    if app.cdn.is_none() || (waiting(app, false, 1).await?.is_empty() && waiting(app, true, 1).await?.is_empty()) {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    queue::enqueue(&mut tx, &Job::InvalidateV1, app.db.now()).await?;
    tx.commit().await
}

async fn waiting(app: &App, wild: bool, limit: i64) -> Result<Vec<(i64, String)>> {
    app.db.list_invalidations(wild, limit).await
}

/// Tells it of all that waits. What it is too busy for waits on, with the job's pauses; wildcards, of which it takes few, keep
/// no others waiting.
pub(crate) async fn send(app: &App) -> Result<()> {
    let exact = send_all(app, false, BATCH).await;
    let wild = send_all(app, true, WILD_BATCH).await;
    exact.and(wild)
}

async fn send_all(app: &App, wild: bool, batch: i64) -> Result<()> {
    let Some(cdn) = &app.cdn else { return Ok(()) };
    loop {
        let some = waiting(app, wild, batch).await?;
        if some.is_empty() {
            return Ok(());
        }
        let reference = reference(&some);
        let (ids, mut paths): (Vec<i64>, Vec<String>) = some.into_iter().unzip();
        // A delete says so twice: in its transaction, and once the bytes are gone.
        paths.sort_unstable();
        paths.dedup();
        let outcome = cdn.invalidate(&paths, &reference).await;
        let label = if outcome.is_ok() { "sent" } else { "failed" };
        metrics::counter!("tidegate_invalidations_total", "outcome" => label).increment(1);
        if let Err(error @ cdn::Error::Refused { .. }) = &outcome {
            tracing::error!(%error, "the CDN can't be told of what was deleted (CLOUDFRONT_DISTRIBUTION_ID, and the right to cloudfront:CreateInvalidation)");
        }
        outcome.map_err(|error| Error::Unavailable(error.into()))?;
        metrics::counter!("tidegate_invalidated_paths_total").increment(u64::try_from(paths.len()).unwrap_or(0));
        tracing::info!(paths = paths.len(), "the CDN was told of what was deleted");
        let mut tx = app.db.begin().await?;
        tx.delete_invalidations(&ids).await?;
        tx.commit().await?;
    }
}

/// The same for the same rows, so that a batch which is sent twice is one; another one for the same paths of a later delete,
/// which CloudFront would take for done.
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
        assert_ne!(reference(&[row(1)]), reference(&[row(2)]), "deleted again after it was brought back");
    }
}

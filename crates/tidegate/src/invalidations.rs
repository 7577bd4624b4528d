//! Telling the CDN of what was deleted, so that it forgets what it still has. The edge of our own needs no such word: it
//! looks whether the bytes are there. Paths wait in the database with the delete that they follow from, and go in batches:
//! CloudFront takes only so many at once.

use std::time::Duration;

use aws_lc_rs::digest;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::model::key;
use crate::model::owner::Owner;

/// Others may follow within a moment.
const GATHERED: Duration = Duration::from_secs(5);
/// Paths in one batch; CloudFront takes 3,000 that it is not done with.
const BATCH: i64 = 1000;

/// Has the CDN told of keys, where there is one.
pub(crate) async fn queue(app: &App, tx: &mut Tx, keys: &[String]) -> Result<()> {
    if app.cdn.is_none() || keys.is_empty() {
        return Ok(());
    }
    let now = app.db.now();
    for key in keys {
        tx.queue_invalidation(&format!("/{key}"), now).await?;
    }
    jobs::enqueue(tx, &Job::InvalidateV1, now + GATHERED).await.map(drop)
}

/// The same of all that is published of an owner, by one path.
pub(crate) async fn queue_root(app: &App, tx: &mut Tx, owner: &Owner) -> Result<()> {
    queue(app, tx, &[format!("{}*", key::root(owner))]).await
}

/// Makes sure that somebody tells it of what waits: a job may have ended as the last path came.
pub(crate) async fn make_sure(app: &App) -> Result<()> {
    if app.cdn.is_none() || app.db.list_invalidations(1).await?.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    jobs::enqueue(&mut tx, &Job::InvalidateV1, app.db.now()).await?;
    tx.commit().await
}

/// Tells it of all that waits. What it is too busy for waits on, with the job's pauses.
pub(crate) async fn send(app: &App) -> Result<()> {
    let Some(cdn) = &app.cdn else { return Ok(()) };
    loop {
        let some = app.db.list_invalidations(BATCH).await?;
        if some.is_empty() {
            return Ok(());
        }
        let (ids, paths): (Vec<i64>, Vec<String>) = some.into_iter().unzip();
        let told = cdn.invalidate(&paths, &reference(&paths)).await;
        let outcome = if told.is_ok() { "sent" } else { "failed" };
        metrics::counter!("tidegate_invalidations_total", "outcome" => outcome).increment(1);
        told.map_err(|error| Error::Unavailable(error.into()))?;
        metrics::counter!("tidegate_invalidated_paths_total").increment(u64::try_from(paths.len()).unwrap_or(0));
        tracing::info!(paths = paths.len(), "the CDN was told of what was deleted");
        let mut tx = app.db.begin().await?;
        tx.forget_invalidations(&ids).await?;
        tx.commit().await?;
    }
}

/// The same for the same paths, so that a batch which is sent twice is one.
fn reference(paths: &[String]) -> String {
    let digest = digest::digest(&digest::SHA256, paths.join("\n").as_bytes());
    format!("tidegate-{}", hex::encode(&digest.as_ref()[..16]))
}

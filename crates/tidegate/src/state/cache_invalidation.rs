//! Follows what other servers change, so that records may be kept in memory beside them.
//!
//! A server keeps records only while it hears itself: it speaks every now and then by the database, and whoever does not
//! hear that is deaf to the others too. Then it forgets everything and asks the database each time.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::object_cache::ObjectCache;
use crate::db::{Change, Db};
use crate::error::{Error, Result};

/// How often a server speaks.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long it may hear nothing of itself.
const MAX_SILENCE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_secs(2);
/// Changes that may wait to be followed; more are the end of listening, and of what is kept.
const MAX_QUEUED: usize = 4096;

/// Follows changes until `stop`.
pub async fn follow(db: &Db, cache: &ObjectCache, stop: CancellationToken) {
    if !db.is_shared() {
        return;
    }
    while !stop.is_cancelled() {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = listen(db, cache) => outcome,
        };
        cache.disable();
        if let Err(error) = outcome {
            tracing::debug!(error = error.detail(), "changes by other servers are not heard; no record is kept");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

async fn listen(db: &Db, cache: &ObjectCache) -> Result<()> {
    let Some(mut changes) = db.changes().await? else { return Ok(()) };
    let (sender, mut queue) = mpsc::channel(MAX_QUEUED);
    // A task of its own: a message that is half read must not be dropped with a wait.
    let reading = tokio::spawn(async move {
        loop {
            let change = changes.next().await;
            let ended = change.is_err();
            if sender.try_send(change).is_err() || ended {
                return;
            }
        }
    });
    let outcome = apply_changes(db, cache, &mut queue).await;
    reading.abort();
    outcome
}

async fn apply_changes(db: &Db, cache: &ObjectCache, queue: &mut mpsc::Receiver<Result<Change>>) -> Result<()> {
    let silent = || Error::Unavailable(anyhow::anyhow!("no heartbeat was received from the database"));
    let own = Uuid::new_v4();
    let (mut heard_at, mut beat) = (Instant::now(), tokio::time::interval(HEARTBEAT));
    loop {
        tokio::select! {
            change = queue.recv() => match change.ok_or_else(silent)?? {
                Change::Object(object) => {
                    cache.remove(object);
                    db.signals().changes.notify();
                }
                Change::Jobs => db.signals().jobs.notify(),
                Change::Beat(server) if server == own => {
                    heard_at = Instant::now();
                    cache.enable();
                }
                Change::Beat(_) => {}
            },
            _ = beat.tick() => {
                if heard_at.elapsed() > MAX_SILENCE {
                    return Err(silent());
                }
                tokio::time::timeout(HEARTBEAT, db.beat(own)).await.map_err(|_| silent())??;
            }
        }
    }
}

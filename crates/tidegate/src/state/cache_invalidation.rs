//! Applies the changes of other servers to the object cache. Caching is on only while this server
//! receives its own NOTIFY heartbeat; without it, the notifications of other servers would be
//! missed too, so the cache is emptied and disabled. Never runs if the database is not shared.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::object_cache::ObjectCache;
use crate::db::{Change, Db};
use crate::error::{Error, Result};

/// The interval of the heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the heartbeat may be missing.
const MAX_SILENCE: Duration = Duration::from_secs(3);
/// How long after an error listening starts again.
const RETRY: Duration = Duration::from_secs(2);
/// The number of changes that may be queued. If there are more, listening starts again with an
/// empty cache.
const MAX_QUEUED: usize = 4096;

/// Applies changes until `stop` is cancelled.
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
            tracing::debug!(error = error.detail(), "changes by other servers are not received; caching is off");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Listens to notices and applies them, until an error.
async fn listen(db: &Db, cache: &ObjectCache) -> Result<()> {
    let Some(mut changes) = db.changes().await? else { return Ok(()) };
    let (sender, mut queue) = mpsc::channel(MAX_QUEUED);
    // Runs in its own task, because a message that is partly read must not be cancelled.
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

/// Applies received changes and sends the heartbeat, until an error or a missing heartbeat.
async fn apply_changes(db: &Db, cache: &ObjectCache, queue: &mut mpsc::Receiver<Result<Change>>) -> Result<()> {
    let silent = || Error::Unavailable(anyhow::anyhow!("no heartbeat was received from the database"));
    let own = Uuid::new_v4();
    let (mut heard_at, mut beat) = (Instant::now(), tokio::time::interval(HEARTBEAT));
    loop {
        tokio::select! {
            change = queue.recv() => match change.ok_or_else(silent)?? {
                Change::Object(object) => {
                    cache.remove(object);
                    db.signals().changes.notify_all();
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

//! Refusals on their way to the audit log. They are written by a writer of their own, so that a flood of refusals delays
//! no request and holds no more than a bounded queue.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use moka::sync::Cache;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::error::Result;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::ObjectId;
use crate::model::owner::Owner;

/// Refusals that may wait to be written; more are counted and dropped.
const WAITING: usize = 1024;
/// Taken at once; with what came meanwhile they are written in one transaction.
const BATCH: usize = 100;
/// Between two of them: refusals must not keep changes from the disk.
const PAUSE: Duration = Duration::from_millis(200);
/// So many refusals of one sort, by one party and about one owner, are recorded in a minute; the others are counted.
const PER_MINUTE: u32 = 10;

/// Where refusals go.
#[derive(Debug)]
pub struct Refusals {
    /// How many there were lately: who, what, whose.
    lately: Cache<(String, Action, Option<Owner>), Arc<AtomicU32>>,
    sender: mpsc::Sender<NewEvent>,
    receiver: Mutex<Option<mpsc::Receiver<NewEvent>>>,
}

impl Default for Refusals {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let lately = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(60)).build();
        Self { lately, sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Refusals {
    /// Notes that somebody was refused.
    pub fn note(&self, caller: &Caller, action: Action, owner: Option<&Owner>, object: Option<ObjectId>) {
        let sort = (caller.principal.name().to_owned(), action, owner.cloned());
        let before = self.lately.get_with(sort, Arc::default).fetch_add(1, Ordering::Relaxed);
        if before >= PER_MINUTE {
            return metrics::counter!("tidegate_audit_dropped_total").increment(1);
        }
        let event = NewEvent {
            at: SystemTime::now(),
            caller: caller.clone(),
            action: AuditAction::Refused(action),
            owner: owner.cloned(),
            object,
        };
        if self.sender.try_send(event).is_err() {
            metrics::counter!("tidegate_audit_dropped_total").increment(1);
        }
    }

    /// Writes what is noted until `stop`, and then what is left. Called once.
    pub async fn write(&self, db: &Db, stop: CancellationToken) {
        let taken = self.receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut receiver) = taken else { return };
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let stopped = tokio::select! {
                _ = receiver.recv_many(&mut batch, BATCH) => false,
                () = stop.cancelled() => true,
            };
            while let Ok(event) = receiver.try_recv() {
                batch.push(event);
            }
            if let Err(error) = write_all(db, &batch).await {
                metrics::counter!("tidegate_audit_dropped_total").increment(batch.len() as u64);
                tracing::error!(error = error.detail(), events = batch.len(), "refusals can't be recorded");
            }
            batch.clear();
            if stopped {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn write_all(db: &Db, batch: &[NewEvent]) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for event in batch {
        tx.record_event(event).await?;
    }
    tx.commit().await
}

//! Queues refusals for the audit log. A background writer stores them in batches, so a flood of
//! refusals delays no request and uses bounded memory. Refusals over the limits are counted in
//! `tidegate_audit_dropped_total` and not stored.

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

/// The most refusals waiting to be written.
const QUEUE_LENGTH: usize = 1024;
/// The most refusals received in one step. Those that arrive meanwhile go into the same
/// transaction.
const BATCH: usize = 100;
/// The pause between two transactions, which leaves the disk to other writers.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);
/// The most refusals recorded per minute of one actor, action and owner.
const PER_MINUTE: u32 = 10;

/// The bounded queue of refusals, and the counters that limit it.
#[derive(Debug)]
pub struct Refusals {
    /// Refusals in the last minute, by actor, action and owner.
    recent: Cache<(String, Action, Option<Owner>), Arc<AtomicU32>>,
    sender: mpsc::Sender<NewEvent>,
    receiver: Mutex<Option<mpsc::Receiver<NewEvent>>>,
}

impl Default for Refusals {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let recent = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(60)).build();
        Self { recent, sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Refusals {
    /// Queues the refusal of an action. Never waits.
    pub fn note(&self, caller: &Caller, action: Action, owner: Option<&Owner>, object: Option<ObjectId>) {
        let sort = (caller.principal.name().to_owned(), action, owner.cloned());
        let before = self.recent.get_with(sort, Arc::default).fetch_add(1, Ordering::Relaxed);
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

    /// Writes the refusals that are queued, and returns. For a process that may stop between two
    /// requests without notice; [`Self::write`] must not run there.
    pub async fn flush(&self, db: &Db) {
        let mut batch = Vec::new();
        {
            let mut receiver = self.receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            while let Some(event) = receiver.as_mut().and_then(|receiver| receiver.try_recv().ok()) {
                batch.push(event);
            }
        }
        write_or_log(db, &batch).await;
    }

    /// Writes queued refusals until `stop` is cancelled, then those that are left. Only the first
    /// call writes; later calls return at once.
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
            write_or_log(db, &batch).await;
            batch.clear();
            if stopped {
                return;
            }
            tokio::time::sleep(BATCH_INTERVAL).await;
        }
    }
}

/// Writes refusals, or counts and logs that they are lost.
async fn write_or_log(db: &Db, batch: &[NewEvent]) {
    if let Err(error) = write_all(db, batch).await {
        metrics::counter!("tidegate_audit_dropped_total").increment(batch.len() as u64);
        tracing::error!(error = error.detail(), events = batch.len(), "refusals can't be recorded");
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

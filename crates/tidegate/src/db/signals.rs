//! The signals of commits: enqueued jobs, changes that clients watch, and objects whose cached
//! records are outdated. A transaction collects them while it writes, and [`Signals`] sends them
//! once, after the commit. Callers never send them by hand. `changes` sends them to other servers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::notify::{KeyedNotifier, Notifier};
use crate::model::ids::ObjectId;
use crate::model::owner::Owner;

/// The number of objects sent to other servers in one statement.
const BATCH: usize = 1000;
/// A job that is due within this time is signalled to the workers of the database's own queue.
const SOON: Duration = Duration::from_secs(2);

/// Called with every object that a commit changed, before the commit returns.
type OnObject = Box<dyn Fn(ObjectId) + Send + Sync>;

/// Called with the jobs that a commit enqueued, after the commit.
type OnEnqueued = Box<dyn Fn(&[EnqueuedJob]) + Send + Sync>;

/// A job that a commit enqueued, queued again, or put back for another attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnqueuedJob {
    /// The id of its row.
    pub id: i64,
    /// The name of its class.
    pub class: String,
    /// The time until it is due, by the database's clock.
    pub due_in: Duration,
}

/// The signals of one database to this server, and its queue of notices to the others.
#[derive(Default)]
pub struct Signals {
    /// Notified when a due job was enqueued.
    pub jobs: Notifier,
    /// Notified when something of an owner changed that clients can watch.
    pub changes: KeyedNotifier<Owner>,
    on_object: OnceLock<OnObject>,
    on_enqueued: OnceLock<OnEnqueued>,
    others: Option<Others>,
}

/// The notices that wait to be sent to other servers, each object once.
#[derive(Debug, Default)]
struct Others {
    queued: Mutex<Notices>,
    wake: watch::Sender<()>,
    /// Held while a batch is sent.
    sending: tokio::sync::Mutex<()>,
}

/// The notices of one statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Notices {
    /// The objects that changed.
    pub(super) objects: HashSet<ObjectId>,
    /// Whether a job was enqueued.
    pub(super) jobs: bool,
}

/// The signals that one transaction has collected.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The enqueued jobs, due or not.
    pub(super) jobs: Vec<EnqueuedJob>,
    /// The objects whose state, or whose upload's state, changed.
    pub(super) objects: Vec<ObjectId>,
    /// The owners of whom something changed that clients can watch.
    pub(super) watched: HashSet<Owner>,
}

/// Sends a transaction's signals when dropped. Created before `COMMIT` is sent, so that they are
/// sent even if the outcome stays unknown or the caller is cancelled. Signals without a change are
/// harmless.
#[derive(Debug)]
pub(super) struct Sending {
    signals: Arc<Signals>,
    pending: Pending,
}

impl Signals {
    /// Returns the signals of a database; `shared` if other servers use it.
    pub(super) fn new(shared: bool) -> Self {
        Self { others: shared.then(Others::default), ..Self::default() }
    }

    /// Sets the function that is called with every object that a commit changed, before the commit
    /// returns. Can be set once.
    pub fn on_object_change(&self, forget: impl Fn(ObjectId) + Send + Sync + 'static) {
        let first = self.on_object.set(Box::new(forget));
        debug_assert!(first.is_ok(), "set twice");
    }

    /// Sets the function that is called with the jobs that a commit enqueued. Can be set once.
    pub fn on_enqueued(&self, send: impl Fn(&[EnqueuedJob]) + Send + Sync + 'static) {
        let first = self.on_enqueued.set(Box::new(send));
        debug_assert!(first.is_ok(), "set twice");
    }

    /// Returns a receiver that changes when a notice is queued and closes with the last handle of
    /// the database; `None` if there are no other servers.
    pub(super) fn queue(&self) -> Option<watch::Receiver<()>> {
        self.others.as_ref().map(|others| others.wake.subscribe())
    }

    /// Waits until no batch is being sent. None is sent until the guard is dropped.
    pub(super) async fn sending(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match &self.others {
            Some(others) => Some(others.sending.lock().await),
            None => None,
        }
    }

    /// Removes the next notices from the queue; `None` if there are none.
    pub(super) fn next_notices(&self) -> Option<Notices> {
        let mut queued = self.others.as_ref()?.queued.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = match queued.objects.len() {
            0..=BATCH => std::mem::take(&mut queued.objects),
            _ => {
                let some: HashSet<ObjectId> = queued.objects.iter().take(BATCH).copied().collect();
                queued.objects.retain(|id| !some.contains(id));
                some
            }
        };
        let notices = Notices { objects, jobs: std::mem::take(&mut queued.jobs) };
        (notices != Notices::default()).then_some(notices)
    }

    /// Sends the signals to this server and queues the notices to others.
    fn send(&self, pending: &Pending) {
        if let Some(forget) = self.on_object.get() {
            pending.objects.iter().copied().for_each(forget);
        }
        if let Some(send) = self.on_enqueued.get().filter(|_| !pending.jobs.is_empty()) {
            send(&pending.jobs);
        }
        if pending.any_job_due() {
            tracing::trace!(jobs = ?pending.jobs, "jobs were enqueued");
            self.jobs.notify();
        }
        for owner in &pending.watched {
            self.changes.notify(owner);
        }
        let Some(others) = self.others.as_ref().filter(|_| pending.tells_others()) else { return };
        let mut queued = others.queued.lock().unwrap_or_else(PoisonError::into_inner);
        queued.objects.extend(&pending.objects);
        queued.jobs |= pending.any_job_due();
        drop(queued);
        others.wake.send_replace(());
    }
}

impl Pending {
    /// Returns whether other servers use the database.
    fn tells_others(&self) -> bool {
        !self.objects.is_empty() || self.any_job_due()
    }

    /// Returns whether workers can begin with one of the jobs.
    fn any_job_due(&self) -> bool {
        self.jobs.iter().any(|job| job.due_in <= SOON)
    }

    /// Returns the guard that sends these signals when dropped.
    pub(super) fn sending(self, signals: Arc<Signals>) -> Sending {
        Sending { signals, pending: self }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.signals.send(&self.pending);
    }
}

impl std::fmt::Debug for Signals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Signals").field("others", &self.others).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_notices_leave_in_batches_and_each_once() {
        let signals = Signals::new(true);
        let objects: Vec<ObjectId> = (0..BATCH + 5).map(|_| ObjectId::generate()).collect();
        for _ in 0..2 {
            signals.send(&Pending { objects: objects.clone(), ..Pending::default() });
        }
        let mut sent = HashSet::new();
        while let Some(notices) = signals.next_notices() {
            assert!(notices.objects.len() <= BATCH && !notices.jobs);
            for id in notices.objects {
                assert!(sent.insert(id), "an object was sent twice");
            }
        }
        assert_eq!(sent.len(), objects.len());
        let job = |due_in| EnqueuedJob { id: 1, class: "upkeep".to_owned(), due_in };
        signals.send(&Pending { jobs: vec![job(Duration::from_secs(60))], ..Pending::default() });
        assert_eq!(signals.next_notices(), None, "workers have nothing to do yet");
        signals.send(&Pending { jobs: vec![job(SOON)], ..Pending::default() });
        assert_eq!(signals.next_notices(), Some(Notices { jobs: true, ..Notices::default() }));
        assert!(Signals::new(false).next_notices().is_none());
    }
}

//! Runs the jobs that messages name: receives messages, keeps them hidden while their jobs run, and
//! deletes them. A message is only a name: whether its job is run is decided by the row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::runner::{NamedOutcome, run_named_of};
use crate::app::App;
use crate::model::job_class::JobClass;
use crate::occasionally::Occasionally;
use crate::queue::message;
use crate::queue::transport::{Delivery, HIDDEN, LONGEST_WAIT, Queue};

/// The messages that a process holds beyond twice the jobs that it runs at once.
const AHEAD: usize = 20;
/// The first pause after a failed receive. It doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause after a failed receive.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a message whose job can't be claimed is held before that is tried again.
const OUTAGE_PAUSE: Duration = Duration::from_secs(2);
/// A message that comes so long before its job is due is sent again for the due time: the clocks of
/// sender and database differ a little.
const EARLY: Duration = Duration::from_secs(10);
/// How long finished messages gather before they are deleted together.
const GATHER: Duration = Duration::from_millis(5);
/// How often messages of another shape are logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// How many jobs of each class a process runs at once, whether messages name them or the database.
#[derive(Debug, Clone)]
pub(super) struct Slots([Arc<Semaphore>; JobClass::ALL.len()]);

impl Slots {
    /// Returns as many slots of each class as `count` says.
    pub(super) fn new(count: impl Fn(JobClass) -> usize) -> Self {
        Self(JobClass::ALL.map(|class| Arc::new(Semaphore::new(count(class)))))
    }

    /// Waits for a slot of a class; `None` if the process stops.
    pub(super) async fn wait(&self, class: JobClass, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        let at = JobClass::ALL.iter().position(|other| *other == class)?;
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            slot = Arc::clone(&self.0[at]).acquire_owned() => slot.ok(),
        }
    }
}

/// The messages that this process holds of one queue.
#[derive(Debug)]
struct Held {
    queue: Arc<Queue>,
    deliveries: Mutex<HashMap<u64, Arc<Delivery>>>,
    foreign: Occasionally,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Delivery>>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, number: u64) -> Option<Arc<Delivery>> {
        self.lock().remove(&number)
    }

    fn count_error(&self, operation: &'static str) {
        metrics::counter!("tidegate_queue_errors_total", "queue" => self.queue.name.clone(), "operation" => operation)
            .increment(1);
    }

    fn count_received(&self, outcome: &'static str) {
        metrics::counter!("tidegate_queue_received_total", "queue" => self.queue.name.clone(), "outcome" => outcome)
            .increment(1);
    }
}

/// Runs the jobs that the messages of a queue name, `at_once` of them at most, until `stop` is
/// cancelled. Jobs in progress are finished first; messages whose jobs have not begun are given back.
pub(super) async fn run(app: Arc<App>, queue: Arc<Queue>, slots: Slots, at_once: usize, stop: CancellationToken) {
    let held = Arc::new(Held {
        queue: Arc::clone(&queue),
        deliveries: Mutex::default(),
        foreign: Occasionally::new(LOG_INTERVAL),
    });
    let room = Arc::new(Semaphore::new(at_once * 2 + AHEAD));
    let (done, finished) = mpsc::unbounded_channel();
    let deleting = tokio::spawn(delete(Arc::clone(&held), finished));
    let hiding = tokio::spawn(hide(Arc::clone(&held)));
    let (mut tasks, mut number) = (JoinSet::new(), 0_u64);
    // The first receive does not wait, so that it is known soon whether the queue answers.
    let (mut wait, mut pause) = (Duration::ZERO, Duration::ZERO);
    while !stop.is_cancelled() {
        let receiving = async {
            let first = Arc::clone(&room).acquire_owned().await.ok()?;
            let mut permits = vec![first];
            while permits.len() < queue.max_together()
                && let Ok(permit) = Arc::clone(&room).try_acquire_owned()
            {
                permits.push(permit);
            }
            let received = queue.receive(permits.len(), wait).await;
            Some((permits, received))
        };
        let received = tokio::select! {
            () = stop.cancelled() => break,
            received = receiving => received,
        };
        let Some((permits, received)) = received else { break };
        match received {
            Ok(deliveries) => {
                (wait, pause) = (LONGEST_WAIT, Duration::ZERO);
                for (delivery, permit) in deliveries.into_iter().zip(permits) {
                    number += 1;
                    let delivery = Arc::new(delivery);
                    held.lock().insert(number, Arc::clone(&delivery));
                    let one = One { app: Arc::clone(&app), held: Arc::clone(&held), number, delivery };
                    let (slots, done, stop) = (slots.clone(), done.clone(), stop.clone());
                    tasks.spawn(async move {
                        one.work(&slots, &done, &stop).await;
                        drop(permit);
                    });
                }
            }
            Err(_) => {
                held.count_error("receive");
                (wait, pause) = (Duration::ZERO, (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE));
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
        while tasks.try_join_next().is_some() {}
    }
    queue.stop_receiving().await;
    while tasks.join_next().await.is_some() {}
    drop(done);
    hiding.abort();
    // Deletes what is finished before it ends.
    if let Err(error) = deleting.await {
        tracing::error!(queue = queue.name, %error, "finished messages may appear again");
    }
    let left: Vec<Arc<Delivery>> = held.lock().drain().map(|(_, delivery)| delivery).collect();
    if let Err(error) = queue.release(&left).await {
        tracing::warn!(queue = queue.name, %error, count = left.len(), "messages can't be given back; they appear again by themselves");
    }
    queue.leave().await;
}

/// A message that is worked on.
struct One {
    app: Arc<App>,
    held: Arc<Held>,
    number: u64,
    delivery: Arc<Delivery>,
}

impl One {
    /// Runs the job that the message names, and passes the message on to be deleted. It stays held if
    /// the process stops before.
    async fn work(&self, slots: &Slots, done: &mpsc::UnboundedSender<u64>, stop: &CancellationToken) {
        let Some(id) = message::parse(&self.delivery.body) else { return self.reject().await };
        let outcome = loop {
            match self.run_job(id, slots, stop).await {
                Ok(Some(outcome)) => break outcome,
                Ok(None) => return,
                // Held until the database answers: given back, it would be received again and again,
                // until it counts as poisoned.
                Err(error) => {
                    if !error.is_logged() {
                        tracing::warn!(
                            job.id = id,
                            error = error.detail(),
                            "a job that a message names can't be claimed yet"
                        );
                    }
                    self.held.count_received("unavailable");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(OUTAGE_PAUSE) => {}
                    }
                }
            }
        };
        self.held.count_received(match outcome {
            NamedOutcome::Done => "done",
            NamedOutcome::Failed(_) => "failed",
            NamedOutcome::Gone => "gone",
            NamedOutcome::NotDue(_) => "early",
            NamedOutcome::Leased(_) => "leased",
            // No time limit is set here.
            NamedOutcome::Cut => "failed",
        });
        if let NamedOutcome::NotDue(wait) = outcome
            && wait <= EARLY
            && let Some(transport) = &self.app.transport
        {
            transport.name(self.held.queue.classes.first().copied(), id, wait);
        }
        // The receiver lives until all senders are dropped.
        let _ = done.send(self.number);
    }

    /// Runs a job of the queue's classes when its class has a slot: a message in another queue does not
    /// name it. Returns `None` if the process stops before.
    async fn run_job(
        &self,
        id: i64,
        slots: &Slots,
        stop: &CancellationToken,
    ) -> crate::error::Result<Option<NamedOutcome>> {
        let class = match self.held.queue.classes[..] {
            [class] => Some(class),
            _ => self.app.db.read_job_state(id).await?.and_then(|state| JobClass::parse(&state.class)),
        };
        let class = class.filter(|class| self.held.queue.classes.contains(class));
        let Some(class) = class else { return Ok(Some(NamedOutcome::Gone)) };
        let Some(_slot) = slots.wait(class, stop).await else { return Ok(None) };
        run_named_of(&self.app, Some(class), id, None).await.map(Some)
    }

    /// Puts a message of another shape out of the way.
    async fn reject(&self) {
        let queue = &self.held.queue;
        self.held.count_received("foreign");
        if let Some(others) = self.held.foreign.now() {
            let length = self.delivery.body.len();
            tracing::warn!(
                queue = queue.name,
                length,
                receives = self.delivery.receives,
                others,
                "a message of another shape is left for the dead-letter queue"
            );
        }
        if let Err(error) = queue.reject(&self.delivery).await {
            self.held.count_error("reject");
            tracing::debug!(queue = queue.name, %error, "a message can't be rejected; it appears again");
        }
        self.held.remove(self.number);
    }
}

/// Deletes messages whose jobs were run, until all senders are dropped.
async fn delete(held: Arc<Held>, mut finished: mpsc::UnboundedReceiver<u64>) {
    let mut numbers = Vec::new();
    loop {
        let most = held.queue.max_together();
        if finished.recv_many(&mut numbers, most).await == 0 {
            return;
        }
        let until = tokio::time::Instant::now() + GATHER;
        while numbers.len() < most {
            match tokio::time::timeout_at(until, finished.recv()).await {
                Ok(Some(number)) => numbers.push(number),
                Ok(None) | Err(_) => break,
            }
        }
        let deliveries: Vec<Arc<Delivery>> = numbers.drain(..).filter_map(|number| held.remove(number)).collect();
        if let Err(error) = held.queue.acknowledge(&deliveries).await {
            held.count_error("delete");
            tracing::debug!(queue = held.queue.name, %error, "finished messages can't be deleted; they appear again");
        }
    }
}

/// Keeps the held messages hidden. Ends only when it is aborted: jobs in progress are finished while
/// the process stops.
async fn hide(held: Arc<Held>) {
    loop {
        tokio::time::sleep(HIDDEN / 3).await;
        let deliveries: Vec<Arc<Delivery>> = held.lock().values().cloned().collect();
        match held.queue.extend(&deliveries).await {
            Ok(0) => {}
            // The row's lease still keeps other workers from the job.
            Ok(lost) => {
                held.count_error("extend");
                tracing::warn!(queue = held.queue.name, lost, "messages are no longer hidden from other workers");
            }
            Err(error) => {
                held.count_error("extend");
                tracing::debug!(queue = held.queue.name, %error, "messages can't be kept hidden");
            }
        }
    }
}

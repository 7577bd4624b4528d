//! Runs the jobs of one class, one at a time. Where jobs are short, the transactions that claim and finish
//! them would take most of the time: then several are claimed by one transaction, and those that are
//! done are finished by one, while the next ones run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::runner::{Attempted, IDLE, LEASE, claim_several, perform_claimed, record};
use crate::app::App;
use crate::db::ClaimedJob;
use crate::error::{Error, Result};
use crate::model::job_class::JobClass;

/// The most jobs that are claimed together.
const MOST: usize = 32;
/// A job that takes less time is a short one.
const SHORT: Duration = Duration::from_millis(20);
/// When a job takes longer, those that were claimed after it are given back, for other workers.
const LONG: Duration = Duration::from_millis(100);

/// Runs jobs of a class until `stop` is cancelled. A job in progress is finished first.
pub(super) async fn run(app: Arc<App>, class: JobClass, stop: CancellationToken) {
    let mut subscription = app.db.signals().jobs.subscribe();
    let mut worker = Worker::new(app, class);
    while !stop.is_cancelled() {
        match worker.run_next().await {
            Ok(true) => continue,
            Ok(false) => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = subscription.notified() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
            Err(error) => {
                report(&error, "jobs cannot be claimed");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
        }
    }
    worker.give_back().await;
    worker.recording.close();
    worker.recording.wait().await;
}

/// Logs an error that was not logged yet.
fn report(error: &Error, what: &'static str) {
    if !error.is_logged() {
        tracing::error!(error = error.detail(), "{what}");
    }
}

/// A worker of one class.
struct Worker {
    app: Arc<App>,
    class: JobClass,
    /// The jobs that were claimed and not begun, the most urgent first.
    claimed: VecDeque<ClaimedJob>,
    claimed_at: Instant,
    /// How many jobs in a row were short. None at first, so that one which ends the process takes few
    /// others' attempts with it.
    short: usize,
    /// The outcomes that are being recorded.
    recording: TaskTracker,
    /// As many outcomes are recorded at the same time.
    room: Arc<Semaphore>,
}

impl Worker {
    fn new(app: Arc<App>, class: JobClass) -> Self {
        Self {
            app,
            class,
            claimed: VecDeque::new(),
            claimed_at: Instant::now(),
            short: 0,
            recording: TaskTracker::new(),
            room: Arc::new(Semaphore::new(MOST)),
        }
    }

    /// Runs the next job, and claims some first if none is left. Returns `false` if none is due.
    async fn run_next(&mut self) -> Result<bool> {
        // The lease of one that has waited for too long may be another worker's soon.
        if !self.claimed.is_empty() && self.claimed_at.elapsed() > LEASE / 2 {
            self.give_back().await;
        }
        if self.claimed.is_empty() {
            let (now, most) = (self.app.db.now(), i64::try_from(self.short.clamp(1, MOST)).unwrap_or(1));
            self.claimed_at = Instant::now();
            self.claimed = claim_several(&self.app, Some(self.class), (now, now), LEASE, most).await?.into();
        }
        let Some(job) = self.claimed.pop_front() else { return Ok(false) };
        let started = Instant::now();
        let attempted = self.perform(&job).await;
        let is_done = matches!(attempted, Attempted::Performed(_, Ok(())));
        self.short = if is_done && started.elapsed() < SHORT { self.short.saturating_add(1) } else { 0 };
        if self.short == 0 {
            // What a job that is not short enqueues and changes is there before the next one runs.
            record(&self.app, &job, attempted).await?;
        } else {
            self.record_beside(job, attempted).await;
        }
        Ok(true)
    }

    /// Performs a job. If that takes long, the others are given back.
    async fn perform(&mut self, job: &ClaimedJob) -> Attempted {
        let app = Arc::clone(&self.app);
        let mut performing = std::pin::pin!(perform_claimed(&app, job, None));
        tokio::select! {
            biased;
            attempted = &mut performing => return attempted,
            () = tokio::time::sleep(LONG), if !self.claimed.is_empty() => {}
        }
        self.give_back().await;
        performing.await
    }

    /// Records an outcome while the next job runs.
    async fn record_beside(&self, job: ClaimedJob, attempted: Attempted) {
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
        let app = Arc::clone(&self.app);
        self.recording.spawn(async move {
            if let Err(error) = record(&app, &job, attempted).await {
                report(&error, "the outcome of a job cannot be recorded; it runs again");
            }
            drop(room);
        });
    }

    /// Lets other workers have the jobs that were claimed and not begun.
    async fn give_back(&mut self) {
        if self.claimed.is_empty() {
            return;
        }
        let jobs: Vec<ClaimedJob> = self.claimed.drain(..).collect();
        if let Err(error) = self.app.db.release_unbegun_jobs(&jobs).await {
            report(&error, "jobs that were not begun cannot be given back; their leases expire");
        }
    }
}

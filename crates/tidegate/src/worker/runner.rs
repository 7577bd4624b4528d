//! The runner: claims jobs, extends their leases, performs them, and retries or dead-letters the
//! ones that fail. What each job does is in `perform`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::consumer::{self, Slots};
use super::look;
use super::perform::{lock_counters, on_dead_letter, perform};
use super::several;
use crate::app::App;
use crate::db::{ClaimedJob, Tx, Verdict};
use crate::error::{Error, Result};
use crate::model::from_micros;
use crate::model::job_class::JobClass;
use crate::queue::{Job, enqueue};

/// The duration of a lease.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// How long an idle worker waits for a notification before it polls.
pub(super) const IDLE: Duration = Duration::from_secs(2);
/// How long after a failed lease extension the next one is tried.
const RETRY: Duration = Duration::from_secs(2);
/// The job time limit; a job that runs longer has failed.
const MAX_RUN_TIME: Duration = Duration::from_secs(3600);
/// How long a job that is cut off may take to let go of what it holds.
const CUT_TIME: Duration = Duration::from_millis(500);
/// When a job with an unknown payload is offered again.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(60);
/// How many attempts do not count because the scanner is unavailable.
const SCANNER_WAITS: i64 = 30;
/// The pause after the first failed attempt.
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
/// The longest pause between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// Runs jobs until `stop` is cancelled; jobs in progress are finished first.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    if let Err(error) = app.db.end_leases().await {
        tracing::warn!(
            error = error.detail(),
            "leases of the previous run could not be ended; they expire by themselves"
        );
    }
    let mut tasks = JoinSet::new();
    let slots = Slots::new(|class| workers(&app, class));
    let queues = app.transport.as_ref().map_or(&[][..], |transport| &transport.queues);
    for queue in queues {
        let at_once: usize = queue.classes.iter().map(|class| workers(&app, *class)).sum();
        if at_once > 0 {
            let (app, queue) = (Arc::clone(&app), Arc::clone(queue));
            tasks.spawn(consumer::run(app, queue, slots.clone(), at_once, stop.clone()));
        }
    }
    for class in JobClass::ALL {
        let queue = app.transport.as_ref().and_then(|transport| transport.queue_of(class));
        for _ in 0..workers(&app, class) {
            match queue {
                Some(queue) => {
                    let (app, queue) = (Arc::clone(&app), Arc::clone(queue));
                    tasks.spawn(look::run(app, class, queue, slots.clone(), stop.clone()));
                }
                None => drop(tasks.spawn(several::run(Arc::clone(&app), class, stop.clone()))),
            }
        }
    }
    tasks.spawn(schedule(app, stop));
    while tasks.join_next().await.is_some() {}
}

/// Returns how many jobs of a class this process runs at once.
fn workers(app: &App, class: JobClass) -> usize {
    if !app.config.job_classes.contains(&class) {
        return 0;
    }
    match class {
        JobClass::Upkeep => app.config.queues.concurrent_upkeep,
        JobClass::Scans => app.config.scanner.as_ref().map_or(1, |scanner| scanner.concurrent_scans),
        JobClass::Images => app.config.media.concurrent_images,
        JobClass::Videos => app.config.media.concurrent_videos,
    }
}

/// Enqueues the start-up jobs once and the sweep periodically.
async fn schedule(app: Arc<App>, stop: CancellationToken) {
    let mut jobs = vec![Job::RecoverV1, Job::SweepV1];
    loop {
        match enqueue_all(&app, &jobs).await {
            Ok(()) => jobs = vec![Job::SweepV1],
            Err(error) if error.is_logged() => {}
            Err(error) => tracing::error!(error = error.detail(), "recurring jobs cannot be enqueued"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(app.config.uploads.sweep_interval) => {}
        }
    }
}

/// Enqueues jobs that are due at once.
pub(super) async fn enqueue_all(app: &App, jobs: &[Job]) -> Result<()> {
    let mut tx = app.db.begin().await?;
    for job in jobs {
        enqueue(&mut tx, job, app.db.now()).await?;
    }
    tx.commit().await
}

/// Claims the most urgent due job of a class, or of any class. Dead-letters jobs whose worker
/// vanished during their last attempt.
pub async fn claim(app: &App, class: Option<JobClass>, now: SystemTime, lease: Duration) -> Result<Option<ClaimedJob>> {
    claim_due(app, class, now, now, lease).await
}

/// Claims a job as [`claim`] does, of those that were due at `due_at`.
async fn claim_due(
    app: &App,
    class: Option<JobClass>,
    now: SystemTime,
    due_at: SystemTime,
    lease: Duration,
) -> Result<Option<ClaimedJob>> {
    Ok(claim_several(app, class, (now, due_at), lease, 1).await?.pop())
}

/// Claims up to `most` of the most urgent jobs as [`claim`] does: those that are due `now` and were at
/// `due_at`. The most urgent one comes first.
pub(super) async fn claim_several(
    app: &App,
    class: Option<JobClass>,
    (now, due_at): (SystemTime, SystemTime),
    lease: Duration,
    most: i64,
) -> Result<Vec<ClaimedJob>> {
    let class = class.map(JobClass::as_str);
    if !app.db.any_job_due(class, now, due_at).await? {
        return Ok(Vec::new());
    }
    let mut tx = app.db.begin().await?;
    dead_letter_vanished(app, &mut tx, now).await?;
    let claimed = tx.claim_due_jobs(class, now, due_at, lease, most).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Dead-letters jobs whose worker vanished during their last attempt.
async fn dead_letter_vanished(app: &App, tx: &mut Tx, now: SystemTime) -> Result<()> {
    for payload in tx.dead_letter_jobs(now).await? {
        let why = "the worker vanished during each attempt";
        if let Err(error) = on_dead_letter(app, tx, &payload, why).await {
            // One failed consequence must not stop all other jobs.
            tracing::error!(error = error.detail(), "the consequences of a dead letter could not be applied");
        }
    }
    Ok(())
}

/// Claims and performs one due job of a class, or of any class. Returns `false` if none is due.
pub async fn run_one(app: &Arc<App>, class: Option<JobClass>) -> Result<bool> {
    run_due(app, class, Duration::ZERO).await
}

/// Does what [`run_one`] does, and cuts the job off at `until`.
pub(super) async fn run_one_until(
    app: &Arc<App>,
    class: Option<JobClass>,
    until: tokio::time::Instant,
) -> Result<bool> {
    let now = app.db.now();
    let Some(claimed) = claim_due(app, class, now, now, LEASE).await? else { return Ok(false) };
    attempt(app, &claimed, Some(until)).await?;
    Ok(true)
}

/// Claims and performs one job that has been due for `overdue`. Returns `false` if there is none.
pub(super) async fn run_due(app: &Arc<App>, class: Option<JobClass>, overdue: Duration) -> Result<bool> {
    let now = app.db.now();
    let due_at = now.checked_sub(overdue).unwrap_or(SystemTime::UNIX_EPOCH);
    let Some(claimed) = claim_due(app, class, now, due_at, LEASE).await? else { return Ok(false) };
    attempt(app, &claimed, None).await?;
    Ok(true)
}

/// What became of a job that was named by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedOutcome {
    /// It succeeded, and its row is gone.
    Done,
    /// Its attempt failed. It is due again after this time; `None` if it was dead-lettered.
    Failed(Option<Duration>),
    /// There is no such job of the class, or it is dead-lettered.
    Gone,
    /// It is due after this time.
    NotDue(Duration),
    /// Another worker has leased it, for this time or longer.
    Leased(Duration),
    /// It was cut off, and can be leased again.
    Cut,
}

/// Claims and performs the job with an id, if it is due and no worker has leased it. Returns an error
/// if the database does not say; the job is then run when it is named again, or found without.
pub async fn run_named(app: &Arc<App>, id: i64) -> Result<NamedOutcome> {
    run_named_of(app, None, id, None).await
}

/// Does what [`run_named`] does for a job of a class, or of any class, and cuts it off at `until`.
pub(super) async fn run_named_of(
    app: &Arc<App>,
    class: Option<JobClass>,
    id: i64,
    until: Option<tokio::time::Instant>,
) -> Result<NamedOutcome> {
    if let Some(claimed) = app.db.claim_job_by_id(id, class, LEASE).await? {
        return attempt(app, &claimed, until).await;
    }
    let Some(state) = app.db.read_job_state(id).await? else { return Ok(NamedOutcome::Gone) };
    if state.state != "QUEUED" || class.is_some_and(|class| class.as_str() != state.class) {
        return Ok(NamedOutcome::Gone);
    }
    let now = app.db.now();
    let until = |at: i64| from_micros(at).duration_since(now).unwrap_or_default();
    match state.lease_until.map(until) {
        Some(left) if !left.is_zero() => return Ok(NamedOutcome::Leased(left)),
        _ => {}
    }
    if state.attempts >= state.max_attempts {
        let mut tx = app.db.begin().await?;
        dead_letter_vanished(app, &mut tx, now).await?;
        tx.commit().await?;
        return Ok(NamedOutcome::Gone);
    }
    // One that is due by now was leased and put back between the two statements.
    Ok(NamedOutcome::NotDue(until(state.run_at)))
}

/// What an attempt has come to, before that is recorded.
#[derive(Debug)]
pub(super) enum Attempted {
    /// The job was performed.
    Performed(Job, Result<()>),
    /// Nobody here knows the job.
    Unknown(serde_json::Error),
    /// It was cut off, and does nothing any more.
    Cut,
}

/// Performs a claimed job and records the outcome. At `until` the job is cut off, which counts as an
/// attempt: one that always takes longer must not be run for ever.
async fn attempt(app: &Arc<App>, claimed: &ClaimedJob, until: Option<tokio::time::Instant>) -> Result<NamedOutcome> {
    let attempted = perform_claimed(app, claimed, until).await;
    record(app, claimed, attempted).await
}

/// Performs a claimed job, and cuts it off at `until`.
pub(super) async fn perform_claimed(
    app: &Arc<App>,
    claimed: &ClaimedJob,
    until: Option<tokio::time::Instant>,
) -> Attempted {
    let job: Job = match serde_json::from_str(&claimed.payload) {
        Ok(job) => job,
        Err(error) => return Attempted::Unknown(error),
    };
    // Runs in its own task, so that a panic fails the job and not the worker.
    let (doing, done) = (Arc::clone(app), job.clone());
    let performing = async move { perform(&doing, &done).await };
    let mut task = AbortOnDropHandle::new(tokio::spawn(performing.in_current_span()));
    let outcome = tokio::select! {
        biased;
        outcome = while_leased(app, claimed, &mut task) => Some(outcome),
        () = reached(until) => None,
    };
    task.abort();
    let Some(outcome) = outcome else {
        // The lease is given back only when the job does nothing any more.
        drop(tokio::time::timeout(CUT_TIME, task).await);
        return Attempted::Cut;
    };
    Attempted::Performed(job, outcome)
}

/// Records what an attempt has come to.
pub(super) async fn record(app: &App, claimed: &ClaimedJob, attempted: Attempted) -> Result<NamedOutcome> {
    match attempted {
        Attempted::Performed(job, outcome) => record_outcome(app, claimed, &job, outcome).await,
        Attempted::Cut => {
            app.db.release_job(claimed).await?;
            Ok(NamedOutcome::Cut)
        }
        Attempted::Unknown(error) => {
            // A newer release may have written it; it is kept for an operator.
            tracing::error!(job.id = claimed.id, %error, "a job has an unknown payload");
            // Another server that shares the queue may be newer and know the job.
            let shared = app.db.is_shared();
            let verdict = if shared { Verdict::Uncounted } else { Verdict::DeadLetter };
            let mut tx = app.db.begin().await?;
            tx.fail_job(claimed, app.db.now() + UNKNOWN_PAUSE, verdict, "not understood").await?;
            tx.commit().await?;
            Ok(NamedOutcome::Failed(shared.then_some(UNKNOWN_PAUSE)))
        }
    }
}

/// Waits until a time; for ever if there is none.
async fn reached(until: Option<tokio::time::Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Waits for a job and extends its lease at half its time. Returns an error if the lease is lost or
/// the job exceeds the time limit.
async fn while_leased(app: &App, claimed: &ClaimedJob, task: &mut AbortOnDropHandle<Result<()>>) -> Result<()> {
    let started = Instant::now();
    let mut extended = Instant::now();
    let mut pause = LEASE / 2;
    loop {
        tokio::select! {
            outcome = &mut *task => return outcome.unwrap_or_else(|panic| Err(Error::Internal(panic.into()))),
            () = tokio::time::sleep(pause) => {}
        }
        if started.elapsed() > MAX_RUN_TIME {
            return Err(Error::Internal(anyhow::anyhow!(
                "the job exceeded its time limit of {} s",
                MAX_RUN_TIME.as_secs()
            )));
        }
        match app.db.extend_job(claimed, app.db.now() + LEASE).await {
            Ok(true) => (extended, pause) = (Instant::now(), LEASE / 2),
            Ok(false) => return Err(Error::Internal(anyhow::anyhow!("the lease was lost"))),
            // If the database is briefly unavailable, the current lease is still valid.
            Err(error) if extended.elapsed() + RETRY < LEASE => {
                if !error.is_logged() {
                    tracing::warn!(job.id = claimed.id, error = error.detail(), "a lease could not be extended yet");
                }
                pause = RETRY;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Records the outcome of an attempt: deletes the job, queues it again, or dead-letters it.
async fn record_outcome(app: &App, claimed: &ClaimedJob, job: &Job, outcome: Result<()>) -> Result<NamedOutcome> {
    let counted = |outcome: &'static str| {
        metrics::counter!("tidegate_jobs_total", "job" => job.name(), "outcome" => outcome).increment(1);
    };
    let Err(error) = outcome else {
        counted("done");
        app.db.finish_job(claimed).await?;
        return Ok(NamedOutcome::Done);
    };
    let outage = is_outage(&error, claimed.max_attempts, job);
    let verdict = match claimed.attempts >= claimed.max_attempts {
        // An outage never dead-letters a job, because deleted bytes must be removed in the end.
        _ if outage => Verdict::Uncounted,
        true => Verdict::DeadLetter,
        false => Verdict::Retry,
    };
    let is_dead_letter = verdict == Verdict::DeadLetter;
    counted(if is_dead_letter { "dead" } else { "failed" });
    let pause = backoff(claimed.attempts).min(job.longest_pause());
    if is_dead_letter {
        tracing::error!(job.id = claimed.id, job.name = job.name(), error = error.detail(), "a job was dead-lettered");
    } else if !error.is_logged() {
        tracing::warn!(
            job.id = claimed.id,
            job.name = job.name(),
            error = error.detail(),
            "a job failed and will be tried again"
        );
    }
    let mut tx = app.db.begin().await?;
    if is_dead_letter {
        lock_counters(app, &mut tx, job).await?;
    }
    if tx.fail_job(claimed, app.db.now() + pause, verdict, error.code().as_str()).await? && is_dead_letter {
        on_dead_letter(app, &mut tx, &claimed.payload, &error.to_string()).await?;
    }
    tx.commit().await?;
    Ok(NamedOutcome::Failed((!is_dead_letter).then_some(pause)))
}

/// Returns whether an attempt failed for a reason that is not the job's own, so that it does not
/// count. `max_attempts` is what earlier outages have raised the job's limit to.
fn is_outage(error: &Error, max_attempts: i64, job: &Job) -> bool {
    match error {
        // Busy: too many others waited for the same connection, turn or permit.
        Error::Unavailable(_) | Error::InsufficientStorage | Error::Busy => true,
        // A restarting scanner is waited for, for about an hour at the longest pauses.
        Error::Scanner(_) => max_attempts < job.max_attempts().cast_signed() + SCANNER_WAITS,
        // A client waits for a job of the pipeline, so a permanent store error must fail it in the
        // end.
        Error::StoreError(_) => job.pipeline_object().is_none(),
        // The bytes can be read again after a thaw.
        Error::Archived(_) => job.pipeline_object().is_none(),
        _ => false,
    }
}

/// Returns the pause before the next attempt; it doubles with every attempt.
fn backoff(attempts: i64) -> Duration {
    let doubled = u32::try_from(attempts - 1).ok().and_then(|n| 2u32.checked_pow(n)).unwrap_or(u32::MAX);
    FIRST_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server under load must not give up the jobs that free space.
    #[test]
    fn what_the_server_lacks_is_no_failure_of_a_job() {
        let (sweep, scan) = (Job::SweepV1, Job::ScanFileV1 { object: uuid::Uuid::nil() });
        for job in [&sweep, &scan] {
            for lacks in [Error::Busy, Error::InsufficientStorage, Error::Unavailable(anyhow::anyhow!("away"))] {
                assert!(is_outage(&lacks, 5, job), "{lacks:?} {job:?}");
            }
            for own in [Error::Internal(anyhow::anyhow!("a fault")), Error::NotFound("it".into())] {
                assert!(!is_outage(&own, 5, job), "{own:?} {job:?}");
            }
        }
        let damaged = || Error::StoreError(store::Error::Damaged("x".into()));
        assert!(is_outage(&damaged(), 5, &sweep) && !is_outage(&damaged(), 5, &scan));
    }

    #[test]
    fn backoff_doubles_up_to_an_hour() {
        assert_eq!([1, 2, 5, 12, 100].map(|n| backoff(n).as_secs()), [2, 4, 32, 3600, 3600]);
    }
}

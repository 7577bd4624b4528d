//! The runner: claims jobs, keeps their leases, does them, puts them back or gives them up.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::perform::{on_dead_letter, perform};
use crate::app::App;
use crate::db::{ClaimedJob, Verdict};
use crate::error::{Error, Result};
use crate::queue::{Class, Job, enqueue};

/// Workers for what is quick.
const UPKEEP_WORKERS: usize = 2;
const LEASE: Duration = Duration::from_secs(30);
/// How long a worker sleeps when nothing rings.
const IDLE: Duration = Duration::from_secs(2);
/// When a lease could not be extended, it is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// No job takes longer; what does has stalled somewhere.
const MAX_RUN_TIME: Duration = Duration::from_secs(3600);
/// When a job that is not understood is offered again.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(60);
/// So often somebody who waits for a scanner is put off for no fault of theirs.
const SCANNER_WAITS: i64 = 30;
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// Works until `stop`; a job that is being done is finished first.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    if let Err(error) = app.db.end_leases().await {
        tracing::warn!(error = error.detail(), "leases of the run before end by themselves");
    }
    let mut tasks = JoinSet::new();
    let media = &app.config.media;
    let scans = app.config.scanner.as_ref().map_or(1, |scanner| scanner.concurrent_scans);
    for (class, workers) in [
        (Class::Upkeep, UPKEEP_WORKERS),
        (Class::Scans, scans),
        (Class::Images, media.concurrent_images),
        (Class::Videos, media.concurrent_videos),
    ] {
        for _ in 0..workers {
            tasks.spawn(work(Arc::clone(&app), class, stop.clone()));
        }
    }
    tasks.spawn(schedule(app, stop));
    while tasks.join_next().await.is_some() {}
}

async fn work(app: Arc<App>, class: Class, stop: CancellationToken) {
    let mut subscription = app.db.signals().jobs.subscribe();
    while !stop.is_cancelled() {
        match run_one(&app, Some(class)).await {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = subscription.notified() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
            Err(error) => {
                tracing::error!(error = error.detail(), "jobs can't be claimed");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
        }
    }
}

/// Puts the jobs of a start and the recurring ones into the queue.
async fn schedule(app: Arc<App>, stop: CancellationToken) {
    let mut jobs = vec![Job::RecoverV1, Job::SweepV1];
    loop {
        if let Err(error) = enqueue_all(&app, &jobs).await {
            tracing::error!(error = error.detail(), "recurring jobs can't be enqueued");
        } else {
            jobs = vec![Job::SweepV1];
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(app.config.uploads.sweep_interval) => {}
        }
    }
}

async fn enqueue_all(app: &App, jobs: &[Job]) -> Result<()> {
    let mut tx = app.db.begin().await?;
    for job in jobs {
        enqueue(&mut tx, job, app.db.now()).await?;
    }
    tx.commit().await
}

/// Claims the most urgent job that is due, of a class or of any. What ran out of attempts meanwhile is given up.
pub async fn claim(app: &App, class: Option<Class>, now: SystemTime, lease: Duration) -> Result<Option<ClaimedJob>> {
    let class = class.map(Class::as_str);
    if !app.db.any_job_due(class, now).await? {
        return Ok(None);
    }
    let mut tx = app.db.begin().await?;
    for payload in tx.dead_letter_jobs(now).await? {
        let why = "it was tried again and again, and each time the worker vanished";
        if let Err(error) = on_dead_letter(app, &mut tx, &payload, why).await {
            // One that can't be told of its end must not keep all others from being done.
            tracing::error!(error = error.detail(), "what follows from a job's end was not done");
        }
    }
    let claimed = tx.claim_job(class, now, lease).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Claims and does one job that is due, of a class or of any; `false` if there was none.
pub async fn run_one(app: &Arc<App>, class: Option<Class>) -> Result<bool> {
    let Some(claimed) = claim(app, class, app.db.now(), LEASE).await? else { return Ok(false) };
    let job: Job = match serde_json::from_str(&claimed.payload) {
        Ok(job) => job,
        Err(error) => {
            // A newer release wrote it, or nobody we know: kept for a person to look at.
            tracing::error!(job.id = claimed.id, %error, "a job is not understood");
            // Where servers share the queue, a newer one among them may know it.
            let shared = app.db.is_shared();
            let verdict = if shared { Verdict::Uncounted } else { Verdict::DeadLetter };
            let mut tx = app.db.begin().await?;
            tx.fail_job(&claimed, app.db.now() + UNKNOWN_PAUSE, verdict, "not understood").await?;
            tx.commit().await?;
            return Ok(true);
        }
    };
    // A task of its own, so that a job that panics has failed and its worker lives on.
    let (doing, done) = (Arc::clone(app), job.clone());
    let mut task = tokio::spawn(async move { perform(&doing, &done).await });
    let outcome = while_leased(app, &claimed, &mut task).await;
    task.abort();
    record_outcome(app, &claimed, &job, outcome).await?;
    Ok(true)
}

/// Waits for the work and extends the lease at half time; a lease that was lost ends the wait, and so does work that
/// has no end.
async fn while_leased(app: &App, claimed: &ClaimedJob, task: &mut JoinHandle<Result<()>>) -> Result<()> {
    let started = Instant::now();
    let mut extended = Instant::now();
    let mut pause = LEASE / 2;
    loop {
        tokio::select! {
            outcome = &mut *task => return outcome.unwrap_or_else(|panic| Err(Error::Internal(panic.into()))),
            () = tokio::time::sleep(pause) => {}
        }
        if started.elapsed() > MAX_RUN_TIME {
            return Err(Error::Internal(anyhow::anyhow!("it was still at work after {} s", MAX_RUN_TIME.as_secs())));
        }
        match app.db.extend_job(claimed, app.db.now() + LEASE).await {
            Ok(true) => (extended, pause) = (Instant::now(), LEASE / 2),
            Ok(false) => return Err(Error::Internal(anyhow::anyhow!("the lease was lost"))),
            // A database that is away for a moment leaves us the lease that we have.
            Err(error) if extended.elapsed() + RETRY < LEASE => {
                tracing::warn!(job.id = claimed.id, error = error.detail(), "a lease could not be kept yet");
                pause = RETRY;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn record_outcome(app: &App, claimed: &ClaimedJob, job: &Job, outcome: Result<()>) -> Result<()> {
    let counted = |outcome: &'static str| {
        metrics::counter!("tidegate_jobs_total", "job" => job.name(), "outcome" => outcome).increment(1);
    };
    let Err(error) = outcome else {
        counted("done");
        return app.db.finish_job(claimed).await;
    };
    // Somebody waits for what was sent: that a store will never give it is to be said in the end.
    let outage = match error {
        Error::Unavailable(_) => true,
        // A scanner that is updated, or restarted, is waited for: about an hour of longest pauses.
        Error::Scanner(_) => claimed.max_attempts < job.max_attempts().cast_signed() + SCANNER_WAITS,
        Error::StoreError(_) => !matches!(
            job,
            Job::IngestV1 { .. } | Job::ImportImageV1 { .. } | Job::ScanFileV1 { .. } | Job::PublishPackageV1 { .. }
        ),
        _ => false,
    };
    let verdict = match claimed.attempts >= claimed.max_attempts {
        // However long a store or a database is away: bytes that were deleted must go in the end.
        _ if outage => Verdict::Uncounted,
        true => Verdict::DeadLetter,
        false => Verdict::Retry,
    };
    let is_dead_letter = verdict == Verdict::DeadLetter;
    counted(if is_dead_letter { "dead" } else { "failed" });
    let at = app.db.now() + backoff(claimed.attempts).min(job.longest_pause());
    if is_dead_letter {
        tracing::error!(job.id = claimed.id, job.name = job.name(), error = error.detail(), "a job was given up");
    } else {
        tracing::warn!(
            job.id = claimed.id,
            job.name = job.name(),
            error = error.detail(),
            "a job failed and will be tried again"
        );
    }
    let mut tx = app.db.begin().await?;
    if tx.fail_job(claimed, at, verdict, error.code()).await? && is_dead_letter {
        on_dead_letter(app, &mut tx, &claimed.payload, &error.to_string()).await?;
    }
    tx.commit().await
}

/// Doubles with every attempt.
fn backoff(attempts: i64) -> Duration {
    let doubled = u32::try_from(attempts - 1).ok().and_then(|n| 2u32.checked_pow(n)).unwrap_or(u32::MAX);
    FIRST_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_an_hour() {
        assert_eq!([1, 2, 5, 12, 100].map(|n| backoff(n).as_secs()), [2, 4, 32, 3600, 3600]);
    }
}

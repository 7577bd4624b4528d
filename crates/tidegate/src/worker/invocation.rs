//! Jobs of a process that runs only while it is invoked: those that queue messages name, and those
//! that are due when a schedule ticks. Ends before the invocation does; what is not done by then
//! stays with the queue and the database.

use std::sync::Arc;
use std::time::Duration;

use lambda::Message;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::runner::{self, NamedOutcome, run_named_of, run_one_until};
use crate::app::App;
use crate::error::Result;
use crate::model::job_class::JobClass;
use crate::queue::{self, Job};
use crate::telemetry::{self, TraceContext};

/// A message that came this long before its job is due comes again; an earlier one has served its
/// purpose, since another is sent for the time.
const SOON: Duration = Duration::from_secs(10);
/// When a message is sent again whose job could not be run, as while the database does not answer.
const OUTAGE_PAUSE: Duration = Duration::from_secs(60);
/// How long after the limit a job may take to be cut off, and to give its lease back.
const GRACE: Duration = Duration::from_secs(1);

/// Performs the jobs that messages name, at the same time. Returns the ids of the messages that are
/// to come again: nobody has said yet what becomes of their jobs, or `until` came first.
/// `aws_request_id` is the id of the invocation.
pub async fn perform_batch(app: &Arc<App>, aws_request_id: &str, messages: &[Message], until: Instant) -> Vec<String> {
    let handled = messages.iter().map(async |message| {
        let trace_id = tracing::field::Empty;
        let span = tracing::info_span!("message", aws_request_id, message_id = message.id, trace_id);
        if let Some(trace) = message.trace_id.as_deref().and_then(TraceContext::from_amzn) {
            span.record("trace_id", &trace.trace_id);
            telemetry::set_parent(&span, &trace);
        }
        (message, is_handled(app, message, until).instrument(span).await)
    });
    let handled = futures::future::join_all(handled).await;
    handled.into_iter().filter(|(_, is_handled)| !is_handled).map(|(message, _)| message.id.clone()).collect()
}

/// Performs the job of a message. Returns whether the message has served its purpose.
async fn is_handled(app: &Arc<App>, message: &Message, until: Instant) -> bool {
    let outcome = match queue::message::parse(&message.body) {
        // It comes again until the queue moves it to its dead-letter queue, where somebody can look at it.
        None => {
            tracing::error!(receives = message.receives, "a message names no job");
            "foreign"
        }
        Some(job) => outcome_of(app, job, message.receives, until).await,
    };
    metrics::counter!("tidegate_lambda_messages_total", "outcome" => outcome).increment(1);
    outcome == "handled"
}

/// Performs a job, and returns what is counted of its message.
async fn outcome_of(app: &Arc<App>, job: i64, receives: u32, until: Instant) -> &'static str {
    let performing = async {
        match class_of_others(app, job).await? {
            Some(class) => Ok(Performed::NotOurs(class)),
            None => run_named_of(app, None, job, Some(until)).await.map(Performed::Named),
        }
    };
    // Nothing is begun that can't be done.
    let outcome = if Instant::now() < until { timeout_at(until + GRACE, performing).await.ok() } else { None };
    match outcome {
        Some(Ok(Performed::NotOurs(class))) => leave_to_others(app, job, class),
        Some(Ok(Performed::Named(NamedOutcome::NotDue(wait)))) if wait <= SOON => {
            send_again(app, job, class_of(app, job).await, wait)
        }
        Some(Ok(Performed::Named(NamedOutcome::Cut))) => {
            tracing::warn!(job.id = job, receives, "a job took longer than the function may");
            send_again(app, job, class_of(app, job).await, Duration::ZERO)
        }
        None => {
            tracing::warn!(job.id = job, receives, "a job could not be begun in the function's time");
            send_again(app, job, None, SOON)
        }
        Some(Ok(Performed::Named(outcome))) => {
            tracing::debug!(job.id = job, ?outcome, "a message was handled");
            "handled"
        }
        Some(Err(error)) => {
            if !error.is_logged() {
                tracing::error!(error = error.detail(), job.id = job, "a message's job can't be run");
            }
            send_again(app, job, None, OUTAGE_PAUSE)
        }
    }
}

/// What became of the job of a message.
enum Performed {
    /// It was left alone, since processes of its class do it.
    NotOurs(JobClass),
    /// It was run, or not.
    Named(NamedOutcome),
}

/// Returns the class of a job if this function does not do such (`WORKER_CLASSES`).
async fn class_of_others(app: &App, job: i64) -> Result<Option<JobClass>> {
    let classes = &app.config.job_classes;
    if classes.len() == JobClass::ALL.len() {
        return Ok(None);
    }
    let state = app.db.read_job_state(job).await?;
    Ok(state.and_then(|state| JobClass::parse(&state.class)).filter(|class| !classes.contains(class)))
}

/// Sends a message to the queue of a class that this function does not do, unless that is also a queue
/// of its own: then it comes again, to whoever else receives from it.
fn leave_to_others(app: &App, job: i64, class: JobClass) -> &'static str {
    let transport = app.transport.as_ref();
    let elsewhere = transport.and_then(|transport| transport.queue_of(class));
    let is_shared = |class: &JobClass| app.config.job_classes.contains(class);
    match (transport, elsewhere) {
        (Some(transport), Some(queue)) if !queue.classes.iter().any(is_shared) => {
            transport.name(Some(class), job, Duration::ZERO);
            "handled"
        }
        _ => {
            tracing::warn!(
                job.id = job,
                class = class.as_str(),
                "a message names a job of a class that is not done here"
            );
            "again"
        }
    }
}

/// Returns the class of a job; `None` if the database does not say.
async fn class_of(app: &App, job: i64) -> Option<JobClass> {
    app.db.read_job_state(job).await.ok().flatten().and_then(|state| JobClass::parse(&state.class))
}

/// Sends the message of a job again, to the queue of its class. A message that comes again by itself
/// counts one more receive, and an outage would move it to the dead-letter queue. Without the class it
/// is sent again only if all of this function's classes have one queue.
fn send_again(app: &App, job: i64, class: Option<JobClass>, wait: Duration) -> &'static str {
    let Some(transport) = &app.transport else { return "again" };
    let ours = &app.config.job_classes;
    let is_only = |queue: &queue::transport::Queue| ours.iter().all(|class| queue.classes.contains(class));
    let class =
        class.or_else(|| ours.first().copied().filter(|first| transport.queue_of(*first).is_some_and(|q| is_only(q))));
    match class {
        Some(class) if transport.queue_of(class).is_some() => {
            transport.name(Some(class), job, wait);
            "handled"
        }
        _ => "again",
    }
}

/// Enqueues the recurring jobs, and performs what is due of this function's classes until nothing is
/// or `until` comes.
pub async fn tick(app: &Arc<App>, until: Instant) -> Result<()> {
    let performing = async {
        runner::enqueue_all(app, &[Job::RecoverV1, Job::SweepV1]).await?;
        while Instant::now() < until && run_one_of_each(app, until).await? {}
        Ok(())
    };
    timeout_at(until + GRACE, performing).await.unwrap_or(Ok(()))
}

/// Performs one due job of any class, if this function does all of them, else one of each of its
/// classes. Returns `false` if none is due.
async fn run_one_of_each(app: &Arc<App>, until: Instant) -> Result<bool> {
    let classes = &app.config.job_classes;
    if classes.len() == JobClass::ALL.len() {
        return run_one_until(app, None, until).await;
    }
    let mut is_any = false;
    for class in classes {
        is_any |= run_one_until(app, Some(*class), until).await?;
    }
    Ok(is_any)
}

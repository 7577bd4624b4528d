//! An AWS Lambda function: the API behind API Gateway or a function URL, the worker of queue
//! messages, and the upkeep of a schedule. Listens nowhere. The process stands still between two
//! events and may end there, so that each event's work is finished before its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use lambda::{Answer, ByteStream, Event, Invocation};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::app::{Addresses, App};
use crate::config::{Config, LambdaSetting, Metrics, Origin, StoreSetting};
use crate::db::Database;
use crate::error::Error;
use crate::http::{Gateway, Invoked, record_gauges};
use crate::telemetry::{self, TraceContext};
use crate::worker::invocation;

/// The part of a function's time that a batch or a tick leaves unused.
const RESERVE: Duration = Duration::from_secs(2);
/// The part of it that a request leaves unused.
const REQUEST_RESERVE: Duration = Duration::from_millis(500);
/// The part of it that is left for sending the answer, when everything else is done or is left undone.
const SENDING: Duration = Duration::from_millis(200);

/// What a function answers events with.
struct Function {
    app: Arc<App>,
    gateway: Gateway,
    setting: LambdaSetting,
}

/// Answers events of the Runtime API at an address, until `stop` is cancelled or it is gone. `started`
/// is when the process began.
pub async fn run(
    mut config: Config,
    runtime_api: &str,
    started: Instant,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    require_shared(&config)?;
    // They are written to the log, and nothing is left to be shown.
    config.metrics = Metrics::Off;
    if let Some(namespace) = &config.lambda.namespace {
        telemetry::start_embedded_metrics(namespace);
    }
    let addresses = addresses(&config)?;
    let setting = config.lambda.clone();
    let app = Arc::new(App::open(config, addresses).await?);
    keep_keys_fresh(&app, &stop);
    let function = Arc::new(Function { gateway: Gateway::new(&app), app: Arc::clone(&app), setting });
    let elapsed = started.elapsed();
    metrics::histogram!("tidegate_lambda_start_seconds").record(elapsed.as_secs_f64());
    let start_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), start_ms, "ready for events");
    let running = lambda::run(runtime_api, move |invocation| {
        let function = Arc::clone(&function);
        async move { function.answer(invocation).await }
    });
    let outcome = tokio::select! {
        outcome = running => outcome.map_err(|error| anyhow::anyhow!("the Runtime API: {error}")),
        () = stop.cancelled() => Ok(()),
    };
    stop.cancel();
    app.refusals.flush(&app.db).await;
    telemetry::flush_embedded_metrics();
    app.close().await;
    outcome
}

/// Refuses settings that keep anything in the function itself.
fn require_shared(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        matches!(config.database, Database::Postgres { .. }),
        "SQLite is a file, and a function's files are lost with it: DATABASE_URL must lead to PostgreSQL in AWS Lambda"
    );
    anyhow::ensure!(
        matches!(config.store, StoreSetting::S3(_)),
        "a local store is a folder, and a function's files are lost with it: S3_BUCKET must name a bucket in AWS Lambda"
    );
    anyhow::ensure!(
        !config.lambda.http || !config.insecure_auth() || config.auth.allow_insecure_remote,
        "AUTH_MODE={} believes whatever the caller says, and a function's callers are on other machines: set \
         AUTH_MODE=authorizer or jwt",
        config.auth.mode.as_str()
    );
    anyhow::ensure!(
        !config.lambda.worker || config.scanner.is_some() || config.scanner_off,
        "a worker does what servers have promised, scans among it: say by CLAMAV_HOST where clamd is, or SCANNER=off if \
         there is none; or set LAMBDA_ROLE=http"
    );
    Ok(())
}

/// Returns the addresses that clients are given.
fn addresses(config: &Config) -> anyhow::Result<Addresses> {
    let nowhere = Origin::parse("http://127.0.0.1").context("an address that nobody is told")?;
    let api = match &config.public_base_url {
        Some(url) => url.clone(),
        None if config.lambda.http => {
            anyhow::bail!("PUBLIC_BASE_URL must say the API's address as clients see it: a function listens nowhere")
        }
        None => nowhere.clone(),
    };
    let s3 = match (&config.s3_url, &config.store) {
        (Some(url), _) => url.clone(),
        (None, StoreSetting::S3(s3)) => s3.endpoint.clone(),
        (None, StoreSetting::Local(_)) => nowhere,
    };
    Ok(Addresses { api, edge: config.edge_url.clone(), s3 })
}

/// Reads keys again at their intervals, as far as the process runs.
fn keep_keys_fresh(app: &Arc<App>, stop: &CancellationToken) {
    if app.sign_in.is_external() {
        let (app, stop) = (Arc::clone(app), stop.clone());
        tokio::spawn(async move { app.sign_in.refresh_periodically(stop).await });
    }
    let refresh = app.config.edge.keys_refresh;
    tokio::spawn(Arc::clone(&app.edge_keys).reload_periodically(refresh, stop.clone()));
    let (signing_key, edge_keys) = (Arc::clone(&app.signing_key), Arc::clone(&app.edge_keys));
    tokio::spawn(signing_key.reload_periodically(edge_keys, refresh, stop.clone()));
}

impl Function {
    /// Answers an event, and finishes what its work has left to do: before the answer, or before the end
    /// of one that is streamed.
    async fn answer(self: &Arc<Self>, invocation: Invocation) -> Answer {
        let began = Instant::now();
        let end = tokio::time::Instant::now() + invocation.time_left();
        let span =
            tracing::info_span!("event", aws_request_id = invocation.request_id, trace_id = tracing::field::Empty);
        if let Some(trace) = invocation.trace_id.as_deref().and_then(TraceContext::from_amzn) {
            span.record("trace_id", &trace.trace_id);
            telemetry::set_parent(&span, &trace);
        }
        if let Some(transport) = &self.app.transport {
            transport.set_trace(invocation.trace_id.as_deref());
        }
        let (kind, answer) = self.perform(invocation, end).instrument(span.clone()).await;
        let function = Arc::clone(self);
        let finishing = async move { function.finish(kind, began, end).instrument(span).await };
        match answer {
            Answer::Stream(response) => Answer::Stream(response.map(|content| -> ByteStream {
                Box::pin(content.chain(futures::stream::once(finishing).filter_map(async |()| None)))
            })),
            answer => {
                finishing.await;
                answer
            }
        }
    }

    /// Performs what an event asks for, and returns the kind of the event and the answer. `end` is that
    /// of the invocation.
    async fn perform(&self, invocation: Invocation, end: tokio::time::Instant) -> (&'static str, Answer) {
        let of_request = matches!(invocation.event, Event::Http(_));
        let until = before(end, if of_request { REQUEST_RESERVE } else { RESERVE });
        in_time(until, "the signing key is not read", self.refresh_key()).await;
        match invocation.event {
            Event::Http(event) if self.setting.http => {
                let invoked = Invoked { id: invocation.request_id, trace: invocation.trace_id, until };
                ("http", self.gateway.answer(*event, invoked).await)
            }
            Event::Queue(mut batch) if self.setting.worker => {
                tracing::debug!(messages = batch.messages.len(), "a batch came");
                for message in &mut batch.messages {
                    message.trace_id = message.trace_id.take().or_else(|| invocation.trace_id.clone());
                }
                let id = &invocation.request_id;
                ("queue", Answer::Failures(invocation::perform_batch(&self.app, id, &batch.messages, until).await))
            }
            Event::Schedule if self.setting.worker => {
                let answer = outcome(invocation::tick(&self.app, until).await);
                // Elsewhere they are set when somebody asks for the metrics.
                in_time(before(end, REQUEST_RESERVE), "gauges are not read", record_gauges(&self.app)).await;
                ("schedule", answer)
            }
            Event::Http(_) | Event::Queue(_) | Event::Schedule => {
                ("refused", refusal("an event of the other LAMBDA_ROLE"))
            }
            Event::Other(kind) => ("refused", refusal(&format!("an event that is not known here: {kind}"))),
        }
    }

    /// Reads the signing key again if that was long ago: a function that slept for a day must not sign with
    /// a key that was retired meanwhile. Goes on when this is dropped, and the next event waits for it.
    async fn refresh_key(&self) {
        let app = Arc::clone(&self.app);
        let refreshing = async move {
            if let Some(remote) = &app.remote_key {
                remote.refresh_if_stale(&app.signing_key, &app.edge_keys).await;
            }
        };
        if self.app.remote_key.is_some()
            && let Err(error) = tokio::spawn(refreshing).await
        {
            tracing::error!(%error, "the signing key can't be read again");
        }
    }

    /// Writes and sends what the work has left, as far as the time allows: what is frozen sends nothing.
    async fn finish(&self, kind: &'static str, began: Instant, end: tokio::time::Instant) {
        let until = before(end, SENDING);
        let flushing = async {
            tokio::join!(self.app.refusals.flush(&self.app.db), self.app.flush_messages());
        };
        in_time(until, "refusals or messages are not written", flushing).await;
        self.app.rates.retain_recent();
        metrics::counter!("tidegate_lambda_events_total", "event" => kind).increment(1);
        metrics::histogram!("tidegate_lambda_event_seconds", "event" => kind).record(began.elapsed().as_secs_f64());
        telemetry::flush_embedded_metrics();
    }
}

/// Returns the time that is `reserve` before the end, and not before now.
fn before(end: tokio::time::Instant, reserve: Duration) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now + end.saturating_duration_since(now).saturating_sub(reserve)
}

/// Performs work until a time, and logs what is undone then.
async fn in_time(until: tokio::time::Instant, undone: &'static str, work: impl Future<Output = ()>) {
    if tokio::time::timeout_at(until, work).await.is_err() {
        tracing::warn!("the function's time is over: {undone}");
    }
}

/// Returns the answer to an event that is not for this function. Its source sees an error.
fn refusal(message: &str) -> Answer {
    tracing::error!("{message}");
    Answer::Failed { kind: "UnknownEvent".to_owned(), message: message.to_owned() }
}

/// Returns the answer to a schedule.
fn outcome(outcome: Result<(), Error>) -> Answer {
    match outcome {
        Ok(()) => Answer::Done,
        Err(error) => {
            if !error.is_logged() {
                tracing::error!(error = error.detail(), "the upkeep failed");
            }
            Answer::Failed {
                kind: error.code().as_str().to_owned(),
                message: "the upkeep failed; see the log".to_owned(),
            }
        }
    }
}

//! Logs, metrics and spans: set up once here, and written to from every module through `tracing`
//! and `metrics`. `metrics_table.rs` lists the metrics.

mod embedded;
mod metrics_table;
#[cfg(feature = "otlp")]
mod otlp;
mod trace;

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

pub use self::embedded::{flush_embedded_metrics, start_embedded_metrics};
pub use self::metrics_table::{METRICS, Metric, MetricKind};
#[cfg(feature = "otlp")]
pub use self::otlp::ExportGuard;
pub use self::trace::TraceContext;

/// The exporter of spans; without the feature `otlp` it does nothing.
#[cfg(not(feature = "otlp"))]
#[derive(Debug, Default)]
pub struct ExportGuard(());

#[cfg(not(feature = "otlp"))]
impl ExportGuard {
    /// Sends the remaining spans.
    pub fn shutdown(self) {}
}

/// Sets the parent of a span to the caller's trace; without the feature `otlp` it does nothing.
#[cfg(not(feature = "otlp"))]
pub fn set_parent(_: &tracing::Span, _: &TraceContext) {}

#[cfg(feature = "otlp")]
pub use self::otlp::set_parent;

/// The logging settings.
#[derive(Debug, Clone)]
pub struct Log {
    /// Whether to write JSON lines instead of text.
    pub json: bool,
    /// The name of the log level.
    pub level: &'static str,
    /// The OTLP endpoint that spans are sent to, if any.
    pub otlp_endpoint: Option<String>,
}

/// The recorder of all metrics, once started.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The buckets of histograms in seconds, from a cached signature to a large completion.
const BUCKETS: [f64; 12] = [0.000_25, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Starts logging to standard error, and the export of spans where it is configured. Must be called
/// before the runtime starts; the returned guard must be kept until it has ended.
pub fn start_logs(log: &Log) -> anyhow::Result<ExportGuard> {
    // This workspace logs at the configured level. Libraries log warnings only, and s3s nothing:
    // its messages contain requests, which carry signatures. The pool of connections would say of
    // each of them that the database is away, which `db/` says once.
    let level = log.level;
    let ours = format!("tidegate={level},media={level},store={level},sign={level}");
    let filter = EnvFilter::new(format!("warn,{ours},s3s=off,sqlx_core::pool=off"));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // A log that cannot be written would otherwise cause a panic on writing the error to it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let layer = if log.json {
        layer.json().flatten_event(true).with_current_span(true).with_span_list(false).with_filter(filter).boxed()
    } else {
        layer.with_target(false).with_filter(filter).boxed()
    };
    let registry = tracing_subscriber::registry().with(layer);
    #[cfg(feature = "otlp")]
    let (registry, exporting) = {
        let (spans, exporting) = otlp::layer(log.otlp_endpoint.as_deref())?;
        (registry.with(spans), exporting)
    };
    #[cfg(not(feature = "otlp"))]
    let exporting = ExportGuard::default();
    if let Err(error) = registry.try_init() {
        tracing::debug!(%error, "logging was started before");
    }
    Ok(exporting)
}

/// Starts the metrics recorder. Further calls do nothing.
pub fn start_metrics() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("metrics were started before");
        }
        describe();
        handle
    });
}

/// Renders all metrics in the Prometheus text format.
pub fn render() -> String {
    RECORDER.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Drops old histogram samples; must be called periodically.
pub fn upkeep() {
    if let Some(handle) = RECORDER.get() {
        handle.run_upkeep();
    }
}

/// Sets the gauges of the job queue, read from the database when metrics are requested.
pub fn record_jobs(queued: u64, dead: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a queue of 2^53 jobs is not told from one more")]
    let gauge = |state: &'static str, count: u64| metrics::gauge!("tidegate_jobs", "state" => state).set(count as f64);
    gauge("queued", queued);
    gauge("dead", dead);
}

/// Sets the gauge of users near their quota, read from the database periodically.
pub fn record_quotas(nearly_full: u64) {
    #[expect(clippy::cast_precision_loss, reason = "there are not 2^53 users")]
    metrics::gauge!("tidegate_quotas_nearly_full").set(nearly_full as f64);
}

/// Registers the description of every metric.
fn describe() {
    for Metric { name, kind, meaning, .. } in METRICS {
        match kind {
            MetricKind::Counter => metrics::describe_counter!(*name, *meaning),
            MetricKind::Gauge => metrics::describe_gauge!(*name, *meaning),
            MetricKind::Histogram => metrics::describe_histogram!(*name, *meaning),
        }
    }
}

//! Logs, metrics and spans: set up once here, and written to from every module through `tracing`
//! and `metrics`. The metrics are described in `docs/operations/metrics.md`.

#[cfg(feature = "otlp")]
mod otlp;
mod trace;

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

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
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

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
    METRICS.get_or_init(|| {
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
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Drops old histogram samples; must be called periodically.
pub fn upkeep() {
    if let Some(handle) = METRICS.get() {
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
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    counter!("tidegate_http_requests_total", "Requests by door, method, route and status");
    histogram!("tidegate_http_request_seconds", "Time to the head of the answer");
    gauge!("tidegate_connections", "Open connections by door");
    counter!("tidegate_connections_closed_total", "Connections closed to keep a limit, by door and reason");
    counter!("tidegate_overload_total", "Requests refused because what they need is in use or kept for other clients");
    counter!("tidegate_share_used_up_total", "Requests refused because one address or user holds its share");
    counter!("tidegate_writers_cut_off_total", "Requests cut off because newer ones write the same part");
    counter!("tidegate_watch_looks_total", "Readings of status changes for event streams");
    counter!("tidegate_rate_limited_total", "Requests refused because one user or address sent too many");
    counter!("tidegate_refusals_total", "Requests for what belongs to somebody else");
    counter!("tidegate_sign_in_refused_total", "Requests whose credentials were not taken");
    counter!("tidegate_uploads_total", "Uploads begun, completed, aborted, expired");
    counter!("tidegate_uploaded_bytes_total", "Bytes of completed uploads");
    counter!("tidegate_parts_signed_total", "Presigned part requests");
    counter!("tidegate_part_bytes_total", "Bytes of parts that came through the S3 door");
    counter!("tidegate_objects_deleted_total", "Objects deleted");
    counter!("tidegate_grants_total", "Grants issued");
    counter!("tidegate_signatures_total", "Signatures made; grants of one scope and window share one");
    counter!("tidegate_edge_requests_total", "Edge requests by status and verdict");
    counter!("tidegate_edge_bytes_total", "Bytes the edge handed to its connections");
    histogram!("tidegate_edge_first_byte_seconds", "Time to the first byte of what is allowed");
    counter!("tidegate_edge_signature_cache_total", "Good signatures, verified before or not");
    counter!("tidegate_edge_blob_cache_total", "Looks for an open local file");
    counter!("tidegate_edge_broken_total", "Answers that could not be brought to their end");
    gauge!("tidegate_edge_keys", "Public keys the edge trusts");
    counter!("tidegate_jobs_total", "Attempts at jobs by outcome");
    gauge!("tidegate_jobs", "Jobs in the queue and given up");
    gauge!("tidegate_disk_free_bytes", "Bytes free on the disks that are written to, by folder");
    gauge!("tidegate_disk_free_inodes", "Inodes free on the disks that are written to, by folder");
    gauge!("tidegate_disk_reserve_bytes", "Bytes that uploads leave free, by folder");
    gauge!("tidegate_disk_full", "1 while a disk is full up to its reserve, by folder");
    counter!("tidegate_disk_refused_total", "Writes refused to keep the reserve of a disk");
    gauge!("tidegate_quotas_nearly_full", "Users who have taken more than 80 % of their quota");
    counter!("tidegate_refusal_log_suppressed_total", "Denied requests without a log line of their own");
    counter!("tidegate_audit_dropped_total", "Refusals that were not recorded because too many came at once");
    counter!("tidegate_jwks_fetches_total", "Readings of the token issuer's keys by outcome");
    counter!("tidegate_sessions_total", "Sessions created");
    counter!("tidegate_spaces_total", "Spaces created");
    counter!("tidegate_datasets_total", "Datasets created");
    counter!("tidegate_nodes_deleted_total", "Packages and collections deleted");
    counter!("tidegate_restores_total", "Restores of packages and collections by outcome");
    counter!("tidegate_proxied_total", "Presigned URLs that the proxy accepted");
    histogram!("tidegate_manifest_seconds", "Time to make a download manifest");
    counter!("tidegate_signing_key_changes_total", "Changes of the key that signs grants");
    counter!("tidegate_imports_total", "Imports of objects of the bucket into a space that began");
    counter!("tidegate_invalidations_total", "Batches of paths sent to CloudFront for invalidation, by outcome");
    counter!("tidegate_invalidated_paths_total", "Paths sent to CloudFront for invalidation");
    counter!("tidegate_quota_refused_total", "Requests that a quota refused, by surface and resource");
    counter!("tidegate_turns_refused_total", "What got no turn, by resource and reason");
    histogram!("tidegate_turn_seconds", "Time that something waited for its turn, by resource");
    counter!("tidegate_links_signed_total", "Signed links to files");
    counter!("tidegate_links_refused_total", "Links to files refused because they were not valid or had ended");
    counter!("tidegate_imported_files_total", "Files that an import examined, by outcome");
    counter!("tidegate_archives_total", "Requested ZIP archives");
    counter!("tidegate_media_total", "Media of sessions by what became of them: completed, rejected, failed");
    histogram!("tidegate_media_step_seconds", "Time of a step of making media anew, by step and type");
    counter!("tidegate_scans_total", "Scans for malware by verdict");
    counter!("tidegate_stored_bytes_total", "Bytes published, by scope");
    counter!("tidegate_orphans_swept_total", "Uploads removed from the store that no record kept open");
}

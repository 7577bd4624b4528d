//! Health probes and metrics.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::body;
use super::forwarded::was_forwarded;
use super::serve::Peer;
use crate::app::App;
use crate::config::{Config, Metrics, host_of, is_loopback_host};
use crate::error::Code;
use crate::model::epoch_seconds;
use crate::model::owner::OwnerKind;
use crate::telemetry;

/// Returns the probe routes, which accept any `Host`.
pub(crate) fn probes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(healthz)).routes(routes!(readyz))
}

/// Returns the metrics route of a door that does not check `Host` itself.
pub(crate) fn private_metrics_route() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(private_metrics))
}

/// Returns the metrics route of the API door, which checks `Host`.
pub(crate) fn metrics_route() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `true`.
    ok: bool,
    #[schema(example = "ok")]
    status: &'static str,
    version: &'static str,
}

/// Liveness
///
/// That the process answers.
#[utoipa::path(get, path = "/health", operation_id = "get_health", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { ok: true, status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// That the process answers, and what it has to write to.
#[derive(Debug, Serialize, ToSchema)]
struct DiskHealth {
    /// Always `true`.
    ok: bool,
    #[schema(example = "healthy")]
    status: &'static str,
    version: &'static str,
    /// GB (10⁹ bytes) left on the local store's disk; `null` where the store is a bucket.
    disk_free_gb: Option<f64>,
    /// Whether uploads are taken now: the store answers, and no disk is full up to its reserve.
    writable: bool,
}

/// Liveness, with the state of the disk
///
/// That the process answers, what is free on the local disk, and whether uploads are taken now.
#[utoipa::path(get, path = "/healthz", operation_id = "get_disk_health", tag = "operations", security(()), responses((status = 200, body = DiskHealth)))]
async fn healthz(State(app): State<Arc<App>>) -> Json<DiskHealth> {
    let Json(Health { ok, version, .. }) = health().await;
    #[expect(clippy::cast_precision_loss, reason = "nobody reads the last of sixteen digits")]
    let disk_free_gb = app.disks.of_store().map(|space| (space.free as f64 / 1e7).round() / 100.0);
    let (_, store) = app.probe().await;
    let writable = store.is_none() && !app.disks.is_any_full();
    Json(DiskHealth { ok, status: "healthy", version, disk_free_gb, writable })
}

/// What is reachable.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    ok: bool,
    #[schema(example = "ok")]
    status: &'static str,
    /// `ok`; `full` while its disk is full up to the reserve; or `unavailable`.
    #[schema(example = "ok")]
    database: &'static str,
    /// `ok`; `full` while its disk is full up to the reserve, so that uploads are refused and reads
    /// and deletes work; or `unavailable`.
    #[schema(example = "ok")]
    store: &'static str,
    /// Only where keys are fetched from an issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "signIn")]
    sign_in: Option<&'static str>,
}

/// Readiness
///
/// 200 while database, store and token issuer answer, else 503 saying which does not. A full disk is
/// said here and answers 200, since reads and deletes work.
#[utoipa::path(get, path = "/readyz", operation_id = "get_readiness", tag = "operations", security(()), responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
async fn readyz(State(app): State<Arc<App>>) -> Response {
    let word = |failure: Option<String>, is_full: bool| match failure {
        None if is_full => "full",
        None => "ok",
        Some(_) => "unavailable",
    };
    let (database, store) = app.probe().await;
    let database = word(database, app.disks.is_database_full());
    let store = word(store, app.disks.is_store_full());
    let sign_in = app.sign_in.is_external().then(|| word(app.sign_in.unavailable_reason(), false));
    let ready = [Some(database), Some(store), sign_in].into_iter().flatten().all(|word| word != "unavailable");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Readiness { ok: ready, status: if ready { "ok" } else { "unavailable" }, database, store, sign_in };
    (status, Json(readiness)).into_response()
}

/// Metrics in Prometheus' text format
///
/// For direct requests from this machine unless `METRICS` says otherwise. In production, on `METRICS_PORT` only.
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "operations", security(()), responses((status = 200, body = String, content_type = "text/plain"), (status = 404)))]
async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    let shown_to = on_api_door(&app.config);
    if may_see_metrics(shown_to, &request) {
        record_gauges(&app).await;
    }
    show_metrics(shown_to, &request)
}

/// Returns who may read the metrics on the API door: nobody, where they have a door of their own. In
/// production, a proxy on this machine may forward the API door without a trace, so `loopback` is
/// for the operations door only.
fn on_api_door(config: &Config) -> Metrics {
    match config.metrics {
        _ if config.metrics_port.is_some() => Metrics::Off,
        Metrics::Loopback if config.in_production() => Metrics::Off,
        shown_to => shown_to,
    }
}

/// Metrics on a door that does not check `Host` itself.
#[utoipa::path(get, path = "/metrics", operation_id = "get_metrics", tag = "operations", security(()), responses((status = 200, body = String, content_type = "text/plain"), (status = 404)))]
async fn private_metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    if may_see_metrics(app.config.metrics, &request) {
        record_gauges(&app).await;
    }
    show_private_metrics(app.config.metrics, &request)
}

/// Sets the gauges that are read from the database, the disks and the queues. Errors are logged.
pub async fn record_gauges(app: &App) {
    match app.db.count_jobs().await {
        Ok(counts) => telemetry::record_jobs(counts.queued, counts.dead_letters),
        Err(error) if error.is_logged() => {}
        Err(error) => tracing::warn!(error = error.detail(), "jobs can't be counted"),
    }
    count_quotas(app).await;
    if let Some(transport) = &app.transport {
        transport.record_depths();
    }
    app.disks.record_metrics();
}

/// Responds with the metrics on a door that does not check `Host` itself.
pub(crate) fn show_private_metrics(to: Metrics, request: &Request) -> Response {
    // Under DNS rebinding, a foreign page would read the metrics through a browser on this machine.
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let foreign = to == Metrics::Loopback && !is_loopback_host(host_of(host));
    show_metrics(if foreign { Metrics::Off } else { to }, request)
}

/// Counts users near their quota, at most once a minute, since the query reads every user.
async fn count_quotas(app: &App) {
    let (now, last) = (epoch_seconds(SystemTime::now()), app.quotas_counted.load(Ordering::Relaxed));
    let due = now >= last + 60;
    if !due || app.quotas_counted.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    match app.db.count_nearly_full(app.config.quotas.of(OwnerKind::Files).bytes).await {
        Ok(count) => telemetry::record_quotas(count),
        Err(error) if error.is_logged() => {}
        Err(error) => tracing::warn!(error = error.detail(), "quotas can't be looked at"),
    }
}

/// Returns whether the setting `METRICS` lets the sender of a request read the metrics.
fn may_see_metrics(to: Metrics, request: &Request) -> bool {
    let local = request.extensions().get::<Peer>().is_some_and(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    match to {
        Metrics::Any => true,
        Metrics::Off => false,
        Metrics::Loopback => local && !was_forwarded(request),
    }
}

/// Responds with the metrics, or with 404 to a client that may not read them.
pub(crate) fn show_metrics(to: Metrics, request: &Request) -> Response {
    if !may_see_metrics(to, request) {
        return body(Code::NotFound, "no such route");
    }
    let text = HeaderValue::from_static("text/plain; version=0.0.4");
    ([(header::CONTENT_TYPE, text)], telemetry::render()).into_response()
}

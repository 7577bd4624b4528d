//! Health probes and metrics of a stand-alone edge.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::super::ops::{health, show_private_metrics};
use super::Edge;
use crate::config::Metrics;

/// The edge that is reported on, and the access rule for its metrics.
#[derive(Debug, Clone)]
pub struct EdgeOps {
    /// The edge.
    pub edge: Arc<Edge>,
    /// Which clients may read `/metrics`.
    pub metrics: Metrics,
}

pub(crate) fn router(ops: EdgeOps) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(ops)
}

/// Responds to `/readyz`: ready if at least one key is trusted and the store responds.
async fn ready(State(ops): State<EdgeOps>) -> Response {
    let trusts = ops.edge.edge_keys.verifier().key_pair_ids().next().is_some();
    let store = ops.edge.origin.probe().await;
    if let Err(error) = &store {
        let error = match error {
            store::Error::NotFound => "the folder, or the bucket, is not there".to_owned(),
            other => other.to_string(),
        };
        tracing::error!(error, part = "store", "not ready");
    }
    if !trusts {
        tracing::error!(part = "keys", "not ready: there is no <key-pair-id>.pub.pem in EDGE_KEYS");
    }
    let word = |ok: bool| if ok { "ok" } else { "unavailable" };
    let all = trusts && store.is_ok();
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ok": trusts && store.is_ok(), "status": word(all), "keys": word(trusts), "store": word(store.is_ok()) });
    (status, Json(body)).into_response()
}

async fn metrics(State(ops): State<EdgeOps>, request: Request) -> Response {
    show_private_metrics(ops.metrics, &request)
}

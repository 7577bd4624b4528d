//! What operators ask of a process that only works: alive, ready, how much.

use std::sync::Arc;

use axum::Router;

use super::{no_such_method, no_such_route, ops};
use crate::app::App;

/// Probes and metrics, and nothing else.
pub fn worker_router(app: Arc<App>) -> Router {
    let (routes, _) = ops::probes().merge(ops::private_metrics_route()).split_for_parts();
    routes.fallback(no_such_route).method_not_allowed_fallback(no_such_method).with_state(app)
}

//! The HTTP door of a process that only runs jobs.

use std::sync::Arc;

use axum::Router;

use super::{no_such_method, no_such_route, ops};
use crate::app::App;

/// Returns the router with probes and metrics, and nothing else.
pub fn worker_router(app: Arc<App>) -> Router {
    let (routes, _) = ops::probes().merge(ops::private_metrics_route()).split_for_parts();
    routes.fallback(no_such_route).method_not_allowed_fallback(no_such_method).with_state(app)
}

//! The operations door: probes and metrics, and nothing else. A server has one where `METRICS_PORT`
//! is set, and a process that only runs jobs where `WORKER_PORT` is.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use super::security_headers::{self, SecurityHeaders};
use super::{guard, no_such_method, no_such_route, ops};
use crate::app::App;

/// Returns the router of the door.
pub fn operations_router(app: Arc<App>) -> Router {
    let (routes, _) = ops::probes().merge(ops::private_metrics_route()).split_for_parts();
    routes
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(guard::refuse_malformed))
        .layer(from_fn_with_state(SecurityHeaders::of_pages([]), security_headers::add))
        .with_state(app)
}

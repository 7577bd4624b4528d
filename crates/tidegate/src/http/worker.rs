//! The HTTP door of a process that only runs jobs.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use super::security_headers::{self, SecurityHeaders};
use super::{no_such_method, no_such_route, ops};
use crate::app::App;

/// Returns the router with probes and metrics, and nothing else.
pub fn worker_router(app: Arc<App>) -> Router {
    let (routes, _) = ops::probes().merge(ops::private_metrics_route()).split_for_parts();
    let routes = routes.fallback(no_such_route).method_not_allowed_fallback(no_such_method);
    routes.layer(from_fn_with_state(SecurityHeaders::of_pages([]), security_headers::add)).with_state(app)
}

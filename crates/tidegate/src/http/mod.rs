//! The HTTP layer: the routers of the API, edge and S3 doors, and the middleware that every request
//! passes. No other module knows status codes or headers. Handlers parse a request, call one shared
//! function, and render the result; they hold no rules. `ARCHITECTURE.md` has the map.

mod address;
mod admission;
mod archived;
mod audit;
mod auth;
mod body_pace;
mod bounded_list;
mod bulk;
mod chunks;
pub mod codes;
pub(crate) mod connections;
mod content;
mod cookies;
mod cors;
mod cursor;
mod dashboard;
mod deadline;
mod disks;
mod docs;
mod download;
pub mod edge;
mod error;
mod files;
pub mod first_request;
mod forwarded;
pub mod graphql;
mod guard;
mod head;
mod jobs;
mod json;
mod kept_body;
mod lambda_gateway;
mod landing_page;
mod manual;
mod observe;
pub mod openapi;
mod operations;
mod ops;
mod overview;
mod packages;
mod peer_account;
mod refusal_log;
mod request_filter;
mod s3;
mod security_headers;
pub mod serve;
mod sessions;
mod spaces;
mod time;
mod tokens;
mod turns;
pub mod workers;
mod write_timeout;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use self::cors::CorsPolicy;
use self::guard::Guards;
use self::security_headers::SecurityHeaders;
use crate::app::{App, Local};
use crate::error::Code;
use crate::model::owner::OwnerKind;

/// Read buffer, in bytes, of doors whose requests have small bodies or none.
pub const SMALL_BUFFER: usize = 32 << 10;
/// Read buffer, in bytes, of doors that take uploads; a larger buffer means fewer reads of large
/// bodies. Every connection that sends one can hold as much.
pub const LARGE_BUFFER: usize = 128 << 10;

/// The outermost middleware of the API and S3 doors. The edge logs and counts by itself.
macro_rules! observing {
    ($door:expr, $app:expr) => {{
        let watch = Arc::new(observe::Watch { door: $door, app: Arc::clone($app) });
        from_fn_with_state(watch, observe::observe)
    }};
}

/// The layer that adds the security headers a response lacks.
macro_rules! securing {
    ($headers:expr) => {
        from_fn_with_state($headers, security_headers::add)
    };
}

/// Returns every route of the OpenAPI description, whether or not its surface is enabled.
fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .merge(disks::routes())
        .merge(files::routes())
        .merge(files::byte_routes())
        .merge(files::list_routes())
        .merge(sessions::routes())
        .merge(spaces::routes())
        .merge(packages::routes())
        .merge(jobs::routes())
        .merge(bulk::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
        .merge(overview::routes())
        .merge(ops::probes())
        .merge(ops::metrics_route())
}

/// Returns the router of the API door. A request passes the layers from the bottom up.
pub fn api_router(app: Arc<App>) -> Router {
    let guards = Arc::new(Guards {
        json_cors: CorsPolicy::json(&app.config.cors),
        byte_cors: CorsPolicy::bytes(&app.config.cors, None, "GET, HEAD"),
        app: Arc::clone(&app),
    });
    let others = app.addresses.edge.iter().chain([&app.addresses.s3]);
    let security = SecurityHeaders::of_pages(others);
    let (probes, _) = ops::probes().split_for_parts();
    let always = tokens::routes().merge(audit::routes()).merge(jobs::routes()).merge(overview::routes());
    let (mut surfaces, _) = always.split_for_parts();
    let (mut bytes, mut lists) = (Router::new(), bulk::routes().split_for_parts().0);
    if app.config.is_on(OwnerKind::Disks) {
        surfaces = surfaces.merge(disks::routes().split_for_parts().0);
    }
    if app.config.is_on(OwnerKind::Files) {
        surfaces = surfaces.merge(files::routes().split_for_parts().0);
        bytes = files::byte_routes().split_for_parts().0;
        lists = lists.merge(files::list_routes().split_for_parts().0);
    }
    if app.config.is_on(OwnerKind::Session) {
        surfaces = surfaces.merge(sessions::routes().split_for_parts().0).merge(graphql::routes(&app));
    }
    if app.config.is_on(OwnerKind::Space) {
        surfaces = surfaces.merge(spaces::routes().split_for_parts().0);
    }
    if app.config.is_on(OwnerKind::Dataset) {
        surfaces = surfaces.merge(packages::routes().split_for_parts().0);
    }
    let (metrics, _) = ops::metrics_route().split_for_parts();
    surfaces
        .layer(json::body_limit())
        .merge(lists.layer(json::long_body_limit()))
        .layer(from_fn(turns::take_turns))
        .layer(from_fn_with_state(Arc::clone(&guards), admission::limit_requests))
        .merge(
            bytes
                .layer(from_fn(turns::take_turns))
                .layer(from_fn_with_state(Arc::clone(&guards), admission::limit_uploads)),
        )
        .merge(metrics)
        .merge(landing_page::routes())
        .merge(dashboard::routes(&app))
        .merge(docs::routes())
        .merge(manual::routes())
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi::description()))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(Arc::clone(&guards), guard::limit_rate))
        .layer(from_fn_with_state(Arc::clone(&guards), guard::check_host))
        .layer(from_fn(lambda_gateway::limit_event))
        .layer(from_fn_with_state(guards, guard::cors))
        .merge(probes.method_not_allowed_fallback(no_such_method).layer(from_fn(lambda_gateway::limit_event)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(guard::refuse_malformed))
        .layer(from_fn(error::reword_rejections))
        .layer(from_fn(files::repeat_message))
        .layer(securing!(security))
        .layer(observing!("api", &app))
        .with_state(app)
}

/// Responds to a path without a route.
async fn no_such_route() -> Response<Body> {
    error::body(Code::NotFound, "no such route")
}

/// Responds to a method that the route does not have.
async fn no_such_method() -> Response<Body> {
    error::no_such_method("this route has no such method")
}

pub use self::lambda_gateway::{Gateway, Invoked};
pub use self::operations::operations_router;
pub use self::ops::record_gauges;

/// Returns the router for health probes and metrics of a stand-alone edge.
pub fn edge_ops_router(ops: edge::ops::EdgeOps) -> Router {
    let router = edge::ops::router(ops).fallback(no_such_route).method_not_allowed_fallback(no_such_method);
    router.layer(from_fn(guard::refuse_malformed)).layer(securing!(SecurityHeaders::of_pages([])))
}

/// Returns the router of the S3 door of a local store.
pub fn s3_router(app: Arc<App>, local: Arc<Local>) -> Router {
    let observing = observing!("s3", &app);
    let router = s3::router(app, local).layer(from_fn(turns::take_turns)).layer(CatchPanicLayer::custom(panicked));
    router.layer(securing!(SecurityHeaders::of_objects())).layer(observing)
}

/// Responds to a panic in a handler with 500, and logs it. Other requests are not affected.
#[expect(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer calls")]
fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response<Body> {
    let what = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(what = what.unwrap_or("unknown"), "a handler panicked");
    error::body(Code::Internal, "an internal error occurred")
}

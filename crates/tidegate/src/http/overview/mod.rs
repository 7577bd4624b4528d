//! Routes that say what a server is and how it does: the caller and sign-in for every page, and the
//! overview for operators. The rules are in `library/overview.rs`.

mod identity;
mod server;
mod usage;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use crate::app::App;

type ApiResult<T> = std::result::Result<T, ApiError>;

/// Returns the routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(identity::get_caller))
        .routes(routes!(identity::get_sign_in))
        .routes(routes!(usage::list_usage))
        .routes(routes!(usage::list_usage_days))
        .routes(routes!(server::list_job_queues))
        .routes(routes!(server::list_settings))
        .routes(routes!(server::list_keys))
}

//! Routes for operators: list dead-lettered jobs and retry them. The rules are in
//! `worker/dead_letters.rs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ErrorBody};
use super::time::rfc3339;
use crate::app::App;
use crate::db::DeadLetter;
use crate::error::{Error, bad_request};
use crate::model::caller::Caller;
use crate::model::from_micros;
use crate::worker::dead_letters;

/// The page size where the query gives none.
const USUAL_PAGE: i64 = 100;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_dead)).routes(routes!(retry_dead))
}

/// The query of `GET /v1/jobs/dead`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobsQuery {
    /// After this id.
    after: Option<i64>,
    /// From 1 to 1000; 100 if left out.
    limit: Option<i64>,
}

/// Work that was given up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadJob {
    id: i64,
    /// What was to be done.
    job: serde_json::Value,
    /// How often it was tried.
    attempts: i64,
    /// What was wrong with the last attempt.
    last_error: Option<String>,
    created_at: String,
}

impl From<DeadLetter> for DeadJob {
    fn from(dead: DeadLetter) -> Self {
        let job = serde_json::from_str(&dead.payload).unwrap_or(serde_json::Value::String(dead.payload));
        let created_at = rfc3339(from_micros(dead.created_at));
        Self { id: dead.id, job, attempts: dead.attempts, last_error: dead.last_error, created_at }
    }
}

/// List work that was given up
///
/// For admins and services, the oldest first.
#[utoipa::path(get, path = "/v1/jobs/dead", operation_id = "list_dead_jobs", tag = "operations", security(("bearer" = []), ("user" = []), ("service" = [])), params(JobsQuery),
    responses((status = 200, body = Vec<DeadJob>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
async fn list_dead(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<JobsQuery>, axum::extract::rejection::QueryRejection>,
) -> std::result::Result<Json<Vec<DeadJob>>, ApiError> {
    let Query(asked) = query.map_err(|_| bad_request("after or limit can't be read"))?;
    let (after, limit) = (asked.after.unwrap_or(0), asked.limit.unwrap_or(USUAL_PAGE));
    let found = dead_letters::list(&app, &caller, after, limit).await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// Try work again that was given up
///
/// For admins and services.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", operation_id = "retry_dead_job", tag = "operations", security(("bearer" = []), ("user" = []), ("service" = [])), params(("id" = i64, Path)),
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn retry_dead(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> std::result::Result<StatusCode, ApiError> {
    let id = id.parse().map_err(|_| Error::NotFound("no such job".into()))?;
    dead_letters::retry(&app, &caller, id).await?;
    Ok(StatusCode::ACCEPTED)
}

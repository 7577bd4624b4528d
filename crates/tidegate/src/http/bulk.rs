//! Routes of bulk actions, `/v1/bulk`. The rules are in `worker/bulk.rs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bounded_list::ListLimits;
use super::error::{ApiError, ErrorBody};
use super::json::json;
use super::time::rfc3339;
use crate::app::App;
use crate::error::{Error, bad_request};
use crate::model::bulk::{Bulk, BulkAction, BulkFailure};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::owner::OwnerKind;
use crate::worker::bulk::{self, NewBulk};

type ApiResult<T> = std::result::Result<T, ApiError>;

/// Returns the routes of bulk actions. Their bodies may be long.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(start_bulk)).routes(routes!(get_bulk))
}

/// What is to be done with many objects.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkRequest)]
struct BulkRequest {
    /// `space`, `session`, `files` or `disks`.
    kind: String,
    /// The space, the session, or the user whose files or disk images they are.
    owner: String,
    /// `delete`; of a space and a session `restore`; of a space `purge`.
    action: String,
    /// Up to 10,000 ids, each once; keys of files.
    #[serde(deserialize_with = "bounded")]
    #[schema(min_items = 1, max_items = 10_000)]
    ids: Vec<String>,
}

/// Deserializes the ids within their limits.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let limits = ListLimits { name: "ids", elements: bulk::MOST_ITEMS, element_bytes: bulk::MAX_ITEM };
    limits.deserialize(deserializer)
}

/// What was started.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StartedBulk)]
struct BulkStarted {
    /// By which it is asked about.
    id: String,
}

/// A bulk action.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Bulk)]
struct BulkResponse {
    id: String,
    kind: &'static str,
    owner: String,
    action: &'static str,
    /// `running` or `done`.
    state: &'static str,
    /// How many objects there are.
    total: u64,
    /// How many were tried, those that failed included.
    done: u64,
    /// How many of those failed.
    failed_total: u64,
    /// The first 1,000 that failed.
    failed: Vec<BulkItemFailure>,
    created_at: String,
    /// When it was done; null while it runs.
    finished_at: Option<String>,
}

/// An object that failed.
#[derive(Debug, Serialize, ToSchema)]
struct BulkItemFailure {
    /// As it was given.
    id: String,
    /// As of a request for this object alone.
    code: String,
    message: String,
}

impl BulkResponse {
    fn new(bulk: Bulk, failures: Vec<BulkFailure>) -> Self {
        let show =
            |failure: BulkFailure| BulkItemFailure { id: failure.item, code: failure.code, message: failure.message };
        Self {
            id: bulk.id.to_string(),
            kind: bulk.kind.as_str(),
            owner: bulk.owner,
            action: bulk.action.as_str(),
            state: if bulk.finished_at.is_some() { "done" } else { "running" },
            total: bulk.total,
            done: bulk.next,
            failed_total: bulk.failed,
            failed: failures.into_iter().map(show).collect(),
            created_at: rfc3339(bulk.created_at),
            finished_at: bulk.finished_at.map(rfc3339),
        }
    }
}

/// Do one thing with many objects
///
/// They are done one after the other in the background, each as if you asked for it alone. Membership of a space is read again for
/// each object; the organisation is that of the token that started it. Ask `GET /v1/bulk/{id}` how far it is. At most three run at a time for one caller.
#[utoipa::path(post, path = "/v1/bulk", operation_id = "start_bulk", tag = "bulk", request_body = BulkRequest,
    responses((status = 202, body = BulkStarted), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn start_bulk(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> ApiResult<(StatusCode, Json<BulkStarted>)> {
    let BulkRequest { kind, owner, action, ids } = json(request).await?;
    let kind = match OwnerKind::parse(&kind) {
        Some(kind) if !BulkAction::of(kind).is_empty() => kind,
        _ => return Err(bad_request("kind must be space, session, files or disks").into()),
    };
    let action = BulkAction::parse(&action).ok_or_else(|| bad_request("action must be delete, restore or purge"))?;
    let id = bulk::start(&app, &caller, NewBulk { kind, owner, action, items: ids }).await?;
    Ok((StatusCode::ACCEPTED, Json(BulkStarted { id: id.to_string() })))
}

/// Get a bulk action
///
/// For who started it, admins and services, until 7 days after its start.
#[utoipa::path(get, path = "/v1/bulk/{id}", operation_id = "get_bulk", tag = "bulk", params(("id" = String, Path)),
    responses((status = 200, body = BulkResponse), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_bulk(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<BulkResponse>> {
    let id = ObjectId::parse(&id).ok_or_else(|| Error::NotFound("no such bulk action".into()))?;
    let (bulk, failures) = bulk::find(&app, &caller, id.0).await?;
    Ok(Json(BulkResponse::new(bulk, failures)))
}

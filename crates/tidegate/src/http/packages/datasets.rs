//! Routes of datasets and their members.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::super::json::json;
use super::query::PageQuery;
use super::wire::{DatasetMember, DatasetMemberPage, DatasetPage, DatasetResponse, NewDataset, NewDatasetRole};
use super::{ApiResult, QueryResult, encode_position, limit, parse_position, read_query};
use crate::access;
use crate::app::App;
use crate::error::{Result, bad_request};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::UserId;
use crate::model::package::DatasetId;
use crate::model::role::Role;
use crate::surfaces::packages::{self, members};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_dataset, list_datasets))
        .routes(routes!(get_dataset))
        .routes(routes!(list_dataset_members))
        .routes(routes!(set_dataset_member, remove_dataset_member))
}

/// Parses the dataset id in a path; an invalid one is not found.
fn id(text: &str) -> Result<DatasetId> {
    DatasetId::parse(text).ok_or_else(access::no_such_dataset)
}

/// Make a dataset
///
/// In the caller's organisation, which is its owner; a service names both in `X-Org-Id` and `X-User-Id`.
#[utoipa::path(post, path = "/packages/datasets", tag = "packages", request_body = NewDataset,
    responses((status = 201, body = DatasetResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn create_dataset(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> ApiResult<(StatusCode, Json<DatasetResponse>)> {
    let asked: NewDataset = json(request).await?;
    let made = packages::create(&app, &caller, &asked.name).await?;
    let role = made.role;
    Ok((StatusCode::CREATED, Json(DatasetResponse::new(made, role))))
}

/// List datasets
///
/// Those of the caller's organisation of which the caller is a member by the database, the newest first. What a token grants
/// beside that is not listed.
#[utoipa::path(get, path = "/packages/datasets", tag = "packages", params(PageQuery),
    responses((status = 200, body = DatasetPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn list_datasets(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<PageQuery>,
) -> ApiResult<Json<DatasetPage>> {
    let query = read_query(query)?;
    let limit = limit(query.limit.as_deref())?;
    let (at, last) = query.cursor.as_deref().map_or(Ok((i64::MAX, String::new())), parse_position)?;
    let (found, more) = packages::list(&app, &caller, (at, &last), limit).await?;
    let next_cursor = found.last().filter(|_| more).map(|last| {
        let (at, id) = packages::after(last);
        encode_position(at, &id)
    });
    let show = |dataset| {
        let role = access::dataset_role(&caller, &dataset);
        DatasetResponse::new(dataset, role)
    };
    Ok(Json(DatasetPage { datasets: found.into_iter().map(show).collect(), next_cursor }))
}

/// Get a dataset
///
/// With the caller's role in it, and how much is in it.
#[utoipa::path(get, path = "/packages/datasets/{datasetId}", tag = "packages", params(("datasetId" = String, Path)),
    responses((status = 200, body = DatasetResponse), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_dataset(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(dataset): Path<String>,
) -> ApiResult<Json<DatasetResponse>> {
    let found = access::find_dataset(&app, &caller, Action::Read, &id(&dataset)?).await?;
    let role = access::dataset_role(&caller, &found);
    Ok(Json(DatasetResponse::new(found, role)))
}

/// List members
///
/// For managers and owners.
#[utoipa::path(get, path = "/packages/datasets/{datasetId}/members", tag = "packages",
    params(("datasetId" = String, Path), PageQuery),
    responses((status = 200, body = DatasetMemberPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_dataset_members(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(dataset): Path<String>,
    query: QueryResult<PageQuery>,
) -> ApiResult<Json<DatasetMemberPage>> {
    let query = read_query(query)?;
    let limit = limit(query.limit.as_deref())?;
    let (_, after) = query.cursor.as_deref().map_or(Ok((0, String::new())), parse_position)?;
    let (found, more) = members::list(&app, &caller, &id(&dataset)?, &after, limit).await?;
    let next_cursor = found.last().filter(|_| more).map(|last| encode_position(0, last.user.as_str()));
    Ok(Json(DatasetMemberPage { members: found.iter().map(Into::into).collect(), next_cursor }))
}

fn user_id(text: &str) -> Result<UserId> {
    if text.trim() != text {
        return Err(bad_request("userId: nobody's id begins or ends with a space"));
    }
    UserId::parse(text).map_err(|error| bad_request(format!("userId: {error}")))
}

/// Make somebody a member, or give them another role
///
/// Managers make viewers and editors, owners everybody. The last owner stays one.
#[utoipa::path(put, path = "/packages/datasets/{datasetId}/members/{userId}", tag = "packages",
    params(("datasetId" = String, Path), ("userId" = String, Path)), request_body = NewDatasetRole,
    responses((status = 200, body = DatasetMember), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn set_dataset_member(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((dataset, user)): Path<(String, String)>,
    request: Request,
) -> ApiResult<Json<DatasetMember>> {
    let asked: NewDatasetRole = json(request).await?;
    let role = Role::parse(&asked.role).ok_or_else(|| bad_request("role must be viewer, editor, manager or owner"))?;
    let member = members::set(&app, &caller, &id(&dataset)?, &user_id(&user)?, role).await?;
    Ok(Json((&member).into()))
}

/// Remove a member
///
/// Managers remove viewers and editors, owners everybody, everybody themselves; the last owner stays.
#[utoipa::path(delete, path = "/packages/datasets/{datasetId}/members/{userId}", tag = "packages",
    params(("datasetId" = String, Path), ("userId" = String, Path)),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn remove_dataset_member(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((dataset, user)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    members::remove(&app, &caller, &id(&dataset)?, &user_id(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

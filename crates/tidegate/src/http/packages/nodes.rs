//! Routes of a dataset's tree: create collections, list, delete, restore, read the changelog.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::cursor::parse_start;
use super::super::error::ErrorBody;
use super::super::json::json;
use super::query::{ChangelogQuery, ChildrenQuery, DatasetQuery};
use super::response::ChangePage;
use super::wire::{NewCollection, NodeIds, NodeOutcomes, NodePage, NodeResponse};
use super::{
    ApiResult, QueryResult, dataset_id, encode_position, limit, named_nodes, parent_id, parse_position, read_query,
};
use crate::app::App;
use crate::error::{Result, bad_request};
use crate::model::caller::Caller;
use crate::model::object::ObjectState;
use crate::model::package::{NodeId, Shown};
use crate::surfaces::packages::{self, deletion, no_such_package, restoring, thawing};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_collection))
        .routes(routes!(list_children))
        .routes(routes!(delete_packages))
        .routes(routes!(restore_packages))
        .routes(routes!(thaw_packages))
        .routes(routes!(list_changes))
        .routes(routes!(get_node))
}

/// Make a collection
///
/// For editors. Its name is unique among what lies beside it.
#[utoipa::path(post, path = "/packages/collections", tag = "packages", params(DatasetQuery), request_body = NewCollection,
    responses((status = 201, body = NodeResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_collection(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<DatasetQuery>,
    request: Request,
) -> ApiResult<(StatusCode, Json<NodeResponse>)> {
    let dataset = dataset_id(read_query(query)?.dataset_id.as_deref())?;
    let new: NewCollection = json(request).await?;
    let parent = parent_id(new.parent_id.as_deref())?;
    let made = packages::create_collection(&app, &caller, &dataset, &new.name, parent.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Parses the status filter of a listing.
fn shown(status: Option<&str>) -> Result<Shown> {
    Ok(match status {
        Some("DELETED") => Shown::Deleted,
        Some("ALL") => Shown::All,
        None | Some("READY") => Shown::In(ObjectState::Ready),
        Some("PENDING") => Shown::In(ObjectState::Pending),
        Some("SCANNING") => Shown::In(ObjectState::Scanning),
        Some("REJECTED") => Shown::In(ObjectState::Rejected),
        Some("FAILED") => Shown::In(ObjectState::Failed),
        Some(_) => {
            return Err(bad_request("status must be READY, PENDING, SCANNING, REJECTED, FAILED, ALL or DELETED"));
        }
    })
}

/// List what lies in a collection, or at the top of a dataset
///
/// In the order of names: what is READY, unless `status` asks for something else. With `status=DELETED`, for editors: what
/// was deleted there and can be restored.
#[utoipa::path(get, path = "/packages/children", operation_id = "list_package_children", tag = "packages", params(ChildrenQuery),
    responses((status = 200, body = NodePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_children(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<ChildrenQuery>,
) -> ApiResult<Json<NodePage>> {
    let query = read_query(query)?;
    let dataset = dataset_id(query.dataset_id.as_deref())?;
    let parent = parent_id(query.parent_id.as_deref().filter(|text| !text.is_empty()))?;
    let shown = shown(query.status.as_deref())?;
    let limit = limit(query.limit.as_deref())?;
    let parse = |text: &str| parse_position(text).map(|(number, name)| (name, number));
    let start = parse_start(("cursor", query.cursor.as_deref()), query.offset.as_deref(), parse)?;
    let page = packages::children(&app, &caller, &dataset, parent.as_ref(), shown, (start, limit)).await?;
    let last = page.items.last().filter(|_| page.more);
    let next_cursor = last.map(|last| encode_position(last.number, &last.name));
    let children = page.items.into_iter().map(Into::into).collect();
    Ok(Json(NodePage { children, total: page.total, next_cursor }))
}

/// Get a package or a collection
///
/// What was deleted is there for editors.
#[utoipa::path(get, path = "/packages/{id}", operation_id = "get_package", tag = "packages", params(("id" = String, Path)),
    responses((status = 200, body = NodeResponse), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_node(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<NodeResponse>> {
    let id = NodeId::parse(&id).ok_or_else(no_such_package)?;
    Ok(Json(packages::seen(&app, &caller, &id).await?.into()))
}

/// Delete packages and collections
///
/// With all that is in them. Their names are free at once; they can be restored until their retention ends. Uploads that are
/// open are given up. What can't be deleted is in `failures`, and keeps no others.
#[utoipa::path(delete, path = "/packages", tag = "packages", params(DatasetQuery), request_body = NodeIds,
    responses((status = 200, body = NodeOutcomes), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_packages(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<DatasetQuery>,
    request: Request,
) -> ApiResult<Json<NodeOutcomes>> {
    let (dataset, node_ids) = named_nodes(query, request).await?;
    Ok(Json(deletion::delete(&app, &caller, &dataset, &node_ids).await?.into()))
}

/// Restore deleted packages and collections
///
/// With all that was deleted in them, and with the collections they lie in. They are RESTORING from here on, and READY
/// within moments. What has its name taken comes back as `name (1)`, which the changelog says. What can't be restored is in
/// `failures`, and keeps no others.
#[utoipa::path(post, path = "/packages/restore", tag = "packages", params(DatasetQuery), request_body = NodeIds,
    responses((status = 200, body = NodeOutcomes), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn restore_packages(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<DatasetQuery>,
    request: Request,
) -> ApiResult<Json<NodeOutcomes>> {
    let (dataset, node_ids) = named_nodes(query, request).await?;
    Ok(Json(restoring::restore(&app, &caller, &dataset, &node_ids).await?.into()))
}

/// Have the bucket thaw archived packages
///
/// For editors. Their source files; of a collection, name the packages. `archive` of a package says when its thaw has ended.
/// What is not archived is a success; what can't be thawed is in `failures`, and keeps no others.
#[utoipa::path(post, path = "/packages/thaw", tag = "packages", params(DatasetQuery), request_body = NodeIds,
    responses((status = 200, body = NodeOutcomes), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn thaw_packages(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<DatasetQuery>,
    request: Request,
) -> ApiResult<Json<NodeOutcomes>> {
    let (dataset, node_ids) = named_nodes(query, request).await?;
    Ok(Json(thawing::thaw(&app, &caller, &dataset, &node_ids).await?.into()))
}

/// What became of a dataset's tree, the latest first
///
/// Packages and collections that were made, deleted, restored and removed; of one of them with `package_id`.
#[utoipa::path(get, path = "/packages/changelog", operation_id = "list_package_changes", tag = "packages", params(ChangelogQuery),
    responses((status = 200, body = ChangePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn list_changes(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<ChangelogQuery>,
) -> ApiResult<Json<ChangePage>> {
    let query = read_query(query)?;
    let dataset = dataset_id(query.dataset_id.as_deref())?;
    let node = query.package_id.as_deref().map(|text| NodeId::parse(text).ok_or_else(no_such_package)).transpose()?;
    let limit = limit(query.limit.as_deref())?;
    let (before, _) = query.cursor.as_deref().map_or(Ok((i64::MAX, String::new())), parse_position)?;
    let (found, more) = packages::changelog(&app, &caller, &dataset, node.as_ref(), before, limit).await?;
    let next_cursor = found.last().filter(|_| more).map(|last| encode_position(last.id, ""));
    Ok(Json(ChangePage { changes: found.into_iter().map(Into::into).collect(), next_cursor }))
}

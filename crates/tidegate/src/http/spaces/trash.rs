//! Routes of deleted images: list, restore, purge.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::cursor::encode_cursor;
use super::super::error::ErrorBody;
use super::images::answer;
use super::wire::{DeletedImage, OneSpaceImage, Trash};
use super::{ApiResult, QueryResult, ids, limit, space_id, start};
use crate::app::App;
use crate::error::bad_request;
use crate::model::caller::Caller;
use crate::surfaces::spaces::images::{self, ImagePage};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_trash, empty_trash))
        .routes(routes!(purge_image))
        .routes(routes!(restore_image))
}

/// The query of `GET /api/spaces/{spaceId}/trash`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TrashQuery {
    /// From 1 to 1000; 100 where it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Instead of `cursor`: the number of items to pass over, from 0.
    #[param(value_type = Option<i64>, minimum = 0)]
    offset: Option<String>,
}

/// List what was deleted
///
/// And can be brought back; the latest first. For editors and owners.
#[utoipa::path(get, path = "/api/spaces/{spaceId}/trash", operation_id = "list_space_trash", tag = "spaces", params(("spaceId" = String, Path), TrashQuery),
    responses((status = 200, body = Trash), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_trash(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
    page: QueryResult<TrashQuery>,
) -> ApiResult<Json<Trash>> {
    let Query(page) = page.map_err(|_| bad_request("limit, cursor or offset can't be read"))?;
    let (limit, start) = (limit(page.limit.as_deref())?, start(page.cursor.as_deref(), page.offset.as_deref())?);
    let ImagePage { images, next, total } = images::trash(&app, &caller, &space_id(&space)?, start, limit).await?;
    let images = images.into_iter().map(|image| DeletedImage::new(&app, image)).collect();
    Ok(Json(Trash { images, total, next_cursor: next.map(encode_cursor) }))
}

/// Remove all that was deleted for good
///
/// For editors and owners. The bytes are gone once the work behind it is done.
#[utoipa::path(delete, path = "/api/spaces/{spaceId}/trash", operation_id = "empty_space_trash", tag = "spaces", params(("spaceId" = String, Path)),
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn empty_trash(State(app): State<Arc<App>>, caller: Caller, Path(space): Path<String>) -> ApiResult<StatusCode> {
    images::purge_all(&app, &caller, &space_id(&space)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Remove a deleted image for good
///
/// For editors and owners. It can't be brought back.
#[utoipa::path(delete, path = "/api/spaces/{spaceId}/trash/{imageId}", operation_id = "purge_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn purge_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let (space, image) = ids(&path)?;
    images::purge(&app, &caller, &space, image).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a deleted image back
///
/// Until its retention ends. For editors and owners.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/{imageId}/restore", operation_id = "restore_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 200, body = OneSpaceImage), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn restore_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response<Body>> {
    let (space, image) = ids(&path)?;
    Ok(answer(&app, &space, images::restore(&app, &caller, &space, image).await?)?)
}

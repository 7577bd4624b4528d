//! Routes of images in spaces: announce, confirm, import, list, refresh, delete.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::cookies;
use super::super::error::ErrorBody;
use super::super::json::json;
use super::wire::{
    ImageChange, ImagesQuery, Import, ImportResponse, NewSpaceImage, OneSpaceImage, Refresh, SpaceImagePage,
    UploadTarget, UrlsQuery, show_one, show_page, show_refreshed,
};
use super::{ApiResult, QueryResult, ids, limit, space_id, start};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::ids::SpaceId;
use crate::model::object::ObjectState;
use crate::surfaces::imports;
use crate::surfaces::spaces::images::{self, Images, NewSpaceUpload, Wanted};

/// Signed URLs are for the caller alone, so caches must not store them.
pub(super) const NO_STORE: [(header::HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_images, create_image))
        .routes(routes!(import_images))
        .routes(routes!(refresh_images))
        .routes(routes!(get_image, delete_image))
        .routes(routes!(confirm_image))
        .routes(routes!(sign_upload_again))
        .routes(routes!(retry_image))
        .routes(routes!(thaw_image))
        .routes(routes!(image_history))
        .routes(routes!(grant_cookies))
}

/// Announce an image
///
/// PUT its bytes to `uploadUrl` with `headers`, then confirm it.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images", operation_id = "create_space_image", tag = "spaces", params(("spaceId" = String, Path)),
    request_body = NewSpaceImage,
    responses((status = 201, body = UploadTarget), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn create_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
    request: Request,
) -> ApiResult<Response<Body>> {
    let NewSpaceImage { filename, content_type, size, sha256 } = json(request).await?;
    let announced = NewSpaceUpload { filename, content_type, size, sha256 };
    let target = images::begin(&app, &caller, &space_id(&space)?, announced).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(UploadTarget::from(target))).into_response())
}

/// Get the upload URL again
///
/// Of an image whose bytes have not come yet, where the URL of before has ended. For who announced it, and services. It
/// goes where the one of before went, and takes the same bytes.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/{imageId}/upload-url", operation_id = "sign_space_image_upload", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 200, body = UploadTarget), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn sign_upload_again(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response<Body>> {
    let (space, image) = ids(&path)?;
    let target = images::sign_upload_again(&app, &caller, &space, image).await?;
    Ok((NO_STORE, Json(UploadTarget::from(target))).into_response())
}

/// Confirm an image that was sent
///
/// It is sealed, scanned and processed, and is READY after that. Asked again, this answers the same.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/{imageId}/confirm", operation_id = "confirm_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 200, body = OneSpaceImage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn confirm_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response<Body>> {
    let (space, image) = ids(&path)?;
    Ok(answer(&app, &space, images::confirm(&app, &caller, &space, image).await?)?)
}

pub(super) fn answer(app: &App, space: &SpaceId, found: Images) -> Result<Response<Body>> {
    let one = show_one(app, space, found).ok_or_else(|| Error::NotFound("no such image".into()))?;
    Ok((NO_STORE, Json(one)).into_response())
}

/// Import images that already lie in the bucket
///
/// For services. Each is copied and goes the way of all images; the key that is named is never changed or deleted, and must
/// lie below one of `IMPORT_PREFIXES`. Imported again, it is another image.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/import", operation_id = "import_space_images", tag = "spaces", security(("service" = []), ("bearer" = [])), params(("spaceId" = String, Path)),
    request_body = Import,
    responses((status = 202, body = ImportResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn import_images(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
    request: Request,
) -> ApiResult<(StatusCode, Json<ImportResponse>)> {
    let asked: Import = json(request).await?;
    let done = imports::import(&app, &caller, &space_id(&space)?, asked.s3_key).await?;
    Ok((StatusCode::ACCEPTED, Json(done.into())))
}

fn is_shared(urls: Option<&str>) -> Result<bool> {
    match urls {
        None => Ok(false),
        Some("shared") => Ok(true),
        Some(_) => Err(bad_request("urls must be shared, or left out")),
    }
}

fn wanted(status: Option<&str>) -> Result<Wanted> {
    Ok(Wanted::In(match status {
        Some("ALL") => return Ok(Wanted::All),
        None | Some("READY") => ObjectState::Ready,
        Some("PENDING") => ObjectState::Pending,
        Some("SCANNING") => ObjectState::Scanning,
        Some("PROCESSING") => ObjectState::Processing,
        Some("REJECTED") => ObjectState::Rejected,
        Some("FAILED") => ObjectState::Failed,
        Some("DELETED") => return Err(bad_request("what was deleted is listed by the space's trash")),
        Some(_) => {
            return Err(bad_request("status must be READY, PENDING, SCANNING, PROCESSING, REJECTED, FAILED or ALL"));
        }
    }))
}

/// List images
///
/// Newest first. All URLs of a space bear one signature, and are the same as long as its window lasts: asked again before
/// `refreshAfter`, the answer is the same to the byte where nothing came or went.
#[utoipa::path(get, path = "/api/spaces/{spaceId}/images", operation_id = "list_space_images", tag = "spaces", params(("spaceId" = String, Path), ImagesQuery),
    responses((status = 200, body = SpaceImagePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn list_images(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
    asked: QueryResult<ImagesQuery>,
) -> ApiResult<Response<Body>> {
    let Query(asked) = asked.map_err(|_| bad_request("limit, cursor, offset, status or urls can't be read"))?;
    let (space, limit) = (space_id(&space)?, limit(asked.limit.as_deref())?);
    let start = start(asked.cursor.as_deref(), asked.offset.as_deref())?;
    let (wanted, shared) = (wanted(asked.status.as_deref())?, is_shared(asked.urls.as_deref())?);
    let page = images::list(&app, &caller, &space, wanted, start, limit).await?;
    Ok((NO_STORE, Json(show_page(&app, &space, page, shared))).into_response())
}

/// Get fresh URLs of images
///
/// Up to 1,000 by their ids. What is not in this space, or was deleted, is in `missing`.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/refresh", operation_id = "refresh_space_images", tag = "spaces",
    params(("spaceId" = String, Path), UrlsQuery), request_body = Refresh,
    responses((status = 200, body = SpaceImagePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn refresh_images(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
    how: QueryResult<UrlsQuery>,
    request: Request,
) -> ApiResult<Response<Body>> {
    let Query(how) = how.map_err(|_| bad_request("urls can't be read"))?;
    let (space, shared) = (space_id(&space)?, is_shared(how.urls.as_deref())?);
    let asked: Refresh = json(request).await?;
    let found = images::refresh(&app, &caller, &space, &asked.ids).await?;
    Ok((NO_STORE, Json(show_refreshed(&app, &space, found, asked.ids, shared))).into_response())
}

/// Get an image
///
/// With fresh URLs.
#[utoipa::path(get, path = "/api/spaces/{spaceId}/images/{imageId}", operation_id = "get_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 200, body = OneSpaceImage), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response<Body>> {
    let (space, image) = ids(&path)?;
    Ok(answer(&app, &space, images::image(&app, &caller, &space, image).await?)?)
}

/// Delete an image
///
/// From here on no URL reads it. It can be brought back until its retention ends.
#[utoipa::path(delete, path = "/api/spaces/{spaceId}/images/{imageId}", operation_id = "delete_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let (space, image) = ids(&path)?;
    images::delete(&app, &caller, &space, image).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try again what failed
///
/// Of an image that is FAILED, which is something of the server's; a REJECTED one stays so.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/{imageId}/retry", operation_id = "retry_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 200, body = OneSpaceImage), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn retry_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response<Body>> {
    let (space, image) = ids(&path)?;
    Ok(answer(&app, &space, images::retry(&app, &caller, &space, image).await?)?)
}

/// Have the bucket thaw an archived image
///
/// For editors and owners. `archive` says whether the thaw is under way; the space's events tell when it has ended. Does
/// nothing with an image that is not archived.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/{imageId}/thaw", operation_id = "thaw_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 200, body = OneSpaceImage), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 429, body = ErrorBody)))]
async fn thaw_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response<Body>> {
    let (space, image) = ids(&path)?;
    Ok(answer(&app, &space, images::thaw(&app, &caller, &space, image).await?)?)
}

/// What an image became, and when
///
/// From its announcement on, the first change first.
#[utoipa::path(get, path = "/api/spaces/{spaceId}/images/{imageId}/history", operation_id = "list_space_image_history", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)),
    responses((status = 200, body = Vec<ImageChange>), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn image_history(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<Vec<ImageChange>>> {
    let (space, image) = ids(&path)?;
    let changes = images::history(&app, &caller, &space, image).await?;
    Ok(Json(changes.into_iter().map(Into::into).collect()))
}

/// Get the CDN cookies of a space
///
/// Instead of signatures in URLs: they open all that is published of the space, until they end.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/grant-cookies", operation_id = "grant_space_cookies", tag = "spaces", params(("spaceId" = String, Path)),
    responses((status = 204, headers(("Set-Cookie" = String, description = "The signed cookies, in one line each"))),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn grant_cookies(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
) -> ApiResult<Response<Body>> {
    let grant = images::grant_all(&app, &caller, &space_id(&space)?).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut attributes = cookies::attributes(&app, &grant.path);
    attributes.push(cookies::max_age(grant.times.expires_at));
    cookies::set(&mut headers, &grant.signature, &attributes)?;
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

//! Routes of disk images, `/v1/images`. Handlers parse and render only; the rules are in
//! `uploads/`, `library/` and `surfaces/disks.rs`.

mod wire;

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::wire::{
    Completed, Completion, ImagePage, ImageUpload, ImagesQuery, Metadata, NewImage, OpenUpload, SignedPart,
    SignedParts, StoredPart, StreamAuth, StreamCookie, StreamUrl, ThawedImage, UploadUrls, quoted, show_image,
    show_metadata, show_part, show_times, unquoted,
};
use super::content::AuthorizedBy;
use super::cursor::{encode_cursor, parse_cursor, parse_start};
use super::error::{ApiError, ErrorBody};
use super::json::{json, optional_json};
use super::time::rfc3339;
use super::{cookies, download};
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, bad_request};
use crate::library::grants::{self, Authorization, Grant};
use crate::library::{downloads, objects, thaw};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::micros;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::page::Page;
use crate::surfaces;
use crate::uploads;

const KIND: OwnerKind = OwnerKind::Disks;
/// The page size where the query gives none.
const DEFAULT_PAGE: i64 = 100;

type ApiResult<T> = std::result::Result<T, ApiError>;

/// Returns the routes of disk images.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_image, list_images))
        .routes(routes!(delete_image))
        .routes(routes!(create_upload_urls))
        .routes(routes!(list_parts))
        .routes(routes!(get_upload))
        .routes(routes!(complete_upload))
        .routes(routes!(abort_upload))
        .routes(routes!(get_metadata))
        .routes(routes!(get_stream_url))
        .routes(routes!(thaw_image))
        .routes(routes!(read_range, head_range))
}

/// Begin an image
///
/// Starts an upload in parts. The body may be left out.
#[utoipa::path(post, path = "/v1/images", tag = "images", request_body(content = Option<NewImage>),
    responses((status = 200, body = ImageUpload), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn create_image(State(app): State<Arc<App>>, caller: Caller, request: Request) -> ApiResult<Json<ImageUpload>> {
    let new: NewImage = optional_json(request).await?.unwrap_or_default();
    let announced = surfaces::disks::NewDiskUpload { name: new.name, content_type: new.content_type, size: new.size };
    let begun = surfaces::disks::begin(&app, &caller, &Owner::Disks(caller.require_user()?), announced).await?;
    Ok(Json(ImageUpload { image_id: begun.object.to_string(), upload_id: begun.upload_id, part_size: begun.part_size }))
}

/// Presign part uploads
///
/// Each URL takes one PUT of that part's bytes from anybody who has it, for an hour by default. Keep the
/// `ETag` of each answer.
#[utoipa::path(post, path = "/v1/images/{id}/upload-url", operation_id = "sign_image_parts", tag = "images", params(("id" = String, Path)), request_body = UploadUrls,
    responses((status = 200, body = SignedParts), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_upload_urls(
    State(app): State<Arc<App>>,
    caller: Caller,
    ImageId(id): ImageId,
    request: Request,
) -> ApiResult<Json<SignedParts>> {
    let asked: UploadUrls = json(request).await?;
    let (numbers, one) = match (asked.part_number, asked.part_numbers) {
        (Some(number), None) => (vec![number], true),
        (None, Some(numbers)) => (numbers, false),
        _ => return Err(bad_request("give either partNumber or partNumbers").into()),
    };
    let signed = uploads::sign_parts(&app, &caller, KIND, id, &asked.upload_id, &numbers).await?;
    let ends = signed.iter().map(|(_, request)| request.expires).min().unwrap_or_else(SystemTime::now);
    let expires_at = rfc3339(ends);
    let mut parts = signed.into_iter().map(|(part_number, request)| SignedPart { part_number, url: request.url });
    Ok(Json(match parts.next() {
        Some(SignedPart { url, .. }) if one => SignedParts::One { url, expires_at },
        first => SignedParts::Many { urls: first.into_iter().chain(parts).collect(), expires_at },
    }))
}

/// List stored parts
///
/// What a client needs to go on after it was interrupted.
#[utoipa::path(get, path = "/v1/images/{id}/parts", operation_id = "list_image_parts", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = Vec<StoredPart>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn list_parts(
    State(app): State<Arc<App>>,
    caller: Caller,
    ImageId(id): ImageId,
) -> ApiResult<Json<Vec<StoredPart>>> {
    let parts = uploads::list_parts(&app, &caller, KIND, id).await?;
    Ok(Json(parts.iter().map(show_part).collect()))
}

/// Get an open upload
///
/// All that a client needs to go on which has lost everything but the image's id.
#[utoipa::path(get, path = "/v1/images/{id}/upload", operation_id = "get_image_upload", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = OpenUpload), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_upload(State(app): State<Arc<App>>, caller: Caller, ImageId(id): ImageId) -> ApiResult<Json<OpenUpload>> {
    let (upload, parts) = uploads::find_open(&app, &caller, KIND, id).await?;
    Ok(Json(OpenUpload {
        part_size: upload.part_size.unwrap_or_default(),
        size: upload.announced_size,
        expires_at: rfc3339(upload.expires_at),
        parts: parts.iter().map(show_part).collect(),
        upload_id: upload.id,
    }))
}

/// Complete an upload
///
/// May be asked again with the same parts and then answers the same.
#[utoipa::path(post, path = "/v1/images/{id}/complete", operation_id = "complete_image_upload", tag = "images", params(("id" = String, Path)), request_body = Completion,
    responses((status = 200, body = Completed), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn complete_upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    ImageId(id): ImageId,
    request: Request,
) -> ApiResult<Json<Completed>> {
    let asked: Completion = json(request).await?;
    let parts = asked.parts.into_iter().map(|part| (part.part_number, unquoted(&part.etag).to_owned())).collect();
    let done = uploads::complete(&app, &caller, KIND, id, &asked.upload_id, parts).await?;
    Ok(Json(Completed {
        ok: true,
        size: done.size,
        etag: quoted(&done.etag),
        last_modified: rfc3339(done.last_modified),
    }))
}

/// Abort an upload
///
/// Frees its parts. May be asked again.
#[utoipa::path(post, path = "/v1/images/{id}/abort", operation_id = "abort_image_upload", tag = "images", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn abort_upload(State(app): State<Arc<App>>, caller: Caller, ImageId(id): ImageId) -> ApiResult<StatusCode> {
    uploads::abort(&app, &caller, KIND, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List images
///
/// The caller's own.
#[utoipa::path(get, path = "/v1/images", tag = "images", params(ImagesQuery),
    responses((status = 200, body = ImagePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn list_images(
    State(app): State<Arc<App>>,
    caller: Caller,
    page: std::result::Result<Query<ImagesQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<ImagePage>> {
    let Query(page) = page.map_err(|_| bad_request("the query can't be read"))?;
    let limit = match page.limit.as_deref() {
        None => DEFAULT_PAGE,
        Some(text) => text.parse().map_err(|_| bad_request("limit must be from 1 to 1000"))?,
    };
    let state = match page.status.as_deref() {
        None | Some("READY") => Some(ObjectState::Ready),
        Some("PENDING") => Some(ObjectState::Pending),
        Some("ALL") => None,
        Some(_) => return Err(bad_request("status must be READY, PENDING or ALL").into()),
    };
    let start = parse_start(("cursor", page.cursor.as_deref()), page.offset.as_deref(), parse_cursor)?;
    let owner = Owner::Disks(caller.require_user()?);
    let Page { items: found, more, total } = objects::list(&app, &caller, &owner, state, start, limit).await?;
    let place = |last: &Object| Cursor { created_at: micros(last.created_at), id: last.id };
    let next_cursor = found.last().filter(|_| more).map(|last| encode_cursor(place(last)));
    Ok(Json(ImagePage { images: found.into_iter().map(show_image).collect(), total, next_cursor }))
}

/// Get metadata
///
/// Size, entity tag and date, and the stable address of the bytes.
#[utoipa::path(get, path = "/v1/images/{id}/metadata", operation_id = "get_image_metadata", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = Metadata), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_metadata(State(app): State<Arc<App>>, caller: Caller, ImageId(id): ImageId) -> ApiResult<Json<Metadata>> {
    let (object, content) = objects::find_named(&app, &caller, KIND, id).await?;
    let url = match &app.addresses.edge {
        Some(edge) => format!("{edge}/{}", object.key),
        None => format!("{}/v1/images/{id}/range", app.addresses.api),
    };
    Ok(Json(show_metadata(object, &content, url)))
}

/// Get a stream URL
///
/// A URL for `Range` requests, with what authorizes them.
#[utoipa::path(get, path = "/v1/images/{id}/stream-url", operation_id = "get_image_stream_url", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = StreamUrl<'_>, headers(("Set-Cookie" = String, description = "The signed cookies, in one line each, where `auth.mode` is `cookie`"))), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_stream_url(
    State(app): State<Arc<App>>,
    caller: Caller,
    ImageId(id): ImageId,
) -> ApiResult<Response<Body>> {
    let Grant { url, authorization, object } = grants::issue(&app, &caller, KIND, id).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let attributes = match &authorization {
        Authorization::Cookies { path, .. } => cookies::attributes(&app, path),
        Authorization::Url(_) | Authorization::SignIn => Vec::new(),
    };
    let auth = match &authorization {
        Authorization::SignIn => StreamAuth::None,
        Authorization::Url(times) => {
            let (expires_at, refresh_after) = show_times(*times);
            StreamAuth::Url { expires_at, refresh_after }
        }
        Authorization::Cookies { signature, times, .. } => {
            cookies::set(&mut headers, signature, &attributes)?;
            let show = |(name, value)| StreamCookie { name, value, attributes: &attributes };
            let cookies = signature.cookies().map(show).collect();
            let (expires_at, refresh_after) = show_times(*times);
            StreamAuth::Cookie { cookies, expires_at, refresh_after }
        }
    };
    let body = StreamUrl { url, auth, size: object.content.size, etag: quoted(&object.content.etag) };
    Ok((headers, Json(body)).into_response())
}

/// Have the bucket thaw an archived image
///
/// Does nothing with an image that is not archived. Its `archive` in the metadata says when the thaw has ended.
#[utoipa::path(post, path = "/v1/images/{id}/thaw", operation_id = "thaw_image", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = ThawedImage), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 429, body = ErrorBody)))]
async fn thaw_image(State(app): State<Arc<App>>, caller: Caller, ImageId(id): ImageId) -> ApiResult<Json<ThawedImage>> {
    let status = thaw::thaw(&app, &caller, KIND, id).await?;
    Ok(Json(ThawedImage { image_id: id.to_string(), archive: status.into() }))
}

/// Read bytes through the API
///
/// The fallback where there is no edge and no CDN: `Range` and conditional requests as in RFC 9110.
#[utoipa::path(get, path = "/v1/images/{id}/range", operation_id = "read_image_range", tag = "images", params(("id" = String, Path)),
    responses((status = 200, description = "The whole image.", content_type = "application/octet-stream"),
        (status = 206, description = "The requested range of the image.", content_type = "application/octet-stream"), (status = 304), (status = 412), (status = 416),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn read_range(
    State(app): State<Arc<App>>,
    caller: Caller,
    method: Method,
    ImageId(id): ImageId,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    let download = downloads::open(&app, &caller, KIND, id).await?;
    Ok(download::answer(&app, (&download, AuthorizedBy::SignIn), &method, &headers).await?)
}

/// Read headers through the API
///
/// As GET without the bytes; `Range` has no meaning here.
#[utoipa::path(head, path = "/v1/images/{id}/range", operation_id = "head_image_range", tag = "images", params(("id" = String, Path)),
    responses((status = 200), (status = 304), (status = 401), (status = 403), (status = 404), (status = 409), (status = 412)))]
async fn head_range(
    state: State<Arc<App>>,
    caller: Caller,
    method: Method,
    id: ImageId,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    read_range(state, caller, method, id, headers).await
}

/// Delete an image
///
/// Its bytes are gone from store and edge before the answer.
#[utoipa::path(delete, path = "/v1/images/{id}", tag = "images", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_image(State(app): State<Arc<App>>, caller: Caller, ImageId(id): ImageId) -> ApiResult<StatusCode> {
    surfaces::disks::delete(&app, &caller, KIND, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The image id in a path; an invalid one is not found.
struct ImageId(ObjectId);

impl FromRequestParts<Arc<App>> for ImageId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> std::result::Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, app).await.ok();
        let id = text.and_then(|Path(text)| ObjectId::parse(&text));
        id.map(Self).ok_or_else(|| Error::NotFound("no such image".into()).into())
    }
}

//! Disk images, `/v1/images`: paths and wording. The rules are in the shared functions.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Caller;
use super::content;
use super::error::{ApiError, ErrorBody};
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::grants::{self, Authorization, Grant, Times};
use crate::model::ids::ObjectId;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::{from_micros, micros};
use crate::{downloads, objects, uploads};

const KIND: OwnerKind = OwnerKind::Disks;
const DEFAULT_PAGE: i64 = 100;
/// 10,000 parts with quoted ETags, pretty-printed, fit.
const MAX_JSON: usize = 2 << 20;

type Answer<T> = std::result::Result<T, ApiError>;

/// The surface's routes.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_image, list_images))
        .routes(routes!(delete_image))
        .routes(routes!(create_upload_urls))
        .routes(routes!(list_parts))
        .routes(routes!(complete_upload))
        .routes(routes!(abort_upload))
        .routes(routes!(get_metadata))
        .routes(routes!(get_stream_url))
        .routes(routes!(read_range, head_range))
}

/// What a client announces of a new image.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewImage {
    /// A name for people, up to 255 bytes.
    name: Option<String>,
    /// The media type as the client sees it; the bytes are always served as `application/octet-stream`.
    content_type: Option<String>,
    /// The size in bytes. With it, `partSize` is large enough for 10,000 parts, and completion checks it.
    size: Option<u64>,
}

/// An upload that takes parts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ImageUpload {
    image_id: String,
    upload_id: String,
    /// Bytes in every part but the last.
    part_size: u64,
}

/// Begin an image
///
/// Starts an upload in parts. The body may be left out.
#[utoipa::path(post, path = "/v1/images", tag = "images", request_body(content = Option<NewImage>),
    responses((status = 200, body = ImageUpload), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn create_image(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Answer<Json<ImageUpload>> {
    let new: NewImage = json_or_nothing(request).await?.unwrap_or_default();
    let announced = uploads::Announced { name: new.name, content_type: new.content_type, size: new.size };
    let begun = uploads::begin(&app, &caller.0, &Owner::Disks(caller.user()?), announced).await?;
    Ok(Json(ImageUpload { image_id: begun.object.to_string(), upload_id: begun.upload_id, part_size: begun.part_size }))
}

/// Which parts to sign for: one by `partNumber`, or many by `partNumbers`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UploadUrls {
    upload_id: String,
    /// From 1 to 10,000.
    part_number: Option<u32>,
    /// Up to 1,000 numbers.
    part_numbers: Option<Vec<u32>>,
}

/// A presigned PUT, or one per part asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum SignedParts {
    /// The answer to `partNumber`.
    One {
        /// PUT the part here.
        url: String,
    },
    /// The answer to `partNumbers`.
    Many {
        /// In the order asked for.
        urls: Vec<SignedPart>,
    },
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SignedPart {
    part_number: u32,
    url: String,
}

/// Presign part uploads
///
/// Each URL takes one PUT of that part's bytes from anybody who has it, for an hour by default. Keep the
/// `ETag` of each answer.
#[utoipa::path(post, path = "/v1/images/{id}/upload-url", tag = "images", params(("id" = String, Path)), request_body = UploadUrls,
    responses((status = 200, body = SignedParts), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_upload_urls(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Answer<Json<SignedParts>> {
    let asked: UploadUrls = json(request).await?;
    let (numbers, one) = match (asked.part_number, asked.part_numbers) {
        (Some(number), None) => (vec![number], true),
        (None, Some(numbers)) => (numbers, false),
        _ => return Err(bad_request("give either partNumber or partNumbers").into()),
    };
    let signed = uploads::sign_parts(&app, &caller.0, KIND, image_id(&id)?, &asked.upload_id, &numbers).await?;
    let mut parts = signed.into_iter().map(|(part_number, url)| SignedPart { part_number, url });
    Ok(Json(match parts.next() {
        Some(SignedPart { url, .. }) if one => SignedParts::One { url },
        first => SignedParts::Many { urls: first.into_iter().chain(parts).collect() },
    }))
}

/// A part that is stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StoredPart {
    part_number: u32,
    /// With quotes, as the PUT answered it.
    etag: String,
    size: u64,
}

/// List stored parts
///
/// What a client needs to go on after it was interrupted.
#[utoipa::path(get, path = "/v1/images/{id}/parts", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = Vec<StoredPart>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn list_parts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<Json<Vec<StoredPart>>> {
    let parts = uploads::list_parts(&app, &caller.0, KIND, image_id(&id)?).await?;
    let stored = |part: store::Part| StoredPart { part_number: part.number, etag: quoted(&part.etag), size: part.size };
    Ok(Json(parts.into_iter().map(stored).collect()))
}

/// All parts of an upload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Completion {
    upload_id: String,
    /// In any order.
    parts: Vec<CompletedPart>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CompletedPart {
    part_number: u32,
    /// With or without quotes.
    etag: String,
}

/// An image that is complete.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Completed {
    #[schema(example = true)]
    ok: bool,
    size: u64,
    etag: String,
    last_modified: String,
}

/// Complete an upload
///
/// May be asked again with the same parts and then answers the same.
#[utoipa::path(post, path = "/v1/images/{id}/complete", tag = "images", params(("id" = String, Path)), request_body = Completion,
    responses((status = 200, body = Completed), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn complete_upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Answer<Json<Completed>> {
    let asked: Completion = json(request).await?;
    let parts = asked.parts.into_iter().map(|part| (part.part_number, unquoted(&part.etag).to_owned())).collect();
    let done = uploads::complete(&app, &caller.0, KIND, image_id(&id)?, &asked.upload_id, parts).await?;
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
#[utoipa::path(post, path = "/v1/images/{id}/abort", tag = "images", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn abort_upload(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    uploads::abort(&app, &caller.0, KIND, image_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which page to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// From 1 to 1000; 100 by default.
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// `READY`, `PENDING`, or `ALL`; `READY` by default.
    status: Option<String>,
}

/// A page of images, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ImagePage {
    images: Vec<Image>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Image {
    image_id: String,
    name: Option<String>,
    #[schema(example = "READY")]
    status: &'static str,
    /// Absent until the upload is complete.
    size: Option<u64>,
    /// Absent until the upload is complete.
    etag: Option<String>,
    created_at: String,
}

/// List images
///
/// The caller's own.
#[utoipa::path(get, path = "/v1/images", tag = "images", params(Page),
    responses((status = 200, body = ImagePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn list_images(
    State(app): State<Arc<App>>,
    caller: Caller,
    page: std::result::Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Answer<Json<ImagePage>> {
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
    let after = page.cursor.as_deref().map_or(Ok(Cursor::START), parse_cursor)?;
    let owner = Owner::Disks(caller.user()?);
    let found = objects::list(&app, &caller.0, &owner, state, after, limit).await?;
    let full = i64::try_from(found.len()).is_ok_and(|count| count == limit);
    let next_cursor = found.last().filter(|_| full).map(show_cursor);
    Ok(Json(ImagePage { images: found.into_iter().map(show_image).collect(), next_cursor }))
}

fn show_image(object: Object) -> Image {
    Image {
        image_id: object.id.to_string(),
        name: object.name,
        status: object.state.as_str(),
        size: object.content.as_ref().map(|content| content.size),
        etag: object.content.as_ref().map(|content| quoted(&content.etag)),
        created_at: rfc3339(object.created_at),
    }
}

fn show_cursor(object: &Object) -> String {
    let mut bytes = micros(object.created_at).to_be_bytes().to_vec();
    bytes.extend_from_slice(object.id.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Cursors name a place in the caller's own list; a forged one names another place in it.
fn parse_cursor(text: &str) -> Result<Cursor> {
    let read = || {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let created_at = i64::from_be_bytes(bytes[..8].try_into().ok()?);
        Some(Cursor { created_at, id: ObjectId(Uuid::from_slice(&bytes[8..]).ok()?) })
    };
    read().ok_or_else(|| bad_request("cursor is not one that a listing gave"))
}

/// What is known of an image's bytes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    size: u64,
    etag: String,
    last_modified: String,
    /// The image's stable address, without any authorization.
    url: String,
}

/// Get metadata
#[utoipa::path(get, path = "/v1/images/{id}/metadata", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = Metadata), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_metadata(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Metadata>> {
    let id = image_id(&id)?;
    let (object, content) = objects::find_ready(&app, &caller.0, KIND, id).await?;
    let url = match &app.addresses.edge {
        Some(edge) => format!("{edge}/{}", object.key),
        None => format!("{}/v1/images/{id}/range", app.addresses.api),
    };
    Ok(Json(show_metadata(&content, url)))
}

fn show_metadata(content: &Content, url: String) -> Metadata {
    Metadata { size: content.size, etag: quoted(&content.etag), last_modified: rfc3339(content.last_modified), url }
}

/// Where to stream an image from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StreamUrl {
    url: String,
    auth: StreamAuth,
    size: u64,
    etag: String,
}

/// What authorizes the stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum StreamAuth {
    /// Cookies, also set by this answer.
    Cookie {
        /// The cookies.
        cookies: Vec<StreamCookie>,
        /// When they end.
        expires_at: String,
        /// From when on asking again gives later ones.
        refresh_after: String,
    },
    /// The signature in `url`.
    Url {
        /// When it ends.
        expires_at: String,
        /// From when on asking again gives a later one.
        refresh_after: String,
    },
    /// The same sign-in as for this request; `url` is at this server.
    None,
}

#[derive(Debug, Serialize, ToSchema)]
struct StreamCookie {
    name: &'static str,
    value: String,
    /// As in `Set-Cookie`.
    attributes: Vec<String>,
}

/// Get a stream URL
///
/// A URL for `Range` requests, with what authorizes them.
#[utoipa::path(get, path = "/v1/images/{id}/stream-url", tag = "images", params(("id" = String, Path)),
    responses((status = 200, body = StreamUrl), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_stream_url(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer<Response<Body>> {
    let Grant { url, authorization, content } = grants::issue(&app, &caller.0, KIND, image_id(&id)?).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let auth = match authorization {
        Authorization::SignIn => StreamAuth::None,
        Authorization::Url(times) => {
            let (expires_at, refresh_after) = show_times(times);
            StreamAuth::Url { expires_at, refresh_after }
        }
        Authorization::Cookies { signature, path, times } => {
            let attributes = cookie_attributes(&app, &path);
            let mut cookies = Vec::with_capacity(4);
            for (name, value) in signature.cookies() {
                let line = format!("{name}={value}; {}", attributes.join("; "));
                let line = HeaderValue::from_str(&line).map_err(|error| Error::Internal(error.into()))?;
                headers.append(header::SET_COOKIE, line);
                cookies.push(StreamCookie { name, value, attributes: attributes.clone() });
            }
            let (expires_at, refresh_after) = show_times(times);
            StreamAuth::Cookie { cookies, expires_at, refresh_after }
        }
    };
    let body = StreamUrl { url, auth, size: content.size, etag: quoted(&content.etag) };
    Ok((headers, Json(body)).into_response())
}

fn cookie_attributes(app: &App, path: &str) -> Vec<String> {
    let cookie = &app.config.cloudfront.cookie;
    let mut attributes = vec![format!("Path={path}"), "HttpOnly".to_owned()];
    if app.addresses.edge.as_ref().is_some_and(|edge| edge.scheme == "https") {
        attributes.push("Secure".to_owned());
    }
    attributes.push(format!("SameSite={}", cookie.same_site));
    if cookie.partitioned {
        attributes.push("Partitioned".to_owned());
    }
    if let Some(domain) = &cookie.domain {
        attributes.push(format!("Domain={domain}"));
    }
    attributes
}

fn show_times(times: Times) -> (String, String) {
    let show = |epoch: u64| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(epoch));
    (show(times.expires_at), show(times.refresh_after))
}

/// Read bytes through the API
///
/// The fallback where there is no edge and no CDN: `Range` and conditional requests as in RFC 9110.
#[utoipa::path(get, path = "/v1/images/{id}/range", tag = "images", params(("id" = String, Path)),
    responses((status = 200, description = "the whole image", content_type = "application/octet-stream"),
        (status = 206, description = "a part of it", content_type = "application/octet-stream"), (status = 304), (status = 412), (status = 416),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn read_range(
    State(app): State<Arc<App>>,
    caller: Caller,
    method: Method,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response<Body>> {
    let (key, stat) = downloads::open(&app, &caller.0, KIND, image_id(&id)?).await?;
    let mut base = content::guarded(app.config.resource_policy);
    content::insert(&mut base, header::CACHE_CONTROL, "private, no-store, no-transform");
    base.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"disk.img\""));
    let read = |range| downloads::read(&app, key.as_str(), range);
    Ok(content::respond(&method, &headers, &stat, base, read).await?)
}

/// Read headers through the API
///
/// As GET without the bytes; `Range` has no meaning here.
#[utoipa::path(head, path = "/v1/images/{id}/range", tag = "images", params(("id" = String, Path)),
    responses((status = 200), (status = 304), (status = 401), (status = 403), (status = 404), (status = 409), (status = 412)))]
async fn head_range(
    state: State<Arc<App>>,
    caller: Caller,
    method: Method,
    path: Path<String>,
    headers: HeaderMap,
) -> Answer<Response<Body>> {
    read_range(state, caller, method, path, headers).await
}

/// Delete an image
///
/// Its bytes are gone from store and edge before the answer.
#[utoipa::path(delete, path = "/v1/images/{id}", tag = "images", params(("id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_image(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    objects::delete(&app, &caller.0, KIND, image_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn image_id(text: &str) -> Result<ObjectId> {
    ObjectId::parse(text).ok_or_else(|| Error::NotFound("no such image".into()))
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn unquoted(etag: &str) -> &str {
    etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(etag)
}

/// RFC 3339 in UTC with milliseconds.
fn rfc3339(at: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(from_micros(micros(at))).format(format).unwrap_or_default()
}

async fn json<T: DeserializeOwned>(request: Request) -> Result<T> {
    json_or_nothing(request).await?.ok_or_else(|| bad_request("a JSON body is needed"))
}

/// A JSON body, or none at all.
async fn json_or_nothing<T: DeserializeOwned>(request: Request) -> Result<Option<T>> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.map(|text| text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase());
    let is_json = essence.as_deref() == Some("application/json");
    let bytes = axum::body::Bytes::from_request(request, &())
        .await
        .map_err(|_| Error::TooLarge("the body is longer than 2 MiB, or broke off".into()))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json {
        return Err(bad_request("send the body with content-type: application/json"));
    }
    let value =
        serde_json::from_slice(&bytes).map_err(|error| bad_request(format!("the body is not as expected: {error}")))?;
    Ok(Some(value))
}

/// The layer that holds bodies to the limit.
pub(crate) fn body_limit() -> axum::extract::DefaultBodyLimit {
    axum::extract::DefaultBodyLimit::max(MAX_JSON)
}

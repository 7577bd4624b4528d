//! REST routes of sessions, for clients without GraphQL: the same operations, server-sent events,
//! and the link to unpublished media items. The operations are in `operations.rs`, the rules in
//! `surfaces/sessions/`.

mod content;
mod events;
pub(in crate::http) mod operations;
pub(in crate::http) mod wire;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::wire::{
    ByteCount, MediaPage, MediaResponse, MediaStatus, Session, SessionPage, StatusChangeOutput, UploadUrlResponse,
};
use super::error::{ApiError, ErrorBody};
use super::json::{json, optional_json};
use crate::app::App;
use crate::error::{Error, bad_request};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::surfaces::sessions::NewSessionUpload;

type ApiResult<T> = std::result::Result<T, ApiError>;

/// Returns the REST routes of sessions.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_session, list_sessions))
        .routes(routes!(delete_session))
        .routes(routes!(restore_session))
        .routes(routes!(upload_url))
        .routes(routes!(sign_upload_again))
        .routes(routes!(confirm))
        .routes(routes!(list_media))
        .routes(routes!(get_media, delete_media))
        .routes(routes!(media_history))
        .routes(routes!(restore_media))
        .routes(routes!(retry_media))
        .routes(routes!(thaw_media))
        .merge(events::routes())
        .merge(content::routes())
}

/// Parses an id in a path; an invalid one is not found.
fn id(text: &str, what: &'static str) -> crate::error::Result<Uuid> {
    let unknown = || Error::NotFound(format!("no such {what}").into());
    ObjectId::parse(text).map(|id| id.0).ok_or_else(unknown)
}

/// Parses the session id and the media item id in a path.
fn ids((session, media): &(String, String)) -> crate::error::Result<(Uuid, Uuid)> {
    Ok((id(session, "session")?, id(media, "media")?))
}

/// A session that is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SessionRequest)]
struct NewSession {
    /// The client's own id; one is made where none is given.
    id: Option<Uuid>,
}

/// Make a session of the caller's organisation
///
/// Asked again with the same id it answers the same.
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", request_body = Option<NewSession>,
    responses((status = 201, body = Session), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_session(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> ApiResult<(StatusCode, Json<Session>)> {
    let asked: NewSession = optional_json(request).await?.unwrap_or_default();
    Ok((StatusCode::CREATED, Json(operations::create_session(&app, &caller, asked.id).await?)))
}

/// The query of `GET /v1/sessions`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SessionsQuery {
    /// From 1 to 1000; 50 if left out.
    first: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List sessions, newest first
///
/// Those of the caller's organisation that the caller has created. A service names the user in `X-User-Id`.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(SessionsQuery),
    responses((status = 200, body = SessionPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
async fn list_sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<SessionsQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<SessionPage>> {
    let Query(asked) = query.map_err(|_| bad_request("first or after can't be read"))?;
    Ok(Json(operations::list_sessions(&app, &caller, asked.first, asked.after.as_deref()).await?))
}

/// Delete a session and all that is in it
///
/// It can be brought back until its retention ends.
#[utoipa::path(delete, path = "/v1/sessions/{session}", tag = "sessions", params(("session" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_session(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
) -> ApiResult<StatusCode> {
    operations::delete_session(&app, &caller, id(&session, "session")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring back a session that was deleted
///
/// What was deleted with it comes back by and by.
#[utoipa::path(post, path = "/v1/sessions/{session}/restore", tag = "sessions", params(("session" = String, Path)),
    responses((status = 200, body = Session), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn restore_session(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
) -> ApiResult<Json<Session>> {
    Ok(Json(operations::restore_session(&app, &caller, id(&session, "session")?).await?))
}

/// What is to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaRequest)]
struct UploadWanted {
    filename: String,
    /// `image/jpeg`, `image/png`, `image/gif`, `image/webp`, `video/mp4`, `video/quicktime` or `video/webm`.
    content_type: String,
    /// `intake`, `customerRequests`, `inspection`, `testDrive`, `initialReport` or `general`, which is usual.
    stage: Option<String>,
    /// Bytes. Where it is given, no other number of them is taken.
    size: Option<ByteCount>,
    /// Of what is sent, in hexadecimal digits.
    sha256: Option<String>,
}

/// Say what is to be sent, and learn where
///
/// PUT the bytes to `uploadUrl` with `headers`, then confirm it by `fileKey`.
#[utoipa::path(post, path = "/v1/sessions/{session}/media/upload-url", operation_id = "create_media_upload", tag = "sessions", params(("session" = String, Path)),
    request_body = UploadWanted, responses((status = 200, body = UploadUrlResponse), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
async fn upload_url(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
    request: Request,
) -> ApiResult<Json<UploadUrlResponse>> {
    let wanted: UploadWanted = json(request).await?;
    let announced = NewSessionUpload {
        filename: wanted.filename,
        content_type: wanted.content_type,
        stage: wanted.stage,
        size: wanted.size.map(|size| size.0),
        sha256: wanted.sha256,
    };
    Ok(Json(operations::upload_url(&app, &caller, id(&session, "session")?, announced).await?))
}

/// Get the upload URL again
///
/// Of a media item whose bytes have not come yet, where the URL of before has ended. For who announced it, and services. It
/// goes where the one of before went, and takes the same bytes.
#[utoipa::path(post, path = "/v1/sessions/{session}/media/{media}/upload-url", operation_id = "sign_media_upload", tag = "sessions",
    params(("session" = String, Path), ("media" = String, Path)),
    responses((status = 200, body = UploadUrlResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn sign_upload_again(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<UploadUrlResponse>> {
    let (session, media) = ids(&path)?;
    Ok(Json(operations::sign_upload_again(&app, &caller, session, media).await?))
}

/// What was sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaConfirmation)]
struct Sent {
    file_key: String,
    /// Another stage than was announced.
    stage: Option<String>,
    /// What it shows, for those who can't see it.
    alt: Option<String>,
}

/// Say that it was sent
///
/// It is scanned and made anew from here on. Asked again it answers the same.
#[utoipa::path(post, path = "/v1/sessions/{session}/media/confirm", operation_id = "confirm_media_upload", tag = "sessions", params(("session" = String, Path)),
    request_body = Sent, responses((status = 200, body = MediaResponse), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 413, body = ErrorBody)))]
async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
    request: Request,
) -> ApiResult<Json<MediaResponse>> {
    let sent: Sent = json(request).await?;
    let session = id(&session, "session")?;
    let (stage, alt) = (sent.stage.as_deref(), sent.alt.as_deref());
    Ok(Json(operations::confirm(&app, &caller, session, &sent.file_key, stage, alt).await?))
}

/// The query of `GET /v1/sessions/{session}/media`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MediaQuery {
    /// Of this status only.
    status: Option<MediaStatus>,
    /// Of this stage only: `intake`, `customerRequests`, `inspection`, `testDrive`, `initialReport` or `general`.
    stage: Option<String>,
    /// From 1 to 1000; 50 if left out.
    first: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
    /// Instead of `after`: the number of items to pass over, from 0.
    #[param(value_type = Option<i64>, minimum = 0)]
    offset: Option<String>,
}

/// A page of a session's media, newest first
///
/// Of any status and stage, or of one.
#[utoipa::path(get, path = "/v1/sessions/{session}/media", tag = "sessions", params(("session" = String, Path), MediaQuery),
    responses((status = 200, body = MediaPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_media(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
    query: std::result::Result<Query<MediaQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<MediaPage>> {
    let Query(asked) = query.map_err(|_| bad_request("status, stage, first, after or offset can't be read"))?;
    let session = id(&session, "session")?;
    let start = (asked.after.as_deref(), asked.offset.as_deref());
    let filter = (asked.status, asked.stage.as_deref());
    Ok(Json(operations::list(&app, &caller, session, filter, asked.first, start).await?))
}

/// One of a session's media
///
/// The answer has the URL to read it, and its thumbnails and poster.
#[utoipa::path(get, path = "/v1/sessions/{session}/media/{media}", tag = "sessions",
    params(("session" = String, Path), ("media" = String, Path)),
    responses((status = 200, body = MediaResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn get_media(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<MediaResponse>> {
    let (session, media) = ids(&path)?;
    Ok(Json(operations::media(&app, &caller, Some(session), media).await?))
}

/// Delete one of a session's media
///
/// What was published can be brought back until its retention ends.
#[utoipa::path(delete, path = "/v1/sessions/{session}/media/{media}", tag = "sessions",
    params(("session" = String, Path), ("media" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_media(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let (session, media) = ids(&path)?;
    operations::delete(&app, &caller, Some(session), media).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What one of a session's media became, and when
///
/// From its announcement on, the first change first.
#[utoipa::path(get, path = "/v1/sessions/{session}/media/{media}/history", operation_id = "list_media_history", tag = "sessions",
    params(("session" = String, Path), ("media" = String, Path)),
    responses((status = 200, body = Vec<StatusChangeOutput>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn media_history(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<Vec<StatusChangeOutput>>> {
    let (session, media) = ids(&path)?;
    Ok(Json(operations::history(&app, &caller, Some(session), media).await?))
}

/// Bring back what was deleted
///
/// Until its retention ends.
#[utoipa::path(post, path = "/v1/sessions/{session}/media/{media}/restore", tag = "sessions",
    params(("session" = String, Path), ("media" = String, Path)),
    responses((status = 200, body = MediaResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn restore_media(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<MediaResponse>> {
    let (session, media) = ids(&path)?;
    Ok(Json(operations::restore(&app, &caller, Some(session), media).await?))
}

/// Try again what failed
///
/// `SCAN_FAILED` has a cause on the server, so a retry can succeed. `REJECTED` is final.
#[utoipa::path(post, path = "/v1/sessions/{session}/media/{media}/retry", tag = "sessions",
    params(("session" = String, Path), ("media" = String, Path)),
    responses((status = 200, body = MediaResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn retry_media(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<MediaResponse>> {
    let (session, media) = ids(&path)?;
    Ok(Json(operations::retry(&app, &caller, Some(session), media).await?))
}

/// Have the bucket thaw what it has archived
///
/// `archive` says whether the thaw is under way; `watchMedia` tells when it has ended. Does nothing with what is not archived.
#[utoipa::path(post, path = "/v1/sessions/{session}/media/{media}/thaw", tag = "sessions",
    params(("session" = String, Path), ("media" = String, Path)),
    responses((status = 200, body = MediaResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 429, body = ErrorBody)))]
async fn thaw_media(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<MediaResponse>> {
    let (session, media) = ids(&path)?;
    Ok(Json(operations::thaw(&app, &caller, Some(session), media).await?))
}

//! Routes of spaces, `/api/spaces`. Handlers parse and render only; the rules are in
//! `surfaces/spaces/`.

mod events;
mod images;
mod links;
mod trash;
mod wire;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::wire::{MemberPage, MemberResponse, NewRole, NewSpace, PageQuery, SpacePage, SpaceResponse};
use super::cursor::{encode_cursor, parse_cursor, parse_start};
use super::error::{ApiError, ErrorBody};
use super::json::json;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::ids::{ObjectId, SpaceId, UserId};
use crate::model::page::Start;
use crate::model::role::Role;
use crate::surfaces::spaces;

/// The page size where the query gives none.
const USUAL_PAGE: i64 = 100;

type ApiResult<T> = std::result::Result<T, ApiError>;
/// A query string, or why it could not be parsed.
type QueryResult<T> = std::result::Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// Returns the routes of spaces.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_space, list_spaces))
        .routes(routes!(get_space, delete_space))
        .routes(routes!(list_members))
        .routes(routes!(set_member, remove_member))
        .merge(images::routes())
        .merge(links::routes())
        .merge(trash::routes())
        .merge(events::routes())
}

/// Parses the space id in a path; an invalid one is not found.
fn space_id(text: &str) -> Result<SpaceId> {
    SpaceId::parse(text).ok_or_else(|| Error::NotFound("no such space".into()))
}

/// Parses the space id and the image id in a path.
fn ids((space, image): &(String, String)) -> Result<(SpaceId, ObjectId)> {
    let unknown = || Error::NotFound("no such image".into());
    Ok((space_id(space)?, ObjectId::parse(image).ok_or_else(unknown)?))
}

/// Parses the page size.
fn limit(text: Option<&str>) -> Result<i64> {
    text.map_or(Ok(USUAL_PAGE), |text| text.parse().map_err(|_| bad_request("limit must be from 1 to 1000")))
}

/// Parses the cursor; without one the listing begins at its start.
fn place(cursor: Option<&str>) -> Result<Cursor> {
    cursor.map_or(Ok(Cursor::START), parse_cursor)
}

/// Parses where a page of images begins.
fn start(cursor: Option<&str>, offset: Option<&str>) -> Result<Start<Cursor>> {
    parse_start(("cursor", cursor), offset, parse_cursor)
}

/// Make a space
///
/// The caller is its owner; a service names one in `X-User-Id`.
#[utoipa::path(post, path = "/api/spaces", tag = "spaces", request_body = NewSpace,
    responses((status = 201, body = SpaceResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn create_space(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> ApiResult<(StatusCode, Json<SpaceResponse>)> {
    let asked: NewSpace = json(request).await?;
    let made = spaces::create(&app, &caller, &asked.name).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// List spaces
///
/// Those of which the caller is a member, with how much is in them.
#[utoipa::path(get, path = "/api/spaces", tag = "spaces", params(PageQuery),
    responses((status = 200, body = SpacePage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn list_spaces(
    State(app): State<Arc<App>>,
    caller: Caller,
    page: QueryResult<PageQuery>,
) -> ApiResult<Json<SpacePage>> {
    let Query(page) = page.map_err(|_| bad_request("limit or cursor can't be read"))?;
    let (limit, after) = (limit(page.limit.as_deref())?, place(page.cursor.as_deref())?);
    let (found, next) = spaces::list(&app, &caller, after, limit).await?;
    Ok(Json(SpacePage { spaces: found.into_iter().map(Into::into).collect(), next_cursor: next.map(encode_cursor) }))
}

/// Get a space
///
/// With the caller's role in it, and how much is in it.
#[utoipa::path(get, path = "/api/spaces/{spaceId}", tag = "spaces", params(("spaceId" = String, Path)),
    responses((status = 200, body = SpaceResponse), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_space(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
) -> ApiResult<Json<SpaceResponse>> {
    Ok(Json(spaces::space(&app, &caller, &space_id(&space)?).await?.into()))
}

/// Delete a space and all that is in it
///
/// It is gone at once, for good; its bytes follow. URLs that were given before end within `GRANT_TTL_SECONDS`, or as soon
/// as the bytes are gone.
#[utoipa::path(delete, path = "/api/spaces/{spaceId}", tag = "spaces", params(("spaceId" = String, Path)),
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_space(State(app): State<Arc<App>>, caller: Caller, Path(space): Path<String>) -> ApiResult<StatusCode> {
    spaces::delete(&app, &caller, &space_id(&space)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// List members
///
/// For owners.
#[utoipa::path(get, path = "/api/spaces/{spaceId}/members", operation_id = "list_space_members", tag = "spaces", params(("spaceId" = String, Path), PageQuery),
    responses((status = 200, body = MemberPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_members(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
    page: QueryResult<PageQuery>,
) -> ApiResult<Json<MemberPage>> {
    let Query(page) = page.map_err(|_| bad_request("limit or cursor can't be read"))?;
    let limit = limit(page.limit.as_deref())?;
    let after = page.cursor.as_deref().map_or(Ok(String::new()), |text| {
        let read = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        read.ok_or_else(|| bad_request("cursor is not one that a listing gave"))
    })?;
    let (found, more) = spaces::members(&app, &caller, &space_id(&space)?, &after, limit).await?;
    let next = found.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(last.user.as_str()));
    Ok(Json(MemberPage { members: found.iter().map(Into::into).collect(), next_cursor: next }))
}

fn user_id(text: &str) -> Result<UserId> {
    if text.trim() != text {
        return Err(bad_request("userId: nobody's id begins or ends with a space"));
    }
    UserId::parse(text).map_err(|error| bad_request(format!("userId: {error}")))
}

/// Make somebody a member, or give them another role
///
/// For owners. The last owner stays one.
#[utoipa::path(put, path = "/api/spaces/{spaceId}/members/{userId}", operation_id = "set_space_member", tag = "spaces",
    params(("spaceId" = String, Path), ("userId" = String, Path)), request_body = NewRole,
    responses((status = 200, body = MemberResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn set_member(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((space, user)): Path<(String, String)>,
    request: Request,
) -> ApiResult<Json<MemberResponse>> {
    let asked: NewRole = json(request).await?;
    let role = Role::parse(&asked.role).ok_or_else(|| bad_request("role must be owner, editor or viewer"))?;
    let member = spaces::set_member(&app, &caller, &space_id(&space)?, &user_id(&user)?, role).await?;
    Ok(Json((&member).into()))
}

/// Remove a member
///
/// Owners anybody, everybody themselves; the last owner can't. What was signed for a member before opens the space's images
/// until it ends, within `GRANT_TTL_SECONDS`.
#[utoipa::path(delete, path = "/api/spaces/{spaceId}/members/{userId}", operation_id = "remove_space_member", tag = "spaces",
    params(("spaceId" = String, Path), ("userId" = String, Path)),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn remove_member(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((space, user)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    spaces::remove_member(&app, &caller, &space_id(&space)?, &user_id(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Routes of users' files: `/v1/files`, links below `/get`, the public path `/storage`. Handlers
//! parse and render only; the rules are in `surfaces/files/`.

mod archive;
mod embedded;
mod error;
mod linking;
mod listing;
mod progress;
mod serve;
mod upload;
mod visibility;
mod wire;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::error::FilesError;
pub(super) use self::error::repeat_message;
pub(crate) use self::upload::byte_routes;
use self::wire::{
    Deleted, FileMetadata, FolderDeleted, FolderQuery, QuotaWanted, Taken, TokenQuery, UserQuery, UserToken,
    show_metadata, show_taken,
};
use super::error::ErrorBody;
use super::json::json;
use super::time::rfc3339;
use crate::app::App;
use crate::error::bad_request;
use crate::library;
use crate::library::tokens;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::UserId;
use crate::model::principal::Roles;
use crate::sign_in::issuer::NewToken;
use crate::surfaces::files;

type ApiResult<T> = std::result::Result<T, FilesError>;

/// Returns the routes whose bodies are small.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(upload::routes())
        .merge(progress::routes())
        .merge(listing::routes())
        .merge(linking::routes())
        .routes(routes!(metadata))
        .routes(routes!(thaw_file))
        .routes(routes!(usage))
        .routes(routes!(set_quota))
        .routes(routes!(generate_token))
        .routes(routes!(delete_folder))
        .routes(routes!(delete_file))
        .merge(serve::routes())
        .merge(archive::read_routes())
}

/// Returns the routes whose bodies may be long lists of keys.
pub(crate) fn list_routes() -> OpenApiRouter<Arc<App>> {
    archive::create_routes()
}

/// Get a file's metadata
///
/// Also while it waits for the scanner, and of what was rejected.
#[utoipa::path(get, path = "/v1/files/metadata/{*key}", operation_id = "get_file_metadata", tag = "files", params(("key" = String, Path)),
    responses((status = 200, body = FileMetadata), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn metadata(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(key): Path<String>,
) -> ApiResult<Json<FileMetadata>> {
    let (owner, mut file) = library::files::find_kept(&app, &caller, Action::Read, &key).await?;
    library::thaw::show(&app, &owner, &mut file.object).await?;
    Ok(Json(show_metadata(file)))
}

/// Have the bucket thaw an archived file
///
/// Does nothing with a file that is not archived. `archive` in its metadata says when the thaw has ended.
#[utoipa::path(post, path = "/v1/files/thaw/{*key}", operation_id = "thaw_file", tag = "files", params(("key" = String, Path)),
    responses((status = 200, body = FileMetadata), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 429, body = ErrorBody)))]
async fn thaw_file(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(key): Path<String>,
) -> ApiResult<Json<FileMetadata>> {
    Ok(Json(show_metadata(files::thaw(&app, &caller, &key).await?)))
}

/// Delete a file
///
/// Its bytes are gone and its space is free before the answer.
#[utoipa::path(delete, path = "/v1/files/{*key}", tag = "files", params(("key" = String, Path)),
    responses((status = 200, body = Deleted), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_file(State(app): State<Arc<App>>, caller: Caller, Path(key): Path<String>) -> ApiResult<Json<Deleted>> {
    files::deletion::delete(&app, &caller, &key).await?;
    Ok(Json(Deleted { status: "deleted", key }))
}

/// Delete a folder
///
/// With all that is below it. From the answer on nothing of it can be read; the job ends when its bytes are gone.
#[utoipa::path(delete, path = "/v1/files", operation_id = "delete_file_folder", tag = "files", params(FolderQuery),
    responses((status = 202, body = FolderDeleted), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn delete_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<FolderQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Response<Body>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user_id.as_deref().or(asked.user_email.as_deref()))?;
    let folder = asked.folder.ok_or_else(|| bad_request("folder is needed"))?;
    let is_narrowed =
        matches!(asked.exact.as_deref(), Some("1" | "true")) || matches!(asked.subtree.as_deref(), Some("0" | "false"));
    if is_narrowed {
        return Err(
            bad_request("a folder is deleted with all that lies below it; exact and subtree are for lists").into()
        );
    }
    let job_id = files::deletion::delete_folder(&app, &caller, &owner, &folder).await?;
    Ok((StatusCode::ACCEPTED, Json(FolderDeleted { job_id })).into_response())
}

/// What a user's files take
///
/// Their bytes, what open uploads have reserved, and the limit.
#[utoipa::path(get, path = "/v1/files/usage", operation_id = "get_file_usage", tag = "files", params(UserQuery),
    responses((status = 200, body = Taken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn usage(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<UserQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Taken>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user())?;
    let (usage, quota) = files::usage(&app, &caller, &owner).await?;
    Ok(Json(show_taken(&usage, quota)))
}

/// Set a user's quota
///
/// For services. `null` is the usual one. What is there already stays, also where it is more.
#[utoipa::path(put, path = "/v1/files/quota", operation_id = "set_file_quota", tag = "files", security(("service" = []), ("bearer" = [])), params(UserQuery), request_body = QuotaWanted,
    responses((status = 200, body = Taken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn set_quota(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<UserQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> ApiResult<Json<Taken>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let wanted: QuotaWanted = json(request).await?;
    let (usage, quota) = files::set_quota(&app, &caller, asked.user(), wanted.quota).await?;
    Ok(Json(show_taken(&usage, quota)))
}

/// Make a token for a user
///
/// For services, where `AUTH_OWN_TOKENS` is on; `/v1/tokens` does the same in JSON.
#[utoipa::path(post, path = "/v1/files/generate-token", operation_id = "create_file_token", tag = "files", security(("service" = []), ("bearer" = [])), params(TokenQuery),
    responses((status = 200, body = UserToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn generate_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<TokenQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Response<Body>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let user = asked.user_id.as_deref().ok_or_else(|| bad_request("user_id is needed"))?;
    let user = UserId::parse(user).map_err(|error| bad_request(format!("user_id: {error}")))?;
    let hours = asked.expires_hours.as_deref().map_or(Some(1), |text| text.parse().ok());
    let hours = hours.filter(|hours| (1..=24).contains(hours));
    let hours: u64 = hours.ok_or_else(|| bad_request("expires_hours must be from 1 to 24"))?;
    let new = NewToken { user, org: None, roles: Roles::default() };
    let lifetime = std::time::Duration::from_secs(hours * 3600);
    let (token, ends) = tokens::issue(&app, &caller, &new, lifetime).await?;
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let body = UserToken { token, expires_in: lifetime.as_secs(), expires_at: rfc3339(ends) };
    Ok((no_store, Json(body)).into_response())
}

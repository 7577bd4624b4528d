//! Users' files, `/v1/files`, `/get` and `/storage`: paths and wording. The rules are in `files`.

mod archive;
mod embedded;
mod error;
mod serve;
mod wire;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use futures::{StreamExt as _, stream};
use sign::Shown;
use store::ByteStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::embedded::{Embedded, Event};
use self::error::FilesError;
pub(super) use self::error::detailed;
use self::wire::{
    Complete, Completed, Deleted, FileMetadata, Files, FolderDeleted, Init, LinkWanted, Listing, NewPart, PartPlace,
    PartStored, SignedLink, Started, Taken, TokenWanted, UserToken, Whose, show_finished, show_listed, show_metadata,
    show_started,
};
use super::cursor::{parse_cursor, show_cursor};
use super::error::ErrorBody;
use super::json::json;
use super::time::rfc3339;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::files::links::{self, Version};
use crate::files::{self, completion, parts, uploads};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::file::{Folder, Visibility, Within};
use crate::model::ids::UserId;
use crate::model::micros;
use crate::model::principal::Roles;
use crate::sign_in::issue_token;
use crate::sign_in::issuer::NewToken;

/// What the source's clients count their parts by.
const CHUNK: u64 = 1 << 20;
/// The most bytes of parts that came with a completion.
const MAX_LATE: usize = 16 << 20;

type Answer<T> = std::result::Result<T, FilesError>;

/// Routes whose bodies are small.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(init))
        .routes(routes!(list_all))
        .routes(routes!(signed_url, post_signed_url))
        .routes(routes!(metadata))
        .routes(routes!(usage))
        .routes(routes!(revoke_links))
        .routes(routes!(generate_token))
        .routes(routes!(delete_folder))
        .routes(routes!(delete_file))
        .merge(serve::routes())
        .merge(archive::read_routes())
}

/// Routes that take bytes: for as long as they come.
pub(crate) fn byte_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(post_part))
        .routes(routes!(put_part))
        .routes(routes!(complete))
        .merge(archive::create_routes())
}

/// Begin uploads
///
/// Reserves the announced bytes. Send them by `part`, or all of a file at once to its `url`.
#[utoipa::path(post, path = "/v1/files/init", tag = "files", request_body = Init,
    responses((status = 200, body = Started), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn init(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Answer<Json<Started>> {
    let asked: Init = json(request).await?;
    let chunked = match asked.mode.as_str() {
        "chunked" => true,
        "single" | "batch" => false,
        _ => return Err(bad_request("mode must be single, chunked or batch").into()),
    };
    if asked.mode == "single" && asked.files.len() != 1 {
        return Err(bad_request("mode single takes one file; use batch for several").into());
    }
    let meta = asked.meta.unwrap_or_default();
    let owner = files::owner(&caller, meta.user())?;
    let folder = asked.folder.or(meta.folder).unwrap_or_default();
    let mut announced = Vec::with_capacity(asked.files.len());
    for file in asked.files {
        let visibility = match file.visibility.as_deref() {
            None => Visibility::default(),
            Some(word) => Visibility::parse(word).ok_or_else(|| bad_request("visibility must be public or private"))?,
        };
        announced.push(uploads::Announced { name: file.name, size: file.size, mime: file.mime, visibility });
    }
    let largest = announced.iter().map(|file| file.size).max().unwrap_or(0);
    let begun = uploads::begin(&app, &caller, &owner, &folder, announced).await?;
    let first = begun.first().map(|begun| begun.upload_id.clone()).unwrap_or_default();
    let parts = chunked.then(|| largest.div_ceil(CHUNK).max(1));
    Ok(Json(Started { upload_id: first, parts, uploads: begun.into_iter().map(show_started).collect() }))
}

/// Send a part in base64
///
/// Numbers begin with 0 or 1; parts may come in any order, and one that is sent again replaces the one before.
#[utoipa::path(post, path = "/v1/files/part", tag = "files", request_body = NewPart,
    responses((status = 200, body = PartStored), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn post_part(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Answer<Json<PartStored>> {
    let mut reader = Embedded::new(request.into_body(), "chunkBase64");
    match reader.next().await? {
        Some(Event::Begin) if reader.depth() == 1 => {}
        _ => return Err(bad_request("the body must be a JSON object with uploadId, partNumber and chunkBase64").into()),
    }
    // Where it goes may be said before or after.
    let Some(place) = reader.so_far::<PartPlace>() else {
        let bytes = collected(&mut reader, MAX_LATE).await?;
        let message = "uploadId and partNumber must stand before chunkBase64 where that is long";
        let bytes = bytes.ok_or_else(|| bad_request(message))?;
        let PartPlace { upload_id, part_number } = to_end(reader).await?;
        let body: ByteStream = Box::pin(stream::iter([Ok(bytes.into())]));
        parts::put_part(&app, &caller, &upload_id, part_number, body).await?;
        return Ok(Json(PartStored { status: "success", part_number }));
    };
    let (body, back) = reader.value();
    parts::put_part(&app, &caller, &place.upload_id, place.part_number, body).await.map_err(told)?;
    let reader = back.await.map_err(|_| bad_request("the body ended early"))?;
    if to_end::<PartPlace>(reader).await? != place {
        return Err(bad_request("uploadId and partNumber are given twice").into());
    }
    Ok(Json(PartStored { status: "success", part_number: place.part_number }))
}

/// An error of the body's own, which went through the store as one of the sender's.
fn told(error: Error) -> Error {
    let Error::BadRequest(message) = &error else { return error };
    if message.contains("not base64") { bad_request("chunkBase64 is not base64") } else { error }
}

/// The bytes of the value that has begun; `None` if there are more than `most`.
async fn collected(reader: &mut Embedded, most: usize) -> Result<Option<Vec<u8>>> {
    let mut bytes = Some(Vec::new());
    while let Some(event) = reader.next().await? {
        match event {
            Event::Bytes(more) => {
                bytes = bytes.filter(|bytes: &Vec<u8>| bytes.len() + more.len() <= most);
                if let Some(bytes) = &mut bytes {
                    bytes.extend_from_slice(&more);
                }
            }
            Event::Begin | Event::End => return Ok(bytes),
        }
    }
    Err(bad_request("the body ended early"))
}

/// Reads the body to its end and parses what is not embedded.
async fn to_end<T: serde::de::DeserializeOwned>(mut reader: Embedded) -> Result<T> {
    while let Some(event) = reader.next().await? {
        if event == Event::Begin {
            return Err(bad_request("the embedded bytes are given twice"));
        }
    }
    reader.rest()
}

/// Send a part
///
/// The bytes as they are.
#[utoipa::path(put, path = "/v1/files/part/{upload_id}/{number}", tag = "files",
    params(("upload_id" = String, Path), ("number" = u32, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = PartStored), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn put_part(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((upload_id, number)): Path<(String, String)>,
    request: Request,
) -> Answer<Json<PartStored>> {
    let part_number = number.parse().map_err(|_| bad_request("the part's number must be a whole number"))?;
    let body = request.into_body().into_data_stream().map(|next| next.map_err(std::io::Error::other));
    parts::put_part(&app, &caller, &upload_id, part_number, Box::pin(body)).await?;
    Ok(Json(PartStored { status: "success", part_number }))
}

/// Complete an upload
///
/// May be asked again and then answers the same.
#[utoipa::path(post, path = "/v1/files/complete", tag = "files", request_body = Complete,
    responses((status = 200, body = Completed), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn complete(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Answer<Json<Completed>> {
    let mut reader = Embedded::new(request.into_body(), "data");
    let (mut late, mut left) = (Vec::new(), Some(MAX_LATE));
    while let Some(event) = reader.next().await? {
        if event == Event::Begin {
            // What does not fit is read all the same: it may have come by `part` before.
            let bytes = collected(&mut reader, left.unwrap_or(0)).await?;
            left = left.zip(bytes.as_ref()).map(|(left, bytes)| left - bytes.len());
            late.extend(bytes.filter(|_| left.is_some()));
        }
    }
    let asked: Complete = reader.rest()?;
    let sha256 = asked.sha256.filter(|given| !given.is_empty()).map(|given| given.to_ascii_lowercase());
    let user = asked.meta.as_ref().and_then(wire::Meta::user).map(str::to_owned);
    let finish = completion::Finish { sha256, user };
    let fits = left.is_some();
    let late = late.into_iter().map(|bytes| Box::pin(stream::iter([Ok(bytes.into())])) as ByteStream);
    let late = if fits { late.collect() } else { Vec::new() };
    match completion::complete(&app, &caller, &asked.upload_id, &finish, late).await {
        Err(Error::BadRequest(_)) if !fits => {
            let message = format!("parts[].data may have {MAX_LATE} bytes in all; send more by part");
            Err(Error::TooLarge(message.into()).into())
        }
        done => Ok(Json(show_finished(done?))),
    }
}

/// List files
///
/// Newest first. Totals are of all that match.
#[utoipa::path(get, path = "/v1/files/all", tag = "files", params(Listing),
    responses((status = 200, body = Files), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn list_all(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<Listing>, axum::extract::rejection::QueryRejection>,
) -> Answer<Json<Files>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user_id.as_deref().or(asked.user_email.as_deref()))?;
    let folder = asked.folder.as_deref().map(Folder::parse).transpose();
    let folder = folder.map_err(|error| bad_request(format!("folder {error}")))?;
    let subtree = matches!(asked.subtree.as_deref(), Some("1" | "true"));
    let name = asked.q.filter(|text| !text.is_empty());
    if name.as_ref().is_some_and(|text| text.len() > 255) {
        return Err(bad_request("q may have at most 255 bytes").into());
    }
    let within = Within { folder: folder.map(|folder| folder.as_str().to_owned()), subtree, name };
    let mut after = asked.cursor.as_deref().map_or(Ok(Cursor::START), parse_cursor)?;
    let limit: Option<i64> = match asked.limit.as_deref() {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| bad_request("limit must be from 1 to 1000"))?),
    };
    let (total_count, total_size) = files::totals(&app, &caller, &owner, &within).await?;
    let mut shown = Vec::new();
    let next_cursor = loop {
        let (page, more) = files::list(&app, &caller, &owner, &within, after, limit.unwrap_or(files::MAX_PAGE)).await?;
        let last = page.last().map(|file| Cursor { created_at: micros(file.object.created_at), id: file.object.id });
        shown.extend(page.into_iter().map(show_listed));
        match last.filter(|_| more) {
            Some(last) if limit.is_none() => after = last,
            last => break last.map(show_cursor),
        }
    };
    Ok(Json(Files { files: shown, total_count, total_size, next_cursor }))
}

/// Sign a link
///
/// For anybody who has it, until it ends.
#[utoipa::path(get, path = "/v1/files/signed-url", tag = "files", params(LinkWanted),
    responses((status = 200, body = SignedLink), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn signed_url(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<LinkWanted>, axum::extract::rejection::QueryRejection>,
) -> Answer<Json<SignedLink>> {
    let Query(wanted) = query.map_err(|_| bad_request("the query can't be read"))?;
    link(&app, &caller, wanted).await
}

/// Sign a link, asked for in JSON
#[utoipa::path(post, path = "/v1/files/signed-url", tag = "files", request_body = LinkWanted,
    responses((status = 200, body = SignedLink), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn post_signed_url(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Answer<Json<SignedLink>> {
    let wanted: LinkWanted = json(request).await?;
    link(&app, &caller, wanted).await
}

async fn link(app: &App, caller: &Caller, wanted: LinkWanted) -> Answer<Json<SignedLink>> {
    let key = wanted.key.or(wanted.file_key).ok_or_else(|| bad_request("key is needed"))?;
    let shown = match wanted.disposition.as_deref() {
        None => Shown::Inline,
        Some(word) => Shown::parse(word).ok_or_else(|| bad_request("disposition must be inline or attachment"))?,
    };
    let lifetime = match wanted.ttl.or(wanted.expires_in) {
        None => app.config.files.link_lifetime,
        Some(given) => whole(&given).ok_or_else(|| bad_request("ttl must be a number of seconds"))?,
    };
    let version = match wanted.v.as_ref().map(whole) {
        None | Some(Some(2)) => Version::Two,
        Some(Some(1)) => Version::One,
        Some(_) => return Err(bad_request("v must be 1 or 2").into()),
    };
    let signed = links::issue(app, caller, &key, shown, lifetime, version).await?;
    let url = format!("{}/get/{}?{}", app.addresses.api, serve::encoded(&signed.key), signed.query);
    let ends = std::time::UNIX_EPOCH + std::time::Duration::from_secs(signed.expires);
    Ok(Json(SignedLink {
        signed_url: url.clone(),
        url,
        expires_in: lifetime,
        disposition: shown.as_str(),
        expires_at: rfc3339(ends),
    }))
}

/// A number, also where it came as text.
fn whole(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// Get a file's metadata
#[utoipa::path(get, path = "/v1/files/metadata/{*key}", tag = "files", params(("key" = String, Path)),
    responses((status = 200, body = FileMetadata), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn metadata(State(app): State<Arc<App>>, caller: Caller, Path(key): Path<String>) -> Answer<Json<FileMetadata>> {
    let (_, file) = files::find(&app, &caller, Action::Read, &key).await?;
    Ok(Json(show_metadata(file)))
}

/// Delete a file
///
/// Its bytes are gone and its space is free before the answer.
#[utoipa::path(delete, path = "/v1/files/{*key}", tag = "files", params(("key" = String, Path)),
    responses((status = 200, body = Deleted), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_file(State(app): State<Arc<App>>, caller: Caller, Path(key): Path<String>) -> Answer<Json<Deleted>> {
    files::delete(&app, &caller, &key).await?;
    Ok(Json(Deleted { status: "deleted", key }))
}

/// Delete a folder
///
/// With all that is below it. From the answer on nothing of it can be read; its bytes follow.
#[utoipa::path(delete, path = "/v1/files", tag = "files", params(Whose),
    responses((status = 202, body = FolderDeleted), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn delete_folder(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<Whose>, axum::extract::rejection::QueryRejection>,
) -> Answer<Response<Body>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user())?;
    let folder = asked.folder.ok_or_else(|| bad_request("folder is needed"))?;
    let deleted = files::delete_folder(&app, &caller, &owner, &folder).await?;
    let job_id = uuid::Uuid::now_v7().to_string();
    Ok((StatusCode::ACCEPTED, Json(FolderDeleted { job_id, deleted })).into_response())
}

/// What a user's files take
#[utoipa::path(get, path = "/v1/files/usage", tag = "files", params(Whose),
    responses((status = 200, body = Taken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn usage(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<Whose>, axum::extract::rejection::QueryRejection>,
) -> Answer<Json<Taken>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user())?;
    let (usage, quota) = files::usage(&app, &caller, &owner).await?;
    Ok(Json(Taken { used: usage.used, reserved: usage.reserved, quota, files: usage.files }))
}

/// Make a token for a user
///
/// For services, where `AUTH_OWN_TOKENS` is on; `/v1/tokens` does the same in JSON.
#[utoipa::path(post, path = "/v1/files/generate-token", tag = "files", params(TokenWanted),
    responses((status = 200, body = UserToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn generate_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<TokenWanted>, axum::extract::rejection::QueryRejection>,
) -> Answer<Response<Body>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let user = asked.user_id.as_deref().ok_or_else(|| bad_request("user_id is needed"))?;
    let user = UserId::parse(user).map_err(|error| bad_request(format!("user_id: {error}")))?;
    let hours = asked.expires_hours.as_deref().map_or(Some(1), |text| text.parse().ok());
    let hours = hours.filter(|hours| (1..=24).contains(hours));
    let hours: u64 = hours.ok_or_else(|| bad_request("expires_hours must be from 1 to 24"))?;
    let new = NewToken { user, org: None, roles: Roles::default() };
    let lifetime = std::time::Duration::from_secs(hours * 3600);
    let (token, ends) = issue_token(&app, &caller, &new, lifetime).await?;
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let body = UserToken { token, expires_in: lifetime.as_secs(), expires_at: rfc3339(ends) };
    Ok((no_store, Json(body)).into_response())
}

/// End all links to a user's files
#[utoipa::path(post, path = "/v1/files/links/revoke", tag = "files", params(Whose),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn revoke_links(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<Whose>, axum::extract::rejection::QueryRejection>,
) -> Answer<StatusCode> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user())?;
    links::revoke(&app, &caller, &owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

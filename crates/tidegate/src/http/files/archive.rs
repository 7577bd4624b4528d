//! Routes of ZIP downloads: one lays an archive out from keys or a folder and returns a token, the
//! other reads the archive by token. The format is in `surfaces/archives/`.

use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, Response, header};
use axum::response::IntoResponse as _;
use serde::{Deserialize, Deserializer, Serialize};
use store::{Attributes, Stat};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::bounded_list::ListLimits;
use super::super::content::{self, AuthorizedBy, Fields as _, Representation, ResponseBody};
use super::super::error::ErrorBody;
use super::super::json::json;
use super::ApiResult;
use crate::app::App;
use crate::error::{Error, bad_request};
use crate::model::caller::Caller;
use crate::model::disposition;
use crate::model::file::FileName;
use crate::surfaces::{archives, files};

/// The longest key in bytes that is looked up: more than any file has.
const MAX_KEY: usize = 2048;

/// Returns the route that requests an archive.
pub(super) fn create_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create))
}

/// Returns the routes that read an archive.
pub(super) fn read_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(read, head))
}

/// Files for one archive.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = FileArchiveRequest)]
pub(super) struct Wanted {
    /// Up to 100,000.
    #[serde(default, deserialize_with = "bounded")]
    keys: Vec<String>,
    /// Instead of keys: a folder with all that is below it.
    folder: Option<String>,
    /// Whose folder, where a service asks.
    user_id: Option<String>,
    user_email: Option<String>,
    /// What it is saved as.
    #[schema(example = "pictures.zip")]
    name: Option<String>,
}

/// Deserializes the keys within their limits.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let limits = ListLimits { name: "keys", elements: archives::MAX_MEMBERS, element_bytes: MAX_KEY };
    limits.deserialize(deserializer)
}

/// An archive that can be read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileArchive)]
pub(super) struct Ready {
    /// Opens it, for anybody.
    token: String,
    /// Its exact size in bytes.
    size: u64,
    /// Seconds.
    expires_in: u64,
}

/// Ask for a ZIP
///
/// Of files that the caller may read. The answer's token reads it, as often as wanted and from any byte on.
#[utoipa::path(post, path = "/v1/files/batch-download", operation_id = "create_file_archive", tag = "files", request_body = Wanted,
    responses((status = 200, body = Ready), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create(State(app): State<Arc<App>>, caller: Caller, request: Request) -> ApiResult<Json<Ready>> {
    let wanted: Wanted = json(request).await?;
    let name = wanted.name.as_deref().map(FileName::clean).transpose();
    let name = name.map_err(|error| bad_request(format!("name {error}")))?;
    let name = name.as_ref().map(FileName::as_str);
    let made = match &wanted.folder {
        Some(_) if !wanted.keys.is_empty() => return Err(bad_request("give either keys or folder").into()),
        Some(folder) => {
            let owner = files::owner(&caller, wanted.user_id.as_deref().or(wanted.user_email.as_deref()))?;
            archives::create_of_folder(&app, &caller, &owner, folder, name).await?
        }
        None => archives::create(&app, &caller, &wanted.keys, name).await?,
    };
    Ok(Json(Ready { token: made.token, size: made.archive.size, expires_in: archives::LIFETIME.as_secs() }))
}

/// Read a ZIP
///
/// `Range` and `If-Range` at any byte, on any server.
#[utoipa::path(get, path = "/v1/files/batch-download/{token}", operation_id = "read_file_archive", tag = "files", security(()), params(("token" = String, Path)),
    responses((status = 200, content_type = "application/zip"), (status = 206, content_type = "application/zip"), (status = 304), (status = 412), (status = 416),
        (status = 404, body = ErrorBody)))]
async fn read(
    State(app): State<Arc<App>>,
    method: Method,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    let archive = Arc::new(archives::open(&app, &token).await?);
    let stat = Stat {
        size: archive.size,
        etag: archive.etag.clone(),
        last_modified: archive.created_at,
        attributes: Attributes { content_type: "application/zip".to_owned(), ..Attributes::default() },
        archive: store::ArchiveState::Readable,
    };
    let representation = Representation::of(&stat);
    let mut fields = HeaderMap::new();
    let policy = AuthorizedBy::Url.resource_policy(app.config.resource_policy);
    content::set_security_fields(representation.rendering(), policy, &mut fields);
    fields.set(&header::CACHE_CONTROL, b"private, no-store, no-transform");
    fields.set(&header::CONTENT_DISPOSITION, disposition::attachment(&archive.name).as_bytes());
    let source = Arc::clone(&app);
    let bytes = move |range: Range<u64>| {
        let length = range.end - range.start;
        let body = archives::read(&source, Arc::clone(&archive), range);
        std::future::ready(Ok::<_, Error>(ResponseBody::Stream(body, length)))
    };
    let (status, body) = content::respond(&method, &headers, &representation, &mut fields, bytes).await?;
    Ok((status, fields, body.into_body()).into_response())
}

/// Read a ZIP's headers
///
/// As GET without the bytes; `Range` has no meaning here.
#[utoipa::path(head, path = "/v1/files/batch-download/{token}", operation_id = "head_file_archive", tag = "files", security(()), params(("token" = String, Path)),
    responses((status = 200), (status = 304), (status = 404), (status = 412)))]
async fn head(
    state: State<Arc<App>>,
    method: Method,
    token: Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    read(state, method, token, headers).await
}

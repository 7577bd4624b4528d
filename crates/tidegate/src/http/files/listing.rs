//! The route that lists files: one page, or everything as a stream.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, Response, header};
use axum::response::IntoResponse as _;
use futures::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::cursor::{encode_cursor, parse_cursor, parse_start};
use super::super::error::ErrorBody;
use super::ApiResult;
use super::wire::{Files, show_listed};
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::library;
use crate::model::caller::Caller;
use crate::model::file::{File, FileFilter, Folder};
use crate::model::micros;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::page::Start;
use crate::surfaces::files;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_all))
}

/// The query of `GET /v1/files/all`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Whom a service asks about.
    user_id: Option<String>,
    user_email: Option<String>,
    /// Those in this folder and in all folders below it.
    folder: Option<String>,
    /// `1`: those in the folder itself only. Without `folder`, those in none.
    exact: Option<String>,
    /// `0`: the same as `exact=1`.
    subtree: Option<String>,
    /// Those whose name holds this.
    q: Option<String>,
    /// `READY` (default), or what is not readable: `SCANNING`, `FAILED`, `REJECTED`.
    status: Option<String>,
    /// 1 to 1000; without it, all.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    cursor: Option<String>,
    /// Instead of `cursor`: the number of items to pass over, from 0.
    #[param(value_type = Option<i64>, minimum = 0)]
    offset: Option<String>,
}

/// List files
///
/// Newest first. Totals are of all that match.
#[utoipa::path(get, path = "/v1/files/all", operation_id = "list_files", tag = "files", params(ListQuery),
    responses((status = 200, body = Files), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn list_all(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Response<Body>> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user_id.as_deref().or(asked.user_email.as_deref()))?;
    let exact = is_exact(&asked)?;
    let folder = asked.folder.as_deref().or(exact.then_some("")).map(Folder::clean).transpose();
    let folder = folder.map_err(|error| bad_request(format!("folder {error}")))?;
    let name = asked.q.filter(|text| !text.is_empty());
    if name.as_ref().is_some_and(|text| text.len() > 255) {
        return Err(bad_request("q may have at most 255 bytes").into());
    }
    let state = match asked.status.as_deref() {
        None | Some("READY") => ObjectState::Ready,
        Some("SCANNING") => ObjectState::Scanning,
        Some("FAILED") => ObjectState::Failed,
        Some("REJECTED") => ObjectState::Rejected,
        Some(_) => return Err(bad_request("status must be READY, SCANNING, FAILED or REJECTED").into()),
    };
    let filter = FileFilter { folder: folder.map(|folder| folder.as_str().to_owned()), subtree: !exact, name };
    let start = parse_start(("cursor", asked.cursor.as_deref()), asked.offset.as_deref(), parse_cursor)?;
    let limit: Option<i64> = match asked.limit.as_deref() {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| bad_request("limit must be from 1 to 1000"))?),
    };
    let (total_count, total_size) = library::files::totals(&app, &caller, &owner, (&filter, state)).await?;
    let most = limit.unwrap_or(library::files::MAX_PAGE);
    let after = match start {
        Start::First => Cursor::START,
        Start::After(cursor) => cursor,
        Start::At(offset) => {
            library::files::find_position(&app, &caller, &owner, (&filter, state), offset, total_count).await?
        }
    };
    let (page, more) = library::files::list(&app, &caller, &owner, (&filter, state), after, most).await?;
    let next = last_of(&page).filter(|_| more);
    let files = page.into_iter().map(show_listed).collect();
    let next_cursor = next.map(encode_cursor);
    let shown = Files { files, total_count, total_size, next_cursor };
    let Some(next) = next.filter(|_| limit.is_none()) else { return Ok(Json(shown).into_response()) };
    let rest = Rest { app, caller, owner, filter, state, after: Some(next) };
    let body = Body::from_stream(everything(rest, &shown)?);
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], body).into_response())
}

/// Returns whether only the folder itself is listed. `subtree` is the older word for the opposite.
fn is_exact(asked: &ListQuery) -> Result<bool> {
    let flag = |name: &str, text: Option<&str>| match text {
        None => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(_) => Err(bad_request(format!("{name} must be 1 or 0"))),
    };
    let exact = flag("exact", asked.exact.as_deref())?;
    match (exact, flag("subtree", asked.subtree.as_deref())?) {
        (Some(exact), Some(subtree)) if exact == subtree => Err(bad_request("exact and subtree contradict each other")),
        (exact, subtree) => Ok(exact.or(subtree.map(|subtree| !subtree)).unwrap_or(false)),
    }
}

fn last_of(page: &[File]) -> Option<Cursor> {
    page.last().map(|file| Cursor { created_at: micros(file.object.created_at), id: file.object.id })
}

/// The state of a streamed listing after its first page.
struct Rest {
    app: Arc<App>,
    caller: Caller,
    owner: Owner,
    filter: FileFilter,
    state: ObjectState,
    /// The position of the next page; `None` after the last.
    after: Option<Cursor>,
}

/// Streams the whole listing page by page, with no more than one page in memory. If a page fails,
/// the response breaks off.
fn everything(rest: Rest, first: &Files) -> Result<impl futures::Stream<Item = std::io::Result<Bytes>> + Send + use<>> {
    let totals = format!("{{\"total_count\":{},\"total_size\":{},\"files\":[", first.total_count, first.total_size);
    let begin = totals + &lines(&first.files)?;
    let rest = stream::try_unfold(rest, |mut rest| async move {
        let Some(after) = rest.after.take() else { return Ok(None) };
        let which = (&rest.filter, rest.state);
        let page =
            library::files::list(&rest.app, &rest.caller, &rest.owner, which, after, library::files::MAX_PAGE).await;
        let (page, more) = page.map_err(std::io::Error::other)?;
        rest.after = last_of(&page).filter(|_| more);
        let shown: Vec<_> = page.into_iter().map(show_listed).collect();
        let mut text = if shown.is_empty() { String::new() } else { String::from(",") };
        text += &lines(&shown).map_err(std::io::Error::other)?;
        if rest.after.is_none() {
            text += "]}";
        }
        Ok(Some((Bytes::from(text), rest)))
    });
    Ok(futures::StreamExt::chain(stream::iter([Ok(Bytes::from(begin))]), rest))
}

/// Returns the files as elements of a JSON array, without its brackets.
fn lines(files: &[impl serde::Serialize]) -> Result<String> {
    let text = serde_json::to_string(files).map_err(|error| Error::Internal(error.into()))?;
    Ok(text[1..text.len() - 1].to_owned())
}

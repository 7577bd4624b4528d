//! Routes of file uploads: begin, send parts as base64 or as raw bytes, complete, abort.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use futures::{TryStreamExt as _, stream};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::admission::{BodyMemory, length};
use super::super::error::ErrorBody;
use super::super::json::json;
use super::ApiResult;
use super::embedded::{EmbeddedReader, Event};
use super::visibility;
use super::wire::{
    self, Complete, CompletePart, CompletedFile, CompletedUpload, Init, NewFile, NewPart, PartRest, PartStored,
    PartTarget, Started, show_finished, show_started,
};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::state::shares::Permit;
use crate::surfaces::files::uploads::{self, PartBody};
use crate::surfaces::files::{self, completion};

/// The most bytes of one body that are buffered until their destination is known.
const MAX_HELD: usize = 16 << 20;
/// The most bytes of a body with a part besides its content. They are held without a reservation.
const MAX_PART_REST: usize = 64 << 10;
/// The most bytes of a completion besides the contents in it: a list of parts.
const MAX_COMPLETE_REST: usize = 2 << 20;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(init)).routes(routes!(abort))
}

/// Returns the routes that receive file contents, which have no time limit.
pub(crate) fn byte_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(post_part)).routes(routes!(put_part)).routes(routes!(complete))
}

/// Begin uploads
///
/// Reserves the announced bytes. Send them by `part`, or all of a file at once to its `url`. `visibility` may be said of all
/// files, in `meta` or of one file; private in one place is private. A member that is not known is refused, but for those in
/// `meta` that don't ask for privacy.
#[utoipa::path(post, path = "/v1/files/init", operation_id = "begin_file_uploads", tag = "files", request_body = Init,
    responses((status = 200, body = Started), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn init(State(app): State<Arc<App>>, caller: Caller, request: Request) -> ApiResult<Json<Started>> {
    visibility::refuse_in_query(request.uri().query())?;
    let asked: Init = json(request).await?;
    asked.others.refuse_privacy("")?;
    let chunked = match asked.mode.as_str() {
        "chunked" => true,
        "single" | "batch" => false,
        _ => return Err(bad_request("mode must be single, chunked or batch").into()),
    };
    if asked.mode == "single" && asked.files.len() != 1 {
        return Err(bad_request("mode single takes one file; use batch for several").into());
    }
    let of_all = visibility::said_above(asked.visibility.as_ref(), asked.meta.as_ref())?;
    let meta = asked.meta.unwrap_or_default();
    let owner = files::owner(&caller, meta.user())?;
    let folder = asked.folder.or(meta.folder).unwrap_or_default();
    let mut announced = Vec::with_capacity(asked.files.len());
    for (index, file) in asked.files.into_iter().enumerate() {
        let place = format!("files[{index}].");
        file.others.refuse(&place, NewFile::KNOWN)?;
        let visibility = visibility::of_file(&place, file.visibility.as_ref(), of_all)?;
        announced.push(uploads::NewFileUpload { name: file.name, size: file.size, mime: file.mime, visibility });
    }
    let largest = announced.iter().map(|file| file.size).max().unwrap_or(0);
    let begun = uploads::begin(&app, &caller, &owner, &folder, announced).await?;
    let first = begun.first().map(|begun| begun.upload_id.clone()).unwrap_or_default();
    let parts = chunked.then(|| largest.div_ceil(uploads::CHUNK).max(1));
    let uploads: Vec<_> = begun.into_iter().map(show_started).collect();
    let visibility = wire::common_visibility(&uploads);
    let public_access = app.config.files.public;
    Ok(Json(Started { upload_id: first, parts, visibility, public_access, uploads }))
}

/// Send a part in base64
///
/// Numbers begin with 0 or 1; parts may come in any order, and one that is sent again replaces the one before.
#[utoipa::path(post, path = "/v1/files/part", operation_id = "send_file_part_base64", tag = "files", request_body = NewPart,
    responses((status = 200, body = PartStored), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn post_part(State(app): State<Arc<App>>, caller: Caller, request: Request) -> ApiResult<Json<PartStored>> {
    visibility::refuse_in_query(request.uri().query())?;
    let (length, memory) = (length(&request), BodyMemory::of(&request));
    let mut reader = EmbeddedReader::new(request.into_body(), "chunkBase64", MAX_PART_REST);
    let before = match reader.next().await? {
        Some(Event::Begin(before)) if before.depth() == 1 => before,
        _ => return Err(bad_request("the body must be a JSON object with uploadId, partNumber and chunkBase64").into()),
    };
    // The destination may stand before the content or after it.
    let Some(place) = reader.partial::<PartTarget>(&before) else {
        let _held = memory.reserve(MAX_HELD)?;
        let bytes = collected(&mut reader, MAX_HELD).await?;
        let message = "uploadId and partNumber must stand before chunkBase64 where that is long";
        let bytes = bytes.ok_or_else(|| bad_request(message))?;
        let PartTarget { upload_id, part_number } = rest_of_part(reader).await?;
        uploads::put_part(&app, &caller, &upload_id, part_number, held_part(bytes)).await?;
        return Ok(Json(PartStored { status: "success", part_number }));
    };
    let _buffered = reserve_buffer(&app, &memory).await?;
    let (bytes, back) = reader.value_stream();
    let (bytes, cut_off) = app.writers.limit(part_name(&place.upload_id, place.part_number), bytes);
    let body = PartBody { bytes, most: length.map(|length| length / 4 * 3) };
    let put = uploads::put_part(&app, &caller, &place.upload_id, place.part_number, body).await;
    put.map_err(|error| if cut_off.happened() { replaced() } else { restore_body_error(error) })?;
    let reader = back.await.map_err(|_| bad_request("the body ended early"))?;
    if rest_of_part(reader).await? != place {
        return Err(bad_request("uploadId and partNumber are given twice").into());
    }
    Ok(Json(PartStored { status: "success", part_number: place.part_number }))
}

/// Reserves what the store buffers of a part: a bucket takes pieces of [`store::STREAM_BUFFER`].
async fn reserve_buffer(app: &App, memory: &BodyMemory) -> Result<Option<Permit>> {
    if app.local.is_some() { Ok(None) } else { memory.wait(store::STREAM_BUFFER).await }
}

/// Returns the name under which the writers of a part are counted.
fn part_name(upload_id: &str, number: u32) -> String {
    format!("{upload_id}/{number}")
}

/// Returns the error for a part that newer requests send as well.
fn replaced() -> Error {
    Error::InvalidState("newer requests send the same part".into())
}

/// Restores the message of a body error that passed through the store as a generic one.
fn restore_body_error(error: Error) -> Error {
    let Error::BadRequest(message) = &error else { return error };
    if message.contains("not base64") { bad_request("chunkBase64 is not base64") } else { error }
}

/// Reads the current embedded value; `None` if it has more than `most` bytes.
async fn collected(reader: &mut EmbeddedReader, most: usize) -> Result<Option<Vec<u8>>> {
    let mut bytes = Some(Vec::new());
    while let Some(event) = reader.next().await? {
        match event {
            Event::Bytes(more) => {
                bytes = bytes.filter(|bytes: &Vec<u8>| bytes.len() + more.len() <= most);
                if let Some(bytes) = &mut bytes {
                    bytes.extend_from_slice(&more);
                }
            }
            Event::Begin(_) | Event::End => return Ok(bytes),
        }
    }
    Err(bad_request("the body ended early"))
}

/// Reads a part's body to its end. Visibility belongs to `init` and `complete` and is refused here.
async fn rest_of_part(reader: EmbeddedReader) -> Result<PartTarget> {
    let PartRest { place, others } = to_end(reader).await?;
    others.refuse_visibility()?;
    Ok(place)
}

/// Reads the body to its end and parses all but the embedded values.
async fn to_end<T: serde::de::DeserializeOwned>(mut reader: EmbeddedReader) -> Result<T> {
    while let Some(event) = reader.next().await? {
        if matches!(event, Event::Begin(_)) {
            return Err(bad_request("the embedded bytes are given twice"));
        }
    }
    reader.rest()
}

/// Send a part
///
/// The bytes as they are.
#[utoipa::path(put, path = "/v1/files/part/{upload_id}/{number}", operation_id = "send_file_part", tag = "files",
    params(("upload_id" = String, Path), ("number" = u32, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = PartStored), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn put_part(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((upload_id, number)): Path<(String, String)>,
    request: Request,
) -> ApiResult<Json<PartStored>> {
    visibility::refuse_in_query(request.uri().query())?;
    let part_number = number.parse().map_err(|_| bad_request("the part's number must be a whole number"))?;
    let most = length(&request);
    let _buffered = reserve_buffer(&app, &BodyMemory::of(&request)).await?;
    let bytes = Box::pin(request.into_body().into_data_stream().map_err(std::io::Error::other));
    let (bytes, cut_off) = app.writers.limit(part_name(&upload_id, part_number), bytes);
    let put = uploads::put_part(&app, &caller, &upload_id, part_number, PartBody { bytes, most }).await;
    put.map_err(|error| if cut_off.happened() { replaced() } else { error })?;
    Ok(Json(PartStored { status: "success", part_number }))
}

/// Complete an upload
///
/// May be asked again and then answers the same. `meta.filename` and `meta.folder` take the place of what was announced, and
/// change the key. `visibility`, here or in `meta`, can make the file private and never public
/// again.
#[utoipa::path(post, path = "/v1/files/complete", operation_id = "complete_file_upload", tag = "files", request_body = Complete,
    responses((status = 200, body = CompletedFile), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn complete(State(app): State<Arc<App>>, caller: Caller, request: Request) -> ApiResult<Json<CompletedFile>> {
    visibility::refuse_in_query(request.uri().query())?;
    let most = app.config.files.max_inline;
    let mut held = Some(BodyMemory::of(&request).reserve(most + MAX_COMPLETE_REST)?);
    let mut reader = EmbeddedReader::new(request.into_body(), "data", MAX_COMPLETE_REST);
    let (mut late, mut left, mut is_first) = (Vec::new(), Some(most), true);
    while let Some(event) = reader.next().await? {
        let Event::Begin(before) = event else { continue };
        // The original clients send the content both ways; then this copy is read and dropped.
        if std::mem::take(&mut is_first)
            && let Some(CompletedUpload { upload_id }) = reader.partial(&before)
            && completion::has_parts(&app, &caller, &upload_id).await?
        {
            (left, held) = (None, None);
        }
        // Content over the limit is read to its end all the same: the parts may have been sent
        // before.
        let bytes = collected(&mut reader, left.unwrap_or(0)).await?;
        left = left.zip(bytes.as_ref()).map(|(left, bytes)| left - bytes.len());
        late.extend(bytes.filter(|_| left.is_some()));
    }
    let asked: Complete = reader.rest()?;
    asked.others.refuse_privacy("")?;
    let visibility = visibility::said_above(asked.visibility.as_ref(), asked.meta.as_ref())?;
    let sha256 = asked.sha256.filter(|given| !given.is_empty()).map(|given| given.to_ascii_lowercase());
    let user = asked.meta.as_ref().and_then(wire::Meta::user).map(str::to_owned);
    let (name, folder) = asked.meta.map(|meta| (meta.filename, meta.folder)).unwrap_or_default();
    let finish = completion::Finish { sha256, user, visibility, name, folder };
    let late = match left {
        Some(_) => Some(in_order(late, &asked.parts)?.into_iter().map(held_part).collect()),
        None => None,
    };
    let done = completion::complete(&app, &caller, &asked.upload_id, &finish, late).await?;
    drop(held);
    Ok(Json(show_finished(done)))
}

/// Give an upload up
///
/// What it had reserved is free before the answer. May be asked again.
#[utoipa::path(delete, path = "/v1/files/uploads/{upload_id}", operation_id = "abort_file_upload", tag = "files", params(("upload_id" = String, Path)),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn abort(State(app): State<Arc<App>>, caller: Caller, Path(upload_id): Path<String>) -> ApiResult<StatusCode> {
    uploads::abort(&app, &caller, &upload_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Wraps buffered bytes as the body of a part.
fn held_part(bytes: Vec<u8>) -> PartBody {
    let most = Some(bytes.len() as u64);
    PartBody { bytes: Box::pin(stream::iter([Ok(bytes.into())])), most }
}

/// Returns the contents in a completion body, in the order of their part numbers, or as they stand
/// if none has a number.
fn in_order(late: Vec<Vec<u8>>, parts: &[CompletePart]) -> Result<Vec<Vec<u8>>> {
    let numbers: Vec<Option<u32>> =
        parts.iter().filter(|part| part.data.is_some()).map(|part| part.part_number).collect();
    // The counts differ if `data` is a member of something else.
    if numbers.len() != late.len() || numbers.iter().all(Option::is_none) {
        return Ok(late);
    }
    let mut numbered = std::collections::BTreeMap::new();
    for (number, bytes) in numbers.into_iter().zip(late) {
        let number = number.ok_or_else(|| bad_request("give partNumber to all of parts, or to none"))?;
        if numbered.insert(number, bytes).is_some() {
            return Err(bad_request(format!("part {number} is given twice")));
        }
    }
    Ok(numbered.into_values().collect())
}

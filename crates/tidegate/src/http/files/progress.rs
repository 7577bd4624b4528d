//! The route that says how far an upload of a file is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::super::time::rfc3339;
use super::ApiResult;
use crate::app::App;
use crate::model::caller::Caller;
use crate::model::upload::{StoredPart, UploadState};
use crate::surfaces::files::uploads::{self, UploadProgress};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get_upload))
}

/// An upload that is open or was completed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FileUploadProgress)]
struct Progress {
    upload_id: String,
    /// `OPEN`; `COMPLETING`, when it takes no more parts and can only be completed or aborted; `COMPLETED`.
    state: &'static str,
    /// The key that the file has or will have, unless the completion names another folder or name.
    key: String,
    filename: String,
    folder: String,
    /// Bytes that were announced.
    size: u64,
    mime: String,
    visibility: &'static str,
    /// When it is given up; null once it is completed.
    expires_at: Option<String>,
    /// Bytes of the parts.
    received: u64,
    /// What came already, in the order of the numbers; empty once it is completed.
    parts: Vec<ReceivedPart>,
}

/// A part that came.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReceivedFilePart)]
struct ReceivedPart {
    part_number: u32,
    /// Bytes.
    size: u64,
    /// The CRC-32 of the bytes, eight hexadecimal digits.
    crc32: String,
}

impl From<UploadProgress> for Progress {
    fn from(progress: UploadProgress) -> Self {
        let UploadProgress { upload, file, parts } = progress;
        let is_open = upload.state == UploadState::Open;
        let state = match (is_open, upload.is_being_completed()) {
            (false, _) => "COMPLETED",
            (true, true) => "COMPLETING",
            (true, false) => "OPEN",
        };
        let show = |part: &StoredPart| ReceivedPart {
            part_number: part.number,
            size: part.bytes.size,
            crc32: format!("{:08x}", part.crc32),
        };
        Self {
            state,
            key: file.object.key.as_str().to_owned(),
            filename: file.object.name.unwrap_or_default(),
            folder: file.folder,
            size: upload.announced_size.unwrap_or_default(),
            mime: file.object.content_type,
            visibility: file.visibility.as_str(),
            expires_at: is_open.then(|| rfc3339(upload.expires_at)),
            received: parts.iter().map(|part| part.bytes.size).sum(),
            parts: parts.iter().map(show).collect(),
            upload_id: upload.id,
        }
    }
}

/// Get an upload
///
/// All that a client needs to go on which has lost everything but the upload's id: what was announced, and which parts came.
/// One that was completed is there too.
#[utoipa::path(get, path = "/v1/files/uploads/{upload_id}", operation_id = "get_file_upload", tag = "files", params(("upload_id" = String, Path)),
    responses((status = 200, body = Progress), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn get_upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(upload_id): Path<String>,
) -> ApiResult<Json<Progress>> {
    Ok(Json(uploads::progress(&app, &caller, &upload_id).await?.into()))
}

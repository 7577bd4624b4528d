//! Begins uploads: writes the rows of a new object and its upload, and presigns the request that
//! sends its bytes. Never decides who may upload or under which key; the surface has done that.
//! Continue with `confirm` or `completion`.

use std::time::SystemTime;

use store::{Attributes, PresignedRequest};
use uuid::Uuid;

use super::effects::{self, Details};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::upload::{Upload, UploadState, plan_part_size};

/// The media type of opaque bytes, and of bytes whose type is not announced.
pub(crate) const OPAQUE: &str = "application/octet-stream";

/// The facts from which the rows of an upload are built.
#[derive(Debug)]
pub(crate) struct NewUpload {
    /// The id of the object.
    pub(crate) object: ObjectId,
    /// The id of the upload. For an upload in parts it is the store's upload id.
    pub(crate) id: String,
    /// The file name that the uploader announced.
    pub(crate) name: Option<String>,
    /// The media type.
    pub(crate) content_type: String,
    /// The announced size in bytes.
    pub(crate) size: Option<u64>,
    /// The announced SHA-256 in lower-case hex.
    pub(crate) sha256: Option<String>,
    /// The object's key until it is published under another one.
    pub(crate) key: Key,
    /// The key at which a single PUT lands; `None` for parts at the object's own key.
    pub(crate) incoming: Option<Key>,
    /// The size in bytes of every part but the last; `None` for a single PUT.
    pub(crate) part_size: Option<u64>,
}

impl NewUpload {
    /// Builds the rows: an object in state PENDING, and its open upload.
    pub(crate) fn rows(self, app: &App, kind: OwnerKind, now: SystemTime) -> (Object, Upload) {
        let id = self.object;
        let object = Object {
            id,
            key: self.key.clone(),
            name: self.name,
            content_type: self.content_type,
            state: ObjectState::Pending,
            created_at: now,
            content: None,
        };
        let upload = Upload {
            id: self.id,
            of: kind,
            object: id,
            key: self.key,
            incoming: self.incoming,
            part_size: self.part_size,
            announced_size: self.size,
            state: UploadState::Open,
            parts_digest: self.sha256,
            expires_at: now + app.config.upload_limits.of(kind).expiry,
        };
        (object, upload)
    }
}

/// Returns a new random upload id.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Inserts the rows of an upload and the details of its owner kind, and records the begin in the
/// audit log. The caller has already taken the locks that the owner kind requires.
pub(crate) async fn insert(
    tx: &mut Tx,
    caller: &Caller,
    owner: &Owner,
    (object, upload): (&Object, &Upload),
    details: Details<'_>,
) -> Result<()> {
    let now = object.created_at;
    tx.insert_object(owner, object, &effects::creator(owner.kind(), caller)).await?;
    tx.insert_upload(owner, upload, &caller.principal, now).await?;
    if let Some(sha256) = &upload.parts_digest {
        tx.announce_parts(&upload.id, sha256).await?;
    }
    effects::announce(tx, owner, object, details).await?;
    tx.record(caller, details.action(), object.id, now).await
}

/// Returns a presigned PUT that sends all bytes of an upload. Anyone who has it can use it.
pub(crate) async fn presign_put(app: &App, object: &Object, upload: &Upload) -> Result<PresignedRequest> {
    let key = upload.incoming.as_ref().unwrap_or(&upload.key);
    let lifetime = app.config.upload_limits.of(upload.of).url_lifetime;
    Ok(app.store.begin_put(key.as_str(), &object.content_type, upload.announced_size, lifetime).await?)
}

/// Begins an upload in parts in the store. Returns the store's upload id and the part size in
/// bytes. If the server crashes before the rows are committed, the sweep aborts the upload.
pub(crate) async fn create_parts(
    app: &App,
    kind: OwnerKind,
    key: &Key,
    size: Option<u64>,
    attributes: Attributes,
) -> Result<(String, u64)> {
    let part_size = plan_part_size(app.config.upload_limits.of(kind).part_size, size);
    let id = app.store.begin_parts(key.as_str(), part_size, attributes).await?;
    Ok((id, part_size))
}

/// Counts a begun or ended upload.
pub(crate) fn count_upload(outcome: &'static str) {
    metrics::counter!("tidegate_uploads_total", "outcome" => outcome).increment(1);
}

/// Checks an announced size against the limits of an owner kind. Returns 400 for an empty file, 413
/// for one that is too large.
pub(crate) fn check_size(app: &App, kind: OwnerKind, size: Option<u64>) -> Result<()> {
    let max = app.config.upload_limits.of(kind).max_size;
    match size {
        Some(0) => Err(bad_request("size must be at least 1")),
        Some(size) if size > max => Err(Error::TooLarge(format!("size may be at most {max} bytes").into())),
        _ => Ok(()),
    }
}

/// Returns the error for an upload that is larger than `max` bytes.
pub(crate) fn too_large(max: u64) -> Error {
    Error::TooLarge(format!("at most {max} bytes are taken of this type").into())
}

/// Checks an announced media type. Returns 400 if it is malformed.
pub(crate) fn check_media_type(given: Option<&str>) -> Result<()> {
    match given {
        Some(text) if !is_media_type(text) => {
            Err(bad_request("contentType must be a media type such as application/octet-stream"))
        }
        _ => Ok(()),
    }
}

/// Returns whether a text has the form `type/subtype` (RFC 9110, section 8.3.1), without
/// parameters.
pub(crate) fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    text.len() <= 127 && text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// Parses an announced SHA-256 and returns it in lower case.
pub(crate) fn sha256(given: &str) -> Result<String> {
    let lower = given.to_ascii_lowercase();
    if lower.len() == 64 && lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(lower);
    }
    Err(bad_request("sha256 must be 64 hexadecimal digits"))
}

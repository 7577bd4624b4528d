//! Begins uploads: writes the rows of a new object and its upload, and presigns the request that
//! sends its bytes. Never decides who may upload or under which key; the surface has done that.
//! Continue with `confirm` or `completion`.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use store::{Attributes, PresignedRequest, UploadRef};
use uuid::Uuid;

use super::effects::{self, Details};
use crate::app::App;
use crate::db::{NewObject, Tx};
use crate::error::{Error, Result, bad_request};
use crate::library::quotas;
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::model::quota::Demand;
use crate::model::upload::{Upload, UploadState, plan_part_size};

/// The media type of opaque bytes, and of bytes whose type is not announced.
pub(crate) const OPAQUE: &str = "application/octet-stream";

/// The largest PUT that S3 accepts, in bytes.
pub(crate) const MAX_SINGLE_PUT: u64 = 5 << 30;

/// How many tags are tried for the key of one file. A second try is rare already.
pub(crate) const MAX_TAGS: usize = 8;

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
            archive: None,
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

/// The rows of one new upload.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    /// The object.
    pub(crate) object: Object,
    /// Its upload.
    pub(crate) upload: Upload,
    /// The details of its owner kind.
    pub(crate) details: Details<'a>,
}

impl Rows<'_> {
    /// Returns the object as it is inserted.
    fn new_object(&self, app: &App) -> NewObject<'_> {
        let Self { object, details, .. } = self;
        NewObject { object, announced: self.reserved(app), file: details.file() }
    }

    /// Returns the bytes that are reserved from the begin on: the announced size, or the most that
    /// a single PUT without a size may bring. Parts without a size reserve theirs when they are
    /// signed.
    fn reserved(&self, app: &App) -> Option<u64> {
        let Self { object, upload, details } = self;
        if upload.announced_size.is_some() || upload.part_size.is_some() {
            return upload.announced_size;
        }
        let limits = app.config.upload_limits.of(upload.of);
        let largest = match details {
            Details::Media(_) => limits.of_media(object.content_type.starts_with("video/")),
            _ => limits.largest(),
        };
        Some(largest.min(MAX_SINGLE_PUT))
    }
}

/// Inserts one upload as [`insert_all`] does, and returns its rows.
pub(crate) async fn insert<'a>(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    owner: &Owner,
    ((object, upload), details): ((Object, Upload), Details<'a>),
) -> Result<(Object, Upload)> {
    let mut rows = [Rows { object, upload, details }];
    insert_all(app, tx, caller, owner, &mut rows).await?;
    let [Rows { object, upload, .. }] = rows;
    Ok((object, upload))
}

/// Reserves room in the quotas, inserts the rows of uploads and the details of their owner kind, and
/// records each begin in the audit log. The caller has already taken the locks that the owner kind
/// requires. A file whose key is in use gets another one, in `rows` too.
pub(crate) async fn insert_all(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    owner: &Owner,
    rows: &mut [Rows<'_>],
) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let (now, action) = (first.object.created_at, first.details.action());
    let demand = demand(app, rows);
    // What is only reserved may never come, so it is not weighed against the disk.
    let announced = rows.iter().filter_map(|row| row.upload.announced_size).fold(0, u64::saturating_add);
    app.disks.check(announced)?;
    quotas::reserve(app, tx, caller, owner, demand).await?;
    insert_objects(app, tx, &effects::creator(owner.kind(), caller), owner, rows).await?;
    let uploads: Vec<&Upload> = rows.iter().map(|row| &row.upload).collect();
    tx.insert_uploads(owner, &caller.principal, &uploads, now).await?;
    for Rows { object, details, .. } in rows.iter() {
        effects::announce(tx, owner, object, *details).await?;
    }
    let objects: Vec<ObjectId> = rows.iter().map(|row| row.object.id).collect();
    tx.record_all(caller, action, owner, &objects, now).await
}

/// Returns what uploads take from the quotas.
fn demand(app: &App, rows: &[Rows<'_>]) -> Demand {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let reserved = rows.iter().filter_map(|row| row.reserved(app));
    Demand {
        bytes: reserved.fold(0, u64::saturating_add),
        objects: count(rows.len()),
        uploads: count(rows.iter().filter(|row| row.upload.state == UploadState::Open).count()),
    }
}

/// Inserts objects. Those whose key is in use get another key and are tried again.
async fn insert_objects(app: &App, tx: &mut Tx, by: &Principal, owner: &Owner, rows: &mut [Rows<'_>]) -> Result<()> {
    let mut left: HashSet<ObjectId> = rows.iter().map(|row| row.object.id).collect();
    for _ in 0..MAX_TAGS {
        let objects: Vec<NewObject<'_>> =
            rows.iter().filter(|row| left.contains(&row.object.id)).map(|row| row.new_object(app)).collect();
        left = tx.insert_objects(owner, by, &objects).await?;
        if left.is_empty() {
            return Ok(());
        }
        for row in rows.iter_mut().filter(|row| left.contains(&row.object.id)) {
            let key = effects::another_key(app, &row.object, row.details)?;
            row.object.key.clone_from(&key);
            row.upload.key = key;
        }
    }
    Err(Error::Unavailable(anyhow::anyhow!("no free key was found for a file")))
}

/// Returns a presigned PUT that sends all bytes of an upload. Anyone who has it can use it.
pub(crate) async fn presign_put(app: &App, object: &Object, upload: &Upload) -> Result<PresignedRequest> {
    presign_put_for(app, object, upload, app.config.upload_limits.of(upload.of).url_lifetime).await
}

/// Returns a presigned PUT as [`presign_put`] does, for a lifetime.
pub(crate) async fn presign_put_for(
    app: &App,
    object: &Object,
    upload: &Upload,
    lifetime: Duration,
) -> Result<PresignedRequest> {
    let key = upload.incoming.as_ref().unwrap_or(&upload.key);
    Ok(app.store.begin_put(key.as_str(), &object.content_type, upload.announced_size, lifetime).await?)
}

/// Begins an upload in parts in the store. Returns the store's upload id and the part size in
/// bytes. The caller passes whatever comes before its commit to [`or_abort`]. If the server crashes
/// before the rows are committed, or the outcome of the commit is unknown, the sweep aborts the
/// upload.
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

/// Returns an outcome from between [`create_parts`] and the commit of the rows. If it is an error,
/// aborts the store's upload: refused requests must leave nothing.
pub(crate) async fn or_abort<T>(app: &App, upload_id: &str, key: &Key, outcome: Result<T>) -> Result<T> {
    if outcome.is_err() {
        let begun = UploadRef { key: key.as_str().to_owned(), upload_id: upload_id.to_owned() };
        if let Err(error) = app.store.abort(&begun).await {
            tracing::warn!(%error, "the store's upload of a refused request can't be aborted; the sweep aborts it");
        }
    }
    outcome
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

//! Begins and aborts uploads of files, and stores their parts: of any size and in any order, each an
//! immutable fragment of the upload's draft. The bytes of an upload are reserved in the quota. Parts
//! are joined in `completion`.
//!
//! Until its completion, an upload's parts are fragments of the draft `.parts/{upload}`, and its
//! presigned PUT lands at `.incoming/{upload}`. Neither is ever served.

use futures::StreamExt as _;
use store::{Attributes, ByteStream, PresignedRequest};

use crate::access;
use crate::app::App;
use crate::db::Put;
use crate::error::{Error, Result, bad_request};
use crate::hashing::hash_stream;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::file::{File, FileName, Folder, Visibility};
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};
use crate::model::object::{Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::upload::{StoredPart, Upload, UploadState};
use crate::uploads::begin::{self, NewUpload, Rows};
use crate::uploads::effects::Details;
use crate::uploads::{self, seal};

/// The largest number of files in one call.
pub const MAX_FILES: usize = 1000;

/// The part size in bytes that clients of the original service use.
pub const CHUNK: u64 = 1 << 20;
/// The highest part number, unless the file has more chunks than this.
const USUAL_PARTS: u64 = 10_000;

/// The bytes of a part that is being sent.
pub struct PartBody {
    /// The stream of bytes.
    pub bytes: ByteStream,
    /// The largest number of bytes in the stream, if it is known.
    pub most: Option<u64>,
}

/// A file as its client announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFileUpload {
    /// The file's name.
    pub name: String,
    /// The size in bytes.
    pub size: u64,
    /// The media type as the client names it.
    pub mime: Option<String>,
    /// Who may read it without a link.
    pub visibility: Visibility,
}

/// A begun upload of a file.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The id of the upload.
    pub upload_id: String,
    /// The file's name, as it was repaired.
    pub name: String,
    /// The folder, as it was repaired.
    pub folder: String,
    /// The key that the file will have, unless the completion names another folder or name.
    pub key: Key,
    /// Who may read it without a link.
    pub visibility: Visibility,
    /// The presigned PUT that sends all bytes at once.
    pub direct: PresignedRequest,
}

/// Begins uploads, all of them or none. Authorizes the caller. Returns an error if they exceed the
/// quota.
pub async fn begin(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    folder: &str,
    files: Vec<NewFileUpload>,
) -> Result<Vec<Begun>> {
    access::authorize(app, caller, Action::Write, owner, None)?;
    let Owner::Files(user) = owner else { return Err(Error::Internal(anyhow::anyhow!("files without a user"))) };
    if files.is_empty() || files.len() > MAX_FILES {
        return Err(bad_request(format!("files must name 1 to {MAX_FILES} files")));
    }
    let folder = Folder::clean(folder).map_err(|error| bad_request(format!("folder {error}")))?;
    let limit = app.config.upload_limits.of(owner.kind()).max_size;
    let mut begun = Vec::with_capacity(files.len());
    let now = app.db.now();
    let visibilities: Vec<Visibility> = files.iter().map(|file| file.visibility).collect();
    for file in files {
        let name = FileName::clean(&file.name).map_err(|error| bad_request(format!("name {error}")))?;
        if file.size > limit {
            return Err(Error::TooLarge(format!("a file may have at most {limit} bytes (MAX_BODY_MB)").into()));
        }
        let content_type = match file.mime.as_deref().map(str::trim) {
            None | Some("") => begin::OPAQUE.to_owned(),
            Some(mime) if begin::is_media_type(mime) => mime.to_ascii_lowercase(),
            Some(_) => return Err(bad_request("mime must be a media type such as image/png")),
        };
        let upload_id = begin::new_id();
        let new = NewUpload {
            object: ObjectId::generate(),
            name: Some(name.as_str().to_owned()),
            content_type,
            size: Some(file.size),
            sha256: None,
            key: key::file(user, &folder, app.file_tags.draw(), &name),
            incoming: Some(key::incoming(&upload_id)),
            part_size: None,
            id: upload_id,
        };
        let (object, upload) = new.rows(app, owner.kind(), now);
        begun.push(Rows { object, upload, details: Details::File(folder.as_str(), file.visibility) });
    }
    let mut tx = app.db.begin().await?;
    begin::insert_all(app, &mut tx, caller, owner, &mut begun).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_uploads_total", "outcome" => "begun").increment(begun.len() as u64);
    let mut answers = Vec::with_capacity(begun.len());
    for (Rows { object, upload, .. }, visibility) in begun.into_iter().zip(visibilities) {
        let direct = begin::presign_put(app, &object, &upload).await?;
        let name = object.name.unwrap_or_default();
        let folder = folder.as_str().to_owned();
        answers.push(Begun { upload_id: upload.id, name, folder, key: upload.key, visibility, direct });
    }
    Ok(answers)
}

/// Returns the attributes of the blob. How it is shown is decided from its row when it is served.
pub(super) fn attributes(object: &Object) -> Attributes {
    Attributes { content_type: object.content_type.clone(), ..Attributes::default() }
}

/// Returns an upload that the caller may write to. One of another user is not found.
pub(super) async fn find(app: &App, caller: &Caller, upload_id: &str) -> Result<(Owner, File, Upload)> {
    let unknown = || Error::NotFound("no such upload".into());
    let (owner, upload) = app.db.find_files_upload_unscoped(upload_id).await?.ok_or_else(unknown)?;
    match access::authorize(app, caller, Action::Write, &owner, Some(upload.object)) {
        Err(Error::Forbidden(_)) => return Err(unknown()),
        other => other?,
    }
    let (_, file) = app.db.find_file_by_id_unscoped(upload.object).await?.ok_or_else(unknown)?;
    Ok((owner, file, upload))
}

/// An upload of a file that is open, or was completed.
#[derive(Debug, Clone)]
pub struct UploadProgress {
    /// The upload.
    pub upload: Upload,
    /// The file.
    pub file: File,
    /// The parts that were received, in the order of their numbers.
    pub parts: Vec<StoredPart>,
}

/// Returns an upload that is open or was completed, with the parts that were received. Authorizes
/// the caller.
pub async fn progress(app: &App, caller: &Caller, upload_id: &str) -> Result<UploadProgress> {
    let (_, file, upload) = find(app, caller, upload_id).await?;
    let there = match upload.state {
        UploadState::Open => upload.takes_bytes(app.db.now()),
        // The file may have been deleted since.
        UploadState::Completed => !matches!(file.object.state, ObjectState::Deleted | ObjectState::Purged),
        UploadState::Aborted | UploadState::Expired => false,
    };
    if !there {
        return Err(Error::NotFound("no such upload".into()));
    }
    let parts = match upload.state {
        UploadState::Open => app.db.list_upload_parts(&upload.id).await?,
        _ => Vec::new(),
    };
    Ok(UploadProgress { upload, file, parts })
}

/// Stores a part, and replaces an earlier one with its number. Authorizes the caller.
pub async fn put_part(app: &App, caller: &Caller, upload_id: &str, number: u32, body: PartBody) -> Result<()> {
    let (_, file, upload) = find(app, caller, upload_id).await?;
    store_part(app, &file, &upload, number, body, false).await.map(drop)
}

/// Stores a part, and replaces an earlier one with its number. With `alone`, stores it only if the
/// upload has no parts, and otherwise returns `None`.
pub(super) async fn store_part(
    app: &App,
    file: &File,
    upload: &Upload,
    number: u32,
    body: PartBody,
    alone: bool,
) -> Result<Option<StoredPart>> {
    let highest = upload.announced_size.unwrap_or_default().div_ceil(CHUNK).max(USUAL_PARTS);
    if u64::from(number) > highest {
        return Err(bad_request(format!("partNumber must be from 0 to {highest}")));
    }
    if !upload.takes_bytes(app.db.now()) {
        return Err(Error::NotFound("no such upload".into()));
    }
    if upload.is_being_completed() {
        return Err(frozen());
    }
    let room = app.db.room_for_part(&upload.id, number).await?;
    app.disks.check(body.most.unwrap_or(0).min(room))?;
    let before = app.upload_hashes.prefix_before(&upload.id, number);
    let (bytes, hashes) = hash_stream(body.bytes, before.as_ref().map(|prefix| prefix.sha256.clone()));
    let (draft, most) = (key::draft(&upload.id), body.most.unwrap_or(room).min(room));
    let attributes = attributes(&file.object);
    let written = app.store.write_fragment(draft.as_str(), number, most, limited(bytes, room), &attributes).await;
    let came = hashes.read();
    if came.bytes > room {
        return Err(too_much(upload));
    }
    let part = StoredPart { number, bytes: written?, crc32: came.crc32() };
    if !record_part(app, upload, &part, alone).await? {
        return Ok(None);
    }
    if let (Some(before), Some(sha256)) = (before, came.sha256) {
        app.upload_hashes.insert(&upload.id, before.with_part(&part.bytes.place, sha256));
    }
    metrics::counter!("tidegate_part_bytes_total").increment(part.bytes.size);
    Ok(Some(part))
}

/// Adds a stored part to its upload and deletes the bytes it replaces; deletes its own bytes if it
/// is refused. Returns `false` if `alone` was required and the upload has other parts.
async fn record_part(app: &App, upload: &Upload, part: &StoredPart, alone: bool) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let put = tx.put_upload_part(&upload.id, part, alone).await?;
    let superfluous = match &put {
        Put::Kept(before) => {
            tx.commit().await?;
            before.as_ref()
        }
        Put::Closed | Put::Frozen | Put::NotAlone | Put::TooMuch => {
            drop(tx);
            Some(&part.bytes)
        }
    };
    if let Some(bytes) = superfluous
        && let Err(error) = app.store.drop_fragment(key::draft(&upload.id).as_str(), bytes).await
    {
        // The part is stored; the replaced bytes are deleted when the upload ends.
        tracing::warn!(%error, "a replaced part could not be deleted; it takes space until its upload ends");
    }
    match put {
        Put::Kept(_) => Ok(true),
        Put::NotAlone => Ok(false),
        Put::Closed => Err(Error::NotFound("no such upload".into())),
        Put::Frozen => Err(frozen()),
        Put::TooMuch => Err(too_much(upload)),
    }
}

fn frozen() -> Error {
    Error::InvalidState("the upload is being completed and accepts no more parts; complete or abort it".into())
}

fn too_much(upload: &Upload) -> Error {
    let announced = upload.announced_size.unwrap_or_default();
    Error::TooLarge(format!("the parts come to more than the {announced} bytes that were announced").into())
}

/// Ends a stream with an error as soon as it exceeds `room` bytes.
fn limited(body: ByteStream, room: u64) -> ByteStream {
    let mut left = room;
    Box::pin(body.map(move |next| {
        let bytes = next?;
        let over = || std::io::Error::other("more bytes than were announced");
        left = left.checked_sub(bytes.len() as u64).ok_or_else(over)?;
        Ok(bytes)
    }))
}

/// Aborts an upload. A repeated call changes nothing. Authorizes the caller. Returns an error if
/// the upload is complete.
pub async fn abort(app: &App, caller: &Caller, upload_id: &str) -> Result<()> {
    let (_, _, upload) = find(app, caller, upload_id).await?;
    match uploads::abort_upload(app, caller, &upload).await? {
        UploadState::Open | UploadState::Aborted | UploadState::Expired => Ok(()),
        UploadState::Completed => Err(Error::InvalidState("the upload is complete; delete the file instead".into())),
    }
}

/// Frees the space of parts that a killed server has not acknowledged. Only a local store has such.
pub async fn free_unacknowledged(app: &App, upload_id: &str) -> Result<()> {
    let Some(local) = &app.local else { return Ok(()) };
    let parts = app.db.list_upload_parts(upload_id).await?;
    let parts: Vec<_> = parts.into_iter().map(|part| part.bytes).collect();
    Ok(local.fs.free_unlisted(key::draft(upload_id).as_str(), &parts).await?)
}

/// Deletes what remains of an upload that has ended.
pub async fn clear(app: &App, upload_id: &str) -> Result<()> {
    app.upload_hashes.remove(upload_id);
    app.store.delete(key::incoming(upload_id).as_str(), store::Deletion::Purge).await?;
    app.store.discard(key::draft(upload_id).as_str()).await?;
    if let Some((_, upload)) = app.db.find_files_upload_unscoped(upload_id).await? {
        seal::remove_of(app, upload.object, Some(upload_id)).await?;
        if matches!(upload.state, UploadState::Aborted | UploadState::Expired) {
            // A completion that lost the race against the abort may have published a blob in
            // between.
            app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
        }
    }
    let mut tx = app.db.begin().await?;
    tx.delete_upload_parts(upload_id).await?;
    tx.commit().await
}

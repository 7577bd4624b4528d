//! Completes uploads of files: moves the bytes beyond the reach of clients, checks them against
//! what was announced, moves them to the file's key, and then writes the row. [`recover`] finishes
//! a completion that a crash interrupted.
//!
//! Several servers may complete one upload at once. Before any bytes are moved, the row records
//! which parts they consist of and accepts no others, so that every acknowledged part is in the
//! file. Only one server can create the blob at the file's key; a server that finds one there takes
//! the row's content from that blob.

use aws_lc_rs::digest;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use store::{ByteStream, Fragment};

use super::renaming::{rename, replaced};
use super::uploads::{PartBody, attributes, find, store_part};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::hashing::{StreamHashes, combine_crc32, hash_stream, parts_digest, sha256, to_hex};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::file::{File, Visibility};
use crate::model::key::{self, Key};
use crate::model::object::{Content, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::model::rules::{self, Scanning};
use crate::model::upload::{Digests, StoredPart, Upload, UploadState};
use crate::queue::{self, Job};
use crate::uploads::effects::{self, Item};
use crate::uploads::{begin, outcome, seal, unreadable};

/// What the client sends to complete an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finish {
    /// The SHA-256 of the whole file in lower-case hex; checked if it is given.
    pub sha256: Option<String>,
    /// The user that a service names; must be the user for whom the upload was begun.
    pub user: Option<String>,
    /// Who may read the file without a link. A file announced as private stays private.
    pub visibility: Option<Visibility>,
    /// The name in place of the announced one, if it is not empty.
    pub name: Option<String>,
    /// The folder in place of the announced one, if it is not empty.
    pub folder: Option<String>,
}

/// A completed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The key of the file.
    pub key: Key,
    /// The file's name.
    pub name: String,
    /// The folder, without a slash at either end.
    pub folder: String,
    /// The size in bytes.
    pub size: u64,
    /// The media type.
    pub mime: String,
    /// The SHA-256 in lower-case hex.
    pub sha256: String,
    /// The state of the file; SCANNING if there is a scanner, and not readable until then.
    pub state: ObjectState,
    /// Who may read the file without a link.
    pub visibility: Visibility,
}

/// Completes an upload. A repeated call returns the same file. Authorizes the caller.
///
/// `late` holds the parts that the request itself contains; they are used only if no part was sent
/// before. `None` means that they exceed what one request may contain.
pub async fn complete(
    app: &App,
    caller: &Caller,
    upload_id: &str,
    finish: &Finish,
    late: Option<Vec<PartBody>>,
) -> Result<Finished> {
    let (owner, _, upload) = find(app, caller, upload_id).await?;
    // The user id is meaningful only if a service sends it.
    let named = finish.user.as_deref().filter(|_| caller.principal == Principal::Service);
    if named.is_some_and(|user| user != owner.id()) {
        return Err(bad_request("meta.user_id must be the one the upload was begun for"));
    }
    if finish.visibility == Some(Visibility::Private) {
        // Applied before the bytes can be read, and also to an upload that is complete already.
        make_private(app, caller, &upload).await?;
    }
    if upload.state == UploadState::Completed {
        return completed_before(app, &upload, finish).await;
    }
    let _completing = seal::lock(app, upload.object).await;
    let (owner, file, upload) = find(app, caller, upload_id).await?;
    match upload.state {
        UploadState::Completed => return completed_before(app, &upload, finish).await,
        UploadState::Open if upload.takes_bytes(app.db.now()) => {}
        _ => return Err(unknown()),
    }
    let (file, upload) = rename(app, caller, file, upload, (finish.name.as_deref(), finish.folder.as_deref())).await?;
    if complete_if_stored(app, &upload).await? {
        return completed_before(app, &upload, finish).await;
    }
    let whole = collect(app, &file, &upload, finish, late).await?;
    publish(app, caller, &owner, &file, &upload, finish, &whole).await
}

/// Makes the file of an upload private, and records the change.
async fn make_private(app: &App, caller: &Caller, upload: &Upload) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if !tx.make_file_private(upload.object).await? {
        return Ok(());
    }
    tx.record(caller, AuditAction::FileMadePrivate, upload.object, app.db.now()).await?;
    tx.commit().await
}

fn unknown() -> Error {
    Error::NotFound("no such upload".into())
}

/// Maps a missing blob to a conflict: another request has replaced or moved it.
fn map_missing_blob(error: store::Error) -> Error {
    match error {
        store::Error::NotFound => replaced(),
        other => other.into(),
    }
}

fn check_size(upload: &Upload, size: u64) -> Result<()> {
    let announced = upload.announced_size.unwrap_or_default();
    if size == announced {
        return Ok(());
    }
    let what = if size < announced { "send the parts that are missing" } else { "replace the parts that are too long" };
    Err(bad_request(format!("{size} bytes came, {announced} were announced; {what}")))
}

fn check_sum(finish: &Finish, sha256: &str) -> Result<()> {
    match &finish.sha256 {
        Some(given) if given != sha256 => {
            Err(bad_request(format!("sha256 is not that of the bytes, which is {sha256}")))
        }
        _ => Ok(()),
    }
}

/// Returns the file of a completed upload. Returns 400 if the request names another SHA-256.
async fn completed_before(app: &App, upload: &Upload, finish: &Finish) -> Result<Finished> {
    let (owner, file) = app.db.find_file_by_id_unscoped(upload.object).await?.ok_or_else(unknown)?;
    let mut finished = finished(&file).ok_or_else(unknown)?;
    if finish.sha256.as_ref().is_some_and(|given| *given != finished.sha256) {
        return Err(bad_request("the upload is complete, and sha256 is not that of its bytes"));
    }
    if finished.state == ObjectState::Failed && scan_again(app, owner, &file).await? {
        finished.state = ObjectState::Scanning;
    }
    Ok(finished)
}

/// Queues a file that could not be scanned again, when its uploader repeats the completion.
async fn scan_again(app: &App, owner: Owner, file: &File) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let item = Item::File(owner, file.clone());
    let waits = outcome::requeue(&mut tx, &Caller::system(), &item, app.db.now()).await?;
    tx.commit().await?;
    Ok(waits)
}

/// Returns the completed file of a record; `None` if it is deleted or not complete.
fn finished(file: &File) -> Option<Finished> {
    let (content, digests) = (file.object.content.as_ref()?, file.digests.as_ref()?);
    let state = file.object.state;
    let there =
        matches!(state, ObjectState::Ready | ObjectState::Scanning | ObjectState::Failed | ObjectState::Rejected);
    there.then(|| Finished {
        key: file.object.key.clone(),
        name: file.object.name.clone().unwrap_or_default(),
        folder: file.folder.clone(),
        size: content.size,
        mime: file.object.content_type.clone(),
        sha256: digests.sha256.clone(),
        state,
        visibility: file.visibility,
    })
}

/// The checked bytes of an upload, before they become the file.
struct Whole {
    source: Source,
    digests: Digests,
}

/// The place of the bytes, where no client can write.
enum Source {
    Sealed(Key),
    Parts(Vec<Fragment>),
}

/// Returns whether an upload has stored parts; parts within the completion are then ignored.
/// Authorizes the caller.
pub async fn has_parts(app: &App, caller: &Caller, upload_id: &str) -> Result<bool> {
    let (_, _, upload) = find(app, caller, upload_id).await?;
    app.db.has_upload_parts(&upload.id).await
}

/// Collects and checks the bytes of an upload. After an error the bytes stay, so that the client
/// can correct its request or send other bytes.
async fn collect(
    app: &App,
    file: &File,
    upload: &Upload,
    finish: &Finish,
    late: Option<Vec<PartBody>>,
) -> Result<Whole> {
    let parts = app.db.list_upload_parts(&upload.id).await?;
    if !parts.is_empty() {
        return whole_of_parts(app, upload, finish, parts).await;
    }
    if let Some(sealed) = seal(app, file, upload).await? {
        let whole = whole_of_put(app, upload, finish, sealed.clone()).await;
        if whole.is_err() {
            // A repeated call needs only the newest seal.
            seal::remove_older(app, upload.object, &sealed).await?;
        }
        return whole;
    }
    let late = late.ok_or_else(|| {
        Error::TooLarge("parts[].data has more bytes than may come that way; send them by part".into())
    })?;
    if late.is_empty() && upload.announced_size != Some(0) {
        return Err(bad_request("no parts were sent"));
    }
    let most = late.iter().map(|part| part.most).sum::<Option<u64>>();
    check_size(upload, most.unwrap_or_default())?;
    let bytes = Box::pin(stream::iter(late).flat_map(|part| part.bytes));
    let Some(part) = store_part(app, file, upload, 0, PartBody { bytes, most }, true).await? else {
        // Another request has stored a part, and that one is used.
        let parts = app.db.list_upload_parts(&upload.id).await?;
        return whole_of_parts(app, upload, finish, parts).await;
    };
    let whole = whole_of_parts(app, upload, finish, vec![part.clone()]).await;
    if whole.is_err() {
        // The part came with this request and is deleted with it.
        delete_part(app, upload, &part).await?;
    }
    whole
}

/// Deletes a part and its bytes.
async fn delete_part(app: &App, upload: &Upload, part: &StoredPart) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let was_there = tx.delete_upload_part(&upload.id, part).await?;
    tx.commit().await?;
    if was_there {
        app.store.drop_fragment(key::draft(&upload.id).as_str(), &part.bytes).await?;
    }
    Ok(())
}

/// Moves the result of a presigned PUT to a seal, because its URL can be used again. Without a new
/// PUT, returns the earlier seal.
async fn seal(app: &App, file: &File, upload: &Upload) -> Result<Option<Key>> {
    let Some(incoming) = &upload.incoming else { return Ok(None) };
    seal::seal(app, upload.object, &upload.id, incoming, &attributes(&file.object)).await
}

/// Checks the bytes of a sealed PUT.
async fn whole_of_put(app: &App, upload: &Upload, finish: &Finish, sealed: Key) -> Result<Whole> {
    check_size(upload, app.store.stat(sealed.as_str()).await.map_err(map_missing_blob)?.size)?;
    let digests = digests_of_blob(app, sealed.as_str()).await?;
    check_sum(finish, &digests.sha256)?;
    freeze(app, upload, &[]).await?;
    Ok(Whole { source: Source::Sealed(sealed), digests })
}

/// Freezes the parts of an upload in its row, if they and the key are still the current ones. From
/// then on the row accepts no other parts, even if this completion fails: its blob may appear at the
/// key later, and another request may find it there.
async fn freeze(app: &App, upload: &Upload, parts: &[StoredPart]) -> Result<()> {
    let named: Vec<_> = parts.iter().map(|part| (part.number, part.bytes.place.clone())).collect();
    let mut tx = app.db.begin().await?;
    if !tx.freeze_upload_parts(upload, &named, &parts_digest(&named)).await? {
        return Err(replaced());
    }
    tx.commit().await
}

/// Checks the bytes of stored parts.
async fn whole_of_parts(app: &App, upload: &Upload, finish: &Finish, parts: Vec<StoredPart>) -> Result<Whole> {
    check_size(upload, parts.iter().map(|part| part.bytes.size).sum())?;
    let crc32 = parts.iter().fold(0, |crc32, part| combine_crc32(crc32, part.crc32, part.bytes.size));
    let digests = match app.upload_hashes.sha256_of(&upload.id, &parts) {
        Some(sha256) => Digests { sha256, crc32 },
        None => digests_of_parts(app, upload, &parts).await?,
    };
    if digests.crc32 != crc32 {
        return Err(Error::StoreError(store::Error::Damaged("the bytes of parts differ from those received".into())));
    }
    check_sum(finish, &digests.sha256)?;
    freeze(app, upload, &parts).await?;
    let fragments = parts.into_iter().map(|part| part.bytes).collect();
    Ok(Whole { source: Source::Parts(fragments), digests })
}

/// Returns the checksums of a blob.
async fn digests_of_blob(app: &App, key: &str) -> Result<Digests> {
    let (_, body) = app.store.read(key, None).await.map_err(map_missing_blob)?;
    let hashes = run(body, sha256()).await?;
    Ok(Digests { crc32: hashes.crc32(), sha256: to_hex(hashes.sha256.unwrap_or_else(sha256)) })
}

/// Returns the checksums of joined parts.
async fn digests_of_parts(app: &App, upload: &Upload, parts: &[StoredPart]) -> Result<Digests> {
    let (draft, mut digest, mut crc32) = (key::draft(&upload.id), sha256(), 0);
    for part in parts {
        let body = app.store.read_fragment(draft.as_str(), &part.bytes).await.map_err(map_missing_blob)?;
        let hashes = run(body, digest).await?;
        crc32 = combine_crc32(crc32, hashes.crc32(), hashes.bytes);
        digest = hashes.sha256.unwrap_or_else(sha256);
    }
    Ok(Digests { sha256: to_hex(digest), crc32 })
}

/// Reads a body to its end and returns its hashes.
async fn run(body: ByteStream, sha256: digest::Context) -> Result<StreamHashes> {
    let (body, hashes) = hash_stream(body, Some(sha256));
    body.try_for_each(|_| std::future::ready(Ok(()))).await.map_err(|error| unreadable(&error))?;
    Ok(hashes.read())
}

/// Moves the bytes to the file's key and then completes the row. [`recover`] finishes what a crash
/// interrupts between the two.
async fn publish(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    file: &File,
    upload: &Upload,
    finish: &Finish,
    whole: &Whole,
) -> Result<Finished> {
    match move_to_key(app, file, upload, &whole.source).await {
        Ok(()) => {}
        // Another server was first, possibly with other bytes.
        Err(store::Error::AlreadyExists) => {
            complete_if_stored(app, upload).await?;
            return resolve_race(app, upload, finish).await;
        }
        Err(error) => return Err(map_missing_blob(error)),
    }
    let size = upload.announced_size.unwrap_or_default();
    if !complete_row(app, caller, owner, file, upload, &whole.digests).await? {
        return resolve_race(app, upload, finish).await;
    }
    metrics::counter!("tidegate_uploaded_bytes_total").increment(size);
    Ok(Finished {
        key: upload.key.clone(),
        name: file.object.name.clone().unwrap_or_default(),
        folder: file.folder.clone(),
        size,
        mime: file.object.content_type.clone(),
        sha256: whole.digests.sha256.clone(),
        state: first_state(app),
        visibility: file.visibility,
    })
}

/// Moves or joins the bytes to the file's key. Returns an error if a blob is there.
async fn move_to_key(app: &App, file: &File, upload: &Upload, source: &Source) -> store::Result<()> {
    match source {
        Source::Sealed(blob) => app.store.move_to(blob.as_str(), upload.key.as_str(), None).await,
        Source::Parts(fragments) => {
            let (draft, attributes) = (key::draft(&upload.id), attributes(&file.object));
            app.store.join(draft.as_str(), fragments, upload.key.as_str(), attributes).await.map(drop)
        }
    }
}

/// Returns the outcome of an upload that another request ended. If it was aborted or expired,
/// deletes the blob.
async fn resolve_race(app: &App, upload: &Upload, finish: &Finish) -> Result<Finished> {
    match app.db.upload_state(&upload.id).await? {
        Some(UploadState::Completed) => completed_before(app, upload, finish).await,
        // The upload is still open and may need the blob.
        Some(UploadState::Open) => Err(replaced()),
        Some(UploadState::Aborted | UploadState::Expired) | None => {
            app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
            Err(unknown())
        }
    }
}

/// Returns the state of a file after its completion: SCANNING with a scanner, else READY.
fn first_state(app: &App) -> ObjectState {
    let scanned = rules::of(OwnerKind::Files).scanning != Scanning::Never && app.scanner.is_some();
    if scanned { ObjectState::Scanning } else { ObjectState::Ready }
}

/// Completes the row from the blob at the file's key: content, folder counters, and cleanup
/// job. Returns `false` if the upload is no longer open.
async fn complete_row(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    file: &File,
    upload: &Upload,
    digests: &Digests,
) -> Result<bool> {
    let stat = app.store.stat(upload.key.as_str()).await?;
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let (now, state) = (app.db.now(), first_state(app));
    let mut tx = app.db.begin().await?;
    let ended = tx.end_upload(&upload.id, UploadState::Completed, None).await?;
    if !ended || !tx.publish_object(upload.object, &content, state).await? {
        return Ok(false);
    }
    tx.set_digests(upload.object, digests).await?;
    if state == ObjectState::Ready {
        effects::count_in_folder_or_package(&mut tx, &Item::File(owner.clone(), file.clone()), content.size).await?;
    } else {
        // The bytes stay reserved until the scan has finished.
        queue::enqueue(&mut tx, &Job::ScanFileV1 { object: upload.object.0 }, now).await?;
    }
    tx.record(caller, AuditAction::UploadCompleted, upload.object, now).await?;
    queue::enqueue(&mut tx, &Job::ReleaseFilesUploadV1 { upload_id: upload.id.clone() }, now).await?;
    tx.commit().await?;
    begin::count_upload("completed");
    tracing::info!(object.id = %upload.object, object.size_bytes = content.size, "a file was uploaded");
    Ok(true)
}

/// Finishes a completion that a crash interrupted between the blob and its row. Returns `false` if
/// there is nothing to finish.
pub async fn recover(app: &App, upload: &Upload) -> Result<bool> {
    let _completing = seal::lock(app, upload.object).await;
    complete_if_stored(app, upload).await
}

/// Completes the row if a blob is at the file's key. Returns `false` if there is none.
async fn complete_if_stored(app: &App, upload: &Upload) -> Result<bool> {
    match app.store.stat(upload.key.as_str()).await {
        Err(store::Error::NotFound) => return Ok(false),
        other => drop(other?),
    }
    let Some((owner, file)) = app.db.find_file_by_id_unscoped(upload.object).await? else { return Ok(false) };
    let digests = digests_of_blob(app, upload.key.as_str()).await?;
    complete_row(app, &Caller::system(), &owner, &file, upload, &digests).await
}

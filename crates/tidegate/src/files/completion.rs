//! How an upload becomes a file: its bytes in one blob, checked against what was announced, moved to their place, and
//! then the row. A crash in between is mended by [`recover`].

use futures::{StreamExt as _, TryStreamExt as _, stream};
use store::ByteStream;

use super::parts::keep_part;
use super::tally::tallied;
use super::uploads::{attributes, find};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::jobs::{self, Job};
use crate::model::caller::Caller;
use crate::model::event::Deed;
use crate::model::file::File;
use crate::model::key::{self, Key};
use crate::model::object::{Content, ObjectState};
use crate::model::owner::Owner;
use crate::model::principal::Principal;
use crate::model::upload::{Digests, StoredPart, Upload, UploadState};

/// What the client says of the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finish {
    /// Lower-case hex; checked where it is given.
    pub sha256: Option<String>,
    /// Whom a service says it acts for; must be the user for whom the upload was begun.
    pub user: Option<String>,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its key.
    pub key: Key,
    /// Bytes.
    pub size: u64,
    /// Its media type.
    pub mime: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// Makes an upload's bytes a file. Asked again it answers the same.
///
/// `late` are parts that came with the request; they are used only where nothing came before it.
pub async fn complete(
    app: &App,
    caller: &Caller,
    upload_id: &str,
    finish: &Finish,
    late: Vec<ByteStream>,
) -> Result<Finished> {
    let (owner, file, upload) = find(app, caller, upload_id).await?;
    // What a user says of it means nothing.
    let named = finish.user.as_deref().filter(|_| caller.principal == Principal::Service);
    if named.is_some_and(|user| user != owner.id()) {
        return Err(bad_request("meta.user_id must be the one the upload was begun for"));
    }
    // One at a time; another server's is seen by what it leaves.
    let _completing = app.completing.hold(&upload.id).await;
    let (owner, file, upload) = match upload.state {
        UploadState::Open => find(app, caller, upload_id).await.map(|(_, file, upload)| (owner, file, upload))?,
        _ => (owner, file, upload),
    };
    match upload.state {
        UploadState::Completed => return completed_before(app, &upload, finish).await,
        UploadState::Open if upload.takes_bytes(app.db.now()) => {}
        _ => return Err(Error::NotFound("no such upload".into())),
    }
    if recover(app, &upload).await? {
        return completed_before(app, &upload, finish).await;
    }
    let came_late = !late.is_empty() && app.db.list_upload_parts(&upload.id).await?.is_empty();
    let whole = gather(app, &file, &upload, late).await?;
    if let Err(wrong) = check(&upload, finish, &whole) {
        // What was sealed is not asked for again: another PUT may follow, or other bytes with another completion.
        app.store.delete(key::sealed(upload.object).as_str(), store::Deletion::Purge).await?;
        if came_late {
            forget_parts(app, &upload).await?;
        }
        return Err(wrong);
    }
    publish(app, caller, &owner, &file, &upload, &whole).await
}

async fn forget_parts(app: &App, upload: &Upload) -> Result<()> {
    let parts = app.db.list_upload_parts(&upload.id).await?;
    let mut tx = app.db.begin().await?;
    tx.forget_upload_parts(&upload.id).await?;
    tx.commit().await?;
    for part in parts {
        app.store.delete(&part.blob_key, store::Deletion::Purge).await?;
    }
    Ok(())
}

fn check(upload: &Upload, finish: &Finish, whole: &Whole) -> Result<()> {
    let announced = upload.announced_size.unwrap_or_default();
    if whole.size != announced {
        let message = format!("{} bytes came, {announced} were announced; send the parts that are missing", whole.size);
        return Err(bad_request(message));
    }
    match &finish.sha256 {
        Some(given) if *given != whole.digests.sha256 => {
            Err(bad_request(format!("sha256 is not that of the bytes, which is {}", whole.digests.sha256)))
        }
        _ => Ok(()),
    }
}

async fn completed_before(app: &App, upload: &Upload, finish: &Finish) -> Result<Finished> {
    let gone = || Error::NotFound("no such upload".into());
    let (_, file) = app.db.find_file_by_id(upload.object).await?.ok_or_else(gone)?;
    let finished = finished(&file).ok_or_else(gone)?;
    if finish.sha256.as_ref().is_some_and(|given| *given != finished.sha256) {
        return Err(bad_request("the upload is complete, and sha256 is not that of its bytes"));
    }
    Ok(finished)
}

fn finished(file: &File) -> Option<Finished> {
    let (content, digests) = (file.object.content.as_ref()?, file.digests.as_ref()?);
    (file.object.state == ObjectState::Ready).then(|| Finished {
        key: file.object.key.clone(),
        size: content.size,
        mime: file.object.content_type.clone(),
        sha256: digests.sha256.clone(),
    })
}

/// All bytes of an upload in one blob, which is not the file yet.
struct Whole {
    blob: String,
    size: u64,
    digests: Digests,
}

async fn gather(app: &App, file: &File, upload: &Upload, late: Vec<ByteStream>) -> Result<Whole> {
    let mut parts = app.db.list_upload_parts(&upload.id).await?;
    let incoming = upload.incoming.as_ref().map_or("", Key::as_str);
    if parts.is_empty() {
        // Sealed before it is read: whoever has the URL may send something else.
        let sealed = key::sealed(upload.object);
        match app.store.move_to(incoming, sealed.as_str()).await {
            Ok(()) | Err(store::Error::AlreadyExists) => return read_whole(app, sealed.as_str()).await,
            Err(store::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        if !late.is_empty() {
            let body = Box::pin(stream::iter(late).flatten());
            keep_part(app, file, upload, 0, body).await?;
        }
        parts = app.db.list_upload_parts(&upload.id).await?;
    }
    match parts.as_slice() {
        [] if upload.announced_size == Some(0) => {
            keep_part(app, file, upload, 0, Box::pin(stream::empty())).await?;
            read_whole(app, key::part(&upload.id, 0, None).as_str()).await
        }
        [] => Err(bad_request("no parts were sent")),
        [one] => Ok(Whole {
            blob: one.blob_key.clone(),
            size: one.size,
            digests: Digests { sha256: one.sha256.clone(), crc32: one.crc32 },
        }),
        several => join(app, file, upload, several).await,
    }
}

async fn read_whole(app: &App, blob: &str) -> Result<Whole> {
    let (_, body) = app.store.read(blob, None).await?;
    let (body, tally) = tallied(body);
    body.try_for_each(|_| std::future::ready(Ok(()))).await.map_err(|error| unreadable(&error))?;
    let (size, digests) = tally.read();
    Ok(Whole { blob: blob.to_owned(), size, digests })
}

fn unreadable(error: &std::io::Error) -> Error {
    Error::StoreError(store::Error::Damaged(error.to_string()))
}

/// One blob of several, beside them.
async fn join(app: &App, file: &File, upload: &Upload, parts: &[StoredPart]) -> Result<Whole> {
    let joined = key::joined(&upload.id);
    // What an earlier try left.
    app.store.delete(joined.as_str(), store::Deletion::Purge).await?;
    let store = std::sync::Arc::clone(&app.store);
    let keys: Vec<String> = parts.iter().map(|part| part.blob_key.clone()).collect();
    let bodies = stream::iter(keys).then(move |key| {
        let store = std::sync::Arc::clone(&store);
        async move { store.read(&key, None).await.map(|(_, body)| body).map_err(std::io::Error::other) }
    });
    let (body, tally) = tallied(Box::pin(bodies.try_flatten()));
    app.store.write(joined.as_str(), body, attributes(&file.object)).await?;
    let (size, digests) = tally.read();
    Ok(Whole { blob: joined.as_str().to_owned(), size, digests })
}

/// Bytes first, then the row: a crash between the two is mended by [`recover`].
async fn publish(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    file: &File,
    upload: &Upload,
    whole: &Whole,
) -> Result<Finished> {
    let mut tx = app.db.begin().await?;
    tx.announce_parts(&upload.id, &whole.digests.show()).await?;
    tx.commit().await?;
    match app.store.move_to(&whole.blob, upload.key.as_str()).await {
        // An earlier try came so far.
        Ok(()) | Err(store::Error::AlreadyExists) => {}
        Err(error) => return Err(error.into()),
    }
    let size = whole.size;
    if !settle(app, caller, owner, file, upload, &whole.digests).await? {
        return after_the_race(app, upload).await;
    }
    metrics::counter!("tidegate_uploaded_bytes_total").increment(size);
    Ok(Finished {
        key: upload.key.clone(),
        size,
        mime: file.object.content_type.clone(),
        sha256: whole.digests.sha256.clone(),
    })
}

/// Somebody else ended the upload meanwhile: completed it, or gave it up. Then the bytes are nobody's.
async fn after_the_race(app: &App, upload: &Upload) -> Result<Finished> {
    match app.db.upload_state(&upload.id).await? {
        Some(UploadState::Completed) => completed_before(app, upload, &Finish::default()).await,
        _ => {
            app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
            Err(Error::NotFound("no such upload".into()))
        }
    }
}

/// Makes the row follow the blob that is at its place: content, quota, folder, and what is left to be cleared away.
async fn settle(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    file: &File,
    upload: &Upload,
    digests: &Digests,
) -> Result<bool> {
    let stat = app.store.stat(upload.key.as_str()).await?;
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    let ended = tx.end_upload(&upload.id, UploadState::Completed, None).await?;
    if !ended || !tx.publish_object(upload.object, &content).await? {
        return Ok(false);
    }
    tx.keep_digests(upload.object, digests).await?;
    tx.release(&upload.id).await?;
    tx.count_file(owner, &file.folder, 1, i64::try_from(content.size).unwrap_or(i64::MAX)).await?;
    tx.record(caller, Deed::UploadCompleted, upload.object, now).await?;
    tx.tell(upload.object).await?;
    jobs::enqueue(&mut tx, &Job::ReleaseFilesUploadV1 { upload_id: upload.id.clone() }, now).await?;
    tx.commit().await?;
    app.jobs.notify_one();
    metrics::counter!("tidegate_uploads_total", "outcome" => "completed").increment(1);
    tracing::info!(object.id = %upload.object, object.size_bytes = content.size, "a file was uploaded");
    Ok(true)
}

/// Finishes a completion that a crash cut off between the blob and its row. `false` if there is nothing to finish.
pub async fn recover(app: &App, upload: &Upload) -> Result<bool> {
    match app.store.stat(upload.key.as_str()).await {
        Err(store::Error::NotFound) => return Ok(false),
        other => drop(other?),
    }
    let Some((owner, file)) = app.db.find_file_by_id(upload.object).await? else { return Ok(false) };
    let digests = match upload.parts_digest.as_deref().and_then(Digests::parse) {
        Some(digests) => digests,
        None => read_whole(app, upload.key.as_str()).await?.digests,
    };
    settle(app, &Caller::system(), &owner, &file, upload, &digests).await
}

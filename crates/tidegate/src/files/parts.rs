//! Parts of uploads: of any size, in any order, each a blob of its own that is not changed any more.

use futures::StreamExt as _;
use store::ByteStream;
use uuid::Uuid;

use super::tally::tallied;
use super::uploads::{attributes, find};
use crate::app::App;
use crate::db::Put;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::file::File;
use crate::model::key::{self, Key};
use crate::model::upload::{StoredPart, Upload};

/// Part numbers go from 0 or 1 up to this.
pub const MAX_PART: u32 = 100_000;

/// Stores a part, in place of an earlier one of its number.
pub async fn put_part(app: &App, caller: &Caller, upload_id: &str, number: u32, body: ByteStream) -> Result<()> {
    let (_, file, upload) = find(app, caller, upload_id).await?;
    keep_part(app, &file, &upload, number, body).await
}

pub(super) async fn keep_part(app: &App, file: &File, upload: &Upload, number: u32, body: ByteStream) -> Result<()> {
    if number > MAX_PART {
        return Err(bad_request(format!("partNumber must be from 0 to {MAX_PART}")));
    }
    if !upload.takes_bytes(app.db.now()) {
        return Err(Error::NotFound("no such upload".into()));
    }
    let parts = app.db.list_upload_parts(&upload.id).await?;
    let others: u64 = parts.iter().filter(|part| part.number != number).map(|part| part.size).sum();
    let room = upload.announced_size.unwrap_or(u64::MAX).saturating_sub(others);
    let blob_key = free_key(app, upload, number, parts.iter().any(|part| part.number == number)).await?;
    let (body, tally) = tallied(body);
    let written = app.store.write(blob_key.as_str(), limited(body, room), attributes(&file.object)).await;
    let (size, digests) = tally.read();
    match written {
        _ if size > room => return Err(too_much(upload)),
        // The same part, sent twice at once.
        Err(store::Error::AlreadyExists) => return Err(Error::Busy),
        other => drop(other?),
    }
    let part = StoredPart {
        number,
        blob_key: blob_key.as_str().to_owned(),
        size,
        sha256: digests.sha256,
        crc32: digests.crc32,
    };
    let mut tx = app.db.begin().await?;
    let put = tx.put_upload_part(&upload.id, &part).await?;
    let superfluous = match &put {
        Put::Kept(before) => {
            tx.commit().await?;
            before.clone()
        }
        Put::Closed | Put::TooMuch => Some(part.blob_key),
    };
    if let Some(key) = superfluous {
        app.store.delete(&key, store::Deletion::Purge).await?;
    }
    metrics::counter!("tidegate_part_bytes_total").increment(size);
    match put {
        Put::Kept(_) => Ok(()),
        Put::Closed => Err(Error::NotFound("no such upload".into())),
        Put::TooMuch => Err(too_much(upload)),
    }
}

fn too_much(upload: &Upload) -> Error {
    let announced = upload.announced_size.unwrap_or_default();
    Error::TooLarge(format!("the parts come to more than the {announced} bytes that were announced").into())
}

/// Where a part can lie: at its usual place, unless there is one already, or what a crash left of one.
async fn free_key(app: &App, upload: &Upload, number: u32, again: bool) -> Result<Key> {
    let usual = key::part(&upload.id, number, None);
    if again {
        return Ok(key::part(&upload.id, number, Some(Uuid::new_v4())));
    }
    match app.store.stat(usual.as_str()).await {
        Err(store::Error::NotFound) => Ok(usual),
        Ok(_) => Ok(key::part(&upload.id, number, Some(Uuid::new_v4()))),
        Err(error) => Err(error.into()),
    }
}

/// Ends in an error as soon as more than `room` bytes came.
fn limited(body: ByteStream, room: u64) -> ByteStream {
    let mut left = room;
    Box::pin(body.map(move |next| {
        let bytes = next?;
        let over = || std::io::Error::other("more bytes than were announced");
        left = left.checked_sub(bytes.len() as u64).ok_or_else(over)?;
        Ok(bytes)
    }))
}

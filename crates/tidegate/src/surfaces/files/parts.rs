//! Parts of uploads: of any size, in any order, each a fragment of the upload's draft that is not changed any more.

use futures::StreamExt as _;
use store::ByteStream;

use super::uploads::{attributes, find};
use crate::app::App;
use crate::db::Put;
use crate::error::{Error, Result, bad_request};
use crate::hashing::hash_stream;
use crate::model::caller::Caller;
use crate::model::file::File;
use crate::model::key;
use crate::model::upload::{StoredPart, Upload};

/// What the source's clients count their parts by.
pub const CHUNK: u64 = 1 << 20;
/// Part numbers may go up to this, or to as many chunks as the file has.
const USUAL_PARTS: u64 = 10_000;

/// Bytes on their way to be a part.
pub struct PartBody {
    /// The bytes.
    pub bytes: ByteStream,
    /// No more than so many, where that is known.
    pub most: Option<u64>,
}

/// Stores a part, in place of an earlier one of its number.
pub async fn put_part(app: &App, caller: &Caller, upload_id: &str, number: u32, body: PartBody) -> Result<()> {
    let (_, file, upload) = find(app, caller, upload_id).await?;
    store_part(app, &file, &upload, number, body, false).await.map(drop)
}

/// Stores a part, in place of an earlier one of its number; or, `alone`, only if there is none at all, and else `None`.
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
    if !record(app, upload, &part, alone).await? {
        return Ok(None);
    }
    if let (Some(before), Some(sha256)) = (before, came.sha256) {
        app.upload_hashes.insert(&upload.id, before.with_part(&part.bytes.place, sha256));
    }
    metrics::counter!("tidegate_part_bytes_total").increment(part.bytes.size);
    Ok(Some(part))
}

/// Makes a part whose bytes are stored one of the upload's; those it replaces, or its own if it comes too late, go.
/// `false` if it is not alone.
async fn record(app: &App, upload: &Upload, part: &StoredPart, alone: bool) -> Result<bool> {
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
        // What is kept is kept; the rest goes with the upload's end.
        tracing::warn!(%error, "a part that was replaced takes space until its upload ends");
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
    Error::InvalidState("the upload is being completed and takes no more parts; complete it, or give it up".into())
}

fn too_much(upload: &Upload) -> Error {
    let announced = upload.announced_size.unwrap_or_default();
    Error::TooLarge(format!("the parts come to more than the {announced} bytes that were announced").into())
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

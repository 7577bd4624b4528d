//! Stores parts of uploads: of any size and in any order, each an immutable fragment of the
//! upload's draft. Never joins them; see `completion`.

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

/// Adds a stored part to its upload and deletes the bytes it replaces; deletes its own bytes if it
/// is refused. Returns `false` if `alone` was required and the upload has other parts.
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

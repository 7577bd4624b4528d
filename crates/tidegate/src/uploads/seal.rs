//! Seals uploads: moves uploaded bytes to a key that no presigned request leads to, before they are
//! read, so that a late or repeated PUT cannot change them. The store chooses the key of the seal
//! (`Store::seal`).
//!
//! A confirmation may be interrupted at any point. The bytes are then complete at the incoming key,
//! under a seal, or at the published key, and a repeated confirmation continues from there. A seal
//! is deleted only when the object's row no longer needs it, or when a newer seal is complete.

use store::{Attributes, Seals};

use crate::app::App;
use crate::error::{Error, Result};
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};

/// Locks an object against other confirmations on this server, and against PUTs that are about to
/// be acknowledged. Such a PUT either comes first and is sealed, or comes later and is refused if
/// the upload has ended.
pub(crate) async fn lock(app: &App, id: ObjectId) -> tokio::sync::MutexGuard<'_, ()> {
    app.completing.lock(&format!("seal:{id}")).await
}

/// Moves uploaded bytes to a seal. Returns the key of the seal, or `None` if nothing was sent. The
/// caller holds the [`lock`]. If an object has several seals, its row names the valid one.
pub(crate) async fn seal(
    app: &App,
    id: ObjectId,
    upload_id: &str,
    from: &Key,
    attributes: &Attributes,
) -> Result<Option<Key>> {
    let sealed = app.store.seal(from.as_str(), &key::seal_prefix(id), upload_id, attributes).await;
    match sealed {
        Ok(sealed) => Ok(sealed.and_then(|sealed| key::parse_seal(&sealed))),
        Err(store::Error::Changed) => {
            Err(Error::InvalidState("the file is being sent again; ask again when that is done".into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Deletes the seals of an object that are older than the given one.
pub(crate) async fn remove_older(app: &App, id: ObjectId, than: &Key) -> Result<()> {
    Ok(app.store.remove_seals(&key::seal_prefix(id), Seals::OlderThan(than.as_str())).await?)
}

/// Deletes all seals of an object; `sealed` is the one that its row names.
pub(crate) async fn remove(app: &App, id: ObjectId, sealed: Option<&Key>) -> Result<()> {
    // On local disk, the last segment is the upload id. In a bucket, a listing shows every seal.
    remove_of(app, id, sealed.and_then(|sealed| sealed.as_str().rsplit('/').next())).await
}

/// Deletes all seals of an object, including the seal of this upload if a listing does not show it.
pub(crate) async fn remove_of(app: &App, id: ObjectId, upload_id: Option<&str>) -> Result<()> {
    Ok(app.store.remove_seals(&key::seal_prefix(id), Seals::All { upload_id }).await?)
}

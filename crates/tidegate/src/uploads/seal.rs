//! Sealing: what a client has put is moved to where no presigned request leads, before anybody looks at it. A late or
//! repeated PUT changes nothing there. Where a seal lies, the store decides (`Store::seal`).
//!
//! A confirmation may be cut off anywhere. The bytes are then whole where they were put, or under a seal, or where they are
//! published; a repetition goes on from there. A seal is removed when its row says that it is of no use, or when something
//! newer lies there whole.

use store::{Attributes, Seals};

use crate::app::App;
use crate::error::{Error, Result};
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};

/// Excludes other confirmations of an object on this server, and PUTs of it that are about to be answered: those come before
/// it and are sealed, or after it and are refused if the upload has ended.
pub(crate) async fn lock(app: &App, id: ObjectId) -> tokio::sync::MutexGuard<'_, ()> {
    app.completing.lock(&format!("seal:{id}")).await
}

/// Seals what a client has put. Returns where it is, or `None` if nothing was put. The caller holds the [`lock`]. Which of
/// several seals counts, the object's row says.
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

/// Removes the seals of an object that are older than one of them.
pub(crate) async fn remove_older(app: &App, id: ObjectId, than: &Key) -> Result<()> {
    Ok(app.store.remove_seals(&key::seal_prefix(id), Seals::OlderThan(than.as_str())).await?)
}

/// Removes all seals of an object; `sealed` is the one that its row names.
pub(crate) async fn remove(app: &App, id: ObjectId, sealed: Option<&Key>) -> Result<()> {
    // In a folder the last segment is the upload's id; in a bucket a listing shows every seal.
    remove_of(app, id, sealed.and_then(|sealed| sealed.as_str().rsplit('/').next())).await
}

/// Removes all seals of an object, that of this upload included even if a listing does not show it.
pub(crate) async fn remove_of(app: &App, id: ObjectId, upload_id: Option<&str>) -> Result<()> {
    Ok(app.store.remove_seals(&key::seal_prefix(id), Seals::All { upload_id }).await?)
}

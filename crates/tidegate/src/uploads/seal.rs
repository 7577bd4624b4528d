//! Sealing: what a client has put is moved to where no URL ever led, before anybody looks at it. A late or repeated PUT
//! changes nothing there. Every surface that takes single PUTs does it here.
//!
//! A confirmation may be cut off anywhere. The bytes are then whole where they were put, or under a seal, or where they are
//! published; a repetition goes on from there. A seal is removed when its row says that it is of no use, or when something
//! newer lies there whole.

use std::time::SystemTime;

use store::{Attributes, Entry};
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};

/// Seals in one listing: confirmations that were cut off may have left several.
const SEALS: usize = 1000;

/// Excludes other confirmations of an object on this server, and PUTs of it that are about to be answered: those come before
/// it and are sealed, or after it and are refused if the upload has ended.
pub(crate) async fn lock(app: &App, id: ObjectId) -> tokio::sync::MutexGuard<'_, ()> {
    app.completing.lock(&format!("seal:{id}")).await
}

/// Moves what a client has put; `None` if there is nothing. In a folder, which one server has to itself, there is one place
/// for an upload, so that a move which was cut off goes on. In a bucket it is another one for each move: a server that is
/// slow must not put a later PUT where an earlier one was scanned. Which of them counts, the row says. The caller holds
/// the [`lock`].
pub(crate) async fn quarantine(
    app: &App,
    id: ObjectId,
    upload_id: &str,
    from: &Key,
    attributes: &Attributes,
) -> Result<Option<Key>> {
    // Seals of one second, in which a bucket tells its times, are told apart by their names.
    let to = place(app, id, upload_id).unwrap_or_else(|| key::sealed(id, Uuid::now_v7()));
    let mut moved = app.store.move_to(from.as_str(), to.as_str(), Some(attributes)).await;
    if matches!(moved, Err(store::Error::AlreadyExists)) && app.local.is_some() {
        // The store says so only of something whole at the source: it came after what was sealed by a confirmation that was
        // cut off, and takes its place.
        app.store.delete(to.as_str(), store::Deletion::Purge).await?;
        moved = app.store.move_to(from.as_str(), to.as_str(), Some(attributes)).await;
    }
    match moved {
        // An answer that was lost: nobody else makes a seal of this name.
        Ok(()) | Err(store::Error::AlreadyExists) => Ok(Some(to)),
        // Perhaps it was moved before, by a confirmation that was cut off.
        Err(store::Error::NotFound) => {
            let last = list(app, id).await?.into_iter().max_by(|one, other| age(one).cmp(&age(other)));
            Ok(last.and_then(|seal| key::parse_seal(&seal.key)))
        }
        Err(store::Error::Changed) => {
            Err(Error::InvalidState("the file is being sent again; ask again when that is done".into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes the seals of an object that are older than one of them.
pub(crate) async fn remove_older(app: &App, id: ObjectId, than: &Key) -> Result<()> {
    let seals = list(app, id).await?;
    let Some(kept) = seals.iter().find(|seal| seal.key == than.as_str()) else { return Ok(()) };
    for seal in seals.iter().filter(|seal| age(seal) < age(kept)) {
        app.store.delete(&seal.key, store::Deletion::Purge).await?;
    }
    Ok(())
}

/// Removes all seals of an object.
pub(crate) async fn remove(app: &App, id: ObjectId, sealed: Option<&Key>) -> Result<()> {
    for seal in list(app, id).await? {
        app.store.delete(&seal.key, store::Deletion::Purge).await?;
    }
    if let Some(sealed) = sealed.filter(|_| app.local.is_some()) {
        // By its name, too: of a move that was cut off a listing may show nothing.
        app.store.delete(sealed.as_str(), store::Deletion::Purge).await?;
    }
    Ok(())
}

/// The place of the seal of an upload, where there is but one.
pub(crate) fn place(app: &App, id: ObjectId, upload_id: &str) -> Option<Key> {
    Uuid::try_parse(upload_id).ok().filter(|_| app.local.is_some()).map(|one| key::sealed(id, one))
}

async fn list(app: &App, id: ObjectId) -> Result<Vec<Entry>> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = app.store.list(&key::seal_prefix(id), after.as_deref(), SEALS).await?;
        after = page.last().map(|last| last.key.clone());
        let is_last = page.len() < SEALS;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

fn age(seal: &Entry) -> (SystemTime, &str) {
    (seal.last_modified, &seal.key)
}

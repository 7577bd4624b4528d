//! Sealing: what a client has put is moved to where no URL ever led, before anybody looks at it. A late or repeated PUT
//! changes nothing there.

use store::Attributes;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Result};
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};

/// Seals of one object: confirmations that were cut off may have left several.
const SEALS: usize = 100;

/// Moves what a client has put; `None` if there is nothing. In a folder, which one server has to itself, there is one place
/// for an upload, so that a move which was cut off goes on. In a bucket it is another one for each move: a server that is
/// slow must not put a later PUT where an earlier one was scanned. Which of them counts, the row says.
pub(crate) async fn take_away(
    app: &App,
    id: ObjectId,
    upload_id: &str,
    from: &Key,
    attributes: &Attributes,
) -> Result<Option<Key>> {
    let one = Uuid::try_parse(upload_id).ok().filter(|_| app.local.is_some());
    let to = key::sealed(id, one.unwrap_or_else(Uuid::new_v4));
    let mut moved = app.store.move_to(from.as_str(), to.as_str(), Some(attributes)).await;
    if matches!(moved, Err(store::Error::AlreadyExists)) && app.local.is_some() {
        // What was sealed by a confirmation that was cut off; what was sent since takes its place.
        app.store.delete(to.as_str(), store::Deletion::Purge).await?;
        moved = app.store.move_to(from.as_str(), to.as_str(), Some(attributes)).await;
    }
    match moved {
        // An answer that was lost: nobody else makes a seal of this name.
        Ok(()) | Err(store::Error::AlreadyExists) => Ok(Some(to)),
        // Perhaps it was moved before, by a confirmation that was cut off.
        Err(store::Error::NotFound) => {
            let seals = app.store.list(&key::seals(id), None, SEALS).await?;
            let last = seals.into_iter().max_by_key(|seal| seal.last_modified);
            Ok(last.and_then(|seal| key::found_seal(&seal.key)))
        }
        Err(store::Error::Changed) => {
            Err(Error::InvalidState("the file is being sent again; confirm when that is done".into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes all seals of an object.
pub(crate) async fn remove(app: &App, id: ObjectId, sealed: Option<&Key>) -> Result<()> {
    for seal in app.store.list(&key::seals(id), None, SEALS).await? {
        app.store.delete(&seal.key, store::Deletion::Purge).await?;
    }
    if let Some(sealed) = sealed.filter(|_| app.local.is_some()) {
        // By its name, too: of a move that was cut off a listing shows nothing.
        app.store.delete(sealed.as_str(), store::Deletion::Purge).await?;
    }
    Ok(())
}

//! Runs a rescan job: scans a published object again and deletes its bytes if it is rejected. The
//! scan itself is in `uploads::rescan`.

use crate::app::App;
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::surfaces::packages::publishing;
use crate::uploads::effects::Item;
use crate::uploads::{media_items, rescan};

/// Scans one object again, and deletes its bytes if it is rejected.
pub(super) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some(item) = Item::find_by_id_unscoped(&app.db, id).await? else { return Ok(()) };
    if !rescan::rescan(app, &item).await? {
        return Ok(());
    }
    match &item {
        Item::Disk(..) => Ok(()),
        Item::File(_, file) => Ok(app.store.delete(file.object.key.as_str(), store::Deletion::Purge).await?),
        Item::Media(media) => media_items::deletion::remove_rejected(app, media).await,
        Item::Package(..) => publishing::purge(app, id).await,
    }
}

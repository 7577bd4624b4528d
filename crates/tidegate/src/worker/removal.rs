//! Deletes the bytes of objects that may no longer be read: those that a rescan rejects, and those
//! that an interrupted delete left. One function per owner kind; which kinds can be restored is in
//! `model::rules`.

use crate::app::App;
use crate::error::Result;
use crate::library::cdn_invalidations;
use crate::model::ids::ObjectId;
use crate::model::object::ObjectState;
use crate::surfaces::packages::{deletion, publishing};
use crate::uploads::effects::Item;
use crate::uploads::{media_items, scan};

/// Scans one published object again, and deletes its bytes if it is rejected.
pub(super) async fn rescan(app: &App, id: ObjectId) -> Result<()> {
    let Some(item) = Item::find_by_id_unscoped(&app.db, id).await? else { return Ok(()) };
    if !scan::rescan(app, &item).await? {
        return Ok(());
    }
    match &item {
        Item::Disk(..) => Ok(()),
        Item::File(_, file) => Ok(app.store.delete(file.object.key.as_str(), store::Deletion::Purge).await?),
        Item::Media(media) => media_items::deletion::remove_rejected(app, media).await,
        Item::Package(..) => publishing::purge(app, id).await,
    }
}

/// Removes the blob at `key`, which an object in `state` left at its served key. The bytes of a
/// DELETED object that can be restored are moved aside by its own function, which handles a
/// concurrent restore.
pub(super) async fn remove_leftover(app: &App, id: ObjectId, state: ObjectState, key: &str) -> Result<()> {
    let is_deleted = state == ObjectState::Deleted;
    match Item::find_by_id_unscoped(&app.db, id).await? {
        Some(Item::Package(..)) if is_deleted => deletion::unpublish_object(app, id).await,
        Some(Item::Package(..)) => publishing::purge(app, id).await,
        Some(Item::Media(_)) if is_deleted => media_items::deletion::unpublish_and_invalidate(app, id).await,
        _ => purge(app, key).await,
    }
}

/// Deletes the blob at `key` and queues its CDN invalidation.
async fn purge(app: &App, key: &str) -> Result<()> {
    app.store.delete(key, store::Deletion::Purge).await?;
    if app.config.images.layout.served_root(key).is_some() {
        let mut tx = app.db.begin().await?;
        cdn_invalidations::queue(app, &mut tx, &[key.to_owned()]).await?;
        tx.commit().await?;
    }
    Ok(())
}

//! Deletes the bytes of objects that may no longer be read: of those that a rescan rejected, and of
//! those that an interrupted delete left at their served key. One closed match for each.

use crate::app::App;
use crate::error::{Error, Result};
use crate::library::cdn_invalidations;
use crate::library::thaw_job::Unpublished;
use crate::model::ids::ObjectId;
use crate::model::object::ObjectState;
use crate::surfaces::packages::{deletion, publishing};
use crate::uploads::effects::Item;
use crate::uploads::media_items;

/// Deletes the bytes of an object that was rejected after its publication.
pub(super) async fn remove_rejected(app: &App, item: &Item) -> Result<()> {
    match item {
        Item::Disk(..) => Ok(()),
        Item::File(_, file) => Ok(app.store.delete(file.object.key.as_str(), store::Deletion::Purge).await?),
        Item::Media(media) => media_items::deletion::remove_rejected(app, media).await,
        Item::Package(..) => publishing::purge(app, item.id()).await,
    }
}

/// Removes the blob that an object left at its served `key`. `state` is DELETED, PURGED or REJECTED.
/// Bytes that can be restored are moved aside by the delete function of their owner kind, which
/// handles a concurrent restore. Returns an error if the object's record is incomplete, because its
/// bytes may be the only copy.
pub(super) async fn remove_leftover(app: &App, id: ObjectId, state: ObjectState, key: &str) -> Result<Unpublished> {
    let is_deleted = state == ObjectState::Deleted;
    match Item::find_by_id_unscoped(&app.db, id).await? {
        Some(Item::Package(..)) if is_deleted => deletion::unpublish_object(app, id).await,
        Some(Item::Package(..)) => publishing::purge(app, id).await.map(|()| Unpublished::Moved),
        Some(Item::Media(_)) if is_deleted => media_items::deletion::unpublish_and_invalidate(app, id).await,
        Some(Item::Media(_) | Item::Disk(..) | Item::File(..)) => purge(app, key).await.map(|()| Unpublished::Moved),
        None => Err(Error::Internal(anyhow::anyhow!("the object's record is incomplete"))),
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

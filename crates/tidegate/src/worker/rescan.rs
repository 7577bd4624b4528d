//! Scans again what is published: signatures become known every day. What is found is removed from where it is served.

use crate::app::App;
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::object::ObjectState;
use crate::surfaces::packages::publishing;
use crate::uploads::ingest;

/// Scans one object again, as the kind of its owner asks.
pub(super) async fn run(app: &App, id: ObjectId) -> Result<()> {
    if let Some((_, media)) = app.db.find_media(id).await? {
        return ingest::rescan(app, &media).await;
    }
    match app.db.find_file_by_id(id).await? {
        Some((owner, file)) if file.object.state == ObjectState::Ready => {
            ingest::files::rescan(app, &owner, &file).await
        }
        Some(_) => Ok(()),
        None => publishing::rescan(app, id).await,
    }
}

//! Scans published objects again: signatures become known every day. What is found is removed from where it is served.

use super::effects::{self, Item};
use super::outcome::{self, Outcome};
use super::scan;
use crate::app::App;
use crate::error::Result;
use crate::library::cdn_invalidations;
use crate::model::caller::Caller;
use crate::model::media::Scan;
use crate::model::object::ObjectState;

/// Scans one object again. Returns `true` if it is rejected, now or since an earlier try that was cut off: its bytes are yet
/// to be removed.
pub(crate) async fn rescan(app: &App, item: &Item) -> Result<bool> {
    let id = item.id();
    if item.object().state != ObjectState::Ready {
        return Ok(item.object().state == ObjectState::Rejected);
    }
    match scan::scan(app, item.object().key.as_str(), true).await? {
        // Without a scanner nothing new is known.
        Outcome::Good(Scan::Skipped) => Ok(false),
        Outcome::Good(scan) => {
            let mut tx = app.db.begin().await?;
            tx.set_scan(id, scan).await?;
            tx.commit().await?;
            Ok(false)
        }
        Outcome::Failed(reason) => {
            tracing::warn!(object.id = %id, reason, "a published object could not be scanned again");
            Ok(false)
        }
        Outcome::Rejected(reason) => {
            // What was read until now is in caches.
            let public = effects::public_files(app, item).await?;
            let mut tx = app.db.begin().await?;
            if outcome::reject(app, &mut tx, &Caller::system(), item, ObjectState::Ready, &reason).await? {
                cdn_invalidations::queue(app, &mut tx, &public).await?;
                tx.commit().await?;
            }
            Ok(true)
        }
    }
}

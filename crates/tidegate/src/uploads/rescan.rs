//! Scans published objects again, with current malware signatures, and rejects infected ones. Never
//! deletes bytes; `worker::rescan` does.

use super::effects::{self, Item};
use super::outcome::{self, Outcome};
use super::scan;
use crate::app::App;
use crate::error::Result;
use crate::library::cdn_invalidations;
use crate::model::caller::Caller;
use crate::model::media::Scan;
use crate::model::object::ObjectState;

/// Scans one published object again. Returns `true` if it is rejected, now or by an interrupted
/// earlier run, so that its bytes must be deleted.
pub(crate) async fn rescan(app: &App, item: &Item) -> Result<bool> {
    let id = item.id();
    if item.object().state != ObjectState::Ready {
        return Ok(item.object().state == ObjectState::Rejected);
    }
    match scan::scan(app, item.object().key.as_str(), true).await? {
        // Without a scanner there is no new result.
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
            // Caches may hold the object, because it was readable until now.
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

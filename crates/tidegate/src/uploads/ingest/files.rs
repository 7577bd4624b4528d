//! Users' files where there is a scanner: nobody reads one before it was looked at. Its bytes lie at their place from the
//! start; what is found in them is removed with them.

use super::{Outcome, scan};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::file::File;
use crate::model::ids::ObjectId;
use crate::model::media::Scan;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::queue::{self, Job};

/// Scans a file that waits for it.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some((owner, file)) = app.db.find_file_by_id(id).await? else { return Ok(()) };
    if file.object.state != ObjectState::Scanning {
        return Ok(());
    }
    match scan::scan(app, file.object.key.as_str(), true).await? {
        Outcome::Good(scan) => release(app, &owner, &file, scan).await,
        Outcome::Rejected(reason) => reject(app, &owner, &file, &reason).await,
        Outcome::Failed(reason) => {
            let mut tx = app.db.begin().await?;
            fail(app, &mut tx, id, &reason).await?;
            tx.commit().await
        }
    }
}

/// Scans a file that is being read already, with the signatures of today.
pub(crate) async fn rescan(app: &App, owner: &Owner, file: &File) -> Result<()> {
    match scan::scan(app, file.object.key.as_str(), true).await? {
        // Without a scanner nothing new is known.
        Outcome::Good(Scan::Skipped) => Ok(()),
        Outcome::Good(scan) => {
            let mut tx = app.db.begin().await?;
            tx.keep_scan(file.object.id, scan).await?;
            tx.commit().await
        }
        Outcome::Rejected(reason) => reject(app, owner, file, &reason).await,
        Outcome::Failed(reason) => {
            tracing::warn!(object.id = %file.object.id, reason, "a file could not be scanned again");
            Ok(())
        }
    }
}

fn size(file: &File) -> i64 {
    file.object.content.as_ref().map_or(0, |content| i64::try_from(content.size).unwrap_or(i64::MAX))
}

/// Lets a file be read, and counts it among its owner's.
async fn release(app: &App, owner: &Owner, file: &File, scan: Scan) -> Result<()> {
    let id = file.object.id;
    let mut tx = app.db.begin().await?;
    tx.hold_quota(owner).await?;
    if !tx.move_object(id, ObjectState::Scanning, ObjectState::Ready, None).await? {
        return Ok(());
    }
    tx.keep_scan(id, scan).await?;
    tx.release_of(id).await?;
    tx.count_files(owner, &file.folder, 1, size(file)).await?;
    tx.record(&Caller::system(), AuditAction::FileScanned, id, app.db.now()).await?;
    tx.commit().await?;
    tracing::info!(object.id = %id, scan = scan.as_str(), "a file was scanned");
    Ok(())
}

/// Removes a file in which something was found. Its row says why.
async fn reject(app: &App, owner: &Owner, file: &File, reason: &str) -> Result<()> {
    let (id, from) = (file.object.id, file.object.state);
    let key = file.object.key.as_str();
    let mut tx = app.db.begin().await?;
    tx.hold_quota(owner).await?;
    if !tx.move_object(id, from, ObjectState::Rejected, Some(reason)).await? {
        return Ok(());
    }
    tx.release_of(id).await?;
    if from == ObjectState::Ready {
        tx.count_files(owner, &file.folder, -1, -size(file)).await?;
    }
    tx.record(&Caller::system(), AuditAction::FileRejected, id, app.db.now()).await?;
    queue::enqueue(&mut tx, &Job::PurgeObjectV1 { object: id.0, key: key.to_owned() }, app.db.now()).await?;
    tx.commit().await?;
    tracing::warn!(object.id = %id, reason, "a file was rejected");
    // The job does so where this fails.
    Ok(app.store.delete(key, store::Deletion::Purge).await?)
}

/// Says of a file that it can't be scanned now: also when the job was given up.
pub(crate) async fn fail(app: &App, tx: &mut Tx, id: ObjectId, reason: &str) -> Result<()> {
    if tx.move_object(id, ObjectState::Scanning, ObjectState::Failed, Some(reason)).await? {
        tx.record(&Caller::system(), AuditAction::FileFailed, id, app.db.now()).await?;
        tracing::warn!(object.id = %id, reason, "a file could not be scanned");
    }
    Ok(())
}

/// Has a file that could not be scanned scanned again. `false` if it does not wait for that.
pub(crate) async fn requeue(tx: &mut Tx, id: ObjectId, now: std::time::SystemTime) -> Result<bool> {
    if !tx.move_object(id, ObjectState::Failed, ObjectState::Scanning, None).await? {
        return Ok(false);
    }
    queue::enqueue_anew(tx, &Job::ScanFileV1 { object: id.0 }, now).await?;
    Ok(true)
}

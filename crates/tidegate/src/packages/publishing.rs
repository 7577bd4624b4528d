//! What becomes of what was sealed: it is scanned where there is a scanner, and moved to its place. Bytes come before rows;
//! every step can be done again.

use std::time::SystemTime;

use super::record;
use crate::app::App;
use crate::db::{PackageObject, Tx};
use crate::error::{Error, Result};
use crate::invalidations;
use crate::jobs::ingest::Outcome;
use crate::jobs::ingest::scan;
use crate::jobs::{self, Job};
use crate::model::caller::Caller;
use crate::model::event::Deed;
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};
use crate::model::media::Scan;
use crate::model::object::{Content, ObjectState};
use crate::model::package::{AssetPath, DatasetId, NodeState, TreeEvent};
use crate::sealing;

/// Where something lies once it is published: the source file where nothing is served, an asset below its package's root.
fn place(found: &PackageObject) -> Result<Key> {
    if found.is_source {
        return Ok(key::package_source(found.numbers, found.object.id));
    }
    let path = AssetPath::parse(found.object.name.as_deref().unwrap_or_default());
    let path = path.map_err(|error| Error::Internal(anyhow::anyhow!("an asset's path: {error}")))?;
    Ok(key::asset(found.numbers, &path))
}

/// Works on what was sealed until it is published or refused. `scan` is whether it has to be looked through first.
pub(crate) async fn run(app: &App, id: ObjectId, scan: bool) -> Result<()> {
    // One at a time here. What another server does is settled by the rows.
    let _one = app.completing.hold(&format!("publish:{id}")).await;
    let Some(found) = app.db.find_package_object(id).await? else { return Ok(()) };
    let Some(sealed) = found.sealed.clone().filter(|_| found.object.state == ObjectState::Scanning) else {
        return clear(app, &found).await;
    };
    let to = place(&found)?;
    // Moved before, by an attempt that was cut off: only what was found clean is.
    let at = match app.store.stat(sealed.as_str()).await {
        Ok(_) => &sealed,
        Err(store::Error::NotFound) => &to,
        Err(error) => return Err(error.into()),
    };
    let outcome = if scan { scan::scan(app, at.as_str(), true).await? } else { Outcome::Good(Scan::Skipped) };
    match outcome {
        Outcome::Good(verdict) => {
            if at == &sealed
                && let Err(reason) = put_in_place(app, &found, &sealed, &to).await?
            {
                return refuse(app, &found, &reason).await;
            }
            publish(app, &found, &to, verdict).await
        }
        Outcome::Rejected(reason) => refuse(app, &found, &reason).await,
        Outcome::Failed(reason) => {
            let mut tx = app.db.begin().await?;
            fail(app, &mut tx, id, &reason).await?;
            tx.commit().await
        }
    }
}

/// Moves what was found clean to its place; the reason, where that is taken for good.
async fn put_in_place(
    app: &App,
    found: &PackageObject,
    sealed: &Key,
    to: &Key,
) -> Result<std::result::Result<(), String>> {
    let taken = || Ok(Err("an asset of this path is there already".to_owned()));
    if app.db.find_ready_by_key(to.as_str()).await?.is_some_and(|other| other.id != found.object.id) {
        return taken();
    }
    match app.store.move_to(sealed.as_str(), to.as_str(), None).await {
        Ok(()) => Ok(Ok(())),
        Err(store::Error::AlreadyExists) => {
            // A copy that was cut off before its source was removed is ours; anything else is somebody's.
            let (ours, there) = (app.store.stat(sealed.as_str()).await?, app.store.stat(to.as_str()).await?);
            if (ours.size, &ours.etag) == (there.size, &there.etag) { Ok(Ok(())) } else { taken() }
        }
        Err(store::Error::InvalidKey(_)) => {
            Ok(Err("its path leads through another asset, or is a folder of others".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn publish(app: &App, found: &PackageObject, to: &Key, verdict: Scan) -> Result<()> {
    let (id, dataset) = (found.object.id, found.numbers.dataset);
    let stat = app.store.stat(to.as_str()).await?;
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    if !tx.publish_in_package(id, to, &content, verdict).await? {
        drop(tx);
        // Deleted meanwhile, or done by another server.
        return match app.db.find_package_object(id).await? {
            Some(now) if now.object.state == ObjectState::Ready => clear(app, &now).await,
            _ => {
                app.store.delete(to.as_str(), store::Deletion::Purge).await?;
                clear(app, found).await
            }
        };
    }
    if found.is_source {
        tx.log_node(found.numbers.package, TreeEvent::Created, &found.created_by, now).await?;
    }
    tx.record(&Caller::system(), Deed::UploadCompleted, id, now).await?;
    tx.count_in_dataset(dataset, 1, i64::try_from(content.size).unwrap_or(i64::MAX)).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_uploaded_bytes_total").increment(content.size);
    tracing::info!(object.id = %id, scan = verdict.as_str(), "an object of a dataset was published");
    sealing::remove(app, id, found.sealed.as_ref()).await
}

/// Says of what was sealed that it is never published; its bytes go at once.
async fn refuse(app: &App, found: &PackageObject, reason: &str) -> Result<()> {
    let id = found.object.id;
    let mut tx = app.db.begin().await?;
    if tx.move_object(id, ObjectState::Scanning, ObjectState::Rejected, Some(reason)).await? {
        tx.record(&Caller::system(), Deed::FileRejected, id, app.db.now()).await?;
    }
    tx.commit().await?;
    tracing::warn!(object.id = %id, reason, "an object of a dataset was rejected");
    clear(app, found).await
}

/// Removes what is left of an upload that is over.
async fn clear(app: &App, found: &PackageObject) -> Result<()> {
    sealing::remove(app, found.object.id, found.sealed.as_ref()).await
}

/// Says of an object that it can't be published now: also when the job was given up.
pub(crate) async fn fail(app: &App, tx: &mut Tx, id: ObjectId, reason: &str) -> Result<()> {
    if tx.move_object(id, ObjectState::Scanning, ObjectState::Failed, Some(reason)).await? {
        tx.record(&Caller::system(), Deed::FileFailed, id, app.db.now()).await?;
        tracing::warn!(object.id = %id, reason, "an object of a dataset could not be published");
    }
    Ok(())
}

/// Has one that failed tried again. `false` if it does not wait for that.
pub(crate) async fn take_back(app: &App, tx: &mut Tx, id: ObjectId, now: SystemTime) -> Result<bool> {
    revive(tx, id, app.scanner.is_some(), now).await
}

/// The same for whoever has only the database: it has to be scanned, unless whoever does it was told that there is no
/// scanner.
pub(crate) async fn revive(tx: &mut Tx, id: ObjectId, scan: bool, now: SystemTime) -> Result<bool> {
    if !tx.move_object(id, ObjectState::Failed, ObjectState::Scanning, None).await? {
        return Ok(false);
    }
    jobs::enqueue_anew(tx, &Job::PublishPackageV1 { object: id.0, scan }, now).await?;
    Ok(true)
}

/// Scans what is published with the signatures of today; what is found is taken away at once.
pub(crate) async fn rescan(app: &App, id: ObjectId) -> Result<()> {
    let Some(found) = app.db.find_package_object(id).await? else { return Ok(()) };
    match found.object.state {
        ObjectState::Ready => {}
        // What was found the last time may not be gone yet.
        ObjectState::Rejected => return forget(app, id).await,
        _ => return Ok(()),
    }
    match scan::scan(app, found.object.key.as_str(), true).await? {
        // Without a scanner nothing new is known.
        Outcome::Good(Scan::Skipped) => Ok(()),
        Outcome::Good(verdict) => {
            let mut tx = app.db.begin().await?;
            tx.keep_scan(id, verdict).await?;
            tx.commit().await
        }
        Outcome::Failed(reason) => {
            tracing::warn!(object.id = %id, reason, "an object of a dataset could not be scanned again");
            Ok(())
        }
        Outcome::Rejected(reason) => {
            let mut tx = app.db.begin().await?;
            tx.hold_dataset(found.numbers.dataset).await?;
            if tx.move_object(id, ObjectState::Ready, ObjectState::Rejected, Some(&reason)).await? {
                uncount(&mut tx, &found).await?;
                tx.record(&Caller::system(), Deed::FileRejected, id, app.db.now()).await?;
            }
            tx.commit().await?;
            tracing::warn!(object.id = %id, reason, "a published object of a dataset was rejected");
            forget(app, id).await
        }
    }
}

/// Takes what was published out of all counts. The caller's transaction holds the dataset.
async fn uncount(tx: &mut Tx, found: &PackageObject) -> Result<()> {
    let size = found.object.content.as_ref().map_or(0, |content| i64::try_from(content.size).unwrap_or(i64::MAX));
    tx.uncount_in_package(found.object.id).await?;
    tx.count_in_dataset(found.numbers.dataset, -1, -size).await
}

/// Removes an asset for good, at once; its path is free after that.
pub(super) async fn remove_asset(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    found: &PackageObject,
) -> Result<bool> {
    let (id, now) = (found.object.id, app.db.now());
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(found.numbers.dataset).await?;
    if found.node_state != NodeState::Ready
        || !tx.set_object_state(id, ObjectState::Ready, ObjectState::Deleted, now).await?
    {
        return Ok(false);
    }
    tx.set_object_state(id, ObjectState::Deleted, ObjectState::Purged, now).await?;
    uncount(&mut tx, found).await?;
    record(&mut tx, app, caller, Deed::ObjectDeleted, dataset, Some(id)).await?;
    jobs::enqueue(&mut tx, &Job::ForgetAssetV1 { object: id.0 }, now).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => "dataset").increment(1);
    forget(app, id).await?;
    app.jobs.ring();
    Ok(true)
}

/// Removes the bytes of an object that is gone for good, and frees its key. Done twice, it does nothing: what lies there
/// then is another's.
pub(crate) async fn forget(app: &App, id: ObjectId) -> Result<()> {
    let _one = app.completing.hold(&format!("object:{id}")).await;
    let Some(found) = app.db.find_package_object(id).await? else { return Ok(()) };
    let gone = matches!(found.object.state, ObjectState::Purged | ObjectState::Rejected);
    if !gone || key::is_nobodys(found.object.key.as_str()) {
        return Ok(());
    }
    let key = found.object.key.as_str().to_owned();
    app.store.delete(&key, store::Deletion::Purge).await?;
    let mut tx = app.db.begin().await?;
    if app.config.images.layout.served_root(&key).is_some() {
        invalidations::queue(app, &mut tx, &[key]).await?;
    }
    tx.free_key(id).await?;
    tx.commit().await
}

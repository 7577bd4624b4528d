//! Publishes sealed objects of datasets: scans them if there is a scanner, claims the final key in
//! the object's row, moves the bytes there, and then makes the row READY. Every step can be
//! repeated. Also deletes assets, which frees their paths. Never seals; see `confirming`.

use super::{deletion, record};
use crate::app::App;
use crate::db::PackageObject;
use crate::error::{Error, Result};
use crate::library::cdn_invalidations;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};
use crate::model::media::Scan;
use crate::model::object::{Content, ObjectState};
use crate::model::package::{AssetPath, DatasetId, NodeState, TreeEvent};
use crate::queue::{self, Job};
use crate::uploads::effects::{self, AFTER_ANSWER, Item};
use crate::uploads::outcome::{self, Outcome};
use crate::uploads::{scan, seal};

/// Returns the key of a published object: a source file's is not served, an asset's is below its
/// package's root.
fn published_key(found: &PackageObject) -> Result<Key> {
    if found.is_source {
        return Ok(key::package_source(found.numbers, found.object.id));
    }
    let path = AssetPath::parse(found.object.name.as_deref().unwrap_or_default());
    let path = path.map_err(|error| Error::Internal(anyhow::anyhow!("an asset's path: {error}")))?;
    Ok(key::asset(found.numbers, &path))
}

/// The result of one step of a publication.
enum Step {
    /// Nothing is left to do.
    Done,
    /// The bytes of this object must be deleted: it is the object itself, or another one that holds
    /// the key and is gone for good.
    Purge(ObjectId),
    /// The package was deleted: its bytes are moved out of the served root, and a restore continues
    /// the publication.
    Unpublish,
}

/// Publishes or rejects a sealed object.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    for _ in 0..2 {
        let step = {
            // The lock works on this server only. Between servers, conditions on the rows decide.
            let _one = app.completing.lock(&format!("publish:{id}")).await;
            work(app, id).await?
        };
        match step {
            Step::Done => return Ok(()),
            Step::Unpublish => return deletion::unpublish_object(app, id).await.map(drop),
            Step::Purge(other) => purge(app, other).await?,
        }
    }
    Err(Error::Unavailable(anyhow::anyhow!("its key was claimed again while it was being freed")))
}

/// Runs one step of a publication. The caller holds the object's lock.
async fn work(app: &App, id: ObjectId) -> Result<Step> {
    let Some(found) = app.db.find_package_object_unscoped(id).await? else { return Ok(Step::Done) };
    let Some(sealed) = found.sealed.clone().filter(|_| found.object.state == ObjectState::Scanning) else {
        return finish_inactive(app, &found).await;
    };
    match found.node_state {
        NodeState::Ready => {}
        // A restore enqueues the publication again.
        NodeState::Deleted => return Ok(Step::Unpublish),
        NodeState::Restoring => return Err(Error::Unavailable(anyhow::anyhow!("its package is being restored"))),
        NodeState::Purged => return Ok(Step::Done),
    }
    let to = published_key(&found)?;
    // An interrupted attempt has claimed the key, which is possible only after a clean scan.
    if found.object.key == to && found.scan.is_some() {
        return move_to_key(app, &found, &sealed, &to).await;
    }
    let outcome = match found.scan {
        Some(verdict) => Outcome::Good(verdict),
        None => scan::scan(app, sealed.as_str(), true).await?,
    };
    match outcome {
        Outcome::Good(verdict) => claim(app, &found, &sealed, (&to, verdict)).await,
        Outcome::Rejected(reason) => refuse(app, &found, &reason).await,
        Outcome::Failed(reason) => {
            outcome::fail_now(app, id, &reason).await?;
            Ok(Step::Done)
        }
    }
}

/// Handles an object that is not SCANNING: removes the seal, unless a FAILED object needs it for a
/// retry, and requests the deletion of bytes that are gone for good.
async fn finish_inactive(app: &App, found: &PackageObject) -> Result<Step> {
    let (id, state) = (found.object.id, found.object.state);
    if !state.is_under_way() {
        seal::remove(app, id, found.sealed.as_ref()).await?;
    }
    let gone = matches!(state, ObjectState::Purged | ObjectState::Rejected);
    let is_left = gone && !key::is_purged_key(found.object.key.as_str());
    Ok(if is_left { Step::Purge(id) } else { Step::Done })
}

/// Claims the final key in the object's row, before the bytes are moved there.
async fn claim(app: &App, found: &PackageObject, sealed: &Key, (to, verdict): (&Key, Scan)) -> Result<Step> {
    let (id, dataset) = (found.object.id, found.numbers.dataset);
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    let claimed = tx.claim_key(id, to, verdict).await?;
    tx.commit().await?;
    if claimed {
        return move_to_key(app, found, sealed, to).await;
    }
    let (other, state, deleted_at) = match app.db.find_key_holder_unscoped(to).await? {
        Some(holder) if holder.0 != id => holder,
        // The key was freed, or the package deleted, at this moment; a retry will see it.
        _ => return Err(Error::Unavailable(anyhow::anyhow!("its key is not available at the moment"))),
    };
    match state {
        // The delete of the previous object may still be in progress and must not delete the new
        // bytes.
        _ if deleted_at.is_some_and(|at| app.db.now() < at + AFTER_ANSWER) && state == ObjectState::Purged => {
            Err(Error::Unavailable(anyhow::anyhow!("the previous object at its path is still being deleted")))
        }
        ObjectState::Purged | ObjectState::Rejected => Ok(Step::Purge(other)),
        // A FAILED object was never visible and nobody can delete it, so it is purged here.
        ObjectState::Failed => {
            let mut tx = app.db.begin().await?;
            tx.hold_dataset(dataset).await?;
            tx.move_object(other, ObjectState::Failed, ObjectState::Purged, None).await?;
            tx.commit().await?;
            Ok(Step::Purge(other))
        }
        _ => refuse(app, found, PATH_TAKEN).await,
    }
}

/// Moves scanned bytes from their seal to the claimed key.
async fn move_to_key(app: &App, found: &PackageObject, sealed: &Key, to: &Key) -> Result<Step> {
    match app.store.move_to(sealed.as_str(), to.as_str(), None).await {
        Ok(()) => {}
        // An interrupted attempt has moved them, and a delete may have moved them on.
        Err(store::Error::NotFound) => {
            if !deletion::move_back(app, to.as_str()).await? {
                return Err(Error::StoreError(store::Error::Damaged("the sealed bytes are missing".to_owned())));
            }
        }
        Err(store::Error::AlreadyExists) => {
            // An interrupted copy leaves equal bytes at the key; any others belong to another
            // object.
            let ours = app.store.stat(sealed.as_str()).await?;
            let same = match app.store.stat(to.as_str()).await {
                Ok(there) => {
                    let alike = there.etag == ours.etag || !app.store.has_md5_etags();
                    there.size == ours.size && (alike || found.is_source)
                }
                // The key is a folder of other assets.
                Err(store::Error::NotFound) => false,
                Err(error) => return Err(error.into()),
            };
            if !same {
                return refuse_and_free_key(app, found, PATH_TAKEN).await;
            }
        }
        Err(store::Error::InvalidKey(_)) => return refuse_and_free_key(app, found, PATH_TAKEN).await,
        Err(error) => return Err(error.into()),
    }
    publish(app, found, to).await
}

/// Makes an object READY whose bytes are at its key.
async fn publish(app: &App, found: &PackageObject, to: &Key) -> Result<Step> {
    let (id, dataset) = (found.object.id, found.numbers.dataset);
    let stat = app.store.stat(to.as_str()).await?;
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let (now, item) = (app.db.now(), Item::Package(found.clone()));
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    // The job's row is locked before the object's, as at the end of a job.
    queue::withdraw(&mut tx, &Job::PublishPackageV1 { object: id.0 }).await?;
    if !tx.publish_in_package(id, to, &content).await? {
        drop(tx);
        return resolve_race(app, id).await;
    }
    if found.is_source {
        tx.log_node(found.numbers.package, TreeEvent::Created, &found.created_by, now).await?;
    }
    tx.record(&Caller::system(), AuditAction::UploadCompleted, id, now).await?;
    effects::count_in_folder_or_package(&mut tx, &item, content.size).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_uploaded_bytes_total").increment(content.size);
    tracing::info!(object.id = %id, "an object of a dataset was published");
    seal::remove(app, id, found.sealed.as_ref()).await?;
    Ok(Step::Done)
}

/// Handles an object that left SCANNING while its bytes were being moved.
async fn resolve_race(app: &App, id: ObjectId) -> Result<Step> {
    let Some(now) = app.db.find_package_object_unscoped(id).await? else { return Ok(Step::Done) };
    match now.object.state {
        ObjectState::Scanning if now.node_state == NodeState::Ready => {
            Err(Error::Unavailable(anyhow::anyhow!("its row changed before it could be published")))
        }
        ObjectState::Scanning | ObjectState::Failed | ObjectState::Deleted => Ok(Step::Unpublish),
        ObjectState::Purged | ObjectState::Rejected => finish_inactive(app, &now).await,
        // Another server has published it.
        _ => Ok(Step::Done),
    }
}

/// The reason for rejecting an object whose key belongs to another one.
const PATH_TAKEN: &str = "an asset of this path, or of a folder of it, is there already";

/// Rejects a sealed object; its bytes are deleted at once.
async fn refuse(app: &App, found: &PackageObject, reason: &str) -> Result<Step> {
    reject(app, found, reason, false).await
}

/// Rejects a sealed object that claimed a key with another object's bytes; those bytes stay.
async fn refuse_and_free_key(app: &App, found: &PackageObject, reason: &str) -> Result<Step> {
    reject(app, found, reason, true).await
}

/// Rejects a SCANNING object and removes its seal. With `frees_key`, its claimed key is freed
/// first.
async fn reject(app: &App, found: &PackageObject, reason: &str, frees_key: bool) -> Result<Step> {
    let (id, item) = (found.object.id, Item::Package(found.clone()));
    let mut tx = app.db.begin().await?;
    if !outcome::reject(app, &mut tx, &Caller::system(), &item, ObjectState::Scanning, reason).await? {
        // Another server has published or rejected it.
        return Ok(Step::Done);
    }
    if frees_key {
        tx.free_key(id).await?;
    }
    tx.commit().await?;
    seal::remove(app, id, found.sealed.as_ref()).await?;
    Ok(Step::Done)
}

/// Deletes an asset for good, after which its path is free. Returns `false` if it is not READY.
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
    effects::uncount_in_folder_or_package(&mut tx, &Item::Package(found.clone())).await?;
    record(&mut tx, app, caller, AuditAction::ObjectDeleted, dataset, Some(id)).await?;
    // Delayed, so that the deletion here frees the key first; a concurrent deletion on another
    // server could be too late.
    queue::enqueue(&mut tx, &Job::ForgetAssetV1 { object: id.0 }, now + AFTER_ANSWER).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => "dataset").increment(1);
    purge(app, id).await?;
    Ok(true)
}

/// Deletes the bytes of a PURGED or REJECTED object and frees its key. A repeated call does
/// nothing, because the key may belong to another object by then.
pub(crate) async fn purge(app: &App, id: ObjectId) -> Result<()> {
    let _one = app.completing.lock(&format!("object:{id}")).await;
    let Some(found) = app.db.find_package_object_unscoped(id).await? else { return Ok(()) };
    let gone = matches!(found.object.state, ObjectState::Purged | ObjectState::Rejected);
    if !gone || key::is_purged_key(found.object.key.as_str()) {
        return Ok(());
    }
    let key = found.object.key.as_str().to_owned();
    // A slower deletion could delete the bytes of the next object at this key.
    let purged = tokio::time::timeout(AFTER_ANSWER / 2, app.store.delete(&key, store::Deletion::Purge)).await;
    purged.map_err(|_| Error::Unavailable(anyhow::anyhow!("the store did not delete in time")))??;
    let mut tx = app.db.begin().await?;
    if app.config.images.layout.served_root(&key).is_some() {
        cdn_invalidations::queue(app, &mut tx, &[key]).await?;
    }
    tx.free_key(id).await?;
    queue::withdraw(&mut tx, &Job::ForgetAssetV1 { object: id.0 }).await?;
    tx.commit().await
}

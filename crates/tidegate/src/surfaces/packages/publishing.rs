//! What becomes of what was sealed: it is scanned where there is a scanner, and moved to its place. Bytes come before rows;
//! every step can be done again.

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
use crate::model::owner::{Owner, OwnerKind};
use crate::model::package::{AssetPath, DatasetId, NodeState, TreeEvent};
use crate::queue::{self, Job};
use crate::uploads::effects::{self, AFTER_ANSWER, Item};
use crate::uploads::outcome::{self, Outcome};
use crate::uploads::{scan, seal};

/// Where something lies once it is published: the source file where nothing is served, an asset below its package's root.
fn place(found: &PackageObject) -> Result<Key> {
    if found.is_source {
        return Ok(key::package_source(found.numbers, found.object.id));
    }
    let path = AssetPath::parse(found.object.name.as_deref().unwrap_or_default());
    let path = path.map_err(|error| Error::Internal(anyhow::anyhow!("an asset's path: {error}")))?;
    Ok(key::asset(found.numbers, &path))
}

/// What a turn came to.
enum Turn {
    /// Nothing is left to be done.
    Over,
    /// This object is gone for good, and its bytes have to be, too: another one that bears the key, or itself.
    Forget(ObjectId),
    /// Its package was deleted: its bytes go to where they wait, and it goes on when that is back.
    Hide,
}

/// Works on what was sealed until it is published or refused.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    for _ in 0..2 {
        let turn = {
            // One at a time here. What another server does is settled by the rows.
            let _one = app.completing.lock(&format!("publish:{id}")).await;
            work(app, id).await?
        };
        match turn {
            Turn::Over => return Ok(()),
            Turn::Hide => return deletion::hide_object(app, id).await,
            Turn::Forget(other) => forget(app, other).await?,
        }
    }
    Err(Error::Unavailable(anyhow::anyhow!("its key was taken again while it was freed")))
}

async fn work(app: &App, id: ObjectId) -> Result<Turn> {
    let Some(found) = app.db.find_package_object_unscoped(id).await? else { return Ok(Turn::Over) };
    let Some(sealed) = found.sealed.clone().filter(|_| found.object.state == ObjectState::Scanning) else {
        return over(app, &found).await;
    };
    match found.node_state {
        NodeState::Ready => {}
        // Whoever brings it back has it gone on with.
        NodeState::Deleted => return Ok(Turn::Hide),
        NodeState::Restoring => return Err(Error::Unavailable(anyhow::anyhow!("its package is on its way back"))),
        NodeState::Purged => return Ok(Turn::Over),
    }
    let to = place(&found)?;
    // Its key was claimed before, by an attempt that was cut off: only what was found clean claims one.
    if found.object.key == to && found.scan.is_some() {
        return put_in_place(app, &found, &sealed, &to).await;
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
            Ok(Turn::Over)
        }
    }
}

/// What is not waiting: of what is gone for good nothing is left, and what failed is tried again with what was sealed.
async fn over(app: &App, found: &PackageObject) -> Result<Turn> {
    let (id, state) = (found.object.id, found.object.state);
    if !state.is_under_way() {
        seal::remove(app, id, found.sealed.as_ref()).await?;
    }
    let gone = matches!(state, ObjectState::Purged | ObjectState::Rejected);
    let is_left = gone && !key::is_purged_key(found.object.key.as_str());
    Ok(if is_left { Turn::Forget(id) } else { Turn::Over })
}

/// Says in the row where the bytes are to lie, before they do.
async fn claim(app: &App, found: &PackageObject, sealed: &Key, (to, verdict): (&Key, Scan)) -> Result<Turn> {
    let (id, dataset) = (found.object.id, found.numbers.dataset);
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    let claimed = tx.claim_key(id, to, verdict).await?;
    tx.commit().await?;
    if claimed {
        return put_in_place(app, found, sealed, to).await;
    }
    let (other, state, deleted_at) = match app.db.find_bearer_unscoped(to).await? {
        Some(bearer) if bearer.0 != id => bearer,
        // It was freed at this moment, or the package was deleted: seen the next time.
        _ => return Err(Error::Unavailable(anyhow::anyhow!("the key was not to be had at this moment"))),
    };
    match state {
        // Whoever deleted it may still be at it; what comes too late must not find ours.
        _ if deleted_at.is_some_and(|at| app.db.now() < at + AFTER_ANSWER) && state == ObjectState::Purged => {
            Err(Error::Unavailable(anyhow::anyhow!("what lay at its path before is still being removed")))
        }
        ObjectState::Purged | ObjectState::Rejected => Ok(Turn::Forget(other)),
        // Nobody could see it, or delete it.
        ObjectState::Failed => {
            let mut tx = app.db.begin().await?;
            tx.hold_dataset(dataset).await?;
            tx.move_object(other, ObjectState::Failed, ObjectState::Purged, None).await?;
            tx.commit().await?;
            Ok(Turn::Forget(other))
        }
        _ => refuse(app, found, TAKEN).await,
    }
}

/// Moves what was found clean to the place that it has claimed.
async fn put_in_place(app: &App, found: &PackageObject, sealed: &Key, to: &Key) -> Result<Turn> {
    match app.store.move_to(sealed.as_str(), to.as_str(), None).await {
        Ok(()) => {}
        // Moved by an attempt that was cut off, and perhaps put away since with its package.
        Err(store::Error::NotFound) => {
            if !deletion::put_back(app, to.as_str()).await? {
                return Err(Error::StoreError(store::Error::Damaged("what was sealed is gone".to_owned())));
            }
        }
        Err(store::Error::AlreadyExists) => {
            // A copy that was cut off before its source was removed is ours; anything else is nobody's we know.
            let ours = app.store.stat(sealed.as_str()).await?;
            let same = match app.store.stat(to.as_str()).await {
                Ok(there) => {
                    let alike = there.etag == ours.etag || !app.store.has_md5_etags();
                    there.size == ours.size && (alike || found.is_source)
                }
                // A folder of other assets.
                Err(store::Error::NotFound) => false,
                Err(error) => return Err(error.into()),
            };
            if !same {
                return give_back(app, found, TAKEN).await;
            }
        }
        Err(store::Error::InvalidKey(_)) => return give_back(app, found, TAKEN).await,
        Err(error) => return Err(error.into()),
    }
    publish(app, found, to).await
}

async fn publish(app: &App, found: &PackageObject, to: &Key) -> Result<Turn> {
    let (id, dataset) = (found.object.id, found.numbers.dataset);
    let stat = app.store.stat(to.as_str()).await?;
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let (now, item) = (app.db.now(), item(app, found).await?);
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    // The job before the object, as its end locks them.
    queue::withdraw(&mut tx, &Job::PublishPackageV1 { object: id.0 }).await?;
    if !tx.publish_in_package(id, to, &content).await? {
        drop(tx);
        return taken_back(app, id).await;
    }
    if found.is_source {
        tx.log_node(found.numbers.package, TreeEvent::Created, &found.created_by, now).await?;
    }
    tx.record(&Caller::system(), AuditAction::UploadCompleted, id, now).await?;
    effects::charge(&mut tx, &item, content.size).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_uploaded_bytes_total").increment(content.size);
    tracing::info!(object.id = %id, "an object of a dataset was published");
    seal::remove(app, id, found.sealed.as_ref()).await?;
    Ok(Turn::Over)
}

/// It was not waiting any more when its bytes were in place.
async fn taken_back(app: &App, id: ObjectId) -> Result<Turn> {
    let Some(now) = app.db.find_package_object_unscoped(id).await? else { return Ok(Turn::Over) };
    match now.object.state {
        ObjectState::Scanning if now.node_state == NodeState::Ready => {
            Err(Error::Unavailable(anyhow::anyhow!("it was to be published, and its row had changed")))
        }
        ObjectState::Scanning | ObjectState::Failed | ObjectState::Deleted => Ok(Turn::Hide),
        ObjectState::Purged | ObjectState::Rejected => over(app, &now).await,
        // Done by another server.
        _ => Ok(Turn::Over),
    }
}

const TAKEN: &str = "an asset of this path, or of a folder of it, is there already";

/// Says of what was sealed that it is never published; its bytes go at once.
async fn refuse(app: &App, found: &PackageObject, reason: &str) -> Result<Turn> {
    end(app, found, reason, false).await
}

/// The same of what has claimed a key at which others' bytes lie: those stay.
async fn give_back(app: &App, found: &PackageObject, reason: &str) -> Result<Turn> {
    end(app, found, reason, true).await
}

async fn end(app: &App, found: &PackageObject, reason: &str, give_back: bool) -> Result<Turn> {
    let (id, item) = (found.object.id, item(app, found).await?);
    let mut tx = app.db.begin().await?;
    if !outcome::reject(app, &mut tx, &Caller::system(), &item, ObjectState::Scanning, reason).await? {
        // Another server came to another end.
        return Ok(Turn::Over);
    }
    if give_back {
        tx.free_key(id).await?;
    }
    tx.commit().await?;
    seal::remove(app, id, found.sealed.as_ref()).await?;
    Ok(Turn::Over)
}

/// The object as the pipeline has it.
async fn item(app: &App, found: &PackageObject) -> Result<Item> {
    let owner = app.db.owner_of(OwnerKind::Dataset, found.object.id).await?.ok_or_else(super::no_such_package)?;
    Ok(Item::Package(owner, found.clone()))
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
    effects::uncharge(&mut tx, &Item::Package(Owner::Dataset(dataset.clone()), found.clone())).await?;
    record(&mut tx, app, caller, AuditAction::ObjectDeleted, dataset, Some(id)).await?;
    // Later than the one here, which frees the key: what another server does beside it might be too late.
    queue::enqueue(&mut tx, &Job::ForgetAssetV1 { object: id.0 }, now + AFTER_ANSWER).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_objects_deleted_total", "owner" => "dataset").increment(1);
    forget(app, id).await?;
    Ok(true)
}

/// Removes the bytes of an object that is gone for good, and frees its key. Done twice, it does nothing: what lies there
/// then is another's.
pub(crate) async fn forget(app: &App, id: ObjectId) -> Result<()> {
    let _one = app.completing.lock(&format!("object:{id}")).await;
    let Some(found) = app.db.find_package_object_unscoped(id).await? else { return Ok(()) };
    let gone = matches!(found.object.state, ObjectState::Purged | ObjectState::Rejected);
    if !gone || key::is_purged_key(found.object.key.as_str()) {
        return Ok(());
    }
    let key = found.object.key.as_str().to_owned();
    // What takes longer might come when the key is another's.
    let purged = tokio::time::timeout(AFTER_ANSWER / 2, app.store.delete(&key, store::Deletion::Purge)).await;
    purged.map_err(|_| Error::Unavailable(anyhow::anyhow!("the store takes too long to delete")))??;
    let mut tx = app.db.begin().await?;
    if app.config.images.layout.served_root(&key).is_some() {
        cdn_invalidations::queue(app, &mut tx, &[key]).await?;
    }
    tx.free_key(id).await?;
    queue::withdraw(&mut tx, &Job::ForgetAssetV1 { object: id.0 }).await?;
    tx.commit().await
}

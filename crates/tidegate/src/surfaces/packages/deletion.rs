//! Deletes packages, collections and assets of datasets. Changes rows first and moves bytes second.
//! A collection is deleted with everything in it; its names are free at once, and its bytes are
//! kept outside the served root until retention ends. Continue with `restoring`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;

use super::{no_such_package, node_in, publishing, record};
use crate::access;
use crate::app::App;
use crate::db::{Outdated, PackageObject, Tx};
use crate::error::{Error, Result, bad_request};
use crate::library::thaw_job::Unpublished;
use crate::library::{cdn_invalidations, thaw_job};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::{self, PackageNumbers};
use crate::model::micros;
use crate::model::object::ObjectState;
use crate::model::package::{AssetPath, Dataset, DatasetId, Node, NodeId, NodeKind, NodeState};
use crate::queue::{self, Job};

/// The number of objects in one query.
const PAGE: i64 = 500;
/// The number of objects whose bytes are moved concurrently.
pub(super) const CONCURRENT_MOVES: usize = 8;
/// The longest time for which one job moves bytes before it enqueues a continuation.
pub(super) const RUN_LIMIT: Duration = Duration::from_secs(300);
/// The largest number of packages invalidated one by one in the CDN; for more, the whole dataset
/// is.
const MAX_PACKAGE_PATHS: i64 = 8;
/// The number of nodes purged in one query.
const PURGE_BATCH: i64 = 500;

/// The outcome of each requested id: success, or the reason why nothing was changed.
pub type Outcomes = Vec<(String, std::result::Result<(), &'static str>)>;

/// The reason for an id that does not exist.
pub const NOT_FOUND: &str = "not found";

/// Checks the number of ids in a request. Returns 400 if it is out of range.
pub(super) fn check_ids(ids: &[String]) -> Result<()> {
    if (1..=super::MOST_NODES).contains(&ids.len()) {
        return Ok(());
    }
    Err(bad_request(format!("nodeIds must be 1 to {} ids", super::MOST_NODES)))
}

/// Deletes packages and collections with everything in them. Authorizes the caller. An id that
/// cannot be deleted gets a reason and does not affect the others.
pub async fn delete(app: &App, caller: &Caller, dataset: &DatasetId, ids: &[String]) -> Result<Outcomes> {
    let dataset = access::find_dataset(app, caller, Action::Delete, dataset).await?;
    check_ids(ids)?;
    // For several ids, jobs move the bytes.
    let alone = ids.len() == 1;
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        let outcome = match NodeId::parse(id) {
            Some(parsed) => delete_one(app, caller, &dataset, (&parsed, alone)).await?,
            None => Err(NOT_FOUND),
        };
        outcomes.push((id.clone(), outcome));
    }
    Ok(outcomes)
}

/// Deletes one node with everything in it. The inner error is the reason why nothing was changed.
async fn delete_one(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    (id, alone): (&NodeId, bool),
) -> Result<std::result::Result<(), &'static str>> {
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    let Some(node) = tx.find_node(dataset.number, id).await? else {
        return Ok(Err(NOT_FOUND));
    };
    match node.state {
        NodeState::Ready | NodeState::Restoring => {}
        NodeState::Deleted => return Ok(Err("it is deleted already")),
        NodeState::Purged => return Ok(Err(NOT_FOUND)),
    }
    // Read under the dataset's lock, so that every delete in a dataset has its own time.
    let now = app.db.now();
    let (objects, bytes) = tx.count_tree(node.number).await?;
    let nodes = tx.delete_tree((dataset.number, node.number), micros(now), caller.effective_principal().name()).await?;
    queue_invalidations(app, &mut tx, (dataset.org, dataset.number), micros(now)).await?;
    let object = node.source.as_ref().map(|source| source.object.id);
    record(&mut tx, app, caller, AuditAction::NodesDeleted, &dataset.id, object).await?;
    let job = Job::HideTreeV1 { dataset: dataset.number, deleted_at: micros(now), after: None };
    queue::enqueue(&mut tx, &job, now).await?;
    tx.count_in_organisation(dataset.number, -objects, -bytes).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_nodes_deleted_total").increment(nodes);
    tracing::info!(node = id.as_str(), nodes, "a subtree was deleted");
    if node.kind == NodeKind::Package && alone {
        // The bytes are moved before the response, so that signed URLs stop working.
        unpublish_tree(app, dataset.number, micros(now), None).await?;
    }
    Ok(Ok(()))
}

/// Enqueues the CDN invalidations of a delete. Done in the delete's transaction, so that they
/// cannot be lost, and again once the bytes are moved.
async fn queue_invalidations(app: &App, tx: &mut Tx, (org, dataset): (i64, i64), deleted_at: i64) -> Result<()> {
    if app.cdn.is_none() {
        return Ok(());
    }
    let some = tx.list_packages_with_assets(dataset, deleted_at, MAX_PACKAGE_PATHS + 1).await?;
    let whole = i64::try_from(some.len()).unwrap_or(i64::MAX) > MAX_PACKAGE_PATHS;
    let path = |package| key::asset_cdn_paths(PackageNumbers { org, dataset, package }, whole);
    let mut paths: Vec<String> = some.into_iter().map(path).collect();
    paths.dedup();
    cdn_invalidations::queue_paths(app, tx, &paths).await
}

/// A position in a large delete or restore: the package and object handled last.
pub type Place = (i64, uuid::Uuid);

/// Moves the bytes of one delete out of the served root. After [`RUN_LIMIT`] enqueues a job that
/// continues.
pub(crate) async fn unpublish_tree(app: &App, dataset: i64, deleted_at: i64, after: Option<Place>) -> Result<()> {
    let started = Instant::now();
    let mut after = start(after);
    // An object that cannot be moved does not stop the others.
    let (mut outcome, mut org) = (Ok(()), None);
    loop {
        let page = app.db.list_deleted_objects(dataset, deleted_at, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.numbers.package, last.object.id);
        org = Some(last.numbers.org);
        outcome = outcome.and(unpublish_all(app, page).await);
        if started.elapsed() > RUN_LIMIT {
            // What failed is tried again from the beginning of this run.
            outcome?;
            let job = Job::HideTreeV1 { dataset, deleted_at, after: Some((after.0, after.1.0)) };
            let mut tx = app.db.begin().await?;
            queue::enqueue_anew(&mut tx, &job, app.db.now()).await?;
            return tx.commit().await;
        }
    }
    if let Some(org) = org.filter(|_| app.cdn.is_some()) {
        let mut tx = app.db.begin().await?;
        queue_invalidations(app, &mut tx, (org, dataset), deleted_at).await?;
        tx.commit().await?;
    }
    outcome
}

/// Returns the position after which to continue, or the first position.
pub(super) fn start(after: Option<Place>) -> (i64, ObjectId) {
    after.map_or((0, ObjectId(uuid::Uuid::nil())), |(package, object)| (package, ObjectId(object)))
}

/// Moves or deletes the bytes of a page of objects.
async fn unpublish_all(app: &App, page: Vec<PackageObject>) -> Result<()> {
    let unpublished = futures::stream::iter(page)
        .map(|found| unpublish_object(app, found.object.id))
        .buffer_unordered(CONCURRENT_MOVES);
    // Every object is tried, even if another fails.
    let outcomes: Vec<Result<Unpublished>> = unpublished.collect().await;
    outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))
}

/// Moves or deletes the bytes of all objects of a package, as [`unpublish_object`] does.
pub(crate) async fn unpublish_package(app: &App, package: i64) -> Result<()> {
    let mut after = ObjectId(uuid::Uuid::nil());
    loop {
        let page = app.db.list_package_objects(package, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.object.id;
        unpublish_all(app, page).await?;
    }
}

/// Moves the bytes of a DELETED object out of the served root; deletes those of a PURGED one. What
/// thaws is moved by a job that follows the thaw.
pub(crate) async fn unpublish_object(app: &App, id: ObjectId) -> Result<Unpublished> {
    // The lock works on this server only. Changes by other servers are found by reading the state
    // again.
    let _one = app.completing.lock(&format!("object:{id}")).await;
    let Some(found) = app.db.find_package_object_unscoped(id).await? else { return Ok(Unpublished::Moved) };
    let key = found.object.key.as_str();
    match found.object.state {
        ObjectState::Deleted => {
            let outcome = app.store.delete(key, store::Deletion::Restorable).await;
            // The store may have moved the bytes even if it returned an error.
            let state = app.db.find_package_object_unscoped(id).await?.map(|found| found.object.state);
            match state {
                // Another server purged the object while its bytes were being moved.
                Some(ObjectState::Purged) => app.store.delete(key, store::Deletion::Purge).await?,
                Some(ObjectState::Ready | ObjectState::Restoring) => drop(move_back(app, key).await?),
                _ => {}
            }
            let bytes = Unpublished::of(outcome)?;
            if state == Some(ObjectState::Deleted) {
                thaw_job::note_unmoved(app, id, bytes).await?;
            }
            Ok(bytes)
        }
        ObjectState::Purged if !key::is_purged_key(key) => {
            app.store.delete(key, store::Deletion::Purge).await?;
            crate::uploads::seal::remove(app, id, found.sealed.as_ref()).await?;
            // The key is freed, so that repeated jobs skip the object.
            let mut tx = app.db.begin().await?;
            tx.free_key(id).await?;
            tx.commit().await?;
            Ok(Unpublished::Moved)
        }
        // Confirmed but not published; a publication may have been moving its bytes.
        ObjectState::Scanning | ObjectState::Failed if found.node_state == NodeState::Deleted => {
            if !key::is_incoming(key) {
                app.store.delete(key, store::Deletion::Restorable).await?;
            }
            Ok(Unpublished::Moved)
        }
        _ => Ok(Unpublished::Moved),
    }
}

/// Moves the bytes at a key back into the served root. Returns `false` if they are lost.
pub(super) async fn move_back(app: &App, key: &str) -> Result<bool> {
    match app.store.restore(key).await {
        Ok(_) | Err(store::Error::AlreadyExists) => Ok(true),
        // The bytes may never have been moved.
        Err(store::Error::NotFound) => match app.store.stat(key).await {
            Ok(_) => Ok(true),
            Err(store::Error::NotFound | store::Error::Damaged(_)) => Ok(false),
            Err(error) => Err(error.into()),
        },
        // Archived in the trash, from which nothing is thawed.
        Err(store::Error::Damaged(_) | store::Error::Archived(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Purges nodes whose retention has ended: rows now, bytes by jobs. A concurrent restore therefore
/// runs either before both or too late.
pub(crate) async fn purge_old(app: &App, now: SystemTime) -> Result<()> {
    let Some(before) = now.checked_sub(app.config.retention) else { return Ok(()) };
    loop {
        let some = app.db.list_outdated_nodes(before, PURGE_BATCH).await?;
        if some.is_empty() {
            return Ok(());
        }
        let mut of_datasets: BTreeMap<i64, Vec<Outdated>> = BTreeMap::new();
        for node in some {
            of_datasets.entry(node.dataset_id).or_default().push(node);
        }
        for (dataset, nodes) in of_datasets {
            purge_some(app, dataset, &nodes).await?;
        }
    }
}

async fn purge_some(app: &App, dataset: i64, nodes: &[Outdated]) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    for node in nodes {
        if tx.purge_node(node.id, now).await? && node.has_objects {
            queue::enqueue(&mut tx, &Job::HidePackageV1 { package: node.id }, now).await?;
        }
    }
    tx.commit().await?;
    tracing::info!(nodes = nodes.len(), "deleted nodes of a dataset were purged");
    Ok(())
}

/// Deletes an asset for good; viewers can create it again. Its bytes are deleted and its path is
/// free before the response. Authorizes the caller.
pub async fn delete_asset(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (package, path): (&NodeId, &AssetPath),
) -> Result<()> {
    let dataset = access::find_dataset(app, caller, Action::Delete, dataset).await?;
    let package: Node = node_in(app, &dataset, package).await?;
    if package.state != NodeState::Ready {
        return Err(no_such_package());
    }
    let unknown = || Error::NotFound("no such asset".into());
    let asset = app.db.find_asset(package.number, path.as_str()).await?.ok_or_else(unknown)?;
    let found = app.db.find_package_object(dataset.number, asset.object.id).await?.ok_or_else(unknown)?;
    if publishing::remove_asset(app, caller, &dataset.id, &found).await? { Ok(()) } else { Err(unknown()) }
}

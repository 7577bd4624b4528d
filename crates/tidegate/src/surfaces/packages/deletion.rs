//! What is deleted of datasets: rows first, then bytes. A package or a whole collection goes with all that is in it; its
//! names are free at once, and its bytes wait outside of everything that is served until it is brought back or its retention
//! ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;

use super::{no_such_package, node_in, publishing, record};
use crate::access;
use crate::app::App;
use crate::db::{Outdated, PackageObject, Tx};
use crate::error::{Error, Result, bad_request};
use crate::library::cdn_invalidations;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::{self, PackageNumbers};
use crate::model::micros;
use crate::model::object::ObjectState;
use crate::model::package::{AssetPath, Dataset, DatasetId, Node, NodeId, NodeKind, NodeState};
use crate::queue::{self, Job};

/// Objects in one query.
const PAGE: i64 = 500;
/// Objects whose bytes are moved at once.
pub(super) const AT_ONCE: usize = 8;
/// How long one job moves bytes before others have their turn.
pub(super) const TURN: Duration = Duration::from_secs(300);
/// Packages of which the CDN is told one by one; of more, it is told of the whole dataset.
const FEW: i64 = 8;
/// Nodes that are purged in one query.
const PURGED_AT_ONCE: i64 = 500;

/// What became of each of the ids that were asked for: nothing more, or why it was left as it is.
pub type Outcomes = Vec<(String, std::result::Result<(), &'static str>)>;

/// Why nothing is done with what is not there.
pub const NOT_FOUND: &str = "not found";

/// Checks how many ids there are.
pub(super) fn check_ids(ids: &[String]) -> Result<()> {
    if (1..=super::MOST_NODES).contains(&ids.len()) {
        return Ok(());
    }
    Err(bad_request(format!("nodeIds must be 1 to {} ids", super::MOST_NODES)))
}

/// Deletes packages and collections with all that is in them. What can't be deleted is said and keeps no others.
pub async fn delete(app: &App, caller: &Caller, dataset: &DatasetId, ids: &[String]) -> Result<Outcomes> {
    let dataset = access::find_dataset(app, caller, Action::Delete, dataset).await?;
    check_ids(ids)?;
    // Of many it is jobs that move the bytes.
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
    // Read while the dataset is held, so that each delete in it has a time of its own.
    let now = app.db.now();
    let (objects, bytes) = tx.weigh_tree(node.number).await?;
    let nodes = tx.delete_tree((dataset.number, node.number), micros(now), caller.effective_principal().name()).await?;
    tell_cdn(app, &mut tx, (dataset.org, dataset.number), micros(now)).await?;
    let object = node.source.as_ref().map(|source| source.object.id);
    record(&mut tx, app, caller, AuditAction::NodesDeleted, &dataset.id, object).await?;
    let job = Job::HideTreeV1 { dataset: dataset.number, deleted_at: micros(now), after: None };
    queue::enqueue(&mut tx, &job, now).await?;
    tx.count_in_dataset(dataset.number, -objects, -bytes).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_nodes_deleted_total").increment(nodes);
    tracing::info!(node = id.as_str(), nodes, "a part of a dataset's tree was deleted");
    if node.kind == NodeKind::Package && alone {
        // Before the answer, so that what was signed for it opens nothing any more.
        hide_tree(app, dataset.number, micros(now), None).await?;
    }
    Ok(Ok(()))
}

/// In the delete, so that nothing that follows can lose it; and once the bytes are gone.
async fn tell_cdn(app: &App, tx: &mut Tx, (org, dataset): (i64, i64), deleted_at: i64) -> Result<()> {
    if app.cdn.is_none() {
        return Ok(());
    }
    let some = tx.list_packages_with_assets(dataset, deleted_at, FEW + 1).await?;
    let whole = i64::try_from(some.len()).unwrap_or(i64::MAX) > FEW;
    let path = |package| key::asset_cdn_paths(PackageNumbers { org, dataset, package }, whole);
    let mut paths: Vec<String> = some.into_iter().map(path).collect();
    paths.dedup();
    cdn_invalidations::queue_paths(app, tx, &paths).await
}

/// Where the hiding of very many goes on: behind this package and object.
pub type Place = (i64, uuid::Uuid);

/// Takes the bytes of all that was deleted in a dataset at a time out of what is served; in turns, where they are many.
pub(crate) async fn hide_tree(app: &App, dataset: i64, deleted_at: i64, after: Option<Place>) -> Result<()> {
    let started = Instant::now();
    let mut after = start(after);
    // One that can't be moved keeps no others where they are.
    let (mut outcome, mut org) = (Ok(()), None);
    loop {
        let page = app.db.list_deleted_objects(dataset, deleted_at, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.numbers.package, last.object.id);
        org = Some(last.numbers.org);
        outcome = outcome.and(hide_all(app, page).await);
        if started.elapsed() > TURN && outcome.is_ok() {
            let job = Job::HideTreeV1 { dataset, deleted_at, after: Some((after.0, after.1.0)) };
            let mut tx = app.db.begin().await?;
            queue::enqueue_anew(&mut tx, &job, app.db.now()).await?;
            return tx.commit().await;
        }
    }
    if let Some(org) = org.filter(|_| app.cdn.is_some()) {
        let mut tx = app.db.begin().await?;
        tell_cdn(app, &mut tx, (org, dataset), deleted_at).await?;
        tx.commit().await?;
    }
    outcome
}

/// The beginning, or where to go on.
pub(super) fn start(after: Option<Place>) -> (i64, ObjectId) {
    after.map_or((0, ObjectId(uuid::Uuid::nil())), |(package, object)| (package, ObjectId(object)))
}

async fn hide_all(app: &App, page: Vec<PackageObject>) -> Result<()> {
    let hidden = futures::stream::iter(page).map(|found| hide_object(app, found.object.id)).buffer_unordered(AT_ONCE);
    // Each is tried, also where another fails.
    let outcomes: Vec<Result<()>> = hidden.collect().await;
    outcomes.into_iter().collect()
}

/// The same for all that is a package's.
pub(crate) async fn hide_package(app: &App, package: i64) -> Result<()> {
    let mut after = ObjectId(uuid::Uuid::nil());
    loop {
        let page = app.db.list_package_objects(package, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.object.id;
        hide_all(app, page).await?;
    }
}

/// Takes the bytes of a deleted object out of what is served; of one that is gone for good, everywhere.
pub(crate) async fn hide_object(app: &App, id: ObjectId) -> Result<()> {
    // One at a time here. What another server does meanwhile is looked at after it.
    let _one = app.completing.lock(&format!("object:{id}")).await;
    let Some(found) = app.db.find_package_object_unscoped(id).await? else { return Ok(()) };
    let key = found.object.key.as_str();
    match found.object.state {
        ObjectState::Deleted => {
            let hidden = app.store.delete(key, store::Deletion::Restorable).await;
            // Whatever the store said, it may have done it.
            match app.db.find_package_object_unscoped(id).await?.map(|found| found.object.state) {
                // Purged by another server while its bytes were on their way to where they wait.
                Some(ObjectState::Purged) => app.store.delete(key, store::Deletion::Purge).await?,
                Some(ObjectState::Ready | ObjectState::Restoring) => drop(put_back(app, key).await?),
                _ => {}
            }
            Ok(hidden?)
        }
        ObjectState::Purged if !key::is_purged_key(key) => {
            app.store.delete(key, store::Deletion::Purge).await?;
            crate::uploads::seal::remove(app, id, found.sealed.as_ref()).await?;
            // Done for good, and not again where very many are.
            let mut tx = app.db.begin().await?;
            tx.free_key(id).await?;
            tx.commit().await
        }
        // Confirmed and not published: its bytes may have been on their way to where they are served.
        ObjectState::Scanning | ObjectState::Failed if found.node_state == NodeState::Deleted => {
            if key::is_incoming(key) { Ok(()) } else { Ok(app.store.delete(key, store::Deletion::Restorable).await?) }
        }
        _ => Ok(()),
    }
}

/// Brings the bytes at a key back. `false` if they are lost.
pub(super) async fn put_back(app: &App, key: &str) -> Result<bool> {
    match app.store.restore(key).await {
        Ok(_) | Err(store::Error::AlreadyExists) => Ok(true),
        // They may never have been taken away.
        Err(store::Error::NotFound) => match app.store.stat(key).await {
            Ok(_) => Ok(true),
            Err(store::Error::NotFound | store::Error::Damaged(_)) => Ok(false),
            Err(error) => Err(error.into()),
        },
        Err(store::Error::Damaged(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Purges what was deleted so long ago that nobody can bring it back any more: rows now, bytes by jobs, so that a restore
/// comes either before both or too late.
pub(crate) async fn purge_old(app: &App, now: SystemTime) -> Result<()> {
    let Some(before) = now.checked_sub(app.config.retention) else { return Ok(()) };
    loop {
        let some = app.db.list_outdated_nodes(before, PURGED_AT_ONCE).await?;
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
    tracing::info!(nodes = nodes.len(), "what was deleted of a dataset was purged");
    Ok(())
}

/// Deletes an asset for good: viewers make it again. Its bytes are gone before the answer, and its path is free.
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

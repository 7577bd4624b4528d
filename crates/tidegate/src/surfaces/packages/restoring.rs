//! Restores deleted nodes of datasets. Each node is accepted in one transaction with its job; the
//! job moves the bytes first, and then changes all rows of the restore in one transaction. After a
//! crash the job continues, so a tree is never partly restored.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use uuid::Uuid;

use super::deletion::{CONCURRENT_MOVES, NOT_FOUND, Outcomes, Place, RUN_LIMIT, check_ids, move_back, start};
use super::record;
use crate::access;
use crate::app::App;
use crate::db::{Conflict, PackageObject, Tx};
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::object::ObjectState;
use crate::model::package::{Dataset, DatasetId, NodeId, NodeState, TreeEvent, decomposed, free_name, parse_name};
use crate::queue::{self, Job};

/// The number of objects in one query.
const PAGE: i64 = 500;
/// How long a restore waits for a running delete before it is retried later, and how often it
/// checks.
const DELETE_WAIT: Duration = Duration::from_secs(10);
/// How often a waiting restore checks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Accepts the restore of deleted nodes, with everything that was deleted below them and the
/// collections above them. Authorizes the caller. An id that cannot be restored gets a reason and
/// does not affect the others.
pub async fn restore(app: &App, caller: &Caller, dataset: &DatasetId, ids: &[String]) -> Result<Outcomes> {
    let dataset = access::find_dataset(app, caller, Action::Write, dataset).await?;
    check_ids(ids)?;
    // A node that is restored together with an earlier id of the same request is a success too.
    let mut asked = HashSet::new();
    for id in ids.iter().filter_map(|id| NodeId::parse(id)) {
        let node = app.db.find_node(dataset.number, &id).await?;
        if node.is_some_and(|node| node.state == NodeState::Deleted) {
            asked.insert(id);
        }
    }
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        let outcome = match NodeId::parse(id) {
            Some(parsed) => accept(app, caller, &dataset, &parsed, asked.contains(&parsed)).await?,
            None => Err(NOT_FOUND),
        };
        outcomes.push((id.clone(), outcome));
    }
    Ok(outcomes)
}

/// Accepts the restore of one node. The inner error is the reason why nothing was changed.
async fn accept(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    id: &NodeId,
    was_deleted: bool,
) -> Result<std::result::Result<(), &'static str>> {
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    // Read under the dataset's lock, so that no purge runs in between.
    let now = app.db.now();
    let oldest = now.checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let Some(node) = tx.find_node(dataset.number, id).await? else {
        return Ok(Err(NOT_FOUND));
    };
    match node.state {
        NodeState::Deleted => {}
        // It came back with an earlier id of this request, whose job may have finished by now.
        NodeState::Restoring | NodeState::Ready if was_deleted => return Ok(Ok(())),
        NodeState::Restoring => return Ok(Err("it is being restored already")),
        NodeState::Ready => return Ok(Err("it is not deleted")),
        NodeState::Purged => return Ok(Err(NOT_FOUND)),
    }
    let restore = Uuid::now_v7();
    if !tx.begin_tree_restore(node.number, restore, oldest).await? {
        // The retention has ended.
        return Ok(Err(NOT_FOUND));
    }
    let object = node.source.as_ref().map(|source| source.object.id);
    record(&mut tx, app, caller, AuditAction::NodesRestored, &dataset.id, object).await?;
    let job = Job::RestoreTreeV1 { restore, actor: caller.effective_principal().name().to_owned(), after: None };
    queue::enqueue(&mut tx, &job, now).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_restores_total", "outcome" => "accepted").increment(1);
    tracing::info!(node = id.as_str(), %restore, "the restore of a subtree was accepted");
    Ok(Ok(()))
}

/// Runs a restore, and continues where an earlier attempt stopped.
pub(crate) async fn run(app: &App, restore: Uuid, actor: &str, after: Option<Place>) -> Result<()> {
    let Some(dataset) = app.db.find_restore(restore).await? else { return Ok(()) };
    wait_for_deletes(app, restore).await?;
    let (started, mut after) = (Instant::now(), start(after));
    loop {
        let page = app.db.list_restoring_objects(restore, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.numbers.package, last.object.id);
        let back =
            futures::stream::iter(page).map(|found| restore_bytes(app, found)).buffer_unordered(CONCURRENT_MOVES);
        let outcomes: Vec<Result<Option<PackageObject>>> = back.collect().await;
        for outcome in outcomes {
            if let Some(lost) = outcome? {
                skip_lost(app, dataset, restore, &lost).await?;
            }
        }
        if started.elapsed() > RUN_LIMIT {
            let (actor, after) = (actor.to_owned(), Some((after.0, after.1.0)));
            let mut tx = app.db.begin().await?;
            queue::enqueue(&mut tx, &Job::RestoreTreeV1 { restore, actor, after }, app.db.now()).await?;
            return tx.commit().await;
        }
    }
    finish(app, dataset, restore, actor).await
}

/// Waits until the deletes of the restored nodes have moved their bytes, so that none of them moves
/// bytes during the restore.
async fn wait_for_deletes(app: &App, restore: Uuid) -> Result<()> {
    for (dataset, deleted_at) in app.db.list_restored_times(restore).await? {
        let unpublish = Job::HideTreeV1 { dataset, deleted_at, after: None };
        let (name, asked) = (unpublish.dedupe().unwrap_or_default(), Instant::now());
        while app.db.is_job_waiting(&name).await? {
            if asked.elapsed() > DELETE_WAIT {
                return Err(Error::Unavailable(anyhow::anyhow!("a delete of these nodes is still in progress")));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
    Ok(())
}

/// Moves the bytes of one object back. Returns the object if its bytes are lost.
async fn restore_bytes(app: &App, found: PackageObject) -> Result<Option<PackageObject>> {
    let id = found.object.id;
    let _one = app.completing.lock(&format!("object:{id}")).await;
    // The object may have been deleted again.
    let state = async || Ok::<_, Error>(app.db.find_package_object_unscoped(id).await?.map(|found| found.object.state));
    if state().await? != Some(ObjectState::Restoring) {
        return Ok(None);
    }
    let key = found.object.key.as_str();
    let back = move_back(app, key).await;
    // Checked again, because another server may have changed the state in between.
    match state().await? {
        Some(ObjectState::Deleted) => app.store.delete(key, store::Deletion::Restorable).await?,
        Some(ObjectState::Purged) => app.store.delete(key, store::Deletion::Purge).await?,
        Some(ObjectState::Restoring) => return Ok((!back?).then_some(found)),
        _ => {}
    }
    Ok(None)
}

/// Removes an object whose bytes are lost from its restore. A package without its source file stays
/// deleted, where it is listed; an asset is purged, because viewers can create it again.
async fn skip_lost(app: &App, dataset: i64, restore: Uuid, lost: &PackageObject) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    if lost.is_source {
        if tx.remove_from_restore(lost.numbers.package, restore).await? {
            tx.log_node(lost.numbers.package, TreeEvent::Lost, "system", now).await?;
            queue::enqueue(&mut tx, &Job::HidePackageV1 { package: lost.numbers.package }, now).await?;
        }
    } else {
        tx.purge_lost_asset(lost.object.id).await?;
        queue::enqueue(&mut tx, &Job::ForgetAssetV1 { object: lost.object.id.0 }, now).await?;
    }
    tx.commit().await?;
    metrics::counter!("tidegate_restores_total", "outcome" => "lost").increment(1);
    let (id, node) = (lost.object.id, lost.node.as_str());
    tracing::error!(object.id = %id, node, "an object cannot be restored: its bytes are missing");
    Ok(())
}

/// Makes all nodes of a restore and the collections above them READY, in one transaction.
async fn finish(app: &App, dataset: i64, restore: Uuid, actor: &str) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    tx.add_ancestors_to_restore(restore).await?;
    let respelled = compose_names(&mut tx, dataset, restore).await?;
    let mut conflicts = tx.list_conflicts(restore).await?;
    let known: HashSet<i64> = conflicts.iter().map(|conflict| conflict.id).collect();
    conflicts.extend(respelled.into_iter().filter(|conflict| !known.contains(&conflict.id)));
    let renamed = conflicts.len();
    rename(&mut tx, dataset, restore, conflicts).await?;
    // Objects that were deleted during their scan continue with their publication.
    for object in tx.list_unpublished(restore).await? {
        queue::enqueue(&mut tx, &Job::PublishPackageV1 { object: object.0 }, now).await?;
    }
    let (nodes, objects, bytes) = tx.finish_tree_restore(restore, actor, now).await?;
    if nodes == 0 {
        return Ok(());
    }
    // The counters are updated last, because other transactions wait for their locks.
    tx.count_in_organisation(dataset, objects, bytes).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_restores_total", "outcome" => "done").increment(1);
    tracing::info!(%restore, nodes, renamed, "a subtree was restored");
    Ok(())
}

/// Gives restored nodes the composed spelling of their names, which nodes have had since it is
/// required. Returns those whose name an older node has in the decomposed spelling.
async fn compose_names(tx: &mut Tx, dataset: i64, restore: Uuid) -> Result<Vec<Conflict>> {
    let mut conflicts = Vec::new();
    for (mut node, is_top) in tx.list_restored_names(restore).await? {
        if let Ok(name) = parse_name(&node.name)
            && name != node.name
        {
            tx.rename_restored(node.id, &name).await?;
            node.name = name;
        }
        // Nothing else lies in a collection that is restored itself.
        if let Some(other) = decomposed(&node.name).filter(|_| is_top)
            && tx.is_name_taken((dataset, node.parent_id), &other).await?
        {
            conflicts.push(node);
        }
    }
    Ok(conflicts)
}

/// Renames restored nodes whose name is taken, for example to `name (1)`.
async fn rename(tx: &mut Tx, dataset: i64, restore: Uuid, conflicts: Vec<Conflict>) -> Result<()> {
    let mut groups: BTreeMap<(i64, String), Vec<i64>> = BTreeMap::new();
    for conflict in conflicts {
        groups.entry((conflict.parent_id, conflict.name)).or_default().push(conflict.id);
    }
    for ((parent, name), nodes) in groups {
        // A shortened name with a number has only this prefix in common with the name.
        let begins: String = name.chars().take(60).collect();
        let mut end = begins.clone();
        end.push(char::MAX);
        let taken = tx.list_taken_names((dataset, parent), restore, (&begins, &end)).await?;
        let mut taken: HashSet<String> = taken.into_iter().collect();
        let mut names = Vec::with_capacity(nodes.len());
        let mut number = 0;
        for node in nodes {
            let free = free_name(&name, &mut number, |candidate| taken.contains(candidate));
            taken.insert(free.clone());
            names.push((node, free));
        }
        for (node, free) in names {
            tx.rename_restored(node, &free).await?;
        }
    }
    Ok(())
}

/// Cancels a dead-lettered restore: its nodes stay deleted, and their bytes are moved out of the
/// served root again.
pub(crate) async fn on_dead_letter(app: &App, tx: &mut Tx, restore: Uuid) -> Result<()> {
    let Some(dataset) = tx.dataset_of_restore(restore).await? else { return Ok(()) };
    tx.hold_dataset(dataset).await?;
    for (dataset, deleted_at) in tx.cancel_restore(restore).await? {
        queue::enqueue_anew(tx, &Job::HideTreeV1 { dataset, deleted_at, after: None }, app.db.now()).await?;
    }
    metrics::counter!("tidegate_restores_total", "outcome" => "given_up").increment(1);
    Ok(())
}

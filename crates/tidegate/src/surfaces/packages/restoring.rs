//! Bringing back what was deleted of a dataset: accepted node by node, each in one transaction with its job; done by the
//! job, bytes first, and then all rows of one restore in one transaction. A crash at any point leaves the job, which does
//! the rest; the tree is never half back.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt as _;
use uuid::Uuid;

use super::deletion::{AT_ONCE, NOT_FOUND, Outcomes, Place, TURN, check_ids, put_back, start};
use super::record;
use crate::access;
use crate::app::App;
use crate::db::{Conflict, PackageObject, Tx};
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::object::ObjectState;
use crate::model::package::{Dataset, DatasetId, NodeId, NodeState, TreeEvent, free_name};
use crate::queue::{self, Job};

/// Objects in one query.
const PAGE: i64 = 500;
/// How long a restore waits for a delete before others have its turn, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// Has deleted nodes come back, with all that was deleted below them and the collections above them. What can't is said and
/// keeps no others.
pub async fn restore(app: &App, caller: &Caller, dataset: &DatasetId, ids: &[String]) -> Result<Outcomes> {
    let dataset = access::find_dataset(app, caller, Action::Write, dataset).await?;
    check_ids(ids)?;
    // What comes back with another one of them was asked for, too.
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

async fn accept(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    id: &NodeId,
    was_deleted: bool,
) -> Result<std::result::Result<(), &'static str>> {
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    // Read while nobody purges in it.
    let now = app.db.now();
    let oldest = now.checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let Some(node) = tx.find_node(dataset.number, id).await? else {
        return Ok(Err(NOT_FOUND));
    };
    match node.state {
        NodeState::Deleted => {}
        NodeState::Restoring if was_deleted => return Ok(Ok(())),
        NodeState::Restoring => return Ok(Err("it is being restored already")),
        NodeState::Ready => return Ok(Err("it is not deleted")),
        NodeState::Purged => return Ok(Err(NOT_FOUND)),
    }
    let restore = Uuid::now_v7();
    if !tx.begin_tree_restore(node.number, restore, oldest).await? {
        // Its retention has ended.
        return Ok(Err(NOT_FOUND));
    }
    let object = node.source.as_ref().map(|source| source.object.id);
    record(&mut tx, app, caller, AuditAction::NodesRestored, &dataset.id, object).await?;
    let job = Job::RestoreTreeV1 { restore, actor: caller.effective_principal().name().to_owned(), after: None };
    queue::enqueue(&mut tx, &job, now).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_restores_total", "outcome" => "accepted").increment(1);
    tracing::info!(node = id.as_str(), %restore, "a part of a dataset's tree is to be restored");
    Ok(Ok(()))
}

/// Does a restore, from wherever an earlier attempt has left it.
pub(crate) async fn run(app: &App, restore: Uuid, actor: &str, after: Option<Place>) -> Result<()> {
    let Some(dataset) = app.db.find_restore(restore).await? else { return Ok(()) };
    wait_for_deletes(app, restore).await?;
    let (started, mut after) = (Instant::now(), start(after));
    loop {
        let page = app.db.list_restoring_objects(restore, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.numbers.package, last.object.id);
        let back = futures::stream::iter(page).map(|found| restore_bytes(app, found)).buffer_unordered(AT_ONCE);
        let outcomes: Vec<Result<Option<PackageObject>>> = back.collect().await;
        for outcome in outcomes {
            if let Some(lost) = outcome? {
                leave(app, dataset, restore, &lost).await?;
            }
        }
        if started.elapsed() > TURN {
            let (actor, after) = (actor.to_owned(), Some((after.0, after.1.0)));
            let mut tx = app.db.begin().await?;
            queue::enqueue(&mut tx, &Job::RestoreTreeV1 { restore, actor, after }, app.db.now()).await?;
            return tx.commit().await;
        }
    }
    finish(app, dataset, restore, actor).await
}

/// A delete whose bytes are still being put away comes to its end first: nothing is taken away behind a restore's back.
async fn wait_for_deletes(app: &App, restore: Uuid) -> Result<()> {
    for (dataset, deleted_at) in app.db.list_restored_times(restore).await? {
        let hide = Job::HideTreeV1 { dataset, deleted_at, after: None };
        let (name, asked) = (hide.dedupe().unwrap_or_default(), Instant::now());
        while app.db.is_job_waiting(&name).await? {
            if asked.elapsed() > PATIENCE {
                return Err(Error::Unavailable(anyhow::anyhow!("what was deleted is still being put away")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Brings the bytes of one object back; the object, if they are lost.
async fn restore_bytes(app: &App, found: PackageObject) -> Result<Option<PackageObject>> {
    let id = found.object.id;
    let _one = app.completing.lock(&format!("object:{id}")).await;
    // Deleted again meanwhile, perhaps.
    let state = async || Ok::<_, Error>(app.db.find_package_object_unscoped(id).await?.map(|found| found.object.state));
    if state().await? != Some(ObjectState::Restoring) {
        return Ok(None);
    }
    let key = found.object.key.as_str();
    let back = put_back(app, key).await;
    // And once more: another server may have looked for its bytes in between.
    match state().await? {
        Some(ObjectState::Deleted) => app.store.delete(key, store::Deletion::Restorable).await?,
        Some(ObjectState::Purged) => app.store.delete(key, store::Deletion::Purge).await?,
        Some(ObjectState::Restoring) => return Ok((!back?).then_some(found)),
        _ => {}
    }
    Ok(None)
}

/// What is lost does not come back, and keeps no others: a package whose source file is lost stays among what was deleted,
/// where it is seen; an asset, which viewers make again, is forgotten.
async fn leave(app: &App, dataset: i64, restore: Uuid, lost: &PackageObject) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    if lost.is_source {
        if tx.leave_in_trash(lost.numbers.package, restore).await? {
            tx.log_node(lost.numbers.package, TreeEvent::Lost, "system", now).await?;
            queue::enqueue(&mut tx, &Job::HidePackageV1 { package: lost.numbers.package }, now).await?;
        }
    } else {
        tx.lose_asset(lost.object.id).await?;
        queue::enqueue(&mut tx, &Job::ForgetAssetV1 { object: lost.object.id.0 }, now).await?;
    }
    tx.commit().await?;
    metrics::counter!("tidegate_restores_total", "outcome" => "lost").increment(1);
    tracing::error!(object.id = %lost.object.id, node = lost.node.as_str(), "what was deleted can't be restored: its bytes are gone");
    Ok(())
}

/// Says of all nodes of a restore that they are there, with the collections above them: one transaction.
async fn finish(app: &App, dataset: i64, restore: Uuid, actor: &str) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset).await?;
    tx.take_ancestors_along(restore).await?;
    let conflicts = tx.list_conflicts(restore).await?;
    let renamed = conflicts.len();
    rename(&mut tx, dataset, restore, conflicts).await?;
    // What was being scanned when it was deleted is gone on with.
    for object in tx.list_unpublished(restore).await? {
        queue::enqueue(&mut tx, &Job::PublishPackageV1 { object: object.0 }, now).await?;
    }
    let (nodes, objects, bytes) = tx.finish_tree_restore(restore, actor, now).await?;
    if nodes == 0 {
        return Ok(());
    }
    // The counters last, which others wait for.
    tx.count_in_dataset(dataset, objects, bytes).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_restores_total", "outcome" => "done").increment(1);
    tracing::info!(%restore, nodes, renamed, "a part of a dataset's tree is back");
    Ok(())
}

/// Finds other names for what can't have its own, as `name (1)`.
async fn rename(tx: &mut Tx, dataset: i64, restore: Uuid, conflicts: Vec<Conflict>) -> Result<()> {
    let mut groups: BTreeMap<(i64, String), Vec<i64>> = BTreeMap::new();
    for conflict in conflicts {
        groups.entry((conflict.parent_id, conflict.name)).or_default().push(conflict.id);
    }
    for ((parent, name), nodes) in groups {
        // What is cut to fit begins otherwise than the name itself.
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

/// What follows from giving a restore up: what is not back stays deleted, and its bytes go back to where they wait.
pub(crate) async fn on_dead_letter(app: &App, tx: &mut Tx, restore: Uuid) -> Result<()> {
    let Some(dataset) = tx.dataset_of_restore(restore).await? else { return Ok(()) };
    tx.hold_dataset(dataset).await?;
    for (dataset, deleted_at) in tx.give_up_restore(restore).await? {
        queue::enqueue_anew(tx, &Job::HideTreeV1 { dataset, deleted_at, after: None }, app.db.now()).await?;
    }
    metrics::counter!("tidegate_restores_total", "outcome" => "given_up").increment(1);
    Ok(())
}

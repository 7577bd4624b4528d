//! Datasets: trees of packages with members. Owns the trees themselves and their access. Bytes are
//! uploaded by `uploads` and `confirming`, published by `publishing`, read through `links`, deleted
//! by `deletion`, and restored by `restoring`.

pub mod confirming;
pub mod deletion;
pub mod links;
pub mod manifest;
pub mod members;
pub mod proxy;
pub mod publishing;
pub mod restoring;
pub mod thawing;
pub mod uploads;

use std::time::SystemTime;

use crate::access;
use crate::app::App;
use crate::db::{ChildList, NewNode, Tx};
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::objects::MAX_PAGE;
use crate::library::{positions, quotas, thaw};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::ObjectId;
use crate::model::key::PackageNumbers;
use crate::model::micros;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::package::{
    Dataset, DatasetId, Node, NodeId, NodeKind, NodeState, Shown, TreeChange, TreeEvent, decomposed, parse_name,
};
use crate::model::page::{Page, Start};
use crate::model::principal::Principal;
use crate::model::role::Role;

/// The largest number of node ids in one request.
pub const MOST_NODES: usize = 1000;

/// Returns the error for a node that does not exist.
pub(crate) fn no_such_package() -> Error {
    Error::NotFound("no such package".into())
}

/// Returns a node of a dataset, whatever its state. A node of another dataset is not found.
pub(crate) async fn node_in(app: &App, dataset: &Dataset, id: &NodeId) -> Result<Node> {
    app.db.find_node(dataset.number, id).await?.ok_or_else(no_such_package)
}

/// Returns a node by its id, and its dataset. Authorizes the caller; without access, the node is
/// not found.
pub async fn node(app: &App, caller: &Caller, action: Action, id: &NodeId) -> Result<(Dataset, Node)> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let node = app.db.find_node_unscoped(id).await?.ok_or_else(no_such_package)?;
    let dataset = app.db.find_dataset_by_number(node.dataset, access::effective_user(caller).as_ref()).await?;
    let dataset = dataset.ok_or_else(no_such_package)?;
    access::authorize_dataset(app, caller, action, &dataset).map_err(|error| match error {
        Error::NotFound(_) => no_such_package(),
        other => other,
    })?;
    Ok((dataset, node))
}

/// Returns a node that the caller may see. Deleted nodes are visible only to members who can
/// restore them.
pub async fn seen(app: &App, caller: &Caller, id: &NodeId) -> Result<Node> {
    let (dataset, mut node) = node(app, caller, Action::Read, id).await?;
    if let Some(source) = &mut node.source {
        thaw::show(app, &Owner::Dataset(dataset.id.clone()), &mut source.object).await?;
    }
    let editor = access::dataset_role(caller, &dataset).is_none_or(|role| role.allows(Action::Delete));
    match node.state {
        NodeState::Ready => Ok(node),
        NodeState::Deleted | NodeState::Restoring if editor => Ok(node),
        _ => Err(no_such_package()),
    }
}

/// Returns the numbers from which a node's keys are built.
pub(crate) fn numbers(dataset: &Dataset, node: &Node) -> PackageNumbers {
    PackageNumbers { org: dataset.org, dataset: dataset.number, package: node.number }
}

/// Records an action on a dataset in the audit log.
pub(crate) async fn record(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    action: AuditAction,
    dataset: &DatasetId,
    object: Option<ObjectId>,
) -> Result<()> {
    let owner = Some(Owner::Dataset(dataset.clone()));
    tx.record_event(&NewEvent { at: app.db.now(), caller: caller.clone(), action, owner, object }).await
}

/// Creates a dataset in the caller's organisation and makes the caller its owner.
pub async fn create(app: &App, caller: &Caller, name: &str) -> Result<Dataset> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let name = name.trim();
    crate::model::space::check_name(name).map_err(|error| bad_request(error.to_string()))?;
    let needs = "a dataset belongs to an organisation and has an owner; a service names them in X-Org-Id and X-User-Id";
    let effective = caller.effective_principal().into_owned();
    let Principal::User { id: user, org: Some(org), .. } = effective else { return Err(bad_request(needs)) };
    app.disks.check(0)?;
    let (id, now) = (DatasetId::generate(), app.db.now());
    let mut tx = app.db.begin().await?;
    let org_number = tx.number_of_org(&org, now).await?;
    let number = tx.insert_dataset(&id, org_number, name, user.as_str(), now).await?;
    quotas::check_owners_of(app, &mut tx, user.as_str(), OwnerKind::Dataset).await?;
    tx.set_dataset_member(number, &user, Role::Owner, now).await?;
    record(&mut tx, app, caller, AuditAction::DatasetCreated, &id, None).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_datasets_total").increment(1);
    tracing::info!(dataset = id.as_str(), "a dataset was created");
    Ok(Dataset {
        number,
        id,
        org: org_number,
        org_name: org.as_str().to_owned(),
        name: name.to_owned(),
        role: Some(Role::Owner),
        created_at: now,
        objects: 0,
        bytes: 0,
    })
}

/// Returns a page of the caller's datasets, newest first, and whether there are more. A service
/// gets all datasets, or those of the organisation it names.
pub async fn list(app: &App, caller: &Caller, after: (i64, &str), limit: i64) -> Result<(Vec<Dataset>, bool)> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    check_limit(limit)?;
    let effective = caller.effective_principal().into_owned();
    let mut found = match (&effective, caller.org()) {
        (Principal::User { id, org: Some(org), .. }, _) => app.db.list_datasets_of(id, org, after, limit + 1).await?,
        (Principal::User { .. }, _) => Vec::new(),
        (_, org) => app.db.list_datasets(org, after, limit + 1).await?,
    };
    let more = cut(&mut found, limit);
    Ok((found, more))
}

pub(crate) fn check_limit(limit: i64) -> Result<()> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")))
}

/// Removes the additional row that was read, and returns whether there was one.
pub(crate) fn cut<T>(found: &mut Vec<T>, limit: i64) -> bool {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    more
}

/// Returns the number of the collection in which a new node is created; 0 for the top. The caller
/// holds the dataset's lock.
async fn find_parent(tx: &mut Tx, dataset: &Dataset, parent: Option<&NodeId>) -> Result<i64> {
    let Some(parent) = parent else { return Ok(0) };
    let node = tx.find_node(dataset.number, parent).await?;
    match node {
        Some(Node { kind: NodeKind::Collection, state: NodeState::Ready, number, .. }) => Ok(number),
        Some(Node { kind: NodeKind::Package, .. }) => {
            Err(bad_request("parentId must be a collection; it is a package"))
        }
        _ => Err(Error::NotFound("no such collection".into())),
    }
}

/// Returns the error for a name that is in use in its collection.
fn name_taken() -> Error {
    let message = "a node of this name is there already, perhaps one that was announced and is not READY (status=ALL); \
                   names are unique in their collection";
    Error::InvalidState(message.into())
}

/// Inserts a node and returns its number. Returns an error if its name is taken, in either spelling of
/// Unicode. The caller holds the dataset.
pub(crate) async fn insert_named(tx: &mut Tx, new: NewNode<'_>, now: SystemTime) -> Result<i64> {
    if let Some(other) = decomposed(new.name)
        && tx.is_name_taken((new.dataset, new.parent), &other).await?
    {
        return Err(name_taken());
    }
    tx.insert_node(new, now).await?.ok_or_else(name_taken)
}

/// Creates a collection. Authorizes the caller.
pub async fn create_collection(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    name: &str,
    parent: Option<&NodeId>,
) -> Result<Node> {
    let dataset = access::find_dataset(app, caller, Action::Write, dataset).await?;
    let name = parse_name(name).map_err(|error| bad_request(error.to_string()))?;
    app.disks.check(0)?;
    let (id, now) = (NodeId::generate(NodeKind::Collection), app.db.now());
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    let parent_number = find_parent(&mut tx, &dataset, parent).await?;
    let by = caller.effective_principal().name().to_owned();
    let new = NewNode {
        id: &id,
        dataset: dataset.number,
        parent: parent_number,
        kind: NodeKind::Collection,
        name: &name,
        object: None,
        by: &by,
    };
    let number = insert_named(&mut tx, new, now).await?;
    tx.log_node(number, TreeEvent::Created, &by, now).await?;
    record(&mut tx, app, caller, AuditAction::CollectionCreated, &dataset.id, None).await?;
    tx.commit().await?;
    Ok(Node {
        number,
        id,
        dataset: dataset.number,
        parent: parent_number,
        parent_id: parent.cloned(),
        kind: NodeKind::Collection,
        name,
        state: NodeState::Ready,
        source: None,
        bytes: 0,
        created_by: by,
        created_at: now,
        deleted_at: None,
    })
}

/// Returns a page of the children of a collection, or of a dataset's top, ordered by name. Authorizes
/// the caller; deleted nodes require the right to delete.
pub async fn children(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    parent: Option<&NodeId>,
    shown: Shown,
    (start, limit): (Start<(String, i64)>, i64),
) -> Result<Page<Node>> {
    let deleted = shown == Shown::Deleted;
    let action = if deleted { Action::Delete } else { Action::List };
    let dataset = access::find_dataset(app, caller, action, dataset).await?;
    check_limit(limit)?;
    let parent = match parent {
        None => 0,
        Some(id) => {
            let no_such = || Error::NotFound("no such collection".into());
            let node = node_in(app, &dataset, id).await.map_err(|_| no_such())?;
            let seen = node.state == NodeState::Ready || (deleted && node.state != NodeState::Purged);
            if node.kind != NodeKind::Collection {
                return Err(bad_request("parent_id must be a collection; it is a package"));
            }
            if !seen {
                return Err(no_such());
            }
            node.number
        }
    };
    let list = ChildList { dataset: (&dataset.id, dataset.number), parent, shown };
    let (after, total) = positions::of_children(app, &list, start).await?;
    let mut items = match &after {
        Some((name, number)) => {
            app.db.list_children((dataset.number, parent), shown, (name, *number), limit + 1).await?
        }
        None => Vec::new(),
    };
    let more = cut(&mut items, limit);
    let sources = items.iter_mut().filter_map(|node| node.source.as_mut());
    thaw::show_all(app, sources.map(|source| &mut source.object)).await?;
    Ok(Page { items, more, total })
}

/// Returns a page of a dataset's changelog, latest first, and whether there are more. Authorizes
/// the caller.
pub async fn changelog(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    node: Option<&NodeId>,
    before: i64,
    limit: i64,
) -> Result<(Vec<TreeChange>, bool)> {
    let dataset = access::find_dataset(app, caller, Action::Read, dataset).await?;
    check_limit(limit)?;
    let node = node.map(NodeId::as_str);
    let mut found = app.db.list_tree_changes(dataset.number, node, before, limit + 1).await?;
    let more = cut(&mut found, limit);
    Ok((found, more))
}

/// Returns the cursor after which the next page of datasets begins.
pub fn after(dataset: &Dataset) -> (i64, String) {
    (micros(dataset.created_at), dataset.id.as_str().to_owned())
}

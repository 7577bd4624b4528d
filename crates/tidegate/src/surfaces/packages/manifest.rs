//! Creates download manifests: the source files of packages and of everything in collections, with
//! their paths and presigned URLs. Never reads a file.

use std::collections::HashMap;

use super::deletion;
use super::links::LIFETIME;
use crate::access;
use crate::app::App;
use crate::db::Leaf;
use crate::error::archived::{ArchiveState, ArchiveStatus};
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::object::ObjectState;
use crate::model::package::{DatasetId, NodeId, NodeKind, NodeState};

/// The largest number of nodes in one manifest.
const MAX_NODES: i64 = 20_000;

/// The largest total length of the paths in one manifest, in bytes; in deep trees every file
/// repeats a long path.
const MAX_PATH_BYTES: usize = 16 << 20;
/// The memory that a name takes beside its bytes.
const NAME_OVERHEAD: usize = 24;

/// A file that can be downloaded.
#[derive(Debug, Clone)]
pub struct Line {
    /// The id of the package.
    pub node: String,
    /// The name of the file.
    pub filename: String,
    /// The name of the package.
    pub name: String,
    /// The names of the collections above the package, from the requested one down.
    pub path: Vec<String>,
    /// The presigned URL of the file.
    pub url: String,
    /// The size in bytes.
    pub size: u64,
}

/// A file that cannot be downloaded.
#[derive(Debug, Clone)]
pub struct Blocked {
    /// The id of the package.
    pub node: String,
    /// The name of the file.
    pub filename: String,
    /// The name of the package.
    pub name: String,
    /// The names of the collections above the package, from the requested one down.
    pub path: Vec<String>,
    /// The state of the file: that of the object, or `ARCHIVED` or `THAWING`.
    pub status: &'static str,
    /// The reason for the state, if it was rejected or has failed.
    pub reason: Option<String>,
}

/// A download manifest.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// The files that can be downloaded.
    pub lines: Vec<Line>,
    /// The files that cannot be downloaded.
    pub blocked: Vec<Blocked>,
    /// The requested ids that are unknown, or of deleted nodes.
    pub missing: Vec<String>,
}

/// Creates the manifest of some nodes; each file appears once. Ids that are not found do not affect
/// the others. Authorizes the caller. Returns 413 if the manifest would be too large.
pub async fn manifest(app: &App, caller: &Caller, dataset: &DatasetId, ids: &[String]) -> Result<Manifest> {
    let dataset = access::find_dataset(app, caller, Action::Read, dataset).await?;
    deletion::check_ids(ids)?;
    let (mut manifest, mut seen, mut left, mut room) = (Manifest::default(), HashMap::new(), MAX_NODES, MAX_PATH_BYTES);
    for text in ids {
        let node = match NodeId::parse(text) {
            Some(id) => app.db.find_node(dataset.number, &id).await?,
            None => None,
        };
        let Some(node) = node.filter(|node| node.state == NodeState::Ready) else {
            manifest.missing.push(shortened(text));
            continue;
        };
        let leaves = app.db.list_leaves(node.number, left + 1).await?;
        left -= i64::try_from(leaves.len()).unwrap_or(i64::MAX);
        if left < 0 {
            return Err(too_much());
        }
        // The parent and name of each collection. Parents come before their children.
        let mut folders: HashMap<i64, (i64, String)> = HashMap::new();
        for leaf in leaves {
            if leaf.kind == NodeKind::Collection.as_str() {
                folders.insert(leaf.id, (leaf.parent_id, leaf.name));
            } else if seen.insert(leaf.id, ()).is_none() {
                let path = path(&folders, leaf.parent_id);
                room =
                    room.checked_sub(path.iter().map(|name| name.len() + NAME_OVERHEAD).sum()).ok_or_else(too_much)?;
                add(app, &mut manifest, leaf, path).await?;
            }
        }
    }
    metrics::counter!("tidegate_grants_total", "owner" => "dataset")
        .increment(u64::try_from(manifest.lines.len()).unwrap_or(0));
    Ok(manifest)
}

fn too_much() -> Error {
    let message = format!(
        "a manifest has at most {MAX_NODES} packages and collections, and paths of {MAX_PATH_BYTES} bytes; \
         ask for fewer at once"
    );
    Error::TooLarge(message.into())
}

/// Returns the names of the collections from the requested one down to `parent`.
fn path(folders: &HashMap<i64, (i64, String)>, parent: i64) -> Vec<String> {
    let (mut names, mut at) = (Vec::new(), parent);
    while let Some((above, name)) = folders.get(&at) {
        names.push(name.clone());
        at = *above;
    }
    names.reverse();
    names
}

/// Adds a file to a manifest.
async fn add(app: &App, manifest: &mut Manifest, leaf: Leaf, path: Vec<String>) -> Result<()> {
    let archive = leaf.archive().filter(|_| app.config.archived.after.is_some());
    let archive = archive.map(|state| ArchiveStatus::from(state).at(app.db.now()).state);
    let Leaf { node_id: node, name, filename, object_key, object_state, size, reason, .. } = leaf;
    let filename = filename.unwrap_or_default();
    let state = object_state.as_deref().and_then(ObjectState::parse);
    match (state, object_key) {
        (Some(ObjectState::Ready), Some(_)) if archive.is_some_and(|state| !state.is_readable()) => {
            let status = archive.map_or("ARCHIVED", ArchiveState::as_str);
            manifest.blocked.push(Blocked { node, filename, name, path, status, reason: None });
        }
        (Some(ObjectState::Ready), Some(key)) => {
            let url = app.store.sign_read(&key, LIFETIME).await?.url;
            let size = size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            manifest.lines.push(Line { node, filename, name, path, url, size });
        }
        // The file has not been uploaded yet.
        (Some(ObjectState::Pending) | None, _) => {}
        (Some(status), _) => {
            let status = status.as_str();
            manifest.blocked.push(Blocked { node, filename, name, path, status, reason });
        }
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

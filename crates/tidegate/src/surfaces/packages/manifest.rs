//! Download manifests: of packages and of all that lies in collections, the source files with their paths and presigned URLs.

use std::collections::HashMap;

use super::deletion;
use super::links::LIFETIME;
use crate::access;
use crate::app::App;
use crate::db::Leaf;
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::object::ObjectState;
use crate::model::package::{DatasetId, NodeId, NodeKind, NodeState};

/// Nodes in one manifest.
const MOST: i64 = 20_000;

/// Bytes of the paths in one manifest: deep trees have long ones, for each file anew.
const PATHS: usize = 16 << 20;
/// What a name takes beside its letters.
const NAME: usize = 24;

/// A file that can be downloaded.
#[derive(Debug, Clone)]
pub struct Line {
    /// The package.
    pub node: String,
    /// The file's name.
    pub filename: String,
    /// The package's name.
    pub name: String,
    /// The names of the collections it lies in, from the one that was asked for.
    pub path: Vec<String>,
    /// Where to get it.
    pub url: String,
    /// Bytes.
    pub size: u64,
}

/// A file that can't.
#[derive(Debug, Clone)]
pub struct Blocked {
    /// The package.
    pub node: String,
    /// The file's name.
    pub filename: String,
    /// The package's name.
    pub name: String,
    /// As of a file that can.
    pub path: Vec<String>,
    /// Where it stands.
    pub status: ObjectState,
    /// Why.
    pub reason: Option<String>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// What can be downloaded.
    pub lines: Vec<Line>,
    /// What can't.
    pub blocked: Vec<Blocked>,
}

/// The manifest of some nodes; each file once, however often it is asked for.
pub async fn manifest(app: &App, caller: &Caller, dataset: &DatasetId, ids: &[String]) -> Result<Manifest> {
    let dataset = access::find_dataset(app, caller, Action::Read, dataset).await?;
    deletion::check_ids(ids)?;
    let (mut manifest, mut seen, mut left, mut room) = (Manifest::default(), HashMap::new(), MOST, PATHS);
    for text in ids {
        let unknown = || Error::NotFound(format!("no such package: {}", shortened(text)).into());
        let id = NodeId::parse(text).ok_or_else(unknown)?;
        let node = app.db.find_node(dataset.number, &id).await?;
        let node = node.filter(|node| node.state == NodeState::Ready).ok_or_else(unknown)?;
        let leaves = app.db.list_leaves(node.number, left + 1).await?;
        left -= i64::try_from(leaves.len()).unwrap_or(i64::MAX);
        if left < 0 {
            return Err(too_much());
        }
        // Of each collection its name, and where it lies. Parents come before what is in them.
        let mut folders: HashMap<i64, (i64, String)> = HashMap::new();
        for leaf in leaves {
            if leaf.kind == NodeKind::Collection.as_str() {
                folders.insert(leaf.id, (leaf.parent_id, leaf.name));
            } else if seen.insert(leaf.id, ()).is_none() {
                let path = path(&folders, leaf.parent_id);
                room = room.checked_sub(path.iter().map(|name| name.len() + NAME).sum()).ok_or_else(too_much)?;
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
        "a manifest has at most {MOST} packages and collections, and paths of {PATHS} bytes; ask for fewer at once"
    );
    Error::TooLarge(message.into())
}

/// The names of the collections from the one that was asked for to this one.
fn path(folders: &HashMap<i64, (i64, String)>, parent: i64) -> Vec<String> {
    let (mut names, mut at) = (Vec::new(), parent);
    while let Some((above, name)) = folders.get(&at) {
        names.push(name.clone());
        at = *above;
    }
    names.reverse();
    names
}

async fn add(app: &App, manifest: &mut Manifest, leaf: Leaf, path: Vec<String>) -> Result<()> {
    let Leaf { node_id: node, name, filename, object_key, object_state, size, reason, .. } = leaf;
    let filename = filename.unwrap_or_default();
    let state = object_state.as_deref().and_then(ObjectState::parse);
    match (state, object_key) {
        (Some(ObjectState::Ready), Some(key)) => {
            let url = app.store.sign_read(&key, LIFETIME).await?.url;
            let size = size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            manifest.lines.push(Line { node, filename, name, path, url, size });
        }
        // It has not come yet.
        (Some(ObjectState::Pending) | None, _) => {}
        (Some(status), _) => manifest.blocked.push(Blocked { node, filename, name, path, status, reason }),
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

//! Grants access to the objects of datasets: presigned requests for source files and assets, and
//! CDN signatures for assets only. An asset's link does not show whether the asset exists. Never
//! serves bytes.

use std::sync::Arc;
use std::time::Duration;

use sign::PolicySignature;
use store::{PresignedRequest, Stat};

use super::{no_such_package, node_in, numbers};
use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::library::grants::{self, Times};
use crate::library::thaw;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::key::{self, Key};
use crate::model::object::ObjectState;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::package::{AssetPath, Dataset, DatasetId, Node, NodeId, NodeKind, NodeState};

/// The lifetime of links.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// Returns a READY package and its dataset. Authorizes the caller.
async fn package(app: &App, caller: &Caller, dataset: &DatasetId, id: &NodeId) -> Result<(Dataset, Node)> {
    let dataset = access::find_dataset(app, caller, Action::Read, dataset).await?;
    let node = node_in(app, &dataset, id).await?;
    if node.state != NodeState::Ready {
        return Err(no_such_package());
    }
    Ok((dataset, node))
}

/// Returns the key of a package's source file, or of one of its assets, and when a grant for it must
/// end in epoch seconds. Authorizes the caller.
async fn key_of(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (id, path): (&NodeId, Option<&AssetPath>),
) -> Result<(Key, u64)> {
    let (dataset, node) = package(app, caller, dataset, id).await?;
    match (path, node.kind) {
        (_, NodeKind::Collection) => {
            Err(bad_request("a collection has no file of its own: package_id must be a package"))
        }
        (Some(path), NodeKind::Package) => {
            source(&node)?;
            // Whether an asset exists is not shown, and lifecycle rules leave assets out.
            Ok((key::asset(numbers(&dataset, &node), path), u64::MAX))
        }
        (None, NodeKind::Package) => {
            let key = source(&node)?;
            let object = node.source.as_ref().map(|source| &source.object);
            let ends = match object.and_then(|object| Some((object.id, object.content.as_ref()?))) {
                Some((id, content)) => {
                    thaw::grant_end(app, &Owner::Dataset(dataset.id.clone()), id, &key, content).await?
                }
                None => u64::MAX,
            };
            Ok((key, ends))
        }
    }
}

/// Returns the key of a package's source file. Returns an error if it is not READY.
fn source(node: &Node) -> Result<Key> {
    match (&node.source, node.status()) {
        (Some(source), ObjectState::Ready) => Ok(source.object.key.clone()),
        (Some(_), status) => {
            Err(Error::InvalidState(format!("the package is {}, and not READY", status.as_str()).into()))
        }
        (None, _) => Err(no_such_package()),
    }
}

/// Returns a presigned GET of a package's source file, or of one of its assets. Authorizes the
/// caller.
pub async fn presign(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    what: (&NodeId, Option<&AssetPath>),
) -> Result<PresignedRequest> {
    let (key, ends) = key_of(app, caller, dataset, what).await?;
    let left = Duration::from_secs(ends.saturating_sub(epoch_seconds(app.db.now())).max(1));
    let signed = app.store.sign_read(key.as_str(), LIFETIME.min(left)).await?;
    metrics::counter!("tidegate_grants_total", "owner" => "dataset").increment(1);
    Ok(signed)
}

/// Returns the store's facts about a package's source file, or about one of its assets. Authorizes
/// the caller.
pub async fn stat(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    what: (&NodeId, Option<&AssetPath>),
) -> Result<Stat> {
    let (key, _) = key_of(app, caller, dataset, what).await?;
    let stat = app.store.stat(key.as_str()).await?;
    thaw::require_readable(OwnerKind::Dataset, stat.archive)?;
    Ok(stat)
}

/// A signature for assets.
#[derive(Debug, Clone)]
pub enum Signed {
    /// The signed URL of one asset.
    Object(Arc<str>, Times),
    /// A signature for all assets of a package.
    Prefix {
        /// The URL of the package's root, with a slash at its end.
        base_url: String,
        /// The `Path` attribute of the cookies.
        path: String,
        /// The signature, as a query or as cookies.
        signature: Arc<PolicySignature>,
        /// When the signature expires and when to renew it.
        times: Times,
    },
}

/// Returns a READY package that can have assets. Returns 400 for a collection. Authorizes the
/// caller.
async fn with_assets(app: &App, caller: &Caller, dataset: &DatasetId, id: &NodeId) -> Result<(Dataset, Node)> {
    let (dataset, node) = package(app, caller, dataset, id).await?;
    if node.kind == NodeKind::Collection {
        return Err(bad_request("a collection has no assets: package_id must be a package"));
    }
    source(&node)?;
    Ok((dataset, node))
}

/// Signs the URL of one asset of a package. Authorizes the caller.
pub async fn sign_object(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (id, path): (&NodeId, &AssetPath),
) -> Result<Signed> {
    let (dataset, node) = with_assets(app, caller, dataset, id).await?;
    let key = key::asset(numbers(&dataset, &node), path);
    let (url, times) = grants::sign_key(app, &key, LIFETIME, app.db.now())?;
    metrics::counter!("tidegate_grants_total", "owner" => "dataset").increment(1);
    Ok(Signed::Object(url, times))
}

/// Signs for all assets of a package. Authorizes the caller.
pub async fn sign_prefix(app: &App, caller: &Caller, dataset: &DatasetId, id: &NodeId) -> Result<Signed> {
    let (dataset, node) = with_assets(app, caller, dataset, id).await?;
    let root = key::package_root(numbers(&dataset, &node));
    let (signature, times) = grants::sign_root(app, &root, LIFETIME, app.db.now())?;
    let edge = app.addresses.edge.as_ref().ok_or_else(|| Error::Misconfig("there is no edge and no CDN".into()))?;
    metrics::counter!("tidegate_grants_total", "owner" => "dataset").increment(1);
    let path = format!("/{}", root.trim_end_matches('/'));
    Ok(Signed::Prefix { base_url: format!("{edge}/{root}"), path, signature, times })
}

/// Returns a page of a package's assets in the order of their paths, and whether there are more.
/// Authorizes the caller.
pub async fn assets(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    id: &NodeId,
    (after, limit): (&str, i64),
) -> Result<(Vec<crate::model::package::Asset>, bool)> {
    let (_, node) = with_assets(app, caller, dataset, id).await?;
    super::check_limit(limit)?;
    let mut found = app.db.list_assets(node.number, after, limit + 1).await?;
    let more = super::cut(&mut found, limit);
    Ok((found, more))
}

/// Returns one asset of a package. Authorizes the caller.
pub async fn asset(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (id, path): (&NodeId, &AssetPath),
) -> Result<crate::model::package::Asset> {
    let (_, node) = with_assets(app, caller, dataset, id).await?;
    let found = app.db.find_asset(node.number, path.as_str()).await?;
    found.ok_or_else(|| Error::NotFound("no such asset".into()))
}

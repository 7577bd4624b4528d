//! Begins uploads into datasets: a package's source file or one of its assets, sent by one
//! presigned PUT or by presigned parts to a key that is never served. Never publishes; continue
//! with `confirming`.

use std::time::SystemTime;

use store::{Attributes, Part, PresignedRequest};

use super::{find_parent, insert_named, no_such_package, node, node_in};
use crate::access;
use crate::app::App;
use crate::db::{NewNode, PackageObject, Tx};
use crate::error::{Error, Result, bad_request};
use crate::library::quotas;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::key;
use crate::model::media::check_filename;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::package::{AssetPath, Dataset, DatasetId, NodeId, NodeKind, NodeState, parse_name};
use crate::model::quota::Demand;
use crate::model::upload::Upload;
use crate::uploads::begin::{self, NewUpload, OPAQUE};
use crate::uploads::effects::Details;
use crate::uploads::parts::sign_each;
use crate::uploads::reference;

/// The media type of Parquet files.
pub(super) const PARQUET: &str = "application/vnd.apache.parquet";

/// A source file or an asset as its client announces it.
#[derive(Debug, Clone, Default)]
pub struct NewPackageUpload {
    /// The media type.
    pub content_type: Option<String>,
    /// The size in bytes. If given, a single PUT signs it.
    pub size: Option<u64>,
    /// The announced SHA-256 in lower-case hex.
    pub sha256: Option<String>,
    /// Whether to upload in parts; files too large for one PUT always do.
    pub in_parts: bool,
}

/// The way in which the bytes are sent.
#[derive(Debug, Clone)]
pub enum UploadMethod {
    /// One presigned PUT.
    Single(PresignedRequest),
    /// Presigned parts, which the client requests.
    Parts {
        /// The size in bytes of every part but the last.
        part_size: u64,
    },
}

/// A begun upload into a dataset.
#[derive(Debug, Clone)]
pub struct Target {
    /// The id of the package.
    pub node: NodeId,
    /// The id of the new object.
    pub object: ObjectId,
    /// How the bytes are sent.
    pub method: UploadMethod,
    /// When the upload expires.
    pub expires_at: SystemTime,
}

/// The object of an upload, as request paths name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The source file of a package.
    Source(NodeId),
    /// An asset, by the id of its object.
    Asset(ObjectId),
}

impl Which {
    /// Parses a node id or an object id.
    pub fn parse(text: &str) -> Option<Self> {
        NodeId::parse(text).map(Self::Source).or_else(|| ObjectId::parse(text).map(Self::Asset))
    }
}

/// Begins a package and the upload of its source file. Authorizes the caller.
pub async fn begin_package(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (name, filename, parent): (&str, &str, Option<&NodeId>),
    announced: NewPackageUpload,
) -> Result<Target> {
    let dataset = access::find_dataset(app, caller, Action::Write, dataset).await?;
    let name = parse_name(name).map_err(|error| bad_request(error.to_string()))?;
    check_filename(filename).map_err(|error| bad_request(error.to_string()))?;
    check(app, &announced)?;
    let content_type = announced.content_type.clone().unwrap_or_else(|| OPAQUE.to_owned());
    let rows = plan(app, &dataset, &announced, filename, content_type).await?;
    let (id, begun) = (NodeId::generate(NodeKind::Package), rows.1.clone());
    let inserted = insert_package(app, caller, &dataset, (&id, &name, parent), rows).await;
    let (tx, (object, upload)) = or_abort(app, &begun, inserted).await?;
    tx.commit().await?;
    target(app, id, &object, &upload).await
}

/// Inserts a package with its source file and the file's upload. Returns the transaction that holds
/// the rows.
async fn insert_package(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    (id, name, parent): (&NodeId, &str, Option<&NodeId>),
    (object, upload): (Object, Upload),
) -> Result<(Tx, (Object, Upload))> {
    let now = app.db.now();
    let by = caller.effective_principal().name().to_owned();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    let parent = find_parent(&mut tx, dataset, parent).await?;
    let new = NewNode {
        id,
        dataset: dataset.number,
        parent,
        kind: NodeKind::Package,
        name,
        object: Some(object.id),
        by: &by,
    };
    let number = insert_named(&mut tx, new, now).await?;
    let rows = insert(app, &mut tx, caller, (dataset, number), (object, upload)).await?;
    Ok((tx, rows))
}

/// Begins the upload of an asset of a package. Authorizes the caller. Returns an error if the path
/// is taken.
pub async fn begin_asset(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (package, path): (&NodeId, &AssetPath),
    announced: NewPackageUpload,
) -> Result<Target> {
    let dataset = access::find_dataset(app, caller, Action::Write, dataset).await?;
    let package = node_in(app, &dataset, package).await?;
    if package.kind != NodeKind::Package {
        return Err(bad_request("package_id must be a package; collections have no assets"));
    }
    match (package.state, package.status()) {
        (NodeState::Ready, ObjectState::Ready) => {}
        (NodeState::Ready, status) => {
            return Err(Error::InvalidState(format!("the package is {}, and not READY", status.as_str()).into()));
        }
        _ => return Err(no_such_package()),
    }
    check(app, &announced)?;
    if app.db.is_path_taken(package.number, path.as_str()).await? {
        let message = "an asset of this path is there already, or it leads through one or is a folder of others";
        return Err(Error::InvalidState(message.into()));
    }
    let content_type = announced.content_type.clone().unwrap_or_else(|| usual_type(path).to_owned());
    let rows = plan(app, &dataset, &announced, path.as_str(), content_type).await?;
    let begun = rows.1.clone();
    let inserted = insert_asset(app, caller, &dataset, &package.id, rows).await;
    let (tx, (object, upload)) = or_abort(app, &begun, inserted).await?;
    tx.commit().await?;
    target(app, package.id, &object, &upload).await
}

/// Inserts an asset and its upload. Returns the transaction that holds the rows.
async fn insert_asset(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    package: &NodeId,
    rows: (Object, Upload),
) -> Result<(Tx, (Object, Upload))> {
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    let package = tx.find_node(dataset.number, package).await?.filter(|package| package.state == NodeState::Ready);
    let number = package.ok_or_else(no_such_package)?.number;
    let rows = insert(app, &mut tx, caller, (dataset, number), rows).await?;
    Ok((tx, rows))
}

/// Returns an outcome from between [`plan`] and the commit. If it is an error, aborts the store's
/// upload, if [`plan`] has begun one.
async fn or_abort<T>(app: &App, begun: &Upload, outcome: Result<T>) -> Result<T> {
    match begun.part_size {
        Some(_) => begin::or_abort(app, &begun.id, &begun.key, outcome).await,
        None => outcome,
    }
}

/// Returns the media type that an asset's extension suggests.
fn usual_type(path: &AssetPath) -> &'static str {
    let ending = path.as_str().rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "parquet" => PARQUET,
        "json" => "application/json",
        "csv" => "text/csv",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        _ => OPAQUE,
    }
}

fn check(app: &App, announced: &NewPackageUpload) -> Result<()> {
    begin::check_size(app, OwnerKind::Dataset, announced.size)?;
    begin::check_media_type(announced.content_type.as_deref())?;
    app.disks.check(announced.size.unwrap_or(0))
}

/// Builds the rows of a new upload. Begins a multipart upload in the store first.
async fn plan(
    app: &App,
    dataset: &Dataset,
    announced: &NewPackageUpload,
    name: &str,
    content_type: String,
) -> Result<(Object, Upload)> {
    let sha256 = announced.sha256.as_deref().map(begin::sha256).transpose()?;
    let upload_id = begin::new_id();
    // The key of the object until it is published.
    let incoming = key::incoming(&upload_id);
    let in_parts = announced.in_parts || announced.size.is_some_and(|size| size > begin::MAX_SINGLE_PUT);
    let (id, part_size) = if in_parts {
        // Refused before the store does work for it; the insertion decides.
        let demand = Demand { bytes: announced.size.unwrap_or(0), objects: 1, uploads: 1 };
        quotas::check(app, &Owner::Dataset(dataset.id.clone()), demand).await?;
        let attributes = Attributes { content_type: content_type.clone(), ..Attributes::default() };
        let begun = begin::create_parts(app, OwnerKind::Dataset, &incoming, announced.size, attributes).await?;
        (begun.0, Some(begun.1))
    } else {
        (upload_id, None)
    };
    let new = NewUpload {
        object: ObjectId::generate(),
        id,
        name: Some(name.to_owned()),
        content_type,
        size: announced.size,
        sha256,
        key: incoming.clone(),
        incoming: Some(incoming),
        part_size,
    };
    Ok(new.rows(app, OwnerKind::Dataset, app.db.now()))
}

async fn insert(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    (dataset, package): (&Dataset, i64),
    rows: (Object, Upload),
) -> Result<(Object, Upload)> {
    let owner = Owner::Dataset(dataset.id.clone());
    begin::insert(app, tx, caller, &owner, (rows, Details::Package(package))).await
}

async fn target(app: &App, node: NodeId, object: &Object, upload: &Upload) -> Result<Target> {
    begin::count_upload("begun");
    tracing::info!(object.id = %object.id, node = node.as_str(), "an upload into a dataset was begun");
    let method = match upload.part_size {
        Some(part_size) => UploadMethod::Parts { part_size },
        None => UploadMethod::Single(begin::presign_put(app, object, upload).await?),
    };
    Ok(Target { node, object: object.id, method, expires_at: upload.expires_at })
}

/// Returns the object of an upload and its dataset. Authorizes the caller.
pub(super) async fn locate(app: &App, caller: &Caller, which: &Which) -> Result<(Dataset, PackageObject)> {
    let id = match which {
        Which::Source(id) => {
            let (dataset, node) = node(app, caller, Action::Write, id).await?;
            let source = node.source.ok_or_else(|| bad_request("a collection has no source file"))?;
            let object = app.db.find_package_object(dataset.number, source.object.id).await?;
            let object = object.ok_or_else(no_such_package)?;
            return Ok((dataset, object));
        }
        Which::Asset(id) => *id,
    };
    let unknown = || Error::NotFound("no such asset".into());
    if caller.principal == crate::model::principal::Principal::Anonymous {
        return Err(crate::error::unauthenticated());
    }
    let object =
        app.db.find_package_object_unscoped(id).await?.filter(|object| !object.is_source).ok_or_else(unknown)?;
    let (dataset, _) = node(app, caller, Action::Write, &object.node).await.map_err(|error| match error {
        Error::NotFound(_) => unknown(),
        other => other,
    })?;
    Ok((dataset, object))
}

/// Returns an open multipart upload. Authorizes the caller.
async fn open_upload(app: &App, caller: &Caller, which: &Which) -> Result<Upload> {
    let (dataset, object) = locate(app, caller, which).await?;
    let owner = Owner::Dataset(dataset.id);
    let upload = app.db.find_upload(&owner, object.object.id).await?.ok_or_else(no_such_package)?;
    if !upload.takes_bytes(app.db.now()) {
        return Err(Error::InvalidState("the upload is no longer open".into()));
    }
    if upload.part_size.is_none() {
        return Err(Error::InvalidState("the upload takes one PUT, and no parts".into()));
    }
    Ok(upload)
}

/// Returns a presigned PUT for each part number. Authorizes the caller.
pub async fn sign_parts(
    app: &App,
    caller: &Caller,
    which: &Which,
    numbers: &[u32],
) -> Result<Vec<(u32, PresignedRequest)>> {
    let upload = open_upload(app, caller, which).await?;
    sign_each(app, &upload, numbers).await
}

/// Returns the part size in bytes, and the parts stored so far. Authorizes the caller.
pub async fn list_parts(app: &App, caller: &Caller, which: &Which) -> Result<(u64, Vec<Part>)> {
    let upload = open_upload(app, caller, which).await?;
    let parts = app.store.list_parts(&reference(&upload)).await?;
    Ok((upload.part_size.unwrap_or_default(), parts))
}

//! Uploads into datasets: a package's source file or one of its assets, announced, sent by one presigned PUT or by presigned
//! parts to where nobody reads, and confirmed. Then it is sealed; what follows is in `confirming`.

use std::time::SystemTime;

use store::{Attributes, Expect, Part, Plan, PresignedRequest, Shape};

use super::{name_taken, no_such_package, node, node_in, place};
use crate::access;
use crate::app::App;
use crate::db::{NewNode, PackageObject};
use crate::error::{Error, Result, bad_request};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key;
use crate::model::media::check_filename;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::package::{AssetPath, Dataset, DatasetId, NodeId, NodeKind, NodeState, check_name};
use crate::model::upload::{Upload, UploadState, plan_part_size};
use crate::uploads::media_items::uploads::{checksum, new_id};
use crate::uploads::{is_media_type, reference, sign_each};

/// The most bytes that S3 takes in one PUT.
const MAX_SINGLE: u64 = 5 << 30;
/// What something is whose type nobody gave.
const OPAQUE: &str = "application/octet-stream";
pub(super) const PARQUET: &str = "application/vnd.apache.parquet";

/// What is to come.
#[derive(Debug, Clone, Default)]
pub struct Announced {
    /// Its media type.
    pub content_type: Option<String>,
    /// Bytes. Signed where it comes by one PUT.
    pub size: Option<u64>,
    /// Lower-case hex of what must come.
    pub sha256: Option<String>,
    /// Whether it comes in parts; what is too large for one PUT does so anyway.
    pub in_parts: bool,
}

/// How it may be sent.
#[derive(Debug, Clone)]
pub enum Way {
    /// By this request.
    Single(PresignedRequest),
    /// In parts of so many bytes, the last one less; each is asked for.
    Parts {
        /// Bytes.
        part_size: u64,
    },
}

/// Where it may be sent.
#[derive(Debug, Clone)]
pub struct Target {
    /// The package.
    pub node: NodeId,
    /// The object that it will be.
    pub object: ObjectId,
    /// How.
    pub way: Way,
    /// When the upload is given up.
    pub expires_at: SystemTime,
}

/// What an upload is for, as paths name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// A package's source file.
    Source(NodeId),
    /// An asset, by its object.
    Asset(ObjectId),
}

impl Which {
    /// Reads a node id or an object id.
    pub fn parse(text: &str) -> Option<Self> {
        NodeId::parse(text).map(Self::Source).or_else(|| ObjectId::parse(text).map(Self::Asset))
    }
}

/// Announces a package with its source file and says how to send that.
pub async fn begin_package(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (name, filename, parent): (&str, &str, Option<&NodeId>),
    announced: Announced,
) -> Result<Target> {
    let dataset = access::find_dataset(app, caller, Action::Write, dataset).await?;
    check_name(name).map_err(|error| bad_request(error.to_string()))?;
    check_filename(filename).map_err(|error| bad_request(error.to_string()))?;
    let content_type = check(app, &announced)?.unwrap_or(OPAQUE).to_owned();
    let (object, upload, way) = plan(app, &announced, filename, content_type).await?;
    let (id, now) = (NodeId::generate(NodeKind::Package), app.db.now());
    let by = caller.effective_principal().name().to_owned();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    let parent = place(&mut tx, &dataset, parent).await?;
    let new = NewNode {
        id: &id,
        dataset: dataset.number,
        parent,
        kind: NodeKind::Package,
        name,
        object: Some(object.id),
        by: &by,
    };
    let number = tx.insert_node(new, now).await?.ok_or_else(name_taken)?;
    insert(&mut tx, caller, &dataset, number, (&object, &upload)).await?;
    tx.commit().await?;
    target(app, id, (object, upload), way, &announced).await
}

/// Announces an asset of a package and says how to send it.
pub async fn begin_asset(
    app: &App,
    caller: &Caller,
    dataset: &DatasetId,
    (package, path): (&NodeId, &AssetPath),
    announced: Announced,
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
    let given = check(app, &announced)?.map(str::to_owned);
    if app.db.is_path_taken(package.number, path.as_str()).await? {
        let message = "an asset of this path is there already, or it leads through one or is a folder of others";
        return Err(Error::InvalidState(message.into()));
    }
    let content_type = given.unwrap_or_else(|| usual_type(path).to_owned());
    let (object, upload, way) = plan(app, &announced, path.as_str(), content_type).await?;
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    if tx.node(&package.id).await?.is_none_or(|package| package.state != NodeState::Ready) {
        return Err(no_such_package());
    }
    insert(&mut tx, caller, &dataset, package.number, (&object, &upload)).await?;
    tx.commit().await?;
    target(app, package.id, (object, upload), way, &announced).await
}

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

/// Checks what is announced; the type, if one was.
fn check<'a>(app: &App, announced: &'a Announced) -> Result<Option<&'a str>> {
    let max = app.config.packages.max_size;
    match announced.size {
        Some(0) => return Err(bad_request("size must be at least 1")),
        Some(size) if size > max => return Err(Error::TooLarge(format!("size may be at most {max} bytes").into())),
        _ => {}
    }
    match announced.content_type.as_deref() {
        Some(text) if !is_media_type(text) => {
            Err(bad_request("contentType must be a media type such as application/octet-stream"))
        }
        given => Ok(given),
    }
}

/// The rows of what is to come. What comes in parts is begun in the store: without a row the sweep ends it.
async fn plan(
    app: &App,
    announced: &Announced,
    name: &str,
    content_type: String,
) -> Result<(Object, Upload, Option<Way>)> {
    let sha256 = announced.sha256.as_deref().map(checksum).transpose()?;
    let (id, now, place) = (ObjectId::generate(), app.db.now(), new_id());
    let incoming = key::incoming(&place);
    let object = Object {
        id,
        // Where it lies until it is published.
        key: incoming.clone(),
        name: Some(name.to_owned()),
        content_type,
        state: ObjectState::Pending,
        created_at: now,
        content: None,
    };
    let mut upload = Upload {
        id: place,
        of: crate::model::owner::OwnerKind::Dataset,
        object: id,
        key: incoming.clone(),
        incoming: Some(incoming),
        part_size: None,
        announced_size: announced.size,
        state: UploadState::Open,
        parts_digest: sha256,
        expires_at: now + app.config.uploads.expiry,
    };
    if !announced.in_parts && announced.size.is_none_or(|size| size <= MAX_SINGLE) {
        return Ok((object, upload, None));
    }
    let part_size = plan_part_size(app.config.images.part_size, announced.size);
    let attributes = Attributes { content_type: object.content_type.clone(), ..Attributes::default() };
    let expect = Expect { shape: Shape::Parts { part_size }, attributes };
    let Plan::Parts { upload_id } = app.store.begin(object.key.as_str(), expect).await? else {
        return Err(Error::Internal(anyhow::anyhow!("the store planned a single request for parts")));
    };
    (upload.id, upload.part_size) = (upload_id, Some(part_size));
    Ok((object, upload, Some(Way::Parts { part_size })))
}

async fn insert(
    tx: &mut crate::db::Tx,
    caller: &Caller,
    dataset: &Dataset,
    package: i64,
    (object, upload): (&Object, &Upload),
) -> Result<()> {
    let (owner, now) = (Owner::Dataset(dataset.id.clone()), object.created_at);
    tx.insert_object(&owner, object, &caller.effective_principal()).await?;
    tx.put_in_package(object.id, package).await?;
    tx.insert_upload(&owner, upload, &caller.principal, now).await?;
    if let Some(sha256) = &upload.parts_digest {
        tx.announce_parts(&upload.id, sha256).await?;
    }
    tx.record(caller, AuditAction::UploadBegun, object.id, now).await
}

async fn target(
    app: &App,
    node: NodeId,
    (object, upload): (Object, Upload),
    way: Option<Way>,
    announced: &Announced,
) -> Result<Target> {
    metrics::counter!("tidegate_uploads_total", "outcome" => "begun").increment(1);
    tracing::info!(object.id = %object.id, node = node.as_str(), "an upload into a dataset was begun");
    let way = match way {
        Some(way) => way,
        None => {
            let lifetime = app.config.uploads.url_lifetime;
            let attributes = Attributes { content_type: object.content_type, ..Attributes::default() };
            let expect = Expect { shape: Shape::Single { size: announced.size, lifetime }, attributes };
            match app.store.begin(object.key.as_str(), expect).await? {
                Plan::Single(request) => Way::Single(request),
                Plan::Parts { .. } => {
                    return Err(Error::Internal(anyhow::anyhow!("the store planned parts for a single request")));
                }
            }
        }
    };
    Ok(Target { node, object: object.id, way, expires_at: upload.expires_at })
}

/// The object that an upload is for, for those who may put something into its dataset.
pub(super) async fn locate(app: &App, caller: &Caller, which: &Which) -> Result<(Dataset, PackageObject)> {
    let id = match which {
        Which::Source(id) => {
            let (dataset, node) = node(app, caller, Action::Write, id).await?;
            let source = node.source.ok_or_else(|| bad_request("a collection has no source file"))?;
            let object = app.db.find_package_object(source.object.id).await?.ok_or_else(no_such_package)?;
            return Ok((dataset, object));
        }
        Which::Asset(id) => *id,
    };
    let unknown = || Error::NotFound("no such asset".into());
    if caller.principal == crate::model::principal::Principal::Anonymous {
        return Err(crate::error::unauthenticated());
    }
    let object = app.db.find_package_object(id).await?.filter(|object| !object.is_source).ok_or_else(unknown)?;
    let (dataset, _) = node(app, caller, Action::Write, &object.node).await.map_err(|error| match error {
        Error::NotFound(_) => unknown(),
        other => other,
    })?;
    Ok((dataset, object))
}

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

/// A presigned PUT for each part number.
pub async fn sign_parts(
    app: &App,
    caller: &Caller,
    which: &Which,
    numbers: &[u32],
) -> Result<Vec<(u32, PresignedRequest)>> {
    let upload = open_upload(app, caller, which).await?;
    sign_each(app, &upload, numbers, app.config.packages.max_size).await
}

/// The parts stored so far, and the bytes in each but the last.
pub async fn list_parts(app: &App, caller: &Caller, which: &Which) -> Result<(u64, Vec<Part>)> {
    let upload = open_upload(app, caller, which).await?;
    let parts = app.store.list_parts(&reference(&upload)).await?;
    Ok((upload.part_size.unwrap_or_default(), parts))
}

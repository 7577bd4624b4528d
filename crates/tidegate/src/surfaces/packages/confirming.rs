//! Confirms uploads into datasets: joins, seals and checks what the client sent. Never moves bytes
//! to their final key; see `publishing`.

use std::collections::BTreeMap;

use store::Attributes;

use super::uploads::{PARQUET, Which, locate};
use super::{no_such_package, publishing, record};
use crate::app::App;
use crate::db::PackageObject;
use crate::error::{Error, Result, bad_request};
use crate::hashing;
use crate::model::caller::Caller;
use crate::model::disposition;
use crate::model::event::AuditAction;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::package::{Dataset, Node, NodeState};
use crate::model::upload::{Upload, UploadState};
use crate::uploads::confirm::{self, Arrival};
use crate::uploads::effects::{Confirmation, Item};
use crate::uploads::{outcome, parts, reference, seal};

/// The cache control of Parquet files, which viewers read in many small ranges: 30 days.
const CACHE_MONTH: &str = "private, max-age=2592000";
/// The cache control of all other objects: one day.
const CACHE_DAY: &str = "private, max-age=86400";

/// Confirms an upload: seals the bytes and enqueues their publication. Without a scanner, publishes
/// them before it returns. A repeated call returns the same result, or retries a FAILED object.
/// Authorizes the caller. Returns the package or asset.
pub async fn confirm(
    app: &App,
    caller: &Caller,
    which: &Which,
    parts: Option<Vec<(u32, String)>>,
) -> Result<Confirmed> {
    let (dataset, found) = locate(app, caller, which).await?;
    let id = found.object.id;
    let to_publish = {
        // The lock works on this server only. Between servers, conditions on the rows decide.
        let _confirming = seal::lock(app, id).await;
        accept(app, caller, &dataset, &found, parts).await?
    };
    if to_publish {
        publishing::run(app, id).await?;
    }
    let object = app.db.find_package_object(dataset.number, id).await?.ok_or_else(no_such_package)?;
    match which {
        Which::Source(node) => super::node_in(app, &dataset, node).await.map(|node| Confirmed::Package(Box::new(node))),
        Which::Asset(_) => Ok(Confirmed::Asset(Box::new(object))),
    }
}

/// A confirmed upload.
#[derive(Debug, Clone)]
pub enum Confirmed {
    /// A package, whose source file was confirmed.
    Package(Box<Node>),
    /// An asset.
    Asset(Box<PackageObject>),
}

/// Seals an open upload, or retries a FAILED object. Returns whether the request publishes the
/// object itself, which it does without a scanner.
async fn accept(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    found: &PackageObject,
    parts: Option<Vec<(u32, String)>>,
) -> Result<bool> {
    let id = found.object.id;
    let owner = Owner::Dataset(dataset.id.clone());
    let upload = app.db.find_upload(&owner, id).await?.ok_or_else(no_such_package)?;
    // The record may have changed before the lock was taken.
    let found = app.db.find_package_object(dataset.number, id).await?.unwrap_or_else(|| found.clone());
    match upload.state {
        _ if found.node_state != NodeState::Ready => return Err(no_such_package()),
        UploadState::Completed if found.object.state == ObjectState::Failed => {
            return retry(app, caller, dataset, &Item::Package(found)).await;
        }
        // An interrupted request may have left the object SCANNING; without a scanner, this one
        // publishes it.
        UploadState::Completed => return Ok(app.scanner.is_none() && found.object.state == ObjectState::Scanning),
        UploadState::Open => {}
        _ => return Err(Error::InvalidState("the upload is no longer open".into())),
    }
    let parts_digest = join(app, &upload, parts).await?;
    let attributes = attributes(&found);
    let item = Item::Package(found);
    let confirmation = Confirmation::default();
    let arrival = Arrival { item: &item, upload: &upload, attributes, kind: None, parts_digest, confirmation };
    if !confirm::confirm(app, caller, &arrival).await? {
        return Err(Error::InvalidState("the upload was aborted in the meantime".into()));
    }
    Ok(app.scanner.is_none())
}

/// Queues a FAILED object again. Returns whether the request publishes it itself.
async fn retry(app: &App, caller: &Caller, dataset: &Dataset, item: &Item) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    if !outcome::requeue(&mut tx, caller, item, app.db.now()).await? {
        return Ok(false);
    }
    record(&mut tx, app, caller, AuditAction::UploadConfirmed, &dataset.id, Some(item.id())).await?;
    tx.commit().await?;
    Ok(app.scanner.is_none())
}

/// Joins the parts of a multipart upload. Returns the digest of the parts; `None` for a single PUT.
async fn join(app: &App, upload: &Upload, listed: Option<Vec<(u32, String)>>) -> Result<Option<String>> {
    let parts = match (upload.part_size, listed) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(bad_request("the file was to come by one PUT; confirm without parts")),
        (Some(_), None) => return Err(bad_request("name the parts: parts:[{partNumber, etag}]")),
        (Some(_), Some(parts)) => parts,
    };
    parts::check_list(&parts)?;
    let digest = hashing::parts_digest(&parts);
    match app.store.complete(&reference(upload), &parts::completion(app, upload, parts)).await {
        Ok(_) => {}
        // An interrupted confirmation has joined the parts, and may have moved them.
        Err(store::Error::NoSuchUpload) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Some(digest))
}

/// Returns the attributes of a stored object: cache control by its type and, for a source file, its
/// file name.
fn attributes(found: &PackageObject) -> Attributes {
    let object = &found.object;
    let name = object.name.as_deref().unwrap_or_default();
    let parquet = object.content_type.eq_ignore_ascii_case(PARQUET)
        || name.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("parquet"));
    Attributes {
        content_type: object.content_type.clone(),
        cache_control: Some(if parquet { CACHE_MONTH } else { CACHE_DAY }.to_owned()),
        content_disposition: found.is_source.then(|| disposition::attachment(name)),
        metadata: BTreeMap::new(),
    }
}

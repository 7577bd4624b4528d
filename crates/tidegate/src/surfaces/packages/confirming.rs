//! Confirms uploads into datasets: what the client says it has sent is joined, sealed and checked. What becomes of it then
//! is in `publishing`.

use std::collections::BTreeMap;

use store::Attributes;

use super::uploads::{PARQUET, Which, locate};
use super::{no_such_package, publishing, record};
use crate::app::App;
use crate::db::PackageObject;
use crate::error::{Error, Result, bad_request};
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

/// Parquet files are read in many small pieces, and never change; caches may keep them for 30 days, all else for one.
const A_MONTH: &str = "private, max-age=2592000";
const A_DAY: &str = "private, max-age=86400";

/// Takes what was sent, seals it and has it published; where nobody looks for malware it is so before the answer. Asked
/// again it answers the same; of what failed it has another try. The object.
pub async fn confirm(
    app: &App,
    caller: &Caller,
    which: &Which,
    parts: Option<Vec<(u32, String)>>,
) -> Result<Confirmed> {
    let (dataset, found) = locate(app, caller, which).await?;
    let id = found.object.id;
    let to_publish = {
        // One at a time here; what another server does is settled by the rows.
        let _confirming = seal::lock(app, id).await;
        take(app, caller, &dataset, &found, parts).await?
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

/// What was confirmed.
#[derive(Debug, Clone)]
pub enum Confirmed {
    /// A package.
    Package(Box<Node>),
    /// An asset.
    Asset(Box<PackageObject>),
}

/// Whether it is to be published with the answer: where there is nobody to scan it first.
async fn take(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    found: &PackageObject,
    parts: Option<Vec<(u32, String)>>,
) -> Result<bool> {
    let id = found.object.id;
    let owner = Owner::Dataset(dataset.id.clone());
    let upload = app.db.find_upload(&owner, id).await?.ok_or_else(no_such_package)?;
    // What was read before the lock may be old.
    let found = app.db.find_package_object(dataset.number, id).await?.unwrap_or_else(|| found.clone());
    match upload.state {
        _ if found.node_state != NodeState::Ready => return Err(no_such_package()),
        UploadState::Completed if found.object.state == ObjectState::Failed => {
            return retry(app, caller, dataset, &Item::Package(owner, found)).await;
        }
        // Published with an answer that was cut off? Whatever else is still to be done of it, a job does.
        UploadState::Completed => return Ok(app.scanner.is_none() && found.object.state == ObjectState::Scanning),
        UploadState::Open => {}
        _ => return Err(Error::InvalidState("the upload is no longer open".into())),
    }
    let parts_digest = join(app, &upload, parts).await?;
    let attributes = attributes(&found);
    let item = Item::Package(owner, found);
    let said = Confirmation::default();
    let arrival = Arrival { item: &item, upload: &upload, attributes, kind: None, parts_digest, said };
    if !confirm::confirm(app, caller, &arrival).await? {
        return Err(Error::InvalidState("the upload was given up meanwhile".into()));
    }
    Ok(app.scanner.is_none())
}

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

/// Makes parts one blob, where it came in parts. What they were.
async fn join(app: &App, upload: &Upload, listed: Option<Vec<(u32, String)>>) -> Result<Option<String>> {
    let parts = match (upload.part_size, listed) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(bad_request("the file was to come by one PUT; confirm without parts")),
        (Some(_), None) => return Err(bad_request("name the parts: parts:[{partNumber, etag}]")),
        (Some(_), Some(parts)) => parts,
    };
    parts::check_list(&parts)?;
    let digest = parts::digest(&parts);
    match app.store.complete(&reference(upload), &parts::completion(app, upload, parts)).await {
        Ok(_) => {}
        // It was joined, and perhaps moved, by a confirmation that was cut off.
        Err(store::Error::NoSuchUpload) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Some(digest))
}

/// What it is stored with: an asset is kept by browsers for as long as its kind allows, a source file is saved under its
/// name.
fn attributes(found: &PackageObject) -> Attributes {
    let object = &found.object;
    let name = object.name.as_deref().unwrap_or_default();
    let parquet = object.content_type.eq_ignore_ascii_case(PARQUET)
        || name.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("parquet"));
    Attributes {
        content_type: object.content_type.clone(),
        cache_control: Some(if parquet { A_MONTH } else { A_DAY }.to_owned()),
        content_disposition: found.is_source.then(|| disposition::attachment(name)),
        metadata: BTreeMap::new(),
    }
}

//! What a client says it has sent is taken, checked, and sealed; or given up. What becomes of it then is in `publishing`.

use std::collections::BTreeMap;
use std::time::Duration;

use store::{Attributes, Completion};

use super::uploads::{PARQUET, Which, locate};
use super::{no_such_package, publishing, record};
use crate::app::App;
use crate::db::PackageObject;
use crate::error::{Error, Result, bad_request};
use crate::hashing;
use crate::model::caller::Caller;
use crate::model::disposition;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::media::Scan;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::package::{Dataset, Node, NodeState};
use crate::model::upload::{Upload, UploadState};
use crate::queue::{self, Job};
use crate::uploads::media_items::uploads::unreadable;
use crate::uploads::{check_part_list, parts_digest, reference, seal};

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
    app.jobs.notify();
    if to_publish {
        publishing::run(app, id).await?;
    }
    let object = app.db.find_package_object(id).await?.ok_or_else(no_such_package)?;
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
    let found = app.db.find_package_object(id).await?.unwrap_or_else(|| found.clone());
    match upload.state {
        _ if found.node_state != NodeState::Ready => return Err(no_such_package()),
        UploadState::Completed if found.object.state == ObjectState::Failed => {
            return retry(app, caller, dataset, id).await;
        }
        // Published with an answer that was cut off? Whatever else is still to be done of it, a job does.
        UploadState::Completed => return Ok(app.scanner.is_none() && found.object.state == ObjectState::Scanning),
        UploadState::Open => {}
        _ => return Err(Error::InvalidState("the upload is no longer open".into())),
    }
    let digest = join(app, &upload, parts).await?;
    let attributes = attributes(&found);
    let sealed = seal::quarantine(app, id, &upload.id, &upload.key, &attributes).await?;
    let sealed =
        sealed.ok_or_else(|| bad_request("nothing was sent to uploadUrl yet; PUT the file there, then confirm"))?;
    if let Some(wrong) = validate(app, &upload, &sealed).await? {
        give_up(app, caller, &found, &upload, (UploadState::Completed, ObjectState::Rejected, &wrong.to_string()))
            .await?;
        seal::remove(app, id, Some(&sealed)).await?;
        return Err(wrong);
    }
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    let ended = tx.end_upload(&upload.id, UploadState::Completed, digest.as_deref()).await?;
    if !ended || !tx.move_object(id, ObjectState::Pending, ObjectState::Scanning, None).await? {
        return Err(Error::InvalidState("the upload was given up meanwhile".into()));
    }
    tx.keep_seal(id, &sealed).await?;
    tx.record(caller, AuditAction::UploadConfirmed, id, now).await?;
    let at_once = app.scanner.is_none();
    if at_once {
        tx.keep_scan(id, Scan::Skipped).await?;
    }
    let later = if at_once { publishing::LATER } else { Duration::ZERO };
    queue::enqueue(&mut tx, &Job::PublishPackageV1 { object: id.0 }, now + later).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_uploads_total", "outcome" => "completed").increment(1);
    tracing::info!(object.id = %id, "what a client sent into a dataset was sealed");
    Ok(at_once)
}

async fn retry(app: &App, caller: &Caller, dataset: &Dataset, id: ObjectId) -> Result<bool> {
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    if !publishing::requeue(&mut tx, id, now).await? {
        return Ok(false);
    }
    record(&mut tx, app, caller, AuditAction::UploadConfirmed, &dataset.id, Some(id)).await?;
    tx.commit().await?;
    Ok(app.scanner.is_none())
}

/// Makes parts one blob, where it came in parts. What they were.
async fn join(app: &App, upload: &Upload, parts: Option<Vec<(u32, String)>>) -> Result<Option<String>> {
    let parts = match (upload.part_size, parts) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(bad_request("the file was to come by one PUT; confirm without parts")),
        (Some(_), None) => return Err(bad_request("name the parts: parts:[{partNumber, etag}]")),
        (Some(_), Some(parts)) => parts,
    };
    check_part_list(&parts)?;
    let digest = parts_digest(&parts);
    let completion = Completion {
        parts,
        part_size: upload.part_size.unwrap_or(u64::MAX),
        size: upload.announced_size,
        max_size: app.config.packages.max_size,
    };
    match app.store.complete(&reference(upload), &completion).await {
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

/// What is wrong with what came, for good.
async fn validate(app: &App, upload: &Upload, sealed: &Key) -> Result<Option<Error>> {
    let (size, max) = (app.store.stat(sealed.as_str()).await?.size, app.config.packages.max_size);
    if size > max {
        return Ok(Some(Error::TooLarge(format!("at most {max} bytes are taken").into())));
    }
    if let Some(announced) = upload.announced_size.filter(|announced| *announced != size) {
        return Ok(Some(bad_request(format!("{size} bytes came, {announced} were announced"))));
    }
    if size == 0 {
        return Ok(Some(bad_request("the file is empty")));
    }
    if let Some(announced) = &upload.parts_digest {
        let (_, body) = app.store.read(sealed.as_str(), None).await?;
        let sha256 = hashing::sha256_of(body).await.map_err(|error| unreadable(&error))?;
        if sha256 != *announced {
            return Ok(Some(bad_request(format!("the file's SHA-256 is {sha256}, and {announced} was announced"))));
        }
    }
    Ok(None)
}

/// Ends an open upload without an object. A package whose source file never came is no package: its name is free.
async fn give_up(
    app: &App,
    caller: &Caller,
    found: &PackageObject,
    upload: &Upload,
    (state, object, why): (UploadState, ObjectState, &str),
) -> Result<()> {
    let (id, now) = (found.object.id, app.db.now());
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(found.numbers.dataset).await?;
    if !tx.end_upload(&upload.id, state, None).await? {
        return Err(Error::InvalidState("the upload is no longer open".into()));
    }
    tx.move_object(id, ObjectState::Pending, object, Some(why)).await?;
    if found.is_source {
        tx.drop_node(found.numbers.package, now).await?;
    }
    let action = if state == UploadState::Expired { AuditAction::UploadExpired } else { AuditAction::FileRejected };
    tx.record(caller, action, id, now).await?;
    tx.commit().await?;
    let outcome = if state == UploadState::Expired { "expired" } else { "rejected" };
    metrics::counter!("tidegate_uploads_total", "outcome" => outcome).increment(1);
    tracing::info!(object.id = %id, outcome, "an upload into a dataset was given up");
    Ok(())
}

/// Gives an upload up that nobody confirmed, with what was sent of it.
pub(crate) async fn expire(app: &App, upload: &Upload) -> Result<()> {
    let Some(found) = app.db.find_package_object(upload.object).await? else { return Ok(()) };
    let ended = (UploadState::Expired, ObjectState::Purged, "it was never confirmed");
    give_up(app, &Caller::system(), &found, upload, ended).await?;
    if upload.part_size.is_some() {
        app.store.abort(&reference(upload)).await?;
    }
    app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
    seal::remove(app, upload.object, found.sealed.as_ref()).await
}

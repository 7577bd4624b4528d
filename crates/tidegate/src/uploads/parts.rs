//! Signs and lists the parts of multipart uploads, and checks the list of parts that a client
//! completes with. Never handles parts of any size; see `surfaces::files::uploads`.

use std::time::Duration;

use store::{Completion, Part, PresignedRequest};

use super::{completion, reference};
use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::library::{objects, quotas};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::upload::Upload;

/// The largest number of parts signed in one call.
pub const MAX_SIGNED: usize = 1000;

/// Returns a presigned PUT for each part number. Authorizes the caller.
pub async fn sign_parts(
    app: &App,
    caller: &Caller,
    kind: OwnerKind,
    id: ObjectId,
    upload_id: &str,
    numbers: &[u32],
) -> Result<Vec<(u32, PresignedRequest)>> {
    let upload = open_upload(app, caller, kind, id, Some(upload_id)).await?;
    sign_each(app, &upload, numbers).await
}

/// Returns a presigned PUT for each part number of an open upload. The caller has authorized.
pub(crate) async fn sign_each(app: &App, upload: &Upload, numbers: &[u32]) -> Result<Vec<(u32, PresignedRequest)>> {
    let limits = app.config.upload_limits.of(upload.of);
    if numbers.is_empty() || numbers.len() > MAX_SIGNED {
        return Err(bad_request(format!("give 1 to {MAX_SIGNED} part numbers")));
    }
    if let Some(bad) = numbers.iter().find(|number| !(1..=store::MAX_PARTS).contains(*number)) {
        return Err(bad_request(format!("part number {bad} is outside 1 to {}", store::MAX_PARTS)));
    }
    if let Some(beyond) = numbers.iter().find(|number| upload.part_limit(**number, limits.largest()) == 0) {
        return Err(bad_request(format!("part {beyond} lies beyond the announced size, or the largest allowed")));
    }
    reserve_signed(app, upload, numbers, limits.largest()).await?;
    let remaining = upload.expires_at.duration_since(app.db.now()).unwrap_or_default();
    let lifetime = limits.url_lifetime.min(remaining).max(Duration::from_secs(1));
    let named = reference(upload);
    let mut signed = Vec::with_capacity(numbers.len());
    for number in numbers {
        signed.push((*number, app.store.sign_part(&named, *number, lifetime).await?));
    }
    metrics::counter!("tidegate_parts_signed_total").increment(signed.len() as u64);
    Ok(signed)
}

/// Reserves what the signed parts can bring, of an upload without a size: up to the end of the
/// highest one. So open uploads take no more than the quota either.
async fn reserve_signed(app: &App, upload: &Upload, numbers: &[u32], largest: u64) -> Result<()> {
    let highest = numbers.iter().copied().max().map_or(0, u64::from);
    let end = highest.saturating_mul(upload.part_size.unwrap_or(u64::MAX)).min(largest);
    if upload.announced_size.is_some() || app.db.find_announced_unscoped(upload.object).await? >= end {
        return Ok(());
    }
    let owner = app.db.owner_of(upload.of, upload.object).await?.ok_or_else(objects::not_found)?;
    let mut tx = app.db.begin().await?;
    quotas::reserve_up_to(app, &mut tx, &owner, upload.object, end).await?;
    tx.commit().await
}

/// Returns the parts stored so far. Authorizes the caller.
pub async fn list_parts(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<Vec<Part>> {
    let (_, parts) = find_open(app, caller, kind, id).await?;
    Ok(parts)
}

/// Returns an open upload and its parts, so that a client that has only the object's id can
/// continue. Authorizes the caller.
pub async fn find_open(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<(Upload, Vec<Part>)> {
    let upload = open_upload(app, caller, kind, id, None).await?;
    match app.store.list_parts(&reference(&upload)).await {
        Ok(parts) => Ok((upload, parts)),
        Err(store::Error::NoSuchUpload) if completion::recover(app, &upload).await? => {
            Err(Error::InvalidState("the upload is complete".into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns an open upload of an object. Authorizes the caller.
async fn open_upload(
    app: &App,
    caller: &Caller,
    kind: OwnerKind,
    id: ObjectId,
    upload_id: Option<&str>,
) -> Result<Upload> {
    let upload = match app.object_cache.open(id).filter(|known| known.0.kind() == kind) {
        Some(known) => {
            access::authorize(app, caller, Action::Write, &known.0, Some(id))?;
            check_id(known.1.clone(), upload_id)?
        }
        None => {
            let (owner, _) = objects::find(app, caller, Action::Write, kind, id).await?;
            find_upload(app, &owner, id, upload_id).await?
        }
    };
    if upload.takes_bytes(app.db.now()) {
        Ok(upload)
    } else {
        Err(Error::InvalidState("the image is not uploading".into()))
    }
}

/// Returns the upload of an object. Returns 400 if `upload_id` is given and is not its id.
pub(super) async fn find_upload(app: &App, owner: &Owner, id: ObjectId, upload_id: Option<&str>) -> Result<Upload> {
    let upload = app.object_cache.read_upload(owner, app.db.find_upload(owner, id)).await?;
    check_id(upload.ok_or_else(objects::not_found)?, upload_id)
}

fn check_id(upload: Upload, upload_id: Option<&str>) -> Result<Upload> {
    match upload_id {
        Some(given) if given != upload.id => Err(bad_request("uploadId is not this image's")),
        _ => Ok(upload),
    }
}

/// Returns the completion that makes the store join `parts`.
pub(crate) fn completion(app: &App, upload: &Upload, parts: Vec<(u32, String)>) -> Completion {
    Completion {
        parts,
        part_size: upload.part_size.unwrap_or(u64::MAX),
        size: upload.announced_size,
        max_size: app.config.upload_limits.of(upload.of).largest(),
    }
}

/// Checks the part numbers that a client completes with. Returns 400 if one is out of range, named
/// twice or left out. A list with a gap must not reach the store: content of other parts with the
/// same ETags would be taken for its result.
pub(crate) fn check_list(parts: &[(u32, String)]) -> Result<()> {
    let max = store::MAX_PARTS;
    if parts.is_empty() || parts.len() > usize::try_from(max).unwrap_or(usize::MAX) {
        return Err(bad_request(format!("parts must name 1 to {max} parts")));
    }
    let mut numbers: Vec<u32> = parts.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    if let Some(bad) = numbers.iter().find(|number| !(1..=max).contains(*number)) {
        return Err(bad_request(format!("part number {bad} is outside 1 to {max}")));
    }
    if let Some(twice) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(bad_request(format!("part {} is named twice", twice[0])));
    }
    if let Some((missing, _)) = (1..).zip(&numbers).find(|(expected, number)| expected != *number) {
        return Err(bad_request(format!("part {missing} is missing; parts run from 1 without a gap")));
    }
    Ok(())
}

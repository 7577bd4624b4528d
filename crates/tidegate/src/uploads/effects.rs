//! Owns everything in the upload pipeline that differs between owner kinds and is code: one closed
//! `match` per effect. Differences that are data are in `model::rules`. The pipeline itself calls
//! these functions and never matches on an owner.

use std::time::Duration;

use std::borrow::Cow;

use super::{begin, media_items, reference, seal};
use crate::app::App;
use crate::db::{Db, PackageObject, Tx};
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::file::{File, Visibility};
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};
use crate::model::media::{Media, Scan, Stage, Status};
use crate::model::object::{Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::model::upload::Upload;
use crate::queue::{self, Job};

/// How long S3 may continue a `CompleteMultipartUpload` after its caller has gone.
const LATE_COMPLETE: Duration = Duration::from_secs(15 * 60);
/// How long after the end of an upload URL a PUT may still arrive.
const LATE_PUT: Duration = Duration::from_secs(60);
/// The longest PUT that is accounted for.
const SLOWEST_PUT: Duration = Duration::from_secs(86_400);
/// How long a job waits for work that the request itself normally does before its response.
pub(crate) const AFTER_ANSWER: Duration = Duration::from_secs(60);

/// An object in the upload pipeline, with the record of its owner kind.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// A disk image.
    Disk(Owner, Object),
    /// A user's file.
    File(Owner, File),
    /// A media item of a session or a space.
    Media(Media),
    /// A package's source file, or an asset.
    Package(PackageObject),
}

impl Item {
    /// Returns an object of an owner kind, whatever its state. Does not authorize; for the worker,
    /// and for callers that have authorized.
    pub(crate) async fn find_unscoped(db: &Db, kind: OwnerKind, id: ObjectId) -> Result<Option<Self>> {
        Ok(match kind {
            OwnerKind::Files => db.find_file_by_id_unscoped(id).await?.map(|(owner, file)| Self::File(owner, file)),
            OwnerKind::Session | OwnerKind::Space => {
                db.find_media_unscoped(id).await?.map(|(_, media)| Self::Media(media))
            }
            OwnerKind::Dataset => db.find_package_object_unscoped(id).await?.map(Self::Package),
            OwnerKind::Disks => {
                let Some(owner) = db.owner_of(kind, id).await? else { return Ok(None) };
                db.find_object(&owner, id).await?.map(|object| Self::Disk(owner, object))
            }
        })
    }

    /// Returns an object of any owner kind, whatever its state. Does not authorize.
    pub(crate) async fn find_by_id_unscoped(db: &Db, id: ObjectId) -> Result<Option<Self>> {
        match db.kind_of(id).await? {
            Some(kind) => Self::find_unscoped(db, kind, id).await,
            None => Ok(None),
        }
    }

    /// Returns the object's record.
    pub(crate) fn object(&self) -> &Object {
        match self {
            Self::Disk(_, object) => object,
            Self::File(_, file) => &file.object,
            Self::Media(media) => &media.object,
            Self::Package(found) => &found.object,
        }
    }

    /// Returns the object's owner.
    pub(crate) fn owner(&self) -> &Owner {
        match self {
            Self::Disk(owner, _) | Self::File(owner, _) => owner,
            Self::Package(found) => &found.owner,
            Self::Media(media) => &media.owner,
        }
    }

    /// Returns the object's id.
    pub(crate) fn id(&self) -> ObjectId {
        self.object().id
    }

    /// Returns the kind of the object's owner.
    pub(crate) fn kind(&self) -> OwnerKind {
        self.owner().kind()
    }
}

/// The details that an owner kind stores beside the rows of a new object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Details<'a> {
    /// No details, for a disk image.
    Disk,
    /// The folder and the visibility of a file.
    File(&'a str, Visibility),
    /// The stage of a media item; `None` in spaces.
    Media(Option<Stage>),
    /// The source key of an image that is copied from the bucket.
    Imported(&'a str),
    /// The number of the package that the object belongs to.
    Package(i64),
}

impl Details<'_> {
    /// Returns the audit action of the begin.
    pub(crate) fn action(self) -> AuditAction {
        match self {
            Self::Imported(_) => AuditAction::Imported,
            _ => AuditAction::UploadBegun,
        }
    }

    /// Returns the folder and the visibility of a file.
    pub(crate) fn file(&self) -> Option<(&str, Visibility)> {
        match self {
            Self::File(folder, visibility) => Some((folder, *visibility)),
            Self::Disk | Self::Media(_) | Self::Imported(_) | Self::Package(_) => None,
        }
    }
}

/// The fields that a client sends with a confirmation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Confirmation<'a> {
    /// A stage that replaces the announced one.
    pub(crate) stage: Option<Stage>,
    /// The alternative text of the image.
    pub(crate) alt: Option<&'a str>,
}

/// Returns who is recorded as an object's creator. For shared owners it is the user that a service
/// acts for, if the service names one.
pub(super) fn creator(kind: OwnerKind, caller: &Caller) -> Cow<'_, Principal> {
    match kind {
        OwnerKind::Disks | OwnerKind::Files => Cow::Borrowed(&caller.principal),
        OwnerKind::Session | OwnerKind::Space | OwnerKind::Dataset => caller.effective_principal(),
    }
}

/// Returns another key for a file whose key is in use. The keys of other owner kinds are of random
/// ids that cannot collide.
pub(super) fn another_key(app: &App, object: &Object, details: Details<'_>) -> Result<Key> {
    let found = match details {
        Details::File(..) => key::retagged_file(&object.key, app.file_tags.draw()),
        Details::Disk | Details::Media(_) | Details::Imported(_) | Details::Package(_) => None,
    };
    found.ok_or_else(|| Error::Internal(anyhow::anyhow!("the key of a new object is in use")))
}

/// Writes the details of an owner kind beside an object's rows.
pub(super) async fn announce(tx: &mut Tx, owner: &Owner, object: &Object, details: Details<'_>) -> Result<()> {
    let (id, now) = (object.id, object.created_at);
    match details {
        // The details of a file are columns of its row.
        Details::Disk | Details::File(..) => Ok(()),
        Details::Media(stage) => {
            tx.describe_media(id, stage, None).await?;
            tx.add_status_change(owner, id, Status::PendingUpload.into(), None, now).await
        }
        Details::Imported(from) => {
            tx.set_import_source(id, from).await?;
            tx.add_status_change(owner, id, Status::Uploaded.into(), Some("imported"), now).await?;
            queue::enqueue(tx, &Job::ImportImageV1 { object: id.0, key: from.to_owned() }, now).await.map(drop)
        }
        Details::Package(number) => tx.put_in_package(id, number).await,
    }
}

/// Locks the tree that an object belongs to, if it belongs to one. Trees are locked before uploads,
/// so that transactions take locks in one order.
pub(super) async fn lock_tree(tx: &mut Tx, item: &Item) -> Result<()> {
    match item {
        Item::Package(found) => tx.hold_dataset(found.numbers.dataset).await,
        Item::Disk(..) | Item::File(..) | Item::Media(_) => Ok(()),
    }
}

/// Locks what counts an object before its state changes: the counters of a file's owner, or the
/// dataset with its counters. Media items and disk images lock theirs with the change.
pub(crate) async fn lock_counters(tx: &mut Tx, item: &Item) -> Result<()> {
    match item {
        Item::File(owner, _) => tx.hold_quota(owner).await,
        Item::Disk(..) | Item::Media(_) | Item::Package(..) => lock_tree(tx, item).await,
    }
}

/// Locks an object's owner against deletion. Returns `false` if the owner is deleted.
pub(super) async fn lock_owner(tx: &mut Tx, item: &Item) -> Result<bool> {
    lock_tree(tx, item).await?;
    tx.hold(item.owner()).await
}

/// Applies a confirmation for the owner kind and enqueues the job that processes the bytes. Returns
/// `false` if an object of a dataset is no longer PENDING; others change state with their job.
pub(super) async fn confirmed(app: &App, tx: &mut Tx, item: &Item, confirmation: Confirmation<'_>) -> Result<bool> {
    let (id, now) = (item.id(), app.db.now());
    match item {
        Item::Media(media) => {
            tx.describe_media(id, confirmation.stage, confirmation.alt).await?;
            tx.add_status_change(&media.owner, id, Status::Uploaded.into(), None, now).await?;
            queue::enqueue(tx, &Job::IngestV1 { object: id.0, video: media_items::is_video(media) }, now).await?;
            release_later(app, tx, item.kind(), id).await?;
        }
        Item::Package(..) => {
            if !tx.move_object(id, ObjectState::Pending, ObjectState::Scanning, None).await? {
                return Ok(false);
            }
            // Without a scanner, the request itself publishes the object. The job finishes an
            // interrupted request.
            let later = if app.scanner.is_some() {
                Duration::ZERO
            } else {
                tx.set_scan(id, Scan::Skipped).await?;
                AFTER_ANSWER
            };
            queue::enqueue(tx, &Job::PublishPackageV1 { object: id.0 }, now + later).await?;
        }
        Item::Disk(..) | Item::File(..) => return Err(never("confirmed", item)),
    }
    Ok(true)
}

/// Returns the error for an effect that an owner kind does not have.
fn never(what: &str, item: &Item) -> Error {
    Error::Internal(anyhow::anyhow!("an object of {} is never {what}", item.kind().as_str()))
}

/// Returns the job that processes an object's bytes; `None` if the owner kind has none.
pub(super) fn work(item: &Item) -> Option<Job> {
    let object = item.id().0;
    match item {
        Item::Disk(..) => None,
        Item::File(..) => Some(Job::ScanFileV1 { object }),
        Item::Media(media) => Some(match (&media.sealed, &media.imported_from) {
            (None, Some(from)) => Job::ImportImageV1 { object, key: from.clone() },
            _ => Job::IngestV1 { object, video: media_items::is_video(media) },
        }),
        Item::Package(..) => Some(Job::PublishPackageV1 { object }),
    }
}

/// Removes the job that processes an object's bytes from the queue, where a request can finish the
/// same work.
pub(super) async fn withdraw_work(tx: &mut Tx, item: &Item) -> Result<()> {
    match item {
        Item::Package(..) => queue::withdraw(tx, &Job::PublishPackageV1 { object: item.id().0 }).await,
        Item::Disk(..) | Item::File(..) | Item::Media(_) => Ok(()),
    }
}

/// Adds a file to the counters of its folder, or an object of a dataset to those of its package and
/// organisation, when it is published or restored. Does nothing for other owners; the owners'
/// counters are kept by triggers.
pub(crate) async fn count_in_folder_or_package(tx: &mut Tx, item: &Item, size: u64) -> Result<()> {
    count(tx, item, 1, i64::try_from(size).unwrap_or(i64::MAX)).await
}

/// Subtracts an object from the counters that [`count_in_folder_or_package`] adds it to.
pub(crate) async fn uncount_in_folder_or_package(tx: &mut Tx, item: &Item) -> Result<()> {
    let size = item.object().content.as_ref().map_or(0, |content| content.size);
    count(tx, item, -1, -i64::try_from(size).unwrap_or(i64::MAX)).await
}

async fn count(tx: &mut Tx, item: &Item, objects: i64, bytes: i64) -> Result<()> {
    match item {
        Item::Disk(..) | Item::Media(_) => Ok(()),
        Item::File(owner, file) => tx.count_in_folder(owner, &file.folder, objects, bytes).await,
        Item::Package(found) => {
            if objects < 0 {
                tx.uncount_in_package(found.object.id).await?;
            }
            tx.count_in_organisation(found.numbers.dataset, objects, bytes).await
        }
    }
}

/// Applies the abort or expiry of an upload for the owner kind: enqueues the jobs that delete what
/// was sent.
pub(super) async fn discard_upload(app: &App, tx: &mut Tx, item: &Item, upload: &Upload) -> Result<()> {
    let (object, now) = (item.id(), app.db.now());
    match item {
        Item::Disk(..) => {
            let job = Job::ReleaseUploadV1 { upload_id: upload.id.clone(), key: upload.key.as_str().to_owned() };
            queue::enqueue(tx, &job, now).await?;
            if !app.store.has_md5_etags() {
                // S3 may still finish a CompleteMultipartUpload that was in progress.
                queue::enqueue(tx, &job, now + LATE_COMPLETE).await?;
            }
        }
        Item::File(..) => {
            queue::enqueue(tx, &Job::ReleaseFilesUploadV1 { upload_id: upload.id.clone() }, now).await?;
        }
        Item::Media(_) => {
            queue::enqueue(tx, &Job::ReleaseMediaV1 { object: object.0 }, now).await?;
            release_later(app, tx, item.kind(), object).await?;
        }
        Item::Package(found) => drop_package(app, tx, found).await?,
    }
    Ok(())
}

/// Deletes a package whose source file never arrived, which frees its name.
async fn drop_package(app: &App, tx: &mut Tx, found: &PackageObject) -> Result<()> {
    if found.is_source {
        tx.drop_node(found.numbers.package, app.db.now()).await?;
    }
    Ok(())
}

/// Deletes the bytes of an ended upload as far as that needs no job. Runs after the commit.
pub(super) async fn free_bytes(app: &App, item: &Item, upload: &Upload) -> Result<()> {
    match item {
        Item::Disk(..) => Ok(app.store.abort(&reference(upload)).await?),
        Item::File(..) | Item::Media(_) => Ok(()),
        Item::Package(found) => {
            if upload.part_size.is_some() {
                app.store.abort(&reference(upload)).await?;
            }
            app.store.delete(upload.key.as_str(), store::Deletion::Purge).await?;
            seal::remove(app, upload.object, found.sealed.as_ref()).await
        }
    }
}

/// Applies a rejection for the owner kind: enqueues the job that deletes the bytes. Sealed bytes of a dataset have no job; the caller deletes the seal after its
/// commit.
pub(super) async fn rejected(app: &App, tx: &mut Tx, item: &Item, from: ObjectState) -> Result<()> {
    let (id, now) = (item.id(), app.db.now());
    match item {
        Item::Disk(..) => Err(never("rejected", item)),
        Item::File(_, file) => {
            let key = file.object.key.as_str().to_owned();
            queue::enqueue(tx, &Job::PurgeObjectV1 { object: id.0, key }, now).await.map(drop)
        }
        Item::Media(_) => {
            queue::enqueue(tx, &Job::ReleaseMediaV1 { object: id.0 }, now).await?;
            release_later(app, tx, item.kind(), id).await
        }
        Item::Package(found) => {
            if from == ObjectState::Pending {
                drop_package(app, tx, found).await?;
            }
            Ok(())
        }
    }
}

/// Deletes the seal of an object that was rejected at its confirmation.
pub(super) async fn remove_sealed(app: &App, item: &Item, sealed: &Key) -> Result<()> {
    match item {
        Item::Media(media) => media_items::clear(app, media.object.id).await,
        Item::Disk(..) | Item::File(..) | Item::Package(..) => seal::remove(app, item.id(), Some(sealed)).await,
    }
}

/// Returns the keys of an object that caches may hold and that must be invalidated before its bytes
/// are deleted.
pub(super) async fn public_files(app: &App, item: &Item) -> Result<Vec<String>> {
    match item {
        Item::Media(media) if app.cdn.is_some() => media_items::files(app, media).await,
        // The job that deletes the bytes invalidates these, or they were never cached.
        Item::Disk(..) | Item::File(..) | Item::Media(_) | Item::Package(..) => Ok(Vec::new()),
    }
}

/// Enqueues the deletion of what is still sent with a media item's upload URL: once after the URL
/// ends and, in a bucket, again a day later, because S3 finishes a PUT that began in time.
pub(crate) async fn release_later(app: &App, tx: &mut Tx, kind: OwnerKind, id: ObjectId) -> Result<()> {
    let ended = app.db.now() + app.config.upload_limits.of(kind).url_lifetime + LATE_PUT;
    queue::enqueue(tx, &Job::ReleaseMediaV1 { object: id.0 }, ended).await?;
    if app.local.is_none() {
        queue::enqueue(tx, &Job::ReleaseMediaV1 { object: id.0 }, ended + SLOWEST_PUT).await?;
    }
    Ok(())
}

/// Counts an upload that was rejected at its confirmation, where no other metric does.
pub(super) fn count_rejected(item: &Item) {
    match item {
        Item::Package(_) => begin::count_upload("rejected"),
        Item::Disk(..) | Item::File(..) | Item::Media(_) => {}
    }
}

/// Counts the outcome of a media item; other owner kinds have their own metrics.
pub(super) fn count_media(kind: OwnerKind, outcome: &'static str) {
    match kind {
        OwnerKind::Session | OwnerKind::Space => {
            metrics::counter!("tidegate_media_total", "outcome" => outcome).increment(1);
        }
        OwnerKind::Disks | OwnerKind::Files | OwnerKind::Dataset => {}
    }
}

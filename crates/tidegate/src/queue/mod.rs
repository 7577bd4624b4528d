//! Background work: what there is to do and how it is done. Jobs can be run any number of times.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use store::UploadRef;
use uuid::Uuid;

use crate::app::App;
use crate::db::{NewJob, Tx};
use crate::error::{Error, Result};
use crate::library::cdn_invalidations;
use crate::model::caller::Caller;
use crate::model::event::Deed;
use crate::model::ids::{ObjectId, SessionId, SpaceId, UserId};
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::surfaces::{files, imports, packages};
use crate::uploads::media_items;

/// A job, as it is stored. Names carry a version: rows outlive releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Job {
    /// Looks for uploads that were given up, and for remains.
    SweepV1,
    /// Finishes completions that a crash cut off.
    RecoverV1,
    /// Frees the parts of an upload that ended without an object, and its blob if one came about.
    ReleaseUploadV1 {
        /// The upload.
        upload_id: String,
        /// Where its blob would be.
        key: String,
    },
    /// Clears away what is left of an upload of a file.
    ReleaseFilesUploadV1 {
        /// The upload.
        upload_id: String,
    },
    /// Removes the bytes of what was deleted of a folder of a user's files.
    PurgeFilesFolderV1 {
        /// Whose.
        user: String,
        /// Which.
        folder: String,
    },
    /// Removes the bytes of a deleted object.
    PurgeObjectV1 {
        /// The object.
        object: Uuid,
        /// Where its bytes are.
        key: String,
    },
    /// Scans what a client has sent, makes it anew and publishes it.
    IngestV1 {
        /// The medium.
        object: Uuid,
        /// Whether it is a video.
        video: bool,
    },
    /// Scans a user's file before anybody may read it.
    ScanFileV1 {
        /// The file.
        object: Uuid,
    },
    /// Removes what a client may still have put where it was told to.
    ReleaseMediaV1 {
        /// The medium.
        object: Uuid,
    },
    /// Takes the bytes of a deleted medium away from where they are served.
    HideMediaV1 {
        /// The medium.
        object: Uuid,
    },
    /// The same for all that was deleted with a session.
    HideSessionV1 {
        /// The session.
        session: String,
    },
    /// The same for all that was deleted with a space.
    HideSpaceV1 {
        /// The space.
        space: String,
    },
    /// Brings back what was deleted with a session, at this time (microseconds) or later.
    RestoreSessionV1 {
        /// The session.
        session: String,
        /// When it was deleted.
        since: i64,
        /// When it was brought back; rows of an earlier release do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// Brings a deleted medium back.
    RestoreMediaV1 {
        /// The medium.
        object: Uuid,
    },
    /// Scans again what is published, with the signatures of today.
    RescanV1 {
        /// The medium, or the file.
        object: Uuid,
    },
    /// Copies an object of the bucket's into a space, where it goes the way of all images.
    ImportImageV1 {
        /// What it will be.
        object: Uuid,
        /// What is copied.
        key: String,
    },
    /// Tells the CDN of what was deleted.
    InvalidateV1,
    /// Scans what a client has sent into a dataset, where there is a scanner, and publishes it.
    PublishPackageV1 {
        /// The source file, or the asset.
        object: Uuid,
    },
    /// Takes the bytes of what was deleted of a dataset away from where they are served.
    HideTreeV1 {
        /// The dataset's number.
        dataset: i64,
        /// When it was deleted, in microseconds.
        deleted_at: i64,
        /// Where to go on: behind this package and object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<(i64, Uuid)>,
    },
    /// The same for one package; of what is gone for good, everywhere.
    HidePackageV1 {
        /// Its number.
        package: i64,
    },
    /// Removes the bytes of an asset that is gone for good.
    ForgetAssetV1 {
        /// The asset.
        object: Uuid,
    },
    /// Brings back what was deleted of a dataset.
    RestoreTreeV1 {
        /// Which nodes: those that bear this.
        restore: Uuid,
        /// Who wished it.
        actor: String,
        /// Where to go on: behind this package and object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<(i64, Uuid)>,
    },
}

/// Which sort of work a job is. Each has workers of its own, so that a long video keeps no photo waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What is quick, and what nobody waits for.
    Upkeep,
    /// Users' files, looked through.
    Scans,
    /// Pictures.
    Images,
    /// Videos.
    Videos,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Upkeep, Self::Scans, Self::Images, Self::Videos];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upkeep => "upkeep",
            Self::Scans => "scans",
            Self::Images => "images",
            Self::Videos => "videos",
        }
    }
}

/// Somebody waits for it.
const SOON: i64 = 10;
/// Nobody does.
const LATER: i64 = -10;

impl Job {
    /// The name in logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SweepV1 => "sweep",
            Self::RecoverV1 => "recover",
            Self::ReleaseUploadV1 { .. } => "release_upload",
            Self::ReleaseFilesUploadV1 { .. } => "release_files_upload",
            Self::PurgeFilesFolderV1 { .. } => "purge_files_folder",
            Self::PurgeObjectV1 { .. } => "purge_object",
            Self::IngestV1 { .. } => "ingest",
            Self::ScanFileV1 { .. } => "scan_file",
            Self::ReleaseMediaV1 { .. } => "release_media",
            Self::HideMediaV1 { .. } => "hide_media",
            Self::HideSessionV1 { .. } => "hide_session",
            Self::HideSpaceV1 { .. } => "hide_space",
            Self::ImportImageV1 { .. } => "import_image",
            Self::InvalidateV1 => "invalidate",
            Self::RestoreMediaV1 { .. } => "restore_media",
            Self::RestoreSessionV1 { .. } => "restore_session",
            Self::RescanV1 { .. } => "rescan",
            Self::PublishPackageV1 { .. } => "publish_package",
            Self::HideTreeV1 { .. } => "hide_tree",
            Self::HidePackageV1 { .. } => "hide_package",
            Self::ForgetAssetV1 { .. } => "forget_asset",
            Self::RestoreTreeV1 { .. } => "restore_tree",
        }
    }

    /// Of jobs with one name of this kind there is one at a time.
    pub(crate) fn dedupe(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::SweepV1 | Self::RecoverV1 | Self::InvalidateV1 => Some(self.name().into()),
            Self::IngestV1 { object, .. } => Some(format!("ingest:{object}").into()),
            Self::ImportImageV1 { object, .. } => Some(format!("import:{object}").into()),
            Self::ScanFileV1 { object } => Some(format!("scan:{object}").into()),
            Self::RescanV1 { object } => Some(format!("rescan:{object}").into()),
            Self::PublishPackageV1 { object, .. } => Some(format!("publish:{object}").into()),
            Self::ForgetAssetV1 { object } => Some(format!("forget:{object}").into()),
            Self::HideTreeV1 { dataset, deleted_at, .. } => Some(format!("hide:{dataset}:{deleted_at}").into()),
            _ => None,
        }
    }

    /// Whose turn it takes.
    pub fn class(&self) -> Class {
        match self {
            Self::IngestV1 { video: true, .. } => Class::Videos,
            Self::IngestV1 { video: false, .. } | Self::ImportImageV1 { .. } => Class::Images,
            Self::ScanFileV1 { .. } | Self::RescanV1 { .. } | Self::PublishPackageV1 { .. } => Class::Scans,
            _ => Class::Upkeep,
        }
    }

    /// How urgent it is beside others of its class.
    fn priority(&self) -> i64 {
        match self {
            Self::HideMediaV1 { .. }
            | Self::HideSessionV1 { .. }
            | Self::HideSpaceV1 { .. }
            | Self::InvalidateV1
            | Self::RestoreMediaV1 { .. }
            | Self::RestoreSessionV1 { .. }
            | Self::HideTreeV1 { .. }
            | Self::RestoreTreeV1 { .. } => SOON,
            Self::RescanV1 { .. } | Self::ImportImageV1 { .. } => LATER,
            _ => 0,
        }
    }

    /// The longest pause before another try. What recurs is not put off for longer than it recurs.
    fn longest_pause(&self) -> Duration {
        match self {
            Self::SweepV1 | Self::RecoverV1 | Self::InvalidateV1 => Duration::from_secs(60),
            Self::IngestV1 { .. }
            | Self::ImportImageV1 { .. }
            | Self::ScanFileV1 { .. }
            | Self::PublishPackageV1 { .. }
            | Self::RestoreMediaV1 { .. }
            | Self::HideTreeV1 { .. }
            | Self::HidePackageV1 { .. }
            | Self::RestoreTreeV1 { .. } => Duration::from_secs(120),
            _ => Duration::from_secs(3600),
        }
    }

    /// How often it is tried before it is given up.
    fn max_attempts(&self) -> u64 {
        match self {
            Self::SweepV1 | Self::RecoverV1 => 3,
            Self::IngestV1 { .. }
            | Self::ImportImageV1 { .. }
            | Self::ScanFileV1 { .. }
            | Self::PublishPackageV1 { .. } => 6,
            _ => 12,
        }
    }
}

/// Adds a job to the change it follows from.
/// Its id, unless there is one of its name.
pub async fn enqueue(tx: &mut Tx, job: &Job, run_at: SystemTime) -> Result<Option<i64>> {
    let payload = serde_json::to_string(job).map_err(|error| Error::Internal(error.into()))?;
    let dedupe = job.dedupe();
    let new = NewJob {
        payload: &payload,
        dedupe: dedupe.as_deref(),
        class: job.class().as_str(),
        priority: job.priority(),
        max_attempts: job.max_attempts(),
    };
    tx.enqueue_job(new, run_at).await
}

/// Takes a job out of the queue that was done otherwise.
pub async fn withdraw(tx: &mut Tx, job: &Job) -> Result<()> {
    match job.dedupe() {
        Some(name) => tx.forget_job(&name).await,
        None => Ok(()),
    }
}

/// Adds a job in the place of one of its name, also of one that somebody works on.
pub async fn enqueue_anew(tx: &mut Tx, job: &Job, run_at: SystemTime) -> Result<()> {
    if let Some(name) = job.dedupe() {
        tx.forget_job(&name).await?;
    }
    enqueue(tx, job, run_at).await.map(drop)
}

/// What follows from giving a job up, in the transaction that does so.
async fn given_up(app: &App, tx: &mut Tx, payload: &str, reason: &str) -> Result<()> {
    match serde_json::from_str(payload) {
        Ok(Job::IngestV1 { object, .. } | Job::ImportImageV1 { object, .. }) => {
            ingest::fail(app, tx, ObjectId(object), reason).await
        }
        Ok(Job::ScanFileV1 { object }) => ingest::files::fail(app, tx, ObjectId(object), reason).await,
        Ok(Job::PublishPackageV1 { object }) => packages::publishing::fail(app, tx, ObjectId(object), reason).await,
        Ok(Job::RestoreTreeV1 { restore, .. }) => packages::restoring::given_up(app, tx, restore).await,
        Ok(Job::RestoreMediaV1 { object }) => {
            // Some of its bytes may be where they are served.
            let (id, now) = (ObjectId(object), app.db.now());
            if tx.set_object_state(id, ObjectState::Restoring, ObjectState::Deleted, now).await? {
                enqueue(tx, &Job::HideMediaV1 { object }, now).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Does a job.
pub async fn perform(app: &App, job: &Job) -> Result<()> {
    match job {
        Job::SweepV1 => sweep::run(app).await,
        Job::RecoverV1 => sweep::recover(app).await,
        Job::ReleaseUploadV1 { upload_id, key } => release_upload(app, upload_id, key).await,
        Job::ReleaseFilesUploadV1 { upload_id } => files::uploads::clear(app, upload_id).await,
        Job::PurgeFilesFolderV1 { user, folder } => {
            let user =
                UserId::parse(user).map_err(|error| Error::Internal(anyhow::anyhow!("a job's user: {error}")))?;
            files::deletion::purge_folder(app, user, folder).await
        }
        Job::PurgeObjectV1 { object, key } => purge_object(app, ObjectId(*object), key).await,
        Job::IngestV1 { object, .. } => ingest::run(app, ObjectId(*object)).await,
        Job::ScanFileV1 { object } => ingest::files::run(app, ObjectId(*object)).await,
        Job::ReleaseMediaV1 { object } => media_items::uploads::clear(app, ObjectId(*object)).await,
        Job::HideMediaV1 { object } => media_items::deletion::hide_and_tell(app, ObjectId(*object)).await,
        Job::HideSessionV1 { session } => hide_all(app, &session_of(app, session).await?, job).await,
        Job::HideSpaceV1 { space } => {
            let space =
                SpaceId::parse(space).ok_or_else(|| Error::Internal(anyhow::anyhow!("a job's space is none")))?;
            hide_all(app, &Owner::Space(space), job).await
        }
        Job::ImportImageV1 { object, key } => imports::copy(app, ObjectId(*object), key).await,
        Job::InvalidateV1 => cdn_invalidations::send(app).await,
        Job::RestoreSessionV1 { session, since, until } => {
            let until = until.unwrap_or(i64::MAX);
            media_items::deletion::bring_back_all(app, &session_of(app, session).await?, *since, until).await
        }
        Job::RestoreMediaV1 { object } => media_items::deletion::bring_back(app, ObjectId(*object)).await,
        Job::RescanV1 { object } => ingest::rescan(app, ObjectId(*object)).await,
        Job::PublishPackageV1 { object } => packages::publishing::run(app, ObjectId(*object)).await,
        Job::HideTreeV1 { dataset, deleted_at, after } => {
            packages::deletion::hide_tree(app, *dataset, *deleted_at, *after).await
        }
        Job::HidePackageV1 { package } => packages::deletion::hide_package(app, *package).await,
        Job::ForgetAssetV1 { object } => packages::publishing::forget(app, ObjectId(*object)).await,
        Job::RestoreTreeV1 { restore, actor, after } => packages::restoring::run(app, *restore, actor, *after).await,
    }
}

/// In turns: a job that takes too long would be given up.
async fn hide_all(app: &App, owner: &Owner, job: &Job) -> Result<()> {
    if !media_items::deletion::hide_all(app, owner).await? {
        let mut tx = app.db.begin().await?;
        enqueue(&mut tx, job, app.db.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn session_of(app: &App, text: &str) -> Result<Owner> {
    let unknown = || Error::Internal(anyhow::anyhow!("a job's session is none"));
    let id = SessionId::parse(text).ok_or_else(unknown)?;
    app.db.find_any_session(&id).await?.map(|(owner, _)| owner).ok_or_else(unknown)
}

async fn release_upload(app: &App, upload_id: &str, key: &str) -> Result<()> {
    app.store.abort(&UploadRef { key: key.to_owned(), upload_id: upload_id.to_owned() }).await?;
    // A completion that lost against the abort may have published in between.
    Ok(app.store.delete(key, store::Deletion::Purge).await?)
}

/// Removes the bytes of a deleted object, and says so in its row.
pub(crate) async fn purge_object(app: &App, object: ObjectId, key: &str) -> Result<()> {
    app.store.delete(key, store::Deletion::Purge).await?;
    let now = SystemTime::now();
    let mut tx = app.db.begin().await?;
    if app.config.images.layout.served_root(key).is_some() {
        cdn_invalidations::queue(app, &mut tx, &[key.to_owned()]).await?;
    }
    if tx.set_object_state(object, ObjectState::Deleted, ObjectState::Purged, now).await? {
        tx.record(&Caller::system(), Deed::ObjectPurged, object, now).await?;
    }
    tx.commit().await
}

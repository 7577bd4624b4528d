//! The queue of background work: every kind of job, its properties, and how it is enqueued and
//! withdrawn. Every job may run more than once. Never runs jobs; see `worker`.

pub mod depth;
pub mod message;
mod redis;
pub mod redrive;
mod sender;
pub mod transport;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::{NewJob, Tx};
use crate::error::{Error, Result};
use crate::model::ids::ObjectId;
use crate::model::job_class::JobClass;

/// A job, as it is stored. Variant names are stored names and carry a version, because rows outlive
/// releases. In them, "hide" means to unpublish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Job {
    /// Expires uploads and deletes remains.
    SweepV1,
    /// Finishes completions that a crash interrupted.
    RecoverV1,
    /// Deletes the parts of an aborted upload, and its blob if there is one.
    ReleaseUploadV1 {
        /// The upload's id.
        upload_id: String,
        /// The key of the blob.
        key: String,
    },
    /// Deletes the remains of an ended upload of a file.
    ReleaseFilesUploadV1 {
        /// The upload's id.
        upload_id: String,
    },
    /// Deletes the bytes of the deleted files in a folder.
    PurgeFilesFolderV1 {
        /// The id of the user.
        user: String,
        /// The path of the folder.
        folder: String,
    },
    /// Deletes the bytes of a deleted object.
    PurgeObjectV1 {
        /// The object's id.
        object: Uuid,
        /// The key of its bytes.
        key: String,
    },
    /// Scans, processes and publishes a media item.
    IngestV1 {
        /// The id of the media item.
        object: Uuid,
        /// Whether it is a video.
        video: bool,
    },
    /// Scans a user's file before it becomes readable.
    ScanFileV1 {
        /// The id of the file.
        object: Uuid,
    },
    /// Deletes what was sent to a media item's upload key after its upload ended.
    ReleaseMediaV1 {
        /// The id of the media item.
        object: Uuid,
    },
    /// Moves the bytes of a deleted media item out of the served root.
    HideMediaV1 {
        /// The id of the media item.
        object: Uuid,
    },
    /// Moves the bytes of a deleted session's media items out of the served root.
    HideSessionV1 {
        /// The id of the session.
        session: String,
    },
    /// Moves the bytes of a deleted space's images out of the served root.
    HideSpaceV1 {
        /// The id of the space.
        space: String,
    },
    /// Restores the media items that were deleted with a session.
    RestoreSessionV1 {
        /// The id of the session.
        session: String,
        /// When the session was deleted, in microseconds.
        since: i64,
        /// When the session was restored, in microseconds; `None` in rows of earlier releases.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    /// Restores a deleted media item.
    RestoreMediaV1 {
        /// The id of the media item.
        object: Uuid,
    },
    /// Scans a published object again with current malware signatures.
    RescanV1 {
        /// The id of the object.
        object: Uuid,
    },
    /// Copies an object of the bucket into a space.
    ImportImageV1 {
        /// The id of the new object.
        object: Uuid,
        /// The key of the source object.
        key: String,
    },
    /// Sends the queued CDN invalidations.
    InvalidateV1,
    /// Scans and publishes an object of a dataset.
    PublishPackageV1 {
        /// The id of the source file or asset.
        object: Uuid,
    },
    /// Moves the bytes of deleted objects of a dataset out of the served root.
    HideTreeV1 {
        /// The number of the dataset.
        dataset: i64,
        /// The time of the delete in microseconds, which identifies it.
        deleted_at: i64,
        /// The package and object after which to continue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<(i64, Uuid)>,
    },
    /// Moves or deletes the bytes of one package's deleted or purged objects.
    HidePackageV1 {
        /// The number of the package.
        package: i64,
    },
    /// Deletes the bytes of a purged asset.
    ForgetAssetV1 {
        /// The id of the asset.
        object: Uuid,
    },
    /// Restores deleted nodes of a dataset.
    RestoreTreeV1 {
        /// The id of the restore, which its nodes carry.
        restore: Uuid,
        /// Who requested the restore.
        actor: String,
        /// The package and object after which to continue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<(i64, Uuid)>,
    },
    /// Looks at an archived object that thaws, until it is readable.
    ThawV1 {
        /// The id of the object.
        object: Uuid,
        /// When the thaw was requested, in microseconds.
        since: i64,
    },
    /// Does a turn of a bulk action.
    BulkV1 {
        /// The id of the bulk action.
        bulk: Uuid,
    },
}

/// The priority of jobs that a client waits for.
const SOON: i64 = 10;
/// The priority of jobs that nobody waits for.
const LATER: i64 = -10;

impl Job {
    /// Returns the name in logs and metrics.
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
            Self::ThawV1 { .. } => "thaw",
            Self::BulkV1 { .. } => "bulk",
        }
    }

    /// Returns the object that the job brings through the upload pipeline; `None` for other jobs. A
    /// client waits for such a job, so it has few attempts with short pauses, store errors count as
    /// attempts, and its object becomes FAILED if it is dead-lettered.
    pub(crate) fn pipeline_object(&self) -> Option<ObjectId> {
        match self {
            Self::IngestV1 { object, .. }
            | Self::ImportImageV1 { object, .. }
            | Self::ScanFileV1 { object }
            | Self::PublishPackageV1 { object } => Some(ObjectId(*object)),
            Self::SweepV1
            | Self::RecoverV1
            | Self::ReleaseUploadV1 { .. }
            | Self::ReleaseFilesUploadV1 { .. }
            | Self::PurgeFilesFolderV1 { .. }
            | Self::PurgeObjectV1 { .. }
            | Self::ReleaseMediaV1 { .. }
            | Self::HideMediaV1 { .. }
            | Self::HideSessionV1 { .. }
            | Self::HideSpaceV1 { .. }
            | Self::RestoreSessionV1 { .. }
            | Self::RestoreMediaV1 { .. }
            | Self::RescanV1 { .. }
            | Self::InvalidateV1
            | Self::HideTreeV1 { .. }
            | Self::HidePackageV1 { .. }
            | Self::ForgetAssetV1 { .. }
            | Self::RestoreTreeV1 { .. }
            | Self::ThawV1 { .. }
            | Self::BulkV1 { .. } => None,
        }
    }

    /// Returns the deduplication name; `None` if the job may be queued more than once.
    pub(crate) fn dedupe(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::SweepV1 | Self::RecoverV1 | Self::InvalidateV1 => Some(self.name().into()),
            Self::IngestV1 { object, .. } => Some(format!("ingest:{object}").into()),
            Self::ImportImageV1 { object, .. } => Some(format!("import:{object}").into()),
            Self::ScanFileV1 { object } => Some(format!("scan:{object}").into()),
            Self::RescanV1 { object } => Some(format!("rescan:{object}").into()),
            Self::PublishPackageV1 { object, .. } => Some(format!("publish:{object}").into()),
            Self::ThawV1 { object, .. } => Some(format!("thaw:{object}").into()),
            Self::ForgetAssetV1 { object } => Some(format!("forget:{object}").into()),
            Self::BulkV1 { bulk } => Some(format!("bulk:{bulk}").into()),
            Self::HideTreeV1 { dataset, deleted_at, .. } => Some(format!("hide:{dataset}:{deleted_at}").into()),
            _ => None,
        }
    }

    /// Returns the class whose workers run the job.
    pub fn class(&self) -> JobClass {
        match self {
            Self::IngestV1 { video: true, .. } => JobClass::Videos,
            Self::IngestV1 { video: false, .. } | Self::ImportImageV1 { .. } => JobClass::Images,
            Self::ScanFileV1 { .. } | Self::RescanV1 { .. } | Self::PublishPackageV1 { .. } => JobClass::Scans,
            _ => JobClass::Upkeep,
        }
    }

    /// Returns the priority within the class; higher ones run first.
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

    /// Returns the longest pause between two attempts. For a recurring job it is at most its own
    /// interval.
    pub(crate) fn longest_pause(&self) -> Duration {
        match self {
            Self::SweepV1 | Self::RecoverV1 | Self::InvalidateV1 => Duration::from_secs(60),
            _ if self.pipeline_object().is_some() => Duration::from_secs(120),
            Self::RestoreMediaV1 { .. }
            | Self::HideTreeV1 { .. }
            | Self::HidePackageV1 { .. }
            | Self::RestoreTreeV1 { .. }
            | Self::ThawV1 { .. }
            | Self::BulkV1 { .. } => Duration::from_secs(120),
            _ => Duration::from_secs(3600),
        }
    }

    /// Returns how many attempts a job has before it is dead-lettered.
    pub(crate) fn max_attempts(&self) -> u64 {
        match self {
            Self::SweepV1 | Self::RecoverV1 => 3,
            _ if self.pipeline_object().is_some() => 6,
            _ => 12,
        }
    }
}

/// Enqueues a job in the caller's transaction. Returns its id, or `None` if a job with its
/// deduplication name is already queued.
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

/// Removes a job whose work was done otherwise. Does nothing for a job without a deduplication
/// name.
pub async fn withdraw(tx: &mut Tx, job: &Job) -> Result<()> {
    match job.dedupe() {
        Some(name) => tx.delete_job(&name).await,
        None => Ok(()),
    }
}

/// Enqueues a job in place of one with the same deduplication name, even if that one is running.
pub async fn enqueue_anew(tx: &mut Tx, job: &Job, run_at: SystemTime) -> Result<()> {
    if let Some(name) = job.dedupe() {
        tx.delete_job(&name).await?;
    }
    enqueue(tx, job, run_at).await.map(drop)
}

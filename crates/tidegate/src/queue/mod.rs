//! The queue of background work: every kind of job, what its row says of it, and how it enters and leaves the queue.
//! Jobs can be run any number of times. Who runs them is in `worker`.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::{NewJob, Tx};
use crate::error::{Error, Result};

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
    pub(crate) fn longest_pause(&self) -> Duration {
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
    pub(crate) fn max_attempts(&self) -> u64 {
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
        Some(name) => tx.delete_job(&name).await,
        None => Ok(()),
    }
}

/// Adds a job in the place of one of its name, also of one that somebody works on.
pub async fn enqueue_anew(tx: &mut Tx, job: &Job, run_at: SystemTime) -> Result<()> {
    if let Some(name) = job.dedupe() {
        tx.delete_job(&name).await?;
    }
    enqueue(tx, job, run_at).await.map(drop)
}

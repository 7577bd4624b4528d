//! Background work: what there is to do and how it is done. Jobs can be run any number of times.

pub mod runner;
mod sweep;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use store::UploadRef;
use uuid::Uuid;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::files;
use crate::model::caller::Caller;
use crate::model::event::Deed;
use crate::model::ids::{ObjectId, UserId};
use crate::model::object::ObjectState;

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
}

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
        }
    }

    /// Of jobs with one name of this kind there is one at a time.
    fn dedupe(&self) -> Option<&'static str> {
        matches!(self, Self::SweepV1 | Self::RecoverV1).then(|| self.name())
    }

    /// The longest pause before another try. What recurs is not put off for longer than it recurs.
    fn longest_pause(&self) -> Duration {
        match self {
            Self::SweepV1 | Self::RecoverV1 => Duration::from_secs(60),
            Self::ReleaseUploadV1 { .. }
            | Self::ReleaseFilesUploadV1 { .. }
            | Self::PurgeFilesFolderV1 { .. }
            | Self::PurgeObjectV1 { .. } => Duration::from_secs(3600),
        }
    }

    fn max_attempts(&self) -> u64 {
        match self {
            Self::SweepV1 | Self::RecoverV1 => 3,
            Self::ReleaseUploadV1 { .. }
            | Self::ReleaseFilesUploadV1 { .. }
            | Self::PurgeFilesFolderV1 { .. }
            | Self::PurgeObjectV1 { .. } => 12,
        }
    }
}

/// Adds a job to the change it follows from.
/// Its id, unless there is one of its name.
pub async fn enqueue(tx: &mut Tx, job: &Job, run_at: SystemTime) -> Result<Option<i64>> {
    let payload = serde_json::to_string(job).map_err(|error| Error::Internal(error.into()))?;
    tx.enqueue_job(&payload, job.dedupe(), run_at, job.max_attempts()).await
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
    }
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
    if tx.set_object_state(object, ObjectState::Deleted, ObjectState::Purged, now).await? {
        tx.record(&Caller::system(), Deed::ObjectPurged, object, now).await?;
    }
    tx.commit().await
}

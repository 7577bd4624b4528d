//! Archived objects of a bucket: reads their state from response headers, and asks S3 to restore
//! them. Glacier Instant Retrieval is readable at once and is no archive here.

use std::time::SystemTime;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{ArchiveStatus, GlacierJobParameters, RestoreRequest, StorageClass, Tier};

use super::S3Store;
use super::error::SdkResultExt as _;
use crate::error::{Error, Result};
use crate::{ArchiveState, ThawTier};

/// How an object is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Archive {
    /// By its storage class; a thaw makes a temporary copy.
    Class,
    /// In a tier of Intelligent-Tiering; a thaw moves it to the frequent tier.
    Tier,
}

/// Returns the archive that holds an object, and whether it is a deep one.
fn archive_of(head: &HeadObjectOutput) -> Option<(Archive, bool)> {
    match (head.storage_class(), head.archive_status()) {
        (Some(StorageClass::Glacier), _) => Some((Archive::Class, false)),
        (Some(StorageClass::DeepArchive), _) => Some((Archive::Class, true)),
        (_, Some(status)) => Some((Archive::Tier, *status == ArchiveStatus::DeepArchiveAccess)),
        _ => None,
    }
}

/// Returns the archive state that a response to HEAD tells.
pub(super) fn state_of(head: &HeadObjectOutput) -> ArchiveState {
    match archive_of(head) {
        None => ArchiveState::Readable,
        Some(_) => restored(head.restore()).unwrap_or(ArchiveState::Archived),
    }
}

/// Parses `x-amz-restore`: `ongoing-request="true"`, or `ongoing-request="false", expiry-date="…"`
/// with an HTTP date. Returns `None` without a restore, and after it has expired.
pub(super) fn restored(header: Option<&str>) -> Option<ArchiveState> {
    let header = header?;
    if header.contains("ongoing-request=\"true\"") {
        return Some(ArchiveState::Thawing);
    }
    let (_, date) = header.split_once("expiry-date=\"")?;
    let date = DateTime::from_str(date.split('"').next()?, DateTimeFormat::HttpDate).ok()?;
    let until = SystemTime::try_from(date).ok()?;
    (until > SystemTime::now()).then_some(ArchiveState::Thawed { until })
}

impl S3Store {
    /// Adds the state of the object to an error that says that it is archived.
    pub(super) async fn with_state<T>(&self, key: &str, outcome: Result<T>) -> Result<T> {
        match outcome {
            // Between the two requests a thaw may have ended; then the client asks again.
            Err(Error::Archived(_)) => Err(Error::Archived(self.head(key).await?.archive)),
            other => other,
        }
    }

    /// Begins to restore an archived object, and returns its state.
    pub(super) async fn begin_thaw(&self, key: &str, days: u32, tier: ThawTier) -> Result<ArchiveState> {
        let head = self.client.head_object().bucket(&*self.bucket).key(key).send().await.or_store_error()?;
        let (archive, is_deep) = match (archive_of(&head), state_of(&head)) {
            (None, state) | (_, state @ ArchiveState::Thawing) => return Ok(state),
            (Some(found), _) => found,
        };
        let tier = match tier {
            ThawTier::Bulk => Tier::Bulk,
            ThawTier::Expedited if !is_deep => Tier::Expedited,
            ThawTier::Standard | ThawTier::Expedited => Tier::Standard,
        };
        let parameters = GlacierJobParameters::builder().tier(tier).build();
        let parameters = parameters.map_err(|error| Error::Refused(error.to_string()))?;
        // Intelligent-Tiering refuses a request with a number of days.
        let days = (archive == Archive::Class).then(|| i32::try_from(days).unwrap_or(i32::MAX));
        let request = RestoreRequest::builder().set_days(days).glacier_job_parameters(parameters).build();
        let sent = self.client.restore_object().bucket(&*self.bucket).key(key).restore_request(request).send().await;
        let code = sent.as_ref().err().and_then(|error| error.as_service_error()?.code().map(str::to_owned));
        match code.as_deref() {
            // Another request began it, or its tier changed, after the response to HEAD.
            Some("RestoreAlreadyInProgress") => return Ok(ArchiveState::Thawing),
            Some("ObjectAlreadyInActiveTierError") => return Ok(ArchiveState::Readable),
            _ => sent.or_store_error()?,
        };
        match self.head(key).await?.archive {
            ArchiveState::Archived => Ok(ArchiveState::Thawing),
            state => Ok(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> aws_sdk_s3::operation::head_object::builders::HeadObjectOutputBuilder {
        HeadObjectOutput::builder()
    }

    #[test]
    fn what_a_head_tells() {
        let restored = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2096 00:00:00 GMT\"";
        let expired = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"";
        let until = SystemTime::try_from(DateTime::from_secs(4_006_800_000)).unwrap();
        let of = |class: Option<StorageClass>, status: Option<ArchiveStatus>, restore: Option<&str>| {
            state_of(
                &head()
                    .set_storage_class(class)
                    .set_archive_status(status)
                    .set_restore(restore.map(str::to_owned))
                    .build(),
            )
        };
        for class in [StorageClass::Glacier, StorageClass::DeepArchive] {
            assert_eq!(of(Some(class.clone()), None, None), ArchiveState::Archived);
            assert_eq!(of(Some(class.clone()), None, Some("ongoing-request=\"true\"")), ArchiveState::Thawing);
            let ArchiveState::Thawed { until: found } = of(Some(class.clone()), None, Some(restored)) else {
                panic!("{class} is restored")
            };
            assert!(found > until - std::time::Duration::from_secs(400 * 86_400), "{found:?}");
            for unreadable in [expired, "nonsense", "ongoing-request=\"false\", expiry-date=\"soon\"", ""] {
                assert_eq!(of(Some(class.clone()), None, Some(unreadable)), ArchiveState::Archived, "{unreadable}");
            }
        }
        let tiering = Some(StorageClass::IntelligentTiering);
        assert_eq!(of(tiering.clone(), None, None), ArchiveState::Readable);
        for status in [ArchiveStatus::ArchiveAccess, ArchiveStatus::DeepArchiveAccess] {
            assert_eq!(of(tiering.clone(), Some(status.clone()), None), ArchiveState::Archived);
            assert_eq!(of(tiering.clone(), Some(status), Some("ongoing-request=\"true\"")), ArchiveState::Thawing);
        }
        for class in [None, Some(StorageClass::GlacierIr), Some(StorageClass::StandardIa)] {
            assert_eq!(of(class, None, Some(restored)), ArchiveState::Readable, "readable at once");
        }
    }
}

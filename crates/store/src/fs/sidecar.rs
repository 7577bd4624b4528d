//! The record beside a blob: all that `stat` and a stand-alone edge need, without a database. Written and
//! durable before the blob becomes visible.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::root::Root;
use crate::error::{Error, Result};
use crate::{Attributes, Stat};

/// Records are a few hundred bytes; user metadata is at most 2 KiB (S3).
const LIMIT: u64 = 64 << 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sidecar {
    pub(crate) size: u64,
    pub(crate) etag: String,
    /// Microseconds since 1970.
    pub(crate) modified_us: u64,
    #[serde(flatten)]
    pub(crate) attributes: Attributes,
    /// The upload it was completed from, so that a repeated completion is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload_id: Option<String>,
}

impl Sidecar {
    pub(crate) fn new(size: u64, etag: String, attributes: Attributes, upload_id: Option<String>) -> Self {
        Self { size, etag, modified_us: micros(SystemTime::now()), attributes, upload_id }
    }

    pub(crate) fn read(root: &Root, path: &str) -> Result<Self> {
        Self::open(root, path).map(|(record, _)| record)
    }

    /// The record, and the file it was read from.
    pub(crate) fn open(root: &Root, path: &str) -> Result<(Self, File)> {
        let (bytes, file) = root.open_small(path, LIMIT)?;
        let record = serde_json::from_slice(&bytes).map_err(|error| Error::Damaged(format!("its record: {error}")))?;
        Ok((record, file))
    }

    pub(crate) fn into_stat(self) -> Stat {
        let last_modified = SystemTime::UNIX_EPOCH + Duration::from_micros(self.modified_us);
        Stat { size: self.size, etag: self.etag, last_modified, attributes: self.attributes }
    }
}

pub(crate) fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

//! The record beside a blob: all that `stat` and a stand-alone edge need, without a database. Written and
//! durable before the blob becomes visible.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::root::Root;
use crate::error::{Error, Result};
use crate::{Attributes, Stat};

/// Records are a few hundred bytes; user metadata is at most 2 KiB (S3).
const LIMIT: u64 = 64 << 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sidecar {
    pub(crate) size: u64,
    pub(crate) etag: String,
    /// Whether the ETag is the MD5 of the bytes. Records from before this was written down have ETags of 32 hexadecimal
    /// digits that may be random.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) etag_is_md5: bool,
    /// Microseconds since 1970.
    pub(crate) modified_us: u64,
    #[serde(flatten)]
    pub(crate) attributes: Attributes,
    /// The upload it was completed from, so that a repeated completion is known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload_id: Option<String>,
}

/// What a blob's ETag is made of. Clients take 32 hexadecimal digits for the MD5 of the bytes, as S3's are for a single PUT;
/// whatever else it is has a hyphen and a number behind them, as S3's have for an upload in parts.
#[derive(Debug)]
pub(crate) enum Etag {
    /// The MD5 of the bytes.
    Md5([u8; 16]),
    /// What [`Completion::etag`](crate::Completion::etag) makes of the MD5s of the parts.
    Parts(String),
    /// Blobs never change: one that is like no other says as much as a hash, and costs nothing.
    Unique,
}

impl Sidecar {
    pub(crate) fn new(size: u64, etag: Etag, attributes: Attributes, upload_id: Option<String>) -> Self {
        let (etag, etag_is_md5) = match etag {
            Etag::Md5(md5) => (hex::encode(md5), true),
            Etag::Parts(etag) => (etag, false),
            Etag::Unique => (opaque(&Uuid::new_v4().simple().to_string()), false),
        };
        Self { size, etag, etag_is_md5, modified_us: micros(SystemTime::now()), attributes, upload_id }
    }

    pub(crate) fn read(root: &Root, path: &str) -> Result<Self> {
        Self::open(root, path).map(|(record, _)| record)
    }

    /// The record, and the file it was read from.
    pub(crate) fn open(root: &Root, path: &str) -> Result<(Self, File)> {
        let (bytes, file) = root.open_small(path, LIMIT)?;
        let mut record: Self =
            serde_json::from_slice(&bytes).map_err(|error| Error::Damaged(format!("its record: {error}")))?;
        if !record.etag_is_md5 && looks_like_md5(&record.etag) {
            record.etag = opaque(&record.etag);
        }
        Ok((record, file))
    }

    pub(crate) fn into_stat(self) -> Stat {
        let last_modified = SystemTime::UNIX_EPOCH + Duration::from_micros(self.modified_us);
        Stat { size: self.size, etag: self.etag, last_modified, attributes: self.attributes }
    }
}

/// Whether clients take an ETag for an MD5.
fn looks_like_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The same as an ETag that nobody takes for an MD5.
fn opaque(digits: &str) -> String {
    format!("{digits}-1")
}

pub(crate) fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

//! Defines the record beside a blob: everything that `stat` and a stand-alone edge need, so that
//! neither needs a database. The record is durable before the blob becomes visible. Publishing and
//! moving are in `blob`.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::root::Root;
use crate::error::{Error, Result};
use crate::{ArchiveState, Attributes, Stat};

/// The largest record that is read, in bytes. Records have a few hundred bytes; S3 limits user
/// metadata to 2 KiB.
const MAX_RECORD: u64 = 64 << 10;

/// The record of a blob, stored as JSON in `{key}.meta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sidecar {
    pub(crate) size: u64,
    pub(crate) etag: String,
    /// Whether the ETag is the MD5 of the bytes. Older records lack this field, and their ETags of
    /// 32 hexadecimal digits can be random.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) etag_is_md5: bool,
    /// When the blob became visible, in microseconds since the Unix epoch.
    pub(crate) modified_us: u64,
    #[serde(flatten)]
    pub(crate) attributes: Attributes,
    /// The id of the upload that the blob was completed from. A repeated completion is recognised
    /// by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload_id: Option<String>,
}

/// The kind of ETag that a blob gets. Clients interpret 32 hexadecimal digits as the MD5 of the
/// bytes, as S3 returns for a single PUT. Every other tag therefore ends in a hyphen and a number,
/// as S3 returns for multipart uploads.
#[derive(Debug)]
pub(crate) enum Etag {
    /// The MD5 of the bytes, in hex.
    Md5([u8; 16]),
    /// The tag that [`Completion::etag`](crate::Completion::etag) computes from the MD5s of the
    /// parts.
    Parts(String),
    /// A random tag. It is a valid strong tag because blobs never change, and it needs no hashing.
    Unique,
}

impl Sidecar {
    /// Creates the record of a blob that becomes visible now.
    pub(crate) fn new(size: u64, etag: Etag, attributes: Attributes, upload_id: Option<String>) -> Self {
        let (etag, etag_is_md5) = match etag {
            Etag::Md5(md5) => (hex::encode(md5), true),
            Etag::Parts(etag) => (etag, false),
            Etag::Unique => (opaque_etag(&Uuid::new_v4().simple().to_string()), false),
        };
        Self { size, etag, etag_is_md5, modified_us: unix_micros(SystemTime::now()), attributes, upload_id }
    }

    /// Reads the record at `path`.
    pub(crate) fn read(root: &Root, path: &str) -> Result<Self> {
        Self::open(root, path).map(|(record, _)| record)
    }

    /// Reads the record at `path` and returns it with the open file. Fails with [`Error::Damaged`]
    /// if it can't be parsed.
    pub(crate) fn open(root: &Root, path: &str) -> Result<(Self, File)> {
        let (bytes, file) = root.open_small(path, MAX_RECORD)?;
        let mut record: Self =
            serde_json::from_slice(&bytes).map_err(|error| Error::Damaged(format!("its record {path}: {error}")))?;
        if !record.etag_is_md5 && looks_like_md5(&record.etag) {
            record.etag = opaque_etag(&record.etag);
        }
        Ok((record, file))
    }

    /// Returns the blob's properties.
    pub(crate) fn into_stat(self) -> Stat {
        let last_modified = SystemTime::UNIX_EPOCH + Duration::from_micros(self.modified_us);
        Stat {
            size: self.size,
            etag: self.etag,
            last_modified,
            attributes: self.attributes,
            archive: ArchiveState::Readable,
        }
    }
}

/// Returns whether clients interpret an ETag as an MD5.
fn looks_like_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns an ETag that no client interprets as an MD5.
fn opaque_etag(digits: &str) -> String {
    format!("{digits}-1")
}

/// Returns a time in microseconds since the Unix epoch.
pub(crate) fn unix_micros(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

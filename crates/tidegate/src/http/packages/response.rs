//! Response bodies of reads from datasets: changelogs, links and manifests.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::time::rfc3339;
use crate::model::package::{TreeChange, extension};
use crate::surfaces::packages::manifest::{Blocked, Line, Manifest};

/// A line of a dataset's changelog.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PackageChange)]
pub(super) struct ChangeResponse {
    id: i64,
    node_id: String,
    /// `CREATE_PACKAGE`, `DELETE_PACKAGE`, `RESTORE_PACKAGE`, `RESTORE_FAILED` or `PURGE_PACKAGE`, of collections, too.
    event: String,
    /// Its name from then on.
    name: String,
    /// Its name before, where a restore had to give it another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    original_name: Option<String>,
    by: String,
    at: String,
}

impl From<TreeChange> for ChangeResponse {
    fn from(change: TreeChange) -> Self {
        Self {
            id: change.id,
            node_id: change.node,
            event: change.event,
            name: change.name,
            original_name: change.original_name,
            by: change.actor,
            at: rfc3339(change.at),
        }
    }
}

/// A page of a changelog, the latest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PackageChangePage)]
pub(super) struct ChangePage {
    pub(super) changes: Vec<ChangeResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A presigned URL.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) struct PresignedPackageUrl {
    pub(super) presigned_url: String,
    /// Epoch seconds.
    pub(super) expires_at: u64,
}

/// A signature of the CDN: over one asset, or over all of a package's.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum SignedAssets {
    /// Over one.
    #[schema(title = "SignedPackageAsset")]
    Object {
        signed_url: String,
        /// Epoch seconds.
        expires_at: u64,
        /// Epoch seconds from which asking again gives a later end.
        refresh_after: u64,
    },
    /// Over all.
    #[schema(title = "SignedPackagePrefix")]
    Prefix {
        /// What paths are put behind; ends with a slash.
        base_url: String,
        /// To be put behind each URL, after `?`.
        query: String,
        policy: String,
        signature: String,
        key_pair_id: String,
        /// Only where it is not SHA1.
        #[serde(skip_serializing_if = "Option::is_none")]
        hash_algorithm: Option<&'static str>,
        /// Epoch seconds.
        expires_at: u64,
        /// Epoch seconds from which asking again gives a later end.
        refresh_after: u64,
    },
}

/// What to download.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Manifest)]
pub(super) struct ManifestResponse {
    header: ManifestHeader,
    data: Vec<ManifestEntry>,
    /// Files that can't be downloaded.
    blocked: Vec<BlockedEntry>,
    /// Ids that were asked for and are unknown or deleted.
    missing: Vec<String>,
}

/// How much that is.
#[derive(Debug, Serialize, ToSchema)]
struct ManifestHeader {
    /// Files.
    count: usize,
    /// Their bytes.
    size: u64,
}

/// A file of a manifest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ManifestEntry {
    node_id: String,
    file_name: String,
    package_name: String,
    /// The names of the collections it lies in, from the one that was asked for.
    path: Vec<String>,
    url: String,
    size: u64,
    /// In lower case without its dot, such as `csv` or `nii.gz`; none where the name has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_extension: Option<String>,
}

/// A file that can't be downloaded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BlockedEntry {
    node_id: String,
    file_name: String,
    package_name: String,
    path: Vec<String>,
    /// SCANNING, REJECTED or FAILED; or ARCHIVED or THAWING, where that is known.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Manifest> for ManifestResponse {
    fn from(manifest: Manifest) -> Self {
        let size = manifest.lines.iter().map(|line| line.size).sum();
        Self {
            header: ManifestHeader { count: manifest.lines.len(), size },
            data: manifest.lines.into_iter().map(Into::into).collect(),
            blocked: manifest.blocked.into_iter().map(Into::into).collect(),
            missing: manifest.missing,
        }
    }
}

impl From<Line> for ManifestEntry {
    fn from(line: Line) -> Self {
        Self {
            file_extension: extension(&line.filename),
            node_id: line.node,
            file_name: line.filename,
            package_name: line.name,
            path: line.path,
            url: line.url,
            size: line.size,
        }
    }
}

impl From<Blocked> for BlockedEntry {
    fn from(blocked: Blocked) -> Self {
        Self {
            node_id: blocked.node,
            file_name: blocked.filename,
            package_name: blocked.name,
            path: blocked.path,
            status: blocked.status,
            reason: blocked.reason,
        }
    }
}

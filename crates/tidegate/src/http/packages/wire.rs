//! Request and response bodies of datasets, and their conversion from the model. Those of reads are
//! in `response.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::archived::ArchiveResponse;
use super::super::time::rfc3339;
use crate::db::PackageObject;
use crate::model::object::Object;
use crate::model::package::{Asset, Dataset, Node, NodeKind};
use crate::model::space::Member;
use crate::surfaces::packages::deletion::{NOT_FOUND, Outcomes};
use crate::surfaces::packages::uploads::{Target, UploadMethod};

/// A dataset's name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DatasetRequest)]
pub(super) struct NewDataset {
    /// Up to 200 bytes.
    pub(super) name: String,
}

/// A dataset.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Dataset)]
pub(super) struct DatasetResponse {
    /// As `N:dataset:…`.
    id: String,
    /// The number in its keys: `D{intId}`.
    int_id: i64,
    name: String,
    organization: String,
    /// The number in its keys: `O{organizationIntId}`.
    organization_int_id: i64,
    /// What the caller may do; none for a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    created_at: String,
    /// Source files and assets that are published.
    objects: u64,
    /// Their bytes.
    bytes: u64,
}

impl DatasetResponse {
    pub(super) fn new(dataset: Dataset, role: Option<crate::model::role::Role>) -> Self {
        Self {
            id: dataset.id.as_str().to_owned(),
            int_id: dataset.number,
            name: dataset.name,
            organization: dataset.org_name,
            organization_int_id: dataset.org,
            role: role.map(crate::model::role::Role::as_str),
            created_at: rfc3339(dataset.created_at),
            objects: dataset.objects,
            bytes: dataset.bytes,
        }
    }
}

/// A page of datasets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatasetPage {
    pub(super) datasets: Vec<DatasetResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// What somebody may do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DatasetRoleRequest)]
pub(super) struct NewDatasetRole {
    /// viewer, editor, manager or owner.
    pub(super) role: String,
}

/// Somebody who belongs to a dataset.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatasetMember {
    user_id: String,
    role: &'static str,
    added_at: String,
}

impl From<&Member> for DatasetMember {
    fn from(member: &Member) -> Self {
        Self {
            user_id: member.user.as_str().to_owned(),
            role: member.role.as_str(),
            added_at: rfc3339(member.added_at),
        }
    }
}

/// A page of members.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatasetMemberPage {
    pub(super) members: Vec<DatasetMember>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A collection about to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CollectionRequest)]
pub(super) struct NewCollection {
    /// Up to 255 bytes, without slashes; unique among what lies beside it.
    pub(super) name: String,
    /// The collection it lies in; the top of the dataset if left out.
    pub(super) parent_id: Option<String>,
}

/// A package about to be made, and its source file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PackageRequest)]
pub(super) struct NewPackage {
    /// Up to 255 bytes, without slashes; unique among what lies beside it.
    pub(super) name: String,
    /// The collection it lies in; the top of the dataset if left out.
    pub(super) parent_id: Option<String>,
    /// The name the source file is saved under; the package's if left out.
    #[serde(alias = "fileName")]
    pub(super) filename: Option<String>,
    #[serde(flatten)]
    pub(super) file: NewPackageFile,
}

/// A file about to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PackageFileRequest)]
pub(super) struct NewPackageFile {
    /// Its media type; application/octet-stream, or what an asset's path says, if left out.
    pub(super) content_type: Option<String>,
    /// Bytes; then just so many must come.
    pub(super) size: Option<u64>,
    /// SHA-256 in hex; then just that must come.
    pub(super) sha256: Option<String>,
    /// Whether it comes in parts. More than 5 GiB do so anyway.
    #[serde(default)]
    pub(super) multipart: bool,
}

/// Where to send a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackageUpload {
    /// What to confirm by: the package's id, or the asset's.
    id: String,
    /// The package.
    node_id: String,
    /// Where to PUT the file, if it comes by one PUT.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_url: Option<String>,
    /// Headers to PUT it with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// Bytes in each part but the last, if it comes in parts: ask for them by `POST /packages/{id}/parts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    part_size: Option<u64>,
    /// When `uploadUrl` ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_url_expires_at: Option<String>,
    /// When the upload is given up.
    expires_at: String,
}

impl PackageUpload {
    pub(super) fn new(target: Target, asset: bool) -> Self {
        let id = if asset { target.object.to_string() } else { target.node.as_str().to_owned() };
        let (upload_url, url_ends, headers, part_size) = match target.method {
            UploadMethod::Single(request) => {
                (Some(request.url), Some(rfc3339(request.expires)), request.headers.into_iter().collect(), None)
            }
            UploadMethod::Parts { part_size } => (None, None, BTreeMap::new(), Some(part_size)),
        };
        Self {
            id,
            node_id: target.node.as_str().to_owned(),
            upload_url,
            headers,
            part_size,
            upload_url_expires_at: url_ends,
            expires_at: rfc3339(target.expires_at),
        }
    }
}

/// Parts to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WantedPackageParts)]
pub(super) struct WantedParts {
    /// From 1 to 10,000; up to 1,000 of them.
    pub(super) part_numbers: Vec<u32>,
}

/// Where to PUT a part.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackagePartUrl {
    pub(super) part_number: u32,
    pub(super) url: String,
}

/// Where to PUT parts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PackagePartUrls {
    pub(super) parts: Vec<PackagePartUrl>,
}

/// A part that was sent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackagePart {
    pub(super) part_number: u32,
    /// As the PUT's answer had it.
    pub(super) etag: String,
    /// Bytes; not needed to confirm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

/// Parts that were sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PackageParts {
    /// Bytes in each part but the last.
    pub(super) part_size: u64,
    pub(super) parts: Vec<PackagePart>,
}

/// What was sent; only where it came in parts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PackageConfirmation {
    pub(super) parts: Option<Vec<PackagePart>>,
}

/// A collection or a package.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PackageNode)]
pub(super) struct NodeResponse {
    /// As `N:package:…` or `N:collection:…`.
    node_id: String,
    /// The number in a package's keys: `P{intId}`.
    int_id: i64,
    /// `Collection` or `Package`.
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    /// The collection it lies in; none at the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    /// PENDING, SCANNING, READY, REJECTED, FAILED, DELETED or RESTORING.
    status: &'static str,
    /// Why it was rejected or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The source file's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// The source file's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// What the scanner said: clean, skipped or unscanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<&'static str>,
    /// Bytes of a package that are published: its source file and its assets.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    created_by: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
    /// The archive its source file is in, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<ArchiveResponse>,
}

impl From<Node> for NodeResponse {
    fn from(node: Node) -> Self {
        let status = node.status().as_str();
        let is_package = node.kind == NodeKind::Package;
        let source = node.source;
        let object = source.as_ref().map(|source| &source.object);
        Self {
            node_id: node.id.as_str().to_owned(),
            int_id: node.number,
            kind: if is_package { "Package" } else { "Collection" },
            name: node.name,
            parent_id: node.parent_id.map(|id| id.as_str().to_owned()),
            status,
            file_name: object.and_then(|object| object.name.clone()),
            content_type: object.map(|object| object.content_type.clone()),
            size: object.and_then(|object| object.content.as_ref()).map(|content| content.size),
            archive: object.and_then(|object| object.archive).map(Into::into),
            scan: source.as_ref().and_then(|source| source.scan).map(crate::model::media::Scan::as_str),
            reason: source.and_then(|source| source.reason),
            bytes: is_package.then_some(node.bytes),
            created_by: node.created_by,
            created_at: rfc3339(node.created_at),
            deleted_at: node.deleted_at.map(rfc3339),
        }
    }
}

/// A page of what lies in a collection.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PackageNodePage)]
pub(super) struct NodePage {
    pub(super) children: Vec<NodeResponse>,
    /// How many there are in all; absent with `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// An asset of a package.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PackageAsset)]
pub(super) struct AssetResponse {
    id: String,
    /// Below the package.
    path: String,
    status: &'static str,
    /// Why it was rejected or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    created_at: String,
}

impl AssetResponse {
    fn new(object: Object, reason: Option<String>) -> Self {
        Self {
            id: object.id.to_string(),
            path: object.name.unwrap_or_default(),
            status: object.state.as_str(),
            reason,
            content_type: object.content_type,
            size: object.content.as_ref().map(|content| content.size),
            etag: object.content.map(|content| content.etag),
            created_at: rfc3339(object.created_at),
        }
    }
}

impl From<Asset> for AssetResponse {
    fn from(asset: Asset) -> Self {
        Self::new(asset.object, asset.reason)
    }
}

impl From<PackageObject> for AssetResponse {
    fn from(found: PackageObject) -> Self {
        Self::new(found.object, found.reason)
    }
}

/// A page of assets, in the order of their paths.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PackageAssetPage)]
pub(super) struct AssetPage {
    pub(super) assets: Vec<AssetResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// What was confirmed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ConfirmedPackage)]
pub(super) enum Confirmed {
    /// A package.
    Package(Box<NodeResponse>),
    /// An asset.
    Asset(Box<AssetResponse>),
}

/// Which nodes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NodeIds {
    /// Up to 1,000.
    pub(super) node_ids: Vec<String>,
}

/// What became of each.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NodeOutcomes {
    success: Vec<String>,
    failures: Vec<NodeFailure>,
}

/// A node that was left as it is.
#[derive(Debug, Serialize, ToSchema)]
struct NodeFailure {
    id: String,
    /// For programs: `NOT_FOUND` or `INVALID_STATE`.
    code: &'static str,
    /// For people.
    error: String,
}

impl From<Outcomes> for NodeOutcomes {
    fn from(outcomes: Outcomes) -> Self {
        let mut all = Self { success: Vec::new(), failures: Vec::new() };
        for (id, outcome) in outcomes {
            match outcome {
                Ok(()) => all.success.push(id),
                Err(error) => {
                    let code = if error == NOT_FOUND { "NOT_FOUND" } else { "INVALID_STATE" };
                    all.failures.push(NodeFailure { id, code, error: error.to_owned() });
                }
            }
        }
        all
    }
}

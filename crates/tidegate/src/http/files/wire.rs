//! Request and response bodies of the file surface, in the names that existing clients use.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::super::archived::ArchiveResponse;
use super::super::time::rfc3339;
use super::visibility::UnknownMembers;
use crate::model::file::File;
use crate::model::media::Scan;
use crate::model::quota::Usage;
use crate::surfaces::files::{completion::Finished, uploads::Begun};

/// What is to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FileUploadsRequest)]
pub(super) struct Init {
    /// `single`, `chunked` or `batch`.
    #[schema(example = "single")]
    pub(super) mode: String,
    pub(super) files: Vec<NewFile>,
    /// Folders with slashes between them.
    #[schema(example = "main/pictures")]
    pub(super) folder: Option<String>,
    pub(super) meta: Option<Meta>,
    /// `public` (default) or `private`, of all files. Said here, in `meta` or of a file: private in one place is private.
    #[schema(value_type = Option<String>, example = "private")]
    pub(super) visibility: Option<Value>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) others: UnknownMembers,
}

/// One file.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = FileRequest)]
pub(super) struct NewFile {
    #[schema(example = "image.jpg")]
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
    #[schema(example = "image/jpeg")]
    pub(super) mime: Option<String>,
    /// `public` (default) or `private`.
    #[schema(value_type = Option<String>)]
    pub(super) visibility: Option<Value>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) others: UnknownMembers,
}

impl NewFile {
    /// The valid members, named when an unknown one is refused.
    pub(super) const KNOWN: &str = "name, size, mime, visibility";
}

/// What a client adds. It may say more than this, which is not looked at, unless it asks for privacy.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = FileUploadMeta)]
pub(super) struct Meta {
    /// Whom a service acts for.
    pub(super) user_id: Option<String>,
    pub(super) user_email: Option<String>,
    /// The folder; at `complete` in place of the one announced before.
    pub(super) folder: Option<String>,
    /// At `complete`, the name in place of the one announced before.
    pub(super) filename: Option<String>,
    /// `public` or `private`.
    #[schema(value_type = Option<String>)]
    pub(super) visibility: Option<Value>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) others: UnknownMembers,
}

impl Meta {
    pub(super) fn user(&self) -> Option<&str> {
        self.user_id.as_deref().or(self.user_email.as_deref())
    }
}

/// An upload that was begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FileUploads)]
pub(super) struct Started {
    /// The first file's.
    pub(super) upload_id: String,
    /// Parts of 1 MiB that the largest file comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parts: Option<u64>,
    /// `public` or `private`, where all files are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visibility: Option<&'static str>,
    /// Whether anyone who knows the path of a `public` file can read it without sign-in (`FILES_PUBLIC`).
    pub(super) public_access: bool,
    pub(super) uploads: Vec<StartedFile>,
}

/// One file of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FileUpload)]
pub(super) struct StartedFile {
    /// The name that was given: dots and spaces at either end are removed.
    name: String,
    /// The folder that was given: empty segments, and dots and spaces at either end of one are removed.
    folder: String,
    upload_id: String,
    /// The key, unless `complete` names another folder or name.
    key: String,
    /// `public` or `private`: who may read it without a link.
    visibility: &'static str,
    /// Takes all bytes in one request, without base64.
    url: String,
    method: &'static str,
    /// To be sent with it, just so.
    headers: std::collections::BTreeMap<String, String>,
    expires_at: String,
}

pub(super) fn show_started(begun: Begun) -> StartedFile {
    StartedFile {
        name: begun.name,
        folder: begun.folder,
        upload_id: begun.upload_id,
        key: begun.key.as_str().to_owned(),
        visibility: begun.visibility.as_str(),
        method: begun.direct.method,
        headers: begun.direct.headers.into_iter().collect(),
        expires_at: rfc3339(begun.direct.expires),
        url: begun.direct.url,
    }
}

/// Returns the visibility shared by all files, if they have the same.
pub(super) fn common_visibility(uploads: &[StartedFile]) -> Option<&'static str> {
    let first = uploads.first()?.visibility;
    uploads.iter().all(|upload| upload.visibility == first).then_some(first)
}

/// A part in JSON, for the description: it is read as a stream.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "its members say what there is")]
#[schema(as = FilePartRequest)]
pub(super) struct NewPart {
    upload_id: String,
    /// From 0 or 1.
    part_number: u32,
    /// The bytes in base64.
    chunk_base64: String,
}

/// The destination of a part.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartTarget {
    pub(super) upload_id: String,
    pub(super) part_number: u32,
}

/// The members of a part without its content.
#[derive(Debug, Deserialize)]
pub(super) struct PartRest {
    #[serde(flatten)]
    pub(super) place: PartTarget,
    #[serde(flatten)]
    pub(super) others: UnknownMembers,
}

/// A part that is stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StoredFilePart)]
pub(super) struct PartStored {
    pub(super) status: &'static str,
    pub(super) part_number: u32,
}

/// The end of an upload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FileCompletion)]
pub(super) struct Complete {
    pub(super) upload_id: String,
    /// `data` (base64) is used where no part was sent before.
    #[serde(default)]
    pub(super) parts: Vec<CompletePart>,
    /// Of the whole, in hex.
    pub(super) sha256: Option<String>,
    pub(super) meta: Option<Meta>,
    /// `private` makes the file so; what was announced as private stays private. Also in `meta`.
    #[schema(value_type = Option<String>)]
    pub(super) visibility: Option<Value>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) others: UnknownMembers,
}

/// The upload that a completion names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompletedUpload {
    pub(super) upload_id: String,
}

/// A part that comes with the end of its upload, or came before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FileCompletionPart)]
pub(super) struct CompletePart {
    /// Where it belongs; without one, where it stands.
    pub(super) part_number: Option<u32>,
    /// The bytes in base64.
    pub(super) data: Option<String>,
}

/// A file that is there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CompletedFile {
    key: String,
    /// The name that was given.
    filename: String,
    /// The folder that was given.
    folder: String,
    size: u64,
    mime: String,
    sha256: String,
    /// `READY`, or `SCANNING` where there is a scanner: reads are answered 409 until then. Later also `REJECTED`.
    status: &'static str,
    /// `public` or `private`: who may read it without a link.
    visibility: &'static str,
}

pub(super) fn show_finished(finished: Finished) -> CompletedFile {
    let Finished { key, name, folder, size, mime, sha256, state, visibility } = finished;
    let (status, visibility) = (state.as_str(), visibility.as_str());
    CompletedFile { key: key.as_str().to_owned(), filename: name, folder, size, mime, sha256, status, visibility }
}

/// A query that names a user, by id or by email.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UserQuery {
    pub(super) user_id: Option<String>,
    pub(super) user_email: Option<String>,
}

/// The query of `DELETE /v1/files`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FolderQuery {
    pub(super) user_id: Option<String>,
    pub(super) user_email: Option<String>,
    #[param(required)]
    pub(super) folder: Option<String>,
    /// Parameters of a listing, which a deletion cannot honour.
    #[param(ignore)]
    pub(super) exact: Option<String>,
    #[param(ignore)]
    pub(super) subtree: Option<String>,
}

impl UserQuery {
    pub(super) fn user(&self) -> Option<&str> {
        self.user_id.as_deref().or(self.user_email.as_deref())
    }
}

/// A page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FilePage)]
pub(super) struct Files {
    pub(super) files: Vec<ListedFile>,
    /// Of all that match.
    pub(super) total_count: u64,
    /// Bytes of all that match.
    pub(super) total_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// One file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListedFile {
    key: String,
    filename: String,
    size: u64,
    mime: String,
    created_at: String,
    folder: String,
    status: &'static str,
    /// The archive its bytes are in, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<ArchiveResponse>,
}

pub(super) fn show_listed(file: File) -> ListedFile {
    ListedFile {
        key: file.object.key.as_str().to_owned(),
        filename: file.object.name.unwrap_or_default(),
        size: file.object.content.as_ref().map_or(0, |content| content.size),
        mime: file.object.content_type,
        created_at: rfc3339(file.object.created_at),
        folder: file.folder,
        status: file.object.state.as_str(),
        archive: file.object.archive.map(Into::into),
    }
}

/// What is known of a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileMetadata {
    size: u64,
    mime: String,
    sha256: String,
    created_at: String,
    /// `READY`, `SCANNING`, `FAILED` or `REJECTED`.
    status: &'static str,
    /// `clean`; `unscanned`: too large, and let through by a setting; `skipped`: the scanner was switched off meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    scan: Option<&'static str>,
    /// Why it was rejected, or could not be scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// `public` or `private`: who may read it without a link.
    visibility: &'static str,
    /// The archive its bytes are in, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<ArchiveResponse>,
}

pub(super) fn show_metadata(file: File) -> FileMetadata {
    FileMetadata {
        size: file.object.content.as_ref().map_or(0, |content| content.size),
        mime: file.object.content_type,
        sha256: file.digests.map(|digests| digests.sha256).unwrap_or_default(),
        created_at: rfc3339(file.object.created_at),
        status: file.object.state.as_str(),
        scan: file.scan.map(Scan::as_str),
        reason: file.reason,
        visibility: file.visibility.as_str(),
        archive: file.object.archive.map(Into::into),
    }
}

/// A link that is wanted, in the query or in the body.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[schema(as = FileLinkRequest)]
pub(super) struct LinkWanted {
    /// The file's key.
    pub(super) key: Option<String>,
    /// Another name of `key`.
    pub(super) file_key: Option<String>,
    /// `inline` (default) or `attachment`.
    pub(super) disposition: Option<String>,
    /// Seconds; an hour by default.
    #[param(value_type = Option<u64>)]
    #[schema(value_type = Option<u64>)]
    pub(super) ttl: Option<Value>,
    /// Another name of `ttl`.
    #[param(value_type = Option<u64>)]
    #[schema(value_type = Option<u64>)]
    pub(super) expires_in: Option<Value>,
    /// `1` for the source's form.
    #[param(value_type = Option<u32>)]
    #[schema(value_type = Option<u32>)]
    pub(super) v: Option<Value>,
    #[serde(flatten)]
    #[schema(ignore)]
    #[param(ignore)]
    pub(super) others: UnknownMembers,
}

impl LinkWanted {
    /// The valid members that limit a link, named when a misspelled one is refused.
    pub(super) const KNOWN: &str = "disposition, ttl, expires_in";
    /// Words in member names that seem to limit a link. An unknown member with one is refused,
    /// since ignoring it would make the link reach further than intended.
    pub(super) const REACH: [&str; 4] = ["dispos", "ttl", "expir", "lifetime"];
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileLink)]
pub(super) struct SignedLink {
    pub(super) url: String,
    pub(super) signed_url: String,
    pub(super) expires_in: u64,
    pub(super) disposition: &'static str,
    #[serde(rename = "expiresAt")]
    pub(super) expires_at: String,
}

/// The query of a link.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkQuery {
    /// Epoch seconds.
    #[param(required, value_type = u64)]
    pub(super) exp: Option<String>,
    /// The signature over key and `exp`; in version 2 also over `disposition` and what revokes links.
    #[param(required)]
    pub(super) sig: Option<String>,
    /// `inline` or `attachment`, as it was signed; of version 2.
    pub(super) disposition: Option<String>,
    /// Which key signed; of version 2.
    pub(super) kid: Option<String>,
    /// The version of the link: 1 or 2; 1 if left out.
    #[param(value_type = Option<u32>)]
    pub(super) v: Option<String>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeletedFile)]
pub(super) struct Deleted {
    pub(super) status: &'static str,
    pub(super) key: String,
}

/// A folder that is gone; its bytes follow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeletedFolder)]
pub(super) struct FolderDeleted {
    /// The job that removes its bytes, as the log names it.
    pub(super) job_id: String,
}

/// What a user's files take.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileUsage)]
pub(super) struct Taken {
    /// Bytes of files.
    pub(super) used: u64,
    /// Bytes that open uploads may still become, and of files that wait for the scanner or could not be scanned.
    pub(super) reserved: u64,
    /// The limit in bytes.
    pub(super) quota: u64,
    /// Files.
    pub(super) files: u64,
}

pub(super) fn show_taken(usage: &Usage, quota: u64) -> Taken {
    Taken { used: usage.used, reserved: usage.reserved, quota, files: usage.files }
}

/// A limit for a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FileQuotaRequest)]
pub(super) struct QuotaWanted {
    /// Bytes; `null` is the usual limit.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    pub(super) quota: Option<u64>,
}

/// The query of `POST /v1/files/generate-token`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TokenQuery {
    /// Whom the token is for.
    #[param(required)]
    pub(super) user_id: Option<String>,
    /// 1 to 24; one by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 24)]
    pub(super) expires_hours: Option<String>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FileToken)]
pub(super) struct UserToken {
    pub(super) token: String,
    /// Seconds.
    pub(super) expires_in: u64,
    #[serde(rename = "expiresAt")]
    pub(super) expires_at: String,
}

//! Bytes by key: immutable blobs with their attributes, uploads in parts, presigned requests.
//!
//! Owns durability and the mapping of keys to places. Knows no users, no database and no HTTP server.
//! Every backend is a [`Store`], and passes the suite in `conformance`.

mod checksum;
mod completion;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod fs;
mod key;
mod s3;
mod seals;
mod sigv4;

use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use serde::{Deserialize, Serialize};

pub use checksum::{Algorithm, Checks};
pub use completion::Completion;
pub use error::{Error, PartFault, Result};
pub use fs::{Blob, BlobStream, Foreign, Found, FsReader, FsStore, Piece, Reads, SendError, Tree};
pub use s3::{Addressing, Encryption, MAX_COPY, S3Options, S3Store};
pub use sigv4::{Endpoint, MAX_LIFETIME, Presigner};

/// The most parts an upload may have (S3, "Amazon S3 multipart upload limits").
pub const MAX_PARTS: u32 = 10_000;
/// The smallest part that is not the last, in bytes (S3).
pub const MIN_PART_SIZE: u64 = 5 << 20;
/// The largest part, in bytes (S3).
pub const MAX_PART_SIZE: u64 = 5 << 30;

/// A body on its way in or out. An error ends it; what came before must then not be taken as whole.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// What a blob carries besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// The media type, as it will be served.
    pub content_type: String,
    /// `Cache-Control`, as it will be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`, as it will be served unless the content must not be shown in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// User metadata (`x-amz-meta-*`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A blob as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Length in bytes.
    pub size: u64,
    /// Validator, without quotes. Strong: other bytes have another one. Where it is 32 hexadecimal digits it is the MD5 of the
    /// bytes (but in a bucket that is encrypted by KMS, where S3 makes it of something else); with a hyphen it is opaque.
    pub etag: String,
    /// When it became visible.
    pub last_modified: SystemTime,
    /// What it carries.
    pub attributes: Attributes,
}

/// An upload in parts, named as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRef {
    /// Where the blob will be.
    pub key: String,
    /// The store's id of the upload.
    pub upload_id: String,
}

/// A request anybody may send until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedRequest {
    /// `PUT` or `GET`.
    pub method: &'static str,
    /// Where to, with the signature in the query. A secret while it lives.
    pub url: String,
    /// Headers that must be sent just so.
    pub headers: Vec<(String, String)>,
    /// When it ends: what was asked for, or earlier where the credentials end earlier.
    pub expires: SystemTime,
}

/// A part that is stored for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1 to [`MAX_PARTS`].
    pub number: u32,
    /// Without quotes.
    pub etag: String,
    /// Length in bytes.
    pub size: u64,
}

/// Some bytes of a blob that is yet to be. It never changes; no two have one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// What the store knows it by.
    pub place: String,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
    /// As in [`Stat`].
    pub etag: String,
    /// As in [`Stat`].
    pub last_modified: SystemTime,
}

/// An upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// How the store names it.
    pub upload: UploadRef,
    /// When it was begun.
    pub begun: SystemTime,
}

/// What a delete leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The bytes can be brought back by [`Store::restore`].
    Restorable,
    /// Every version is gone, what was deleted restorably before included.
    Purge,
}

/// Which seals [`Store::remove_seals`] removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seals<'a> {
    /// All of them, and that of this upload even where a listing does not show it, because its move was cut off.
    All {
        /// The upload, if it is known.
        upload_id: Option<&'a str>,
    },
    /// Those older than this one; none if it is not there.
    OlderThan(&'a str),
}

/// A place for blobs. Object-safe and complete: no method is optional.
///
/// Blobs are immutable: nothing overwrites a key that exists ([`Error::AlreadyExists`]). A method that
/// returns `Ok` after changing something has made the change durable. Errors are outcomes; their
/// meaning is the same in every backend.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Returns a request with which anybody may put one blob to `key`, for `lifetime`. The media type is signed, and so
    /// is `size` in bytes if it is given.
    async fn begin_put(
        &self,
        key: &str,
        content_type: &str,
        size: Option<u64>,
        lifetime: Duration,
    ) -> Result<PresignedRequest>;
    /// Starts an upload to `key` in parts of `part_size` bytes each, the last one shorter or equal, and returns the
    /// store's id of it. The blob will carry `attributes`.
    async fn begin_parts(&self, key: &str, part_size: u64, attributes: Attributes) -> Result<String>;
    /// A request with which anybody may put part `number`, for `lifetime`.
    async fn sign_part(&self, upload: &UploadRef, number: u32, lifetime: Duration) -> Result<PresignedRequest>;
    /// The parts stored so far, by number. [`Error::NoSuchUpload`] once completed or aborted.
    async fn list_parts(&self, upload: &UploadRef) -> Result<Vec<Part>>;
    /// Makes the parts one blob, at once visible or not at all. Asked again after it succeeded, it
    /// answers the same as long as the blob is there.
    async fn complete(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat>;
    /// Drops an upload and its parts. Idempotent.
    async fn abort(&self, upload: &UploadRef) -> Result<()>;
    /// Uploads to keys that begin with `prefix`, begun before `before` and still open: what a sweep looks at.
    async fn list_uploads(&self, prefix: &str, before: SystemTime) -> Result<Vec<OpenUpload>>;
    /// Whether the ETag of a whole is made of its parts' (see [`Completion::etag`]). Elsewhere it may be anything.
    fn has_md5_etags(&self) -> bool;
    /// Writes a blob from a stream. Its ETag is the store's own.
    async fn write(&self, key: &str, body: ByteStream, attributes: Attributes) -> Result<Stat>;
    /// Stores a fragment of a blob that is yet to be, of any size up to `most` bytes. `number` says where it will probably be
    /// among the others; `draft` is a folder that is theirs alone. Durable when this returns.
    /// `attributes` are those of the whole.
    async fn write_fragment(
        &self,
        draft: &str,
        number: u32,
        most: u64,
        body: ByteStream,
        attributes: &Attributes,
    ) -> Result<Fragment>;
    /// The bytes of a fragment.
    async fn read_fragment(&self, draft: &str, fragment: &Fragment) -> Result<ByteStream>;
    /// Frees what a fragment takes. It can't be joined any more.
    async fn drop_fragment(&self, draft: &str, fragment: &Fragment) -> Result<()>;
    /// Makes one blob of fragments, one after the other; the key must be free. [`Error::NotFound`] if one of them was dropped.
    /// What is left of the draft is to be discarded.
    async fn join(&self, draft: &str, fragments: &[Fragment], to: &str, attributes: Attributes) -> Result<Stat>;
    /// Drops a draft with all its fragments. Idempotent.
    async fn discard(&self, draft: &str) -> Result<()>;
    /// Drafts below a folder that nobody has written to since `before`, where [`Store::list`] does not show them.
    async fn list_drafts(&self, below: &str, before: SystemTime) -> Result<Vec<String>>;
    /// The bytes of `range`, which must lie inside the blob; `None` is all of it.
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<(Stat, ByteStream)>;
    /// The blob without its bytes.
    async fn stat(&self, key: &str) -> Result<Stat>;
    /// Renames a blob; the new key must be free. It goes on to carry what it carried, unless it is given something else.
    /// Cut off at any moment, the blob is whole at one of the two keys, or at both; asked again, it goes on.
    /// [`Error::NotFound`] if nothing is at `from`, whatever is at `to`: it may have been moved before.
    /// [`Error::AlreadyExists`] if something is at both. [`Error::Changed`] if something else was put to `from` meanwhile.
    async fn move_to(&self, from: &str, to: &str, carrying: Option<&Attributes>) -> Result<()>;
    /// Moves the blob at `from` below the prefix `seals`, to a key to which no presigned request leads, with
    /// `attributes`. Returns that key. If nothing is at `from`, returns the newest seal there is, which an earlier call
    /// that was cut off has made; `None` if there is none either. [`Error::Changed`] if something else was put to `from`
    /// meanwhile.
    ///
    /// `seals` is one object's own. In a folder, which one server has to itself, an upload has one seal, so that a move
    /// that was cut off goes on, and a later PUT takes the place of an earlier one. In a bucket every call makes another
    /// seal: a slow server must not put a later PUT where an earlier one was already scanned.
    async fn seal(&self, from: &str, seals: &str, upload_id: &str, attributes: &Attributes) -> Result<Option<String>>;
    /// Removes seals below the prefix `seals`. Idempotent.
    async fn remove_seals(&self, seals: &str, which: Seals<'_>) -> Result<()>;
    /// Makes the blob invisible. Idempotent: an absent key is no error.
    async fn delete(&self, key: &str, deletion: Deletion) -> Result<()>;
    /// Brings back what a restorable delete took away.
    async fn restore(&self, key: &str) -> Result<Stat>;
    /// Up to `limit` blobs below `prefix` and after `after`, in the order of their keys' bytes.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>>;
    /// A request with which anybody may read the blob, for `lifetime`.
    async fn sign_read(&self, key: &str, lifetime: Duration) -> Result<PresignedRequest>;
    /// Whether the store answers; cheap enough for a readiness probe.
    async fn probe(&self) -> Result<()>;
}

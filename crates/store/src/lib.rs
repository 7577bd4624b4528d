//! Stores immutable blobs by key, with their attributes, multipart uploads and presigned requests.
//! Owns durability and the mapping of keys to files or S3 objects. Knows no users, no database and
//! no HTTP server. Every backend implements [`Store`] and passes the suite in `conformance`; read
//! on in `fs` and `s3`.

mod archive;
#[cfg(feature = "conformance")]
mod archive_conformance;
mod checksum;
mod completion;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod fs;
mod key;
mod private;
mod public;
mod s3;
mod seals;
mod sigv4;
mod space;

use std::collections::BTreeMap;
use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use serde::{Deserialize, Serialize};

pub use archive::{ArchiveState, ThawTier};
pub use checksum::{Algorithm, Checks};
pub use completion::Completion;
pub use error::{Error, PartFault, Result};
pub use fs::{Blob, BlobStream, ForeignFile, FsReader, FsStore, Piece, Reads, SendError, Tree, TreeEntry};
pub use key::TRASH;
pub use private::{create_private_folder, make_private, write_private_file};
pub use public::write_public_files;
pub use s3::{
    Addressing, BucketSettings, Encryption, LifecycleRule, Look, MAX_COPY, PublicAccessBlock, S3Options, S3Store,
    STREAM_BUFFER,
};
pub use sigv4::{Endpoint, MAX_LIFETIME, Presigner};
pub use space::{FreeSpace, Space};

/// The largest number of parts in an upload (S3, "Amazon S3 multipart upload limits").
pub const MAX_PARTS: u32 = 10_000;
/// The smallest size of a part that is not the last, in bytes (S3, "Amazon S3 multipart upload
/// limits").
pub const MIN_PART_SIZE: u64 = 5 << 20;
/// The largest size of a part, in bytes (S3, "Amazon S3 multipart upload limits").
pub const MAX_PART_SIZE: u64 = 5 << 30;

/// A request or response body. An error ends the stream; the bytes before it are then incomplete.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// The HTTP metadata of a blob.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// `Content-Type`, as served.
    pub content_type: String,
    /// `Cache-Control`, as served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`, as served unless the content type is unsafe to display inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// User metadata (`x-amz-meta-*`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// The properties of a stored blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Length in bytes.
    pub size: u64,
    /// The strong entity tag, without quotes (RFC 9110 section 8.8.3). Different bytes have
    /// different tags. A tag of 32 hexadecimal digits is the MD5 of the bytes, except in a bucket
    /// encrypted with KMS. A tag with a hyphen is opaque.
    pub etag: String,
    /// When the blob became visible.
    pub last_modified: SystemTime,
    /// The blob's metadata.
    pub attributes: Attributes,
    /// Whether the bytes can be read at once.
    pub archive: ArchiveState,
}

/// Identifies a multipart upload within its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRef {
    /// The key of the future blob.
    pub key: String,
    /// The store's id of the upload.
    pub upload_id: String,
}

/// A signed request that any holder may send until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedRequest {
    /// `PUT` or `GET`.
    pub method: &'static str,
    /// The URL with the signature in its query. Secret until it expires.
    pub url: String,
    /// The signed headers, which must be sent unchanged.
    pub headers: Vec<(String, String)>,
    /// When the request expires: at the requested time, or earlier if the credentials expire
    /// earlier.
    pub expires: SystemTime,
}

/// A part that is stored durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The part number, from 1 to [`MAX_PARTS`].
    pub number: u32,
    /// The part's ETag, without quotes.
    pub etag: String,
    /// Length in bytes.
    pub size: u64,
}

/// An immutable piece of a future blob, written to a draft. Every fragment has its own `place`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The store's identifier of the fragment.
    pub place: String,
    /// The offset of the fragment within the draft, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
}

/// One blob in a listing.
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

/// A multipart upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// The upload's identification.
    pub upload: UploadRef,
    /// When the upload was begun.
    pub begun: SystemTime,
}

/// Whether a delete can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// [`Store::restore`] can undo the delete.
    Restorable,
    /// Every version is removed, including one that was deleted restorably before.
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

/// A store of blobs. Object-safe; every backend implements every method.
///
/// Blobs are immutable: no method overwrites an existing key ([`Error::AlreadyExists`]). A change
/// is durable when its method returns `Ok`. Every error has the same meaning in every backend.
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
    /// Returns a presigned request that uploads part `number` within `lifetime`.
    async fn sign_part(&self, upload: &UploadRef, number: u32, lifetime: Duration) -> Result<PresignedRequest>;
    /// Returns the stored parts in the order of their numbers. Fails with [`Error::NoSuchUpload`]
    /// after the upload was completed or aborted.
    async fn list_parts(&self, upload: &UploadRef) -> Result<Vec<Part>>;
    /// Assembles the parts into one blob, atomically. A repeated call with the same parts returns
    /// the same result as long as the blob exists.
    async fn complete(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat>;
    /// Aborts an upload and removes its parts. Idempotent.
    async fn abort(&self, upload: &UploadRef) -> Result<()>;
    /// Returns the open uploads whose keys begin with `prefix` and that were begun before `before`.
    async fn list_uploads(&self, prefix: &str, before: SystemTime) -> Result<Vec<OpenUpload>>;
    /// Returns whether the ETag of a completed upload is always [`Completion::etag`]. If not, it
    /// can have any value.
    fn has_md5_etags(&self) -> bool;
    /// Writes a blob from a stream. The store chooses its ETag.
    async fn write(&self, key: &str, body: ByteStream, attributes: Attributes) -> Result<Stat>;
    /// Writes a fragment of up to `most` bytes to the folder `draft`, which holds only this draft's
    /// fragments. `number` is the fragment's expected position among the others. `attributes` are
    /// those of the future blob. The fragment is durable when this returns.
    async fn write_fragment(
        &self,
        draft: &str,
        number: u32,
        most: u64,
        body: ByteStream,
        attributes: &Attributes,
    ) -> Result<Fragment>;
    /// Returns the bytes of a fragment.
    async fn read_fragment(&self, draft: &str, fragment: &Fragment) -> Result<ByteStream>;
    /// Removes a fragment and frees its space. A removed fragment can't be joined.
    async fn drop_fragment(&self, draft: &str, fragment: &Fragment) -> Result<()>;
    /// Concatenates fragments into a new blob at `to`. Fails with [`Error::NotFound`] if one of
    /// them was dropped. Call [`Store::discard`] afterwards to remove the rest of the draft.
    async fn join(&self, draft: &str, fragments: &[Fragment], to: &str, attributes: Attributes) -> Result<Stat>;
    /// Removes a draft with all its fragments. Idempotent.
    async fn discard(&self, draft: &str) -> Result<()>;
    /// Returns the drafts below a folder that were last written before `before`, if the backend
    /// does not show them in [`Store::list`].
    async fn list_drafts(&self, below: &str, before: SystemTime) -> Result<Vec<String>>;
    /// Returns the bytes of `range`, which must lie inside the blob. `None` reads the whole blob.
    /// Fails with [`Error::Archived`] if the bytes cannot be read before a thaw.
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<(Stat, ByteStream)>;
    /// Returns the properties of a blob.
    async fn stat(&self, key: &str) -> Result<Stat>;
    /// Renames a blob to a key that must be free. Keeps its attributes unless `carrying` replaces
    /// them. After an interruption the blob is complete at one of the keys or at both, and a
    /// repeated call continues. Fails with [`Error::NotFound`] if `from` does not exist, also after
    /// an earlier successful move; with [`Error::AlreadyExists`] if both keys exist; with
    /// [`Error::Changed`] if `from` was replaced during the move; with [`Error::Archived`] where a
    /// move is a copy and the bytes cannot be read.
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
    /// Deletes a blob. Idempotent: an absent key is not an error. A restorable delete fails with
    /// [`Error::Archived`] where it is a copy and the bytes cannot be read; a purge never does.
    async fn delete(&self, key: &str, deletion: Deletion) -> Result<()>;
    /// Undoes a restorable delete. Returns the blob also if it was not deleted.
    async fn restore(&self, key: &str) -> Result<Stat>;
    /// Begins to make an archived blob readable for `days`, and returns its state. A thaw that is
    /// under way goes on; one that has ended is extended. In Intelligent-Tiering the blob becomes
    /// readable for good, whatever `days` is. Does nothing with a blob that is not archived.
    async fn thaw(&self, key: &str, days: u32, tier: ThawTier) -> Result<ArchiveState>;
    /// Lists up to `limit` blobs whose keys begin with `prefix` and sort after `after`, in byte
    /// order.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>>;
    /// Returns a presigned request that reads the blob within `lifetime`.
    async fn sign_read(&self, key: &str, lifetime: Duration) -> Result<PresignedRequest>;
    /// Checks that the store responds. Cheap enough for a readiness probe.
    async fn probe(&self) -> Result<()>;
}

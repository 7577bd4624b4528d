//! A ZIP archive that was asked for: what is in it, and where.

use std::time::SystemTime;

use super::ids::ObjectId;

/// The archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// SHA-256 of what opens it, in hex.
    pub token_hash: String,
    /// What it is saved as.
    pub name: String,
    /// The same for the same members in the same order.
    pub etag: String,
    /// Members.
    pub entries: u64,
    /// Bytes.
    pub size: u64,
    /// Where the central directory begins.
    pub directory_at: u64,
    /// Its bytes.
    pub directory_length: u64,
    /// When it was asked for.
    pub created_at: SystemTime,
    /// When its token ends.
    pub expires_at: SystemTime,
}

/// An object in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub object: ObjectId,
    /// Its name there.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Of its bytes.
    pub crc32: u32,
    /// Its time there.
    pub modified: SystemTime,
    /// Where its local header begins, from the archive's first byte.
    pub begins_at: u64,
    /// Where its line of the directory begins, from the directory's first byte.
    pub line_at: u64,
}

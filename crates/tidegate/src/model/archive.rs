//! ZIP archives: the layout of an archive that was requested. The bytes are produced on read by
//! `surfaces/archives/`; nothing of an archive is stored but this layout.

use std::time::SystemTime;

use super::ids::ObjectId;

/// A ZIP archive, laid out and readable by token until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// SHA-256 of the token that reads it, in hex.
    pub token_hash: String,
    /// The file name to save it under.
    pub name: String,
    /// The entity tag: equal for equal members in equal order.
    pub etag: String,
    /// The number of members.
    pub entries: u64,
    /// The size of the whole archive in bytes.
    pub size: u64,
    /// The offset of the central directory, in bytes.
    pub directory_at: u64,
    /// The length of the central directory, in bytes.
    pub directory_length: u64,
    /// When it was requested.
    pub created_at: SystemTime,
    /// When its token expires.
    pub expires_at: SystemTime,
}

/// One object in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The object's id.
    pub object: ObjectId,
    /// The member's name in the archive.
    pub name: String,
    /// The object's size in bytes.
    pub size: u64,
    /// The CRC-32 of the object's bytes.
    pub crc32: u32,
    /// The modification time stated in the archive.
    pub modified: SystemTime,
    /// The offset of its local file header from the start of the archive.
    pub begins_at: u64,
    /// The offset of its entry from the start of the central directory.
    pub line_at: u64,
}

//! The archive state of a blob: whether its bytes can be read at once. Only S3 has archives: the
//! storage classes Glacier Flexible Retrieval and Deep Archive, and the archive tiers of
//! Intelligent-Tiering. Sends no requests; see `s3::archive`.

use std::time::SystemTime;

/// Whether the bytes of a blob can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ArchiveState {
    /// The blob is not archived.
    #[default]
    Readable,
    /// The blob is archived; its bytes cannot be read.
    Archived,
    /// The blob is archived, and a thaw is under way. Its bytes cannot be read yet.
    Thawing,
    /// The blob is archived, and a temporary copy of its bytes can be read.
    Thawed {
        /// When the temporary copy is removed.
        until: SystemTime,
    },
}

impl ArchiveState {
    /// Returns whether the bytes can be read now.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Readable | Self::Thawed { .. })
    }

    /// Returns the name in messages and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Readable => "READABLE",
            Self::Archived => "ARCHIVED",
            Self::Thawing => "THAWING",
            Self::Thawed { .. } => "THAWED",
        }
    }
}

/// How fast, and how expensively, an archived blob becomes readable (S3, "Archive retrieval
/// options").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ThawTier {
    /// Within 3 to 5 hours; within 12 hours from Deep Archive.
    #[default]
    Standard,
    /// Within 5 to 12 hours; within 48 hours from Deep Archive. The cheapest.
    Bulk,
    /// Within 1 to 5 minutes. Deep Archive has no such tier; there it is [`Self::Standard`].
    Expedited,
}

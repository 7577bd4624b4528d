//! What an owner takes, and what is left for it.

/// Bytes and files of one owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of its objects.
    pub used: u64,
    /// Bytes that open uploads may still become.
    pub reserved: u64,
    /// Its objects.
    pub files: u64,
    /// Its limit in bytes, where it is not the usual one.
    pub quota: Option<u64>,
    /// How often all its links were ended.
    pub link_epoch: u64,
}

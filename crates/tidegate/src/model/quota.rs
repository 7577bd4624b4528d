//! Storage use and quota of one owner.

/// How much an owner stores and has reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the owner's objects.
    pub used: u64,
    /// Bytes reserved by open uploads.
    pub reserved: u64,
    /// The number of objects.
    pub files: u64,
    /// The owner's own limit in bytes; `None` where the configured default applies.
    pub quota: Option<u64>,
    /// The number of times that all links to the owner's files were revoked.
    pub link_epoch: u64,
}

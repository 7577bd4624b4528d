//! The errors of store operations, with one meaning in every backend. Knows no HTTP statuses; the
//! server maps errors to responses.

use std::io;

use crate::ArchiveState;

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no blob at the key.
    #[error("no such key")]
    NotFound,
    /// There is a blob at the key already; blobs are never overwritten.
    #[error("the key exists already")]
    AlreadyExists,
    /// The blob was replaced by another one during the operation.
    #[error("the blob was replaced meanwhile")]
    Changed,
    /// There is no open upload with that id at that key.
    #[error("no such upload")]
    NoSuchUpload,
    /// The key violates the rules for keys.
    #[error("the key is not valid: {0}")]
    InvalidKey(&'static str),
    /// A part named in a completion is missing or differs from the stored part.
    #[error("part {number}: {fault}")]
    InvalidPart {
        /// The part number.
        number: u32,
        /// What is wrong with the part.
        fault: PartFault,
    },
    /// The upload was completed before with a different list of parts.
    #[error("the upload was completed with other parts")]
    CompletedDifferently,
    /// The body or the whole upload exceeds its limit.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The parts do not add up to the announced size.
    #[error("{actual} bytes were uploaded, {announced} were announced")]
    SizeMismatch {
        /// The announced size in bytes.
        announced: u64,
        /// The uploaded size in bytes.
        actual: u64,
    },
    /// The body does not match the checksum in the request. Holds the algorithm's name.
    #[error("the {0} of the body is not the one given")]
    ChecksumMismatch(&'static str),
    /// The body ended early or its stream failed.
    #[error("the body ended early: {0}")]
    Incomplete(io::Error),
    /// The range is not inside the blob.
    #[error("the range lies outside the blob")]
    BadRange,
    /// The lifetime of a presigned request is outside SigV4's limits.
    #[error("a presigned request lives between 1 second and 7 days")]
    BadLifetime,
    /// The store has no space left.
    #[error("the store is full")]
    Full,
    /// The store did not respond, or its response was invalid. A retry can succeed.
    #[error("the store failed: {0}")]
    Unavailable(io::Error),
    /// The store refused the request. Holds the store's own error code. A retry does not help.
    #[error("the store refused: {0}")]
    Refused(String),
    /// The blob is archived, and its bytes cannot be read before a thaw.
    #[error("the blob is archived")]
    Archived(ArchiveState),
    /// The blob's bytes and its record contradict each other.
    #[error("the blob is damaged: {0}")]
    Damaged(String),
}

/// What is wrong with a part in a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartFault {
    /// The part was never stored.
    #[error("was never uploaded")]
    Missing,
    /// The ETag is not that of the stored part.
    #[error("has another ETag")]
    WrongEtag,
    /// The part is shorter than the part size and is not the last.
    #[error("is shorter than the part size and not the last")]
    Short,
    /// The part numbers do not run from 1 without a gap.
    #[error("is missing between the parts given")]
    Gap,
    /// The part is named more than once.
    #[error("is named twice")]
    Twice,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Unavailable(error),
        }
    }
}

impl From<rustix::io::Errno> for Error {
    fn from(errno: rustix::io::Errno) -> Self {
        io::Error::from(errno).into()
    }
}

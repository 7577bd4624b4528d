//! Outcomes a caller can act on. No HTTP here.

use std::io;

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;

/// What can come of an operation other than success.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No blob at that key.
    #[error("no such key")]
    NotFound,
    /// The key is taken; blobs are never overwritten.
    #[error("the key exists already")]
    AlreadyExists,
    /// The blob is no longer what it was a moment ago: somebody is writing there.
    #[error("the blob was replaced meanwhile")]
    Changed,
    /// No open upload of that id at that key.
    #[error("no such upload")]
    NoSuchUpload,
    /// The key can't be stored.
    #[error("the key is not valid: {0}")]
    InvalidKey(&'static str),
    /// A part given at completion is not the one that is stored.
    #[error("part {number}: {fault}")]
    InvalidPart {
        /// Which one.
        number: u32,
        /// What is wrong with it.
        fault: PartFault,
    },
    /// The upload was completed, with other parts than these.
    #[error("the upload was completed with other parts")]
    CompletedDifferently,
    /// The body is longer than allowed, or the upload as a whole.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The parts do not add up to the announced size.
    #[error("{actual} bytes were uploaded, {announced} were announced")]
    SizeMismatch {
        /// What was promised.
        announced: u64,
        /// What is there.
        actual: u64,
    },
    /// The bytes are not those the checksum was made of.
    #[error("the {0} of the body is not the one given")]
    ChecksumMismatch(&'static str),
    /// The body ended early or broke off.
    #[error("the body ended early: {0}")]
    Incomplete(io::Error),
    /// The range lies outside the blob.
    #[error("the range lies outside the blob")]
    BadRange,
    /// A lifetime outside what SigV4 allows.
    #[error("a presigned request lives between 1 second and 7 days")]
    BadLifetime,
    /// The store is full.
    #[error("the store is full")]
    Full,
    /// The store does not answer, or not as it should.
    #[error("the store failed: {0}")]
    Unavailable(io::Error),
    /// The store answered, and does not let us: its own code says why.
    #[error("the store refused: {0}")]
    Refused(String),
    /// Bytes and record do not agree.
    #[error("the blob is damaged: {0}")]
    Damaged(String),
}

/// What is wrong with a part at completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartFault {
    /// It was never stored.
    #[error("was never uploaded")]
    Missing,
    /// The ETag is another's, or an older one's.
    #[error("has another ETag")]
    WrongEtag,
    /// Only the last part may be shorter than the part size.
    #[error("is shorter than the part size and not the last")]
    Short,
    /// Part numbers must run from 1 without a gap.
    #[error("is missing between the parts given")]
    Gap,
    /// Named more than once.
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

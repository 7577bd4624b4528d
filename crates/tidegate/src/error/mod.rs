//! The error type of all shared functions; each variant has a stable code. Knows no HTTP and no
//! SQL: `http/error.rs` maps codes to status codes.

use std::borrow::Cow;
use std::fmt;

use self::archived::{ArchiveState, ArchiveStatus};

pub use code::Code;

pub mod archived;
mod code;

/// The result of a shared function.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation failed. The message (`Display`) is for the caller and holds no internals. The
/// cause is logged once, where the response is written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is malformed or contradicts itself.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// The request has no valid credentials.
    #[error("{0}")]
    Unauthenticated(Cow<'static, str>),
    /// A request for a disk image does not name its user, where sign-in is for development.
    #[error("Missing X-User-Id header (AUTH_MODE=dev)")]
    Unidentified,
    /// The caller is signed in and not allowed.
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// The thing does not exist, or the caller may not know that it does.
    #[error("{0}")]
    NotFound(Cow<'static, str>),
    /// The thing is in a state that does not allow the operation.
    #[error("{0}")]
    InvalidState(Cow<'static, str>),
    /// The bytes are in an archive of the bucket, and cannot be read before a thaw.
    #[error("{}", archived_message(.0))]
    Archived(ArchiveStatus),
    /// A size limit is exceeded.
    #[error("{0}")]
    TooLarge(Cow<'static, str>),
    /// A quota is too small for the request.
    #[error("{0}")]
    QuotaExceeded(Shortage),
    /// The caller exceeded a rate limit, or its share of the requests in progress.
    #[error("too many requests, or too many in progress; try again")]
    RateLimited {
        /// The time to wait before the next request.
        retry_after: std::time::Duration,
    },
    /// The disk is full up to its reserve. Deletes still work.
    #[error("the server has no room left; delete something, or try again later")]
    InsufficientStorage,
    /// The configuration does not support the operation.
    #[error("{0}")]
    Misconfig(Cow<'static, str>),
    /// A resource of the server is exhausted at the moment: permits, connections or a lock.
    #[error("the server is busy; try again")]
    Busy,
    /// The store gave an unexpected answer, or its data is damaged.
    #[error("the store failed")]
    StoreError(#[source] store::Error),
    /// The store, the database or the token issuer cannot be reached.
    #[error("a part of the service is not available; try again")]
    Unavailable(#[source] anyhow::Error),
    /// The malware scanner cannot be reached.
    #[error("the malware scanner does not answer")]
    Scanner(#[source] anyhow::Error),
    /// A bug, or a failure with no better variant.
    #[error("an internal error occurred")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// Returns the stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::BadRequest(_) => Code::BadRequest,
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Unidentified => Code::Unidentified,
            Self::Forbidden(_) => Code::Forbidden,
            Self::NotFound(_) => Code::NotFound,
            Self::InvalidState(_) => Code::InvalidState,
            Self::Archived(_) => Code::Archived,
            Self::TooLarge(_) => Code::TooLarge,
            Self::QuotaExceeded(_) => Code::QuotaExceeded,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::InsufficientStorage => Code::InsufficientStorage,
            Self::Misconfig(_) => Code::Misconfig,
            Self::Busy | Self::Unavailable(_) => Code::StoreUnavailable,
            Self::StoreError(_) => Code::StoreError,
            Self::Scanner(_) => Code::ScannerUnavailable,
            Self::Internal(_) => Code::Internal,
        }
    }
}

/// The cause of [`Error::Unavailable`] while the database does not answer. It was logged when that
/// began.
#[derive(Debug, thiserror::Error)]
#[error("the database does not answer: {0}")]
pub struct DatabaseOutage(pub String);

impl Error {
    /// Returns whether the cause was logged where it was found: once when the database stops
    /// answering or a disk gets full, and refusals of a busy server together.
    pub fn is_logged(&self) -> bool {
        match self {
            Self::Busy | Self::InsufficientStorage => true,
            Self::Unavailable(source) => source.is::<DatabaseOutage>(),
            _ => false,
        }
    }

    /// Returns the cause, for the log only.
    pub fn detail(&self) -> String {
        match self {
            Self::Internal(source) | Self::Unavailable(source) | Self::Scanner(source) => format!("{source:#}"),
            Self::StoreError(source) => source.to_string(),
            other => other.to_string(),
        }
    }
}

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Bytes of an owner.
    Bytes,
    /// Objects of an owner.
    Objects,
    /// Open uploads of an owner.
    OpenUploads,
    /// Open uploads that one user has begun.
    OpenUploadsOfUser,
    /// Sessions that one user has created.
    Sessions,
    /// Spaces that one user has created.
    Spaces,
    /// Datasets that one user has created.
    Datasets,
}

impl Resource {
    /// Returns the name in responses and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Objects => "objects",
            Self::OpenUploads => "open_uploads",
            Self::OpenUploadsOfUser => "open_uploads_of_user",
            Self::Sessions => "sessions",
            Self::Spaces => "spaces",
            Self::Datasets => "datasets",
        }
    }

    /// Returns the name in messages.
    fn words(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Objects => "objects",
            Self::OpenUploads => "open uploads",
            Self::OpenUploadsOfUser => "open uploads of one user",
            Self::Sessions => "sessions",
            Self::Spaces => "spaces",
            Self::Datasets => "datasets",
        }
    }
}

/// Why a quota refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// What is used up.
    pub resource: Resource,
    /// How much of it is taken, reservations included.
    pub used: u64,
    /// The quota.
    pub quota: u64,
    /// How much the request needs.
    pub requested: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, used, quota, requested } = self;
        let what = resource.words();
        write!(f, "the quota is used up: {used} of {quota} {what} are taken, {requested} more were asked for")
    }
}

/// Returns what a caller is told who asks for archived bytes.
fn archived_message(status: &ArchiveStatus) -> &'static str {
    match status.state {
        ArchiveState::Archived => "it is archived; ask for a thaw, and read it once that has ended",
        ArchiveState::Thawing => "it is archived, and its thaw has begun; read it once that has ended",
        // The state changed between the refusal of the store and the question for the state.
        ArchiveState::Readable | ArchiveState::Thawed { .. } => "it was archived until a moment ago; ask again",
    }
}

/// Returns a [`Error::BadRequest`] with a message that says what would be right.
pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Error {
    Error::BadRequest(message.into())
}

/// Returns the error for a caller who has not signed in.
pub fn unauthenticated() -> Error {
    Error::Unauthenticated("sign in first".into())
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        use store::Error as Store;
        match error {
            Store::NotFound => Self::NotFound("no such object".into()),
            Store::NoSuchUpload => Self::InvalidState("the upload is no longer open".into()),
            Store::Changed => Self::InvalidState("it was replaced meanwhile; ask again".into()),
            Store::CompletedDifferently => Self::InvalidState("the upload was completed with other parts".into()),
            Store::InvalidPart { .. } | Store::SizeMismatch { .. } | Store::ChecksumMismatch(_) => {
                Self::BadRequest(error.to_string().into())
            }
            Store::Incomplete(_) => Self::BadRequest("the body ended early".into()),
            Store::TooLarge { limit } => Self::TooLarge(format!("at most {limit} bytes are allowed").into()),
            Store::Full => Self::InsufficientStorage,
            Store::Archived(state) => Self::Archived(state.into()),
            Store::Unavailable(_) => Self::Unavailable(error.into()),
            Store::Damaged(_) | Store::Refused(_) => Self::StoreError(error),
            Store::AlreadyExists | Store::InvalidKey(_) | Store::BadRange | Store::BadLifetime => {
                Self::Internal(error.into())
            }
        }
    }
}

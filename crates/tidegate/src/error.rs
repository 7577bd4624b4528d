//! Outcomes, each with a stable code. Knows no HTTP and no SQL; `http/error.rs` maps them to statuses.

use std::borrow::Cow;

/// The result of a shared function.
pub type Result<T> = std::result::Result<T, Error>;

/// What can come of an operation other than success. Messages are for the caller and hold no internals;
/// what happened inside is logged where it is answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request makes no sense as it stands.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// Nobody signed in.
    #[error("{0}")]
    Unauthenticated(Cow<'static, str>),
    /// Not theirs.
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// Not there, or not to be known.
    #[error("{0}")]
    NotFound(Cow<'static, str>),
    /// Not now.
    #[error("{0}")]
    InvalidState(Cow<'static, str>),
    /// Over a limit.
    #[error("{0}")]
    TooLarge(Cow<'static, str>),
    /// More than is left for its owner.
    #[error("the quota is used up: {used} of {quota} bytes are taken, {requested} more were asked for")]
    QuotaExceeded {
        /// Bytes of objects, and those that are reserved.
        used: u64,
        /// The limit.
        quota: u64,
        /// What was asked for.
        requested: u64,
    },
    /// Too many requests.
    #[error("too many requests; slow down")]
    RateLimited {
        /// When to come back.
        retry_after: std::time::Duration,
    },
    /// The setup can't do this.
    #[error("{0}")]
    Misconfig(Cow<'static, str>),
    /// A part of the server that others wait for is busy.
    #[error("the server is busy; try again")]
    Busy,
    /// The store answered, but not as it should.
    #[error("the store failed")]
    StoreError(#[source] store::Error),
    /// The store, the database or the token issuer does not answer, or the disk is full.
    #[error("a part of the service is not available; try again")]
    Unavailable(#[source] anyhow::Error),
    /// Nobody can say whether it is malware.
    #[error("the malware scanner does not answer")]
    Scanner(#[source] anyhow::Error),
    /// Ours.
    #[error("an internal error occurred")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// The code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "BAD_REQUEST",
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound(_) => "NOT_FOUND",
            Self::InvalidState(_) => "INVALID_STATE",
            Self::TooLarge(_) => "TOO_LARGE",
            Self::QuotaExceeded { .. } => "QUOTA_EXCEEDED",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::Misconfig(_) => "MISCONFIG",
            Self::Busy | Self::Unavailable(_) => "STORE_UNAVAILABLE",
            Self::StoreError(_) => "STORE_ERROR",
            Self::Scanner(_) => "SCANNER_UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

impl Error {
    /// What happened inside, for the log only.
    pub fn detail(&self) -> String {
        match self {
            Self::Internal(source) | Self::Unavailable(source) | Self::Scanner(source) => format!("{source:#}"),
            Self::StoreError(source) => source.to_string(),
            other => other.to_string(),
        }
    }
}

/// A request that makes no sense, and what would.
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
            Store::Full | Store::Unavailable(_) => Self::Unavailable(error.into()),
            Store::Damaged(_) | Store::Refused(_) => Self::StoreError(error),
            Store::AlreadyExists | Store::InvalidKey(_) | Store::BadRange | Store::BadLifetime => {
                Self::Internal(error.into())
            }
        }
    }
}

//! The stable codes of errors, and what each means. Knows no status codes: `http/error.rs` maps them.

/// The code of an error, as programs read it in a response. A code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// `BAD_REQUEST`
    BadRequest,
    /// `UNAUTHENTICATED`
    Unauthenticated,
    /// `UNAUTH`, the name that clients of disk images read.
    Unidentified,
    /// `FORBIDDEN`
    Forbidden,
    /// `NOT_FOUND`
    NotFound,
    /// `REQUEST_TIMEOUT`
    RequestTimeout,
    /// `INVALID_STATE`
    InvalidState,
    /// `ARCHIVED`
    Archived,
    /// `TOO_LARGE`
    TooLarge,
    /// `QUOTA_EXCEEDED`
    QuotaExceeded,
    /// `URL_TOO_LONG`
    UrlTooLong,
    /// `RATE_LIMITED`
    RateLimited,
    /// `HEADERS_TOO_LARGE`
    HeadersTooLarge,
    /// `MISCONFIG`
    Misconfig,
    /// `INTERNAL`
    Internal,
    /// `STORE_ERROR`
    StoreError,
    /// `SCANNER_UNAVAILABLE`
    ScannerUnavailable,
    /// `STORE_UNAVAILABLE`
    StoreUnavailable,
    /// `HTTP_VERSION_NOT_SUPPORTED`
    HttpVersionNotSupported,
    /// `INSUFFICIENT_STORAGE`
    InsufficientStorage,
}

impl Code {
    /// All codes, in the order of their status codes.
    pub const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Unidentified,
        Self::Forbidden,
        Self::NotFound,
        Self::RequestTimeout,
        Self::InvalidState,
        Self::Archived,
        Self::TooLarge,
        Self::QuotaExceeded,
        Self::UrlTooLong,
        Self::RateLimited,
        Self::HeadersTooLarge,
        Self::Misconfig,
        Self::Internal,
        Self::StoreError,
        Self::ScannerUnavailable,
        Self::StoreUnavailable,
        Self::HttpVersionNotSupported,
        Self::InsufficientStorage,
    ];

    /// Returns the code as it appears in responses, logs and the reasons of jobs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Unidentified => "UNAUTH",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::InvalidState => "INVALID_STATE",
            Self::Archived => "ARCHIVED",
            Self::TooLarge => "TOO_LARGE",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::UrlTooLong => "URL_TOO_LONG",
            Self::RateLimited => "RATE_LIMITED",
            Self::HeadersTooLarge => "HEADERS_TOO_LARGE",
            Self::Misconfig => "MISCONFIG",
            Self::Internal => "INTERNAL",
            Self::StoreError => "STORE_ERROR",
            Self::ScannerUnavailable => "SCANNER_UNAVAILABLE",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::HttpVersionNotSupported => "HTTP_VERSION_NOT_SUPPORTED",
            Self::InsufficientStorage => "INSUFFICIENT_STORAGE",
        }
    }

    /// Returns what the code means, in Markdown, for the reference.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::BadRequest => {
                "The request is not valid; the message says what would be. With status 405: the route does not have \
                 this method."
            }
            Self::Unauthenticated => "Nobody is signed in, or the token is refused; the message says why.",
            Self::Unidentified => "With `AUTH_MODE=dev`: a request for a disk image has no `X-User-Id`.",
            Self::Forbidden => {
                "The object belongs to somebody else, the caller's role does not allow the request, or a page of \
                 another origin sent it."
            }
            Self::NotFound => {
                "The object does not exist, or was deleted. Its upload was aborted, or expired and was removed."
            }
            Self::RequestTimeout => {
                "The body came too slowly, and the connection is closed: JSON has 10 s, and 1 s more for every \
                 16 KiB; a part has 60 s, and 1 s more for every 4 KiB."
            }
            Self::InvalidState => {
                "The upload is still open, already complete, or over. A file is being scanned, was rejected, or could \
                 not be scanned. Three newer requests send the same part. A name or a path is taken, or the last \
                 owner would go."
            }
            Self::Archived => {
                "The bytes are in an archive of the bucket. `archive.state` says whether a thaw is needed (`ARCHIVED`) \
                 or under way (`THAWING`); in GraphQL it is in `extensions`. See [archived \
                 objects](../operations/archiving.md)."
            }
            Self::TooLarge => "The request is over a size limit.",
            Self::QuotaExceeded => {
                "The request would exceed a quota. `resource` says which: `bytes`, `objects` or `open_uploads` of \
                 the owner, or `open_uploads_of_user`, `sessions`, `spaces` or `datasets` of the user. `used`, \
                 `quota` and `requested` say by how much; in GraphQL they are in `extensions`."
            }
            Self::UrlTooLong => "The URL has more than 8192 bytes.",
            Self::RateLimited => {
                "One user or one address sent too many requests, or has too many requests, uploads or event streams \
                 in progress; `Retry-After` says when to try again."
            }
            Self::HeadersTooLarge => "The head of the request has more than 32 KiB or 64 lines.",
            Self::Misconfig => "The configuration does not allow this; the operator must act.",
            Self::Internal => "The server failed.",
            Self::StoreError => {
                "The store answered wrongly: a damaged blob, a bucket that refuses Tidegate, or a deleted object that \
                 cannot be restored whole."
            }
            Self::ScannerUnavailable => "The malware scanner does not answer. It appears in the reasons of jobs.",
            Self::StoreUnavailable => {
                "The store or the database does not answer, the token issuer's keys are not known yet, or the server \
                 is busy. Try again; `Retry-After` says when."
            }
            Self::HttpVersionNotSupported => "The request is of another version than HTTP/1.0 or 1.1.",
            Self::InsufficientStorage => {
                "The disk of the server is full up to its reserve. Deletes and reads work; delete something, or try \
                 again later."
            }
        }
    }
}

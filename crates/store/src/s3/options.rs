//! Defines the options of the S3 store: the bucket, its endpoints, credentials and limits. Reads no
//! settings; the server's configuration fills them in.

use std::time::Duration;

/// The largest object that S3 copies in one request, in bytes (S3, `CopyObject`).
pub const MAX_COPY: u64 = 5 << 30;

/// How a URL contains the bucket's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// Path-style: as the first segment of the path.
    Path,
    /// Virtual-hosted-style: as the first label of the host.
    Host,
}

/// The server-side encryption requested with every write. Without one the bucket's default applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// SSE-S3 (`AES256`).
    S3,
    /// SSE-KMS (`aws:kms`) with this key, or with the AWS managed key.
    Kms(Option<String>),
    /// DSSE-KMS (`aws:kms:dsse`) with this key, or with the AWS managed key.
    KmsDsse(Option<String>),
}

/// The address of a bucket and how to access it.
#[derive(Clone)]
pub struct S3Options {
    /// The bucket's name.
    pub bucket: String,
    /// The region used in signatures.
    pub region: String,
    /// The endpoint that the server connects to: scheme and authority.
    pub endpoint: String,
    /// The endpoint in presigned URLs: scheme and authority.
    pub public_endpoint: String,
    /// How the bucket is addressed at both endpoints.
    pub addressing: Addressing,
    /// The server-side encryption to request, if any.
    pub encryption: Option<Encryption>,
    /// The largest object that is copied in one request, in bytes; [`MAX_COPY`] for S3.
    pub max_copy: u64,
    /// The time limit for a response and for each further chunk of its body.
    pub timeout: Duration,
    /// Access key, secret key and session token; `None` uses the standard AWS credential chain.
    pub credentials: Option<(String, String, Option<String>)>,
}

impl std::fmt::Debug for S3Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Options")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

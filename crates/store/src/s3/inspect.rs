//! Reads how a bucket is configured: versioning, lifecycle, encryption, policy, public access. For
//! diagnosis only; the store itself needs none of it but the versioning. Changes nothing, and tells
//! what may not be seen from what is not there.

use std::time::SystemTime;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketVersioningStatus, ExpirationStatus};

use super::S3Store;
use super::error::error_chain;
use crate::error::Result;

/// What a look at one part of the configuration of a bucket has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<T> {
    /// The configuration.
    Seen(T),
    /// There is no such configuration.
    Absent,
    /// The credentials may not look. Holds the error code.
    Denied(String),
    /// The server has no such operation. Holds the error code or the status.
    Unsupported(String),
    /// The server did not answer. Holds the error.
    Failed(String),
}

/// The configuration of a bucket.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// The versioning state: `Enabled`, `Suspended`; absent where it was never enabled.
    pub versioning: Look<&'static str>,
    /// The lifecycle rules.
    pub lifecycle: Look<Vec<LifecycleRule>>,
    /// The algorithm of the default encryption, such as `AES256` or `aws:kms`.
    pub encryption: Look<String>,
    /// The public access block.
    pub public_access: Look<PublicAccessBlock>,
    /// The text of the bucket policy.
    pub policy: Look<String>,
    /// Whether S3 takes the bucket policy for a public one.
    pub is_public: Look<bool>,
}

/// A lifecycle rule, as far as uploads and versions are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LifecycleRule {
    /// The rule's name.
    pub id: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// The prefix that it is limited to; empty for the whole bucket.
    pub prefix: String,
    /// Whether it is limited by tags or sizes.
    pub is_narrowed: bool,
    /// After how many days it aborts incomplete multipart uploads.
    pub abort_uploads_after: Option<i32>,
    /// Whether it removes current objects, after some days or at a date.
    pub expires: bool,
    /// After how many days it removes versions that are no longer current.
    pub expire_versions_after: Option<i32>,
}

/// The four switches of S3 Block Public Access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicAccessBlock {
    /// `BlockPublicAcls`.
    pub block_acls: bool,
    /// `IgnorePublicAcls`.
    pub ignore_acls: bool,
    /// `BlockPublicPolicy`.
    pub block_policy: bool,
    /// `RestrictPublicBuckets`.
    pub restrict_buckets: bool,
}

impl PublicAccessBlock {
    /// Returns whether all four are on.
    pub fn is_complete(&self) -> bool {
        self.block_acls && self.ignore_acls && self.block_policy && self.restrict_buckets
    }
}

impl<T> Look<T> {
    /// Converts the result of a call. `none` is the error code for a configuration that is not there.
    fn of<O, E>(
        answer: std::result::Result<O, SdkError<E, HttpResponse>>,
        none: &[&str],
        read: impl FnOnce(O) -> Option<T>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match answer {
            Ok(output) => read(output).map_or(Self::Absent, Self::Seen),
            Err(SdkError::ServiceError(service)) => {
                let status = service.raw().status().as_u16();
                let code = service.err().code().unwrap_or_default().to_owned();
                let named = if code.is_empty() { status.to_string() } else { code };
                match status {
                    _ if none.contains(&named.as_str()) => Self::Absent,
                    401 | 403 => Self::Denied(named),
                    _ if named == "NotImplemented" || named == "MethodNotAllowed" => Self::Unsupported(named),
                    400 | 404 | 405 | 501 => Self::Unsupported(named),
                    _ => Self::Failed(format!("{status} {named}")),
                }
            }
            // An answer that can't be parsed is that of a server which takes the query for a key.
            Err(error @ SdkError::ResponseError(_)) => Self::Unsupported(error_chain(&error)),
            Err(error) => Self::Failed(error_chain(&error)),
        }
    }
}

impl S3Store {
    /// Reads the configuration of the bucket, all parts at once.
    pub async fn read_settings(&self) -> BucketSettings {
        let (bucket, client) = (self.bucket.to_string(), &self.client);
        let (versioning, lifecycle, encryption, public_access, policy, status) = tokio::join!(
            client.get_bucket_versioning().bucket(&bucket).send(),
            client.get_bucket_lifecycle_configuration().bucket(&bucket).send(),
            client.get_bucket_encryption().bucket(&bucket).send(),
            client.get_public_access_block().bucket(&bucket).send(),
            client.get_bucket_policy().bucket(&bucket).send(),
            client.get_bucket_policy_status().bucket(&bucket).send(),
        );
        BucketSettings {
            versioning: Look::of(versioning, &[], |output| match output.status() {
                Some(BucketVersioningStatus::Enabled) => Some("Enabled"),
                Some(_) => Some("Suspended"),
                None => None,
            }),
            lifecycle: Look::of(lifecycle, &["NoSuchLifecycleConfiguration"], |output| {
                Some(output.rules().iter().map(lifecycle_rule).collect())
            }),
            encryption: Look::of(encryption, &["ServerSideEncryptionConfigurationNotFoundError"], |output| {
                let rule = output.server_side_encryption_configuration()?.rules().first()?;
                Some(rule.apply_server_side_encryption_by_default()?.sse_algorithm().as_str().to_owned())
            }),
            public_access: Look::of(public_access, &["NoSuchPublicAccessBlockConfiguration"], |output| {
                let block = output.public_access_block_configuration()?;
                Some(PublicAccessBlock {
                    block_acls: block.block_public_acls() == Some(true),
                    ignore_acls: block.ignore_public_acls() == Some(true),
                    block_policy: block.block_public_policy() == Some(true),
                    restrict_buckets: block.restrict_public_buckets() == Some(true),
                })
            }),
            policy: Look::of(policy, &["NoSuchBucketPolicy"], |output| output.policy),
            is_public: Look::of(status, &["NoSuchBucketPolicy"], |output| {
                output.policy_status().and_then(|status| status.is_public())
            }),
        }
    }

    /// Returns when the credentials expire; `None` if they do not.
    pub async fn credentials_expire(&self) -> Result<Option<SystemTime>> {
        self.signing.expiry().await
    }
}

/// Returns what matters of a lifecycle rule.
fn lifecycle_rule(rule: &aws_sdk_s3::types::LifecycleRule) -> LifecycleRule {
    let filter = rule.filter();
    let prefix = filter
        .and_then(|filter| filter.prefix().or_else(|| filter.and().and_then(|and| and.prefix())).map(str::to_owned));
    #[expect(deprecated, reason = "old rules have their prefix there")]
    let old_prefix = rule.prefix().map(str::to_owned);
    let narrowing = |filter: &aws_sdk_s3::types::LifecycleRuleFilter| {
        filter.tag().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
            || filter.and().is_some_and(|and| {
                !and.tags().is_empty()
                    || and.object_size_greater_than().is_some()
                    || and.object_size_less_than().is_some()
            })
    };
    LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        enabled: *rule.status() == ExpirationStatus::Enabled,
        prefix: prefix.or(old_prefix).unwrap_or_default(),
        is_narrowed: filter.is_some_and(narrowing),
        abort_uploads_after: rule.abort_incomplete_multipart_upload().and_then(|abort| abort.days_after_initiation()),
        expires: rule.expiration().is_some_and(|expiration| expiration.days().is_some() || expiration.date().is_some()),
        expire_versions_after: rule.noncurrent_version_expiration().and_then(|expiration| expiration.noncurrent_days()),
    }
}

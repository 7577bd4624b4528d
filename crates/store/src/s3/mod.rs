//! Stores blobs in an S3 bucket. Clients send and read bytes with presigned requests, so the bytes
//! do not pass through the server. Conditional writes keep blobs immutable. Some servers ignore the
//! condition; there the store checks the key before it writes, and two concurrent writers of one
//! key are not detected. Such writers do not occur, because the server never uses a key twice. See
//! `multipart` for uploads, `writing` for the server's own writes and `deletion` for deletes.

mod archive;
mod credentials;
mod deletion;
mod draft;
mod error;
mod inspect;
mod multipart;
mod options;
mod response;
mod writing;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::types::ServerSideEncryption;
use uuid::Uuid;

use self::credentials::RotatingPresigner;
use self::error::{SdkResultExt as _, unavailable};
pub use self::inspect::{BucketSettings, LifecycleRule, Look, PublicAccessBlock};
pub use self::options::{Addressing, Encryption, MAX_COPY, S3Options};
use self::response::{entry, etag, length, time};
use self::writing::CopyOptions;
pub use self::writing::STREAM_BUFFER;
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::key;
use crate::seals;
use crate::sigv4::{Endpoint, Unsigned};
use crate::{
    ArchiveState, Attributes, ByteStream, Deletion, Entry, Fragment, OpenUpload, Part, PresignedRequest, Seals, Stat,
    Store, ThawTier, UploadRef,
};

/// How long the bucket's versioning state is cached.
const VERSIONING_TTL: Duration = Duration::from_secs(60);
/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The additional time limit for the body of a response.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of requests that copy, assemble or upload bytes.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(600);

/// A store in an S3 bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: Arc<str>,
    encryption: Option<Encryption>,
    timeout: Duration,
    max_copy: u64,
    signing: Arc<RotatingPresigner>,
    versioning: Arc<Mutex<Option<(Instant, Versioning)>>>,
}

/// The versioning state of a bucket (S3, "Using versioning in S3 buckets").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versioning {
    /// Deleted objects are gone.
    Unversioned,
    /// Deleted objects remain below a delete marker.
    Enabled,
    /// Deleted objects are gone, but older versions can exist.
    Suspended,
}

impl S3Store {
    /// Creates a store for a bucket. Does not connect; call [`Store::probe`] to check the
    /// connection.
    pub async fn open(options: S3Options) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(options.region.clone()))
            .endpoint_url(&options.endpoint)
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(timeouts(options.timeout, options.timeout + BODY_TIMEOUT))
            // A client that reads slowly would look like a stalled stream; `body` detects real
            // stalls.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some((access_key, secret_key, token)) = &options.credentials {
            let given = Credentials::new(access_key, secret_key, token.clone(), None, "given");
            loader = loader.credentials_provider(SharedCredentialsProvider::new(given));
        }
        let shared = loader.load().await;
        let config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(options.addressing == Addressing::Path)
            // Many S3-compatible servers do not support the SDK's default checksums. Signed
            // payloads are verified anyway.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let endpoint = match (options.addressing, options.public_endpoint.split_once("://")) {
            (Addressing::Host, Some((scheme, authority))) => Endpoint {
                url: format!("{scheme}://{}.{authority}", options.bucket),
                region: options.region,
                bucket: None,
            },
            _ => {
                Endpoint { url: options.public_endpoint, region: options.region, bucket: Some(options.bucket.clone()) }
            }
        };
        Self {
            client: Client::from_conf(config),
            bucket: options.bucket.into(),
            encryption: options.encryption,
            timeout: options.timeout,
            max_copy: options.max_copy,
            signing: Arc::new(RotatingPresigner::new(shared.credentials_provider(), endpoint)),
            versioning: Arc::default(),
        }
    }

    /// Presigns a request to the public endpoint.
    async fn presign(&self, unsigned: Unsigned<'_>, lifetime: Duration) -> Result<PresignedRequest> {
        self.signing.presign(unsigned, lifetime).await
    }

    /// Returns the configuration for requests whose duration depends on the number of bytes.
    fn with_transfer_timeout(&self) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Config::builder().timeout_config(timeouts(self.timeout, TRANSFER_TIMEOUT))
    }

    /// Returns the properties of the object at a valid key.
    async fn head(&self, key: &str) -> Result<Stat> {
        self.head_with_encryption(key).await.map(|(stat, _)| stat)
    }

    /// Returns the properties of an object, and whether its encryption makes the ETag something
    /// other than an MD5.
    async fn head_with_encryption(&self, key: &str) -> Result<(Stat, bool)> {
        let head = self.client.head_object().bucket(&*self.bucket).key(key).send().await.or_store_error()?;
        let opaque = head.server_side_encryption().is_some_and(|by| *by != ServerSideEncryption::Aes256);
        let stat = Stat {
            size: length(head.content_length())?,
            etag: etag(head.e_tag())?,
            last_modified: time(head.last_modified())?,
            attributes: Attributes {
                content_type: head.content_type().unwrap_or("application/octet-stream").to_owned(),
                cache_control: head.cache_control().map(str::to_owned),
                content_disposition: head.content_disposition().map(str::to_owned),
                metadata: head.metadata().cloned().unwrap_or_default().into_iter().collect(),
            },
            archive: archive::state_of(&head),
        };
        Ok((stat, opaque))
    }

    /// Returns the properties of an object; `None` if it does not exist.
    async fn find(&self, key: &str) -> Result<Option<Stat>> {
        match self.head(key).await {
            Ok(stat) => Ok(Some(stat)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the bucket's versioning state, cached for [`VERSIONING_TTL`].
    async fn versioning(&self) -> Result<Versioning> {
        use aws_sdk_s3::types::BucketVersioningStatus as Status;
        let known = *self.versioning.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, versioning)) = known.filter(|(at, _)| at.elapsed() < VERSIONING_TTL) {
            return Ok(versioning);
        }
        let answer = self.client.get_bucket_versioning().bucket(&*self.bucket).send().await.or_store_error();
        let versioning = match answer {
            Ok(answer) => match answer.status() {
                Some(Status::Enabled) => Versioning::Enabled,
                Some(_) => Versioning::Suspended,
                None => Versioning::Unversioned,
            },
            // A server without the operation has no versioning.
            Err(Error::Refused(code))
                if ["NotImplemented", "MethodNotAllowed", "501", "405"].contains(&code.as_str()) =>
            {
                Versioning::Unversioned
            }
            Err(error) => return Err(error),
        };
        *self.versioning.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), versioning));
        Ok(versioning)
    }

    /// Discards the cached versioning state.
    fn clear_cached_versioning(&self) {
        *self.versioning.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the body of a response. The stream fails if no chunk arrives within the timeout or
    /// if the body ends early.
    fn body(&self, body: aws_sdk_s3::primitives::ByteStream) -> ByteStream {
        let idle_timeout = self.timeout;
        Box::pin(futures::stream::try_unfold(body, move |mut body| async move {
            match tokio::time::timeout(idle_timeout, body.next()).await {
                Ok(Some(Ok(chunk))) => Ok(Some((chunk, body))),
                Ok(Some(Err(error))) => Err(std::io::Error::other(error)),
                Ok(None) => Ok(None),
                Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
            }
        }))
    }

    /// Returns the values of the encryption headers.
    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.encryption {
            None => (None, None),
            Some(Encryption::S3) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), key.clone()),
            Some(Encryption::KmsDsse(key)) => (Some(ServerSideEncryption::AwsKmsDsse), key.clone()),
        }
    }
}

#[async_trait]
impl Store for S3Store {
    #[tracing::instrument(name = "store.begin_put", level = "trace", skip_all)]
    async fn begin_put(
        &self,
        key: &str,
        content_type: &str,
        size: Option<u64>,
        lifetime: Duration,
    ) -> Result<PresignedRequest> {
        key::check(key)?;
        let length = size.map(|size| size.to_string());
        let length = length.iter().map(|length| ("content-length", length.as_str()));
        let headers: Vec<_> = length.chain([("content-type", content_type)]).collect();
        self.presign(Unsigned { method: "PUT", key, query: &[], headers: &headers }, lifetime).await
    }

    #[tracing::instrument(name = "store.begin_parts", level = "trace", skip_all)]
    async fn begin_parts(&self, key: &str, _part_size: u64, attributes: Attributes) -> Result<String> {
        key::check(key)?;
        self.create_upload(key, &attributes).await
    }

    #[tracing::instrument(name = "store.sign_part", level = "trace", skip_all)]
    async fn sign_part(&self, upload: &UploadRef, number: u32, lifetime: Duration) -> Result<PresignedRequest> {
        let number = number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", upload.upload_id.as_str())];
        let unsigned = Unsigned { method: "PUT", key: &upload.key, query: &query, headers: &[] };
        self.presign(unsigned, lifetime).await
    }

    #[tracing::instrument(name = "store.list_parts", level = "trace", skip_all)]
    async fn list_parts(&self, upload: &UploadRef) -> Result<Vec<Part>> {
        self.parts(upload).await
    }

    #[tracing::instrument(name = "store.complete", level = "trace", skip_all)]
    async fn complete(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        self.complete_upload(upload, completion).await
    }

    #[tracing::instrument(name = "store.abort", level = "trace", skip_all)]
    async fn abort(&self, upload: &UploadRef) -> Result<()> {
        self.abort_upload(upload).await
    }

    #[tracing::instrument(name = "store.list_uploads", level = "trace", skip_all)]
    async fn list_uploads(&self, prefix: &str, before: SystemTime) -> Result<Vec<OpenUpload>> {
        self.open_uploads(prefix, before).await
    }

    fn has_md5_etags(&self) -> bool {
        false
    }

    #[tracing::instrument(name = "store.write", level = "trace", skip_all)]
    async fn write(&self, key: &str, body: ByteStream, attributes: Attributes) -> Result<Stat> {
        key::check(key)?;
        self.write_stream(key, body, &attributes).await
    }

    #[tracing::instrument(name = "store.write_fragment", level = "trace", skip_all)]
    async fn write_fragment(
        &self,
        draft: &str,
        number: u32,
        _: u64,
        body: ByteStream,
        attributes: &Attributes,
    ) -> Result<Fragment> {
        self.write_to_draft(draft, number, body, attributes).await
    }

    #[tracing::instrument(name = "store.read_fragment", level = "trace", skip_all)]
    async fn read_fragment(&self, _draft: &str, fragment: &Fragment) -> Result<ByteStream> {
        self.read(&fragment.place, None).await.map(|(_, body)| body)
    }

    #[tracing::instrument(name = "store.drop_fragment", level = "trace", skip_all)]
    async fn drop_fragment(&self, _draft: &str, fragment: &Fragment) -> Result<()> {
        self.delete(&fragment.place, Deletion::Purge).await
    }

    #[tracing::instrument(name = "store.join", level = "trace", skip_all)]
    async fn join(&self, _draft: &str, fragments: &[Fragment], to: &str, attributes: Attributes) -> Result<Stat> {
        key::check(to)?;
        self.join_fragments(fragments, to, &attributes).await
    }

    #[tracing::instrument(name = "store.discard", level = "trace", skip_all)]
    async fn discard(&self, draft: &str) -> Result<()> {
        self.discard_draft(draft).await
    }

    async fn list_drafts(&self, _below: &str, _before: SystemTime) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    #[tracing::instrument(name = "store.read", level = "trace", skip_all)]
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<(Stat, ByteStream)> {
        key::check(key)?;
        let range = match range {
            Some(range) if range.start > range.end => return Err(Error::BadRange),
            Some(range) if range.is_empty() => {
                let stat = self.head(key).await?;
                let inside = range.end <= stat.size;
                return if inside { Ok((stat, Box::pin(futures::stream::empty()))) } else { Err(Error::BadRange) };
            }
            other => other,
        };
        let range_header = range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let answer = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key(key)
            .set_range(range_header)
            .send()
            .await
            .or_store_error();
        let answer = self.with_state(key, answer).await?;
        let sent = length(answer.content_length())?;
        let size = match (&range, answer.content_range()) {
            (None, _) => sent,
            (Some(range), Some(shown)) => {
                let total = shown.rsplit_once('/').and_then(|(_, total)| total.parse().ok());
                let total = total.ok_or_else(|| unavailable("a Content-Range without a total"))?;
                if range.end > total {
                    return Err(Error::BadRange);
                }
                if sent != range.end - range.start {
                    return Err(unavailable("another range than requested"));
                }
                total
            }
            (Some(_), None) => return Err(unavailable("the whole object instead of the requested range")),
        };
        let stat = Stat {
            size,
            etag: etag(answer.e_tag())?,
            last_modified: time(answer.last_modified())?,
            attributes: Attributes {
                content_type: answer.content_type().unwrap_or("application/octet-stream").to_owned(),
                cache_control: answer.cache_control().map(str::to_owned),
                content_disposition: answer.content_disposition().map(str::to_owned),
                metadata: answer.metadata().cloned().unwrap_or_default().into_iter().collect(),
            },
            // Its bytes are here: it was never archived, or it is thawed.
            archive: archive::restored(answer.restore()).unwrap_or_default(),
        };
        Ok((stat, self.body(answer.body)))
    }

    #[tracing::instrument(name = "store.stat", level = "trace", skip_all)]
    async fn stat(&self, key: &str) -> Result<Stat> {
        key::check(key)?;
        let found = self.head(key).await;
        if matches!(found, Err(Error::NotFound)) {
            // The response to HEAD has no body, so a missing bucket looks like a missing key.
            self.probe().await?;
        }
        found
    }

    #[tracing::instrument(name = "store.move_to", level = "trace", skip_all)]
    async fn move_to(&self, from: &str, to: &str, carrying: Option<&Attributes>) -> Result<()> {
        key::check(from)?;
        key::check(to)?;
        let stat = self.stat(from).await?;
        if self.find(to).await?.is_some() {
            return Err(Error::AlreadyExists);
        }
        self.copy(from, to, &stat, CopyOptions { attributes: carrying, ..CopyOptions::default() }).await?;
        // An object that was written to `from` after the copy must not be removed.
        match self.find(from).await? {
            Some(now) if now.etag != stat.etag => Err(Error::Changed),
            Some(_) => self.purge(from).await,
            None => Ok(()),
        }
    }

    #[tracing::instrument(name = "store.seal", level = "trace", skip_all)]
    async fn seal(&self, from: &str, seals: &str, _upload_id: &str, attributes: &Attributes) -> Result<Option<String>> {
        let to = seals::key(seals, Uuid::now_v7());
        match self.move_to(from, &to, Some(attributes)).await {
            // Nobody else makes a seal of this name: that it exists is an answer that was lost.
            Ok(()) | Err(Error::AlreadyExists) => Ok(Some(to)),
            Err(Error::NotFound) => seals::newest(self, seals).await,
            Err(error) => Err(error),
        }
    }

    #[tracing::instrument(name = "store.remove_seals", level = "trace", skip_all)]
    async fn remove_seals(&self, seals: &str, which: Seals<'_>) -> Result<()> {
        seals::remove(self, seals, which).await
    }

    #[tracing::instrument(name = "store.delete", level = "trace", skip_all)]
    async fn delete(&self, key: &str, deletion: Deletion) -> Result<()> {
        key::check(key)?;
        match deletion {
            Deletion::Restorable => self.delete_restorable(key).await,
            Deletion::Purge => {
                self.purge(key).await?;
                self.purge(&key::trash_key(key)).await
            }
        }
    }

    #[tracing::instrument(name = "store.restore", level = "trace", skip_all)]
    async fn restore(&self, key: &str) -> Result<Stat> {
        key::check(key)?;
        self.undelete(key).await
    }

    #[tracing::instrument(name = "store.thaw", level = "trace", skip_all)]
    async fn thaw(&self, key: &str, days: u32, tier: ThawTier) -> Result<ArchiveState> {
        key::check(key)?;
        self.begin_thaw(key, days, tier).await
    }

    #[tracing::instrument(name = "store.list", level = "trace", skip_all)]
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let mut after = after.map(str::to_owned);
        while found.len() < limit {
            let request = self.client.list_objects_v2().bucket(&*self.bucket).prefix(prefix);
            let page = request.set_start_after(after.clone()).send().await.or_store_error()?;
            for object in page.contents() {
                let entry = entry(object)?;
                after = Some(entry.key.clone());
                if key::check(&entry.key).is_ok() && found.len() < limit {
                    found.push(entry);
                }
            }
            if page.is_truncated() != Some(true) || page.contents().is_empty() {
                break;
            }
        }
        Ok(found)
    }

    #[tracing::instrument(name = "store.sign_read", level = "trace", skip_all)]
    async fn sign_read(&self, key: &str, lifetime: Duration) -> Result<PresignedRequest> {
        key::check(key)?;
        self.presign(Unsigned { method: "GET", key, query: &[], headers: &[] }, lifetime).await
    }

    #[tracing::instrument(name = "store.probe", level = "trace", skip_all)]
    async fn probe(&self) -> Result<()> {
        match self.client.head_bucket().bucket(&*self.bucket).send().await.or_store_error() {
            Err(Error::NotFound) => Err(Error::Refused("NoSuchBucket".into())),
            other => other.map(drop),
        }
    }
}

/// Returns the timeouts of requests. The SDK's read timeout ends with the head of a response, so
/// the whole attempt needs its own limit.
fn timeouts(read: Duration, attempt: Duration) -> TimeoutConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(read);
    timeouts.operation_attempt_timeout(attempt).build()
}

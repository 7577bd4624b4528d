//! The S3 store: the same contract over a bucket. Bytes of clients go to S3 by requests that are signed here and never
//! pass through us.
//!
//! Conditional writes keep blobs immutable; where a server ignores them (some do), a look before the write is all
//! there is, and two writers of one key at one moment are not told apart. Keys are never used twice, so that this
//! takes a mistake of our own.

mod answers;
mod credentials;
mod deletion;
mod draft;
mod error;
mod multipart;
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

use self::answers::{entry, etag, length, time};
use self::credentials::Rotating;
use self::error::{Trouble as _, unavailable};
use self::writing::Copying;
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::key;
use crate::seals;
use crate::sigv4::{Endpoint, Unsigned};
use crate::{
    Attributes, ByteStream, Deletion, Entry, Fragment, OpenUpload, Part, PresignedRequest, Seals, Stat, Store,
    UploadRef,
};

/// How long the bucket's versioning is taken to be as it was.
const VERSIONING_KEPT: Duration = Duration::from_secs(60);
/// The most bytes that S3 copies in one request.
pub const MAX_COPY: u64 = 5 << 30;
const CONNECT: Duration = Duration::from_secs(3);
/// For an answer's body, once its head is there.
const HEADROOM: Duration = Duration::from_secs(5);
/// For what S3 itself must copy or put together, and for bytes of ours on their way there.
const PATIENCE: Duration = Duration::from_secs(600);

/// How a bucket is named in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// As the first segment of the path.
    Path,
    /// As the first label of the host.
    Host,
}

/// Encryption asked for at every write; the bucket's own default applies where nothing is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// `AES256`.
    S3,
    /// `aws:kms`, with this key or the account's own.
    Kms(Option<String>),
    /// `aws:kms:dsse`, likewise.
    KmsTwice(Option<String>),
}

/// Where a bucket is and how to speak to it.
#[derive(Clone)]
pub struct S3Options {
    /// Its name.
    pub bucket: String,
    /// The region, in signatures.
    pub region: String,
    /// What we connect to: scheme and authority.
    pub endpoint: String,
    /// What clients are told to connect to, likewise.
    pub public_endpoint: String,
    /// How it is addressed at both.
    pub addressing: Addressing,
    /// Encryption at rest.
    pub encryption: Option<Encryption>,
    /// The most bytes that one copy request takes; S3 takes [`MAX_COPY`].
    pub max_copy: u64,
    /// How long an answer, or the next bytes of one, may take.
    pub timeout: Duration,
    /// Access key, secret key and session token; `None` is the standard chain.
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

/// Blobs in a bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: Arc<str>,
    encryption: Option<Encryption>,
    timeout: Duration,
    max_copy: u64,
    signing: Arc<Rotating>,
    versioning: Arc<Mutex<Option<(Instant, Versioning)>>>,
}

/// What the bucket does with what is deleted or overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versioning {
    /// It is gone.
    Never,
    /// Kept below a delete marker.
    Enabled,
    /// Gone, but older versions may be there.
    Suspended,
}

impl S3Store {
    /// Opens a bucket. Connects to nothing yet: whether it answers is what [`Store::probe`] says.
    pub async fn open(options: S3Options) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(options.region.clone()))
            .endpoint_url(&options.endpoint)
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(timeouts(options.timeout, options.timeout + HEADROOM))
            // A slow reader of ours is no stalled stream of theirs; a body that stalls is found by `body`.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some((access_key, secret_key, token)) = &options.credentials {
            let given = Credentials::new(access_key, secret_key, token.clone(), None, "given");
            loader = loader.credentials_provider(SharedCredentialsProvider::new(given));
        }
        let shared = loader.load().await;
        let config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(options.addressing == Addressing::Path)
            // Many S3-compatible servers know no other checksums; signed payloads are checked all the same.
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
            signing: Arc::new(Rotating::new(shared.credentials_provider(), endpoint)),
            versioning: Arc::default(),
        }
    }

    async fn presign(&self, unsigned: Unsigned<'_>, lifetime: Duration) -> Result<PresignedRequest> {
        self.signing.presign(unsigned, lifetime).await
    }

    /// For requests that take as long as their bytes do.
    fn patiently(&self) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Config::builder().timeout_config(timeouts(self.timeout, PATIENCE))
    }

    /// The blob at a key that passed its check.
    async fn head(&self, key: &str) -> Result<Stat> {
        self.look(key).await.map(|(stat, _)| stat)
    }

    /// The same, and whether encryption makes its ETag something else than an MD5.
    async fn look(&self, key: &str) -> Result<(Stat, bool)> {
        let head = self.client.head_object().bucket(&*self.bucket).key(key).send().await.or_trouble()?;
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
        };
        Ok((stat, opaque))
    }

    /// As [`Self::head`]; `None` where there is no such blob.
    async fn find(&self, key: &str) -> Result<Option<Stat>> {
        match self.head(key).await {
            Ok(stat) => Ok(Some(stat)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn versioning(&self) -> Result<Versioning> {
        use aws_sdk_s3::types::BucketVersioningStatus as Status;
        let known = *self.versioning.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, versioning)) = known.filter(|(at, _)| at.elapsed() < VERSIONING_KEPT) {
            return Ok(versioning);
        }
        let answer = self.client.get_bucket_versioning().bucket(&*self.bucket).send().await.or_trouble();
        let versioning = match answer {
            Ok(answer) => match answer.status() {
                Some(Status::Enabled) => Versioning::Enabled,
                Some(_) => Versioning::Suspended,
                None => Versioning::Never,
            },
            // A server that knows of no versions keeps none.
            Err(Error::Refused(code))
                if ["NotImplemented", "MethodNotAllowed", "501", "405"].contains(&code.as_str()) =>
            {
                Versioning::Never
            }
            Err(error) => return Err(error),
        };
        *self.versioning.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), versioning));
        Ok(versioning)
    }

    /// The bucket is not what it was taken for.
    fn forget_versioning(&self) {
        *self.versioning.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The bytes of an answer as they come. One that falls silent is an error, and so is one that ends early.
    fn body(&self, body: aws_sdk_s3::primitives::ByteStream) -> ByteStream {
        let silence = self.timeout;
        Box::pin(futures::stream::try_unfold(body, move |mut body| async move {
            match tokio::time::timeout(silence, body.next()).await {
                Ok(Some(Ok(chunk))) => Ok(Some((chunk, body))),
                Ok(Some(Err(error))) => Err(std::io::Error::other(error)),
                Ok(None) => Ok(None),
                Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
            }
        }))
    }

    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.encryption {
            None => (None, None),
            Some(Encryption::S3) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), key.clone()),
            Some(Encryption::KmsTwice(key)) => (Some(ServerSideEncryption::AwsKmsDsse), key.clone()),
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
        let asked = range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let answer =
            self.client.get_object().bucket(&*self.bucket).key(key).set_range(asked).send().await.or_trouble()?;
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
                    return Err(unavailable("another range than was asked for"));
                }
                total
            }
            (Some(_), None) => return Err(unavailable("the whole where a range was asked for")),
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
        };
        Ok((stat, self.body(answer.body)))
    }

    #[tracing::instrument(name = "store.stat", level = "trace", skip_all)]
    async fn stat(&self, key: &str) -> Result<Stat> {
        key::check(key)?;
        let found = self.head(key).await;
        if matches!(found, Err(Error::NotFound)) {
            // A HEAD has no body to say that it is the bucket which is not there.
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
        self.copy(from, to, &stat, Copying { carrying, ..Copying::default() }).await?;
        // What was put there since it was copied is not what was moved.
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
            Deletion::Restorable => self.hide(key).await,
            Deletion::Purge => {
                self.purge(key).await?;
                self.purge(&key::trash(key)).await
            }
        }
    }

    #[tracing::instrument(name = "store.restore", level = "trace", skip_all)]
    async fn restore(&self, key: &str) -> Result<Stat> {
        key::check(key)?;
        self.bring_back(key).await
    }

    #[tracing::instrument(name = "store.list", level = "trace", skip_all)]
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let mut after = after.map(str::to_owned);
        while found.len() < limit {
            let request = self.client.list_objects_v2().bucket(&*self.bucket).prefix(prefix);
            let page = request.set_start_after(after.clone()).send().await.or_trouble()?;
            for object in page.contents() {
                let entry = entry(object)?;
                after = Some(entry.key.clone());
                let ours = key::check(&entry.key).is_ok();
                if ours && found.len() < limit {
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
        match self.client.head_bucket().bucket(&*self.bucket).send().await.or_trouble() {
            Err(Error::NotFound) => Err(Error::Refused("NoSuchBucket".into())),
            other => other.map(drop),
        }
    }
}

/// `silence` ends with the head of an answer, so that an attempt as a whole needs an end of its own.
fn timeouts(silence: Duration, attempt: Duration) -> TimeoutConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(silence);
    timeouts.operation_attempt_timeout(attempt).build()
}

//! The S3 operations of the door: credentials, access rules and the calls into the store. Reads of
//! objects are in `reads.rs`, and listings in `lists.rs`.

use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, StatusCode, Uri};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::TryStreamExt as _;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    Bucket, ETag, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, Part, PutObjectInput, PutObjectOutput, StreamingBlob, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use secrecy::ExposeSecret as _;
use store::{Algorithm, Attributes, ByteStream, Checks, UploadRef};

use super::super::admission;
use super::lists;
use crate::app::{App, LOCAL_BUCKET, Local};
use crate::error::Error;
use crate::model::key;
use crate::model::upload::Upload;
use crate::state::newest_writers::CutOff;
use crate::state::shares::Holder;
use crate::uploads::seal;

/// The most parts of one list response, as in S3.
const MAX_PARTS: i32 = 1000;
/// The most bytes of a probe. `tidegate doctor` alone can sign for one: nobody else has the credentials
/// that presign requests, and the API gives out no URL of its place.
const MAX_PROBE: u64 = 64 << 10;
/// The prefix of headers and query parameters that state a checksum.
const CHECKSUM_PREFIX: &str = "x-amz-checksum-";

/// Returns the secret keys of the presigning and the operator's credentials.
pub(super) struct Secrets(Arc<Local>);

impl Secrets {
    pub(super) fn new(local: Arc<Local>) -> Self {
        Self(local)
    }
}

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        // Access keys are public; only the signature is secret, and s3s compares it in constant
        // time.
        std::iter::once(&self.0.credentials.presign)
            .chain(&self.0.credentials.operator)
            .find(|credentials| credentials.access_key == access_key)
            .map(|credentials| SecretKey::from(credentials.secret_key.expose_secret()))
            .ok_or_else(|| s3_error!(InvalidAccessKeyId, "The access key you provided does not exist."))
    }
}

/// Decides which operations a credential may call.
pub(super) struct Access(Arc<Local>);

impl Access {
    pub(super) fn new(local: Arc<Local>) -> Self {
        Self(local)
    }
}

// Reads of objects are in `reads.rs`.
const PRESIGNED_OPERATIONS: [&str; 3] = ["PutObject", "UploadPart", "ListParts"];
const OPERATOR_OPERATIONS: [&str; 5] =
    ["ListBuckets", "HeadBucket", "GetBucketLocation", "ListObjects", "ListObjectsV2"];

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let denied = || s3_error!(AccessDenied, "Access Denied");
        let credentials = context.credentials().ok_or_else(denied)?;
        let operator = self.0.credentials.is_operator(&credentials.access_key);
        let allowed: &[&str] = if operator { &OPERATOR_OPERATIONS } else { &PRESIGNED_OPERATIONS };
        if !allowed.contains(&context.s3_op().name()) {
            return Err(denied());
        }
        match context.s3_path().get_bucket_name() {
            Some(bucket) => check_bucket(bucket),
            None => Ok(()),
        }
    }
}

/// Checks the bucket name; there is one bucket.
pub(super) fn check_bucket(bucket: &str) -> S3Result<()> {
    if bucket == LOCAL_BUCKET {
        return Ok(());
    }
    Err(s3_error!(NoSuchBucket, "The specified bucket does not exist."))
}

/// The S3 operations over the store, except reads of objects.
pub(super) struct Door {
    app: Arc<App>,
    local: Arc<Local>,
}

impl Door {
    pub(super) fn new(app: Arc<App>, local: Arc<Local>) -> Self {
        Self { app, local }
    }

    /// Returns the most bytes that an upload may bring, whatever was announced.
    fn largest(&self, upload: &Upload) -> u64 {
        self.app.config.upload_limits.of(upload.of).largest()
    }

    /// Counts a request, before its body is read, for whoever began the upload.
    async fn count_uploader(&self, extensions: &Extensions, upload: &Upload) -> S3Result<()> {
        let Some(uploader) = self.app.db.find_uploader_unscoped(&upload.id).await.map_err(internal)? else {
            return Ok(());
        };
        admission::count_owner(extensions, Holder::Subject(uploader)).map_err(|_| slow_down())
    }

    /// Refuses a body that would use the reserve of the disk before it is read.
    fn check_room(&self, bytes: u64) -> S3Result<()> {
        self.app.disks.check(bytes).map_err(internal)
    }

    /// Returns the open multipart upload of an id and a key.
    async fn open_upload(&self, upload_id: &str, key: &str) -> S3Result<Upload> {
        let upload = self.app.db.find_upload_in_parts_unscoped(upload_id, key).await.map_err(internal)?;
        upload
            .filter(|upload| upload.takes_bytes(self.app.db.now()))
            .ok_or_else(|| s3_error!(NoSuchUpload, "The upload does not exist, or is complete, aborted or over."))
    }
}

#[async_trait::async_trait]
impl S3 for Door {
    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let checks = collect_checks(&request.headers, &request.uri)?;
        let input = request.input;
        let number = u32::try_from(input.part_number).unwrap_or(0);
        if !(1..=store::MAX_PARTS).contains(&number) {
            return Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive."));
        }
        if key::is_incoming_probe(&input.key) {
            let named = UploadRef { key: input.key, upload_id: input.upload_id };
            self.check_room(check_length(input.content_length, MAX_PROBE)?)?;
            let body = body_stream(input.body);
            let written = self.local.fs.write_part(&named, number, body, MAX_PROBE, checks).await;
            let e_tag = Some(ETag::Strong(written.map_err(to_s3_error)?.etag));
            return Ok(S3Response::new(UploadPartOutput { e_tag, ..UploadPartOutput::default() }));
        }
        let upload = self.open_upload(&input.upload_id, &input.key).await?;
        let limit = upload.part_limit(number, self.largest(&upload));
        self.check_room(check_length(input.content_length, limit)?)?;
        self.count_uploader(&request.extensions, &upload).await?;
        let writers = format!("{}/{number}", upload.id);
        let (body, cut_off) = self.app.writers.limit(writers, body_stream(input.body));
        let named = UploadRef { key: input.key, upload_id: input.upload_id };
        let written = self.local.fs.write_part(&named, number, body, limit, checks).await;
        let part = written.map_err(|error| to_upload_error(error, &cut_off))?;
        metrics::counter!("tidegate_part_bytes_total").increment(part.size);
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(ETag::Strong(part.etag)), ..UploadPartOutput::default() }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let checks = collect_checks(&request.headers, &request.uri)?;
        let input = request.input;
        if key::is_incoming_probe(&input.key) {
            self.check_room(check_length(input.content_length, MAX_PROBE)?)?;
            let attributes =
                Attributes { content_type: input.content_type.unwrap_or_default(), ..Attributes::default() };
            let body = body_stream(input.body);
            let written = self.local.fs.write_checked(&input.key, body, attributes, MAX_PROBE, checks).await;
            let e_tag = Some(ETag::Strong(written.map_err(to_s3_error)?.etag));
            return Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }));
        }
        let upload = self.app.db.find_single_upload_unscoped(&input.key).await.map_err(internal)?;
        let upload = upload
            .filter(|upload| upload.takes_bytes(self.app.db.now()) && !upload.is_being_completed())
            .ok_or_else(|| s3_error!(AccessDenied, "No upload is open at this key."))?;
        let limit = upload.announced_size.unwrap_or_else(|| self.largest(&upload));
        self.check_room(check_length(input.content_length, limit)?)?;
        self.count_uploader(&request.extensions, &upload).await?;
        let (body, cut_off) = self.app.writers.limit(upload.id.clone(), body_stream(input.body));
        let attributes = Attributes { content_type: input.content_type.unwrap_or_default(), ..Attributes::default() };
        let written = self.local.fs.write_checked(&input.key, body, attributes, limit, checks).await;
        let stat = written.map_err(|error| to_upload_error(error, &cut_off))?;
        // The upload may end while its body arrives; then no job would look at the object, or
        // remove it. Under the seal lock, an acknowledged body either precedes a confirmation,
        // which seals it, or is removed here.
        let _sealing = seal::lock(&self.app, upload.object).await;
        let now = self.app.db.find_single_upload_unscoped(&input.key).await.map_err(internal)?;
        if now.is_none_or(|upload| upload.is_being_completed()) {
            self.app.store.delete(&input.key, store::Deletion::Purge).await.map_err(to_s3_error)?;
            return Err(s3_error!(AccessDenied, "The upload was ended while its body came."));
        }
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(ETag::Strong(stat.etag)), ..PutObjectOutput::default() }))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        self.open_upload(&input.upload_id, &input.key).await?;
        let named = UploadRef { key: input.key.clone(), upload_id: input.upload_id.clone() };
        let marker = u32::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(0);
        let limit = input.max_parts.unwrap_or(MAX_PARTS).clamp(0, MAX_PARTS);
        let mut parts = self.app.store.list_parts(&named).await.map_err(to_s3_error)?;
        parts.retain(|part| part.number > marker);
        let limit_parts = usize::try_from(limit).unwrap_or(0);
        let truncated = parts.len() > limit_parts;
        parts.truncate(limit_parts);
        let number = |part: &store::Part| i32::try_from(part.number).unwrap_or(i32::MAX);
        let next = parts.last().filter(|_| truncated).map(number);
        let shown = parts.iter().map(|part| Part {
            part_number: Some(number(part)),
            e_tag: Some(ETag::Strong(part.etag.clone())),
            size: i64::try_from(part.size).ok(),
            ..Part::default()
        });
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(truncated),
            max_parts: Some(limit),
            part_number_marker: i32::try_from(marker).ok(),
            next_part_number_marker: next,
            parts: Some(shown.collect()),
            ..ListPartsOutput::default()
        }))
    }

    async fn head_bucket(&self, _: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let bucket_region = Some(self.app.config.region.clone());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(
        &self,
        _: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        // S3 leaves it out for us-east-1.
        let region = Some(self.app.config.region.clone()).filter(|region| region != "us-east-1");
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: region.map(Into::into) }))
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        // No date is recorded, and aws-cli and s3cmd require one.
        let creation_date = Some(std::time::SystemTime::UNIX_EPOCH.into());
        let bucket = Bucket { name: Some(LOCAL_BUCKET.to_owned()), creation_date, ..Bucket::default() };
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(vec![bucket]), ..ListBucketsOutput::default() }))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        lists::version_1(&self.app, request.input).await.map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        lists::version_2(&self.app, request.input).await.map(S3Response::new)
    }
}

/// Collects the checksums that a request states in its headers or its signed query; each must match
/// the body. One with an unsupported algorithm is refused rather than ignored.
fn collect_checks(headers: &HeaderMap, uri: &Uri) -> S3Result<Checks> {
    let mut checks = Checks::none();
    for value in headers.get_all("content-md5") {
        add_check(&mut checks, "content-md5", Algorithm::Md5, value.to_str().unwrap_or(""))?;
    }
    let query: Vec<(String, String)> = serde_urlencoded::from_str(uri.query().unwrap_or("")).unwrap_or_default();
    let in_headers =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or("").to_owned()));
    for (name, value) in in_headers.chain(query) {
        let name = name.to_ascii_lowercase();
        let Some(algorithm) = name.strip_prefix(CHECKSUM_PREFIX) else { continue };
        let algorithm = match algorithm {
            "crc32" => Algorithm::Crc32,
            "crc32c" => Algorithm::Crc32c,
            "crc64nvme" => Algorithm::Crc64Nvme,
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "algorithm" | "mode" | "type" => continue,
            _ => return Err(s3_error!(InvalidRequest, "{name} is not a checksum this server can check")),
        };
        add_check(&mut checks, &name, algorithm, &value)?;
    }
    Ok(checks)
}

fn add_check(checks: &mut Checks, name: &str, algorithm: Algorithm, value: &str) -> S3Result<()> {
    let malformed = || -> S3Error {
        if algorithm == Algorithm::Md5 {
            s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid.")
        } else {
            s3_error!(InvalidRequest, "Value for {name} is not valid.")
        }
    };
    let bytes = STANDARD.decode(value).map_err(|_| malformed())?;
    if checks.require(algorithm, bytes) { Ok(()) } else { Err(malformed()) }
}

/// Returns the announced length of a body, which must be within the limit.
fn check_length(length: Option<i64>, limit: u64) -> S3Result<u64> {
    match length.map(u64::try_from) {
        Some(Ok(length)) if length <= limit => Ok(length),
        Some(Ok(_)) => {
            Err(s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size of {limit} bytes."))
        }
        _ => Err(s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header.")),
    }
}

/// Converts a request body to a byte stream.
fn body_stream(body: Option<StreamingBlob>) -> ByteStream {
    match body {
        Some(body) => Box::pin(body.map_err(std::io::Error::other)),
        None => Box::pin(futures::stream::empty()),
    }
}

/// Returns the error for a client that has too many uploads in progress.
fn slow_down() -> S3Error {
    s3_error!(SlowDown, "Please reduce your request rate.")
}

/// Converts the error of an upload to an S3 error.
fn to_upload_error(error: store::Error, cut_off: &CutOff) -> S3Error {
    if cut_off.happened() {
        return s3_error!(
            OperationAborted,
            "A conflicting operation is currently in progress against this resource. Please try again."
        );
    }
    to_s3_error(error)
}

/// Converts a store error to an S3 error; internal causes are logged and not sent.
pub(super) fn to_s3_error(error: store::Error) -> S3Error {
    use store::Error as Store;
    match error {
        Store::NotFound => s3_error!(NoSuchKey, "The specified key does not exist."),
        Store::NoSuchUpload => s3_error!(NoSuchUpload, "The upload does not exist, or is complete, aborted or over."),
        Store::TooLarge { limit } => {
            s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size of {limit} bytes.")
        }
        Store::ChecksumMismatch("MD5") => {
            s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received.")
        }
        Store::ChecksumMismatch(name) => {
            s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum.")
        }
        Store::Incomplete(_) => s3_error!(IncompleteBody, "The request body terminated unexpectedly."),
        Store::CompletedDifferently | Store::AlreadyExists => s3_error!(PreconditionFailed, "The key exists already."),
        Store::InvalidKey(_) | Store::InvalidPart { .. } => s3_error!(InvalidArgument, "The request can't be served."),
        Store::Full => insufficient_storage(),
        Store::BadRange => s3_error!(InvalidRange, "The requested range is not satisfiable"),
        other => internal(other.into()),
    }
}

/// Returns the error for a full disk. S3 has none; other servers answer with this status too.
fn insufficient_storage() -> S3Error {
    let code = S3ErrorCode::Custom("InsufficientStorage".into());
    let mut error = S3Error::with_message(code, "The disk of the storage is full; delete something, or try later.");
    error.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    error
}

#[expect(clippy::needless_pass_by_value, reason = "it ends here; callers hand it to map_err")]
/// Logs an error and returns a generic S3 error.
pub(super) fn internal(error: Error) -> S3Error {
    if matches!(error, Error::InsufficientStorage) {
        return insufficient_storage();
    }
    if !error.is_logged() {
        tracing::error!(error = error.detail(), code = error.code().as_str(), "a request failed");
    }
    match error {
        Error::Unavailable(_) | Error::Busy => s3_error!(ServiceUnavailable, "Storage is not available; try again."),
        _ => s3_error!(InternalError, "We encountered an internal error. Please try again."),
    }
}

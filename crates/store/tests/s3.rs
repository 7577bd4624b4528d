//! Tests the S3 store: the conformance suite on garage and moto, and error handling on a scripted
//! server. garage verifies signatures and part checksums but ignores `If-None-Match` on PUT; moto
//! keeps versions but verifies nothing. `ScriptedServer` returns responses that no real server
//! produces on request, such as 200 with an error or half a body.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use store::conformance::{self, Archiver, Gap, PresignedClient};
use store::{
    Addressing, ArchiveState, Attributes, ByteStream, Completion, Deletion, Encryption, Error, MAX_COPY,
    PresignedRequest, S3Options, S3Store, Store, ThawTier, UploadRef,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Returns an environment variable that `make unit` sets.
#[expect(clippy::disallowed_methods, reason = "what the run is given")]
fn required_variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests by `make unit`, which starts the servers"))
}

fn options(endpoint: &str, bucket: &str) -> S3Options {
    S3Options {
        bucket: bucket.into(),
        region: "us-east-1".into(),
        endpoint: endpoint.into(),
        public_endpoint: endpoint.into(),
        addressing: Addressing::Path,
        encryption: None,
        max_copy: MAX_COPY,
        timeout: Duration::from_secs(30),
        credentials: Some(("test-access-key".into(), "test-secret-key".into(), None)),
    }
}

fn garage_options(bucket: &str) -> S3Options {
    let credentials = Some((required_variable("TEST_S3_ACCESS_KEY"), required_variable("TEST_S3_SECRET_KEY"), None));
    S3Options { credentials, ..options(&required_variable("TEST_GARAGE_URL"), bucket) }
}

/// Returns an unused bucket name; tests run concurrently and repeatedly.
fn unique_bucket() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("conf-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns an SDK client, to create buckets and to send requests that the store does not send.
async fn client(options: &S3Options) -> aws_sdk_s3::Client {
    let (access, secret, _) = options.credentials.clone().unwrap();
    let config = aws_sdk_s3::config::Builder::new()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(&options.endpoint)
        .credentials_provider(aws_sdk_s3::config::Credentials::new(access, secret, None, None, "test"))
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

async fn create_store(options: S3Options, versions: bool) -> S3Store {
    use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
    let client = client(&options).await;
    client.create_bucket().bucket(&options.bucket).send().await.unwrap();
    if versions {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        client.put_bucket_versioning().bucket(&options.bucket).versioning_configuration(enabled).send().await.unwrap();
    }
    S3Store::open(options).await
}

/// Sends presigned requests over HTTP.
struct HttpClient(reqwest::Client);

#[async_trait]
impl PresignedClient for HttpClient {
    async fn put(&self, request: &PresignedRequest, body: Bytes) -> Result<String, String> {
        let mut put = self.0.put(&request.url).header("content-type", "application/octet-stream").body(body);
        for (name, value) in &request.headers {
            put = put.header(name, value);
        }
        let response = put.send().await.map_err(|error| error.to_string())?;
        let etag = response.headers().get("etag").map(|etag| etag.to_str().unwrap().trim_matches('"').to_owned());
        match (response.status().as_u16(), etag) {
            (200, Some(etag)) => Ok(etag),
            (status, _) => Err(format!("{status}: {}", response.text().await.unwrap_or_default())),
        }
    }

    async fn get(&self, request: &PresignedRequest) -> Result<Bytes, String> {
        let response = self.0.get(&request.url).send().await.map_err(|error| error.to_string())?;
        if response.status() == 200 {
            response.bytes().await.map_err(|e| e.to_string())
        } else {
            Err(response.status().to_string())
        }
    }
}

fn http_client() -> HttpClient {
    // The timeout makes a stalled server fail the test instead of blocking it.
    HttpClient(reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap())
}

fn body(bytes: Bytes) -> ByteStream {
    Box::pin(futures::stream::iter(vec![Ok(bytes)]))
}

async fn collect(stream: ByteStream) -> std::io::Result<Bytes> {
    stream.try_collect::<BytesMut>().await.map(BytesMut::freeze)
}

#[tokio::test]
async fn conformance_on_garage() {
    let store = create_store(garage_options(&unique_bucket()), false).await;
    conformance::all(&store, &http_client(), &[]).await;
}

#[tokio::test]
async fn conformance_on_moto() {
    for versions in [true, false] {
        let store = create_store(options(&required_variable("TEST_MOTO_URL"), &unique_bucket()), versions).await;
        conformance::all(&store, &http_client(), &[Gap::UploadsUnderAnyKey, Gap::UploadsFromLongAgo]).await;
    }
}

/// Archives objects by a copy onto themselves, as lifecycle rules do it on AWS.
struct CopyArchiver(aws_sdk_s3::Client, String);

#[async_trait]
impl Archiver for CopyArchiver {
    async fn archive(&self, key: &str) {
        let copy = self.0.copy_object().bucket(&self.1).key(key).copy_source(format!(
            "{}/{}",
            self.1,
            key.replace(' ', "%20")
        ));
        copy.storage_class(aws_sdk_s3::types::StorageClass::Glacier).send().await.unwrap();
    }
}

/// No test server has the archive tiers of Intelligent-Tiering; `archive_tiers_are_thawed_for_good`
/// scripts them.
#[tokio::test]
async fn archives_on_ministack_and_moto() {
    for (server, gaps) in [("TEST_MINISTACK_URL", &[Gap::ThawsEndWithDeleteMarkers][..]), ("TEST_MOTO_URL", &[])] {
        for versioned in [true, false] {
            let options = options(&required_variable(server), &unique_bucket());
            let archiver = CopyArchiver(client(&options).await, options.bucket.clone());
            conformance::archives(&create_store(options, versioned).await, &archiver, versioned, gaps).await;
        }
    }
}

const ARCHIVED_TIER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\netag: \"e\"\r\nlast-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\nx-amz-storage-class: INTELLIGENT_TIERING\r\nx-amz-archive-status: DEEP_ARCHIVE_ACCESS\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn archive_tiers_are_thawed_for_good() {
    let tiered = ScriptedServer::start(|_, line| match line {
        _ if line.starts_with("POST") && line.contains("restore") => xml("202 Accepted", ""),
        _ if line.starts_with("HEAD") => Some(ARCHIVED_TIER.to_owned()),
        _ => code("403 Forbidden", "InvalidObjectState"),
    })
    .await;
    let store = on(&tiered).await;
    assert!(matches!(store.read("k", None).await.err(), Some(Error::Archived(ArchiveState::Archived))));
    assert_eq!(store.thaw("k", 7, ThawTier::Expedited).await.unwrap(), ArchiveState::Thawing);
    let sent = tiered.bodies.lock().unwrap().join(" ");
    assert!(!sent.contains("<Days>"), "Intelligent-Tiering refuses days: {sent}");
    assert!(sent.contains("<Tier>Standard</Tier>"), "the deep tier has no expedited retrieval: {sent}");
    for (refusal, state) in [
        ("RestoreAlreadyInProgress", ArchiveState::Thawing),
        ("ObjectAlreadyInActiveTierError", ArchiveState::Readable),
    ] {
        let script: Script = match refusal {
            "RestoreAlreadyInProgress" => |_, line| match line {
                _ if line.starts_with("HEAD") => Some(ARCHIVED_TIER.to_owned()),
                _ => code("409 Conflict", "RestoreAlreadyInProgress"),
            },
            _ => |_, line| match line {
                _ if line.starts_with("HEAD") => Some(ARCHIVED_TIER.to_owned()),
                _ => code("403 Forbidden", "ObjectAlreadyInActiveTierError"),
            },
        };
        let server = ScriptedServer::start(script).await;
        assert_eq!(on(&server).await.thaw("k", 7, ThawTier::Bulk).await.unwrap(), state);
    }
    let busy = ScriptedServer::start(|_, line| match line {
        _ if line.starts_with("HEAD") => Some(ARCHIVED_TIER.to_owned()),
        _ => code("503 Slow Down", "GlacierExpeditedRetrievalNotAvailable"),
    })
    .await;
    let outcome = on(&busy).await.thaw("k", 7, ThawTier::Expedited).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_stream_longer_than_a_part_is_written_completely_or_not_at_all() {
    let store = create_store(garage_options(&unique_bucket()), false).await;
    let chunk = |seed: u8| Bytes::from((0..1 << 20).map(|at: u32| (at / 251) as u8 ^ seed).collect::<Vec<u8>>());
    let all: Vec<Bytes> = (0..21).map(chunk).collect();
    let whole: ByteStream = Box::pin(futures::stream::iter(all.clone().into_iter().map(Ok)));
    let stat = store.write("long", whole, Attributes::default()).await.unwrap();
    assert_eq!(stat.size, 21 << 20);
    let (_, stream) = store.read("long", None).await.unwrap();
    assert_eq!(collect(stream).await.unwrap(), all.concat());
    let cut = all.into_iter().map(Ok).chain([Err(std::io::Error::other("cut"))]);
    let cut: ByteStream = Box::pin(futures::stream::iter(cut));
    let refused = store.write("cut", cut, Attributes::default()).await;
    assert!(matches!(refused, Err(Error::Incomplete(_))), "{refused:?}");
    assert!(matches!(store.stat("cut").await, Err(Error::NotFound)));
    let open = store.list_uploads("", std::time::SystemTime::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(open, [], "no parts are left");
}

#[tokio::test]
async fn an_object_too_large_for_one_copy_is_moved_in_parts() {
    let store = create_store(S3Options { max_copy: 5 << 20, ..garage_options(&unique_bucket()) }, false).await;
    let bytes = Bytes::from(vec![7u8; (11 << 20) + 5]);
    let attributes = Attributes { content_type: "application/x-test".into(), ..Attributes::default() };
    store.write("a b/from", body(bytes.clone()), attributes.clone()).await.unwrap();
    store.move_to("a b/from", "to", None).await.unwrap();
    let (stat, stream) = store.read("to", None).await.unwrap();
    assert_eq!((stat.size, stat.attributes), (bytes.len() as u64, attributes));
    assert_eq!(collect(stream).await.unwrap(), bytes);
    assert!(matches!(store.stat("a b/from").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_single_put_must_match_the_signed_headers() {
    let store = create_store(garage_options(&unique_bucket()), false).await;
    let request = store.begin_put("single", "image/png", Some(5), Duration::from_secs(60)).await.unwrap();
    let http = reqwest::Client::new();
    let put = async |url: &str, kind: &str, bytes: &'static [u8]| {
        http.put(url).header("content-type", kind).body(bytes).send().await.unwrap().status().as_u16()
    };
    assert_eq!(put(&request.url, "image/png", b"longer than it").await, 403);
    assert_eq!(put(&request.url, "text/html", b"12345").await, 403);
    assert_eq!(put(&request.url.replace("single", "other"), "image/png", b"12345").await, 403);
    assert_eq!(put(&request.url, "image/png", b"12345").await, 200);
    let short = store.sign_read("single", Duration::from_secs(4)).await.unwrap();
    assert_eq!(http_client().get(&short).await.unwrap(), "12345");
    tokio::time::sleep(Duration::from_millis(5100)).await;
    assert!(http_client().get(&short).await.is_err(), "the request has expired");
}

#[tokio::test]
async fn encryption_is_requested_with_every_write() {
    for (encryption, expected) in [
        (Encryption::S3, "AES256"),
        (Encryption::Kms(Some("arn:aws:kms:us-east-1:1:key/k".into())), "aws:kms"),
        (Encryption::KmsDsse(None), "aws:kms:dsse"),
    ] {
        let options = S3Options {
            encryption: Some(encryption),
            ..options(&required_variable("TEST_MOTO_URL"), &unique_bucket())
        };
        let (client, bucket) = (client(&options).await, options.bucket.clone());
        let store = create_store(options, false).await;
        store.write("put", body(Bytes::from_static(b"x")), Attributes::default()).await.unwrap();
        store.write("parts", body(Bytes::from(vec![0; 9 << 20])), Attributes::default()).await.unwrap();
        store.move_to("put", "copy", None).await.unwrap();
        for key in ["parts", "copy"] {
            let head = client.head_object().bucket(&bucket).key(key).send().await.unwrap();
            assert_eq!(head.server_side_encryption().map(|sse| sse.as_str()), Some(expected), "{key}");
        }
    }
}

#[tokio::test]
async fn configuration_errors_are_reported() {
    let missing = S3Store::open(garage_options("no-such-bucket")).await;
    assert!(matches!(missing.probe().await, Err(Error::Refused(code)) if code == "NoSuchBucket"));
    let stat = missing.stat("key").await;
    assert!(matches!(&stat, Err(Error::Refused(_))), "a missing bucket is not a missing key: {stat:?}");
    let written = missing.write("key", body(Bytes::new()), Attributes::default()).await;
    assert!(matches!(&written, Err(Error::Refused(_))), "{written:?}");
    let here = create_store(garage_options(&unique_bucket()), false).await;
    here.probe().await.unwrap();
    let stranger = Some(("GK0123456789abcdef01234567".into(), "00".repeat(32), None));
    let stranger = S3Store::open(S3Options { credentials: stranger, ..garage_options("no-such-bucket") }).await;
    assert!(matches!(stranger.probe().await, Err(Error::Refused(_))));
    let nowhere = S3Store::open(options("http://127.0.0.1:1", "b")).await;
    assert!(matches!(nowhere.probe().await, Err(Error::Unavailable(_))));
}

/// A server that returns scripted responses, for behaviour that no real S3 server shows on request.
struct ScriptedServer {
    url: String,
    request_lines: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
    /// What of the bodies arrived before the response.
    bodies: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
    /// Whether connections stay open after the response.
    hold: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

/// Returns the response to the nth request, given its request line; `None` sends nothing.
type Script = fn(usize, &str) -> Option<String>;

impl ScriptedServer {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let request_lines: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
        let log = std::sync::Arc::clone(&request_lines);
        let bodies: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
        let kept = std::sync::Arc::clone(&bodies);
        let hold: std::sync::Arc<std::sync::atomic::AtomicBool> = std::sync::Arc::default();
        let held = std::sync::Arc::clone(&hold);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (log, held) = (std::sync::Arc::clone(&log), std::sync::Arc::clone(&held));
                let kept = std::sync::Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let text = String::from_utf8_lossy(&head).into_owned();
                    let line = text.lines().next().unwrap_or_default().to_owned();
                    if line.starts_with("POST") {
                        let length = text
                            .to_lowercase()
                            .split_once("content-length: ")
                            .map_or(0, |(_, rest)| rest.lines().next().unwrap_or_default().trim().parse().unwrap_or(0));
                        let end = text.find("\r\n\r\n").unwrap_or(0) + 4;
                        while head.len() < end + length && stream.read_buf(&mut head).await.unwrap_or(0) > 0 {}
                        kept.lock().unwrap().push(String::from_utf8_lossy(&head[end..]).into_owned());
                    }
                    let number = {
                        let mut log = log.lock().unwrap();
                        log.push(line.clone());
                        log.len() - 1
                    };
                    match script(number, &line) {
                        Some(response) => drop(stream.write_all(response.as_bytes()).await),
                        None => tokio::time::sleep(Duration::from_secs(600)).await,
                    }
                    if held.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_secs(600)).await;
                    }
                    // Closing with unread request bytes would reset the connection.
                    let mut rest = vec![0; 1 << 16];
                    let _ = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut rest)).await;
                });
            }
        });
        Self { url, request_lines, bodies, hold }
    }

    fn count(&self, word: &str) -> usize {
        self.request_lines.lock().unwrap().iter().filter(|line| line.contains(word)).count()
    }
}

fn xml(status: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

fn code(status: &str, code: &str) -> Option<String> {
    xml(status, &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>"))
}

const PARTS: &str = "<?xml version=\"1.0\"?><ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber>\
    <ETag>&quot;900150983cd24fb0d6963f7d28e17f72&quot;</ETag><Size>3</Size></Part></ListPartsResult>";
const MADE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\netag: \"af5da9f45af7a300e3aded972f8ff687-1\"\r\n\
    last-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\nconnection: close\r\n\r\n";

async fn on(scripted: &ScriptedServer) -> S3Store {
    S3Store::open(S3Options { timeout: Duration::from_millis(700), ..options(&scripted.url, "bucket") }).await
}

fn completion() -> (UploadRef, Completion) {
    let parts = vec![(1, "900150983cd24fb0d6963f7d28e17f72".to_owned())];
    let upload = UploadRef { key: "k".into(), upload_id: "u".into() };
    (upload, Completion { parts, part_size: 5 << 20, size: None, max_size: 100 })
}

#[tokio::test]
async fn a_completion_with_status_200_and_an_error_body_has_failed() {
    let server = ScriptedServer::start(|_, line| match line {
        _ if line.starts_with("GET") => xml("200 OK", PARTS),
        _ if line.starts_with("POST") => code("200 OK", "InternalError"),
        _ => xml("404 Not Found", ""),
    });
    let server = server.await;
    let (upload, completion) = completion();
    let failed = on(&server).await.complete(&upload, &completion).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    assert!(server.count("POST") > 1, "the request was retried");
}

#[tokio::test]
async fn a_completion_with_a_lost_response_is_recognised_by_its_result() {
    fn completing(line: &str, there: &str) -> Option<String> {
        match line {
            _ if line.starts_with("GET") => xml("200 OK", PARTS),
            _ if line.starts_with("POST") => code("412 Precondition Failed", "PreconditionFailed"),
            _ => Some(there.to_owned()),
        }
    }
    let (upload, completion) = completion();
    let mine = ScriptedServer::start(|_, line| completing(line, MADE)).await;
    assert_eq!(on(&mine).await.complete(&upload, &completion).await.unwrap().etag, completion.etag().unwrap());
    let other = ScriptedServer::start(|_, line| completing(line, &MADE.replace("etag: \"", "etag: \"0"))).await;
    let outcome = on(&other).await.complete(&upload, &completion).await;
    assert!(matches!(outcome, Err(Error::CompletedDifferently)), "{outcome:?}");
}

#[tokio::test]
async fn a_concurrent_completion_is_recognised_by_its_result() {
    const NO_PARTS: &str = "<?xml version=\"1.0\"?><ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>";
    let (upload, completion) = completion();
    let ended =
        ScriptedServer::start(
            |_, line| if line.starts_with("GET") { xml("200 OK", NO_PARTS) } else { Some(MADE.to_owned()) },
        );
    assert_eq!(on(&ended.await).await.complete(&upload, &completion).await.unwrap().etag, completion.etag().unwrap());
    let open =
        ScriptedServer::start(
            |_, line| if line.starts_with("GET") { xml("200 OK", NO_PARTS) } else { xml("404 Not Found", "") },
        );
    let outcome = on(&open.await).await.complete(&upload, &completion).await;
    assert!(matches!(outcome, Err(Error::InvalidPart { number: 1, .. })), "{outcome:?}");
}

#[tokio::test]
async fn refusals_and_temporary_errors_are_distinguished() {
    let denied = ScriptedServer::start(|_, _| code("403 Forbidden", "AccessDenied")).await;
    let outcome = on(&denied).await.list_parts(&completion().0).await;
    assert!(matches!(&outcome, Err(Error::Refused(code)) if code == "AccessDenied"), "{outcome:?}");
    assert_eq!(denied.count(""), 1, "a refused request is not retried");
    let skewed = ScriptedServer::start(|_, _| code("403 Forbidden", "RequestTimeTooSkewed")).await;
    let outcome = on(&skewed).await.list_parts(&completion().0).await;
    assert!(matches!(&outcome, Err(Error::Refused(code)) if code == "RequestTimeTooSkewed"), "{outcome:?}");
    for response in [(|_, _| code("500 Internal Server Error", "InternalError")) as Script, |_, _| {
        code("503 Slow Down", "SlowDown")
    }] {
        let failing = ScriptedServer::start(response).await;
        let outcome = on(&failing).await.list_parts(&completion().0).await;
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
        assert_eq!(failing.count(""), 3, "a temporary error is retried");
    }
    let hasty =
        ScriptedServer::start(
            |number, _| if number == 0 { code("503 Slow Down", "SlowDown") } else { xml("200 OK", PARTS) },
        )
        .await;
    assert_eq!(on(&hasty).await.list_parts(&completion().0).await.unwrap().len(), 1);
    let silent = ScriptedServer::start(|_, _| None).await;
    let started = Instant::now();
    let outcome = on(&silent).await.stat("k").await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    assert!(started.elapsed() < Duration::from_secs(10), "silence times out: {:?}", started.elapsed());
    // The response head and then silence: the SDK's read timeout ends with the head.
    let stalled = ScriptedServer::start(|_, _| Some("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n<?xml".into()));
    let stalled = stalled.await;
    stalled.hold.store(true, Ordering::Relaxed);
    let patient =
        S3Store::open(S3Options { timeout: Duration::from_millis(200), ..options(&stalled.url, "bucket") }).await;
    let outcome = tokio::time::timeout(Duration::from_secs(40), patient.list_parts(&completion().0)).await;
    assert!(matches!(outcome, Ok(Err(Error::Unavailable(_)))), "{outcome:?}");
    let nonsense = ScriptedServer::start(|_, _| xml("200 OK", "<html>a proxy's page</html>")).await;
    let outcome = on(&nonsense).await.list_parts(&completion().0).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_incomplete_body_is_an_error() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\netag: \"e\"\r\nlast-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n\r\n";
    let half = ScriptedServer::start(|_, _| Some(format!("{HEAD}{}", "x".repeat(500)))).await;
    let (_, stream) = on(&half).await.read("k", None).await.unwrap();
    assert!(collect(stream).await.is_err());
    let other = ScriptedServer::start(|_, _| {
        Some("HTTP/1.1 206 Partial Content\r\ncontent-length: 4\r\ncontent-range: bytes 0-3/100\r\netag: \"e\"\r\nlast-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n\r\nxxxx".into())
    })
    .await;
    assert!(matches!(on(&other).await.read("k", Some(0..10)).await.err(), Some(Error::Unavailable(_))));
    let whole = ScriptedServer::start(|_, _| Some(format!("{HEAD}{}", "x".repeat(1000)))).await;
    assert!(
        matches!(on(&whole).await.read("k", Some(0..10)).await.err(), Some(Error::Unavailable(_))),
        "the server ignored the range"
    );
}

#[tokio::test]
async fn deleted_objects_are_not_listed_and_a_purge_leaves_no_version() {
    let options = options(&required_variable("TEST_MOTO_URL"), &unique_bucket());
    let (client, bucket) = (client(&options).await, options.bucket.clone());
    let store = create_store(options, true).await;
    for _ in 0..3 {
        store.write("key", body(Bytes::from_static(b"bytes")), Attributes::default()).await.unwrap();
        store.delete("key", Deletion::Restorable).await.unwrap();
    }
    store.write("key-too", body(Bytes::from_static(b"bytes")), Attributes::default()).await.unwrap();
    let left = async || {
        let page = client.list_object_versions().bucket(&bucket).send().await.unwrap();
        page.versions().len() + page.delete_markers().len()
    };
    assert_eq!(left().await, 7);
    store.delete("key", Deletion::Purge).await.unwrap();
    assert_eq!(left().await, 1, "all versions and markers of the key are gone, and no others");
    let unversioned = create_store(garage_options(&unique_bucket()), false).await;
    unversioned.write("key", body(Bytes::from_static(b"bytes")), Attributes::default()).await.unwrap();
    unversioned.delete("key", Deletion::Restorable).await.unwrap();
    assert_eq!(unversioned.list("", None, 10).await.unwrap(), []);
}

/// A source that is replaced during a move is reported as changed, not as an existing target.
#[tokio::test]
async fn a_source_that_changes_during_a_copy_is_reported() {
    fn moving(line: &str, to: &str) -> Option<String> {
        match line {
            _ if line.starts_with("HEAD") && line.contains("/from") => Some(MADE.to_owned()),
            _ if line.starts_with("HEAD") => xml(to, ""),
            _ => code("412 Precondition Failed", "PreconditionFailed"),
        }
    }
    let changed = ScriptedServer::start(|_, line| moving(line, "404 Not Found")).await;
    let outcome = on(&changed).await.move_to("from", "to", None).await;
    assert!(matches!(outcome, Err(Error::Changed)), "{outcome:?}");
    assert_eq!(changed.count("DELETE"), 0, "the source is kept");
    // The source is replaced after the copy: the new object is kept.
    let later = ScriptedServer::start(|number, line| match line {
        _ if line.starts_with("PUT") => xml("200 OK", "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>"),
        _ if line.starts_with("HEAD") && number > 1 => Some(MADE.replace("etag: \"", "etag: \"0")),
        _ => moving(line, "404 Not Found"),
    })
    .await;
    let outcome = on(&later).await.move_to("from", "to", None).await;
    assert!(matches!(outcome, Err(Error::Changed)), "{outcome:?}");
    assert_eq!((later.count("PUT"), later.count("DELETE")), (1, 0));
    let taken = ScriptedServer::start(|_, line| match line {
        _ if line.starts_with("HEAD") => Some(MADE.to_owned()),
        _ => code("412 Precondition Failed", "PreconditionFailed"),
    });
    let outcome = on(&taken.await).await.move_to("from", "to", None).await;
    assert!(matches!(outcome, Err(Error::AlreadyExists)), "{outcome:?}");
}

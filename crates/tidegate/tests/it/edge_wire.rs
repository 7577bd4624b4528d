//! Connections of the edge: accepted requests, the order of responses, and what closes a
//! connection.

use std::time::Duration;

use sign::{Hash, Resource, Signer, SigningKey};
use store::{Attributes, Deletion, Store as _};
use tidegate::model::ids::{ObjectId, UserId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{TestApp, pattern, raw, raw_status};

const OTHER: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048-other.pkcs8.pem");
const OTHER_PUBLIC: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048-other.pub.pem");

fn later() -> u64 {
    tidegate::model::epoch_seconds(std::time::SystemTime::now()) + 3600
}

/// A client that sees every byte.
struct Wire(TcpStream);

impl Wire {
    async fn to(app: &TestApp) -> Self {
        Self(TcpStream::connect(app.edge_address()).await.unwrap())
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads one response: its head, and as many bytes of body as it announces.
    async fn answer(&mut self, has_body: bool) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; if has_body { length } else { 0 }];
        self.0.read_exact(&mut body).await.unwrap();
        (head, body)
    }

    async fn get(&mut self, app: &TestApp, target: &str, more: &str) -> (String, Vec<u8>) {
        self.send(&format!("GET {target} HTTP/1.1\r\nhost: {}\r\n{more}\r\n", app.edge_address())).await;
        self.answer(true).await
    }

    async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), self.0.read_to_end(&mut rest)).await;
        matches!(read, Ok(Ok(0) | Err(_)))
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Returns the path and signed query of an image.
async fn signed(app: &TestApp, bytes: &[u8]) -> String {
    let image = app.image("alice", bytes).await;
    let (url, _) = app.stream("alice", &image).await;
    url.strip_prefix(&app.edge()).unwrap().to_owned()
}

async fn start() -> TestApp {
    TestApp::with(&[("CLOUDFRONT_AUTH_MODE", "url"), ("EDGE_KEYS_REFRESH_SECONDS", "1")]).await
}

#[tokio::test]
async fn what_could_be_two_requests_is_none() {
    let app = start().await;
    let target = signed(&app, b"bytes").await;
    let host = app.edge_address();
    let smuggled = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let many: String = (0..100).map(|n| format!("h{n}: v\r\n")).collect();
    let large = format!("large: {}\r\n", "x".repeat(40_000));
    for (what, head, status) in [
        ("two hosts", format!("host: {host}\r\n"), 400),
        ("both measures", "content-length: 5\r\ntransfer-encoding: chunked\r\n".to_owned(), 400),
        ("both, the other way round", "transfer-encoding: chunked\r\ncontent-length: 5\r\n".into(), 400),
        ("two lengths", "content-length: 0\r\ncontent-length: 5\r\n".into(), 400),
        ("a body", "content-length: 5\r\n".into(), 400),
        ("a signed length", "content-length: +0\r\n".into(), 400),
        ("chunks", "transfer-encoding: chunked\r\n".into(), 400),
        ("another coding", "transfer-encoding: xchunked\r\n".into(), 400),
        ("a folded line", "a: b\r\n c: d\r\n".into(), 400),
        ("a space before the colon", "a : b\r\n".into(), 400),
        ("a line without a colon", "nothing\r\n".into(), 400),
        ("a lone LF", "a: b\ncontent-length: 5\r\n".into(), 400),
        ("a lone CR", "a: b\rcontent-length: 5\r\n".into(), 400),
        ("a NUL", "a: b\0\r\n".into(), 400),
        ("many lines", many, 431),
        ("a long line", large, 431),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{head}\r\n0\r\n\r\n{smuggled}");
        let answer = raw(host, request.as_bytes()).await;
        assert_eq!(raw_status(&answer), status, "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
        assert_eq!(field(&answer, "connection"), Some("close"), "{what}: {answer}");
    }
    for (request, status) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET / HTTP/3.0\r\n\r\n", 505),
        ("hello\r\n\r\n", 400),
        ("GET /\u{e9} HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        ("\r\n\r\n\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\n\n", 400),
    ] {
        let answer = raw(host, request.as_bytes()).await;
        assert_eq!(raw_status(&answer), status, "{request:?}: {answer}");
        assert!(field(&answer, "x-request-id").is_some_and(|id| id.len() == 32), "{answer}");
        assert_eq!(field(&answer, "vary"), Some("Origin"), "{answer}");
    }
    app.finish().await;
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_their_order() {
    let app = start().await;
    let bytes = pattern(3, 300_000);
    let target = signed(&app, &bytes).await;
    let host = app.edge_address();
    let mut wire = Wire::to(&app).await;
    let get = |range: &str| format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nrange: bytes={range}\r\n\r\n");
    // Pipelined requests, one of them in fragments, with an empty line before it.
    let all = format!("{}HEAD {target} HTTP/1.1\r\nhost: {host}\r\n\r\n\r\n{}", get("0-9"), get("250000-"));
    let (first, second) = all.split_at(all.len() - 30);
    wire.send(first).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    wire.send(second).await;
    assert_eq!(wire.answer(true).await.1, &bytes[..10]);
    let (head, _) = wire.answer(false).await;
    assert_eq!((raw_status(&head), field(&head, "content-length")), (200, Some("300000")));
    assert_eq!(wire.answer(true).await.1, &bytes[250_000..]);
    // A refusal keeps the connection open; a 304 has no body and no length.
    let (head, _) = wire.get(&app, "/elsewhere", "").await;
    assert_eq!((raw_status(&head), field(&head, "connection")), (403, None));
    let (head, _) = wire.get(&app, &target, "if-none-match: *\r\n").await;
    assert_eq!((raw_status(&head), field(&head, "content-length")), (304, None));
    let (head, _) = wire.get(&app, &target, "range: bytes=0-0\r\nconnection: close\r\n").await;
    assert_eq!((raw_status(&head), field(&head, "connection")), (206, Some("close")));
    assert!(wire.is_closed().await);
    // An HTTP/1.0 connection closes unless the client asks to keep it.
    let answer =
        raw(host, format!("GET {target} HTTP/1.0\r\nhost: {host}\r\nrange: bytes=5-6\r\n\r\n").as_bytes()).await;
    assert!(raw_status(&answer) == 206 && field(&answer, "connection") == Some("close"), "{answer}");
    // An absolute-form target must name the same host as the header.
    let absolute =
        |named: &str| format!("GET http://{named}{target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    assert_eq!(raw_status(&raw(host, absolute(&host.to_string()).as_bytes()).await), 200);
    assert_eq!(raw_status(&raw(host, absolute("other.test").as_bytes()).await), 400);
    app.finish().await;
}

#[tokio::test]
async fn what_a_connection_was_allowed_is_judged_anew_for_every_request() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "127.0.0.0/8"), ("EDGE_KEYS_REFRESH_SECONDS", "1")]).await;
    let bytes = pattern(4, 200_000);
    let image = app.image("alice", &bytes).await;
    let (url, cookies) = app.stream("alice", &image).await;
    let path = url.strip_prefix(&app.edge()).unwrap();
    let with = |cookies: &str| format!("cookie: {cookies}\r\nrange: bytes=0-9\r\n");
    let mut wire = Wire::to(&app).await;
    for _ in 0..3 {
        assert_eq!(wire.get(&app, path, &with(&cookies)).await.1, &bytes[..10]);
    }
    for (what, more) in [
        ("no cookies", "range: bytes=0-9\r\n".to_owned()),
        ("a changed cookie", with(&cookies.replace("Signature=", "Signature=A"))),
        ("other cookies first", format!("cookie: CloudFront-Signature=A\r\n{}", with(&cookies))),
        ("junk in the URL", String::new()),
    ] {
        let path = if more.is_empty() { format!("{path}?Signature=x") } else { path.to_owned() };
        let (head, _) = wire.get(&app, &path, &if more.is_empty() { with(&cookies) } else { more }).await;
        assert_eq!(raw_status(&head), 403, "{what}");
        assert_eq!(raw_status(&wire.get(&app, url.strip_prefix(&app.edge()).unwrap(), &with(&cookies)).await.0), 206);
    }
    // Another site's cookie that is not UTF-8 must not hide ours.
    let mut bytes_of =
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\nrange: bytes=0-9\r\ncookie: a=", app.edge_address()).into_bytes();
    bytes_of.extend_from_slice(b"\xe9; ");
    bytes_of.extend_from_slice(format!("{cookies}\r\n\r\n").as_bytes());
    wire.0.write_all(&bytes_of).await.unwrap();
    assert_eq!(raw_status(&wire.answer(true).await.0), 206);
    // A policy for one address, on a connection that a proxy shares between clients.
    let folder = url.rsplit_once('/').unwrap().0;
    let policy = format!(
        r#"{{"Statement":[{{"Resource":"{folder}/*","Condition":{{"DateLessThan":{{"AWS:EpochTime":{}}},"IpAddress":{{"AWS:SourceIp":"198.51.100.7/32"}}}}}}]}}"#,
        later()
    );
    let query = signed_policy(&app, &policy);
    for (from, status) in
        [("198.51.100.7", 206), ("198.51.100.8", 403), ("198.51.100.7", 206), ("1.1.1.1, 198.51.100.7", 206)]
    {
        let more = format!("x-forwarded-for: {from}\r\nrange: bytes=0-9\r\n");
        assert_eq!(raw_status(&wire.get(&app, &format!("{path}?{query}"), &more).await.0), status, "{from}");
    }
    app.finish().await;
}

/// Returns the query of a custom policy signed with a second key, which the server is made to
/// trust.
fn signed_policy(app: &TestApp, policy: &str) -> String {
    let key = SigningKey::parse(OTHER).unwrap();
    app.app.edge_keys.reload();
    std::fs::write(app.folder.path().join("keys/cloudfront/KOTHER.pub.pem"), OTHER_PUBLIC).unwrap();
    app.app.edge_keys.reload();
    let signature = key.sign(Hash::Sha1, policy.as_bytes()).unwrap();
    let (policy, signature) = (sign::encode_url_safe(policy.as_bytes()), sign::encode_url_safe(&signature));
    format!("Policy={policy}&Signature={signature}&Key-Pair-Id=KOTHER")
}

#[tokio::test]
async fn a_key_comes_and_goes_while_the_edge_runs() {
    let app = start().await;
    let bytes = pattern(5, 100_000);
    let target = signed(&app, &bytes).await;
    let path = target.split('?').next().unwrap();
    let signer = Signer::new("KOTHER", SigningKey::parse(OTHER).unwrap(), Hash::Sha256);
    let resource = Resource::below(&format!("{}{}/", app.edge(), path.rsplit_once('/').unwrap().0)).unwrap();
    let target = format!("{path}?{}", signer.sign_resource(&resource, later()).unwrap().query());
    let mut wire = Wire::to(&app).await;
    let mut until = async |status: u16| {
        for _ in 0..100 {
            let (head, _) = wire.get(&app, &target, "range: bytes=0-9\r\n").await;
            if raw_status(&head) == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the edge does not come to answer {status}");
    };
    until(403).await;
    let file = app.folder.path().join("keys/cloudfront/KOTHER.pub.pem");
    std::fs::write(&file, OTHER_PUBLIC).unwrap();
    until(206).await;
    // A truncated key file is not trusted.
    std::fs::write(&file, &OTHER_PUBLIC[..100]).unwrap();
    until(403).await;
    std::fs::write(&file, OTHER_PUBLIC).unwrap();
    until(206).await;
    // An unreadable file beside it does not keep a removed key trusted.
    std::fs::create_dir(app.folder.path().join("keys/cloudfront/KODD.pub.pem")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        app.folder.path().join("keys/cloudfront/KPIPE.pub.pem"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    std::fs::remove_file(&file).unwrap();
    until(403).await;
    // A file with the id of the server's own key does not replace that key.
    let own = app.app.signing_key.signer().key_pair_id().to_owned();
    std::fs::write(app.folder.path().join(format!("keys/cloudfront/{own}.pub.pem")), OTHER_PUBLIC).unwrap();
    app.app.edge_keys.reload();
    let fresh = signed(&app, b"more").await;
    assert_eq!(raw_status(&Wire::to(&app).await.get(&app, &fresh, "").await.0), 200);
    app.finish().await;
}

#[tokio::test]
async fn a_file_that_is_cut_breaks_its_readers_connection_and_nothing_else() {
    let app = start().await;
    let bytes = pattern(6, 30_000_000);
    let (target, other) = (signed(&app, &bytes).await, signed(&app, &bytes[..100_000]).await);
    let mut wire = Wire::to(&app).await;
    wire.send(&format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", app.edge_address())).await;
    let mut first = vec![0; 4096];
    wire.0.read_exact(&mut first).await.unwrap();
    let file = app.folder.path().join("store").join(target.split('?').next().unwrap().trim_start_matches('/'));
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(1_000_000).unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), wire.0.read_to_end(&mut rest)).await;
    assert!(ended.is_ok() && rest.len() < 29_000_000, "{ended:?} after {}", rest.len());
    let (head, body) = Wire::to(&app).await.get(&app, &other, "").await;
    assert_eq!((raw_status(&head), body.as_slice()), (200, &bytes[..100_000]), "others go on");
    let (head, _) = Wire::to(&app).await.get(&app, &target, "range: bytes=0-9\r\n").await;
    assert_eq!(raw_status(&head), 503, "what is not whole is not served at all");
    // Truncated within its last page, whose rest reads as zeros now.
    let target = signed(&app, &bytes).await;
    let mut wire = Wire::to(&app).await;
    wire.send(&format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", app.edge_address())).await;
    wire.0.read_exact(&mut first).await.unwrap();
    let file = app.folder.path().join("store").join(target.split('?').next().unwrap().trim_start_matches('/'));
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(29_999_950).unwrap();
    let mut rest = first.clone();
    let ended = tokio::time::timeout(Duration::from_secs(10), wire.0.read_to_end(&mut rest)).await;
    let body = &rest[memchr::memmem::find(&rest, b"\r\n\r\n").unwrap() + 4..];
    assert!(ended.is_ok() && body.len() <= 29_999_950 && bytes.starts_with(body), "{ended:?} after {}", body.len());
    app.finish().await;
}

#[tokio::test]
async fn no_object_ever_shows_the_bytes_of_another() {
    let app = start().await;
    let fs = app.app.local.as_ref().unwrap().fs.clone();
    let alice = UserId::parse("alice").unwrap();
    let key = app.app.config.images.layout.disk_image(&alice, ObjectId::generate(), ObjectId::generate().0);
    let key = key.as_str().to_owned();
    let resource = Resource::below(&format!("{}/{}/", app.edge(), key.rsplit_once('/').unwrap().0)).unwrap();
    let query = app.app.signing_key.signer().sign_resource(&resource, later()).unwrap().query();
    let target = format!("/{key}?{query}");
    let body = |fill: u8| -> store::ByteStream {
        Box::pin(futures::stream::once(async move { Ok(vec![fill; 200_000].into()) }))
    };
    // A reader that shares only the folder with the writer, as a stand-alone edge does.
    let outside = store::FsReader::open(&app.folder.path().join("store")).unwrap().reading(store::Reads::Plain);
    let mut kept: Option<store::Blob> = None;
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        let (fs, key, done) = (fs.clone(), key.clone(), done.clone());
        tokio::spawn(async move {
            for round in 0..150u8 {
                fs.write(&key, body(round), Attributes::default()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(u64::from(round % 4))).await;
                let how = if round % 2 == 0 { Deletion::Purge } else { Deletion::Restorable };
                fs.delete(&key, how).await.unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        })
    };
    let (mut seen, mut wires) = (std::collections::HashMap::new(), Vec::new());
    for _ in 0..4 {
        wires.push(Wire::to(&app).await);
    }
    while !done.load(std::sync::atomic::Ordering::Acquire) {
        if kept.as_ref().is_none_or(|blob| !blob.is_current()) {
            kept = outside.blob(&key).await.ok();
        }
        if let Some(blob) = &kept {
            let mut reading = blob.read(0..10).unwrap();
            let bytes = futures::StreamExt::next(&mut reading).await.unwrap().unwrap();
            let of_etag = seen.entry(format!("\"{}\"", blob.stat().etag)).or_insert(bytes[0]);
            assert_eq!(*of_etag, bytes[0], "the bytes of one object under the name of another");
        }
        for (number, wire) in wires.iter_mut().enumerate() {
            let range = format!("range: bytes={}-{}\r\n", number * 10_000, 150_000 + number * 10_000);
            let (head, body) = wire.get(&app, &target, &range).await;
            match raw_status(&head) {
                206 => {
                    assert!(body.windows(2).all(|pair| pair[0] == pair[1]), "two objects in one answer");
                    let of_etag = seen.entry(field(&head, "etag").unwrap().to_owned()).or_insert(body[0]);
                    assert_eq!(*of_etag, body[0], "the bytes of one object under the name of another");
                }
                status => assert_eq!(status, 404, "{head}"),
            }
        }
    }
    writer.await.unwrap();
    assert!(seen.len() > 5, "the readers saw {} objects", seen.len());
    let (head, _) = wires[0].get(&app, &target, "").await;
    assert_eq!(raw_status(&head), 404);
    app.finish().await;
}

#[tokio::test]
async fn what_is_shown_in_place_and_how_long_it_is_kept() {
    let app = start().await;
    let fs = app.app.local.as_ref().unwrap().fs.clone();
    let alice = UserId::parse("alice").unwrap();
    let (image, media, other) = (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        "default-src 'none'; sandbox",
    );
    for (content_type, ending, disposition, cache, shown) in [
        ("application/vnd.apache.parquet", "x", None, "private, max-age=2592000", "attachment"),
        ("application/octet-stream", "parquet", None, "private, max-age=2592000", "attachment"),
        ("image/png", "png", None, "private, max-age=86400", ""),
        (
            "text/html",
            "html",
            Some("inline; filename=\"a.html\""),
            "private, max-age=86400",
            "attachment; filename=\"a.html\"",
        ),
        ("image/svg+xml", "svg", None, "private, max-age=86400", "attachment"),
        ("video/mp4", "mp4", None, "private, max-age=86400", ""),
        ("audio/mpeg", "mp3", None, "private, max-age=86400", ""),
        ("video/svg+xml", "mp4", None, "private, max-age=86400", "attachment"),
        ("video/mp4, text/html", "mp4", None, "private, max-age=86400", "attachment"),
        ("application/xhtml+xml", "png", None, "private, max-age=86400", "attachment"),
    ] {
        let key = app.app.config.images.layout.disk_image(&alice, ObjectId::generate(), ObjectId::generate().0);
        let folder = key.as_str().rsplit_once('/').unwrap().0;
        let key = format!("{folder}/file.{ending}");
        let attributes = Attributes {
            content_type: content_type.into(),
            content_disposition: disposition.map(Into::into),
            ..Attributes::default()
        };
        fs.write(&key, Box::pin(futures::stream::once(async { Ok("<p>".into()) })), attributes).await.unwrap();
        let resource = Resource::below(&format!("{}/{folder}/", app.edge())).unwrap();
        let query = app.app.signing_key.signer().sign_resource(&resource, later() + 40 * 86_400).unwrap().query();
        let policy = match content_type {
            "image/png" => image,
            "video/mp4" | "audio/mpeg" => media,
            _ => other,
        };
        let (head, _) = Wire::to(&app).await.get(&app, &format!("/{key}?{query}"), "accept-encoding: gzip\r\n").await;
        assert_eq!(raw_status(&head), 200, "{head}");
        for (name, value) in [
            ("cache-control", cache),
            ("content-type", content_type),
            ("content-disposition", shown),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("content-security-policy", policy),
            ("content-encoding", ""),
        ] {
            assert_eq!(field(&head, name).unwrap_or_default(), value, "{name} of {content_type}");
        }
    }
    let image = app.begin("alice", &serde_json::json!({ "name": "Grüße \"1\".vmdk" })).await;
    let etag = app.put("alice", &image.0, &image.1, 1, b"x").await;
    assert_eq!(app.complete("alice", &image.0, &image.1, &[(1, &etag)]).await.status, 200);
    let (url, _) = app.stream("alice", &image.0).await;
    let named = "attachment; filename=\"Gr__e _1_.vmdk\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.vmdk";
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.header("content-disposition"), named);
    let range = app.get("alice", &format!("/v1/images/{}/range", image.0)).await;
    assert_eq!(range.header("content-disposition"), named);
    app.finish().await;
}

#[tokio::test]
async fn at_the_end_idle_connections_close_and_downloads_finish() {
    let app = start().await;
    let bytes = pattern(8, 20_000_000);
    let target = signed(&app, &bytes).await;
    let mut idle = Wire::to(&app).await;
    idle.get(&app, &target, "range: bytes=0-9\r\n").await;
    let mut reader = Wire::to(&app).await;
    reader.send(&format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", app.edge_address())).await;
    let mut first = [0; 1];
    reader.0.read_exact(&mut first).await.unwrap();
    let stopping = tokio::spawn(app.stop());
    assert!(idle.is_closed().await);
    let mut rest = Vec::new();
    reader.0.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(&bytes[19_000_000..]), "{} bytes came", rest.len());
    stopping.await.unwrap();
}

#[tokio::test]
async fn many_idle_and_slow_connections_leave_others_alone() {
    let app = start().await;
    let bytes = pattern(9, 8_000_000);
    let target = signed(&app, &bytes).await;
    let request = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", app.edge_address());
    let mut held = Vec::new();
    for number in 0..900 {
        let mut wire = Wire::to(&app).await;
        match number % 3 {
            // Clients that send nothing, send half a head, or do not read the response.
            0 => {}
            1 => wire.send(&request[..request.len() / 2]).await,
            _ => wire.send(&request).await,
        }
        held.push(wire);
    }
    for _ in 0..20 {
        let answer = tokio::time::timeout(Duration::from_secs(5), async {
            Wire::to(&app).await.get(&app, &target, "range: bytes=4000000-4000099\r\n").await
        });
        assert_eq!(answer.await.unwrap().1, &bytes[4_000_000..4_000_100]);
    }
    drop(held);
    app.finish().await;
}

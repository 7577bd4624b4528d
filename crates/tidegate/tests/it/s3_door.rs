//! The S3 door: the store's conformance suite over real HTTP, and what it refuses. Cases that need
//! an S3 SDK (operator credentials, future-dated URLs) are in the black-box tests.

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use store::conformance::{self, PresignedClient};
use store::{PresignedRequest, Store as _};
use tidegate::db::NewObject;
use tidegate::model::ids::ObjectId;
use tidegate::model::key::Key;
use tidegate::model::object::{Object, ObjectState};
use tidegate::model::owner::OwnerKind;
use tidegate::model::upload::{Upload, UploadState};

use crate::support::{PART, TestApp, pattern, raw, raw_status, user};

/// Sends presigned requests to the door, and writes the rows that the door requires for every
/// upload and object, since the suite knows only the store.
struct OverHttp<'a>(&'a TestApp);

impl OverHttp<'_> {
    async fn record(&self, url: &str) {
        let (location, query) = url.split_once('?').unwrap();
        let key = location.split_once("/tidegate/").unwrap().1;
        let key = percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned();
        let id = query.split('&').find_map(|pair| pair.strip_prefix("uploadId="));
        let app = &self.0.app;
        let (caller, owner) = user("conformance");
        let now = std::time::SystemTime::now();
        let object = Object {
            id: ObjectId::generate(),
            key: Key::stored(key.clone()),
            name: None,
            content_type: "t/t".into(),
            state: ObjectState::Pending,
            created_at: now,
            content: None,
            archive: None,
        };
        if app.db.find_ready_by_key_unscoped(&key).await.unwrap().is_some() {
            return;
        }
        let mut tx = app.db.begin().await.unwrap();
        match id {
            Some(id) if app.db.upload_state(id).await.unwrap().is_none() => {
                let upload = Upload {
                    of: OwnerKind::Disks,
                    id: id.to_owned(),
                    object: object.id,
                    key: object.key.clone(),
                    incoming: None,
                    part_size: Some(5 << 20),
                    announced_size: None,
                    state: UploadState::Open,
                    parts_digest: None,
                    expires_at: now + std::time::Duration::from_secs(3600),
                };
                tx.insert_uploads(&owner, &caller.principal, &[&upload], now).await.unwrap();
            }
            Some(_) => {}
            None => {
                let stat = app.store.stat(&key).await.unwrap();
                let content = tidegate::model::object::Content {
                    size: stat.size,
                    etag: stat.etag,
                    last_modified: stat.last_modified,
                };
                let new = NewObject { object: &object, announced: None, file: None };
                tx.insert_objects(&owner, &caller.principal, &[new]).await.unwrap();
                assert!(tx.publish_object(object.id, &content, ObjectState::Ready).await.unwrap());
            }
        }
        tx.commit().await.unwrap();
    }
}

#[async_trait]
impl PresignedClient for OverHttp<'_> {
    async fn put(&self, request: &PresignedRequest, body: Bytes) -> Result<String, String> {
        self.record(&request.url).await;
        let answer = self.0.send("PUT", &request.url, &[], body.to_vec()).await;
        if answer.status == 200 { Ok(answer.header("etag").trim_matches('"').to_owned()) } else { Err(answer.text()) }
    }

    async fn get(&self, request: &PresignedRequest) -> Result<Bytes, String> {
        self.record(&request.url).await;
        let answer = self.0.send("GET", &request.url, &[], Vec::new()).await;
        if answer.status == 200 { Ok(answer.body.into()) } else { Err(answer.text()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_and_the_store_conform() {
    let app = TestApp::start().await;
    conformance::all(&app.app.local.as_ref().unwrap().fs, &OverHttp(&app), &[]).await;
    app.finish().await;
}

#[tokio::test]
async fn tampered_and_expired_requests() {
    let app = TestApp::with(&[("UPLOAD_URL_TTL_SECONDS", "1")]).await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let (other, _) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    for (what, bad) in [
        ("another part", url.replace("partNumber=1", "partNumber=2")),
        ("another key", url.replace(&image, &other)),
        ("another bucket", url.replace("/tidegate/", "/tidegatf/")),
        ("a longer life", url.replace("X-Amz-Expires=1", "X-Amz-Expires=999")),
        ("another signature", format!("{}{}", &url[..url.len() - 64], "0".repeat(64))),
        ("a shorter signature", url[..url.len() - 1].to_owned()),
        ("another upload", url.replace(&upload, &"0".repeat(32))),
        ("one more parameter", format!("{url}&x=1")),
        ("no signature", url.split("&X-Amz-Signature").next().unwrap().to_owned()),
    ] {
        let answer = app.send("PUT", &bad, &[], b"x".to_vec()).await;
        assert!([400, 403].contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains(&app.app.local.as_ref().unwrap().credentials.presign.access_key), "{what}");
    }
    for (expires, code) in [
        ("604801", "AuthorizationQueryParametersError"),
        ("0", "AuthorizationQueryParametersError"),
        ("-1", "AuthorizationQueryParametersError"),
    ] {
        for name in ["X-Amz-Expires", "X%2DAmz%2DExpires"] {
            let bad = url.replace("X-Amz-Expires=1", &format!("{name}={expires}"));
            let answer = app.send("PUT", &bad, &[], b"x".to_vec()).await;
            assert_eq!(
                (answer.status, answer.text().contains(code)),
                (400, true),
                "{name}={expires}: {}",
                answer.text()
            );
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let late = app.send("PUT", &url, &[], b"x".to_vec()).await;
    assert_eq!((late.status, late.text().contains("Request has expired")), (403, true), "{}", late.text());
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/parts")).await.json(), json!([]), "nothing was written");
    app.finish().await;
}

#[tokio::test]
async fn checksums_in_headers_and_in_the_query_are_verified() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let body = b"123456789".to_vec();
    for (name, right, wrong) in [
        ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("x-amz-checksum-crc32", "y/Q5Jg==", "AAAAAA=="),
        ("x-amz-checksum-crc32c", "4waSgw==", "AAAAAA=="),
        ("x-amz-checksum-crc64nvme", "rosUhgp5mIg=", "AAAAAAAAAAA="),
        ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        (
            "x-amz-checksum-sha256",
            "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
    ] {
        let ask = async |value: &str| app.send("PUT", &url, &[(name, value)], body.clone()).await;
        let answer = ask(right).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let refused = ask(wrong).await;
        assert_eq!((refused.status, refused.text().contains("BadDigest")), (400, true), "{name}: {}", refused.text());
        let malformed = ask("!").await;
        assert_eq!(malformed.status, 400, "{name}: {}", malformed.text());
    }
    let unknown = app.send("PUT", &url, &[("x-amz-checksum-xxhash64", "AAAAAAAAAAA=")], body.clone()).await;
    assert_eq!(unknown.status, 400, "what can't be checked is not passed over: {}", unknown.text());
    let parts = app.get("alice", &format!("/v1/images/{image}/parts")).await.json();
    assert_eq!(parts[0]["size"], 9, "a refused body leaves the acknowledged one");
    let kinds = [("x-amz-trailer", "x-amz-checksum-crc32"), ("content-encoding", "aws-chunked")];
    for header in kinds {
        assert_eq!(app.send("PUT", &url, &[header], body.clone()).await.status, 501, "{header:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn bodies_of_the_wrong_length_leave_nothing() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let address = app.app.addresses.s3.authority.parse().unwrap();
    let path = url.strip_prefix(&app.app.addresses.s3.to_string()).unwrap();
    let head = |more: &str| format!("PUT {path} HTTP/1.1\r\nhost: {address}\r\n{more}\r\n");
    // The client stops in the middle of the body.
    {
        use tokio::io::AsyncWriteExt as _;
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(head("content-length: 3000000\r\n").as_bytes()).await.unwrap();
        stream.write_all(&pattern(1, 2_000_000)).await.unwrap();
    }
    let longer = raw(
        address,
        format!("{}xxxxGET / HTTP/1.1\r\n\r\n", head("content-length: 4\r\nconnection: close\r\n")).as_bytes(),
    )
    .await;
    assert_eq!(raw_status(&longer), 200, "what follows the announced length is not the body's");
    for (more, statuses) in [
        ("transfer-encoding: chunked\r\nconnection: close\r\n", &[411][..]),
        ("connection: close\r\n", &[411]),
        ("content-length: 5368709121\r\nconnection: close\r\n", &[400]),
        ("content-length: 1\r\ncontent-length: 2\r\nconnection: close\r\n", &[400]),
        ("content-length: 3\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\n", &[400]),
        ("content-length: -1\r\nconnection: close\r\n", &[400]),
    ] {
        let answer = raw(address, head(more).as_bytes()).await;
        assert!(statuses.contains(&raw_status(&answer)), "{more}: {answer}");
    }
    let parts = app.get("alice", &format!("/v1/images/{image}/parts")).await.json();
    assert_eq!((parts.as_array().unwrap().len(), &parts[0]["size"]), (1, &json!(4)));
    app.finish().await;
}

#[tokio::test]
async fn a_longer_part_than_the_part_size_is_refused() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let answer = app.send("PUT", &url, &[], vec![0; PART + 1]).await;
    assert_eq!((answer.status, answer.text().contains("EntityTooLarge")), (400, true), "{}", answer.text());
    app.finish().await;
}

#[tokio::test]
async fn single_puts_match_an_open_upload_and_what_was_announced() {
    let app = TestApp::start().await;
    let (caller, owner) = user("alice");
    let now = std::time::SystemTime::now();
    let key = ".incoming/one";
    let lifetime = std::time::Duration::from_secs(60);
    let request = app.app.store.begin_put(key, "text/plain", Some(5), lifetime).await.unwrap();
    let headers: Vec<(&str, &str)> = request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(headers, [("content-length", "5"), ("content-type", "text/plain")]);
    let typed = [("content-type", "text/plain")];
    let early = app.send("PUT", &request.url, &typed, b"12345".to_vec()).await;
    assert_eq!(early.status, 403, "no upload is open: {}", early.text());
    let upload = Upload {
        of: OwnerKind::Disks,
        id: "single".into(),
        object: ObjectId::generate(),
        key: Key::stored("storage/alice/00000000_one".into()),
        incoming: Some(Key::stored(key.into())),
        part_size: None,
        announced_size: Some(5),
        state: UploadState::Open,
        parts_digest: None,
        expires_at: now + std::time::Duration::from_secs(60),
    };
    let mut tx = app.app.db.begin().await.unwrap();
    tx.insert_uploads(&owner, &caller.principal, &[&upload], now).await.unwrap();
    tx.commit().await.unwrap();
    for (headers, body) in
        [(&typed[..], &b"1234"[..]), (&typed, b"123456"), (&[("content-type", "text/html")], b"12345"), (&[], b"12345")]
    {
        let refused = app.send("PUT", &request.url, headers, body.to_vec()).await;
        assert_eq!(refused.status, 403, "{headers:?} {body:?}");
        let told = "It covers content-length and content-type: send the values that were announced";
        assert!(refused.text().contains(told), "{}", refused.text());
    }
    assert_eq!(app.send("PUT", &request.url, &typed, b"12345".to_vec()).await.status, 200);
    assert_eq!(app.send("PUT", &request.url, &typed, b"54321".to_vec()).await.status, 412, "blobs are not overwritten");
    app.finish().await;
}

#[tokio::test]
async fn the_door_is_no_way_around_the_product() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"0123456789").await;
    let (url, _) = app.stream("alice", &image).await;
    let key = url.strip_prefix(&format!("{}/", app.edge())).unwrap().to_owned();
    let at = format!("{}/tidegate/{key}", app.app.addresses.s3);
    for method in ["GET", "HEAD", "PUT", "DELETE", "POST"] {
        assert!(
            [403, 411].contains(&app.send(method, &at, &[], b"x".to_vec()).await.status),
            "{method} without a signature"
        );
    }
    let v2 = format!(
        "{at}?AWSAccessKeyId={}&Expires=9999999999&Signature=x",
        app.app.local.as_ref().unwrap().credentials.operator.as_ref().unwrap().access_key
    );
    assert_eq!(app.send("GET", &v2, &[], Vec::new()).await.status, 400);
    let read = app.app.store.sign_read(&key, std::time::Duration::from_secs(60)).await.unwrap();
    let part = app.send("GET", &read.url, &[("range", "bytes=2-4")], Vec::new()).await;
    assert_eq!((part.status, part.body.as_slice(), part.header("content-range")), (206, &b"234"[..], "bytes 2-4/10"));
    assert_eq!(app.send("GET", &read.url, &[("range", "bytes=10-")], Vec::new()).await.status, 416);
    let etag = part.header("etag").to_owned();
    for (name, value, status) in [
        ("if-none-match", etag.as_str(), 304),
        ("if-match", "\"other\"", 412),
        ("if-modified-since", part.header("last-modified"), 304),
        ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:01 GMT", 412),
        ("if-match", etag.as_str(), 200),
    ] {
        assert_eq!(app.send("GET", &read.url, &[(name, value)], Vec::new()).await.status, status, "{name}: {value}");
    }
    assert_eq!(app.send("DELETE", &read.url, &[], Vec::new()).await.status, 403);
    app.delete("alice", &format!("/v1/images/{image}")).await;
    assert_eq!(app.send("GET", &read.url, &[], Vec::new()).await.status, 404, "deleted under a valid grant");
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn browsers_may_put_and_read_the_etag() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let preflight = [
        ("origin", "https://a.test"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "content-type"),
    ];
    let answer = app.send("OPTIONS", &url, &preflight, Vec::new()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "*"));
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, PUT");
    let put = app.send("PUT", &url, &[("origin", "https://a.test")], b"x".to_vec()).await;
    assert!(put.status == 200 && put.header("access-control-expose-headers").contains("etag"));
    app.finish().await;
}

/// A client that sends a refused large body receives the response rather than a reset.
#[tokio::test]
async fn an_early_refusal_reaches_a_client_that_goes_on_sending() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let app = TestApp::start().await;
    let door: std::net::SocketAddr = app.app.addresses.s3.authority.parse().unwrap();
    let mut client = tokio::net::TcpStream::connect(door).await.unwrap();
    let length = 40 << 20;
    let head = format!("PUT /tidegate/images/x HTTP/1.1\r\nhost: {door}\r\ncontent-length: {length}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&vec![0; length]).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("AccessDenied"), "{answer}");
    app.finish().await;
}

/// `tidegate doctor` alone can sign for a probe: the credentials that presign are in no other hands.
#[tokio::test]
async fn probes_are_taken_at_their_own_place_only_and_are_small() {
    let app = TestApp::start().await;
    let store = &app.app.local.as_ref().unwrap().fs;
    let life = std::time::Duration::from_secs(60);
    let name = "0".repeat(32);
    for (key, size, status, code) in [
        (format!(".incoming/~doctor/{name}"), 4096, 200, ""),
        (format!(".incoming/~doctor/{name}"), 4096, 409, ""),
        (format!(".incoming/~doctor/{name}x"), 70_000, 400, "EntityTooLarge"),
        (format!(".incoming/~doctorx/{name}"), 10, 403, "AccessDenied"),
        (format!(".quarantine/~doctor/{name}"), 10, 403, "AccessDenied"),
        (format!("storage/~doctor/{name}"), 10, 403, "AccessDenied"),
        (format!("images/~doctor/{0}/{0}/x", uuid::Uuid::nil()), 10, 403, "AccessDenied"),
    ] {
        let request = store.begin_put(&key, "a/b", None, life).await.unwrap();
        let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let answer = app.send("PUT", &request.url, &headers, vec![0; size]).await;
        if status == 409 {
            assert!(answer.status >= 400, "{key}: nothing is overwritten");
        } else {
            assert_eq!(answer.status, status, "{key}: {}", answer.text());
        }
        assert!(answer.text().contains(code), "{key}: {}", answer.text());
    }
    let key = format!(".incoming/~doctor/{name}");
    let read = store.sign_read(&key, life).await.unwrap();
    assert_eq!(app.send("GET", &read.url, &[], Vec::new()).await.status, 404, "nobody reads a probe at the door");
    store.delete(&key, store::Deletion::Purge).await.unwrap();
    app.finish().await;
}

/// A refused signature is explained as S3 does it: by the request as this server sees it.
#[tokio::test]
async fn a_refused_signature_shows_the_request_and_no_credentials() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let answer = app.send("PUT", &url.replace("partNumber=1", "partNumber=2"), &[], b"x".to_vec()).await;
    let text = answer.text();
    let shown = text.split("<CanonicalRequest>").nth(1).unwrap();
    assert!(shown.starts_with("PUT\n/tidegate/images/alice/"), "{text}");
    assert!(shown.contains("partNumber=2&amp;uploadId=") && shown.contains("\nhost:127.0.0.1:"), "{text}");
    for hidden in ["X-Amz-Signature", "X-Amz-Credential"] {
        assert!(!text.contains(hidden), "{text}");
    }
    app.finish().await;
}

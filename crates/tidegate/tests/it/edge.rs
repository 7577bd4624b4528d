//! The edge door: what it verifies, what it serves, and what it never serves.

use sign::{Hash, Resource, Signer, SigningKey};
use tidegate::model::ids::{ObjectId, UserId};

use crate::support::{Answer, TestApp, pattern, raw, raw_status};

const FOREIGN: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048-other.pkcs8.pem");

/// Signs a policy that the server would never issue, with the server's key.
fn own_query(app: &TestApp, resource: &str, expires: u64) -> String {
    let resource = Resource::below(resource).unwrap();
    app.app.signing_key.signer().sign_resource(&resource, expires).unwrap().query()
}

fn later() -> u64 {
    tidegate::model::epoch_seconds(std::time::SystemTime::now()) + 3600
}

fn code(body: &str) -> &str {
    body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code)
}

#[tokio::test]
async fn refusals_are_cloudfronts() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let (url, cookies) = app.stream("alice", &image).await;
    let grant = own_query(&app, &format!("{}/", url.rsplit_once('/').unwrap().0), later());
    let over = own_query(&app, &format!("{}/", url.rsplit_once('/').unwrap().0), 1000);
    let elsewhere = own_query(&app, &format!("{}/images/bob/", app.edge()), later());
    let foreign =
        Signer::new(app.app.signing_key.signer().key_pair_id(), SigningKey::parse(FOREIGN).unwrap(), Hash::Sha1);
    let everything = Resource::below(&format!("{}/", app.edge())).unwrap();
    let forged = foreign.sign_resource(&everything, later()).unwrap().query();
    let unknown = Signer::new("KUNKNOWN", SigningKey::parse(FOREIGN).unwrap(), Hash::Sha1);
    let unknown = unknown.sign_resource(&everything, later()).unwrap().query();
    let tampered = grant.replacen("Policy=ey", "Policy=eZ", 1);
    for (query, expected) in [
        (String::new(), "MissingKey"),
        ("Expires=1".into(), "MissingKey"),
        (unknown, "InvalidKey"),
        (format!("{grant}=="), "InvalidKey"),
        (forged, "AccessDenied"),
        (over, "AccessDenied"),
        (elsewhere, "AccessDenied"),
        (format!("{grant}&x=1"), ""),
        (format!("{grant}&Expires=9999999999"), "AccessDenied"),
        (tampered, "MalformedPolicy"),
        (grant.replace("Signature=", "Signature=+"), "MalformedSignature"),
        (format!("{grant}&Hash-Algorithm=SHA256"), "AccessDenied"),
        (format!("{grant}&Hash-Algorithm=MD5"), "AccessDenied"),
    ] {
        let answer = app.send("GET", &format!("{url}?{query}"), &[], Vec::new()).await;
        assert_eq!(code(&answer.text()), expected, "{query}: {}", answer.text());
        assert_eq!(answer.status, if expected.is_empty() { 200 } else { 403 }, "{query}");
        if !expected.is_empty() {
            assert_eq!(answer.header("content-type"), "text/xml");
            assert!(!answer.text().contains("RequestId"), "{}", answer.text());
        }
    }
    // The responses to expired and forged signatures must not differ.
    let good = app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await;
    assert_eq!(good.status, 200);
    let junk_in_url = app.send("GET", &format!("{url}?Signature=x"), &[("cookie", &cookies)], Vec::new()).await;
    assert_eq!(code(&junk_in_url.text()), "MissingKey", "the URL alone decides, good cookies or not");
    app.finish().await;
}

#[tokio::test]
async fn a_valid_signature_opens_served_roots_and_nothing_else() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let root = app.folder.path().join("store");
    let attributes = r#"{"size":6,"etag":"e","modified_us":1,"content_type":"text/plain"}"#;
    let (object, version) = (ObjectId::generate(), ObjectId::generate());
    let key = app.app.config.images.layout.disk_image(&UserId::parse("alice").unwrap(), object, version.0);
    for place in
        [".incoming/x", ".quarantine/x", "storage/alice/x", "packages/x", "loose", "images/x", "images/alice/x"]
    {
        let path = root.join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "secret").unwrap();
        std::fs::write(format!("{}.meta", path.display()), attributes).unwrap();
    }
    let query = own_query(&app, &format!("{}/", app.edge()), later());
    let (url, _) = app.stream("alice", &image).await;
    assert_eq!(app.send("GET", &format!("{url}?{query}"), &[], Vec::new()).await.status, 200, "the signature is good");
    let missing = app.send("GET", &format!("{}/{key}?{query}", app.edge()), &[], Vec::new()).await;
    assert_eq!((missing.status, code(&missing.text())), (404, "NoSuchKey"));
    let own = url.strip_prefix(&app.edge()).unwrap();
    let folder = own.rsplit_once('/').unwrap().0;
    for path in [
        "/.incoming/x",
        "/%2eincoming/x",
        "/.quarantine/x",
        "/storage/alice/x",
        "/packages/x",
        "/loose",
        "/images/x",
        "/images/alice/x",
        "/",
        "//",
        "/..",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        &format!("{folder}/../../../../.incoming/x"),
        &format!("{folder}/..%2f..%2f..%2f..%2f.incoming%2fx"),
        &format!("{folder}/%252e%252e/x"),
        &format!("{folder}/..\\..\\x"),
        &format!("{folder}/..%5c..%5cx"),
        &format!("{folder}/%c0%ae%c0%ae/x"),
        &format!("{own}%00"),
        &format!("{own}%00.txt"),
        &format!("{own}.meta"),
        &format!("{folder}//disk.img"),
        &format!("{folder}/./disk.img"),
        &format!("{own}/"),
        &format!("/{own}"),
        &format!("{folder}/\u{ff0f}etc"),
    ] {
        let request =
            format!("GET {path}?{query} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", app.edge_address());
        let answer = raw(app.edge_address(), request.as_bytes()).await;
        assert!([400, 403, 404].contains(&raw_status(&answer)), "{path}: {answer}");
        assert!(!answer.contains("secret") && !answer.contains("root:"), "{path}: {answer}");
    }
    app.finish().await;
}

#[tokio::test]
async fn names_of_other_hosts_are_refused() {
    let app = TestApp::with(&[("EDGE_HOSTS", "images.localhost:80")]).await;
    let image = app.image("alice", b"bytes").await;
    let (url, cookies) = app.stream("alice", &image).await;
    let path = url.strip_prefix(&app.edge()).unwrap();
    let ask = async |host: &str, more: &str| {
        let request = format!("GET {path} HTTP/1.1\r\n{host}cookie: {cookies}\r\n{more}connection: close\r\n\r\n");
        raw_status(&raw(app.edge_address(), request.as_bytes()).await)
    };
    let own = format!("host: {}\r\n", app.edge_address());
    assert_eq!(ask(&own, "").await, 200);
    assert_eq!(ask("host: evil.test\r\n", "").await, 403);
    assert_eq!(ask("host: images.localhost:80\r\n", "").await, 403, "listed, but not what was signed for");
    assert_eq!(ask("", "").await, 400);
    assert_eq!(ask(&format!("{own}{own}"), "").await, 400);
    let forwarded = format!("x-forwarded-host: {}\r\n", app.edge_address());
    assert_eq!(ask("host: evil.test\r\n", &forwarded).await, 403);
    app.finish().await;
}

#[tokio::test]
async fn ranges_and_conditions() {
    let app = TestApp::start().await;
    let bytes = pattern(7, 300_000);
    let image = app.image("alice", &bytes).await;
    let (url, cookies) = app.stream("alice", &image).await;
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookies.as_str())];
        all.extend(headers);
        app.send(method, &url, &all, Vec::new()).await
    };
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=131071-131072", 131_071..131_073),
        ("bytes=299999-", 299_999..300_000),
        ("bytes=-1", 299_999..300_000),
        ("bytes=-999999", 0..300_000),
        ("bytes=100-999999", 100..300_000),
        ("BYTES=5-9", 5..10),
    ] {
        let answer = ask("GET", &[("range", range)]).await;
        assert_eq!((answer.status, answer.body.as_slice()), (206, &bytes[expected.clone()]), "{range}");
        let content_range = format!("bytes {}-{}/300000", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.header("content-length"), expected.len().to_string());
    }
    for junk in
        ["bytes=5-4", "bytes=a-b", "bytes=", "lines=1-2", "bytes=--1", "bytes=1-2-3", "bytes 1-2", "bytes=9-,0-5"]
    {
        let answer = ask("GET", &[("range", junk)]).await;
        assert_eq!((answer.status, answer.body.len()), (200, 300_000), "{junk}");
    }
    for beyond in ["bytes=300000-", "bytes=-0", "bytes=18446744073709551616-"] {
        let answer = ask("GET", &[("range", beyond)]).await;
        assert_eq!((answer.status, answer.header("content-range")), (416, "bytes */300000"), "{beyond}");
    }
    let several = ask("GET", &[("range", "bytes=0-1,100-102")]).await;
    let kind = several.header("content-type").to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!((several.status, several.header("content-length")), (206, several.body.len().to_string().as_str()));
    let mut expected = Vec::new();
    for range in [0..2, 100..103] {
        let head = format!(
            "\r\n--{boundary}\r\ncontent-type: application/octet-stream\r\ncontent-range: bytes {}-{}/300000\r\n\r\n",
            range.start,
            range.end - 1
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&bytes[range]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(several.body, expected);

    let head = ask("HEAD", &[("range", "bytes=0-1")]).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "300000", 0));
    let (etag, modified) = (head.header("etag").to_owned(), head.header("last-modified").to_owned());
    for (headers, status) in [
        (vec![("if-none-match", etag.as_str())], 304),
        (vec![("if-none-match", etag.as_str()), ("range", "bytes=999999-")], 304),
        (vec![("if-match", "\"other\""), ("range", "bytes=0-1")], 412),
        (vec![("if-match", etag.as_str()), ("range", "bytes=0-1")], 206),
        (vec![("if-modified-since", modified.as_str())], 304),
        (vec![("if-unmodified-since", "Thu, 01 Jan 1970 00:00:01 GMT")], 412),
        (vec![("if-range", etag.as_str()), ("range", "bytes=0-1")], 206),
        (vec![("if-range", modified.as_str()), ("range", "bytes=0-1")], 206),
        (vec![("if-range", "\"older\""), ("range", "bytes=0-1")], 200),
    ] {
        let answer = ask("GET", &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 304 {
            assert_eq!((answer.header("etag"), answer.body.len()), (etag.as_str(), 0));
            assert!(answer.headers.contains_key("cache-control") && !answer.headers.contains_key("content-length"));
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn browsers_of_other_origins() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let (url, cookies) = app.stream("alice", &image).await;
    let own = app.api();
    let preflight = [
        ("origin", own.as_str()),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range, if-range, b@d"),
    ];
    let answer = app.send("OPTIONS", &url, &preflight, Vec::new()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, own.as_str()));
    assert_eq!(answer.header("access-control-allow-headers"), "range, if-range");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-max-age"), "86400");
    let vary: Vec<&str> = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    for name in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        assert!(vary.join(", ").split(", ").any(|varied| varied == name), "{name}: {vary:?}");
    }
    let elsewhere = app.send("GET", &url, &[("cookie", &cookies), ("origin", "https://a.test")], Vec::new()).await;
    assert_eq!(elsewhere.header("access-control-allow-origin"), "*");
    assert_eq!(elsewhere.header("access-control-allow-credentials"), "");
    let refused = app.send("GET", &url, &[("origin", own.as_str())], Vec::new()).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, own.as_str()), "errors too");
    assert_eq!(app.send("DELETE", &url, &[("cookie", &cookies)], Vec::new()).await.status, 405);
    assert_eq!(app.send("OPTIONS", &url, &[("cookie", &cookies)], Vec::new()).await.status, 405, "no preflight");
    app.finish().await;

    let app = TestApp::with(&[("CORS_ALLOW_ORIGIN", "https://app.example.com, http://localhost:5173")]).await;
    let image = app.image("alice", b"bytes").await;
    let (url, cookies) = app.stream("alice", &image).await;
    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("http://localhost:5173", true),
        ("null", false),
        ("http://app.example.com", false),
        ("https://app.example.com.evil.test", false),
        ("https://evilapp.example.com", false),
    ] {
        let answer = app.send("GET", &url, &[("cookie", &cookies), ("origin", origin)], Vec::new()).await;
        assert_eq!(answer.header("access-control-allow-origin"), if allowed { origin } else { "" }, "{origin}");
        assert_eq!(answer.header("vary"), "Origin");
    }
    app.finish().await;
}

/// A browser that follows a redirect of the API sends `Origin: null`, whatever page asked.
#[tokio::test]
async fn an_opaque_origin_reads_what_a_url_opens_and_without_credentials() {
    let named = ("CORS_ALLOW_ORIGIN", "https://app.example.com");
    let app = TestApp::with(&[named, ("CLOUDFRONT_AUTH_MODE", "url")]).await;
    let image = app.image("alice", b"bytes").await;
    let (at_edge, _) = app.stream("alice", &image).await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "p", None, b"bytes").await;
    let at_s3 = app.presigned(&dataset, &package, "").await.header("location").to_owned();
    let cors = |answer: &Answer| {
        let header = |name| answer.header(name).to_owned();
        (header("access-control-allow-origin"), header("access-control-allow-credentials"))
    };
    let preflight = ("access-control-request-method", "GET");
    for url in [&at_edge, &at_s3] {
        let unsigned = url.split('?').next().unwrap();
        let forged = url.replace("Signature=", "Signature=0");
        for (method, url, origin, status, allowed) in [
            ("GET", url.as_str(), "null", 200, ("*", "")),
            ("GET", url, named.1, 200, (named.1, "true")),
            ("GET", url, "https://evil.test", 200, ("", "")),
            ("OPTIONS", url, "null", 204, ("*", "")),
            ("OPTIONS", url, "https://evil.test", 204, ("", "")),
            ("GET", unsigned, "null", 403, ("", "")),
            ("OPTIONS", unsigned, "null", 204, ("", "")),
        ] {
            let answer = app.send(method, url, &[("origin", origin), preflight], Vec::new()).await;
            let allowed = (allowed.0.to_owned(), allowed.1.to_owned());
            assert_eq!((answer.status, cors(&answer)), (status, allowed), "{method} {url} from {origin}");
        }
        let refused = app.send("GET", &forged, &[("origin", "null")], Vec::new()).await;
        assert!([400, 403].contains(&refused.status), "{}", refused.status);
        assert_eq!(cors(&refused), (String::new(), String::new()), "nothing was verified");
        // A browser that has the bytes in its cache asks whether they changed.
        let etag = app.send("GET", url, &[], Vec::new()).await.header("etag").to_owned();
        let conditions =
            [("if-none-match", etag.as_str(), 304), ("if-match", "\"other\"", 412), ("range", "bytes=99-", 416)];
        for (name, value, status) in conditions {
            let answer = app.send("GET", url, &[("origin", "null"), (name, value)], Vec::new()).await;
            let allowed = ("*".to_owned(), String::new());
            assert_eq!((answer.status, cors(&answer)), (status, allowed), "{url} with {name}");
        }
    }
    // Cookies are no such authority, even beside a signature in the URL that is not valid.
    let forged = at_edge.replace("Signature=", "Signature=0");
    let refused = app.send("GET", &forged, &[("origin", "null")], Vec::new()).await;
    assert_eq!(cors(&refused), (String::new(), String::new()));
    app.finish().await;
}

#[tokio::test]
async fn caching_ends_with_the_grant() {
    let settings = [("IMAGE_CACHE_CONTROL", "public-immutable"), ("CLOUDFRONT_SIGNED_TTL_SECONDS", "100")];
    let app = TestApp::with(&settings).await;
    let image = app.image("alice", b"bytes").await;
    let (url, cookies) = app.stream("alice", &image).await;
    let answer = app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await;
    let cache_control = answer.header("cache-control");
    let age = cache_control.split("max-age=").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!((70..=100).contains(&age.parse::<u64>().unwrap()), "{cache_control}");
    assert!(cache_control.contains("no-transform"));
    app.finish().await;
}

#[tokio::test]
async fn a_grant_ends_and_long_urls_are_refused() {
    let app = TestApp::with(&[("CLOUDFRONT_SIGNED_TTL_SECONDS", "4")]).await;
    let image = app.image("alice", b"bytes").await;
    let (url, cookies) = app.stream("alice", &image).await;
    assert_eq!(app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await.status, 200);
    let long = format!("{url}?{}", "a".repeat(9000));
    assert_eq!(app.send("GET", &long, &[("cookie", &cookies)], Vec::new()).await.status, 414);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(6);
    let over = loop {
        let answer = app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await;
        if answer.status != 200 || tokio::time::Instant::now() > deadline {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert_eq!((over.status, code(&over.text())), (403, "AccessDenied"));
    app.finish().await;
}

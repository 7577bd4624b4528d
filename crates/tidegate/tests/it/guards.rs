//! Middleware of the API door, health probes and metrics.

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::support::{OWN_KEY, TestApp, raw, raw_status};

/// The settings of a server with a public name.
const PRODUCTION: &[(&str, &str)] = &[
    ("AUTH_ALLOW_INSECURE_REMOTE", "true"),
    ("ALLOWED_HOSTS", "api.example.com"),
    ("EDGE_URL", "https://images.example.com"),
    ("CLOUDFRONT_KEY_PAIR_ID", "K1"),
    ("CLOUDFRONT_PRIVATE_KEY_PEM", OWN_KEY),
    ("S3_OPERATOR_ACCESS_KEY", "OPERATOR12345678"),
    ("S3_OPERATOR_SECRET_KEY", "0123456789012345678901234567890123456789"),
    ("UPLOAD_SIGNING_KEY", "0123456789abcdef0123456789abcdef"),
    ("SCANNER", "off"),
];

#[tokio::test]
async fn without_sign_in_only_this_machine_is_answered() {
    let app = TestApp::start().await;
    let ask = async |head: &str| {
        let request = format!("GET /v1/images HTTP/1.1\r\nx-user-id: a\r\nconnection: close\r\n{head}\r\n");
        raw(app.api_address(), request.as_bytes()).await
    };
    let own = format!("host: {}\r\n", app.api_address());
    for (head, status) in [
        (own.clone(), 200),
        ("host: localhost:1\r\n".into(), 200),
        ("host: [::1]:3000\r\n".into(), 200),
        ("host: evil.test\r\n".into(), 403),
        ("host: 127.0.0.1.evil.test\r\n".into(), 403),
        ("host: localhost.evil.test\r\n".into(), 403),
        ("host: 10.0.0.1\r\n".into(), 403),
        (String::new(), 400),
        (format!("{own}host: evil.test\r\n"), 400),
        (format!("{own}x-forwarded-for: 127.0.0.1\r\n"), 403),
        (format!("{own}forwarded: for=127.0.0.1\r\n"), 403),
        (format!("{own}x-real-ip: 127.0.0.1\r\n"), 403),
        (format!("{own}via: 1.1 somewhere\r\n"), 403),
        (format!("{own}cf-connecting-ip: 127.0.0.1\r\n"), 403),
        (format!("{own}true-client-ip: 127.0.0.1\r\n"), 403),
        (format!("{own}cdn-loop: cloudflare\r\n"), 403),
    ] {
        let answer = ask(&head).await;
        assert_eq!(raw_status(&answer), status, "{head}: {answer}");
    }
    for (target, status) in
        [(format!("http://{}/v1/images", app.api_address()), 200), ("http://evil.test/v1/images".into(), 400)]
    {
        let request = format!("GET {target} HTTP/1.1\r\nx-user-id: a\r\nconnection: close\r\n{own}\r\n");
        assert_eq!(raw_status(&raw(app.api_address(), request.as_bytes()).await), status, "{target}");
    }
    // nginx speaks HTTP/1.0 to servers behind it, without any other trace.
    let old = format!("GET /v1/images HTTP/1.0\r\nx-user-id: a\r\n{own}\r\n");
    let answer = raw(app.api_address(), old.as_bytes()).await;
    assert_eq!(raw_status(&answer), 403, "{answer}");
    app.finish().await;
    // A server with a public name is in production and needs its own secrets.
    let app = TestApp::with(PRODUCTION).await;
    for (host, status) in [("api.example.com", 200), ("API.EXAMPLE.COM:8080", 200), ("evil.test", 400)] {
        let request = format!(
            "GET /v1/images HTTP/1.1\r\nhost: {host}\r\nx-forwarded-for: 1.2.3.4\r\nx-user-id: a\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(raw_status(&raw(app.api_address(), request.as_bytes()).await), status, "{host}");
    }
    app.finish().await;
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing() {
    let app = TestApp::with(&[("AUTH_MODE", "none"), ("CORS_ALLOW_ORIGIN", "https://app.example.com")]).await;
    let url = format!("{}/v1/images", app.api());
    let own = app.api();
    for (origin, status) in
        [("https://evil.test", 403), ("null", 403), (own.as_str(), 200), ("https://app.example.com", 200)]
    {
        let answer = app.send("POST", &url, &[("origin", origin)], Vec::new()).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.text());
    }
    let listed = app.send("GET", &url, &[("origin", "https://evil.test")], Vec::new()).await;
    assert_eq!((listed.status, listed.header("access-control-allow-origin")), (200, ""));
    assert_eq!(listed.json()["images"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn json_is_for_named_origins_only() {
    let app = TestApp::start().await;
    let preflight = [("origin", "https://a.test"), ("access-control-request-method", "POST")];
    let json = app.send("OPTIONS", &format!("{}/v1/images", app.api()), &preflight, Vec::new()).await;
    assert_eq!((json.status, json.header("access-control-allow-origin")), (204, ""), "* reaches bytes only");
    let image = app.image("alice", b"x").await;
    let range = format!("{}/v1/images/{image}/range", app.api());
    let bytes = app.send("OPTIONS", &range, &preflight, Vec::new()).await;
    assert_eq!((bytes.status, bytes.header("access-control-allow-origin")), (204, "*"));
    app.finish().await;
}

#[tokio::test]
async fn health_readiness_and_metrics() {
    let app = TestApp::start().await;
    for path in ["/health", "/healthz"] {
        // Any `Host`, as load balancers send.
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: 10.0.0.1\r\nx-forwarded-for: 1.1.1.1\r\nconnection: close\r\n\r\n");
        assert_eq!(raw_status(&raw(app.api_address(), request.as_bytes()).await), 200, "{path}");
        // The image gateway says `ok`, the upload server `status`.
        let health = app.get("a", path).await.json();
        assert_eq!(health["ok"], json!(true), "{health}");
        assert_eq!(health["status"], json!(if path == "/healthz" { "healthy" } else { "ok" }), "{health}");
    }
    let ready = app.get("a", "/readyz").await;
    assert_eq!(
        (ready.status, ready.json()),
        (200, json!({ "ok": true, "status": "ok", "database": "ok", "store": "ok" }))
    );
    app.begin("alice", &json!({})).await;
    let metrics = app.get("a", "/metrics").await;
    assert!(metrics.text().contains("tidegate_uploads_total{outcome=\"begun\"}"), "{}", metrics.text());
    let forwarded = [("x-forwarded-for", "1.1.1.1")];
    assert_eq!(app.send("GET", &format!("{}/metrics", app.api()), &forwarded, Vec::new()).await.status, 403);
    let rebound = "GET /metrics HTTP/1.1\r\nhost: evil.test\r\nconnection: close\r\n\r\n";
    assert_eq!(raw_status(&raw(app.api_address(), rebound.as_bytes()).await), 403);
    assert_eq!(app.post("a", "/healthz", &json!({})).await.refusal().0, 405);
    let id = app.get("alice", "/v1/images").await;
    assert!(id.header("x-request-id").len() >= 8);
    let url = format!("{}/v1/images", app.api());
    let taken = app.send("GET", &url, &[("x-user-id", "a"), ("x-request-id", "caller-given-1")], Vec::new()).await;
    assert_eq!(taken.header("x-request-id"), "caller-given-1");
    let long = "x".repeat(65);
    for hostile in ["a b c d e f", "<script>alert(1)</script>", "short", &long] {
        let answer = app.send("GET", &url, &[("x-user-id", "a"), ("x-request-id", hostile)], Vec::new()).await;
        assert!(answer.status == 200 && answer.header("x-request-id") != hostile, "{hostile}");
    }
    app.finish().await;
}

#[tokio::test]
async fn metrics_of_production_have_a_door_of_their_own() {
    let app = TestApp::with(&[("METRICS_PORT", "0"), ("METRICS", "any")]).await;
    assert_eq!(app.get("a", "/metrics").await.status, 404, "a collector elsewhere needs `any` for the other door");
    let elsewhere = app.operations_address().unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {elsewhere}\r\nvia: 1.1 a\r\nconnection: close\r\n\r\n");
    assert_eq!(raw_status(&raw(elsewhere, request.as_bytes()).await), 200);
    app.finish().await;
    let app = TestApp::with(&[("METRICS_PORT", "0")]).await;
    let elsewhere = app.operations_address().unwrap();
    let get = async |address, lines: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{lines}\r\n");
        raw_status(&raw(address, request.as_bytes()).await)
    };
    assert_eq!(get(elsewhere, "").await, 200);
    assert_eq!(get(elsewhere, "via: 1.1 proxy\r\n").await, 404, "what a proxy forwards");
    assert_eq!(get(app.api_address(), "").await, 404, "the API door has none beside it");
    for (target, status) in [("/readyz", 200), ("/health", 200), ("/v1/images", 404), ("/", 404)] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: any\r\nx-user-id: a\r\nconnection: close\r\n\r\n");
        assert_eq!(raw_status(&raw(elsewhere, request.as_bytes()).await), status, "{target}");
    }
    app.finish().await;
    let app = TestApp::with(PRODUCTION).await;
    assert_eq!(get(app.api_address(), "").await, 404, "a proxy may forward this door without a trace");
    app.finish().await;
}

#[tokio::test]
async fn readiness_names_what_is_gone() {
    let app = TestApp::start().await;
    app.app.db.close().await;
    let ready = app.get("a", "/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({ "ok": false, "status": "unavailable", "database": "unavailable", "store": "ok" }));
    assert_eq!(app.get("alice", "/v1/images").await.refusal(), (503, "STORE_UNAVAILABLE".into()));
    app.stop().await;
}

#[tokio::test]
async fn the_documentation_is_served_offline() {
    let app = TestApp::start().await;
    let root = app.get("a", "/start").await;
    assert_eq!((root.status, root.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(root.text().contains("href=\"/docs/\"") && !root.text().contains("<script"), "{}", root.text());
    let docs = app.get("a", "/docs/").await;
    assert_eq!(docs.status, 200);
    assert!(!docs.text().contains("//cdn") && !docs.text().contains("https://unpkg"), "{}", docs.text());
    for asset in ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/swagger-initializer.js"] {
        assert_eq!(app.get("a", asset).await.status, 200, "{asset}");
    }
    assert_eq!(app.get("a", "/openapi.json").await.json()["info"]["title"], "Tidegate");
    app.finish().await;
}

#[tokio::test]
async fn malformed_http_is_refused() {
    let app = TestApp::start().await;
    let host = app.api_address();
    let many: String = (0..200).map(|n| format!("h{n}: v\r\n")).collect();
    let large = format!("large: {}\r\n", "x".repeat(40_000));
    for (what, head, statuses) in [
        ("two lengths", "content-length: 1\r\ncontent-length: 2\r\n".to_owned(), &[400][..]),
        ("a bare name", "no colon here\r\n".to_owned(), &[400]),
        ("folding", "a: b\r\n c\r\n".to_owned(), &[400]),
        ("many headers", many, &[431]),
        ("a large header", large, &[431]),
    ] {
        let request = format!("POST /v1/images HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{head}\r\n");
        let answer = raw(host, request.as_bytes()).await;
        assert!(statuses.contains(&raw_status(&answer)), "{what}: {answer}");
    }
    // With both, two parsers could disagree about where the body ends.
    for head in
        ["content-length: 9\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 9\r\n"]
    {
        let smuggled = format!("0\r\n\r\nGET /health HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let request = format!("POST /v1/images HTTP/1.1\r\nhost: {host}\r\n{head}\r\n{smuggled}");
        let answer = raw(host, request.as_bytes()).await;
        assert_eq!((answer.matches("HTTP/1.1 ").count(), raw_status(&answer)), (1, 400), "{head}: {answer}");
        assert!(answer.contains("\"code\":\"BAD_REQUEST\"") && answer.contains("x-request-id"), "{head}: {answer}");
    }
    app.finish().await;
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_back() {
    let app = TestApp::with(&[("MAX_CONCURRENT_REQUESTS", "1")]).await;
    let image = app.image("alice", b"x").await;
    let path = format!("/v1/images/{image}/metadata");
    // The body does not come, and the request holds the only permit.
    let head = format!(
        "POST /v1/images HTTP/1.1\r\nhost: {}\r\nx-user-id: mallory\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n",
        app.api_address()
    );
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut slow = socket.connect(app.api_address()).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    until(|| app.app.shares.requests.held() == 1).await;
    for answer in futures::future::join_all((0..8).map(|_| app.get("alice", &path))).await {
        assert_eq!((answer.refusal(), answer.header("retry-after")), ((503, "STORE_UNAVAILABLE".into()), "1"));
    }
    drop(slow);
    until(|| app.app.shares.requests.held() == 0).await;
    assert_eq!(app.get("alice", &path).await.status, 200);
    app.finish().await;
}

/// Waits until a condition holds.
async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let service = "s".repeat(32);
    let settings = [
        ("AUTH_OWN_TOKENS", "true"),
        ("AUTH_SERVICE_TOKEN", service.as_str()),
        ("RATE_LIMIT_PER_SUBJECT", "3"),
        ("RATE_LIMIT_PER_ADDRESS", "5"),
        ("TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    let app = TestApp::with(&settings).await;
    let get = async |headers: &[(&str, &str)]| {
        app.send("GET", &format!("{}/v1/images", app.api()), headers, Vec::new()).await
    };
    let as_service = |user: &'static str| [("x-service-token", service.as_str()), ("x-user-id", user)];
    let mut statuses = Vec::new();
    for _ in 0..10 {
        let answer = get(&as_service("alice")).await;
        if answer.status == 429 {
            assert_eq!(answer.refusal().1, "RATE_LIMITED");
            assert_eq!(answer.header("retry-after"), "1");
        }
        statuses.push(answer.status);
    }
    assert!(statuses[..6].iter().all(|status| *status == 200), "a burst of twice the rate: {statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(get(&as_service("bob")).await.status, 200, "others are unaffected");
    assert_eq!(get(&[]).await.status, 401, "what services send is not counted against their neighbours");
    // Anonymous requests are counted by the address that the trusted proxy names, not by what the
    // client claims.
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let mut limited = 0;
    for _ in 0..60 {
        let answer = get(&from("10.9.9.9, 2001:db8::1")).await;
        limited += usize::from(answer.status == 429);
    }
    assert!(limited >= 20, "{limited} of 60");
    let neighbour = from("10.9.9.9, 2001:db8::ffff:2");
    let neighbours = futures::future::join_all((0..12).map(|_| get(&neighbour))).await;
    assert!(neighbours.iter().any(|answer| answer.status == 429), "the same /64");
    assert_eq!(get(&from("10.9.9.9, 2001:db8:0:1::1")).await.status, 401, "another client");
    let beside = [("x-forwarded-for", "2001:db8::1"), ("x-service-token", service.as_str()), ("x-user-id", "carol")];
    assert_eq!(get(&beside).await.status, 200, "services are not limited by address");
    let probe = app.send("GET", &format!("{}/health", app.api()), &from("2001:db8::1"), Vec::new()).await;
    assert_eq!(probe.status, 200);
    app.finish().await;
}

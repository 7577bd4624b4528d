//! The headers of every response of every door: security headers are there, and neither versions
//! nor internals are.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::authority::issue_everything;
use crate::support::{Answer, TestApp, raw, raw_status};

/// Responses whose `Cache-Control` lets others than the reader keep them, by the beginning of the
/// path: they are the same for everybody.
const PUBLIC: [&str; 6] = ["/.well-known/jwks.json", "/assets/", "/manual/", "/redoc/", "/graphiql/", "/storage/"];
/// The files of Swagger UI, which say nothing of caching.
const SWAGGER: &str = "/docs";
/// What no answer to a stranger shows.
const INTERNALS: [&str; 10] =
    ["panicked", "thread '", ".rs:", "sqlx", "SELECT ", "rusqlite", "backtrace", "os error", "tokio", "/tmp/"];

/// What is checked of a response.
struct Walk {
    wrong: Vec<String>,
    statuses: BTreeSet<(&'static str, u16)>,
    count: usize,
}

impl Walk {
    fn new() -> Self {
        Self { wrong: Vec::new(), statuses: BTreeSet::new(), count: 0 }
    }

    fn check(&mut self, door: &'static str, what: &str, path: &str, answer: &Answer) {
        let mut say = |text: &str| self.wrong.push(format!("{door} {what}: {}: {text}", answer.status));
        let kind = answer.header("content-type");
        let cache = answer.header("cache-control");
        if answer.header("x-content-type-options") != "nosniff" {
            say("no nosniff");
        }
        let is_document = kind.contains("html") || kind.contains("xml") || kind.contains("svg");
        if is_document && answer.header("content-security-policy").is_empty() {
            say(&format!("{kind} without a Content-Security-Policy"));
        }
        if is_document && !answer.header("content-security-policy").contains("default-src 'none'") {
            say("a policy that allows by default");
        }
        // Served bytes say nothing to which a referrer could be sent, unless they are documents.
        if (door != "edge" || (answer.status >= 400 && ![412, 416].contains(&answer.status)))
            && answer.header("referrer-policy").is_empty()
        {
            say("no Referrer-Policy");
        }
        let is_public = PUBLIC.iter().any(|public| path.starts_with(public));
        if answer.status != 304 && !path.starts_with(SWAGGER) {
            let keeps_out = cache.contains("no-store") || cache.contains("private");
            if !keeps_out && !is_public {
                say(&format!("Cache-Control is {cache:?}"));
            }
            if kind.starts_with("application/json")
                && !is_public
                && !cache.contains("no-store")
                && door != "s3"
                && door != "edge"
                && answer.header("etag").is_empty()
            {
                say(&format!("JSON with Cache-Control {cache:?}"));
            }
        }
        let has_bytes = [200, 206].contains(&answer.status) && !answer.header("accept-ranges").is_empty();
        if has_bytes && answer.header("cross-origin-resource-policy").is_empty() {
            say("bytes without a Cross-Origin-Resource-Policy");
        }
        for name in ["server", "x-powered-by", "x-aspnet-version", "via"] {
            if answer.headers.contains_key(name) {
                say(&format!("{name}: {}", answer.header(name)));
            }
        }
        if answer.status >= 400 {
            let text = answer.text();
            for internal in INTERNALS {
                if text.contains(internal) {
                    say(&format!("shows {internal:?}: {text}"));
                }
            }
        }
        self.statuses.insert((door, answer.status));
        self.count += 1;
    }

    fn end(self, wanted: &[(&'static str, u16)]) {
        assert!(self.wrong.is_empty(), "{} of {}:\n{}", self.wrong.len(), self.count, self.wrong.join("\n"));
        let missing: Vec<_> = wanted.iter().filter(|one| !self.statuses.contains(one)).collect();
        assert!(missing.is_empty(), "these were never answered: {missing:?}; {:?}", self.statuses);
    }
}

/// Returns every operation of the description with its path filled in.
fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(include_str!("../../../../openapi.json")).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let id = "019a1c40-5b1e-7c02-9a3d-5e8f00000002";
        let mut filled = path.clone();
        while let Some(start) = filled.find('{') {
            let end = start + filled[start..].find('}').unwrap();
            let name = filled[start + 1..end].to_owned();
            let value = if name == "number" { "1" } else { id };
            filled.replace_range(start..=end, value);
        }
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "parameters") {
            all.push((method.to_ascii_uppercase(), filled.clone()));
        }
    }
    assert!(all.len() > 90, "{}", all.len());
    all
}

/// Sends a request that may never end, as those for events, and returns its head.
async fn head_of(app: &TestApp, method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    if !url.contains("/events") {
        return app.send(method, url, headers, body).await;
    }
    let mut request = client.request(method.parse().unwrap(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = if status < 300 { Vec::new() } else { response.bytes().await.unwrap().to_vec() };
    Answer { status, headers, body }
}

#[tokio::test]
async fn every_route_has_the_headers_that_protect_its_reader() {
    let (app, issued) = issue_everything().await;
    let mut walk = Walk::new();
    let json = ("content-type", "application/json");
    let callers: [&[(&str, &str)]; 3] = [
        &[json],
        &[("x-user-id", "ann"), ("x-org-id", "garage"), json],
        &[("x-user-id", "mallory"), json, ("origin", "https://evil.test")],
    ];
    for (method, path) in operations() {
        for caller in callers {
            for body in [b"{}".to_vec(), b"{".to_vec()] {
                let body = if method == "GET" || method == "HEAD" { Vec::new() } else { body };
                let url = format!("{}{path}", app.api());
                let answer = head_of(&app, &method, &url, caller, body).await;
                walk.check("api", &format!("{method} {path}"), &path, &answer);
            }
        }
        let other = app.send("PATCH", &format!("{}{path}", app.api()), &[("x-user-id", "ann")], Vec::new()).await;
        walk.check("api", &format!("PATCH {path}"), &path, &other);
        let preflight = [("origin", "https://a.test"), ("access-control-request-method", "GET")];
        let options = app.send("OPTIONS", &format!("{}{path}", app.api()), &preflight, Vec::new()).await;
        walk.check("api", &format!("OPTIONS {path}"), &path, &options);
    }
    let pages = [
        "/",
        "/spaces/none",
        "/assets/none.js",
        "/start",
        "/docs",
        "/docs/",
        "/docs/index.html",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/docs/none.js",
        "/manual",
        "/manual/",
        "/manual/guides/files.html",
        "/manual/images/dashboard-gallery.png",
        "/manual/search-index.js",
        "/manual/site.css",
        "/manual/schema.graphql",
        "/manual/none.html",
        "/manual/..%2f..%2fetc/passwd",
        "/openapi.json",
        "/redoc",
        "/redoc/redoc.standalone.js",
        "/graphiql",
        "/graphql",
        "/graphql?query={__typename}",
        "/nothing",
        "/%ff",
        "/graphiql/nothing",
        "/favicon.ico",
        "/metrics",
        "/docsx",
    ];
    for path in pages {
        let answer = app.get("ann", path).await;
        walk.check("api", path, path, &answer);
    }
    let long = format!("/{}", "a".repeat(9000));
    for (door, origin) in [("api", app.api()), ("edge", app.edge()), ("s3", app.app.addresses.s3.to_string())] {
        for path in [long.as_str(), "/", "/tidegate", "/tidegate/", "/tidegate/x", "/images/x", "/..%2f", "/%00"] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"] {
                let answer = app.send(method, &format!("{origin}{path}"), &[], Vec::new()).await;
                walk.check(door, &format!("{method} {}", &path[..path.len().min(20)]), path, &answer);
            }
        }
    }
    let large = app.post("ann", "/v1/images", &json!({ "name": "x".repeat(3 << 20) })).await;
    walk.check("api", "a large body", "/v1/images", &large);
    // What was issued, as it is, in part, and under conditions.
    for request in &issued {
        let path = request.url.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap();
        let door = if request.url.starts_with(&app.api()) {
            "api"
        } else if request.url.starts_with(&app.edge()) {
            "edge"
        } else {
            "s3"
        };
        let base: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let plain = app.send(request.method, &request.url, &base, request.body.clone()).await;
        walk.check(door, request.kind, &path, &plain);
        if request.method == "GET" {
            let etag = plain.header("etag").to_owned();
            for more in [
                ("range", "bytes=0-0"),
                ("range", "bytes=99999999-"),
                ("if-none-match", etag.as_str()),
                ("if-match", "\"x\""),
                ("origin", "https://a.test"),
            ] {
                let headers: Vec<(&str, &str)> = base.iter().copied().chain([more]).collect();
                let answer = app.send("GET", &request.url, &headers, Vec::new()).await;
                walk.check(door, &format!("{} {more:?}", request.kind), &path, &answer);
            }
            let forged = app.send("GET", &format!("{}0", request.url), &base, Vec::new()).await;
            walk.check(door, &format!("{}, forged", request.kind), &path, &forged);
        }
    }
    // What the parser refuses has no body, or the headers too.
    for (door, address) in [
        ("api", app.api_address()),
        ("s3", app.app.addresses.s3.authority.parse().unwrap()),
        ("edge", app.edge_address()),
    ] {
        for request in [
            "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n".to_owned(),
            format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(70_000)),
        ] {
            let answer = raw(address, request.as_bytes()).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
            assert!([400, 431].contains(&raw_status(&answer)), "{door}: {answer}");
            assert!(body.is_empty() || head.to_ascii_lowercase().contains("nosniff"), "{door}: {answer}");
            assert!(!head.to_ascii_lowercase().contains("\nserver:"), "{door}: {answer}");
        }
    }
    app.run_jobs().await;
    app.stop().await;
    // Too many requests, and a database that is away.
    let app = TestApp::with(&[("RATE_LIMIT_PER_ADDRESS", "1")]).await;
    for _ in 0..20 {
        let answer = app.get("ann", "/v1/images").await;
        walk.check("api", "many requests", "/v1/images", &answer);
    }
    app.stop().await;
    let app = TestApp::start().await;
    app.app.db.close().await;
    for path in ["/v1/images", "/readyz"] {
        let answer = app.get("ann", path).await;
        walk.check("api", "without a database", path, &answer);
    }
    app.stop().await;
    walk.end(&[
        ("api", 200),
        ("api", 201),
        ("api", 204),
        ("api", 206),
        ("api", 304),
        ("api", 307),
        ("api", 400),
        ("api", 401),
        ("api", 403),
        ("api", 404),
        ("api", 405),
        ("api", 412),
        ("api", 413),
        ("api", 414),
        ("api", 416),
        ("api", 429),
        ("api", 503),
        ("edge", 200),
        ("edge", 206),
        ("edge", 304),
        ("edge", 403),
        ("edge", 405),
        ("edge", 412),
        ("edge", 414),
        ("edge", 416),
        ("s3", 200),
        ("s3", 206),
        ("s3", 304),
        ("s3", 403),
        ("s3", 412),
        ("s3", 414),
        ("s3", 416),
    ]);
}

/// A page of another origin reads when to come again, and how far its clock is off, from every door.
#[tokio::test]
async fn pages_may_read_the_time_and_when_to_come_again() {
    const PAGE: (&str, &str) = ("origin", "https://app.test");
    let app = TestApp::with(&[("CORS_ALLOW_ORIGIN", "https://app.test"), ("RATE_LIMIT_PER_ADDRESS", "20")]).await;
    let (image, _) = app.begin("ann", &json!({})).await;
    let api = format!("{}/v1/images/{image}/parts", app.api());
    let answers = [
        app.send("GET", &api, &[PAGE, ("x-user-id", "ann")], Vec::new()).await,
        app.send("GET", &format!("{}/images/x", app.edge()), &[PAGE], Vec::new()).await,
        app.send("GET", &format!("{}/tidegate/images/x", app.app.addresses.s3), &[PAGE], Vec::new()).await,
    ];
    for answer in &answers {
        let exposed: Vec<_> = answer.header("access-control-expose-headers").split(", ").collect();
        assert!(exposed.contains(&"date") && exposed.contains(&"retry-after"), "{}: {exposed:?}", answer.status);
        assert!(!answer.header("date").is_empty(), "{}", answer.status);
    }
    let mut refused = None;
    for _ in 0..100 {
        let answer = app.send("GET", &api, &[PAGE, ("x-user-id", "ann")], Vec::new()).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert!(!refused.header("retry-after").is_empty());
    assert!(refused.header("access-control-expose-headers").contains("retry-after"));
    app.stop().await;
}

/// The doors of processes that only run jobs, or only the edge.
#[tokio::test]
async fn operations_doors_have_them_too() {
    use tower::ServiceExt as _;
    let app = TestApp::start().await;
    let router = tidegate::http::operations_router(std::sync::Arc::clone(&app.app));
    let mut walk = Walk::new();
    for (method, path) in [
        ("GET", "/health"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/x"),
        ("POST", "/health"),
    ] {
        let request = axum::http::Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        walk.check("operations", &format!("{method} {path}"), path, &answer);
    }
    walk.end(&[("operations", 200), ("operations", 404), ("operations", 405)]);
    app.finish().await;
}

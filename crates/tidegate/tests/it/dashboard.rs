//! The dashboard that the binary carries: its addresses, its header fields, and what it is not.

use tidegate::dashboard::carried;

use crate::support::{Answer, TestApp, raw, raw_status};

async fn fetch(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    app.send("GET", &format!("{}{path}", app.api()), fields, Vec::new()).await
}

#[tokio::test]
async fn every_page_is_one_file_and_everything_else_is_the_api() {
    let app = TestApp::start().await;
    let start = fetch(&app, "/", &[]).await;
    assert_eq!((start.status, start.header("content-type")), (200, "text/html; charset=utf-8"));
    for path in ["/spaces", "/spaces/0195-x", "/spaces/a/b", "/files?folder=a", "/admin/audit", "/datasets/%25/x"] {
        let page = fetch(&app, path, &[]).await;
        assert_eq!((page.status, page.text() == start.text()), (200, true), "{path}");
        assert_eq!(page.header("cache-control"), "private, no-cache", "{path}");
    }
    for path in [
        "/spaces/",
        "/spaces/a/pub/b/c.jpg",
        "/sessions/a/processed/b.jpg",
        "/nothing",
        "/index.html",
        "/manifest.json",
        "/admin",
        "/admin/",
        "/api",
        "/v1",
        "/v1/x",
    ] {
        let other = fetch(&app, path, &[("accept", "text/html")]).await;
        assert_eq!(other.refusal(), (404, "NOT_FOUND".into()), "{path}");
    }
    assert_eq!(app.send("POST", &app.api(), &[], Vec::new()).await.refusal(), (405, "BAD_REQUEST".into()));
    app.finish().await;
}

#[tokio::test]
async fn the_page_may_load_and_call_only_this_server() {
    let app = TestApp::start().await;
    let page = fetch(&app, "/spaces", &[]).await;
    let policy = page.header("content-security-policy");
    let edge = app.app.addresses.edge.as_ref().unwrap().to_string();
    let store = app.app.addresses.s3.to_string();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        &format!("img-src 'self' {edge}"),
        &format!("media-src 'self' {edge}"),
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split("; ").any(|one| one == directive), "{directive}: {policy}");
    }
    let calls = policy.split("; ").find(|one| one.starts_with("connect-src ")).unwrap();
    assert_eq!(calls, format!("connect-src 'self' {edge} {store}"));
    assert!(!policy.contains("unsafe") && !policy.contains(['{', '*']) && !policy.contains("data:"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    app.finish().await;
}

#[tokio::test]
async fn the_page_may_call_the_provider_of_sign_in() {
    let app = TestApp::with(&[
        ("AUTH_JWKS_URL", "http://127.0.0.1:9/keys"),
        ("OIDC_ISSUER", "https://ID.example/realms/lab"),
        ("OIDC_CLIENT_ID", "tidegate"),
        ("OIDC_ORIGINS", "https://pool.example, http://127.0.0.1:8080/"),
    ])
    .await;
    for path in ["/", "/sign-in"] {
        let page = fetch(&app, path, &[]).await;
        let policy = page.header("content-security-policy");
        let calls = policy.split("; ").find(|one| one.starts_with("connect-src ")).unwrap();
        let provider = " https://id.example https://pool.example http://127.0.0.1:8080";
        assert!(calls.ends_with(provider), "{path}: {calls}");
    }
    app.finish().await;
}

#[tokio::test]
async fn files_are_hashed_compressed_and_immutable() {
    let app = TestApp::start().await;
    let build = carried().unwrap();
    let (path, script) = build.files.iter().max_by_key(|(_, file)| file.entry.size).unwrap();
    for (accepted, coding, body) in [
        ("gzip, deflate, br, zstd", "br", script.brotli),
        ("gzip", "gzip", script.gzip),
        ("identity", "", &script.plain()[..]),
        ("br;q=0, gzip;q=0", "", &script.plain()[..]),
    ] {
        let file = fetch(&app, path, &[("accept-encoding", accepted)]).await;
        assert_eq!((file.status, file.header("content-encoding")), (200, coding), "{accepted}");
        assert!(file.body[..] == *body, "{accepted}");
        assert_eq!(file.header("content-length"), body.len().to_string(), "{accepted}");
        assert_eq!(file.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(file.header("vary").contains("Accept-Encoding"), "{}", file.header("vary"));
        let etag = file.header("etag").to_owned();
        let again = fetch(&app, path, &[("accept-encoding", accepted), ("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, etag.as_str()), "{accepted}");
    }
    // Each coding is a representation of its own.
    let brotli = fetch(&app, path, &[("accept-encoding", "br")]).await.header("etag").to_owned();
    let gzip = fetch(&app, path, &[("accept-encoding", "gzip"), ("if-none-match", &brotli)]).await;
    assert_eq!(gzip.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn no_name_leads_out_of_the_carried_files() {
    let app = TestApp::start().await;
    let build = carried().unwrap();
    let known = build.files.keys().next().unwrap();
    for path in [
        "/assets/nothing.js".to_owned(),
        "/assets/".to_owned(),
        "/assets/../index.html".to_owned(),
        "/assets/%2e%2e/index.html".to_owned(),
        "/assets/..%2findex.html".to_owned(),
        "/assets/%00".to_owned(),
        format!("{known}.br"),
        format!("{known}.gz"),
        format!("{known}/"),
        known.replace("/assets/", "/assets//"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", app.api_address());
        let response = raw(app.api_address(), request.as_bytes()).await;
        assert!([400, 404].contains(&raw_status(&response)), "{path}: {response}");
        assert!(!response.contains("immutable"), "{path}: {response}");
    }
    app.finish().await;
}

#[tokio::test]
async fn without_it_the_start_page_is_first() {
    let app = TestApp::with(&[("DASHBOARD", "false")]).await;
    let first = fetch(&app, "/", &[]).await;
    assert_eq!((first.status, first.header("location")), (307, "/start"));
    for path in ["/spaces", "/files", "/assets/x.js"] {
        assert_eq!(fetch(&app, path, &[]).await.status, 404, "{path}");
    }
    assert_eq!(fetch(&app, "/start", &[]).await.status, 200);
    app.finish().await;
}

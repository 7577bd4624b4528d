//! Sessions: uploads are sealed, scanned, processed and published. Follows the testing checklist of
//! the original application line by line, and then its contract.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::queue::{self, Job};

use crate::support::TestApp;
use crate::support::sessions::{
    CONFIRM, GET_URL, MEDIA, OTHER_SESSION, SESSION, eicar, epoch, photo, photo_of, scanning,
};

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Returns the statuses of a history.
fn steps(shown: &Value) -> Vec<&str> {
    shown["history"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect()
}

// The checklist: unit tests.

#[tokio::test]
async fn get_upload_url_validates_content_type() {
    let app = TestApp::start().await;
    app.session().await;
    for bad in ["image/svg+xml", "text/html", "application/octet-stream", "image/jpg", "", "; image/jpeg", "*/*"] {
        let asked = json!({ "s": SESSION, "f": "a.jpg", "c": bad });
        assert_eq!(app.graphql_code("ann", "garage", GET_URL, &asked).await, "BAD_REQUEST", "{bad}");
    }
    for good in [
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/webp",
        "video/mp4",
        "video/quicktime",
        "video/webm",
        "IMAGE/PNG",
        "image/jpeg; a=b",
        "video/webm;codecs=vp8,opus",
    ] {
        app.target("a", good).await;
    }
    let stage = json!({ "s": SESSION, "f": "a.jpg", "c": "image/jpeg", "g": "processed" });
    assert_eq!(app.graphql_code("ann", "garage", GET_URL, &stage).await, "BAD_REQUEST", "a stage that is none");
    let listed = app.as_of("ann", "garage", "GET", &format!("/v1/sessions/{SESSION}/media"), None).await;
    assert_eq!(listed.json()["media"].as_array().unwrap().len(), 10, "nothing is made of what was refused");
    app.finish().await;
}

#[tokio::test]
async fn get_upload_url_validates_filename() {
    let app = TestApp::start().await;
    app.session().await;
    for bad in ["../a.jpg", "a/b.jpg", "a\\b.jpg", "a\0.jpg", "a\n.jpg", "..", "", &"x".repeat(256)] {
        let asked = json!({ "s": SESSION, "f": bad, "c": "image/jpeg" });
        assert_eq!(app.graphql_code("ann", "garage", GET_URL, &asked).await, "BAD_REQUEST", "{bad:?}");
    }
    for (name, ending) in [("photo.JPG", ".JPG"), ("Ünïcode 写真.jpeg", ".jpeg"), ("100%?#.png", ".png"), ("none", "")]
    {
        let (_, key) = app.target(name, "image/jpeg").await;
        let file = key.strip_prefix(&format!("sessions/{SESSION}/general/")).unwrap();
        assert_eq!((file.len(), &file[36..]), (36 + ending.len(), ending), "{name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn get_upload_url_checks_user_authorization() {
    let app = TestApp::start().await;
    app.session().await;
    let asked = json!({ "s": SESSION, "f": "a.jpg", "c": "image/jpeg" });
    assert_eq!(app.graphql_code("eve", "elsewhere", GET_URL, &asked).await, "FORBIDDEN");
    let unknown = json!({ "s": OTHER_SESSION, "f": "a.jpg", "c": "image/jpeg" });
    assert_eq!(app.graphql_code("ann", "garage", GET_URL, &unknown).await, "NOT_FOUND");
    let nobody = json!({ "query": GET_URL, "variables": asked }).to_string().into_bytes();
    let headers = [("content-type", "application/json")];
    let refused = app.send("POST", &format!("{}/graphql", app.api()), &headers, nobody).await;
    assert_eq!(refused.refusal(), (401, "UNAUTHENTICATED".into()));
    let without = [("content-type", "application/json"), ("x-user-id", "ann")];
    let body = json!({ "query": GET_URL, "variables": asked }).to_string().into_bytes();
    let refused = app.send("POST", &format!("{}/graphql", app.api()), &without, body).await;
    assert_eq!(refused.json()["errors"][0]["extensions"]["code"], "FORBIDDEN", "{}", refused.text());
    let listed = app.as_of("ann", "garage", "GET", &format!("/v1/sessions/{SESSION}/media"), None).await;
    assert_eq!(listed.json(), json!({ "media": [], "next": null, "total": 0 }), "nothing was created");
    app.finish().await;
}

#[tokio::test]
async fn confirm_upload_verifies_file_exists() {
    let app = TestApp::start().await;
    app.session().await;
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    let asked = json!({ "s": SESSION, "k": key, "a": "a car" });
    assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &asked).await, "BAD_REQUEST");
    let listed = app.as_of("ann", "garage", "GET", &format!("/v1/sessions/{SESSION}/media"), None).await;
    assert_eq!(listed.json()["media"][0]["status"], "PENDING_UPLOAD", "it can still be sent");
    app.put_at(&url, "image/jpeg", &photo(1)).await;
    let first = app.graphql("ann", "garage", CONFIRM, &asked).await;
    assert_eq!(first["data"]["confirmUpload"]["alt"], "a car", "{first}");
    let again = app.graphql("ann", "garage", CONFIRM, &asked).await;
    assert_eq!(first, again, "confirming again returns the same record");
    app.run_jobs().await;
    let later = app.graphql("ann", "garage", CONFIRM, &asked).await;
    assert_eq!(later["data"]["confirmUpload"]["status"], "COMPLETED");
    app.finish_with(1).await;
}

#[tokio::test]
async fn media_processor_scans_for_viruses() {
    let app = scanning(&[]).await;
    app.session().await;
    let shown = app.ended("a.jpg", "image/jpeg", &photo(1)).await;
    assert_eq!((&shown["status"], &shown["scan"]), (&json!("COMPLETED"), &json!("clean")), "{shown}");
    assert_eq!(steps(&shown), ["PENDING_UPLOAD", "UPLOADED", "SCANNING", "PROCESSING", "COMPLETED"]);
    app.finish_with(1).await;
}

#[tokio::test]
async fn media_processor_strips_exif_data() {
    let app = TestApp::start().await;
    app.session().await;
    let sent = photo(6);
    assert!(contains(&sent, "SecretMaker"));
    let shown = app.ended("a.jpg", "image/jpeg", &sent).await;
    assert_eq!((&shown["width"], &shown["height"]), (&json!(64), &json!(96)), "upright");
    let variants = shown["variants"].as_array().unwrap();
    let names: Vec<&str> = variants.iter().map(|variant| variant["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["1280.jpg", "1280.webp", "320.jpg", "320.webp"]);
    for url in variants.iter().map(|variant| &variant["url"]).chain([&shown["url"]]) {
        let served = app.read(url).await;
        assert_eq!(served.status, 200, "{url}");
        for text in ["Exif", "SecretMaker", "xmp", "http://ns.adobe.com"] {
            assert!(!contains(&served.body, text), "{url} holds {text}");
        }
    }
    assert!(shown["blurhash"].as_str().unwrap().len() > 10);
    app.finish_with(1).await;
}

#[tokio::test]
async fn media_processor_handles_failures_gracefully() {
    let app = TestApp::start().await;
    app.session().await;
    let whole = photo_of(256, 256, 1);
    let cut = whole[..whole.len() / 2].to_vec();
    let shown = app.ended("a.jpg", "image/jpeg", &cut).await;
    assert_eq!((&shown["status"], &shown["reason"]), (&json!("REJECTED"), &json!("the file is damaged or incomplete")));
    assert_eq!(app.files(), Vec::<String>::new(), "its bytes are gone");
    let gone = app.read(&shown["url"]).await;
    assert_eq!(gone.refusal(), (409, "INVALID_STATE".into()));
    assert!(gone.text().contains("REJECTED: the file is damaged"), "{}", gone.text());
    app.finish_with(2).await;
}

// The checklist: integration tests.

#[tokio::test]
async fn complete_upload_flow() {
    let app = scanning(&[]).await;
    app.session().await;
    let sent = app.sent("IMG_0001.JPG", "image/jpeg", &photo(6)).await;
    let early = app.read(&sent["url"]).await;
    assert_eq!(early.refusal(), (409, "INVALID_STATE".into()), "nothing is served before it was published");
    assert!(early.text().contains("UPLOADED"), "{}", early.text());
    app.run_jobs().await;
    let shown = app.graphql("ben", "garage", MEDIA, &json!({ "id": sent["id"] })).await["data"]["media"].clone();
    assert_eq!(shown["status"], "COMPLETED", "a colleague sees it: {shown}");
    let served = app.read(&shown["url"]).await;
    assert_eq!((served.status, served.header("content-type")), (200, "image/jpeg"));
    assert_eq!(shown["size"], served.body.len());
    let path = |url: &Value| url.as_str().unwrap().split('?').next().unwrap().to_owned();
    let led = app.read(&sent["url"]).await;
    assert_eq!(
        (led.status, path(&json!(led.header("location")))),
        (307, path(&shown["url"])),
        "the link leads there now"
    );
    assert!(app.files().iter().all(|file| file.contains("/processed/")), "nothing else is left: {:?}", app.files());
    let unsigned = app.read(&json!(path(&shown["url"]))).await;
    assert_eq!(unsigned.status, 403);
    app.finish_with(1).await;
}

#[tokio::test]
async fn virus_scan_catches_malicious_files() {
    let app = scanning(&[]).await;
    app.session().await;
    // The signature follows a valid image.
    let shown = app.ended("a.jpg", "image/jpeg", &[photo(1), eicar()].concat()).await;
    assert_eq!(shown["status"], "REJECTED", "{shown}");
    assert!(shown["reason"].as_str().unwrap().contains("Local.Eicar-Test"), "{shown}");
    assert_eq!(steps(&shown), ["PENDING_UPLOAD", "UPLOADED", "SCANNING", "REJECTED"]);
    app.finish_with(2).await;
}

#[tokio::test]
async fn large_file_uploads_up_to_50_mb() {
    let app = TestApp::start().await;
    app.session().await;
    let image = photo(1);
    // Within the limit: an image followed by much data, as some cameras write.
    let mut large = image.clone();
    large.resize(50 << 20, 0);
    let shown = app.ended("a.jpg", "image/jpeg", &large).await;
    assert_eq!(shown["status"], "COMPLETED", "{shown}");
    large.push(0);
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    assert_eq!(app.put_at(&url, "image/jpeg", &large).await.status, 200, "without a size the limit is checked later");
    let asked = json!({ "s": SESSION, "k": key });
    assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &asked).await, "TOO_LARGE");
    let announced = json!({ "s": SESSION, "f": "a.jpg", "c": "image/jpeg", "n": (50 << 20) + 1 });
    assert_eq!(app.graphql_code("ann", "garage", GET_URL, &announced).await, "TOO_LARGE");
    app.run_jobs().await;
    assert!(app.files().iter().all(|file| file.contains("/processed/")), "{:?}", app.files());
    app.finish_with(2).await;
}

#[tokio::test]
async fn concurrent_uploads() {
    let app = TestApp::start().await;
    app.session().await;
    let image = photo(1);
    let sending = (0..12).map(|number| {
        let (app, image) = (&app, &image);
        async move { app.sent(&format!("{number}.jpg"), "image/jpeg", image).await }
    });
    let sent = futures::future::join_all(sending).await;
    futures::future::join_all((0..3).map(|_| app.run_jobs())).await;
    app.run_jobs().await;
    for media in &sent {
        assert_eq!(app.shown(&media["id"]).await["status"], "COMPLETED");
    }
    app.finish_with(12).await;
}

#[tokio::test]
async fn upload_expiration() {
    let app = TestApp::with(&[("MEDIA_UPLOAD_URL_TTL_SECONDS", "1"), ("MEDIA_UPLOAD_EXPIRY_SECONDS", "3")]).await;
    app.session().await;
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let late = app.put_at(&url, "image/jpeg", &photo(1)).await;
    assert_eq!(late.status, 403, "{}", late.text());
    let (url, sent) = app.target("b.jpg", "image/jpeg").await;
    assert_eq!(app.put_at(&url, "image/jpeg", &photo(1)).await.status, 200);
    app.app.db.clock().advance(Duration::from_secs(3));
    // Unconfirmed uploads are swept: row and bytes.
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, &Job::SweepV1, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_jobs().await;
    for key in [key, sent] {
        let asked = json!({ "s": SESSION, "k": key });
        assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &asked).await, "NOT_FOUND");
    }
    assert_eq!(app.files(), Vec::<String>::new());
    app.finish_with(2).await;
}

// The checklist: security tests.

#[tokio::test]
async fn cannot_upload_to_another_users_session() {
    let app = TestApp::start().await;
    app.session().await;
    for (method, path, body) in [
        ("POST", "/media/upload-url", Some(json!({ "filename": "a.jpg", "contentType": "image/jpeg" }))),
        ("POST", "/media/confirm", Some(json!({ "fileKey": "sessions/x" }))),
        ("GET", "/media", None),
        ("GET", "/media/events", None),
        ("DELETE", "", None),
    ] {
        let path = format!("/v1/sessions/{SESSION}{path}");
        let refused = app.as_of("eve", "elsewhere", method, &path, body.as_ref()).await;
        assert_eq!(refused.refusal(), (403, "FORBIDDEN".into()), "{method} {path}");
        let unknown = path.replace(SESSION, OTHER_SESSION);
        let refused = app.as_of("eve", "elsewhere", method, &unknown, body.as_ref()).await;
        assert_eq!(refused.refusal(), (404, "NOT_FOUND".into()), "{method} {unknown}");
    }
    let taken = app.as_of("eve", "elsewhere", "POST", "/v1/sessions", Some(&json!({ "id": SESSION }))).await;
    assert_eq!(taken.refusal(), (409, "INVALID_STATE".into()));
    let again = app.as_of("ben", "garage", "POST", "/v1/sessions", Some(&json!({ "id": SESSION }))).await;
    assert_eq!(again.status, 201, "asked again by the same organisation");
    app.finish().await;
}

#[tokio::test]
async fn cannot_confirm_upload_for_another_users_media() {
    let app = TestApp::start().await;
    app.session().await;
    let other = app.as_of("ann", "garage", "POST", "/v1/sessions", Some(&json!({ "id": OTHER_SESSION }))).await;
    assert_eq!(other.status, 201);
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    app.put_at(&url, "image/jpeg", &photo(1)).await;
    let asked = json!({ "s": SESSION, "k": key });
    assert_eq!(app.graphql_code("ben", "garage", CONFIRM, &asked).await, "NOT_FOUND", "a colleague's");
    assert_eq!(app.graphql_code("eve", "elsewhere", CONFIRM, &asked).await, "FORBIDDEN", "another organisation's");
    let elsewhere = json!({ "s": OTHER_SESSION, "k": key });
    assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &elsewhere).await, "NOT_FOUND", "a key of another session");
    let unknown = json!({ "s": SESSION, "k": key.replace(".jpg", ".png") });
    assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &unknown).await, "NOT_FOUND", "an unknown key");
    let done = app.graphql("ann", "garage", CONFIRM, &asked).await;
    let id = &done["data"]["confirmUpload"]["id"];
    app.run_jobs().await;
    assert_eq!(app.graphql_code("eve", "elsewhere", MEDIA, &json!({ "id": id })).await, "FORBIDDEN");
    let path = format!("/v1/sessions/{SESSION}/media/{}", id.as_str().unwrap());
    for (method, tail) in [
        ("GET", ""),
        ("GET", "/history"),
        ("GET", "/content"),
        ("POST", "/retry"),
        ("POST", "/restore"),
        ("DELETE", ""),
    ] {
        let refused = app.as_of("eve", "elsewhere", method, &format!("{path}{tail}"), None).await;
        assert_eq!(refused.refusal(), (403, "FORBIDDEN".into()), "{method} {tail}");
    }
    app.finish_with(1).await;
}

#[tokio::test]
async fn expired_presigned_urls_are_rejected() {
    let app = TestApp::with(&[("MEDIA_UPLOAD_URL_TTL_SECONDS", "1")]).await;
    app.session().await;
    let (url, _) = app.target("a.jpg", "image/jpeg").await;
    let wrong = app.put_at(&url, "image/png", &photo(1)).await;
    assert_eq!(wrong.status, 403, "another type than was signed");
    let moved = app.put_at(&url.replace("/general/", "/processed/"), "image/jpeg", &photo(1)).await;
    assert_eq!(moved.status, 403, "another place than was signed");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(app.put_at(&url, "image/jpeg", &photo(1)).await.status, 403);
    assert_eq!(app.files(), Vec::<String>::new());
    app.finish().await;
}

#[tokio::test]
async fn invalid_content_types_are_rejected() {
    let app = TestApp::start().await;
    app.session().await;
    let wrong: [(&str, &[u8]); 7] = [
        ("image/png", &photo(1)),
        ("image/jpeg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"),
        ("image/gif", b"<!doctype html><script>alert(1)</script>"),
        ("video/mp4", &photo(1)),
        ("image/jpeg", b"MZ\x90\0\x03"),
        ("image/webp", b"RIFF\x10\0\0\0AVI LIST"),
        ("image/jpeg", b""),
    ];
    for (kind, bytes) in wrong {
        let (url, key) = app.target("a", kind).await;
        assert_eq!(app.put_at(&url, kind, bytes).await.status, 200);
        let asked = json!({ "s": SESSION, "k": key });
        assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &asked).await, "BAD_REQUEST", "{kind}");
        let again = app.graphql("ann", "garage", CONFIRM, &asked).await;
        assert_eq!(again["data"]["confirmUpload"]["status"], "REJECTED", "{again}");
    }
    app.run_jobs().await;
    assert_eq!(app.files(), Vec::<String>::new(), "bytes of what was rejected are gone");
    app.finish_with(7).await;
}

#[tokio::test]
async fn malicious_files_are_caught_and_deleted() {
    let app = scanning(&[]).await;
    app.session().await;
    let sent = app.sent("a.jpg", "image/jpeg", &[photo(1), eicar()].concat()).await;
    app.run_jobs().await;
    let shown = app.shown(&sent["id"]).await;
    assert_eq!(shown["status"], "REJECTED");
    assert_eq!(app.files(), Vec::<String>::new(), "deleted");
    for url in [&sent["url"], &shown["url"]] {
        assert_eq!(app.read(url).await.status, 409, "unreadable by any URL");
    }
    let retry = format!("/v1/sessions/{SESSION}/media/{}/retry", sent["id"].as_str().unwrap());
    assert_eq!(
        app.as_of("ann", "garage", "POST", &retry, None).await.refusal(),
        (409, "INVALID_STATE".into()),
        "what was rejected stays so"
    );
    let audit = app.get("ann", "/v1/audit").await;
    assert_eq!(audit.status, 200);
    app.finish_with(2).await;
}

/// Returns the value of a query parameter.
fn parameter<'a>(url: &'a str, name: &str) -> &'a str {
    let query = url.split_once('?').unwrap().1;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).next().unwrap_or_else(|| panic!("{name}: {url}"))
}

#[tokio::test]
async fn a_link_opens_the_one_object_it_names_and_ends_what_it_gives() {
    let app = TestApp::start().await;
    app.session().await;
    let sent = app.sent("a.jpg", "image/jpeg", &photo(1)).await;
    let sibling = app.sent("b.jpg", "image/jpeg", &photo(6)).await;
    app.run_jobs().await;
    let shown = app.shown(&sent["id"]).await;
    let link = sent["url"].as_str().unwrap();
    let bare = |url: &Value| url.as_str().unwrap().split('?').next().unwrap().to_owned();
    let thumbnail = bare(&shown["variants"][0]["url"]);
    let sibling = bare(&app.shown(&sibling["id"]).await["url"]);
    let content = format!("{}/v1/sessions/{SESSION}/media/{}/content", app.api(), sent["id"].as_str().unwrap());
    let signed_in = [("x-user-id", "ben"), ("x-org-id", "garage")];
    for (how, url, headers) in [("by the link", link, &[][..]), ("signed in", content.as_str(), &signed_in[..])] {
        for method in ["GET", "HEAD"] {
            let led = app.send(method, url, headers, Vec::new()).await;
            assert_eq!((led.status, led.header("cache-control")), (307, "no-store"), "{how}");
            let to = led.header("location").to_owned();
            assert_eq!(to.split('?').next().unwrap(), bare(&shown["url"]), "{how}");
            let authority = to.split_once('?').unwrap().1;
            assert!(!authority.contains("Policy="), "{how}: a policy could say more than the URL: {to}");
            let read = app.read(&json!(to)).await;
            assert_eq!((read.status, json!(read.body.len())), (200, shown["size"].clone()), "{how}");
            for other in [&sibling, &thumbnail] {
                let refused = app.read(&json!(format!("{other}?{authority}"))).await;
                assert_eq!(refused.status, 403, "{how}: what it gives opened {other}");
            }
        }
    }
    // A link that expires soon returns no URL that expires later.
    let path = content.strip_prefix(&app.api()).unwrap();
    for (left, at_most) in [(10_u64, 10_u64), (600, 600), (86_400, 900)] {
        let ends = epoch() + left;
        let terms = sign::LinkTerms { expires: ends, disposition: sign::Disposition::Inline, epoch: 0 };
        let (kid, sig) = (app.app.links.key_id(), app.app.links.sign_v2(path, terms));
        let led = app.read(&json!(format!("{content}?v=2&exp={ends}&kid={kid}&sig={sig}"))).await;
        assert_eq!(led.status, 307, "{}", led.text());
        let expires: u64 = parameter(led.header("location"), "Expires").parse().unwrap();
        assert!(expires > epoch() && expires <= ends - left + at_most, "{left} s are left: {expires} after {ends}");
        assert_eq!(app.read(&json!(led.header("location"))).await.status, 200);
    }
    // Links to deleted media items, and to those of deleted sessions, are refused.
    assert_eq!(app.as_of("ann", "garage", "DELETE", path.strip_suffix("/content").unwrap(), None).await.status, 204);
    assert_eq!(app.read(&json!(link)).await.refusal(), (404, "NOT_FOUND".into()));
    app.run_jobs().await;
    app.finish_with(3).await;
}

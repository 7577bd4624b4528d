//! What must not happen to a session's media items, whatever races and whatever fails: serving
//! other bytes than were scanned, serving unpublished bytes, or a row that states something false.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::TestApp;
use crate::support::services::{Cuttable, bucket, given};
use crate::support::sessions::{CONFIRM, SESSION, eicar, photo, photo_of, run_late_jobs, scanner, scanning};

fn path(id: &Value, tail: &str) -> String {
    format!("/v1/sessions/{SESSION}/media/{}{tail}", id.as_str().unwrap())
}

#[tokio::test]
async fn a_late_or_repeated_put_changes_nothing() {
    let app = scanning(&[]).await;
    app.session().await;
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    assert_eq!(app.put_at(&url, "image/jpeg", &photo(1)).await.status, 200);
    let confirmed = app.graphql("ann", "garage", CONFIRM, &json!({ "s": SESSION, "k": key })).await;
    let id = confirmed["data"]["confirmUpload"]["id"].clone();
    // The URL has not expired; the upload has.
    let late = app.put_at(&url, "image/jpeg", &[photo(1), eicar()].concat()).await;
    assert_eq!(late.status, 403, "{}", late.text());
    let again = app.graphql("ann", "garage", CONFIRM, &json!({ "s": SESSION, "k": key })).await;
    assert_eq!(again["data"]["confirmUpload"]["id"], id);
    app.run_jobs().await;
    let shown = app.shown(&id).await;
    assert_eq!(shown["status"], "COMPLETED", "{shown}");
    assert!(app.files().iter().all(|file| file.contains("/processed/")), "{:?}", app.files());
    app.finish_with(1).await;
}

/// On a bucket, a late PUT is only prevented by the expiry of its URL: its bytes are never read,
/// and removed.
#[tokio::test]
async fn a_late_put_to_a_bucket_is_never_looked_at() {
    let mut settings = bucket(&given("TEST_GARAGE_URL")).await;
    settings.extend(scanner().into_iter().map(|(name, value)| (name.to_owned(), value)));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&settings).await;
    app.session().await;
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    let put = app.put_at(&url, "image/jpeg", &photo(6)).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let asked = json!({ "s": SESSION, "k": key });
    let confirmed = app.graphql("ann", "garage", CONFIRM, &asked).await;
    let id = confirmed["data"]["confirmUpload"]["id"].clone();
    assert_eq!(app.put_at(&url, "image/jpeg", &[photo(1), eicar()].concat()).await.status, 200, "S3 takes it");
    let again = app.graphql("ann", "garage", CONFIRM, &asked).await;
    assert_eq!(again["data"]["confirmUpload"]["id"], id, "and nobody cares");
    app.run_jobs().await;
    let shown = app.shown(&id).await;
    assert_eq!((&shown["status"], &shown["width"]), (&json!("COMPLETED"), &json!(64)), "{shown}");
    let served = app.read(&shown["url"]).await;
    assert_eq!((served.status, served.header("content-type")), (200, "image/jpeg"));
    assert_eq!(app.put_at(&url, "image/jpeg", b"later still").await.status, 200);
    // Once the URL has expired, the bytes are removed.
    run_late_jobs(&app, 1).await;
    let left = app.app.store.list("", None, 100).await.unwrap();
    assert!(left.iter().all(|entry| entry.key.contains("/processed/")), "{left:?}");
    // The key is checked once more, when the slowest PUT must have ended.
    app.finish_with(1).await;
}

/// A PUT in progress while its upload is confirmed: either all of it is sealed, or none.
#[tokio::test]
async fn a_slow_put_is_there_whole_or_not_at_all() {
    let app = TestApp::start().await;
    app.session().await;
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    let image = photo(1);
    let target = url.strip_prefix("http://").unwrap();
    let (host, rest) = target.split_once('/').unwrap();
    let mut slow = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PUT /{rest} HTTP/1.1\r\nhost: {host}\r\ncontent-type: image/jpeg\r\ncontent-length: {}\r\n\r\n",
        image.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&image[..100]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let asked = json!({ "s": SESSION, "k": key });
    assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &asked).await, "BAD_REQUEST", "not there yet");
    slow.write_all(&image[100..]).await.unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let confirmed = app.graphql("ann", "garage", CONFIRM, &asked).await;
    app.run_jobs().await;
    assert_eq!(app.shown(&confirmed["data"]["confirmUpload"]["id"]).await["status"], "COMPLETED");
    app.finish_with(1).await;
}

#[tokio::test]
async fn many_confirmations_at_once_make_one_medium() {
    let app = TestApp::start().await;
    app.session().await;
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    app.put_at(&url, "image/jpeg", &photo(1)).await;
    let asked = json!({ "s": SESSION, "k": key });
    let all = futures::future::join_all((0..20).map(|_| app.graphql("ann", "garage", CONFIRM, &asked))).await;
    for one in &all {
        assert_eq!(one["data"]["confirmUpload"]["id"], all[0]["data"]["confirmUpload"]["id"], "{one}");
    }
    assert_eq!(app.run_jobs().await, 1, "there is one job");
    app.finish_with(1).await;
}

#[tokio::test]
async fn a_scanner_that_is_away_is_waited_for_and_nothing_is_served_unscanned() {
    let way = Cuttable::to(given("TEST_CLAMD").parse().unwrap()).await;
    let port = way.address.port().to_string();
    let app = TestApp::with(&[
        ("CLAMAV_HOST", "127.0.0.1"),
        ("CLAMAV_PORT", &port),
        ("CLAMAV_TIMEOUT_SECONDS", "1"),
        ("CLAMAV_SCAN_SECONDS", "1"),
    ])
    .await;
    app.session().await;
    way.cut();
    let sent = app.sent("a.jpg", "image/jpeg", &photo(1)).await;
    app.run_jobs().await;
    assert_eq!(app.shown(&sent["id"]).await["status"], "SCANNING", "it waits");
    assert_eq!(app.read(&sent["url"]).await.status, 409);
    way.mend();
    way.freeze();
    run_late_jobs(&app, 1).await;
    assert_eq!(app.shown(&sent["id"]).await["status"], "SCANNING", "one that is silent is waited for, too");
    way.cut();
    run_late_jobs(&app, 80).await;
    let shown = app.shown(&sent["id"]).await;
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("SCAN_FAILED"), &json!("the malware scanner does not answer")),
        "{shown}"
    );
    assert_eq!(app.read(&shown["url"]).await.status, 409, "never served");
    way.mend();
    // An operator retries it from the dead-letter list.
    let admin = [("x-user-id", "root"), ("x-roles", "admin")];
    let dead = app.send("GET", &format!("{}/v1/jobs/dead", app.api()), &admin, Vec::new()).await.json();
    assert_eq!(
        (&dead[0]["job"]["type"], &dead[0]["lastError"]),
        (&json!("IngestV1"), &json!("SCANNER_UNAVAILABLE")),
        "{dead}"
    );
    let refused = app.get("ann", "/v1/jobs/dead").await;
    assert_eq!(refused.refusal(), (403, "FORBIDDEN".into()), "for admins only");
    let retry = format!("{}/v1/jobs/{}/retry", app.api(), dead[0]["id"]);
    assert_eq!(app.send("POST", &retry, &admin, Vec::new()).await.status, 202);
    app.run_jobs().await;
    assert_eq!(app.shown(&sent["id"]).await["status"], "COMPLETED");
    assert_eq!(app.send("POST", &retry, &admin, Vec::new()).await.status, 404);
    app.app.db.count_jobs().await.unwrap();
    app.stop().await;
}

/// A scanner that closes after reading this many bytes and sending this reply.
async fn closing(after: usize, words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut bytes = vec![0; after];
                let _ = stream.read_exact(&mut bytes).await;
                let _ = stream.write_all(words).await;
            });
        }
    });
    port
}

/// The scripted scanner is used for faults that the real one does not show on demand.
#[tokio::test]
async fn what_a_scanner_did_not_see_to_its_end_is_not_clean() {
    let large = photo_of(1600, 1600, 1);
    for (after, words) in [(20, &b""[..]), (20, b"stream: OK\0"), (20, b"UNKNOWN COMMAND\0"), (20, b"stream: ")] {
        let port = closing(after, words).await;
        let app =
            TestApp::with(&[("CLAMAV_HOST", "127.0.0.1"), ("CLAMAV_PORT", &port), ("CLAMAV_TIMEOUT_SECONDS", "2")])
                .await;
        app.session().await;
        let mut bytes = large.clone();
        bytes.resize(20 << 20, 7);
        let sent = app.sent("a.jpg", "image/jpeg", &bytes).await;
        app.run_jobs().await;
        let shown = app.shown(&sent["id"]).await;
        assert_eq!(shown["status"], "SCANNING", "{} {shown}", String::from_utf8_lossy(words));
        app.stop().await;
    }
}

#[tokio::test]
async fn too_large_to_scan_is_a_verdict_of_its_own() {
    // clamd accepts up to 25 MiB; the server's own limit is lower.
    let mut large = photo(1);
    large.resize(30 << 20, 0);
    for more in [&[][..], &[("CLAMAV_MAX_MB", "10")]] {
        let app = scanning(more).await;
        app.session().await;
        let sent = app.sent("a.jpg", "image/jpeg", &large).await;
        app.run_jobs().await;
        assert_eq!(app.shown(&sent["id"]).await["status"], "SCAN_FAILED");
        app.finish_with(1).await;
    }
    let app = scanning(&[]).await;
    app.session().await;
    let sent = app.sent("a.jpg", "image/jpeg", &large).await;
    app.run_jobs().await;
    let shown = app.shown(&sent["id"]).await;
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("SCAN_FAILED"), &json!("it holds more than the malware scanner looks at")),
        "{shown}"
    );
    let retried = app.as_of("ann", "garage", "POST", &path(&sent["id"], "/retry"), None).await;
    assert_eq!((retried.status, &retried.json()["status"]), (200, &json!("UPLOADED")), "{}", retried.text());
    app.run_jobs().await;
    assert_eq!(app.shown(&sent["id"]).await["status"], "SCAN_FAILED");
    app.finish_with(1).await;
    // Only content over the configured limit is let through, not content that the scanner failed
    // on.
    for (more, status, scan) in
        [(&[("CLAMAV_MAX_MB", "10")][..], "COMPLETED", json!("unscanned")), (&[], "SCAN_FAILED", Value::Null)]
    {
        let lenient = scanning(&[&[("PUBLISH_UNSCANNED", "true")], more].concat()).await;
        lenient.session().await;
        let sent = lenient.sent("a.jpg", "image/jpeg", &large).await;
        lenient.run_jobs().await;
        let shown = lenient.shown(&sent["id"]).await;
        assert_eq!((&shown["status"], &shown["scan"]), (&json!(status), &scan), "{shown}");
        lenient.finish_with(1).await;
    }
}

#[tokio::test]
async fn deleted_media_are_gone_at_once_and_can_be_brought_back() {
    let app = TestApp::with(&[("RETENTION_DAYS", "1")]).await;
    app.session().await;
    let sent = app.sent("a.jpg", "image/jpeg", &photo(1)).await;
    app.run_jobs().await;
    let shown = app.shown(&sent["id"]).await;
    let before = app.read(&shown["url"]).await;
    assert_eq!(before.status, 200);
    assert_eq!(app.as_of("ben", "garage", "DELETE", &path(&sent["id"], ""), None).await.status, 204);
    for url in shown["variants"].as_array().unwrap().iter().map(|variant| &variant["url"]).chain([&shown["url"]]) {
        assert_eq!(app.read(url).await.status, 404, "an old signature finds nothing");
    }
    assert_eq!(app.read(&sent["url"]).await.status, 404);
    assert_eq!(app.as_of("ann", "garage", "GET", &path(&sent["id"], ""), None).await.status, 404);
    app.run_jobs().await;
    let back = app.as_of("ann", "garage", "POST", &path(&sent["id"], "/restore"), None).await;
    assert_eq!((back.status, &back.json()["status"]), (200, &json!("COMPLETED")), "{}", back.text());
    assert_eq!(app.read(&back.json()["url"]).await.body, before.body);
    for variant in back.json()["variants"].as_array().unwrap() {
        assert_eq!(app.read(&variant["url"]).await.status, 200, "{variant}");
    }
    assert_eq!(app.as_of("ann", "garage", "DELETE", &path(&sent["id"], ""), None).await.status, 204);
    app.run_jobs().await;
    let late = app.app.db.now() + Duration::from_secs(2 * 86_400);
    tidegate::uploads::media_items::deletion::purge_old(&app.app, late).await.unwrap();
    app.run_jobs().await;
    assert_eq!(app.files(), Vec::<String>::new(), "after its retention nothing is left");
    let gone = app.as_of("ann", "garage", "POST", &path(&sent["id"], "/restore"), None).await;
    assert_eq!(gone.refusal(), (404, "NOT_FOUND".into()));
    app.stop().await;
}

#[tokio::test]
async fn a_deleted_session_takes_all_that_is_in_it_along() {
    let app = TestApp::start().await;
    app.session().await;
    let done = app.sent("a.jpg", "image/jpeg", &photo(1)).await;
    app.run_jobs().await;
    let shown = app.shown(&done["id"]).await;
    let (url, key) = app.target("b.jpg", "image/jpeg").await;
    app.put_at(&url, "image/jpeg", &photo(1)).await;
    let waiting = app.sent("c.jpg", "image/jpeg", &photo(1)).await;
    let session = format!("/v1/sessions/{SESSION}");
    assert_eq!(app.as_of("ann", "garage", "DELETE", &session, None).await.status, 204);
    for id in [&done["id"], &waiting["id"]] {
        assert_eq!(app.as_of("ann", "garage", "GET", &path(id, ""), None).await.status, 404);
    }
    assert_eq!(app.as_of("ann", "garage", "DELETE", &session, None).await.status, 404);
    let asked = json!({ "s": SESSION, "k": key });
    assert_eq!(app.graphql_code("ann", "garage", CONFIRM, &asked).await, "NOT_FOUND");
    app.run_jobs().await;
    assert_eq!(app.read(&shown["url"]).await.status, 404);
    assert!(app.files().iter().all(|file| file.starts_with(".trash/")), "{:?}", app.files());
    // Strangers cannot restore it; its organisation can, and published media items are restored
    // with it.
    let restore = format!("{session}/restore");
    assert_eq!(app.as_of("eve", "elsewhere", "POST", &restore, None).await.refusal(), (403, "FORBIDDEN".into()));
    assert_eq!(app.as_of("ben", "garage", "POST", &restore, None).await.status, 200);
    app.run_jobs().await;
    let back = app.shown(&done["id"]).await;
    assert_eq!(back["status"], "COMPLETED", "{back}");
    assert_eq!(app.read(&back["url"]).await.status, 200);
    assert_eq!(
        app.as_of("ann", "garage", "GET", &path(&waiting["id"], ""), None).await.status,
        404,
        "what was not published is not"
    );
    app.stop().await;
}

/// A media item deleted after its session was restored stays deleted, even if the session's own
/// restore job runs later.
#[tokio::test]
async fn a_delete_after_a_restore_is_not_undone_by_it() {
    let app = TestApp::start().await;
    app.session().await;
    let (first, second) =
        (app.sent("a.jpg", "image/jpeg", &photo(1)).await, app.sent("b.jpg", "image/jpeg", &photo(1)).await);
    app.run_jobs().await;
    let session = format!("/v1/sessions/{SESSION}");
    assert_eq!(app.as_of("ann", "garage", "DELETE", &session, None).await.status, 204);
    let restore = format!("{session}/restore");
    // Before the job that unpublishes it has run, so there is nothing to move back.
    assert_eq!(app.as_of("ann", "garage", "POST", &restore, None).await.status, 200);
    assert_eq!(app.as_of("ann", "garage", "DELETE", &path(&first["id"], ""), None).await.status, 204);
    app.run_jobs().await;
    assert_eq!(app.as_of("ann", "garage", "GET", &path(&first["id"], ""), None).await.status, 404, "it stays deleted");
    assert_eq!(app.shown(&second["id"]).await["status"], "COMPLETED", "and nothing else goes");
    app.stop().await;
}

/// A restore that finds only part of the bytes leaves none of them in the served root, and can be
/// retried.
#[tokio::test]
async fn a_restore_that_can_not_be_leaves_nothing_served() {
    let app = TestApp::start().await;
    app.session().await;
    let sent = app.sent("a.jpg", "image/jpeg", &photo(1)).await;
    app.run_jobs().await;
    assert_eq!(app.as_of("ann", "garage", "DELETE", &path(&sent["id"], ""), None).await.status, 204);
    let thumbnail = app.files().into_iter().find(|file| file.ends_with("320.jpg")).unwrap();
    let lost = app.folder.path().join("store").join(&thumbnail);
    let kept = std::fs::read(&lost).unwrap();
    std::fs::remove_file(&lost).unwrap();
    let failed = app.as_of("ann", "garage", "POST", &path(&sent["id"], "/restore"), None).await;
    assert_ne!(failed.status, 200, "{}", failed.text());
    run_late_jobs(&app, 40).await;
    assert!(app.files().iter().all(|file| file.starts_with(".trash/")), "{:?}", app.files());
    // The bytes are found, and an operator retries.
    std::fs::write(&lost, kept).unwrap();
    let again = app.as_of("ann", "garage", "POST", &path(&sent["id"], "/restore"), None).await;
    assert_eq!(again.status, 200, "{}", again.text());
    app.run_jobs().await;
    assert_eq!(app.shown(&sent["id"]).await["status"], "COMPLETED");
    app.stop().await;
}

/// Bytes sealed by an interrupted confirmation are replaced by later ones.
#[tokio::test]
async fn what_was_sent_again_before_a_confirmation_counts() {
    let app = TestApp::start().await;
    app.session().await;
    let (url, key) = app.target("a.jpg", "image/jpeg").await;
    assert_eq!(app.put_at(&url, "image/jpeg", &photo_of(96, 64, 1)).await.status, 200);
    // The state of a confirmation that ends between move and row.
    let (owner, media) = app.app.db.find_media_by_file_key_unscoped(&key).await.unwrap().unwrap();
    let upload = app.app.db.find_upload(&owner, media.object.id).await.unwrap().unwrap();
    let seal = tidegate::model::key::sealed(media.object.id, upload.id.parse().unwrap());
    app.app.store.move_to(&key, seal.as_str(), None).await.unwrap();
    assert_eq!(app.put_at(&url, "image/jpeg", &photo_of(48, 32, 1)).await.status, 200);
    let asked = json!({ "s": SESSION, "k": key });
    let confirmed = app.graphql("ann", "garage", CONFIRM, &asked).await;
    app.run_jobs().await;
    let shown = app.shown(&confirmed["data"]["confirmUpload"]["id"]).await;
    assert_eq!((&shown["status"], &shown["width"]), (&json!("COMPLETED"), &json!(48)), "{shown}");
    app.finish_with(1).await;
}

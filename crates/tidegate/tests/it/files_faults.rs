//! Interrupted, raced and doubly served file uploads: nothing is lost, and nothing unchecked is
//! served.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tidegate::queue::Job;
use tidegate::worker::perform::perform;

use crate::support::files::{complete, complete_with, file, init, put, refusal, sha256, usage};
use crate::support::{TestApp, pattern};

/// Begins an upload; returns its id and the URL for a single PUT.
async fn direct(app: &TestApp, size: usize) -> (String, String, String) {
    let body = json!({ "mode": "single", "files": [{ "name": "x.png", "size": size, "mime": "image/png" }] });
    let begun = app.post("alice", "/v1/files/init", &body).await.json();
    let text = |name: &str| begun["uploads"][0][name].as_str().unwrap().to_owned();
    (text("uploadId"), text("url"), text("key"))
}

async fn send(app: &TestApp, url: &str, bytes: &[u8]) {
    let stored = app.send("PUT", url, &[("content-type", "image/png")], bytes.to_vec()).await;
    assert_eq!(stored.status, 200, "{}", stored.text());
}

async fn write(app: &TestApp, key: &str, bytes: &[u8]) {
    let body = Box::pin(futures::stream::iter([Ok(bytes::Bytes::copy_from_slice(bytes))]));
    app.app.store.write(key, body, store::Attributes::default()).await.unwrap();
}

async fn fetched(app: &TestApp, key: &str) -> (u16, Vec<u8>) {
    let got = app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await;
    (got.status, got.body)
}

#[tokio::test]
async fn what_was_sealed_is_found_again_and_what_came_later_goes_before_it() {
    let app = TestApp::start().await;
    let (one, two) = (pattern(1, 50_000), pattern(2, 50_000));
    let (upload, url, key) = direct(&app, one.len()).await;
    send(&app, &url, &one).await;
    let wrong = sha256(b"something else");
    assert_eq!(refusal(&complete_with(&app, "alice", &upload, &wrong).await), (400, "BAD_REQUEST".into()));
    let left = app.files();
    assert!(left.iter().any(|path| path.starts_with(".quarantine/")), "it is taken away from its URL: {left:?}");
    assert!(!left.iter().any(|path| path.starts_with(".incoming/")), "{left:?}");
    assert_eq!(refusal(&complete_with(&app, "alice", &upload, &wrong).await).0, 400, "the same bytes, the same answer");
    send(&app, &url, &two).await;
    assert_eq!(refusal(&complete_with(&app, "alice", &upload, &sha256(&one)).await).0, 400, "the later one counts");
    let done = complete_with(&app, "alice", &upload, &sha256(&two)).await;
    assert_eq!(done.status, 200, "{}", done.text());
    app.run_jobs().await;
    assert_eq!(fetched(&app, &key).await, (200, two));
    assert!(!app.files().iter().any(|path| path.starts_with('.')), "{:?}", app.files());
    app.finish().await;
}

/// A completion interrupted after sealing or after moving is continued by the next one.
#[tokio::test]
async fn a_completion_goes_on_where_it_was_cut_off() {
    let app = TestApp::start().await;
    let bytes = pattern(3, 40_000);
    let (upload, url, key) = direct(&app, bytes.len()).await;
    send(&app, &url, &bytes).await;
    let incoming = app.files().into_iter().find(|path| path.starts_with(".incoming/") && !path.ends_with(".meta"));
    let object = app.app.db.find_file_unscoped(&key).await.unwrap().unwrap().1.object.id;
    app.app.store.move_to(&incoming.unwrap(), &format!(".quarantine/{object}/seal"), None).await.unwrap();
    assert_eq!(complete(&app, "alice", &upload).await.json()["sha256"], json!(sha256(&bytes)));
    let (upload, _, key) = direct(&app, bytes.len()).await;
    write(&app, &key, &bytes).await;
    assert_eq!(fetched(&app, &key).await.0, 404, "without its row it is nothing");
    let wrong = complete_with(&app, "alice", &upload, &sha256(b"x")).await;
    assert_eq!(refusal(&wrong).0, 400, "it is checked all the same");
    assert_eq!(complete(&app, "alice", &upload).await.json()["sha256"], json!(sha256(&bytes)));
    // The sweep continues it for clients that never retry.
    let (_, _, key) = direct(&app, bytes.len()).await;
    write(&app, &key, &bytes).await;
    perform(&app.app, &Job::RecoverV1).await.unwrap();
    assert_eq!(fetched(&app, &key).await, (200, bytes));
    app.run_jobs().await;
    assert_eq!(usage(&app, "alice").await, (120_000, 0, 3));
    app.finish().await;
}

/// Another server completed first, with earlier or later bytes: the row describes what is stored.
#[tokio::test]
async fn the_row_says_what_the_blob_is_and_not_what_was_meant() {
    let app = TestApp::start().await;
    let (ours, theirs) = (pattern(4, 30_000), pattern(5, 30_000));
    let (upload, key) = init(&app, "alice", "a.bin", ours.len(), "").await;
    assert_eq!(put(&app, "alice", &upload, 0, &ours).await.status, 200);
    write(&app, &key, &theirs).await;
    let done = complete(&app, "alice", &upload).await;
    assert_eq!((done.status, &done.json()["sha256"]), (200, &json!(sha256(&theirs))), "{}", done.text());
    assert_eq!(fetched(&app, &key).await, (200, theirs));
    app.run_jobs().await;
    app.finish().await;
}

/// Checksums computed while parts arrive equal those computed by reading, also after a restart.
#[tokio::test]
async fn checksums_are_those_of_the_bytes_however_they_came() {
    let mut app = TestApp::start().await;
    let bytes = pattern(6, 500_001);
    let chunks: Vec<&[u8]> = bytes.chunks(100_000).collect();
    for (name, order, restart) in [
        ("in order", vec![0, 1, 2, 3, 4, 5], false),
        ("from one", vec![1, 2, 3, 4, 5, 6], false),
        ("after a restart", vec![0, 1, 2, 3, 4, 5], true),
        ("backwards", vec![5, 4, 3, 2, 1, 0], false),
        ("one again", vec![0, 1, 2, 3, 2, 4, 5], false),
        ("the first again", vec![0, 1, 2, 3, 4, 5, 0], false),
        ("gaps", vec![0, 2, 4, 6, 8, 9], false),
    ] {
        let (upload, key) = init(&app, "alice", "a.bin", bytes.len(), "").await;
        let mut numbers = order.clone();
        numbers.sort_unstable();
        numbers.dedup();
        for number in order {
            let chunk = chunks[numbers.iter().position(|known| *known == number).unwrap()];
            let stored = put(&app, "alice", &upload, number, chunk).await;
            assert_eq!(stored.status, 200, "{name}: {}", stored.text());
        }
        if restart {
            app = TestApp::over(app.stop().await, &[]).await;
        }
        let wrong = complete_with(&app, "alice", &upload, &sha256(b"x")).await;
        assert_eq!(refusal(&wrong).0, 400, "{name}");
        let done = complete(&app, "alice", &upload).await;
        assert_eq!((done.status, &done.json()["sha256"]), (200, &json!(sha256(&bytes))), "{name}: {}", done.text());
        assert_eq!(fetched(&app, &key).await.1, bytes, "{name}");
        let file = app.app.db.find_file_unscoped(&key).await.unwrap().unwrap().1;
        let crc32 = u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &bytes)).unwrap();
        assert_eq!(file.digests.unwrap().crc32, crc32, "{name}");
        app.run_jobs().await;
    }
    app.finish().await;
}

/// A part that was corrupted on disk does not become a file.
#[tokio::test]
async fn a_damaged_part_is_no_file() {
    let app = TestApp::start().await;
    let (upload, key) = init(&app, "alice", "a.bin", 20, "").await;
    // In reverse order, so that the checksum is computed by reading.
    assert_eq!(put(&app, "alice", &upload, 1, &[1; 10]).await.status, 200);
    assert_eq!(put(&app, "alice", &upload, 0, &[0; 10]).await.status, 200);
    let draft = app.folder.path().join(format!("store/.parts/{upload}/data"));
    assert_eq!(std::fs::metadata(&draft).unwrap().len(), 20);
    std::fs::write(&draft, [7; 20]).unwrap();
    let refused = complete(&app, "alice", &upload).await;
    assert_eq!(refusal(&refused), (502, "STORE_ERROR".into()), "{}", refused.text());
    assert_eq!(fetched(&app, &key).await.0, 404);
    assert_eq!(app.delete("alice", &format!("/v1/files/{key}")).await.status, 404);
    app.finish().await;
}

/// Parts sent before take precedence, and content over the inline limit is accepted where it is
/// ignored.
#[tokio::test]
async fn what_comes_at_the_end_and_is_not_needed_is_not_looked_at() {
    let app = TestApp::with(&[("COMPLETE_DATA_MAX_MB", "1")]).await;
    let bytes = pattern(8, 1_500_000);
    let (upload, _) = init(&app, "alice", "a", bytes.len(), "").await;
    let ask = async |sha256: &str| {
        let parts = json!([{ "data": STANDARD.encode(&bytes) }]);
        app.post("alice", "/v1/files/complete", &json!({ "uploadId": upload, "parts": parts, "sha256": sha256 })).await
    };
    assert_eq!(refusal(&ask("").await), (413, "TOO_LARGE".into()), "nothing came before");
    assert_eq!(put(&app, "alice", &upload, 0, &bytes).await.status, 200);
    assert_eq!(refusal(&ask(&sha256(b"x")).await), (400, "BAD_REQUEST".into()), "it is the checksum that is wrong");
    assert_eq!(ask(&sha256(&bytes)).await.status, 200);
    app.run_jobs().await;
    app.finish().await;
}

/// A body of many empty contents costs no more than its length.
#[tokio::test]
async fn many_contents_after_one_that_is_too_long_are_read_quickly() {
    let app = TestApp::with(&[("COMPLETE_DATA_MAX_MB", "0")]).await;
    let (upload, _) = init(&app, "alice", "a", 4, "").await;
    let mut parts = vec![json!({ "data": "AAAA" })];
    parts.resize(100_000, json!({ "data": "" }));
    let started = std::time::Instant::now();
    let answer = app.post("alice", "/v1/files/complete", &json!({ "uploadId": upload, "parts": parts })).await;
    assert_eq!(refusal(&answer), (413, "TOO_LARGE".into()));
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    let rest = json!({ "uploadId": upload, "partNumber": 0, "more": "x".repeat(70_000), "chunkBase64": "AAAA" });
    assert_eq!(refusal(&app.post("alice", "/v1/files/part", &rest).await), (413, "TOO_LARGE".into()));
    app.finish().await;
}

#[tokio::test]
async fn what_is_refused_again_and_again_does_not_pile_up() {
    let app = TestApp::start().await;
    let (upload, url, key) = direct(&app, 10_000).await;
    for seed in 0..5 {
        send(&app, &url, &pattern(seed, 10_000)).await;
        assert_eq!(refusal(&complete_with(&app, "alice", &upload, &sha256(b"x")).await).0, 400);
    }
    let seals = app.files().iter().filter(|path| path.starts_with(".quarantine/") && !path.ends_with(".meta")).count();
    assert_eq!(seals, 1, "{:?}", app.files());
    assert_eq!(complete(&app, "alice", &upload).await.json()["sha256"], json!(sha256(&pattern(4, 10_000))));
    assert_eq!(fetched(&app, &key).await.0, 200);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn refusals_that_are_not_ours_look_like_ours() {
    let app = TestApp::start().await;
    for path in ["/v1/files/metadata/%ff", "/storage/u/%ff", "/get/%ff"] {
        let answer = app.get("alice", path).await;
        assert_eq!(refusal(&answer), (400, "BAD_REQUEST".into()), "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn parts_that_come_at_the_end_are_put_in_their_order() {
    let app = TestApp::start().await;
    let data = |text: &str| STANDARD.encode(text);
    let (upload, _) = init(&app, "alice", "a", 11, "").await;
    let ask = async |parts: Value| {
        app.post("alice", "/v1/files/complete", &json!({ "uploadId": upload, "parts": parts })).await
    };
    for bad in [
        json!([{ "partNumber": 1, "data": data("hello ") }, { "partNumber": 1, "data": data("world") }]),
        json!([{ "partNumber": 1, "data": data("hello ") }, { "data": data("world") }]),
        json!([{ "partNumber": -1, "data": data("hello world") }]),
        json!([{ "partNumber": 0, "data": 7 }]),
    ] {
        assert_eq!(refusal(&ask(bad.clone()).await), (400, "BAD_REQUEST".into()), "{bad}");
    }
    let done =
        ask(json!([{ "data": data("world"), "partNumber": 2 }, { "partNumber": 1, "data": data("hello ") }])).await;
    assert_eq!((done.status, &done.json()["sha256"]), (200, &json!(sha256(b"hello world"))), "{}", done.text());
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn an_upload_can_be_given_up() {
    let app = TestApp::start().await;
    let (upload, _) = init(&app, "alice", "a", 5, "").await;
    assert_eq!(put(&app, "alice", &upload, 0, b"ab").await.status, 200);
    let path = format!("/v1/files/uploads/{upload}");
    assert_eq!(refusal(&app.delete("mallory", &path).await), (404, "NOT_FOUND".into()));
    assert_eq!(usage(&app, "alice").await, (0, 5, 0));
    assert_eq!((app.delete("alice", &path).await.status, app.delete("alice", &path).await.status), (204, 204));
    assert_eq!(usage(&app, "alice").await, (0, 0, 0));
    assert_eq!(refusal(&put(&app, "alice", &upload, 0, b"ab").await), (404, "NOT_FOUND".into()));
    app.run_jobs().await;
    assert!(app.files().iter().all(|path| path.ends_with("lock")), "{:?}", app.files());
    let (done, _) = init(&app, "alice", "a", 0, "").await;
    assert_eq!(complete(&app, "alice", &done).await.status, 200);
    assert_eq!(
        refusal(&app.delete("alice", &format!("/v1/files/uploads/{done}")).await),
        (409, "INVALID_STATE".into())
    );
    app.run_jobs().await;
    app.finish().await;
}

/// Bytes that arrive after an abort or expiry are removed.
#[tokio::test]
async fn an_upload_that_has_ended_leaves_nothing() {
    let app = TestApp::with(&[("UPLOAD_EXPIRES_HOURS", "1")]).await;
    let (upload, url, key) = direct(&app, 3).await;
    send(&app, &url, b"abc").await;
    assert_eq!(put(&app, "alice", &upload, 0, b"abc").await.status, 200);
    let (_, found) = app.app.db.find_files_upload_unscoped(&upload).await.unwrap().unwrap();
    let late = Box::pin(futures::stream::iter([Ok(bytes::Bytes::from_static(b"x"))]));
    app.app.store.write_fragment(&format!(".parts/{upload}"), 2, 1, late, &store::Attributes::default()).await.unwrap();
    write(&app, &format!(".quarantine/{}/x", found.object), b"x").await;
    tidegate::surfaces::files::uploads::abort(&app.app, &crate::support::user("alice").0, &upload).await.unwrap();
    // A completion on another server moved its blob after the end, and crashed.
    write(&app, &key, b"abc").await;
    app.run_jobs().await;
    assert!(app.files().iter().all(|path| path.ends_with("lock")), "{:?}", app.files());
    assert_eq!(usage(&app, "alice").await, (0, 0, 0));
    app.finish().await;
}

#[tokio::test]
async fn ending_links_ends_archives_too() {
    let app = TestApp::start().await;
    let (mine, hers) = (file(&app, "alice", "a", b"1", "").await, file(&app, "bob", "b", b"2", "").await);
    let made = async |user: &str, key: &str| {
        let made = app.post(user, "/v1/files/batch-download", &json!({ "keys": [key] })).await.json();
        format!("{}/v1/files/batch-download/{}", app.api(), made["token"].as_str().unwrap())
    };
    let (one, two) = (made("alice", &mine).await, made("bob", &hers).await);
    assert_eq!(app.post("alice", "/v1/files/links/revoke", &json!({})).await.status, 204);
    let status = async |url: &str| app.send("GET", url, &[], Vec::new()).await.status;
    assert_eq!((status(&one).await, status(&two).await), (404, 200));
    assert_eq!(status(&made("alice", &mine).await).await, 200, "new ones are good");
    app.finish().await;
}

#[tokio::test]
async fn names_are_found_whatever_their_case_in_every_alphabet() {
    let app = TestApp::start().await;
    let key = file(&app, "alice", "ÉTÉ à Čelákovice.JPG", b"1", "").await;
    for (query, found) in [("été", 1), ("%C3%89T%C3%89", 1), ("%C4%8CELÁ", 1), ("ete", 0), (".jpg", 1)] {
        let listed = app.get("alice", &format!("/v1/files/all?q={query}")).await.json();
        assert_eq!(
            (listed["files"].as_array().unwrap().len(), &listed["total_count"]),
            (found, &json!(found)),
            "{query}"
        );
    }
    assert_eq!(app.delete("alice", &format!("/v1/files/{key}")).await.status, 200);
    app.run_jobs().await;
    app.finish().await;
}

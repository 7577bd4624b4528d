//! The server over a real S3 (garage): the same API, with clients sending bytes directly to the
//! bucket.

use std::time::Duration;

use serde_json::json;
use tidegate::config::StoreSetting;
use tidegate::queue::{self, Job};

use crate::support::services::{Cuttable, bucket, database, given};
use crate::support::{PART, TestApp, config, pattern};

async fn server(settings: &[(String, String)]) -> TestApp {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    TestApp::with(&settings).await
}

#[tokio::test]
async fn an_image_goes_in_and_out_by_the_bucket() {
    let app = server(&bucket(&given("TEST_GARAGE_URL")).await).await;
    let bytes = pattern(5, PART + 1234);
    let (image, upload) = app.begin("alice", &json!({ "size": bytes.len() })).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    assert!(url.starts_with(&given("TEST_GARAGE_URL")), "{url}");
    let asked = json!({ "uploadId": upload, "partNumbers": [1, 2] });
    let signed = app.post("alice", &format!("/v1/images/{image}/upload-url"), &asked).await.json();
    assert_eq!(signed["urls"].as_array().unwrap().len(), 2);
    assert!(signed["expiresAt"].as_str().unwrap().ends_with('Z'), "{signed}");
    let first = app.put("alice", &image, &upload, 1, &bytes[..PART]).await;
    let second = app.put("alice", &image, &upload, 2, &bytes[PART..]).await;
    let listed = app.get("alice", &format!("/v1/images/{image}/parts")).await.json();
    assert_eq!(listed[1], json!({ "partNumber": 2, "etag": second, "size": 1234 }));
    let wrong = app.complete("alice", &image, &upload, &[(1, &second), (2, &second)]).await;
    assert_eq!(wrong.refusal(), (400, "BAD_REQUEST".into()));
    let parts = [(2, second.as_str()), (1, first.as_str())];
    let done = app.complete("alice", &image, &upload, &parts).await;
    assert_eq!((done.status, &done.json()["size"]), (200, &json!(bytes.len())), "{}", done.text());
    assert_eq!(app.complete("alice", &image, &upload, &parts).await.json(), done.json());
    let (stream, cookies) = app.stream("alice", &image).await;
    let range = [("cookie", cookies.as_str()), ("range", "bytes=5242870-5242889")];
    let part = app.send("GET", &stream, &range, Vec::new()).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[5_242_870..5_242_890]));
    assert_eq!(app.send("GET", &stream, &[("cookie", &cookies)], Vec::new()).await.body, bytes);
    assert_eq!(app.send("GET", &stream, &[], Vec::new()).await.status, 403);
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/range")).await.body, bytes);
    assert_eq!(app.delete("alice", &format!("/v1/images/{image}")).await.status, 204);
    assert_eq!(app.send("GET", &stream, &[("cookie", &cookies)], Vec::new()).await.status, 404);
    assert_eq!(app.app.store.list("", None, 10).await.unwrap(), []);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn aborted_and_forgotten_uploads_leave_the_bucket() {
    let mut settings = bucket(&given("TEST_GARAGE_URL")).await;
    settings.push(("UPLOAD_EXPIRY_SECONDS".into(), "1".into()));
    let app = server(&settings).await;
    let (forgotten, upload) = app.begin("alice", &json!({})).await;
    app.put("alice", &forgotten, &upload, 1, b"bytes").await;
    let open =
        async || app.app.store.list_uploads("", std::time::SystemTime::now() + Duration::from_secs(60)).await.unwrap();
    assert_eq!(open().await.len(), 1);
    app.app.db.clock().advance(Duration::from_secs(2));
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, &Job::SweepV1, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_jobs().await;
    assert_eq!(open().await, []);
    app.finish_with(1).await;
}

/// Two replicas share all state: what one knows, the other does too.
#[tokio::test]
async fn two_servers_are_one_product() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = bucket(&given("TEST_GARAGE_URL")).await;
    settings.push(("DATABASE_URL".into(), database(folder.path()).await));
    let pem = std::fs::read_to_string("../sign/tests/fixtures/throwaway-p256.pkcs8.pem").unwrap();
    settings.push(("CLOUDFRONT_PRIVATE_KEY_PEM".into(), pem));
    settings.push(("CLOUDFRONT_KEY_PAIR_ID".into(), "K1".into()));
    let (one, other) = (server(&settings).await, server(&settings).await);
    let (image, upload) = one.begin("alice", &json!({})).await;
    let first = other.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
    let second = one.put("alice", &image, &upload, 2, b"tail").await;
    let parts = [(1, first.as_str()), (2, second.as_str())];
    let (done, again) =
        tokio::join!(other.complete("alice", &image, &upload, &parts), one.complete("alice", &image, &upload, &parts));
    assert_eq!((done.status, again.status), (200, 200), "{} {}", done.text(), again.text());
    assert_eq!(done.json(), again.json());
    for server in [&one, &other] {
        let stream = server.get("alice", &format!("/v1/images/{image}/stream-url")).await;
        assert_eq!(stream.status, 200, "{}", stream.text());
    }
    assert_eq!(one.delete("alice", &format!("/v1/images/{image}")).await.status, 204);
    for server in [&one, &other] {
        // The other replica is notified at commit, and may receive that a moment later.
        let started = std::time::Instant::now();
        while server.get("alice", &format!("/v1/images/{image}/stream-url")).await.status != 404 {
            assert!(started.elapsed() < Duration::from_secs(1), "gone on every server");
        }
        let gone = server.get("alice", &format!("/v1/images/{image}/parts")).await;
        assert_eq!(gone.refusal(), (404, "NOT_FOUND".into()));
    }
    // A completion that another server finishes is answered all the same.
    let (raced, its_upload) = one.begin("alice", &json!({})).await;
    let etag = one.put("alice", &raced, &its_upload, 1, b"bytes").await;
    let (parts, status) = ([(1, etag.as_str())], format!("/v1/images/{raced}/upload"));
    let (done, _) = tokio::join!(one.complete("alice", &raced, &its_upload, &parts), other.get("alice", &status));
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(other.complete("alice", &raced, &its_upload, &parts).await.json(), done.json());
    let (begun, aborted) = one.begin("alice", &json!({})).await;
    other.sign("alice", &begun, &aborted, 1).await;
    assert_eq!(one.post("alice", &format!("/v1/images/{begun}/abort"), &json!({})).await.status, 204);
    let asked = json!({ "uploadId": aborted, "partNumber": 1 });
    let started = std::time::Instant::now();
    while other.post("alice", &format!("/v1/images/{begun}/upload-url"), &asked).await.status != 404 {
        assert!(started.elapsed() < Duration::from_secs(1), "what is aborted is signed for by nobody");
    }
    other.run_jobs().await;
    // An aborted upload is checked again once S3 can no longer be processing it.
    one.finish_with(1).await;
    other.finish_with(1).await;
}

#[tokio::test]
async fn an_s3_that_is_down_at_start_and_later_is_waited_for() {
    let garage = given("TEST_GARAGE_URL").replace("http://", "");
    let way = Cuttable::to(garage.parse().unwrap()).await;
    way.cut();
    let app = server(&bucket(&format!("http://{}", way.address)).await).await;
    for mended in [false, true, false, true] {
        if mended {
            way.mend()
        } else {
            way.cut()
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
        loop {
            let ready = app.send("GET", &format!("{}/readyz", app.api()), &[], Vec::new()).await;
            let store = if mended { "ok" } else { "unavailable" };
            if ready.json()["store"] == store {
                assert_eq!((ready.status == 200, &ready.json()["database"]), (mended, &json!("ok")));
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{}", ready.text());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let answer = app.post("alice", "/v1/images", &json!({})).await;
        if mended {
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            assert_eq!(answer.refusal(), (503, "STORE_UNAVAILABLE".into()));
            assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_delete_that_the_store_cut_short_can_be_asked_for_again() {
    let garage = given("TEST_GARAGE_URL").replace("http://", "");
    let way = Cuttable::to(garage.parse().unwrap()).await;
    let app = server(&bucket(&format!("http://{}", way.address)).await).await;
    let image = app.image("alice", b"bytes").await;
    let path = format!("/v1/images/{image}");
    way.cut();
    assert_eq!(
        app.delete("alice", &path).await.refusal(),
        (503, "STORE_UNAVAILABLE".into()),
        "the bytes are still there"
    );
    assert_eq!(app.get("alice", &format!("{path}/metadata")).await.status, 404, "and already nobody's");
    assert_eq!(app.delete("alice", &path).await.status, 503);
    way.mend();
    assert_eq!(app.delete("alice", &path).await.status, 204);
    assert_eq!(app.app.store.list("", None, 10).await.unwrap(), []);
    app.run_jobs().await;
    assert_eq!(app.delete("alice", &path).await.status, 404);
    app.finish().await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_said() {
    let settings = [("S3_BUCKET", "no-such-bucket-here"), ("S3_ENDPOINT", &given("TEST_GARAGE_URL"))];
    let app = TestApp::with(&settings).await;
    let ready = app.send("GET", &format!("{}/readyz", app.api()), &[], Vec::new()).await;
    assert_eq!((ready.status, &ready.json()["store"]), (503, &json!("unavailable")));
    assert_eq!(app.post("alice", "/v1/images", &json!({})).await.refusal(), (502, "STORE_ERROR".into()));
    app.finish().await;
}

#[test]
fn buckets_are_addressed_as_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let store = |settings: &[(&str, &str)]| match config(folder.path(), settings).store {
        StoreSetting::S3(s3) => (s3.endpoint.to_string(), s3.addressing == store::Addressing::Path),
        StoreSetting::Local(root) => panic!("{}", root.display()),
    };
    let aws = "https://s3.us-east-1.amazonaws.com".to_owned();
    assert_eq!(store(&[("S3_BUCKET", "plain-name")]), (aws.clone(), false));
    assert_eq!(store(&[("VIEWER_ASSETS_BUCKET", "dotted.name")]), (aws.clone(), true));
    assert_eq!(store(&[("S3_BUCKET", "plain"), ("S3_FORCE_PATH_STYLE", "true")]), (aws, true));
    let china = "https://s3.cn-north-1.amazonaws.com.cn".to_owned();
    assert_eq!(store(&[("S3_BUCKET", "b"), ("AWS_REGION", "cn-north-1")]), (china, false));
    let near = ("S3_ENDPOINT", "http://127.0.0.1:3900");
    assert_eq!(store(&[("S3_BUCKET", "b"), near]), ("http://127.0.0.1:3900".into(), true));
    let named = ("S3_ENDPOINT", "https://s3.example.com");
    assert_eq!(store(&[("S3_BUCKET", "b"), named]), ("https://s3.example.com".into(), false));
}

//! Uploads that another tab goes on with: what a file's upload has received, and URLs that are
//! signed again.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::files::{complete, init, put};
use crate::support::sessions::{SESSION, photo};

#[tokio::test]
async fn an_upload_of_a_file_says_what_came() {
    let app = TestApp::start().await;
    let (upload, key) = init(&app, "ann", "a.png", 11, "docs").await;
    let path = format!("/v1/files/uploads/{upload}");
    let begun = app.get("ann", &path).await.json();
    let expires = begun["expiresAt"].clone();
    assert!(expires.as_str().unwrap().ends_with('Z'), "{begun}");
    let mut expected = json!({ "uploadId": upload, "state": "OPEN", "key": key, "filename": "a.png", "folder": "docs", "size": 11,
        "mime": "image/png", "visibility": "public", "expiresAt": expires, "received": 0, "parts": [] });
    assert_eq!(begun, expected);
    assert_eq!(put(&app, "ann", &upload, 3, b"world").await.status, 200);
    assert_eq!(put(&app, "ann", &upload, 1, b"hello ").await.status, 200);
    expected["received"] = json!(11);
    expected["parts"] = json!([
        { "partNumber": 1, "size": 6, "crc32": "ed81f9f6" },
        { "partNumber": 3, "size": 5, "crc32": "3a771143" },
    ]);
    assert_eq!(app.get("ann", &path).await.json(), expected);
    // Somebody else's is not there.
    for user in ["bob", "ann2"] {
        let refused = app.get(user, &path).await;
        assert_eq!(refused.status, 404, "{user}: {}", refused.text());
    }
    assert_eq!(app.send("GET", &format!("{}{path}", app.api()), &[], Vec::new()).await.status, 401);
    for unknown in ["x", "0", &"a".repeat(500), "%00", "..%2f"] {
        let refused = app.get("ann", &format!("/v1/files/uploads/{unknown}")).await;
        assert!([400, 404].contains(&refused.status), "{unknown}: {}", refused.status);
    }
    assert_eq!(complete(&app, "ann", &upload).await.status, 200);
    let done = app.get("ann", &path).await.json();
    assert_eq!((&done["state"], &done["expiresAt"], &done["parts"]), (&json!("COMPLETED"), &Value::Null, &json!([])));
    assert_eq!(app.delete("ann", &format!("/v1/files/{key}")).await.status, 200);
    assert_eq!(app.get("ann", &path).await.status, 404, "the file is deleted");
    let (aborted, _) = init(&app, "ann", "b.png", 1, "").await;
    assert_eq!(app.delete("ann", &format!("/v1/files/uploads/{aborted}")).await.status, 204);
    assert_eq!(app.get("ann", &format!("/v1/files/uploads/{aborted}")).await.status, 404);
    app.run_jobs().await;
    app.finish().await;
}

/// Puts a photo to a target of a space or a session.
async fn put_photo(app: &TestApp, url: &Value) -> u16 {
    app.put_at(url.as_str().unwrap(), "image/jpeg", &photo(1)).await.status
}

#[tokio::test]
async fn a_media_items_url_is_signed_again() {
    let app = TestApp::with(&[("MEDIA_UPLOAD_URL_TTL_SECONDS", "2")]).await;
    app.session().await;
    let at = format!("/v1/sessions/{SESSION}/media");
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": photo(1).len() });
    let target = app.as_of("ann", "garage", "POST", &format!("{at}/upload-url"), Some(&new)).await.json();
    let id = target["id"].as_str().unwrap_or_else(|| panic!("{target}")).to_owned();
    assert!(target["expiresAt"].as_str().unwrap().ends_with('Z'), "{target}");
    tokio::time::sleep(std::time::Duration::from_millis(3200)).await;
    assert_eq!(put_photo(&app, &target["uploadUrl"]).await, 403, "the URL has ended");
    let again_at = format!("{at}/{id}/upload-url");
    let again = app.as_of("ann", "garage", "POST", &again_at, None).await;
    assert_eq!((again.status, again.header("cache-control")), (200, "no-store"), "{}", again.text());
    let again = again.json();
    for same in ["id", "fileKey", "headers"] {
        assert_eq!(again[same], target[same], "{same}");
    }
    // Neither a colleague nor another organisation, nor through another session.
    for (user, org, status) in [("ben", "garage", 404), ("mallory", "other", 403)] {
        assert_eq!(app.as_of(user, org, "POST", &again_at, None).await.status, status, "{user}");
    }
    let elsewhere = format!("/v1/sessions/{}/media/{id}/upload-url", uuid::Uuid::new_v4());
    assert_eq!(app.as_of("ann", "garage", "POST", &elsewhere, None).await.status, 404);
    assert_eq!(put_photo(&app, &again["uploadUrl"]).await, 200);
    let confirm = json!({ "fileKey": target["fileKey"] });
    let confirmed = app.as_of("ann", "garage", "POST", &format!("{at}/confirm"), Some(&confirm)).await;
    assert_eq!((confirmed.status, &confirmed.json()["id"]), (200, &json!(id)), "{}", confirmed.text());
    let late = app.as_of("ann", "garage", "POST", &again_at, None).await;
    assert_eq!(late.refusal(), (409, "INVALID_STATE".to_owned()));
    app.run_jobs().await;
    assert_eq!(app.as_of("ann", "garage", "DELETE", &format!("{at}/{id}"), None).await.status, 204);
    assert_eq!(app.as_of("ann", "garage", "POST", &again_at, None).await.status, 404);
    app.run_jobs().await;
    app.stop().await;
}

#[tokio::test]
async fn an_images_url_is_signed_again() {
    let app = TestApp::with(&[("MEDIA_UPLOAD_URL_TTL_SECONDS", "2")]).await;
    let space = app.space("ann", "x").await;
    for (user, role) in [("ed", "editor"), ("eve", "editor"), ("vic", "viewer")] {
        assert_eq!(app.member("ann", &space, user, role).await.status, 200);
    }
    let at = format!("/api/spaces/{space}/images");
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": photo(1).len() });
    let target = app.post("ed", &at, &new).await.json();
    let one = format!("{at}/{}", target["id"].as_str().unwrap());
    tokio::time::sleep(std::time::Duration::from_millis(3200)).await;
    assert_eq!(put_photo(&app, &target["uploadUrl"]).await, 403, "the URL has ended");
    for (user, status) in [("eve", 404), ("ann", 404), ("vic", 403), ("mallory", 404)] {
        assert_eq!(app.post(user, &format!("{one}/upload-url"), &json!({})).await.status, status, "{user}");
    }
    let again = app.post("ed", &format!("{one}/upload-url"), &json!({})).await;
    assert_eq!((again.status, again.header("cache-control")), (200, "no-store"), "{}", again.text());
    let again = again.json();
    assert_eq!((&again["id"], &again["headers"]), (&target["id"], &target["headers"]));
    assert_eq!(put_photo(&app, &again["uploadUrl"]).await, 200);
    assert_eq!(app.post("ed", &format!("{one}/confirm"), &json!({})).await.status, 200);
    assert_eq!(app.post("ed", &format!("{one}/upload-url"), &json!({})).await.status, 409);
    app.run_jobs().await;
    // What was aborted stays so.
    let target = app.post("ed", &at, &new).await.json();
    let one = format!("{at}/{}", target["id"].as_str().unwrap());
    assert_eq!(app.delete("ed", &one).await.status, 204);
    assert_eq!(app.post("ed", &format!("{one}/upload-url"), &json!({})).await.status, 404);
    app.run_jobs().await;
    app.stop().await;
}

/// An upload that ends takes no bytes, so that a URL beyond its end would be of no use.
#[tokio::test]
async fn a_url_that_is_signed_again_ends_with_the_upload() {
    let app = TestApp::with(&[("MEDIA_UPLOAD_URL_TTL_SECONDS", "60"), ("MEDIA_UPLOAD_EXPIRY_SECONDS", "100")]).await;
    let space = app.space("ann", "x").await;
    let at = format!("/api/spaces/{space}/images");
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": photo(1).len() });
    let target = app.post("ann", &at, &new).await.json();
    let one = format!("{at}/{}", target["id"].as_str().unwrap());
    for (passed, lifetimes) in [(0, 60..=60), (70, 15..=30)] {
        app.app.db.clock().advance(std::time::Duration::from_secs(passed));
        let again = app.post("ann", &format!("{one}/upload-url"), &json!({})).await.json();
        let lifetime = again["expiresIn"].as_u64().unwrap_or_else(|| panic!("{again}"));
        assert!(lifetimes.contains(&lifetime), "{passed}: {again}");
    }
    assert_eq!(app.delete("ann", &one).await.status, 204);
    app.run_jobs().await;
    app.stop().await;
}

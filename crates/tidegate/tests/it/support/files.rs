//! A client of the files surface.

use serde_json::json;

use super::{Answer, TestApp};

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

/// Status, code, and that `detail` says what the message says.
pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!(body["detail"], body["error"]["message"], "{body}");
    assert!(!body["detail"].as_str().unwrap().is_empty());
    (answer.status, body["error"]["code"].as_str().unwrap().to_owned())
}

/// Announces one file; its upload and its key.
pub(crate) async fn init(app: &TestApp, user: &str, name: &str, size: usize, folder: &str) -> (String, String) {
    let mime = if name.ends_with(".html") { "text/html" } else { "image/png" };
    let body = json!({ "mode": "single", "files": [{ "name": name, "size": size, "mime": mime }], "folder": folder });
    let begun = app.post(user, "/v1/files/init", &body).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let begun = begun.json();
    let key = begun["uploads"][0]["key"].as_str().unwrap().to_owned();
    assert_eq!(begun["uploadId"], begun["uploads"][0]["uploadId"]);
    (begun["uploadId"].as_str().unwrap().to_owned(), key)
}

pub(crate) async fn put(app: &TestApp, user: &str, upload: &str, number: u32, bytes: &[u8]) -> Answer {
    let url = format!("{}/v1/files/part/{upload}/{number}", app.api());
    app.send("PUT", &url, &[("x-user-id", user)], bytes.to_vec()).await
}

pub(crate) async fn complete(app: &TestApp, user: &str, upload: &str) -> Answer {
    app.post(user, "/v1/files/complete", &json!({ "uploadId": upload, "parts": [] })).await
}

pub(crate) async fn complete_with(app: &TestApp, user: &str, upload: &str, sha256: &str) -> Answer {
    app.post(user, "/v1/files/complete", &json!({ "uploadId": upload, "sha256": sha256 })).await
}

/// A whole file; its key.
pub(crate) async fn file(app: &TestApp, user: &str, name: &str, bytes: &[u8], folder: &str) -> String {
    let (upload, key) = init(app, user, name, bytes.len(), folder).await;
    assert_eq!(put(app, user, &upload, 1, bytes).await.status, 200);
    let done = complete(app, user, &upload).await;
    assert_eq!(done.status, 200, "{}", done.text());
    app.run_jobs().await;
    key
}

pub(crate) async fn usage(app: &TestApp, user: &str) -> (u64, u64, u64) {
    let usage = app.get(user, "/v1/files/usage").await.json();
    let field = |name: &str| usage[name].as_u64().unwrap();
    (field("used"), field("reserved"), field("files"))
}

//! Every route of disk images called by a stranger: it is denied, and nothing changes. The functions behind the routes are in
//! `strangers`.

use crate::support::TestApp;

#[tokio::test]
async fn every_route_denies_a_stranger() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let body = serde_json::json!({ "uploadId": "x", "partNumber": 1, "parts": [{ "partNumber": 1, "etag": "x" }] });
    for path in ["metadata", "stream-url", "parts", "range"] {
        let answer = app.get("bob", &format!("/v1/images/{image}/{path}")).await;
        assert_eq!(answer.refusal(), (403, "FORBIDDEN".into()), "{path}");
    }
    for path in ["upload-url", "complete", "abort"] {
        let answer = app.post("bob", &format!("/v1/images/{image}/{path}"), &body).await;
        assert_eq!(answer.refusal(), (403, "FORBIDDEN".into()), "{path}");
    }
    assert_eq!(app.delete("bob", &format!("/v1/images/{image}")).await.refusal().0, 403);
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/metadata")).await.status, 200);
    app.finish().await;
}

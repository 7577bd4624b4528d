//! Confirmations interrupted between the seal and the row, on the local store: acknowledged bytes
//! are found again.

use serde_json::{Value, json};
use tidegate::model::ids::ObjectId;
use tidegate::model::key;
use tidegate::model::owner::Owner;
use tidegate::model::package::{DatasetId, NodeId};

use crate::support::files::{complete, sha256};
use crate::support::sessions::{CONFIRM, SESSION, photo};
use crate::support::{TestApp, pattern};

/// Creates the state of a confirmation that was killed right after its move. `older` also leaves a
/// record that was not removed yet.
async fn cut_off(app: &TestApp, owner: &Owner, object: ObjectId, older: bool) {
    let upload = app.app.db.find_upload(owner, object).await.unwrap().unwrap();
    let from = upload.incoming.as_ref().unwrap_or(&upload.key).as_str().to_owned();
    let record = app.folder.path().join(format!("store/{from}.meta"));
    let bytes = std::fs::read(&record).unwrap();
    let seal = key::sealed(object, upload.id.parse().unwrap());
    app.app.store.move_to(&from, seal.as_str(), None).await.unwrap();
    if older {
        std::fs::create_dir_all(record.parent().unwrap()).unwrap();
        std::fs::write(&record, bytes).unwrap();
    }
}

#[tokio::test]
async fn what_was_sealed_before_a_crash_is_confirmed_after_it() {
    let app = TestApp::start().await;
    app.session().await;
    let dataset = app.dataset().await;
    for older in [false, true] {
        // A media item of a session.
        let (url, file_key) = app.target("a.jpg", "image/jpeg").await;
        assert_eq!(app.put_at(&url, "image/jpeg", &photo(1)).await.status, 200);
        let (owner, media) = app.app.db.find_media_by_file_key_unscoped(&file_key).await.unwrap().unwrap();
        cut_off(&app, &owner, media.object.id, older).await;
        let confirmed = app.graphql("ann", "garage", CONFIRM, &json!({ "s": SESSION, "k": file_key })).await;
        assert_eq!(confirmed["data"]["confirmUpload"]["status"], "UPLOADED", "{confirmed}");
        app.run_jobs().await;
        assert_eq!(app.shown(&confirmed["data"]["confirmUpload"]["id"]).await["status"], "COMPLETED");
        // A package.
        let bytes = pattern(1, 5000);
        let new = json!({ "name": format!("p{older}"), "filename": "a.bin", "size": bytes.len() });
        let begun = app.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&new)).await.json();
        let text = |name: &str| begun[name].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
        let headers: std::collections::BTreeMap<String, String> =
            serde_json::from_value(begun["headers"].clone()).unwrap();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(app.send("PUT", &text("uploadUrl"), &headers, bytes.clone()).await.status, 200);
        let node = app.app.db.find_node_unscoped(&NodeId::parse(&text("nodeId")).unwrap()).await.unwrap().unwrap();
        let object = node.source.unwrap().object.id;
        cut_off(&app, &Owner::Dataset(DatasetId::parse(&dataset).unwrap()), object, older).await;
        let confirmed = app.ask("ann", "POST", &format!("/packages/{}/confirm", text("id")), None).await;
        assert_eq!((confirmed.status, &confirmed.json()["status"]), (200, &json!("READY")), "{}", confirmed.text());
        assert_eq!(app.source_of(&dataset, &text("nodeId")).await, bytes);
        // A user's file.
        let body = json!({ "mode": "single", "files": [{ "name": "a.bin", "size": bytes.len() }] });
        let begun: Value = app.post("alice", "/v1/files/init", &body).await.json();
        let text = |name: &str| begun["uploads"][0][name].as_str().unwrap().to_owned();
        let headers = [("content-type", "application/octet-stream")];
        assert_eq!(app.send("PUT", &text("url"), &headers, bytes.clone()).await.status, 200);
        let (owner, file) = app.app.db.find_file_unscoped(&text("key")).await.unwrap().unwrap();
        cut_off(&app, &owner, file.object.id, older).await;
        let done = complete(&app, "alice", &text("uploadId")).await;
        assert_eq!((done.status, &done.json()["sha256"]), (200, &json!(sha256(&bytes))), "{}", done.text());
        app.run_jobs().await;
        let left: Vec<String> = app.files().into_iter().filter(|path| path.starts_with('.')).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let waiting = app.app.db.count_jobs().await.unwrap().queued;
    app.finish_with(waiting).await;
}

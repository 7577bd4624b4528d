//! A server with objects of every kind, and the rights it issues to disks and files.

use std::cell::Cell;

use serde_json::{Value, json};

use super::issued::{Action, Issued, base64url, headers_of, key_in, plainly, text};
use crate::support::TestApp;
use crate::support::files::{file, put};

/// A server with objects of every kind, and the URLs it issued.
pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) client: reqwest::Client,
    pub(super) issued: Vec<Issued>,
    /// Stored keys that nothing may read.
    pub(super) unserved: Vec<String>,
    pub(super) dataset: String,
    pub(super) space: String,
    pub(super) images: Vec<String>,
    pub(super) deletions: Vec<Action>,
    pub(super) restores: Vec<Action>,
    /// Deletions of whole owners: sessions and spaces.
    pub(super) owners: Vec<Action>,
    /// Whether the files behind what was issued were deleted; some are never restored.
    pub(super) files_gone: Cell<bool>,
}

impl World {
    pub(super) async fn new(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(settings).await;
        // Each request on a connection of its own: a door closes those that are idle for long.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0);
        let client = client.build().unwrap();
        let unserved = vec![
            format!(".incoming/{}", "0".repeat(32)),
            ".quarantine/01900000-0000-7000-8000-000000000000/x".to_owned(),
            ".trash/spaces/x/pub/a.jpg".to_owned(),
            ".parts/x/data".to_owned(),
        ];
        let attributes = r#"{"size":6,"etag":"e","modified_us":1,"content_type":"text/plain"}"#;
        for key in &unserved {
            let path = app.folder.path().join("store").join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "secret").unwrap();
            std::fs::write(format!("{}.meta", path.display()), attributes).unwrap();
        }
        let mut world = Self {
            app,
            client,
            issued: Vec::new(),
            unserved,
            dataset: String::new(),
            space: String::new(),
            images: Vec::new(),
            deletions: Vec::new(),
            restores: Vec::new(),
            files_gone: Cell::new(false),
            owners: Vec::new(),
        };
        if world.app.app.addresses.edge.is_none() {
            world.disks_without_an_edge().await;
            return world;
        }
        world.disks().await;
        world.files().await;
        world.space().await;
        world.session().await;
        world.packages().await;
        world
    }

    pub(super) fn gone_by(&mut self, method: &'static str, user: &str, path: String, body: Option<Value>) {
        self.deletions.push(Action::new(method, user, path, body));
    }

    async fn disks(&mut self) {
        let app = &self.app;
        let (mine, sibling) = (app.image("alice", b"one").await, app.image("alice", b"two").await);
        let other = app.image("bob", b"three").await;
        let (url, cookies) = app.stream("alice", &mine).await;
        let sibling = key_in(&app.stream("alice", &sibling).await.0);
        let other = key_in(&app.stream("bob", &other).await.0);
        let kind = if cookies.is_empty() { "disk stream, URL" } else { "disk stream, cookies" };
        let folder = key_in(&url).rsplit_once('/').unwrap().0.to_owned();
        let mut stream = Issued::get(kind, &url).siblings(&[&sibling]).others(&[&other]).covering(&folder);
        if !cookies.is_empty() {
            stream = stream.with_cookies(cookies);
        }
        let mut uploads = Vec::new();
        for user in ["alice", "alice", "bob"] {
            let (image, upload) = app.begin(user, &json!({})).await;
            uploads.push((app.sign(user, &image, &upload, 1).await, image, upload));
        }
        let keys: Vec<String> = uploads.iter().map(|(url, ..)| key_in(url)).collect();
        let (url, image, upload) = &uploads[0];
        let other_upload = url.replace(upload.as_str(), &uploads[1].2);
        let mut part = Issued::put("disk part", url, Vec::new(), b"bytes").siblings(&[&keys[1]]).others(&[&keys[2]]);
        let tampered = vec![url.replace("partNumber=1", "partNumber=2"), other_upload];
        assert!(tampered.iter().all(|tampered| tampered != url), "{url}");
        part.urls.insert("part", tampered);
        let (abort, body) = (format!("/v1/images/{image}/abort"), json!({ "uploadId": upload }));
        let named = json!({ "uploadId": upload, "parts": [{ "partNumber": 1, "etag": "ETAG" }] });
        let part = part.completed_by("alice", format!("/v1/images/{image}/complete"), Some(named));
        self.issued.extend([stream, part]);
        self.gone_by("DELETE", "alice", format!("/v1/images/{mine}"), None);
        self.gone_by("POST", "alice", abort, Some(body));
    }

    /// Without an edge, streams lead to a route that sign-in authorizes.
    async fn disks_without_an_edge(&mut self) {
        let app = &self.app;
        let (mine, sibling) = (app.image("alice", b"one").await, app.image("alice", b"two").await);
        let other = app.image("bob", b"three").await;
        let (url, cookies) = app.stream("alice", &mine).await;
        assert_eq!(cookies, "");
        let mut stream = Issued::get("disk stream, without an edge", &url).others(&[&other]);
        stream = stream.names(&mine, plainly);
        stream.headers.push(("x-user-id".into(), "alice".into()));
        // The caller's own, which sign-in opens.
        assert_eq!(app.get("alice", &format!("/v1/images/{sibling}/range")).await.status, 200);
        self.issued.push(stream);
        self.unserved.clear();
        self.unserved.push("%2e%2e%2fkeys".to_owned());
        self.gone_by("DELETE", "alice", format!("/v1/images/{mine}"), None);
    }

    async fn files(&mut self) {
        let app = &self.app;
        let public = file(app, "alice", "public.txt", b"public", "").await;
        let mut private = Vec::new();
        for (user, name) in [("alice", "a.txt"), ("alice", "b.txt"), ("bob", "c.txt")] {
            let body = json!({ "mode": "single", "files": [{ "name": name, "size": 5 }], "visibility": "private" });
            let begun = app.post(user, "/v1/files/init", &body).await.json();
            let upload = text(&begun["uploadId"]);
            assert_eq!(put(app, user, &upload, 1, b"hello").await.status, 200);
            assert_eq!(app.post(user, "/v1/files/complete", &json!({ "uploadId": upload })).await.status, 200);
            private.push(text(&begun["uploads"][0]["key"]));
        }
        for (kind, v) in [("file link, version 1", 1), ("file link, version 2", 2)] {
            let ttl = if app.app.config.files.link_lifetime < 60 { "&ttl=1" } else { "" };
            let path = format!("/v1/files/signed-url?key={}&v={v}{ttl}", private[0]);
            let signed = app.get("alice", &path).await.json();
            let link = Issued::get(kind, &text(&signed["url"])).names(&private[0], base64url);
            self.issued.push(link.siblings(&[&private[1]]).others(&[&private[2]]));
        }
        let url = format!("{}/{public}", app.api());
        let open = Issued::get("public file", &url).names(&public, plainly);
        self.issued.push(open.siblings(&[&private[0], &private[1]]).others(&[&private[2]]));
        let body = json!({ "keys": [private[0], private[1]] });
        let token = text(&app.post("alice", "/v1/files/batch-download", &body).await.json()["token"]);
        let url = format!("{}/v1/files/batch-download/{token}", app.api());
        let wrong = token.chars().rev().collect::<String>();
        self.issued.push(Issued::get("archive", &url).names(&token, plainly).others(&[&wrong]));
        let mut begun = Vec::new();
        for user in ["alice", "alice", "bob"] {
            let body = json!({ "mode": "single", "files": [{ "name": "u", "size": 5 }] });
            begun.push(app.post(user, "/v1/files/init", &body).await.json()["uploads"][0].clone());
        }
        let keys: Vec<String> = begun.iter().map(|one| key_in(&text(&one["url"]))).collect();
        let upload = Issued::put("file upload", &text(&begun[0]["url"]), headers_of(&begun[0]["headers"]), b"hello");
        let id = text(&begun[0]["uploadId"]);
        let done = json!({ "uploadId": id, "parts": [] });
        let upload = upload.completed_by("alice", "/v1/files/complete".to_owned(), Some(done));
        self.issued.push(upload.siblings(&[&keys[1]]).others(&[&keys[2]]));
        let upload = id;
        self.unserved.extend([private[2].clone(), format!("{}.meta", private[0])]);
        self.gone_by("DELETE", "alice", format!("/v1/files/{public}"), None);
        self.gone_by("DELETE", "alice", format!("/v1/files/{}", private[0]), None);
        self.gone_by("DELETE", "alice", format!("/v1/files/uploads/{upload}"), None);
    }
}

//! The authority matrix: every kind of URL the product issues, and what its authority (query,
//! cookie, token) opens. The table holds the expected outcomes; a kind that is issued without a row
//! fails, and so does a row of a kind that is not issued. Requests that are authorized by sign-in
//! (`/v1/files/part`, `/v1/images/{id}/range`) are in `access.rs` and in the tests of their
//! surface.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::support::files::{file, put};
use crate::support::packages::encoded;
use crate::support::sessions::{OTHER_SESSION, SESSION, epoch, photo};
use crate::support::{PART, TestApp};

/// The request succeeds.
const YES: Option<bool> = Some(true);
/// The request is refused and changes nothing.
const NO: Option<bool> = Some(false);
/// The kind has no such target.
const NIL: Option<bool> = None;

/// The expected outcomes of one kind, in the order of the table's columns.
#[rustfmt::skip]
const TARGETS: [&str; 11] = [
    "the object it names",        // as it was issued
    "what belongs to it",         // its thumbnails, its next part, its package's assets
    "a sibling",                  // of the same owner
    "another owner's",
    "what nobody may read",       // incoming, quarantine, trash, private files, source files
    "another door",               // the same key with the same authority
    "another method",
    "after its end",
    "after its holder was removed",
    "after the object was deleted, or the upload ended",
    "after its job is done",
];

/// The expected outcomes of every kind. Siblings open under prefix grants only: those of a space,
/// of a session, and of a package's assets.
#[rustfmt::skip]
const TABLE: [(&str, [Option<bool>; 11]); 27] = [
    //                                    named  part  sibling other unserved door  method late  removed gone job
    ("disk stream, cookies",              [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    ("disk stream, URL",                  [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    ("disk part",                         [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    ("file link, version 1",              [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    ("file link, version 2",              [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    // Without any authority, private content must stay private.
    ("public file",                       [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NIL,  NIL,    NO,  NO]),
    ("file upload",                       [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    ("archive",                           [YES,  NIL,  NIL,    NO,   NO,      NIL,  NO,    NIL,  NIL,    NO,  NO]),
    // A removed member's grants stay valid until they expire, at most a quarter of an hour later.
    ("space image",                       [YES,  YES,  YES,    NO,   NO,      NO,   NO,    NIL,  YES,    NO,  NO]),
    ("space thumbnail",                   [YES,  YES,  YES,    NO,   NO,      NO,   NO,    NIL,  YES,    NO,  NO]),
    ("space urlQuery",                    [YES,  YES,  YES,    NO,   NO,      NO,   NO,    NIL,  YES,    NO,  NO]),
    ("space cookies",                     [YES,  YES,  YES,    NO,   NO,      NO,   NO,    NIL,  YES,    NO,  NO]),
    // An upload by a removed member is never confirmed.
    ("space upload",                      [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   YES,    NO,  NO]),
    ("session image",                     [YES,  YES,  YES,    NO,   NO,      NO,   NO,    NIL,  NIL,    NO,  NO]),
    ("session variant",                   [YES,  YES,  YES,    NO,   NO,      NO,   NO,    NIL,  NIL,    NO,  NO]),
    ("session link",                      [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    ("where a session link leads",        [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    ("where a session's content leads",   [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NIL,  NIL,    NO,  NO]),
    ("session upload",                    [YES,  NIL,  NO,     NO,   NO,      NO,   NO,    NO,   NIL,    NO,  NO]),
    // Links to a dataset live for an hour and are not checked against membership.
    ("package source",                    [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NIL,  YES,    NO,  NO]),
    ("package asset, presigned",          [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NIL,  YES,    NO,  NO]),
    ("package manifest",                  [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NIL,  YES,    NO,  NO]),
    ("package proxy",                     [YES,  NO,   NO,     NO,   NO,      NIL,  NO,    NIL,  YES,    NO,  NO]),
    // A package is deleted like a collection, with all it contains; a job removes its bytes.
    ("package asset, signed",             [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NIL,  YES,    YES, NO]),
    ("package assets, by prefix",         [YES,  YES,  NO,     NO,   NO,      NO,   NO,    NIL,  YES,    YES, NO]),
    ("package assets, by cookies",        [YES,  YES,  NO,     NO,   NO,      NO,   NO,    NIL,  YES,    YES, NO]),
    ("package part",                      [YES,  NO,   NO,     NO,   NO,      NO,   NO,    NO,   YES,    NO,  NO]),
];

/// A URL as it was issued.
struct Issued {
    kind: &'static str,
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The key it names, and its form in the URL.
    named: String,
    written: fn(&str) -> String,
    /// Other keys by column, and whole URLs.
    keys: BTreeMap<&'static str, Vec<String>>,
    urls: BTreeMap<&'static str, Vec<String>>,
}

fn plainly(key: &str) -> String {
    key.to_owned()
}

fn base64url(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Returns the key in a URL of the edge or of the S3 door.
fn key_in(url: &str) -> String {
    let path = url.split('?').next().unwrap().splitn(4, '/').nth(3).unwrap();
    path.strip_prefix("tidegate/").unwrap_or(path).to_owned()
}

fn bare(url: &str) -> String {
    url.split('?').next().unwrap().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn headers_of(value: &Value) -> Vec<(String, String)> {
    serde_json::from_value::<BTreeMap<String, String>>(value.clone()).unwrap().into_iter().collect()
}

impl Issued {
    fn new(kind: &'static str, method: &'static str, url: &str) -> Self {
        Self {
            kind,
            method,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            named: key_in(url),
            written: plainly,
            keys: BTreeMap::new(),
            urls: BTreeMap::new(),
        }
    }

    fn get(kind: &'static str, url: &str) -> Self {
        Self::new(kind, "GET", url)
    }

    fn put(kind: &'static str, url: &str, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        Self { headers, body: body.to_vec(), ..Self::new(kind, "PUT", url) }
    }

    /// Adds cookies to every request.
    fn with_cookies(mut self, cookies: String) -> Self {
        self.headers.push(("cookie".into(), cookies));
        self
    }

    /// Sets the key it names, if that is not the URL's path.
    fn names(mut self, named: &str, written: fn(&str) -> String) -> Self {
        (self.named, self.written) = (named.to_owned(), written);
        self
    }

    fn parts(mut self, keys: &[&str]) -> Self {
        self.keys.entry(TARGETS[1]).or_default().extend(keys.iter().map(|key| (*key).to_owned()));
        self
    }

    fn siblings(mut self, keys: &[&str]) -> Self {
        self.keys.entry(TARGETS[2]).or_default().extend(keys.iter().map(|key| (*key).to_owned()));
        self
    }

    fn others(mut self, keys: &[&str]) -> Self {
        self.keys.entry(TARGETS[3]).or_default().extend(keys.iter().map(|key| (*key).to_owned()));
        self
    }

    /// Returns the URL of another key with the same authority.
    fn at(&self, key: &str) -> String {
        let url = self.url.replace(&(self.written)(&self.named), &(self.written)(key));
        assert_ne!(url, self.url, "{}: {key}", self.kind);
        url
    }
}

/// A server with objects of every kind, and the URLs it issued.
struct World {
    app: TestApp,
    client: reqwest::Client,
    issued: Vec<Issued>,
    /// Stored keys that nothing may read.
    unserved: Vec<String>,
    dataset: String,
    space: String,
    images: Vec<String>,
    deletions: Vec<(&'static str, String, String, Option<Value>)>,
}

impl World {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(settings).await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
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
        };
        world.disks().await;
        world.files().await;
        world.space().await;
        world.session().await;
        world.packages().await;
        world
    }

    fn gone_by(&mut self, method: &'static str, user: &str, path: String, body: Option<Value>) {
        self.deletions.push((method, user.to_owned(), path, body));
    }

    async fn disks(&mut self) {
        let app = &self.app;
        let (mine, sibling) = (app.image("alice", b"one").await, app.image("alice", b"two").await);
        let other = app.image("bob", b"three").await;
        let (url, cookies) = app.stream("alice", &mine).await;
        let sibling = key_in(&app.stream("alice", &sibling).await.0);
        let other = key_in(&app.stream("bob", &other).await.0);
        let kind = if cookies.is_empty() { "disk stream, URL" } else { "disk stream, cookies" };
        let mut stream = Issued::get(kind, &url).siblings(&[&sibling]).others(&[&other]);
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
        part.urls.insert(TARGETS[1], tampered);
        let (abort, body) = (format!("/v1/images/{image}/abort"), json!({ "uploadId": upload }));
        self.issued.extend([stream, part]);
        self.gone_by("DELETE", "alice", format!("/v1/images/{mine}"), None);
        self.gone_by("POST", "alice", abort, Some(body));
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
        self.issued.push(upload.siblings(&[&keys[1]]).others(&[&keys[2]]));
        let upload = text(&begun[0]["uploadId"]);
        self.unserved.extend([private[2].clone(), format!("{}.meta", private[0])]);
        self.gone_by("DELETE", "alice", format!("/v1/files/{public}"), None);
        self.gone_by("DELETE", "alice", format!("/v1/files/{}", private[0]), None);
        self.gone_by("DELETE", "alice", format!("/v1/files/uploads/{upload}"), None);
    }

    async fn space(&mut self) {
        let app = &self.app;
        let (space, other) = (app.space("ann", "x").await, app.space("ann", "y").await);
        let sibling = app.image_in("ann", &space).await;
        let mine = app.image_in("ann", &space).await;
        app.image_in("ann", &other).await;
        assert_eq!(app.member("ann", &space, "ed", "editor").await.status, 200);
        let page = app.images("ed", &space, "").await;
        let (image, second) = (&page["images"][0], &page["images"][1]);
        assert_eq!((&image["id"], &second["id"]), (&json!(mine), &json!(sibling)));
        let thumbnail = text(&image["thumbnails"][0]["url"]);
        let (url, second) = (text(&image["cloudfrontUrl"]), text(&second["s3Key"]));
        let theirs = text(&app.images("ann", &other, "").await["images"][0]["s3Key"]);
        let shared = app.images("ed", &space, "?urls=shared").await;
        let joined = format!("{}?{}", bare(&url), text(&shared["urlQuery"]));
        let cookies = app.post("ed", &format!("/api/spaces/{space}/grant-cookies"), &json!({})).await;
        let with = cookies_of(&cookies.headers);
        for (kind, url) in [
            ("space image", &url),
            ("space thumbnail", &thumbnail),
            ("space urlQuery", &joined),
            ("space cookies", &bare(&url)),
        ] {
            let mut issued = Issued::get(kind, url).siblings(&[&second]).others(&[&theirs]);
            issued = issued.parts(&[&key_in(if kind == "space thumbnail" { &joined } else { &thumbnail })]);
            if kind == "space cookies" {
                issued = issued.with_cookies(with.clone());
            }
            self.issued.push(issued);
        }
        let mut targets = Vec::new();
        let bytes = photo(1);
        let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": bytes.len() });
        for of in [&space, &space, &other] {
            let user = if of == &space { "ed" } else { "ann" };
            targets.push(app.post(user, &format!("/api/spaces/{of}/images"), &new).await.json());
        }
        let keys: Vec<String> = targets.iter().map(|one| key_in(&text(&one["uploadUrl"]))).collect();
        let headers = headers_of(&targets[0]["headers"]);
        let upload = Issued::put("space upload", &text(&targets[0]["uploadUrl"]), headers, &bytes);
        self.issued.push(upload.siblings(&[&keys[1]]).others(&[&keys[2]]));
        self.gone_by("DELETE", "ann", format!("/api/spaces/{space}/images/{mine}"), None);
        let confirm = format!("/api/spaces/{space}/images/{}/confirm", text(&targets[0]["id"]));
        self.gone_by("POST", "ann", confirm, None);
        (self.space, self.images) = (space, vec![text(&targets[0]["id"])]);
    }

    /// Uploads and confirms a media item of a session; returns its id and its link.
    async fn session_media(&self, session: &str) -> (String, String) {
        let app = &self.app;
        let at = format!("/v1/sessions/{session}/media");
        let wanted = json!({ "filename": "a.jpg", "contentType": "image/jpeg" });
        let target = app.as_of("ann", "garage", "POST", &format!("{at}/upload-url"), Some(&wanted)).await.json();
        assert_eq!(app.put_at(&text(&target["uploadUrl"]), "image/jpeg", &photo(1)).await.status, 200);
        let key = json!({ "fileKey": target["fileKey"] });
        let confirmed = app.as_of("ann", "garage", "POST", &format!("{at}/confirm"), Some(&key)).await.json();
        (text(&confirmed["id"]), text(&confirmed["url"]))
    }

    async fn session(&mut self) {
        let app = &self.app;
        for session in [SESSION, OTHER_SESSION] {
            let made = app.as_of("ann", "garage", "POST", "/v1/sessions", Some(&json!({ "id": session }))).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        let (mine, link) = self.session_media(SESSION).await;
        let (sibling, _) = self.session_media(SESSION).await;
        let (other, _) = self.session_media(OTHER_SESSION).await;
        app.run_jobs().await;
        let at = |session: &str, id: &str| format!("v1/sessions/{session}/media/{id}");
        let shown = async |session: &str, id: &str| {
            app.as_of("ann", "garage", "GET", &format!("/{}", at(session, id)), None).await.json()
        };
        let media = shown(SESSION, &mine).await;
        let (url, variant) = (text(&media["url"]), text(&media["variants"][0]["url"]));
        let second = key_in(&text(&shown(SESSION, &sibling).await["url"]));
        let third = key_in(&text(&shown(OTHER_SESSION, &other).await["url"]));
        let content = |session: &str, id: &str| format!("{}/content", at(session, id));
        // With short lifetimes, the link is one that expires at once, signed as the server signs
        // it.
        let link = if app.app.config.files.link_lifetime < 60 {
            let (path, ends) = (format!("/{}", content(SESSION, &mine)), epoch() + 2);
            let terms = sign::LinkTerms { expires: ends, disposition: sign::Disposition::Inline, epoch: 0 };
            let (kid, sig) = (app.app.links.key_id(), app.app.links.sign_v2(&path, terms));
            format!("{}{path}?v=2&exp={ends}&kid={kid}&sig={sig}", app.api())
        } else {
            link
        };
        let led = app.send("GET", &link, &[], Vec::new()).await;
        assert_eq!(led.status, 307, "{}", led.text());
        let signed_in = app.as_of("ann", "garage", "GET", &format!("/{}", content(SESSION, &mine)), None).await;
        let (own, small) = (key_in(&url), key_in(&variant));
        for (kind, url, part) in [
            ("session image", url.as_str(), &small),
            ("session variant", &variant, &own),
            ("where a session link leads", led.header("location"), &small),
            ("where a session's content leads", signed_in.header("location"), &small),
        ] {
            self.issued.push(Issued::get(kind, url).parts(&[part]).siblings(&[&second]).others(&[&third]));
        }
        let own = Issued::get("session link", &link).names(&content(SESSION, &mine), plainly);
        self.issued.push(own.siblings(&[&content(SESSION, &sibling)]).others(&[&content(OTHER_SESSION, &other)]));
        let mut targets = Vec::new();
        let wanted = json!({ "filename": "a.jpg", "contentType": "image/jpeg" });
        for session in [SESSION, SESSION, OTHER_SESSION] {
            let path = format!("/v1/sessions/{session}/media/upload-url");
            targets.push(app.as_of("ann", "garage", "POST", &path, Some(&wanted)).await.json());
        }
        let keys: Vec<String> = targets.iter().map(|one| text(&one["fileKey"])).collect();
        let headers = vec![("content-type".to_owned(), "image/jpeg".to_owned())];
        let upload = Issued::put("session upload", &text(&targets[0]["uploadUrl"]), headers, &photo(1));
        self.issued.push(upload.siblings(&[&keys[1]]).others(&[&keys[2]]));
        self.gone_by("DELETE", "ann", format!("/{}", at(SESSION, &mine)), None);
        let confirm = json!({ "fileKey": keys[0] });
        self.gone_by("POST", "ann", format!("/v1/sessions/{SESSION}/media/confirm"), Some(confirm));
    }

    async fn packages(&mut self) {
        let app = &self.app;
        let (dataset, other) = (app.dataset().await, app.dataset().await);
        let mine = app.package(&dataset, "one", None, b"one").await;
        let sibling = app.package(&dataset, "two", None, b"two").await;
        let theirs = app.package(&other, "three", None, b"three").await;
        for (dataset, package) in [(&dataset, &mine), (&dataset, &sibling), (&other, &theirs)] {
            app.asset(dataset, package, "a.txt", b"a").await;
            app.asset(dataset, package, "b.txt", b"b").await;
        }
        app.grant(&dataset, "vi", "viewer").await;
        let source = async |dataset: &str, package: &str, more: &str| {
            app.presigned(dataset, package, more).await.header("location").to_owned()
        };
        let asked = async |path: &str| {
            let path = format!("/packages/{path}&dataset_id={dataset}&package_id={mine}");
            let answer = app.ask("vi", "GET", &path, None).await;
            assert!([200, 307].contains(&answer.status), "{}", answer.text());
            answer
        };
        let sources = [source(&dataset, &sibling, "").await, source(&other, &theirs, "").await];
        let (second, third) = (key_in(&sources[0]), key_in(&sources[1]));
        let own = asked("presign/s3?x=1").await.header("location").to_owned();
        let asset = asked("presign/s3?path=a.txt").await.header("location").to_owned();
        let next = key_in(&asset).replace("a.txt", "b.txt");
        let second_asset = key_in(&source(&dataset, &sibling, "&path=a.txt").await);
        let third_asset = key_in(&source(&other, &theirs, "&path=a.txt").await);
        let manifest = app
            .ask(
                "vi",
                "POST",
                &format!("/packages/download-manifest?dataset_id={dataset}"),
                Some(&json!({ "nodeIds": [mine] })),
            )
            .await;
        let manifest = text(&manifest.json()["data"][0]["url"]);
        let proxied = format!("{}/packages/proxy/s3?presigned_url={}", app.api(), encoded(&own));
        let signed = text(&asked("cloudfront/sign?path=a.txt").await.json()["signed_url"]);
        let prefix = asked("cloudfront/sign?scope=prefix").await;
        let (base, query) = (text(&prefix.json()["base_url"]), text(&prefix.json()["query"]));
        for (kind, url) in [
            ("package source", &own),
            ("package manifest", &manifest),
            ("package proxy", &proxied),
            ("package asset, presigned", &asset),
            // A package is deleted like a collection, with all it contains; a job removes its
            // bytes.
            ("package asset, signed", &signed),
            ("package assets, by prefix", &format!("{base}a.txt?{query}")),
            ("package assets, by cookies", &format!("{base}a.txt")),
        ] {
            let mut issued = Issued::get(kind, url);
            issued = match kind {
                "package proxy" => issued.names(&key_in(&own), encoded),
                "package assets, by cookies" => issued.with_cookies(cookies_of(&prefix.headers)),
                _ => issued,
            };
            let of_asset = kind.starts_with("package asset");
            let part = if of_asset { next.clone() } else { key_in(&asset) };
            issued = issued.parts(&[&part]).siblings(&[&second_asset, &second]).others(&[&third, &third_asset]);
            self.issued.push(issued);
        }
        let body = json!({ "name": "large", "size": PART + 1, "multipart": true });
        let mut urls = Vec::new();
        for (dataset, name) in [(&dataset, "large"), (&dataset, "larger"), (&other, "large")] {
            let mut body = body.clone();
            body["name"] = json!(name);
            let begun = app.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&body)).await.json();
            let at = format!("/packages/{}", text(&begun["id"]));
            let wanted = json!({ "partNumbers": [1, 2] });
            let signed = app.ask("ann", "POST", &format!("{at}/parts"), Some(&wanted)).await.json();
            urls.push((text(&signed["parts"][0]["url"]), text(&begun["nodeId"])));
        }
        let url = urls[0].0.clone();
        let (near, far) = (key_in(&urls[1].0), key_in(&urls[2].0));
        let mut part = Issued::put("package part", &url, Vec::new(), b"hello").siblings(&[&near]).others(&[&far]);
        part.urls.insert(TARGETS[1], vec![url.replace("partNumber=1", "partNumber=2")]);
        self.issued.push(part);
        self.unserved.push(second);
        let nodes = json!({ "nodeIds": [mine, urls[0].1] });
        self.gone_by("DELETE", "ann", format!("/packages?dataset_id={dataset}"), Some(nodes));
        self.dataset = dataset;
    }

    /// Returns whether a request succeeds, following one redirect, up to the end of its body.
    async fn opens(&self, issued: &Issued, method: &str, url: &str) -> bool {
        let mut url = url.to_owned();
        for _ in 0..2 {
            let mut request = self.client.request(method.parse().unwrap(), &url);
            for (name, value) in &issued.headers {
                request = request.header(name, value);
            }
            if method == "PUT" || method == "POST" {
                request = request.body(issued.body.clone());
            }
            // Some doors close the connection without reading the body; no response means not
            // opened.
            let Ok(answer) = request.send().await else { return false };
            match answer.status().as_u16() {
                307 => url = answer.headers()["location"].to_str().unwrap().to_owned(),
                // The object exists already, so the authority was accepted.
                412 if method == "PUT" && issued.method == "PUT" => return true,
                status if (200..300).contains(&status) => {
                    let mut body = answer.bytes_stream();
                    while let Some(chunk) = body.next().await {
                        if chunk.is_err() {
                            return false;
                        }
                    }
                    return true;
                }
                status => {
                    assert!((400..500).contains(&status), "{} {method} {url}: {status}", issued.kind);
                    return false;
                }
            }
        }
        panic!("{}: redirects without end", issued.kind);
    }

    /// Returns the URL of the same key and authority at another door.
    fn other_doors(&self, issued: &Issued) -> Vec<String> {
        let (edge, s3, api) = (self.app.edge(), format!("{}/tidegate", self.app.app.addresses.s3), self.app.api());
        let query = issued.url.split_once('?').map_or("", |(_, query)| query);
        let link = format!("{api}/get/{}", base64url(&issued.named));
        let doors = [format!("{edge}/{}", issued.named), format!("{s3}/{}", issued.named), link];
        let own = bare(&issued.url);
        doors.into_iter().filter(|door| *door != own).map(|door| format!("{door}?{query}")).collect()
    }

    /// Returns the URLs of a column.
    fn urls(&self, issued: &Issued, column: usize) -> Vec<String> {
        let target = TARGETS[column];
        let mut urls: Vec<String> = match column {
            0 => vec![issued.url.clone()],
            4 => self.unserved.iter().filter(|key| **key != issued.named).map(|key| issued.at(key)).collect(),
            5 => self.other_doors(issued),
            _ => issued.keys.get(target).into_iter().flatten().map(|key| issued.at(key)).collect(),
        };
        urls.extend(issued.urls.get(target).into_iter().flatten().cloned());
        urls
    }

    /// Tries one column on everything issued; returns deviations from the table.
    async fn column(&self, column: usize, wrong: &mut Vec<String>) {
        for issued in &self.issued {
            let Some(expected) = row(issued.kind)[column] else { continue };
            let urls = match column {
                6..=10 => vec![issued.url.clone()],
                _ => self.urls(issued, column),
            };
            assert!(!urls.is_empty(), "{}: nothing to try for {}", issued.kind, TARGETS[column]);
            let methods: &[&str] = match (column, issued.method) {
                (6, "GET") => &["PUT", "DELETE", "POST", "PATCH"],
                (6, _) => &["GET", "HEAD", "DELETE", "POST", "PATCH"],
                (_, method) => &[method],
            };
            for url in &urls {
                for method in methods {
                    if self.opens(issued, method, url).await != expected {
                        let found = if expected { "is refused" } else { "opens" };
                        wrong.push(format!("{}: {} {found}: {method} {url}", issued.kind, TARGETS[column]));
                    }
                }
            }
        }
    }

    async fn remove_members(&self) {
        let members = format!("/api/spaces/{}/members/ed", self.space);
        assert_eq!(self.app.delete("ann", &members).await.status, 204);
        let members = format!("/packages/datasets/{}/members/vi", self.dataset);
        assert_eq!(self.app.ask("ann", "DELETE", &members, None).await.status, 204);
        // Removed members get no new URLs, and their uploads are not confirmed.
        assert_eq!(self.app.get("ed", &format!("/api/spaces/{}/images", self.space)).await.status, 404);
        let confirm = format!("/api/spaces/{}/images/{}/confirm", self.space, self.images[0]);
        assert_eq!(self.app.post("ed", &confirm, &json!({})).await.status, 404);
        let children = format!("/packages/children?dataset_id={}", self.dataset);
        assert_eq!(self.app.ask("vi", "GET", &children, None).await.status, 404);
    }

    async fn delete_all(&self) {
        for (method, user, path, body) in &self.deletions {
            // Sessions and datasets belong to organisations.
            let org = if path.starts_with("/packages") { "lab" } else { "garage" };
            let answer = self.app.as_of(user, org, method, path, body.as_ref()).await;
            assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        }
    }

    fn kinds(&self) -> BTreeSet<&'static str> {
        self.issued.iter().map(|issued| issued.kind).collect()
    }
}

fn cookies_of(headers: &reqwest::header::HeaderMap) -> String {
    let lines = headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let pairs: Vec<&str> = lines.map(|line| line.split(';').next().unwrap()).collect();
    assert_eq!(pairs.len(), 3, "{pairs:?}");
    pairs.join("; ")
}

fn row(kind: &str) -> [Option<bool>; 11] {
    TABLE.iter().find(|(known, _)| *known == kind).unwrap_or_else(|| panic!("no row of the table: {kind}")).1
}

#[tokio::test]
async fn what_is_issued_opens_exactly_what_it_names() {
    let (mut wrong, mut kinds) = (Vec::new(), BTreeSet::new());
    for mode in ["cookie", "url"] {
        let world = World::new(&[("CLOUDFRONT_AUTH_MODE", mode)]).await;
        kinds.extend(world.kinds());
        // Refusals are tried first, since a write that succeeds can only be tried once.
        for column in [1, 2, 3, 4, 5, 6, 0] {
            world.column(column, &mut wrong).await;
        }
        world.remove_members().await;
        world.column(8, &mut wrong).await;
        world.delete_all().await;
        world.column(9, &mut wrong).await;
        world.app.run_jobs().await;
        world.column(10, &mut wrong).await;
        world.app.stop().await;
    }
    assert!(wrong.is_empty(), "{} are not as the table says:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(kinds, TABLE.iter().map(|(kind, _)| *kind).collect(), "each row is tried");
}

#[tokio::test]
async fn nothing_that_is_issued_outlives_its_end() {
    let short = [
        ("CLOUDFRONT_SIGNED_TTL_SECONDS", "3"),
        ("UPLOAD_URL_TTL_SECONDS", "2"),
        ("MEDIA_UPLOAD_URL_TTL_SECONDS", "2"),
        ("SIGNED_URL_TTL_DEFAULT", "2"),
    ];
    let mut worlds = Vec::new();
    for mode in ["cookie", "url"] {
        let mut settings = short.to_vec();
        settings.push(("CLOUDFRONT_AUTH_MODE", mode));
        worlds.push(World::new(&settings).await);
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    for world in worlds {
        let mut wrong = Vec::new();
        world.column(7, &mut wrong).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        world.app.stop().await;
    }
}

//! The rights that are issued to spaces, sessions and packages.

use serde_json::json;

use super::issue::World;
use super::issued::{Action, Issued, bare, cookies_of, headers_of, key_in, plainly, text};
use crate::support::packages::encoded;
use crate::support::sessions::{GET_URL, OTHER_SESSION, SESSION, epoch, photo};

impl World {
    pub(super) async fn space(&mut self) {
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
            let key = key_in(&joined);
            let (at, _) = key.match_indices('/').nth(2).unwrap();
            issued = issued.covering(&key[..at]);
            issued = issued.parts(&[&key_in(if kind == "space thumbnail" { &joined } else { &thumbnail })]);
            if kind == "space cookies" {
                issued = issued.with_cookies(with.clone());
            }
            self.issued.push(issued);
        }
        let wanted = json!({ "ttlSeconds": 600, "variant": "original" });
        let link = app.post("ed", &format!("/api/spaces/{space}/images/{mine}/link"), &wanted).await;
        assert_eq!(link.status, 200, "{}", link.text());
        let link = Issued::get("space link", &text(&link.json()["url"])).siblings(&[&second]).others(&[&theirs]);
        self.issued.push(link.parts(&[&key_in(&thumbnail)]));
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
        let confirm = format!("/api/spaces/{space}/images/{}/confirm", text(&targets[0]["id"]));
        let upload = upload.completed_by("ed", confirm.clone(), None);
        self.issued.push(upload.siblings(&[&keys[1]]).others(&[&keys[2]]));
        // The URL of another upload, of the same headers.
        let again = app.post("ed", &format!("/api/spaces/{space}/images"), &new).await.json();
        let at = format!("/api/spaces/{space}/images/{}", text(&again["id"]));
        let again = app.post("ed", &format!("{at}/upload-url"), &json!({})).await.json();
        let (url, headers) = (text(&again["uploadUrl"]), headers_of(&again["headers"]));
        let upload = Issued::put("space upload, signed again", &url, headers, &bytes);
        let upload = upload.completed_by("ed", format!("{at}/confirm"), None);
        self.issued.push(upload.siblings(&[&keys[1]]).others(&[&keys[2]]));
        self.gone_by("DELETE", "ann", at, None);
        self.gone_by("DELETE", "ann", format!("/api/spaces/{space}/images/{mine}"), None);
        self.gone_by("POST", "ann", confirm, None);
        self.restores.push(Action::new("POST", "ann", format!("/api/spaces/{space}/images/{mine}/restore"), None));
        self.owners.push(Action::new("DELETE", "ann", format!("/api/spaces/{space}"), None));
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

    pub(super) async fn session(&mut self) {
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
        let query = "query($id: UUID!) { media(id: $id) { url } }";
        let asked = app.graphql("ann", "garage", query, &json!({ "id": mine })).await;
        let by_graphql = text(&asked["data"]["media"]["url"]);
        for (kind, url, part) in [
            ("session image", url.as_str(), &small),
            ("session image, by GraphQL", &by_graphql, &small),
            ("session variant", &variant, &own),
            ("where a session link leads", led.header("location"), &small),
            ("where a session's content leads", signed_in.header("location"), &small),
        ] {
            let mut issued = Issued::get(kind, url).parts(&[part]).siblings(&[&second]).others(&[&third]);
            if kind.starts_with("session") {
                issued = issued.covering(&common_folder(&own, &second));
            }
            self.issued.push(issued);
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
        let confirm = |key: &str| (format!("/v1/sessions/{SESSION}/media/confirm"), Some(json!({ "fileKey": key })));
        let (path, body) = confirm(&keys[0]);
        let upload = upload.siblings(&[&keys[1]]).others(&[&keys[2]]).completed_by("ann", path.clone(), body.clone());
        self.issued.push(upload);
        self.gone_by("POST", "ann", path, body);
        // The URL of another upload, of the same headers.
        let app = &self.app;
        let new = format!("/v1/sessions/{SESSION}/media/upload-url");
        let again = app.as_of("ann", "garage", "POST", &new, Some(&wanted)).await.json();
        let (path, body) = confirm(&text(&again["fileKey"]));
        let again = format!("/v1/sessions/{SESSION}/media/{}/upload-url", text(&again["id"]));
        let again = app.as_of("ann", "garage", "POST", &again, None).await.json();
        let headers = vec![("content-type".to_owned(), "image/jpeg".to_owned())];
        let upload = Issued::put("session upload, signed again", &text(&again["uploadUrl"]), headers, &photo(1));
        let upload = upload.siblings(&[&keys[1]]).others(&[&keys[2]]).completed_by("ann", path.clone(), body.clone());
        self.issued.push(upload);
        self.gone_by("POST", "ann", path, body);
        let app = &self.app;
        let variables = json!({ "s": SESSION, "f": "b.jpg", "c": "image/jpeg" });
        let target = app.graphql("ann", "garage", GET_URL, &variables).await["data"]["getUploadUrl"].clone();
        let headers = vec![("content-type".to_owned(), "image/jpeg".to_owned())];
        let upload = Issued::put("session upload, by GraphQL", &text(&target["uploadUrl"]), headers, &photo(1));
        let (path, body) = confirm(&text(&target["fileKey"]));
        let upload = upload.siblings(&[&keys[1]]).others(&[&keys[2]]).completed_by("ann", path.clone(), body.clone());
        self.issued.push(upload);
        self.gone_by("POST", "ann", path, body);
        self.gone_by("DELETE", "ann", format!("/{}", at(SESSION, &mine)), None);
        self.restores.push(Action::new("POST", "ann", format!("/{}/restore", at(SESSION, &mine)), None));
        self.owners.push(Action::new("DELETE", "ann", format!("/v1/sessions/{SESSION}"), None));
    }

    pub(super) async fn packages(&mut self) {
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
        app.grant(&dataset, "ed", "editor").await;
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
                "package assets, by prefix" => issued.covering(key_in(&base).trim_end_matches('/')),
                "package assets, by cookies" => {
                    issued.covering(key_in(&base).trim_end_matches('/')).with_cookies(cookies_of(&prefix.headers))
                }
                "package proxy" => issued.names(&key_in(&own), encoded),
                _ => issued,
            };
            let of_asset = kind.starts_with("package asset");
            let part = if of_asset { next.clone() } else { key_in(&asset) };
            issued = issued.parts(&[&part]).siblings(&[&second_asset, &second]).others(&[&third, &third_asset]);
            self.issued.push(issued);
        }
        let mut urls = Vec::new();
        // An editor uploads, who is removed later.
        for (user, dataset, name) in [("ed", &dataset, "large"), ("ed", &dataset, "larger"), ("ann", &other, "large")] {
            let body = json!({ "name": name, "size": 5, "multipart": true });
            let begun = app.ask(user, "POST", &format!("/packages?dataset_id={dataset}"), Some(&body)).await.json();
            let at = format!("/packages/{}", text(&begun["id"]));
            let signed = app.ask(user, "POST", &format!("{at}/parts"), Some(&json!({ "partNumbers": [1] }))).await;
            urls.push((text(&signed.json()["parts"][0]["url"]), text(&begun["nodeId"]), at));
        }
        let (url, node, at) = urls[0].clone();
        let (near, far) = (key_in(&urls[1].0), key_in(&urls[2].0));
        let mut part = Issued::put("package part", &url, Vec::new(), b"hello").siblings(&[&near]).others(&[&far]);
        part.urls.insert("part", vec![url.replace("partNumber=1", "partNumber=2")]);
        let body = json!({ "parts": [{ "partNumber": 1, "etag": "ETAG" }] });
        self.issued.push(part.completed_by("ed", format!("{at}/confirm"), Some(body)));
        let mut targets = Vec::new();
        for (user, dataset, name) in [("ed", &dataset, "small"), ("ed", &dataset, "smaller"), ("ann", &other, "small")]
        {
            let body = json!({ "name": name, "filename": format!("{name}.bin"), "size": 5,
                "contentType": "application/octet-stream" });
            let made = app.ask(user, "POST", &format!("/packages?dataset_id={dataset}"), Some(&body)).await;
            assert_eq!(made.status, 201, "{}", made.text());
            targets.push(made.json());
        }
        let keys: Vec<String> = targets.iter().map(|target| key_in(&text(&target["uploadUrl"]))).collect();
        let headers = headers_of(&targets[0]["headers"]);
        let upload = Issued::put("package upload", &text(&targets[0]["uploadUrl"]), headers, b"hello");
        let confirm = format!("/packages/{}/confirm", text(&targets[0]["id"]));
        self.issued.push(upload.siblings(&[&keys[1]]).others(&[&keys[2]]).completed_by("ed", confirm, None));
        self.unserved.push(second);
        let nodes = json!({ "nodeIds": [mine, node, targets[0]["nodeId"]] });
        self.gone_by("DELETE", "ann", format!("/packages?dataset_id={dataset}"), Some(nodes));
        let nodes = json!({ "nodeIds": [mine] });
        self.restores.push(Action::new("POST", "ann", format!("/packages/restore?dataset_id={dataset}"), Some(nodes)));
        self.dataset = dataset;
    }
}

/// Returns the folder that two keys share.
fn common_folder(one: &str, other: &str) -> String {
    let shared = one.split('/').zip(other.split('/')).take_while(|(a, b)| a == b).map(|(segment, _)| segment);
    shared.collect::<Vec<_>>().join("/")
}

//! The surface of users' files: its contract row by row, and invalid input.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::files::{complete, complete_with, file, init, put, refusal, sha256, usage};
use crate::support::{TestApp, pattern};

/// Uploads as existing clients do: part 0 with the whole file, then a completion that carries it
/// again.
#[tokio::test]
async fn the_source_s_client_goes_through_unchanged() {
    let app = TestApp::start().await;
    let bytes = pattern(1, 300_000);
    let (upload, key) = init(&app, "user123", "image.jpg", bytes.len(), "main/pictures").await;
    assert!(key.starts_with("storage/user123/main/pictures/") && key.ends_with("_image.jpg"), "{key}");
    let part = json!({ "uploadId": upload, "partNumber": 0, "chunkBase64": STANDARD.encode(&bytes) });
    let stored = app.post("user123", "/v1/files/part", &part).await;
    assert_eq!((stored.status, stored.json()), (200, json!({ "status": "success", "partNumber": 0 })));
    let body = json!({ "uploadId": upload, "parts": [{ "data": STANDARD.encode(&bytes) }], "sha256": sha256(&bytes),
        "meta": { "filename": "image.jpg", "folder": "main/pictures" } });
    let done = app.post("user123", "/v1/files/complete", &body).await;
    let expected = json!({ "key": key, "size": bytes.len(), "mime": "image/png", "sha256": sha256(&bytes), "status": "READY",
            "visibility": "public", "filename": "image.jpg", "folder": "main/pictures" });
    assert_eq!((done.status, done.json()), (200, expected.clone()));
    assert_eq!(app.post("user123", "/v1/files/complete", &body).await.json(), expected, "again it answers the same");
    let listed = app.get("user123", "/v1/files/all?user_id=somebody&folder=main/pictures").await.json();
    assert_eq!((&listed["total_count"], &listed["total_size"]), (&json!(1), &json!(bytes.len())));
    let one = &listed["files"][0];
    assert_eq!(
        (&one["key"], &one["filename"], &one["folder"]),
        (&json!(key), &json!("image.jpg"), &json!("main/pictures"))
    );
    let signed = app.get("user123", &format!("/v1/files/signed-url?key={key}&ttl=600")).await.json();
    assert_eq!((&signed["url"], &signed["expires_in"]), (&signed["signed_url"], &json!(600)));
    let got = app.send("GET", signed["url"].as_str().unwrap(), &[("range", "bytes=5-9")], Vec::new()).await;
    assert_eq!((got.status, got.body.as_slice(), got.header("content-type")), (206, &bytes[5..10], "image/png"));
    assert_eq!(got.header("content-disposition"), "inline; filename=\"image.jpg\"");
    assert_eq!(got.header("content-security-policy"), "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    let metadata = app.get("user123", &format!("/v1/files/metadata/{key}")).await.json();
    assert_eq!((&metadata["size"], &metadata["sha256"]), (&json!(bytes.len()), &json!(sha256(&bytes))));
    let escaped = key.replace('/', "%2F");
    assert_eq!(app.get("user123", &format!("/v1/files/metadata/{escaped}")).await.json(), metadata);
    let public = app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await;
    assert_eq!((public.status, public.body == bytes), (200, true), "the public path is on, as in the source");
    let gone = app.delete("user123", &format!("/v1/files/{key}")).await;
    assert_eq!((gone.status, gone.json()), (200, json!({ "status": "deleted", "key": key })));
    assert_eq!(app.send("GET", signed["url"].as_str().unwrap(), &[], Vec::new()).await.status, 404);
    assert_eq!(usage(&app, "user123").await, (0, 0, 0));
    app.run_jobs().await;
    assert!(app.files().iter().all(|path| path.ends_with("lock")), "{:?}", app.files());
    app.finish().await;
}

#[tokio::test]
async fn parts_of_any_size_come_in_any_order_and_again() {
    let app = TestApp::start().await;
    let bytes = pattern(2, 250_000);
    let (upload, key) = init(&app, "alice", "a b é.bin", bytes.len(), "").await;
    assert_eq!(put(&app, "alice", &upload, 7, &bytes[200_000..]).await.status, 200);
    assert_eq!(put(&app, "alice", &upload, 2, &pattern(9, 100_000)).await.status, 200);
    assert_eq!(put(&app, "alice", &upload, 0, &bytes[..100_000]).await.status, 200);
    assert_eq!(refusal(&complete_with(&app, "alice", &upload, "00").await), (400, "BAD_REQUEST".into()));
    assert_eq!(put(&app, "alice", &upload, 2, &bytes[100_000..200_000]).await.status, 200, "it replaces");
    assert_eq!(refusal(&complete_with(&app, "alice", &upload, &sha256(b"other")).await), (400, "BAD_REQUEST".into()));
    assert_eq!(app.get("alice", &format!("/v1/files/metadata/{key}")).await.status, 404, "nothing is published");
    let done = complete_with(&app, "alice", &upload, &sha256(&bytes).to_uppercase()).await;
    assert_eq!((done.status, done.json()["sha256"].as_str()), (200, Some(sha256(&bytes).as_str())), "{}", done.text());
    app.run_jobs().await;
    assert!(!app.files().iter().any(|path| path.starts_with(".parts")), "{:?}", app.files());
    app.finish().await;
}

#[tokio::test]
async fn a_presigned_put_takes_the_whole_file() {
    let app = TestApp::start().await;
    let bytes = pattern(3, 100_000);
    let body = json!({ "mode": "single", "files": [{ "name": "x.png", "size": bytes.len(), "mime": "image/png" }] });
    let begun = app.post("alice", "/v1/files/init", &body).await.json();
    let one = &begun["uploads"][0];
    let url = one["url"].as_str().unwrap();
    let refused = app.send("PUT", url, &[("content-type", "image/png")], bytes[1..].to_vec()).await;
    assert_eq!(refused.status, 403, "another length than was signed");
    let stored = app.send("PUT", url, &[("content-type", "image/png")], bytes.clone()).await;
    assert_eq!(stored.status, 200, "{}", stored.text());
    let key = one["key"].as_str().unwrap();
    assert_eq!(app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await.status, 404, "not yet");
    let done = complete(&app, "alice", begun["uploadId"].as_str().unwrap()).await;
    assert_eq!((done.status, done.json()["sha256"].as_str()), (200, Some(sha256(&bytes).as_str())), "{}", done.text());
    let late = app.send("PUT", url, &[("content-type", "image/png")], pattern(4, 100_000)).await;
    assert_eq!(late.status, 403, "the upload is over");
    let got = app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await;
    assert_eq!((got.status, got.body == bytes), (200, true));
    app.run_jobs().await;
    app.finish().await;
}

/// The source repairs these names and folders; so does the product, and says what it gave.
#[tokio::test]
async fn names_that_can_be_repaired_are_and_the_answer_says_so() {
    let app = TestApp::start().await;
    for (name, folder, given) in [
        ("a.txt", "a//b", ("a.txt", "a/b")),
        (" b.txt . ", "/.hidden/", ("b.txt", "hidden")),
        (".hidden", "b", ("hidden", "b")),
        ("c.txt.", " x ./ /y..", ("c.txt", "x/y")),
    ] {
        let body = json!({ "mode": "single", "files": [{ "name": name, "size": 1 }], "folder": folder });
        let begun = app.post("alice", "/v1/files/init", &body).await.json();
        let one = &begun["uploads"][0];
        assert_eq!((one["name"].as_str(), one["folder"].as_str()), (Some(given.0), Some(given.1)), "{begun}");
        let upload = begun["uploadId"].as_str().unwrap();
        assert_eq!(put(&app, "alice", upload, 0, b"1").await.status, 200);
        let done = complete(&app, "alice", upload).await.json();
        assert_eq!((done["filename"].as_str(), done["folder"].as_str()), (Some(given.0), Some(given.1)), "{done}");
        let key = done["key"].as_str().unwrap();
        assert!(key.starts_with(&format!("storage/alice/{}/", given.1)) && key.ends_with(given.0), "{key}");
        // The folder is found by the name that the client knows.
        let folder = percent_encoding::utf8_percent_encode(folder, percent_encoding::NON_ALPHANUMERIC);
        let listed = app.get("alice", &format!("/v1/files/all?exact=1&folder={folder}")).await.json();
        assert_eq!((&listed["total_count"], listed["files"][0]["key"].as_str()), (&json!(1), Some(key)));
    }
    app.run_jobs().await;
    app.finish().await;
}

/// The source takes name and folder from the completion, and its clients send them there.
#[tokio::test]
async fn a_completion_names_the_file_and_its_folder() {
    let app = TestApp::start().await;
    let finish = async |upload: &str, meta: Value| {
        app.post("alice", "/v1/files/complete", &json!({ "uploadId": upload, "parts": [], "meta": meta })).await
    };
    let (upload, announced) = init(&app, "alice", "tmp.bin", 3, "inbox").await;
    assert_eq!(put(&app, "alice", &upload, 0, b"one").await.status, 200);
    for meta in [json!({ "filename": ".." }), json!({ "filename": "a/b" }), json!({ "folder": "a/../../b" })] {
        assert_eq!(refusal(&finish(&upload, meta).await), (400, "BAD_REQUEST".into()));
    }
    let meta = json!({ "filename": "Report 1.pdf", "folder": "2026//reports" });
    let done = finish(&upload, meta.clone()).await.json();
    let key = done["key"].as_str().unwrap();
    let tag = announced.rsplit('/').next().unwrap().split('_').next().unwrap();
    assert_eq!(key, format!("storage/alice/2026/reports/{tag}_Report 1.pdf"), "{done}");
    assert_eq!((&done["filename"], &done["folder"]), (&json!("Report 1.pdf"), &json!("2026/reports")));
    assert_eq!(finish(&upload, meta).await.json(), done, "again it answers the same");
    assert_eq!(finish(&upload, json!({ "filename": "late.pdf" })).await.json(), done, "and keeps its name");
    assert_eq!(app.get("alice", &format!("/v1/files/metadata/{announced}")).await.status, 404);
    assert_eq!(app.get("alice", "/v1/files/all?folder=inbox").await.json()["total_count"], json!(0));
    assert_eq!(app.get("alice", "/v1/files/all?folder=2026&q=report").await.json()["total_count"], json!(1));
    let got = app.send("GET", &format!("{}/{}", app.api(), key.replace(' ', "%20")), &[], Vec::new()).await;
    assert_eq!((got.status, got.body.as_slice()), (200, b"one".as_slice()));
    // Empty names and those of another type than text say nothing.
    let (upload, announced) = init(&app, "alice", "b", 3, "x").await;
    assert_eq!(put(&app, "alice", &upload, 0, b"two").await.status, 200);
    let done = finish(&upload, json!({ "filename": "", "folder": null })).await.json();
    assert_eq!(done["key"], json!(announced));
    // A presigned PUT goes the same way.
    let body = json!({ "mode": "single", "files": [{ "name": "x.png", "size": 3, "mime": "image/png" }] });
    let begun = app.post("alice", "/v1/files/init", &body).await.json();
    let url = begun["uploads"][0]["url"].as_str().unwrap();
    assert_eq!(app.send("PUT", url, &[("content-type", "image/png")], b"img".to_vec()).await.status, 200);
    let done = finish(begun["uploadId"].as_str().unwrap(), json!({ "folder": "pics" })).await.json();
    assert!(done["key"].as_str().unwrap().starts_with("storage/alice/pics/"), "{done}");
    app.run_jobs().await;
    let listed = app.get("alice", "/v1/files/all?folder=pics&exact=1").await.json();
    assert_eq!((&listed["total_count"], &listed["total_size"]), (&json!(1), &json!(3)));
    assert_eq!(usage(&app, "alice").await, (9, 0, 3));
    app.finish().await;
}

/// Two completions with two names at once: the file ends under one of them, whole.
#[tokio::test]
async fn racing_completions_with_other_names_leave_one_file() {
    let app = TestApp::start().await;
    for round in 0..10 {
        let (upload, _) = init(&app, "alice", "a", 3, "").await;
        assert_eq!(put(&app, "alice", &upload, 0, b"one").await.status, 200);
        let finish = async |name: &str| {
            let body = json!({ "uploadId": upload, "meta": { "filename": name } });
            app.post("alice", "/v1/files/complete", &body).await
        };
        let (one, two) = futures::join!(finish("one"), finish("two"));
        assert!(one.status == 200 || two.status == 200, "{} {}", one.text(), two.text());
        let listed = app.get("alice", "/v1/files/all").await.json();
        assert_eq!(listed["total_count"], json!(round + 1));
        let key = listed["files"][0]["key"].as_str().unwrap();
        let got = app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await;
        assert_eq!((got.status, got.body.as_slice()), (200, b"one".as_slice()), "{key}");
    }
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn hostile_names_and_lying_sizes() {
    let app = TestApp::with(&[("MAX_BODY_MB", "1")]).await;
    let try_init = async |name: &str, size: Value, folder: &str| {
        let body = json!({ "mode": "single", "files": [{ "name": name, "size": size }], "folder": folder });
        app.post("alice", "/v1/files/init", &body).await
    };
    let long = "x".repeat(10_000);
    for name in ["", "..", "a/b", "a\\b", "nul", "a\0", "x.meta", "y.part", "\u{202e}a", long.as_str()] {
        assert_eq!(refusal(&try_init(name, json!(1), "").await), (400, "BAD_REQUEST".into()), "{name:?}");
    }
    for folder in ["..", "a/../b", "a/ .. /b", "a/...", "a\\b", "a\n", "%2e%2e/\u{0}"] {
        assert_eq!(refusal(&try_init("a", json!(1), folder).await), (400, "BAD_REQUEST".into()), "{folder:?}");
    }
    assert_eq!(refusal(&try_init("a", json!((1 << 20) + 1), "").await), (413, "TOO_LARGE".into()));
    assert_eq!(refusal(&try_init("a", json!(-1), "").await).0, 400);
    let (upload, _) = init(&app, "alice", "a", 100, "").await;
    assert_eq!(refusal(&put(&app, "alice", &upload, 1, &[0; 101]).await), (413, "TOO_LARGE".into()));
    assert_eq!(put(&app, "alice", &upload, 1, &[0; 60]).await.status, 200);
    assert_eq!(refusal(&put(&app, "alice", &upload, 2, &[0; 41]).await), (413, "TOO_LARGE".into()));
    assert_eq!(refusal(&complete(&app, "alice", &upload).await), (400, "BAD_REQUEST".into()), "40 bytes are missing");
    assert_eq!(refusal(&put(&app, "mallory", &upload, 2, &[0; 40]).await), (404, "NOT_FOUND".into()));
    assert_eq!(refusal(&complete(&app, "mallory", &upload).await), (404, "NOT_FOUND".into()));
    assert_eq!(refusal(&put(&app, "alice", "nothing", 2, &[0; 40]).await), (404, "NOT_FOUND".into()));
    for (field, value) in [("chunkBase64", "!!!!"), ("chunkBase64", "AAA=AAAA")] {
        let mut part = json!({ "uploadId": upload, "partNumber": 2 });
        part[field] = json!(value);
        // In both orders of the members.
        for body in
            [part.to_string(), format!("{{\"{field}\":\"{value}\",\"uploadId\":\"{upload}\",\"partNumber\":2}}")]
        {
            let headers = [("x-user-id", "alice"), ("content-type", "application/json")];
            let answer = app.send("POST", &format!("{}/v1/files/part", app.api()), &headers, body.into_bytes()).await;
            assert_eq!(refusal(&answer), (400, "BAD_REQUEST".into()));
        }
    }
    let (empty, _) = init(&app, "alice", "empty", 0, "").await;
    assert_eq!(complete(&app, "alice", &empty).await.json()["size"], json!(0));
    let (none, _) = init(&app, "alice", "none", 5, "").await;
    assert_eq!(refusal(&complete(&app, "alice", &none).await), (400, "BAD_REQUEST".into()), "no parts");
    let wrong =
        json!({ "uploadId": none, "parts": [{ "data": STANDARD.encode(b"jello") }], "sha256": sha256(b"hello") });
    assert_eq!(refusal(&app.post("alice", "/v1/files/complete", &wrong).await), (400, "BAD_REQUEST".into()));
    let late = json!({ "uploadId": none, "meta": { "user_id": "somebody" }, "parts": [{ "data": STANDARD.encode(b"he") }, { "data": STANDARD.encode(b"llo") }] });
    let done = app.post("alice", "/v1/files/complete", &late).await;
    assert_eq!(done.json()["sha256"], json!(sha256(b"hello")), "{}", done.text());
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn links_end_and_open_one_file_only() {
    let app = TestApp::with(&[("UPLOAD_SIGNING_KEY", "0123456789abcdef0123456789abcdef")]).await;
    let key = file(&app, "alice", "page.html", b"<script>", "").await;
    let other = file(&app, "alice", "other", b"other", "").await;
    let signed = app.get("alice", &format!("/v1/files/signed-url?key={key}&disposition=inline&v=2")).await.json();
    let url = signed["url"].as_str().unwrap().to_owned();
    let fetch = async |url: &str| app.send("GET", url, &[], Vec::new()).await;
    let got = fetch(&url).await;
    assert_eq!(
        (got.status, got.header("content-disposition")),
        (200, "attachment; filename=\"page.html\""),
        "it would run"
    );
    assert_eq!(fetch(&url.replace("/get/", "/v1/files/get/")).await.status, 200);
    let one = app.get("alice", &format!("/v1/files/signed-url?key={key}&v=1")).await.json();
    let one = one["url"].as_str().unwrap().to_owned();
    assert_eq!(fetch(&one).await.status, 200);
    let (encoded, wrong) = (URL_SAFE_NO_PAD.encode(&key), URL_SAFE_NO_PAD.encode(&other));
    let mut answers = Vec::new();
    for forged in [
        url.replace("disposition=inline", "disposition=attachment"),
        url.replace(&encoded, &wrong),
        one.replace(&encoded, &wrong),
        url.replace("sig=", "sig=0"),
        url.replace("kid=", "kid=0"),
        url.replace("exp=", "exp=0"),
        url.replace("exp=1", "exp=2"),
        one.replace("sig=", "sign="),
        format!("{}/get/{}?exp=9999999999&sig=00", app.api(), URL_SAFE_NO_PAD.encode("storage/alice/00000000_none")),
        format!("{}/get/{}?exp=1&sig=00", app.api(), URL_SAFE_NO_PAD.encode("../../etc/passwd")),
    ] {
        let answer = fetch(&forged).await;
        assert_eq!(refusal(&answer), (403, "FORBIDDEN".into()), "{forged}");
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "what is wrong is not said");
    assert_eq!(refusal(&fetch(&format!("{}/get/%21%21?exp=1&sig=00", app.api())).await).0, 400);
    assert_eq!(refusal(&fetch(&format!("{url}&exp=1")).await).0, 400, "twice");
    for bad in ["ttl=0", "ttl=604801", "ttl=x", "disposition=x", "v=3"] {
        let answer = app.get("alice", &format!("/v1/files/signed-url?key={key}&{bad}")).await;
        assert_eq!(refusal(&answer), (400, "BAD_REQUEST".into()), "{bad}");
    }
    // Misspelled options that would make a link live longer or show more than intended.
    for (name, value) in [("expires", "60"), ("expiresIn", "60"), ("expiry", "60"), ("TTL", "60"), ("Disposition", "x")]
    {
        let asked = app.get("alice", &format!("/v1/files/signed-url?key={key}&{name}={value}")).await;
        let posted = app.post("alice", "/v1/files/signed-url", &json!({ "key": key, name: value })).await;
        for answer in [asked, posted] {
            assert_eq!(refusal(&answer), (400, "BAD_REQUEST".into()), "{name}");
            assert!(answer.text().contains(&format!("{name} is not known")), "{}", answer.text());
        }
    }
    assert_eq!(app.get("alice", &format!("/v1/files/signed-url?key={key}&user_id=x&_=1")).await.status, 200);
    let posted = app.post("alice", "/v1/files/signed-url", &json!({ "file_key": key, "expires_in": 60 })).await;
    assert_eq!(posted.json()["expires_in"], json!(60));
    assert_eq!(app.post("alice", "/v1/files/links/revoke", &json!({})).await.status, 204);
    assert_eq!((fetch(&url).await.status, fetch(&one).await.status), (403, 403), "all of them have ended");
    let fresh = app.get("alice", &format!("/v1/files/signed-url?key={key}")).await.json();
    assert_eq!(fetch(fresh["url"].as_str().unwrap()).await.status, 200);
    let old_form = app.get("alice", &format!("/v1/files/signed-url?key={key}&v=1")).await;
    assert_eq!(refusal(&old_form), (409, "INVALID_STATE".into()));
    app.finish().await;
}

#[tokio::test]
async fn others_see_nothing_and_private_is_private() {
    let app = TestApp::start().await;
    let key = file(&app, "alice", "a.txt", b"mine", "docs").await;
    for path in [format!("/v1/files/metadata/{key}"), format!("/v1/files/signed-url?key={key}")] {
        assert_eq!(refusal(&app.get("mallory", &path).await), (403, "FORBIDDEN".into()), "{path}");
        assert_eq!(refusal(&app.get("mallory", &path.replace("a.txt", "none")).await).0, 403, "decided by the key");
        assert_eq!(app.send("GET", &format!("{}{path}", app.api()), &[], Vec::new()).await.status, 401, "{path}");
    }
    assert_eq!(refusal(&app.delete("mallory", &format!("/v1/files/{key}")).await), (403, "FORBIDDEN".into()));
    assert_eq!(app.get("mallory", "/v1/files/all").await.json()["total_count"], json!(0));
    let body = json!({ "mode": "single", "files": [{ "name": "p", "size": 1, "visibility": "private" }] });
    let begun = app.post("alice", "/v1/files/init", &body).await.json();
    let upload = begun["uploadId"].as_str().unwrap();
    assert_eq!(put(&app, "alice", upload, 0, b"p").await.status, 200);
    assert_eq!(complete(&app, "alice", upload).await.status, 200);
    app.run_jobs().await;
    let private = begun["uploads"][0]["key"].as_str().unwrap();
    let fetch = async |path: &str| app.send("GET", &format!("{}/{path}", app.api()), &[], Vec::new()).await;
    assert_eq!(refusal(&fetch(private).await), (404, "NOT_FOUND".into()));
    for path in
        [format!("{key}.meta"), key.replace("docs/", "docs%2f..%2fdocs/"), "storage/alice/..%2f..%2fkeys".into()]
    {
        assert_eq!(fetch(&path).await.status, 404, "{path}");
    }
    for narrowed in ["exact=1", "exact=true", "subtree=0", "subtree=false"] {
        let refused = app.delete("alice", &format!("/v1/files?folder=docs&{narrowed}")).await;
        assert_eq!(refusal(&refused), (400, "BAD_REQUEST".into()), "more than was meant would be deleted");
    }
    let folder = app.delete("alice", "/v1/files?folder=docs").await;
    assert_eq!(folder.status, 202, "{}", folder.text());
    assert!(folder.json()["jobId"].as_str().unwrap().parse::<u64>().is_ok(), "{}", folder.text());
    assert_eq!(fetch(&key).await.status, 404, "at once");
    app.run_jobs().await;
    assert_eq!(usage(&app, "alice").await, (1, 0, 1));
    app.finish().await;
}

#[tokio::test]
async fn listings_go_page_by_page_and_totals_cover_all_of_them() {
    let app = TestApp::start().await;
    for (name, folder) in [("a.txt", ""), ("B_1.txt", "x"), ("b%2.txt", "x"), ("c.txt", "x/y"), ("d.txt", "xy")] {
        file(&app, "alice", name, name.as_bytes(), folder).await;
    }
    let list = async |query: &str| app.get("alice", &format!("/v1/files/all?{query}")).await.json();
    let names = |listed: &Value| {
        let files = listed["files"].as_array().unwrap();
        files.iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", vec!["d.txt", "c.txt", "b%2.txt", "B_1.txt", "a.txt"]),
        ("folder=", vec!["d.txt", "c.txt", "b%2.txt", "B_1.txt", "a.txt"]),
        ("folder=&exact=1", vec!["a.txt"]),
        ("exact=true", vec!["a.txt"]),
        ("folder=x", vec!["c.txt", "b%2.txt", "B_1.txt"]),
        ("folder=x&exact=0", vec!["c.txt", "b%2.txt", "B_1.txt"]),
        ("folder=x&exact=1", vec!["b%2.txt", "B_1.txt"]),
        ("folder=x&subtree=0", vec!["b%2.txt", "B_1.txt"]),
        ("folder=/x/&subtree=1", vec!["c.txt", "b%2.txt", "B_1.txt"]),
        ("folder=.x//", vec!["c.txt", "b%2.txt", "B_1.txt"]),
        ("folder=x//y", vec!["c.txt"]),
        ("folder=xy", vec!["d.txt"]),
        ("q=b", vec!["b%2.txt", "B_1.txt"]),
        ("q=%25", vec!["b%2.txt"]),
        ("q=_", vec!["B_1.txt"]),
        ("folder=x&q=B_", vec!["B_1.txt"]),
        ("folder=x&exact=1&q=.txt", vec!["b%2.txt", "B_1.txt"]),
        ("folder=x&subtree=1&q=.txt", vec!["c.txt", "b%2.txt", "B_1.txt"]),
        ("folder=none", vec![]),
    ] {
        let listed = list(query).await;
        assert_eq!(names(&listed), expected, "{query}");
        let size: usize = expected.iter().map(|name| name.len()).sum();
        assert_eq!((&listed["total_count"], &listed["total_size"]), (&json!(expected.len()), &json!(size)), "{query}");
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&format!("{query}&limit=2{cursor}")).await;
            assert_eq!(page["total_count"], listed["total_count"]);
            paged.extend(names(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, expected, "{query} in pages");
    }
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "cursor=x",
        "folder=..",
        "q=1&q=2",
        "exact=2",
        "subtree=yes",
        "exact=1&subtree=1",
    ] {
        assert_eq!(
            refusal(&app.get("alice", &format!("/v1/files/all?{bad}")).await),
            (400, "BAD_REQUEST".into()),
            "{bad}"
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn a_zip_is_exact_and_goes_on_anywhere() {
    let app = TestApp::start().await;
    let (one, two) = (pattern(5, 300_000), pattern(6, 70_000));
    let mut keys = vec![file(&app, "alice", "a.bin", &one, "docs").await, file(&app, "alice", "é.txt", &two, "").await];
    keys.push(file(&app, "alice", "A.BIN", b"", "docs").await);
    keys.push(keys[0].clone());
    let made = app.post("alice", "/v1/files/batch-download", &json!({ "keys": keys, "name": "all.zip" })).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let made = made.json();
    let url = format!("{}/v1/files/batch-download/{}", app.api(), made["token"].as_str().unwrap());
    let whole = app.send("GET", &url, &[], Vec::new()).await;
    assert_eq!((whole.status, json!(whole.body.len())), (200, made["size"].clone()));
    assert_eq!(whole.header("content-disposition"), "attachment; filename=\"all.zip\"");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.zip"), &whole.body).unwrap();
    let listed = std::process::Command::new("python3")
        .args([
            "-c",
            "import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(z.namelist())",
        ])
        .arg(folder.path().join("all.zip"))
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(
        names.trim(),
        "['docs/a.bin', 'é.txt', 'docs/A (1).BIN']",
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let etag = whole.header("etag").to_owned();
    for (first, last) in [
        (0, 0),
        (5, 40),
        (299_990, 300_100),
        (300_040, 370_200),
        (370_100, whole.body.len() - 1),
        (whole.body.len() - 5, whole.body.len() - 1),
    ] {
        let range = format!("bytes={first}-{last}");
        let part = app.send("GET", &url, &[("range", range.as_str()), ("if-range", etag.as_str())], Vec::new()).await;
        assert_eq!((part.status, part.body == whole.body[first..=last]), (206, true), "{range}");
    }
    let again = app.post("alice", "/v1/files/batch-download", &json!({ "keys": keys })).await.json();
    let other = format!("{}/v1/files/batch-download/{}", app.api(), again["token"].as_str().unwrap());
    assert_eq!(
        app.send("HEAD", &other, &[], Vec::new()).await.header("etag"),
        etag,
        "the same files make the same bytes"
    );
    assert_eq!(app.delete("alice", &format!("/v1/files/{}", keys[1])).await.status, 200);
    app.run_jobs().await;
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        url.split_at(app.api().len()).1,
        app.api_address()
    );
    let mut wire = tokio::net::TcpStream::connect(app.api_address()).await.unwrap();
    let mut cut = Vec::new();
    tokio::io::AsyncWriteExt::write_all(&mut wire, head.as_bytes()).await.unwrap();
    // Ends with a response or a reset.
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut wire, &mut cut).await;
    assert!(cut.starts_with(b"HTTP/1.1 200") && cut.len() < whole.body.len(), "it breaks off: {ended:?} {}", cut.len());
    for (keys, code) in [(json!([]), 400), (json!([keys[1]]), 404), (json!(["x"]), 404)] {
        let answer = app.post("alice", "/v1/files/batch-download", &json!({ "keys": keys })).await;
        assert_eq!(refusal(&answer).0, code, "{keys}");
    }
    let folder = app.post("alice", "/v1/files/batch-download", &json!({ "folder": "docs" })).await.json();
    let url = format!("{}/v1/files/batch-download/{}", app.api(), folder["token"].as_str().unwrap());
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.body.len(), folder["size"].as_u64().unwrap() as usize);
    for bad in [json!({ "folder": "docs", "keys": ["x"] }), json!({ "folder": ".." })] {
        assert_eq!(refusal(&app.post("alice", "/v1/files/batch-download", &bad).await).0, 400, "{bad}");
    }
    assert_eq!(refusal(&app.post("alice", "/v1/files/batch-download", &json!({ "folder": "none" })).await).0, 404);
    let foreign = app.post("mallory", "/v1/files/batch-download", &json!({ "keys": [keys[0]] })).await;
    assert_eq!((refusal(&foreign).0, foreign.text().contains("a.bin")), (403, true), "it is named");
    assert_eq!(
        app.send("GET", &format!("{}/v1/files/batch-download/none", app.api()), &[], Vec::new()).await.status,
        404
    );
    app.finish().await;
}

/// A blob that a crash left without a row is removed; the parts of an open upload are kept.
#[tokio::test]
async fn remains_of_uploads_are_swept() {
    let app = TestApp::with(&[("SWEEP_GRACE_SECONDS", "1")]).await;
    let (upload, _) = init(&app, "alice", "a", 3, "").await;
    assert_eq!(put(&app, "alice", &upload, 1, b"abc").await.status, 200);
    let nobody = uuid::Uuid::new_v4();
    let strays = [
        format!(".parts/{}/part_000001.x", nobody.simple()),
        format!(".incoming/{}", nobody.simple()),
        format!(".quarantine/{nobody}/x"),
    ];
    for key in &strays {
        let body = Box::pin(futures::stream::iter([Ok(bytes::Bytes::from_static(b"x"))]));
        app.app.store.write(key, body, store::Attributes::default()).await.unwrap();
    }
    let late = Box::pin(futures::stream::iter([Ok(bytes::Bytes::from_static(b"x"))]));
    let draft = format!(".parts/{}", uuid::Uuid::new_v4().simple());
    app.app.store.write_fragment(&draft, 1, 1, late, &store::Attributes::default()).await.unwrap();
    // A file of another program in the same tree.
    let foreign = app.folder.path().join(format!("store/.parts/{}/part_000001", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    std::fs::write(&foreign, b"theirs").unwrap();
    app.app.db.clock().advance(std::time::Duration::from_secs(2));
    tidegate::worker::perform::perform(&app.app, &tidegate::queue::Job::SweepV1).await.unwrap();
    let left = app.files();
    assert!(strays.iter().all(|key| !left.contains(key)) && !left.contains(&format!("{draft}/data")), "{left:?}");
    assert!(foreign.exists(), "{left:?}");
    std::fs::remove_dir_all(foreign.parent().unwrap()).unwrap();
    assert_eq!(complete(&app, "alice", &upload).await.status, 200, "what is open is left alone");
    app.run_jobs().await;
    app.finish().await;
}

/// Only services issue tokens; `/healthz` reports the disk.
#[tokio::test]
async fn tokens_for_users_and_the_state_of_the_disk() {
    let service = "0123456789abcdef0123456789abcdef";
    let app = TestApp::with(&[("AUTH_SERVICE_TOKEN", service), ("AUTH_OWN_TOKENS", "true")]).await;
    let url = |query: &str| format!("{}/v1/files/generate-token{query}", app.api());
    let as_service = [("x-service-token", service)];
    let made = app.send("POST", &url("?user_id=alice&expires_hours=2"), &as_service, Vec::new()).await.json();
    assert_eq!(made["expires_in"], json!(7200));
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let as_alice = [("authorization", bearer.as_str())];
    assert_eq!(refusal(&app.send("POST", &url("?user_id=bob"), &as_alice, Vec::new()).await).0, 403);
    for bad in ["", "?user_id=", "?user_id=a&expires_hours=0", "?user_id=a&expires_hours=25"] {
        assert_eq!(refusal(&app.send("POST", &url(bad), &as_service, Vec::new()).await).0, 400, "{bad}");
    }
    let list = |query: &str| format!("{}/v1/files/all{query}", app.api());
    assert_eq!(app.send("GET", &list(""), &as_alice, Vec::new()).await.status, 200);
    assert_eq!(app.send("GET", &list("?user_id=alice"), &as_service, Vec::new()).await.status, 200);
    assert_eq!(refusal(&app.send("GET", &list(""), &as_service, Vec::new()).await).0, 400, "a service names a user");
    let both = [("x-service-token", "wrong"), ("authorization", bearer.as_str())];
    assert_eq!(refusal(&app.send("GET", &list(""), &both, Vec::new()).await).0, 401, "a wrong one decides");
    let health = app.send("GET", &format!("{}/healthz", app.api()), &[], Vec::new()).await.json();
    assert_eq!((&health["status"], &health["writable"]), (&json!("healthy"), &json!(true)));
    assert!(health["disk_free_gb"].as_f64().is_some_and(|free| free > 0.0), "{health}");
    app.finish().await;
}

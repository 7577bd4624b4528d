//! The visibility of files: stated in any place and for any kind of upload it applies, the
//! strictest value wins, and a request that evidently asks for privacy never ends public.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::files::{complete, put, refusal};
use crate::support::{Answer, TestApp};

/// The values that one place may have, absent included.
const SAID: [&str; 4] = ["", "null", "\"public\"", "\"private\""];
/// Invalid values.
const WRONG: [&str; 13] = [
    "\"Private\"",
    "\"PRIVATE\"",
    "\"Public\"",
    "\" private\"",
    "\"private \"",
    "\"\"",
    "\"secret\"",
    "true",
    "false",
    "1",
    "[]",
    "[\"private\"]",
    "{}",
];
/// Unknown members that ask for privacy.
const MISSPELT: [(&str, &str); 9] = [
    ("visiblity", "\"private\""),
    ("Visibility", "\"private\""),
    ("visibilty", "\"public-ish\""),
    ("file_visibility", "\"private\""),
    ("private", "true"),
    ("is_private", "1"),
    ("isPublic", "false"),
    ("public", "\"no\""),
    ("acl", "\"private\""),
];

/// Returns `,"name":value`, or nothing.
fn member(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(",\"{name}\":{value}") }
}

/// Returns the body of an `init` with members inserted at its top, in `meta` and in its file.
fn init_body(top: &str, meta: &str, file: &str) -> String {
    let meta = format!("{{\"category\":\"demo\",\"tags\":[\"private\"],\"user_id\":\"x\"{meta}}}");
    format!("{{\"mode\":\"single\",\"files\":[{{\"name\":\"p.txt\",\"size\":5{file}}}],\"meta\":{meta}{top}}}")
}

async fn post(app: &TestApp, path: &str, body: &str) -> Answer {
    let headers = [("x-user-id", "alice"), ("content-type", "application/json")];
    app.send("POST", &format!("{}/v1/files/{path}", app.api()), &headers, body.as_bytes().to_vec()).await
}

/// Returns the status of the public path.
async fn anybody(app: &TestApp, key: &str) -> u16 {
    app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await.status
}

/// Begins an upload and sends all of its bytes; returns its id and its key.
async fn begun(app: &TestApp, top: &str, meta: &str, file: &str) -> (String, String) {
    let begun = post(app, "init", &init_body(top, meta, file)).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let begun = begun.json();
    let upload = begun["uploadId"].as_str().unwrap().to_owned();
    assert_eq!(put(app, "alice", &upload, 1, b"hello").await.status, 200);
    (upload, begun["uploads"][0]["key"].as_str().unwrap().to_owned())
}

fn places(level: usize, text: &str) -> [String; 3] {
    let mut places: [String; 3] = Default::default();
    text.clone_into(&mut places[level]);
    places
}

/// Returns the names of the places, as in messages.
const PLACES: [&str; 3] = ["", "meta.", "files[0]."];

#[tokio::test]
async fn the_strictest_of_what_init_says_holds() {
    let app = TestApp::start().await;
    for top in SAID {
        for meta in SAID {
            for file in SAID {
                let said = [top, meta, file];
                let expected = if said.contains(&"\"private\"") { "private" } else { "public" };
                let [top, meta, file] = said.map(|value| member("visibility", value));
                let answer = post(&app, "init", &init_body(&top, &meta, &file)).await;
                assert_eq!(answer.status, 200, "{said:?}: {}", answer.text());
                let answer = answer.json();
                assert_eq!(answer["uploads"][0]["visibility"], expected, "{said:?}");
                assert_eq!(answer["visibility"], expected, "{said:?}");
            }
        }
    }
    // Each of several files has its own visibility, never less strict than the one of all.
    let files = json!([{ "name": "a", "size": 1, "visibility": "private" }, { "name": "b", "size": 1 }]);
    for (top, expected) in [("public", ["private", "public"]), ("private", ["private", "private"])] {
        for mode in ["batch", "chunked"] {
            let body = json!({ "mode": mode, "files": files, "visibility": top });
            let answer = app.post("alice", "/v1/files/init", &body).await.json();
            let said = [0, 1].map(|index| answer["uploads"][index]["visibility"].clone());
            assert_eq!(said, expected.map(Value::from), "{mode}: {answer}");
            assert_eq!(answer.get("visibility").is_some(), expected[0] == expected[1], "{answer}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_visibility_is_refused_in_every_place() {
    let app = TestApp::start().await;
    let (upload, key) = begun(&app, "", "", "").await;
    for (level, place) in PLACES.into_iter().enumerate() {
        for wrong in WRONG {
            let [top, meta, file] = places(level, &member("visibility", wrong));
            let mut answers = vec![post(&app, "init", &init_body(&top, &meta, &file)).await];
            if level < 2 {
                let body = format!("{{\"uploadId\":\"{upload}\",\"meta\":{{\"x\":1{meta}}}{top}}}");
                answers.push(post(&app, "complete", &body).await);
            }
            for answer in answers {
                assert_eq!(refusal(&answer), (400, "BAD_REQUEST".into()), "{level} {wrong}");
                let expected = format!("{place}visibility must be \"public\" or \"private\", in small letters");
                assert_eq!(answer.json()["detail"], json!(expected), "{wrong}");
            }
        }
    }
    // A duplicate member is refused, in either order.
    for (first, second) in [("\"private\"", "\"public\""), ("\"public\"", "\"private\""), ("\"private\"", "null")] {
        for level in 0..3 {
            let twice = member("visibility", first) + &member("visibility", second);
            let [top, meta, file] = places(level, &twice);
            let answer = post(&app, "init", &init_body(&top, &meta, &file)).await;
            assert_eq!(refusal(&answer).0, 400, "{level} {twice}");
            assert!(answer.text().contains("duplicate field `visibility`"), "{}", answer.text());
        }
    }
    assert_eq!(anybody(&app, &key).await, 404, "nothing was published by a completion that was refused");
    app.finish().await;
}

#[tokio::test]
async fn what_is_misspelt_is_refused_by_its_name() {
    let app = TestApp::start().await;
    let (upload, key) = begun(&app, "", "", "").await;
    for (name, value) in MISSPELT {
        for (level, place) in PLACES.into_iter().enumerate() {
            let [top, meta, file] = places(level, &member(name, value));
            let answer = post(&app, "init", &init_body(&top, &meta, &file)).await;
            assert_eq!(refusal(&answer), (400, "BAD_REQUEST".into()), "{level} {name}");
            let message = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(message.starts_with(&format!("{place}{name} ")), "{message}");
            assert!(message.contains("visibility"), "and says what would be right: {message}");
            if level < 2 {
                let body = format!("{{\"uploadId\":\"{upload}\",\"meta\":{{\"x\":1{meta}}}{top}}}");
                let answer = post(&app, "complete", &body).await;
                assert_eq!(refusal(&answer), (400, "BAD_REQUEST".into()), "{level} {name}");
                assert!(answer.text().contains(name), "{}", answer.text());
            }
        }
        let query = format!("init?{name}={}", value.trim_matches('"'));
        assert_eq!(refusal(&post(&app, &query, &init_body("", "", "")).await).0, 400, "{query}");
        let part = format!(
            "{{\"uploadId\":\"{upload}\",\"partNumber\":1,\"chunkBase64\":\"aGVsbG8=\"{}}}",
            member(name, value)
        );
        assert_eq!(refusal(&post(&app, "part", &part).await).0, 400, "{name}");
    }
    for path in ["init?visibility=private", "complete?visibility=private", "part?visibility=private"] {
        assert_eq!(refusal(&post(&app, path, &init_body("", "", "")).await).0, 400, "{path}");
    }
    for query in ["visibility=private", "private=1"] {
        let path = format!("/v1/files/part/{upload}/1?{query}");
        let (url, headers) = (format!("{}{path}", app.api()), [("x-user-id", "alice")]);
        let answer = app.send("PUT", &url, &headers, b"hello".to_vec()).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    let two =
        json!({ "mode": "batch", "files": [{ "name": "a", "size": 1 }, { "name": "b", "size": 1, "visiblity": 1 }] });
    let answer = app.post("alice", "/v1/files/init", &two).await;
    let expected = "files[1].visiblity is not known; known are name, size, mime, visibility";
    assert_eq!((answer.status, &answer.json()["detail"]), (400, &json!(expected)));
    let answer = post(&app, "init", &init_body(",\"visiblity\":\"private\"", "", "")).await;
    let expected = "visiblity seems to ask for privacy, and is not known; say visibility: \"private\"";
    assert_eq!((answer.status, &answer.json()["detail"]), (400, &json!(expected)));
    assert_eq!(anybody(&app, &key).await, 404, "nothing was published");
    // Other members that existing clients send are ignored, as are those that do not ask for
    // privacy.
    let (top, meta) = (",\"user_id\":\"alice\",\"expires\":60", ",\"divisibility\":2,\"advisable\":true");
    assert_eq!(post(&app, "init", &init_body(top, meta, "")).await.status, 200);
    let open = ",\"type\":\"profile_picture\",\"private\":false,\"description\":\"not private\",\"is_public\":true";
    assert_eq!(post(&app, "init", &init_body("", open, "")).await.status, 200);
    let body = format!("{{\"uploadId\":\"{upload}\",\"meta\":{{\"filename\":\"p.txt\"{open}}}}}");
    assert_eq!(post(&app, "complete", &body).await.json()["visibility"], "public");
    assert_eq!(anybody(&app, &key).await, 200);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn complete_can_make_a_file_private_and_never_public() {
    let app = TestApp::start().await;
    for announced in ["", "\"public\"", "\"private\""] {
        for top in SAID {
            for meta in SAID {
                let (upload, key) = begun(&app, &member("visibility", announced), "", "").await;
                let said = [announced, top, meta];
                let private = said.contains(&"\"private\"");
                let body = format!(
                    "{{\"uploadId\":\"{upload}\",\"meta\":{{\"x\":1{}}}{}}}",
                    member("visibility", meta),
                    member("visibility", top)
                );
                let done = post(&app, "complete", &body).await;
                let word = if private { "private" } else { "public" };
                assert_eq!((done.status, &done.json()["visibility"]), (200, &json!(word)), "{said:?}");
                assert_eq!(post(&app, "complete", &body).await.json(), done.json(), "again it answers the same");
                assert_eq!(anybody(&app, &key).await, if private { 404 } else { 200 }, "{said:?}");
                let metadata = app.get("alice", &format!("/v1/files/metadata/{key}")).await.json();
                assert_eq!(metadata["visibility"], word, "{said:?}");
            }
        }
    }
    app.run_jobs().await;
    // Stated after completion, it applies from then on; a wrong checksum before does not matter.
    let (upload, key) = begun(&app, "", "", "").await;
    assert_eq!(complete(&app, "alice", &upload).await.json()["visibility"], "public");
    assert_eq!(anybody(&app, &key).await, 200);
    let late = json!({ "uploadId": upload, "visibility": "private" });
    assert_eq!(app.post("mallory", "/v1/files/complete", &late).await.status, 404, "not by anybody else");
    assert_eq!(anybody(&app, &key).await, 200);
    assert_eq!(app.post("alice", "/v1/files/complete", &late).await.json()["visibility"], "private");
    assert_eq!(anybody(&app, &key).await, 404);
    assert_eq!(complete(&app, "alice", &upload).await.json()["visibility"], "private", "and stays so");
    let link = app.get("alice", &format!("/v1/files/signed-url?key={key}")).await.json();
    assert_eq!(app.send("GET", link["url"].as_str().unwrap(), &[], Vec::new()).await.status, 200, "links open it");
    let events = app.get("alice", "/v1/audit?owner=alice&kind=files&limit=1000").await.json();
    let made = events["events"].as_array().unwrap().iter().filter(|event| event["action"] == "file.made-private");
    // Announced as public or not at all, then private at the top or in `meta`.
    assert_eq!(made.count(), 2 * 7 + 1, "{events}");
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn every_way_of_upload_keeps_it() {
    let app = TestApp::start().await;
    let encoded = STANDARD.encode(b"hello");
    for (at_init, at_end) in [("\"private\"", ""), ("", "\"private\""), ("", "")] {
        for way in ["raw", "base64", "embedded", "presigned"] {
            let begun = post(&app, "init", &init_body(&member("visibility", at_init), "", "")).await.json();
            let (upload, one) = (begun["uploadId"].as_str().unwrap(), &begun["uploads"][0]);
            let mut parts = json!([]);
            match way {
                "raw" => assert_eq!(put(&app, "alice", upload, 0, b"hello").await.status, 200),
                "base64" => {
                    let part = json!({ "uploadId": upload, "partNumber": 1, "chunkBase64": encoded });
                    assert_eq!(app.post("alice", "/v1/files/part", &part).await.status, 200);
                }
                "embedded" => parts = json!([{ "data": encoded }]),
                _ => {
                    let headers = [("content-type", one["headers"]["content-type"].as_str().unwrap())];
                    let sent = app.send("PUT", one["url"].as_str().unwrap(), &headers, b"hello".to_vec()).await;
                    assert_eq!(sent.status, 200, "{}", sent.text());
                }
            }
            let body = format!("{{\"uploadId\":\"{upload}\",\"parts\":{parts}{}}}", member("visibility", at_end));
            let done = post(&app, "complete", &body).await;
            assert_eq!(done.status, 200, "{way}: {}", done.text());
            let private = !at_init.is_empty() || !at_end.is_empty();
            assert_eq!(done.json()["visibility"], if private { "private" } else { "public" }, "{way}");
            let key = one["key"].as_str().unwrap();
            assert_eq!(anybody(&app, key).await, if private { 404 } else { 200 }, "{way} {at_init} {at_end}");
        }
    }
    app.run_jobs().await;
    app.finish().await;
}

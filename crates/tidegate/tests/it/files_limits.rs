//! Users' files at their limits: quotas, long lists, and bodies that would exhaust memory.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use tidegate::db::NewObject;
use tidegate::model::file::{FileName, Folder, Visibility};
use tidegate::model::ids::{ObjectId, UserId};
use tidegate::model::key;
use tidegate::model::object::{Content, Object, ObjectState};
use tidegate::model::owner::{Owner, OwnerKind};
use tidegate::model::principal::Principal;

use crate::support::TestApp;
use crate::support::files::{complete, file, init, put, refusal, usage};

/// The quota is never exceeded, however many requests race. `QUOTA_ROUNDS=1000` runs the long form.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the long form is run for its figures")]
async fn a_quota_holds_against_a_race() {
    let rounds: u32 = std::env::var("QUOTA_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap());
    let limits = [("PER_USER_QUOTA_GB", "1"), ("MAX_BODY_MB", "2048"), ("RATE_LIMIT_PER_ADDRESS", "0")];
    let app = TestApp::with(&limits).await;
    let quota = 1_u64 << 30;
    let (mut granted, mut refused) = (0, 0);
    for round in 0..rounds {
        let user = format!("user{round}");
        // Sized so that the most uploads that fit leave less than one byte each.
        let fits = 1 + u64::from(round % 40);
        let size = quota / (fits + 1) + 1;
        let race = (0..100).map(|n| {
            let (app, user) = (&app, &user);
            async move {
                let body = json!({ "mode": "single", "files": [{ "name": format!("f{n}"), "size": size }] });
                let mut answer = app.post(user, "/v1/files/init", &body).await;
                // A machine that does much else answers some with 503, and clients then try again.
                for _ in 0..20 {
                    if answer.status != 503 {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    answer = app.post(user, "/v1/files/init", &body).await;
                }
                answer
            }
        });
        let answers = futures::future::join_all(race).await;
        let begun = answers.iter().filter(|answer| answer.status == 200).count() as u64;
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(refusal(answer), (413, "QUOTA_EXCEEDED".into()), "{}", answer.text());
            let error = &answer.json()["error"];
            assert_eq!((&error["quota"], &error["requested"]), (&json!(quota), &json!(size)));
            assert!(error["used"].as_u64().unwrap() + size > quota, "{error}");
        }
        assert_eq!(begun, fits, "round {round}: one more would be over");
        assert_eq!(usage(&app, &user).await, (0, fits * size, 0));
        (granted, refused) = (granted + begun, refused + 100 - begun);
    }
    println!("{rounds} rounds of 100 racing uploads: {granted} begun, {refused} refused, never a byte over");
    app.finish().await;
}

#[tokio::test]
async fn services_say_how_much_a_user_may_have() {
    let service = "0123456789abcdef0123456789abcdef";
    let app = TestApp::with(&[("AUTH_SERVICE_TOKEN", service), ("AUTH_OWN_TOKENS", "true")]).await;
    let url = |path: &str| format!("{}{path}", app.api());
    let as_service = [("x-service-token", service), ("content-type", "application/json")];
    let set = async |query: &str, body: &str| {
        app.send("PUT", &url(&format!("/v1/files/quota{query}")), &as_service, body.as_bytes().to_vec()).await
    };
    let answer = set("?user_id=alice", "{\"quota\":100}").await;
    let expected = json!({ "used": 0, "reserved": 0, "quota": 100, "files": 0 });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let init = async |size: u64| {
        let body =
            json!({ "mode": "single", "files": [{ "name": "a", "size": size }], "meta": { "user_id": "alice" } });
        app.send("POST", &url("/v1/files/init"), &as_service, body.to_string().into_bytes()).await
    };
    assert_eq!(refusal(&init(101).await), (413, "QUOTA_EXCEEDED".into()));
    assert_eq!(init(60).await.status, 200);
    assert_eq!(set("?user_id=alice", "{\"quota\":10}").await.json()["reserved"], json!(60), "what is there stays");
    assert_eq!(refusal(&init(1).await).0, 413);
    assert_eq!(
        set("?user_id=alice", "{\"quota\":null}").await.json()["quota"],
        json!(app.app.config.quotas.of(OwnerKind::Files).bytes)
    );
    assert_eq!(init(101).await.status, 200);
    for bad in ["{}", "{\"quota\":-1}", "{\"quota\":1,\"x\":1}", "{\"quota\":18446744073709551615}"] {
        assert_eq!(refusal(&set("?user_id=alice", bad).await), (400, "BAD_REQUEST".into()), "{bad}");
    }
    assert_eq!(refusal(&set("", "{\"quota\":1}").await).0, 400, "whose?");
    // A service that acts for a user has that user's rights and no more.
    let as_bob = [as_service[0], as_service[1], ("x-user-id", "bob")];
    for (method, path, body) in [
        ("PUT", "/v1/files/quota", "{\"quota\":9}"),
        ("PUT", "/v1/files/quota?user_id=alice", "{\"quota\":9}"),
        ("POST", "/v1/files/generate-token?user_id=alice", ""),
        ("POST", "/v1/tokens", "{\"userId\":\"bob\",\"roles\":[\"admin\"],\"expiresIn\":60}"),
    ] {
        let answer = app.send(method, &url(path), &as_bob, body.as_bytes().to_vec()).await;
        assert_eq!(answer.json()["error"]["code"], json!("FORBIDDEN"), "{method} {path}: {}", answer.text());
    }
    let made = app.send("POST", &url("/v1/files/generate-token?user_id=alice"), &as_service, Vec::new()).await.json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let as_alice = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let own = app.send("PUT", &url("/v1/files/quota"), &as_alice, b"{\"quota\":9000000000}".to_vec()).await;
    assert_eq!(refusal(&own), (403, "FORBIDDEN".into()), "nobody gives themselves more");
    app.finish().await;
}

/// Inserts rows without bytes, enough for several pages of a listing.
async fn rows(app: &TestApp, user: &str, count: u32) {
    let user = UserId::parse(user).unwrap();
    let (owner, folder) = (Owner::Files(user.clone()), Folder::parse("many").unwrap());
    let mut tx = app.app.db.begin().await.unwrap();
    for n in 0..count {
        let name = FileName::parse(&format!("{n}.txt")).unwrap();
        let id = ObjectId::generate();
        let object = Object {
            id,
            key: key::file(&user, &folder, n, &name),
            name: Some(name.as_str().to_owned()),
            content_type: "text/plain".into(),
            state: ObjectState::Pending,
            created_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + u64::from(n)),
            content: None,
            archive: None,
        };
        let new = NewObject { object: &object, announced: None, file: Some((folder.as_str(), Visibility::Public)) };
        assert!(tx.insert_objects(&owner, &Principal::System, &[new]).await.unwrap().is_empty());
        let content = Content { size: 2, etag: "e".into(), last_modified: SystemTime::UNIX_EPOCH };
        assert!(tx.publish_object(id, &content, ObjectState::Ready).await.unwrap());
    }
    tx.count_in_folder(&owner, folder.as_str(), count.into(), i64::from(count) * 2).await.unwrap();
    tx.commit().await.unwrap();
}

/// A server for users' files alone has no other surface, and asks for nothing that these need.
#[tokio::test]
async fn files_are_served_without_the_other_surfaces() {
    let secret = "0123456789abcdef0123456789abcdef";
    let app = TestApp::with(&[
        ("ENV", "prod"),
        ("SURFACES", "files"),
        ("UPLOAD_SIGNING_KEY", secret),
        ("AUTH_SERVICE_TOKEN", secret),
    ])
    .await;
    assert!(app.app.local.as_ref().unwrap().credentials.operator.is_none(), "production makes no operator");
    let ask = async |method: &str, path: &str, body: Vec<u8>| {
        let headers = [("x-service-token", secret), ("x-user-id", "alice"), ("content-type", "application/json")];
        app.send(method, &format!("{}{path}", app.api()), &headers, body).await
    };
    assert_eq!(ask("GET", "/readyz", Vec::new()).await.status, 200);
    for absent in ["/v1/images", "/api/spaces", "/packages/datasets", "/graphql?query=%7B__typename%7D"] {
        assert_eq!(ask("GET", absent, Vec::new()).await.refusal(), (404, "NOT_FOUND".into()), "{absent}");
    }
    let init = json!({ "mode": "single", "files": [{ "name": "a", "size": 1 }], "meta": { "user_id": "alice" } });
    let begun = ask("POST", "/v1/files/init", init.to_string().into_bytes()).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let upload = begun.json()["uploadId"].as_str().unwrap().to_owned();
    assert_eq!(ask("PUT", &format!("/v1/files/part/{upload}/0"), b"1".to_vec()).await.status, 200);
    let done = ask("POST", "/v1/files/complete", json!({ "uploadId": upload }).to_string().into_bytes()).await;
    let key = done.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await.body, b"1");
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn a_list_without_a_limit_is_whole() {
    let app = TestApp::start().await;
    rows(&app, "alice", 2500).await;
    for (query, expected) in [("", 2500), ("?q=1.TXT", 250), ("?folder=many", 2500), ("?folder=none", 0)] {
        let listed = app.get("alice", &format!("/v1/files/all{query}")).await;
        assert_eq!((listed.status, listed.header("content-type")), (200, "application/json"));
        let listed = listed.json();
        let files = listed["files"].as_array().unwrap();
        let mut names: Vec<_> = files.iter().map(|file| file["filename"].as_str().unwrap()).collect();
        assert_eq!((names.len(), &listed["total_count"]), (expected, &json!(expected)), "{query}");
        assert_eq!(listed["total_size"], json!(expected * 2));
        assert_eq!(listed.get("next_cursor"), None);
        if let (Some(first), Some(last)) = (names.first(), names.last()) {
            assert!(first.parse::<f64>().is_err() && first != last, "{first} {last}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), expected, "none twice");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_folder_goes_with_what_was_in_it_and_not_with_what_came_later() {
    let app = TestApp::start().await;
    let gone = [file(&app, "alice", "a", b"1", "x").await, file(&app, "alice", "b", b"22", "x/y").await];
    let beside = file(&app, "alice", "c", b"333", "xy").await;
    let others = file(&app, "bob", "d", b"4444", "x").await;
    // Begun before it, and complete after it.
    let early = init(&app, "alice", "e", 5, "x").await;
    let answer = app.delete("alice", "/v1/files?folder=/x/").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let (upload, later) = early;
    assert_eq!(put(&app, "alice", &upload, 0, b"55555").await.status, 200);
    assert_eq!(complete(&app, "alice", &upload).await.status, 200);
    let status = async |key: &str| app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await.status;
    for key in &gone {
        assert_eq!(status(key).await, 404, "from the answer on");
    }
    app.run_jobs().await;
    for key in [&beside, &others, &later] {
        assert_eq!(status(key).await, 200);
    }
    assert_eq!(usage(&app, "alice").await, (8, 0, 2));
    let blobs = app.files().iter().filter(|path| path.starts_with("storage/") && !path.ends_with(".meta")).count();
    assert_eq!(blobs, 3, "{:?}", app.files());
    for bad in ["", "?folder=", "?folder=/", "?folder=.."] {
        assert_eq!(refusal(&app.delete("alice", &format!("/v1/files{bad}")).await).0, 400, "{bad}");
    }
    app.finish().await;
}

#[tokio::test]
async fn bodies_that_must_be_held_have_a_common_limit() {
    let app = TestApp::start().await;
    let (upload, _) = init(&app, "alice", "a", 300_000, "").await;
    let data = "A".repeat(400_000);
    let complete = json!({ "uploadId": upload, "parts": [{ "data": data }] });
    let keys: Vec<Value> = (0..60_000).map(|n| json!(format!("storage/alice/{n:08x}_a_long_name_of_a_file"))).collect();
    let many: Vec<Value> = (0..100_001).map(|_| json!("")).collect();
    let refused = app.post("alice", "/v1/files/batch-download", &json!({ "keys": many })).await;
    assert_eq!(refusal(&refused), (400, "BAD_REQUEST".into()));
    let memory = &app.app.shares.memory;
    let everything = memory.acquire(None, memory.limits().total - memory.held()).unwrap();
    for (path, body) in [("/v1/files/complete", &complete), ("/v1/files/batch-download", &json!({ "keys": keys }))] {
        let refused = app.post("alice", path, body).await;
        assert_eq!(refusal(&refused), (503, "STORE_UNAVAILABLE".into()), "{path}");
    }
    // Uploads that stream to the store buffer nothing; neither does ignored content.
    let part = json!({ "uploadId": upload, "partNumber": 0, "chunkBase64": data });
    let ordered = format!("{{\"uploadId\":\"{upload}\",\"partNumber\":0,\"chunkBase64\":\"{data}\"}}");
    let headers = [("x-user-id", "alice"), ("content-type", "application/json")];
    let url = format!("{}/v1/files/part", app.api());
    assert_eq!(app.send("POST", &url, &headers, ordered.into_bytes()).await.status, 200, "{part:.40}");
    drop(everything);
    let done = app.post("alice", "/v1/files/complete", &complete).await;
    assert_eq!((done.status, &done.json()["size"]), (200, &json!(300_000)), "{}", done.text());
    app.run_jobs().await;
    app.finish().await;
}

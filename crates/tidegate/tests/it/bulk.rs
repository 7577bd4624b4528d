//! Bulk actions: one action on many objects, done by a job that reads the caller's membership for each
//! object.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate::queue::Job;
use tidegate::worker::perform::perform;

use crate::quotas::execute;
use crate::support::files::file;
use crate::support::sessions::{SESSION, photo};
use crate::support::{Answer, TestApp};

const SERVICE: &str = "service-token-of-32-characters-or-more";

fn body(kind: &str, owner: &str, action: &str, ids: &[String]) -> Value {
    json!({ "kind": kind, "owner": owner, "action": action, "ids": ids })
}

async fn start(app: &TestApp, user: &str, body: &Value) -> String {
    let started = app.as_of(user, "garage", "POST", "/v1/bulk", Some(body)).await;
    assert_eq!(started.status, 202, "{}", started.text());
    let started = started.json();
    assert_eq!(started.as_object().unwrap().len(), 1, "{started}");
    started["id"].as_str().unwrap().to_owned()
}

async fn shown(app: &TestApp, user: &str, id: &str) -> Value {
    let shown = app.as_of(user, "garage", "GET", &format!("/v1/bulk/{id}"), None).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    shown.json()
}

/// Starts a bulk action, has it done, and returns what is said of it.
async fn done(app: &TestApp, user: &str, body: &Value) -> Value {
    let id = start(app, user, body).await;
    let begun = shown(app, user, &id).await;
    assert_eq!((&begun["state"], &begun["done"], &begun["finishedAt"]), (&json!("running"), &json!(0), &Value::Null));
    app.run_jobs().await;
    let shown = shown(app, user, &id).await;
    assert_eq!((&shown["state"], &shown["done"]), (&json!("done"), &shown["total"]), "{shown}");
    assert!(shown["finishedAt"].as_str().unwrap().ends_with('Z'));
    for same in ["kind", "owner", "action"] {
        assert_eq!(shown[same], body[same]);
    }
    shown
}

/// The failures as pairs of id and code.
fn failures(shown: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let failed = shown["failed"].as_array().unwrap();
    assert_eq!(shown["failedTotal"], json!(failed.len()), "{shown}");
    assert!(failed.iter().all(|one| !one["message"].as_str().unwrap().is_empty()), "{shown}");
    failed.iter().map(|one| (text(&one["id"]), text(&one["code"]))).collect()
}

fn pair(id: &str, code: &str) -> (String, String) {
    (id.to_owned(), code.to_owned())
}

async fn ids_of(app: &TestApp, path: &str, items: &str) -> Vec<String> {
    let page = app.as_of("ann", "garage", "GET", path, None).await.json();
    let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
    page[items].as_array().unwrap_or_else(|| panic!("{page}")).iter().map(id).collect()
}

/// Announced images, which are deleted as any others and need no processing.
async fn announced(app: &TestApp, user: &str, space: &str, count: usize) -> Vec<String> {
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": 1000 });
    let mut ids = Vec::new();
    for _ in 0..count {
        let target = app.post(user, &format!("/api/spaces/{space}/images"), &new).await.json();
        ids.push(target["id"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test]
async fn images_are_deleted_restored_and_purged() {
    let app = TestApp::start().await;
    let (space, other) = (app.space("ann", "x").await, app.space("ann", "y").await);
    let (one, two) = (app.image_in("ann", &space).await, app.image_in("ann", &space).await);
    let elsewhere = app.image_in("ann", &other).await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let ids = [one.clone(), elsewhere.clone(), unknown.clone(), "no id".to_owned(), two.clone()];
    let url = app.images("ann", &space, "").await["images"][0]["cloudfrontUrl"].as_str().unwrap().to_owned();
    let deleted = done(&app, "ann", &body("space", &space, "delete", &ids)).await;
    let expected = [pair(&elsewhere, "NOT_FOUND"), pair(&unknown, "NOT_FOUND"), pair("no id", "NOT_FOUND")];
    assert_eq!((failures(&deleted), &deleted["total"]), (expected.to_vec(), &json!(5)));
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.status, 404);
    let trash = format!("/api/spaces/{space}/trash");
    assert_eq!(ids_of(&app, &trash, "images").await, [two.clone(), one.clone()]);
    assert_eq!(app.images("ann", &other, "").await["images"][0]["id"], json!(elsewhere), "of another space");
    let restored = done(&app, "ann", &body("space", &space, "restore", &[one.clone(), two.clone()])).await;
    assert_eq!(failures(&restored), []);
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.status, 200);
    done(&app, "ann", &body("space", &space, "delete", &[one.clone(), two.clone()])).await;
    let purged = done(&app, "ann", &body("space", &space, "purge", &[one.clone(), elsewhere.clone()])).await;
    assert_eq!(failures(&purged), [pair(&elsewhere, "NOT_FOUND")]);
    assert_eq!(ids_of(&app, &trash, "images").await, std::slice::from_ref(&two));
    // Each is in the audit log, as if it was done alone.
    let events = app.get("ann", &format!("/v1/audit?kind=space&owner={space}&limit=1000")).await.json();
    let of = |action: &str| {
        let all = events["events"].as_array().unwrap().iter();
        all.filter(|event| event["action"] == action && event["actor"]["name"] == "ann").count()
    };
    assert_eq!((of("object.deleted"), of("object.restored")), (4, 2), "{events}");
    let mut hers = events["events"].as_array().unwrap().iter().filter(|event| event["actor"]["name"] == "ann");
    assert!(hers.all(|event| event["requestId"] != ""), "of the request that started it: {events}");
    let metrics = app.get("ann", "/metrics").await.text();
    assert!(metrics.contains("tidegate_bulk_items_total"), "{metrics}");
    app.stop().await;
}

#[tokio::test]
async fn media_files_and_disks_are_too() {
    let app = TestApp::start().await;
    app.session().await;
    let sent = app.ended("a.jpg", "image/jpeg", &photo(1)).await["id"].as_str().unwrap().to_owned();
    let gone = done(&app, "ann", &body("session", SESSION, "delete", std::slice::from_ref(&sent))).await;
    assert_eq!(failures(&gone), []);
    assert_eq!(app.shown(&json!(sent)).await, Value::Null);
    // A colleague may, as one by one.
    let back = done(&app, "ben", &body("session", SESSION, "restore", std::slice::from_ref(&sent))).await;
    assert_eq!((failures(&back), &app.shown(&json!(sent)).await["status"]), (vec![], &json!("COMPLETED")));

    let (mine, kept) = (file(&app, "ann", "a.txt", b"a", "x").await, file(&app, "ann", "b.txt", b"b", "x").await);
    let theirs = file(&app, "bob", "c.txt", b"c", "x").await;
    let keys = [mine.clone(), theirs.clone(), "storage/ann/../bob/x".to_owned(), "nothing".to_owned()];
    let gone = done(&app, "ann", &body("files", "ann", "delete", &keys)).await;
    let expected = keys[1..].iter().map(|key| pair(key, "NOT_FOUND")).collect::<Vec<_>>();
    assert_eq!(failures(&gone), expected);
    let left = app.get("ann", "/v1/files/all").await.json();
    assert_eq!((&left["total_count"], &left["files"][0]["key"]), (&json!(1), &json!(kept)));
    assert_eq!(app.get("bob", "/v1/files/all").await.json()["total_count"], json!(1));

    let (mine, theirs) = (app.image("ann", b"x").await, app.image("bob", b"y").await);
    let gone = done(&app, "ann", &body("disks", "ann", "delete", &[theirs.clone(), mine])).await;
    assert_eq!(failures(&gone), [pair(&theirs, "NOT_FOUND")]);
    assert_eq!(app.get("bob", "/v1/images").await.json()["total"], json!(1));
    app.run_jobs().await;
    app.stop().await;
}

/// Membership is read when an object is done, not at the start.
#[tokio::test]
async fn a_lost_role_ends_it() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    assert_eq!(app.member("ann", &space, "ed", "editor").await.status, 200);
    let image = app.image_in("ann", &space).await;
    let wanted = body("space", &space, "delete", std::slice::from_ref(&image));
    let id = start(&app, "ed", &wanted).await;
    assert_eq!(app.member("ann", &space, "ed", "viewer").await.status, 200);
    app.run_jobs().await;
    assert_eq!(failures(&shown(&app, "ed", &id).await), [pair(&image, "FORBIDDEN")]);
    assert_eq!(app.member("ann", &space, "ed", "editor").await.status, 200);
    let id = start(&app, "ed", &wanted).await;
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/members/ed")).await.status, 204);
    app.run_jobs().await;
    assert_eq!(failures(&shown(&app, "ed", &id).await), [pair(&image, "NOT_FOUND")], "as for any stranger");
    assert_eq!(app.images("ann", &space, "").await["total"], json!(1));
    app.stop().await;
}

#[tokio::test]
async fn only_who_started_it_and_admins_read_it() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    assert_eq!(app.member("ann", &space, "ed", "owner").await.status, 200);
    let ids = announced(&app, "ann", &space, 1).await;
    let id = start(&app, "ann", &body("space", &space, "delete", &ids)).await;
    let path = format!("{}/v1/bulk/{id}", app.api());
    let get = async |headers: &[(&str, &str)]| app.send("GET", &path, headers, Vec::new()).await;
    assert_eq!(get(&[("x-user-id", "ann")]).await.status, 200);
    for stranger in ["ed", "mallory", "Ann"] {
        assert_eq!(get(&[("x-user-id", stranger)]).await.refusal(), (404, "NOT_FOUND".to_owned()), "{stranger}");
    }
    assert_eq!(get(&[]).await.status, 401);
    assert_eq!(get(&[("x-user-id", "root"), ("x-roles", "admin")]).await.status, 200);
    for unknown in [uuid::Uuid::now_v7().to_string(), "x".to_owned(), "%00".to_owned()] {
        let refused = app.get("ann", &format!("/v1/bulk/{unknown}")).await;
        assert!([400, 404].contains(&refused.status), "{unknown}: {}", refused.status);
    }
    app.run_jobs().await;
    app.stop().await;
}

/// A service that acts for somebody has their rights and no more, also when its objects are done.
#[tokio::test]
async fn a_service_starts_it_for_somebody() {
    let settings = [("AUTH_MODE", "jwt"), ("AUTH_OWN_TOKENS", "true"), ("AUTH_SERVICE_TOKEN", SERVICE)];
    let app = TestApp::with(&settings).await;
    let ask = async |user: Option<&str>, method: &str, path: &str, body: &Value| {
        let mut headers = vec![("x-service-token", SERVICE), ("content-type", "application/json")];
        headers.extend(user.map(|user| ("x-user-id", user)));
        let bytes = if method == "GET" { Vec::new() } else { body.to_string().into_bytes() };
        app.send(method, &format!("{}{path}", app.api()), &headers, bytes).await
    };
    let space = ask(Some("ann"), "POST", "/api/spaces", &json!({ "name": "x" })).await.json();
    let space = space["id"].as_str().unwrap();
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": 1000 });
    let images = format!("/api/spaces/{space}/images");
    let image = ask(Some("ann"), "POST", &images, &new).await.json()["id"].as_str().unwrap().to_owned();
    let wanted = body("space", space, "delete", &[image]);
    assert_eq!(ask(Some("mallory"), "POST", "/v1/bulk", &wanted).await.status, 404);
    let started = ask(Some("ann"), "POST", "/v1/bulk", &wanted).await;
    assert_eq!(started.status, 202, "{}", started.text());
    let path = format!("/v1/bulk/{}", started.json()["id"].as_str().unwrap());
    app.run_jobs().await;
    for (user, status) in [(Some("ann"), 200), (None, 200), (Some("mallory"), 404)] {
        let shown = ask(user, "GET", &path, &Value::Null).await;
        assert_eq!(shown.status, status, "{user:?}: {}", shown.text());
        assert!(status != 200 || failures(&shown.json()).is_empty(), "{}", shown.text());
    }
    app.stop().await;
}

/// Checks a refusal, and that nothing was begun.
async fn refused(app: &TestApp, user: &str, body: &Value, status: u16, says: &str) {
    let answer: Answer = app.as_of(user, "garage", "POST", "/v1/bulk", Some(body)).await;
    assert_eq!(answer.status, status, "{body}: {}", answer.text());
    assert!(answer.text().contains(says), "{}", answer.text());
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_at_once() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    assert_eq!(app.member("ann", &space, "vic", "viewer").await.status, 200);
    app.session().await;
    let one = ["a".to_owned()];
    for (bad, says) in [
        (body("galaxy", &space, "delete", &one), "kind must be"),
        (body("dataset", "N:dataset:x", "delete", &one), "kind must be"),
        (body("space", &space, "publish", &one), "action must be"),
        (body("files", "ann", "restore", &one), "action of kind files must be one of delete"),
        (body("disks", "ann", "purge", &one), "action of kind disks must be one of delete"),
        (body("session", SESSION, "purge", &one), "action of kind session must be one of delete, restore"),
        (body("space", &space, "delete", &[]), "1 to 10000"),
        (body("space", &space, "delete", &vec!["a".to_owned(); 2]), "no object twice"),
        (body("space", &space, "delete", &(0..10_001).map(|n| n.to_string()).collect::<Vec<_>>()), "1 to 10000"),
        (body("space", &space, "delete", &[String::new()]), "2048 bytes"),
        (body("space", &space, "delete", &["a\0".to_owned()]), "NUL"),
        (body("space", &space, "delete", &["a".repeat(2049)]), "2048 bytes"),
        (body("files", "", "delete", &one), "owner"),
        (json!({ "kind": "space", "owner": space, "action": "delete" }), "ids"),
        (json!({ "kind": "space", "owner": space, "action": "delete", "ids": ["a"], "force": true }), "force"),
        (json!({ "kind": "space", "owner": space, "action": "delete", "ids": "a" }), ""),
    ] {
        refused(&app, "ann", &bad, 400, says).await;
    }
    let of_space = body("space", &space, "delete", &one);
    refused(&app, "vic", &of_space, 403, "viewer").await;
    refused(&app, "mallory", &of_space, 404, "no such space").await;
    refused(&app, "mallory", &body("files", "ann", "delete", &one), 403, "").await;
    refused(&app, "mallory", &body("disks", "ann", "delete", &one), 403, "").await;
    let of_session = body("session", SESSION, "delete", &one);
    assert_eq!(app.as_of("mallory", "other", "POST", "/v1/bulk", Some(&of_session)).await.status, 403);
    let anonymous = [("content-type", "application/json")];
    let url = format!("{}/v1/bulk", app.api());
    assert_eq!(app.send("POST", &url, &anonymous, of_space.to_string().into_bytes()).await.status, 401);
    assert_eq!(app.app.db.count_jobs().await.unwrap().queued, 0);
    app.stop().await;
    let app = TestApp::with(&[("SURFACES", "disks")]).await;
    refused(&app, "ann", &body("files", "ann", "delete", &one), 400, "switched off").await;
    app.finish().await;
}

/// A list is not read to its end: its elements would take many times the memory of the body.
#[tokio::test]
async fn a_long_list_is_refused_before_it_is_in_memory() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    let ids = vec!["\"a\""; 2_000_000].join(",");
    let body = format!(r#"{{"kind":"space","owner":"{space}","action":"delete","ids":[{ids}]}}"#);
    let headers = [("x-user-id", "ann"), ("content-type", "application/json")];
    let answer = app.send("POST", &format!("{}/v1/bulk", app.api()), &headers, body.into_bytes()).await;
    assert_eq!(answer.refusal(), (400, "BAD_REQUEST".to_owned()), "{}", answer.text());
    assert!(answer.text().contains("ids must have 1 to 10000 elements"), "{}", answer.text());
    app.finish().await;
}

#[tokio::test]
async fn a_caller_has_few_at_a_time() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    assert_eq!(app.member("ann", &space, "ed", "editor").await.status, 200);
    let wanted = body("space", &space, "delete", &["x".to_owned()]);
    let starts = (0..6).map(|_| app.as_of("ann", "garage", "POST", "/v1/bulk", Some(&wanted)));
    let answers = futures::future::join_all(starts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 3);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(answer.refusal(), (429, "RATE_LIMITED".to_owned()));
        assert_eq!(answer.header("retry-after"), "10");
    }
    start(&app, "ed", &wanted).await;
    app.run_jobs().await;
    start(&app, "ann", &wanted).await;
    app.run_jobs().await;
    app.finish().await;
}

/// An object that was done before its record was written is done, and no other is taken for such.
#[tokio::test]
async fn it_goes_on_after_a_crash() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    let ids = announced(&app, "ann", &space, 4).await;
    let id = start(&app, "ann", &body("space", &space, "delete", &ids)).await;
    // The server was killed between the first delete and its record; the second one is deleted by somebody else.
    for gone in &ids[..2] {
        assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/images/{gone}")).await.status, 204);
    }
    execute(&app, "UPDATE bulks SET begun = 4").await;
    app.run_jobs().await;
    let all = shown(&app, "ann", &id).await;
    assert_eq!((failures(&all), &all["done"]), (vec![pair(&ids[1], "NOT_FOUND")], &json!(4)));
    // Run again, nothing is done twice.
    perform(&app.app, &Job::BulkV1 { bulk: id.parse().unwrap() }).await.unwrap();
    assert_eq!(shown(&app, "ann", &id).await, all);
    app.stop().await;
}

#[tokio::test]
async fn many_are_done_in_turns_and_old_ones_are_forgotten() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    let mut ids = announced(&app, "ann", &space, 3).await;
    ids.extend((0..2500).map(|n| format!("unknown-{n}")));
    let id = start(&app, "ann", &body("space", &space, "delete", &ids)).await;
    let job = Job::BulkV1 { bulk: id.parse().unwrap() };
    perform(&app.app, &job).await.unwrap();
    let some = shown(&app, "ann", &id).await;
    assert_eq!((&some["state"], &some["done"], &some["failedTotal"]), (&json!("running"), &json!(100), &json!(97)));
    assert!(app.app.db.count_jobs().await.unwrap().queued > 0, "the rest waits");
    app.run_jobs().await;
    let all = shown(&app, "ann", &id).await;
    assert_eq!((&all["state"], &all["done"], &all["failedTotal"]), (&json!("done"), &json!(2503), &json!(2500)));
    let kept = all["failed"].as_array().unwrap();
    assert_eq!((kept.len(), &kept[0]["id"], &kept[999]["id"]), (1000, &json!("unknown-0"), &json!("unknown-999")));
    for (days, status) in [(6, 200), (2, 404)] {
        app.app.db.clock().advance(Duration::from_secs(days * 24 * 3600));
        perform(&app.app, &Job::SweepV1).await.unwrap();
        assert_eq!(app.get("ann", &format!("/v1/bulk/{id}")).await.status, status, "after {days} more days");
    }
    app.stop().await;
}

/// What a job could not do is counted as failed, so that nobody waits for it.
#[tokio::test]
async fn a_dead_letter_ends_it() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    let ids = announced(&app, "ann", &space, 2).await;
    let id = start(&app, "ann", &body("space", &space, "delete", &ids)).await;
    execute(&app, "UPDATE jobs SET attempts = max_attempts, lease_until = 1 WHERE payload LIKE '%BulkV1%'").await;
    app.run_jobs().await;
    let all = shown(&app, "ann", &id).await;
    assert_eq!((&all["state"], &all["done"]), (&json!("done"), &json!(2)), "{all}");
    assert_eq!(failures(&all), [pair(&ids[0], "INTERNAL"), pair(&ids[1], "INTERNAL")]);
    app.stop().await;
}

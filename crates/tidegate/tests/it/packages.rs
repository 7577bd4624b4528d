//! Datasets: the rights of each role, uploads and reads, and the life cycle of deleted nodes.

use serde_json::{Value, json};
use tidegate::db::NewNode;
use tidegate::model::package::{DatasetId, NodeId, NodeKind};
use tidegate::queue::{Job, enqueue};

use crate::support::packages::{LAB, encoded};
use crate::support::services::{self, bucket, given};
use crate::support::sessions::{eicar, scanning};
use crate::support::{PART, TestApp, pattern, raw, raw_status};

const NOBODY: &str = "N:dataset:01900000-0000-7000-8000-000000000000";

#[tokio::test]
async fn members_do_what_their_role_allows_and_strangers_see_nothing() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "one", None, b"bytes").await;
    app.asset(&dataset, &package, "a.txt", b"x").await;
    for (user, role) in [("vi", "viewer"), ("ed", "editor"), ("ma", "manager")] {
        app.grant(&dataset, user, role).await;
    }
    let (new, name) = (json!({ "name": "p" }), json!({ "name": "c" }));
    let (ids, role, file) = (json!({ "nodeIds": ["N:package:0"] }), json!({ "role": "viewer" }), json!({}));
    let of = format!("dataset_id={dataset}&package_id={package}");
    let cases: Vec<(&str, String, Option<&Value>, [u16; 4])> = vec![
        ("GET", format!("/packages/datasets/{dataset}"), None, [200; 4]),
        ("GET", format!("/packages/children?dataset_id={dataset}"), None, [200; 4]),
        ("GET", format!("/packages/changelog?dataset_id={dataset}"), None, [200; 4]),
        ("GET", format!("/packages/presign/s3?{of}"), None, [307; 4]),
        ("HEAD", format!("/packages/presign/s3?{of}"), None, [200; 4]),
        ("GET", format!("/packages/cloudfront/sign?{of}&path=a.txt"), None, [200; 4]),
        ("GET", format!("/packages/cloudfront/sign?{of}&scope=prefix"), None, [200; 4]),
        ("GET", format!("/packages/assets?{of}"), None, [200; 4]),
        ("POST", format!("/packages/download-manifest?dataset_id={dataset}"), Some(&ids), [200; 4]),
        ("GET", format!("/packages/children?dataset_id={dataset}&status=DELETED"), None, [403, 200, 200, 200]),
        ("POST", format!("/packages/restore?dataset_id={dataset}"), Some(&ids), [403, 200, 200, 200]),
        ("DELETE", format!("/packages?dataset_id={dataset}"), Some(&ids), [403, 200, 200, 200]),
        ("POST", format!("/packages/collections?dataset_id={dataset}"), Some(&name), [403, 201, 409, 409]),
        ("POST", format!("/packages?dataset_id={dataset}"), Some(&new), [403, 201, 409, 409]),
        ("POST", format!("/packages/assets?{of}&path=b.txt"), Some(&file), [403, 201, 201, 201]),
        ("DELETE", format!("/packages/assets?{of}&path=c.txt"), None, [403, 404, 404, 404]),
        ("GET", format!("/packages/datasets/{dataset}/members"), None, [403, 403, 200, 200]),
        ("PUT", format!("/packages/datasets/{dataset}/members/vi"), Some(&role), [403, 403, 200, 200]),
        ("DELETE", format!("/packages/datasets/{dataset}/members/nobody"), None, [403, 403, 404, 404]),
    ];
    for (method, path, body, statuses) in &cases {
        for (user, expected) in ["vi", "ed", "ma", "ann"].into_iter().zip(statuses) {
            let answer = app.ask(user, method, path, *body).await;
            assert_eq!(answer.status, *expected, "{user} {method} {path}: {}", answer.text());
        }
        // Strangers, and members of other datasets, cannot tell whether the dataset exists.
        let unknown = app.ask("eve", method, &path.replace(&dataset, NOBODY), *body).await;
        for (user, org) in [("eve", LAB), ("ann", "other"), ("eve", "other")] {
            let foreign = app.as_of(user, org, method, path, *body).await;
            assert_eq!(foreign.status, 404, "{user} {method} {path}: {}", foreign.text());
            assert_eq!(foreign.body, unknown.body, "{user} {method} {path}");
        }
        let anonymous = app.send(method, &format!("{}{path}", app.api()), &[], Vec::new()).await;
        assert_eq!(anonymous.status, 401, "{method} {path}");
    }
    // Packages are not found by their ids alone either.
    for (method, tail) in [("GET", ""), ("POST", "/confirm"), ("GET", "/parts")] {
        let unknown = app.ask("eve", method, &format!("/packages/N:package:0{tail}"), None).await;
        let foreign = app.ask("eve", method, &format!("/packages/{package}{tail}"), None).await;
        assert_eq!((foreign.status, &foreign.body), (404, &unknown.body), "{method} {tail}");
    }
    assert_eq!(app.ask("vi", "POST", &format!("/packages/{package}/confirm"), None).await.status, 403);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn who_manages_is_said_by_owners_and_somebody_owns() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    app.grant(&dataset, "ma", "manager").await;
    app.grant(&dataset, "ed", "editor").await;
    let at = |user: &str| format!("/packages/datasets/{dataset}/members/{user}");
    let set =
        async |by: &str, user: &str, role: &str| app.ask(by, "PUT", &at(user), Some(&json!({ "role": role }))).await;
    assert_eq!(set("ma", "vi", "viewer").await.status, 200);
    for (user, role) in [("vi", "manager"), ("vi", "owner"), ("ann", "viewer"), ("ma", "owner")] {
        assert_eq!(set("ma", user, role).await.refusal(), (403, "FORBIDDEN".into()), "{user} {role}");
    }
    assert_eq!(app.ask("ma", "DELETE", &at("ann"), None).await.refusal(), (403, "FORBIDDEN".into()));
    assert_eq!(app.ask("ma", "DELETE", &at("ed"), None).await.status, 204);
    assert_eq!(set("ann", "ann", "editor").await.refusal(), (409, "INVALID_STATE".into()));
    assert_eq!(app.ask("ann", "DELETE", &at("ann"), None).await.refusal(), (409, "INVALID_STATE".into()));
    for bad in ["", "Owner", "admin"] {
        assert_eq!(set("ann", "x", bad).await.refusal(), (400, "BAD_REQUEST".into()), "{bad}");
    }
    // Both owners leave at once: one stays.
    assert_eq!(set("ann", "bob", "owner").await.status, 200);
    let (a, b) = (at("ann"), at("bob"));
    let (one, two) = tokio::join!(app.ask("ann", "DELETE", &a, None), app.ask("bob", "DELETE", &b, None));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    // A user without an organisation has no datasets and cannot create any.
    assert_eq!(app.get("ann", "/packages/datasets").await.json(), json!({ "datasets": [] }));
    assert_eq!(
        app.post("ann", "/packages/datasets", &json!({ "name": "x" })).await.refusal(),
        (400, "BAD_REQUEST".into())
    );
    app.finish().await;
}

#[tokio::test]
async fn a_token_grants_what_the_database_does_not() {
    let service = "s".repeat(40);
    let settings = [("AUTH_OWN_TOKENS", "true"), ("AUTH_SERVICE_TOKEN", service.as_str())];
    let app = TestApp::with(&settings).await;
    let by_service = async |method: &str, path: &str, user: Option<&str>, body: &Value| {
        let mut headers =
            vec![("x-service-token", service.as_str()), ("content-type", "application/json"), ("x-org-id", LAB)];
        headers.extend(user.map(|user| ("x-user-id", user)));
        app.send(method, &format!("{}{path}", app.api()), &headers, body.to_string().into_bytes()).await
    };
    let made = by_service("POST", "/packages/datasets", Some("ann"), &json!({ "name": "x" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let dataset = made.json()["id"].as_str().unwrap().to_owned();
    let unowned = by_service("POST", "/packages/datasets", None, &json!({ "name": "x" })).await;
    assert_eq!(unowned.refusal(), (400, "BAD_REQUEST".into()));
    let token = async |user: &str, org: &str, role: &str| {
        let body = json!({ "userId": user, "org": org, "datasets": { dataset.clone(): role } });
        by_service("POST", "/v1/tokens", None, &body).await.json()["token"].as_str().unwrap().to_owned()
    };
    let collection = json!({ "name": "c" });
    let make = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("{}/packages/collections?dataset_id={dataset}", app.api());
        app.send("POST", &url, &headers, collection.to_string().into_bytes()).await.status
    };
    assert_eq!(make(&token("eve", LAB, "viewer").await).await, 403);
    assert_eq!(make(&token("eve", "other", "owner").await).await, 404, "of another organisation");
    assert_eq!(make(&token("eve", LAB, "editor").await).await, 201);
    // The role in the database is higher than the token's.
    assert_eq!(make(&token("ann", LAB, "viewer").await).await, 409);
    for bad in [json!({ "N:dataset:1": "boss" }), json!({ "x": "viewer" })] {
        let body = json!({ "userId": "eve", "datasets": bad });
        assert_eq!(by_service("POST", "/v1/tokens", None, &body).await.refusal(), (400, "BAD_REQUEST".into()));
    }
    let url = format!("{}/packages/datasets/{dataset}", app.api());
    for (org, status) in [(LAB, 200), ("other", 404)] {
        let headers = [("x-service-token", service.as_str()), ("x-org-id", org)];
        assert_eq!(app.send("GET", &url, &headers, Vec::new()).await.status, status, "a service that names {org}");
    }
    let all = by_service("GET", "/packages/datasets", None, &json!(null)).await.json();
    assert_eq!(all["datasets"].as_array().unwrap().len(), 1, "{all}");
    app.finish().await;
}

#[tokio::test]
async fn trees_are_built_and_listed() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let folder = app.collection(&dataset, "raw data", None).await;
    let below = app.collection(&dataset, "2026", Some(&folder)).await;
    app.package(&dataset, "b.csv", Some(&folder), b"1,2,3").await;
    app.package(&dataset, "a.csv", Some(&folder), b"1").await;
    assert_eq!(app.names(&dataset, None).await, ["raw data"]);
    assert_eq!(app.names(&dataset, Some(&folder)).await, ["2026", "a.csv", "b.csv"]);
    assert_eq!(app.names(&dataset, Some(&below)).await, [""; 0]);
    assert_eq!(app.counted(&dataset).await, (2, 6));
    // Page by page.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/packages/children?dataset_id={dataset}&parent_id={folder}&limit=1{cursor}");
        let page = app.ask("ann", "GET", &path, None).await.json();
        seen.extend(page["children"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["2026", "a.csv", "b.csv"]);
    // Invalid names, and taken ones.
    let other = app.dataset().await;
    let foreign = app.collection(&other, "elsewhere", None).await;
    for (name, parent, refusal) in [
        (String::new(), None, (400, "BAD_REQUEST")),
        ("  ".into(), None, (400, "BAD_REQUEST")),
        ("x".repeat(1000), None, (400, "BAD_REQUEST")),
        ("a/b".into(), None, (400, "BAD_REQUEST")),
        ("..".into(), None, (400, "BAD_REQUEST")),
        ("a\nb".into(), None, (400, "BAD_REQUEST")),
        ("raw data".into(), None, (409, "INVALID_STATE")),
        ("a.csv".into(), Some(folder.clone()), (409, "INVALID_STATE")),
        ("x".into(), Some(foreign), (404, "NOT_FOUND")),
        ("x".into(), Some("N:collection:0".into()), (404, "NOT_FOUND")),
        ("x".into(), Some("nothing".into()), (404, "NOT_FOUND")),
    ] {
        for path in ["/packages/collections", "/packages"] {
            let body = json!({ "name": name, "parentId": parent, "filename": "f" });
            let body = if path == "/packages" { body } else { json!({ "name": name, "parentId": parent }) };
            let refused = app.ask("ann", "POST", &format!("{path}?dataset_id={dataset}"), Some(&body)).await;
            assert_eq!(refused.refusal(), (refusal.0, refusal.1.to_owned()), "{path} {name:?} {parent:?}");
        }
    }
    for (query, status) in [
        ("&limit=0", 400),
        ("&limit=-1", 400),
        ("&limit=1001", 400),
        ("&limit=1000000000", 400),
        ("&cursor=x", 400),
        ("&status=PURGED", 400),
        ("&parent_id=N:collection:0", 404),
        ("&parent_id=x", 404),
    ] {
        let refused = app.ask("ann", "GET", &format!("/packages/children?dataset_id={dataset}{query}"), None).await;
        assert_eq!(refused.status, status, "{query}");
    }
    let missing = app.ask("ann", "GET", "/packages/children", None).await;
    assert!(missing.text().contains("dataset_id"), "{}", missing.text());
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn uploads_are_checked_before_anybody_reads_them() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let target = app.announced(&dataset, "one", None, b"abc").await;
    let id = target["nodeId"].as_str().unwrap().to_owned();
    // An announced package reserves its name and cannot be read.
    assert_eq!(app.children(&dataset, "&status=ALL").await, [("one".into(), "PENDING".into())]);
    assert_eq!(app.children(&dataset, "&status=PENDING").await.len(), 1);
    assert_eq!(app.children(&dataset, "").await, []);
    assert_eq!(app.presigned(&dataset, &id, "").await.refusal(), (409, "INVALID_STATE".into()));
    for more in ["&path=a", "&scope=prefix"] {
        assert_eq!(app.signed(&dataset, &id, more).await.refusal(), (409, "INVALID_STATE".into()), "{more}");
    }
    let early = app.ask("ann", "POST", &format!("/packages/{id}/confirm"), None).await;
    assert_eq!(early.refusal(), (400, "BAD_REQUEST".into()), "nothing was sent");
    app.put_to(&target, b"abc").await;
    let one = app.confirmed(&target["id"]).await;
    assert_eq!((&one["status"], &one["size"], &one["fileName"]), (&json!("READY"), &json!(3), &json!("one.bin")));
    assert_eq!(app.confirmed(&target["id"]).await, one, "asked again");
    // The URL is no longer accepted.
    let late = app
        .send(
            "PUT",
            target["uploadUrl"].as_str().unwrap(),
            &[("content-type", "application/octet-stream")],
            b"xyz".to_vec(),
        )
        .await;
    assert_eq!(late.status, 403, "{}", late.text());
    assert_eq!(app.source_of(&dataset, &id).await, b"abc");
    // A wrong digest: the package is not created, and its name is free.
    let body = json!({ "name": "two", "sha256": "0".repeat(64) });
    let target = app.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&body)).await.json();
    app.put_to(&target, b"abc").await;
    let refused = app.ask("ann", "POST", &format!("/packages/{}/confirm", target["id"].as_str().unwrap()), None).await;
    assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()));
    assert_eq!(app.names(&dataset, None).await, ["one"]);
    let sha256 = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    let body = json!({ "name": "two", "sha256": sha256 });
    let target = app.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&body)).await.json();
    app.put_to(&target, b"abc").await;
    assert_eq!(app.confirmed(&target["id"]).await["status"], "READY");
    for bad in [
        json!({ "name": "x", "size": 0 }),
        json!({ "name": "x", "size": 6_000_000_000_000u64 }),
        json!({ "name": "x", "size": -1 }),
        json!({ "name": "x", "contentType": "text" }),
        json!({ "name": "x", "sha256": "1" }),
        json!({ "name": "x", "filename": "../x" }),
        json!({ "name": "x", "filename": "" }),
        json!({}),
    ] {
        let refused = app.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&bad)).await;
        assert!([400, 413].contains(&refused.status), "{bad}: {}", refused.text());
    }
    assert_eq!(app.counted(&dataset).await, (2, 6));
    app.run_jobs().await;
    let left: Vec<String> = app.files().into_iter().filter(|file| !file.starts_with("packages/")).collect();
    assert!(left.iter().all(|file| !file.contains(".quarantine/") && !file.contains(".incoming/")), "{left:?}");
    app.finish().await;
}

#[tokio::test]
async fn large_files_come_in_parts() {
    for settings in [Vec::new(), bucket(&given("TEST_GARAGE_URL")).await] {
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let app = TestApp::with(&settings).await;
        let dataset = app.dataset().await;
        let bytes = pattern(3, PART + 99);
        let body = json!({ "name": "large", "size": bytes.len(), "multipart": true });
        let begun = app.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&body)).await.json();
        assert_eq!((&begun["partSize"], &begun["uploadUrl"]), (&json!(PART), &Value::Null), "{begun}");
        let at = format!("/packages/{}", begun["id"].as_str().unwrap());
        let wanted = json!({ "partNumbers": [1, 2] });
        let signed = app.ask("ann", "POST", &format!("{at}/parts"), Some(&wanted)).await.json();
        let mut parts = Vec::new();
        for (index, chunk) in bytes.chunks(PART).enumerate() {
            let put = app.send("PUT", signed["parts"][index]["url"].as_str().unwrap(), &[], chunk.to_vec()).await;
            assert_eq!(put.status, 200, "{}", put.text());
            parts.push(json!({ "partNumber": index + 1, "etag": put.header("etag") }));
        }
        let listed = app.ask("ann", "GET", &format!("{at}/parts"), None).await.json();
        assert_eq!((listed["parts"].as_array().unwrap().len(), &listed["partSize"]), (2, &json!(PART)));
        let confirm = async |body: &Value| app.ask("ann", "POST", &format!("{at}/confirm"), Some(body)).await;
        assert_eq!(confirm(&json!({})).await.refusal(), (400, "BAD_REQUEST".into()), "no parts");
        assert_eq!(confirm(&json!({ "parts": parts[..1] })).await.refusal(), (400, "BAD_REQUEST".into()), "too few");
        let done = confirm(&json!({ "parts": parts })).await;
        assert_eq!((done.status, &done.json()["size"]), (200, &json!(bytes.len())), "{}", done.text());
        assert_eq!(confirm(&json!({ "parts": parts })).await.json(), done.json());
        assert_eq!(app.source_of(&dataset, begun["nodeId"].as_str().unwrap()).await, bytes);
        let over = app.ask("ann", "POST", &format!("{at}/parts"), Some(&wanted)).await;
        assert_eq!(over.refusal(), (409, "INVALID_STATE".into()));
        app.run_jobs().await;
        app.finish().await;
    }
}

#[tokio::test]
async fn what_is_found_is_blocked_and_what_waits_is_not_read() {
    let app = scanning(&[]).await;
    let dataset = app.dataset().await;
    let folder = app.collection(&dataset, "scans", None).await;
    let good = app.package(&dataset, "good", Some(&folder), b"fine").await;
    let bad = app.package(&dataset, "bad", Some(&folder), &eicar()).await;
    assert_eq!(app.presigned(&dataset, &good, "").await.refusal(), (409, "INVALID_STATE".into()), "before the scan");
    app.run_jobs().await;
    let shown = app.children(&dataset, &format!("&parent_id={folder}&status=ALL")).await;
    assert_eq!(shown, [("bad".into(), "REJECTED".into()), ("good".into(), "READY".into())]);
    assert_eq!(app.presigned(&dataset, &bad, "").await.refusal(), (409, "INVALID_STATE".into()));
    let ids = json!({ "nodeIds": [folder, good] });
    let manifest =
        app.ask("ann", "POST", &format!("/packages/download-manifest?dataset_id={dataset}"), Some(&ids)).await.json();
    assert_eq!(manifest["header"], json!({ "count": 1, "size": 4 }));
    let line = &manifest["data"][0];
    assert_eq!(
        (&line["nodeId"], &line["fileName"], &line["packageName"]),
        (&json!(good), &json!("good.bin"), &json!("good"))
    );
    assert_eq!((&line["path"], &line["fileExtension"], &line["size"]), (&json!(["scans"]), &json!("bin"), &json!(4)));
    let got = app.send("GET", line["url"].as_str().unwrap(), &[], Vec::new()).await;
    assert_eq!((got.status, got.body.as_slice()), (200, &b"fine"[..]));
    assert!(got.header("content-disposition").starts_with("attachment; filename=\"good.bin\""), "{:?}", got.headers);
    let blocked = &manifest["blocked"][0];
    assert_eq!(
        (&blocked["nodeId"], &blocked["status"], &blocked["url"]),
        (&json!(bad), &json!("REJECTED"), &Value::Null)
    );
    assert!(blocked["reason"].as_str().unwrap().contains("malware"), "{blocked}");
    // An infected asset is not served, and its path is free.
    app.asset(&dataset, &good, "view/x.html", &eicar()).await;
    app.run_jobs().await;
    let listed =
        app.ask("ann", "GET", &format!("/packages/assets?dataset_id={dataset}&package_id={good}"), None).await.json();
    assert_eq!(listed, json!({ "assets": [] }));
    assert!(
        app.files().iter().all(|file| !file.starts_with('O') && !file.contains(".quarantine")),
        "{:?}",
        app.files()
    );
    app.finish().await;
}

#[tokio::test]
async fn what_was_confirmed_survives_a_delete_before_its_scan() {
    let app = scanning(&[("CLAMAV_MAX_MB", "1")]).await;
    let dataset = app.dataset().await;
    let folder = app.collection(&dataset, "F", None).await;
    let large = pattern(9, 1_100_000);
    let (waiting, failed) = (
        app.package(&dataset, "waiting", Some(&folder), b"w").await,
        app.package(&dataset, "failed", Some(&folder), &large).await,
    );
    // Deleted before their scan, which is done once they are restored.
    app.deleted(&dataset, &[&folder]).await;
    app.restored(&dataset, &[&folder]).await;
    let shown = app.children(&dataset, &format!("&parent_id={folder}&status=ALL")).await;
    assert_eq!(shown, [("failed".into(), "FAILED".into()), ("waiting".into(), "READY".into())]);
    assert_eq!(app.source_of(&dataset, &waiting).await, b"w");
    // A failed scan is retried, also after another delete, and nothing is lost.
    app.deleted(&dataset, &[&folder]).await;
    app.restored(&dataset, &[&folder]).await;
    assert_eq!(app.confirmed(&json!(failed)).await["status"], "SCANNING");
    app.run_jobs().await;
    let shown = app.ask("ann", "GET", &format!("/packages/{failed}"), None).await.json();
    assert_eq!(shown["status"], "FAILED", "{shown}");
    assert!(app.files().iter().any(|file| file.starts_with(".quarantine/")), "what failed is kept");
    assert_eq!(app.counted(&dataset).await, (1, 1));
    // A late job has no effect.
    let id = failed_object(&app, &failed).await;
    let mut tx = app.app.db.begin().await.unwrap();
    enqueue(&mut tx, &Job::PublishPackageV1 { object: id }, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_jobs().await;
    assert!(app.files().iter().any(|file| file.starts_with(".quarantine/")), "what failed is kept");
    app.finish().await;
}

async fn failed_object(app: &TestApp, package: &str) -> uuid::Uuid {
    let node = app.app.db.find_node_unscoped(&NodeId::parse(package).unwrap()).await.unwrap().unwrap();
    node.source.unwrap().object.id.0
}

#[tokio::test]
async fn presigned_and_described() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let (folder, package) =
        (app.collection(&dataset, "c", None).await, app.package(&dataset, "p", None, b"0123456789").await);
    app.asset(&dataset, &package, "view/data.parquet", b"PAR1").await;
    let to = app.presigned(&dataset, &package, "").await;
    assert_eq!((to.status, to.header("cache-control"), to.header("referrer-policy")), (307, "no-store", "no-referrer"));
    let part = app.send("GET", to.header("location"), &[("range", "bytes=2-4")], Vec::new()).await;
    assert_eq!((part.status, part.body.as_slice(), part.header("content-range")), (206, &b"234"[..], "bytes 2-4/10"));
    let in_json = app.presigned(&dataset, &package, "&redirect=false&path=view/data.parquet").await.json();
    let got = app
        .send("GET", in_json["presigned_url"].as_str().unwrap(), &[("origin", "https://page.example")], Vec::new())
        .await;
    assert_eq!((got.status, got.body.as_slice(), got.header("access-control-allow-origin")), (200, &b"PAR1"[..], "*"));
    assert_eq!(got.header("content-type"), "application/vnd.apache.parquet");
    let left = in_json["expires_at"].as_i64().unwrap() - time::OffsetDateTime::now_utc().unix_timestamp();
    assert!((3500..=3600).contains(&left), "{left}");
    // HEAD describes the object itself.
    let head = async |more: &str| {
        app.ask("ann", "HEAD", &format!("/packages/presign/s3?dataset_id={dataset}&package_id={package}{more}"), None)
            .await
    };
    let said = head("").await;
    assert_eq!((said.status, said.header("content-length"), said.header("accept-ranges")), (200, "10", "bytes"));
    assert!(
        said.header("etag").starts_with('"') && said.header("last-modified").ends_with("GMT") && said.body.is_empty()
    );
    assert_eq!(head("&path=view/data.parquet").await.header("content-type"), "application/vnd.apache.parquet");
    assert_eq!(head("&path=view/other").await.status, 404);
    // Pages of every origin may read both responses, the redirect included.
    let headers = [("x-user-id", "ann"), ("x-org-id", LAB), ("origin", "https://page.example")];
    let url = format!("{}/packages/presign/s3?dataset_id={dataset}&package_id={package}", app.api());
    assert_eq!(app.send("GET", &url, &headers, Vec::new()).await.header("access-control-allow-origin"), "*");
    let other = app.dataset().await;
    for (query, status, word) in [
        (format!("package_id={package}"), 400, "dataset_id"),
        (format!("dataset_id={dataset}"), 400, "package_id"),
        (format!("dataset_id={dataset}&package_id="), 400, "package_id"),
        (format!("dataset_id={dataset}&package_id={folder}"), 400, "collection"),
        (format!("dataset_id={dataset}&package_id={folder}&path=a"), 400, "collection"),
        (format!("dataset_id={dataset}&package_id={package}&redirect=maybe"), 400, "redirect"),
        (format!("dataset_id={dataset}&package_id={package}&path=../x"), 400, "path"),
        (format!("dataset_id={dataset}&package_id={package}&path="), 400, "path"),
        (format!("dataset_id={dataset}&package_id={package}&package_id={package}"), 400, "twice"),
        (format!("dataset_id={other}&package_id={package}"), 404, "package"),
        (format!("dataset_id={dataset}&package_id=N:package:0"), 404, "package"),
        (format!("dataset_id=x&package_id={package}"), 404, "dataset"),
    ] {
        let refused = app.ask("ann", "GET", &format!("/packages/presign/s3?{query}"), None).await;
        assert_eq!(refused.status, status, "{query}: {}", refused.text());
        assert!(refused.text().contains(word), "{query}: {}", refused.text());
    }
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn signatures_open_one_asset_or_one_package() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let (one, two) = (app.package(&dataset, "one", None, b"1").await, app.package(&dataset, "two", None, b"2").await);
    for package in [&one, &two] {
        app.asset(&dataset, package, "view/data 1é.parquet", b"PAR1").await;
        app.asset(&dataset, package, "a*b.json", b"{}").await;
    }
    let get = async |url: &str| app.send("GET", url, &[], Vec::new()).await;
    let signed = app.signed(&dataset, &one, &format!("&path={}", encoded("view/data 1é.parquet"))).await;
    assert_eq!(signed.header("cache-control"), "no-store");
    let signed = signed.json();
    let url = signed["signed_url"].as_str().unwrap().to_owned();
    assert!(url.contains("/O") && url.contains("/view/data%201%C3%A9.parquet?Expires="), "{url}");
    assert!(signed["refresh_after"].as_i64().unwrap() < signed["expires_at"].as_i64().unwrap());
    let got = get(&url).await;
    assert_eq!((got.status, got.body.as_slice()), (200, &b"PAR1"[..]));
    // Capped by the grant; otherwise 30 days for Parquet, and one day for others.
    let kept: u64 = got.header("cache-control").rsplit_once("max-age=").unwrap().1.parse().unwrap();
    assert!((2600..=3600).contains(&kept), "{kept}");
    for (from, to) in [("data%201%C3%A9.parquet", "other.parquet"), ("/view/", "/../view/"), ("Expires=1", "Expires=2")]
    {
        assert_eq!(get(&url.replace(from, to)).await.status, 403, "{to}");
    }
    let starred = app.signed(&dataset, &one, "&path=a*b.json").await.json();
    let starred = starred["signed_url"].as_str().unwrap().to_owned();
    assert_eq!(get(&starred).await.status, 200);
    assert_eq!(get(&starred.replace("a%2Ab.json", "axb.json")).await.status, 403, "a star in a name is no wildcard");
    // One signature for all assets of a package, and nothing else.
    let answer = app.signed(&dataset, &one, "&scope=prefix").await;
    let prefix = answer.json();
    let text = |name: &str| prefix[name].as_str().unwrap().to_owned();
    let (base, query) = (text("base_url"), text("query"));
    assert_eq!(get(&format!("{base}a%2Ab.json?{query}")).await.status, 200);
    let cookies: Vec<String> =
        answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    assert!(cookies.iter().all(|line| line.contains("; Path=/O") && line.contains("HttpOnly")), "{cookies:?}");
    let pairs: Vec<&str> = cookies.iter().map(|line| line.split(';').next().unwrap()).collect();
    let cookie = pairs.join("; ");
    let by_cookie =
        app.send("GET", &format!("{base}view/data%201%C3%A9.parquet"), &[("cookie", &cookie)], Vec::new()).await;
    assert_eq!(by_cookie.status, 200);
    let other = app.signed(&dataset, &two, "&scope=prefix").await.json()["base_url"].as_str().unwrap().to_owned();
    assert_eq!(get(&format!("{other}a%2Ab.json?{query}")).await.status, 403);
    assert_eq!(app.send("GET", &format!("{other}a%2Ab.json"), &[("cookie", &cookie)], Vec::new()).await.status, 403);
    let source = app.presigned(&dataset, &one, "").await.header("location").to_owned();
    let key = source.split("/tidegate/").nth(1).unwrap().split('?').next().unwrap().to_owned();
    assert_eq!(get(&format!("{}/{key}?{query}", app.edge())).await.status, 403, "source files are served by nobody");
    for (path, status) in [
        ("", 400),
        ("&path=", 400),
        ("&path=/etc/passwd", 400),
        ("&path=..%2Fx", 400),
        ("&path=a%2F..%2Fx", 400),
        ("&path=%252e%252e%252fx", 400),
        ("&path=a%5Cb", 400),
        ("&path=a%00b", 400),
        ("&path=.", 400),
        ("&path=a%2F.", 400),
        ("&path=.hidden", 200),
        ("&scope=all", 400),
        ("&scope=prefix&path=view", 200),
        ("&scope=prefix&path=..%2Fx", 200),
        ("&path=bad%ff", 400),
        ("&path=nothing.there", 200),
    ] {
        assert_eq!(app.signed(&dataset, &one, path).await.status, status, "{path}");
    }
    app.run_jobs().await;
    app.finish().await;
}

/// Zarr (`.zgroup`, `.zarray`, `.zattrs`) has names that begin with a dot, and asks for many that do
/// not exist.
#[tokio::test]
async fn names_that_begin_with_a_dot_are_assets_and_missing_ones_are_missing() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "plate.zarr", None, b"src").await;
    for path in [".zgroup", ".zattrs", "0/.zarray", "0/c/.part/...", "0/0.0"] {
        let shown = app.asset(&dataset, &package, path, path.as_bytes()).await;
        assert_eq!((&shown["status"], &shown["path"]), (&json!("READY"), &json!(path)));
    }
    let prefix = app.signed(&dataset, &package, "&scope=prefix&path=.zgroup").await.json();
    let (base, query) = (prefix["base_url"].as_str().unwrap(), prefix["query"].as_str().unwrap());
    let get = async |path: &str, query: &str| app.send("GET", &format!("{base}{path}{query}"), &[], Vec::new()).await;
    for path in [".zgroup", ".zattrs", "0/.zarray", "0/c/.part/...", "0/0.0"] {
        let got = get(path, &format!("?{query}")).await;
        assert_eq!((got.status, got.body.as_slice()), (200, path.as_bytes()), "{path}");
        assert_eq!(get(path, "").await.status, 403, "{path} without a signature");
        let link = app.signed(&dataset, &package, &format!("&path={path}")).await.json();
        let got = app.send("GET", link["signed_url"].as_str().unwrap(), &[], Vec::new()).await;
        assert_eq!((got.status, got.body.as_slice()), (200, path.as_bytes()), "{path}");
        let at = app.presigned(&dataset, &package, &format!("&path={path}")).await.header("location").to_owned();
        assert_eq!(app.send("GET", &at, &[], Vec::new()).await.body, path.as_bytes());
    }
    for missing in [".zmetadata", "zarr.json", "0/.zattrs", ".zgroup.meta", "0/.meta", "1/c/0", "0"] {
        let got = get(missing, &format!("?{query}")).await;
        assert_eq!(got.status, 404, "{missing}");
        assert!(got.text().contains("NoSuchKey"), "{}", got.text());
        assert_eq!(get(missing, "").await.status, 403, "{missing}: nobody else learns what is missing");
    }
    for outside in ["../.zgroup", "./.zgroup", "0/../.zgroup", "%2e%2e/.zgroup", "0/%2e/.zarray", "0//.zarray"] {
        let raw_path = format!("{}{outside}?{query}", base.strip_prefix(&app.edge().to_string()).unwrap());
        let request = format!(
            "GET {raw_path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            app.edge().trim_start_matches("http://")
        );
        let answer = raw(app.edge_address(), request.as_bytes()).await;
        assert_eq!(raw_status(&answer), 403, "{outside}");
    }
    app.run_jobs().await;
    app.finish().await;
}

/// A manifest answers with what is there, as the source does, and names the rest.
#[tokio::test]
async fn a_manifest_lists_what_is_missing_beside_the_rest() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let other = app.dataset().await;
    let one = app.package(&dataset, "Brain.NII.GZ", None, b"1").await;
    let gone = app.package(&dataset, "gone", None, b"2").await;
    let foreign = app.package(&other, "foreign", None, b"3").await;
    app.deleted(&dataset, &[&gone]).await;
    let at = format!("/packages/download-manifest?dataset_id={dataset}");
    let ids = json!({ "nodeIds": ["N:package:0", one, gone, foreign, "no id", ""] });
    let manifest = app.ask("ann", "POST", &at, Some(&ids)).await;
    assert_eq!(manifest.status, 200, "{}", manifest.text());
    let manifest = manifest.json();
    assert_eq!(manifest["header"], json!({ "count": 1, "size": 1 }));
    assert_eq!(manifest["data"][0]["nodeId"], json!(one));
    assert_eq!(manifest["missing"], json!(["N:package:0", gone, foreign, "no id", ""]));
    let none = app.ask("ann", "POST", &at, Some(&json!({ "nodeIds": ["N:package:0"] }))).await.json();
    assert_eq!((&none["data"], &none["header"]["count"]), (&json!([]), &json!(0)));
    // Errors carry the source's `message` beside ours, whichever layer says them.
    for (path, status) in
        [("/packages/presign/s3", 400), ("/packages/nothing/at/all", 404), ("/packages/datasets/N:dataset:0", 404)]
    {
        let refused = app.ask("ann", "GET", path, None).await;
        let body = refused.json();
        assert_eq!(refused.status, status, "{body}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        assert_eq!((&body["message"], body.get("detail")), (&body["error"]["message"], None));
    }
    app.run_jobs().await;
    app.finish().await;
}

/// `é` is one character or two; names that look the same are the same.
#[tokio::test]
async fn both_spellings_of_a_name_are_one_name() {
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let first = app.package(&dataset, decomposed, None, b"1").await;
    assert_eq!(app.names(&dataset, None).await, [composed]);
    for name in [composed, decomposed] {
        let at = format!("/packages/collections?dataset_id={dataset}");
        let taken = app.ask("ann", "POST", &at, Some(&json!({ "name": name }))).await;
        assert_eq!(taken.refusal(), (409, "INVALID_STATE".into()), "{name:?}");
    }
    app.deleted(&dataset, &[&first]).await;
    app.collection(&dataset, composed, None).await;
    app.restored(&dataset, &[&first]).await;
    assert_eq!(app.names(&dataset, None).await, [composed.to_owned(), format!("{composed} (1)")]);
    // Nodes of an earlier version may have the other spelling. They keep it, and their place.
    let number = app.ask("ann", "GET", &format!("/packages/datasets/{dataset}"), None).await.json()["intId"].as_i64();
    let legacy = async |name: &str| {
        let id = NodeId::generate(NodeKind::Collection);
        let mut tx = app.app.db.begin().await.unwrap();
        let (dataset, kind) = (number.unwrap(), NodeKind::Collection);
        let new = NewNode { id: &id, dataset, parent: 0, kind, name, object: None, by: "ann" };
        assert!(tx.insert_node(new, app.app.db.now()).await.unwrap().is_some());
        tx.commit().await.unwrap();
        id.as_str().to_owned()
    };
    let old = legacy("nai\u{308}ve").await;
    for name in ["na\u{ef}ve", "nai\u{308}ve"] {
        let at = format!("/packages?dataset_id={dataset}");
        let taken = app.ask("ann", "POST", &at, Some(&json!({ "name": name }))).await;
        assert_eq!(taken.refusal(), (409, "INVALID_STATE".into()), "{name:?}");
    }
    app.deleted(&dataset, &[&old]).await;
    let new = app.collection(&dataset, "na\u{ef}ve", None).await;
    app.restored(&dataset, &[&old]).await;
    assert!(
        app.names(&dataset, None).await.contains(&"na\u{ef}ve (1)".to_owned()),
        "{:?}",
        app.names(&dataset, None).await
    );
    // And the other way round: the one that stayed is of the earlier version.
    app.deleted(&dataset, &[&new]).await;
    legacy("nai\u{308}ve").await;
    app.restored(&dataset, &[&new]).await;
    let names = app.names(&dataset, None).await;
    assert!(names.contains(&"nai\u{308}ve".to_owned()) && names.contains(&"na\u{ef}ve (2)".to_owned()), "{names:?}");
    // Below a restored collection, spellings are composed without a conflict.
    let folder = app.collection(&dataset, "folder", None).await;
    app.collection(&dataset, "\u{e9}t\u{e9}", Some(&folder)).await;
    app.deleted(&dataset, &[&folder]).await;
    app.restored(&dataset, &[&folder]).await;
    assert_eq!(app.names(&dataset, Some(&folder)).await, ["\u{e9}t\u{e9}"]);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn assets_come_and_go() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "p", None, b"src").await;
    let first = app.asset(&dataset, &package, "view/a.json", b"first").await;
    assert_eq!(
        (&first["status"], &first["path"], &first["contentType"]),
        (&json!("READY"), &json!("view/a.json"), &json!("application/json"))
    );
    app.asset(&dataset, &package, "view/b.png", b"second").await;
    assert_eq!(app.counted(&dataset).await, (3, 14));
    let at = |path: &str| format!("/packages/assets?dataset_id={dataset}&package_id={package}&path={path}");
    let list = async |more: &str| {
        app.ask("ann", "GET", &format!("/packages/assets?dataset_id={dataset}&package_id={package}{more}"), None)
            .await
            .json()
    };
    let paths = |page: &Value| -> Vec<String> {
        page["assets"].as_array().unwrap().iter().map(|asset| asset["path"].as_str().unwrap().to_owned()).collect()
    };
    let page = list("&limit=1").await;
    assert_eq!(paths(&page), ["view/a.json"]);
    assert_eq!(paths(&list(&format!("&cursor={}", page["nextCursor"].as_str().unwrap())).await), ["view/b.png"]);
    assert_eq!(paths(&list("&path=view/b.png").await), ["view/b.png"]);
    // One asset per path, and a path is either a name or a folder.
    let taken = app.ask("ann", "POST", &at("view/a.json"), Some(&json!({}))).await;
    assert_eq!(taken.refusal(), (409, "INVALID_STATE".into()));
    for path in ["view/a.json/x", "view"] {
        let taken = app.ask("ann", "POST", &at(path), Some(&json!({}))).await;
        assert_eq!(taken.refusal(), (409, "INVALID_STATE".into()), "{path}");
    }
    // The same if the conflict appears only on publishing.
    let begin = async |path: &str| app.ask("ann", "POST", &at(path), Some(&json!({}))).await.json();
    let (name, folder) = (begin("late").await, begin("late/x").await);
    for target in [&name, &folder] {
        app.put_to(target, b"late!!").await;
    }
    assert_eq!(app.confirmed(&folder["id"]).await["status"], "READY");
    let refused = app.confirmed(&name["id"]).await;
    assert_eq!(refused["status"], "REJECTED", "{refused}");
    // Two uploads to one path: the first is published, the other is refused.
    let (one, two) = (begin("view/c").await, begin("view/c").await);
    for (target, bytes) in [(&one, b"one"), (&two, b"two")] {
        app.put_to(target, bytes).await;
    }
    assert_eq!(app.confirmed(&two["id"]).await["status"], "READY");
    assert_eq!(app.confirmed(&one["id"]).await["status"], "REJECTED");
    // A deleted asset is gone at once, also for holders of a URL, and its path is free.
    let url =
        app.signed(&dataset, &package, "&path=view/a.json").await.json()["signed_url"].as_str().unwrap().to_owned();
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.body, b"first");
    assert_eq!(app.ask("ann", "DELETE", &at("view/a.json"), None).await.status, 204);
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.status, 404);
    assert_eq!(app.ask("ann", "DELETE", &at("view/a.json"), None).await.refusal(), (404, "NOT_FOUND".into()));
    let again = app.asset(&dataset, &package, "view/a.json", b"fourth!").await;
    assert_eq!(again["status"], "READY");
    app.run_jobs().await;
    assert_eq!(
        app.send("GET", &url, &[], Vec::new()).await.body,
        b"fourth!",
        "the job removes what was deleted, and no more"
    );
    assert_eq!(app.counted(&dataset).await, (5, 3 + 6 + 6 + 3 + 7));
    let folder = app.collection(&dataset, "c", None).await;
    let refused = app
        .ask(
            "ann",
            "POST",
            &format!("/packages/assets?dataset_id={dataset}&package_id={folder}&path=a"),
            Some(&json!({})),
        )
        .await;
    assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()));
    let pending = app.announced(&dataset, "later", None, b"x").await["nodeId"].as_str().unwrap().to_owned();
    let refused = app
        .ask(
            "ann",
            "POST",
            &format!("/packages/assets?dataset_id={dataset}&package_id={pending}&path=a"),
            Some(&json!({})),
        )
        .await;
    assert_eq!(refused.refusal(), (409, "INVALID_STATE".into()));
    for bad in ["a.meta", "a.meta/x", "%2E%2E/x", "a//b", "/a"] {
        assert_eq!(
            app.ask("ann", "POST", &at(bad), Some(&json!({}))).await.refusal(),
            (400, "BAD_REQUEST".into()),
            "{bad}"
        );
    }
    app.finish().await;
}

async fn tree(app: &TestApp, dataset: &str) -> (String, String, String, String) {
    let a = app.collection(dataset, "A", None).await;
    let b = app.collection(dataset, "B", Some(&a)).await;
    let one = app.package(dataset, "one", Some(&b), b"1").await;
    let two = app.package(dataset, "two", Some(&a), b"22").await;
    app.asset(dataset, &one, "view.json", b"{}").await;
    (a, b, one, two)
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_comes_back_whole() {
    for settings in [Vec::new(), bucket(&given("TEST_GARAGE_URL")).await] {
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let app = TestApp::with(&settings).await;
        let dataset = app.dataset().await;
        let (a, b, one, two) = tree(&app, &dataset).await;
        assert_eq!(app.counted(&dataset).await, (3, 5));
        let asset =
            app.signed(&dataset, &one, "&path=view.json").await.json()["signed_url"].as_str().unwrap().to_owned();
        let source = app.presigned(&dataset, &one, "").await.header("location").to_owned();
        let get = async |url: &str| app.send("GET", url, &[], Vec::new()).await.status;
        assert_eq!((get(&asset).await, get(&source).await), (200, 200));
        // A single package: when the response arrives, no URL opens it.
        assert_eq!(app.change("ann", "delete", &dataset, &[&one]).await["success"], json!([one]));
        assert_eq!((get(&asset).await, get(&source).await), (404, 404));
        assert_eq!(app.presigned(&dataset, &one, "").await.refusal(), (404, "NOT_FOUND".into()));
        assert_eq!(app.signed(&dataset, &one, "&path=view.json").await.refusal(), (404, "NOT_FOUND".into()));
        assert_eq!(app.counted(&dataset).await, (1, 2));
        assert_eq!(
            app.children(&dataset, &format!("&parent_id={b}&status=DELETED")).await,
            [("one".into(), "DELETED".into())]
        );
        app.run_jobs().await;
        app.restored(&dataset, &[&one]).await;
        assert_eq!((get(&asset).await, get(&source).await), (200, 200));
        assert_eq!(app.counted(&dataset).await, (3, 5));
        // A whole tree, including nodes that were deleted in it before.
        app.deleted(&dataset, &[&two]).await;
        app.deleted(&dataset, &[&a]).await;
        assert_eq!(app.names(&dataset, None).await, [""; 0]);
        assert_eq!((get(&asset).await, get(&source).await), (404, 404));
        assert_eq!(app.counted(&dataset).await, (0, 0));
        app.restored(&dataset, &[&a]).await;
        assert_eq!(app.names(&dataset, Some(&a)).await, ["B", "two"]);
        assert_eq!(app.names(&dataset, Some(&b)).await, ["one"]);
        assert_eq!(
            (app.source_of(&dataset, &one).await, app.source_of(&dataset, &two).await),
            (b"1".to_vec(), b"22".to_vec())
        );
        assert_eq!((get(&asset).await, app.counted(&dataset).await), (200, (3, 5)));
        // Restoring a leaf also restores the collections above it, and none of their other
        // children.
        app.deleted(&dataset, &[&a]).await;
        app.restored(&dataset, &[&one]).await;
        assert_eq!(app.names(&dataset, Some(&a)).await, ["B"]);
        assert_eq!(app.names(&dataset, Some(&b)).await, ["one"]);
        assert_eq!(
            app.children(&dataset, &format!("&parent_id={a}&status=DELETED")).await,
            [("two".into(), "DELETED".into())]
        );
        assert_eq!(app.counted(&dataset).await, (2, 3));
        app.restored(&dataset, &[&two]).await;
        assert_eq!(app.counted(&dataset).await, (3, 5));
        // Requested together, one is restored with the other.
        app.deleted(&dataset, &[&a]).await;
        app.restored(&dataset, &[&a, &one, &b]).await;
        assert_eq!(app.counted(&dataset).await, (3, 5));
        app.finish().await;
    }
}

#[tokio::test]
async fn names_are_free_after_a_delete_and_found_again_after_a_restore() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let mut all = Vec::new();
    for _ in 0..4 {
        let package = app.package(&dataset, "data", None, b"x").await;
        app.deleted(&dataset, &[&package]).await;
        all.push(package);
    }
    let there = app.package(&dataset, "data", None, b"y").await;
    app.restored(&dataset, &[&all[0]]).await;
    assert_eq!(app.names(&dataset, None).await, ["data", "data (1)"]);
    // Several at once, with one of the numbers taken.
    app.package(&dataset, "data (2)", None, b"z").await;
    app.restored(&dataset, &[&all[1], &all[2]]).await;
    assert_eq!(app.names(&dataset, None).await, ["data", "data (1)", "data (2)", "data (3)", "data (4)"]);
    let path = format!("/packages/changelog?dataset_id={dataset}&package_id={}", all[0]);
    let log = app.ask("ann", "GET", &path, None).await.json();
    let line = &log["changes"][0];
    assert_eq!(
        (&line["event"], &line["name"], &line["originalName"]),
        (&json!("RESTORE_PACKAGE"), &json!("data (1)"), &json!("data"))
    );
    let events: Vec<&str> =
        log["changes"].as_array().unwrap().iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["RESTORE_PACKAGE", "DELETE_PACKAGE", "CREATE_PACKAGE"]);
    // Of nodes restored together, the last deleted keeps the name.
    let folder = app.collection(&dataset, "F", None).await;
    let mut twins = Vec::new();
    for _ in 0..3 {
        let twin = app.package(&dataset, "twin", Some(&folder), b"t").await;
        app.deleted(&dataset, &[&twin]).await;
        twins.push(twin);
    }
    app.deleted(&dataset, &[&folder]).await;
    app.collection(&dataset, "F", None).await;
    app.restored(&dataset, &[&folder]).await;
    assert_eq!(app.names(&dataset, Some(&folder)).await, ["twin", "twin (1)", "twin (2)"]);
    let last = app.ask("ann", "GET", &format!("/packages/{}", twins[2]), None).await.json();
    assert_eq!(last["name"], "twin");
    assert!(app.names(&dataset, None).await.contains(&"F (1)".to_owned()));
    // A long name is cut.
    let long = "é".repeat(127);
    let first = app.package(&dataset, &long, None, b"l").await;
    app.deleted(&dataset, &[&first]).await;
    app.package(&dataset, &long, None, b"l").await;
    app.restored(&dataset, &[&first]).await;
    let name =
        app.ask("ann", "GET", &format!("/packages/{first}"), None).await.json()["name"].as_str().unwrap().to_owned();
    assert!(name.ends_with(" (1)") && name.len() <= 255, "{name}");
    assert_eq!(app.source_of(&dataset, &there).await, b"y");
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn what_can_t_be_done_is_said_and_keeps_no_others() {
    let app = TestApp::start().await;
    let (dataset, other) = (app.dataset().await, app.dataset().await);
    let (a, _, one, _) = tree(&app, &dataset).await;
    let foreign = app.package(&other, "foreign", None, b"f").await;
    let pending = app.announced(&dataset, "pending", None, b"p").await;
    let waiting = pending["nodeId"].as_str().unwrap();
    let refused = |answer: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        answer["failures"].as_array().unwrap().iter().map(|one| (text(&one["id"]), text(&one["error"]))).collect()
    };
    let not_found = |id: &str| (id.to_owned(), "not found".to_owned());
    let ids = ["N:package:0", "x", &foreign, &one, waiting, &one];
    let answer = app.change("ann", "delete", &dataset, &ids).await;
    assert_eq!(answer["success"], json!([one, waiting]));
    let already = (one.clone(), "it is deleted already".to_owned());
    assert_eq!(refused(&answer), [not_found("N:package:0"), not_found("x"), not_found(&foreign), already]);
    // An upload that never arrived is purged, and accepts no more bytes.
    let late = app
        .send(
            "PUT",
            pending["uploadUrl"].as_str().unwrap(),
            &[("content-type", "application/octet-stream")],
            b"p".to_vec(),
        )
        .await;
    assert_eq!(late.status, 403);
    let confirm = app.ask("ann", "POST", &format!("/packages/{waiting}/confirm"), None).await;
    assert_eq!(confirm.refusal(), (404, "NOT_FOUND".into()));
    app.run_jobs().await;
    let answer = app.change("ann", "restore", &dataset, &["N:package:0", &foreign, &a, waiting, &one, &one]).await;
    assert_eq!(answer["success"], json!([one, one]), "asked twice, it comes once");
    let there = (a.clone(), "it is not deleted".to_owned());
    assert_eq!(refused(&answer), [not_found("N:package:0"), not_found(&foreign), there, not_found(waiting)]);
    let again = app.change("ann", "restore", &dataset, &[&one]).await;
    assert_eq!(refused(&again), [(one.clone(), "it is being restored already".to_owned())]);
    app.run_jobs().await;
    let again = app.change("ann", "restore", &dataset, &[&one]).await;
    assert_eq!(refused(&again), [(one.clone(), "it is not deleted".to_owned())]);
    assert_eq!(app.counted(&dataset).await, (3, 5));
    for body in [
        json!({}),
        json!({ "nodeIds": [] }),
        json!({ "nodeIds": vec!["x"; 1001] }),
        json!({ "nodeIds": "x" }),
        json!([]),
    ] {
        for (method, path) in
            [("POST", "/packages/restore"), ("DELETE", "/packages"), ("POST", "/packages/download-manifest")]
        {
            let refused = app.ask("ann", method, &format!("{path}?dataset_id={dataset}"), Some(&body)).await;
            assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()), "{method} {path} {body}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn restores_that_meet_leave_one_tree() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let (a, b, one, two) = tree(&app, &dataset).await;
    for round in 0..6 {
        app.deleted(&dataset, &[&a]).await;
        // The restore of a child is accepted and not done yet when that of its ancestor arrives; or
        // both at once.
        if round % 2 == 0 {
            assert_eq!(app.change("ann", "restore", &dataset, &[&one]).await["success"], json!([one]));
            let answer = app.change("ann", "restore", &dataset, &[&a]).await;
            assert_eq!(answer["failures"][0]["error"], "it is being restored already", "{answer}");
            app.run_jobs().await;
            assert_eq!(app.change("ann", "restore", &dataset, &[&two]).await["success"], json!([two]));
        } else {
            let (first, second, third) = ([one.as_str()], [b.as_str()], [two.as_str()]);
            let _ = tokio::join!(
                app.change("ann", "restore", &dataset, &first),
                app.change("ann", "restore", &dataset, &second),
                app.change("ann", "restore", &dataset, &third),
                app.run_jobs(),
            );
        }
        app.run_jobs().await;
        assert_eq!(app.names(&dataset, None).await, ["A"], "round {round}");
        assert_eq!(app.names(&dataset, Some(&a)).await, ["B", "two"], "round {round}");
        assert_eq!(app.names(&dataset, Some(&b)).await, ["one"], "round {round}");
        assert_eq!(app.counted(&dataset).await, (3, 5), "round {round}");
    }
    // Deleted again before its restore was done.
    app.deleted(&dataset, &[&a]).await;
    assert_eq!(app.change("ann", "restore", &dataset, &[&a]).await["success"], json!([a]));
    assert_eq!(app.change("ann", "delete", &dataset, &[&a]).await["success"], json!([a]));
    app.run_jobs().await;
    assert_eq!((app.names(&dataset, None).await, app.counted(&dataset).await), (Vec::new(), (0, 0)));
    app.restored(&dataset, &[&a]).await;
    assert_eq!(app.source_of(&dataset, &one).await, b"1");
    app.finish().await;
}

#[tokio::test]
async fn what_is_lost_stays_deleted_and_keeps_no_others() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let (a, _, one, two) = tree(&app, &dataset).await;
    app.asset(&dataset, &two, "gone.json", b"asset").await;
    app.deleted(&dataset, &[&a]).await;
    let lost = |part: &str| {
        let found = app.files().into_iter().find(|file| file.contains(part) && !file.ends_with(".meta")).unwrap();
        std::fs::remove_file(app.folder.path().join("store").join(found)).unwrap();
    };
    let number = |shown: &Value| shown["intId"].as_i64().unwrap();
    let one_number = number(&app.ask("ann", "GET", &format!("/packages/{one}"), None).await.json());
    lost(&format!("/{one_number}/"));
    lost("gone.json");
    app.restored(&dataset, &[&a]).await;
    assert_eq!(app.source_of(&dataset, &two).await, b"22");
    let shown = app.ask("ann", "GET", &format!("/packages/{one}"), None).await.json();
    assert_eq!((&shown["status"], &shown["reason"]), (&json!("DELETED"), &json!("its bytes are lost")), "{shown}");
    let log =
        app.ask("ann", "GET", &format!("/packages/changelog?dataset_id={dataset}&package_id={one}"), None).await.json();
    assert_eq!(log["changes"][0]["event"], "RESTORE_FAILED");
    assert_eq!(app.counted(&dataset).await, (1, 2));
    let url = app.signed(&dataset, &two, "&path=gone.json").await.json()["signed_url"].as_str().unwrap().to_owned();
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.status, 404);
    assert!(app.files().iter().all(|file| !file.starts_with('O')), "the asset of what stays deleted is not served");
    assert_eq!(app.asset(&dataset, &two, "gone.json", b"again").await["status"], "READY", "its path is free");
    app.finish().await;
}

#[tokio::test]
async fn after_its_retention_nothing_comes_back() {
    let app = TestApp::with(&[("RETENTION_DAYS", "0"), ("SWEEP_INTERVAL_SECONDS", "1")]).await;
    let dataset = app.dataset().await;
    let (a, b, one, _) = tree(&app, &dataset).await;
    app.deleted(&dataset, &[&a]).await;
    let answer = app.change("ann", "restore", &dataset, &[&a, &b, &one]).await;
    assert_eq!(answer["success"], json!([]), "{answer}");
    let mut tx = app.app.db.begin().await.unwrap();
    enqueue(&mut tx, &Job::SweepV1, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_jobs().await;
    assert!(app.files().iter().all(|file| file.starts_with('.') && file.split('/').count() < 2), "{:?}", app.files());
    assert_eq!(app.children(&dataset, "&status=DELETED").await, []);
    assert_eq!(app.ask("ann", "GET", &format!("/packages/{one}"), None).await.status, 404);
    let log = app.ask("ann", "GET", &format!("/packages/changelog?dataset_id={dataset}"), None).await.json();
    assert_eq!(log["changes"][0]["event"], "PURGE_PACKAGE");
    app.finish().await;
}

/// Creates collections nested to this depth.
async fn deep(app: &TestApp, dataset: &str, levels: usize) -> (NodeId, NodeId) {
    let dataset = app.app.db.find_dataset(&DatasetId::parse(dataset).unwrap(), None).await.unwrap().unwrap();
    let mut tx = app.app.db.begin().await.unwrap();
    let (mut parent, mut first, mut last) = (0, None, None);
    for _ in 0..levels {
        let id = NodeId::generate(NodeKind::Collection);
        let new = tidegate::db::NewNode {
            id: &id,
            dataset: dataset.number,
            parent,
            kind: NodeKind::Collection,
            name: "deeper",
            object: None,
            by: "ann",
        };
        parent = tx.insert_node(new, app.app.db.now()).await.unwrap().unwrap();
        first.get_or_insert_with(|| id.clone());
        last = Some(id);
    }
    tx.commit().await.unwrap();
    (first.unwrap(), last.unwrap())
}

#[tokio::test]
async fn trees_of_ten_thousand_levels() {
    // PostgreSQL may scan all nodes for each level, which is slow beside other tests.
    let app = TestApp::with(&[("DATABASE_TIMEOUT_SECONDS", "300"), ("REQUEST_TIMEOUT_SECONDS", "600")]).await;
    let dataset = app.dataset().await;
    let (top, bottom) = deep(&app, &dataset, 10_000).await;
    services::analyze(&app).await;
    let leaf = app.package(&dataset, "leaf", Some(bottom.as_str()), b"deep").await;
    let ids = json!({ "nodeIds": [top.as_str()] });
    let manifest =
        app.ask("ann", "POST", &format!("/packages/download-manifest?dataset_id={dataset}"), Some(&ids)).await;
    assert_eq!(manifest.json()["data"][0]["path"].as_array().map(Vec::len), Some(10_000), "{}", manifest.status);
    app.deleted(&dataset, &[top.as_str()]).await;
    assert_eq!(app.names(&dataset, None).await, [""; 0]);
    app.restored(&dataset, &[&leaf]).await;
    assert_eq!(app.source_of(&dataset, &leaf).await, b"deep");
    app.deleted(&dataset, &[top.as_str()]).await;
    app.restored(&dataset, &[top.as_str()]).await;
    assert_eq!(app.source_of(&dataset, &leaf).await, b"deep");
    app.finish().await;
}

#[tokio::test]
async fn no_tree_leads_back_to_itself() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let found = app.app.db.find_dataset(&DatasetId::parse(&dataset).unwrap(), None).await.unwrap().unwrap();
    let id = NodeId::generate(NodeKind::Collection);
    let mut tx = app.app.db.begin().await.unwrap();
    // A parent that is created later.
    let new = tidegate::db::NewNode {
        id: &id,
        dataset: found.number,
        parent: 1_000_000,
        kind: NodeKind::Collection,
        name: "x",
        object: None,
        by: "ann",
    };
    assert!(tx.insert_node(new, app.app.db.now()).await.is_err());
    drop(tx);
    app.finish().await;
}

#[tokio::test]
async fn the_proxy_sends_on_what_leads_to_a_known_bucket() {
    let app = TestApp::with(&[("PROXY_ALLOWED_BUCKETS", "my-bucket, my.dotted.bucket")]).await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "p", None, b"0123456789").await;
    let own = app.presigned(&dataset, &package, "").await.header("location").to_owned();
    let ask = async |method: &str, query: &str| {
        let url = format!("{}/packages/proxy/s3?{query}", app.api());
        app.send(method, &url, &[("origin", "https://page.example")], Vec::new()).await
    };
    let whole = format!("presigned_url={}", encoded(&own));
    let to = ask("GET", &whole).await;
    assert_eq!((to.status, to.header("location"), to.header("access-control-allow-origin")), (307, own.as_str(), "*"));
    assert_eq!((to.header("referrer-policy"), to.header("cache-control")), ("no-referrer", "no-store"));
    // As clients send it without encoding.
    let bare = ask("GET", &format!("presigned_url={own}")).await;
    assert_eq!((bare.status, bare.header("location")), (307, own.as_str()), "{}", bare.text());
    let head = ask("HEAD", &whole).await;
    assert_eq!((head.status, head.header("content-length"), head.header("accept-ranges")), (200, "10", "bytes"));
    assert!(
        head.header("etag").starts_with('"') && head.header("access-control-expose-headers").contains("content-length")
    );
    // The request uses that URL, not the server's own credentials.
    let forged = format!("{}{}", &own[..own.len() - 4], "0000");
    assert_eq!(ask("HEAD", &format!("presigned_url={}", encoded(&forged))).await.status, 403);
    let elsewhere = own.replace("/packages/", "/packages/9");
    assert_eq!(ask("HEAD", &format!("presigned_url={}", encoded(&elsewhere))).await.status, 403);
    app.deleted(&dataset, &[&package]).await;
    assert_eq!(ask("HEAD", &whole).await.status, 404);
    let preflight = app
        .send(
            "OPTIONS",
            &format!("{}/packages/proxy/s3?{whole}", app.api()),
            &[
                ("origin", "https://page.example"),
                ("access-control-request-method", "GET"),
                ("access-control-request-headers", "range"),
            ],
            Vec::new(),
        )
        .await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-headers")), (204, "range"));
    assert_eq!(ask("OPTIONS", &whole).await.status, 204);
    let url = format!("{}/packages/proxy/s3?{whole}", app.api());
    assert_eq!(app.send("POST", &url, &[], Vec::new()).await.status, 405);
    // A URL to another host gets neither a redirect nor a response from there.
    let now = time::OffsetDateTime::now_utc();
    let day = format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day());
    let instant = format!("{day}T{:02}{:02}{:02}Z", now.hour(), now.minute(), now.second());
    let signed = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F{day}%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date={instant}&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
        "0".repeat(64)
    );
    let vectors: Value = serde_json::from_str(include_str!("../fixtures/s3-host-vectors.json")).unwrap();
    for case in vectors["parse"].as_array().unwrap() {
        let url = format!("{}?{signed}", case["url"].as_str().unwrap());
        let answer = ask("GET", &format!("presigned_url={}", encoded(&url))).await;
        let known = ["my-bucket", "my.dotted.bucket"].contains(&case["bucket"].as_str().unwrap());
        assert_eq!(answer.status, if known { 307 } else { 400 }, "{url}: {}", answer.text());
        assert_eq!(answer.headers.contains_key("location"), known, "{url}");
    }
    for refused in vectors["refuse"].as_array().unwrap() {
        let refused = refused.as_str().unwrap();
        let url = if refused.contains("  (") {
            refused.split("  (").next().unwrap().to_owned()
        } else {
            format!("{refused}?{signed}")
        };
        for method in ["GET", "HEAD"] {
            let answer = ask(method, &format!("presigned_url={}", encoded(&url))).await;
            assert_eq!((answer.status, answer.headers.contains_key("location")), (400, false), "{method} {url}");
        }
    }
    for query in ["", "presigned_url=", "other=1", &format!("{whole}&{whole}"), &format!("{whole}&dataset_id=x")] {
        assert_eq!(ask("GET", query).await.refusal(), (400, "BAD_REQUEST".into()), "{query}");
    }
    let local = format!("https://tidegate.s3.amazonaws.com/k?{signed}");
    let answer = ask("GET", &format!("presigned_url={}", encoded(&local))).await;
    assert_eq!(answer.status, 400, "the name of the local store is not ours on AWS");
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn another_key_signs_once_every_edge_knows_it() {
    let app = TestApp::with(&[("EDGE_KEYS_REFRESH_SECONDS", "1")]).await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "p", None, b"x").await;
    app.asset(&dataset, &package, "a", b"asset").await;
    let sign =
        async || app.signed(&dataset, &package, "&path=a").await.json()["signed_url"].as_str().unwrap().to_owned();
    let get = async |url: &str| app.send("GET", url, &[], Vec::new()).await.status;
    let first = sign().await;
    let before = app.app.signing_key.signer().key_pair_id().to_owned();
    let folder = app.folder.path().join("keys/cloudfront");
    let (id, _) = tidegate::config::secrets::generate_pair(&folder, sign::KeyKind::P256).unwrap();
    assert!(sign().await.contains(&before), "not at once");
    let changed = async {
        while app.app.signing_key.signer().key_pair_id() != id {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), changed).await.unwrap();
    let second = sign().await;
    assert!(second.contains(&id) && !second.contains(&before), "{second}");
    assert_eq!((get(&first).await, get(&second).await), (200, 200), "both are good while both are there");
    for ending in [".pem", ".pub.pem"] {
        std::fs::remove_file(folder.join(format!("{before}{ending}"))).unwrap();
    }
    let forgotten = async {
        while get(&first).await == 200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), forgotten).await.unwrap();
    assert_eq!((get(&first).await, get(&second).await), (403, 200));
    app.run_jobs().await;
    app.finish().await;
}

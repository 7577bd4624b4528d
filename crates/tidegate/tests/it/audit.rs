//! The audit log: every change and every refusal is recorded, shown only to callers who may see it,
//! and never changed.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tidegate::model::caller::Caller;
use tidegate::model::event::{AuditAction, NewEvent};
use tidegate::model::principal::Principal;
use tidegate::queue::{self, Job};

use crate::support::{Answer, TestApp, user};

async fn events(app: &TestApp, headers: &[(&str, &str)], query: &str) -> Answer {
    app.send("GET", &format!("{}/v1/audit{query}", app.api()), headers, Vec::new()).await
}

/// Returns action, actor and outcome of each event, newest first.
fn told(answer: &Answer) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |event: &Value| {
        format!("{} {} {}", text(&event["action"]), text(&event["actor"]["name"]), text(&event["outcome"]))
    };
    answer.json()["events"].as_array().unwrap_or_else(|| panic!("{}", answer.text())).iter().map(line).collect()
}

#[tokio::test]
async fn changes_and_refusals_are_told_to_whom_they_concern() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let (aborted, _) = app.begin("alice", &json!({})).await;
    app.post("alice", &format!("/v1/images/{aborted}/abort"), &json!({})).await;
    let range = format!("{}/v1/images/{image}/range", app.api());
    let bob = [("x-user-id", "bob"), ("x-request-id", "bobs-request-1")];
    assert_eq!(app.send("GET", &range, &bob, Vec::new()).await.status, 403);
    app.delete("alice", &format!("/v1/images/{image}")).await;
    app.run_jobs().await;
    let alice = [("x-user-id", "alice")];
    let about = format!("?object={image}");
    let expected = [
        "object.purged system done",
        "object.deleted alice done",
        "read bob refused",
        "upload.completed alice done",
        "upload.begun alice done",
    ];
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while told(&events(&app, &alice, &about).await) != expected {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", told(&events(&app, &alice, &about).await));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all = events(&app, &alice, "").await;
    assert_eq!(told(&all).len(), 7, "{}", all.text());
    assert!(told(&all).contains(&"upload.aborted alice done".to_owned()));
    let of_bob = events(&app, &alice, &about).await.json()["events"][2].clone();
    assert_eq!((&of_bob["requestId"], &of_bob["address"]), (&json!("bobs-request-1"), &Value::Null));
    assert_eq!(of_bob["owner"], json!({ "kind": "disks", "id": "alice" }));
    let admin = [("x-user-id", "root"), ("x-roles", "viewer, admin")];
    let seen = events(&app, &admin, &about).await.json()["events"][2].clone();
    assert_eq!(seen["address"], "127.0.0.1");
    assert_eq!(told(&events(&app, &admin, "").await).len(), 7, "everybody's");
    assert_eq!(told(&events(&app, &admin, "?owner=alice").await).len(), 7);
    assert_eq!(told(&events(&app, &admin, "?owner=bob").await).len(), 0);
    for (query, status) in [(about.as_str(), 403), ("?owner=alice", 403), ("", 200), ("?owner=bob", 200)] {
        assert_eq!(events(&app, &[("x-user-id", "bob")], query).await.status, status, "{query}");
    }
    assert_eq!(events(&app, &[], "").await.status, 401);
    let unknown = format!("?object={}", uuid::Uuid::new_v4());
    assert_eq!(events(&app, &alice, &unknown).await.refusal().0, 404);
    assert_eq!(
        app.delete("root", &format!("/v1/images/{image}")).await.refusal().0,
        403,
        "an admin sees, and that is all"
    );
    app.finish().await;
}

#[tokio::test]
async fn pages_and_times() {
    let app = TestApp::start().await;
    let (caller, owner) = user("alice");
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    let mut tx = app.app.db.begin().await.unwrap();
    for second in 0..25 {
        let event = NewEvent {
            at: at(second),
            caller: caller.clone(),
            action: AuditAction::ObjectDeleted,
            owner: Some(owner.clone()),
            object: None,
        };
        tx.record_event(&event).await.unwrap();
    }
    tx.commit().await.unwrap();
    let alice = [("x-user-id", "alice")];
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = events(&app, &alice, &format!("?limit=10{cursor}")).await.json();
        seen.extend(page["events"].as_array().unwrap().iter().map(|event| event["at"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice: {seen:?}");
    let between = "?since=2023-11-14T22:13:30Z&until=2023-11-14T23:13:35%2B01:00";
    let between = events(&app, &alice, between).await.json();
    assert_eq!(between["events"].as_array().unwrap().len(), 5, "from :30 on and before :35");
    for bad in [
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?since=yesterday",
        "?until=1",
        "?cursor=x",
        "?object=x",
        "?owner=",
        "?what=x",
    ] {
        assert_eq!(events(&app, &alice, bad).await.refusal().0, 400, "{bad}");
    }
    app.finish().await;
}

#[tokio::test]
async fn events_are_never_changed_and_forgotten_when_their_time_is_over() {
    let app = TestApp::with(&[("AUDIT_RETENTION_DAYS", "1")]).await;
    let now = SystemTime::now();
    let mut tx = app.app.db.begin().await.unwrap();
    for hours in [0, 23, 25, 500] {
        let at = now - Duration::from_secs(hours * 3600);
        let caller = Caller::from(Principal::System);
        tx.record_event(&NewEvent { at, caller, action: AuditAction::TokenIssued, owner: None, object: None })
            .await
            .unwrap();
    }
    queue::enqueue(&mut tx, &Job::SweepV1, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_jobs().await;
    let admin = [("x-user-id", "root"), ("x-roles", "admin")];
    assert_eq!(told(&events(&app, &admin, "").await).len(), 2);
    let change = "UPDATE audit_events SET outcome = 'done'";
    let refused = match &app.app.config.database {
        tidegate::db::Database::Sqlite(path) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
            sqlx::query(change).execute(&mut connection).await.unwrap_err().to_string()
        }
        tidegate::db::Database::Postgres { .. } => {
            let url = crate::support::services::database(app.folder.path()).await;
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
            sqlx::query(change).execute(&mut connection).await.unwrap_err().to_string()
        }
    };
    assert!(refused.contains("audit events are never changed"), "{refused}");
    app.finish().await;
}

/// A rolled-back change leaves no event, and a change whose event cannot be written is rolled back.
#[tokio::test]
async fn a_change_and_its_event_are_one() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let id = tidegate::model::ids::ObjectId::parse(&image).unwrap();
    let (caller, _) = user("alice");
    let mut tx = app.app.db.begin().await.unwrap();
    tx.record(&caller, AuditAction::ObjectDeleted, id, SystemTime::now()).await.unwrap();
    drop(tx);
    let alice = [("x-user-id", "alice")];
    assert_eq!(told(&events(&app, &alice, "").await).len(), 2);
    assert_eq!(app.delete("alice", &format!("/v1/images/{image}")).await.status, 204);
    assert_eq!(app.delete("alice", &format!("/v1/images/{image}")).await.status, 404);
    app.run_jobs().await;
    let told = told(&events(&app, &alice, "").await);
    assert_eq!(told.iter().filter(|line| line.starts_with("object.deleted")).count(), 1, "{told:?}");
    app.finish().await;
}

#[tokio::test]
async fn events_are_filtered_by_actor_action_outcome_and_kind() {
    let app = TestApp::start().await;
    app.image("ann", b"bytes").await;
    app.post(
        "bob",
        "/v1/files/init",
        &json!({ "mode": "single", "files": [{ "name": "a.txt", "size": 1 }], "folder": "" }),
    )
    .await;
    let admin = [("x-user-id", "root"), ("x-roles", "admin")];
    let all = events(&app, &admin, "").await;
    assert_eq!(told(&all), ["upload.begun bob done", "upload.completed ann done", "upload.begun ann done"]);
    // A refusal is written a moment later.
    assert_eq!(app.get("bob", "/v1/jobs").await.status, 403);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while told(&events(&app, &admin, "?outcome=refused").await) != ["operate bob refused"] {
        assert!(tokio::time::Instant::now() < deadline, "the refusal is not there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (query, expected) in [
        ("?action=upload.completed", vec!["upload.completed ann done"]),
        ("?action=upload.begun&kind=files", vec!["upload.begun bob done"]),
        ("?action=upload.begun&actor=ann", vec!["upload.begun ann done"]),
        ("?actor=bob", vec!["operate bob refused", "upload.begun bob done"]),
        ("?actor=bob&outcome=done", vec!["upload.begun bob done"]),
        ("?outcome=refused&actor=ann", vec![]),
        ("?kind=disks", vec!["upload.completed ann done", "upload.begun ann done"]),
        ("?kind=disks&owner=ann&action=upload.begun", vec!["upload.begun ann done"]),
        ("?kind=session", vec![]),
        ("?action=no.such.action", vec![]),
        ("?actor=ann%27%20OR%201%3D1%20--", vec![]),
    ] {
        assert_eq!(told(&events(&app, &admin, query).await), expected, "{query}");
    }
    // Others filter what they may see, and nothing else.
    let bob = [("x-user-id", "bob")];
    assert_eq!(told(&events(&app, &bob, "?kind=files&action=upload.begun").await), ["upload.begun bob done"]);
    assert_eq!(told(&events(&app, &bob, "?actor=ann").await), [""; 0]);
    assert_eq!(events(&app, &bob, "?kind=session").await.refusal().0, 400);
    assert_eq!(events(&app, &[], "?kind=session").await.status, 401);
    for bad in ["?outcome=x", "?outcome=", "?action=", "?actor=", "?actor=a%00b", "?kind=user", "?action=a%0Ab"] {
        assert_eq!(events(&app, &admin, bad).await.refusal().0, 400, "{bad}");
    }
    app.run_jobs().await;
    app.stop().await;
}

/// A filter that few events match reads so many events and no more, and says where it goes on.
#[tokio::test]
async fn a_rare_event_is_found_page_by_page() {
    let app = TestApp::start().await;
    let (caller, owner) = user("ann");
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    let mut tx = app.app.db.begin().await.unwrap();
    let rare = NewEvent {
        at: at(0),
        caller: caller.clone(),
        action: AuditAction::SpaceCreated,
        owner: Some(tidegate::model::owner::Owner::Space(tidegate::model::ids::SpaceId::generate())),
        object: None,
    };
    tx.record_event(&rare).await.unwrap();
    let objects: Vec<_> = (0..10_500).map(|_| tidegate::model::ids::ObjectId(uuid::Uuid::new_v4())).collect();
    tx.record_all(&caller, AuditAction::ObjectDeleted, &owner, &objects, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let admin = [("x-user-id", "root"), ("x-roles", "admin")];
    let first = events(&app, &admin, "?kind=space").await.json();
    assert_eq!(first["events"], json!([]), "10,000 events do not match");
    let second = events(&app, &admin, &format!("?kind=space&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!(told(&second), ["space.created ann done"]);
    assert_eq!(second.json().get("nextCursor"), None);
    // An index finds it at once.
    let found = events(&app, &admin, "?action=space.created&kind=space").await;
    assert_eq!((told(&found), found.json().get("nextCursor")), (vec!["space.created ann done".to_owned()], None));
    // A page that is full goes on after its last event, and all pages together have each event once.
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = events(&app, &admin, &format!("?kind=disks&outcome=done&limit=1000{cursor}")).await.json();
        seen += page["events"].as_array().unwrap().len();
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 10_500);
    app.stop().await;
}

//! Archived objects on a real bucket with archives (ministack): what reads and grants answer, who may
//! have them thawed, how the end of a thaw is told, and that nothing is lost by deletes and restores.
//! ministack thaws within two seconds, whatever the tier, and has no Intelligent-Tiering.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};
use store::{Deletion, ThawTier};
use tidegate::db::ThawReservation;
use tidegate::error::archived::ArchiveState;
use tidegate::model::caller::Caller;
use tidegate::model::ids::{ObjectId, OrgId, SessionId, SpaceId, UserId};
use tidegate::model::micros;
use tidegate::model::owner::Owner;
use tidegate::model::principal::{Principal, Roles};
use tidegate::queue::{self, Job};
use tidegate::surfaces;
use tidegate::worker::runner;

use crate::support::services::{Archive, archiving_bucket};
use crate::support::sessions::{SESSION, photo, scanner};
use crate::support::{Answer, TestApp, files, pattern};

/// A server over a bucket with archives.
async fn server(versioned: bool, more: &[(&str, &str)]) -> (TestApp, Archive) {
    let (settings, archive) = archiving_bucket(versioned).await;
    let mut settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // 0 days: the store is asked about every object.
    settings.push(("ARCHIVE_AFTER_DAYS", "0"));
    settings.extend(more);
    (TestApp::with(&settings).await, archive)
}

/// The status, the code and the archive's state of a refusal.
fn refused(answer: &Answer) -> (u16, String, String) {
    let error = answer.json()["error"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
    assert!(!text(&error["message"]).is_empty());
    (answer.status, text(&error["code"]), text(&error["archive"]["state"]))
}

fn archived() -> (u16, String, String) {
    (409, "ARCHIVED".into(), "ARCHIVED".into())
}

/// Runs the jobs that look at thaws until `is_thawed` says so. The server's clock is moved on; the
/// bucket has a clock of its own.
async fn until_thawed(app: &TestApp, mut is_thawed: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_thawed().await {
        assert!(Instant::now() < deadline, "it does not thaw");
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.app.db.clock().advance(Duration::from_secs(2));
        app.run_jobs().await;
    }
}

/// Lets the server ask the store about an object that it has seen readable a moment ago.
fn forget(app: &TestApp, id: &str) {
    app.app.archive_states.forget(ObjectId::parse(id).unwrap());
}

/// What the list of Alice's images shows of an image's archive.
async fn listed(app: &TestApp, image: &str) -> Value {
    let listed = app.get("alice", "/v1/images").await.json();
    let mut images = listed["images"].as_array().unwrap().iter();
    images.find(|shown| shown["imageId"] == image).unwrap()["archive"].clone()
}

/// Returns the key of an object's bytes.
async fn key_of(app: &TestApp, owner: &Owner, id: &str) -> String {
    let object = app.app.db.find_object(owner, ObjectId::parse(id).unwrap()).await.unwrap().unwrap();
    object.key.as_str().to_owned()
}

/// Has the bucket thaw an object, past the server.
async fn thaw_in_bucket(app: &TestApp, key: &str) {
    let state = app.app.store.thaw(key, 2, ThawTier::Standard).await.unwrap();
    assert!(matches!(state, ArchiveState::Thawing | ArchiveState::Thawed { .. }), "{state:?}");
}

/// Returns whether a job waits under its deduplication name.
async fn waits(app: &TestApp, name: &str) -> bool {
    app.app.db.is_job_waiting(name).await.unwrap()
}

/// Returns the names of the jobs that wait for their time, and after how long all of them are due.
async fn waiting(app: &TestApp) -> (BTreeSet<&'static str>, Duration) {
    let (wait, lease, mut names) = (Duration::from_secs(7 * 86_400), Duration::from_secs(1), BTreeSet::new());
    while let Some(job) = runner::claim(&app.app, None, app.app.db.now() + wait, lease).await.unwrap() {
        names.insert(serde_json::from_str::<Job>(&job.payload).unwrap().name());
    }
    (names, wait + 2 * lease)
}

fn person(name: &str, org: &str) -> Caller {
    let (id, org) = (UserId::parse(name).unwrap(), Some(OrgId::parse(org).unwrap()));
    Principal::User { id, org, roles: Roles::default() }.into()
}

#[tokio::test]
async fn an_archived_disk_image_is_refused_thawed_and_read_again() {
    let (app, archive) = server(false, &[]).await;
    let bytes = pattern(1, 100_000);
    let (image, other) = (app.image("alice", &bytes).await, app.image("alice", b"other").await);
    let path = |what: &str| format!("/v1/images/{image}/{what}");
    // A grant of before opens nothing any more. The edge answers as S3 does behind CloudFront.
    let (stream, cookies) = app.stream("alice", &other).await;
    assert_eq!(archive.archive("images/").await, 2);
    let edge = app.send("GET", &stream, &[("cookie", cookies.as_str())], Vec::new()).await;
    assert!(edge.status == 403 && edge.text().contains("<Code>InvalidObjectState</Code>"), "{}", edge.text());

    for what in ["range", "stream-url"] {
        assert_eq!(refused(&app.get("alice", &path(what)).await), archived(), "{what}");
    }
    assert_eq!(
        app.send("HEAD", &format!("{}{}", app.api(), path("range")), &[("x-user-id", "alice")], vec![]).await.status,
        409
    );
    let state = async || app.get("alice", &path("metadata")).await.json()["archive"].clone();
    assert_eq!(state().await, json!({ "state": "ARCHIVED" }));
    assert_eq!(listed(&app, &image).await, json!({ "state": "ARCHIVED" }));

    assert_eq!(app.post("bob", &path("thaw"), &json!({})).await.status, 403);
    let thawing = app.post("alice", &path("thaw"), &json!({})).await;
    assert_eq!((thawing.status, &thawing.json()["archive"]["state"]), (200, &json!("THAWING")), "{}", thawing.text());
    let again = app.post("alice", &path("thaw"), &json!({})).await;
    assert_eq!(again.json(), thawing.json(), "asked again, it is the same thaw");
    let refusal = app.get("alice", &path("stream-url")).await;
    assert_eq!(refused(&refusal), (409, "ARCHIVED".into(), "THAWING".into()));
    assert_eq!(refusal.json()["error"]["archive"]["requestedAt"], thawing.json()["archive"]["requestedAt"]);
    until_thawed(&app, async || state().await["state"] == "THAWED").await;
    let until = state().await["until"].as_str().unwrap().to_owned();

    let granted = app.get("alice", &path("stream-url")).await;
    assert_eq!(granted.status, 200, "{}", granted.text());
    let ends = granted.json()["auth"]["expiresAt"].as_str().unwrap().to_owned();
    assert!(ends <= until, "{ends} is after the temporary copy ends: {until}");
    assert_eq!(app.get("alice", &path("range")).await.body, bytes);
    let (stream, cookies) = app.stream("alice", &image).await;
    assert_eq!(app.send("GET", &stream, &[("cookie", cookies.as_str())], vec![]).await.body, bytes);
    let events = app.get("alice", &format!("/v1/audit?object={image}")).await.text();
    for action in ["object.thaw-requested", "object.thawed"] {
        assert_eq!(events.matches(&format!("\"{action}\"")).count(), 1, "{action}: {events}");
    }
    // When the copy ends, lists say so without asking, and so do grants.
    assert_eq!(listed(&app, &image).await["state"], "THAWED");
    app.app.db.clock().advance(Duration::from_secs(9 * 86_400));
    assert_eq!(listed(&app, &image).await["state"], "ARCHIVED");
    assert_eq!(refused(&app.get("alice", &path("stream-url")).await), archived());

    // What is not archived is left alone, and what is gone is not thawed.
    let third = app.image("alice", b"third").await;
    let readable = app.post("alice", &format!("/v1/images/{third}/thaw"), &json!({})).await.json();
    assert_eq!(readable, json!({ "imageId": third, "archive": { "state": "READABLE" } }));
    assert_eq!(app.delete("alice", &format!("/v1/images/{other}")).await.status, 204, "a purge needs no bytes");
    assert_eq!(app.post("alice", &format!("/v1/images/{other}/thaw"), &json!({})).await.status, 404);
    app.run_jobs().await;
    app.finish().await;
}

/// Without the setting nothing is asked before a grant, and reads through the server still say it.
#[tokio::test]
async fn young_objects_are_not_asked_about() {
    for after in ["", "1"] {
        let (app, archive) = server(false, &[("ARCHIVE_AFTER_DAYS", after), ("EDGE_PORT", "off")]).await;
        let image = app.image("alice", b"bytes").await;
        archive.archive("images/").await;
        assert_eq!(app.get("alice", &format!("/v1/images/{image}/stream-url")).await.status, 200);
        let metadata = app.get("alice", &format!("/v1/images/{image}/metadata")).await.json();
        assert_eq!(metadata.get("archive"), None, "{metadata}");
        assert_eq!(refused(&app.get("alice", &format!("/v1/images/{image}/range")).await), archived());
        app.run_jobs().await;
        app.finish().await;
    }
}

#[tokio::test]
async fn an_owner_may_thaw_so_many_at_a_time() {
    let (app, archive) = server(false, &[("ARCHIVE_THAWS_PER_OWNER", "1")]).await;
    let (one, two) = (app.image("alice", b"one").await, app.image("alice", b"two").await);
    let bobs = app.image("bob", b"three").await;
    archive.archive("images/").await;
    let thaw = async |user: &str, image: &str| app.post(user, &format!("/v1/images/{image}/thaw"), &json!({})).await;
    assert_eq!(thaw("alice", &one).await.status, 200);
    let refusal = thaw("alice", &two).await;
    assert_eq!((refusal.status, refusal.header("retry-after")), (429, "3600"), "{}", refusal.text());
    assert_eq!(thaw("bob", &bobs).await.status, 200);
    until_thawed(&app, async || thaw("alice", &two).await.status == 200).await;
    let two_is_thawed = async || {
        let shown = app.get("alice", &format!("/v1/images/{two}/metadata")).await.json();
        shown["archive"]["state"] == "THAWED"
    };
    until_thawed(&app, two_is_thawed).await;
    app.finish().await;
}

/// The limit holds for requests that arrive together, and not for those that join a thaw.
#[tokio::test]
async fn thaws_that_are_requested_together_are_counted_one_by_one() {
    let (app, archive) = server(false, &[("ARCHIVE_THAWS_PER_OWNER", "1")]).await;
    let images = [app.image("alice", b"one").await, app.image("alice", b"two").await, app.image("alice", b"3").await];
    let readable = app.image("bob", b"four").await;
    archive.archive("images/").await;
    let thaw = async |image: &String| {
        let answer = app.post("alice", &format!("/v1/images/{image}/thaw"), &json!({})).await;
        answer.status
    };
    let mut statuses = futures::future::join_all(images.iter().map(&thaw)).await;
    let begun = &images[statuses.iter().position(|status| *status == 200).unwrap()];
    assert_eq!(thaw(begun).await, 200, "joins, although the owner has as many as allowed");
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429, 429]);
    assert_eq!(app.post("bob", &format!("/v1/images/{readable}/thaw"), &json!({})).await.status, 200);
    until_thawed(&app, async || listed(&app, begun).await["state"] == "THAWED").await;
    app.app.db.clock().advance(Duration::from_secs(600));
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn a_copy_is_extended_once_a_day() {
    let (app, archive) = server(false, &[]).await;
    let image = app.image("alice", b"bytes").await;
    archive.archive("images/").await;
    let thaw = async || app.post("alice", &format!("/v1/images/{image}/thaw"), &json!({})).await;
    let requests = async || {
        let events = app.get("alice", &format!("/v1/audit?object={image}")).await.text();
        events.matches("\"object.thaw-requested\"").count()
    };
    assert_eq!(thaw().await.status, 200);
    until_thawed(&app, async || listed(&app, &image).await["state"] == "THAWED").await;
    for _ in 0..2 {
        let again = thaw().await.json();
        assert_eq!((&again["archive"]["state"], requests().await), (&json!("THAWED"), 1), "{again}");
    }
    app.app.db.clock().advance(Duration::from_secs(86_400));
    for _ in 0..2 {
        let extended = thaw().await.json();
        assert_eq!((&extended["archive"]["state"], requests().await), (&json!("THAWED"), 2), "{extended}");
    }
    app.finish().await;
}

/// A thaw that somebody began in the bucket is followed once a request has seen it, and the row of
/// an object whose bytes are gone does not stay.
#[tokio::test]
async fn a_thaw_that_began_in_the_bucket_is_followed() {
    let (app, archive) = server(false, &[]).await;
    let (image, lost) = (app.image("alice", b"bytes").await, app.image("alice", b"lost").await);
    let owner = Owner::Disks(UserId::parse("alice").unwrap());
    archive.archive("images/").await;
    for id in [&image, &lost] {
        thaw_in_bucket(&app, &key_of(&app, &owner, id).await).await;
        let shown = app.get("alice", &format!("/v1/images/{id}/metadata")).await.json();
        assert_eq!(shown["archive"], json!({ "state": "THAWING" }), "ministack thaws within two seconds");
        assert!(waits(&app, &format!("thaw:{id}")).await);
    }
    app.app.store.delete(&key_of(&app, &owner, &lost).await, Deletion::Purge).await.unwrap();
    // Lists do not ask.
    until_thawed(&app, async || listed(&app, &image).await["state"] == "THAWED").await;
    until_thawed(&app, async || listed(&app, &lost).await.is_null()).await;
    app.finish().await;
}

/// The request for a thaw may reach the store after a delete.
#[tokio::test]
async fn bytes_that_thaw_after_their_delete_are_moved() {
    let (app, archive) = server(false, &[]).await;
    let space = app.space("alice", "Holidays").await;
    let image = app.image_in("alice", &space).await;
    let path = format!("/api/spaces/{space}/images/{image}");
    let key = app.get("alice", &path).await.json()["s3Key"].as_str().unwrap().to_owned();
    assert_eq!(archive.archive(&key).await, 1);
    let (owner, id) = (Owner::Space(SpaceId::parse(&space).unwrap()), ObjectId::parse(&image).unwrap());
    // What a thaw commits before it asks the store.
    let (mut tx, now) = (app.app.db.begin().await.unwrap(), app.app.db.now());
    assert_eq!(tx.reserve_thaw(&owner, id, now, 9).await.unwrap(), ThawReservation::Reserved);
    queue::enqueue(&mut tx, &Job::ThawV1 { object: id.0, since: micros(now) }, now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.delete("alice", &path).await.status, 204);
    app.run_jobs().await;
    assert!(app.app.store.stat(&key).await.is_ok() && waits(&app, &format!("thaw:{image}")).await);
    let mut tx = app.app.db.begin().await.unwrap();
    assert_eq!(tx.reserve_thaw(&owner, id, now, 9).await.unwrap(), ThawReservation::NotReady);
    drop(tx);
    thaw_in_bucket(&app, &key).await;
    until_thawed(&app, async || app.app.store.stat(&key).await.is_err()).await;
    assert!(!waits(&app, &format!("thaw:{image}")).await);
    let restored = app.post("alice", &format!("{path}/restore"), &json!({})).await;
    assert_eq!(restored.status, 200, "{}", restored.text());
    app.run_jobs().await;
    let (waiting, wait) = waiting(&app).await;
    assert_eq!(waiting, BTreeSet::from(["release_media"]));
    app.app.db.clock().advance(wait);
    app.run_jobs().await;
    app.finish().await;
}

/// The job of a whole tree ends; each object that thaws has a job of its own.
#[tokio::test]
async fn a_package_that_is_deleted_while_it_thaws_is_moved_by_a_job_of_its_own() {
    let (app, archive) = server(false, &[]).await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "one", None, b"one").await;
    app.run_jobs().await;
    assert_eq!(archive.archive("packages/").await, 1);
    let found = app.app.store.list("packages/", None, 9).await.unwrap();
    let key = found[0].key.clone();
    let thaw = format!("/packages/thaw?dataset_id={dataset}");
    let outcome = app.ask("ann", "POST", &thaw, Some(&json!({ "nodeIds": [package] }))).await.json();
    assert_eq!(outcome, json!({ "success": [package], "failures": [] }));
    app.deleted(&dataset, &[&package]).await;
    // The tree's job is done, although the bytes could not be moved yet.
    assert_eq!(app.app.db.count_jobs().await.unwrap().queued, 1);
    until_thawed(&app, async || app.app.store.stat(&key).await.is_err()).await;
    app.restored(&dataset, &[&package]).await;
    assert_eq!(app.source_of(&dataset, &package).await, b"one");
    app.finish().await;
}

#[tokio::test]
async fn a_session_s_watchers_are_told_when_a_thaw_has_ended() {
    const THAW: &str = "mutation($id: UUID!) { thawMedia(id: $id) { status archive { state requestedAt until } } }";
    const SHOWN: &str = "query($id: UUID!) { media(id: $id) { status archive { state until } history { status archive { state until } } } }";
    let (app, archive) = server(true, &[]).await;
    app.session().await;
    let media = app.ended("a.jpg", "image/jpeg", &photo(1)).await;
    assert_eq!(media["status"], "COMPLETED", "{media}");
    let (id, link) =
        (media["id"].clone(), format!("/v1/sessions/{SESSION}/media/{}/content", media["id"].as_str().unwrap()));
    assert!(archive.archive("sessions/").await > 0);
    forget(&app, id.as_str().unwrap());
    let (ann, session) = (person("ann", "garage"), SessionId::parse(SESSION).unwrap());
    let changes = surfaces::sessions::watch(&app.app, ann, &session).await.unwrap();
    assert_eq!(refused(&app.as_of("ann", "garage", "GET", &link, None).await), archived());
    let shown = app.graphql("ann", "garage", SHOWN, &json!({ "id": id })).await;
    assert_eq!(shown["data"]["media"]["archive"]["state"], "ARCHIVED", "{shown}");
    assert_eq!(app.graphql_code("bob", "other", THAW, &json!({ "id": id })).await, "FORBIDDEN");
    let thawing = app.graphql("ann", "garage", THAW, &json!({ "id": id })).await;
    assert_eq!(thawing["data"]["thawMedia"]["archive"]["state"], "THAWING", "{thawing}");
    assert_eq!(thawing["data"]["thawMedia"]["status"], "COMPLETED", "the status stays what it was");

    let state = async || app.graphql("ann", "garage", SHOWN, &json!({ "id": id })).await["data"]["media"].clone();
    until_thawed(&app, async || state().await["archive"]["state"] == "THAWED").await;
    let mut changes = pin!(changes);
    let mut told = Vec::new();
    while told.len() < 2 {
        let change = tokio::time::timeout(Duration::from_secs(20), changes.next()).await.expect("is told").unwrap();
        told.extend(change.archive);
    }
    assert!(matches!(told[..], [ArchiveState::Thawing, ArchiveState::Thawed { .. }]), "{told:?}");
    let history = state().await["history"].clone();
    let last = history.as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["status"], &last["archive"]["state"]), (&json!("COMPLETED"), &json!("THAWED")), "{history}");
    let redirect = app.as_of("ann", "garage", "GET", &link, None).await;
    assert_eq!(app.send("GET", redirect.header("location"), &[], Vec::new()).await.status, 200);
    // By REST the same.
    let by_rest = app.as_of("ann", "garage", "POST", &link.replace("content", "thaw"), None).await;
    assert_eq!((by_rest.status, &by_rest.json()["archive"]["state"]), (200, &json!("THAWED")), "{}", by_rest.text());
    // The upload's URL and its remains wait for their end, which a bucket does not know.
    app.finish_with(2).await;
}

#[tokio::test]
async fn an_archived_image_of_a_space_is_thawed_by_editors_and_survives_a_delete() {
    for versioned in [false, true] {
        let (app, archive) = server(versioned, &[]).await;
        let space = app.space("alice", "Holidays").await;
        app.member("alice", &space, "erin", "editor").await;
        app.member("alice", &space, "vera", "viewer").await;
        let image = app.image_in("alice", &space).await;
        let path = |what: &str| format!("/api/spaces/{space}/images/{image}{what}");
        let shown = async || app.get("alice", &path("")).await.json();
        let key = shown().await["s3Key"].as_str().unwrap().to_owned();
        assert_eq!(archive.archive(&key).await, 1, "its thumbnails stay readable");
        let link = |variant: &str| json!({ "ttlSeconds": 60, "variant": variant });
        forget(&app, &image);
        assert_eq!(refused(&app.post("vera", &path("/link"), &link("original")).await), archived());
        let thumbnail = shown().await["thumbnails"][0]["name"].as_str().unwrap().to_owned();
        assert_eq!(app.post("vera", &path("/link"), &link(&thumbnail)).await.status, 200);

        assert_eq!(app.delete("alice", &path("")).await.status, 204);
        app.run_jobs().await;
        let restored = app.post("alice", &path("/restore"), &json!({})).await;
        assert_eq!((restored.status, &restored.json()["status"]), (200, &json!("READY")), "{}", restored.text());

        assert_eq!(app.post("vera", &path("/thaw"), &json!({})).await.refusal(), (403, "FORBIDDEN".into()));
        assert_eq!(app.post("bob", &path("/thaw"), &json!({})).await.refusal(), (404, "NOT_FOUND".into()));
        let thawing = app.post("erin", &path("/thaw"), &json!({})).await;
        assert_eq!((thawing.status, &thawing.json()["archive"]["state"]), (200, &json!("THAWING")));
        // Deleted while it thaws: the bytes are moved once they can be.
        if !versioned {
            assert_eq!(app.delete("alice", &path("")).await.status, 204);
            until_thawed(&app, async || app.app.store.stat(&key).await.is_err()).await;
            let restored = app.post("alice", &path("/restore"), &json!({})).await;
            assert_eq!(restored.status, 200, "{}", restored.text());
        } else {
            until_thawed(&app, async || shown().await["archive"]["state"] == "THAWED").await;
            let listed = app.images("vera", &space, "").await;
            assert_eq!(listed["images"][0]["archive"]["state"], "THAWED", "{listed}");
            let history = app.get("vera", &path("/history")).await.json();
            assert_eq!(history.as_array().unwrap().last().unwrap()["archive"]["state"], "THAWED", "{history}");
        }
        app.app.db.clock().advance(Duration::from_secs(60));
        app.run_jobs().await;
        let read = app.send("GET", shown().await["cloudfrontUrl"].as_str().unwrap(), &[], Vec::new()).await;
        assert_eq!(read.status, 200, "{}", read.text());
        // Jobs that delete remains wait until presigned requests have ended, which a bucket does not know.
        assert!(!waits(&app, &format!("thaw:{image}")).await);
        let (waiting, wait) = waiting(&app).await;
        assert_eq!(waiting, BTreeSet::from(["release_media"]));
        app.app.db.clock().advance(wait);
        app.run_jobs().await;
        let read = app.send("GET", shown().await["cloudfrontUrl"].as_str().unwrap(), &[], Vec::new()).await;
        assert_eq!(read.status, 200, "only remains were deleted: {}", read.text());
        app.finish().await;
    }
}

#[tokio::test]
async fn archived_packages_are_thawed_by_their_ids() {
    let (app, archive) = server(false, &[]).await;
    let dataset = app.dataset().await;
    app.grant(&dataset, "vera", "viewer").await;
    let (one, two) =
        (app.package(&dataset, "one", None, b"one").await, app.package(&dataset, "two", None, b"two").await);
    let folder = app.collection(&dataset, "folder", None).await;
    app.run_jobs().await;
    assert_eq!(archive.archive("packages/").await, 2);
    assert_eq!(refused(&app.presigned(&dataset, &one, "").await), archived());
    let thaw = format!("/packages/thaw?dataset_id={dataset}");
    let manifest = format!("/packages/download-manifest?dataset_id={dataset}");
    let ids = json!({ "nodeIds": [one, folder, "N:package:00000000-0000-4000-8000-000000000000"] });
    let of_manifest = app.ask("ann", "POST", &manifest, Some(&json!({ "nodeIds": [one, two] }))).await.json();
    assert_eq!(of_manifest["blocked"][0]["status"], "ARCHIVED", "what is known: {of_manifest}");
    assert_eq!(of_manifest["data"].as_array().unwrap().len(), 1, "nobody has asked about the other one yet");
    assert_eq!(app.ask("vera", "POST", &thaw, Some(&ids)).await.status, 403);
    let outcome = app.ask("ann", "POST", &thaw, Some(&ids)).await.json();
    assert_eq!(outcome["success"], json!([one]), "{outcome}");
    let codes: Vec<_> = outcome["failures"].as_array().unwrap().iter().map(|failure| failure["code"].clone()).collect();
    assert_eq!(codes, ["INVALID_STATE", "NOT_FOUND"], "{outcome}");
    let node = async || app.ask("ann", "GET", &format!("/packages/{one}"), None).await.json();
    assert_eq!(node().await["archive"]["state"], "THAWING");
    until_thawed(&app, async || node().await["archive"]["state"] == "THAWED").await;
    assert_eq!(app.source_of(&dataset, &one).await, b"one");
    // Deleted and restored while archived, in a bucket that keeps no versions.
    app.deleted(&dataset, &[&two]).await;
    app.restored(&dataset, &[&two]).await;
    assert_eq!(refused(&app.presigned(&dataset, &two, "").await), archived());
    for (ids, status) in [(json!({ "nodeIds": [] }), 400), (json!({ "nodes": [one] }), 400)] {
        assert_eq!(app.ask("ann", "POST", &thaw, Some(&ids)).await.status, status, "{ids}");
    }
    app.finish().await;
}

#[tokio::test]
async fn archived_files_are_refused_by_links_and_zips() {
    let (app, archive) = server(false, &[]).await;
    let key = files::file(&app, "alice", "a.png", b"bytes", "docs").await;
    let link = app.get("alice", &format!("/v1/files/signed-url?key={key}")).await.json();
    let url = link["url"].as_str().unwrap().to_owned();
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.body, b"bytes");
    assert_eq!(archive.archive("storage/").await, 1);
    let refusal = app.send("GET", &url, &[], Vec::new()).await;
    assert_eq!(refused(&refusal), archived());
    assert_eq!(refusal.json()["detail"], refusal.json()["error"]["message"]);
    let zip = app.post("alice", "/v1/files/batch-download", &json!({ "keys": [key] })).await;
    assert_eq!(refused(&zip), archived(), "a ZIP would break off in the middle");
    assert_eq!(app.post("bob", &format!("/v1/files/thaw/{key}"), &json!({})).await.status, 403);
    let thawing = app.post("alice", &format!("/v1/files/thaw/{key}"), &json!({})).await;
    assert_eq!((thawing.status, &thawing.json()["archive"]["state"]), (200, &json!("THAWING")), "{}", thawing.text());
    let listed = app.get("alice", "/v1/files/all?limit=9").await.json();
    assert_eq!(listed["files"][0]["archive"]["state"], "THAWING", "{listed}");
    let state = async || app.get("alice", &format!("/v1/files/metadata/{key}")).await.json()["archive"].clone();
    until_thawed(&app, async || state().await["state"] == "THAWED").await;
    assert_eq!(app.send("GET", &url, &[], Vec::new()).await.body, b"bytes");
    assert_eq!(app.post("alice", "/v1/files/batch-download", &json!({ "keys": [key] })).await.status, 200);
    app.finish().await;
}

/// Jobs that need archived bytes end: a rescan leaves them out, an import says what is wrong.
#[tokio::test]
async fn jobs_that_need_archived_bytes_end() {
    let scanned = scanner();
    let mut more: Vec<(&str, &str)> = scanned.iter().map(|(name, value)| (*name, value.as_str())).collect();
    more.push(("IMPORT_PREFIXES", "legacy/"));
    let (app, archive) = server(false, &more).await;
    let key = files::file(&app, "alice", "a.png", b"bytes", "docs").await;
    archive.put("legacy/a.jpg", &photo(1)).await;
    archive.archive("storage/").await;
    archive.archive("legacy/").await;
    let (_, file) = app.app.db.find_file_unscoped(&key).await.unwrap().unwrap();
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, &Job::RescanV1 { object: file.object.id.0 }, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    let space = app.space("alice", "Holidays").await;
    let (service, id) = (Caller::from(Principal::Service), SpaceId::parse(&space).unwrap());
    let begun = surfaces::imports::import(&app.app, &service, &id, vec!["legacy/a.jpg".to_owned()]).await.unwrap();
    let image = begun.begun[0].1;
    app.run_jobs().await;
    let shown = app.get("alice", &format!("/api/spaces/{space}/images/{image}")).await.json();
    assert_eq!(shown["status"], "FAILED", "{shown}");
    assert!(shown["reason"].as_str().unwrap().contains("archived"), "{shown}");
    assert_eq!(app.get("alice", &format!("/v1/files/metadata/{key}")).await.json()["status"], "READY");
    app.finish().await;
}

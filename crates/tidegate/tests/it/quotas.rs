//! Quotas of every kind of owner: races for the last bytes and objects, what open uploads and
//! deleted objects take, and histories after which the counters agree with the rows. Every test of
//! the harness ends with the same comparison.

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tidegate::db::{Database, Db};
use tidegate::model::ids::{OrgId, SessionId, SpaceId, UserId};
use tidegate::model::owner::{Owner, OwnerKind};
use tidegate::model::package::DatasetId;
use tidegate::queue::{self, Job};

use crate::support::files::{complete, init, put, refusal, usage};
use crate::support::sessions::{CONFIRM, GET_URL, SESSION, photo};
use crate::support::{Answer, TestApp, services};

/// The owners that the tests use, one of each kind.
struct Owners {
    space: String,
    dataset: String,
}

impl Owners {
    async fn of(app: &TestApp) -> Self {
        app.session().await;
        Self { space: app.space("ann", "Garden").await, dataset: app.dataset().await }
    }
}

/// An announced upload: the answer, or what refused it.
struct Announced {
    status: u16,
    /// Code and figures of a refusal.
    error: Value,
    answer: Value,
}

fn announced(answer: &Answer) -> Announced {
    let body = answer.json();
    Announced { status: answer.status, error: body["error"].clone(), answer: body }
}

/// Announces an upload of ann's to her owner of a kind.
async fn announce(app: &TestApp, owners: &Owners, kind: OwnerKind, name: &str, size: Option<u64>) -> Announced {
    match kind {
        OwnerKind::Disks => announced(&app.post("ann", "/v1/images", &json!({ "name": name, "size": size })).await),
        OwnerKind::Files => {
            let file = json!({ "name": name, "size": size.unwrap_or_default() });
            let body = json!({ "mode": "single", "files": [file] });
            announced(&app.post("ann", "/v1/files/init", &body).await)
        }
        OwnerKind::Session => {
            let variables = json!({ "s": SESSION, "f": format!("{name}.jpg"), "c": "image/jpeg", "n": size });
            let answer = app.graphql("ann", "garage", GET_URL, &variables).await;
            let extensions = answer["errors"][0]["extensions"].clone();
            let status = if extensions == Value::Null { 200 } else { 413 };
            Announced { status, error: extensions, answer }
        }
        OwnerKind::Space => {
            let body = json!({ "filename": format!("{name}.jpg"), "contentType": "image/jpeg", "size": size });
            announced(&app.post("ann", &format!("/api/spaces/{}/images", owners.space), &body).await)
        }
        OwnerKind::Dataset => {
            let body = json!({ "name": name, "filename": name, "size": size });
            let path = format!("/packages?dataset_id={}", owners.dataset);
            announced(&app.ask("ann", "POST", &path, Some(&body)).await)
        }
    }
}

fn owner(owners: &Owners, kind: OwnerKind) -> Owner {
    let user = UserId::parse("ann").unwrap();
    match kind {
        OwnerKind::Disks => Owner::Disks(user),
        OwnerKind::Files => Owner::Files(user),
        OwnerKind::Session => Owner::Session(SessionId::parse(SESSION).unwrap(), OrgId::parse("garage").unwrap()),
        OwnerKind::Space => Owner::Space(SpaceId::parse(&owners.space).unwrap()),
        OwnerKind::Dataset => Owner::Dataset(DatasetId::parse(&owners.dataset).unwrap()),
    }
}

/// Lets days pass and runs the sweep: open uploads expire, and what was deleted is purged.
async fn sweep_after(app: &TestApp, days: u64) {
    app.app.db.clock().advance(Duration::from_secs(days * 86_400));
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, &Job::SweepV1, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_jobs().await;
}

/// In each kind, requests that together exceed the bytes, or the number, are refused but for those
/// that fit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas_of_every_kind_hold_against_a_race() {
    const GIB: u64 = 1 << 30;
    let settings = [
        ("MEDIA_MAX_IMAGE_MB", "1024"),
        ("PER_USER_DISKS_QUOTA_GB", "1"),
        ("PER_USER_QUOTA_GB", "1"),
        ("PER_SESSION_QUOTA_GB", "1"),
        ("PER_SPACE_QUOTA_GB", "1"),
        ("PER_DATASET_QUOTA_GB", "1"),
        ("MAX_DISKS_PER_USER", "7"),
        ("MAX_FILES_PER_USER", "7"),
        ("MAX_MEDIA_PER_SESSION", "7"),
        ("MAX_IMAGES_PER_SPACE", "7"),
        ("MAX_FILES_PER_DATASET", "7"),
    ];
    for (resource, size, fits) in [("bytes", GIB / 4 + 1, 3), ("objects", 1, 7)] {
        let app = TestApp::with(&settings).await;
        let owners = Owners::of(&app).await;
        for kind in OwnerKind::ALL {
            let names: Vec<String> = (0..20).map(|n| format!("n{n}")).collect();
            let race = names.iter().map(|name| announce(&app, &owners, kind, name, Some(size)));
            let answers = join_all(race).await;
            let (begun, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status < 300);
            assert_eq!(begun.len(), fits, "{kind:?}: one more would be over");
            for Announced { status, error, .. } in refused {
                assert_eq!((*status, &error["code"]), (413, &json!("QUOTA_EXCEEDED")), "{kind:?}");
                assert_eq!(error["resource"], json!(resource), "{kind:?}: {error}");
                let figure = |name: &str| error[name].as_u64().unwrap();
                assert!(figure("used") + figure("requested") > figure("quota"), "{error}");
            }
            let usage = app.app.db.find_usage(&owner(&owners, kind)).await.unwrap();
            let fits = fits as u64;
            assert_eq!(
                (usage.reserved, usage.reserved_files, usage.open_uploads),
                (size * fits, fits, fits),
                "{kind:?}"
            );
        }
        sweep_after(&app, 8).await;
        for kind in OwnerKind::ALL {
            let usage = app.app.db.find_usage(&owner(&owners, kind)).await.unwrap();
            assert_eq!((usage.reserved, usage.reserved_files, usage.open_uploads), (0, 0, 0), "{kind:?}: all expired");
        }
        let counts = app.app.db.count_jobs().await.unwrap();
        app.finish_with(counts.queued).await;
    }
}

/// A user cannot have more by having more spaces: open uploads and spaces of one user are counted.
#[tokio::test]
async fn many_owners_do_not_multiply_what_a_user_may_begin() {
    let app = TestApp::with(&[
        ("MAX_OPEN_UPLOADS_PER_USER", "5"),
        ("MAX_OPEN_UPLOADS_PER_OWNER", "3"),
        ("MAX_SPACES_PER_USER", "3"),
        ("MAX_DATASETS_PER_USER", "1"),
        ("MAX_SESSIONS_PER_USER", "1"),
    ])
    .await;
    let mut spaces = Vec::new();
    for n in 0..3 {
        spaces.push(app.space("ann", &format!("s{n}")).await);
    }
    let over = |answer: &Answer, resource: &str| {
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (413, &json!("QUOTA_EXCEEDED")), "{error}");
        assert_eq!(error["resource"], json!(resource), "{error}");
    };
    over(&app.post("ann", "/api/spaces", &json!({ "name": "s3" })).await, "spaces");
    // A deleted one counts while it can keep bytes.
    assert_eq!(app.delete("ann", &format!("/api/spaces/{}", spaces[2])).await.status, 202);
    app.run_jobs().await;
    over(&app.post("ann", "/api/spaces", &json!({ "name": "s3" })).await, "spaces");
    app.space("ben", "his").await;
    app.dataset().await;
    over(&app.ask("ann", "POST", "/packages/datasets", Some(&json!({ "name": "more" }))).await, "datasets");
    app.session().await;
    over(&app.as_of("ann", "garage", "POST", "/v1/sessions", Some(&json!({}))).await, "sessions");
    // The same session again is no new one.
    app.session().await;
    let body = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": 9 });
    let begin = async |user: &str, space: &str| app.post(user, &format!("/api/spaces/{space}/images"), &body).await;
    for _ in 0..3 {
        assert_eq!(begin("ann", &spaces[0]).await.status, 201);
    }
    over(&begin("ann", &spaces[0]).await, "open_uploads");
    for _ in 0..2 {
        assert_eq!(begin("ann", &spaces[1]).await.status, 201);
    }
    over(&begin("ann", &spaces[1]).await, "open_uploads_of_user");
    let files = json!({ "mode": "single", "files": [{ "name": "f", "size": 1 }] });
    over(&app.post("ann", "/v1/files/init", &files).await, "open_uploads_of_user");
    assert_eq!(app.member("ann", &spaces[1], "ben", "editor").await.status, 200);
    assert_eq!(begin("ben", &spaces[1]).await.status, 201, "others are not refused for it");
    app.finish().await;
}

/// What can be restored takes room, which a purge frees.
#[tokio::test]
async fn deleted_objects_count_until_they_are_purged() {
    let app = TestApp::with(&[("MAX_IMAGES_PER_SPACE", "1")]).await;
    let space = app.space("ann", "Garden").await;
    let id = app.sent_to("ann", &space, "image/jpeg", &photo(1)).await;
    app.run_jobs().await;
    let image = format!("/api/spaces/{space}/images/{id}");
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": 9 });
    let begin = async || app.post("ann", &format!("/api/spaces/{space}/images"), &new).await.status;
    assert_eq!(begin().await, 413);
    assert_eq!(app.delete("ann", &image).await.status, 204);
    let owner = Owner::Space(SpaceId::parse(&space).unwrap());
    let usage = app.app.db.find_usage(&owner).await.unwrap();
    assert!((usage.used, usage.files, usage.kept_files) == (0, 0, 1) && usage.kept > 0, "{usage:?}");
    assert_eq!(begin().await, 413, "it can be restored, and then there would be two");
    assert_eq!(app.post("ann", &format!("{image}/restore"), &json!({})).await.status, 200);
    assert_eq!(app.delete("ann", &image).await.status, 204);
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/trash/{id}")).await.status, 204);
    assert_eq!(begin().await, 201);
    app.run_jobs().await;
    let waiting = app.app.db.count_jobs().await.unwrap().queued;
    app.finish_with(waiting).await;
}

/// Two files of one name and folder draw the same tag: the second gets another key.
#[tokio::test]
async fn keys_that_collide_are_drawn_again() {
    let app = TestApp::start().await;
    let tags = &app.app.file_tags;
    tags.choose([7, 7, 8]);
    let (_, first) = init(&app, "alice", "a.txt", 1, "x").await;
    let (second, key) = init(&app, "alice", "a.txt", 1, "x").await;
    assert_eq!((first.as_str(), key.as_str()), ("storage/alice/x/00000007_a.txt", "storage/alice/x/00000008_a.txt"));
    // Within one request too.
    tags.choose([9, 9, 7, 10]);
    let two = json!([{ "name": "a.txt", "size": 0 }, { "name": "a.txt", "size": 0 }]);
    let begun = app.post("alice", "/v1/files/init", &json!({ "mode": "batch", "folder": "x", "files": two })).await;
    let keys: Vec<Value> = begun.json()["uploads"].as_array().unwrap().iter().map(|one| one["key"].clone()).collect();
    let mut keys: Vec<&str> = keys.iter().map(|key| key.as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["storage/alice/x/00000009_a.txt", "storage/alice/x/0000000a_a.txt"]);
    // A completion that renames a file, to a name that has its tag.
    tags.choose([8, 11]);
    let (renamed, _) = init(&app, "alice", "b.txt", 1, "x").await;
    for upload in [&second, &renamed] {
        assert_eq!(put(&app, "alice", upload, 0, b"1").await.status, 200);
    }
    let body = json!({ "uploadId": renamed, "meta": { "filename": "a.txt" } });
    let done = app.post("alice", "/v1/files/complete", &body).await;
    assert_eq!((done.status, &done.json()["key"]), (200, &json!("storage/alice/x/0000000b_a.txt")), "{}", done.text());
    assert_eq!(complete(&app, "alice", &second).await.json()["key"], json!(key));
    assert_eq!(usage(&app, "alice").await, (2, 1, 2));
    // Nothing is free: an outage, and no row is left.
    tags.choose(std::iter::repeat_n(7, 20));
    let refused = app
        .post(
            "alice",
            "/v1/files/init",
            &json!({ "mode": "single", "folder": "x", "files": [{ "name": "a.txt", "size": 1 }] }),
        )
        .await;
    assert_eq!(refusal(&refused), (503, "STORE_UNAVAILABLE".into()));
    assert_eq!(usage(&app, "alice").await, (2, 1, 2));
    app.run_jobs().await;
    app.finish().await;
}

/// One object of a history, as far as its client knows.
struct Known {
    kind: OwnerKind,
    answer: Value,
}

/// Numbers that follow from a seed: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed ^ (mixed >> 27)) >> 33).unwrap() % limit
    }
}

/// Does one random thing with an object. Whatever it answers, the counters must agree afterwards.
async fn step(app: &TestApp, owners: &Owners, known: &Known, choice: usize) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match known.kind {
        OwnerKind::Files => {
            let upload = text(&known.answer["uploadId"]);
            let key = text(&known.answer["uploads"][0]["key"]);
            match choice {
                0 | 1 => {
                    put(app, "ann", &upload, 0, b"123").await;
                    complete(app, "ann", &upload).await;
                }
                2 => drop(app.delete("ann", &format!("/v1/files/uploads/{upload}")).await),
                3 => drop(app.delete("ann", "/v1/files?folder=f").await),
                _ => drop(app.delete("ann", &format!("/v1/files/{key}")).await),
            }
        }
        OwnerKind::Disks => {
            let (image, upload) = (text(&known.answer["imageId"]), text(&known.answer["uploadId"]));
            if choice < 3 {
                let signed = json!({ "uploadId": upload, "partNumber": 1 });
                let signed = app.post("ann", &format!("/v1/images/{image}/upload-url"), &signed).await;
                if signed.status == 200 {
                    let sent = app.send("PUT", &text(&signed.json()["url"]), &[], b"123".to_vec()).await;
                    let etag = sent.headers.get("etag").map_or("\"\"", |etag| etag.to_str().unwrap()).to_owned();
                    app.complete("ann", &image, &upload, &[(1, &etag)]).await;
                }
            } else {
                app.delete("ann", &format!("/v1/images/{image}")).await;
            }
        }
        OwnerKind::Session => {
            let target = &known.answer["data"]["getUploadUrl"];
            let (url, key) = (text(&target["uploadUrl"]), text(&target["fileKey"]));
            let confirm = json!({ "s": SESSION, "k": key });
            if choice < 2 {
                let bytes = if choice == 0 { photo(1) } else { b"no picture".to_vec() };
                app.put_at(&url, "image/jpeg", &bytes).await;
            }
            let confirmed = app.graphql("ann", "garage", CONFIRM, &confirm).await;
            let id = text(&confirmed["data"]["confirmUpload"]["id"]);
            match choice {
                3 | 5 => drop(
                    app.as_of("ann", "garage", "DELETE", &format!("/v1/sessions/{SESSION}/media/{id}"), None).await,
                ),
                4 => {
                    let path = format!("/v1/sessions/{SESSION}/media/{id}/restore");
                    app.as_of("ann", "garage", "POST", &path, None).await;
                }
                _ => {}
            }
        }
        OwnerKind::Space => {
            let (id, space) = (text(&known.answer["id"]), &owners.space);
            let image = format!("/api/spaces/{space}/images/{id}");
            match choice {
                0 | 1 => {
                    let bytes = if choice == 0 { photo(1) } else { b"no picture".to_vec() };
                    app.put_at(&text(&known.answer["uploadUrl"]), "image/jpeg", &bytes).await;
                    app.post("ann", &format!("{image}/confirm"), &json!({})).await;
                }
                2 => drop(app.post("ann", &format!("{image}/restore"), &json!({})).await),
                3 => drop(app.delete("ann", &format!("/api/spaces/{space}/trash/{id}")).await),
                _ => drop(app.delete("ann", &image).await),
            }
        }
        OwnerKind::Dataset => {
            let (id, node) = (text(&known.answer["id"]), text(&known.answer["nodeId"]));
            let dataset = &owners.dataset;
            match choice {
                0 | 1 => {
                    let sent = known.answer["uploadUrl"].as_str().unwrap_or_default();
                    app.send("PUT", sent, &[("content-type", "application/octet-stream")], b"123".to_vec()).await;
                    app.ask("ann", "POST", &format!("/packages/{id}/confirm"), None).await;
                }
                2 => {
                    let body = json!({ "nodeIds": [node] });
                    app.ask("ann", "POST", &format!("/packages/restore?dataset_id={dataset}"), Some(&body)).await;
                }
                _ => {
                    let body = json!({ "nodeIds": [node] });
                    app.ask("ann", "DELETE", &format!("/packages?dataset_id={dataset}"), Some(&body)).await;
                }
            }
        }
    }
}

/// Publishes an object of each kind that can be restored, and deletes it.
async fn begin_with_deleted_ones(app: &TestApp, owners: &Owners) {
    let image = app.image_in("ann", &owners.space).await;
    assert_eq!(app.delete("ann", &format!("/api/spaces/{}/images/{image}", owners.space)).await.status, 204);
    let media = app.ended("a.jpg", "image/jpeg", &photo(1)).await;
    let path = format!("/v1/sessions/{SESSION}/media/{}", media["id"].as_str().unwrap());
    assert_eq!(app.as_of("ann", "garage", "DELETE", &path, None).await.status, 204);
    let package = app.package(&owners.dataset, "deleted", None, b"123").await;
    app.deleted(&owners.dataset, &[&package]).await;
    for kind in [OwnerKind::Session, OwnerKind::Space, OwnerKind::Dataset] {
        let usage = app.app.db.find_usage(&owner(owners, kind)).await.unwrap();
        assert_eq!((usage.files, usage.kept_files), (0, 1), "{kind:?}");
    }
}

/// Random histories of objects of every kind, several at once, with jobs in between. `HISTORIES=50`
/// runs the long form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_agree_with_the_rows_after_any_history() {
    let histories: u64 = std::env::var("HISTORIES").map_or(2, |text| text.parse().unwrap());
    for seed in 0..histories {
        let mut random = Random(seed);
        let app = TestApp::start().await;
        let owners = Owners::of(&app).await;
        begin_with_deleted_ones(&app, &owners).await;
        let mut all: Vec<Known> = Vec::new();
        for round in 0..8 {
            let mut begun = Vec::new();
            for kind in OwnerKind::ALL {
                let name = format!("n{round}");
                let size = (kind == OwnerKind::Files || random.below(4) > 0).then_some(3);
                let size = match kind {
                    OwnerKind::Session | OwnerKind::Space => size.map(|_| photo(1).len() as u64),
                    _ => size,
                };
                begun.push((kind, name, size));
            }
            let answers =
                join_all(begun.iter().map(|(kind, name, size)| announce(&app, &owners, *kind, name, *size))).await;
            for ((kind, _, _), announced) in begun.into_iter().zip(answers) {
                assert!(announced.status < 300, "{kind:?}: {}", announced.answer);
                all.push(Known { kind, answer: announced.answer });
            }
            let steps: Vec<(usize, usize)> = (0..12).map(|_| (random.below(all.len()), random.below(7))).collect();
            join_all(steps.iter().map(|(which, choice)| step(&app, &owners, &all[*which], *choice))).await;
            let wrong = app.app.db.list_wrong_counters().await.unwrap();
            assert_eq!(wrong, [], "seed {seed}, round {round}, after steps {steps:?}");
            if round % 2 == 1 {
                app.run_jobs().await;
                let wrong = app.app.db.list_wrong_counters().await.unwrap();
                assert_eq!(wrong, [], "seed {seed}, round {round}, after the jobs");
            }
        }
        sweep_after(&app, 8).await;
        assert_eq!(app.app.db.list_open_uploads("", 1).await.unwrap(), [], "all are expired");
        assert_eq!(app.app.db.list_wrong_counters().await.unwrap(), [], "seed {seed}, after the sweep");
        sweep_after(&app, 31).await;
        let counts = app.app.db.count_jobs().await.unwrap();
        app.finish_with(counts.queued).await;
    }
}

/// Wrong counters are found and repaired.
#[tokio::test]
async fn counters_are_repaired_from_the_rows() {
    let app = TestApp::start().await;
    let owners = Owners::of(&app).await;
    for kind in OwnerKind::ALL {
        assert!(announce(&app, &owners, kind, "n", Some(5)).await.status < 300);
    }
    app.package(&owners.dataset, "p", None, b"123").await;
    let key = crate::support::files::file(&app, "ann", "f", b"1234", "x").await;
    assert!(key.ends_with("_f"));
    execute(&app, "UPDATE quotas SET used = used + 1, reserved_files = 77, open_uploads = 5").await;
    execute(&app, "UPDATE folders SET files = 9").await;
    let wrong = app.app.db.list_wrong_counters().await.unwrap();
    for kind in ["disks", "files", "session", "space", "dataset", "organisation", "user"] {
        assert!(wrong.iter().any(|wrong| wrong.owner_kind == kind), "{kind}: {wrong:?}");
    }
    assert!(wrong.iter().any(|wrong| wrong.folder.as_deref() == Some("x")), "{wrong:?}");
    app.app.db.repair_counters(&wrong).await.unwrap();
    assert_eq!(app.app.db.list_wrong_counters().await.unwrap(), []);
    app.run_jobs().await;
    app.finish().await;
}

/// Runs a statement in the test's database, behind the server's back.
pub(crate) async fn execute(app: &TestApp, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if app.app.db.is_shared() {
        let url = services::database(app.folder.path()).await;
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    } else {
        let url = format!("sqlite:{}", app.folder.path().join("tidegate.db").display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}

/// Objects and uploads of an earlier version, in every state.
const EARLIER: &str = "INSERT INTO objects (id, owner_kind, owner_id, object_key, content_type, state, size, created_by, created_at) VALUES \
    (ID1, 'files', 'ann', 'k1', 'a/b', 'READY', 5, 'ann', 1), (ID2, 'files', 'ann', 'k2', 'a/b', 'PENDING', NULL, 'ann', 1), \
    (ID3, 'space', 's', 'k3', 'a/b', 'DELETED', 7, 'ann', 1), (ID4, 'space', 's', 'k4', 'a/b', 'PROCESSING', NULL, 'ann', 1), \
    (ID5, 'disks', 'ann', 'k5', 'a/b', 'PURGED', 9, 'ann', 1)";
const EARLIER_UPLOADS: &str = "INSERT INTO uploads (id, object_id, owner_kind, owner_id, object_key, announced_size, state, created_by, \
    created_at, expires_at, reserved) VALUES ('u2', ID2, 'files', 'ann', 'k2', 11, 'OPEN', 'ann', 1, 1, 11), \
    ('u4', ID4, 'space', 's', 'k4', 13, 'COMPLETED', 'ann', 1, 1, 13)";
const EARLIER_QUOTA: &str =
    "INSERT INTO quotas (owner_kind, owner_id, used, reserved, files) VALUES ('files', 'ann', 5, 11, 1)";
const EARLIER_FOLDER: &str =
    "INSERT INTO folders (owner_kind, owner_id, folder, files, bytes) VALUES ('files', 'ann', '', 1, 5)";

/// Returns the migrations before the one that counts.
async fn earlier(engine: &str) -> Migrator {
    let mut migrator = Migrator::new(Path::new("migrations").join(engine)).await.unwrap();
    migrator.migrations.to_mut().retain(|migration| migration.version < 12);
    migrator
}

/// Numbers the ids of the rows above: `ID1` is sixteen bytes that end in 1.
fn with_ids(sql: &str, before: &str, after: &str) -> String {
    (1..=5).fold(sql.to_owned(), |sql, n| {
        sql.replace(&format!("ID{n}"), &format!("{before}0000000000000000000000000000000{n}{after}"))
    })
}

#[tokio::test]
async fn counters_of_an_earlier_version_are_filled_from_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    earlier("sqlite").await.run_direct(None, &mut connection, false).await.unwrap();
    for sql in [EARLIER, EARLIER_UPLOADS, EARLIER_QUOTA, EARLIER_FOLDER] {
        sqlx::query(AssertSqlSafe(with_ids(sql, "x'", "'"))).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    check_filled(&Db::open(&Database::Sqlite(path)).await.unwrap()).await;

    let url = services::empty_database(folder.path()).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    earlier("postgres").await.run_direct(None, &mut connection, false).await.unwrap();
    for sql in [EARLIER, EARLIER_UPLOADS, EARLIER_QUOTA, EARLIER_FOLDER] {
        sqlx::query(AssertSqlSafe(with_ids(sql, "'", "'"))).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let timeout = Duration::from_secs(30);
    let pooling = tidegate::db::Pooling::Session;
    let database = Database::Postgres { url: url.into(), host: None, connections: 2, timeout, pooling, iam: None };
    check_filled(&Db::open(&database).await.unwrap()).await;
}

async fn check_filled(db: &Db) {
    assert_eq!(db.list_wrong_counters().await.unwrap(), []);
    let ann = db.find_usage(&Owner::Files(UserId::parse("ann").unwrap())).await.unwrap();
    assert_eq!((ann.used, ann.files, ann.reserved, ann.reserved_files, ann.open_uploads), (5, 1, 11, 1, 1));
    // What is readable counts on the day of its announcement (migration 13).
    let days = db.list_usage_days(0, 30_000).await.unwrap();
    let days: Vec<_> = days.iter().map(|day| (day.day, day.kind.as_str(), day.objects, day.bytes)).collect();
    assert_eq!(days, [(0, "files", 1, 5)]);
    db.close().await;
}

//! Behaviour with PostgreSQL only: sharing, outages, failover and clock differences.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tidegate::db::{Database, Db, NewJob, Pooling};
use tidegate::error::Error;

use crate::support::TestApp;
use crate::support::services::{Cuttable, database, empty_database};

const ANY_JOB: NewJob<'_> = NewJob { payload: "{}", dedupe: None, class: "images", priority: 0, max_attempts: 3 };

async fn open(url: &str) -> anyhow::Result<Db> {
    let (timeout, pooling) = (Duration::from_secs(30), Pooling::Session);
    Db::open(&Database::Postgres { url: url.into(), host: None, connections: 4, timeout, pooling, iam: None }).await
}

/// Returns a URL that reaches the server through a connection that can be cut, and that connection.
async fn cuttable(url: &str) -> (String, Cuttable) {
    let authority = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    let way = Cuttable::to(authority.parse().unwrap()).await;
    (url.replace(authority, &way.address.to_string()), way)
}

#[tokio::test]
async fn servers_that_start_at_once_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = empty_database(folder.path()).await;
    let opened = futures::future::join_all((0..6).map(|_| open(&url))).await;
    for db in &opened {
        db.as_ref().unwrap().probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_job_is_claimed_by_one_of_many_servers() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let servers = futures::future::join_all((0..4).map(|_| open(&url))).await;
    let servers: Vec<Db> = servers.into_iter().map(Result::unwrap).collect();
    let mut tx = servers[0].begin().await.unwrap();
    for _ in 0..40 {
        tx.enqueue_job(ANY_JOB, SystemTime::now() - Duration::from_secs(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let claim = async |db: &Db| {
        let mut mine = Vec::new();
        loop {
            let mut tx = db.begin().await.unwrap();
            let job = tx
                .claim_due_jobs(Some("images"), SystemTime::now(), SystemTime::now(), Duration::from_secs(60), 1)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            let Some(job) = job.first() else { return mine };
            mine.push(job.id);
        }
    };
    let claimed = futures::future::join_all(servers.iter().map(claim)).await.concat();
    let distinct: HashSet<i64> = claimed.iter().copied().collect();
    // A server that finds every due row locked by others sleeps; the others take what it leaves.
    assert_eq!(claimed.len(), distinct.len(), "nothing is done twice");
    assert_eq!(distinct.len(), 40);
}

#[tokio::test]
async fn a_database_that_is_down_at_start_and_later_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (url, way) = cuttable(&empty_database(folder.path()).await).await;
    way.cut();
    let app = TestApp::over(folder, &[("DATABASE_URL", &url)]).await;
    for (mended, code) in [(false, 503), (true, 200), (false, 503), (true, 200)] {
        if mended {
            way.mend()
        } else {
            way.cut()
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
        loop {
            let ready = app.send("GET", &format!("{}/readyz", app.api()), &[], Vec::new()).await;
            if ready.status == code {
                let database = if mended { "ok" } else { "unavailable" };
                assert_eq!((&ready.json()["database"], &ready.json()["store"]), (&json!(database), &json!("ok")));
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{}", ready.text());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let answer = app.post("alice", "/v1/images", &json!({})).await;
        if mended {
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            assert_eq!(answer.refusal(), (503, "STORE_UNAVAILABLE".into()));
            assert_eq!(answer.header("retry-after"), "1");
            assert!(!answer.text().contains("127.0.0.1"), "nothing of the inside: {}", answer.text());
        }
    }
    app.finish().await;
}

/// After a start without the database, nothing is read or written until the store is compared. An
/// error of the comparison is no difference: it is tried again.
#[tokio::test]
async fn a_comparison_of_the_store_that_fails_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let direct = database(folder.path()).await;
    let (url, way) = cuttable(&direct).await;
    let mut connection = PgConnection::connect(&direct).await.unwrap();
    sqlx::query("ALTER TABLE store_identity RENAME TO renamed").execute(&mut connection).await.unwrap();
    way.cut();
    let app = TestApp::over(folder, &[("DATABASE_URL", &url)]).await;
    way.mend();
    let (db, comparing) = (app.app.db.clone(), app.app.db.for_comparison());
    let failures = std::sync::atomic::AtomicUsize::new(0);
    // The server compares as often.
    until("comparisons fail with an error that is no outage", async || {
        let is_failure = matches!(comparing.named_store().await, Err(error) if !matches!(error, Error::Unavailable(_)));
        assert!(matches!(db.count_jobs().await, Err(Error::Unavailable(_))), "read before the comparison");
        failures.fetch_add(usize::from(is_failure), std::sync::atomic::Ordering::Relaxed) >= 10
    })
    .await;
    sqlx::query("ALTER TABLE renamed RENAME TO store_identity").execute(&mut connection).await.unwrap();
    until("the database is used", async || db.count_jobs().await.is_ok()).await;
    assert_eq!(app.post("alice", "/v1/images", &json!({})).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn the_database_of_another_store_is_never_used() {
    let folder = tempfile::tempdir().unwrap();
    let direct = database(folder.path()).await;
    open(&direct).await.unwrap().set_store("folder another", true).await.unwrap();
    let (url, way) = cuttable(&direct).await;
    way.cut();
    let app = TestApp::over(folder, &[("DATABASE_URL", &url)]).await;
    way.mend();
    let db = app.app.db.clone();
    until("the comparison is over", async || {
        let begun = app.post("alice", "/v1/images", &json!({})).await;
        assert_eq!(begun.status, 503, "{}", begun.text());
        let Err(Error::Unavailable(error)) = db.count_jobs().await else { panic!("the database was read") };
        error.to_string().contains("another store")
    })
    .await;
    let mut connection = PgConnection::connect(&direct).await.unwrap();
    let (objects,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM objects").fetch_one(&mut connection).await.unwrap();
    assert_eq!(objects, 0);
    app.stop().await;
}

/// When a host vanishes, connections are not closed; they only fall silent.
#[tokio::test]
async fn a_database_that_falls_silent_costs_seconds_and_no_connection_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (url, way) = cuttable(&database(folder.path()).await).await;
    let settings =
        [("DATABASE_URL", url.as_str()), ("DATABASE_TIMEOUT_SECONDS", "1"), ("DATABASE_MAX_CONNECTIONS", "3")];
    let app = TestApp::over(folder, &settings).await;
    let begin = async || app.post("alice", "/v1/images", &json!({})).await;
    assert_eq!(begin().await.status, 200);
    let mut held = app.app.db.begin().await.unwrap();
    way.freeze();
    let started = std::time::Instant::now();
    let many = futures::future::join_all((0..8).map(|_| begin())).await;
    assert!(many.iter().all(|answer| answer.refusal() == (503, "STORE_UNAVAILABLE".into())));
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    let silent = held.enqueue_job(ANY_JOB, SystemTime::now()).await;
    assert!(matches!(silent, Err(Error::Unavailable(_))), "{silent:?}");
    drop(held);
    way.mend();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while begin().await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "connections that fell silent were given back");
    }
    app.finish().await;
}

/// A server cancels its heartbeat if that takes too long.
#[tokio::test]
async fn notices_that_are_cancelled_keep_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (url, way) = cuttable(&database(folder.path()).await).await;
    let (url, timeout, pooling) = (url.as_str().into(), Duration::from_secs(30), Pooling::Session);
    let db = Db::open(&Database::Postgres { url, host: None, connections: 2, timeout, pooling, iam: None }).await;
    let db = db.unwrap();
    let (one, two) = tokio::join!(db.count_jobs(), db.count_jobs());
    assert!(one.is_ok() && two.is_ok(), "both connections are open");
    way.freeze();
    let beat = async || tokio::time::timeout(Duration::from_secs(1), db.beat(uuid::Uuid::new_v4())).await;
    let (one, two) = tokio::join!(beat(), beat());
    assert!(one.is_err() && two.is_err(), "cancelled");
    way.mend();
    until("their connections are given up", async || db.probe().await.is_ok()).await;
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Changes of other servers are received; without notifications the cache is not used.
#[tokio::test]
async fn records_are_kept_only_while_changes_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    let direct = database(folder.path()).await;
    let (url, way) = cuttable(&direct).await;
    let app = TestApp::over(folder, &[("DATABASE_URL", &url), ("DATABASE_TIMEOUT_SECONDS", "1")]).await;
    let image = app.image("alice", b"bytes").await;
    let id = tidegate::model::ids::ObjectId::parse(&image).unwrap();
    let kept = async || {
        app.get("alice", &format!("/v1/images/{image}/stream-url")).await;
        app.app.object_cache.ready(id).is_some()
    };
    until("a record is kept once the server hears itself", kept).await;
    let other = open(&direct).await.unwrap();
    let mut tx = other.begin().await.unwrap();
    // A record is kept for three seconds, so it is read anew.
    app.app.object_cache.remove(id);
    assert!(kept().await);
    tx.signal_object(id);
    drop(tx);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(app.app.object_cache.ready(id).is_some(), "what was rolled back is not told");
    let mut tx = other.begin().await.unwrap();
    tx.signal_object(id);
    tx.commit().await.unwrap();
    until("what another server told is heard", async || app.app.object_cache.ready(id).is_none()).await;
    assert!(kept().await, "and kept again when it is read again");
    way.freeze();
    until("who hears nothing keeps nothing", async || app.app.object_cache.ready(id).is_none()).await;
    way.mend();
    until("until it hears again", kept).await;
    way.cut();
    until("an end is heard too", async || app.app.object_cache.ready(id).is_none()).await;
    way.mend();
    until("the database is back", async || app.get("alice", "/v1/images").await.status == 200).await;
    app.finish().await;
}

#[tokio::test]
async fn a_setup_that_can_never_work_ends_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let none = open(&url.replace("/test_", "/no_such_")).await.unwrap_err();
    let said = format!("{none:#}");
    assert_eq!(said.matches("does not exist").count(), 1, "once, and in its own words: {said}");
    let newer = open(&url).await.unwrap();
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'x', true, '', 0)")
        .execute(&mut connection)
        .await
        .unwrap();
    let refused = open(&url).await.unwrap_err();
    assert!(format!("{refused:#}").contains("9999"), "a newer release was here: {refused:#}");
    newer.probe().await.unwrap();
}

#[tokio::test]
async fn a_database_without_writes_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let db = open(&url).await.unwrap();
    db.probe().await.unwrap();
    // The connections there are, so that others are opened.
    let hold = || tidegate::turns::with_subject(Some("holder".into()), db.begin());
    let mut held = vec![hold().await.unwrap(), hold().await.unwrap()];
    // As after a failover: sessions opened from here on are on a standby.
    let standby = sqlx::AssertSqlSafe(format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        url.rsplit('/').next().unwrap()
    ));
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::query(standby).execute(&mut connection).await.unwrap();
    // What begins with the server may have opened another session before, and given it back since.
    while db.probe().await.is_ok() {
        assert!(held.len() < 5, "sessions that were opened now can write");
        held.push(hold().await.unwrap());
    }
    assert!(matches!(db.probe().await, Err(Error::Unavailable(_))));
    let mut second = db.begin().await.unwrap();
    let refused = second.enqueue_job(ANY_JOB, SystemTime::now()).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    drop(held);
    let started_on_it = open(&url).await.unwrap();
    assert!(matches!(started_on_it.probe().await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn sessions_are_durable_whatever_the_servers_default() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let db = open(&format!("{url}?options=-csynchronous_commit%3Doff")).await.unwrap();
    let postgres = db.postgres().expect("opened PostgreSQL");
    assert_eq!(postgres.setting("synchronous_commit").await.unwrap(), "on");
    assert_eq!(postgres.setting("statement_timeout").await.unwrap(), "30s");
}

#[tokio::test]
async fn text_that_postgres_cannot_hold_is_the_callers_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&database(folder.path()).await).await.unwrap();
    let refused = db.find_ready_by_key_unscoped("images/a\0b").await;
    assert!(matches!(refused, Err(Error::BadRequest(_))), "{refused:?}");
}

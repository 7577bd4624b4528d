//! PostgreSQL behind a pooler that lends a session for one transaction: PgBouncer in transaction mode,
//! with fewer sessions than connections. Also the tokens that RDS Proxy takes for passwords.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tidegate::db::{Database, Db, NewJob, Pooling};
use tidegate::error::Error;
use tidegate::model::object::ObjectState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::TestApp;
use crate::support::services::{database, empty_database, given, pooled};

const ANY_JOB: NewJob<'_> = NewJob { payload: "{}", dedupe: None, class: "images", priority: 0, max_attempts: 3 };
/// The sessions that PgBouncer has for one database (`.ci/services`).
const SESSIONS: i64 = 4;

/// The database behind the pooler that belongs to a URL without one.
fn behind_pooler(url: &str) -> Database {
    let (timeout, pooling) = (Duration::from_secs(30), Pooling::Transaction);
    Database::Postgres { url: pooled(url).into(), host: None, connections: 12, timeout, pooling, iam: None }
}

async fn open(url: &str) -> Db {
    Db::open(&behind_pooler(url)).await.unwrap()
}

/// Connects as the server does behind a pooler: without a setting that PgBouncer refuses by default.
async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    PgConnection::connect_with(&options.extra_float_digits(None)).await.unwrap()
}

/// Runs statements on a connection of their own.
async fn run(url: &str, sql: &str) {
    let mut connection = connect(url).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
}

fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// Tells PgBouncer to close all connections to a database, as an idle timeout or a failover does.
async fn close_connections(url: &str) {
    let console = pooled("/pgbouncer");
    run(&console, &format!("KILL {}", name_of(url))).await;
    run(&console, &format!("RESUME {}", name_of(url))).await;
}

async fn enqueue(db: &Db) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    tx.enqueue_job(ANY_JOB, SystemTime::now() - Duration::from_secs(1)).await?;
    tx.commit().await
}

#[tokio::test]
async fn many_connections_share_few_sessions_and_leave_nothing_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let db = open(&url).await;
    let work = async |n: usize| {
        for _ in 0..10 {
            // As another subject each, or they would wait for one another.
            let subject = Some(format!("subject {n}").into());
            tidegate::turns::with_subject(subject, enqueue(&db)).await.unwrap();
            db.count_jobs().await.unwrap();
        }
    };
    futures::future::join_all((0..12).map(work)).await;
    assert_eq!(db.count_jobs().await.unwrap().queued, 120);
    let mut direct = PgConnection::connect(&url).await.unwrap();
    let counted =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let (sessions,): (i64,) = sqlx::query_as(counted).fetch_one(&mut direct).await.unwrap();
    assert!((1..=SESSIONS).contains(&sessions), "{sessions}");
    // Every session at once, so that each is asked.
    let mut others = Vec::new();
    for _ in 0..SESSIONS {
        let mut other = connect(&pooled(&url)).await;
        sqlx::raw_sql("BEGIN").execute(&mut other).await.unwrap();
        let kept = "SELECT (SELECT COUNT(*) FROM pg_prepared_statements), \
                    (SELECT COUNT(*) FROM pg_settings WHERE source = 'session' AND name IN ('statement_timeout', \
                    'lock_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit')), \
                    (SELECT COUNT(*) FROM pg_listening_channels()), \
                    (SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())";
        let query = sqlx::query_as(kept).persistent(false);
        let kept: (i64, i64, i64, i64) = query.fetch_one(&mut other).await.unwrap();
        assert_eq!(kept, (0, 0, 0, 0), "statements, settings, channels and locks that a session has kept");
        others.push(other);
    }
}

#[tokio::test]
async fn servers_that_start_at_once_migrate_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = empty_database(folder.path()).await;
    // More than there are sessions, and some that migrate past the pooler.
    let direct = async || {
        let (timeout, pooling) = (Duration::from_secs(30), Pooling::Session);
        let database =
            Database::Postgres { url: url.as_str().into(), host: None, connections: 2, timeout, pooling, iam: None };
        Db::open(&database).await.unwrap()
    };
    let starts = futures::future::join(
        futures::future::join_all((0..6).map(|_| open(&url))),
        futures::future::join_all((0..2).map(|_| direct())),
    );
    let (behind, direct) = starts.await;
    for db in behind.iter().chain(&direct) {
        db.probe().await.unwrap();
    }
    let migrations = behind_pooler(&url).known_migrations().len();
    assert_eq!(behind_pooler(&url).read_schema().await.unwrap().unwrap().applied.len(), migrations);
    assert_eq!(migrations, 16, "a new migration: undo that one below");
    let undo_the_last = "DELETE FROM _sqlx_migrations WHERE version = 16; DROP TRIGGER archived_objects_end ON objects; \
                         DROP FUNCTION end_archived_object; DROP TABLE archived_objects; \
                         ALTER TABLE object_history DROP COLUMN archive, DROP COLUMN thawed_until";
    run(&url, undo_the_last).await;
    assert_eq!(behind_pooler(&url).read_schema().await.unwrap().unwrap().applied.len(), migrations - 1);
    behind_pooler(&url).migrate().await.unwrap();
    assert_eq!(behind_pooler(&url).read_schema().await.unwrap().unwrap().applied.len(), migrations);
}

/// The index of a large table may take longer than the role's statements may.
#[tokio::test]
async fn a_migration_has_no_time_limit() {
    // The first index takes longer than the limit.
    const SLOW: &str = "CREATE SEQUENCE indexes; \
                        CREATE FUNCTION delay() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
                            IF nextval('indexes') = 1 THEN PERFORM pg_sleep(1.3); END IF; END $$; \
                        CREATE EVENT TRIGGER delay ON ddl_command_start WHEN TAG IN ('CREATE INDEX') \
                            EXECUTE FUNCTION delay()";
    for pooling in [Pooling::Transaction, Pooling::Session] {
        let folder = tempfile::tempdir().unwrap();
        let url = empty_database(folder.path()).await;
        run(&url, SLOW).await;
        run(&url, &format!("ALTER DATABASE {} SET statement_timeout = '1s'", name_of(&url))).await;
        let timeout = Duration::from_secs(30);
        let direct =
            Database::Postgres { url: url.as_str().into(), host: None, connections: 2, timeout, pooling, iam: None };
        let database = if pooling == Pooling::Session { direct } else { behind_pooler(&url) };
        Db::open(&database).await.unwrap().probe().await.unwrap();
    }
}

/// While PostgreSQL is down, PgBouncer keeps its clients waiting for a session, for up to two minutes.
#[tokio::test]
async fn a_pooler_that_waits_for_the_database_costs_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let db = open(&url).await;
    let takes = async |work: &mut (dyn Future<Output = ()> + Unpin)| {
        let started = tokio::time::Instant::now();
        work.await;
        started.elapsed()
    };
    let mut writing = Box::pin(async { drop(db.begin().await.expect_err("there is no session")) });
    let mut reading = Box::pin(async { drop(db.count_jobs().await.expect_err("there is no session")) });
    let mut probing = Box::pin(async { drop(db.probe().await.expect_err("there is no session")) });
    let mut starting = Box::pin(async {
        let other = open(&url).await;
        assert!(matches!(other.count_jobs().await, Err(Error::Unavailable(_))), "it is not migrated");
        other.close().await;
    });
    run(&pooled("/pgbouncer"), &format!("PAUSE {}", name_of(&url))).await;
    let (write, read, probe, start) =
        tokio::join!(takes(&mut writing), takes(&mut reading), takes(&mut probing), takes(&mut starting));
    run(&pooled("/pgbouncer"), &format!("RESUME {}", name_of(&url))).await;
    for (what, took, limit) in [("write", write, 7), ("read", read, 7), ("probe", probe, 7), ("start", start, 13)] {
        assert!(took < Duration::from_secs(limit), "{what}: {took:?}");
    }
    until("the database is used again", async || db.probe().await.is_ok()).await;
}

#[tokio::test]
async fn a_transaction_has_its_limits_and_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let name = name_of(&url);
    run(
        &url,
        &format!("ALTER DATABASE {name} SET synchronous_commit = off; ALTER DATABASE {name} SET statement_timeout = 7"),
    )
    .await;
    let db = open(&url).await;
    let postgres = db.postgres().expect("opened PostgreSQL");
    for (setting, value) in [
        ("synchronous_commit", "on"),
        ("statement_timeout", "30s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "1min"),
    ] {
        assert_eq!(postgres.setting(setting).await.unwrap(), value, "{setting}");
    }
}

/// A pooler closes connections that are idle, and all of them in a failover. What has not begun is
/// begun on another connection; what has begun fails, and nothing of it is kept.
#[tokio::test]
async fn closed_connections_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let db = open(&url).await;
    let all_at_once = async || {
        let one = async |n: usize| {
            tidegate::turns::with_subject(Some(format!("subject {n}").into()), async {
                enqueue(&db).await?;
                db.count_jobs().await
            })
            .await
        };
        for outcome in futures::future::join_all((0..9).map(one)).await {
            outcome.expect("a transaction that has not begun is begun again");
        }
    };
    all_at_once().await;
    for round in 1..=3 {
        // Of the pooler with its clients, and of the database with the pooler.
        close_connections(&url).await;
        all_at_once().await;
        run(&url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            .await;
        until("the pooler opens new sessions", async || db.count_jobs().await.is_ok()).await;
        all_at_once().await;
        assert_eq!(db.count_jobs().await.unwrap().queued, 9 + 18 * round);
    }
    let queued = db.count_jobs().await.unwrap().queued;
    let mut tx = db.begin().await.unwrap();
    tx.enqueue_job(ANY_JOB, SystemTime::now()).await.unwrap();
    close_connections(&url).await;
    let lost = tx.enqueue_job(ANY_JOB, SystemTime::now()).await;
    assert!(matches!(lost, Err(Error::Unavailable(_))), "{lost:?}");
    drop(tx);
    assert_eq!(db.count_jobs().await.unwrap().queued, queued, "half of a transaction");
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Without notices of other servers nothing is cached, so what one server deletes no other signs for.
#[tokio::test]
async fn what_one_server_deletes_the_other_never_signs() {
    let folder = tempfile::tempdir().unwrap();
    let direct = database(folder.path()).await;
    let url = pooled(&direct);
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_POOLING", "transaction")];
    let app = TestApp::over(folder, &settings).await;
    let other = open(&direct).await;
    // Past two heartbeats, which would enable the cache.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    for _ in 0..3 {
        let image = app.image("alice", b"bytes").await;
        let path = format!("/v1/images/{image}/stream-url");
        assert_eq!(app.get("alice", &path).await.status, 200);
        assert_eq!(app.get("alice", &path).await.status, 200);
        let id = tidegate::model::ids::ObjectId::parse(&image).unwrap();
        assert!(app.app.object_cache.ready(id).is_none(), "cached");
        // What the other server commits while it deletes.
        let mut tx = other.begin().await.unwrap();
        let deleted = tx.set_object_state(id, ObjectState::Ready, ObjectState::Deleted, SystemTime::now()).await;
        assert!(deleted.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(app.get("alice", &path).await.status, 404);
    }
    app.run_jobs().await;
    app.finish().await;
}

/// Servers that are connected without a pooler cache, and hear what servers behind one change.
#[tokio::test]
async fn servers_behind_a_pooler_are_heard_by_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let (timeout, pooling) = (Duration::from_secs(30), Pooling::Session);
    let direct =
        Database::Postgres { url: url.as_str().into(), host: None, connections: 2, timeout, pooling, iam: None };
    let direct = Db::open(&direct).await.unwrap();
    let behind = open(&url).await;
    assert!(behind.changes().await.unwrap().is_none() && !behind.hears_others());
    let mut changes = direct.changes().await.unwrap().expect("without a pooler it listens");
    let id = tidegate::model::ids::ObjectId::generate();
    let mut tx = behind.begin().await.unwrap();
    tx.signal_object(id);
    tx.commit().await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(10), changes.next()).await.expect("heard").unwrap();
    assert_eq!(heard, tidegate::db::Change::Object(id));
}

/// With `DATABASE_MIGRATE=off` a database is used only if its tables are this binary's.
#[tokio::test]
async fn a_start_that_does_not_migrate_wants_the_tables_as_they_are() {
    let (none, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = none.path().join("t.db");
    let refused = Db::open_as(&Database::Sqlite(path.clone()), false).await.unwrap_err();
    assert!(format!("{refused:#}").contains("run `tidegate migrate`"), "{refused:#}");
    assert!(!path.exists(), "created");
    let url = empty_database(empty.path()).await;
    let (timeout, pooling) = (Duration::from_secs(30), Pooling::Session);
    let direct =
        Database::Postgres { url: url.as_str().into(), host: None, connections: 2, timeout, pooling, iam: None };
    for database in [Database::Sqlite(path), direct, behind_pooler(&url)] {
        if let Database::Sqlite(path) = &database {
            std::fs::write(path, b"").unwrap();
        } else {
            run(&url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
        }
        let refused = Db::open_as(&database, false).await.unwrap_err();
        assert!(format!("{refused:#}").contains("the database is older than this binary"), "{refused:#}");
        assert!(format!("{refused:#}").contains("Run `tidegate migrate`"), "{refused:#}");
        database.migrate().await.unwrap();
        Db::open_as(&database, false).await.unwrap().probe().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (9999, 'x', true, '', 0)";
        match &database {
            Database::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query(newer).execute(&mut connection).await.unwrap();
            }
            Database::Postgres { .. } => run(&url, newer).await,
        }
        let refused = Db::open_as(&database, false).await.unwrap_err();
        assert!(format!("{refused:#}").contains("the database is newer than this binary"), "{refused:#}");
    }
}

/// PostgreSQL as RDS has it: asks for a token instead of a password, and lets in whoever has one for
/// the user. No emulator of RDS does. Relays to the real server.
struct AsRds {
    port: u16,
    tokens: Arc<Mutex<Vec<String>>>,
    /// How many connections are refused.
    refuses: Arc<AtomicUsize>,
}

impl AsRds {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = given("TEST_POSTGRES_URL");
        let server = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        let (tokens, refuses): (Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>) = Default::default();
        let (seen, refused) = (Arc::clone(&tokens), Arc::clone(&refuses));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (server, seen, refused) = (server.clone(), Arc::clone(&seen), Arc::clone(&refused));
                tokio::spawn(async move { Self::serve(client, server, seen, refused).await });
            }
        });
        Self { port, tokens, refuses }
    }

    async fn serve(
        mut client: TcpStream,
        server: String,
        seen: Arc<Mutex<Vec<String>>>,
        refuses: Arc<AtomicUsize>,
    ) -> std::io::Result<()> {
        let startup = loop {
            let length = client.read_u32().await?;
            let mut body = vec![0; length as usize - 4];
            client.read_exact(&mut body).await?;
            if body.as_slice() != 80_877_103_u32.to_be_bytes() {
                break [length.to_be_bytes().as_slice(), &body].concat();
            }
            // There is no TLS.
            client.write_all(b"N").await?;
        };
        client.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await?;
        assert_eq!(client.read_u8().await?, b'p');
        let mut password = vec![0; client.read_u32().await? as usize - 4];
        client.read_exact(&mut password).await?;
        seen.lock().unwrap().push(String::from_utf8(password).unwrap().trim_end_matches('\0').to_owned());
        if refuses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let error = b"SFATAL\0C28000\0MPAM authentication failed\0\0";
            client.write_all(b"E").await?;
            client.write_u32(u32::try_from(error.len()).unwrap() + 4).await?;
            return client.write_all(error).await;
        }
        let mut there = TcpStream::connect(server).await?;
        there.write_all(&startup).await?;
        tokio::io::copy_bidirectional(&mut client, &mut there).await.map(drop)
    }
}

#[tokio::test]
async fn connections_sign_in_by_tokens_of_iam() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).await;
    let rds = AsRds::start().await;
    let url = format!("postgres://tidegate@127.0.0.1:{}/{}", rds.port, name_of(&url));
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_IAM_AUTH", "true"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2-secret"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let app = TestApp::over(folder, &settings).await;
    assert_eq!(app.post("alice", "/v1/images", &json!({})).await.status, 200);
    let tokens = rds.tokens.lock().unwrap().clone();
    assert!(tokens.len() >= 2, "one to migrate by, and one of the pool");
    for token in tokens {
        let start = format!("127.0.0.1:{}/?Action=connect&DBUser=tidegate&X-Amz-Algorithm=AWS4-HMAC-SHA256&", rds.port);
        assert!(token.starts_with(&start), "{token}");
        assert!(
            token.contains("%2Feu-west-1%2Frds-db%2Faws4_request&") && token.contains("&X-Amz-Expires=900&"),
            "{token}"
        );
        assert!(!token.contains("hunter2"), "{token}");
    }
    // A start that is refused ends, and says why.
    rds.refuses.store(1, Ordering::SeqCst);
    let refused = Db::open(&app.app.config.database).await.unwrap_err();
    assert!(format!("{refused:#}").contains("PAM authentication failed"), "{refused:#}");
    Db::open(&app.app.config.database).await.unwrap().probe().await.unwrap();
    app.finish().await;
}

/// A token that is refused while the server runs, as one that has ended is, is an outage.
#[tokio::test]
async fn a_sign_in_that_is_refused_later_is_an_outage() {
    let folder = tempfile::tempdir().unwrap();
    let direct = database(folder.path()).await;
    let rds = AsRds::start().await;
    let url = format!("postgres://tidegate:password@127.0.0.1:{}/{}", rds.port, name_of(&direct));
    let app = TestApp::over(folder, &[("DATABASE_URL", url.as_str()), ("DATABASE_MAX_CONNECTIONS", "2")]).await;
    let begin = async || app.post("alice", "/v1/images", &json!({})).await;
    assert_eq!(begin().await.status, 200);
    rds.refuses.store(usize::MAX, Ordering::SeqCst);
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
    run(&direct, end_all).await;
    for _ in 0..3 {
        let refused = begin().await;
        assert_eq!(refused.refusal(), (503, "STORE_UNAVAILABLE".into()));
        assert_eq!(refused.header("retry-after"), "1");
    }
    rds.refuses.store(0, Ordering::SeqCst);
    until("the database is used again", async || begin().await.status == 200).await;
    app.finish().await;
}

//! The real servers that `.ci/services` started for the tests. A test fails if a server it needs is
//! missing.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tidegate::db::{Database, Db, Pooling};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OnceCell};

use super::TestApp;

pub(crate) fn given(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests by `make unit`, which starts the servers"))
}

/// Returns the database that belongs to a test's folder, in the passes on PostgreSQL.
pub(crate) async fn database_of(folder: &Path) -> Option<String> {
    match std::env::var("TEST_DATABASE").ok()?.as_str() {
        "postgres" | "pgbouncer" => Some(database(folder).await),
        _ => None,
    }
}

/// Returns the URL that leads to the same database through PgBouncer, in the pass on that. Of a
/// database elsewhere, such as one that can be cut off, there is none.
pub(crate) fn pooled_in_this_pass(url: &str) -> Option<String> {
    let chosen = std::env::var("TEST_DATABASE").is_ok_and(|database| database == "pgbouncer");
    if chosen && url.starts_with(given("TEST_POSTGRES_URL").rsplit_once('/').unwrap().0) {
        Some(pooled(url))
    } else {
        None
    }
}

/// Returns the URL that leads to the same database through PgBouncer.
pub(crate) fn pooled(url: &str) -> String {
    let pooler = given("TEST_PGBOUNCER_URL");
    format!("{}/{}", pooler.rsplit_once('/').unwrap().0, url.rsplit_once('/').unwrap().1)
}

/// Returns the database of a folder, creating it if needed.
pub(crate) async fn database(folder: &Path) -> String {
    let mut connection = PgConnection::connect(&given("TEST_POSTGRES_URL")).await.unwrap();
    let template = TEMPLATE.get_or_init(|| migrated(&mut connection)).await.clone();
    made(&mut connection, folder, Some(&template)).await
}

/// A database for a folder that no server has opened yet.
pub(crate) async fn empty_database(folder: &Path) -> String {
    let mut connection = PgConnection::connect(&given("TEST_POSTGRES_URL")).await.unwrap();
    made(&mut connection, folder, None).await
}

/// The database that the others are copies of.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// What was made for which folder. A folder goes with its test.
static MADE: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());

/// Every name begins like this; then follow the process that made it, and a word of its own.
const PREFIX: &str = "test_";

fn url_of(name: &str) -> String {
    let server = given("TEST_POSTGRES_URL");
    let (before, _) = server.rsplit_once('/').unwrap();
    format!("{before}/{name}")
}

/// Creates the template database, and drops databases that earlier runs left on this server.
async fn migrated(connection: &mut PgConnection) -> String {
    let names: Vec<String> = sqlx::query_scalar("SELECT datname FROM pg_database WHERE starts_with(datname, $1)")
        .bind(PREFIX)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    for name in names {
        let process = name.trim_start_matches(PREFIX).split('_').next().unwrap();
        if !Path::new("/proc").join(process).exists() {
            drop_database(connection, &name).await;
        }
    }
    let name = format!("{PREFIX}{}_template", std::process::id());
    execute(connection, format!("CREATE DATABASE {name}")).await.unwrap();
    let (url, timeout) = (url_of(&name).into(), Duration::from_secs(30));
    let pooling = Pooling::Session;
    let opened =
        Db::open(&Database::Postgres { url, host: None, connections: 1, timeout, pooling, iam: None }).await.unwrap();
    opened.probe().await.unwrap();
    // Only what nobody is connected to can be copied.
    opened.close().await;
    name
}

async fn made(connection: &mut PgConnection, folder: &Path, template: Option<&str>) -> String {
    drop_what_is_left(connection).await;
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    let name = format!("{PREFIX}{}_{:016x}", std::process::id(), hasher.finish());
    let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name);
    if found.fetch_optional(&mut *connection).await.unwrap().is_none() {
        let template = template.unwrap_or("template1");
        execute(connection, format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
        MADE.lock().unwrap().push((folder.to_owned(), name.clone()));
    }
    url_of(&name)
}

/// Drops the databases of tests that have ended. Each takes 8 MB.
async fn drop_what_is_left(connection: &mut PgConnection) {
    let left: Vec<_> = MADE.lock().unwrap().extract_if(.., |(folder, _)| !folder.exists()).collect();
    for (_, name) in left {
        drop_database(connection, &name).await;
    }
}

/// In the pass on PostgreSQL, has the statistics made that autovacuum makes within a minute of a large change.
pub(crate) async fn analyze(app: &TestApp) {
    if app.app.db.is_shared() {
        let mut connection = PgConnection::connect(&database(app.folder.path()).await).await.unwrap();
        execute(&mut connection, "ANALYZE".to_owned()).await.unwrap();
    }
}

async fn drop_database(connection: &mut PgConnection, name: &str) {
    // By force: connections of a server that has been told to stop may still end.
    execute(connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
}

async fn execute(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Returns the bytes of a database file with all tables, created once for all tests.
pub(crate) async fn sqlite_file() -> &'static [u8] {
    static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
    FILE.get_or_init(async || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.db");
        let opened = Db::open(&Database::Sqlite(path.clone())).await.unwrap();
        // The last to close it puts everything into the one file.
        opened.close().await;
        std::fs::read(path).unwrap()
    })
    .await
}

/// Returns settings for a new bucket on garage, reached through `endpoint`.
pub(crate) async fn bucket(endpoint: &str) -> Vec<(String, String)> {
    let name = format!("it-{}", uuid::Uuid::new_v4().simple());
    client("TEST_GARAGE_URL").create_bucket().bucket(&name).send().await.unwrap();
    settings_of(&name, endpoint)
}

/// Returns settings for a new bucket on ministack, which has archives, and a client of it.
pub(crate) async fn archiving_bucket(versioned: bool) -> (Vec<(String, String)>, Archive) {
    use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
    let (client, name) = (client("TEST_MINISTACK_URL"), format!("it-{}", uuid::Uuid::new_v4().simple()));
    client.create_bucket().bucket(&name).send().await.unwrap();
    if versioned {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        client.put_bucket_versioning().bucket(&name).versioning_configuration(enabled).send().await.unwrap();
    }
    let mut settings = settings_of(&name, &given("TEST_MINISTACK_URL"));
    for (setting, value) in &mut settings {
        // The credentials that `.ci/services` gives ministack. Presigned requests are checked with them.
        if setting.starts_with("AWS_") && setting.contains("KEY") {
            "test".clone_into(value);
        }
    }
    (settings, Archive { client, bucket: name })
}

/// A bucket whose objects can be archived.
pub(crate) struct Archive {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Archive {
    /// Archives every object whose key begins with `prefix`, as a lifecycle rule does. Returns how many.
    pub(crate) async fn archive(&self, prefix: &str) -> usize {
        let listed = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).send().await.unwrap();
        for object in listed.contents() {
            let key = object.key().unwrap();
            let source = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string();
            let copy = self.client.copy_object().bucket(&self.bucket).key(key);
            let copy = copy.copy_source(format!("{}/{source}", self.bucket));
            copy.storage_class(aws_sdk_s3::types::StorageClass::Glacier).send().await.unwrap();
        }
        listed.contents().len()
    }

    /// Puts an object into the bucket, past the server.
    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) {
        self.client.put_object().bucket(&self.bucket).key(key).body(bytes.to_vec().into()).send().await.unwrap();
    }
}

fn settings_of(name: &str, endpoint: &str) -> Vec<(String, String)> {
    let (access_key, secret_key) = (given("TEST_S3_ACCESS_KEY"), given("TEST_S3_SECRET_KEY"));
    let credentials = [("AWS_ACCESS_KEY_ID", access_key.as_str()), ("AWS_SECRET_ACCESS_KEY", &secret_key)];
    let place = [("S3_BUCKET", name), ("S3_ENDPOINT", endpoint), ("S3_TIMEOUT_SECONDS", "5")];
    [credentials.as_slice(), &place]
        .concat()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Returns a client of a server that was started for the tests.
fn client(server: &str) -> aws_sdk_s3::Client {
    let credentials = aws_sdk_s3::config::Credentials::new(
        given("TEST_S3_ACCESS_KEY"),
        given("TEST_S3_SECRET_KEY"),
        None,
        None,
        "test",
    );
    let config = aws_sdk_s3::config::Builder::new()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(given(server))
        .credentials_provider(credentials)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// A proxy to a server that can be cut: its connections break and new ones are refused until it is
/// mended.
pub(crate) struct Cuttable {
    pub(crate) address: SocketAddr,
    cut: Arc<(AtomicBool, Notify)>,
    frozen: Arc<AtomicBool>,
}

impl Cuttable {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut: Arc<(AtomicBool, Notify)> = Arc::default();
        let frozen: Arc<AtomicBool> = Arc::default();
        let (state, ice) = (Arc::clone(&cut), Arc::clone(&frozen));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (state, ice) = (Arc::clone(&state), Arc::clone(&ice));
                tokio::spawn(async move {
                    let broken = state.1.notified();
                    if state.0.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(there) = TcpStream::connect(server).await else { return };
                    let ((from, to), (back, forth)) = (client.into_split(), there.into_split());
                    tokio::select! {
                        () = carry(from, forth, &ice) => {}
                        () = carry(back, to, &ice) => {}
                        () = broken => {}
                    }
                });
            }
        });
        Self { address, cut, frozen }
    }

    pub(crate) fn cut(&self) {
        self.cut.0.store(true, Ordering::SeqCst);
        self.cut.1.notify_waiters();
    }

    /// Freezes both directions without closing, as a host that lost power.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.frozen.store(false, Ordering::SeqCst);
        self.cut.0.store(false, Ordering::SeqCst);
    }
}

/// Copies bytes until one side closes; bytes that arrive while frozen are held forever.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, frozen: &AtomicBool) {
    let mut chunk = vec![0; 64 << 10];
    loop {
        let Ok(read) = from.read(&mut chunk).await else { return };
        if frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if read == 0 || to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

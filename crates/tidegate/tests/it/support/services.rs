//! The real servers that `.ci/services` started for the tests. What a test needs and does not find fails it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub(crate) fn given(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests by `make unit`, which starts the servers"))
}

/// In the pass on PostgreSQL, the database that belongs to a test's folder.
pub(crate) async fn database_of(folder: &Path) -> Option<String> {
    if std::env::var("TEST_DATABASE").ok()? != "postgres" {
        return None;
    }
    Some(database(folder).await)
}

/// A database for a folder: a new one, or that which was made for it before.
pub(crate) async fn database(folder: &Path) -> String {
    let server = given("TEST_POSTGRES_URL");
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    let name = format!("test_{:016x}", hasher.finish());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name);
    if found.fetch_optional(&mut connection).await.unwrap().is_none() {
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(create).execute(&mut connection).await.unwrap();
    }
    let (before, _) = server.rsplit_once('/').unwrap();
    format!("{before}/{name}")
}

/// Settings that lead to a new bucket on garage, by way of `endpoint`.
pub(crate) async fn bucket(endpoint: &str) -> Vec<(String, String)> {
    let name = format!("it-{}", uuid::Uuid::new_v4().simple());
    make_bucket(&name).await;
    let (access_key, secret_key) = (given("TEST_S3_ACCESS_KEY"), given("TEST_S3_SECRET_KEY"));
    let credentials = [("AWS_ACCESS_KEY_ID", access_key.as_str()), ("AWS_SECRET_ACCESS_KEY", &secret_key)];
    let place = [("S3_BUCKET", name.as_str()), ("S3_ENDPOINT", endpoint), ("S3_TIMEOUT_SECONDS", "5")];
    [credentials.as_slice(), &place]
        .concat()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn make_bucket(name: &str) {
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
        .endpoint_url(given("TEST_GARAGE_URL"))
        .credentials_provider(credentials)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config).create_bucket().bucket(name).send().await.unwrap();
}

/// A way to a server that can be cut: connections through it break, and new ones are refused, until it is mended.
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

    /// Says nothing more, in either direction, and closes nothing: as a host that lost its power.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.frozen.store(false, Ordering::SeqCst);
        self.cut.0.store(false, Ordering::SeqCst);
    }
}

/// Carries bytes until an end closes; what comes while it is frozen is held for ever.
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

//! The real servers that `.ci/services` started for the tests. A test fails if a server it needs is
//! missing.

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

/// Returns the database that belongs to a test's folder, in the pass on PostgreSQL.
pub(crate) async fn database_of(folder: &Path) -> Option<String> {
    if std::env::var("TEST_DATABASE").ok()? != "postgres" {
        return None;
    }
    Some(database(folder).await)
}

/// Returns the database of a folder, creating it if needed.
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

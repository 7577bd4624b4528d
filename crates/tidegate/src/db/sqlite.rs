//! Opening SQLite: one file, any number of readers, one writer.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

/// Opens the file, making it if it is not there, and brings its tables up to date. A reader's pool and a writer's.
#[expect(clippy::disallowed_methods, reason = "SQLite makes the file and not its folder")]
pub(super) async fn open(path: &Path) -> anyhow::Result<(SqlitePool, SqlitePool)> {
    let about = || format!("the database {}", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(about)?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An answer follows the commit, so the commit must survive a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true);
    let acquire = Duration::from_secs(10);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(acquire)
        // On a full disk SQLite ends a transaction by itself, and the driver then believes for ever that
        // it is inside one. Such a connection is replaced.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options.clone())
        .await
        .with_context(about)?;
    sqlx::migrate!("migrations/sqlite").run(&writer).await.with_context(about)?;
    // A page of a thousand rows goes from the thread that reads it to the one that asked in one go.
    let reads = options.read_only(true).row_buffer_size(1024);
    let reader = SqlitePoolOptions::new()
        .max_connections(8)
        .acquire_timeout(acquire)
        .connect_with(reads)
        .await
        .with_context(about)?;
    Ok((reader, writer))
}

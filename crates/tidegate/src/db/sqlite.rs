//! Opens SQLite: one file, any number of readers, one writer. The SQL is in the other modules of
//! `db`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::Connection as _;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::migrator;
use super::schema::{self, SQLITE};

/// How long a turn waits for the writer, or for a connection that reads.
const ACQUIRE: Duration = Duration::from_secs(10);
/// How long a transaction or a read waits for its turn.
pub(super) const TURN: Duration = Duration::from_secs(10);
/// The number of connections that read.
pub(super) const READERS: usize = 8;
/// The largest log that stays after a checkpoint, in bytes.
const LOG_SIZE: &str = "4194304";

/// The endings of the files that SQLite puts beside its own. It gives them the mode of its own.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Opens the file, and creates it and migrates its tables if `migrates` is set. Otherwise requires
/// that they are migrated. Returns the pool of readers and the pool of the writer.
pub(super) async fn open(path: &Path, migrates: bool) -> anyhow::Result<(SqlitePool, SqlitePool)> {
    let about = || format!("the database {}", path.display());
    anyhow::ensure!(
        migrates || path.is_file(),
        "there is no database {}: run `tidegate migrate`, or set DATABASE_MIGRATE=on",
        path.display()
    );
    let (to_open, folder) = (path.to_owned(), path.parent().filter(|folder| !folder.as_os_str().is_empty()));
    if let Some(folder) = folder {
        store::create_private_folder(folder).with_context(about)?;
    }
    tokio::task::spawn_blocking(move || store::make_private(&to_open, &LOGS)).await?.with_context(about)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A response follows the commit, so the commit must survive a power failure.
        .synchronous(SqliteSynchronous::Full)
        // The log is truncated to this after each checkpoint, so that it gives its space back.
        .pragma("journal_size_limit", LOG_SIZE)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE)
        // On a full disk, SQLite ends a transaction by itself while the driver still considers it
        // open. Such a connection is replaced.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options.clone())
        .await
        .with_context(about)?;
    let migrated = if migrates { SQLITE.run(&writer).await } else { require_current(&writer).await };
    migrated.map_err(|error| anyhow::anyhow!(schema::describe(&error, &SQLITE))).with_context(about)?;
    // A page of a thousand rows is passed between the driver's threads at once.
    let reads = options.read_only(true).row_buffer_size(1024);
    let reader = SqlitePoolOptions::new()
        .max_connections(u32::try_from(READERS).unwrap_or(1))
        .acquire_timeout(ACQUIRE)
        .connect_with(reads)
        .await
        .with_context(about)?;
    Ok((reader, writer))
}

/// Returns an error unless the tables are those of this binary.
async fn require_current(writer: &SqlitePool) -> Result<(), MigrateError> {
    const EXISTS: &str = "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
    const APPLIED: &str = "SELECT version, checksum FROM _sqlx_migrations WHERE success";
    let (exists,): (i64,) = sqlx::query_as(EXISTS).fetch_one(writer).await?;
    let rows: Vec<(i64, Vec<u8>)> = match exists {
        0 => Vec::new(),
        _ => sqlx::query_as(APPLIED).fetch_all(writer).await?,
    };
    migrator::require_current(&rows.into_iter().collect(), &SQLITE)
}

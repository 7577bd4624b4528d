//! The only SQL. One text per query, for every engine where they agree; the `on_*` macros run it on the
//! engine that is configured.

mod jobs;
mod objects;
mod owners;
mod uploads;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

pub use self::jobs::{ClaimedJob, JobCounts};
pub use self::objects::Cursor;
use crate::error::{Error, Result};

/// The database: a pool to read from and a pool to write with. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    /// One file. Any number of readers, one writer.
    Sqlite {
        /// Read-only connections.
        reader: SqlitePool,
        /// The one connection that writes.
        writer: SqlitePool,
    },
}

/// A write transaction; rolled back when dropped.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite, begun with the write lock held.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
}

/// Runs an expression with the pool that reads.
macro_rules! on_reader {
    ($db:expr, |$pool:ident| $run:expr) => {
        match $db {
            $crate::db::Db::Sqlite { reader: $pool, .. } => $run,
        }
    };
}

/// Runs an expression with the connection of a transaction.
macro_rules! on_tx {
    ($tx:expr, |$connection:ident| $run:expr) => {
        match $tx {
            $crate::db::Tx::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $run
            }
        }
    };
}
pub(crate) use {on_reader, on_tx};

impl Db {
    /// Opens the SQLite file, making it if it is not there, and brings its tables up to date.
    pub async fn open_sqlite(path: &Path) -> anyhow::Result<Self> {
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
        let reader = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(acquire)
            .connect_with(options.read_only(true))
            .await
            .with_context(about)?;
        Ok(Self::Sqlite { reader, writer })
    }

    /// Begins a write transaction.
    pub async fn begin(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { writer, .. } => Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)),
        }
    }

    /// Whether the database answers to readers and lets writers begin.
    pub async fn probe(&self) -> Result<()> {
        on_reader!(self, |pool| sqlx::query("SELECT 1").execute(pool).await.map(drop)?);
        self.begin().await.map(drop)
    }

    /// Ends all connections; what was committed is on disk.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { reader, writer } => {
                reader.close().await;
                writer.close().await;
            }
        }
    }
}

impl Tx {
    /// Commits; what was written survives from here on.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.commit().await?),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => Self::Unavailable(error.into()),
            // SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR and SQLITE_CANTOPEN with their extended codes: the disk's
            // trouble, not the caller's.
            sqlx::Error::Database(inner)
                if inner
                    .code()
                    .and_then(|code| code.parse::<u32>().ok())
                    .is_some_and(|code| matches!(code & 0xff, 5 | 10 | 13 | 14)) =>
            {
                Self::Unavailable(error.into())
            }
            _ => Self::Internal(error.into()),
        }
    }
}

/// A stored value that no code of ours wrote.
fn corrupt(what: &'static str) -> Error {
    Error::Internal(anyhow::anyhow!("the database holds a {what} that is none"))
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_transaction_that_the_engine_ended_is_not_the_end_of_writing() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&folder.path().join("t.db")).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        // What SQLite does by itself when the disk is full.
        on_tx!(&mut tx, |connection| sqlx::query("ROLLBACK").execute(connection).await.unwrap());
        drop(tx);
        for _ in 0..3 {
            let mut tx = db.begin().await.unwrap();
            tx.enqueue_job("{}", None, std::time::SystemTime::now(), 1).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(db.count_jobs().await.unwrap().queued, 3);
    }
}

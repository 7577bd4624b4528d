//! The version of the database's tables: the migrations that were applied, and those that this
//! binary knows. Migrates on demand, and reads without changing anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use anyhow::Context as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, SqlSafeStr as _};

use super::connector::Connector;
use super::session::Session;
use super::{Database, migrator, sqlite};

/// Path in the repository, and content, of every migration of both engines.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The migrations of a SQLite file.
pub(super) static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator("crates/tidegate/migrations/sqlite/"));
/// The migrations of a PostgreSQL database.
pub(super) static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator("crates/tidegate/migrations/postgres/"));

/// What is said of a PostgreSQL database that no connection can be opened to.
const SILENT: &str = "the PostgreSQL database (DATABASE_URL) does not answer";

/// The first line of a migration that runs outside a transaction, as in sqlx's own file format.
const NO_TRANSACTION: &str = "-- no-transaction";

/// Returns the migrations of a folder, whose files are named as `0001_core.sql`. Leaves out files that
/// are named otherwise; the unit test below counts the files, so that no build has any.
fn migrator(folder: &str) -> Migrator {
    let inside = FILES.iter().filter_map(|(path, sql)| Some((path.strip_prefix(folder)?, *sql)));
    Migrator::with_migrations(inside.filter_map(|(name, sql)| migration(name, sql)).collect())
}

fn migration(name: &str, sql: &'static [u8]) -> Option<Migration> {
    let (version, description) = name.strip_suffix(".sql")?.split_once('_')?;
    let (sql, description) = (std::str::from_utf8(sql).ok()?, description.replace('_', " "));
    let (kind, no_tx) = (MigrationType::Simple, sql.starts_with(NO_TRANSACTION));
    Some(Migration::new(version.parse().ok()?, description.into(), kind, sql.into_sql_str(), no_tx))
}

/// What is known of a database that is not opened for use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The engine and its version.
    pub engine: String,
    /// The numbers of the applied migrations; empty for a database without tables.
    pub applied: BTreeSet<i64>,
    /// The number of jobs that wait.
    pub queued_jobs: i64,
    /// When the job that has been due for longest was due, in microseconds since 1970.
    pub oldest_due: Option<i64>,
    /// The number of dead-lettered jobs by type and error code.
    pub dead_jobs: BTreeMap<(String, String), u64>,
}

/// Defines a function that reads the schema over a connection of one engine. The statements return
/// the engine's version, and whether the table of migrations exists.
macro_rules! schema_reader {
    ($name:ident, $connection:ty, $version:literal, $exists:literal) => {
        async fn $name(connection: &mut $connection) -> Result<Schema, sqlx::Error> {
            const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success";
            const QUEUED: &str = "SELECT COUNT(*) FROM jobs WHERE state = 'QUEUED'";
            const OLDEST: &str = "SELECT MIN(run_at) FROM jobs WHERE state = 'QUEUED'";
            const DEAD: &str = "SELECT payload, last_error FROM jobs WHERE state = 'DEAD'";
            let (engine,): (String,) = sqlx::query_as($version).fetch_one(&mut *connection).await?;
            let (exists,): (i64,) = sqlx::query_as($exists).fetch_one(&mut *connection).await?;
            if exists == 0 {
                return Ok(Schema { engine, ..Schema::default() });
            }
            let applied: Vec<(i64,)> = sqlx::query_as(APPLIED).fetch_all(&mut *connection).await?;
            let (queued_jobs,): (i64,) = sqlx::query_as(QUEUED).fetch_one(&mut *connection).await?;
            let (oldest_due,): (Option<i64>,) = sqlx::query_as(OLDEST).fetch_one(&mut *connection).await?;
            let dead: Vec<(String, Option<String>)> = sqlx::query_as(DEAD).fetch_all(&mut *connection).await?;
            let applied = applied.into_iter().map(|(version,)| version).collect();
            Ok(Schema { engine, applied, queued_jobs, oldest_due, dead_jobs: count_by_type(dead) })
        }
    };
}

schema_reader!(
    read_sqlite,
    SqliteConnection,
    "SELECT 'SQLite ' || sqlite_version()",
    "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'"
);
schema_reader!(
    read_postgres,
    Session,
    "SELECT 'PostgreSQL ' || current_setting('server_version')",
    "SELECT COUNT(to_regclass('_sqlx_migrations'))"
);

/// Counts jobs by the type in their payload, whose other fields name users, and by error code.
fn count_by_type(jobs: Vec<(String, Option<String>)>) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for (payload, error) in jobs {
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap_or_default();
        let name = payload["type"].as_str().unwrap_or("unknown").to_owned();
        *counts.entry((name, error.unwrap_or_default())).or_default() += 1;
    }
    counts
}

impl Database {
    /// Returns the numbers and names of the migrations that this binary knows, in their order.
    pub fn known_migrations(&self) -> Vec<(i64, String)> {
        let migrator = match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres { .. } => &POSTGRES,
        };
        migrator.iter().map(|migration| (migration.version, migration.description.to_string())).collect()
    }

    /// Applies the migrations that the database lacks. Creates a SQLite file that does not exist.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(path) => {
                let (reader, writer) = sqlite::open(path, true).await?;
                reader.close().await;
                writer.close().await;
            }
            Self::Postgres { .. } => {
                let session = migrator::migrate(&Connector::new(self)?, true).await.map_err(|error| match error {
                    MigrateError::Execute(error) if !matches!(error, sqlx::Error::Database(_)) => {
                        anyhow::Error::from(error).context(SILENT)
                    }
                    error => anyhow::anyhow!(describe(&error, &POSTGRES)),
                })?;
                session.close().await;
            }
        }
        Ok(())
    }

    /// Reads the version of the tables, and changes nothing. Returns `None` if the SQLite file does
    /// not exist.
    pub async fn read_schema(&self) -> anyhow::Result<Option<Schema>> {
        match self {
            Self::Sqlite(path) if !path.is_file() => Ok(None),
            Self::Sqlite(path) => {
                let about = || format!("the database {} can't be read", path.display());
                let options = SqliteConnectOptions::new().filename(path).read_only(true);
                let mut connection = SqliteConnection::connect_with(&options).await.with_context(about)?;
                let schema = read_sqlite(&mut connection).await.with_context(about)?;
                connection.close().await?;
                Ok(Some(schema))
            }
            Self::Postgres { .. } => {
                let mut session = self.connect().await?;
                let reading = async {
                    session.run("BEGIN READ ONLY").await?;
                    let schema = read_postgres(&mut session).await?;
                    session.run("COMMIT").await?;
                    Ok::<_, sqlx::Error>(schema)
                };
                let schema = reading.await.context("the PostgreSQL database can't be read")?;
                session.close().await;
                Ok(Some(schema))
            }
        }
    }

    /// Opens a connection to the PostgreSQL database, also through a pooler that the settings do not
    /// name.
    pub(super) async fn connect(&self) -> anyhow::Result<Session> {
        let mut connector = Connector::new(self)?;
        connector.options = connector.options.extra_float_digits(None);
        connector.connect().await.context(SILENT)
    }
}

/// Returns what to say of a migration that failed. Of the server's errors it is their own message,
/// which the driver's repeats several times.
pub(super) fn describe(error: &MigrateError, known: &Migrator) -> String {
    match error {
        MigrateError::VersionMissing(version) => {
            let newest = known.iter().map(|migration| migration.version).max().unwrap_or_default();
            format!(
                "the database is newer than this binary ({}): it has migration {version}, and this binary knows \
                 migrations up to {newest}. Run the newer version of Tidegate, or restore the backup from before the \
                 upgrade",
                env!("CARGO_PKG_VERSION")
            )
        }
        MigrateError::VersionMismatch(version) => format!(
            "migration {version} of the database is not this binary's: another program or a build of your own made it"
        ),
        MigrateError::Execute(sqlx::Error::Database(inner)) => inner.message().to_owned(),
        MigrateError::Source(inner) => inner.to_string(),
        MigrateError::ExecuteMigration(sqlx::Error::Database(inner), version) => {
            format!("migration {version}: {}", inner.message())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_every_migration_in_order() {
        let of = |migrator: &Migrator| -> Vec<(i64, String)> {
            migrator.iter().map(|migration| (migration.version, migration.description.to_string())).collect()
        };
        let (sqlite, postgres) = (of(&SQLITE), of(&POSTGRES));
        assert_eq!(sqlite, postgres);
        assert_eq!(FILES.len(), 2 * sqlite.len(), "a file has no name such as 0001_core.sql");
        assert!(sqlite.iter().map(|(version, _)| *version).eq(1..=i64::try_from(sqlite.len()).unwrap()), "{sqlite:?}");
        assert_eq!(sqlite[0].1, "core");
    }

    #[test]
    fn a_first_line_says_that_there_is_no_transaction() {
        for (sql, no_tx) in [
            ("-- no-transaction\nSELECT 1;", true),
            ("SELECT 1;", false),
            ("-- A comment.\n-- no-transaction\nSELECT 1;", false),
        ] {
            let read = migration("0007_a_b.sql", sql.as_bytes()).unwrap();
            assert_eq!((read.version, &*read.description, read.no_tx), (7, "a b", no_tx), "{sql}");
        }
        assert!(migration("core.sql", b"").is_none() && migration("x_core.sql", b"").is_none());
    }

    #[test]
    fn jobs_are_counted_by_type_and_name_nobody() {
        let jobs = vec![
            (r#"{"type":"PurgeFilesFolderV1","user":"ann","folder":"x"}"#.to_owned(), Some("STORE_ERROR".to_owned())),
            (r#"{"type":"PurgeFilesFolderV1","user":"ben","folder":"y"}"#.to_owned(), Some("STORE_ERROR".to_owned())),
            ("not JSON".to_owned(), None),
        ];
        let counts = count_by_type(jobs);
        assert_eq!(counts[&("PurgeFilesFolderV1".to_owned(), "STORE_ERROR".to_owned())], 2);
        assert_eq!(counts[&("unknown".to_owned(), String::new())], 1);
        assert_eq!(counts.len(), 2);
    }
}

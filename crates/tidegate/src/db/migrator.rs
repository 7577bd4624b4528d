//! Applies the migrations that a PostgreSQL database lacks, or refuses a database that lacks some.
//! Over a pooler the driver's own migrator cannot be used: it holds a lock of its session, and sends
//! statements outside of transactions. There, a second connection holds the same lock by a
//! transaction until the migrations are done.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, Migrator};

use super::connector::Connector;
use super::schema::POSTGRES;
use super::session::{Pooling, Session};

/// The migrations that were applied, by their numbers, with the checksums of their files.
pub(super) type Applied = BTreeMap<i64, Vec<u8>>;

/// The driver's table of applied migrations.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version BIGINT PRIMARY KEY, \
                     description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), \
                     success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)";
/// Begins the transaction of the lock, which may be idle for long.
const BEGIN_LOCK: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0";
/// Begins the transaction of a migration, which may build an index for longer than the role's limit.
const BEGIN_MIGRATION: &str = "BEGIN; SET LOCAL statement_timeout = 0";
/// How long a short transaction may take. A pooler waits for minutes for one of its sessions.
const ANSWER: Duration = Duration::from_secs(10);
/// How long after the lock was found taken it is tried again. It is not waited for: that would keep a
/// session of the pooler, and the migrations may need the last one.
const RETRY: Duration = Duration::from_millis(200);
/// The factor in the number of the driver's lock.
const LOCK_FACTOR: i64 = 0x3d32_ad9e;

/// Migrates over a new connection, or if `migrates` is not set, requires that nothing is to be done.
/// Returns the connection.
pub(super) async fn migrate(connector: &Connector, migrates: bool) -> Result<Session, MigrateError> {
    let mut session = connector.connect().await?;
    if !migrates {
        require_current(&within_limit(read_applied(&mut session)).await?, &POSTGRES)?;
        return Ok(session);
    }
    match connector.pooling {
        // The migrator holds an advisory lock, so that one process migrates at a time.
        Pooling::Session => {
            session.run("SET statement_timeout = 0").await?;
            POSTGRES.run_direct(None, session.raw(), false).await?;
        }
        Pooling::Transaction => {
            while !pending(&within_limit(read_applied(&mut session)).await?, &POSTGRES)?.is_empty() {
                if !try_migrate(&mut session, connector.connect().await?).await? {
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
    Ok(session)
}

/// Migrates while `holder` has the lock. Returns `false` if another process has it.
async fn try_migrate(session: &mut Session, mut holder: Session) -> Result<bool, MigrateError> {
    const LOCK: &str = "SELECT pg_try_advisory_xact_lock($1)";
    let locking = async {
        holder.run(BEGIN_LOCK).await?;
        let (database,): (String,) = sqlx::query_as("SELECT current_database()").fetch_one(&mut holder).await?;
        // Held until the transaction ends.
        let (locked,): (bool,) = sqlx::query_as(LOCK).bind(lock_number(&database)).fetch_one(&mut holder).await?;
        Ok(locked)
    };
    if !within_limit(locking).await? {
        holder.run("COMMIT").await?;
        return Ok(false);
    }
    session.run(TABLE).await?;
    let applied = within_limit(read_applied(session)).await?;
    for migration in pending(&applied, &POSTGRES)? {
        // The lock is still held.
        holder.run("SELECT 1").await?;
        apply(session, migration).await?;
    }
    holder.run("COMMIT").await?;
    Ok(true)
}

/// Applies one migration. Its text is one message, so that a pooler sends all of it to one session,
/// also where it ends the transaction and begins another one.
async fn apply(session: &mut Session, migration: &Migration) -> Result<(), MigrateError> {
    const DONE: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                        VALUES ($1, $2, TRUE, $3, -1)";
    tracing::info!(migration = migration.version, "the database is migrated");
    let failed = |error| MigrateError::ExecuteMigration(error, migration.version);
    if migration.no_tx {
        session.run(migration.sql.clone()).await.map_err(failed)?;
    }
    session.run(BEGIN_MIGRATION).await?;
    if !migration.no_tx {
        session.run(migration.sql.clone()).await.map_err(failed)?;
    }
    let done = sqlx::query(DONE).bind(migration.version).bind(&*migration.description).bind(&*migration.checksum);
    done.execute(&mut *session).await?;
    session.run("COMMIT").await?;
    Ok(())
}

/// Reads which migrations were applied.
async fn read_applied(session: &mut Session) -> Result<Applied, sqlx::Error> {
    const EXISTS: &str = "SELECT COUNT(to_regclass('_sqlx_migrations'))";
    const APPLIED: &str = "SELECT version, checksum FROM _sqlx_migrations WHERE success";
    session.run("BEGIN READ ONLY").await?;
    let (exists,): (i64,) = sqlx::query_as(EXISTS).fetch_one(&mut *session).await?;
    let rows = match exists {
        0 => Vec::new(),
        _ => sqlx::query_as(APPLIED).fetch_all(&mut *session).await?,
    };
    session.run("COMMIT").await?;
    Ok(rows.into_iter().collect())
}

/// Waits for a short transaction. No answer is an outage.
pub(super) async fn within_limit<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(ANSWER, answer).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Returns the migrations that a database lacks, in their order. Returns an error if it has others.
pub(super) fn pending<'m>(applied: &Applied, known: &'m Migrator) -> Result<Vec<&'m Migration>, MigrateError> {
    for (version, checksum) in applied {
        match known.iter().find(|migration| migration.version == *version) {
            None => return Err(MigrateError::VersionMissing(*version)),
            Some(migration) if *migration.checksum != **checksum => {
                return Err(MigrateError::VersionMismatch(*version));
            }
            Some(_) => {}
        }
    }
    Ok(known.iter().filter(|migration| !applied.contains_key(&migration.version)).collect())
}

/// Returns an error unless exactly the known migrations were applied.
pub(super) fn require_current(applied: &Applied, known: &Migrator) -> Result<(), MigrateError> {
    let Some(newest) = pending(applied, known)?.last().map(|migration| migration.version) else { return Ok(()) };
    let has = match applied.keys().next_back() {
        Some(last) => format!("has migrations up to {last}"),
        None => "has no tables".to_owned(),
    };
    Err(MigrateError::Source(
        format!(
            "the database is older than this binary ({}): it {has}, and this binary needs migrations up to {newest}. \
             Run `tidegate migrate` with this binary, or set DATABASE_MIGRATE=on",
            env!("CARGO_PKG_VERSION")
        )
        .into(),
    ))
}

/// Returns the number of the lock that the driver's migrator holds, so that migrators of both kinds
/// exclude each other.
fn lock_number(database: &str) -> i64 {
    let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, database.as_bytes());
    LOCK_FACTOR.wrapping_mul(i64::try_from(checksum).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Applied {
        POSTGRES.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
    }

    #[test]
    fn older_newer_and_other_databases_are_told_apart() {
        assert!(pending(&all(), &POSTGRES).unwrap().is_empty() && require_current(&all(), &POSTGRES).is_ok());
        let mut older = all();
        let (last, _) = older.pop_last().unwrap();
        assert_eq!(pending(&older, &POSTGRES).unwrap().len(), 1);
        let told = super::super::schema::describe(&require_current(&older, &POSTGRES).unwrap_err(), &POSTGRES);
        assert!(told.contains(&format!("up to {}, and this binary needs migrations up to {last}", last - 1)), "{told}");
        assert!(told.contains("`tidegate migrate`"), "{told}");
        let none = require_current(&Applied::new(), &POSTGRES).unwrap_err();
        assert!(none.to_string().contains("it has no tables"), "{none}");
        let mut newer = all();
        newer.insert(9999, Vec::new());
        assert!(matches!(require_current(&newer, &POSTGRES), Err(MigrateError::VersionMissing(9999))));
        let mut other = all();
        other.insert(3, Vec::new());
        assert!(matches!(pending(&other, &POSTGRES), Err(MigrateError::VersionMismatch(3))));
    }

    /// As `sqlx_postgres::migrate::generate_lock_id` has it.
    #[test]
    fn the_lock_is_the_drivers_own() {
        assert_eq!(lock_number("123456789"), 0x3d32_ad9e * 0xcbf4_3926_i64);
    }
}

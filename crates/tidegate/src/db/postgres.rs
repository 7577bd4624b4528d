//! Opening PostgreSQL: connections made when they are needed, so that a database which is down at start or
//! later is an outage and not an end.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use sqlx::Connection as _;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};

use crate::error::{Error, Result};
use crate::model::micros;

/// How long a request waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(5);
/// An idle connection of this age is asked whether it still lives before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(1);
/// A clock this far off is worth a word.
const SKEW: Duration = Duration::from_secs(5);

/// A PostgreSQL database, reachable or not. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether its tables are known to be up to date.
    migrated: AtomicBool,
    /// Microseconds by which the database's clock is ahead of ours.
    ahead: AtomicI64,
}

/// Reads a `postgres://` URL.
pub(super) fn parse(url: &str) -> Option<PgConnectOptions> {
    let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
    // The driver would take an empty host for localhost, and an empty name for the user's.
    let named = url.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/') && !rest.is_empty());
    (known && named).then(|| PgConnectOptions::from_str(url).ok()).flatten()
}

impl Postgres {
    /// Brings the tables up to date now, or as soon as the database answers.
    pub(super) async fn open(options: PgConnectOptions, connections: u32) -> anyhow::Result<Self> {
        let options = options.application_name("tidegate");
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| Box::pin(prepare(connection)))
            .connect_lazy_with(options.clone());
        let opened = Self { pool, state: Arc::default() };
        match opened.migrate(&options).await {
            Ok(()) => {}
            Err(error) if is_outage(&error) => {
                tracing::warn!(error = %error, "the database does not answer; requests get 503 until it does");
                tokio::spawn(opened.clone().migrate_when_it_answers(options));
            }
            Err(error) => return Err(anyhow::Error::new(error).context("the PostgreSQL database")),
        }
        Ok(opened)
    }

    /// The connections, once the tables are known to be there.
    pub(super) fn pool(&self) -> Result<&PgPool> {
        if self.state.migrated.load(Ordering::Acquire) {
            Ok(&self.pool)
        } else {
            Err(Error::Unavailable(anyhow::anyhow!("the database has not answered since the start")))
        }
    }

    /// The time by the database's clock, which is one for all servers.
    pub(super) fn now(&self) -> SystemTime {
        let ahead = self.state.ahead.load(Ordering::Relaxed);
        let by = Duration::from_micros(ahead.unsigned_abs());
        let now = SystemTime::now();
        if ahead < 0 { now.checked_sub(by).unwrap_or(now) } else { now + by }
    }

    /// Compares the clocks, and sees whether the database takes writes.
    pub(super) async fn probe(&self) -> Result<()> {
        const SQL: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT, \
                           current_setting('transaction_read_only')";
        let before = SystemTime::now();
        let (theirs, read_only): (i64, String) = sqlx::query_as(SQL).fetch_one(self.pool()?).await?;
        let half = before.elapsed().unwrap_or_default() / 2;
        let ahead = theirs - micros(before + half);
        self.state.ahead.store(ahead, Ordering::Relaxed);
        if Duration::from_micros(ahead.unsigned_abs()) > SKEW {
            tracing::warn!(ahead_ms = ahead / 1000, "the clocks of database and server differ");
        }
        match read_only.as_str() {
            "off" => Ok(()),
            _ => Err(Error::Unavailable(anyhow::anyhow!("the database takes no writes"))),
        }
    }

    /// A session's setting, as `SHOW` says it.
    pub async fn setting(&self, name: &str) -> Result<String> {
        let (value,): (String,) =
            sqlx::query_as("SELECT current_setting($1)").bind(name).fetch_one(self.pool()?).await?;
        Ok(value)
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// One server at a time: the migrator holds an advisory lock, which is why its connection has no time limit.
    async fn migrate(&self, options: &PgConnectOptions) -> std::result::Result<(), MigrateError> {
        let connecting = tokio::time::timeout(CONNECT, PgConnection::connect_with(options));
        let mut connection = connecting.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        sqlx::migrate!("migrations/postgres").run_direct(None, &mut connection, false).await?;
        self.state.migrated.store(true, Ordering::Release);
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a connection did not end well");
        }
        if let Err(error) = self.probe().await {
            tracing::warn!(error = error.detail(), "the database can't be written to");
        }
        Ok(())
    }

    async fn migrate_when_it_answers(self, options: PgConnectOptions) {
        while !self.pool.is_closed() {
            tokio::time::sleep(RETRY).await;
            match self.migrate(&options).await {
                Ok(()) => return tracing::info!("the database answers"),
                Err(error) if is_outage(&error) => tracing::debug!(%error, "the database does not answer yet"),
                Err(error) => tracing::error!(%error, "the database can't be used"),
            }
        }
    }
}

/// What every session of ours shall be: durable when it commits, and never stuck.
async fn prepare(connection: &mut PgConnection) -> std::result::Result<(), sqlx::Error> {
    const SQL: &str = "SELECT set_config('statement_timeout', '30s', false), \
                       set_config('lock_timeout', '10s', false), \
                       set_config('idle_in_transaction_session_timeout', '60s', false), \
                       set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
                           WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";
    sqlx::query(SQL).execute(connection).await.map(drop)
}

/// Whether trying again later may help.
fn is_outage(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => outage(error),
        _ => false,
    }
}

/// Whether the database, rather than the query, is what failed.
pub(super) fn outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(inner) => {
            // Connections, resources, an operator at work, failover, the system below: SQLSTATE classes 08, 53, 57
            // and 58, and 25006; and what a repetition settles: 40001, 40P01, 55P03.
            inner.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some_and(|theirs| {
                let code = theirs.code();
                ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                    || ["25006", "40001", "40P01", "55P03"].contains(&code)
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_without_a_host_are_refused() {
        for good in ["postgres://u:p@h/d", "postgresql://h:5433/d?sslmode=verify-full", "postgres://[::1]/d"] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in ["postgres:///d", "postgres://", "mysql://h/d", "postgres:h", "postgres://h/d?sslmode=perhaps", "x"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}

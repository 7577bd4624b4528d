//! Opens PostgreSQL. Connections are made when they are needed, so a database that is down, at the
//! start or later, causes an outage and never ends the server. The SQL is in the other modules of
//! `db`.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sqlx::Connection as _;
use sqlx::migrate::MigrateError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions};

use super::clock::Clock;
use super::schema::POSTGRES;
use super::{outage, schema};
use crate::error::{Error, Result};
use crate::model::micros;

/// How long the holder of a turn waits for a connection. After that, the database counts as down.
const ACQUIRE: Duration = Duration::from_secs(3);
/// How long a transaction or a read waits for its turn. With [`ACQUIRE`], it bounds what a database
/// that falls silent costs a request.
pub(super) const TURN: Duration = Duration::from_secs(8);
/// How long opening a connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// An idle connection of this age is tested before it is used.
const MAX_UNTESTED_IDLE: Duration = Duration::from_secs(5);
/// How long after a failed migration the next one is tried.
const RETRY: Duration = Duration::from_secs(1);
/// The clock difference that is logged as a warning. A difference of [`MAX_SKEW`] is an outage.
const WARN_SKEW: Duration = Duration::from_secs(5);
/// The clock difference beyond which the database is treated as unavailable.
const MAX_SKEW: Duration = Duration::from_secs(600);
/// How long after its time limit a statement is awaited. The server cancels it by itself, so a
/// longer silence means that the connection is dead.
const GRACE: Duration = Duration::from_secs(2);
/// How long a probe or a notice may take.
const PROBE: Duration = Duration::from_secs(5);
/// How long a rollback may take before its connection is closed.
const ROLLBACK: Duration = Duration::from_secs(5);

/// A PostgreSQL database, reachable or not. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    state: Arc<State>,
    clock: Arc<Clock>,
    /// The time limit of a statement.
    limit: Duration,
    /// Whether this handle compares the store, and so may connect before that.
    comparing: bool,
}

/// What all handles of the database share.
#[derive(Debug, Default)]
struct State {
    /// Whether the tables are known to be migrated.
    migrated: AtomicBool,
    /// Whether the store has yet to be compared with the database's. Nothing is read or written
    /// until then.
    uncompared: AtomicBool,
    /// Whether the database belongs to another store and must not be used.
    stopped: AtomicBool,
}

/// Parses a `postgres://` URL.
pub(super) fn parse(url: &str) -> Option<PgConnectOptions> {
    let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
    // The driver would replace an empty host by localhost, and an empty name by the user's.
    let named = url.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/') && !rest.is_empty());
    (known && named).then(|| PgConnectOptions::from_str(url).ok()).flatten()
}

impl Postgres {
    /// Opens the pool. Migrates the tables now, or as soon as the database answers.
    pub(super) async fn open(
        options: PgConnectOptions,
        connections: u32,
        limit: Duration,
        clock: Arc<Clock>,
    ) -> anyhow::Result<Self> {
        let options = options.application_name("tidegate");
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > MAX_UNTESTED_IDLE || outage::may_have_lost(meta.idle_for) {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| Box::pin(prepare(connection, limit)))
            .connect_lazy_with(options.clone());
        let opened = Self { pool, state: Arc::default(), clock, limit, comparing: false };
        match opened.migrate(&options).await {
            Ok(()) => {}
            Err(error) if is_outage(&error) => {
                outage::report(&error);
                tokio::spawn(opened.clone().migrate_when_it_answers(options));
            }
            Err(error) => {
                anyhow::bail!("the PostgreSQL database cannot be used: {}", schema::describe(&error, &POSTGRES))
            }
        }
        Ok(opened)
    }

    /// Returns a connection. Returns an error before the tables are migrated.
    pub(super) async fn connection(&self) -> Result<PooledConnection> {
        if !self.state.migrated.load(Ordering::Acquire) {
            return Err(outage::error("it has not answered since the start"));
        }
        if self.state.stopped.load(Ordering::Acquire) {
            return Err(Error::Unavailable(anyhow::anyhow!("the database belongs to another store")));
        }
        if self.state.uncompared.load(Ordering::Acquire) && !self.comparing {
            return Err(Error::Unavailable(anyhow::anyhow!("the store is not compared with the database's yet")));
        }
        let started = Instant::now();
        match self.pool.acquire().await {
            Ok(connection) => Ok(PooledConnection(Some(connection))),
            Err(error) if cannot_connect(&error) => Err(outage::report_attempt(started, error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a connection of its own without time limits, for a statement that reads everything.
    pub(super) async fn connect_without_limit(&self) -> Result<PgConnection> {
        drop(self.connection().await?);
        let connecting = tokio::time::timeout(CONNECT, PgConnection::connect_with(&self.pool.connect_options())).await;
        connecting.map_err(|_| silent())?.map_err(Error::from)
    }

    /// Refuses connections until the store is compared, or no longer.
    pub(super) fn set_uncompared(&self, uncompared: bool) {
        self.state.uncompared.store(uncompared, Ordering::Release);
    }

    /// Returns a handle that compares the store, and so may connect before that.
    pub(super) fn for_comparison(&self) -> Self {
        Self { comparing: true, ..self.clone() }
    }

    /// Returns whether the database was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// Refuses connections from now on.
    pub(super) fn stop_using(&self) {
        self.state.stopped.store(true, Ordering::Release);
    }

    /// Opens a separate connection that receives notices.
    pub(super) async fn listener(&self) -> Result<PgListener> {
        drop(self.connection().await?);
        let connecting = tokio::time::timeout(CONNECT, PgListener::connect_with(&self.pool)).await;
        connecting.map_err(|_| silent())?.map_err(Error::from)
    }

    /// Sends notices to the listeners of all servers. `sql` takes their payloads.
    pub(super) async fn notify(&self, sql: &'static str, payloads: &[String]) -> Result<()> {
        let mut connection = self.connection().await?;
        let sent = tokio::time::timeout(PROBE, async {
            sqlx::query(sql).bind(payloads).execute(connection.get()?).await.map(drop).map_err(Error::from)
        });
        let sent = sent.await;
        let sent = sent.unwrap_or_else(|_| Err(connection.discard()));
        sent.inspect(|()| outage::end())
    }

    /// Returns how long a statement is awaited before its connection is considered dead.
    pub(super) fn limit(&self) -> Duration {
        self.limit + GRACE
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self) -> Result<PgTx> {
        let mut transaction = PgTx { connection: self.connection().await?, limit: self.limit(), open: true };
        transaction.execute("BEGIN").await?;
        Ok(transaction)
    }

    /// Measures the clock difference, and returns an error if it is too large or the database is
    /// read-only.
    pub(super) async fn probe(&self) -> Result<()> {
        let mut connection = self.connection().await?;
        let measured = tokio::time::timeout(PROBE, async { self.measure(connection.get()?).await }).await;
        measured.unwrap_or_else(|_| Err(connection.discard()))
    }

    /// Measures the clock difference over a connection, and checks that writes are permitted.
    async fn measure(&self, connection: &mut PgConnection) -> Result<()> {
        const SQL: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT, \
                           current_setting('transaction_read_only')";
        let before = SystemTime::now();
        let (theirs, read_only): (i64, String) = sqlx::query_as(SQL).fetch_one(connection).await?;
        outage::end();
        let half = before.elapsed().unwrap_or_default() / 2;
        let ahead = theirs - micros(before + half);
        self.clock.set_ahead(ahead);
        let skew = Duration::from_micros(ahead.unsigned_abs());
        if skew > WARN_SKEW {
            tracing::warn!(ahead_ms = ahead / 1000, "the clocks of database and server differ");
        }
        if skew > MAX_SKEW {
            // Expiries, grants and presigned requests would all be wrong.
            return Err(Error::Unavailable(anyhow::anyhow!("the clocks differ by {} s", skew.as_secs())));
        }
        match read_only.as_str() {
            "off" => Ok(()),
            _ => Err(Error::Unavailable(anyhow::anyhow!("the database is read-only"))),
        }
    }

    /// Returns a setting of the session, as `SHOW` does.
    pub async fn setting(&self, name: &str) -> Result<String> {
        let mut connection = self.connection().await?;
        let query = sqlx::query_as("SELECT current_setting($1)").bind(name);
        let (value,): (String,) = query.fetch_one(connection.get()?).await?;
        Ok(value)
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Migrates the tables. The migrator holds an advisory lock, so that one server migrates at a
    /// time; its connection therefore has no time limit.
    async fn migrate(&self, options: &PgConnectOptions) -> std::result::Result<(), MigrateError> {
        let connecting = tokio::time::timeout(CONNECT, PgConnection::connect_with(options));
        let mut connection = connecting.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        POSTGRES.run_direct(None, &mut connection, false).await?;
        // Measured before any job is leased by this clock.
        if let Err(error) = self.measure(&mut connection).await {
            tracing::warn!(error = error.detail(), "the database is not usable yet");
        }
        self.state.migrated.store(true, Ordering::Release);
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a connection was not closed cleanly");
        }
        Ok(())
    }

    /// Retries the migration until it succeeds or the pool is closed.
    async fn migrate_when_it_answers(self, options: PgConnectOptions) {
        let mut logged = String::new();
        while !self.pool.is_closed() {
            tokio::time::sleep(RETRY).await;
            match self.migrate(&options).await {
                Ok(()) => return,
                Err(error) if is_outage(&error) => tracing::debug!(%error, "the database does not answer yet"),
                Err(error) => {
                    let error = schema::describe(&error, &POSTGRES);
                    if error != logged {
                        tracing::error!(error, "the database cannot be used");
                        logged = error;
                    }
                }
            }
        }
    }
}

/// A connection from the pool. One that no longer answers is not returned, because the pool would
/// wait for it.
#[derive(Debug)]
pub(super) struct PooledConnection(Option<PoolConnection<sqlx::Postgres>>);

impl PooledConnection {
    pub(super) fn get(&mut self) -> Result<&mut PgConnection> {
        self.0.as_deref_mut().ok_or_else(silent)
    }

    /// Closes the connection without a protocol message, and returns the error for a silent
    /// database.
    pub(super) fn discard(&mut self) -> Error {
        drop(self.0.take().map(PoolConnection::detach));
        silent()
    }
}

/// Returns the error for a database that does not answer in time.
fn silent() -> Error {
    outage::report("it stopped answering")
}

/// A transaction; rolled back when dropped.
#[derive(Debug)]
pub(super) struct PgTx {
    connection: PooledConnection,
    limit: Duration,
    open: bool,
}

impl PgTx {
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    pub(super) fn get(&mut self) -> Result<&mut PgConnection> {
        self.connection.get()
    }

    pub(super) fn discard(&mut self) -> Error {
        self.open = false;
        self.connection.discard()
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.execute("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    /// Executes `BEGIN` or `COMMIT`. If no answer arrives, the outcome is unknown.
    async fn execute(&mut self, statement: &'static str) -> Result<()> {
        let outcome = tokio::time::timeout(self.limit, async {
            sqlx::query(statement).execute(self.connection.get()?).await.map(drop).map_err(Error::from)
        });
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.discard()),
        }
    }
}

impl Drop for PgTx {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.0.take().filter(|_| self.open) else { return };
        // The connection is returned to the pool only after a successful rollback.
        tokio::spawn(async move {
            let rolled_back = tokio::time::timeout(ROLLBACK, sqlx::query("ROLLBACK").execute(&mut *connection)).await;
            if !matches!(rolled_back, Ok(Ok(_))) {
                drop(connection.detach());
            }
        });
    }
}

/// Configures a new session: durable commits, and time limits for statements and locks.
async fn prepare(connection: &mut PgConnection, limit: Duration) -> std::result::Result<(), sqlx::Error> {
    const SQL: &str = "SELECT set_config('statement_timeout', $1, false), \
                       set_config('lock_timeout', '10s', false), \
                       set_config('idle_in_transaction_session_timeout', '60s', false), \
                       set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
                           WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";
    sqlx::query(SQL).bind(format!("{}ms", limit.as_millis())).execute(connection).await.map(drop)
}

/// Returns whether a migration may succeed later.
fn is_outage(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => cannot_connect(error),
        _ => false,
    }
}

/// Returns whether no connection could be opened because of an outage. While the database is away,
/// another program may answer at its address, or the connection may meet itself.
fn cannot_connect(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Protocol(_)) || is_outage_error(error)
}

/// Returns whether an error is an outage of the database rather than an error of the query.
pub(super) fn is_outage_error(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(inner) => {
            // Outages: connection, resources, operator intervention, failover and system errors
            // (SQLSTATE classes 08, 53, 57 and 58, and 25006). Errors that a retry resolves: 40001,
            // 40P01 and 55P03.
            inner.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some_and(|theirs| {
                let code = theirs.code();
                ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                    || ["25006", "40001", "40P01", "55P03"].contains(&code)
            })
        }
        _ => false,
    }
}

/// Returns whether an outage lasts, so that other statements fail as well: the connection is lost, or
/// the server refuses work. A statement that exceeded its time (57014) or lost a conflict with
/// another says nothing about the next one.
pub(super) fn lasts(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(inner) => {
            inner.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some_and(|theirs| {
                let code = theirs.code();
                ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) && code != "57014"
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_database_at_its_address_is_an_outage() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://u:p@{}/d", listener.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // As a connection to itself answers: with the request.
                let mut request = [0; 8];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut request).await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut stream, &request).await.unwrap();
            }
        });
        let error = PgConnection::connect_with(&parse(&url).unwrap()).await.unwrap_err();
        assert!(matches!(error, sqlx::Error::Protocol(_)), "{error:?}");
        assert!(cannot_connect(&error) && !is_outage_error(&error), "of a query it would be a fault");
        answering.abort();
    }

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

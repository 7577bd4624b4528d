//! Opens PostgreSQL. Connections are made when they are needed, so a database that is down, at the
//! start or later, causes an outage and never ends the server. The SQL is in the other modules of
//! `db`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sqlx::Connection as _;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

use super::clock::Clock;
use super::connector::{CONNECT, Connector};
use super::schema::POSTGRES;
use super::session::{Begin, Begun, PgTx, Pooling, Session, prepare, silent};
use super::{migrator, outage, schema};
use crate::error::{Error, Result};
use crate::model::micros;

/// How long the holder of a turn waits for a connection. After that, the database counts as down.
const ACQUIRE: Duration = Duration::from_secs(3);
/// How long a transaction or a read waits for its turn. With [`ACQUIRE`], it bounds what a database
/// that falls silent costs a request.
pub(super) const TURN: Duration = Duration::from_secs(8);
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
/// A PostgreSQL database, reachable or not. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    connector: Arc<Connector>,
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
    /// The statements that begin a transaction, once the role's settings were read.
    begin: OnceLock<Begin>,
    /// When the token was made that new connections of the pool use.
    token: Mutex<Option<SystemTime>>,
    /// Whether the store has yet to be compared with the database's. Nothing is read or written
    /// until then.
    uncompared: AtomicBool,
    /// Whether the database belongs to another store and must not be used.
    stopped: AtomicBool,
}

impl Postgres {
    /// Opens the pool. Migrates the tables, or requires that they are, now or as soon as the database
    /// answers.
    pub(super) async fn open(
        connector: Connector,
        connections: u32,
        limit: Duration,
        clock: Arc<Clock>,
        migrates: bool,
    ) -> anyhow::Result<Self> {
        let pooling = connector.pooling;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                Box::pin(async move {
                    // Over a pooler each use begins with a transaction, which is a test.
                    let tested = pooling == Pooling::Transaction;
                    if !tested && (meta.idle_for > MAX_UNTESTED_IDLE || outage::may_have_lost(meta.idle_for)) {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    match pooling {
                        Pooling::Session => prepare(connection, limit).await,
                        Pooling::Transaction => Ok(()),
                    }
                })
            })
            .connect_lazy_with(connector.options.clone());
        let opened =
            Self { pool, connector: Arc::new(connector), state: Arc::default(), clock, limit, comparing: false };
        match opened.migrate(migrates).await {
            Ok(()) => {}
            Err(error) if is_outage(&error) => {
                outage::report(&error);
                tokio::spawn(opened.clone().migrate_when_it_answers(migrates));
            }
            Err(error) => {
                anyhow::bail!("the PostgreSQL database cannot be used: {}", schema::describe(&error, &POSTGRES))
            }
        }
        Ok(opened)
    }

    /// Returns a connection. Returns an error before the tables are migrated.
    async fn connection(&self) -> Result<Session> {
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
        match self.use_newest_token().await {
            Ok(()) => {}
            Err(error) => return Err(outage::report_attempt(started, error)),
        }
        match self.pool.acquire().await {
            Ok(connection) => Ok(Session::pooled(connection, self.connector.pooling)),
            Err(error) => Err(not_connected(started, error)),
        }
    }

    /// Has connections that are opened from now on sign in by a token that is good for some minutes.
    async fn use_newest_token(&self) -> sqlx::Result<()> {
        let Some(token) = self.connector.token().await? else { return Ok(()) };
        let mut used = self.state.token.lock().unwrap_or_else(PoisonError::into_inner);
        if *used != Some(token.made) {
            self.pool.set_connect_options(self.connector.options_with(&token));
            *used = Some(token.made);
        }
        Ok(())
    }

    /// Begins a transaction that `end` ends when it is dropped. A connection that was closed while it
    /// was idle is replaced: nothing has been sent over it.
    async fn begin_by(&self, begin: &str, end: &'static str) -> Result<PgTx> {
        let started = Instant::now();
        for _ in 0..=self.pool.options().get_max_connections() {
            let mut transaction = PgTx::idle(self.connection().await?, self.limit());
            match transaction.begin(begin, end).await {
                Ok(()) => return Ok(transaction),
                Err(Begun::Silent) => return Err(transaction.discard()),
                Err(Begun::Failed(error)) if is_lost(&error) && started.elapsed() < ACQUIRE => {
                    tracing::debug!(%error, "a connection to the database was closed; another one is used");
                    metrics::counter!("tidegate_database_connections_lost_total").increment(1);
                    transaction.forget();
                }
                Err(Begun::Failed(error)) => return Err(error.into()),
            }
        }
        Err(silent())
    }

    /// Returns the statements that begin a transaction.
    fn begin_statements(&self) -> &Begin {
        self.state.begin.get_or_init(|| Begin::new(self.connector.pooling, self.limit, "on"))
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<PgTx> {
        // On the heap: this future is part of that of every request.
        Box::pin(self.begin_by(&self.begin_statements().write, "ROLLBACK")).await
    }

    /// Returns a connection that reads. It has a transaction where its pooling needs one.
    pub(super) async fn read(&self) -> Result<PgTx> {
        match &self.begin_statements().read {
            Some(begin) => Box::pin(self.begin_by(begin, "COMMIT")).await,
            None => Ok(PgTx::idle(Box::pin(self.connection()).await?, self.limit())),
        }
    }

    /// Opens a connection of its own without time limits, for a statement that reads everything. The
    /// connection has a transaction where its pooling needs one.
    pub(super) async fn connect_without_limit(&self) -> Result<Session> {
        const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 0";
        drop(self.connection().await?);
        let started = Instant::now();
        let mut session = self.connector.connect().await.map_err(|error| not_connected(started, error))?;
        if self.connector.pooling == Pooling::Transaction {
            migrator::within_limit(session.run(BEGIN)).await?;
        }
        Ok(session)
    }

    /// Returns what a connection keeps between transactions.
    pub fn pooling(&self) -> Pooling {
        self.connector.pooling
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
        let started = Instant::now();
        let connecting = tokio::time::timeout(CONNECT, PgListener::connect_with(&self.pool)).await;
        connecting.map_err(|_| silent())?.map_err(|error| not_connected(started, error))
    }

    /// Sends notices to the listeners of all servers. `sql` takes their payloads.
    pub(super) async fn notify(&self, sql: &'static str, payloads: &[String]) -> Result<()> {
        let sending = async {
            let mut transaction = match &self.begin_statements().unsynced {
                Some(begin) => self.begin_by(begin, "ROLLBACK").await?,
                None => PgTx::cancellable(self.connection().await?, self.limit()),
            };
            sqlx::query(sql).bind(payloads).execute(transaction.get()?).await?;
            transaction.commit().await
        };
        within(PROBE, sending).await.inspect(|()| outage::end())
    }

    /// Returns how long a statement is awaited before its connection is considered dead.
    pub(super) fn limit(&self) -> Duration {
        self.limit + GRACE
    }

    /// Measures the clock difference, and returns an error if it is too large or the database is
    /// read-only.
    pub(super) async fn probe(&self) -> Result<()> {
        let probing = async {
            // One that writes: a read over a pooler is read-only by itself.
            let mut transaction = self.begin().await?;
            self.measure(transaction.get()?).await?;
            transaction.commit().await
        };
        within(PROBE, probing).await
    }

    /// Measures the clock difference over a connection, and checks that writes are permitted.
    async fn measure(&self, session: &mut Session) -> Result<()> {
        const SQL: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT, \
                           current_setting('transaction_read_only'), current_setting('synchronous_commit')";
        let before = SystemTime::now();
        let (theirs, read_only, synchronous_commit): (i64, String, String) =
            sqlx::query_as(SQL).fetch_one(session).await?;
        self.state.begin.get_or_init(|| Begin::new(self.connector.pooling, self.limit, &synchronous_commit));
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

    /// Returns a setting of a transaction, as `SHOW` does.
    pub async fn setting(&self, name: &str) -> Result<String> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query_as("SELECT current_setting($1)").bind(name);
        let (value,): (String,) = query.fetch_one(transaction.get()?).await?;
        transaction.commit().await?;
        Ok(value)
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Migrates the tables, or requires that they are migrated.
    async fn migrate(&self, migrates: bool) -> std::result::Result<(), MigrateError> {
        let mut session = migrator::migrate(&self.connector, migrates).await?;
        // Measured before any job is leased by this clock.
        let measuring = async {
            session.run("BEGIN").await?;
            if let Err(error) = self.measure(&mut session).await {
                tracing::warn!(error = error.detail(), "the database is not usable yet");
            }
            session.run("COMMIT").await
        };
        migrator::within_limit(measuring).await?;
        self.state.migrated.store(true, Ordering::Release);
        session.close().await;
        Ok(())
    }

    /// Retries the migration until it succeeds or the pool is closed.
    async fn migrate_when_it_answers(self, migrates: bool) {
        let mut logged = String::new();
        while !self.pool.is_closed() {
            tokio::time::sleep(RETRY).await;
            match self.migrate(migrates).await {
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

/// Waits so long for work on the database, and takes longer silence for an outage.
async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(silent()))
}

/// Returns whether a migration may succeed later. One that was cancelled for its time will be again.
fn is_outage(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            cannot_connect(error) && !has_class(error, "57014")
        }
        _ => false,
    }
}

/// Returns the error for a connection that could not be opened. That the database refuses to sign in
/// is an outage too: it did not at the start, so it is a fault of the deployment that will be mended.
fn not_connected(started: Instant, error: sqlx::Error) -> Error {
    if cannot_connect(&error) || is_sign_in_refused(&error) {
        return outage::report_attempt(started, error);
    }
    error.into()
}

/// Returns whether the database refuses the password, the token or the role.
fn is_sign_in_refused(error: &sqlx::Error) -> bool {
    has_class(error, "28")
}

/// Returns whether an error is one of the database's own whose SQLSTATE begins with `class`.
fn has_class(error: &sqlx::Error, class: &str) -> bool {
    matches!(error, sqlx::Error::Database(inner) if inner.code().is_some_and(|code| code.starts_with(class)))
}

/// Returns whether no connection could be opened because of an outage. While the database is away,
/// another program may answer at its address, or the connection may meet itself.
fn cannot_connect(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Protocol(_)) || is_outage_error(error)
}

/// Returns whether a connection was closed, by the database or by a pooler before it, so that another
/// one may work.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(inner) => {
            // Connection exceptions (also PgBouncer's own errors), and an end by an operator or a crash.
            inner.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some_and(|theirs| {
                let code = theirs.code();
                code.starts_with("08") || ["57P01", "57P02", "57P03"].contains(&code)
            })
        }
        _ => false,
    }
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
        let options = super::super::connector::parse(&url).unwrap();
        let error = sqlx::PgConnection::connect_with(&options).await.unwrap_err();
        assert!(matches!(error, sqlx::Error::Protocol(_)), "{error:?}");
        assert!(cannot_connect(&error) && !is_outage_error(&error), "of a query it would be a fault");
        answering.abort();
    }
}

//! A connection to PostgreSQL, and a transaction on it. Behind a pooler that lends a session of the
//! server for one transaction (`DATABASE_POOLING=transaction`), two statements outside of a
//! transaction may reach different sessions, and the driver needs two messages for one statement. So
//! there every statement, also of a read, runs in a transaction that sets its own limits, and no
//! statement has a name that a session would keep. Callers use both modes in the same way.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{AssertSqlSafe, Connection as _, Either, Execute, Executor, SqlSafeStr, SqlStr};

use super::outage;
use crate::error::{Error, Result};

/// How long the begin of a transaction may take. Over a pooler it waits for one of its sessions.
const BEGIN: Duration = Duration::from_secs(5);
/// How long the end of a dropped transaction may take before its connection is closed.
const ROLLBACK: Duration = Duration::from_secs(5);
/// The time limit for a lock.
const LOCK: &str = "10s";
/// The longest time between two statements of a transaction.
const IDLE_IN_TRANSACTION: &str = "60s";

/// What a connection to PostgreSQL keeps between two transactions (`DATABASE_POOLING`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Its session: settings, prepared statements, LISTEN, locks.
    Session,
    /// Nothing: a pooler may run the next transaction in another session.
    Transaction,
}

/// A connection that runs statements as its pooling permits.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connected,
    pooling: Pooling,
}

#[derive(Debug)]
enum Connected {
    /// Goes back to the pool when dropped.
    Pooled(PoolConnection<sqlx::Postgres>),
    /// Is closed when dropped.
    Own(PgConnection),
}

impl Session {
    /// Returns a session over a connection of the pool.
    pub(super) fn pooled(connection: PoolConnection<sqlx::Postgres>, pooling: Pooling) -> Self {
        Self { connection: Connected::Pooled(connection), pooling }
    }

    /// Returns a session over a connection of its own.
    pub(super) fn own(connection: PgConnection, pooling: Pooling) -> Self {
        Self { connection: Connected::Own(connection), pooling }
    }

    /// Returns the driver's connection, whose statements have names.
    pub(super) fn raw(&mut self) -> &mut PgConnection {
        match &mut self.connection {
            Connected::Pooled(connection) => connection,
            Connected::Own(connection) => connection,
        }
    }

    /// Runs statements without arguments in one message, so that a pooler sends them to one session.
    pub(super) async fn run(&mut self, sql: impl SqlSafeStr) -> sqlx::Result<()> {
        sqlx::raw_sql(sql).execute(self.raw()).await.map(drop)
    }

    /// Runs statements whose text this module has put together.
    async fn run_text(&mut self, sql: &str) -> sqlx::Result<()> {
        self.run(AssertSqlSafe(sql.to_owned())).await
    }

    /// Closes a connection of its own.
    pub(super) async fn close(self) {
        if let Connected::Own(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "a connection was not closed cleanly");
        }
    }

    /// Closes the connection without a protocol message.
    fn drop_connection(self) {
        if let Connected::Pooled(connection) = self.connection {
            drop(connection.detach());
        }
    }
}

/// A statement that is prepared under a name only where the session keeps it.
struct Statement<E> {
    inner: E,
    named: bool,
}

impl<'q, E: Execute<'q, sqlx::Postgres>> Execute<'q, sqlx::Postgres> for Statement<E> {
    fn sql(self) -> SqlStr {
        self.inner.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.inner.statement()
    }

    fn take_arguments(&mut self) -> std::result::Result<Option<PgArguments>, BoxDynError> {
        self.inner.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.named && self.inner.persistent()
    }
}

impl<'c> Executor<'c> for &'c mut Session {
    type Database = sqlx::Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, sqlx::Postgres>,
    {
        let named = self.pooling == Pooling::Session;
        self.raw().fetch_many(Statement { inner: query, named })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, sqlx::Postgres>,
    {
        let named = self.pooling == Pooling::Session;
        self.raw().fetch_optional(Statement { inner: query, named })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        self.raw().prepare_with(sql, parameters)
    }
}

/// The statements that begin a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begin {
    /// Of a transaction that writes.
    pub(super) write: String,
    /// Of a read; `None` if a read needs no transaction.
    pub(super) read: Option<String>,
    /// Of a transaction whose commit need not be durable; `None` if its statement says so itself.
    pub(super) unsynced: Option<String>,
}

impl Begin {
    /// Returns the statements for a time limit and the `synchronous_commit` of the role. A pooler
    /// keeps no settings, so a transaction brings them: `SET LOCAL` ends with it, and pins no
    /// connection of RDS Proxy.
    pub(super) fn new(pooling: Pooling, limit: Duration, synchronous_commit: &str) -> Self {
        if pooling == Pooling::Session {
            return Self { write: "BEGIN".to_owned(), read: None, unsynced: None };
        }
        let limits = format!(
            "SET LOCAL statement_timeout = '{}ms'; SET LOCAL lock_timeout = '{LOCK}'; \
             SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}'",
            limit.as_millis()
        );
        // A commit survives a crash of the database, whatever the role's setting is.
        let durable = match synchronous_commit {
            kept @ ("local" | "remote_write" | "remote_apply") => kept,
            _ => "on",
        };
        Self {
            write: format!("BEGIN; {limits}; SET LOCAL synchronous_commit = {durable}"),
            read: Some(format!("BEGIN READ ONLY; {limits}")),
            unsynced: Some(format!("BEGIN; {limits}; SET LOCAL synchronous_commit = off")),
        }
    }
}

/// Configures a session that keeps its settings: durable commits, and time limits for statements and
/// locks.
pub(super) async fn prepare(connection: &mut PgConnection, limit: Duration) -> sqlx::Result<()> {
    const SQL: &str = "SELECT set_config('statement_timeout', $1, false), \
                       set_config('lock_timeout', $2, false), \
                       set_config('idle_in_transaction_session_timeout', $3, false), \
                       set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
                           WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";
    let query = sqlx::query(SQL).bind(format!("{}ms", limit.as_millis())).bind(LOCK).bind(IDLE_IN_TRANSACTION);
    query.execute(connection).await.map(drop)
}

/// A connection in use, and its transaction if it has one. The transaction ends when this is dropped:
/// one that writes is rolled back. A connection that no longer answers is not returned to the pool,
/// because the pool would wait for it.
#[derive(Debug)]
pub(super) struct PgTx {
    session: Option<Session>,
    limit: Duration,
    /// The statement that ends an open transaction, or [`TEST`].
    end: Option<&'static str>,
}

/// Tests a connection without a transaction whose statement was cancelled.
const TEST: &str = "SELECT 1";

impl PgTx {
    /// Returns a connection without a transaction.
    pub(super) fn idle(session: Session, limit: Duration) -> Self {
        Self { session: Some(session), limit, end: None }
    }

    /// Returns a connection without a transaction, for a statement that may be cancelled: unless
    /// [`Self::commit`] follows, the connection is tested before it is returned to the pool.
    pub(super) fn cancellable(session: Session, limit: Duration) -> Self {
        Self { session: Some(session), limit, end: Some(TEST) }
    }

    /// Begins a transaction, which `end` ends when it is dropped.
    pub(super) async fn begin(&mut self, begin: &str, end: &'static str) -> std::result::Result<(), Begun> {
        let session = self.session.as_mut().ok_or(Begun::Silent)?;
        // Also where the answer does not arrive.
        self.end = Some(end);
        match tokio::time::timeout(BEGIN.min(self.limit), session.run_text(begin)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Begun::Failed(error)),
            Err(_) => Err(Begun::Silent),
        }
    }

    /// Returns how long a statement is awaited before its connection is considered dead.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns the connection.
    pub(super) fn get(&mut self) -> Result<&mut Session> {
        self.session.as_mut().ok_or_else(silent)
    }

    /// Closes the connection without a protocol message, and returns the error for a silent database.
    pub(super) fn discard(&mut self) -> Error {
        self.forget();
        silent()
    }

    /// Closes the connection without a protocol message.
    pub(super) fn forget(&mut self) {
        self.end = None;
        if let Some(session) = self.session.take() {
            session.drop_connection();
        }
    }

    /// Commits the transaction, if there is one. If no answer arrives, the outcome is unknown. Returns
    /// an error if a statement before has lost the connection, and the transaction with it.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.get()?;
        if self.end.is_none_or(|end| end == TEST) {
            self.end = None;
            return Ok(());
        }
        let limit = self.limit;
        match tokio::time::timeout(limit, self.get()?.run("COMMIT")).await {
            Ok(Ok(())) => {
                self.end = None;
                Ok(())
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(self.discard()),
        }
    }
}

/// Why a transaction did not begin. Nothing was done.
#[derive(Debug)]
pub(super) enum Begun {
    /// The database or the pooler refused, or the connection is lost.
    Failed(sqlx::Error),
    /// No answer came in time.
    Silent,
}

impl Drop for PgTx {
    fn drop(&mut self) {
        let Some(end) = self.end else { return };
        let Some(mut session) = self.session.take() else { return };
        // The connection is returned to the pool only after the transaction has ended.
        tokio::spawn(async move {
            let ended = tokio::time::timeout(ROLLBACK, session.run(end)).await;
            if !matches!(ended, Ok(Ok(()))) {
                session.drop_connection();
            }
        });
    }
}

/// Returns the error for a database that does not answer in time.
pub(super) fn silent() -> Error {
    outage::report("it stopped answering")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_transaction_that_has_lost_its_connection_is_not_committed() {
        let lost = PgTx { session: None, limit: Duration::from_secs(1), end: None };
        assert!(matches!(lost.commit().await, Err(Error::Unavailable(_))));
    }

    #[test]
    fn a_transaction_brings_its_settings_where_no_session_keeps_them() {
        let limit = Duration::from_secs(30);
        let session = Begin::new(Pooling::Session, limit, "off");
        assert_eq!((session.write.as_str(), session.read), ("BEGIN", None));
        for (of_the_role, wanted) in [("on", "on"), ("off", "on"), ("remote_apply", "remote_apply"), ("x; y", "on")] {
            let begin = Begin::new(Pooling::Transaction, limit, of_the_role);
            assert!(begin.write.ends_with(&format!("SET LOCAL synchronous_commit = {wanted}")), "{begin:?}");
            assert!(begin.write.contains("statement_timeout = '30000ms'"), "{begin:?}");
            assert!(begin.read.unwrap().starts_with("BEGIN READ ONLY; SET LOCAL statement_timeout"));
            let all = begin.write.split("; ").skip(1);
            assert!(all.into_iter().all(|sql| sql.starts_with("SET LOCAL ")), "a session would keep it");
        }
    }
}

//! Contains all SQL of the server. Each query has one text for every engine where they agree, and
//! the `on_*` macros run it on the configured engine. Never decides access; callers have
//! authorized. Start with [`Db`] and [`Tx`].

#[macro_use]
mod row;

mod archived;
mod archives;
mod audit;
mod bulks;
mod changes;
mod clock;
mod connector;
mod counters;
mod datasets;
mod etags;
mod files;
mod images;
mod inspect;
mod invalidations;
mod job_batches;
mod jobs;
mod media;
mod migrator;
mod new_uploads;
mod nodes;
mod notify;
mod objects;
mod outage;
mod overview;
mod owners;
mod package_objects;
mod parts;
mod positions;
mod postgres;
mod quotas;
mod reconcile;
mod schema;
mod session;
mod sessions;
mod signals;
mod spaces;
mod sqlite;
mod stores;
mod trees;
mod uploads;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use sqlx::sqlite::SqlitePool;
use store::Space;

pub use self::archived::ThawReservation;
pub use self::changes::{Change, Changes};
pub use self::clock::Clock;
use self::connector::Connector;
pub use self::counters::WrongCounter;
pub use self::files::Renamed;
pub use self::inspect::{Inspection, ServerConnections};
use self::job_batches::JobBatches;
pub use self::jobs::{ClaimedJob, DeadLetter, JobCounts, JobState, NewJob, QueueState, Verdict};
pub use self::media::Publication;
pub use self::new_uploads::NewObject;
pub use self::nodes::NewNode;
pub use self::notify::{Notifier, Subscription};
pub use self::objects::Cursor;
pub use self::overview::{DayUsage, KindUsage, OwnerUsage};
pub use self::package_objects::PackageObject;
pub use self::parts::Put;
pub use self::positions::{ChildList, ObjectList};
pub use self::postgres::Postgres;
pub use self::reconcile::Expected;
pub use self::schema::Schema;
use self::session::PgTx;
pub use self::session::Pooling;
pub use self::sessions::ListedSession;
use self::signals::Pending;
pub use self::signals::{EnqueuedJob, Signals};
pub use self::trees::{Conflict, Leaf, Outdated};
use crate::error::{Error, Result, bad_request};
use crate::model::from_micros;
use crate::model::ids::ObjectId;
use crate::model::media::VisualInfo;
use crate::model::object::Content;
use crate::model::owner::Owner;
use crate::turns::{Turn, Turns};

/// The free bytes below which SQLite's log must not grow: a few times its usual size.
const ROOM_FOR_LOG: u64 = 16 << 20;

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    engine: Engine,
    /// The turns of transactions.
    turns: Arc<Turns>,
    /// The turns of reads outside of transactions.
    read_turns: Arc<Turns>,
    clock: Arc<Clock>,
    signals: Arc<Signals>,
    /// Claims and finished jobs that share a transaction.
    batches: Arc<JobBatches>,
    /// The disk of a SQLite file, whose ballast is given up when a write would fail.
    disk: Option<Arc<Space>>,
}

/// The configured engine.
#[derive(Debug, Clone)]
enum Engine {
    /// A SQLite file, for one server: any number of readers, one writer.
    Sqlite {
        /// The pool of read-only connections.
        reader: SqlitePool,
        /// The one connection that writes.
        writer: SqlitePool,
    },
    /// A PostgreSQL server, for any number of servers.
    Postgres(Postgres),
}

/// A write transaction, rolled back when dropped. What it enqueues and changes is signalled once,
/// after its commit.
#[derive(Debug)]
pub struct Tx {
    engine: TxEngine,
    clock: Arc<Clock>,
    signals: Arc<Signals>,
    pending: Pending,
    /// Dropped after the engine, which gives the connection back.
    turn: Turn,
}

/// The transaction of the configured engine.
#[derive(Debug)]
enum TxEngine {
    /// Begun with the write lock held.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    /// At PostgreSQL's default isolation level, so every condition is part of the statement that
    /// changes the row.
    Postgres(PgTx),
}

/// Runs an expression with a connection that reads.
macro_rules! on_reader {
    ($db:expr, |$pool:ident| $run:expr) => {{
        let _turn = $db.read_turns.wait().await?;
        match &$db.engine {
            $crate::db::Engine::Sqlite { reader: $pool, .. } => $run,
            $crate::db::Engine::Postgres(postgres) => {
                let mut reading = postgres.read().await?;
                let run = async {
                    let $pool = reading.get()?;
                    Ok::<_, $crate::error::Error>($run)
                };
                match tokio::time::timeout(postgres.limit(), run).await {
                    Ok(outcome) => outcome?,
                    Err(_) => return Err(reading.discard()),
                }
            }
        }
    }};
}

/// Runs an expression with the connection of a transaction.
macro_rules! on_tx {
    ($tx:expr, |$connection:ident| $run:expr) => {
        match &mut $tx.engine {
            $crate::db::TxEngine::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $run
            }
            $crate::db::TxEngine::Postgres(transaction) => {
                let limit = transaction.limit();
                let run = async {
                    let $connection = transaction.get()?;
                    Ok::<_, $crate::error::Error>($run)
                };
                match tokio::time::timeout(limit, run).await {
                    Ok(outcome) => outcome?,
                    Err(_) => return Err(transaction.discard()),
                }
            }
        }
    };
}
pub(crate) use {on_reader, on_tx};

/// The database to open.
#[derive(Debug, Clone)]
pub enum Database {
    /// The path of a SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres {
        /// The URL with the credentials.
        url: SecretString,
        /// A host that replaces the URL's, for example of a proxy.
        host: Option<String>,
        /// The largest number of connections of this server.
        connections: u32,
        /// The longest time of a statement.
        timeout: Duration,
        /// What a connection keeps between transactions.
        pooling: Pooling,
        /// The account of AWS whose tokens take the place of the password; `None` for the URL's
        /// password.
        iam: Option<aws::Options>,
    },
}

/// Returns whether a text is a usable PostgreSQL URL.
pub fn is_postgres_url(url: &str) -> bool {
    connector::parse(url).is_some()
}

/// What a PostgreSQL URL says about signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresUrlFacts {
    /// The host.
    pub host: String,
    /// Whether it has a password.
    pub has_password: bool,
    /// Whether it permits connections with TLS only.
    pub requires_tls: bool,
}

/// Returns what a PostgreSQL URL says about signing in; `None` if it is not usable.
pub fn postgres_url_facts(url: &str) -> Option<PostgresUrlFacts> {
    connector::facts(url)
}

impl Db {
    /// Opens the database and migrates its tables.
    pub async fn open(database: &Database) -> anyhow::Result<Self> {
        Self::open_as(database, true).await
    }

    /// Opens the database, and migrates its tables if `migrates` is set. Otherwise returns an error
    /// unless they are this binary's.
    #[tracing::instrument(name = "db.open", level = "trace", skip_all)]
    pub async fn open_as(database: &Database, migrates: bool) -> anyhow::Result<Self> {
        let clock = Arc::<Clock>::default();
        let (engine, turns, reads) = match database {
            Database::Sqlite(path) => {
                let (reader, writer) = sqlite::open(path, migrates).await?;
                let turns = Turns::new("database", 1, sqlite::TURN);
                let reads = Turns::new("reads", sqlite::READERS, sqlite::TURN);
                (Engine::Sqlite { reader, writer }, turns, reads)
            }
            Database::Postgres { connections, timeout, .. } => {
                let connector = Connector::new(database)?;
                let postgres = Postgres::open(connector, *connections, *timeout, Arc::clone(&clock), migrates).await?;
                let count = |connections: u32| usize::try_from(connections).unwrap_or(usize::MAX);
                // A quarter of the connections is left for reads, which may have all that are free.
                let turns = Turns::new("database", count(connections - connections / 4), postgres::TURN);
                let reads = Turns::new("reads", count(*connections), postgres::TURN);
                (Engine::Postgres(postgres), turns, reads)
            }
        };
        let shared = matches!(engine, Engine::Postgres(_));
        // The number of requests in progress bounds those that wait to read.
        let (turns, read_turns) = (Arc::new(turns), Arc::new(reads.with_any_number_waiting()));
        let signals = Arc::new(Signals::new(shared));
        let db = Self { engine, turns, read_turns, clock, signals, batches: Arc::default(), disk: None };
        db.start_sending();
        Ok(db)
    }

    /// Returns the database with a watch over the disk of its file.
    pub fn on_disk(self, disk: Option<Arc<Space>>) -> Self {
        Self { disk, ..self }
    }

    /// Writes SQLite's log into its file and truncates it, so that its space is free again. Does
    /// nothing on PostgreSQL.
    #[tracing::instrument(name = "db.truncate_log", level = "trace", skip_all)]
    pub async fn truncate_log(&self) -> Result<()> {
        if let Engine::Sqlite { writer, .. } = &self.engine {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await?;
        }
        Ok(())
    }

    /// Returns whether other servers can change the database.
    pub fn is_shared(&self) -> bool {
        self.postgres().is_some()
    }

    /// Returns the signals that commits send to this server.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Returns the PostgreSQL database; `None` on SQLite.
    pub fn postgres(&self) -> Option<&Postgres> {
        match &self.engine {
            Engine::Sqlite { .. } => None,
            Engine::Postgres(postgres) => Some(postgres),
        }
    }

    /// Returns the clock by which expiries, leases and due times are set.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the time of the [`clock`](Self::clock).
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Begins a write transaction, when it is the turn of the current subject. Returns
    /// [`Error::Busy`] if that takes too long, or too many of its transactions wait.
    #[tracing::instrument(name = "db.begin", level = "trace", skip_all)]
    pub async fn begin(&self) -> Result<Tx> {
        let turn = self.turns.wait().await?;
        if let Some(disk) = &self.disk {
            // SQLite writes before it removes anything, so that a delete needs room too.
            disk.free_ballast_if_exhausted();
            self.reuse_log_if_short(disk).await;
        }
        let engine = match &self.engine {
            Engine::Sqlite { writer, .. } => TxEngine::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Engine::Postgres(postgres) => TxEngine::Postgres(postgres.begin().await?),
        };
        let (clock, signals) = (Arc::clone(&self.clock), Arc::clone(&self.signals));
        Ok(Tx { engine, clock, signals, pending: Pending::default(), turn })
    }

    /// Writes SQLite's log into its file where hardly any room is left, so that the next transaction
    /// writes over the log from its start. A log that grows would use up the ballast before a few
    /// deletes have given anything back. Does not wait for readers.
    async fn reuse_log_if_short(&self, disk: &Space) {
        let is_short = disk.measure().is_ok_and(|now| now.is_short() && now.free < ROOM_FOR_LOG);
        if is_short
            && let Engine::Sqlite { writer, .. } = &self.engine
            && let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(writer).await
        {
            tracing::warn!(%error, "the database's log can't be written into its file");
        }
    }

    /// Returns an error unless the database answers reads and permits writes.
    #[tracing::instrument(name = "db.probe", level = "trace", skip_all)]
    pub async fn probe(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite { reader, .. } => {
                sqlx::query("SELECT 1").execute(reader).await?;
                self.begin().await.map(drop)
            }
            Engine::Postgres(postgres) => postgres.probe().await,
        }
    }

    /// Sends the last notices and closes all connections.
    #[tracing::instrument(name = "db.close", level = "trace", skip_all)]
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { reader, writer } => {
                reader.close().await;
                writer.close().await;
            }
            Engine::Postgres(postgres) => {
                changes::send_queued(postgres, &self.signals).await;
                postgres.close().await;
            }
        }
    }
}

impl Tx {
    /// Commits and then sends the signals. The changes are durable when this returns.
    #[tracing::instrument(name = "db.commit", level = "trace", skip_all)]
    pub async fn commit(self) -> Result<()> {
        // Dropped last.
        let _turn = self.turn;
        let _sending = self.pending.sending(self.signals);
        match self.engine {
            TxEngine::Sqlite(transaction) => Ok(transaction.commit().await?),
            TxEngine::Postgres(transaction) => transaction.commit().await,
        }
    }

    /// Returns the time by the database's clock, in microseconds.
    fn now_micros(&self) -> i64 {
        self.clock.now_micros()
    }

    /// Signals an object's change after the commit. Functions that change an object's state call
    /// this themselves.
    pub fn signal_object(&mut self, id: ObjectId) {
        self.pending.objects.push(id);
    }

    /// Notifies the watchers of an owner after the commit. Functions that write a status change
    /// call this themselves.
    pub fn signal_watchers(&mut self, owner: &Owner) {
        self.pending.watched.insert(owner.clone());
    }

    /// Signals an object's change if `changed`, and returns `changed`.
    fn changed(&mut self, id: ObjectId, changed: bool) -> bool {
        if changed {
            self.signal_object(id);
        }
        changed
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if postgres::lasts(&error) {
            return outage::report(error);
        }
        if postgres::is_outage_error(&error) {
            return Self::Unavailable(error.into());
        }
        let sqlx::Error::Database(inner) = &error else { return Self::Internal(error.into()) };
        let Some(code) = inner.code() else { return Self::Internal(error.into()) };
        if inner.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_none() {
            // SQLSTATE 22021: a NUL character, which PostgreSQL's text cannot hold, so no row has
            // such a name.
            return if code == "22021" {
                bad_request("text with NUL characters is not taken")
            } else {
                Self::Internal(error.into())
            };
        }
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(13) => Self::InsufficientStorage,
            // SQLITE_BUSY, SQLITE_READONLY, SQLITE_IOERR and SQLITE_CANTOPEN with their extended
            // codes: an outage, not an error of the caller.
            Ok(5 | 8 | 10 | 14) => Self::Unavailable(error.into()),
            _ => Self::Internal(error.into()),
        }
    }
}

/// Returns the error for a stored value that this server cannot have written.
fn corrupt(what: &'static str) -> Error {
    Error::Internal(anyhow::anyhow!("the database contains an invalid {what}"))
}

/// Returns a number as the database stores it, at most `i64::MAX`.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a stored number, at least 0.
fn to_u64(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Returns the facts about an object's bytes, if all of them are stored.
fn content(size: Option<i64>, etag: Option<String>, modified_at: Option<i64>) -> Option<Content> {
    match (size, etag, modified_at) {
        (Some(size), Some(etag), Some(at)) => {
            Some(Content { size: to_u64(size), etag, last_modified: from_micros(at) })
        }
        _ => None,
    }
}

/// Returns the dimensions, duration and blurhash of a media item, if they are stored.
fn visual(
    width: Option<i64>,
    height: Option<i64>,
    duration: Option<i64>,
    blurhash: Option<String>,
) -> Result<Option<VisualInfo>> {
    let Some((width, height)) = width.zip(height) else { return Ok(None) };
    let pixels = |side: i64| u32::try_from(side).map_err(|_| corrupt("picture's side"));
    let (width, height) = (pixels(width)?, pixels(height)?);
    Ok(Some(VisualInfo { width, height, duration: duration.map(to_u64), blurhash: blurhash.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn old_etags_are_marked_once_and_new_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(folder.path().join("t.db"));
        let db = Db::open(&database).await.unwrap();
        let Engine::Sqlite { writer, .. } = &db.engine else { panic!("opened something else") };
        let now = crate::model::micros(SystemTime::now());
        let (digits, parts) = ("0b8f2b1c9d6e4f70a1b2c3d4e5f60718", "0b8f2b1c9d6e4f70a1b2c3d4e5f60718-3");
        let marked = format!("{digits}-1");
        let rows = [
            ("old", digits, now - 9, marked.as_str()),
            ("parts", parts, now - 9, parts),
            ("new", digits, now + 60_000_000, digits),
        ];
        for (name, etag, modified, _) in rows {
            const OBJECT: &str = "INSERT INTO objects (id, owner_kind, owner_id, object_key, content_type, state, size, etag,                                   modified_at, created_by, created_at) VALUES ($1, 'files', 'a', $2, 'x/y', 'READY', 1, $3, $4, 'a', 1)";
            const VARIANT: &str = "INSERT INTO variants (object_id, name, object_key, content_type, size, etag, modified_at, width, height)                                    VALUES ($1, 'v', $2, 'x/y', 1, $3, $4, 1, 1)";
            let id = uuid::Uuid::new_v4();
            for sql in [OBJECT, VARIANT] {
                sqlx::query(sql).bind(id).bind(name).bind(etag).bind(modified).execute(writer).await.unwrap();
            }
        }
        assert_eq!(db.mark_old_etags().await.unwrap(), 2);
        for (name, _, _, wanted) in rows {
            for table in ["objects", "variants"] {
                let sql = sqlx::AssertSqlSafe(format!("SELECT etag FROM {table} WHERE object_key = $1"));
                let (etag,): (String,) = sqlx::query_as(sql).bind(name).fetch_one(writer).await.unwrap();
                assert_eq!(etag, wanted, "{table} {name}");
            }
        }
        assert_eq!(db.mark_old_etags().await.unwrap(), 0, "once");
        db.close().await;
        assert_eq!(Db::open(&database).await.unwrap().mark_old_etags().await.unwrap(), 0, "also after a restart");
    }

    #[tokio::test]
    async fn writes_continue_after_the_engine_ended_a_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Database::Sqlite(folder.path().join("t.db"))).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        // SQLite does this itself when the disk is full.
        let TxEngine::Sqlite(transaction) = &mut tx.engine else { panic!("opened something else") };
        sqlx::query("ROLLBACK").execute(&mut **transaction).await.unwrap();
        drop(tx);
        for _ in 0..3 {
            let mut tx = db.begin().await.unwrap();
            let job = NewJob { payload: "{}", dedupe: None, class: "upkeep", priority: 0, max_attempts: 1 };
            tx.enqueue_job(job, SystemTime::now()).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(db.count_jobs().await.unwrap().queued, 3);
    }

    #[tokio::test]
    async fn signals_follow_the_commit_and_name_what_is_due() {
        const ANY: NewJob<'static> =
            NewJob { payload: "{}", dedupe: None, class: "upkeep", priority: 0, max_attempts: 1 };
        const MINUTE: Duration = Duration::from_secs(60);
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Database::Sqlite(folder.path().join("t.db"))).await.unwrap();
        let changed = Arc::new(std::sync::Mutex::new(Vec::new()));
        let record = Arc::clone(&changed);
        db.signals().on_object_change(move |id| record.lock().unwrap().push(id));
        let mut jobs = db.signals().jobs.subscribe();
        let id = ObjectId::generate();
        for (run_in, clock_ahead, commits, is_signalled) in [
            (Duration::ZERO, 0, false, false),
            (Duration::ZERO, 0, true, true),
            (MINUTE, 0, true, false),
            // By the database's clock, which is a minute ahead, this job is due.
            (MINUTE, 60_000_000, true, true),
        ] {
            changed.lock().unwrap().clear();
            let mut tx = db.begin().await.unwrap();
            tx.clock.set_ahead(clock_ahead);
            tx.enqueue_job(ANY, SystemTime::now() + run_in).await.unwrap();
            tx.signal_object(id);
            assert!(changed.lock().unwrap().is_empty(), "signalled before the commit");
            if commits {
                tx.commit().await.unwrap();
            } else {
                drop(tx);
            }
            let heard = tokio::time::timeout(Duration::from_millis(50), jobs.notified()).await.is_ok();
            assert_eq!(heard, is_signalled, "{run_in:?} {clock_ahead} {commits}");
            assert_eq!(changed.lock().unwrap().len(), usize::from(commits));
        }
    }
}

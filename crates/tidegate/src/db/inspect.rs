//! Looks at a PostgreSQL server as an operator would: its clock, its connections, and whether a pooler
//! stands before it. Reads only what every role may read, over connections of its own.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::Database;
use crate::model::{from_micros, micros};

/// What was seen of a PostgreSQL server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// By how much its clock differs from this machine's, and whether it is ahead.
    pub clock: (Duration, bool),
    /// Its connections.
    pub connections: ServerConnections,
    /// Whether a pooler gives each transaction another connection (transaction pooling).
    pub is_pooled: bool,
    /// Whether it is a standby, which takes no writes.
    pub is_standby: bool,
}

/// The connections of a PostgreSQL server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerConnections {
    /// Those of clients, of all databases.
    pub used: i64,
    /// The most that this role may have in this database: by the server, the database and the role.
    pub limit: i64,
    /// Those of this database.
    pub here: i64,
}

impl ServerConnections {
    /// Returns how many more can be opened.
    pub fn free(&self) -> i64 {
        (self.limit - self.used).max(0)
    }
}

/// A limit of -1 is none.
const CONNECTIONS: &str = "SELECT \
    (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::bigint AS used, \
    (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database())::bigint AS here, \
    (current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint) AS most, \
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database())::bigint AS of_database, \
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)::bigint AS of_role, \
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now, \
    pg_is_in_recovery()::int::bigint AS standby";

impl Database {
    /// Looks at the server. Returns `None` for SQLite.
    pub async fn inspect(&self) -> anyhow::Result<Option<Inspection>> {
        if let Self::Sqlite(_) = self {
            return Ok(None);
        }
        let (mut one, mut other) = (self.connect().await?, self.connect().await?);
        let looked = look(one.raw(), other.raw()).await.context("the PostgreSQL server can't be looked at");
        one.close().await;
        other.close().await;
        looked.map(Some)
    }
}

async fn look(one: &mut PgConnection, other: &mut PgConnection) -> Result<Inspection, sqlx::Error> {
    let asked = SystemTime::now();
    // Without statements of a name, which a pooler may not keep.
    let row = sqlx::raw_sql(CONNECTIONS).fetch_one(&mut *one).await?;
    let answered = SystemTime::now();
    let number = |name: &str| row.try_get::<i64, _>(name);
    let limits = [number("most")?, number("of_database")?, number("of_role")?];
    let limit = limits.into_iter().filter(|limit| *limit >= 0).min().unwrap_or_default();
    let of_server = number("most")?;
    let (used, here) = (number("used")?, number("here")?);
    // A limit of the database or the role counts only what is connected here.
    let used = if limit < of_server { here } else { used };
    let middle = from_micros(i64::midpoint(micros(asked), micros(answered)));
    let theirs = from_micros(number("now")?);
    let clock = match theirs.duration_since(middle) {
        Ok(ahead) => (ahead, true),
        Err(behind) => (behind.duration(), false),
    };
    // A pooler gives a transaction any free connection: two clients then share one.
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push((process(one).await?, process(other).await?));
    }
    let first = processes.first().copied().unwrap_or_default();
    let is_pooled = processes.iter().any(|(one, other)| one == other || (*one, *other) != first);
    Ok(Inspection {
        clock,
        connections: ServerConnections { used, limit, here },
        is_pooled,
        is_standby: number("standby")? != 0,
    })
}

/// Returns the process of the server that a connection leads to.
async fn process(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let row = sqlx::raw_sql("SELECT pg_backend_pid()::bigint AS process").fetch_one(connection).await?;
    row.try_get("process")
}

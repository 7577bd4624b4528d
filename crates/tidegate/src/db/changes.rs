//! What servers that share a PostgreSQL tell each other: which records are no longer what they were. SQLite has one
//! server, which tells itself.

use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::{Db, Tx};
use crate::error::{Error, Result};
use crate::model::ids::ObjectId;

const CHANNEL: &str = "tidegate_records";
const BEAT: &str = "beat:";
const TELL: &str = "SELECT pg_notify('tidegate_records', $1)";

/// Something that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// An object, or its upload, is in another state.
    Object(ObjectId),
    /// A server listens and speaks.
    Beat(Uuid),
}

/// Hears what is told.
#[derive(Debug)]
pub struct Changes(PgListener);

impl Changes {
    /// The next change. An error is the end: what was told meanwhile is lost.
    pub async fn next(&mut self) -> Result<Change> {
        loop {
            let told = self.0.try_recv().await?;
            let told =
                told.ok_or_else(|| Error::Unavailable(anyhow::anyhow!("the database no longer tells of changes")))?;
            let payload = told.payload();
            let change = match payload.strip_prefix(BEAT) {
                Some(server) => Uuid::try_parse(server).ok().map(Change::Beat),
                None => ObjectId::parse(payload).map(Change::Object),
            };
            // What a newer release tells is not for us.
            if let Some(change) = change {
                return Ok(change);
            }
        }
    }
}

impl Db {
    /// Begins to listen; `None` where there is nobody else.
    pub async fn changes(&self) -> Result<Option<Changes>> {
        let Self::Postgres(postgres) = self else { return Ok(None) };
        let mut listener = postgres.listener().await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(Some(Changes(listener)))
    }

    /// Tells that a server listens.
    pub async fn beat(&self, server: Uuid) -> Result<()> {
        let Self::Postgres(postgres) = self else { return Ok(()) };
        postgres.tell(TELL, &format!("{BEAT}{server}")).await
    }
}

impl Tx {
    /// Tells the other servers, once this is committed, that an object is in another state.
    #[tracing::instrument(name = "db.tell", level = "trace", skip_all)]
    pub async fn tell(&mut self, object: ObjectId) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(transaction) => transaction.tell(TELL, &object.to_string()).await,
        }
    }
}

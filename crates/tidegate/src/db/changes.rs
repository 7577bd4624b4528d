//! Sends and receives notices between servers that share a PostgreSQL database: changed objects,
//! enqueued jobs, and each server's heartbeat. Sends a notice after its commit, never inside it,
//! because `NOTIFY` in a transaction holds a lock of the whole cluster until the commit is on disk.
//! SQLite has one server, which notifies itself.

use std::sync::Arc;

use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::signals::{Notices, Signals};
use super::{Db, Pooling, Postgres};
use crate::error::{Error, Result};
use crate::model::ids::ObjectId;

/// The name of the notification channel.
const CHANNEL: &str = "tidegate_records";
/// The prefix of a heartbeat's payload.
const BEAT: &str = "beat:";
/// The payload for enqueued jobs.
const JOBS: &str = "jobs";
/// Sent without a flush: a crash of the database loses only notices about caches that the crash
/// empties too.
const NOTIFY: &str = "SELECT set_config('synchronous_commit', 'off', true), \
                      pg_notify('tidegate_records', payload) FROM unnest($1::TEXT[]) AS payload";
/// The same in a transaction that is not flushed: RDS Proxy would keep a connection that uses
/// `set_config`.
const NOTIFY_POOLED: &str = "SELECT pg_notify('tidegate_records', payload) FROM unnest($1::TEXT[]) AS payload";

/// A notice of this or another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The state of an object, or of its upload, has changed.
    Object(ObjectId),
    /// A job was enqueued.
    Jobs,
    /// The heartbeat of a server.
    Beat(Uuid),
}

/// A connection that receives notices.
#[derive(Debug)]
pub struct Changes(PgListener);

impl Changes {
    /// Waits for the next notice. After an error there are no more, and some may be lost.
    pub async fn next(&mut self) -> Result<Change> {
        loop {
            let notice = self.0.try_recv().await?;
            let notice =
                notice.ok_or_else(|| Error::Unavailable(anyhow::anyhow!("the database no longer sends notices")))?;
            // Unknown payloads come from a newer release and are ignored.
            if let Some(change) = parse(notice.payload()) {
                return Ok(change);
            }
        }
    }
}

/// Parses a payload; `None` if it is unknown.
fn parse(payload: &str) -> Option<Change> {
    match payload.strip_prefix(BEAT) {
        Some(server) => Uuid::try_parse(server).ok().map(Change::Beat),
        None if payload == JOBS => Some(Change::Jobs),
        None => ObjectId::parse(payload).map(Change::Object),
    }
}

impl Db {
    /// Begins to listen; `None` where nothing can be heard: on SQLite, which has no other server, and
    /// over a pooler that keeps no session.
    pub async fn changes(&self) -> Result<Option<Changes>> {
        let Some(postgres) = self.postgres().filter(|_| self.hears_others()) else { return Ok(None) };
        let mut listener = postgres.listener().await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(Some(Changes(listener)))
    }

    /// Returns whether notices of other servers can be received. They are sent in any case: servers
    /// that are connected in another way may listen.
    pub fn hears_others(&self) -> bool {
        self.postgres().is_some_and(|postgres| postgres.pooling() == Pooling::Session)
    }

    /// Sends this server's heartbeat to every server, itself included.
    pub async fn beat(&self, server: Uuid) -> Result<()> {
        let Some(postgres) = self.postgres() else { return Ok(()) };
        notify(postgres, &[format!("{BEAT}{server}")]).await
    }

    /// Starts the task that sends queued notices until the last handle of this database is dropped.
    /// Notices that are queued during one statement share the next one.
    pub(super) fn start_sending(&self) {
        let Some((postgres, mut queue)) = self.postgres().cloned().zip(self.signals.queue()) else { return };
        let signals = Arc::downgrade(&self.signals);
        tokio::spawn(async move {
            while queue.changed().await.is_ok() {
                let Some(signals) = signals.upgrade() else { return };
                send_queued(&postgres, &signals).await;
            }
        });
    }
}

/// Sends the notices that are queued now. A notice that cannot be sent is dropped, because no
/// server caches a record for longer than the lifetime of its cache entries.
pub(super) async fn send_queued(postgres: &Postgres, signals: &Signals) {
    // Whoever closes the database waits for the batch that is being sent.
    let _sending = signals.sending().await;
    while let Some(notices) = signals.next_notices() {
        if let Err(error) = notify(postgres, &payloads(&notices)).await
            && !error.is_logged()
        {
            tracing::warn!(error = error.detail(), "changes could not be sent to other servers");
        }
    }
}

/// Sends payloads to the listeners of all servers.
async fn notify(postgres: &Postgres, payloads: &[String]) -> Result<()> {
    let sql = match postgres.pooling() {
        Pooling::Session => NOTIFY,
        Pooling::Transaction => NOTIFY_POOLED,
    };
    postgres.notify(sql, payloads).await
}

/// Returns the payloads of some notices.
fn payloads(notices: &Notices) -> Vec<String> {
    let jobs = notices.jobs.then(|| JOBS.to_owned());
    notices.objects.iter().map(ToString::to_string).chain(jobs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_back_and_unknown_ones_ignored() {
        let id = ObjectId::generate();
        let written = payloads(&Notices { objects: [id].into(), jobs: true });
        let read: Vec<_> = written.iter().map(|payload| parse(payload)).collect();
        assert_eq!(read, [Some(Change::Object(id)), Some(Change::Jobs)]);
        assert_eq!(parse("something newer"), None);
    }
}

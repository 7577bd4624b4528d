//! Stores what is known of archived objects, and the changes of their archive state that watchers
//! are shown. An object without a row is readable. Never asks the store.

use std::collections::HashMap;
use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, Tx, TxEngine, corrupt, on_reader, on_tx, to_u64};
use crate::error::Result;
use crate::error::archived::{ArchiveState, ArchiveStatus};
use crate::model::ids::ObjectId;
use crate::model::media::Status;
use crate::model::owner::Owner;
use crate::model::{from_micros, micros};

row! {
    struct Row {
        object_id: Uuid,
        state: String,
        requested_at: Option<i64>,
        thawed_until: Option<i64>,
    }
}

impl Row {
    fn into_status(self) -> Result<ArchiveStatus> {
        let state = parse_state(&self.state, self.thawed_until).ok_or_else(|| corrupt("archive state"))?;
        Ok(ArchiveStatus { state, requested_at: self.requested_at.map(from_micros) })
    }
}

/// Parses a stored archive state.
pub(super) fn parse_state(name: &str, until: Option<i64>) -> Option<ArchiveState> {
    match (name, until) {
        ("READABLE", _) => Some(ArchiveState::Readable),
        ("ARCHIVED", _) => Some(ArchiveState::Archived),
        ("THAWING", _) => Some(ArchiveState::Thawing),
        ("THAWED", Some(until)) => Some(ArchiveState::Thawed { until: from_micros(until) }),
        _ => None,
    }
}

/// Returns the stored end of a temporary copy.
fn until(state: ArchiveState) -> Option<i64> {
    match state {
        ArchiveState::Thawed { until } => Some(micros(until)),
        ArchiveState::Readable | ArchiveState::Archived | ArchiveState::Thawing => None,
    }
}

impl Db {
    /// Returns what is known of the archives of some objects; nothing of those that are readable.
    #[tracing::instrument(name = "db.list_archived", level = "trace", skip_all)]
    pub async fn list_archived(&self, ids: &[ObjectId]) -> Result<HashMap<ObjectId, ArchiveStatus>> {
        const SQL: &str =
            "SELECT object_id, state, requested_at, thawed_until FROM archived_objects WHERE object_id IN (";
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let mut query = sqlx::QueryBuilder::new(SQL);
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(id.0);
            }
            query.push(")").build_query_as().fetch_all(pool).await?
        });
        rows.into_iter().map(|row| Ok((ObjectId(row.object_id), row.into_status()?))).collect()
    }
}

/// Whether an object may be thawed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThawReservation {
    /// It is stored as THAWING from now on.
    Reserved,
    /// It was stored as THAWING before.
    Joined,
    /// Its owner has as many thaws as allowed.
    Full,
    /// The object is not READY.
    NotReady,
}

impl Tx {
    /// Locks a READY object against changes of its state until the transaction ends. Returns `false`
    /// if it is not READY. SQLite has one writer.
    #[tracing::instrument(name = "db.hold_ready", level = "trace", skip_all)]
    pub async fn hold_ready(&mut self, id: ObjectId) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM objects WHERE id = $1 AND state = 'READY'";
        const LOCKING: &str = "SELECT 1 FROM objects WHERE id = $1 AND state = 'READY' FOR SHARE";
        let sql = if matches!(self.engine, TxEngine::Postgres(_)) { LOCKING } else { SQL };
        let found: Option<(i32,)> =
            on_tx!(self, |connection| sqlx::query_as(sql).bind(id.0).fetch_optional(connection).await?);
        Ok(found.is_some())
    }

    /// Counts the objects of an owner that are being thawed, and keeps others from beginning a thaw of
    /// this owner until the transaction ends. SQLite has one writer.
    async fn count_thawing(&mut self, owner: &Owner) -> Result<u64> {
        const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('thaws'), hashtext($1 || ':' || $2))";
        const SQL: &str = "SELECT COUNT(*) FROM archived_objects \
                           WHERE state = 'THAWING' AND owner_kind = $1 AND owner_id = $2";
        let (kind, name) = (owner.kind().as_str(), owner.id());
        if matches!(self.engine, TxEngine::Postgres(_)) {
            on_tx!(self, |connection| sqlx::query(LOCK).bind(kind).bind(name).execute(connection).await.map(drop)?);
        }
        let (count,): (i64,) =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(kind).bind(name).fetch_one(connection).await?);
        Ok(to_u64(count))
    }

    /// Stores that a READY object is being thawed, if fewer than `most` of its owner are.
    #[tracing::instrument(name = "db.reserve_thaw", level = "trace", skip_all)]
    pub async fn reserve_thaw(
        &mut self,
        owner: &Owner,
        id: ObjectId,
        now: SystemTime,
        most: u64,
    ) -> Result<ThawReservation> {
        const SQL: &str = "SELECT 1 FROM archived_objects WHERE object_id = $1 AND state = 'THAWING'";
        let count = self.count_thawing(owner).await?;
        let joined: Option<(i32,)> =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(id.0).fetch_optional(connection).await?);
        if joined.is_none() && count >= most {
            return Ok(ThawReservation::Full);
        }
        if !self.hold_ready(id).await? {
            return Ok(ThawReservation::NotReady);
        }
        self.set_archived(owner, id, &ArchiveStatus { state: ArchiveState::Thawing, requested_at: Some(now) }).await?;
        Ok(if joined.is_some() { ThawReservation::Joined } else { ThawReservation::Reserved })
    }

    /// Stores that the temporary copy of a thawed object is extended now. Returns `false` if its thaw
    /// was requested or extended after `before`.
    #[tracing::instrument(name = "db.reserve_extension", level = "trace", skip_all)]
    pub async fn reserve_extension(&mut self, id: ObjectId, now: SystemTime, before: SystemTime) -> Result<bool> {
        const SQL: &str = "UPDATE archived_objects SET requested_at = $2 \
                           WHERE object_id = $1 AND state = 'THAWED' AND COALESCE(requested_at, 0) <= $3";
        Ok(on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(micros(now)).bind(micros(before));
            query.execute(connection).await?.rows_affected() == 1
        }))
    }

    /// Stores when the thaw of an object was last requested, or that it was not.
    #[tracing::instrument(name = "db.set_thaw_request", level = "trace", skip_all)]
    pub async fn set_thaw_request(&mut self, id: ObjectId, at: Option<SystemTime>) -> Result<()> {
        const SQL: &str = "UPDATE archived_objects SET requested_at = $2 WHERE object_id = $1";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).bind(at.map(micros)).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Stores what is known of a READY object's archive. Returns `false` if the same is stored already,
    /// or if the object is not READY.
    #[tracing::instrument(name = "db.set_archived", level = "trace", skip_all)]
    pub async fn set_archived(&mut self, owner: &Owner, id: ObjectId, status: &ArchiveStatus) -> Result<bool> {
        const SET: &str = "INSERT INTO archived_objects AS a \
                           (object_id, owner_kind, owner_id, state, requested_at, thawed_until) \
                           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (object_id) DO UPDATE SET state = $4, \
                           requested_at = COALESCE($5, a.requested_at), thawed_until = $6 \
                           WHERE a.state <> $4 OR COALESCE(a.thawed_until, 0) <> COALESCE($6, 0) \
                           OR COALESCE(a.requested_at, 0) <> COALESCE($5, a.requested_at, 0)";
        const REMOVE: &str = "DELETE FROM archived_objects WHERE object_id = $1";
        let ArchiveStatus { state, requested_at } = *status;
        if state != ArchiveState::Readable && !self.hold_ready(id).await? {
            return Ok(false);
        }
        let changed = on_tx!(self, |connection| {
            if state == ArchiveState::Readable {
                sqlx::query(REMOVE).bind(id.0).execute(connection).await?.rows_affected()
            } else {
                let query = sqlx::query(SET).bind(id.0).bind(owner.kind().as_str()).bind(owner.id());
                let query = query.bind(state.as_str()).bind(requested_at.map(micros)).bind(until(state));
                query.execute(connection).await?.rows_affected()
            }
        });
        Ok(changed > 0)
    }

    /// Records a change of a READY object's archive state, and wakes those who watch its owner.
    #[tracing::instrument(name = "db.add_archive_change", level = "trace", skip_all)]
    pub async fn add_archive_change(
        &mut self,
        owner: &Owner,
        id: ObjectId,
        state: ArchiveState,
        at: SystemTime,
    ) -> Result<()> {
        const SQL: &str = "INSERT INTO object_history (object_id, owner_kind, owner_id, status, at, archive, thawed_until) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7)";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(owner.kind().as_str()).bind(owner.id());
            let query = query.bind(Status::Completed.as_str()).bind(micros(at)).bind(state.as_str()).bind(until(state));
            query.execute(connection).await.map(drop)?;
        });
        self.signal_watchers(owner);
        Ok(())
    }
}

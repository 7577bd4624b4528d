//! Stores audit events: inserts them in the transaction of the change that they record, and lists
//! them by owner, object or time. Never decides what is recorded; see `model::event`.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, Tx, on_reader, on_tx};
use crate::error::Result;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, Event, EventFilter, NewEvent};
use crate::model::ids::ObjectId;
use crate::model::owner::Owner;
use crate::model::{from_micros, micros};

/// The number of events in one statement.
const AT_ONCE: usize = 500;

row! {
    /// The columns of an event's row.
    struct Row {
        id: Uuid,
        at: i64,
        actor_kind: String,
        actor: String,
        acting_for: Option<String>,
        action: String,
        owner_kind: Option<String>,
        owner_id: Option<String>,
        object_id: Option<Uuid>,
        address: Option<String>,
        outcome: String,
        request_id: String,
    }
}

impl From<Row> for Event {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            at: from_micros(row.at),
            actor_kind: row.actor_kind,
            actor: row.actor,
            acting_for: row.acting_for,
            action: row.action,
            owner: row.owner_kind.zip(row.owner_id),
            object: row.object_id.map(ObjectId),
            address: row.address.and_then(|address| address.parse().ok()),
            outcome: row.outcome,
            request_id: row.request_id,
        }
    }
}

/// Selects events, newest first; `$which` is the condition, whose parameters begin at $5.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, at, actor_kind, actor, acting_for, action, owner_kind, owner_id, object_id, address, outcome, \
             request_id FROM audit_events WHERE at >= $1 AND (at, id) < ($2, $3) ",
            $which,
            " ORDER BY at DESC, id DESC LIMIT $4"
        )
    };
}

impl Db {
    /// Returns a page of events, newest first, before `before` (time in microseconds, id).
    #[tracing::instrument(name = "db.list_events", level = "trace", skip_all)]
    pub async fn list_events(&self, filter: &EventFilter, before: (i64, Uuid), limit: i64) -> Result<Vec<Event>> {
        const ALL: &str = select!("");
        const OWNER: &str = select!("AND owner_kind = $5 AND owner_id = $6");
        const OBJECT: &str = select!("AND object_id = $5");
        let since = micros(filter.since);
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let sql = match filter {
                EventFilter { object: Some(_), .. } => OBJECT,
                EventFilter { owner: Some(_), .. } => OWNER,
                EventFilter { .. } => ALL,
            };
            let query = sqlx::query_as(sql).bind(since).bind(before.0).bind(before.1).bind(limit);
            match filter {
                EventFilter { object: Some((_, object)), .. } => query.bind(object.0).fetch_all(pool).await?,
                EventFilter { owner: Some(owner), .. } => {
                    query.bind(owner.kind().as_str()).bind(owner.id()).fetch_all(pool).await?
                }
                EventFilter { .. } => query.fetch_all(pool).await?,
            }
        });
        Ok(rows.into_iter().map(Event::from).collect())
    }
}

impl Tx {
    /// Records an action on an object. The owner is taken from the object's row.
    #[tracing::instrument(name = "db.record", level = "trace", skip_all)]
    pub async fn record(
        &mut self,
        caller: &Caller,
        action: AuditAction,
        object: ObjectId,
        at: SystemTime,
    ) -> Result<()> {
        self.record_event(&NewEvent { at, caller: caller.clone(), action, owner: None, object: Some(object) }).await
    }

    /// Records an event. If it has no owner, the owner is taken from its object's row.
    #[tracing::instrument(name = "db.record_event", level = "trace", skip_all)]
    pub async fn record_event(&mut self, event: &NewEvent) -> Result<()> {
        const SQL: &str = "INSERT INTO audit_events (id, at, actor_kind, actor, acting_for, action, owner_kind, \
                           owner_id, object_id, address, outcome, request_id) \
                           VALUES ($1, $2, $3, $4, $5, $6, \
                           COALESCE($7, (SELECT owner_kind FROM objects WHERE id = $9)), \
                           COALESCE($8, (SELECT owner_id FROM objects WHERE id = $9)), $9, $10, $11, $12)";
        let NewEvent { at, caller, action, owner, object } = event;
        on_tx!(self, |connection| {
            sqlx::query(SQL)
                .bind(Uuid::now_v7())
                .bind(micros(*at))
                .bind(caller.principal.kind())
                .bind(caller.principal.name())
                .bind(caller.acting_for.as_ref().map(|user| user.as_str()))
                .bind(action.as_str())
                .bind(owner.as_ref().map(|owner| owner.kind().as_str()))
                .bind(owner.as_ref().map(|owner| owner.id()))
                .bind(object.map(|object| object.0))
                .bind(caller.address.map(|address| address.to_string()))
                .bind(action.outcome())
                .bind(&caller.request_id)
                .execute(connection)
                .await
                .map(drop)?;
        });
        Ok(())
    }

    /// Records an action on many objects of one owner, as one event for each.
    #[tracing::instrument(name = "db.record_all", level = "trace", skip_all)]
    pub async fn record_all(
        &mut self,
        caller: &Caller,
        action: AuditAction,
        owner: &Owner,
        objects: &[ObjectId],
        at: SystemTime,
    ) -> Result<()> {
        let address = caller.address.map(|address| address.to_string());
        for some in objects.chunks(AT_ONCE) {
            on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new(
                    "INSERT INTO audit_events (id, at, actor_kind, actor, acting_for, action, owner_kind, owner_id, \
                     object_id, address, outcome, request_id) ",
                );
                query.push_values(some, |mut row, object| {
                    row.push_bind(Uuid::now_v7())
                        .push_bind(micros(at))
                        .push_bind(caller.principal.kind())
                        .push_bind(caller.principal.name())
                        .push_bind(caller.acting_for.as_ref().map(|user| user.as_str()))
                        .push_bind(action.as_str())
                        .push_bind(owner.kind().as_str())
                        .push_bind(owner.id())
                        .push_bind(object.0)
                        .push_bind(address.as_deref())
                        .push_bind(action.outcome())
                        .push_bind(caller.request_id.as_str());
                });
                query.build().persistent(false).execute(&mut *connection).await.map(drop)?;
            });
        }
        Ok(())
    }

    /// Deletes up to `limit` events from before `before`, oldest first, and returns their number.
    #[tracing::instrument(name = "db.delete_events", level = "trace", skip_all)]
    pub async fn delete_events(&mut self, before: SystemTime, limit: i64) -> Result<u64> {
        const SQL: &str = "DELETE FROM audit_events WHERE id IN \
                           (SELECT id FROM audit_events WHERE at < $1 ORDER BY at, id LIMIT $2)";
        let gone = on_tx!(self, |connection| {
            sqlx::query(SQL).bind(micros(before)).bind(limit).execute(connection).await?.rows_affected()
        });
        Ok(gone)
    }
}

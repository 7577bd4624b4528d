//! Stores audit events: inserts them in the transaction of the change that they record, and lists
//! them by owner, object or time. Never decides what is recorded; see `model::event`.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Cursor, Db, Tx, on_reader, on_tx};
use crate::error::Result;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, Event, EventFilter, NewEvent, Outcome};
use crate::model::ids::ObjectId;
use crate::model::owner::{Owner, OwnerKind};
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

/// The columns of an event, as they are selected.
const COLUMNS: &str = "id, at, actor_kind, actor, acting_for, action, owner_kind, owner_id, object_id, address, outcome, \
                       request_id";
/// The most events that one page of a filtered list reads, whether or not they match.
const SCANNED: i64 = 10_000;

/// The one condition that finds events by an index, in the order of their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index<'a> {
    Object(ObjectId),
    Owner(&'a Owner),
    Actor(&'a str),
    Action(&'a str),
    Refusals,
    Time,
}

impl<'a> Index<'a> {
    /// Returns the most selective index for a filter.
    fn of(filter: &'a EventFilter) -> Self {
        match filter {
            EventFilter { object: Some((_, object)), .. } => Self::Object(*object),
            EventFilter { owner: Some(owner), .. } => Self::Owner(owner),
            EventFilter { actor: Some(actor), .. } => Self::Actor(actor),
            EventFilter { action: Some(action), .. } => Self::Action(action),
            EventFilter { outcome: Some(Outcome::Refused), .. } => Self::Refusals,
            EventFilter { .. } => Self::Time,
        }
    }
}

/// Adds the condition of an index, from `since` on and before a position, with its order.
macro_rules! push_indexed {
    ($query:expr, $filter:expr, $before:expr) => {{
        let (index, since, before) = (Index::of($filter), micros($filter.since), $before);
        $query.push(" FROM audit_events WHERE at >= ").push_bind(since);
        $query.push(" AND (at, id) < (").push_bind(before.0).push(", ").push_bind(before.1).push(")");
        match index {
            Index::Object(object) => {
                $query.push(" AND object_id = ").push_bind(object.0);
            }
            Index::Owner(owner) => {
                $query.push(" AND owner_kind = ").push_bind(owner.kind().as_str());
                $query.push(" AND owner_id = ").push_bind(owner.id());
            }
            Index::Actor(actor) => {
                $query.push(" AND actor = ").push_bind(actor);
            }
            Index::Action(action) => {
                $query.push(" AND action = ").push_bind(action);
            }
            // Written out, so that the partial index is used.
            Index::Refusals => {
                $query.push(" AND outcome = 'refused'");
            }
            Index::Time => {}
        }
        $query.push(" ORDER BY at DESC, id DESC LIMIT ");
    }};
}

/// Returns the conditions of a filter that its index does not hold, as columns and values.
fn rest_of(filter: &EventFilter) -> Vec<(&'static str, &str)> {
    let index = Index::of(filter);
    let conditions = [
        ("owner_kind", filter.kind.map(OwnerKind::as_str)),
        ("actor", filter.actor.as_deref().filter(|_| !matches!(index, Index::Actor(_)))),
        ("action", filter.action.as_deref().filter(|_| !matches!(index, Index::Action(_)))),
        ("outcome", filter.outcome.filter(|_| index != Index::Refusals).map(Outcome::as_str)),
    ];
    conditions.into_iter().filter_map(|(column, value)| Some((column, value?))).collect()
}

impl Db {
    /// Returns a page of events, newest first, before `before` (time in microseconds, id), and where
    /// the next one begins. A page reads 10,000 events at the most, so that one of a filter that
    /// few events match may be short, or empty, and still have a next one.
    #[tracing::instrument(name = "db.list_events", level = "trace", skip_all)]
    pub async fn list_events(
        &self,
        filter: &EventFilter,
        before: (i64, Uuid),
        limit: i64,
    ) -> Result<(Vec<Event>, Option<Cursor>)> {
        let rest = rest_of(filter);
        let mut rows: Vec<Row> = on_reader!(self, |pool| {
            let mut query = sqlx::QueryBuilder::new("SELECT ");
            query.push(COLUMNS);
            if rest.is_empty() {
                push_indexed!(query, filter, before);
            } else {
                query.push(" FROM (SELECT ").push(COLUMNS);
                push_indexed!(query, filter, before);
                query.push_bind(SCANNED).push(") AS scanned");
                for (number, (column, value)) in rest.iter().enumerate() {
                    query.push(if number == 0 { " WHERE " } else { " AND " });
                    query.push(*column).push(" = ").push_bind(*value);
                }
                query.push(" ORDER BY at DESC, id DESC LIMIT ");
            }
            query.push_bind(limit.saturating_add(1));
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let next = if rows.len() > wanted {
            rows.truncate(wanted);
            rows.last().map(|last| (last.at, last.id))
        } else if rest.is_empty() {
            None
        } else {
            self.last_scanned(filter, before).await?
        };
        let next = next.map(|(created_at, id)| Cursor { created_at, id: ObjectId(id) });
        Ok((rows.into_iter().map(Event::from).collect(), next))
    }

    /// Returns the last event that a page of a filtered list reads; `None` if it reads all there are.
    async fn last_scanned(&self, filter: &EventFilter, before: (i64, Uuid)) -> Result<Option<(i64, Uuid)>> {
        Ok(on_reader!(self, |pool| {
            let mut query = sqlx::QueryBuilder::new("SELECT at, id");
            push_indexed!(query, filter, before);
            query.push_bind(1_i64).push(" OFFSET ").push_bind(SCANNED - 1);
            query.build_query_as().persistent(false).fetch_optional(pool).await?
        }))
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

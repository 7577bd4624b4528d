//! Stores bulk actions, their progress and what failed. Each step is conditional on the number of
//! the object, so that two workers never count one object twice.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, Tx, TxEngine, corrupt, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::bulk::{Bulk, BulkAction, BulkFailure};
use crate::model::caller::Caller;
use crate::model::ids::{OrgId, UserId};
use crate::model::owner::OwnerKind;
use crate::model::principal::{Principal, Roles};
use crate::model::{from_micros, micros};

/// The number of objects in one statement.
const INSERTED: usize = 1000;

row! {
    struct Row {
        id: Uuid,
        owner_kind: String,
        owner_id: String,
        action: String,
        actor_kind: String,
        actor: String,
        org: Option<String>,
        acting_for: Option<String>,
        acting_org: Option<String>,
        address: Option<String>,
        request_id: String,
        total: i64,
        next: i64,
        begun: i64,
        tries: i64,
        failed: i64,
        created_at: i64,
        finished_at: Option<i64>,
    }
}

impl Row {
    fn into_bulk(self) -> Result<Bulk> {
        let user = |text: &str| UserId::parse(text).map_err(|_| corrupt("user id"));
        let org = |text: &str| OrgId::parse(text).map_err(|_| corrupt("organisation"));
        let principal = match self.actor_kind.as_str() {
            "user" => Principal::User {
                id: user(&self.actor)?,
                org: self.org.as_deref().map(org).transpose()?,
                // No bulk action depends on them.
                roles: Roles::default(),
            },
            "service" => Principal::Service,
            _ => return Err(corrupt("principal")),
        };
        Ok(Bulk {
            id: self.id,
            kind: OwnerKind::parse(&self.owner_kind).ok_or_else(|| corrupt("owner"))?,
            owner: self.owner_id,
            action: BulkAction::parse(&self.action).ok_or_else(|| corrupt("bulk action"))?,
            caller: Caller {
                principal,
                acting_for: self.acting_for.as_deref().map(user).transpose()?,
                acting_org: self.acting_org.as_deref().map(org).transpose()?,
                // What was started goes on when the token ends. Membership is read for each object; the
                // organisation stays that of the token.
                expires_at: None,
                address: self.address.and_then(|text| text.parse().ok()),
                request_id: self.request_id,
            },
            total: to_u64(self.total),
            next: to_u64(self.next),
            begun: to_u64(self.begun),
            tries: to_u64(self.tries),
            failed: to_u64(self.failed),
            created_at: from_micros(self.created_at),
            finished_at: self.finished_at.map(from_micros),
        })
    }
}

impl Db {
    /// Returns a bulk action by its id. Does not authorize.
    #[tracing::instrument(name = "db.find_bulk_unscoped", level = "trace", skip_all)]
    pub async fn find_bulk_unscoped(&self, id: Uuid) -> Result<Option<Bulk>> {
        const SQL: &str = "SELECT id, owner_kind, owner_id, action, actor_kind, actor, org, acting_for, acting_org, address, \
                           request_id, total, next, begun, tries, failed, created_at, finished_at \
                           FROM bulks WHERE id = $1";
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).fetch_optional(pool).await?);
        row.map(Row::into_bulk).transpose()
    }

    /// Returns objects of a bulk action with their numbers, from a number on.
    #[tracing::instrument(name = "db.list_bulk_items", level = "trace", skip_all)]
    pub async fn list_bulk_items(&self, id: Uuid, from: u64, limit: i64) -> Result<Vec<(u64, String)>> {
        const SQL: &str =
            "SELECT number, item FROM bulk_items WHERE bulk_id = $1 AND number >= $2 ORDER BY number LIMIT $3";
        let rows: Vec<(i64, String)> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(id).bind(to_i64(from)).bind(limit).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(|(number, item)| (to_u64(number), item)).collect())
    }

    /// Returns the objects of a bulk action that failed, the first ones.
    #[tracing::instrument(name = "db.list_bulk_failures", level = "trace", skip_all)]
    pub async fn list_bulk_failures(&self, id: Uuid, limit: i64) -> Result<Vec<BulkFailure>> {
        const SQL: &str = "SELECT item, code, COALESCE(message, '') FROM bulk_items \
                           WHERE bulk_id = $1 AND code IS NOT NULL ORDER BY number LIMIT $2";
        let rows: Vec<(String, String, String)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).bind(limit).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(item, code, message)| BulkFailure { item, code, message }).collect())
    }
}

impl Tx {
    /// Inserts a bulk action with its objects. Returns `false` if its caller has `most` unfinished
    /// ones; the transaction has changed nothing then.
    #[tracing::instrument(name = "db.insert_bulk", level = "trace", skip_all)]
    pub async fn insert_bulk(&mut self, bulk: &Bulk, items: &[String], most: i64) -> Result<bool> {
        const SQL: &str = "INSERT INTO bulks (id, owner_kind, owner_id, action, actor_kind, actor, org, acting_for, \
                           acting_org, address, request_id, total, created_at) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        const ITEMS: &str = "INSERT INTO bulk_items (bulk_id, number, item) ";
        if self.count_running_bulks(&bulk.caller).await? >= most {
            return Ok(false);
        }
        let Caller { principal, acting_for, acting_org, address, request_id, expires_at: _ } = &bulk.caller;
        let org = match principal {
            Principal::User { org, .. } => org.as_ref().map(OrgId::as_str),
            Principal::Anonymous | Principal::Service | Principal::System => None,
        };
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(bulk.id).bind(bulk.kind.as_str()).bind(&bulk.owner);
            let query = query.bind(bulk.action.as_str()).bind(principal.kind()).bind(principal.name()).bind(org);
            let query = query.bind(acting_for.as_ref().map(UserId::as_str));
            let query = query.bind(acting_org.as_ref().map(OrgId::as_str)).bind(address.map(|at| at.to_string()));
            let query = query.bind(request_id).bind(to_i64(bulk.total)).bind(micros(bulk.created_at));
            query.execute(connection).await.map(drop)?;
        });
        for (at, some) in items.chunks(INSERTED).enumerate() {
            let numbered = ((at * INSERTED) as u64..).zip(some);
            on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new(ITEMS);
                query.push_values(numbered, |mut row, (number, item)| {
                    row.push_bind(bulk.id).push_bind(to_i64(number)).push_bind(item);
                });
                query.build().execute(connection).await.map(drop)?;
            });
        }
        Ok(true)
    }

    /// Returns the number of unfinished bulk actions of a caller, and keeps others from starting one
    /// until the transaction ends. SQLite has one writer.
    async fn count_running_bulks(&mut self, caller: &Caller) -> Result<i64> {
        const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('bulks'), hashtext($1 || ':' || $2))";
        const SQL: &str = "SELECT COUNT(*) FROM bulks WHERE actor_kind = $1 AND actor = $2 AND finished_at IS NULL \
                           AND COALESCE(acting_for, '') = $3";
        let (kind, name) = (caller.principal.kind(), caller.principal.name());
        if matches!(self.engine, TxEngine::Postgres(_)) {
            on_tx!(self, |connection| sqlx::query(LOCK).bind(kind).bind(name).execute(connection).await.map(drop)?);
        }
        let acting_for = caller.acting_for.as_ref().map_or("", |user| user.as_str());
        let (count,): (i64,) = on_tx!(self, |connection| {
            sqlx::query_as(SQL).bind(kind).bind(name).bind(acting_for).fetch_one(connection).await?
        });
        Ok(count)
    }

    /// Stores which objects a turn begins, and how often the first of them was begun before. With
    /// `begun` at `next`, none is left half done.
    #[tracing::instrument(name = "db.begin_bulk_turn", level = "trace", skip_all)]
    pub async fn begin_bulk_turn(&mut self, id: Uuid, next: u64, begun: u64, tries: u64) -> Result<bool> {
        const SQL: &str = "UPDATE bulks SET begun = $3, tries = $4 WHERE id = $1 AND next = $2 AND finished_at IS NULL";
        Ok(on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id).bind(to_i64(next)).bind(to_i64(begun)).bind(to_i64(tries));
            query.execute(connection).await?.rows_affected() == 1
        }))
    }

    /// Counts an object as done, and stores its failure while fewer than `most` are stored. Returns
    /// `false` if another worker was first.
    #[tracing::instrument(name = "db.advance_bulk", level = "trace", skip_all)]
    pub async fn advance_bulk(
        &mut self,
        id: Uuid,
        number: u64,
        failure: Option<(&str, &str)>,
        most: u64,
    ) -> Result<bool> {
        const SQL: &str = "UPDATE bulks SET next = next + 1, tries = 0, failed = failed + $3 \
                           WHERE id = $1 AND next = $2 AND finished_at IS NULL";
        const FAILED: &str = "UPDATE bulk_items SET code = $3, message = $4 WHERE bulk_id = $1 AND number = $2 \
                              AND (SELECT failed FROM bulks WHERE id = $1) <= $5";
        let done = on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id).bind(to_i64(number)).bind(i64::from(failure.is_some()));
            query.execute(connection).await?.rows_affected() == 1
        });
        if let (true, Some((code, message))) = (done, failure) {
            on_tx!(self, |connection| {
                let query = sqlx::query(FAILED).bind(id).bind(to_i64(number)).bind(code).bind(message);
                query.bind(to_i64(most)).execute(connection).await.map(drop)?;
            });
        }
        Ok(done)
    }

    /// Finishes a bulk action and deletes the objects that did not fail. Changes nothing and returns
    /// `false` if something is left to do, or if it was finished before.
    #[tracing::instrument(name = "db.finish_bulk", level = "trace", skip_all)]
    pub async fn finish_bulk(&mut self, id: Uuid, now: SystemTime) -> Result<bool> {
        const SQL: &str = "UPDATE bulks SET finished_at = $2 WHERE id = $1 AND next = total AND finished_at IS NULL";
        const ITEMS: &str = "DELETE FROM bulk_items WHERE bulk_id = $1 AND code IS NULL";
        Ok(on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id).bind(micros(now));
            let done = query.execute(&mut *connection).await?.rows_affected() == 1;
            if done {
                sqlx::query(ITEMS).bind(id).execute(connection).await.map(drop)?;
            }
            done
        }))
    }

    /// Counts all objects that are not done as failed, for one code and message, and stores these
    /// while fewer than `most` are stored.
    #[tracing::instrument(name = "db.fail_bulk_rest", level = "trace", skip_all)]
    pub async fn fail_bulk_rest(&mut self, id: Uuid, (code, message): (&str, &str), most: u64) -> Result<()> {
        const ITEMS: &str = "UPDATE bulk_items SET code = $2, message = $3 WHERE bulk_id = $1 AND code IS NULL \
                             AND number >= (SELECT next FROM bulks WHERE id = $1) \
                             AND number < (SELECT next - failed FROM bulks WHERE id = $1) + $4";
        const SQL: &str =
            "UPDATE bulks SET failed = failed + total - next, next = total WHERE id = $1 AND finished_at IS NULL";
        on_tx!(self, |connection| {
            let query = sqlx::query(ITEMS).bind(id).bind(code).bind(message).bind(to_i64(most));
            query.execute(&mut *connection).await?;
            sqlx::query(SQL).bind(id).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Deletes bulk actions that were started before a time, at most `limit`. Returns their number.
    #[tracing::instrument(name = "db.delete_bulks", level = "trace", skip_all)]
    pub async fn delete_bulks(&mut self, before: SystemTime, limit: i64) -> Result<u64> {
        const OLD: &str = "SELECT id FROM bulks WHERE created_at < $1 ORDER BY created_at LIMIT $2";
        const ITEMS: &str = "DELETE FROM bulk_items WHERE bulk_id = $1";
        const SQL: &str = "DELETE FROM bulks WHERE id = $1";
        let old: Vec<(Uuid,)> = on_tx!(self, |connection| {
            sqlx::query_as(OLD).bind(micros(before)).bind(limit).fetch_all(connection).await?
        });
        for (id,) in &old {
            on_tx!(self, |connection| {
                sqlx::query(ITEMS).bind(id).execute(&mut *connection).await?;
                sqlx::query(SQL).bind(id).execute(connection).await.map(drop)?;
            });
        }
        Ok(old.len() as u64)
    }
}

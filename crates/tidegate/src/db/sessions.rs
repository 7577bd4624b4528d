//! Stores sessions: their organisation, and whether they are deleted. Their media items are in
//! `media`.

use std::time::SystemTime;

use super::{Db, Tx, corrupt, on_reader, on_tx};
use crate::error::Result;
use crate::model::ids::{OrgId, SessionId, UserId};
use crate::model::owner::Owner;
use crate::model::{from_micros, micros};

/// A session in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The session's id.
    pub id: SessionId,
    /// The time of its creation.
    pub created_at: SystemTime,
}

impl Db {
    /// Returns a page of the sessions of an organisation that a user has created, newest first.
    /// `after` is the creation time in microseconds and the id of the last session before the page.
    #[tracing::instrument(name = "db.list_sessions", level = "trace", skip_all)]
    pub async fn list_sessions(
        &self,
        user: &UserId,
        org: &OrgId,
        after: (i64, &str),
        limit: i64,
    ) -> Result<Vec<ListedSession>> {
        const SQL: &str = "SELECT id, created_at FROM sessions WHERE created_by = $1 AND org = $2 \
                           AND deleted_at IS NULL AND (created_at, id) < ($3, $4) \
                           ORDER BY created_at DESC, id DESC LIMIT $5";
        let rows: Vec<(String, i64)> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(user.as_str()).bind(org.as_str());
            query.bind(after.0).bind(after.1).bind(limit).fetch_all(pool).await?
        });
        let parsed = rows.into_iter().map(|(id, at)| {
            let id = SessionId::parse(&id).ok_or_else(|| corrupt("session id"))?;
            Ok(ListedSession { id, created_at: from_micros(at) })
        });
        parsed.collect()
    }

    /// Returns a session as an owner, unless it is deleted.
    #[tracing::instrument(name = "db.find_session_unscoped", level = "trace", skip_all)]
    pub async fn find_session_unscoped(&self, id: &SessionId) -> Result<Option<Owner>> {
        const SQL: &str = "SELECT org FROM sessions WHERE id = $1 AND deleted_at IS NULL";
        let row: Option<(String,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.as_str()).fetch_optional(pool).await?);
        let Some((org,)) = row else { return Ok(None) };
        let org = OrgId::parse(&org).map_err(|_| corrupt("organisation"))?;
        Ok(Some(Owner::Session(id.clone(), org)))
    }

    /// Returns a session as an owner, even if it is deleted, and the time of its deletion in
    /// microseconds.
    #[tracing::instrument(name = "db.find_session_even_deleted_unscoped", level = "trace", skip_all)]
    pub async fn find_session_even_deleted_unscoped(&self, id: &SessionId) -> Result<Option<(Owner, Option<i64>)>> {
        const SQL: &str = "SELECT org, deleted_at FROM sessions WHERE id = $1";
        let row: Option<(String, Option<i64>)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.as_str()).fetch_optional(pool).await?);
        let Some((org, deleted_at)) = row else { return Ok(None) };
        let org = OrgId::parse(&org).map_err(|_| corrupt("organisation"))?;
        Ok(Some((Owner::Session(id.clone(), org), deleted_at)))
    }
}

impl Tx {
    /// Inserts a session. Returns `false` if the id is or was in use.
    #[tracing::instrument(name = "db.insert_session", level = "trace", skip_all)]
    pub async fn insert_session(&mut self, id: &SessionId, org: &OrgId, by: &str, now: SystemTime) -> Result<bool> {
        const SQL: &str = "INSERT INTO sessions (id, org, created_by, created_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (id) DO NOTHING";
        let done = on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.as_str()).bind(org.as_str()).bind(by).bind(micros(now));
            query.execute(connection).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// Marks a session as deleted. Returns `false` if it does not exist.
    #[tracing::instrument(name = "db.delete_session", level = "trace", skip_all)]
    pub async fn delete_session(&mut self, id: &SessionId, now: SystemTime) -> Result<bool> {
        const SQL: &str = "UPDATE sessions SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
        let done = on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.as_str()).bind(micros(now)).execute(connection).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// Restores a session that was deleted at `oldest` or later. Returns `false` if there is none.
    #[tracing::instrument(name = "db.undelete_session", level = "trace", skip_all)]
    pub async fn undelete_session(&mut self, id: &SessionId, oldest: SystemTime) -> Result<bool> {
        const SQL: &str = "UPDATE sessions SET deleted_at = NULL WHERE id = $1 AND deleted_at >= $2";
        let done = on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.as_str()).bind(micros(oldest)).execute(connection).await?.rows_affected()
        });
        Ok(done == 1)
    }
}

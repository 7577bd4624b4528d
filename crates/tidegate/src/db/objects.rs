//! Stores objects of every owner kind: finds, lists, and changes their states. Columns of one owner
//! kind are in `files`, `media` and `nodes`.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, Tx, content, corrupt, on_reader, on_tx, to_i64};
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};
use crate::model::media::Scan;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::{from_micros, micros};

row! {
    struct Row {
        id: Uuid,
        object_key: String,
        name: Option<String>,
        content_type: String,
        state: String,
        size: Option<i64>,
        etag: Option<String>,
        modified_at: Option<i64>,
        created_at: i64,
    }
}

impl Row {
    fn into_object(self) -> Result<Object> {
        let content = content(self.size, self.etag, self.modified_at);
        Ok(Object {
            id: ObjectId(self.id),
            key: Key::stored(self.object_key),
            name: self.name,
            content_type: self.content_type,
            state: ObjectState::parse(&self.state).ok_or_else(|| corrupt("object state"))?,
            created_at: from_micros(self.created_at),
            content,
            archive: None,
        })
    }
}

/// The position after which a page of a listing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The time of the last object, in microseconds.
    pub created_at: i64,
    /// The id of the last object.
    pub id: ObjectId,
}

impl Cursor {
    /// The position before all objects.
    pub const START: Self = Self { created_at: i64::MAX, id: ObjectId(Uuid::max()) };
    /// The position after all objects.
    pub const END: Self = Self { created_at: i64::MIN, id: ObjectId(Uuid::nil()) };
}

impl Db {
    /// Returns an object of an owner.
    #[tracing::instrument(name = "db.find_object", level = "trace", skip_all)]
    pub async fn find_object(&self, owner: &Owner, id: ObjectId) -> Result<Option<Object>> {
        const SQL: &str = "SELECT id, object_key, name, content_type, state, size, etag, modified_at, created_at \
                           FROM objects WHERE id = $1 AND owner_kind = $2 AND owner_id = $3";
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(id.0).bind(owner.kind().as_str()).bind(owner.id()).fetch_optional(pool).await?
        });
        row.map(Row::into_object).transpose()
    }

    /// Returns the state of an object of any owner kind; `None` if it never existed.
    #[tracing::instrument(name = "db.object_state", level = "trace", skip_all)]
    pub async fn object_state(&self, id: ObjectId) -> Result<Option<ObjectState>> {
        const SQL: &str = "SELECT state FROM objects WHERE id = $1";
        let row: Option<(String,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.0).fetch_optional(pool).await?);
        row.map(|(state,)| ObjectState::parse(&state).ok_or_else(|| corrupt("object state"))).transpose()
    }

    /// Returns a READY object by its key. For the S3 door, where the signature authorizes.
    #[tracing::instrument(name = "db.find_ready_by_key_unscoped", level = "trace", skip_all)]
    pub async fn find_ready_by_key_unscoped(&self, key: &str) -> Result<Option<Object>> {
        const SQL: &str = "SELECT id, object_key, name, content_type, state, size, etag, modified_at, created_at \
                           FROM objects WHERE object_key = $1 AND state = 'READY'";
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(key).fetch_optional(pool).await?);
        row.map(Row::into_object).transpose()
    }

    /// Returns the object that holds a key, whatever its state, and when it was deleted.
    #[tracing::instrument(name = "db.find_by_key", level = "trace", skip_all)]
    pub async fn find_key_holder_unscoped(
        &self,
        key: &Key,
    ) -> Result<Option<(ObjectId, ObjectState, Option<SystemTime>)>> {
        const SQL: &str = "SELECT id, state, deleted_at FROM objects WHERE object_key = $1";
        let row: Option<(Uuid, String, Option<i64>)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(key.as_str()).fetch_optional(pool).await?);
        let read = |(id, state, deleted_at): (Uuid, String, Option<i64>)| {
            let state = ObjectState::parse(&state).ok_or_else(|| corrupt("object state"))?;
            Ok((ObjectId(id), state, deleted_at.map(from_micros)))
        };
        row.map(read).transpose()
    }

    /// Returns a page of an owner's objects, newest first: in one state, or all that are visible.
    #[tracing::instrument(name = "db.list_objects", level = "trace", skip_all)]
    pub async fn list_objects(
        &self,
        owner: &Owner,
        state: Option<ObjectState>,
        after: Cursor,
        limit: i64,
    ) -> Result<Vec<Object>> {
        const ALL: &str = "SELECT id, object_key, name, content_type, state, size, etag, modified_at, created_at \
                           FROM objects WHERE owner_kind = $1 AND owner_id = $2 \
                           AND state <> 'PURGED' AND state <> 'DELETED' AND state <> 'RESTORING' \
                           AND (created_at, id) < ($3, $4) \
                           ORDER BY created_at DESC, id DESC LIMIT $5";
        const ONE: &str = "SELECT id, object_key, name, content_type, state, size, etag, modified_at, created_at \
                           FROM objects WHERE owner_kind = $1 AND owner_id = $2 \
                           AND (created_at, id) < ($3, $4) AND state = $6 \
                           ORDER BY created_at DESC, id DESC LIMIT $5";
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(if state.is_some() { ONE } else { ALL })
                .bind(owner.kind().as_str())
                .bind(owner.id())
                .bind(after.created_at)
                .bind(after.id.0)
                .bind(limit);
            match state {
                Some(state) => query.bind(state.as_str()).fetch_all(pool).await?,
                None => query.fetch_all(pool).await?,
            }
        });
        rows.into_iter().map(Row::into_object).collect()
    }

    /// Returns FAILED objects that can be retried, in the order of their ids, after `after`.
    #[tracing::instrument(name = "db.list_failed", level = "trace", skip_all)]
    pub async fn list_failed(&self, after: Option<ObjectId>, limit: i64) -> Result<Vec<ObjectId>> {
        const SQL: &str = "SELECT id FROM objects WHERE state = 'FAILED' AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let rows: Vec<(Uuid,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(after).bind(limit).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(id,)| ObjectId(id)).collect())
    }

    /// Returns READY objects of all owner kinds, in the order of their ids, after `after`. Does not
    /// authorize.
    #[tracing::instrument(name = "db.list_ready", level = "trace", skip_all)]
    pub async fn list_ready(&self, after: Option<ObjectId>, limit: i64) -> Result<Vec<(ObjectId, OwnerKind)>> {
        const SQL: &str = "SELECT id, owner_kind FROM objects WHERE state = 'READY' AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let rows: Vec<(Uuid, String)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(after).bind(limit).fetch_all(pool).await?);
        let kind = |text: &str| OwnerKind::parse(text).ok_or_else(|| corrupt("owner"));
        rows.into_iter().map(|(id, text)| Ok((ObjectId(id), kind(&text)?))).collect()
    }
}

impl Tx {
    /// Stores the content of a PENDING object and moves it to state `to`. Returns `false` if it is
    /// not PENDING.
    #[tracing::instrument(name = "db.publish_object", level = "trace", skip_all)]
    pub async fn publish_object(&mut self, id: ObjectId, content: &Content, to: ObjectState) -> Result<bool> {
        debug_assert!(ObjectState::Pending.may_become(to), "PENDING to {to:?}");
        const SQL: &str = "UPDATE objects SET state = $5, size = $2, etag = $3, modified_at = $4 \
                           WHERE id = $1 AND state = 'PENDING'";
        self.hold_quota_of(id).await?;
        let done = on_tx!(self, |connection| {
            sqlx::query(SQL)
                .bind(id.0)
                .bind(to_i64(content.size))
                .bind(&content.etag)
                .bind(micros(content.last_modified))
                .bind(to.as_str())
                .execute(connection)
                .await?
                .rows_affected()
        });
        Ok(self.changed(id, done == 1))
    }

    /// Moves an object from one state to another and stores the time of its deletion. Returns
    /// `false` if it is not in the first state.
    #[tracing::instrument(name = "db.set_object_state", level = "trace", skip_all)]
    pub async fn set_object_state(
        &mut self,
        id: ObjectId,
        from: ObjectState,
        to: ObjectState,
        now: SystemTime,
    ) -> Result<bool> {
        debug_assert!(from.may_become(to), "{from:?} to {to:?}");
        // A PURGED object keeps its id and owner, and nothing that its owner wrote.
        const SQL: &str = "UPDATE objects SET state = $3, deleted_at = COALESCE(deleted_at, $4), \
                           name = CASE WHEN $3 = 'PURGED' THEN NULL ELSE name END, \
                           folded_name = CASE WHEN $3 = 'PURGED' THEN NULL ELSE folded_name END, \
                           alt = CASE WHEN $3 = 'PURGED' THEN NULL ELSE alt END, \
                           blurhash = CASE WHEN $3 = 'PURGED' THEN NULL ELSE blurhash END, \
                           reason = CASE WHEN $3 = 'PURGED' THEN NULL ELSE reason END \
                           WHERE id = $1 AND state = $2";
        self.hold_quota_of(id).await?;
        let done = on_tx!(self, |connection| {
            sqlx::query(SQL)
                .bind(id.0)
                .bind(from.as_str())
                .bind(to.as_str())
                .bind(micros(now))
                .execute(connection)
                .await?
                .rows_affected()
        });
        Ok(self.changed(id, done == 1))
    }

    /// Moves an object that was deleted at `oldest` or later to RESTORING. Returns `false` if there
    /// is none.
    #[tracing::instrument(name = "db.begin_restore", level = "trace", skip_all)]
    pub async fn begin_restore(&mut self, id: ObjectId, oldest: SystemTime) -> Result<bool> {
        const SQL: &str =
            "UPDATE objects SET state = 'RESTORING' WHERE id = $1 AND state = 'DELETED' AND deleted_at >= $2";
        let done = on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).bind(micros(oldest)).execute(connection).await?.rows_affected()
        });
        Ok(self.changed(id, done == 1))
    }

    /// Moves an object from one state to another and stores a reason, if there is one. Returns
    /// `false` if it is not in the first state.
    #[tracing::instrument(name = "db.move_object", level = "trace", skip_all)]
    pub async fn move_object(
        &mut self,
        id: ObjectId,
        from: ObjectState,
        to: ObjectState,
        reason: Option<&str>,
    ) -> Result<bool> {
        debug_assert!(from.may_become(to), "{from:?} to {to:?}");
        const SQL: &str = "UPDATE objects SET state = $3, reason = $4, \
                           deleted_at = CASE WHEN $3 = 'READY' THEN NULL ELSE deleted_at END WHERE id = $1 AND state = $2";
        self.hold_quota_of(id).await?;
        let done = on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(from.as_str()).bind(to.as_str()).bind(reason);
            query.execute(connection).await?.rows_affected()
        });
        Ok(self.changed(id, done == 1))
    }

    /// Stores the result of an object's scan.
    #[tracing::instrument(name = "db.set_scan", level = "trace", skip_all)]
    pub async fn set_scan(&mut self, id: ObjectId, scan: Scan) -> Result<()> {
        const SQL: &str = "UPDATE objects SET scan = $2 WHERE id = $1";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).bind(scan.as_str()).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Frees the key of an object that is gone for good, for another one.
    #[tracing::instrument(name = "db.free_key", level = "trace", skip_all)]
    pub async fn free_key(&mut self, id: ObjectId) -> Result<()> {
        const SQL: &str = "UPDATE objects SET object_key = $2 WHERE id = $1 AND state IN ('PURGED', 'REJECTED')";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).bind(key::purged_key(id).as_str()).execute(connection).await.map(drop)?;
        });
        Ok(())
    }
}

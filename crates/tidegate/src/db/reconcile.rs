//! Lists the keys that the store should contain, in the order in which a store lists them.
//! Comparing them is in `worker::reconcile`.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, corrupt, on_reader, to_u64};
use crate::error::Result;
use crate::model::from_micros;
use crate::model::ids::ObjectId;
use crate::model::object::ObjectState;

/// A key that a row refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The key.
    pub key: String,
    /// The size in bytes, if it is known.
    pub size: Option<u64>,
    /// The state of the object.
    pub state: ObjectState,
    /// The id of the object.
    pub object: ObjectId,
    /// When the object was deleted.
    pub deleted_at: Option<SystemTime>,
}

row! {
    struct Row {
        object_key: String,
        size: Option<i64>,
        state: String,
        id: Uuid,
        deleted_at: Option<i64>,
    }
}

impl Row {
    fn into_expected(self) -> Result<Expected> {
        Ok(Expected {
            key: self.object_key,
            size: self.size.map(to_u64),
            state: ObjectState::parse(&self.state).ok_or_else(|| corrupt("object state"))?,
            object: ObjectId(self.id),
            deleted_at: self.deleted_at.map(from_micros),
        })
    }
}

impl Db {
    /// Returns the keys of objects and variants after `after` and before `end`, in byte order.
    #[tracing::instrument(name = "db.list_expected", level = "trace", skip_all)]
    pub async fn list_expected(&self, after: &str, end: &str, limit: i64) -> Result<Vec<Expected>> {
        const SQL: &str = "SELECT object_key, size, state, id, deleted_at FROM objects WHERE object_key > $1 AND object_key < $2 \
                           UNION ALL SELECT v.object_key, v.size, o.state, o.id, o.deleted_at FROM variants v \
                           JOIN objects o ON o.id = v.object_id WHERE v.object_key > $1 AND v.object_key < $2 \
                           ORDER BY object_key LIMIT $3";
        let rows: Vec<Row> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(after).bind(end).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(Row::into_expected).collect()
    }

    /// Returns the row that refers to a key.
    #[tracing::instrument(name = "db.find_expected_unscoped", level = "trace", skip_all)]
    pub async fn find_expected_unscoped(&self, key: &str) -> Result<Option<Expected>> {
        const SQL: &str = "SELECT object_key, size, state, id, deleted_at FROM objects WHERE object_key = $1 \
                           UNION ALL SELECT v.object_key, v.size, o.state, o.id, o.deleted_at FROM variants v \
                           JOIN objects o ON o.id = v.object_id WHERE v.object_key = $1 LIMIT 1";
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(key).fetch_optional(pool).await?);
        row.map(Row::into_expected).transpose()
    }

    /// Returns whether an open upload lands at a key.
    #[tracing::instrument(name = "db.is_awaited", level = "trace", skip_all)]
    pub async fn is_awaited(&self, key: &str) -> Result<bool> {
        const SQL: &str =
            "SELECT id FROM uploads WHERE (incoming_key = $1 OR object_key = $1) AND state = 'OPEN' LIMIT 1";
        let row: Option<(String,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(key).fetch_optional(pool).await?);
        Ok(row.is_some())
    }
}

//! Stores uploads: finds, lists, begins and ends them. Their parts are in `parts`.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, Tx, corrupt, on_reader, on_tx, to_u64};
use crate::error::Result;
use crate::model::ids::{ObjectId, UserId};
use crate::model::key::Key;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::model::upload::{Upload, UploadState};
use crate::model::{from_micros, micros};

row! {
    struct Row {
        id: String,
        object_id: Uuid,
        owner_kind: String,
        object_key: String,
        incoming_key: Option<String>,
        part_size: Option<i64>,
        announced_size: Option<i64>,
        state: String,
        parts_digest: Option<String>,
        expires_at: i64,
    }
}

row! {
    /// An upload with its owner.
    struct OwnedRow with upload: Row {
        owner_id: String,
    }
}

impl Row {
    fn into_upload(self) -> Result<Upload> {
        Ok(Upload {
            id: self.id,
            of: OwnerKind::parse(&self.owner_kind).ok_or_else(|| corrupt("owner"))?,
            object: ObjectId(self.object_id),
            key: Key::stored(self.object_key),
            incoming: self.incoming_key.map(Key::stored),
            part_size: self.part_size.map(to_u64),
            announced_size: self.announced_size.map(to_u64),
            state: UploadState::parse(&self.state).ok_or_else(|| corrupt("upload state"))?,
            parts_digest: self.parts_digest,
            expires_at: from_micros(self.expires_at),
        })
    }
}

impl Db {
    /// Returns the upload of an owner's object.
    #[tracing::instrument(name = "db.find_upload", level = "trace", skip_all)]
    pub async fn find_upload(&self, owner: &Owner, object: ObjectId) -> Result<Option<Upload>> {
        const SQL: &str = "SELECT id, object_id, owner_kind, object_key, incoming_key, part_size, announced_size, state, parts_digest, expires_at \
                           FROM uploads WHERE object_id = $1 AND owner_kind = $2 AND owner_id = $3";
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(object.0).bind(owner.kind().as_str()).bind(owner.id()).fetch_optional(pool).await?
        });
        row.map(Row::into_upload).transpose()
    }

    /// Returns the upload that a presigned part names; id and key must both match.
    #[tracing::instrument(name = "db.find_upload_in_parts_unscoped", level = "trace", skip_all)]
    pub async fn find_upload_in_parts_unscoped(&self, id: &str, key: &str) -> Result<Option<Upload>> {
        const SQL: &str = "SELECT id, object_id, owner_kind, object_key, incoming_key, part_size, announced_size, state, parts_digest, expires_at \
                           FROM uploads WHERE id = $1 AND object_key = $2 AND part_size IS NOT NULL";
        let row: Option<Row> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).bind(key).fetch_optional(pool).await?);
        row.map(Row::into_upload).transpose()
    }

    /// Returns the open upload whose single PUT lands at a key.
    #[tracing::instrument(name = "db.find_single_upload_unscoped", level = "trace", skip_all)]
    pub async fn find_single_upload_unscoped(&self, key: &str) -> Result<Option<Upload>> {
        const SQL: &str = "SELECT id, object_id, owner_kind, object_key, incoming_key, part_size, announced_size, state, parts_digest, expires_at \
                           FROM uploads WHERE incoming_key = $1 AND state = 'OPEN' AND part_size IS NULL";
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(key).fetch_optional(pool).await?);
        row.map(Row::into_upload).transpose()
    }

    /// Returns who is counted for the bytes of an upload: the user who began it, or for a service
    /// that acted for nobody, the owner. `None` if the upload never existed.
    #[tracing::instrument(name = "db.find_uploader_unscoped", level = "trace", skip_all)]
    pub async fn find_uploader_unscoped(&self, id: &str) -> Result<Option<String>> {
        const SQL: &str = "SELECT created_by, owner_kind, owner_id FROM uploads WHERE id = $1";
        let row: Option<(String, String, String)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).fetch_optional(pool).await?);
        Ok(row.map(|(by, kind, id)| if by == Principal::Service.name() { format!("{kind} {id}") } else { by }))
    }

    /// Returns an upload of a file and its owner, whatever its state.
    #[tracing::instrument(name = "db.find_files_upload_unscoped", level = "trace", skip_all)]
    pub async fn find_files_upload_unscoped(&self, id: &str) -> Result<Option<(Owner, Upload)>> {
        const SQL: &str = "SELECT id, object_id, owner_kind, object_key, incoming_key, part_size, announced_size, state, parts_digest, \
                           expires_at, owner_id FROM uploads WHERE id = $1 AND owner_kind = 'files'";
        let row: Option<OwnedRow> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).fetch_optional(pool).await?);
        let Some(row) = row else { return Ok(None) };
        let user = UserId::parse(&row.owner_id).map_err(|_| corrupt("user id"))?;
        Ok(Some((Owner::Files(user), row.upload.into_upload()?)))
    }

    /// Returns the state of an upload; `None` if it never existed.
    #[tracing::instrument(name = "db.upload_state", level = "trace", skip_all)]
    pub async fn upload_state(&self, id: &str) -> Result<Option<UploadState>> {
        const SQL: &str = "SELECT state FROM uploads WHERE id = $1";
        let row: Option<(String,)> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).fetch_optional(pool).await?);
        row.map(|(state,)| UploadState::parse(&state).ok_or_else(|| corrupt("upload state"))).transpose()
    }

    /// Returns open uploads in the order of their ids, after `after`.
    #[tracing::instrument(name = "db.list_open_uploads", level = "trace", skip_all)]
    pub async fn list_open_uploads(&self, after: &str, limit: i64) -> Result<Vec<Upload>> {
        const SQL: &str = "SELECT id, object_id, owner_kind, object_key, incoming_key, part_size, announced_size, state, parts_digest, expires_at \
                           FROM uploads WHERE state = 'OPEN' AND id > $1 ORDER BY id LIMIT $2";
        let rows: Vec<Row> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(after).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(Row::into_upload).collect()
    }

    /// Returns open uploads that expired before `now`, oldest first, after `after`.
    #[tracing::instrument(name = "db.list_expired_uploads", level = "trace", skip_all)]
    pub async fn list_expired_uploads(
        &self,
        now: SystemTime,
        after: Option<&Upload>,
        limit: i64,
    ) -> Result<Vec<Upload>> {
        const SQL: &str = "SELECT id, object_id, owner_kind, object_key, incoming_key, part_size, announced_size, state, parts_digest, expires_at \
                           FROM uploads WHERE state = 'OPEN' AND expires_at <= $1 AND (expires_at, id) > ($2, $3) \
                           ORDER BY expires_at, id LIMIT $4";
        let (at, id) = after.map_or((i64::MIN, ""), |upload| (micros(upload.expires_at), upload.id.as_str()));
        let rows: Vec<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(micros(now)).bind(at).bind(id).bind(limit).fetch_all(pool).await?
        });
        rows.into_iter().map(Row::into_upload).collect()
    }
}

impl Tx {
    /// Ends an open upload. Returns `false` if it is not open.
    #[tracing::instrument(name = "db.end_upload", level = "trace", skip_all)]
    pub async fn end_upload(&mut self, id: &str, state: UploadState, parts_digest: Option<&str>) -> Result<bool> {
        const SQL: &str = "UPDATE uploads SET state = $2, parts_digest = COALESCE($3, parts_digest) \
                           WHERE id = $1 AND state = 'OPEN' RETURNING object_id";
        let ended: Option<(Uuid,)> = on_tx!(self, |connection| {
            let query = sqlx::query_as(SQL).bind(id).bind(state.as_str()).bind(parts_digest);
            query.fetch_optional(connection).await?
        });
        Ok(ended.is_some_and(|(object,)| self.changed(ObjectId(object), true)))
    }

    /// Stores the digest of the parts with which an upload is being completed, so that a repeated
    /// call can be recognized.
    #[tracing::instrument(name = "db.announce_parts", level = "trace", skip_all)]
    pub async fn announce_parts(&mut self, id: &str, parts_digest: &str) -> Result<()> {
        const SQL: &str = "UPDATE uploads SET parts_digest = $2 WHERE id = $1 AND state = 'OPEN'";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id).bind(parts_digest).execute(connection).await.map(drop)?;
        });
        Ok(())
    }
}

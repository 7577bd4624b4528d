//! Stores media items of sessions and images of spaces: objects with dimensions, a history and
//! variants. Listings of images are in `images`.

use std::collections::HashMap;
use std::time::SystemTime;

use uuid::Uuid;

use super::archived::parse_state;
use super::{Cursor, Db, Tx, content, corrupt, on_reader, on_tx, to_i64, to_u64, visual};
use crate::error::Result;
use crate::model::ids::{ObjectId, OrgId, SessionId, SpaceId};
use crate::model::key::Key;
use crate::model::media::{Change, Media, Scan, Stage, StatusChange, Variant, VisualInfo};
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::upload::UploadState;
use crate::model::{from_micros, micros};

row! {
    struct Row {
        id: Uuid,
        owner_kind: String,
        owner_id: String,
        org: Option<String>,
        object_key: String,
        file_key: String,
        name: Option<String>,
        content_type: String,
        state: String,
        upload_state: String,
        size: Option<i64>,
        etag: Option<String>,
        modified_at: Option<i64>,
        created_at: i64,
        created_by: String,
        stage: Option<String>,
        alt: Option<String>,
        reason: Option<String>,
        scan: Option<String>,
        width: Option<i64>,
        height: Option<i64>,
        duration_ms: Option<i64>,
        blurhash: Option<String>,
        sealed_key: Option<String>,
        imported_from: Option<String>,
    }
}

/// The columns of a media item, from objects `o` with their uploads `u` and, for a session, `s`.
macro_rules! media {
    ($($condition:literal),+) => {
        concat!(
            "SELECT o.id, o.owner_kind, o.owner_id, s.org, o.object_key, u.incoming_key AS file_key, o.name, o.content_type, o.state, \
             u.state AS upload_state, o.size, o.etag, o.modified_at, o.created_at, o.created_by, o.stage, o.alt, o.reason, \
             o.scan, o.width, o.height, o.duration_ms, o.blurhash, o.sealed_key, o.imported_from FROM objects o \
             JOIN uploads u ON u.object_id = o.id LEFT JOIN sessions s ON o.owner_kind = 'session' AND s.id = o.owner_id \
             WHERE o.owner_kind IN ('session', 'space') AND ",
            $($condition),+
        )
    };
}

/// Selects a page of an owner's media items, of all that are visible or in one state. `$stage` is the
/// condition on the stage, which an index needs in these words.
macro_rules! page_of_media {
    (all, $stage:literal) => {
        media!(
            "o.owner_kind = $5 AND o.owner_id = $1 AND (o.created_at, o.id) < ($2, $3) AND o.state <> 'PURGED' AND o.state <> 'DELETED' \
             AND o.state <> 'RESTORING' AND (o.state <> 'PENDING' OR u.state IN ('OPEN', 'COMPLETED')) ",
            $stage,
            " ORDER BY o.created_at DESC, o.id DESC LIMIT $4"
        )
    };
    (one, $stage:literal) => {
        media!(
            "o.owner_kind = $5 AND o.owner_id = $1 AND (o.created_at, o.id) < ($2, $3) AND o.state = $6 \
             AND (o.state <> 'PENDING' OR u.state = $7) ",
            $stage,
            " ORDER BY o.created_at DESC, o.id DESC LIMIT $4"
        )
    };
}

impl Row {
    fn into_media(self) -> Result<(Owner, Media)> {
        let content = content(self.size, self.etag, self.modified_at);
        let visual = visual(self.width, self.height, self.duration_ms, self.blurhash)?;
        let owner = media_owner(&self.owner_kind, &self.owner_id, self.org.as_deref())?;
        let media = Media {
            object: Object {
                id: ObjectId(self.id),
                key: Key::stored(self.object_key),
                name: self.name,
                content_type: self.content_type,
                state: ObjectState::parse(&self.state).ok_or_else(|| corrupt("object state"))?,
                created_at: from_micros(self.created_at),
                content,
                archive: None,
            },
            file_key: Key::stored(self.file_key),
            owner: owner.clone(),
            upload: UploadState::parse(&self.upload_state).ok_or_else(|| corrupt("upload state"))?,
            stage: self.stage.as_deref().and_then(Stage::parse),
            alt: self.alt,
            created_by: self.created_by,
            sealed: self.sealed_key.map(Key::stored),
            imported_from: self.imported_from,
            reason: self.reason,
            scan: self.scan.as_deref().and_then(Scan::parse),
            visual,
        };
        Ok((owner, media))
    }
}

/// Returns the session or space that owns a media item, from its stored kind and id.
pub(super) fn media_owner(kind: &str, id: &str, org: Option<&str>) -> Result<Owner> {
    if kind == "space" {
        return SpaceId::parse(id).map(Owner::Space).ok_or_else(|| corrupt("space id"));
    }
    let session = SessionId::parse(id).ok_or_else(|| corrupt("session id"))?;
    let org = org.and_then(|org| OrgId::parse(org).ok()).ok_or_else(|| corrupt("organisation"))?;
    Ok(Owner::Session(session, org))
}

row! {
    struct VariantRow {
        object_id: Uuid,
        name: String,
        object_key: String,
        content_type: String,
        size: i64,
        etag: String,
        modified_at: i64,
        width: i64,
        height: i64,
    }
}

row! {
    struct StatusChangeRow {
        id: i64,
        object_id: Uuid,
        status: String,
        reason: Option<String>,
        at: i64,
        archive: Option<String>,
        thawed_until: Option<i64>,
    }
}

impl StatusChangeRow {
    fn into_status_change(self) -> Result<StatusChange> {
        Ok(StatusChange {
            id: self.id,
            object: ObjectId(self.object_id),
            change: Change::parse(&self.status).ok_or_else(|| corrupt("status"))?,
            reason: self.reason,
            at: from_micros(self.at),
            archive: self.archive.and_then(|state| parse_state(&state, self.thawed_until)),
        })
    }
}

/// The published files of a media item.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The key of the main file.
    pub key: Key,
    /// The media type of the main file.
    pub content_type: String,
    /// The facts about the main file's bytes.
    pub content: Content,
    /// The dimensions, duration and blurhash.
    pub visual: VisualInfo,
    /// The files derived from the main file.
    pub variants: Vec<Variant>,
}

impl Db {
    /// Returns media items of an owner that were deleted in a period (microseconds), in no order.
    #[tracing::instrument(name = "db.list_media_deleted_between", level = "trace", skip_all)]
    pub async fn list_media_deleted_between(
        &self,
        owner: &Owner,
        (since, until): (i64, i64),
        limit: i64,
    ) -> Result<Vec<Media>> {
        const SQL: &str = media!(
            "o.owner_kind = $5 AND o.owner_id = $1 AND o.state = 'DELETED' AND o.deleted_at BETWEEN $2 AND $3 LIMIT $4"
        );
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(owner.id()).bind(since).bind(until).bind(limit);
            query.bind(owner.kind().as_str()).fetch_all(pool).await?
        });
        rows.into_iter().map(|row| row.into_media().map(|(_, media)| media)).collect()
    }

    /// Returns the owner of a media item, whatever its state.
    #[tracing::instrument(name = "db.find_media_owner", level = "trace", skip_all)]
    pub(super) async fn find_media_owner(&self, id: ObjectId) -> Result<Option<Owner>> {
        Ok(self.find_media_unscoped(id).await?.map(|(owner, _)| owner))
    }

    /// Returns a media item of this owner, whatever its state.
    #[tracing::instrument(name = "db.find_media", level = "trace", skip_all)]
    pub async fn find_media(&self, owner: &Owner, id: ObjectId) -> Result<Option<Media>> {
        const SQL: &str = media!("o.id = $1 AND o.owner_kind = $2 AND o.owner_id = $3");
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(id.0).bind(owner.kind().as_str()).bind(owner.id()).fetch_optional(pool).await?
        });
        row.map(|row| row.into_media().map(|(_, media)| media)).transpose()
    }

    /// Returns a media item and its owner by its id alone, whatever its state.
    #[tracing::instrument(name = "db.find_media_unscoped", level = "trace", skip_all)]
    pub async fn find_media_unscoped(&self, id: ObjectId) -> Result<Option<(Owner, Media)>> {
        const SQL: &str = media!("o.id = $1");
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.0).fetch_optional(pool).await?);
        row.map(Row::into_media).transpose()
    }

    /// Returns the media item with this upload key, whatever its state.
    #[tracing::instrument(name = "db.find_media_by_file_key_unscoped", level = "trace", skip_all)]
    pub async fn find_media_by_file_key_unscoped(&self, key: &str) -> Result<Option<(Owner, Media)>> {
        const SQL: &str = media!("u.incoming_key = $1");
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(key).fetch_optional(pool).await?);
        row.map(Row::into_media).transpose()
    }

    /// Returns a page of an owner's media items, newest first: in one state, and for PENDING with
    /// one upload state; or all that are visible. With a stage, those of it only.
    #[tracing::instrument(name = "db.list_media", level = "trace", skip_all)]
    pub async fn list_media(
        &self,
        owner: &Owner,
        (wanted, stage): (Option<(ObjectState, UploadState)>, Option<Stage>),
        after: Cursor,
        limit: i64,
    ) -> Result<Vec<Media>> {
        let sql = match (wanted.is_some(), stage.is_some()) {
            (false, false) => page_of_media!(all, ""),
            (false, true) => page_of_media!(all, "AND o.stage = $6"),
            (true, false) => page_of_media!(one, ""),
            (true, true) => page_of_media!(one, "AND o.stage = $8 AND o.state <> 'PURGED' AND o.state <> 'DELETED'"),
        };
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(owner.id()).bind(after.created_at).bind(after.id.0).bind(limit);
            let query = query.bind(owner.kind().as_str());
            let query = match wanted {
                Some((state, upload)) => query.bind(state.as_str()).bind(upload.as_str()),
                None => query,
            };
            match stage {
                Some(stage) => query.bind(stage.as_str()).fetch_all(pool).await?,
                None => query.fetch_all(pool).await?,
            }
        });
        rows.into_iter().map(|row| row.into_media().map(|(_, media)| media)).collect()
    }

    /// Returns media items of an owner in one state, in no order.
    #[tracing::instrument(name = "db.list_media_in_state", level = "trace", skip_all)]
    pub async fn list_media_in_state(&self, owner: &Owner, state: ObjectState, limit: i64) -> Result<Vec<Media>> {
        const SQL: &str = media!("o.owner_kind = $4 AND o.owner_id = $1 AND o.state = $2 LIMIT $3");
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(owner.id()).bind(state.as_str()).bind(limit);
            query.bind(owner.kind().as_str()).fetch_all(pool).await?
        });
        rows.into_iter().map(|row| row.into_media().map(|(_, media)| media)).collect()
    }

    /// Returns media items that were deleted before `before`, oldest first.
    #[tracing::instrument(name = "db.list_media_to_purge", level = "trace", skip_all)]
    pub async fn list_media_to_purge(&self, before: SystemTime, limit: i64) -> Result<Vec<Media>> {
        const SQL: &str = media!("o.state = 'DELETED' AND o.deleted_at < $1 ORDER BY o.deleted_at, o.id LIMIT $2");
        let rows: Vec<Row> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(micros(before)).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(|row| row.into_media().map(|(_, media)| media)).collect()
    }

    /// Returns the variants of objects, by the objects' ids.
    #[tracing::instrument(name = "db.list_variants", level = "trace", skip_all)]
    pub async fn list_variants(&self, of: &[ObjectId]) -> Result<HashMap<ObjectId, Vec<Variant>>> {
        const SQL: &str = "SELECT object_id, name, object_key, content_type, size, etag, modified_at, width, height \
                           FROM variants WHERE object_id IN (";
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<VariantRow> = on_reader!(self, |pool| {
            let mut query = sqlx::QueryBuilder::new(SQL);
            let mut list = query.separated(", ");
            for id in of {
                list.push_bind(id.0);
            }
            query.push(") ORDER BY object_id, width, name").build_query_as().fetch_all(pool).await?
        });
        let mut found: HashMap<ObjectId, Vec<Variant>> = HashMap::new();
        for row in rows {
            let pixels = |side: i64| u32::try_from(side).map_err(|_| corrupt("picture's side"));
            found.entry(ObjectId(row.object_id)).or_default().push(Variant {
                name: row.name,
                key: Key::stored(row.object_key),
                content_type: row.content_type,
                content: Content {
                    size: to_u64(row.size),
                    etag: row.etag,
                    last_modified: from_micros(row.modified_at),
                },
                width: pixels(row.width)?,
                height: pixels(row.height)?,
            });
        }
        Ok(found)
    }

    /// Returns the status changes of an object, oldest first.
    #[tracing::instrument(name = "db.list_status_changes", level = "trace", skip_all)]
    pub async fn list_status_changes(&self, object: ObjectId) -> Result<Vec<StatusChange>> {
        const SQL: &str = "SELECT id, object_id, status, reason, at, archive, thawed_until FROM object_history \
             WHERE object_id = $1 ORDER BY id";
        let rows: Vec<StatusChangeRow> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(object.0).fetch_all(pool).await?);
        rows.into_iter().map(StatusChangeRow::into_status_change).collect()
    }

    /// Returns the status changes of an owner's media items after a change, oldest first.
    #[tracing::instrument(name = "db.list_status_changes_after", level = "trace", skip_all)]
    pub async fn list_status_changes_after(&self, owner: &Owner, after: i64, limit: i64) -> Result<Vec<StatusChange>> {
        const SQL: &str = "SELECT id, object_id, status, reason, at, archive, thawed_until FROM object_history \
                           WHERE owner_kind = $4 AND owner_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        let rows: Vec<StatusChangeRow> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(owner.id()).bind(after).bind(limit);
            query.bind(owner.kind().as_str()).fetch_all(pool).await?
        });
        rows.into_iter().map(StatusChangeRow::into_status_change).collect()
    }

    /// Returns the number of the last status change of an owner's media items; 0 if there is none.
    #[tracing::instrument(name = "db.last_status_change", level = "trace", skip_all)]
    pub async fn last_status_change(&self, owner: &Owner) -> Result<i64> {
        const SQL: &str = "SELECT COALESCE(MAX(id), 0) FROM object_history WHERE owner_kind = $2 AND owner_id = $1";
        let row: (i64,) = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(owner.id()).bind(owner.kind().as_str()).fetch_one(pool).await?
        });
        Ok(row.0)
    }
}

impl Tx {
    /// Stores the stage and the alternative text of a media item. `None` leaves the stored value.
    #[tracing::instrument(name = "db.describe_media", level = "trace", skip_all)]
    pub async fn describe_media(&mut self, id: ObjectId, stage: Option<Stage>, alt: Option<&str>) -> Result<()> {
        const SQL: &str = "UPDATE objects SET stage = COALESCE($2, stage), alt = COALESCE($3, alt) WHERE id = $1";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(stage.map(Stage::as_str)).bind(alt);
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Stores the key of an object's seal.
    #[tracing::instrument(name = "db.set_seal", level = "trace", skip_all)]
    pub async fn set_seal(&mut self, id: ObjectId, sealed: &Key) -> Result<()> {
        const SQL: &str = "UPDATE objects SET sealed_key = $2 WHERE id = $1";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).bind(sealed.as_str()).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Stores the source key of an imported image.
    #[tracing::instrument(name = "db.set_import_source", level = "trace", skip_all)]
    pub async fn set_import_source(&mut self, id: ObjectId, from: &str) -> Result<()> {
        const SQL: &str = "UPDATE objects SET imported_from = $2 WHERE id = $1";
        on_tx!(self, |connection| sqlx::query(SQL).bind(id.0).bind(from).execute(connection).await.map(drop)?);
        Ok(())
    }

    /// Stores the seal and the detected media type of an imported image. Returns `false` if it is
    /// no longer waiting for them.
    #[tracing::instrument(name = "db.set_imported", level = "trace", skip_all)]
    pub async fn set_imported(&mut self, id: ObjectId, sealed: &Key, content_type: &str) -> Result<bool> {
        const SQL: &str = "UPDATE objects SET sealed_key = $2, content_type = $3 \
                           WHERE id = $1 AND state = 'PENDING' AND sealed_key IS NULL";
        let done = on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(sealed.as_str()).bind(content_type);
            query.execute(connection).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// Makes a media item READY at its published key. Returns `false` if it is not PROCESSING.
    #[tracing::instrument(name = "db.publish_media", level = "trace", skip_all)]
    pub async fn publish_media(&mut self, id: ObjectId, publication: &Publication) -> Result<bool> {
        const SQL: &str = "UPDATE objects SET state = 'READY', object_key = $2, content_type = $3, size = $4, etag = $5, \
                           modified_at = $6, width = $7, height = $8, duration_ms = $9, blurhash = $10, reason = NULL, \
                           thumbnails = $11 \
                           WHERE id = $1 AND state = 'PROCESSING'";
        const VARIANT: &str = "INSERT INTO variants (object_id, name, object_key, content_type, size, etag, modified_at, \
                               width, height) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        self.hold_quota_of(id).await?;
        let done = on_tx!(self, |connection| {
            let query = sqlx::query(SQL)
                .bind(id.0)
                .bind(publication.key.as_str())
                .bind(&publication.content_type)
                .bind(to_i64(publication.content.size))
                .bind(&publication.content.etag)
                .bind(micros(publication.content.last_modified))
                .bind(i64::from(publication.visual.width))
                .bind(i64::from(publication.visual.height))
                .bind(publication.visual.duration.map(to_i64))
                .bind(&publication.visual.blurhash)
                .bind(super::images::written(&publication.variants)?);
            query.execute(connection).await?.rows_affected()
        });
        if done != 1 {
            return Ok(false);
        }
        for variant in &publication.variants {
            on_tx!(self, |connection| {
                let query = sqlx::query(VARIANT)
                    .bind(id.0)
                    .bind(&variant.name)
                    .bind(variant.key.as_str())
                    .bind(&variant.content_type)
                    .bind(to_i64(variant.content.size))
                    .bind(&variant.content.etag)
                    .bind(micros(variant.content.last_modified))
                    .bind(i64::from(variant.width))
                    .bind(i64::from(variant.height));
                query.execute(connection).await.map(drop)?;
            });
        }
        Ok(self.changed(id, true))
    }

    /// Deletes the variants of an object.
    #[tracing::instrument(name = "db.delete_variants", level = "trace", skip_all)]
    pub async fn delete_variants(&mut self, id: ObjectId) -> Result<()> {
        const SQL: &str = "DELETE FROM variants WHERE object_id = $1";
        const BESIDE: &str = "UPDATE objects SET thumbnails = NULL WHERE id = $1";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).execute(&mut *connection).await?;
            sqlx::query(BESIDE).bind(id.0).execute(&mut *connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Inserts a status change into an object's history.
    #[tracing::instrument(name = "db.add_status_change", level = "trace", skip_all)]
    pub async fn add_status_change(
        &mut self,
        owner: &Owner,
        id: ObjectId,
        change: Change,
        reason: Option<&str>,
        at: SystemTime,
    ) -> Result<()> {
        const SQL: &str = "INSERT INTO object_history (object_id, owner_kind, owner_id, status, reason, at) \
                           VALUES ($1, $6, $2, $3, $4, $5)";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(owner.id()).bind(change.as_str()).bind(reason);
            query.bind(micros(at)).bind(owner.kind().as_str()).execute(connection).await.map(drop)?;
        });
        self.signal_watchers(owner);
        Ok(())
    }
}

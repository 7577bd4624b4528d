//! Lists images of spaces. Reads one row per image and no other table, because a page may have a
//! thousand. Changes to images are in `media`.

use std::time::SystemTime;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Cursor, Db, content, corrupt, on_reader, visual};
use crate::error::{Error, Result};
use crate::model::ids::{ObjectId, SpaceId};
use crate::model::key::Key;
use crate::model::media::{Scan, Variant};
use crate::model::object::{Object, ObjectState};
use crate::model::space::{Image, Thumbnail};
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
        created_by: String,
        reason: Option<String>,
        scan: Option<String>,
        width: Option<i64>,
        height: Option<i64>,
        blurhash: Option<String>,
        deleted_at: Option<i64>,
        thumbnails: Option<String>,
    }
}

/// The columns of an image's row.
macro_rules! images {
    ($condition:literal) => {
        concat!(
            "SELECT id, object_key, name, content_type, state, size, etag, modified_at, created_at, created_by, reason, scan, \
             width, height, blurhash, deleted_at, thumbnails FROM objects WHERE owner_kind = 'space' AND owner_id = $1 AND ",
            $condition
        )
    };
}

/// The name, media type, width and height of a thumbnail, as stored in its image's row.
type Written = (String, String, u32, u32);

/// Returns thumbnails in the form in which they are stored in their image's row.
pub(super) fn written(variants: &[Variant]) -> Result<String> {
    let short = |variant: &Variant| (variant.name.clone(), variant.content_type.clone(), variant.width, variant.height);
    let mut all: Vec<Written> = variants.iter().map(short).collect();
    all.sort_by(|one, other| (one.2, &one.0).cmp(&(other.2, &other.0)));
    serde_json::to_string(&all).map_err(|error| Error::Internal(error.into()))
}

fn read(text: &str) -> Result<Vec<Thumbnail>> {
    let all: Vec<Written> = serde_json::from_str(text).map_err(|_| corrupt("list of thumbnails"))?;
    let long = |(name, content_type, width, height)| Thumbnail { name, content_type, width, height };
    Ok(all.into_iter().map(long).collect())
}

impl Row {
    fn into_image(self) -> Result<Image> {
        let content = content(self.size, self.etag, self.modified_at);
        let visual = visual(self.width, self.height, None, self.blurhash)?;
        Ok(Image {
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
            created_by: self.created_by,
            reason: self.reason,
            scan: self.scan.as_deref().and_then(Scan::parse),
            visual,
            deleted_at: self.deleted_at.map(from_micros),
            thumbnails: self.thumbnails.as_deref().map(read).transpose()?.unwrap_or_default(),
        })
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<Image>> {
    rows.into_iter().map(Row::into_image).collect()
}

impl Db {
    /// Returns a page of a space's images, newest first: in one state, or all that are visible.
    #[tracing::instrument(name = "db.list_images", level = "trace", skip_all)]
    pub async fn list_images(
        &self,
        space: &SpaceId,
        state: Option<ObjectState>,
        after: Cursor,
        limit: i64,
    ) -> Result<Vec<Image>> {
        const ALL: &str = images!(
            "state <> 'PURGED' AND state <> 'DELETED' AND state <> 'RESTORING' AND (created_at, id) < ($2, $3) \
             ORDER BY created_at DESC, id DESC LIMIT $4"
        );
        const ONE: &str =
            images!("state = $5 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4");
        let sql = if state.is_some() { ONE } else { ALL };
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(space.as_str()).bind(after.created_at).bind(after.id.0).bind(limit);
            match state {
                Some(state) => query.bind(state.as_str()).fetch_all(pool).await?,
                None => query.fetch_all(pool).await?,
            }
        });
        all(rows)
    }

    /// Returns a page of the images of a space that were deleted at `oldest` or later, latest
    /// first. The time of the cursor is that of the delete.
    #[tracing::instrument(name = "db.list_deleted_images", level = "trace", skip_all)]
    pub async fn list_deleted_images(
        &self,
        space: &SpaceId,
        oldest: SystemTime,
        after: Cursor,
        limit: i64,
    ) -> Result<Vec<Image>> {
        const SQL: &str = images!(
            "state = 'DELETED' AND deleted_at >= $5 AND (deleted_at, id) < ($2, $3) ORDER BY deleted_at DESC, id DESC LIMIT $4"
        );
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(space.as_str()).bind(after.created_at).bind(after.id.0);
            query.bind(limit).bind(micros(oldest)).fetch_all(pool).await?
        });
        all(rows)
    }

    /// Returns images of a space by their ids, whatever their state, in no order.
    #[tracing::instrument(name = "db.find_images", level = "trace", skip_all)]
    pub async fn find_images(&self, space: &SpaceId, ids: &[ObjectId]) -> Result<Vec<Image>> {
        const SQL: &str = images!("id IN (");
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<Row> = on_reader!(self, |pool| {
            // The space is bound to the first placeholder.
            let (before, after) = SQL.split_once("$1").unwrap_or((SQL, ""));
            let mut query = QueryBuilder::new(before);
            query.push_bind(space.as_str()).push(after);
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(id.0);
            }
            query.push(")").build_query_as().fetch_all(pool).await?
        });
        all(rows)
    }
}

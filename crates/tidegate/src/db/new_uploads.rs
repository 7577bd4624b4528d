//! Inserts the rows of new objects and uploads: many in one statement, because one request may
//! begin a thousand. What becomes of them later is in `objects` and `uploads`.

use std::collections::HashSet;
use std::time::SystemTime;

use uuid::Uuid;

use super::{Tx, on_tx, to_i64};
use crate::error::Result;
use crate::model::file::Visibility;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::micros;
use crate::model::object::Object;
use crate::model::owner::Owner;
use crate::model::principal::Principal;
use crate::model::upload::Upload;

/// The number of rows in one statement. SQLite takes 32,766 values, PostgreSQL 65,535.
const AT_ONCE: usize = 500;

/// An object to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewObject<'a> {
    /// The object.
    pub object: &'a Object,
    /// The announced size in bytes, which is reserved until the object is published.
    pub announced: Option<u64>,
    /// The folder and the visibility, for a user's file.
    pub file: Option<(&'a str, Visibility)>,
}

impl Tx {
    /// Inserts objects of one owner. Returns the ids of those whose key is in use; they are not
    /// inserted.
    #[tracing::instrument(name = "db.insert_objects", level = "trace", skip_all)]
    pub async fn insert_objects(
        &mut self,
        owner: &Owner,
        by: &Principal,
        objects: &[NewObject<'_>],
    ) -> Result<HashSet<ObjectId>> {
        let mut left: HashSet<ObjectId> = objects.iter().map(|new| new.object.id).collect();
        for chunk in objects.chunks(AT_ONCE) {
            let inserted: Vec<(Uuid,)> = on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new(
                    "INSERT INTO objects (id, owner_kind, owner_id, object_key, name, content_type, state, created_by, \
                     created_at, announced, folder, visibility, folded_name) ",
                );
                query.push_values(chunk, |mut row, NewObject { object, announced, file }| {
                    row.push_bind(object.id.0)
                        .push_bind(owner.kind().as_str())
                        .push_bind(owner.id())
                        .push_bind(object.key.as_str())
                        .push_bind(object.name.as_deref())
                        .push_bind(object.content_type.as_str())
                        .push_bind(object.state.as_str())
                        .push_bind(by.name())
                        .push_bind(micros(object.created_at))
                        .push_bind(announced.map(to_i64))
                        .push_bind(file.map(|(folder, _)| folder))
                        .push_bind(file.map(|(_, visibility)| visibility.as_str()))
                        .push_bind(file.and(object.name.as_ref()).map(|name| name.to_lowercase()));
                });
                query.push(" ON CONFLICT (object_key) DO NOTHING RETURNING id");
                query.build_query_as().persistent(false).fetch_all(&mut *connection).await?
            });
            for (id,) in inserted {
                left.remove(&ObjectId(id));
            }
        }
        Ok(left)
    }

    /// Inserts begun uploads of one owner.
    #[tracing::instrument(name = "db.insert_uploads", level = "trace", skip_all)]
    pub async fn insert_uploads(
        &mut self,
        owner: &Owner,
        by: &Principal,
        uploads: &[&Upload],
        now: SystemTime,
    ) -> Result<()> {
        for chunk in uploads.chunks(AT_ONCE) {
            on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new(
                    "INSERT INTO uploads (id, object_id, owner_kind, owner_id, object_key, part_size, announced_size, \
                     state, created_by, created_at, expires_at, incoming_key, parts_digest) ",
                );
                query.push_values(chunk, |mut row, upload| {
                    row.push_bind(upload.id.as_str())
                        .push_bind(upload.object.0)
                        .push_bind(owner.kind().as_str())
                        .push_bind(owner.id())
                        .push_bind(upload.key.as_str())
                        .push_bind(upload.part_size.map(to_i64))
                        .push_bind(upload.announced_size.map(to_i64))
                        .push_bind(upload.state.as_str())
                        .push_bind(by.name())
                        .push_bind(micros(now))
                        .push_bind(micros(upload.expires_at))
                        .push_bind(upload.incoming.as_ref().map(Key::as_str))
                        .push_bind(upload.parts_digest.as_deref());
                });
                query.build().persistent(false).execute(&mut *connection).await.map(drop)?;
            });
        }
        Ok(())
    }
}

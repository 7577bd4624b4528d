//! Positions in lists: how many items a list has, and the cursor at a number of items. Both read an
//! index only. The positions of the second half are found from the end of the list, so that its
//! last page is as cheap as its first.

use std::time::SystemTime;

use uuid::Uuid;

use super::files::{bounds, pattern};
use super::{Cursor, Db, on_reader, to_i64, to_u64};
use crate::error::Result;
use crate::model::file::FileFilter;
use crate::model::ids::{ObjectId, SpaceId};
use crate::model::media::Stage;
use crate::model::micros;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::package::{DatasetId, Shown};
use crate::model::upload::UploadState;

/// A list of objects, as a function of this crate pages through it.
#[derive(Debug, Clone, Copy)]
pub enum ObjectList<'a> {
    /// The objects of an owner in one state, or all that are visible.
    Objects(&'a Owner, Option<ObjectState>),
    /// The media items of an owner in one state, and for PENDING with one upload state; or all that
    /// are visible. With a stage, those of it only.
    Media(&'a Owner, Option<(ObjectState, UploadState)>, Option<Stage>),
    /// The images of a space that were deleted at this time or later, latest first.
    Trash(&'a SpaceId, SystemTime),
    /// The files of a user in one state that match a filter.
    Files(&'a Owner, &'a FileFilter, ObjectState),
}

/// The children of a collection, or of a dataset's top (0), ordered by name.
#[derive(Debug, Clone, Copy)]
pub struct ChildList<'a> {
    /// The dataset.
    pub dataset: (&'a DatasetId, i64),
    /// The number of the collection.
    pub parent: i64,
    /// Which of the children.
    pub shown: Shown,
}

/// A value of a condition.
enum Value {
    Text(String),
    Number(i64),
}

/// The statements over a list. Those that find a position end with the number of items before it.
struct Sql {
    count: &'static str,
    from_start: &'static str,
    from_end: &'static str,
}

/// Writes the statements over the objects that meet a condition, from the latest `$time` on.
/// `$offset` is the placeholder behind those of the condition.
macro_rules! objects {
    ($time:literal, $offset:literal, $condition:literal) => {
        Sql {
            count: concat!("SELECT COUNT(*) FROM objects WHERE ", $condition),
            from_start: concat!(
                "SELECT ",
                $time,
                ", id FROM objects WHERE ",
                $condition,
                " ORDER BY ",
                $time,
                " DESC, id DESC LIMIT 1 OFFSET ",
                $offset
            ),
            from_end: concat!(
                "SELECT ",
                $time,
                ", id FROM objects WHERE ",
                $condition,
                " ORDER BY ",
                $time,
                ", id LIMIT 1 OFFSET ",
                $offset
            ),
        }
    };
}

/// Writes the statements over the nodes that meet a condition, from the first name on.
macro_rules! nodes {
    ($offset:literal, $condition:literal) => {
        Sql {
            count: concat!("SELECT COUNT(*) FROM nodes WHERE ", $condition),
            from_start: concat!(
                "SELECT name, id FROM nodes WHERE ",
                $condition,
                " ORDER BY name, id LIMIT 1 OFFSET ",
                $offset
            ),
            from_end: concat!(
                "SELECT name, id FROM nodes WHERE ",
                $condition,
                " ORDER BY name DESC, id DESC LIMIT 1 OFFSET ",
                $offset
            ),
        }
    };
}

/// Returns which end of a list the item before `offset` is nearer to: whether to go from its end,
/// and the number of items to pass over. `None` if that is no item of the list.
fn nearer_end(offset: u64, total: u64) -> Option<(bool, i64)> {
    let before = offset.checked_sub(1)?;
    let behind = total.checked_sub(offset)?;
    Some(if behind < before { (true, to_i64(behind)) } else { (false, to_i64(before)) })
}

impl ObjectList<'_> {
    /// Returns the statements and the values of their conditions.
    fn sql(&self) -> (Sql, Vec<Value>) {
        match *self {
            Self::Objects(owner, None) | Self::Media(owner, None, None) => (
                objects!(
                    "created_at",
                    "$3",
                    "owner_kind = $1 AND owner_id = $2 AND state <> 'PURGED' AND state <> 'DELETED' AND state <> 'RESTORING'"
                ),
                values_of(owner),
            ),
            Self::Media(owner, status, Some(stage)) => {
                let mut values = values_of(owner);
                values.push(text(stage.as_str()));
                (of_stage(&mut values, status), values)
            }
            Self::Media(owner, Some((ObjectState::Pending, upload)), None) => {
                let mut values = values_of(owner);
                values.push(text(upload.as_str()));
                let sql = objects!(
                    "created_at",
                    "$4",
                    "owner_kind = $1 AND owner_id = $2 AND state = 'PENDING' \
                     AND EXISTS (SELECT 1 FROM uploads WHERE uploads.object_id = objects.id AND uploads.state = $3)"
                );
                (sql, values)
            }
            Self::Objects(owner, Some(state)) | Self::Media(owner, Some((state, _)), None) => in_state(owner, state),
            Self::Files(owner, filter, ObjectState::Ready) if filter.is_everything() => {
                in_state(owner, ObjectState::Ready)
            }
            Self::Trash(space, oldest) => (
                objects!(
                    "deleted_at",
                    "$3",
                    "owner_kind = 'space' AND owner_id = $1 AND state = 'DELETED' AND deleted_at >= $2"
                ),
                vec![text(space.as_str()), Value::Number(micros(oldest))],
            ),
            Self::Files(owner, filter, ObjectState::Ready) if !filter.subtree && filter.name.is_none() => {
                let mut values = values_of(owner);
                values.push(text(filter.folder.as_deref().unwrap_or_default()));
                let sql = objects!(
                    "created_at",
                    "$4",
                    "owner_kind = $1 AND owner_id = $2 AND state = 'READY' AND folder = $3"
                );
                (sql, values)
            }
            Self::Files(owner, filter, state) => {
                let (from, to) = bounds(filter);
                let mut values = values_of(owner);
                let folder = filter.folder.as_deref().unwrap_or_default();
                values.extend([text(state.as_str()), text(folder), text(&from), text(&to)]);
                values.push(Value::Text(pattern(filter.name.as_deref().unwrap_or_default())));
                let sql = objects!(
                    "created_at",
                    "$8",
                    "owner_kind = $1 AND owner_id = $2 AND state = $3 AND name IS NOT NULL \
                     AND (folder = $4 OR (folder >= $5 AND folder < $6)) AND folded_name LIKE $7 ESCAPE '\\'"
                );
                (sql, values)
            }
        }
    }
}

/// Returns the values that name an owner.
fn values_of(owner: &Owner) -> Vec<Value> {
    vec![text(owner.kind().as_str()), text(owner.id())]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Returns the statements over the media items of the stage `$3`, and adds further values.
fn of_stage(values: &mut Vec<Value>, status: Option<(ObjectState, UploadState)>) -> Sql {
    let Some((state, upload)) = status else {
        return objects!(
            "created_at",
            "$4",
            "owner_kind = $1 AND owner_id = $2 AND stage = $3 AND state <> 'PURGED' AND state <> 'DELETED' AND state <> 'RESTORING'"
        );
    };
    values.push(text(state.as_str()));
    if state != ObjectState::Pending {
        return objects!(
            "created_at",
            "$5",
            "owner_kind = $1 AND owner_id = $2 AND stage = $3 AND state = $4 AND state <> 'PURGED' AND state <> 'DELETED'"
        );
    }
    values.push(text(upload.as_str()));
    objects!(
        "created_at",
        "$6",
        "owner_kind = $1 AND owner_id = $2 AND stage = $3 AND state = $4 AND state <> 'PURGED' AND state <> 'DELETED' \
         AND EXISTS (SELECT 1 FROM uploads WHERE uploads.object_id = objects.id AND uploads.state = $5)"
    )
}

/// Returns the statements over the objects of an owner in one state.
fn in_state(owner: &Owner, state: ObjectState) -> (Sql, Vec<Value>) {
    let mut values = values_of(owner);
    values.push(text(state.as_str()));
    (objects!("created_at", "$4", "owner_kind = $1 AND owner_id = $2 AND state = $3"), values)
}

impl ChildList<'_> {
    /// Returns the statements and the values of their conditions.
    fn sql(&self) -> (Sql, Vec<Value>) {
        let (dataset, number) = self.dataset;
        let mut values = vec![Value::Number(number), Value::Number(self.parent)];
        let sql = match self.shown {
            Shown::Deleted => {
                nodes!("$3", "dataset_id = $1 AND parent_id = $2 AND (state = 'DELETED' OR state = 'RESTORING')")
            }
            Shown::All => nodes!("$3", "dataset_id = $1 AND parent_id = $2 AND state = 'READY'"),
            // `list_children` lists the same: nodes without a source file, and those whose object is
            // READY. PostgreSQL would compare each node with each object if a set for NOT IN were
            // larger than work_mem.
            Shown::In(ObjectState::Ready) => {
                values.push(text(dataset.as_str()));
                nodes!(
                    "$4",
                    "dataset_id = $1 AND parent_id = $2 AND state = 'READY' AND NOT EXISTS \
                     (SELECT 1 FROM objects o WHERE o.id = nodes.object_id AND o.owner_kind = 'dataset' AND o.owner_id = $3 \
                     AND o.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED', 'REJECTED', 'DELETED', 'RESTORING', 'PURGED'))"
                )
            }
            Shown::In(state) => {
                values.extend([text(dataset.as_str()), text(state.as_str())]);
                nodes!(
                    "$5",
                    "dataset_id = $1 AND parent_id = $2 AND state = 'READY' AND object_id IN \
                     (SELECT id FROM objects WHERE owner_kind = 'dataset' AND owner_id = $3 AND state = $4)"
                )
            }
        };
        (sql, values)
    }
}

/// Binds the values of a condition to a query.
macro_rules! bind_all {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Text(text) => query.bind(text.as_str()),
                Value::Number(number) => query.bind(*number),
            };
        }
        query
    }};
}

impl Db {
    /// Returns the number of objects in a list. All READY objects of an owner are counted already;
    /// others are counted in an index.
    #[tracing::instrument(name = "db.count_listed", level = "trace", skip_all)]
    pub async fn count_listed(&self, list: &ObjectList<'_>) -> Result<u64> {
        match *list {
            ObjectList::Objects(owner, Some(ObjectState::Ready))
            | ObjectList::Media(owner, Some((ObjectState::Ready, _)), None) => Ok(self.find_usage(owner).await?.files),
            ObjectList::Objects(owner, None) | ObjectList::Media(owner, None, None) => {
                let usage = self.find_usage(owner).await?;
                let rejected = self.count(in_state(owner, ObjectState::Rejected)).await?;
                Ok(usage.files + usage.reserved_files + rejected)
            }
            ObjectList::Trash(space, oldest) => {
                let owner = Owner::Space(space.clone());
                let kept = self.find_usage(&owner).await?.kept_files;
                let restoring = self.count(in_state(&owner, ObjectState::Restoring)).await?;
                Ok(kept.saturating_sub(restoring).saturating_sub(self.count_outdated(space, oldest).await?))
            }
            ObjectList::Files(owner, filter, ObjectState::Ready) => Ok(self.count_files(owner, filter).await?.0),
            ObjectList::Files(..) | ObjectList::Objects(..) | ObjectList::Media(..) => self.count(list.sql()).await,
        }
    }

    /// Returns the number of deleted images of a space that can't be restored any more, and that the
    /// sweep has not purged yet.
    async fn count_outdated(&self, space: &SpaceId, oldest: SystemTime) -> Result<u64> {
        const SQL: &str = "SELECT COUNT(*) FROM objects WHERE owner_kind = 'space' AND owner_id = $1 \
                           AND state = 'DELETED' AND deleted_at < $2";
        let (count,): (i64,) = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(space.as_str()).bind(micros(oldest)).fetch_one(pool).await?
        });
        Ok(to_u64(count))
    }

    async fn count(&self, (sql, values): (Sql, Vec<Value>)) -> Result<u64> {
        let (count,): (i64,) =
            on_reader!(self, |pool| bind_all!(sqlx::query_as(sql.count), &values).fetch_one(pool).await?);
        Ok(to_u64(count))
    }

    /// Returns the cursor after which the objects from `offset` on are, in a list of `total` objects.
    #[tracing::instrument(name = "db.position_at", level = "trace", skip_all)]
    pub async fn position_at(&self, list: &ObjectList<'_>, offset: u64, total: u64) -> Result<Cursor> {
        if offset == 0 {
            return Ok(Cursor::START);
        }
        let Some((from_end, passed)) = nearer_end(offset, total) else { return Ok(Cursor::END) };
        let (sql, values) = list.sql();
        let statement = if from_end { sql.from_end } else { sql.from_start };
        let row: Option<(i64, Uuid)> = on_reader!(self, |pool| {
            bind_all!(sqlx::query_as(statement), &values).bind(passed).fetch_optional(pool).await?
        });
        // Objects may have left the list since they were counted.
        Ok(row.map_or(Cursor::END, |(created_at, id)| Cursor { created_at, id: ObjectId(id) }))
    }

    /// Returns the number of children in a list, counted in an index.
    #[tracing::instrument(name = "db.count_children", level = "trace", skip_all)]
    pub async fn count_children(&self, list: &ChildList<'_>) -> Result<u64> {
        self.count(list.sql()).await
    }

    /// Returns name and number of the child after which those from `offset` on are, in a list of
    /// `total` children; `None` if the list ends before.
    #[tracing::instrument(name = "db.child_position_at", level = "trace", skip_all)]
    pub async fn child_position_at(
        &self,
        list: &ChildList<'_>,
        offset: u64,
        total: u64,
    ) -> Result<Option<(String, i64)>> {
        if offset == 0 {
            return Ok(Some((String::new(), 0)));
        }
        let Some((from_end, passed)) = nearer_end(offset, total) else { return Ok(None) };
        let (sql, values) = list.sql();
        let statement = if from_end { sql.from_end } else { sql.from_start };
        Ok(on_reader!(self, |pool| {
            bind_all!(sqlx::query_as(statement), &values).bind(passed).fetch_optional(pool).await?
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::nearer_end;

    #[test]
    fn the_second_half_is_reached_from_the_end() {
        assert_eq!(nearer_end(0, 10), None, "the beginning needs no cursor");
        assert_eq!(nearer_end(1, 10), Some((false, 0)));
        assert_eq!(nearer_end(5, 10), Some((false, 4)));
        assert_eq!(nearer_end(6, 10), Some((true, 4)));
        assert_eq!(nearer_end(9, 10), Some((true, 1)));
        assert_eq!(nearer_end(10, 10), Some((true, 0)), "after the last");
        assert_eq!(nearer_end(11, 10), None);
        assert_eq!(nearer_end(u64::MAX, u64::MAX), Some((true, 0)));
    }

    #[test]
    fn each_position_is_counted_from_both_ends_alike() {
        for total in 1..50_u64 {
            for offset in 1..=total {
                let (from_end, passed) = nearer_end(offset, total).unwrap();
                let passed = u64::try_from(passed).unwrap();
                let item = if from_end { total - 1 - passed } else { passed };
                assert_eq!(item, offset - 1);
                assert!(passed <= total / 2);
            }
        }
    }
}

//! Changes whole subtrees of datasets: deletes, restores and purges them with few statements, each
//! for up to a thousand nodes. Callers hold the dataset's lock, so that names and ancestors stay
//! unchanged. The database walks trees level by level, at any depth, and visits no node twice.
//!
//! Statements that change many rows compare states as `COALESCE(state, '')`, because PostgreSQL's
//! statistics about states are then outdated and it would use the small state indexes once per
//! node.

use std::time::SystemTime;

use uuid::Uuid;

use super::archived::parse_state;
use super::{Db, Engine, Tx, on_reader, on_tx};
use crate::error::Result;
use crate::error::archived::ArchiveState;
use crate::model::ids::ObjectId;
use crate::model::micros;
use crate::model::package::TreeEvent;

/// The number of nodes in one statement.
const AT_ONCE: usize = 1000;

row! {
    /// A restored node whose name is taken.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Conflict {
        /// The number of the node.
        pub id: i64,
        /// The number of its collection.
        pub parent_id: i64,
        /// The name that is taken.
        pub name: String,
    }
}

row! {
    /// A package whose retention has ended.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Outdated {
        /// The number of the node.
        pub id: i64,
        /// The number of its dataset.
        pub dataset_id: i64,
        /// Whether it has objects.
        pub has_objects: bool,
    }
}

row! {
    /// A node as download manifests need it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Leaf {
        /// The number of the node.
        pub id: i64,
        /// The number of its collection.
        pub parent_id: i64,
        /// The id of the node.
        pub node_id: String,
        /// `collection` or `package`.
        pub kind: String,
        /// The name of the node.
        pub name: String,
        /// The name of its source file.
        pub filename: Option<String>,
        /// The key of its source file.
        pub object_key: Option<String>,
        /// The state of its source file.
        pub object_state: Option<String>,
        /// The size of its source file in bytes.
        pub size: Option<i64>,
        /// The reason why its source file was rejected or has failed.
        pub reason: Option<String>,
        /// The archive state of its source file, if one is known.
        pub archive: Option<String>,
        /// When its source file is archived again, in microseconds.
        pub thawed_until: Option<i64>,
    }
}

/// Walks a node and the descendants that match `$state`, as table `tree`.
macro_rules! below {
    ($state:literal, $then:literal) => {
        concat!(
            "WITH RECURSIVE tree (id) AS (SELECT id FROM nodes WHERE id = $1 \
             UNION SELECT n.id FROM nodes n JOIN tree t ON n.parent_id = t.id \
             WHERE n.parent_id <> 0 AND n.state <> 'PURGED' AND ",
            $state,
            ") ",
            $then
        )
    };
}

impl Leaf {
    /// Returns the archive state of the source file, if one is known.
    pub fn archive(&self) -> Option<ArchiveState> {
        parse_state(self.archive.as_deref()?, self.thawed_until)
    }
}

impl Db {
    /// Returns a node and its READY descendants, parents before children.
    #[tracing::instrument(name = "db.list_leaves", level = "trace", skip_all)]
    pub async fn list_leaves(&self, number: i64, limit: i64) -> Result<Vec<Leaf>> {
        const SQLITE: &str = below!("COALESCE(n.state, '') = 'READY'", "SELECT id FROM tree ORDER BY id LIMIT $2");
        let numbers: Vec<(i64,)> = match &self.engine {
            Engine::Sqlite { reader, .. } => sqlx::query_as(SQLITE).bind(number).bind(limit).fetch_all(reader).await?,
            Engine::Postgres(_) => {
                let mut tx = self.begin().await?;
                let mut numbers = tx.walk(READY_BELOW, number).await?;
                numbers.sort_unstable();
                numbers.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                numbers.into_iter().map(|number| (number,)).collect()
            }
        };
        let mut leaves = Vec::with_capacity(numbers.len());
        for some in numbers.chunks(AT_ONCE) {
            let found: Vec<Leaf> = on_reader!(self, |pool| {
                let mut query = sqlx::QueryBuilder::new(
                    "SELECT n.id, n.parent_id, n.node_id, n.kind, n.name, o.name AS filename, o.object_key, \
                     o.state AS object_state, o.size, o.reason, a.state AS archive, a.thawed_until \
                     FROM nodes n LEFT JOIN objects o ON o.id = n.object_id \
                     LEFT JOIN archived_objects a ON a.object_id = n.object_id \
                     WHERE COALESCE(n.state, '') = 'READY' AND n.id IN (",
                );
                let mut list = query.separated(", ");
                for (number,) in some {
                    list.push_bind(*number);
                }
                query.push(") ORDER BY n.id").build_query_as().fetch_all(pool).await?
            });
            leaves.extend(found);
        }
        Ok(leaves)
    }

    /// Returns the dataset of a restore; `None` if nothing of it is left to do.
    #[tracing::instrument(name = "db.find_restore", level = "trace", skip_all)]
    pub async fn find_restore(&self, restore: Uuid) -> Result<Option<i64>> {
        const SQL: &str = "SELECT dataset_id FROM nodes WHERE restoring = $1 LIMIT 1";
        let row: Option<(i64,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(restore).fetch_optional(pool).await?);
        Ok(row.map(|(dataset,)| dataset))
    }

    /// Returns the deletes that a restore undoes: the dataset and the time in microseconds.
    #[tracing::instrument(name = "db.list_restored_times", level = "trace", skip_all)]
    pub async fn list_restored_times(&self, restore: Uuid) -> Result<Vec<(i64, i64)>> {
        const SQL: &str =
            "SELECT DISTINCT dataset_id, deleted_at FROM nodes WHERE restoring = $1 AND deleted_at IS NOT NULL";
        Ok(on_reader!(self, |pool| sqlx::query_as(SQL).bind(restore).fetch_all(pool).await?))
    }

    /// Returns the nodes that were deleted before `before`, first deleted first.
    #[tracing::instrument(name = "db.list_outdated_nodes", level = "trace", skip_all)]
    pub async fn list_outdated_nodes(&self, before: SystemTime, limit: i64) -> Result<Vec<Outdated>> {
        const SQL: &str = "SELECT id, dataset_id, kind = 'package' AS has_objects FROM nodes \
                           WHERE deleted_at < $1 AND state = 'DELETED' \
                           ORDER BY deleted_at, id LIMIT $2";
        let before = micros(before);
        Ok(on_reader!(self, |pool| sqlx::query_as(SQL).bind(before).bind(limit).fetch_all(pool).await?))
    }
}

/// Walks a node and its READY descendants.
const READY_BELOW: &str = below!("COALESCE(n.state, '') = 'READY'", "SELECT id FROM tree");

impl Tx {
    /// Returns the numbers of the nodes that a recursive query visits.
    async fn walk<T>(&mut self, sql: &'static str, from: T) -> Result<Vec<i64>>
    where
        T: for<'q> sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + 'static,
        T: for<'q> sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let rows: Vec<(i64,)> = on_tx!(self, |connection| sqlx::query_as(sql).bind(from).fetch_all(connection).await?);
        Ok(rows.into_iter().map(|(number,)| number).collect())
    }

    /// Runs a statement for one dataset and one time.
    async fn about(&mut self, sql: &'static str, dataset: i64, at: i64) -> Result<u64> {
        Ok(on_tx!(self, |connection| {
            sqlx::query(sql).bind(dataset).bind(at).execute(connection).await?.rows_affected()
        }))
    }

    /// Runs a statement for one restore.
    async fn of_restore(&mut self, sql: &'static str, restore: Uuid) -> Result<u64> {
        Ok(on_tx!(self, |connection| sqlx::query(sql).bind(restore).execute(connection).await?.rows_affected()))
    }

    /// Returns the number and bytes of the published objects of a node and its READY descendants.
    #[tracing::instrument(name = "db.count_tree", level = "trace", skip_all)]
    pub async fn count_tree(&mut self, number: i64) -> Result<(i64, i64)> {
        let (mut objects, mut bytes) = (0, 0);
        for some in self.walk(READY_BELOW, number).await?.chunks(AT_ONCE) {
            let (more, larger): (i64, i64) = on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new(
                    "SELECT CAST(COALESCE(SUM(objects), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM nodes \
                     WHERE COALESCE(state, '') = 'READY' AND id IN (",
                );
                let mut list = query.separated(", ");
                for number in some {
                    list.push_bind(*number);
                }
                query.push(")").build_query_as().fetch_one(&mut *connection).await?
            });
            (objects, bytes) = (objects + more, bytes + larger);
        }
        Ok((objects, bytes))
    }

    /// Deletes a node and its descendants, and returns their number. `at`, in microseconds,
    /// identifies this delete in its dataset.
    #[tracing::instrument(name = "db.delete_tree", level = "trace", skip_all)]
    pub async fn delete_tree(&mut self, (dataset, number): (i64, i64), at: i64, actor: &str) -> Result<u64> {
        const BELOW: &str = below!("COALESCE(n.state, '') IN ('READY', 'RESTORING')", "SELECT id FROM tree");
        const LOG: &str = "INSERT INTO changelog (dataset_id, node_id, event, name, actor, at) \
                           SELECT dataset_id, node_id, $3, name, $4, $2 FROM nodes \
                           WHERE dataset_id = $1 AND deleted_at = $2 AND COALESCE(state, '') = 'DELETED' ORDER BY id";
        // Open uploads are aborted and their objects purged; published objects become DELETED;
        // confirmed ones keep their state.
        const UPLOADS: &str = "UPDATE uploads SET state = 'ABORTED' WHERE COALESCE(state, '') = 'OPEN' AND object_id IN \
                               (SELECT o.id FROM objects o JOIN nodes n ON n.id = o.node \
                               WHERE n.dataset_id = $1 AND n.deleted_at = $2 AND COALESCE(n.state, '') = 'DELETED')";
        const PENDING: &str = "UPDATE objects SET state = 'PURGED', deleted_at = $2, reason = NULL WHERE COALESCE(state, '') = 'PENDING' \
             AND node IN (SELECT id FROM nodes WHERE dataset_id = $1 AND deleted_at = $2 AND COALESCE(state, '') = 'DELETED')";
        const KEPT: &str = "UPDATE objects SET state = 'DELETED', deleted_at = $2 WHERE COALESCE(state, '') IN ('READY', 'RESTORING') \
             AND node IN (SELECT id FROM nodes WHERE dataset_id = $1 AND deleted_at = $2 AND COALESCE(state, '') = 'DELETED')";
        const EMPTY: &str = "UPDATE nodes SET state = 'PURGED', name = '' \
             WHERE dataset_id = $1 AND deleted_at = $2 AND COALESCE(state, '') = 'DELETED' AND kind = 'package' \
             AND EXISTS (SELECT 1 FROM objects o WHERE o.id = nodes.object_id AND COALESCE(o.state, '') = 'PURGED')";
        let mut done = 0;
        for some in self.walk(BELOW, number).await?.chunks(AT_ONCE) {
            done += on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new("UPDATE nodes SET state = 'DELETED', deleted_at = ");
                query.push_bind(at).push(
                    ", restoring = NULL, former_name = NULL \
                     WHERE COALESCE(state, '') IN ('READY', 'RESTORING') AND id IN (",
                );
                let mut list = query.separated(", ");
                for number in some {
                    list.push_bind(*number);
                }
                query.push(")").build().execute(&mut *connection).await?.rows_affected()
            });
        }
        on_tx!(self, |connection| {
            let query = sqlx::query(LOG).bind(dataset).bind(at).bind(TreeEvent::Deleted.as_str()).bind(actor);
            query.execute(connection).await.map(drop)?;
        });
        for sql in [UPLOADS, PENDING, KEPT, EMPTY] {
            self.about(sql, dataset, at).await?;
        }
        Ok(done)
    }

    /// Returns the numbers of up to `limit` packages with assets among the nodes of one delete.
    #[tracing::instrument(name = "db.list_packages_with_assets", level = "trace", skip_all)]
    pub async fn list_packages_with_assets(&mut self, dataset: i64, at: i64, limit: i64) -> Result<Vec<i64>> {
        const SQL: &str = "SELECT id FROM nodes WHERE dataset_id = $1 AND deleted_at = $2 AND EXISTS \
                           (SELECT 1 FROM objects o WHERE o.node = nodes.id AND o.id <> nodes.object_id) LIMIT $3";
        let rows: Vec<(i64,)> = on_tx!(self, |connection| {
            sqlx::query_as(SQL).bind(dataset).bind(at).bind(limit).fetch_all(connection).await?
        });
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Moves a deleted node, its deleted descendants and its ancestors to RESTORING, as one
    /// restore. Returns `false` if it is not deleted, or was deleted before `oldest`.
    #[tracing::instrument(name = "db.begin_tree_restore", level = "trace", skip_all)]
    pub async fn begin_tree_restore(&mut self, number: i64, restore: Uuid, oldest: SystemTime) -> Result<bool> {
        const NODE: &str = "UPDATE nodes SET state = 'RESTORING', restoring = $2 \
                            WHERE id = $1 AND state = 'DELETED' AND deleted_at >= $3";
        // Collections restored as ancestors may have more deleted nodes below them.
        const BELOW: &str = below!("COALESCE(n.state, '') IN ('DELETED', 'RESTORING')", "SELECT id FROM tree");
        const ABOVE: &str = "WITH RECURSIVE above (id) AS (SELECT parent_id FROM nodes WHERE id = $1 \
                             UNION SELECT n.parent_id FROM nodes n JOIN above a ON n.id = a.id) SELECT id FROM above";
        const OBJECTS: &str = "UPDATE objects SET state = 'RESTORING' WHERE COALESCE(state, '') = 'DELETED' \
                               AND node IN (SELECT id FROM nodes WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING')";
        let oldest = micros(oldest);
        let begun = on_tx!(self, |connection| {
            let query = sqlx::query(NODE).bind(number).bind(restore).bind(oldest);
            query.execute(&mut *connection).await?.rows_affected()
        });
        if begun == 0 {
            return Ok(false);
        }
        let mut numbers = self.walk(BELOW, number).await?;
        numbers.extend(self.walk(ABOVE, number).await?);
        self.add_to_restore(&numbers, restore, oldest).await?;
        self.of_restore(OBJECTS, restore).await?;
        Ok(true)
    }

    /// Adds those of some nodes to a restore that are deleted, unless they were deleted before
    /// `oldest`.
    async fn add_to_restore(&mut self, numbers: &[i64], restore: Uuid, oldest: i64) -> Result<()> {
        for some in numbers.chunks(AT_ONCE) {
            on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new("UPDATE nodes SET state = 'RESTORING', restoring = ");
                query.push_bind(restore).push(" WHERE COALESCE(state, '') = 'DELETED' AND COALESCE(deleted_at, 0) >= ");
                query.push_bind(oldest).push(" AND id IN (");
                let mut list = query.separated(", ");
                for number in some {
                    list.push_bind(*number);
                }
                query.push(")").build().execute(&mut *connection).await.map(drop)?;
            });
        }
        Ok(())
    }

    /// Removes a package from its restore, because its source file is lost. It stays deleted.
    #[tracing::instrument(name = "db.remove_from_restore", level = "trace", skip_all)]
    pub async fn remove_from_restore(&mut self, number: i64, restore: Uuid) -> Result<bool> {
        const NODE: &str = "UPDATE nodes SET state = 'DELETED', restoring = NULL \
                            WHERE id = $1 AND restoring = $2 AND state = 'RESTORING'";
        const OBJECTS: &str = "UPDATE objects SET state = 'DELETED', reason = 'its bytes are lost' \
                               WHERE node = $1 AND state = 'RESTORING'";
        Ok(on_tx!(self, |connection| {
            let left = sqlx::query(NODE).bind(number).bind(restore).execute(&mut *connection).await?.rows_affected();
            if left == 1 {
                sqlx::query(OBJECTS).bind(number).execute(&mut *connection).await?;
            }
            left == 1
        }))
    }

    /// Cancels a restore: its nodes become DELETED again. Returns the deletes they belong to: the
    /// dataset and the time in microseconds.
    #[tracing::instrument(name = "db.cancel_restore", level = "trace", skip_all)]
    pub async fn cancel_restore(&mut self, restore: Uuid) -> Result<Vec<(i64, i64)>> {
        const TIMES: &str = "SELECT DISTINCT dataset_id, deleted_at FROM nodes WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING'";
        const OBJECTS: &str = "UPDATE objects SET state = 'DELETED' WHERE COALESCE(state, '') = 'RESTORING' \
                               AND node IN (SELECT id FROM nodes WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING')";
        const NODES: &str = "UPDATE nodes SET state = 'DELETED', restoring = NULL WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING'";
        let times = on_tx!(self, |connection| sqlx::query_as(TIMES).bind(restore).fetch_all(connection).await?);
        for sql in [OBJECTS, NODES] {
            self.of_restore(sql, restore).await?;
        }
        Ok(times)
    }

    /// Adds the ancestors of restored nodes to their restore, even if they belong to another one.
    #[tracing::instrument(name = "db.add_ancestors_to_restore", level = "trace", skip_all)]
    pub async fn add_ancestors_to_restore(&mut self, restore: Uuid) -> Result<()> {
        const ABOVE: &str = "WITH RECURSIVE above (id) AS \
                             (SELECT parent_id FROM nodes WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING' \
                             UNION SELECT n.parent_id FROM nodes n JOIN above a ON n.id = a.id) SELECT id FROM above";
        for some in self.walk(ABOVE, restore).await?.chunks(AT_ONCE) {
            on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new("UPDATE nodes SET state = 'RESTORING', restoring = ");
                query.push_bind(restore).push(" WHERE COALESCE(state, '') IN ('DELETED', 'RESTORING') AND id IN (");
                let mut list = query.separated(", ");
                for number in some {
                    list.push_bind(*number);
                }
                query.push(")").build().execute(&mut *connection).await.map(drop)?;
            });
        }
        Ok(())
    }

    /// Returns the restored nodes whose name is taken, by a READY node or by another restored one.
    /// Of several restored nodes with one name, the one deleted last keeps it.
    #[tracing::instrument(name = "db.list_conflicts", level = "trace", skip_all)]
    pub async fn list_conflicts(&mut self, restore: Uuid) -> Result<Vec<Conflict>> {
        const SQL: &str = "SELECT c.id, c.parent_id, c.name FROM \
             (SELECT n.id, n.dataset_id, n.parent_id, n.name, n.deleted_at, \
             ROW_NUMBER() OVER (PARTITION BY n.parent_id, n.name ORDER BY n.deleted_at DESC, n.id DESC) AS place \
             FROM nodes n WHERE n.restoring = $1 AND COALESCE(n.state, '') = 'RESTORING') c \
             WHERE c.place > 1 OR EXISTS (SELECT 1 FROM nodes a WHERE a.dataset_id = c.dataset_id \
             AND a.parent_id = c.parent_id AND a.name = c.name AND a.state = 'READY') \
             ORDER BY c.parent_id, c.name, c.deleted_at DESC, c.id DESC";
        Ok(on_tx!(self, |connection| sqlx::query_as(SQL).bind(restore).fetch_all(connection).await?))
    }

    /// Returns whether a READY node of a collection has exactly this name.
    #[tracing::instrument(name = "db.is_name_taken", level = "trace", skip_all)]
    pub async fn is_name_taken(&mut self, (dataset, parent): (i64, i64), name: &str) -> Result<bool> {
        const SQL: &str =
            "SELECT 1 FROM nodes WHERE dataset_id = $1 AND parent_id = $2 AND name = $3 AND state = 'READY' LIMIT 1";
        let found: Option<(i32,)> = on_tx!(self, |connection| {
            sqlx::query_as(SQL).bind(dataset).bind(parent).bind(name).fetch_optional(connection).await?
        });
        Ok(found.is_some())
    }

    /// Returns the restored nodes whose names have characters outside ASCII, and whether each is the
    /// top of what is restored.
    #[tracing::instrument(name = "db.list_restored_names", level = "trace", skip_all)]
    pub async fn list_restored_names(&mut self, restore: Uuid) -> Result<Vec<(Conflict, bool)>> {
        const SQL: &str = "SELECT n.id, n.parent_id, n.name, CASE WHEN EXISTS (SELECT 1 FROM nodes p \
                           WHERE p.id = n.parent_id AND p.restoring = $1) THEN 0 ELSE 1 END AS is_top \
                           FROM nodes n WHERE n.restoring = $1 AND COALESCE(n.state, '') = 'RESTORING' \
                           AND octet_length(n.name) <> length(n.name) ORDER BY n.id";
        let rows: Vec<(i64, i64, String, i32)> =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(restore).fetch_all(connection).await?);
        Ok(rows
            .into_iter()
            .map(|(id, parent_id, name, is_top)| (Conflict { id, parent_id, name }, is_top == 1))
            .collect())
    }

    /// Returns the names in a collection within a range, of READY and of restored nodes.
    #[tracing::instrument(name = "db.list_taken_names", level = "trace", skip_all)]
    pub async fn list_taken_names(
        &mut self,
        (dataset, parent): (i64, i64),
        restore: Uuid,
        (from, to): (&str, &str),
    ) -> Result<Vec<String>> {
        const SQL: &str = "SELECT name FROM nodes WHERE dataset_id = $1 AND parent_id = $2 AND name >= $4 AND name < $5 \
                           AND state = 'READY' \
                           UNION SELECT name FROM nodes WHERE dataset_id = $1 AND parent_id = $2 AND name >= $4 AND name < $5 \
                           AND (state = 'DELETED' OR state = 'RESTORING') AND restoring = $3";
        let rows: Vec<(String,)> = on_tx!(self, |connection| {
            let query = sqlx::query_as(SQL).bind(dataset).bind(parent).bind(restore).bind(from).bind(to);
            query.fetch_all(connection).await?
        });
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Returns the restored objects that were confirmed but not published.
    #[tracing::instrument(name = "db.list_unpublished", level = "trace", skip_all)]
    pub async fn list_unpublished(&mut self, restore: Uuid) -> Result<Vec<ObjectId>> {
        const SQL: &str = "SELECT o.id FROM nodes n JOIN objects o ON o.node = n.id \
                           WHERE n.restoring = $1 AND COALESCE(o.state, '') = 'SCANNING'";
        let rows: Vec<(Uuid,)> =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(restore).fetch_all(connection).await?);
        Ok(rows.into_iter().map(|(id,)| ObjectId(id)).collect())
    }

    /// Renames a restored node.
    #[tracing::instrument(name = "db.rename_restored", level = "trace", skip_all)]
    pub async fn rename_restored(&mut self, number: i64, name: &str) -> Result<()> {
        const SQL: &str = "UPDATE nodes SET former_name = COALESCE(former_name, name), name = $2 WHERE id = $1 AND state = 'RESTORING'";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(number).bind(name).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Makes all nodes of a restore READY. Returns the number of nodes, and the number and bytes of
    /// their published objects.
    #[tracing::instrument(name = "db.finish_tree_restore", level = "trace", skip_all)]
    pub async fn finish_tree_restore(
        &mut self,
        restore: Uuid,
        actor: &str,
        now: SystemTime,
    ) -> Result<(i64, i64, i64)> {
        const WEIGHT: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(objects), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) \
                              FROM nodes WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING'";
        const LOG: &str = "INSERT INTO changelog (dataset_id, node_id, event, name, original_name, actor, at) \
                           SELECT dataset_id, node_id, $2, name, former_name, $3, $4 FROM nodes \
                           WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING' ORDER BY id";
        const OBJECTS: &str = "UPDATE objects SET state = 'READY', deleted_at = NULL, reason = NULL WHERE COALESCE(state, '') = 'RESTORING' \
                               AND node IN (SELECT id FROM nodes WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING')";
        const NODES: &str = "UPDATE nodes SET state = 'READY', deleted_at = NULL, restoring = NULL, former_name = NULL \
                             WHERE restoring = $1 AND COALESCE(state, '') = 'RESTORING'";
        let weight = on_tx!(self, |connection| {
            let weight = sqlx::query_as(WEIGHT).bind(restore).fetch_one(&mut *connection).await?;
            let query = sqlx::query(LOG).bind(restore).bind(TreeEvent::Restored.as_str());
            query.bind(actor).bind(micros(now)).execute(&mut *connection).await?;
            weight
        });
        for sql in [OBJECTS, NODES] {
            self.of_restore(sql, restore).await?;
        }
        Ok(weight)
    }

    /// Purges a deleted node and its objects. Returns `false` if it is not deleted.
    #[tracing::instrument(name = "db.purge_node", level = "trace", skip_all)]
    pub async fn purge_node(&mut self, number: i64, now: SystemTime) -> Result<bool> {
        const LOG: &str = "INSERT INTO changelog (dataset_id, node_id, event, name, actor, at) \
                           SELECT dataset_id, node_id, $2, name, 'system', $3 FROM nodes WHERE id = $1 AND state = 'DELETED'";
        const NODE: &str = "UPDATE nodes SET state = 'PURGED', name = '' WHERE id = $1 AND state = 'DELETED'";
        // Includes objects that were confirmed but never published.
        const OBJECTS: &str =
            "UPDATE objects SET state = 'PURGED', name = NULL, reason = NULL WHERE node = $1 AND state <> 'PURGED'";
        Ok(on_tx!(self, |connection| {
            let query = sqlx::query(LOG).bind(number).bind(TreeEvent::Purged.as_str()).bind(micros(now));
            query.execute(&mut *connection).await?;
            let done = sqlx::query(NODE).bind(number).execute(&mut *connection).await?.rows_affected();
            if done == 1 {
                sqlx::query(OBJECTS).bind(number).execute(&mut *connection).await?;
            }
            done == 1
        }))
    }
}

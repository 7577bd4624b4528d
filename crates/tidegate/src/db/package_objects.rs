//! Stores the objects of packages: source files and assets. Their nodes are in `nodes`.

use uuid::Uuid;

use super::nodes::node_id;
use super::{Db, Tx, content, corrupt, on_reader, on_tx, to_i64};
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::key::{Key, PackageNumbers};
use crate::model::media::Scan;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::package::{Asset, NodeId, NodeState};
use crate::model::{from_micros, micros};

row! {
    struct AssetRow {
        id: Uuid,
        object_key: String,
        name: Option<String>,
        content_type: String,
        state: String,
        size: Option<i64>,
        etag: Option<String>,
        modified_at: Option<i64>,
        created_at: i64,
        reason: Option<String>,
    }
}

impl AssetRow {
    fn into_asset(self) -> Result<Asset> {
        Ok(Asset {
            object: Object {
                id: ObjectId(self.id),
                key: Key::stored(self.object_key),
                name: self.name,
                content_type: self.content_type,
                state: ObjectState::parse(&self.state).ok_or_else(|| corrupt("object state"))?,
                created_at: from_micros(self.created_at),
                content: content(self.size, self.etag, self.modified_at),
                archive: None,
            },
            reason: self.reason,
        })
    }
}

/// Selects assets of packages; `$which` is the condition.
macro_rules! assets {
    ($which:literal) => {
        concat!(
            "SELECT o.id, o.object_key, o.name, o.content_type, o.state, o.size, o.etag, o.modified_at, o.created_at, o.reason \
             FROM objects o JOIN nodes n ON n.id = o.node WHERE ",
            $which
        )
    };
}

/// An object of a dataset: the source file of a package, or one of its assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageObject {
    /// The object's record.
    pub object: Object,
    /// Its dataset, as an owner.
    pub owner: Owner,
    /// The numbers from which its key is built.
    pub numbers: PackageNumbers,
    /// The id of its package.
    pub node: NodeId,
    /// The state of its package.
    pub node_state: NodeState,
    /// Whether it is the source file.
    pub is_source: bool,
    /// The key of its seal, once it is confirmed.
    pub sealed: Option<Key>,
    /// The result of the scan; `None` if it must still be scanned.
    pub scan: Option<Scan>,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
    /// Who announced it.
    pub created_by: String,
}

row! {
    struct ObjectRow with object: AssetRow {
        sealed_key: Option<String>,
        scan: Option<String>,
        created_by: String,
        owner_id: String,
        package: i64,
        dataset_id: i64,
        org_id: i64,
        node_id: String,
        node_state: String,
        is_source: bool,
    }
}

impl ObjectRow {
    fn into_object(self) -> Result<PackageObject> {
        let Asset { object, reason } = self.object.into_asset()?;
        Ok(PackageObject {
            object,
            reason,
            owner: Owner::Dataset(super::datasets::dataset_id(&self.owner_id)?),
            numbers: PackageNumbers { org: self.org_id, dataset: self.dataset_id, package: self.package },
            node: node_id(&self.node_id)?,
            node_state: NodeState::parse(&self.node_state).ok_or_else(|| corrupt("node state"))?,
            is_source: self.is_source,
            sealed: self.sealed_key.map(Key::stored),
            scan: self.scan.as_deref().and_then(Scan::parse),
            created_by: self.created_by,
        })
    }
}

/// Selects objects of packages; `$which` is the condition.
macro_rules! package_objects {
    ($which:literal) => {
        concat!(
            "SELECT o.id, o.object_key, o.name, o.content_type, o.state, o.size, o.etag, o.modified_at, o.created_at, o.reason, \
             o.sealed_key, o.scan, o.created_by, o.owner_id, n.id AS package, n.dataset_id, d.org_id, n.node_id, n.state AS node_state, \
             COALESCE(n.object_id = o.id, FALSE) AS is_source \
             FROM objects o JOIN nodes n ON n.id = o.node JOIN datasets d ON d.id = n.dataset_id WHERE ",
            $which
        )
    };
}

impl Db {
    /// Returns a page of a package's READY assets in the order of their paths, after `after`.
    #[tracing::instrument(name = "db.list_assets", level = "trace", skip_all)]
    pub async fn list_assets(&self, package: i64, after: &str, limit: i64) -> Result<Vec<Asset>> {
        const SQL: &str = assets!(
            "o.node = $1 AND o.state = 'READY' AND o.id <> n.object_id AND o.name > $2 ORDER BY o.name LIMIT $3"
        );
        let rows: Vec<AssetRow> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(package).bind(after).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(AssetRow::into_asset).collect()
    }

    /// Returns whether an asset is at a path, below it, or in place of one of its folders.
    #[tracing::instrument(name = "db.is_path_taken", level = "trace", skip_all)]
    pub async fn is_path_taken(&self, package: i64, path: &str) -> Result<bool> {
        const SQL: &str = "SELECT o.id FROM objects o JOIN nodes n ON n.id = o.node WHERE o.node = $1 AND o.state = 'READY' \
                           AND o.id <> n.object_id AND ((o.name > $3 AND o.name < $4) OR o.name IN (";
        let folders = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| &path[..at]);
        let (from, to) = (format!("{path}/"), format!("{path}0"));
        let found: Option<(Uuid,)> = on_reader!(self, |pool| {
            let (before, after) = SQL.split_once("$1").unwrap_or((SQL, ""));
            let (middle, after) = after.split_once("$3").unwrap_or((after, ""));
            let (and, after) = after.split_once("$4").unwrap_or((after, ""));
            let mut query = sqlx::QueryBuilder::new(before);
            query.push_bind(package).push(middle).push_bind(&from).push(and).push_bind(&to).push(after);
            let mut list = query.separated(", ");
            list.push_bind(path);
            for folder in folders.clone() {
                list.push_bind(folder);
            }
            query.push(")) LIMIT 1").build_query_as().fetch_optional(pool).await?
        });
        Ok(found.is_some())
    }

    /// Returns a READY asset of a package by its path.
    #[tracing::instrument(name = "db.find_asset", level = "trace", skip_all)]
    pub async fn find_asset(&self, package: i64, path: &str) -> Result<Option<Asset>> {
        const SQL: &str = assets!("o.node = $1 AND o.state = 'READY' AND o.id <> n.object_id AND o.name = $2");
        let row: Option<AssetRow> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(package).bind(path).fetch_optional(pool).await?);
        row.map(AssetRow::into_asset).transpose()
    }

    /// Returns an object of this dataset, whatever its state.
    #[tracing::instrument(name = "db.find_package_object", level = "trace", skip_all)]
    pub async fn find_package_object(&self, dataset: i64, id: ObjectId) -> Result<Option<PackageObject>> {
        const SQL: &str = package_objects!("o.id = $1 AND n.dataset_id = $2");
        let row: Option<ObjectRow> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.0).bind(dataset).fetch_optional(pool).await?);
        row.map(ObjectRow::into_object).transpose()
    }

    /// Returns an object in whatever dataset by its id alone, whatever its state.
    #[tracing::instrument(name = "db.find_package_object_unscoped", level = "trace", skip_all)]
    pub async fn find_package_object_unscoped(&self, id: ObjectId) -> Result<Option<PackageObject>> {
        const SQL: &str = package_objects!("o.id = $1");
        let row: Option<ObjectRow> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.0).fetch_optional(pool).await?);
        row.map(ObjectRow::into_object).transpose()
    }

    /// Returns objects that one delete of a dataset deleted, by package and object, after `after`.
    #[tracing::instrument(name = "db.list_deleted_objects", level = "trace", skip_all)]
    pub async fn list_deleted_objects(
        &self,
        dataset: i64,
        deleted_at: i64,
        after: (i64, ObjectId),
        limit: i64,
    ) -> Result<Vec<PackageObject>> {
        const SQL: &str = package_objects!(
            "n.deleted_at = $2 AND n.dataset_id = $1 AND n.id >= $3 AND (n.id, o.id) > ($3, $4) ORDER BY n.id, o.id LIMIT $5"
        );
        let rows: Vec<ObjectRow> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(dataset).bind(deleted_at).bind(after.0).bind(after.1.0).bind(limit);
            query.fetch_all(pool).await?
        });
        rows.into_iter().map(ObjectRow::into_object).collect()
    }

    /// Returns the objects that a restore restores, in the order of packages and objects.
    #[tracing::instrument(name = "db.list_restoring_objects", level = "trace", skip_all)]
    pub async fn list_restoring_objects(
        &self,
        restore: Uuid,
        after: (i64, ObjectId),
        limit: i64,
    ) -> Result<Vec<PackageObject>> {
        const SQL: &str = package_objects!(
            "n.restoring = $1 AND COALESCE(n.state, '') = 'RESTORING' AND COALESCE(o.state, '') = 'RESTORING' AND n.id >= $2 AND (n.id, o.id) > ($2, $3) \
             ORDER BY n.id, o.id LIMIT $4"
        );
        let rows: Vec<ObjectRow> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(restore).bind(after.0).bind(after.1.0).bind(limit).fetch_all(pool).await?
        });
        rows.into_iter().map(ObjectRow::into_object).collect()
    }

    /// Returns all objects of a package, whatever their state.
    #[tracing::instrument(name = "db.list_package_objects", level = "trace", skip_all)]
    pub async fn list_package_objects(&self, package: i64, after: ObjectId, limit: i64) -> Result<Vec<PackageObject>> {
        const SQL: &str = package_objects!("o.node = $1 AND o.id > $2 ORDER BY o.id LIMIT $3");
        let rows: Vec<ObjectRow> = on_reader!(self, |pool| sqlx::query_as(SQL)
            .bind(package)
            .bind(after.0)
            .bind(limit)
            .fetch_all(pool)
            .await?);
        rows.into_iter().map(ObjectRow::into_object).collect()
    }
}

impl Tx {
    /// Assigns an object to a package.
    #[tracing::instrument(name = "db.put_in_package", level = "trace", skip_all)]
    pub async fn put_in_package(&mut self, object: ObjectId, package: i64) -> Result<()> {
        const SQL: &str = "UPDATE objects SET node = $2 WHERE id = $1";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(object.0).bind(package).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Claims the final key of an object and stores its scan result, so that its bytes can be found
    /// there and no other object uses the key. Returns `false` if the object is not SCANNING, its
    /// package is gone, or the key is taken.
    #[tracing::instrument(name = "db.claim_key", level = "trace", skip_all)]
    pub async fn claim_key(&mut self, id: ObjectId, key: &Key, scan: Scan) -> Result<bool> {
        const SQL: &str = "UPDATE objects SET object_key = $2, scan = $3 WHERE id = $1 AND state = 'SCANNING' \
                           AND EXISTS (SELECT 1 FROM nodes n WHERE n.id = objects.node AND n.state = 'READY') \
                           AND NOT EXISTS (SELECT 1 FROM objects other WHERE other.object_key = $2 AND other.id <> $1)";
        let done = on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(key.as_str()).bind(scan.as_str());
            query.execute(connection).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// Makes an object READY at its claimed key and adds it to its package's counters. Returns
    /// `false` if it is not SCANNING or its package is gone.
    #[tracing::instrument(name = "db.publish_in_package", level = "trace", skip_all)]
    pub async fn publish_in_package(&mut self, id: ObjectId, key: &Key, content: &Content) -> Result<bool> {
        const OBJECT: &str = "UPDATE objects SET state = 'READY', size = $3, etag = $4, modified_at = $5, reason = NULL, sealed_key = NULL \
             WHERE id = $1 AND state = 'SCANNING' AND object_key = $2 \
             AND EXISTS (SELECT 1 FROM nodes n WHERE n.id = objects.node AND n.state = 'READY')";
        const NODE: &str = "UPDATE nodes SET objects = objects + 1, bytes = bytes + $2 \
                            WHERE id = (SELECT node FROM objects WHERE id = $1)";
        let done = on_tx!(self, |connection| {
            let size = to_i64(content.size);
            let query = sqlx::query(OBJECT).bind(id.0).bind(key.as_str()).bind(size).bind(&content.etag);
            let query = query.bind(micros(content.last_modified));
            let done = query.execute(&mut *connection).await?.rows_affected();
            if done == 1 {
                sqlx::query(NODE).bind(id.0).bind(size).execute(&mut *connection).await?;
            }
            done
        });
        Ok(self.changed(id, done == 1))
    }

    /// Subtracts an object from its package's counters.
    #[tracing::instrument(name = "db.uncount_in_package", level = "trace", skip_all)]
    pub async fn uncount_in_package(&mut self, id: ObjectId) -> Result<()> {
        const SQL: &str = "UPDATE nodes SET objects = objects - 1, \
                           bytes = bytes - (SELECT COALESCE(size, 0) FROM objects WHERE id = $1) \
                           WHERE id = (SELECT node FROM objects WHERE id = $1)";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Purges an asset that is lost during the restore of its package, and removes it from the
    /// counters.
    #[tracing::instrument(name = "db.purge_lost_asset", level = "trace", skip_all)]
    pub async fn purge_lost_asset(&mut self, id: ObjectId) -> Result<()> {
        const SQL: &str = "UPDATE objects SET state = 'PURGED' WHERE id = $1 AND state = 'RESTORING'";
        let lost = on_tx!(self, |connection| sqlx::query(SQL).bind(id.0).execute(connection).await?.rows_affected());
        if lost == 1 { self.uncount_in_package(id).await } else { Ok(()) }
    }
}

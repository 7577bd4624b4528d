//! Stores single nodes of datasets' trees and the objects of packages. Operations on whole trees
//! are in `trees`.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, Tx, content, corrupt, on_reader, on_tx, to_u64};
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::media::Scan;
use crate::model::object::{Object, ObjectState};
use crate::model::package::{Node, NodeId, NodeKind, NodeState, Shown, Source, TreeEvent};
use crate::model::{from_micros, micros};

row! {
    struct Row {
        id: i64,
        node_id: String,
        dataset_id: i64,
        parent_id: i64,
        parent_node_id: Option<String>,
        kind: String,
        name: String,
        state: String,
        bytes: i64,
        created_by: String,
        created_at: i64,
        deleted_at: Option<i64>,
        object_id: Option<Uuid>,
        object_key: Option<String>,
        filename: Option<String>,
        content_type: Option<String>,
        object_state: Option<String>,
        size: Option<i64>,
        etag: Option<String>,
        modified_at: Option<i64>,
        scan: Option<String>,
        reason: Option<String>,
        announced_at: Option<i64>,
    }
}

impl Row {
    fn into_node(self) -> Result<Node> {
        let source = match (self.object_id, self.object_key, self.content_type, self.object_state) {
            (Some(id), Some(key), Some(content_type), Some(state)) => Some(Source {
                object: Object {
                    id: ObjectId(id),
                    key: Key::stored(key),
                    name: self.filename,
                    content_type,
                    state: ObjectState::parse(&state).ok_or_else(|| corrupt("object state"))?,
                    created_at: from_micros(self.announced_at.unwrap_or(self.created_at)),
                    content: content(self.size, self.etag, self.modified_at),
                    archive: None,
                },
                scan: self.scan.as_deref().and_then(Scan::parse),
                reason: self.reason,
            }),
            _ => None,
        };
        Ok(Node {
            number: self.id,
            id: node_id(&self.node_id)?,
            dataset: self.dataset_id,
            parent: self.parent_id,
            parent_id: self.parent_node_id.as_deref().map(node_id).transpose()?,
            kind: NodeKind::parse(&self.kind).ok_or_else(|| corrupt("kind of node"))?,
            name: self.name,
            state: NodeState::parse(&self.state).ok_or_else(|| corrupt("node state"))?,
            source,
            bytes: to_u64(self.bytes),
            created_by: self.created_by,
            created_at: from_micros(self.created_at),
            deleted_at: self.deleted_at.map(from_micros),
        })
    }
}

pub(super) fn node_id(text: &str) -> Result<NodeId> {
    NodeId::parse(text).ok_or_else(|| corrupt("node id"))
}

/// Selects nodes with their source files; `$which` is the condition.
macro_rules! nodes {
    ($which:literal) => {
        concat!(
            "SELECT n.id, n.node_id, n.dataset_id, n.parent_id, p.node_id AS parent_node_id, n.kind, n.name, n.state, n.bytes, \
             n.created_by, n.created_at, n.deleted_at, n.object_id, o.object_key, o.name AS filename, o.content_type, \
             o.state AS object_state, o.size, o.etag, o.modified_at, o.scan, o.reason, o.created_at AS announced_at \
             FROM nodes n LEFT JOIN nodes p ON p.id = n.parent_id LEFT JOIN objects o ON o.id = n.object_id WHERE ",
            $which
        )
    };
}

/// A node to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewNode<'a> {
    /// The node's id.
    pub id: &'a NodeId,
    /// The number of its dataset.
    pub dataset: i64,
    /// The number of its collection; 0 for the top.
    pub parent: i64,
    /// The kind of the node.
    pub kind: NodeKind,
    /// The node's name.
    pub name: &'a str,
    /// The object of its source file.
    pub object: Option<ObjectId>,
    /// Who creates it.
    pub by: &'a str,
}

impl Db {
    /// Returns a node of this dataset, whatever its state.
    #[tracing::instrument(name = "db.find_node", level = "trace", skip_all)]
    pub async fn find_node(&self, dataset: i64, id: &NodeId) -> Result<Option<Node>> {
        const SQL: &str = nodes!("n.node_id = $1 AND n.dataset_id = $2");
        let row: Option<Row> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.as_str()).bind(dataset).fetch_optional(pool).await?);
        row.map(Row::into_node).transpose()
    }

    /// Returns a node by its id alone, in whatever dataset and state.
    #[tracing::instrument(name = "db.find_node_unscoped", level = "trace", skip_all)]
    pub async fn find_node_unscoped(&self, id: &NodeId) -> Result<Option<Node>> {
        const SQL: &str = nodes!("n.node_id = $1");
        let row: Option<Row> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.as_str()).fetch_optional(pool).await?);
        row.map(Row::into_node).transpose()
    }

    /// Returns a page of the children of a collection, or of a dataset's top (0), ordered by name,
    /// after `after`: those that are READY, or those that are deleted.
    #[tracing::instrument(name = "db.list_children", level = "trace", skip_all)]
    pub async fn list_children(
        &self,
        (dataset, parent): (i64, i64),
        shown: Shown,
        after: (&str, i64),
        limit: i64,
    ) -> Result<Vec<Node>> {
        const THERE: &str = nodes!(
            "n.dataset_id = $1 AND n.parent_id = $2 AND n.state = 'READY' AND n.name > $3 \
             AND ($6 = 'ALL' OR COALESCE(o.state, 'READY') = $6) ORDER BY n.name LIMIT $5"
        );
        const GONE: &str = nodes!(
            "n.dataset_id = $1 AND n.parent_id = $2 AND (n.state = 'DELETED' OR n.state = 'RESTORING') \
             AND (n.name, n.id) > ($3, $4) AND $6 <> '' ORDER BY n.name, n.id LIMIT $5"
        );
        let (sql, state) = match shown {
            Shown::Deleted => (GONE, "DELETED"),
            Shown::All => (THERE, "ALL"),
            Shown::In(state) => (THERE, state.as_str()),
        };
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(dataset).bind(parent).bind(after.0).bind(after.1).bind(limit);
            query.bind(state).fetch_all(pool).await?
        });
        rows.into_iter().map(Row::into_node).collect()
    }
}

impl Tx {
    /// Returns a node of this dataset, as this transaction sees it.
    #[tracing::instrument(name = "db.node_in_tx", level = "trace", skip_all)]
    pub async fn find_node(&mut self, dataset: i64, id: &NodeId) -> Result<Option<Node>> {
        const SQL: &str = nodes!("n.node_id = $1 AND n.dataset_id = $2");
        let row: Option<Row> = on_tx!(self, |connection| {
            sqlx::query_as(SQL).bind(id.as_str()).bind(dataset).fetch_optional(connection).await?
        });
        row.map(Row::into_node).transpose()
    }

    /// Inserts a node and returns its number; `None` if its name is taken.
    #[tracing::instrument(name = "db.insert_node", level = "trace", skip_all)]
    pub async fn insert_node(&mut self, new: NewNode<'_>, now: SystemTime) -> Result<Option<i64>> {
        const SQL: &str = "INSERT INTO nodes \
                           (node_id, dataset_id, parent_id, kind, name, state, object_id, objects, bytes, created_by, created_at) \
                           VALUES ($1, $2, $3, $4, $5, 'READY', $6, 0, 0, $7, $8) \
                           ON CONFLICT (dataset_id, parent_id, name) WHERE state = 'READY' DO NOTHING RETURNING id";
        let row: Option<(i64,)> = on_tx!(self, |connection| {
            let query = sqlx::query_as(SQL).bind(new.id.as_str()).bind(new.dataset).bind(new.parent);
            let query = query.bind(new.kind.as_str()).bind(new.name).bind(new.object.map(|object| object.0));
            query.bind(new.by).bind(micros(now)).fetch_optional(connection).await?
        });
        Ok(row.map(|(number,)| number))
    }

    /// Purges a package whose source file never arrived or was rejected, and frees its name.
    /// Returns `false` if it is not READY.
    #[tracing::instrument(name = "db.drop_node", level = "trace", skip_all)]
    pub async fn drop_node(&mut self, number: i64, now: SystemTime) -> Result<bool> {
        const SQL: &str =
            "UPDATE nodes SET state = 'PURGED', name = '', deleted_at = $2 WHERE id = $1 AND state = 'READY'";
        let done = on_tx!(self, |connection| {
            sqlx::query(SQL).bind(number).bind(micros(now)).execute(connection).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// Inserts a line for one node into its dataset's changelog.
    #[tracing::instrument(name = "db.log_node", level = "trace", skip_all)]
    pub async fn log_node(&mut self, number: i64, event: TreeEvent, actor: &str, now: SystemTime) -> Result<()> {
        const SQL: &str = "INSERT INTO changelog (dataset_id, node_id, event, name, actor, at) \
                           SELECT dataset_id, node_id, $2, name, $3, $4 FROM nodes WHERE id = $1";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(number).bind(event.as_str()).bind(actor).bind(micros(now));
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Returns the dataset of a restore, as this transaction sees it.
    #[tracing::instrument(name = "db.dataset_of_restore", level = "trace", skip_all)]
    pub async fn dataset_of_restore(&mut self, restore: Uuid) -> Result<Option<i64>> {
        const SQL: &str = "SELECT dataset_id FROM nodes WHERE restoring = $1 LIMIT 1";
        let row: Option<(i64,)> =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(restore).fetch_optional(connection).await?);
        Ok(row.map(|(dataset,)| dataset))
    }
}

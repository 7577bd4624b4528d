//! Stores organisations and datasets: their members, counters and changelogs. Nodes are in `nodes`
//! and `trees`.

use std::time::SystemTime;

use super::{Db, Tx, corrupt, on_reader, on_tx, to_u64};
use crate::error::Result;
use crate::model::ids::{OrgId, UserId};
use crate::model::package::{Dataset, DatasetId, TreeChange};
use crate::model::role::Role;
use crate::model::space::Member;
use crate::model::{from_micros, micros};

row! {
    struct Row {
        id: i64,
        node_id: String,
        org_id: i64,
        org_name: String,
        name: String,
        role: Option<String>,
        created_at: i64,
        files: Option<i64>,
        used: Option<i64>,
    }
}

impl Row {
    fn into_dataset(self) -> Result<Dataset> {
        Ok(Dataset {
            number: self.id,
            id: dataset_id(&self.node_id)?,
            org: self.org_id,
            org_name: self.org_name,
            name: self.name,
            role: self.role.as_deref().map(role).transpose()?,
            created_at: from_micros(self.created_at),
            objects: self.files.map_or(0, to_u64),
            bytes: self.used.map_or(0, to_u64),
        })
    }
}

fn role(text: &str) -> Result<Role> {
    Role::parse(text).ok_or_else(|| corrupt("role"))
}

pub(super) fn dataset_id(text: &str) -> Result<DatasetId> {
    DatasetId::parse(text).ok_or_else(|| corrupt("dataset id"))
}

row! {
    struct MemberRow {
        user_id: String,
        role: String,
        added_at: i64,
    }
}

impl MemberRow {
    fn into_member(self) -> Result<Member> {
        let user = UserId::parse(&self.user_id).map_err(|_| corrupt("user id"))?;
        Ok(Member { user, role: role(&self.role)?, added_at: from_micros(self.added_at) })
    }
}

row! {
    struct ChangeRow {
        id: i64,
        node_id: String,
        event: String,
        name: String,
        original_name: Option<String>,
        actor: String,
        at: i64,
    }
}

/// Selects datasets with their organisation and a user's role; `$which` is the condition, and `$1`
/// is the user.
macro_rules! datasets {
    ($which:literal) => {
        concat!(
            "SELECT d.id, d.node_id, d.org_id, o.name AS org_name, d.name, m.role, d.created_at, q.files, q.used FROM datasets d \
             JOIN organisations o ON o.id = d.org_id \
             LEFT JOIN dataset_members m ON m.dataset_id = d.id AND m.user_id = $1 \
             LEFT JOIN quotas q ON q.owner_kind = 'dataset' AND q.owner_id = d.node_id WHERE ",
            $which
        )
    };
}

impl Db {
    /// Returns a dataset with a user's role in it.
    #[tracing::instrument(name = "db.find_dataset", level = "trace", skip_all)]
    pub async fn find_dataset(&self, id: &DatasetId, user: Option<&UserId>) -> Result<Option<Dataset>> {
        const SQL: &str = datasets!("d.node_id = $2");
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(user.map(UserId::as_str)).bind(id.as_str()).fetch_optional(pool).await?
        });
        row.map(Row::into_dataset).transpose()
    }

    /// Returns a dataset by its number, with a user's role in it.
    #[tracing::instrument(name = "db.find_dataset_by_number", level = "trace", skip_all)]
    pub async fn find_dataset_by_number(&self, number: i64, user: Option<&UserId>) -> Result<Option<Dataset>> {
        const SQL: &str = datasets!("d.id = $2");
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(user.map(UserId::as_str)).bind(number).fetch_optional(pool).await?
        });
        row.map(Row::into_dataset).transpose()
    }

    /// Returns a page of the datasets of an organisation of which a user is a member, newest first.
    #[tracing::instrument(name = "db.list_datasets_of", level = "trace", skip_all)]
    pub async fn list_datasets_of(
        &self,
        user: &UserId,
        org: &OrgId,
        after: (i64, &str),
        limit: i64,
    ) -> Result<Vec<Dataset>> {
        const SQL: &str = datasets!(
            "m.user_id = $1 AND o.name = $5 AND (d.created_at, d.node_id) < ($2, $3) \
             ORDER BY d.created_at DESC, d.node_id DESC LIMIT $4"
        );
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(user.as_str()).bind(after.0).bind(after.1).bind(limit);
            query.bind(org.as_str()).fetch_all(pool).await?
        });
        rows.into_iter().map(Row::into_dataset).collect()
    }

    /// Returns a page of all datasets, or of one organisation's, newest first.
    #[tracing::instrument(name = "db.list_datasets", level = "trace", skip_all)]
    pub async fn list_datasets(&self, org: Option<&OrgId>, after: (i64, &str), limit: i64) -> Result<Vec<Dataset>> {
        const ALL: &str =
            datasets!("(d.created_at, d.node_id) < ($2, $3) ORDER BY d.created_at DESC, d.node_id DESC LIMIT $4");
        const ONE: &str = datasets!(
            "o.name = $5 AND (d.created_at, d.node_id) < ($2, $3) ORDER BY d.created_at DESC, d.node_id DESC LIMIT $4"
        );
        let sql = if org.is_some() { ONE } else { ALL };
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(None::<&str>).bind(after.0).bind(after.1).bind(limit);
            match org {
                Some(org) => query.bind(org.as_str()).fetch_all(pool).await?,
                None => query.fetch_all(pool).await?,
            }
        });
        rows.into_iter().map(Row::into_dataset).collect()
    }

    /// Returns a page of a dataset's members in the order of their ids, after `after`.
    #[tracing::instrument(name = "db.list_dataset_members", level = "trace", skip_all)]
    pub async fn list_dataset_members(&self, dataset: i64, after: &str, limit: i64) -> Result<Vec<Member>> {
        const SQL: &str = "SELECT user_id, role, added_at FROM dataset_members WHERE dataset_id = $1 AND user_id > $2 \
                           ORDER BY user_id LIMIT $3";
        let rows: Vec<MemberRow> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(dataset).bind(after).bind(limit).fetch_all(pool).await?
        });
        rows.into_iter().map(MemberRow::into_member).collect()
    }

    /// Returns a page of a dataset's changelog, latest first, before line `before`; for one node,
    /// or for all.
    #[tracing::instrument(name = "db.list_tree_changes", level = "trace", skip_all)]
    pub async fn list_tree_changes(
        &self,
        dataset: i64,
        node: Option<&str>,
        before: i64,
        limit: i64,
    ) -> Result<Vec<TreeChange>> {
        const ALL: &str = "SELECT id, node_id, event, name, original_name, actor, at FROM changelog \
                           WHERE dataset_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        const ONE: &str = "SELECT id, node_id, event, name, original_name, actor, at FROM changelog \
                           WHERE dataset_id = $1 AND id < $2 AND node_id = $4 ORDER BY id DESC LIMIT $3";
        let sql = if node.is_some() { ONE } else { ALL };
        let rows: Vec<ChangeRow> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(dataset).bind(before).bind(limit);
            match node {
                Some(node) => query.bind(node).fetch_all(pool).await?,
                None => query.fetch_all(pool).await?,
            }
        });
        let line = |row: ChangeRow| TreeChange {
            id: row.id,
            node: row.node_id,
            event: row.event,
            name: row.name,
            original_name: row.original_name,
            actor: row.actor,
            at: from_micros(row.at),
        };
        Ok(rows.into_iter().map(line).collect())
    }
}

impl Tx {
    /// Returns the number of an organisation, and inserts it if it does not exist.
    #[tracing::instrument(name = "db.number_of_org", level = "trace", skip_all)]
    pub async fn number_of_org(&mut self, org: &OrgId, now: SystemTime) -> Result<i64> {
        const INSERT: &str =
            "INSERT INTO organisations (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        const FOUND: &str = "SELECT id FROM organisations WHERE name = $1";
        let (id,): (i64,) = on_tx!(self, |connection| {
            sqlx::query(INSERT).bind(org.as_str()).bind(micros(now)).execute(&mut *connection).await?;
            sqlx::query_as(FOUND).bind(org.as_str()).fetch_one(&mut *connection).await?
        });
        Ok(id)
    }

    /// Inserts a dataset and returns its number.
    #[tracing::instrument(name = "db.insert_dataset", level = "trace", skip_all)]
    pub async fn insert_dataset(
        &mut self,
        id: &DatasetId,
        org: i64,
        name: &str,
        by: &str,
        now: SystemTime,
    ) -> Result<i64> {
        const SQL: &str = "INSERT INTO datasets (node_id, org_id, name, created_by, created_at) \
                           VALUES ($1, $2, $3, $4, $5) RETURNING id";
        let (number,): (i64,) = on_tx!(self, |connection| {
            let query = sqlx::query_as(SQL).bind(id.as_str()).bind(org).bind(name).bind(by).bind(micros(now));
            query.fetch_one(connection).await?
        });
        Ok(number)
    }

    /// Locks a dataset, so that no other transaction changes its tree or members, and then its
    /// counters, so that all transactions lock counters before objects.
    #[tracing::instrument(name = "db.hold_dataset", level = "trace", skip_all)]
    pub async fn hold_dataset(&mut self, number: i64) -> Result<()> {
        // An update locks the row on every engine.
        const SQL: &str = "UPDATE datasets SET name = name WHERE id = $1";
        const COUNTERS: &str = "UPDATE quotas SET used = used WHERE owner_kind = 'dataset' \
                                AND owner_id = (SELECT node_id FROM datasets WHERE id = $1)";
        on_tx!(self, |connection| {
            for sql in [SQL, COUNTERS] {
                sqlx::query(sql).bind(number).execute(&mut *connection).await?;
            }
        });
        Ok(())
    }

    /// Adds a member to a dataset, or changes a member's role.
    #[tracing::instrument(name = "db.set_dataset_member", level = "trace", skip_all)]
    pub async fn set_dataset_member(&mut self, dataset: i64, user: &UserId, role: Role, now: SystemTime) -> Result<()> {
        const SQL: &str = "INSERT INTO dataset_members (dataset_id, user_id, role, added_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (dataset_id, user_id) DO UPDATE SET role = excluded.role";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(dataset).bind(user.as_str()).bind(role.as_str()).bind(micros(now));
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Returns a member of a dataset, as this transaction sees it.
    #[tracing::instrument(name = "db.find_dataset_member", level = "trace", skip_all)]
    pub async fn find_dataset_member(&mut self, dataset: i64, user: &UserId) -> Result<Option<Member>> {
        const SQL: &str = "SELECT user_id, role, added_at FROM dataset_members WHERE dataset_id = $1 AND user_id = $2";
        let row: Option<MemberRow> = on_tx!(self, |connection| {
            sqlx::query_as(SQL).bind(dataset).bind(user.as_str()).fetch_optional(connection).await?
        });
        row.map(MemberRow::into_member).transpose()
    }

    /// Returns the number of a dataset's owners.
    #[tracing::instrument(name = "db.count_dataset_owners", level = "trace", skip_all)]
    pub async fn count_dataset_owners(&mut self, dataset: i64) -> Result<u64> {
        const SQL: &str = "SELECT COUNT(*) FROM dataset_members WHERE dataset_id = $1 AND role = 'owner'";
        let (count,): (i64,) =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(dataset).fetch_one(connection).await?);
        Ok(to_u64(count))
    }

    /// Removes a member of a dataset.
    #[tracing::instrument(name = "db.remove_dataset_member", level = "trace", skip_all)]
    pub async fn remove_dataset_member(&mut self, dataset: i64, user: &UserId) -> Result<()> {
        const SQL: &str = "DELETE FROM dataset_members WHERE dataset_id = $1 AND user_id = $2";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(dataset).bind(user.as_str()).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Adds to the counters of a dataset's organisation; negative numbers subtract. The caller has
    /// locked the dataset and its own counters, which triggers keep; see [`Self::hold_dataset`].
    #[tracing::instrument(name = "db.count_in_organisation", level = "trace", skip_all)]
    pub async fn count_in_organisation(&mut self, dataset: i64, objects: i64, bytes: i64) -> Result<()> {
        const FIRST: &str = "INSERT INTO quotas (owner_kind, owner_id) SELECT 'organisation', o.name FROM datasets d \
                             JOIN organisations o ON o.id = d.org_id WHERE d.id = $1 \
                             ON CONFLICT (owner_kind, owner_id) DO NOTHING";
        const SQL: &str = "UPDATE quotas SET files = files + $2, used = used + $3 WHERE owner_kind = 'organisation' \
                           AND owner_id = (SELECT o.name FROM datasets d JOIN organisations o ON o.id = d.org_id WHERE d.id = $1)";
        on_tx!(self, |connection| {
            sqlx::query(FIRST).bind(dataset).execute(&mut *connection).await?;
            let query = sqlx::query(SQL).bind(dataset).bind(objects).bind(bytes);
            query.execute(&mut *connection).await.map(drop)?;
        });
        Ok(())
    }
}

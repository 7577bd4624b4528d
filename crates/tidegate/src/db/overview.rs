//! Reads what operators are shown of all owners: who uses how much, and what was added on each day.
//! Triggers count both (migrations 12 and 13). Never decides access; see `library::overview`.

use std::collections::BTreeMap;

use super::{Db, Tx, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::owner::OwnerKind;

/// An owner, and what it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerUsage {
    /// The kind of the owner.
    pub kind: OwnerKind,
    /// The id of the owner.
    pub id: String,
    /// The name of a space or a dataset.
    pub name: Option<String>,
    /// The number of readable objects.
    pub objects: u64,
    /// The bytes of readable objects.
    pub bytes: u64,
    /// The owner's own limit in bytes; `None` where the configured default applies.
    pub quota: Option<u64>,
}

/// What all owners of a kind use together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindUsage {
    /// The kind.
    pub kind: OwnerKind,
    /// The number of owners with readable objects.
    pub owners: u64,
    /// The number of readable objects.
    pub objects: u64,
    /// The bytes of readable objects.
    pub bytes: u64,
}

/// What was added to the owners of a kind on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUsage {
    /// The day in days since 1970, UTC.
    pub day: i64,
    /// The kind.
    pub kind: OwnerKind,
    /// The number of objects that became readable.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

row! {
    struct OwnerRow {
        owner_id: String,
        name: Option<String>,
        files: i64,
        used: i64,
        quota: Option<i64>,
    }
}

impl Db {
    /// Returns owners of a kind, those with the most bytes first, and among equals the greatest id
    /// first. They come after `before`: bytes and id.
    #[tracing::instrument(name = "db.list_owners_by_use", level = "trace", skip_all)]
    pub async fn list_owners_by_use(
        &self,
        kind: OwnerKind,
        before: (u64, &str),
        limit: i64,
    ) -> Result<Vec<OwnerUsage>> {
        const SQL: &str = "SELECT q.owner_id, COALESCE(s.name, d.name) AS name, q.files, q.used, q.quota FROM quotas q \
                           LEFT JOIN spaces s ON q.owner_kind = 'space' AND s.id = q.owner_id \
                           LEFT JOIN datasets d ON q.owner_kind = 'dataset' AND d.node_id = q.owner_id \
                           WHERE q.owner_kind = $1 AND q.files > 0 AND (q.used, q.owner_id) < ($2, $3) \
                           ORDER BY q.used DESC, q.owner_id DESC LIMIT $4";
        let rows: Vec<OwnerRow> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(kind.as_str()).bind(to_i64(before.0)).bind(before.1).bind(limit);
            query.fetch_all(pool).await?
        });
        let shown = rows.into_iter().map(|row| OwnerUsage {
            kind,
            id: row.owner_id,
            name: row.name,
            objects: to_u64(row.files),
            bytes: to_u64(row.used),
            quota: row.quota.map(to_u64),
        });
        Ok(shown.collect())
    }

    /// Returns what the owners of each kind use together. Reads the counters of all owners.
    #[tracing::instrument(name = "db.total_usage", level = "trace", skip_all)]
    pub async fn total_usage(&self) -> Result<Vec<KindUsage>> {
        const SQL: &str = "SELECT owner_kind, COUNT(*), CAST(SUM(files) AS BIGINT), CAST(SUM(used) AS BIGINT) \
                           FROM quotas WHERE files > 0 GROUP BY owner_kind";
        let rows: Vec<(String, i64, i64, i64)> = on_reader!(self, |pool| sqlx::query_as(SQL).fetch_all(pool).await?);
        let of = |kind: OwnerKind| {
            let found = rows.iter().find(|(name, ..)| name == kind.as_str());
            let (owners, objects, bytes) =
                found.map_or((0, 0, 0), |(_, owners, objects, bytes)| (*owners, *objects, *bytes));
            KindUsage { kind, owners: to_u64(owners), objects: to_u64(objects), bytes: to_u64(bytes) }
        };
        // The other rows count what users have begun and what organisations have.
        Ok(OwnerKind::ALL.into_iter().map(of).collect())
    }

    /// Returns what was added on each day from `since` to `until`, both included, by kind.
    #[tracing::instrument(name = "db.list_usage_days", level = "trace", skip_all)]
    pub async fn list_usage_days(&self, since: i64, until: i64) -> Result<Vec<DayUsage>> {
        const SQL: &str = "SELECT day, owner_kind, CAST(SUM(objects) AS BIGINT), CAST(SUM(bytes) AS BIGINT) \
                           FROM usage_days WHERE day >= $1 AND day <= $2 \
                           GROUP BY day, owner_kind ORDER BY day, owner_kind";
        let rows: Vec<(i64, String, i64, i64)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(since).bind(until).fetch_all(pool).await?);
        let days = rows.into_iter().filter_map(|(day, kind, objects, bytes)| {
            let kind = OwnerKind::parse(&kind)?;
            Some(DayUsage { day, kind, objects: to_u64(objects), bytes: to_u64(bytes) })
        });
        Ok(days.collect())
    }
}

impl Tx {
    /// Adds up to `limit` rows of owners from days before `day` into the rows of their days and
    /// kinds. Returns the number of rows that are gone.
    #[tracing::instrument(name = "db.add_up_usage_days", level = "trace", skip_all)]
    pub async fn add_up_usage_days(&mut self, day: i64, limit: i64) -> Result<usize> {
        const TAKE: &str = "DELETE FROM usage_days WHERE (day, owner_kind, owner_id) IN (SELECT day, owner_kind, owner_id \
                            FROM usage_days WHERE day < $1 AND owner_id <> '' LIMIT $2) \
                            RETURNING day, owner_kind, objects, bytes";
        const ADD: &str = "INSERT INTO usage_days (day, owner_kind, owner_id, objects, bytes) VALUES ($1, $2, '', $3, $4) \
                           ON CONFLICT (day, owner_kind, owner_id) DO UPDATE SET \
                           objects = usage_days.objects + excluded.objects, bytes = usage_days.bytes + excluded.bytes";
        let rows: Vec<(i64, String, i64, i64)> =
            on_tx!(self, |connection| sqlx::query_as(TAKE).bind(day).bind(limit).fetch_all(connection).await?);
        let mut sums = BTreeMap::<(i64, &str), (i64, i64)>::new();
        for (day, kind, objects, bytes) in &rows {
            let sum = sums.entry((*day, kind.as_str())).or_default();
            *sum = (sum.0.saturating_add(*objects), sum.1.saturating_add(*bytes));
        }
        for ((day, kind), (objects, bytes)) in sums {
            on_tx!(self, |connection| {
                let query = sqlx::query(ADD).bind(day).bind(kind).bind(objects).bind(bytes);
                query.execute(connection).await.map(drop)?;
            });
        }
        Ok(rows.len())
    }
}

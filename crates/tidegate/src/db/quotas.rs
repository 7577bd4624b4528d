//! Stores usage and quotas of owners. Triggers of the database count every object and upload by its
//! state (migration 12); only the counters of folders are added to here. A check is one conditional
//! statement that locks the counters until the rows are inserted, so that any number of servers
//! cannot exceed a limit together. Never decides a limit; the configuration and `set_quota` do.

use std::time::SystemTime;

use super::{Db, Tx, TxEngine, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::micros;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::quota::{Demand, Quotas, Resource, Shortage, Usage};

/// The kind of the rows that count what a user has begun, whatever the owner.
const USER: &str = "user";

row! {
    struct Row {
        used: i64,
        reserved: i64,
        kept: i64,
        files: i64,
        reserved_files: i64,
        kept_files: i64,
        open_uploads: i64,
        quota: Option<i64>,
        link_epoch: i64,
    }
}

impl Row {
    fn into_usage(self) -> Usage {
        Usage {
            used: to_u64(self.used),
            reserved: to_u64(self.reserved),
            kept: to_u64(self.kept),
            files: to_u64(self.files),
            reserved_files: to_u64(self.reserved_files),
            kept_files: to_u64(self.kept_files),
            open_uploads: to_u64(self.open_uploads),
            quota: self.quota.map(to_u64),
            link_epoch: to_u64(self.link_epoch),
        }
    }
}

const USAGE: &str = "SELECT used, reserved, kept, files, reserved_files, kept_files, open_uploads, quota, link_epoch \
                     FROM quotas WHERE owner_kind = $1 AND owner_id = $2";
const FIRST: &str =
    "INSERT INTO quotas (owner_kind, owner_id) VALUES ($1, $2) ON CONFLICT (owner_kind, owner_id) DO NOTHING";

const ANNOUNCED: &str = "SELECT COALESCE(announced, 0) FROM objects WHERE id = $1";

impl Db {
    /// Returns the bytes that are reserved for an object of any owner until its size is known.
    #[tracing::instrument(name = "db.find_announced_unscoped", level = "trace", skip_all)]
    pub async fn find_announced_unscoped(&self, id: ObjectId) -> Result<u64> {
        let row: Option<(i64,)> =
            on_reader!(self, |pool| sqlx::query_as(ANNOUNCED).bind(id.0).fetch_optional(pool).await?);
        Ok(row.map_or(0, |(bytes,)| to_u64(bytes)))
    }

    /// Returns the usage of an owner; zero if it never had anything.
    #[tracing::instrument(name = "db.find_usage", level = "trace", skip_all)]
    pub async fn find_usage(&self, owner: &Owner) -> Result<Usage> {
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(USAGE).bind(owner.kind().as_str()).bind(owner.id()).fetch_optional(pool).await?
        });
        Ok(row.map(Row::into_usage).unwrap_or_default())
    }

    /// Returns the number of users who have used or reserved more than four fifths of their quota,
    /// or of the default one. Reads all users.
    #[tracing::instrument(name = "db.count_nearly_full", level = "trace", skip_all)]
    pub async fn count_nearly_full(&self, usual: u64) -> Result<u64> {
        // Divided, because a multiplied limit could overflow.
        const SQL: &str = "SELECT COUNT(*) FROM quotas WHERE owner_kind = 'files' \
                           AND (used + reserved) / 4 > COALESCE(quota, $1) / 5";
        let (count,): (i64,) = on_reader!(self, |pool| sqlx::query_as(SQL).bind(to_i64(usual)).fetch_one(pool).await?);
        Ok(to_u64(count))
    }
}

impl Tx {
    /// Checks a request against the quotas of its owner, and locks the owner's counters: what the
    /// caller inserts before its commit is counted before the next request is checked. Returns what
    /// is missing, if it does not fit. A quota of which nothing is requested refuses nothing.
    #[tracing::instrument(name = "db.check_quota", level = "trace", skip_all)]
    pub async fn check_quota(&mut self, owner: &Owner, demand: Demand, quotas: &Quotas) -> Result<Option<Shortage>> {
        const SQL: &str = "UPDATE quotas SET used = used WHERE owner_kind = $1 AND owner_id = $2 \
                           AND ($3 = 0 OR $3 <= COALESCE(quota, $4) - used - reserved - kept) \
                           AND ($5 = 0 OR $5 <= $6 - files - reserved_files - kept_files) \
                           AND ($7 = 0 OR $7 <= $8 - open_uploads)";
        let (kind, id) = (owner.kind().as_str(), owner.id());
        let refused: Option<Row> = on_tx!(self, |connection| {
            sqlx::query(FIRST).bind(kind).bind(id).execute(&mut *connection).await?;
            let query = sqlx::query(SQL).bind(kind).bind(id).bind(to_i64(demand.bytes)).bind(to_i64(quotas.bytes));
            let query = query.bind(to_i64(demand.objects)).bind(to_i64(quotas.objects));
            let query = query.bind(to_i64(demand.uploads)).bind(to_i64(quotas.open_uploads));
            match query.execute(&mut *connection).await?.rows_affected() {
                1 => None,
                _ => sqlx::query_as(USAGE).bind(kind).bind(id).fetch_optional(&mut *connection).await?,
            }
        });
        let Some(row) = refused else { return Ok(None) };
        let usage = row.into_usage();
        // Another transaction may have freed enough in between; the request was refused all the same.
        let bytes = Shortage {
            resource: Resource::Bytes,
            used: usage.used + usage.reserved + usage.kept,
            quota: usage.quota.unwrap_or(quotas.bytes),
            requested: demand.bytes,
        };
        Ok(Some(usage.shortage(demand, quotas).unwrap_or(bytes)))
    }

    /// Checks new uploads against the number that one user may have open, and locks the user's
    /// counters until the transaction ends. Returns what is missing.
    #[tracing::instrument(name = "db.check_open_uploads_of", level = "trace", skip_all)]
    pub async fn check_open_uploads_of(&mut self, user: &str, uploads: u64, quota: u64) -> Result<Option<Shortage>> {
        const SQL: &str =
            "UPDATE quotas SET used = used WHERE owner_kind = $1 AND owner_id = $2 AND $3 <= $4 - open_uploads";
        const OPEN: &str = "SELECT open_uploads FROM quotas WHERE owner_kind = $1 AND owner_id = $2";
        let taken: Option<(i64,)> = on_tx!(self, |connection| {
            sqlx::query(FIRST).bind(USER).bind(user).execute(&mut *connection).await?;
            let query = sqlx::query(SQL).bind(USER).bind(user).bind(to_i64(uploads)).bind(to_i64(quota));
            match query.execute(&mut *connection).await?.rows_affected() {
                1 => None,
                _ => sqlx::query_as(OPEN).bind(USER).bind(user).fetch_optional(&mut *connection).await?,
            }
        });
        let shortage =
            |used| Shortage { resource: Resource::OpenUploadsOfUser, used: to_u64(used), quota, requested: uploads };
        Ok(taken.map(|(used,)| shortage(used)))
    }

    /// Checks the number of sessions, spaces or datasets that a user has created, of which this
    /// transaction has inserted one. Deleted ones count if they were deleted after `kept_since`.
    /// Locks the user's counters until the transaction ends. Returns what is missing.
    #[tracing::instrument(name = "db.check_owners_of", level = "trace", skip_all)]
    pub async fn check_owners_of(
        &mut self,
        user: &str,
        kind: OwnerKind,
        kept_since: SystemTime,
        quota: u64,
    ) -> Result<Option<Shortage>> {
        const LOCK: &str = "UPDATE quotas SET used = used WHERE owner_kind = $1 AND owner_id = $2";
        let (resource, sql) = match kind {
            OwnerKind::Session => (
                Resource::Sessions,
                "SELECT COUNT(*) FROM sessions WHERE created_by = $1 AND (deleted_at IS NULL OR deleted_at >= $2)",
            ),
            OwnerKind::Space => (
                Resource::Spaces,
                "SELECT COUNT(*) FROM spaces WHERE created_by = $1 AND (deleted_at IS NULL OR deleted_at >= $2)",
            ),
            // Datasets are never deleted.
            OwnerKind::Dataset => (Resource::Datasets, "SELECT COUNT(*) FROM datasets WHERE created_by = $1"),
            OwnerKind::Disks | OwnerKind::Files => return Ok(None),
        };
        let (count,): (i64,) = on_tx!(self, |connection| {
            sqlx::query(FIRST).bind(USER).bind(user).execute(&mut *connection).await?;
            sqlx::query(LOCK).bind(USER).bind(user).execute(&mut *connection).await?;
            let query = sqlx::query_as(sql).bind(user);
            let query = if kind == OwnerKind::Dataset { query } else { query.bind(micros(kept_since)) };
            query.fetch_one(&mut *connection).await?
        });
        let used = to_u64(count - 1);
        Ok((used >= quota).then_some(Shortage { resource, used, quota, requested: 1 }))
    }

    /// Returns the bytes that are reserved for an object of any owner until its size is known, as
    /// this transaction sees it.
    #[tracing::instrument(name = "db.find_announced_in_tx_unscoped", level = "trace", skip_all)]
    pub async fn find_announced_unscoped(&mut self, id: ObjectId) -> Result<u64> {
        let row: Option<(i64,)> =
            on_tx!(self, |connection| sqlx::query_as(ANNOUNCED).bind(id.0).fetch_optional(connection).await?);
        Ok(row.map_or(0, |(bytes,)| to_u64(bytes)))
    }

    /// Stores the bytes that are reserved for a PENDING object until it is published: its size, or
    /// the most that it can have.
    #[tracing::instrument(name = "db.set_announced", level = "trace", skip_all)]
    pub async fn set_announced(&mut self, id: ObjectId, bytes: u64) -> Result<()> {
        const SQL: &str = "UPDATE objects SET announced = $2 WHERE id = $1 AND state = 'PENDING'";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.0).bind(to_i64(bytes)).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Locks the counters of an object's owner. Functions that change an object's state call this
    /// first, so that all transactions lock counters before objects. SQLite has one writer.
    pub(super) async fn hold_quota_of(&mut self, id: ObjectId) -> Result<()> {
        const SQL: &str = "SELECT 1 FROM quotas q JOIN objects o ON o.owner_kind = q.owner_kind AND o.owner_id = q.owner_id \
                           WHERE o.id = $1 FOR NO KEY UPDATE OF q";
        if matches!(self.engine, TxEngine::Postgres(_)) {
            on_tx!(self, |connection| sqlx::query(SQL).bind(id.0).execute(connection).await.map(drop)?);
        }
        Ok(())
    }

    /// Locks an owner's usage until the transaction ends.
    #[tracing::instrument(name = "db.hold_quota", level = "trace", skip_all)]
    pub async fn hold_quota(&mut self, owner: &Owner) -> Result<()> {
        const SQL: &str = "UPDATE quotas SET used = used WHERE owner_kind = $1 AND owner_id = $2";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(owner.kind().as_str()).bind(owner.id());
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Sets an owner's quota, or resets it to the default.
    #[tracing::instrument(name = "db.set_quota", level = "trace", skip_all)]
    pub async fn set_quota(&mut self, owner: &Owner, quota: Option<u64>) -> Result<()> {
        const SQL: &str = "INSERT INTO quotas (owner_kind, owner_id, quota) VALUES ($1, $2, $3) \
                           ON CONFLICT (owner_kind, owner_id) DO UPDATE SET quota = excluded.quota";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(owner.kind().as_str()).bind(owner.id()).bind(quota.map(to_i64));
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Adds READY files and their bytes to the counters of a folder; negative numbers subtract.
    #[tracing::instrument(name = "db.count_in_folder", level = "trace", skip_all)]
    pub async fn count_in_folder(&mut self, owner: &Owner, folder: &str, files: i64, bytes: i64) -> Result<()> {
        // The row is inserted first, because the constraint is checked before the addition.
        const FOLDER: &str = "INSERT INTO folders (owner_kind, owner_id, folder, files, bytes) VALUES ($1, $2, $3, 0, 0) \
                              ON CONFLICT (owner_kind, owner_id, folder) DO NOTHING";
        const HELD: &str = "UPDATE folders SET files = files + $4, bytes = bytes + $5 \
                            WHERE owner_kind = $1 AND owner_id = $2 AND folder = $3";
        const EMPTY: &str = "DELETE FROM folders WHERE owner_kind = $1 AND owner_id = $2 AND folder = $3 AND files = 0";
        let (kind, id) = (owner.kind().as_str(), owner.id());
        on_tx!(self, |connection| {
            sqlx::query(FOLDER).bind(kind).bind(id).bind(folder).execute(&mut *connection).await?;
            let held = sqlx::query(HELD).bind(kind).bind(id).bind(folder).bind(files).bind(bytes);
            held.execute(&mut *connection).await?;
            sqlx::query(EMPTY).bind(kind).bind(id).bind(folder).execute(&mut *connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Raises the link epoch of an owner, which revokes all links to its files.
    #[tracing::instrument(name = "db.raise_link_epoch", level = "trace", skip_all)]
    pub async fn raise_link_epoch(&mut self, owner: &Owner) -> Result<()> {
        const SQL: &str = "INSERT INTO quotas (owner_kind, owner_id, link_epoch) VALUES ($1, $2, 1) \
                           ON CONFLICT (owner_kind, owner_id) DO UPDATE SET link_epoch = quotas.link_epoch + 1";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(owner.kind().as_str()).bind(owner.id());
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }
}

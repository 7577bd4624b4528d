//! Stores usage and quotas of owners. Every change is one conditional statement in its caller's
//! transaction, so that any number of servers cannot exceed a limit together. Never decides a
//! limit; the configuration and `set_quota` do.

use super::{Db, Tx, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::owner::Owner;
use crate::model::quota::Usage;

#[derive(sqlx::FromRow)]
struct Row {
    used: i64,
    reserved: i64,
    files: i64,
    quota: Option<i64>,
    link_epoch: i64,
}

impl Row {
    fn into_usage(self) -> Usage {
        Usage {
            used: to_u64(self.used),
            reserved: to_u64(self.reserved),
            files: to_u64(self.files),
            quota: self.quota.map(to_u64),
            link_epoch: to_u64(self.link_epoch),
        }
    }
}

impl Db {
    /// Returns the usage of an owner; zero if it never had anything.
    #[tracing::instrument(name = "db.find_usage", level = "trace", skip_all)]
    pub async fn find_usage(&self, owner: &Owner) -> Result<Usage> {
        const SQL: &str =
            "SELECT used, reserved, files, quota, link_epoch FROM quotas WHERE owner_kind = $1 AND owner_id = $2";
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(owner.kind().as_str()).bind(owner.id()).fetch_optional(pool).await?
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
    /// Reserves bytes within an owner's quota, or the default one. Returns `false` if not enough is
    /// left.
    #[tracing::instrument(name = "db.reserve", level = "trace", skip_all)]
    pub async fn reserve(&mut self, owner: &Owner, bytes: u64, usual: u64) -> Result<bool> {
        const FIRST: &str =
            "INSERT INTO quotas (owner_kind, owner_id) VALUES ($1, $2) ON CONFLICT (owner_kind, owner_id) DO NOTHING";
        const SQL: &str = "UPDATE quotas SET reserved = reserved + $3 WHERE owner_kind = $1 AND owner_id = $2 \
                           AND $3 <= COALESCE(quota, $4) - used - reserved";
        let done = on_tx!(self, |connection| {
            sqlx::query(FIRST).bind(owner.kind().as_str()).bind(owner.id()).execute(&mut *connection).await?;
            let query = sqlx::query(SQL).bind(owner.kind().as_str()).bind(owner.id());
            query.bind(to_i64(bytes)).bind(to_i64(usual)).execute(&mut *connection).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// Releases the bytes that an upload has reserved. Does nothing the second time.
    #[tracing::instrument(name = "db.release", level = "trace", skip_all)]
    pub async fn release(&mut self, upload_id: &str) -> Result<()> {
        const SQL: &str = "UPDATE quotas SET reserved = reserved - (SELECT reserved FROM uploads WHERE id = $1) \
                           WHERE (owner_kind, owner_id) = (SELECT owner_kind, owner_id FROM uploads WHERE id = $1)";
        const NONE: &str = "UPDATE uploads SET reserved = 0 WHERE id = $1";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(upload_id).execute(&mut *connection).await?;
            sqlx::query(NONE).bind(upload_id).execute(&mut *connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Releases the bytes reserved by the upload of an object.
    #[tracing::instrument(name = "db.release_of", level = "trace", skip_all)]
    pub async fn release_of(&mut self, object: ObjectId) -> Result<()> {
        const SQL: &str = "SELECT id FROM uploads WHERE object_id = $1";
        let upload: Option<(String,)> =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(object.0).fetch_optional(connection).await?);
        match upload {
            Some((id,)) => self.release(&id).await,
            None => Ok(()),
        }
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

    /// Adds files and their bytes to the counters of their owner and folder; negative numbers
    /// subtract.
    #[tracing::instrument(name = "db.count_files_moved", level = "trace", skip_all)]
    pub async fn count_files(&mut self, owner: &Owner, folder: &str, files: i64, bytes: i64) -> Result<()> {
        const OWNER: &str =
            "INSERT INTO quotas (owner_kind, owner_id) VALUES ($1, $2) ON CONFLICT (owner_kind, owner_id) DO NOTHING";
        const OWNED: &str =
            "UPDATE quotas SET used = used + $3, files = files + $4 WHERE owner_kind = $1 AND owner_id = $2";
        const FOLDER: &str = "INSERT INTO folders (owner_kind, owner_id, folder, files, bytes) VALUES ($1, $2, $3, 0, 0) \
                              ON CONFLICT (owner_kind, owner_id, folder) DO NOTHING";
        const HELD: &str = "UPDATE folders SET files = files + $4, bytes = bytes + $5 \
                            WHERE owner_kind = $1 AND owner_id = $2 AND folder = $3";
        const EMPTY: &str = "DELETE FROM folders WHERE owner_kind = $1 AND owner_id = $2 AND folder = $3 AND files = 0";
        let (kind, id) = (owner.kind().as_str(), owner.id());
        on_tx!(self, |connection| {
            sqlx::query(OWNER).bind(kind).bind(id).execute(&mut *connection).await?;
            sqlx::query(OWNED).bind(kind).bind(id).bind(bytes).bind(files).execute(&mut *connection).await?;
            sqlx::query(FOLDER).bind(kind).bind(id).bind(folder).execute(&mut *connection).await?;
            let held = sqlx::query(HELD).bind(kind).bind(id).bind(folder).bind(files).bind(bytes);
            held.execute(&mut *connection).await?;
            sqlx::query(EMPTY).bind(kind).bind(id).bind(folder).execute(&mut *connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Adds objects and their bytes to the counters of their owner; negative numbers subtract.
    #[tracing::instrument(name = "db.count_objects", level = "trace", skip_all)]
    pub async fn count_objects(&mut self, owner: &Owner, objects: i64, bytes: i64) -> Result<()> {
        // The row is inserted first, because the constraint is checked before the addition.
        const FIRST: &str =
            "INSERT INTO quotas (owner_kind, owner_id) VALUES ($1, $2) ON CONFLICT (owner_kind, owner_id) DO NOTHING";
        const SQL: &str =
            "UPDATE quotas SET files = files + $3, used = used + $4 WHERE owner_kind = $1 AND owner_id = $2";
        let (kind, id) = (owner.kind().as_str(), owner.id());
        on_tx!(self, |connection| {
            sqlx::query(FIRST).bind(kind).bind(id).execute(&mut *connection).await?;
            let query = sqlx::query(SQL).bind(kind).bind(id).bind(objects).bind(bytes);
            query.execute(&mut *connection).await.map(drop)?;
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

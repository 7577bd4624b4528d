//! Marks ETags that earlier versions stored without saying what they are. On local disk, those of
//! 32 hexadecimal digits may be random, so the store appends `-1` to them, and the rows are updated
//! once to match. Never runs for a bucket.

use uuid::Uuid;

use super::{Db, Tx, on_reader, on_tx};
use crate::error::Result;

/// The number of objects in one transaction.
const BATCH: i64 = 5000;

impl Db {
    /// Marks the ETags of old rows as not being MD5s, and returns how many it has marked. Continues
    /// an interrupted run; does nothing after a complete one. Only for a local store.
    #[tracing::instrument(name = "db.mark_old_etags", level = "trace", skip_all)]
    pub async fn mark_old_etags(&self) -> Result<u64> {
        const SQL: &str = "SELECT stored_before FROM etags_to_mark";
        let row: Option<(i64,)> = on_reader!(self, |pool| sqlx::query_as(SQL).fetch_optional(pool).await?);
        let Some((before,)) = row else { return Ok(0) };
        let (mut after, mut marked) = (Uuid::nil(), 0);
        while let Some(last) = self.last_of_batch(after).await? {
            let mut tx = self.begin().await?;
            marked += tx.mark_etags((after, last), before).await?;
            tx.commit().await?;
            after = last;
        }
        let mut tx = self.begin().await?;
        tx.finish_marking().await?;
        tx.commit().await?;
        if marked > 0 {
            tracing::info!(rows = marked, "ETags from an earlier version were marked as not being MD5s");
        }
        Ok(marked)
    }

    async fn last_of_batch(&self, after: Uuid) -> Result<Option<Uuid>> {
        const SQL: &str = "SELECT id FROM (SELECT id FROM objects WHERE id > $1 ORDER BY id LIMIT $2) AS batch \
                           ORDER BY id DESC LIMIT 1";
        let row: Option<(Uuid,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(after).bind(BATCH).fetch_optional(pool).await?);
        Ok(row.map(|(id,)| id))
    }
}

impl Tx {
    async fn mark_etags(&mut self, (after, last): (Uuid, Uuid), before: i64) -> Result<u64> {
        const OBJECTS: &str = "UPDATE objects SET etag = etag || '-1' \
                               WHERE id > $1 AND id <= $2 AND modified_at < $3 AND LENGTH(etag) = 32";
        const VARIANTS: &str = "UPDATE variants SET etag = etag || '-1' \
                                WHERE object_id > $1 AND object_id <= $2 AND modified_at < $3 AND LENGTH(etag) = 32";
        let mut marked = 0;
        for sql in [OBJECTS, VARIANTS] {
            marked += on_tx!(&mut *self, |connection| {
                sqlx::query(sql).bind(after).bind(last).bind(before).execute(connection).await?.rows_affected()
            });
        }
        Ok(marked)
    }

    async fn finish_marking(&mut self) -> Result<()> {
        const SQL: &str = "DELETE FROM etags_to_mark";
        on_tx!(self, |connection| sqlx::query(SQL).execute(connection).await?.rows_affected());
        Ok(())
    }
}

//! Parts of any size, each a blob of its own until its upload ends.

use super::{Db, Tx, corrupt, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::upload::StoredPart;

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    blob_key: String,
    size: i64,
    sha256: String,
    crc32: i64,
}

impl Row {
    fn into_part(self) -> Result<StoredPart> {
        Ok(StoredPart {
            number: u32::try_from(self.number).map_err(|_| corrupt("part number"))?,
            blob_key: self.blob_key,
            size: to_u64(self.size),
            sha256: self.sha256,
            crc32: u32::try_from(self.crc32).map_err(|_| corrupt("CRC-32"))?,
        })
    }
}

impl Db {
    /// The parts of an upload, by number.
    #[tracing::instrument(name = "db.list_upload_parts", level = "trace", skip_all)]
    pub async fn list_upload_parts(&self, upload_id: &str) -> Result<Vec<StoredPart>> {
        const SQL: &str =
            "SELECT number, blob_key, size, sha256, crc32 FROM upload_parts WHERE upload_id = $1 ORDER BY number";
        let rows: Vec<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(upload_id).fetch_all(pool).await?);
        rows.into_iter().map(Row::into_part).collect()
    }
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It is kept; the blob of the one it replaces may go.
    Kept(Option<String>),
    /// The upload takes nothing more.
    Closed,
    /// With it, there would be more than was announced.
    TooMuch,
}

impl Tx {
    /// Keeps a part of an open upload, in place of an earlier one of its number.
    #[tracing::instrument(name = "db.put_upload_part", level = "trace", skip_all)]
    pub async fn put_upload_part(&mut self, upload_id: &str, part: &StoredPart) -> Result<Put> {
        // The row is held, so that the sum below is that of all parts.
        const HOLD: &str = "UPDATE uploads SET state = state WHERE id = $1 AND state = 'OPEN'";
        const OTHERS: &str =
            "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM upload_parts WHERE upload_id = $1 AND number <> $2";
        const ROOM: &str = "SELECT announced_size FROM uploads WHERE id = $1";
        const BEFORE: &str = "SELECT blob_key FROM upload_parts WHERE upload_id = $1 AND number = $2";
        const PUT: &str = "INSERT INTO upload_parts (upload_id, number, blob_key, size, sha256, crc32) \
                           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (upload_id, number) DO UPDATE \
                           SET blob_key = excluded.blob_key, size = excluded.size, sha256 = excluded.sha256, \
                           crc32 = excluded.crc32";
        let number = i64::from(part.number);
        Ok(on_tx!(self, |connection| {
            let held = sqlx::query(HOLD).bind(upload_id).execute(&mut *connection).await?.rows_affected();
            if held == 0 {
                return Ok(Put::Closed);
            }
            let (others,): (i64,) =
                sqlx::query_as(OTHERS).bind(upload_id).bind(number).fetch_one(&mut *connection).await?;
            let (room,): (Option<i64>,) = sqlx::query_as(ROOM).bind(upload_id).fetch_one(&mut *connection).await?;
            if room.is_some_and(|room| others.saturating_add(to_i64(part.size)) > room) {
                return Ok(Put::TooMuch);
            }
            let before: Option<(String,)> =
                sqlx::query_as(BEFORE).bind(upload_id).bind(number).fetch_optional(&mut *connection).await?;
            let put = sqlx::query(PUT).bind(upload_id).bind(number).bind(&part.blob_key).bind(to_i64(part.size));
            put.bind(&part.sha256).bind(i64::from(part.crc32)).execute(&mut *connection).await?;
            Put::Kept(before.map(|(key,)| key))
        }))
    }

    /// Forgets the parts of an upload that has ended.
    #[tracing::instrument(name = "db.forget_upload_parts", level = "trace", skip_all)]
    pub async fn forget_upload_parts(&mut self, upload_id: &str) -> Result<()> {
        const SQL: &str = "DELETE FROM upload_parts WHERE upload_id = $1";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(upload_id).execute(connection).await.map(drop)?;
        });
        Ok(())
    }
}

//! Stores the parts of uploads of files, until their uploads end. Their bytes are fragments in the
//! store; see `surfaces::files::uploads`.

use store::Fragment;

use super::{Db, Tx, corrupt, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::upload::{StoredPart, Upload};

row! {
    struct Row {
        number: i64,
        blob_key: String,
        starts_at: i64,
        size: i64,
        crc32: i64,
    }
}

impl Row {
    fn into_part(self) -> Result<StoredPart> {
        Ok(StoredPart {
            number: u32::try_from(self.number).map_err(|_| corrupt("part number"))?,
            bytes: Fragment { place: self.blob_key, offset: to_u64(self.starts_at), size: to_u64(self.size) },
            crc32: u32::try_from(self.crc32).map_err(|_| corrupt("CRC-32"))?,
        })
    }
}

impl Db {
    /// Returns the parts of an upload in the order of their numbers.
    #[tracing::instrument(name = "db.list_upload_parts", level = "trace", skip_all)]
    pub async fn list_upload_parts(&self, upload_id: &str) -> Result<Vec<StoredPart>> {
        const SQL: &str =
            "SELECT number, blob_key, starts_at, size, crc32 FROM upload_parts WHERE upload_id = $1 ORDER BY number";
        let rows: Vec<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(upload_id).fetch_all(pool).await?);
        rows.into_iter().map(Row::into_part).collect()
    }

    /// Returns whether an upload has parts.
    #[tracing::instrument(name = "db.has_upload_parts", level = "trace", skip_all)]
    pub async fn has_upload_parts(&self, upload_id: &str) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM upload_parts WHERE upload_id = $1 LIMIT 1";
        let row: Option<(i32,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(upload_id).fetch_optional(pool).await?);
        Ok(row.is_some())
    }

    /// Returns how many bytes part `number` may have: the announced size less the other parts.
    #[tracing::instrument(name = "db.room_for_part", level = "trace", skip_all)]
    pub async fn room_for_part(&self, upload_id: &str, number: u32) -> Result<u64> {
        const SQL: &str = "SELECT announced_size - received + COALESCE( \
                           (SELECT size FROM upload_parts WHERE upload_id = $1 AND number = $2), 0) \
                           FROM uploads WHERE id = $1";
        let room: Option<(Option<i64>,)> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(upload_id).bind(i64::from(number)).fetch_optional(pool).await?
        });
        Ok(room.and_then(|(room,)| room).map_or(0, to_u64))
    }
}

/// The outcome of storing a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The part is stored. Holds the bytes that it replaces, which can be deleted.
    Kept(Option<Fragment>),
    /// The upload is no longer open.
    Closed,
    /// A completion has frozen the parts.
    Frozen,
    /// The part had to be the only one, and there are others.
    NotAlone,
    /// The parts would exceed the announced size.
    TooMuch,
}

impl Tx {
    /// Stores a part of an open upload, and replaces an earlier one with its number. With `alone`,
    /// stores it only if the upload has no parts.
    #[tracing::instrument(name = "db.put_upload_part", level = "trace", skip_all)]
    pub async fn put_upload_part(&mut self, upload_id: &str, part: &StoredPart, alone: bool) -> Result<Put> {
        // The row is locked, so that its byte count covers all parts.
        const HOLD: &str = "UPDATE uploads SET state = state WHERE id = $1 AND state = 'OPEN' \
                            RETURNING received, announced_size, parts_digest";
        const ANY: &str = "SELECT 1 FROM upload_parts WHERE upload_id = $1 LIMIT 1";
        const BEFORE: &str = "SELECT blob_key, starts_at, size FROM upload_parts WHERE upload_id = $1 AND number = $2";
        const PUT: &str = "INSERT INTO upload_parts (upload_id, number, blob_key, starts_at, size, crc32) \
                           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (upload_id, number) DO UPDATE \
                           SET blob_key = excluded.blob_key, starts_at = excluded.starts_at, size = excluded.size, \
                           crc32 = excluded.crc32";
        const COUNT: &str = "UPDATE uploads SET received = $2 WHERE id = $1";
        let number = i64::from(part.number);
        Ok(on_tx!(self, |connection| {
            let held: Option<(i64, Option<i64>, Option<String>)> =
                sqlx::query_as(HOLD).bind(upload_id).fetch_optional(&mut *connection).await?;
            let Some((received, announced, frozen)) = held else { return Ok(Put::Closed) };
            if frozen.is_some() {
                return Ok(Put::Frozen);
            }
            if alone {
                let any: Option<(i32,)> = sqlx::query_as(ANY).bind(upload_id).fetch_optional(&mut *connection).await?;
                if any.is_some() {
                    return Ok(Put::NotAlone);
                }
            }
            let before: Option<(String, i64, i64)> =
                sqlx::query_as(BEFORE).bind(upload_id).bind(number).fetch_optional(&mut *connection).await?;
            let others = received.saturating_sub(before.as_ref().map_or(0, |(_, _, size)| *size));
            let received = others.saturating_add(to_i64(part.bytes.size));
            if announced.is_some_and(|announced| received > announced) {
                return Ok(Put::TooMuch);
            }
            let put = sqlx::query(PUT).bind(upload_id).bind(number).bind(&part.bytes.place);
            let put = put.bind(to_i64(part.bytes.offset)).bind(to_i64(part.bytes.size)).bind(i64::from(part.crc32));
            put.execute(&mut *connection).await?;
            sqlx::query(COUNT).bind(upload_id).bind(received).execute(&mut *connection).await?;
            Put::Kept(before.map(|(place, offset, size)| Fragment {
                place,
                offset: to_u64(offset),
                size: to_u64(size),
            }))
        }))
    }

    /// Records the digest of the parts with which an open upload is being completed; it accepts no
    /// more parts after that. Returns `false` if it is not open, or if its parts differ from
    /// `parts` in number or place.
    #[tracing::instrument(name = "db.freeze_upload_parts", level = "trace", skip_all)]
    pub async fn freeze_upload_parts(
        &mut self,
        upload: &Upload,
        parts: &[(u32, String)],
        parts_digest: &str,
    ) -> Result<bool> {
        // Locks the row first, so that no part is added before the commit.
        const FREEZE: &str =
            "UPDATE uploads SET parts_digest = $2 WHERE id = $1 AND state = 'OPEN' AND object_key = $3";
        const PARTS: &str = "SELECT number, blob_key FROM upload_parts WHERE upload_id = $1 ORDER BY number";
        Ok(on_tx!(self, |connection| {
            let query = sqlx::query(FREEZE).bind(&upload.id).bind(parts_digest).bind(upload.key.as_str());
            let frozen = query.execute(&mut *connection).await?;
            let now: Vec<(i64, String)> = sqlx::query_as(PARTS).bind(&upload.id).fetch_all(&mut *connection).await?;
            let same = now.iter().map(|(number, place)| (*number, place));
            frozen.rows_affected() == 1 && same.eq(parts.iter().map(|(number, place)| (i64::from(*number), place)))
        }))
    }

    /// Deletes a part, unless another has replaced it or a completion has frozen it. Returns
    /// whether it was deleted.
    #[tracing::instrument(name = "db.delete_upload_part", level = "trace", skip_all)]
    pub async fn delete_upload_part(&mut self, upload_id: &str, part: &StoredPart) -> Result<bool> {
        const HOLD: &str = "UPDATE uploads SET state = state WHERE id = $1 AND parts_digest IS NULL";
        const SQL: &str = "DELETE FROM upload_parts WHERE upload_id = $1 AND number = $2 AND blob_key = $3";
        const COUNT: &str = "UPDATE uploads SET received = received - $2 WHERE id = $1";
        Ok(on_tx!(self, |connection| {
            if sqlx::query(HOLD).bind(upload_id).execute(&mut *connection).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let query = sqlx::query(SQL).bind(upload_id).bind(i64::from(part.number)).bind(&part.bytes.place);
            let was_there = query.execute(&mut *connection).await?.rows_affected() == 1;
            if was_there {
                let count = sqlx::query(COUNT).bind(upload_id).bind(to_i64(part.bytes.size));
                count.execute(&mut *connection).await?;
            }
            was_there
        }))
    }

    /// Deletes the parts of an upload.
    #[tracing::instrument(name = "db.delete_upload_parts", level = "trace", skip_all)]
    pub async fn delete_upload_parts(&mut self, upload_id: &str) -> Result<()> {
        const NONE: &str = "UPDATE uploads SET received = 0 WHERE id = $1";
        const SQL: &str = "DELETE FROM upload_parts WHERE upload_id = $1";
        on_tx!(self, |connection| {
            sqlx::query(NONE).bind(upload_id).execute(&mut *connection).await?;
            sqlx::query(SQL).bind(upload_id).execute(&mut *connection).await.map(drop)?;
        });
        Ok(())
    }
}

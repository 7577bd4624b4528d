//! Stores ZIP archives and the offsets of their entries. Never reads a file's bytes; see
//! `surfaces::archives`.

use std::time::SystemTime;

use uuid::Uuid;

use super::{Db, Tx, corrupt, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::archive::{Archive, Member};
use crate::model::ids::ObjectId;
use crate::model::owner::Owner;
use crate::model::{from_micros, micros};

/// The number of rows in one statement. Each has 9 values, and SQLite accepts 32,766 per statement.
const INSERTED: usize = 1000;

row! {
    struct Row {
        token_hash: String,
        name: String,
        etag: String,
        entries: i64,
        size: i64,
        directory_at: i64,
        directory_length: i64,
        created_at: i64,
        expires_at: i64,
    }
}

row! {
    struct MemberRow {
        object_id: Uuid,
        name: String,
        size: i64,
        crc32: i64,
        modified_at: i64,
        begins_at: i64,
        line_at: i64,
    }
}

impl MemberRow {
    fn into_member(self) -> Result<Member> {
        Ok(Member {
            object: ObjectId(self.object_id),
            name: self.name,
            size: to_u64(self.size),
            crc32: u32::try_from(self.crc32).map_err(|_| corrupt("CRC-32"))?,
            modified: from_micros(self.modified_at),
            begins_at: to_u64(self.begins_at),
            line_at: to_u64(self.line_at),
        })
    }
}

impl Db {
    /// Returns an archive by the hash of its token.
    #[tracing::instrument(name = "db.find_archive", level = "trace", skip_all)]
    pub async fn find_archive(&self, token_hash: &str) -> Result<Option<Archive>> {
        const SQL: &str = "SELECT token_hash, name, etag, entries, size, directory_at, directory_length, created_at, expires_at \
                           FROM archives WHERE token_hash = $1";
        let row: Option<Row> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(token_hash).fetch_optional(pool).await?);
        Ok(row.map(|row| Archive {
            token_hash: row.token_hash,
            name: row.name,
            etag: row.etag,
            entries: to_u64(row.entries),
            size: to_u64(row.size),
            directory_at: to_u64(row.directory_at),
            directory_length: to_u64(row.directory_length),
            created_at: from_micros(row.created_at),
            expires_at: from_micros(row.expires_at),
        }))
    }

    /// Returns the number of files in an owner's unexpired archives.
    #[tracing::instrument(name = "db.count_members", level = "trace", skip_all)]
    pub async fn count_members(&self, owner: &Owner, now: SystemTime) -> Result<u64> {
        const SQL: &str = "SELECT CAST(COALESCE(SUM(entries), 0) AS BIGINT) FROM archives \
                           WHERE owner_kind = $1 AND owner_id = $2 AND expires_at > $3";
        let (count,): (i64,) = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(owner.kind().as_str()).bind(owner.id()).bind(micros(now));
            query.fetch_one(pool).await?
        });
        Ok(to_u64(count))
    }

    /// Returns members in order, beginning with the one that contains byte `at`, or whose central
    /// directory header does.
    #[tracing::instrument(name = "db.list_members", level = "trace", skip_all)]
    pub async fn list_members(&self, token_hash: &str, at: u64, by_line: bool, limit: i64) -> Result<Vec<Member>> {
        const BY_PLACE: &str = "SELECT object_id, name, size, crc32, modified_at, begins_at, line_at FROM archive_entries \
                                WHERE token_hash = $1 AND begins_at >= COALESCE((SELECT MAX(begins_at) FROM archive_entries \
                                WHERE token_hash = $1 AND begins_at <= $2), 0) ORDER BY begins_at LIMIT $3";
        const BY_LINE: &str = "SELECT object_id, name, size, crc32, modified_at, begins_at, line_at FROM archive_entries \
                               WHERE token_hash = $1 AND line_at >= COALESCE((SELECT MAX(line_at) FROM archive_entries \
                               WHERE token_hash = $1 AND line_at <= $2), 0) ORDER BY line_at LIMIT $3";
        let sql = if by_line { BY_LINE } else { BY_PLACE };
        let rows: Vec<MemberRow> = on_reader!(self, |pool| {
            sqlx::query_as(sql).bind(token_hash).bind(to_i64(at)).bind(limit).fetch_all(pool).await?
        });
        rows.into_iter().map(MemberRow::into_member).collect()
    }
}

impl Tx {
    /// Inserts an archive.
    #[tracing::instrument(name = "db.insert_archive", level = "trace", skip_all)]
    pub async fn insert_archive(&mut self, owner: &Owner, archive: &Archive) -> Result<()> {
        const SQL: &str = "INSERT INTO archives (token_hash, owner_kind, owner_id, name, etag, entries, size, directory_at, \
                           directory_length, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(&archive.token_hash).bind(owner.kind().as_str()).bind(owner.id());
            let query = query.bind(&archive.name).bind(&archive.etag).bind(to_i64(archive.entries));
            let query = query.bind(to_i64(archive.size)).bind(to_i64(archive.directory_at));
            let query = query.bind(to_i64(archive.directory_length)).bind(micros(archive.created_at));
            query.bind(micros(archive.expires_at)).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Inserts the members of an archive, in order.
    #[tracing::instrument(name = "db.insert_members", level = "trace", skip_all)]
    pub async fn insert_members(&mut self, token_hash: &str, members: &[Member]) -> Result<()> {
        const SQL: &str = "INSERT INTO archive_entries (token_hash, number, object_id, name, size, crc32, modified_at, \
                           begins_at, line_at) ";
        for (at, some) in members.chunks(INSERTED).enumerate() {
            let numbered = ((at * INSERTED) as u64..).zip(some);
            on_tx!(self, |connection| {
                let mut query = sqlx::QueryBuilder::new(SQL);
                query.push_values(numbered, |mut row, (number, member)| {
                    row.push_bind(token_hash).push_bind(to_i64(number)).push_bind(member.object.0);
                    row.push_bind(&member.name).push_bind(to_i64(member.size)).push_bind(i64::from(member.crc32));
                    row.push_bind(micros(member.modified));
                    row.push_bind(to_i64(member.begins_at)).push_bind(to_i64(member.line_at));
                });
                query.build().execute(connection).await.map(drop)?;
            });
        }
        Ok(())
    }

    /// Expires all archives of an owner.
    #[tracing::instrument(name = "db.end_archives", level = "trace", skip_all)]
    pub async fn end_archives(&mut self, owner: &Owner, now: SystemTime) -> Result<()> {
        const SQL: &str =
            "UPDATE archives SET expires_at = $3 WHERE expires_at > $3 AND owner_kind = $1 AND owner_id = $2";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(owner.kind().as_str()).bind(owner.id()).bind(micros(now));
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Deletes archives that expired before `now`, and returns their number.
    #[tracing::instrument(name = "db.delete_archives", level = "trace", skip_all)]
    pub async fn delete_archives(&mut self, now: SystemTime) -> Result<u64> {
        const ENTRIES: &str = "DELETE FROM archive_entries WHERE token_hash IN \
                               (SELECT token_hash FROM archives WHERE expires_at <= $1)";
        const ARCHIVES: &str = "DELETE FROM archives WHERE expires_at <= $1";
        Ok(on_tx!(self, |connection| {
            sqlx::query(ENTRIES).bind(micros(now)).execute(&mut *connection).await?;
            sqlx::query(ARCHIVES).bind(micros(now)).execute(&mut *connection).await?.rows_affected()
        }))
    }
}

//! Stores users' files: objects with a folder, checksums and a visibility. Counters and quotas are
//! in `quotas`.

use uuid::Uuid;

use super::{Cursor, Db, Tx, content, corrupt, on_reader, on_tx, to_u64};
use crate::error::Result;
use crate::model::file::{File, FileFilter, Visibility};
use crate::model::from_micros;
use crate::model::ids::{ObjectId, UserId};
use crate::model::key::Key;
use crate::model::media::Scan;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::upload::{Digests, Upload};

row! {
    struct Row {
        id: Uuid,
        owner_id: String,
        object_key: String,
        name: Option<String>,
        content_type: String,
        state: String,
        size: Option<i64>,
        etag: Option<String>,
        modified_at: Option<i64>,
        created_at: i64,
        folder: Option<String>,
        sha256: Option<String>,
        crc32: Option<i64>,
        visibility: Option<String>,
        scan: Option<String>,
        reason: Option<String>,
    }
}

impl Row {
    fn into_file(self) -> Result<(Owner, File)> {
        let content = content(self.size, self.etag, self.modified_at);
        let digests = match (self.sha256, self.crc32) {
            (Some(sha256), Some(crc32)) => {
                Some(Digests { sha256, crc32: u32::try_from(crc32).map_err(|_| corrupt("CRC-32"))? })
            }
            _ => None,
        };
        let object = Object {
            id: ObjectId(self.id),
            key: Key::stored(self.object_key),
            name: self.name,
            content_type: self.content_type,
            state: ObjectState::parse(&self.state).ok_or_else(|| corrupt("object state"))?,
            created_at: from_micros(self.created_at),
            content,
            archive: None,
        };
        let visibility = self.visibility.as_deref().and_then(Visibility::parse).ok_or_else(|| corrupt("visibility"))?;
        let owner = Owner::Files(UserId::parse(&self.owner_id).map_err(|_| corrupt("user id"))?);
        let scan = self.scan.as_deref().and_then(Scan::parse);
        let folder = self.folder.unwrap_or_default();
        Ok((owner, File { object, folder, digests, visibility, scan, reason: self.reason }))
    }
}

/// The outcome of a rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    /// The file has the new key.
    Done,
    /// A completion has frozen the upload, or it has ended or another key.
    Closed,
    /// Another object has the new key. The transaction cannot continue.
    Taken,
}

row! {
    /// A file with its owner's link epoch.
    struct LinkedRow with file: Row {
        link_epoch: i64,
    }
}

/// The columns of a file's row.
macro_rules! columns {
    () => {
        "id, owner_id, object_key, name, content_type, state, size, etag, modified_at, created_at, folder, sha256, crc32, \
         visibility, scan, reason"
    };
}

/// Selects a page of files; `$filter` is the condition. Columns and order are always the same.
macro_rules! listing {
    ($filter:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM objects WHERE owner_kind = 'files' AND owner_id = $1 AND state = 'READY' \
             AND (created_at, id) < ($2, $3) ",
            $filter,
            " ORDER BY created_at DESC, id DESC LIMIT $4"
        )
    };
}

/// Selects the number and bytes of files; `$filter` is the condition.
macro_rules! totals {
    ($filter:literal) => {
        concat!(
            "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM objects \
             WHERE owner_kind = 'files' AND owner_id = $1 AND state = 'READY' AND name IS NOT NULL ",
            $filter
        )
    };
}

/// The condition for files in states other than READY. They are few and rarely listed, so one
/// condition serves all listings.
macro_rules! in_state {
    () => {
        "owner_kind = 'files' AND owner_id = $1 AND state = $2 AND name IS NOT NULL \
         AND (folder = $3 OR (folder >= $4 AND folder < $5)) AND folded_name LIKE $6 ESCAPE '\\'"
    };
}

impl Db {
    /// Returns a file by its key, whatever its state.
    #[tracing::instrument(name = "db.find_file_unscoped", level = "trace", skip_all)]
    pub async fn find_file_unscoped(&self, key: &str) -> Result<Option<(Owner, File)>> {
        const SQL: &str =
            concat!("SELECT ", columns!(), " FROM objects WHERE object_key = $1 AND owner_kind = 'files'");
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(key).fetch_optional(pool).await?);
        row.map(Row::into_file).transpose()
    }

    /// Returns a file by its key, whatever its state, and its owner's link epoch.
    #[tracing::instrument(name = "db.find_linked_file_unscoped", level = "trace", skip_all)]
    pub async fn find_linked_file_unscoped(&self, key: &str) -> Result<Option<(File, u64)>> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            ", COALESCE((SELECT link_epoch FROM quotas WHERE quotas.owner_kind = 'files' \
             AND quotas.owner_id = objects.owner_id), 0) AS link_epoch \
             FROM objects WHERE object_key = $1 AND owner_kind = 'files'"
        );
        let row: Option<LinkedRow> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(key).fetch_optional(pool).await?);
        row.map(|row| Ok((row.file.into_file()?.1, to_u64(row.link_epoch)))).transpose()
    }

    /// Returns files by their keys, whatever their state, in no order.
    #[tracing::instrument(name = "db.find_files_unscoped", level = "trace", skip_all)]
    pub async fn find_files_unscoped(&self, keys: &[&str]) -> Result<Vec<(Owner, File)>> {
        const SQL: &str =
            concat!("SELECT ", columns!(), " FROM objects WHERE owner_kind = 'files' AND object_key IN (");
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let mut query = sqlx::QueryBuilder::new(SQL);
            let mut list = query.separated(", ");
            for key in keys {
                list.push_bind(*key);
            }
            query.push(")").build_query_as().fetch_all(pool).await?
        });
        rows.into_iter().map(Row::into_file).collect()
    }

    /// Returns a file by its object's id, whatever its state.
    #[tracing::instrument(name = "db.find_file_by_id_unscoped", level = "trace", skip_all)]
    pub async fn find_file_by_id_unscoped(&self, id: ObjectId) -> Result<Option<(Owner, File)>> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM objects WHERE id = $1 AND owner_kind = 'files'");
        let row: Option<Row> = on_reader!(self, |pool| sqlx::query_as(SQL).bind(id.0).fetch_optional(pool).await?);
        row.map(Row::into_file).transpose()
    }

    /// Returns a page of a user's READY files, newest first.
    #[tracing::instrument(name = "db.list_files", level = "trace", skip_all)]
    pub async fn list_files(&self, owner: &Owner, filter: &FileFilter, after: Cursor, limit: i64) -> Result<Vec<File>> {
        let (below, beyond) = below(&filter.folder);
        let pattern = filter.name.as_deref().map(pattern);
        // A folder without subfolders is listed by its index.
        let subtree = filter.subtree && (filter.is_anywhere() || self.has_subfolders(owner, &below, &beyond).await?);
        let sql = match (subtree, pattern.is_some()) {
            (_, false) if filter.is_everything() => listing!(""),
            (_, true) if filter.is_anywhere() => listing!("AND folded_name LIKE $5 ESCAPE '\\'"),
            (false, false) => listing!("AND folder = $5"),
            (false, true) => listing!("AND folder = $5 AND folded_name LIKE $6 ESCAPE '\\'"),
            (true, false) => listing!("AND (folder = $5 OR (folder >= $6 AND folder < $7))"),
            (true, true) => {
                listing!("AND (folder = $5 OR (folder >= $6 AND folder < $7)) AND folded_name LIKE $8 ESCAPE '\\'")
            }
        };
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(owner.id()).bind(after.created_at).bind(after.id.0).bind(limit);
            let query = match (filter.is_anywhere(), subtree) {
                (true, _) => query,
                (false, false) => query.bind(filter.folder.as_deref().unwrap_or_default()),
                (false, true) => query.bind(filter.folder.as_deref().unwrap_or_default()).bind(&below).bind(&beyond),
            };
            match &pattern {
                Some(pattern) => query.bind(pattern).fetch_all(pool).await?,
                None => query.fetch_all(pool).await?,
            }
        });
        rows.into_iter().map(|row| row.into_file().map(|(_, file)| file)).collect()
    }

    /// Returns whether a folder between two paths holds READY files.
    async fn has_subfolders(&self, owner: &Owner, below: &str, beyond: &str) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM folders WHERE owner_kind = 'files' AND owner_id = $1 \
                           AND folder >= $2 AND folder < $3 AND files > 0 LIMIT 1";
        let found: Option<(i32,)> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(owner.id()).bind(below).bind(beyond).fetch_optional(pool).await?
        });
        Ok(found.is_some())
    }

    /// Returns a page of a user's files in another state than READY, newest first.
    #[tracing::instrument(name = "db.list_files_in_state", level = "trace", skip_all)]
    pub async fn list_files_in_state(
        &self,
        owner: &Owner,
        (filter, state): (&FileFilter, ObjectState),
        after: Cursor,
        limit: i64,
    ) -> Result<Vec<File>> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM objects WHERE ",
            in_state!(),
            " AND (created_at, id) < ($7, $8) ORDER BY created_at DESC, id DESC LIMIT $9"
        );
        let (from, to) = bounds(filter);
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(owner.id()).bind(state.as_str());
            let query = query.bind(filter.folder.as_deref().unwrap_or_default()).bind(&from).bind(&to);
            let query = query.bind(pattern(filter.name.as_deref().unwrap_or_default()));
            query.bind(after.created_at).bind(after.id.0).bind(limit).fetch_all(pool).await?
        });
        rows.into_iter().map(|row| row.into_file().map(|(_, file)| file)).collect()
    }

    /// Returns the number and bytes of a user's files in another state than READY.
    #[tracing::instrument(name = "db.count_files_in_state", level = "trace", skip_all)]
    pub async fn count_files_in_state(
        &self,
        owner: &Owner,
        filter: &FileFilter,
        state: ObjectState,
    ) -> Result<(u64, u64)> {
        const SQL: &str =
            concat!("SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM objects WHERE ", in_state!());
        let (from, to) = bounds(filter);
        let (files, bytes): (i64, i64) = on_reader!(self, |pool| {
            let query = sqlx::query_as(SQL).bind(owner.id()).bind(state.as_str());
            let query = query.bind(filter.folder.as_deref().unwrap_or_default()).bind(&from).bind(&to);
            query.bind(pattern(filter.name.as_deref().unwrap_or_default())).fetch_one(pool).await?
        });
        Ok((to_u64(files), to_u64(bytes)))
    }

    /// Returns the undeleted files of a folder and its subfolders, readable or not, in no order.
    #[tracing::instrument(name = "db.list_files_to_delete", level = "trace", skip_all)]
    pub async fn list_files_to_delete(&self, owner: &Owner, folder: &str, limit: i64) -> Result<Vec<File>> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM objects WHERE owner_kind = 'files' AND owner_id = $1 \
             AND state IN ('READY', 'SCANNING', 'FAILED', 'REJECTED') \
             AND (folder = $2 OR (folder >= $3 AND folder < $4)) LIMIT $5"
        );
        self.in_folder(SQL, owner, folder, limit).await
    }

    /// Returns the DELETED files of a folder and its subfolders, whose bytes may still exist, in no
    /// order.
    #[tracing::instrument(name = "db.list_deleted_files", level = "trace", skip_all)]
    pub async fn list_deleted_files(&self, owner: &Owner, folder: &str, limit: i64) -> Result<Vec<File>> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM objects WHERE owner_kind = 'files' AND owner_id = $1 AND state = 'DELETED' \
             AND (folder = $2 OR (folder >= $3 AND folder < $4)) LIMIT $5"
        );
        self.in_folder(SQL, owner, folder, limit).await
    }

    /// Runs a query for the files of a folder and its subfolders.
    async fn in_folder(&self, sql: &'static str, owner: &Owner, folder: &str, limit: i64) -> Result<Vec<File>> {
        let (below, beyond) = below(&Some(folder.to_owned()));
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(owner.id()).bind(folder).bind(&below).bind(&beyond).bind(limit);
            query.fetch_all(pool).await?
        });
        rows.into_iter().map(|row| row.into_file().map(|(_, file)| file)).collect()
    }

    /// Returns the number and bytes of a user's READY files that match a filter.
    #[tracing::instrument(name = "db.count_files", level = "trace", skip_all)]
    pub async fn count_files(&self, owner: &Owner, filter: &FileFilter) -> Result<(u64, u64)> {
        const ALL: &str = "SELECT files, used FROM quotas WHERE owner_kind = 'files' AND owner_id = $1";
        const FOLDER: &str =
            "SELECT files, bytes FROM folders WHERE owner_kind = 'files' AND owner_id = $1 AND folder = $2";
        const TREE: &str = "SELECT CAST(COALESCE(SUM(files), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) \
                            FROM folders WHERE owner_kind = 'files' AND owner_id = $1 \
                            AND (folder = $2 OR (folder >= $3 AND folder < $4))";
        let (below, beyond) = below(&filter.folder);
        let folder = filter.folder.as_deref().unwrap_or_default();
        let row: Option<(i64, i64)> = on_reader!(self, |pool| {
            match &filter.name {
                None if filter.is_anywhere() => sqlx::query_as(ALL).bind(owner.id()).fetch_optional(pool).await?,
                None if filter.subtree => {
                    let query = sqlx::query_as(TREE).bind(owner.id()).bind(folder).bind(&below).bind(&beyond);
                    query.fetch_optional(pool).await?
                }
                None => sqlx::query_as(FOLDER).bind(owner.id()).bind(folder).fetch_optional(pool).await?,
                // Without a folder, the name can only be searched for.
                Some(name) if filter.is_anywhere() => {
                    let sql = totals!("AND folded_name LIKE $2 ESCAPE '\\'");
                    sqlx::query_as(sql).bind(owner.id()).bind(pattern(name)).fetch_optional(pool).await?
                }
                Some(name) if filter.subtree => {
                    let sql = totals!(
                        "AND (folder = $2 OR (folder >= $3 AND folder < $4)) AND folded_name LIKE $5 ESCAPE '\\'"
                    );
                    let query = sqlx::query_as(sql).bind(owner.id()).bind(folder).bind(&below).bind(&beyond);
                    query.bind(pattern(name)).fetch_optional(pool).await?
                }
                Some(name) => {
                    let sql = totals!("AND folder = $2 AND folded_name LIKE $3 ESCAPE '\\'");
                    sqlx::query_as(sql).bind(owner.id()).bind(folder).bind(pattern(name)).fetch_optional(pool).await?
                }
            }
        });
        let (files, bytes) = row.unwrap_or_default();
        Ok((to_u64(files), to_u64(bytes)))
    }
}

/// Returns the range of paths below a folder: from the folder with a slash to the first path after
/// all that begin so.
fn below(folder: &Option<String>) -> (String, String) {
    let folder = folder.as_deref().unwrap_or_default();
    // '0' is the character after '/'. Every path is below the root folder.
    if folder.is_empty() {
        (String::new(), char::MAX.to_string())
    } else {
        (format!("{folder}/"), format!("{folder}0"))
    }
}

/// Returns the range of paths below the filter's folder, if subfolders are included.
pub(super) fn bounds(filter: &FileFilter) -> (String, String) {
    match &filter.folder {
        None => below(&None),
        Some(_) if filter.subtree => below(&filter.folder),
        Some(_) => (String::new(), String::new()),
    }
}

/// Returns a LIKE pattern for names that contain a text, in upper or lower case.
pub(super) fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "%"
}

impl Tx {
    /// Gives an open upload and its file another key, name and folder.
    #[tracing::instrument(name = "db.rename_file_upload", level = "trace", skip_all)]
    pub async fn rename_file_upload(
        &mut self,
        upload: &Upload,
        key: &Key,
        name: &str,
        folder: &str,
    ) -> Result<Renamed> {
        const UPLOAD: &str = "UPDATE uploads SET object_key = $2 WHERE id = $1 AND owner_kind = 'files' \
                              AND state = 'OPEN' AND parts_digest IS NULL AND object_key = $3";
        const FILE: &str = "UPDATE objects SET object_key = $2, name = $3, folder = $4, folded_name = $5 \
                            WHERE id = $1 AND state = 'PENDING'";
        let renamed = on_tx!(self, |connection| {
            let query = sqlx::query(UPLOAD).bind(&upload.id).bind(key.as_str()).bind(upload.key.as_str());
            if query.execute(&mut *connection).await?.rows_affected() == 0 {
                return Ok(Renamed::Closed);
            }
            let query = sqlx::query(FILE).bind(upload.object.0).bind(key.as_str()).bind(name).bind(folder);
            match query.bind(name.to_lowercase()).execute(connection).await {
                Ok(done) if done.rows_affected() > 0 => Renamed::Done,
                Ok(_) => Renamed::Closed,
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Renamed::Taken,
                Err(error) => return Err(error.into()),
            }
        });
        self.changed(upload.object, renamed == Renamed::Done);
        Ok(renamed)
    }

    /// Makes a file private. Returns `false` if it was private already.
    #[tracing::instrument(name = "db.make_file_private", level = "trace", skip_all)]
    pub async fn make_file_private(&mut self, id: ObjectId) -> Result<bool> {
        const SQL: &str = "UPDATE objects SET visibility = $2 WHERE id = $1 AND owner_kind = 'files' \
                           AND visibility <> $2 AND state <> $3";
        let (private, purged) = (Visibility::Private.as_str(), ObjectState::Purged.as_str());
        Ok(on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(private).bind(purged);
            query.execute(connection).await?.rows_affected() > 0
        }))
    }

    /// Stores the checksums of an object's bytes.
    #[tracing::instrument(name = "db.set_digests", level = "trace", skip_all)]
    pub async fn set_digests(&mut self, id: ObjectId, digests: &Digests) -> Result<()> {
        const SQL: &str = "UPDATE objects SET sha256 = $2, crc32 = $3 WHERE id = $1";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.0).bind(&digests.sha256).bind(i64::from(digests.crc32));
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }
}

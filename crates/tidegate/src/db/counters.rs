//! Counts again, from the rows, what the triggers count change by change: what owners, organisations
//! and folders use, and which uploads are open. Finds counters that differ, and repairs them.

use std::collections::BTreeSet;

use super::{Db, on_reader, on_tx};
use crate::error::Result;

row! {
    /// A counter that does not agree with the rows.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct WrongCounter {
        /// The kind of the owner; also `organisation`, and `user` for the open uploads of a user.
        pub owner_kind: String,
        /// The id of the owner.
        pub owner_id: String,
        /// The folder, for the counters of one.
        pub folder: Option<String>,
        /// The counters: bytes, objects, reserved bytes and objects, kept bytes and objects, open
        /// uploads.
        pub stored: String,
        /// The same, counted from the rows.
        pub counted: String,
    }
}

/// Table `counted`: the counters of every owner, from the rows.
macro_rules! counted {
    ($then:literal) => {
        concat!(
            "WITH counted AS (SELECT owner_kind, owner_id, CAST(SUM(used) AS BIGINT) AS used, CAST(SUM(files) AS BIGINT) AS files, \
             CAST(SUM(reserved) AS BIGINT) AS reserved, CAST(SUM(reserved_files) AS BIGINT) AS reserved_files, \
             CAST(SUM(kept) AS BIGINT) AS kept, CAST(SUM(kept_files) AS BIGINT) AS kept_files, \
             CAST(SUM(open_uploads) AS BIGINT) AS open_uploads FROM (\
             SELECT owner_kind, owner_id, \
             CASE WHEN state = 'READY' THEN COALESCE(size, 0) ELSE 0 END AS used, \
             CASE WHEN state = 'READY' THEN 1 ELSE 0 END AS files, \
             CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN COALESCE(size, announced, 0) ELSE 0 END AS reserved, \
             CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN 1 ELSE 0 END AS reserved_files, \
             CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN COALESCE(size, 0) ELSE 0 END AS kept, \
             CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN 1 ELSE 0 END AS kept_files, \
             0 AS open_uploads FROM objects \
             UNION ALL SELECT 'organisation', o.name, COALESCE(b.size, 0), 1, 0, 0, 0, 0, 0 FROM objects b \
             JOIN datasets d ON d.node_id = b.owner_id JOIN organisations o ON o.id = d.org_id \
             WHERE b.owner_kind = 'dataset' AND b.state = 'READY' \
             UNION ALL SELECT owner_kind, owner_id, 0, 0, 0, 0, 0, 0, 1 FROM uploads WHERE state = 'OPEN' \
             UNION ALL SELECT 'user', created_by, 0, 0, 0, 0, 0, 0, 1 FROM uploads \
             WHERE state = 'OPEN' AND created_by NOT IN ('service', 'system', 'anonymous') \
             UNION ALL SELECT owner_kind, owner_id, 0, 0, 0, 0, 0, 0, 0 FROM quotas) AS rows_of_all \
             GROUP BY owner_kind, owner_id) ",
            $then
        )
    };
}

/// Table `counted`: the counters of every folder, from the rows.
macro_rules! counted_folders {
    ($then:literal) => {
        concat!(
            "WITH counted AS (SELECT owner_kind, owner_id, folder, CAST(SUM(files) AS BIGINT) AS files, \
             CAST(SUM(bytes) AS BIGINT) AS bytes FROM (SELECT owner_kind, owner_id, COALESCE(folder, '') AS folder, 1 AS files, \
             COALESCE(size, 0) AS bytes FROM objects WHERE owner_kind = 'files' AND state = 'READY' \
             UNION ALL SELECT owner_kind, owner_id, folder, 0, 0 FROM folders) AS rows_of_all \
             GROUP BY owner_kind, owner_id, folder) ",
            $then
        )
    };
}

const OWNERS: &str = counted!(
    "SELECT c.owner_kind, c.owner_id, NULL AS folder, \
     COALESCE(q.used, -1) || ' ' || COALESCE(q.files, -1) || ' ' || COALESCE(q.reserved, -1) || ' ' || COALESCE(q.reserved_files, -1) \
     || ' ' || COALESCE(q.kept, -1) || ' ' || COALESCE(q.kept_files, -1) || ' ' || COALESCE(q.open_uploads, -1) AS stored, \
     c.used || ' ' || c.files || ' ' || c.reserved || ' ' || c.reserved_files || ' ' || c.kept || ' ' || c.kept_files \
     || ' ' || c.open_uploads AS counted \
     FROM counted c LEFT JOIN quotas q ON q.owner_kind = c.owner_kind AND q.owner_id = c.owner_id \
     WHERE q.used IS NULL OR q.used <> c.used OR q.files <> c.files OR q.reserved <> c.reserved \
     OR q.reserved_files <> c.reserved_files OR q.kept <> c.kept OR q.kept_files <> c.kept_files \
     OR q.open_uploads <> c.open_uploads ORDER BY c.owner_kind, c.owner_id"
);
const FOLDERS: &str = counted_folders!(
    "SELECT c.owner_kind, c.owner_id, c.folder, COALESCE(f.bytes, -1) || ' ' || COALESCE(f.files, -1) AS stored, \
     c.bytes || ' ' || c.files AS counted FROM counted c LEFT JOIN folders f \
     ON f.owner_kind = c.owner_kind AND f.owner_id = c.owner_id AND f.folder = c.folder \
     WHERE f.files IS NULL OR f.files <> c.files OR f.bytes <> c.bytes ORDER BY c.owner_kind, c.owner_id, c.folder"
);

impl Db {
    /// Returns the counters that do not agree with the rows. Reads all objects and uploads, in one
    /// statement each for owners and folders, so on PostgreSQL without the time limit of statements.
    #[tracing::instrument(name = "db.list_wrong_counters", level = "trace", skip_all)]
    pub async fn list_wrong_counters(&self) -> Result<Vec<WrongCounter>> {
        let mut wrong: Vec<WrongCounter> = Vec::new();
        if let Some(postgres) = self.postgres() {
            let mut session = postgres.connect_without_limit().await?;
            for sql in [OWNERS, FOLDERS] {
                wrong.extend(sqlx::query_as::<_, WrongCounter>(sql).fetch_all(&mut session).await?);
            }
            return Ok(wrong);
        }
        for sql in [OWNERS, FOLDERS] {
            let found: Vec<WrongCounter> = on_reader!(self, |pool| sqlx::query_as(sql).fetch_all(pool).await?);
            wrong.extend(found);
        }
        Ok(wrong)
    }

    /// Sets the counters of some owners, and of all their folders, to what the rows say.
    #[tracing::instrument(name = "db.repair_counters", level = "trace", skip_all)]
    pub async fn repair_counters(&self, wrong: &[WrongCounter]) -> Result<()> {
        let owners: BTreeSet<(&str, &str)> =
            wrong.iter().map(|wrong| (wrong.owner_kind.as_str(), wrong.owner_id.as_str())).collect();
        for (kind, id) in owners {
            self.repair_counters_of(kind, id).await?;
        }
        Ok(())
    }

    /// Sets the counters of one owner to what its rows say. Locks nothing but the owner's counters:
    /// every transaction that changes the rows also changes these counters, so it has committed
    /// before they are locked and is counted, or adds to them afterwards.
    async fn repair_counters_of(&self, kind: &str, id: &str) -> Result<()> {
        const MISSING: &str =
            "INSERT INTO quotas (owner_kind, owner_id) VALUES ($1, $2) ON CONFLICT (owner_kind, owner_id) DO NOTHING";
        // A statement of its own: the next one must see what was committed before the lock.
        const LOCK: &str = "UPDATE quotas SET used = used WHERE owner_kind = $1 AND owner_id = $2";
        const COUNTERS: &str = counted!(
            "UPDATE quotas SET used = c.used, files = c.files, reserved = c.reserved, reserved_files = c.reserved_files, \
             kept = c.kept, kept_files = c.kept_files, open_uploads = c.open_uploads FROM counted AS c \
             WHERE quotas.owner_kind = $1 AND quotas.owner_id = $2 AND c.owner_kind = $1 AND c.owner_id = $2"
        );
        const EMPTY: &str = "DELETE FROM folders WHERE owner_kind = $1 AND owner_id = $2";
        const FILLED: &str = "INSERT INTO folders (owner_kind, owner_id, folder, files, bytes) \
                              SELECT owner_kind, owner_id, COALESCE(folder, ''), COUNT(*), CAST(SUM(COALESCE(size, 0)) AS BIGINT) \
                              FROM objects WHERE owner_kind = $1 AND owner_id = $2 AND owner_kind = 'files' AND state = 'READY' \
                              GROUP BY 1, 2, 3";
        let mut tx = self.begin().await?;
        for sql in [MISSING, LOCK, COUNTERS, EMPTY, FILLED] {
            on_tx!(tx, |connection| sqlx::query(sql).bind(kind).bind(id).execute(connection).await.map(drop)?);
        }
        tx.commit().await
    }
}

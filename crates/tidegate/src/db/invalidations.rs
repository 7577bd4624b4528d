//! Stores the CDN paths that wait for their invalidation. Sending them is in
//! `library::cdn_invalidations`.

use std::time::SystemTime;

use super::{Db, Tx, on_reader, on_tx};
use crate::error::Result;
use crate::model::micros;

impl Db {
    /// Returns the waiting paths, oldest first: those with a wildcard at the end, or those without.
    #[tracing::instrument(name = "db.list_invalidations", level = "trace", skip_all)]
    pub async fn list_invalidations(&self, wild: bool, limit: i64) -> Result<Vec<(i64, String)>> {
        const EXACT: &str = "SELECT id, path FROM invalidations WHERE path NOT LIKE '%*' ORDER BY id LIMIT $1";
        const WILD: &str = "SELECT id, path FROM invalidations WHERE path LIKE '%*' ORDER BY id LIMIT $1";
        let sql = if wild { WILD } else { EXACT };
        Ok(on_reader!(self, |pool| sqlx::query_as(sql).bind(limit).fetch_all(pool).await?))
    }
}

impl Tx {
    /// Inserts a waiting path.
    #[tracing::instrument(name = "db.queue_invalidation", level = "trace", skip_all)]
    pub async fn queue_invalidation(&mut self, path: &str, now: SystemTime) -> Result<()> {
        const SQL: &str = "INSERT INTO invalidations (path, queued_at) VALUES ($1, $2)";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(path).bind(micros(now)).execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Deletes paths that were sent.
    #[tracing::instrument(name = "db.delete_invalidations", level = "trace", skip_all)]
    pub async fn delete_invalidations(&mut self, ids: &[i64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        on_tx!(self, |connection| {
            let mut query = sqlx::QueryBuilder::new("DELETE FROM invalidations WHERE id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(*id);
            }
            query.push(")").build().execute(connection).await.map(drop)?;
        });
        Ok(())
    }
}

//! Names the store that the rows of this database are about. One row; see `app::App::open`.

use super::{Db, Engine, on_reader, on_tx};
use crate::error::Result;

impl Db {
    /// Returns the identity of the store; `None` if the database names none yet.
    #[tracing::instrument(name = "db.named_store", level = "trace", skip_all)]
    pub async fn named_store(&self) -> Result<Option<String>> {
        const SQL: &str = "SELECT identity FROM store_identity";
        let row: Option<(String,)> = on_reader!(self, |pool| sqlx::query_as(SQL).fetch_optional(pool).await?);
        Ok(row.map(|(identity,)| identity))
    }

    /// Answers like a database that is away until the store is compared, or no longer. Does nothing
    /// on SQLite, which is compared before it is used.
    pub fn set_uncompared(&self, uncompared: bool) {
        if let Some(postgres) = self.postgres() {
            postgres.set_uncompared(uncompared);
        }
    }

    /// Returns a handle that compares the store, and so answers before that.
    #[must_use]
    pub fn for_comparison(&self) -> Self {
        match &self.engine {
            Engine::Sqlite { .. } => self.clone(),
            Engine::Postgres(postgres) => Self { engine: Engine::Postgres(postgres.for_comparison()), ..self.clone() },
        }
    }

    /// Returns whether a PostgreSQL database was closed.
    pub fn is_closed(&self) -> bool {
        self.postgres().is_some_and(super::Postgres::is_closed)
    }

    /// Answers like a database that is away from now on, because its rows are about another store.
    /// Does nothing on SQLite, which is compared before it is used.
    pub fn stop_using(&self) {
        if let Some(postgres) = self.postgres() {
            postgres.stop_using();
        }
    }

    /// Names the store, and returns the one that is named then: another one, if the database names
    /// one already and `replace` is not set.
    #[tracing::instrument(name = "db.set_store", level = "trace", skip_all)]
    pub async fn set_store(&self, identity: &str, replace: bool) -> Result<String> {
        const KEEP: &str = "INSERT INTO store_identity (one, identity, named_at) VALUES (1, $1, $2) \
                            ON CONFLICT (one) DO NOTHING";
        const REPLACE: &str = "INSERT INTO store_identity (one, identity, named_at) VALUES (1, $1, $2) \
                               ON CONFLICT (one) DO UPDATE SET identity = excluded.identity, named_at = excluded.named_at";
        let mut tx = self.begin().await?;
        let now = tx.now_micros();
        let sql = if replace { REPLACE } else { KEEP };
        on_tx!(tx, |connection| {
            sqlx::query(sql).bind(identity).bind(now).execute(&mut *connection).await?;
        });
        tx.commit().await?;
        Ok(self.named_store().await?.unwrap_or_default())
    }
}

//! `tidegate migrate`: applies the migrations that the database lacks, and ends. For upgrades that
//! migrate before the first new server starts; `tidegate serve` also migrates by itself.

use std::process::ExitCode;

use super::{print, print_error, process};
use crate::config::{Config, unusable_folders};
use crate::db::Database;

/// Migrates, and prints what was done.
pub(super) fn run(config: &Config) -> ExitCode {
    match process::run_once(|| migrate(config)) {
        Ok(text) => print(&text),
        Err(error) => {
            print_error(&format!("not migrated: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn migrate(config: &Config) -> anyhow::Result<String> {
    let database = &config.database;
    if let Database::Sqlite(_) = database {
        let unusable = unusable_folders(config);
        anyhow::ensure!(unusable.is_empty(), "{}", unusable.join("\n"));
    }
    let before = database.read_schema().await?.unwrap_or_default().applied;
    database.migrate().await?;
    let known = database.known_migrations();
    let mut text = format!("database: {}\n", describe(database));
    for (version, name) in known.iter().filter(|(version, _)| !before.contains(version)) {
        text.push_str(&format!("applied   {version:04} {name}\n"));
    }
    if let Some((version, name)) = known.last() {
        let done = if before.contains(version) { "nothing to do: the database" } else { "done: the database" };
        text.push_str(&format!("{done} has all migrations, up to {version:04} {name}\n"));
    }
    Ok(text)
}

/// Describes the database, without its credentials.
pub(super) fn describe(database: &Database) -> String {
    match database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres { host: Some(host), .. } => format!("PostgreSQL at {host} (RDS_PROXY_ENDPOINT)"),
        Database::Postgres { .. } => "PostgreSQL (DATABASE_URL)".to_owned(),
    }
}

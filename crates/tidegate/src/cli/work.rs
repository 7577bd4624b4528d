//! `tidegate work`: runs only jobs, for servers elsewhere; its one door serves probes and metrics.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::process;
use crate::config::{Config, StoreSetting};
use crate::db::Database;
use crate::server;

/// Runs jobs until SIGTERM or SIGINT; the current job is finished first.
pub(super) fn run(config: Config) -> ExitCode {
    process::run(config, work)
}

async fn work(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let shared = matches!(config.database, Database::Postgres { .. }) && matches!(config.store, StoreSetting::S3(_));
    anyhow::ensure!(
        shared,
        "a worker of its own shares database and store with the servers: DATABASE_URL must lead to PostgreSQL and \
         S3_BUCKET name a bucket. SQLite and a local store belong to one process, and `tidegate serve` works in it"
    );
    anyhow::ensure!(
        config.scanner.is_some() || config.scanner_off,
        "a worker does what servers have promised, scans among it: say by CLAMAV_HOST or CLAMAV_SOCKET where clamd is, or \
         SCANNER=off if there is none"
    );
    server::work::work(config, stop).await
}

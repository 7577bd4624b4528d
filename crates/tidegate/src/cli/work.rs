//! `tidegate work`: the jobs of servers elsewhere, and no door but that of probes and metrics.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::process;
use crate::app::{Addresses, App};
use crate::config::{Config, Database, Origin, StoreSetting};
use crate::jobs::runner;
use crate::{changes, telemetry};

/// Works until SIGTERM or SIGINT; what is being done is finished first.
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
    telemetry::start_metrics();
    // Nobody is told an address by a worker.
    let here = Origin::parse("http://127.0.0.1").context("an address that nobody is told")?;
    let addresses = Addresses { api: here.clone(), edge: None, s3: config.s3_url.clone().unwrap_or(here) };
    let app = Arc::new(App::open(config, addresses).await?);
    let telling = Arc::clone(&app);
    tokio::spawn(async move { telling.say_what_is_missing().await });
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "working");
    let following = tokio::spawn(changes::follow(Arc::clone(&app), stop.clone()));
    runner::run(Arc::clone(&app), stop).await;
    following.await?;
    app.db.close().await;
    Ok(())
}

//! A process that only runs jobs, with a door for probes and metrics where one is configured.

use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::follow_changes;
use super::{UPKEEP, address, bind, operations_limits};
use crate::app::{Addresses, App};
use crate::config::{Config, Origin};
use crate::http::serve::{Door, RouterHandler, serve};
use crate::http::{SMALL_BUFFER, operations_router};
use crate::telemetry;
use crate::worker::runner;

/// Runs jobs until `stop` is cancelled; the current job is finished first.
pub async fn work(mut config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    // Nobody signs in here. Readiness would wait for keys that are never fetched.
    config.auth.sign_in.jwks_url = None;
    telemetry::start_metrics();
    let listener = match config.worker_port {
        Some(port) => Some(bind("worker's", config.bind, port).await?),
        None => None,
    };
    let ops = listener.as_ref().map(|listener| address(listener, config.bind)).transpose()?;
    // A worker gives out no addresses.
    let here = Origin::parse("http://127.0.0.1").context("an address that nobody is told")?;
    let addresses = Addresses { api: here.clone(), edge: None, s3: config.s3_url.clone().unwrap_or(here) };
    let grace = config.limits.shutdown_grace;
    let app = Arc::new(App::open(config, addresses).await?);
    let telling = Arc::clone(&app);
    tokio::spawn(async move { telling.warn_about_missing_tools().await });
    let ops_address = ops.map(|ops| ops.to_string());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ops = ops_address, "working");
    let following = tokio::spawn(follow_changes(Arc::clone(&app), stop.clone()));
    let upkeep = stop.clone();
    tokio::spawn(async move {
        while tokio::time::timeout(UPKEEP, upkeep.cancelled()).await.is_err() {
            telemetry::upkeep();
        }
    });
    let answering = listener.map(|listener| {
        let handler = RouterHandler { router: operations_router(Arc::clone(&app)), buffer: SMALL_BUFFER };
        let door = Door { name: "operations", listener, handler, workers: None };
        tokio::spawn(serve(door, operations_limits(), grace, stop.clone()))
    });
    runner::run(Arc::clone(&app), stop).await;
    following.await?;
    if let Some(answering) = answering {
        answering.await?;
    }
    app.close().await;
    Ok(())
}

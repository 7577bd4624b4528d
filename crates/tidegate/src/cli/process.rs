//! What every process that serves has in common: a log, a runtime, and an end by signal.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::complain;
use crate::config::Config;
use crate::db::Database;
use crate::telemetry;

/// Runs `work` until it ends; SIGTERM and SIGINT cancel its token. What is worth saying of the settings is said first.
pub(super) fn run<F>(config: Config, work: impl FnOnce(Config, CancellationToken) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let exporting = match telemetry::start_logs(&config.log) {
        Ok(exporting) => exporting,
        Err(error) => {
            complain(&format!("can't start: {error:#}"));
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("can't start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        let stop = CancellationToken::new();
        cancel_at_signal(&stop)?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        work(config, stop).await
    });
    exporting.finish();
    match outcome {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What only looks at a database makes none where there is none.
pub(super) fn must_be_there(config: &Config) -> anyhow::Result<()> {
    if let Database::Sqlite(path) = &config.database {
        anyhow::ensure!(path.is_file(), "there is no database at {} (TIDEGATE_DATA, DATABASE_URL)", path.display());
    }
    Ok(())
}

fn cancel_at_signal(stop: &CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests may finish");
        stop.cancel();
    });
    Ok(())
}

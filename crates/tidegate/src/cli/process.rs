//! What long-running subcommands share: logging, a runtime, and shutdown by signal.

use std::process::ExitCode;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::print_error;
use crate::config::Config;
use crate::db::Database;
use crate::telemetry;

/// Runs `work` to its end with a thread per core; SIGTERM and SIGINT cancel its token. Warnings about
/// the settings are logged first.
pub(super) fn run<F>(config: Config, work: impl FnOnce(Config, CancellationToken) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    run_on(Builder::new_multi_thread(), config, work)
}

/// Runs `work` as [`run`] does, on the runtime that `builder` describes.
pub(super) fn run_on<F>(
    mut builder: Builder,
    config: Config,
    work: impl FnOnce(Config, CancellationToken) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let exporting = match telemetry::start_logs(&config.log) {
        Ok(exporting) => exporting,
        Err(error) => {
            print_error(&format!("can't start: {error:#}"));
            return ExitCode::FAILURE;
        }
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error(&format!("can't start: {error}"));
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
    exporting.shutdown();
    match outcome {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            print_error(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the work of a subcommand that logs nothing and ends by itself.
pub(super) fn run_once<T, F>(work: impl FnOnce() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(work())
}

/// Fails if the SQLite database does not exist, for subcommands that must not create one.
pub(super) fn require_database(config: &Config) -> anyhow::Result<()> {
    if let Database::Sqlite(path) = &config.database {
        anyhow::ensure!(
            path.is_file(),
            "no server has run here: the database {} is missing. Set TIDEGATE_DATA to the server's data folder, or \
             DATABASE_URL to its database",
            path.display()
        );
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

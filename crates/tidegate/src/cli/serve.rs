//! `tidegate serve`: the server, until a signal.

use std::io::Write as _;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::complain;
use crate::app::App;
use crate::config::Config;
use crate::server::Server;
use crate::telemetry;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(config: Config) -> ExitCode {
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
    let outcome = runtime.block_on(serve(config));
    exporting.finish();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("can't serve: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::open(config).await?;
    if server.app.config.insecure_auth() {
        tracing::warn!("there is no sign-in: whoever reaches the API is whoever they say (AUTH_MODE)");
    }
    // Where nobody reads standard output, the log says the same.
    let _ = std::io::stdout().write_all(announcement(&server.app).as_bytes());
    tracing::info!(
        api = %server.app.addresses.api,
        edge = server.app.addresses.edge.as_ref().map_or("off".to_owned(), ToString::to_string),
        s3 = %server.app.addresses.s3,
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests may finish");
        stopping.cancel();
    });
    server.run(stop, true).await;
    tracing::info!("stopped");
    Ok(())
}

fn announcement(app: &App) -> String {
    let edge = app.addresses.edge.as_ref().map_or("off".to_owned(), ToString::to_string);
    format!(
        "Tidegate {}\n  API   {}   (documentation at /docs)\n  edge  {edge}\n  S3    {}\n",
        env!("CARGO_PKG_VERSION"),
        app.addresses.api,
        app.addresses.s3,
    )
}

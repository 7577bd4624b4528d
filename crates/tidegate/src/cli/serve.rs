//! `tidegate serve`: runs the server until a signal.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::process;
use crate::app::App;
use crate::config::{Config, Metrics};
use crate::model::owner::OwnerKind;
use crate::server::Server;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(config: Config) -> ExitCode {
    process::run(config, serve)
}

async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let server = Server::open(config).await?;
    for hint in hints(&server.app.config) {
        tracing::warn!("{hint}");
    }
    if is_open(&server.app) {
        tracing::info!("users' files that are not private can be read by whoever knows their path (FILES_PUBLIC)");
    }
    // Probing external programs (clamd, ffmpeg) takes time; the start does not wait for it.
    let app = Arc::clone(&server.app);
    tokio::spawn(async move { app.warn_about_missing_tools().await });
    // The log repeats it, since standard output may not be read.
    let operations = server.operations_address();
    let _ = std::io::stdout().write_all(banner(&server.app, operations).as_bytes());
    tracing::info!(
        api = %server.app.addresses.api,
        edge = server.app.addresses.edge.as_ref().map_or("off".to_owned(), ToString::to_string),
        s3 = %server.app.addresses.s3,
        operations = operations.map(tracing::field::display),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    let runs_jobs = server.app.config.runs_jobs;
    server.run(stop, runs_jobs).await;
    Ok(())
}

/// Returns what an operator should know before others find it out.
fn hints(config: &Config) -> Vec<&'static str> {
    let mut hints = Vec::new();
    if config.insecure_auth() {
        hints.push("there is no sign-in: whoever reaches the API is whoever they say (AUTH_MODE)");
        if !config.auth.allow_insecure_remote {
            hints.push(
                "let no proxy forward to the API: some leave no trace, and their clients would count as this machine's",
            );
        }
    }
    if config.in_production() && config.metrics == Metrics::Loopback && config.metrics_port.is_none() {
        hints.push("nobody can read the metrics: set METRICS_PORT, or METRICS=off if that is wanted");
    }
    hints
}

/// Returns whether files can be read without sign-in.
fn is_open(app: &App) -> bool {
    app.config.is_on(OwnerKind::Files) && app.config.files.public
}

/// Returns the text printed at start: version and addresses.
fn banner(app: &App, operations: Option<SocketAddr>) -> String {
    let elsewhere = if app.config.edge_port.is_some() { "" } else { "   (not here: EDGE_PORT is off)" };
    let edge = app.addresses.edge.as_ref().map_or("off".to_owned(), |address| format!("{address}{elsewhere}"));
    let operations = operations
        .map_or_else(String::new, |address| format!("  operations  http://{address}   (/readyz, /metrics)\n"));
    format!(
        "Tidegate {}\n  API   {}   (documentation at /docs)\n  edge  {edge}\n  S3    {}\n{operations}{}",
        env!("CARGO_PKG_VERSION"),
        app.addresses.api,
        app.addresses.s3,
        if is_open(app) {
            "  Users' files that are not private can be read by whoever knows their path (FILES_PUBLIC).\n"
        } else {
            ""
        },
    )
}

//! `tidegate serve`: runs the server until a signal.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::process;
use crate::app::App;
use crate::config::Config;
use crate::model::owner::OwnerKind;
use crate::server::Server;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(config: Config) -> ExitCode {
    process::run(config, serve)
}

async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let server = Server::open(config).await?;
    if server.app.config.insecure_auth() {
        tracing::warn!("there is no sign-in: whoever reaches the API is whoever they say (AUTH_MODE)");
    }
    if is_open(&server.app) {
        tracing::info!("users' files that are not private can be read by whoever knows their path (FILES_PUBLIC)");
    }
    // Probing external programs (clamd, ffmpeg) takes time; the start does not wait for it.
    let app = Arc::clone(&server.app);
    tokio::spawn(async move { app.warn_about_missing_tools().await });
    // The log repeats it, since standard output may not be read.
    let _ = std::io::stdout().write_all(banner(&server.app).as_bytes());
    tracing::info!(
        api = %server.app.addresses.api,
        edge = server.app.addresses.edge.as_ref().map_or("off".to_owned(), ToString::to_string),
        s3 = %server.app.addresses.s3,
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    let runs_jobs = server.app.config.runs_jobs;
    server.run(stop, runs_jobs).await;
    Ok(())
}

/// Returns whether files can be read without sign-in.
fn is_open(app: &App) -> bool {
    app.config.is_on(OwnerKind::Files) && app.config.files.public
}

/// Returns the text printed at start: version and addresses.
fn banner(app: &App) -> String {
    let elsewhere = if app.config.edge_port.is_some() { "" } else { "   (not here: EDGE_PORT is off)" };
    let edge = app.addresses.edge.as_ref().map_or("off".to_owned(), |address| format!("{address}{elsewhere}"));
    format!(
        "Tidegate {}\n  API   {}   (documentation at /docs)\n  edge  {edge}\n  S3    {}\n{}",
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

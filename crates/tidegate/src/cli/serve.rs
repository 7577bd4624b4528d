//! `tidegate serve`: runs the server until a signal.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::process;
use crate::app::App;
use crate::config::{AuthMode, Config, Metrics};
use crate::http::first_request::first_request;
use crate::model::owner::OwnerKind;
use crate::server::Server;

/// What `serve --help` says after the options.
pub(super) const HELP: &str = "\
Settings come from the environment, from .env, from --config and from --set.
The first to know, with their defaults:
  PORT=3000, EDGE_PORT=3001, S3_PORT=9000  where it listens
  BIND_HOST=127.0.0.1                      on which address
  TIDEGATE_DATA=./tidegate-data            the data folder; it is created
  DATABASE_URL=sqlite:PATH                 or postgres://USER:PASSWORD@HOST/NAME
  S3_BUCKET=                               a bucket for the bytes
  AUTH_MODE=dev                            sign-in: callers are whom X-User-Id
                                           names; from this machine only

Others may connect once callers sign in. Set one of:
  AUTH_JWKS_URL=URL        tokens of your identity provider
  AUTH_OWN_TOKENS=true     tokens of this server; see `tidegate token`
  AUTH_SERVICE_TOKEN=TEXT  your backend, which acts for its users

Example:
  PORT=8080 TIDEGATE_DATA=/srv/tidegate tidegate serve

`tidegate check` tries the settings. `tidegate settings` lists all of them.";

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(config: Config) -> ExitCode {
    process::run(config, serve)
}

async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.auth.mode != AuthMode::Authorizer,
        "AUTH_MODE=authorizer takes claims from the events of API Gateway, which only `tidegate lambda` gets: set \
         AUTH_MODE=jwt and AUTH_JWKS_URL for a server"
    );
    let server = Server::open(config).await?;
    for hint in hints(&server.app.config) {
        tracing::warn!("{hint}");
    }
    // Probing external programs (clamd, ffmpeg) takes time; the start does not wait for it.
    let app = Arc::clone(&server.app);
    tokio::spawn(async move { app.warn_about_missing_tools().await });
    announce(&server.app, server.operations_address());
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

/// What everybody may read.
const OPEN: &str = "users' files that are not private can be read by whoever knows their path (FILES_PUBLIC)";

/// Returns whether files can be read without sign-in.
fn is_open(app: &App) -> bool {
    app.config.is_on(OwnerKind::Files) && app.config.files.public
}

/// Says once that the server serves, and where: to a person on standard output, to programs in the
/// log.
fn announce(app: &App, operations: Option<SocketAddr>) {
    let is_printed = !app.config.log.json && std::io::stdout().write_all(banner(app, operations).as_bytes()).is_ok();
    if is_printed {
        return;
    }
    if is_open(app) {
        tracing::info!("{OPEN}");
    }
    tracing::info!(
        api = %app.addresses.api,
        edge = app.addresses.edge.as_ref().map_or("off".to_owned(), ToString::to_string),
        s3 = %app.addresses.s3,
        data = %app.config.data.display(),
        operations = operations.map(tracing::field::display),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
}

/// Returns the text printed at start: version, addresses, data folder and a first request.
fn banner(app: &App, operations: Option<SocketAddr>) -> String {
    let elsewhere = if app.config.edge_port.is_some() { "" } else { "   (not here: EDGE_PORT is off)" };
    let edge = app.addresses.edge.as_ref().map_or("off".to_owned(), |address| format!("{address}{elsewhere}"));
    let operations =
        operations.map_or_else(String::new, |address| format!("  probes  http://{address}   (/readyz, /metrics)\n"));
    let open = if is_open(app) { format!("\nNote: {OPEN}.\n") } else { String::new() };
    let data = std::path::absolute(&app.config.data).unwrap_or_else(|_| app.config.data.clone());
    let pages = if app.config.dashboard { "open it in a browser; " } else { "" };
    format!(
        "Tidegate {}\n  API     {}   ({pages}documentation at /manual/)\n  edge    {edge}\n  S3      {}\n{operations}  data    {}\n\
         {open}\nTry it in another terminal:\n\n  {}\n\n",
        env!("CARGO_PKG_VERSION"),
        app.addresses.api,
        app.addresses.s3,
        data.display(),
        first_request(app).replace('\n', "\n  "),
    )
}

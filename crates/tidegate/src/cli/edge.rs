//! `tidegate edge`: runs the stand-alone edge until a signal.

use std::io::Write as _;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::process;
use crate::config::Config;
use crate::server::edge::EdgeServer;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(config: Config) -> ExitCode {
    process::run(config, serve)
}

async fn serve(config: Config, stop: CancellationToken) -> anyhow::Result<()> {
    let is_json = config.log.json;
    let server = EdgeServer::open(config).await?;
    let (edge, ops) = (&server.address, &server.ops);
    let version = env!("CARGO_PKG_VERSION");
    // Said once: to a person on standard output, to programs in the log.
    let text = format!("Tidegate {version}, the edge alone\n  edge    {edge}\n  probes  {ops}   (/readyz, /metrics)\n");
    if is_json || std::io::stdout().write_all(text.as_bytes()).is_err() {
        tracing::info!(%edge, operations = %ops, version, "serving");
    }
    server.run(stop).await;
    Ok(())
}

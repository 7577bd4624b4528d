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
    let server = EdgeServer::open(config).await?;
    let (edge, ops) = (&server.address, &server.ops);
    let version = env!("CARGO_PKG_VERSION");
    // The log repeats it, since standard output may not be read.
    let text = format!(
        "Tidegate {version}, the edge alone\n  edge        {edge}\n  operations  {ops}   (/readyz, /metrics)\n"
    );
    let _ = std::io::stdout().write_all(text.as_bytes());
    tracing::info!(%edge, operations = %ops, version, "serving");
    server.run(stop).await;
    Ok(())
}

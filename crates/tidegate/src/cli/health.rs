//! `tidegate health`: asks a server of this machine whether it is ready, for container images and
//! service managers. Needs no other program.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{print, print_error, probe, process};
use crate::config::{Config, Problems, Sources};

/// Options of `health`.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Where to ask, such as `http://127.0.0.1:3000`. Default: `PORT` on this machine.
    #[arg(long, value_name = "URL", conflicts_with = "worker")]
    url: Option<String>,
    /// Ask a `tidegate work`, at `WORKER_PORT`.
    #[arg(long)]
    worker: bool,
    /// The longest time to wait for the answer, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// Prints the answer of `/readyz`, and returns exit code 0 if the server is ready, else 1.
pub(super) fn run(sources: &Sources, arguments: &HealthArgs) -> ExitCode {
    match process::run_once(|| check(sources, arguments)) {
        Ok(answer) => print(&format!("{}\n", answer.trim_end())),
        Err(error) => {
            print_error(&format!("not healthy: {error:#}"));
            ExitCode::from(1)
        }
    }
}

async fn check(sources: &Sources, arguments: &HealthArgs) -> anyhow::Result<String> {
    let base = match &arguments.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => own_address(sources, arguments.worker)?,
    };
    let url = format!("{base}/readyz");
    let answer = probe::get(&url, Duration::from_secs(arguments.timeout)).await?;
    anyhow::ensure!(answer.is_success, "{url} answers {}: {}", answer.status, answer.body.trim_end());
    Ok(answer.body)
}

/// Returns where a program of this machine listens, by the settings.
fn own_address(sources: &Sources, worker: bool) -> anyhow::Result<String> {
    let ports = Config::load_ports(sources).map_err(|Problems(problems)| anyhow::anyhow!(problems.join("; ")))?;
    let (name, port) = if worker { ("WORKER_PORT", ports.worker_port) } else { ("PORT", Some(ports.port)) };
    match port {
        Some(0) => anyhow::bail!("{name}=0 gives another port at every start; give --url"),
        Some(port) => Ok(ports.url(port)),
        None => anyhow::bail!("{name} is off, so that there is nothing to ask"),
    }
}

//! `tidegate doctor`: tries a deployment as its clients use it, and says of each part whether it works
//! and what to do. Writes probe objects of its own to reserved places in the store and removes them;
//! changes nothing else. Runs beside the server, with its settings.

mod bucket;
mod catalog;
mod cdn;
mod certificate;
mod context;
mod database;
mod edge;
mod machine;
mod media_tools;
mod policy;
mod probes;
mod report;
mod request;
mod sign_in;
mod uploads;
mod xml;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::PossibleValuesParser;
use futures::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};

pub use self::catalog::table;
use self::catalog::{CHECKS, Check, Door};
use self::context::Context;
use self::report::{Line, Outcome, Report, State};
use super::{print, print_error, process};
use crate::config::Config;

/// How many checks run at a time.
const AT_ONCE: usize = 10;

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Run only these checks, by their names between commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', hide_possible_values = true, value_parser = names())]
    only: Vec<String>,
    /// The longest time for a check, in seconds.
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// Accepts the names of checks.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(CHECKS.iter().map(|check| check.name))
}

/// Runs the checks and prints the report. Returns exit code 1 if one of them failed.
pub(super) fn run(config: Config, arguments: &DoctorArgs) -> ExitCode {
    let report = match process::run_once(|| examine(config, arguments)) {
        Ok(report) => report,
        Err(error) => {
            print_error(&format!("not examined: {error:#}"));
            return ExitCode::FAILURE;
        }
    };
    let printed = print(&if arguments.json { report.json() } else { report.text() });
    if report.count(State::Failed) == 0 { printed } else { ExitCode::FAILURE }
}

async fn examine(config: Config, arguments: &DoctorArgs) -> anyhow::Result<Report> {
    let started = Instant::now();
    // From now on a signal ends the checks, and the probes are removed before the process ends.
    let mut signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let is_wanted = |check: &&Check| arguments.only.is_empty() || arguments.only.iter().any(|name| name == check.name);
    let wanted: Vec<&'static Check> = CHECKS.iter().filter(is_wanted).collect();
    let limit = Duration::from_secs(arguments.timeout);
    // A request ends before its check does, so that the line says which.
    let mut context = Context::open(config, limit * 3 / 4).await?;
    if wanted.iter().any(|check| check.probes) {
        context.probes = match tokio::time::timeout(limit, probes::write(&context)).await {
            Ok(probes) => probes,
            Err(_) => Err(format!("the store takes no probes within {} s", limit.as_secs())),
        };
    }
    let running = run_checks(&context, &wanted, limit);
    let lines = tokio::select! {
        lines = running => Some(lines),
        _ = signals.0.recv() => None,
        _ = signals.1.recv() => None,
    };
    let left = match &context.probes {
        Ok(written) => probes::remove(&context, written).await,
        Err(_) => Vec::new(),
    };
    let mut lines = lines.ok_or_else(|| anyhow::anyhow!("interrupted; the probes were removed"))?;
    if !left.is_empty()
        && let Some(line) = lines.iter_mut().find(|line| line.check.name == "store")
    {
        let remedy = "allow the server to delete objects, and all their versions (s3:DeleteObjectVersion)";
        line.outcome = Outcome::failed(left.join("; ")).remedy(remedy);
    }
    Ok(Report { lines, took: started.elapsed() })
}

/// Runs checks side by side, and returns their lines in the order of the catalogue.
async fn run_checks(context: &Context, wanted: &[&'static Check], limit: Duration) -> Vec<Line> {
    let runs = wanted.iter().copied().map(|check| async move {
        let started = Instant::now();
        let outcome = match reason_to_skip(context, check) {
            Some(reason) => Outcome::skipped(reason),
            None => tokio::time::timeout(limit, (check.run)(context))
                .await
                .unwrap_or_else(|_| Outcome::failed(format!("not done within {} s (--timeout)", limit.as_secs()))),
        };
        Line { check, outcome, took: started.elapsed() }
    });
    futures::stream::iter(runs).buffered(AT_ONCE).collect().await
}

/// Returns why a check cannot be run.
fn reason_to_skip(context: &Context, check: &Check) -> Option<String> {
    let not_running = || (!context.server_runs).then(|| "the server does not run".to_owned());
    let by_door = match check.door {
        Door::Any => None,
        Door::Edge if !context.config.signs_grants() => {
            Some("no surface that is on gives out signed URLs (SURFACES)".to_owned())
        }
        Door::Edge if context.edge.is_none() => {
            Some("there is neither an edge nor a CDN: EDGE_PORT, EDGE_URL".to_owned())
        }
        Door::Edge if context.has_own_edge() => not_running(),
        Door::S3 if context.s3.is_none() => Some("S3_PORT=0 gives another port at every start".to_owned()),
        Door::S3 if context.has_own_door() => not_running(),
        Door::Edge if context.signer.is_none() => Some("there is no signing key".to_owned()),
        Door::Edge | Door::S3 => None,
    };
    let no_probes =
        || context.probes.as_ref().err().map(|_| "there are no probe objects; see the check store".to_owned());
    by_door.or_else(|| if check.probes && check.name != "store" { no_probes() } else { None })
}

/// The check of the store itself: whether it answers, and whether the probes were written.
async fn probes_written(context: &Context) -> Outcome {
    let store = match &context.store {
        Ok(store) => store.any(),
        Err(error) => return Outcome::failed(error.clone()).remedy("start the server once: `tidegate serve`"),
    };
    if let Err(error) = store.probe().await {
        return Outcome::failed(error.to_string());
    }
    match &context.probes {
        Ok(written) => {
            Outcome::ok(format!("{} probes of {} bytes were written and removed", written.len(), probes::SIZE))
        }
        Err(error) => Outcome::failed(error.clone()),
    }
}

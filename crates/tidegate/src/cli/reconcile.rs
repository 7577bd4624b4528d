//! `tidegate reconcile`: compares store and database. With a local store the server must be
//! stopped.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use super::{print, process};
use crate::app::{Addresses, App};
use crate::config::{Config, Origin};
use crate::model::epoch_seconds;
use crate::model::owner::OwnerKind;
use crate::worker::reconcile::{self, Finding, Mode, Report};

/// The most orphans that are moved aside without `--many`.
const MAX_UNCONFIRMED: u64 = 20;

/// Options of `reconcile`.
#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// Compare only this kind of owner; may be repeated.
    #[arg(long = "kind", value_parser = kind_parser())]
    kinds: Vec<OwnerKind>,
    /// Move orphans to .quarantine/orphans/DAY/, from where they can be restored by hand, and
    /// delete the remains of deletes.
    #[arg(long)]
    quarantine: bool,
    /// Move orphans even if there are very many.
    #[arg(long, requires = "quarantine")]
    many: bool,
    /// Remove orphans that were moved aside longer ago than `RETENTION_DAYS`.
    #[arg(long)]
    purge: bool,
    /// Make the configured store the one that the database belongs to, after its bytes were moved on
    /// purpose. Compares them as well.
    #[arg(long)]
    adopt_store: bool,
    /// The output format: lines of text, or metrics for the textfile collector of Prometheus' node
    /// exporter.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Prometheus,
}

/// Parses an owner kind and lists all of them in the help text.
fn kind_parser() -> impl TypedValueParser<Value = OwnerKind> {
    PossibleValuesParser::new(OwnerKind::ALL.map(OwnerKind::as_str))
        .try_map(|name| OwnerKind::parse(&name).ok_or("no such kind"))
}

/// Compares, and returns exit code 1 if anything does not match, so that a scheduler notices.
pub(super) fn run(config: Config, arguments: ReconcileArgs) -> ExitCode {
    let clean = AtomicBool::new(true);
    let done = process::run(config, |config, stop| compare(config, arguments, stop, &clean));
    if clean.load(Ordering::Relaxed) { done } else { ExitCode::from(1) }
}

async fn compare(
    config: Config,
    arguments: ReconcileArgs,
    stop: CancellationToken,
    clean: &AtomicBool,
) -> anyhow::Result<()> {
    process::require_database(&config)?;
    let here = Origin::parse("http://127.0.0.1").context("an address that nobody is told")?;
    let config = Config { adopts_store: arguments.adopt_store, ..config };
    let app = App::open(config, Addresses { api: here.clone(), edge: None, s3: here }).await?;
    let kinds = if arguments.kinds.is_empty() { OwnerKind::ALL.to_vec() } else { arguments.kinds.clone() };
    let mode = if arguments.quarantine { Mode::Quarantine } else { Mode::Report };
    if arguments.quarantine && !arguments.many {
        let dry = reconcile::compare(&app, &kinds, Mode::Report, &|_, _, _, _| {}).await.map_err(to_anyhow)?;
        let many = dry.orphans().find(|(_, orphans, there)| *orphans > MAX_UNCONFIRMED && orphans * 10 > *there);
        let (kind, orphans, there) = many.unwrap_or_default();
        anyhow::ensure!(
            many.is_none(),
            "{orphans} of {there} blobs of {kind} are nobody's: is this the database that belongs to this store? Nothing was changed; \
             --quarantine --many puts them aside all the same"
        );
    }
    let tell = |kind: OwnerKind, finding: Finding, key: &str, size: u64| {
        if arguments.format == Format::Text {
            print(&format!("{:<8} {:<10} {size:>12}  {}\n", kind.as_str(), finding.as_str(), key.escape_debug()));
        }
    };
    let mut report = tokio::select! {
        report = reconcile::compare(&app, &kinds, mode, &tell) => report.map_err(to_anyhow)?,
        () = stop.cancelled() => anyhow::bail!("stopped half-way; run it again"),
    };
    reconcile::compare_counters(&app, mode, &mut report).await;
    if arguments.purge {
        reconcile::purge_old(&app, &mut report).await.map_err(to_anyhow)?;
    }
    clean.store(report.is_clean(), Ordering::Relaxed);
    print(&match arguments.format {
        Format::Text => summary(&report, mode),
        Format::Prometheus => metrics(&report, &kinds, epoch_seconds(app.db.now())),
    });
    app.close().await;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn to_anyhow(error: crate::error::Error) -> anyhow::Error {
    anyhow::anyhow!(error.detail())
}

fn summary(report: &Report, mode: Mode) -> String {
    let mut text = String::new();
    for (kind, (there, expected)) in &report.looked_at {
        text.push_str(&format!("{kind}: {there} blobs and {expected} keys of rows compared\n"));
    }
    for ((kind, finding), (count, bytes)) in &report.found {
        text.push_str(&format!("{kind}: {count} {} ({bytes} bytes)\n", finding.as_str()));
    }
    for wrong in &report.wrong_counters {
        let (kind, id) = (&wrong.owner_kind, wrong.owner_id.escape_debug());
        let folder = wrong.folder.as_ref().map(|folder| format!(", folder {}", folder.escape_debug()));
        let (stored, counted) = (&wrong.stored, &wrong.counted);
        let folder = folder.unwrap_or_default();
        text.push_str(&format!("counters of {kind} {id}{folder}: stored {stored}, counted {counted}\n"));
    }
    if report.is_clean() {
        text.push_str("store and database agree\n");
    }
    if mode == Mode::Quarantine {
        let Report { quarantined, cleared, .. } = report;
        text.push_str(&format!(
            "{quarantined} put aside, in .quarantine/orphans/; {cleared} left of deletes taken away\n"
        ));
        if !report.wrong_counters.is_empty() {
            text.push_str(&format!("{} counters repaired\n", report.wrong_counters.len()));
        }
    } else if report.found.keys().any(|(_, finding)| matches!(finding, Finding::Orphan | Finding::Leftover)) {
        text.push_str("nothing was changed; --quarantine puts orphans aside and takes away what is left of deletes\n");
    }
    for (key, why) in &report.failed {
        text.push_str(&format!("{}: nothing was done about it: {why}\n", key.escape_debug()));
    }
    if report.purged > 0 {
        text.push_str(&format!("{} removed that had been put aside before\n", report.purged));
    }
    text
}

/// Formats the report for the textfile collector of `node_exporter`.
fn metrics(report: &Report, kinds: &[OwnerKind], now: u64) -> String {
    let mut text = "# HELP tidegate_reconcile_findings Keys at which store and database do not agree.\n\
                    # TYPE tidegate_reconcile_findings gauge\n"
        .to_owned();
    for kind in kinds {
        for finding in Finding::ALL {
            let (count, _) = report.found.get(&(kind.as_str(), finding)).copied().unwrap_or_default();
            let (kind, finding) = (kind.as_str(), finding.as_str());
            text.push_str(&format!("tidegate_reconcile_findings{{owner=\"{kind}\",finding=\"{finding}\"}} {count}\n"));
        }
    }
    let counters = report.wrong_counters.len();
    text.push_str(&format!(
        "# HELP tidegate_reconcile_wrong_counters Counters of quotas that do not agree with the rows.\n\
         # TYPE tidegate_reconcile_wrong_counters gauge\ntidegate_reconcile_wrong_counters {counters}\n"
    ));
    let failed = report.failed.len();
    text.push_str(&format!(
        "# HELP tidegate_reconcile_failed Keys with which nothing could be done, or that could not be looked at.\n\
         # TYPE tidegate_reconcile_failed gauge\ntidegate_reconcile_failed {failed}\n"
    ));
    text.push_str(&format!(
        "# HELP tidegate_reconcile_last_run_seconds When they were compared last.\n\
         # TYPE tidegate_reconcile_last_run_seconds gauge\ntidegate_reconcile_last_run_seconds {now}\n"
    ));
    text
}

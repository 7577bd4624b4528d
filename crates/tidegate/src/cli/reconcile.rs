//! `tidegate reconcile`: store and database compared. For a local store the server must be stopped.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use super::{print, process};
use crate::app::{Addresses, App};
use crate::config::{Config, Origin};
use crate::model::epoch_seconds;
use crate::model::owner::OwnerKind;
use crate::worker::reconcile::{self, Finding, Mode, Report};

/// So many orphans are put aside without another question.
const MANY: u64 = 20;

/// What is compared, and what is done about it.
#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// Of one kind of owner only; may be said more than once.
    #[arg(long = "kind", value_enum)]
    kinds: Vec<Kind>,
    /// Put aside what is nobody's: moved to .quarantine/orphans/DAY/, from where it can be taken back by hand. What is left
    /// of deletes is deleted.
    #[arg(long)]
    quarantine: bool,
    /// Do so also where very much is nobody's.
    #[arg(long, requires = "quarantine")]
    many: bool,
    /// Remove what was put aside longer ago than what is deleted is kept (see `RETENTION_DAYS`).
    #[arg(long)]
    purge: bool,
    /// How findings are told: line by line, or as metrics for a file that Prometheus' node exporter reads.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Disks,
    Files,
    Session,
    Space,
    Dataset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Prometheus,
}

impl From<Kind> for OwnerKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Disks => Self::Disks,
            Kind::Files => Self::Files,
            Kind::Session => Self::Session,
            Kind::Space => Self::Space,
            Kind::Dataset => Self::Dataset,
        }
    }
}

/// Compares; ends with 1 where something does not fit, so that whoever runs it by the clock hears of it.
pub(super) fn run(config: Config, wanted: Wanted) -> ExitCode {
    let clean = AtomicBool::new(true);
    let done = process::run(config, |config, stop| compare(config, wanted, stop, &clean));
    if clean.load(Ordering::Relaxed) { done } else { ExitCode::from(1) }
}

async fn compare(config: Config, wanted: Wanted, stop: CancellationToken, clean: &AtomicBool) -> anyhow::Result<()> {
    process::must_be_there(&config)?;
    let here = Origin::parse("http://127.0.0.1").context("an address that nobody is told")?;
    let app = App::open(config, Addresses { api: here.clone(), edge: None, s3: here }).await?;
    let mut kinds: Vec<OwnerKind> = wanted.kinds.iter().copied().map(OwnerKind::from).collect();
    if kinds.is_empty() {
        kinds.extend(OwnerKind::ALL);
    }
    let mode = if wanted.quarantine { Mode::Quarantine } else { Mode::Report };
    if wanted.quarantine && !wanted.many {
        let dry = reconcile::compare(&app, &kinds, Mode::Report, &|_, _, _, _| {}).await.map_err(told)?;
        let many = dry.orphans().find(|(_, orphans, there)| *orphans > MANY && orphans * 10 > *there);
        let (kind, orphans, there) = many.unwrap_or_default();
        anyhow::ensure!(
            many.is_none(),
            "{orphans} of {there} blobs of {kind} are nobody's: is this the database that belongs to this store? Nothing was changed; \
             --quarantine --many puts them aside all the same"
        );
    }
    let tell = |kind: OwnerKind, finding: Finding, key: &str, size: u64| {
        if wanted.format == Format::Text {
            print(&format!("{:<8} {:<10} {size:>12}  {}\n", kind.as_str(), finding.as_str(), key.escape_debug()));
        }
    };
    let mut report = tokio::select! {
        report = reconcile::compare(&app, &kinds, mode, &tell) => report.map_err(told)?,
        () = stop.cancelled() => anyhow::bail!("stopped half-way; run it again"),
    };
    if wanted.purge {
        reconcile::purge_old(&app, &mut report).await.map_err(told)?;
    }
    clean.store(report.is_clean(), Ordering::Relaxed);
    print(&match wanted.format {
        Format::Text => summary(&report, mode),
        Format::Prometheus => metrics(&report, &kinds, epoch_seconds(app.db.now())),
    });
    app.db.close().await;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn told(error: crate::error::Error) -> anyhow::Error {
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
    if report.is_clean() {
        text.push_str("store and database agree\n");
    }
    if mode == Mode::Quarantine {
        let Report { quarantined, cleared, .. } = report;
        text.push_str(&format!(
            "{quarantined} put aside, in .quarantine/orphans/; {cleared} left of deletes taken away\n"
        ));
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

/// As `node_exporter` reads them from a file.
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

//! `tidegate import`: imports what another program has stored. With a local store the server must
//! be stopped; the other program need not be.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use store::Tree;
use tokio_util::sync::CancellationToken;

use super::{print, process};
use crate::app::{Addresses, App};
use crate::config::{Config, Origin};
use crate::surfaces::files::import::{Import, Outcome};

/// What to import.
#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Users' files: a folder with `storage/{user}/{folder}/{id}_{name}` and a `.meta` file beside
    /// each.
    Files {
        /// The folder that contains `storage`. If it is the store itself (`UPLOAD_ROOT`), files
        /// stay in place.
        folder: PathBuf,
        /// Only report what would happen.
        #[arg(long)]
        dry_run: bool,
    },
}

/// The number of files so far, by outcome.
#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    bytes: AtomicU64,
    known: AtomicU64,
    skipped: AtomicU64,
}

/// Imports, and prints every skipped file with the reason.
pub(super) fn run(config: Config, what: &ImportCommand) -> ExitCode {
    let ImportCommand::Files { folder, dry_run } = what;
    let (folder, dry) = (folder.clone(), *dry_run);
    process::run(config, move |config, stop| files(config, folder, dry, stop))
}

async fn files(config: Config, folder: PathBuf, dry: bool, stop: CancellationToken) -> anyhow::Result<()> {
    let about = format!("the folder {}", folder.display());
    let tree = tokio::task::spawn_blocking(move || Tree::open(&folder)).await?.map_err(|error| match error {
        store::Error::NotFound => anyhow::anyhow!("{about} is not there"),
        other => anyhow::anyhow!("{about}: {other}"),
    })?;
    let here = Origin::parse("http://127.0.0.1").context("an address that nobody is told")?;
    let addresses = Addresses { api: here.clone(), edge: None, s3: here };
    let app = Arc::new(App::open(config, addresses).await?);
    let import = Import::of(tree).await.map_err(|error| anyhow::anyhow!(error.to_string()))?;
    let (counts, bar) = (Counts::default(), bar(import.count())?);
    let tell = |path: &str, outcome: &Outcome| {
        match outcome {
            Outcome::Imported(bytes) => {
                counts.taken.fetch_add(1, Ordering::Relaxed);
                counts.bytes.fetch_add(*bytes, Ordering::Relaxed);
            }
            Outcome::Known => drop(counts.known.fetch_add(1, Ordering::Relaxed)),
            Outcome::Skipped(why) => {
                counts.skipped.fetch_add(1, Ordering::Relaxed);
                bar.suspend(|| print(&format!("skipped {}: {why}\n", path.escape_debug())));
            }
        }
        bar.inc(1);
    };
    let outcome = tokio::select! {
        outcome = import.run(&app, dry, &tell) => outcome.map_err(|error| anyhow::anyhow!(error.detail())),
        () = stop.cancelled() => Err(anyhow::anyhow!("stopped half-way; run it again to go on")),
    };
    bar.finish_and_clear();
    let number = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let would = if dry { "would be " } else { "" };
    print(&format!(
        "{} files ({} bytes) {would}taken over, {} were known, {} skipped\n",
        number(&counts.taken),
        number(&counts.bytes),
        number(&counts.known),
        number(&counts.skipped),
    ));
    app.close().await;
    outcome
}

/// Returns the progress bar, which is drawn on terminals only.
fn bar(files: u64) -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(files);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} files, {per_sec}, {eta} to go")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

//! `tidegate jobs`: lists dead-lettered jobs, retries them, and enqueues scans of published
//! objects.

use std::process::ExitCode;

use clap::Subcommand;

use super::{print, process};
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::{from_micros, rfc3339};
use crate::worker::{dead_letters, rescan};

/// Rows per query.
const PAGE: i64 = 500;

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(super) enum JobsCommand {
    /// List failed jobs, one per line: id, attempts, creation time, job, reason.
    List,
    /// Retry one failed job, or all of them, and with them objects that failed for good: too large
    /// for the scanner, no ffmpeg.
    Retry {
        /// The job's id.
        #[arg(required_unless_present = "all")]
        id: Option<i64>,
        /// Retry all of them.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Scan everything published again, with current signatures. A running server does the scans.
    Rescan,
}

pub(super) fn run(config: Config, what: JobsCommand) -> ExitCode {
    process::run(config, |config, _| execute(config, what))
}

async fn execute(config: Config, what: JobsCommand) -> anyhow::Result<()> {
    process::require_database(&config)?;
    // Opens only the database, since a server may be running.
    let db = Db::open(&config.database).await?;
    let outcome = match what {
        JobsCommand::List => list(&db).await,
        JobsCommand::Retry { id: Some(id), .. } => dead_letters::requeue(&db, &Caller::system(), id).await,
        JobsCommand::Retry { id: None, .. } => retry_all(&db).await,
        JobsCommand::Rescan => scan_again(&db).await,
    };
    db.close().await;
    outcome.map_err(|error| anyhow::anyhow!(error.detail()))
}

async fn list(db: &Db) -> Result<()> {
    let mut after = 0;
    loop {
        let page = db.list_dead_letters(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for job in &page {
            let (at, why) = (rfc3339(from_micros(job.created_at)), job.last_error.as_deref().unwrap_or("unknown"));
            print(&format!("{}\t{} attempts\t{at}\t{}\t{why}\n", job.id, job.attempts, job.payload));
        }
    }
}

async fn retry_all(db: &Db) -> Result<()> {
    let (mut after, mut count) = (0, 0_u64);
    loop {
        let page = db.list_dead_letters(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for job in &page {
            match dead_letters::requeue(db, &Caller::system(), job.id).await {
                Ok(()) => count += 1,
                // Another process retried it first.
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let failed = dead_letters::requeue_failed(db, &Caller::system()).await?;
    print(&format!("{count} jobs will be tried again, and {failed} objects that had failed without one\n"));
    Ok(())
}

async fn scan_again(db: &Db) -> Result<()> {
    let count = rescan::enqueue_all(db).await?;
    print(&format!("{count} objects will be scanned again\n"));
    Ok(())
}

//! `tidegate jobs`: work that was given up, listed and tried again; and scans of what is published.

use std::process::ExitCode;

use clap::Subcommand;

use super::{print, process};
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::{from_micros, rfc3339};
use crate::queue::{self, Job};
use crate::worker::dead_letters;

/// Objects that are looked up in one query.
const AT_ONCE: i64 = 500;

/// What is to be done with them.
#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// List jobs that were given up, one on a line: id, attempts, since when, what, why.
    List,
    /// Have one tried again, or all of them, and with them what failed for good: too large for the scanner, no ffmpeg.
    Retry {
        /// Its id.
        #[arg(required_unless_present = "all")]
        id: Option<i64>,
        /// All of them.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Have everything that is published scanned again, with the signatures of today. A running server does it.
    Rescan,
}

pub(super) fn run(config: Config, what: What) -> ExitCode {
    process::run(config, |config, _| act(config, what))
}

async fn act(config: Config, what: What) -> anyhow::Result<()> {
    // No more than the database: a server may run beside it.
    let db = Db::open(&config.database).await?;
    let outcome = match what {
        What::List => list(&db).await,
        What::Retry { id: Some(id), .. } => dead_letters::revive(&db, &Caller::system(), id).await,
        What::Retry { id: None, .. } => retry_all(&db).await,
        What::Rescan => rescan(&db).await,
    };
    db.close().await;
    outcome.map_err(|error| anyhow::anyhow!(error.detail()))
}

async fn list(db: &Db) -> Result<()> {
    let mut after = 0;
    loop {
        let page = db.list_dead_jobs(after, AT_ONCE).await?;
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
        let page = db.list_dead_jobs(after, AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for job in &page {
            match dead_letters::revive(db, &Caller::system(), job.id).await {
                Ok(()) => count += 1,
                // Somebody else was quicker.
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let failed = dead_letters::revive_failed(db, &Caller::system()).await?;
    print(&format!("{count} jobs will be tried again, and {failed} objects that had failed without one\n"));
    Ok(())
}

async fn rescan(db: &Db) -> Result<()> {
    let (mut after, mut count) = (None, 0_u64);
    loop {
        let page = db.list_scannable(after, AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        after = Some(*last);
        let mut tx = db.begin().await?;
        for id in &page {
            queue::enqueue(&mut tx, &Job::RescanV1 { object: id.0 }, db.now()).await?;
            count += 1;
        }
        tx.commit().await?;
    }
    print(&format!("{count} objects will be scanned again\n"));
    Ok(())
}

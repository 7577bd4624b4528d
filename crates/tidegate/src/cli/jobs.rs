//! `tidegate jobs`: work that was given up, listed and tried again; and scans of what is published.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;

use super::{print, process};
use crate::app::{Addresses, App};
use crate::config::{Config, Origin};
use crate::jobs::{self, Job, dead};
use crate::model::caller::Caller;
use crate::model::{from_micros, rfc3339};

/// Media that are looked up in one query.
const AT_ONCE: i64 = 500;

/// What is to be done with them.
#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// List jobs that were given up, one on a line: id, attempts, since when, what, why.
    List,
    /// Have one tried again, or all of them.
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
    let here = Origin::parse("http://127.0.0.1").context("an address that nobody is told")?;
    let addresses = Addresses { api: here.clone(), edge: None, s3: here };
    let app = Arc::new(App::open(config, addresses).await?);
    let outcome = match what {
        What::List => list(&app).await,
        What::Retry { id: Some(id), .. } => dead::retry(&app, &Caller::system(), id).await,
        What::Retry { id: None, .. } => retry_all(&app).await,
        What::Rescan => rescan(&app).await,
    };
    app.db.close().await;
    outcome.map_err(|error| anyhow::anyhow!(error.detail()))
}

async fn list(app: &App) -> crate::error::Result<()> {
    let mut after = 0;
    loop {
        let page = dead::list(app, &Caller::system(), after, AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for job in &page {
            let (at, why) = (rfc3339(from_micros(job.created_at)), job.last_error.as_deref().unwrap_or("unknown"));
            print(&format!("{}\t{} attempts\t{at}\t{}\t{why}\n", job.id, job.attempts, job.payload));
        }
    }
}

async fn retry_all(app: &App) -> crate::error::Result<()> {
    let (mut after, mut count) = (0, 0_u64);
    loop {
        let page = dead::list(app, &Caller::system(), after, AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for job in &page {
            dead::retry(app, &Caller::system(), job.id).await?;
            count += 1;
        }
    }
    print(&format!("{count} jobs will be tried again\n"));
    Ok(())
}

async fn rescan(app: &App) -> crate::error::Result<()> {
    let (mut after, mut count) = (None, 0_u64);
    loop {
        let page = app.db.list_published_media(after, AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        after = Some(*last);
        let mut tx = app.db.begin().await?;
        for id in &page {
            jobs::enqueue(&mut tx, &Job::RescanV1 { object: id.0 }, app.db.now()).await?;
            count += 1;
        }
        tx.commit().await?;
    }
    print(&format!("{count} media will be scanned again\n"));
    Ok(())
}

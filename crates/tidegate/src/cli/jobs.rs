//! `tidegate jobs`: lists dead-lettered jobs, retries them, and enqueues scans of published
//! objects.

use std::process::ExitCode;

use clap::Subcommand;

use super::{print, process};
use crate::app::{FLUSH_TIME, open_aws, open_transport};
use crate::config::{Config, TransportSetting};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::{from_micros, rfc3339};
use crate::queue::message;
use crate::queue::redrive::Redrive;
use crate::queue::transport::Transport;
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
    /// Move messages from the dead-letter queues of SQS or Redis back into their queues. Failed jobs
    /// are another matter: see `retry`.
    Redrive {
        /// The most messages to move from each queue.
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
        /// Only list the messages.
        #[arg(long)]
        dry_run: bool,
        /// Move messages of another shape too, which name no job.
        #[arg(long)]
        all: bool,
    },
    /// Scan everything published again, with current signatures. A running server does the scans.
    Rescan,
}

pub(super) fn run(config: Config, what: JobsCommand) -> ExitCode {
    process::run(config, |config, _| execute(config, what))
}

async fn execute(config: Config, what: JobsCommand) -> anyhow::Result<()> {
    if let JobsCommand::Redrive { limit, dry_run, all } = what {
        return redrive(&config, Redrive { limit: limit.unwrap_or(u64::MAX), dry_run, all }).await;
    }
    process::require_database(&config)?;
    // Opens only the database, since a server may be running.
    let db = Db::open_as(&config.database, config.migrates).await?;
    // What is queued again is named to workers, as a server does it.
    let transport = open_transport(&config, &db).await?;
    let outcome = match what {
        JobsCommand::List => list(&db).await,
        JobsCommand::Retry { id: Some(id), .. } => dead_letters::requeue(&db, &Caller::system(), id).await,
        JobsCommand::Retry { id: None, .. } => retry_all(&db).await,
        JobsCommand::Rescan => scan_again(&db).await,
        JobsCommand::Redrive { .. } => Ok(()),
    };
    if let Some(transport) = transport {
        transport.flush(FLUSH_TIME).await;
    }
    db.close().await;
    outcome.map_err(|error| anyhow::anyhow!(error.detail()))
}

/// Moves messages back from the dead-letter queue of each queue. Needs no database.
async fn redrive(config: &Config, wanted: Redrive) -> anyhow::Result<()> {
    let client = match &config.queues.transport {
        TransportSetting::Sqs(_) => Some(open_aws(config).await?),
        TransportSetting::Database | TransportSetting::Redis(_) => None,
    };
    let transport = Transport::open(config, client)?;
    let transport = transport.ok_or_else(|| {
        anyhow::anyhow!("there are no messages: set JOB_QUEUE_URL or REDIS_HOST as the servers have it; `tidegate jobs retry`                          tries failed jobs again")
    })?;
    let (mut without, mut foreign) = (Vec::new(), 0);
    for queue in &transport.queues {
        let report = |body: &str, is_moved: bool| {
            let name = message::parse(body)
                .map_or_else(|| format!("{} bytes of another shape", body.len()), |id| format!("job {id}"));
            let what = match (is_moved, wanted.dry_run) {
                (true, false) => "moved",
                (true, true) => "would be moved",
                (false, _) => "left",
            };
            print(&format!("{}\t{name}\t{what}\n", queue.name));
        };
        match queue.redrive(wanted, report).await? {
            Some(done) => {
                foreign += done.foreign;
                let verb = if wanted.dry_run { "would be moved" } else { "moved" };
                print(&format!("{}: {} messages {verb}, {} left\n", queue.name, done.moved, done.foreign));
            }
            None => without.push(queue.name.as_str()),
        }
    }
    if foreign > 0 && !wanted.all {
        print("messages that name no job are moved with --all\n");
    }
    anyhow::ensure!(
        without.is_empty(),
        "these queues have no dead-letter queue (RedrivePolicy): {}",
        without.join(", ")
    );
    Ok(())
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

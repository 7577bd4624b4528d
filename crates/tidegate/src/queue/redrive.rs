//! Moves messages from a queue's dead-letter queue back into it: receives, sends, deletes. Not by
//! SQS's message move tasks, which emulators and some accounts lack. Messages are about rows; a
//! dead-lettered job is another matter, see `worker::dead_letters`.

use std::collections::HashSet;
use std::time::Duration;

use aws::sqs;

use super::message;
use super::redis::Stream;
use super::transport::{Queue, QueueParts, TransportError};

/// How long a message of the dead-letter queue is hidden while it is moved.
const HIDDEN: Duration = Duration::from_secs(120);
/// How long a receive waits. An empty response to one that waits is a word of all servers of SQS.
const WAIT: Duration = Duration::from_secs(2);

/// What to move.
#[derive(Debug, Clone, Copy)]
pub struct Redrive {
    /// The most messages to move.
    pub limit: u64,
    /// Whether to move nothing, and only count.
    pub dry_run: bool,
    /// Whether messages of another shape are moved too.
    pub all: bool,
}

/// What was moved, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redriven {
    /// The messages that were moved.
    pub moved: u64,
    /// The messages of another shape that were left.
    pub foreign: u64,
}

impl Queue {
    /// Moves messages from the dead-letter queue back into this one; `None` if it has no dead-letter
    /// queue. `report` is told each message, and whether it is moved. A message is sent before it is
    /// deleted, so that one may come twice after an error, and none is lost.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if a queue does not answer. What was moved before stays moved.
    pub async fn redrive(
        &self,
        wanted: Redrive,
        mut report: impl FnMut(&str, bool),
    ) -> Result<Option<Redriven>, TransportError> {
        match self.parts() {
            QueueParts::Redis(stream) => redrive_stream(stream, wanted, &mut report).await.map(Some),
            QueueParts::Sqs(queue) => match queue.dead_letter_queue().await? {
                Some(dead) => redrive_sqs(queue, &dead, wanted, &mut report).await.map(Some),
                None => Ok(None),
            },
        }
    }
}

async fn redrive_sqs(
    queue: &sqs::Queue,
    dead: &sqs::Queue,
    wanted: Redrive,
    report: &mut impl FnMut(&str, bool),
) -> Result<Redriven, TransportError> {
    let (mut done, mut seen, mut left) = (Redriven::default(), HashSet::new(), Vec::new());
    while done.moved < wanted.limit {
        let most = usize::try_from(wanted.limit - done.moved).unwrap_or(usize::MAX);
        let received = dead.receive(most, WAIT, HIDDEN).await?;
        let mut moving = Vec::new();
        let mut is_new = false;
        for found in received {
            if !seen.insert(found.id.clone()) {
                // A large queue: the first ones are no longer hidden.
                left.push(found.receipt);
                continue;
            }
            is_new = true;
            let is_moved = wanted.all || message::parse(&found.body).is_some();
            report(&found.body, is_moved);
            if is_moved {
                done.moved += 1;
                moving.push(found);
            } else {
                done.foreign += 1;
                left.push(found.receipt);
            }
        }
        if !is_new {
            break;
        }
        if wanted.dry_run {
            left.extend(moving.into_iter().map(|found| found.receipt));
            continue;
        }
        let bodies: Vec<_> = moving.iter().map(|found| (found.body.clone(), Duration::ZERO)).collect();
        let failed = queue.send(&bodies, None).await?;
        let (sent, unsent): (Vec<_>, Vec<_>) = moving.iter().enumerate().partition(|(at, _)| !failed.contains(at));
        done.moved -= unsent.len() as u64;
        left.extend(unsent.into_iter().map(|(_, found)| found.receipt.clone()));
        let receipts: Vec<&str> = sent.iter().map(|(_, found)| found.receipt.as_str()).collect();
        dead.delete(&receipts).await?;
    }
    for some in left.chunks(sqs::MAX_BATCH) {
        let receipts: Vec<_> = some.iter().map(|receipt| (receipt.as_str(), Duration::ZERO)).collect();
        dead.hide(&receipts).await?;
    }
    Ok(done)
}

async fn redrive_stream(
    stream: &Stream,
    wanted: Redrive,
    report: &mut impl FnMut(&str, bool),
) -> Result<Redriven, TransportError> {
    let (mut done, mut after) = (Redriven::default(), None::<String>);
    loop {
        let entries = stream.list_dead(after.as_deref(), sqs::MAX_BATCH).await?;
        let Some(last) = entries.last() else { return Ok(done) };
        after = Some(last.id.clone());
        for entry in &entries {
            if done.moved >= wanted.limit {
                return Ok(done);
            }
            let body = entry.body();
            let is_moved = wanted.all || message::parse(&body).is_some();
            report(&body, is_moved);
            if !is_moved {
                done.foreign += 1;
                continue;
            }
            if !wanted.dry_run {
                stream.redrive(entry).await?;
            }
            done.moved += 1;
        }
    }
}

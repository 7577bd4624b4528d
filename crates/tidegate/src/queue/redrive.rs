//! Moves messages from a queue's dead-letter queue back into it: receives, sends, deletes. Not by
//! SQS's message move tasks, which emulators and some accounts lack. Messages are about rows; a
//! dead-lettered job is another matter, see `worker::dead_letters`.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use aws::sqs;

use super::message;
use super::redis::Stream;
use super::transport::{Queue, QueueParts, TransportError};

/// How long a message of the dead-letter queue is hidden while it is moved.
const HIDDEN: Duration = Duration::from_secs(120);
/// How long a receive waits. An empty response to one that waits is a word of all servers of SQS.
const WAIT: Duration = Duration::from_secs(2);

/// The most bytes of the messages that are sent by one request.
const MAX_SENT: usize = 256 << 10;

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
    /// queue. `report` is told each message, and whether it is moved. What comes into the dead-letter
    /// queue meanwhile stays there, so that messages which fail again at once are not moved for ever. A
    /// message is sent before it is deleted, so that one may come twice after an error, and none is lost.
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
    let started = SystemTime::now();
    let (mut done, mut seen, mut left) = (Redriven::default(), HashSet::new(), Vec::new());
    while done.moved < wanted.limit {
        let most = usize::try_from(wanted.limit - done.moved).unwrap_or(usize::MAX);
        let received = dead.receive(most, WAIT, HIDDEN).await?;
        let mut moving = Vec::new();
        let mut is_new = false;
        for found in received {
            // Either the first ones of a large queue are no longer hidden, or one that was moved has come
            // back. SQS keeps the time at which a message was sent when it moves it to a dead-letter queue.
            if !seen.insert(found.id.clone()) || found.sent.is_some_and(|sent| sent > started) {
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
        while !moving.is_empty() {
            let rest = moving.split_off(fitting(&moving));
            let unsent = move_some(queue, dead, moving).await?;
            done.moved -= unsent.len() as u64;
            left.extend(unsent);
            moving = rest;
        }
    }
    for some in left.chunks(sqs::MAX_BATCH) {
        let receipts: Vec<_> = some.iter().map(|receipt| (receipt.as_str(), Duration::ZERO)).collect();
        dead.hide(&receipts).await?;
    }
    Ok(done)
}

/// Returns how many messages, from the first on, one request can send: at least one.
fn fitting(messages: &[sqs::Message]) -> usize {
    let mut bytes = 0;
    let too_many = messages.iter().position(|message| {
        bytes += message.body.len();
        bytes > MAX_SENT
    });
    too_many.unwrap_or(messages.len()).max(1)
}

/// Sends messages, and deletes those that were sent from the dead-letter queue. Returns the receipts of
/// those that were not sent.
async fn move_some(
    queue: &sqs::Queue,
    dead: &sqs::Queue,
    messages: Vec<sqs::Message>,
) -> Result<Vec<String>, TransportError> {
    let (bodies, receipts): (Vec<_>, Vec<_>) =
        messages.into_iter().map(|found| ((found.body, Duration::ZERO), found.receipt)).unzip();
    let failed = queue.send(&bodies, None).await?;
    let (mut sent, mut unsent) = (Vec::new(), Vec::new());
    for (at, receipt) in receipts.into_iter().enumerate() {
        if failed.contains(&at) { unsent.push(receipt) } else { sent.push(receipt) }
    }
    let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
    let undeleted = dead.delete(&sent).await?;
    if !undeleted.is_empty() {
        tracing::warn!(count = undeleted.len(), "messages were moved, and are in the dead-letter queue too");
    }
    Ok(unsent)
}

async fn redrive_stream(
    stream: &Stream,
    wanted: Redrive,
    report: &mut impl FnMut(&str, bool),
) -> Result<Redriven, TransportError> {
    let (mut done, mut after) = (Redriven::default(), None::<String>);
    let Some(newest) = stream.last_dead().await? else { return Ok(done) };
    loop {
        let entries = stream.list_dead(after.as_deref(), &newest, sqs::MAX_BATCH).await?;
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

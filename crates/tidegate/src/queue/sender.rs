//! Sends the messages of a process, after the commits that enqueued their jobs. A message waits in
//! memory while the queue does not answer; what is lost with the process, or is due in more than a
//! quarter of an hour, is found in the database. Never fails a commit, and never delays one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::transport::{Queue, TransportError};
use crate::occasionally::Occasionally;

/// A job that is due later than this gets no message.
const LATEST: Duration = Duration::from_secs(900);
/// The most messages of a queue that wait to be sent.
const MAX_WAITING: usize = 100_000;
/// The calls of a queue that send at the same time.
const CALLS: usize = 4;
/// The pause after the first failure. It doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often it is logged that messages are dropped.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The messages of a process that wait to be sent.
#[derive(Debug)]
pub(super) struct Sender {
    outboxes: Vec<Arc<Outbox>>,
}

/// The messages of one queue that wait to be sent.
#[derive(Debug)]
struct Outbox {
    /// How long the queue itself keeps a message back.
    max_delay: Duration,
    waiting: Mutex<Waiting>,
    wake: watch::Sender<()>,
    /// The number of messages that could be sent now.
    unsent: watch::Sender<usize>,
    dropped: Occasionally,
}

/// A job's id, and when it is due.
type Named = (Instant, i64);

#[derive(Debug, Default)]
struct Waiting {
    /// Those that can be sent, in the order in which they came.
    ready: VecDeque<Named>,
    /// Those that are due too late for the queue to keep them back, the first one on top.
    later: BinaryHeap<Reverse<Named>>,
    /// Those that are being sent.
    sending: usize,
}

impl Sender {
    /// Starts to send. The tasks end when this is dropped.
    pub(super) fn start(queues: &[Arc<Queue>]) -> Self {
        let start = |queue: &Arc<Queue>| {
            let outbox = Arc::new(Outbox {
                max_delay: queue.max_delay(),
                waiting: Mutex::default(),
                wake: watch::Sender::default(),
                unsent: watch::Sender::default(),
                dropped: Occasionally::new(LOG_INTERVAL),
            });
            let (weak, wake) = (Arc::downgrade(&outbox), outbox.wake.subscribe());
            tokio::spawn(run(weak, wake, Arc::clone(queue)));
            outbox
        };
        Self { outboxes: queues.iter().map(start).collect() }
    }

    /// Sends a message to the queue at a place, when its job is due.
    pub(super) fn push(&self, queue: usize, id: i64, due_in: Duration) {
        let Some(outbox) = self.outboxes.get(queue) else { return };
        if due_in > LATEST {
            return;
        }
        if !outbox.push((Instant::now() + due_in, id), Instant::now()) {
            metrics::counter!("tidegate_queue_sent_total", "outcome" => "dropped").increment(1);
            if let Some(others) = outbox.dropped.now() {
                tracing::warn!(
                    others,
                    "a message is not sent, because too many wait; its job is found in the database"
                );
            }
        }
    }

    /// Waits until every message that can be sent now is sent, or until the limit.
    pub(super) async fn flush(&self, limit: Duration) {
        let all = async {
            for outbox in &self.outboxes {
                // The watch is the outbox's own.
                drop(outbox.unsent.subscribe().wait_for(|unsent| *unsent == 0).await);
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("messages that were not sent are lost; their jobs are found in the database");
        }
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message. Returns `false` if too many wait.
    fn push(&self, named: Named, now: Instant) -> bool {
        let mut waiting = self.lock();
        if waiting.ready.len() + waiting.later.len() >= MAX_WAITING {
            return false;
        }
        if named.0 > now + self.max_delay {
            waiting.later.push(Reverse(named));
        } else {
            waiting.ready.push_back(named);
        }
        self.record(&waiting);
        drop(waiting);
        self.wake.send_replace(());
        true
    }

    /// Removes the next messages that can be sent, up to `most`. Without any, also returns when the
    /// next one can be.
    fn take(&self, most: usize, now: Instant) -> (Vec<Named>, Option<Instant>) {
        let mut waiting = self.lock();
        while let Some(Reverse(named)) = waiting.later.peek().copied() {
            if named.0 > now + self.max_delay {
                break;
            }
            waiting.later.pop();
            waiting.ready.push_back(named);
        }
        let count = waiting.ready.len().min(most);
        let taken: Vec<Named> = waiting.ready.drain(..count).collect();
        waiting.sending += taken.len();
        self.record(&waiting);
        let next = waiting.later.peek().map(|Reverse((due, _))| *due - self.max_delay);
        (taken, next)
    }

    /// Ends the sending of messages, and puts those back that were not sent.
    fn settle(&self, taken: usize, unsent: Vec<Named>) {
        let mut waiting = self.lock();
        waiting.sending -= taken;
        for named in unsent.into_iter().rev() {
            waiting.ready.push_front(named);
        }
        self.record(&waiting);
    }

    fn record(&self, waiting: &Waiting) {
        let unsent = waiting.ready.len() + waiting.sending;
        self.unsent.send_if_modified(|count| std::mem::replace(count, unsent) != unsent);
    }
}

/// Sends the messages of a queue until the outbox is dropped.
async fn run(outbox: std::sync::Weak<Outbox>, mut wake: watch::Receiver<()>, queue: Arc<Queue>) {
    let mut pause = Duration::ZERO;
    loop {
        let Some(current) = outbox.upgrade() else { return };
        let (taken, next) = current.take(queue.max_batch() * CALLS, Instant::now());
        if taken.is_empty() {
            drop(current);
            let sleep = tokio::time::sleep_until(next.unwrap_or_else(|| Instant::now() + LATEST).into());
            tokio::select! {
                woken = wake.changed() => if woken.is_err() { return },
                () = sleep => {}
            }
            continue;
        }
        let calls = taken.chunks(queue.max_batch()).map(|some| send(&queue, some));
        let (mut unsent, mut failure) = (Vec::new(), None);
        for result in futures::future::join_all(calls).await {
            let (left, error) = result;
            unsent.extend(left);
            failure = failure.or(error);
        }
        let (sent, failed) = ((taken.len() - unsent.len()) as u64, unsent.len() as u64);
        let counted = |outcome: &'static str, count| {
            metrics::counter!("tidegate_queue_sent_total", "queue" => queue.name.clone(), "outcome" => outcome)
                .increment(count);
        };
        counted("sent", sent);
        counted("failed", failed);
        let is_stuck = !unsent.is_empty();
        current.settle(taken.len(), unsent);
        drop(current);
        queue.record_sent(match &failure {
            Some(error) => Err(error),
            None => Ok(()),
        });
        pause = if is_stuck { (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE) } else { Duration::ZERO };
        if is_stuck {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Sends one batch. Returns what was not sent, and why.
async fn send(queue: &Queue, batch: &[Named]) -> (Vec<Named>, Option<TransportError>) {
    let now = Instant::now();
    let jobs: Vec<(i64, Duration)> =
        batch.iter().map(|(due, id)| (*id, due.saturating_duration_since(now).min(queue.max_delay()))).collect();
    match queue.send(&jobs).await {
        Ok(failed) => {
            let left: Vec<Named> = failed.into_iter().filter_map(|at| batch.get(at).copied()).collect();
            let error = (!left.is_empty()).then(|| TransportError::partial(left.len()));
            (left, error)
        }
        Err(error) => (batch.to_vec(), Some(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(max_delay: Duration) -> Outbox {
        Outbox {
            max_delay,
            waiting: Mutex::default(),
            wake: watch::Sender::default(),
            unsent: watch::Sender::default(),
            dropped: Occasionally::new(LOG_INTERVAL),
        }
    }

    #[test]
    fn what_is_due_later_waits_unless_the_queue_keeps_it_back() {
        let now = Instant::now();
        let (soon, late) = (now + Duration::from_millis(30), now + Duration::from_secs(60));
        for (max_delay, ready) in [(Duration::ZERO, vec![1]), (LATEST, vec![3, 1, 2])] {
            let outbox = outbox(max_delay);
            for named in [(late, 3), (now, 1), (soon, 2)] {
                assert!(outbox.push(named, now));
            }
            let ids = |taken: &[Named]| taken.iter().map(|(_, id)| *id).collect::<Vec<_>>();
            let (taken, _) = outbox.take(10, now);
            assert_eq!(ids(&taken), ready, "{max_delay:?}");
            assert_eq!(*outbox.unsent.borrow(), ready.len(), "those that are being sent count");
            // Those that could not be sent keep their places.
            outbox.settle(taken.len(), taken.clone());
            let (again, next) = outbox.take(10, now);
            assert_eq!(ids(&again), ready);
            assert_eq!(next.is_some(), max_delay.is_zero());
            outbox.settle(again.len(), Vec::new());
            assert_eq!(*outbox.unsent.borrow(), 0);
            if max_delay.is_zero() {
                assert_eq!(next, Some(soon));
                assert_eq!(ids(&outbox.take(10, soon).0), [2]);
            }
        }
    }

    #[test]
    fn an_outbox_has_an_end() {
        let outbox = outbox(Duration::ZERO);
        let now = Instant::now();
        assert!((0..MAX_WAITING as i64).all(|id| outbox.push((now, id), now)));
        assert!(!outbox.push((now, -1), now));
        assert_eq!(outbox.take(2, now).0.len(), 2);
        assert!(outbox.push((now, -1), now));
    }
}

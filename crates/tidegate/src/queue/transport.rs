//! What carries the ids of jobs from whoever enqueues them to workers elsewhere: SQS, or Redis
//! Streams. The rows of the database stay the truth, so that a message may be lost, repeated, late or
//! false. Never runs a job; see `worker::consumer`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws::sqs;
use tokio::sync::watch;

use super::message;
use super::redis::{self, Stream};
use super::sender::Sender;
use crate::config::{Config, TransportSetting};
use crate::db::Db;
use crate::model::job_class::JobClass;

/// How long a received message is hidden from other workers, unless that is extended. Longer than
/// the lease of a job, so that a message which appears again finds the lease of a lost worker ended.
pub const HIDDEN: Duration = Duration::from_secs(60);
/// The longest wait for a message.
pub const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// The longest time that a message of another shape is hidden.
const LONGEST_REFUSAL: Duration = sqs::MAX_HIDDEN;
/// The calls of SQS at the same time, while more messages wait than one call brings.
const CALLS: usize = 4;
/// The most messages that Redis is sent or asked for at once.
const STREAM_BATCH: usize = 100;

/// The transport of one process.
#[derive(Debug)]
pub struct Transport {
    /// The queues, each for one class of jobs or several.
    pub queues: Vec<Arc<Queue>>,
    sender: Sender,
    /// When depths were last read for metrics.
    pub(super) measured: Mutex<Option<Instant>>,
}

/// A queue of messages.
#[derive(Debug)]
pub struct Queue {
    /// The name in metrics and in the log.
    pub name: String,
    /// The classes of the jobs that its messages name.
    pub classes: Vec<JobClass>,
    channel: Channel,
    health: watch::Sender<Health>,
    /// Whether the last receive brought messages.
    busy: AtomicBool,
    /// Whether it brought as many as one call can.
    is_full: AtomicBool,
    /// The trace that messages are sent in, in the form of `X-Amzn-Trace-Id`.
    trace: Mutex<Option<String>>,
}

/// Where the messages are.
#[derive(Debug)]
enum Channel {
    Sqs(sqs::Queue),
    Redis(Box<Stream>),
}

/// Whether a queue answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Whether the last receive succeeded; `None` before the first one.
    receives: Option<bool>,
    /// Whether the last send failed.
    is_stuck: bool,
}

impl Health {
    fn is_up(self) -> bool {
        self.receives == Some(true) && !self.is_stuck
    }
}

/// A message that was received, and is this worker's until it is given back or forgotten.
#[derive(Debug)]
pub struct Delivery {
    /// The text.
    pub body: String,
    /// How often it was received, if the queue counts that.
    pub receives: u32,
    handle: Handle,
}

/// What names a received message.
#[derive(Debug)]
enum Handle {
    Sqs(String),
    Redis(redis::Entry),
}

/// Why a queue did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(String);

impl TransportError {
    /// Returns the error for messages of a batch that the queue did not accept.
    pub(super) fn partial(count: usize) -> Self {
        Self(format!("{count} messages of a batch were not accepted"))
    }
}

impl From<aws::Error> for TransportError {
    fn from(error: aws::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<::redis::RedisError> for TransportError {
    fn from(error: ::redis::RedisError) -> Self {
        Self(redis::describe(&error))
    }
}

impl Transport {
    /// Opens the configured transport; `None` if all jobs are in the database's own queue. Connects
    /// to nothing, so that a transport that is down delays no start.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the settings make no client.
    pub fn open(config: &Config, client: Option<aws::Client>) -> Result<Option<Arc<Self>>, TransportError> {
        let queues = match (&config.queues.transport, client) {
            (TransportSetting::Sqs(queues), Some(client)) => sqs_queues(queues, &client),
            (TransportSetting::Redis(setting), _) => {
                let streams = JobClass::ALL.into_iter().map(|class| {
                    let stream = Stream::new(setting, class.as_str(), LONGEST_WAIT)?;
                    Ok(Queue::new(vec![class], Channel::Redis(Box::new(stream))))
                });
                streams.collect::<Result<Vec<_>, TransportError>>()?
            }
            (TransportSetting::Database | TransportSetting::Sqs(_), _) => return Ok(None),
        };
        let queues: Vec<Arc<Queue>> = queues.into_iter().map(Arc::new).collect();
        let sender = Sender::start(&queues);
        Ok(Some(Arc::new(Self { queues, sender, measured: Mutex::default() })))
    }

    /// Sends a message for every job that a commit of this process enqueues from now on.
    pub fn follow(self: &Arc<Self>, db: &Db) {
        let transport = Arc::clone(self);
        db.signals().on_enqueued(move |jobs| {
            for job in jobs {
                transport.name(JobClass::parse(&job.class), job.id, job.due_in);
            }
        });
    }

    /// Sends a message that names a job, when it is due. Returns at once, and never fails: a job
    /// whose message is not sent is found in the database.
    pub fn name(&self, class: Option<JobClass>, id: i64, due_in: Duration) {
        let of = |queue: &Arc<Queue>| class.is_some_and(|class| queue.classes.contains(&class));
        if let Some(at) = self.queues.iter().position(of) {
            self.sender.push(at, id, due_in);
        }
    }

    /// Says which trace messages are part of from now on, in a process that does one thing at a time.
    pub fn set_trace(&self, trace: Option<&str>) {
        for queue in &self.queues {
            *queue.trace.lock().unwrap_or_else(PoisonError::into_inner) = trace.map(str::to_owned);
        }
    }

    /// Waits until every message that can be sent now is sent, or until the limit.
    pub async fn flush(&self, limit: Duration) {
        self.sender.flush(limit).await;
    }

    /// Returns the queue of a class; `None` if its jobs are in the database's own queue.
    pub fn queue_of(&self, class: JobClass) -> Option<&Arc<Queue>> {
        self.queues.iter().find(|queue| queue.classes.contains(&class))
    }
}

/// Returns a queue for each URL, with the classes that have it.
fn sqs_queues(urls: &[(JobClass, String)], client: &aws::Client) -> Vec<Queue> {
    let mut queues: Vec<(Vec<JobClass>, &str)> = Vec::new();
    for (class, url) in urls {
        match queues.iter_mut().find(|(_, known)| known == url) {
            Some((classes, _)) => classes.push(*class),
            None => queues.push((vec![*class], url)),
        }
    }
    let queue = |(classes, url): (Vec<JobClass>, &str)| {
        Queue::new(classes, Channel::Sqs(sqs::Queue::new(client.clone(), url.to_owned())))
    };
    queues.into_iter().map(queue).collect()
}

impl Queue {
    fn new(classes: Vec<JobClass>, channel: Channel) -> Self {
        let name = if classes.len() == JobClass::ALL.len() {
            "jobs".to_owned()
        } else {
            classes.iter().map(|class| class.as_str()).collect::<Vec<_>>().join("+")
        };
        Self {
            name,
            classes,
            channel,
            health: watch::Sender::default(),
            busy: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            trace: Mutex::default(),
        }
    }

    /// Returns the most messages of one call.
    pub(super) fn max_batch(&self) -> usize {
        match self.channel {
            Channel::Sqs(_) => sqs::MAX_BATCH,
            Channel::Redis(_) => STREAM_BATCH,
        }
    }

    /// Returns the most messages that are received or deleted together: of SQS by several calls, while
    /// the last receive brought as many as one call can.
    pub fn max_together(&self) -> usize {
        match self.channel {
            Channel::Sqs(_) if self.is_full.load(Ordering::Relaxed) => sqs::MAX_BATCH * CALLS,
            Channel::Sqs(_) | Channel::Redis(_) => self.max_batch(),
        }
    }

    /// Returns the longest time that the queue itself keeps a message back.
    pub(super) fn max_delay(&self) -> Duration {
        match self.channel {
            Channel::Sqs(_) => sqs::MAX_DELAY,
            Channel::Redis(_) => Duration::ZERO,
        }
    }

    /// Returns whether workers of this process may rely on the queue: it was received from, and
    /// what this process sends arrives.
    pub fn is_up(&self) -> bool {
        self.health.borrow().is_up()
    }

    /// Waits until [`is_up`](Self::is_up) is no longer `was`.
    pub async fn changed(&self, was: bool) {
        let mut health = self.health.subscribe();
        // The sender is this queue's own and outlives the borrow.
        drop(health.wait_for(|health| health.is_up() != was).await);
    }

    /// Returns whether the last receive brought messages.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Records whether messages are sent. Logs a change.
    pub(super) fn record_sent(&self, result: Result<(), &TransportError>) {
        let was_stuck = self.update(|health| health.is_stuck = result.is_err()).is_stuck;
        match result {
            Err(error) if !was_stuck => {
                tracing::error!(queue = self.name, %error, "messages can't be sent; jobs are found in the database");
            }
            Ok(()) if was_stuck => tracing::info!(queue = self.name, "messages are sent again"),
            _ => {}
        }
    }

    /// Records whether messages are received. Logs a change.
    fn record_received<T>(&self, result: &Result<Vec<T>, TransportError>) {
        let count = result.as_ref().map_or(0, Vec::len);
        self.busy.store(count > 0, Ordering::Relaxed);
        self.is_full.store(count >= self.max_batch(), Ordering::Relaxed);
        let before = self.update(|health| health.receives = Some(result.is_ok())).receives;
        match result {
            Err(error) if before != Some(false) => {
                tracing::error!(queue = self.name, %error, "messages can't be received; jobs are taken from the database");
            }
            Err(error) => tracing::debug!(queue = self.name, %error, "messages still can't be received"),
            Ok(_) if before != Some(true) => tracing::info!(queue = self.name, "messages are received"),
            Ok(_) => {}
        }
    }

    /// Changes the health, and returns what it was.
    fn update(&self, change: impl FnOnce(&mut Health)) -> Health {
        let was = *self.health.borrow();
        self.health.send_if_modified(|health| {
            let before = *health;
            change(health);
            before != *health
        });
        // A server that only sends knows nothing of receives.
        let now = *self.health.borrow();
        let answers = !now.is_stuck && now.receives != Some(false);
        metrics::gauge!("tidegate_queue_up", "queue" => self.name.clone()).set(f64::from(u8::from(answers)));
        was
    }

    /// Sends messages that name jobs, each with its delay. Returns the places of those that were not
    /// sent.
    pub(super) async fn send(&self, jobs: &[(i64, Duration)]) -> Result<Vec<usize>, TransportError> {
        match &self.channel {
            Channel::Sqs(queue) => {
                let messages: Vec<_> = jobs.iter().map(|(id, delay)| (message::body(*id), *delay)).collect();
                let trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone();
                Ok(queue.send(&messages, trace.as_deref()).await?)
            }
            Channel::Redis(stream) => {
                let messages: Vec<String> = jobs.iter().map(|(id, _)| message::body(*id)).collect();
                stream.send(&messages).await?;
                Ok(Vec::new())
            }
        }
    }

    /// Receives up to `most` messages, and waits up to `wait` for the first one. They are hidden from
    /// other workers for [`HIDDEN`].
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the queue does not answer.
    pub async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        let received = self.try_receive(most.min(self.max_together()), wait.min(LONGEST_WAIT)).await;
        self.record_received(&received);
        received
    }

    async fn try_receive(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        match &self.channel {
            Channel::Sqs(queue) => {
                let delivery = |message: sqs::Message| Delivery {
                    body: message.body,
                    receives: message.receives,
                    handle: Handle::Sqs(message.receipt),
                };
                let messages = match most / sqs::MAX_BATCH {
                    0 | 1 => queue.receive(most, wait, HIDDEN).await?,
                    calls => receive_at_once(queue, calls).await?,
                };
                Ok(messages.into_iter().map(delivery).collect())
            }
            Channel::Redis(stream) => {
                let delivery =
                    |entry: redis::Entry| Delivery { body: entry.body(), receives: 1, handle: Handle::Redis(entry) };
                Ok(stream.receive(most, wait, HIDDEN).await?.into_iter().map(delivery).collect())
            }
        }
    }

    /// Hides messages for [`HIDDEN`] from now on. Returns the number of those that were not hidden.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the queue does not answer.
    pub async fn extend(&self, deliveries: &[Arc<Delivery>]) -> Result<usize, TransportError> {
        let mut lost = 0;
        for some in deliveries.chunks(self.max_batch()) {
            match &self.channel {
                Channel::Sqs(queue) => {
                    let receipts: Vec<_> = receipts(some).into_iter().map(|receipt| (receipt, HIDDEN)).collect();
                    lost += queue.hide(&receipts).await?.len();
                }
                Channel::Redis(stream) => stream.extend(&ids(some)).await?,
            }
        }
        Ok(lost)
    }

    /// Deletes messages.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the queue does not answer. They then appear again.
    pub async fn acknowledge(&self, deliveries: &[Arc<Delivery>]) -> Result<(), TransportError> {
        let calls = deliveries.chunks(self.max_batch()).map(async |some| match &self.channel {
            // One that is not deleted is another receiver's by now.
            Channel::Sqs(queue) => queue.delete(&receipts(some)).await.map(drop).map_err(TransportError::from),
            Channel::Redis(stream) => stream.acknowledge(&ids(some)).await.map_err(TransportError::from),
        });
        futures::future::join_all(calls).await.into_iter().collect()
    }

    /// Lets other workers have messages at once.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the queue does not answer. They appear when they are no longer hidden.
    pub async fn release(&self, deliveries: &[Arc<Delivery>]) -> Result<(), TransportError> {
        for some in deliveries.chunks(self.max_batch()) {
            match &self.channel {
                Channel::Sqs(queue) => {
                    let receipts: Vec<_> =
                        receipts(some).into_iter().map(|receipt| (receipt, Duration::ZERO)).collect();
                    queue.hide(&receipts).await?;
                }
                Channel::Redis(stream) => {
                    let entries: Vec<&redis::Entry> = some.iter().filter_map(|delivery| delivery.entry()).collect();
                    stream.release(&entries).await?;
                }
            }
        }
        Ok(())
    }

    /// Puts a message of another shape out of the way. SQS moves it to the dead-letter queue after
    /// as many receives as the queue's redrive policy says; until then it is hidden for twice as long
    /// each time. Redis has no such policy, so that it is moved now.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the queue does not answer.
    pub async fn reject(&self, delivery: &Delivery) -> Result<(), TransportError> {
        match (&self.channel, &delivery.handle) {
            (Channel::Sqs(queue), Handle::Sqs(receipt)) => {
                let doubled = 2u32.saturating_pow(delivery.receives.saturating_sub(1));
                let hidden = HIDDEN.saturating_mul(doubled).min(LONGEST_REFUSAL);
                queue.hide(&[(receipt, hidden)]).await?;
            }
            (Channel::Redis(stream), Handle::Redis(entry)) => stream.reject(entry).await?,
            _ => {}
        }
        Ok(())
    }

    /// Ends a receive that was cancelled. Redis would go on with it, and give its messages to nobody.
    pub async fn stop_receiving(&self) {
        if let Channel::Redis(stream) = &self.channel {
            stream.stop_receiving().await;
        }
    }

    /// Ends receiving, after all messages were deleted or released. Errors are logged: a consumer
    /// that is left over is forgotten later.
    pub async fn leave(&self) {
        if let Channel::Redis(stream) = &self.channel
            && let Err(error) = stream.leave().await
        {
            tracing::debug!(queue = self.name, %error, "the consumer group can't be left");
        }
    }

    /// Returns the queue as its broker has it.
    pub(super) fn parts(&self) -> QueueParts<'_> {
        match &self.channel {
            Channel::Sqs(queue) => QueueParts::Sqs(queue),
            Channel::Redis(stream) => QueueParts::Redis(stream),
        }
    }
}

/// Receives by several calls, none of which waits: one without messages would keep those of the
/// others back. Returns an error if all of them fail.
async fn receive_at_once(queue: &sqs::Queue, calls: usize) -> Result<Vec<sqs::Message>, TransportError> {
    let received = (0..calls).map(|_| queue.receive(sqs::MAX_BATCH, Duration::ZERO, HIDDEN));
    let (mut messages, mut failure, mut answered) = (Vec::new(), None, false);
    for result in futures::future::join_all(received).await {
        match result {
            Ok(some) => {
                answered = true;
                messages.extend(some);
            }
            Err(error) => failure = Some(error),
        }
    }
    failure.filter(|_| !answered).map_or(Ok(messages), |error| Err(error.into()))
}

/// The queue of one broker.
#[derive(Debug)]
pub(super) enum QueueParts<'a> {
    Sqs(&'a sqs::Queue),
    Redis(&'a Stream),
}

impl Delivery {
    fn receipt(&self) -> Option<&str> {
        match &self.handle {
            Handle::Sqs(receipt) => Some(receipt),
            Handle::Redis(_) => None,
        }
    }

    fn entry(&self) -> Option<&redis::Entry> {
        match &self.handle {
            Handle::Redis(entry) => Some(entry),
            Handle::Sqs(_) => None,
        }
    }
}

fn receipts(deliveries: &[Arc<Delivery>]) -> Vec<&str> {
    deliveries.iter().filter_map(|delivery| delivery.receipt()).collect()
}

fn ids(deliveries: &[Arc<Delivery>]) -> Vec<&str> {
    deliveries.iter().filter_map(|delivery| delivery.entry()).map(|entry| entry.id.as_str()).collect()
}

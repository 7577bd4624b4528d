//! How many messages the queues have, for metrics and for operators.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use aws::sqs;

use super::transport::{Queue, QueueParts, Transport, TransportError};

/// How often depths are read for metrics: each time costs two requests for a queue of SQS.
const INTERVAL: Duration = Duration::from_secs(15);

/// About how many messages a queue has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that can be received.
    pub waiting: u64,
    /// Those that a worker has received.
    pub in_flight: u64,
    /// Those that are delayed.
    pub delayed: u64,
    /// Those in the dead-letter queue; `None` if there is no such queue.
    pub dead: Option<u64>,
}

impl Transport {
    /// Returns about how many messages each queue has, by its name.
    pub async fn depths(&self) -> Vec<(String, Result<Depth, TransportError>)> {
        let depths = self.queues.iter().map(|queue| async { (queue.name.clone(), queue.depth().await) });
        futures::future::join_all(depths).await
    }

    /// Sets the gauges of depths in the background, unless that was done a moment ago: a broker that
    /// does not answer must not delay whoever reads metrics.
    pub fn record_depths(self: &Arc<Self>) {
        {
            let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
            if measured.is_some_and(|at| at.elapsed() < INTERVAL) {
                return;
            }
            *measured = Some(Instant::now());
        }
        let transport = Arc::clone(self);
        tokio::spawn(async move {
            for (queue, depth) in transport.depths().await {
                match depth {
                    Ok(depth) => record(&queue, depth),
                    Err(error) => {
                        metrics::counter!("tidegate_queue_errors_total", "queue" => queue.clone(), "operation" => "depth")
                            .increment(1);
                        tracing::debug!(queue, %error, "messages can't be counted");
                    }
                }
            }
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "a queue of 2^53 messages is not told from one more")]
fn record(queue: &str, depth: Depth) {
    let states = [
        ("waiting", Some(depth.waiting)),
        ("in_flight", Some(depth.in_flight)),
        ("delayed", Some(depth.delayed)),
        ("dead", depth.dead),
    ];
    for (state, count) in states {
        if let Some(count) = count {
            metrics::gauge!("tidegate_queue_messages", "queue" => queue.to_owned(), "state" => state).set(count as f64);
        }
    }
}

impl Queue {
    /// Returns about how many messages there are.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the queue does not answer.
    pub async fn depth(&self) -> Result<Depth, TransportError> {
        match self.parts() {
            QueueParts::Sqs(queue) => {
                let sqs::Depth { waiting, in_flight, delayed, dead_letter_queue } = queue.depth().await?;
                let dead = match dead_letter_queue {
                    Some(url) => Some(queue.with_url(url).depth().await?.waiting),
                    None => None,
                };
                Ok(Depth { waiting, in_flight, delayed, dead })
            }
            QueueParts::Redis(stream) => {
                let depth = stream.depth().await?;
                let (waiting, in_flight) = (depth.waiting, depth.in_flight);
                Ok(Depth { waiting, in_flight, delayed: 0, dead: Some(depth.dead) })
            }
        }
    }
}

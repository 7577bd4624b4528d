//! The lowest pace of request bodies, on the API and S3 doors: a client that stops sending, or sends
//! too slowly, loses its request, so that it cannot hold a permit. Only the time in which the server
//! waits for the client counts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::deadline::Deadline;

/// The lowest pace of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest pause.
    idle: Duration,
    /// The time that every body may take, whatever its length.
    grace: Duration,
    /// The lowest average rate after the grace, in bytes per second.
    rate: u64,
}

/// The pace of bodies that are held as a whole, such as JSON: 10 seconds, and a second more for
/// every 16 KiB.
pub(crate) const HELD_BODIES: Pace =
    Pace { idle: Duration::from_secs(10), grace: Duration::from_secs(10), rate: 16 << 10 };
/// The pace of bodies that are written as they arrive, such as parts: a minute, and a second more
/// for every 4 KiB.
pub(crate) const STREAMED_BODIES: Pace =
    Pace { idle: Duration::from_secs(60), grace: Duration::from_secs(60), rate: 4 << 10 };

impl Pace {
    /// Returns how long the server waits in all for a body of which `received` bytes have arrived.
    fn allowance(self, received: u64) -> Duration {
        self.grace + Duration::from_secs(received / self.rate)
    }
}

/// A request body that fails with [`io::ErrorKind::TimedOut`] below its pace.
#[derive(Debug)]
struct PacedBody {
    body: Body,
    pace: Pace,
    received: u64,
    /// How long the server has waited for the client so far.
    waited: Duration,
    /// When the current wait began.
    waiting_since: Option<Instant>,
    /// The end of the current wait. Created at the first wait, since most bodies arrive with their
    /// head.
    deadline: Option<Deadline>,
    /// Set when the body fails.
    too_slow: Arc<AtomicBool>,
}

/// Wraps a body so that it fails below a pace; `too_slow` is set then.
pub(crate) fn with_pace(body: Body, pace: Pace, too_slow: Arc<AtomicBool>) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(PacedBody {
        body,
        pace,
        received: 0,
        waited: Duration::ZERO,
        waiting_since: None,
        deadline: None,
        too_slow,
    })
}

impl PacedBody {
    /// Waits for the client; ready once it took too long.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            self.waiting_since = Some(Instant::now());
            let limit = self.pace.allowance(self.received).saturating_sub(self.waited).min(self.pace.idle);
            match &mut self.deadline {
                Some(deadline) => deadline.restart(limit),
                None => self.deadline = Some(Deadline::new(limit)),
            }
        }
        self.deadline.as_mut().map_or(Poll::Pending, |deadline| deadline.poll(context))
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(next) => {
                if let Some(since) = self.waiting_since.take() {
                    self.waited += since.elapsed();
                }
                let data = next.as_ref().and_then(|next| next.as_ref().ok()).and_then(Frame::data_ref);
                self.received += data.map_or(0, |data| data.len() as u64);
                Poll::Ready(next)
            }
            Poll::Pending if self.poll_wait(context).is_ready() => {
                self.too_slow.store(true, Ordering::Relaxed);
                let error = io::Error::new(io::ErrorKind::TimedOut, "the body came too slowly");
                Poll::Ready(Some(Err(axum::Error::new(error))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;

    /// Returns the number of bytes that arrive of a body in chunks, and whether it was too slow.
    async fn read(chunks: usize, length: usize, pause: Duration, own: Duration, pace: Pace) -> (usize, bool) {
        let chunks = futures::stream::iter(0..chunks).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, io::Error>(Bytes::from(vec![0; length]))
        });
        let too_slow = Arc::new(AtomicBool::new(false));
        let mut body = with_pace(Body::from_stream(chunks), pace, Arc::clone(&too_slow)).into_data_stream();
        let mut received = 0;
        while let Some(Ok(bytes)) = body.next().await {
            received += bytes.len();
            // What the server itself takes, as for a slow disk.
            tokio::time::sleep(own).await;
        }
        (received, too_slow.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_fails_and_a_slow_line_does_not() {
        let seconds = Duration::from_secs;
        let none = Duration::ZERO;
        for (pace, slow, trickle) in [(STREAMED_BODIES, 45_000, 20_000), (HELD_BODIES, 170_000, 90_000)] {
            let pause = pace.idle - Duration::from_millis(1);
            assert_eq!(read(100, 30_000 * 17, pause, none, pace).await, (51_000_000, false), "pauses alone");
            assert_eq!(read(100, slow, seconds(10) - Duration::from_millis(1), none, pace).await, (100 * slow, false));
            let (received, too_slow) = read(100, trickle, seconds(10) - Duration::from_millis(1), none, pace).await;
            assert!(too_slow && received < 50 * trickle, "{received} of {trickle}");
            assert_eq!(read(3, 300_000, pace.idle + seconds(1), none, pace).await, (0, true), "silence");
            assert_eq!(read(100, 1, none, seconds(60), pace).await, (100, false), "the server's own time");
        }
        // A byte now and then does not extend the whole.
        let (received, too_slow) = read(1000, 1, seconds(1), none, HELD_BODIES).await;
        assert!(too_slow && received <= 10, "{received}");
    }
}

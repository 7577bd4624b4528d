//! Few writers of one part: a client that sends a part again, because its first request hangs, must
//! succeed, and the earlier requests must not pile up. The newest requests go on; the oldest is cut
//! off. Knows nothing of what is written.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use store::ByteStream;
use tokio_util::sync::CancellationToken;

use crate::occasionally::Occasionally;

/// The most requests that write one part at the same time.
pub const MAX_WRITERS: usize = 3;
/// The shortest time between two log lines about requests that were cut off.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The requests that write a part at the moment, by part.
#[derive(Debug)]
pub struct NewestWriters {
    by_part: Mutex<HashMap<String, VecDeque<Arc<Writer>>>>,
    logged: Occasionally,
}

impl Default for NewestWriters {
    fn default() -> Self {
        Self { by_part: Mutex::default(), logged: Occasionally::new(LOG_INTERVAL) }
    }
}

/// One of the requests that write a part.
#[derive(Debug, Default)]
struct Writer(CancellationToken);

/// A writer's place among those of its part, until it is dropped.
struct Place {
    writers: Arc<NewestWriters>,
    part: String,
    writer: Arc<Writer>,
}

/// Whether a body was cut off because newer requests write the same part.
#[derive(Debug, Clone, Default)]
pub struct CutOff(Arc<AtomicBool>);

impl CutOff {
    /// Returns whether the body was cut off.
    pub fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl NewestWriters {
    /// Returns the body of a part so that it fails once [`MAX_WRITERS`] newer bodies of the same part
    /// have begun. A body begins when its first bytes are asked for, so a request that is refused
    /// before cuts off nobody.
    pub fn limit(self: &Arc<Self>, part: String, mut body: ByteStream) -> (ByteStream, CutOff) {
        let cut_off = CutOff::default();
        let (writers, flag) = (Arc::clone(self), cut_off.clone());
        let mut place = None;
        let limited = stream::poll_fn(move |context| {
            let place = place.get_or_insert_with(|| {
                let place = writers.enter(part.clone());
                let cancelled = Box::pin(place.writer.0.clone().cancelled_owned());
                (place, cancelled)
            });
            if std::future::Future::poll(place.1.as_mut(), context).is_ready() {
                flag.0.store(true, Ordering::Relaxed);
                let error = io::Error::new(io::ErrorKind::ConnectionAborted, "newer requests write the same part");
                return std::task::Poll::Ready(Some(Err(error)));
            }
            body.poll_next_unpin(context)
        });
        (Box::pin(limited), cut_off)
    }

    /// Returns the number of parts that are being written.
    pub fn parts(&self) -> usize {
        self.lock().len()
    }

    /// Returns the number of writers of all parts.
    pub fn writers(&self) -> usize {
        self.lock().values().map(VecDeque::len).sum()
    }

    /// Adds a writer of a part, and cuts off the oldest one if there are too many.
    fn enter(self: &Arc<Self>, part: String) -> Place {
        let writer = Arc::new(Writer::default());
        let oldest = {
            let mut writers = self.lock();
            let of_part = writers.entry(part.clone()).or_default();
            of_part.push_back(Arc::clone(&writer));
            if of_part.len() > MAX_WRITERS { of_part.pop_front() } else { None }
        };
        if let Some(oldest) = oldest {
            metrics::counter!("tidegate_writers_cut_off_total").increment(1);
            if let Some(more) = self.logged.now() {
                tracing::info!(part, more, "the oldest request that writes a part was cut off by a newer one");
            }
            oldest.0.cancel();
        }
        Place { writers: Arc::clone(self), part, writer }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Arc<Writer>>>> {
        self.by_part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut writers = self.writers.lock();
        if let Some(of_part) = writers.get_mut(&self.part) {
            of_part.retain(|writer| !Arc::ptr_eq(writer, &self.writer));
            if of_part.is_empty() {
                writers.remove(&self.part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// Returns a body of one chunk and then silence.
    fn hanging() -> ByteStream {
        Box::pin(stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::pending()))
    }

    #[tokio::test]
    async fn the_newest_go_on_and_the_oldest_is_cut_off() {
        let writers = Arc::new(NewestWriters::default());
        let begin = async |part: &str| {
            let (mut body, cut_off) = writers.limit(part.to_owned(), hanging());
            assert!(body.next().await.unwrap().is_ok());
            (body, cut_off)
        };
        let (not_begun, _) = writers.limit("a".into(), hanging());
        let mut first = begin("a").await;
        let waiting = tokio::spawn(async move { (first.0.next().await.unwrap().is_err(), first.1.happened()) });
        let mut others = Vec::new();
        for _ in 1..MAX_WRITERS {
            others.push(begin("a").await);
        }
        let beside = begin("b").await;
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "{MAX_WRITERS} may write");
        let last = begin("a").await;
        assert_eq!(waiting.await.unwrap(), (true, true));
        assert!(!last.1.happened() && !beside.1.happened() && others.iter().all(|(_, cut_off)| !cut_off.happened()));
        drop((not_begun, others, beside, last));
        assert!(writers.lock().is_empty(), "nothing is kept of writers that have gone");
    }
}

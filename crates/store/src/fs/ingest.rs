//! Writes bodies to disk. Gathers chunks into large writes and runs each write on the blocking pool
//! while the next chunks arrive. All writers of a store share one budget of gathered bytes; where it
//! is used up, they write smaller pieces. A slow client occupies little memory and no thread. Knows
//! nothing of files; a [`Sink`] does the writing. How slow a client may be is decided by whoever
//! hands on its body.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::ByteStream;
use crate::error::{Error, Result};

/// The number of gathered bytes that starts a write.
const WRITE_SIZE: usize = 1 << 20;
/// Chunks below this size are copied into one buffer. Each keeps the network buffer alive that it
/// was read into, which can be thousands of times larger.
const COPIED_BELOW: usize = 64 << 10;
/// The bytes that every writer may gather, whatever the others gather.
const OWN_BYTES: usize = 64 << 10;
/// The unit of the budget, in bytes.
const UNIT: usize = 64 << 10;
/// The bytes that all writers of a store together may gather beyond [`OWN_BYTES`].
const BUDGET: usize = 64 << 20;
/// How long bytes of the budget may wait for more before they are written.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// The bytes that the writers of a store may gather. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct GatherBudget(Arc<Semaphore>);

impl Default for GatherBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET / UNIT)))
    }
}

/// The chunks that one writer has gathered, and its part of the budget.
struct Gathered {
    budget: GatherBudget,
    chunks: Vec<Bytes>,
    /// Small chunks that follow `chunks`.
    small: BytesMut,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Gathered {
    fn new(budget: &GatherBudget) -> Self {
        Self { budget: budget.clone(), chunks: Vec::new(), small: BytesMut::new(), bytes: 0, permit: None }
    }

    fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        if chunk.len() < COPIED_BELOW {
            self.small.extend_from_slice(&chunk);
        } else {
            if !self.small.is_empty() {
                self.chunks.push(self.small.split().freeze());
            }
            self.chunks.push(chunk);
        }
    }

    /// Returns whether the bytes are to be written now: they are enough, or the budget allows no
    /// more. Takes what they need of the budget.
    fn is_full(&mut self) -> bool {
        let had = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let needed = self.bytes.saturating_sub(OWN_BYTES).div_ceil(UNIT);
        if self.bytes >= WRITE_SIZE || needed <= had {
            return self.bytes >= WRITE_SIZE;
        }
        let more = u32::try_from(needed - had).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&self.budget.0).try_acquire_many_owned(more) else { return true };
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        false
    }

    /// Returns the bytes that were gathered, with their part of the budget, and begins anew.
    fn take(&mut self) -> (Vec<Bytes>, Option<OwnedSemaphorePermit>) {
        if !self.small.is_empty() {
            self.chunks.push(self.small.split().freeze());
        }
        // The emptied buffer would keep its memory.
        self.small = BytesMut::new();
        self.bytes = 0;
        (std::mem::take(&mut self.chunks), self.permit.take())
    }

    /// Waits for the next chunk; `None` if bytes of the budget have waited too long for it.
    async fn next(&self, body: &mut ByteStream) -> Option<Option<io::Result<Bytes>>> {
        match self.permit {
            Some(_) => tokio::time::timeout(LONGEST_WAIT, body.next()).await.ok(),
            None => Some(body.next().await),
        }
    }
}

/// Receives the chunks of a body in order, on the blocking pool.
pub(crate) trait Sink: Send + 'static {
    /// Writes the next chunks.
    fn write(&mut self, chunks: &[Bytes]) -> Result<()>;
}

/// Writes the whole body to the sink and returns the sink. Fails with [`Error::TooLarge`] after
/// more than `limit` bytes, and with [`Error::Incomplete`] if the body fails.
pub(crate) async fn write_to_sink<S: Sink>(
    budget: &GatherBudget,
    sink: S,
    mut body: ByteStream,
    limit: u64,
) -> Result<S> {
    let mut idle_sink = Some(sink);
    let mut writing: Option<JoinHandle<Result<S>>> = None;
    let mut gathered = Gathered::new(budget);
    let mut total = 0u64;
    loop {
        let next = gathered.next(&mut body).await;
        let (waited, ended) = (next.is_none(), matches!(next, Some(None)));
        if let Some(Some(chunk)) = next {
            let chunk = chunk.map_err(Error::Incomplete)?;
            total += chunk.len() as u64;
            if total > limit {
                return Err(Error::TooLarge { limit });
            }
            gathered.push(chunk);
        }
        if gathered.bytes > 0 && (ended || waited || gathered.is_full()) {
            let mut sink = match writing.take() {
                Some(task) => join_task(task).await?,
                None => idle_sink.take().ok_or_else(writer_lost)?,
            };
            let (chunks, permit) = gathered.take();
            writing = Some(spawn_blocking(move || {
                let written = sink.write(&chunks);
                drop((chunks, permit));
                written.map(|()| sink)
            }));
        }
        if ended {
            return match writing {
                Some(task) => join_task(task).await,
                None => idle_sink.ok_or_else(writer_lost),
            };
        }
    }
}

/// Runs `work` on the blocking pool. A panic in it becomes an error of this call.
pub(crate) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    join_task(spawn_blocking(work)).await
}

/// Waits for a task of the blocking pool. A panic or cancellation becomes [`Error::Unavailable`].
async fn join_task<T>(task: JoinHandle<Result<T>>) -> Result<T> {
    task.await.map_err(|error| Error::Unavailable(io::Error::other(error)))?
}

/// Returns the error for a sink that a failed write consumed.
fn writer_lost() -> Error {
    Error::Unavailable(io::Error::other("a writer was lost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the writes and collects the bytes.
    struct CountingSink(usize, Vec<u8>);

    impl Sink for CountingSink {
        fn write(&mut self, chunks: &[Bytes]) -> Result<()> {
            self.0 += 1;
            chunks.iter().for_each(|chunk| self.1.extend_from_slice(chunk));
            Ok(())
        }
    }

    fn body(lengths: &'static [usize], pause: Duration) -> ByteStream {
        let chunks =
            lengths.iter().enumerate().map(|(n, length)| Bytes::from(vec![u8::try_from(n).unwrap_or(0); *length]));
        Box::pin(futures::stream::iter(chunks).then(move |chunk| async move {
            tokio::time::sleep(pause).await;
            Ok(chunk)
        }))
    }

    fn expected(lengths: &[usize]) -> Vec<u8> {
        lengths.iter().enumerate().flat_map(|(n, length)| vec![u8::try_from(n).unwrap_or(0); *length]).collect()
    }

    #[tokio::test]
    async fn small_and_large_chunks_keep_their_order() {
        static LENGTHS: [usize; 7] = [1, 100_000, 2, 3, 2_000_000, 5, 70_000];
        let budget = GatherBudget::default();
        let sink = CountingSink(0, Vec::new());
        let sink = write_to_sink(&budget, sink, body(&LENGTHS, Duration::ZERO), u64::MAX).await.unwrap();
        assert_eq!((sink.0, sink.1 == expected(&LENGTHS)), (2, true));
        assert_eq!(budget.0.available_permits(), BUDGET / UNIT);
    }

    #[tokio::test]
    async fn without_a_budget_writes_are_smaller() {
        static LENGTHS: [usize; 100] = [40_000; 100];
        let sink = || CountingSink(0, Vec::new());
        let budget = GatherBudget::default();
        let large = write_to_sink(&budget, sink(), body(&LENGTHS, Duration::ZERO), u64::MAX).await.unwrap();
        let others = budget.0.acquire_many(u32::try_from(BUDGET / UNIT).unwrap()).await.unwrap();
        let small = write_to_sink(&budget, sink(), body(&LENGTHS, Duration::ZERO), u64::MAX).await.unwrap();
        assert!(large.0 <= 5 && small.0 == 50, "{} and {}", large.0, small.0);
        assert!(large.1 == expected(&LENGTHS) && small.1 == expected(&LENGTHS));
        drop(others);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_gives_its_part_of_the_budget_back() {
        let chunks = futures::stream::iter([Ok(Bytes::from(vec![0; 300_000]))]).chain(futures::stream::pending());
        let budget = GatherBudget::default();
        let writing = write_to_sink(&budget, CountingSink(0, Vec::new()), Box::pin(chunks), u64::MAX);
        assert!(tokio::time::timeout(LONGEST_WAIT * 2, writing).await.is_err(), "it waits for the client");
        // The write that was begun ends by itself.
        let all = budget.0.acquire_many(u32::try_from(BUDGET / UNIT).unwrap());
        assert!(tokio::time::timeout(Duration::from_secs(60), all).await.is_ok());
    }
}

//! Writes request bodies to disk. Gathers chunks into large writes and runs each write on the
//! blocking pool while the next chunks arrive. A slow client occupies at most one gathered write in
//! memory and no thread. Knows nothing of files; a [`Sink`] does the writing.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use crate::ByteStream;
use crate::error::{Error, Result};

/// The number of gathered bytes that starts a write.
const WRITE_SIZE: usize = 1 << 20;
/// Chunks below this size are copied into one buffer. Each keeps the network buffer alive that it
/// was read into, which can be thousands of times larger.
const COPIED_BELOW: usize = 64 << 10;
/// How long a client may send nothing before its body fails.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The lowest average rate after the first minute, in bytes per second. A slower body fails.
const MIN_RATE: u64 = 4 << 10;

/// Receives the chunks of a body in order, on the blocking pool.
pub(crate) trait Sink: Send + 'static {
    /// Writes the next chunks.
    fn write(&mut self, chunks: &[Bytes]) -> Result<()>;
}

/// Writes the whole body to the sink and returns the sink. Fails with [`Error::TooLarge`] after
/// more than `limit` bytes, and with [`Error::Incomplete`] if the client is silent or too slow.
pub(crate) async fn write_to_sink<S: Sink>(sink: S, mut body: ByteStream, limit: u64) -> Result<S> {
    let mut idle_sink = Some(sink);
    let mut writing: Option<JoinHandle<Result<S>>> = None;
    let mut gathered: Vec<Bytes> = Vec::new();
    let mut small = BytesMut::new();
    let mut held = 0usize;
    let mut total = 0u64;
    let started = Instant::now();
    loop {
        let next = tokio::time::timeout(IDLE_TIMEOUT, body.next())
            .await
            .map_err(|_| Error::Incomplete(io::Error::new(io::ErrorKind::TimedOut, "no bytes for 60 seconds")))?;
        let ended = next.is_none();
        if let Some(chunk) = next {
            let chunk = chunk.map_err(Error::Incomplete)?;
            total += chunk.len() as u64;
            if total > limit {
                return Err(Error::TooLarge { limit });
            }
            if started.elapsed() > IDLE_TIMEOUT + Duration::from_secs(total / MIN_RATE) {
                return Err(Error::Incomplete(io::Error::new(io::ErrorKind::TimedOut, "less than 4 KiB a second")));
            }
            held += chunk.len();
            if chunk.len() < COPIED_BELOW {
                small.extend_from_slice(&chunk);
            } else {
                if !small.is_empty() {
                    gathered.push(small.split().freeze());
                }
                gathered.push(chunk);
            }
        }
        if held >= WRITE_SIZE || (ended && held > 0) {
            let mut sink = match writing.take() {
                Some(task) => join_task(task).await?,
                None => idle_sink.take().ok_or_else(writer_lost)?,
            };
            if !small.is_empty() {
                gathered.push(small.split().freeze());
            }
            let chunks = std::mem::take(&mut gathered);
            held = 0;
            writing = Some(spawn_blocking(move || sink.write(&chunks).map(|()| sink)));
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

    #[tokio::test]
    async fn small_and_large_chunks_keep_their_order() {
        static LENGTHS: [usize; 7] = [1, 100_000, 2, 3, 2_000_000, 5, 70_000];
        let sink = write_to_sink(CountingSink(0, Vec::new()), body(&LENGTHS, Duration::ZERO), u64::MAX).await.unwrap();
        let expected: Vec<u8> =
            LENGTHS.iter().enumerate().flat_map(|(n, length)| vec![u8::try_from(n).unwrap_or(0); *length]).collect();
        assert_eq!((sink.0, sink.1 == expected), (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_fails_and_a_slow_line_does_not() {
        static TRICKLE: [usize; 100] = [1; 100];
        static SLOW: [usize; 100] = [300_000; 100];
        let cut = write_to_sink(CountingSink(0, Vec::new()), body(&TRICKLE, Duration::from_secs(10)), u64::MAX).await;
        assert!(matches!(cut, Err(Error::Incomplete(_))));
        let slow = write_to_sink(CountingSink(0, Vec::new()), body(&SLOW, Duration::from_secs(10)), u64::MAX).await;
        assert_eq!(slow.unwrap().1.len(), 30_000_000);
        let silent = write_to_sink(CountingSink(0, Vec::new()), body(&SLOW, Duration::from_secs(61)), u64::MAX).await;
        assert!(matches!(silent, Err(Error::Incomplete(_))));
    }
}

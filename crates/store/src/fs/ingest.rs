//! Bodies on their way to disk: gathered into large writes, hashed in the same pass, one write behind
//! the network so that both go on at once. A slow sender holds at most one gathered chunk, no thread.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use crate::ByteStream;
use crate::error::{Error, Result};

/// Bytes per write.
const GATHER: usize = 1 << 20;
/// Smaller chunks are copied together: each holds on to the network buffer it was read into, which may be
/// thousands of times its size.
const COPIED_BELOW: usize = 64 << 10;
/// A sender that says nothing for this long is gone.
const IDLE: Duration = Duration::from_secs(60);
/// So is one that stays below this rate, in bytes per second, after the first minute.
const SLOWEST: u64 = 4 << 10;

/// Something that takes a body in order. Runs on the blocking pool.
pub(crate) trait Sink: Send + 'static {
    fn take(&mut self, chunks: &[Bytes]) -> Result<()>;
}

/// Runs the body into the sink; more than `limit` bytes are refused.
pub(crate) async fn pump<S: Sink>(sink: S, mut body: ByteStream, limit: u64) -> Result<S> {
    let mut idle_sink = Some(sink);
    let mut writing: Option<JoinHandle<Result<S>>> = None;
    let mut gathered: Vec<Bytes> = Vec::new();
    let mut small = BytesMut::new();
    let mut held = 0usize;
    let mut total = 0u64;
    let started = Instant::now();
    loop {
        let next = tokio::time::timeout(IDLE, body.next())
            .await
            .map_err(|_| Error::Incomplete(io::Error::new(io::ErrorKind::TimedOut, "no bytes for 60 seconds")))?;
        let ended = next.is_none();
        if let Some(chunk) = next {
            let chunk = chunk.map_err(Error::Incomplete)?;
            total += chunk.len() as u64;
            if total > limit {
                return Err(Error::TooLarge { limit });
            }
            if started.elapsed() > IDLE + Duration::from_secs(total / SLOWEST) {
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
        if held >= GATHER || (ended && held > 0) {
            let mut sink = match writing.take() {
                Some(task) => joined(task).await?,
                None => idle_sink.take().ok_or_else(lost)?,
            };
            if !small.is_empty() {
                gathered.push(small.split().freeze());
            }
            let chunks = std::mem::take(&mut gathered);
            held = 0;
            writing = Some(spawn_blocking(move || sink.take(&chunks).map(|()| sink)));
        }
        if ended {
            return match writing {
                Some(task) => joined(task).await,
                None => idle_sink.ok_or_else(lost),
            };
        }
    }
}

/// Runs blocking work; a panic in it is an error of this call, not of the server.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    joined(spawn_blocking(work)).await
}

async fn joined<T>(task: JoinHandle<Result<T>>) -> Result<T> {
    task.await.map_err(|error| Error::Unavailable(io::Error::other(error)))?
}

fn lost() -> Error {
    Error::Unavailable(io::Error::other("a writer was lost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(usize, Vec<u8>);

    impl Sink for Count {
        fn take(&mut self, chunks: &[Bytes]) -> Result<()> {
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
        let sink = pump(Count(0, Vec::new()), body(&LENGTHS, Duration::ZERO), u64::MAX).await.unwrap();
        let expected: Vec<u8> =
            LENGTHS.iter().enumerate().flat_map(|(n, length)| vec![u8::try_from(n).unwrap_or(0); *length]).collect();
        assert_eq!((sink.0, sink.1 == expected), (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_cut_off_and_a_slow_line_is_not() {
        static TRICKLE: [usize; 100] = [1; 100];
        static SLOW: [usize; 100] = [300_000; 100];
        let cut = pump(Count(0, Vec::new()), body(&TRICKLE, Duration::from_secs(10)), u64::MAX).await;
        assert!(matches!(cut, Err(Error::Incomplete(_))));
        let slow = pump(Count(0, Vec::new()), body(&SLOW, Duration::from_secs(10)), u64::MAX).await;
        assert_eq!(slow.unwrap().1.len(), 30_000_000);
        let silent = pump(Count(0, Vec::new()), body(&SLOW, Duration::from_secs(61)), u64::MAX).await;
        assert!(matches!(silent, Err(Error::Incomplete(_))));
    }
}

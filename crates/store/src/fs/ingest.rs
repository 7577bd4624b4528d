//! Bodies on their way to disk: gathered into large writes, hashed in the same pass, one write behind
//! the network so that both go on at once. A slow sender holds at most one gathered chunk, no thread.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::ByteStream;
use crate::error::{Error, Result};

/// Bytes per write.
const GATHER: usize = 1 << 20;
/// A sender that says nothing for this long is gone.
const IDLE: Duration = Duration::from_secs(60);

/// Something that takes a body in order. Runs on the blocking pool.
pub(crate) trait Sink: Send + 'static {
    fn take(&mut self, chunks: &[Bytes]) -> Result<()>;
}

/// Runs the body into the sink; more than `limit` bytes are refused.
pub(crate) async fn pump<S: Sink>(sink: S, mut body: ByteStream, limit: u64) -> Result<S> {
    let mut idle_sink = Some(sink);
    let mut writing: Option<JoinHandle<Result<S>>> = None;
    let mut gathered: Vec<Bytes> = Vec::new();
    let mut held = 0usize;
    let mut total = 0u64;
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
            held += chunk.len();
            gathered.push(chunk);
        }
        if held >= GATHER || (ended && held > 0) {
            let mut sink = match writing.take() {
                Some(task) => joined(task).await?,
                None => idle_sink.take().ok_or_else(lost)?,
            };
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

//! Threads with a runtime each, among which conversations are dealt out: a connection stays where it was begun, so
//! that its requests wake nobody else and nothing is handed from core to core.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long threads are waited for at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// Threads of each that may wait for a disk.
const BLOCKING_THREADS: usize = 32;

/// The threads. They end when this is dropped.
#[derive(Debug)]
pub struct Workers {
    handles: Vec<Handle>,
    end: CancellationToken,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Workers {
    /// So many threads.
    pub fn start(count: usize) -> io::Result<Self> {
        let end = CancellationToken::new();
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
            handles.push(runtime.handle().clone());
            let end = end.clone();
            let run = move || {
                runtime.block_on(end.cancelled());
                // A read that hangs must not keep the process.
                runtime.shutdown_background();
            };
            threads.push(thread::Builder::new().name(format!("edge-{number}")).spawn(run)?);
        }
        Ok(Self { handles, end, threads })
    }

    /// Deals out a connection, the `number`th of its kind. `counted` lives as long as its conversation.
    pub fn spawn_on<F>(
        &self,
        number: usize,
        counted: TaskTrackerToken,
        stream: std::net::TcpStream,
        begin: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        self.handles[number % self.handles.len()].spawn(async move {
            // Registered with the runtime that it will live on.
            match TcpStream::from_std(stream) {
                Ok(stream) => begin(stream).await,
                Err(error) => tracing::warn!(%error, "a connection can't be taken over"),
            }
            drop(counted);
        });
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.end.cancel();
        let until = Instant::now() + SHUTDOWN_TIMEOUT;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !thread.is_finished() {
                // A disk that does not answer must not keep the process.
                tracing::error!("a thread of the edge did not end");
            } else if thread.join().is_err() {
                tracing::error!("a thread of the edge ended in a panic");
            }
        }
    }
}

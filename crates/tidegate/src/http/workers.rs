//! Threads with a current-thread runtime each, among which connections are distributed. A
//! connection stays on its thread, so its requests wake no other thread and no state moves between
//! cores.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long to wait for the threads at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// The most blocking reads per thread.
const BLOCKING_THREADS: usize = 32;

/// The threads; they end when this is dropped.
#[derive(Debug)]
pub struct Workers {
    handles: Vec<Handle>,
    end: CancellationToken,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads.
    pub fn start(count: usize) -> io::Result<Self> {
        let end = CancellationToken::new();
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
            handles.push(runtime.handle().clone());
            let end = end.clone();
            let run = move || {
                runtime.block_on(end.cancelled());
                // A read that hangs must not keep the process alive.
                runtime.shutdown_background();
            };
            threads.push(thread::Builder::new().name(format!("edge-{number}")).spawn(run)?);
        }
        Ok(Self { handles, end, threads })
    }

    /// Runs a connection on one of the threads: the `number`th connection on thread `number` modulo
    /// their count. `counted` is dropped when the connection ends.
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
            // The socket must be registered with the runtime that will poll it.
            match TcpStream::from_std(stream) {
                Ok(stream) => begin(stream).await,
                Err(error) => tracing::warn!(%error, "a connection can't be taken over"),
            }
            drop(counted);
        });
    }
}

impl Drop for Workers {
    #[expect(clippy::disallowed_methods, reason = "a drop can't await")]
    fn drop(&mut self) {
        self.end.cancel();
        let until = Instant::now() + SHUTDOWN_TIMEOUT;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !thread.is_finished() {
                // A disk that does not respond must not keep the process alive.
                tracing::error!("a thread of the edge did not end");
            } else if thread.join().is_err() {
                tracing::error!("a thread of the edge ended in a panic");
            }
        }
    }
}

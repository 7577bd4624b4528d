//! Time limits for clients: a deadline for reads and writes, and the lingering close of a
//! connection.

use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// A time limit that is cheap to restart: its timer is reset only when it fires.
#[derive(Debug)]
pub(crate) struct Deadline {
    timer: Pin<Box<Sleep>>,
    until: Instant,
}

impl Deadline {
    /// Creates a deadline `limit` from now.
    pub(crate) fn new(limit: Duration) -> Self {
        let until = Instant::now() + limit;
        Self { timer: Box::pin(sleep_until(until)), until }
    }

    /// Moves the deadline to `limit` from now.
    pub(crate) fn restart(&mut self, limit: Duration) {
        self.until = Instant::now() + limit;
        if self.until < self.timer.deadline() {
            self.timer.as_mut().reset(self.until);
        }
    }

    /// Returns whether the deadline has passed.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Ready once the deadline has passed.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            if self.is_over() {
                return Poll::Ready(());
            }
            let until = self.until;
            self.timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

/// How long a lingering close waits for more bytes.
const IDLE_LIMIT: Duration = Duration::from_secs(2);
/// How long a lingering close may last in all.
const TOTAL_LIMIT: Duration = Duration::from_secs(30);

/// The lingering close of a connection whose sending side is shut down. Bytes that the client still
/// sends are read and dropped for a while, since a reset could destroy the last response before the
/// client has read it (RFC 9112, section 9.6).
#[derive(Debug)]
pub(crate) struct LingeringClose {
    idle: Deadline,
    all: Instant,
    /// The number of bytes still to read.
    left: usize,
}

impl LingeringClose {
    /// Begins a lingering close that reads at most this many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { idle: Deadline::new(IDLE_LIMIT), all: Instant::now() + TOTAL_LIMIT, left: most }
    }

    /// Ready once the client has closed its side, is idle too long, or a limit is reached.
    pub(crate) fn poll(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut scratch = [MaybeUninit::uninit(); 16 << 10];
            let mut left = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut *stream).poll_read(context, &mut left) {
                Poll::Ready(Ok(())) if (1..=self.left).contains(&left.filled().len()) && Instant::now() < self.all => {
                    self.left -= left.filled().len();
                    self.idle.restart(IDLE_LIMIT);
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return self.idle.poll(context).map(Ok),
            }
        }
    }
}

//! Time limits for clients: for a read or a write, and for the end of a connection.

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

/// How long a client that was told the end may say nothing, and how long it may go on.
const IDLE_LIMIT: Duration = Duration::from_secs(2);
const TOTAL_LIMIT: Duration = Duration::from_secs(30);

/// The end of a connection whose writing half is shut: what the client is still sending is read for a while and
/// left, since a reset could overtake the last answer. Who sends a large body that was refused then sees why.
#[derive(Debug)]
pub(crate) struct LingeringClose {
    idle: Deadline,
    all: Instant,
    /// Bytes that are still read.
    left: usize,
}

impl LingeringClose {
    /// Which begins now, and ends after so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { idle: Deadline::new(IDLE_LIMIT), all: Instant::now() + TOTAL_LIMIT, left: most }
    }

    /// Ready when the client has closed too, or has gone, or says nothing, or goes on and on.
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

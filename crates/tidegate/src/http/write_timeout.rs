//! A connection whose client must keep reading: a write without progress for [`TIMEOUT`] closes it,
//! so that stalled readers do not hold connections forever. It ends with a [`LingeringClose`].

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::deadline::LingeringClose;

/// How long a write may make no progress.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A TCP stream with a write timeout.
#[derive(Debug)]
pub(crate) struct WriteTimeout {
    stream: TcpStream,
    /// Runs while a write is pending. Created on the first pending write, since most connections
    /// have none.
    waiting: Option<Pin<Box<Sleep>>>,
    /// The lingering close, once the sending side is shut down.
    closing: Option<LingeringClose>,
}

impl WriteTimeout {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, waiting: None, closing: None }
    }

    /// Returns the outcome of a write, or a timeout error once it has been pending too long.
    fn apply_timeout<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(TIMEOUT)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }
}

impl AsyncRead for WriteTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WriteTimeout {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.apply_timeout(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.apply_timeout(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.apply_timeout(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        let Self { stream, closing, .. } = &mut *self;
        closing.get_or_insert_with(|| LingeringClose::new(usize::MAX)).poll(stream, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_reader_who_stopped_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let reader = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut writer = WriteTimeout::new(listener.accept().await.unwrap().0);
        tokio::time::pause();
        let started = tokio::time::Instant::now();
        let error = loop {
            if let Err(error) = writer.write_all(&[0; 1 << 20]).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= TIMEOUT);
        drop(reader);
    }
}

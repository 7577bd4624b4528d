//! A connection of the edge: requests read, answers written, one after the other, each within its time.
//!
//! HTTP/1.1 as far as an edge needs it: no request has a body, every response has a length. WriteOutcome for this, since
//! a general server's part was too large a share of a small range's cost (decision 0012).

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::header;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::super::content::Fields as _;
use super::super::deadline::{Deadline, LingeringClose};
use super::head::{self, Head, Malformed};
use super::refused::Refused;
use super::response_writer::{ResponseWriter, WriteOutcome};
use super::{Edge, EdgeResponse};
use crate::error::Error;

/// A request's head must be there within this time, also on a connection that is kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How much is read of what nobody asked for, so that the client sees its response before the end.
const LINGERING_BYTES: usize = 1 << 20;
/// What a connection reads into; more only for as long as a head needs it.
const HEAD_BUFFER: usize = 4 << 10;

/// Speaks with a client until one of the two ends it, or `stop` finds nothing asked.
pub(super) async fn serve_connection(
    edge: &Edge,
    stream: TcpStream,
    peer: SocketAddr,
    stop: &CancellationToken,
) -> io::Result<()> {
    let writer = ResponseWriter::new();
    let buffer = Vec::with_capacity(HEAD_BUFFER);
    let mut connection = Connection { stream, deadline: Deadline::new(HEAD_TIMEOUT), buffer, writer };
    let mut last = None;
    let mut stopping = std::pin::pin!(stop.cancelled());
    loop {
        let length = match connection.read_head(stopping.as_mut()).await? {
            Some(Ok(length)) => length,
            Some(Err(malformed)) => return connection.refuse(edge, malformed).await,
            None => return Ok(()),
        };
        // The head is taken out, so that the response may borrow from it while the connection writes.
        let buffer = std::mem::take(&mut connection.buffer);
        let head = match Head::parse(&buffer[..length]) {
            Ok(head) => head,
            Err(malformed) => return connection.refuse(edge, malformed).await,
        };
        let response = edge.respond(peer, &head, &mut last, &mut connection.writer.lines).await;
        let keep_alive = head.keep_alive && !response.closes_connection && !stop.is_cancelled();
        match (keep_alive, head.is_http_10) {
            (false, _) => connection.writer.lines.set(&header::CONNECTION, b"close"),
            (true, true) => connection.writer.lines.set(&header::CONNECTION, b"keep-alive"),
            (true, false) => {}
        }
        let started = std::time::Instant::now();
        if let WriteOutcome::NotStarted(error) = connection.write(response, head.path).await? {
            let refused = Refused::Failed(Error::Unavailable(error.into()));
            let response = edge.refuse(&refused, Some(&head), None, started, &mut connection.writer.lines);
            return connection.respond_and_close(response, head.path).await;
        }
        if !keep_alive {
            return connection.close().await;
        }
        connection.buffer = buffer;
        connection.consume(length);
    }
}

struct Connection {
    stream: TcpStream,
    deadline: Deadline,
    /// What was read and not answered yet.
    buffer: Vec<u8>,
    writer: ResponseWriter,
}

impl Connection {
    /// The next head's length; `None` where the client has no more requests.
    async fn read_head(
        &mut self,
        mut stopping: Pin<&mut WaitForCancellationFuture<'_>>,
    ) -> io::Result<Option<Result<usize, Malformed>>> {
        self.deadline.restart(HEAD_TIMEOUT);
        let (mut seen, mut passed_over) = (0, false);
        loop {
            // RFC 9112, 2.2: an empty line before a request is passed over.
            if !passed_over && self.buffer.starts_with(b"\r\n") {
                self.buffer.drain(..2);
                (passed_over, seen) = (true, 0);
            }
            match head::find_end(&self.buffer, seen) {
                Ok(Some(length)) => return Ok(Some(Ok(length))),
                Err(malformed) => return Ok(Some(Err(malformed))),
                Ok(None) => seen = self.buffer.len(),
            }
            let idle = self.buffer.is_empty();
            let Self { stream, deadline, buffer, .. } = self;
            let read = poll_fn(|context| {
                if let Poll::Ready(read) = poll_read(stream, context, buffer) {
                    return Poll::Ready(read);
                }
                if idle && stopping.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(0));
                }
                deadline.poll(context).map(|()| if idle { Ok(0) } else { Err(io::ErrorKind::TimedOut.into()) })
            });
            if read.await? == 0 {
                return Ok(None);
            }
            // Who sends without a pause never lets the timer run out.
            if self.deadline.is_over() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Answers what is no request, and ends.
    async fn refuse(&mut self, edge: &Edge, malformed: Malformed) -> io::Result<()> {
        let refused = match malformed {
            Malformed::Syntax => Refused::Syntax,
            Malformed::Version => Refused::Version,
            Malformed::TooLarge => Refused::HeadTooLarge,
        };
        let response = edge.refuse(&refused, None, None, std::time::Instant::now(), &mut self.writer.lines);
        self.respond_and_close(response, "").await
    }

    async fn respond_and_close(&mut self, response: EdgeResponse, path: &str) -> io::Result<()> {
        self.writer.lines.set(&header::CONNECTION, b"close");
        self.write(response, path).await?;
        self.close().await
    }

    async fn write(&mut self, response: EdgeResponse, path: &str) -> io::Result<WriteOutcome> {
        self.writer.write(&self.stream, &mut self.deadline, response, path).await
    }

    /// Ends the connection so that the client sees all that was written.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut closing = LingeringClose::new(LINGERING_BYTES);
        poll_fn(|context| closing.poll(&mut self.stream, context)).await
    }

    /// Takes an answered head away. What follows it is the next.
    fn consume(&mut self, length: usize) {
        self.buffer.drain(..length);
        if self.buffer.capacity() > HEAD_BUFFER && self.buffer.len() < HEAD_BUFFER {
            self.buffer.shrink_to(HEAD_BUFFER);
        }
    }
}

/// Reads what is there to the end of `bytes`.
fn poll_read(stream: &mut TcpStream, context: &mut Context<'_>, bytes: &mut Vec<u8>) -> Poll<io::Result<usize>> {
    if bytes.len() == bytes.capacity() {
        bytes.reserve(bytes.len().max(HEAD_BUFFER));
    }
    poll_read_buf(Pin::new(stream), context, bytes)
}

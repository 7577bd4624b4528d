//! A connection of the edge: reads request heads and writes responses, one after the other, each
//! within its time limit. Implements HTTP/1.1 as far as an edge needs it: no request has a body,
//! and every response has a length. A general HTTP server cost too large a share of a small range
//! (decision 0012).

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

use super::super::connections::OpenConnection;
use super::super::content::Fields as _;
use super::super::deadline::{Deadline, LingeringClose};
use super::super::head::{self, Head, Malformed, Targets};
use super::refused::Refused;
use super::response_writer::{ResponseWriter, WriteOutcome};
use super::{Edge, EdgeResponse};
use crate::error::Error;

/// How long a client may take to send a request head, also on a kept-alive connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes read and dropped at the end, so that the client can read its response.
const LINGERING_BYTES: usize = 1 << 20;
/// The usual size of the read buffer in bytes; it grows only for a longer head.
const HEAD_BUFFER: usize = 4 << 10;

/// Serves a connection until either side closes it, or `stop` is cancelled while it is idle.
pub(super) async fn serve_connection(
    edge: &Edge,
    stream: TcpStream,
    peer: SocketAddr,
    registered: &OpenConnection,
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
        let _in_progress = registered.begin_request();
        // Taken out of the connection, since the parsed head borrows from it while the connection
        // writes.
        let buffer = std::mem::take(&mut connection.buffer);
        let head = match Head::parse(&buffer[..length], Targets::Ascii) {
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
    /// Bytes read and not yet consumed.
    buffer: Vec<u8>,
    writer: ResponseWriter,
}

impl Connection {
    /// Reads until a whole head is in the buffer and returns its length; `None` if the client
    /// closed the connection or it is idle at shutdown.
    async fn read_head(
        &mut self,
        mut stopping: Pin<&mut WaitForCancellationFuture<'_>>,
    ) -> io::Result<Option<Result<usize, Malformed>>> {
        self.deadline.restart(HEAD_TIMEOUT);
        let (mut seen, mut passed_over) = (0, false);
        loop {
            // An empty line before a request is skipped (RFC 9112, section 2.2).
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
            // The timer is only polled while no bytes arrive, so a continuous sender is checked
            // here.
            if self.deadline.is_over() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Responds to a malformed request, and closes the connection.
    async fn refuse(&mut self, edge: &Edge, malformed: Malformed) -> io::Result<()> {
        let refused = Refused::Malformed(malformed);
        let response = edge.refuse(&refused, None, None, std::time::Instant::now(), &mut self.writer.lines);
        self.respond_and_close(response, "").await
    }

    /// Writes a last response and closes the connection.
    async fn respond_and_close(&mut self, response: EdgeResponse, path: &str) -> io::Result<()> {
        self.writer.lines.set(&header::CONNECTION, b"close");
        self.write(response, path).await?;
        self.close().await
    }

    async fn write(&mut self, response: EdgeResponse, path: &str) -> io::Result<WriteOutcome> {
        self.writer.write(&self.stream, &mut self.deadline, response, path).await
    }

    /// Closes the connection such that the client can read everything written.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut closing = LingeringClose::new(LINGERING_BYTES);
        poll_fn(|context| closing.poll(&mut self.stream, context)).await
    }

    /// Removes an answered head from the buffer; bytes after it belong to the next.
    fn consume(&mut self, length: usize) {
        self.buffer.drain(..length);
        if self.buffer.capacity() > HEAD_BUFFER && self.buffer.len() < HEAD_BUFFER {
            self.buffer.shrink_to(HEAD_BUFFER);
        }
    }
}

/// Appends available bytes to `bytes`.
fn poll_read(stream: &mut TcpStream, context: &mut Context<'_>, bytes: &mut Vec<u8>) -> Poll<io::Result<usize>> {
    if bytes.len() == bytes.capacity() {
        bytes.reserve(bytes.len().max(HEAD_BUFFER));
    }
    poll_read_buf(Pin::new(stream), context, bytes)
}

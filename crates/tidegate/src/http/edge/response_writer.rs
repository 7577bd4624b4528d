//! Writes responses to a connection: heads and short bodies from memory, blobs with `sendfile(2)`,
//! each write within its deadline.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::task::Poll;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use futures::StreamExt as _;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use store::{BlobStream, Piece, SendError};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Duration;

use super::super::content::{FieldLines, Fields as _, ResponseBody};
use super::super::deadline::Deadline;
use super::meters::{self, ResponseMeter};
use super::{EdgeResponse, REQUEST_ID};
use crate::model::epoch_seconds;

/// How long a write may make no progress.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// The most unsent bytes of a large body in the socket buffer (`TCP_NOTSENT_LOWAT`, tcp(7)). Small,
/// since bytes waiting there leave the CPU caches and use memory for every slow reader; large
/// enough until this thread runs again.
const UNSENT_LIMIT: u32 = 16 << 10;
/// Bodies up to this size may be buffered whole, which saves this thread a wake-up.
const LARGE_BODY: u64 = 256 << 10;
/// Bytes after which the task yields to other connections.
const YIELD_AFTER: usize = 1 << 20;
/// The initial capacity of the header buffer in bytes.
const HEAD_CAPACITY: usize = 1 << 10;

/// Writes the responses of one connection, one after the other.
pub(super) struct ResponseWriter {
    status_line: String,
    /// The header fields of the current response.
    pub(super) lines: FieldLines,
    /// The current second, and its HTTP date.
    date: (u64, String),
    /// Bytes written since the task last yielded.
    since_yield: usize,
    /// Whether `TCP_NOTSENT_LOWAT` is set.
    limits_unsent: bool,
}

/// The outcome of writing a response.
pub(super) enum WriteOutcome {
    /// The response was written.
    Complete,
    /// The first bytes of the body could not be read, and nothing was sent.
    NotStarted(io::Error),
}

impl ResponseWriter {
    /// Creates the writer of a new connection.
    pub(super) fn new() -> Self {
        Self {
            status_line: String::new(),
            lines: FieldLines::with_capacity(HEAD_CAPACITY),
            date: (0, String::new()),
            since_yield: 0,
            limits_unsent: false,
        }
    }

    /// Writes the response to a request for `path`.
    ///
    /// # Errors
    ///
    /// The connection failed, or the body ended early; the connection must then be dropped.
    pub(super) async fn write(
        &mut self,
        stream: &TcpStream,
        deadline: &mut Deadline,
        response: EdgeResponse,
        path: &str,
    ) -> io::Result<WriteOutcome> {
        let EdgeResponse { status, body, mut meter, .. } = response;
        if let ResponseBody::Blob(blob) = &body {
            self.limit_unsent(stream, blob.remaining() > LARGE_BODY);
        }
        let head = self.finish_head(status);
        let mut progress =
            ResponseInProgress { stream, deadline, head, since_yield: self.since_yield, has_open_segment: false };
        let written = match body {
            ResponseBody::Nothing => progress.bytes(&[], self).await.map_err(WriteError::Connection),
            ResponseBody::Blob(blob) => progress.blob(blob, self, &mut meter).await,
            other => progress.pieces(other, self, &mut meter).await,
        };
        let began = progress.head.start > 0;
        self.since_yield = progress.since_yield;
        match written {
            Err(WriteError::Body(error)) if !began => return Ok(WriteOutcome::NotStarted(error)),
            _ => meter.answered(),
        }
        match written {
            Ok(()) => Ok(WriteOutcome::Complete),
            Err(WriteError::Connection(error)) => Err(error),
            Err(WriteError::Body(error)) => {
                let id = self.lines.get(&REQUEST_ID).unwrap_or_default();
                meters::report_broken_body(&String::from_utf8_lossy(id), path, &error);
                Err(error)
            }
        }
    }

    /// Sets or clears `TCP_NOTSENT_LOWAT`.
    fn limit_unsent(&mut self, stream: &TcpStream, little: bool) {
        if self.limits_unsent == little {
            return;
        }
        self.limits_unsent = little;
        // 0 restores the system's default.
        let waiting = if little { UNSENT_LIMIT } else { 0 };
        if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(waiting) {
            // The response is correct without it, only slower.
            tracing::debug!(%error, "TCP_NOTSENT_LOWAT can't be set");
        }
    }

    /// Adds status line, `Date` and the final empty line; returns the range of the whole head.
    fn finish_head(&mut self, status: StatusCode) -> Range<usize> {
        let reason = status.canonical_reason().unwrap_or_default();
        self.status_line.clear();
        for piece in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
            self.status_line.push_str(piece);
        }
        let now = SystemTime::now();
        let second = epoch_seconds(now);
        if self.date.0 != second {
            self.date = (second, httpdate::fmt_http_date(now));
        }
        self.lines.set(&header::DATE, self.date.1.as_bytes());
        self.lines.finish();
        0..self.status_line.len() + self.lines.as_bytes().len()
    }

    /// Returns the unsent part of the head.
    fn rest(&self, head: &Range<usize>) -> [&[u8]; 2] {
        let in_status = head.start.min(self.status_line.len());
        let in_lines = head.start - in_status;
        [&self.status_line.as_bytes()[in_status..], self.lines.as_bytes().get(in_lines..).unwrap_or_default()]
    }
}

/// Why a response was not written to its end.
enum WriteError {
    Connection(io::Error),
    Body(io::Error),
}

/// A response that is being written.
struct ResponseInProgress<'a> {
    stream: &'a TcpStream,
    deadline: &'a mut Deadline,
    /// The unsent range of the head.
    head: Range<usize>,
    /// Bytes written since the task last yielded.
    since_yield: usize,
    /// Whether the kernel was told that more data follows (`MSG_MORE`), and so may delay the last
    /// segment.
    has_open_segment: bool,
}

impl ResponseInProgress<'_> {
    /// Writes a streamed body; the first piece goes out together with the head.
    async fn pieces(
        &mut self,
        mut body: ResponseBody,
        writer: &ResponseWriter,
        meter: &mut ResponseMeter,
    ) -> Result<(), WriteError> {
        while let Some(piece) = body.next().await {
            let piece: Bytes = piece.map_err(WriteError::Body)?;
            self.bytes(&piece, writer).await.map_err(WriteError::Connection)?;
            meter.sent(piece.len());
        }
        self.bytes(&[], writer).await.map_err(WriteError::Connection)
    }

    /// Writes a range of a file. The head is sent only once the first bytes are in memory.
    async fn blob(
        &mut self,
        mut blob: BlobStream,
        writer: &ResponseWriter,
        meter: &mut ResponseMeter,
    ) -> Result<(), WriteError> {
        while blob.remaining() > 0 {
            // A socket that takes no bytes must not cause reads.
            self.writable().await.map_err(WriteError::Connection)?;
            let Some(piece) = poll_fn(|context| blob.poll_piece(context)).await else { break };
            match piece.map_err(WriteError::Body)? {
                Piece::Read(bytes) => {
                    self.bytes(&bytes, writer).await.map_err(WriteError::Connection)?;
                    meter.sent(bytes.len());
                }
                Piece::File => {
                    self.head(SendFlags::MORE, writer).await.map_err(WriteError::Connection)?;
                    meter.sent(self.file(&mut blob).await?);
                }
            }
        }
        self.head(SendFlags::empty(), writer).await.map_err(WriteError::Connection)
    }

    /// Sends as much of a file as the socket takes.
    async fn file(&mut self, blob: &mut BlobStream) -> Result<usize, WriteError> {
        let (mut is_file_error, end) = (false, blob.slice_end());
        let sent = self.transmit(|socket| {
            blob.send_to(socket).map_err(|error| match error {
                SendError::Socket(error) => error,
                SendError::Unsupported => io::ErrorKind::Unsupported.into(),
                SendError::File(error) => {
                    is_file_error = true;
                    error
                }
            })
        });
        match sent.await {
            Err(error) if is_file_error => Err(WriteError::Body(error)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(0),
            Err(error) => Err(WriteError::Connection(error)),
            Ok(sent) => {
                self.has_open_segment = blob.position() < end;
                self.push();
                Ok(sent)
            }
        }
    }

    /// Makes the kernel send an open segment now.
    fn push(&mut self) {
        if !std::mem::take(&mut self.has_open_segment) {
            return;
        }
        if let Err(error) = self.stream.set_nodelay(true) {
            // The connection has failed; the next write reports it.
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
    }

    /// Sends the unsent part of the head.
    async fn head(&mut self, flags: SendFlags, writer: &ResponseWriter) -> io::Result<()> {
        while !self.head.is_empty() {
            let [status, lines] = writer.rest(&self.head);
            let slices = [IoSlice::new(status), IoSlice::new(lines)];
            self.head.start += self.transmit(|socket| send(socket, &slices, flags)).await?;
            self.has_open_segment = flags.contains(SendFlags::MORE);
        }
        Ok(())
    }

    /// Sends bytes after the unsent part of the head, in one system call where possible.
    async fn bytes(&mut self, bytes: &[u8], writer: &ResponseWriter) -> io::Result<()> {
        let mut sent = 0;
        while !self.head.is_empty() || sent < bytes.len() {
            let [status, lines] = writer.rest(&self.head);
            let slices = [IoSlice::new(status), IoSlice::new(lines), IoSlice::new(&bytes[sent..])];
            let written = self.transmit(|socket| send(socket, &slices, SendFlags::empty())).await?;
            self.has_open_segment = false;
            let of_head = written.min(self.head.len());
            self.head.start += of_head;
            sent += written - of_head;
        }
        Ok(())
    }

    /// Waits until the socket is writable.
    async fn writable(&mut self) -> io::Result<()> {
        let Self { stream, deadline, .. } = self;
        deadline.restart(WRITE_TIMEOUT);
        let ready = poll_fn(|context| match stream.poll_write_ready(context) {
            Poll::Pending => deadline.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
            ready @ Poll::Ready(_) => ready,
        });
        ready.await
    }

    /// Runs `step`, which writes to the socket, as soon as that is writable.
    async fn transmit(&mut self, mut step: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>) -> io::Result<usize> {
        if self.since_yield >= YIELD_AFTER {
            self.since_yield = 0;
            tokio::task::yield_now().await;
        }
        self.deadline.restart(WRITE_TIMEOUT);
        let sent = poll_fn(|context| {
            loop {
                if self.stream.poll_write_ready(context)?.is_pending() {
                    return self.deadline.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()));
                }
                match self.stream.try_io(Interest::WRITABLE, || step(self.stream.as_fd())) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.push(),
                    done => return Poll::Ready(done),
                }
            }
        });
        let sent = sent.await?;
        self.since_yield += sent;
        if sent == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(sent) }
    }
}

fn send(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>], flags: SendFlags) -> io::Result<usize> {
    let flags = flags | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    Ok(sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), flags)?)
}

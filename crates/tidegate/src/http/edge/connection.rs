//! A connection of the edge: requests read, answers written, one after the other, each within its time.
//!
//! HTTP/1.1 as far as an edge needs it: no request has a body, every answer has a length. Written for this, since
//! a general server's part was too large a share of a small range's cost (decision 0012).

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use http_body::Body as _;
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::io::poll_read_buf;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::super::content::{Fields as _, Lines};
use super::head::{self, Head, Malformed};
use super::meters;
use super::refused::Refused;
use super::{Answer, Edge};
use crate::model::epoch_seconds;

/// A request's head must be there within this time, also on a connection that is kept alive.
const FOR_A_HEAD: Duration = Duration::from_secs(30);
/// How long a write may make no progress.
const FOR_A_WRITE: Duration = Duration::from_secs(60);
/// How long and how much is read of what nobody asked for, so that the client sees its answer before the end.
const LINGERING: Duration = Duration::from_secs(2);
const LINGERING_BYTES: usize = 1 << 20;
/// What a connection reads into; more only for as long as a head needs it.
const USUAL_HEAD: usize = 4 << 10;
const USUAL_ANSWER: usize = 1 << 10;

/// Speaks with a client until one of the two ends it, or `stop` finds nothing asked.
pub(super) async fn converse(
    edge: &Edge,
    stream: TcpStream,
    peer: SocketAddr,
    stop: &CancellationToken,
) -> io::Result<()> {
    let mut connection = Connection {
        stream,
        patience: Patience::new(),
        heads: Vec::with_capacity(USUAL_HEAD),
        status_line: String::new(),
        lines: Lines::with_capacity(USUAL_ANSWER),
        date: (0, String::new()),
    };
    let mut last = None;
    let mut stopping = std::pin::pin!(stop.cancelled());
    loop {
        let length = match connection.read_head(stopping.as_mut()).await? {
            Some(Ok(length)) => length,
            Some(Err(malformed)) => return connection.refuse(edge, malformed).await,
            None => return Ok(()),
        };
        // The head is taken out, so that the answer may borrow from it while the connection writes.
        let heads = std::mem::take(&mut connection.heads);
        let head = match Head::parse(&heads[..length]) {
            Ok(head) => head,
            Err(malformed) => return connection.refuse(edge, malformed).await,
        };
        let answer = edge.answer(peer, &head, &mut last, &mut connection.lines).await;
        let keep_alive = head.keep_alive && !answer.is_last && !stop.is_cancelled();
        connection.write(answer, keep_alive, head.old).await?;
        if !keep_alive {
            return connection.close().await;
        }
        connection.heads = heads;
        connection.forget(length);
    }
}

struct Connection {
    stream: TcpStream,
    patience: Patience,
    /// What was read and not answered yet.
    heads: Vec<u8>,
    status_line: String,
    /// The fields of an answer.
    lines: Lines,
    /// A second, and how HTTP writes it.
    date: (u64, String),
}

impl Connection {
    /// The next head's length; `None` where the client has no more requests.
    async fn read_head(
        &mut self,
        mut stopping: Pin<&mut WaitForCancellationFuture<'_>>,
    ) -> io::Result<Option<Result<usize, Malformed>>> {
        self.patience.start(FOR_A_HEAD);
        let (mut seen, mut passed_over) = (0, false);
        loop {
            // RFC 9112, 2.2: an empty line before a request is passed over.
            if !passed_over && self.heads.starts_with(b"\r\n") {
                self.heads.drain(..2);
                (passed_over, seen) = (true, 0);
            }
            match head::end(&self.heads, seen) {
                Ok(Some(length)) => return Ok(Some(Ok(length))),
                Err(malformed) => return Ok(Some(Err(malformed))),
                Ok(None) => seen = self.heads.len(),
            }
            let idle = self.heads.is_empty();
            let Self { stream, patience, heads, .. } = self;
            let read = poll_fn(|context| {
                if let Poll::Ready(read) = poll_read(stream, context, heads) {
                    return Poll::Ready(read);
                }
                if idle && stopping.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(0));
                }
                patience.poll(context).map(|()| if idle { Ok(0) } else { Err(io::ErrorKind::TimedOut.into()) })
            });
            if read.await? == 0 {
                return Ok(None);
            }
            // Who sends without a pause never lets the timer run out.
            if self.patience.is_over() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Writes an answer. A body that ends early ends the connection.
    async fn write(&mut self, answer: Answer, keep_alive: bool, old: bool) -> io::Result<()> {
        self.end_head(answer.status, keep_alive, old);
        let mut body = std::pin::pin!(answer.body);
        let mut head = 0..self.status_line.len() + self.lines.as_bytes().len();
        loop {
            let chunk = match body.is_end_stream() {
                true => None,
                false => poll_fn(|context| body.as_mut().poll_frame(context)).await.transpose()?,
            };
            let Some(frame) = chunk else { break };
            self.write_all(&mut head, frame.into_data().unwrap_or_default()).await?;
        }
        self.write_all(&mut head, Bytes::new()).await
    }

    /// Completes the head: how it begins, and what a connection itself has to say.
    fn end_head(&mut self, status: StatusCode, keep_alive: bool, old: bool) {
        let reason = status.canonical_reason().unwrap_or_default();
        self.status_line.clear();
        for piece in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
            self.status_line.push_str(piece);
        }
        match (keep_alive, old) {
            (false, _) => self.lines.set(&header::CONNECTION, b"close"),
            (true, true) => self.lines.set(&header::CONNECTION, b"keep-alive"),
            (true, false) => {}
        }
        let now = SystemTime::now();
        let second = epoch_seconds(now);
        if self.date.0 != second {
            self.date = (second, httpdate::fmt_http_date(now));
        }
        self.lines.set(&header::DATE, self.date.1.as_bytes());
        self.lines.end();
    }

    /// Writes what is left of the head, and a piece of the body, in one call where the system takes it.
    async fn write_all(&mut self, head: &mut Range<usize>, chunk: Bytes) -> io::Result<()> {
        let mut sent = 0;
        let Self { stream, patience, status_line, lines, .. } = self;
        while head.start < head.end || sent < chunk.len() {
            patience.start(FOR_A_WRITE);
            let in_status = head.start.min(status_line.len());
            let in_lines = head.start - in_status;
            let slices = [
                IoSlice::new(&status_line.as_bytes()[in_status..]),
                IoSlice::new(lines.as_bytes().get(in_lines..).unwrap_or_default()),
                IoSlice::new(&chunk[sent..]),
            ];
            let slices = if head.start == head.end { &slices[2..] } else { &slices[..] };
            let written = poll_fn(|context| match Pin::new(&mut *stream).poll_write_vectored(context, slices) {
                Poll::Pending => patience.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
                ready @ Poll::Ready(_) => ready,
            });
            let written = written.await.map_err(tell_of_lost_pages)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            let of_head = written.min(head.len());
            head.start += of_head;
            sent += written - of_head;
        }
        Ok(())
    }

    /// Answers what is no request, and ends.
    async fn refuse(&mut self, edge: &Edge, malformed: Malformed) -> io::Result<()> {
        let refused = match malformed {
            Malformed::Syntax => Refused::Syntax,
            Malformed::Version => Refused::Version,
            Malformed::TooLarge => Refused::HeadTooLarge,
        };
        let answer = edge.refuse(&refused, None, None, std::time::Instant::now(), &mut self.lines);
        self.write(answer, false, false).await?;
        self.close().await
    }

    /// Ends the connection so that the client sees all that was written: what it is still sending is read, for a
    /// while, since a reset could overtake the answer.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        self.patience.start(LINGERING);
        let mut read = 0;
        while read < LINGERING_BYTES {
            self.heads.clear();
            self.heads.reserve(USUAL_HEAD);
            let Self { stream, patience, heads, .. } = self;
            let more = poll_fn(|context| match poll_read(stream, context, heads) {
                Poll::Pending => patience.poll(context).map(|()| Ok(0)),
                ready @ Poll::Ready(_) => ready,
            });
            match more.await? {
                0 => break,
                more => read += more,
            }
        }
        Ok(())
    }

    /// Takes an answered head away. What follows it is the next.
    fn forget(&mut self, length: usize) {
        self.heads.drain(..length);
        if self.heads.capacity() > USUAL_HEAD && self.heads.len() < USUAL_HEAD {
            self.heads.shrink_to(USUAL_HEAD);
        }
    }
}

/// A page of a mapped file is gone: the file was cut, or the disk failed.
fn tell_of_lost_pages(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::FAULT.raw_os_error()) {
        meters::broken(&error);
    }
    error
}

/// Reads what is there to the end of `bytes`.
fn poll_read(stream: &mut TcpStream, context: &mut Context<'_>, bytes: &mut Vec<u8>) -> Poll<io::Result<usize>> {
    if bytes.len() == bytes.capacity() {
        bytes.reserve(bytes.len().max(USUAL_HEAD));
    }
    poll_read_buf(Pin::new(stream), context, bytes)
}

/// A time limit that costs nothing while things go well: its timer is set anew only when it has run out.
struct Patience {
    timer: Pin<Box<Sleep>>,
    until: Instant,
}

impl Patience {
    fn new() -> Self {
        let until = Instant::now() + FOR_A_HEAD;
        Self { timer: Box::pin(sleep_until(until)), until }
    }

    fn start(&mut self, limit: Duration) {
        self.until = Instant::now() + limit;
        if self.until < self.timer.deadline() {
            self.timer.as_mut().reset(self.until);
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Ready when the time is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
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

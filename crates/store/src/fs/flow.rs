//! The bytes of a range on their way out: from memory at once, from disk by way of the blocking pool.
//!
//! A connection has the kernel send all but a few of them from the page cache ([`BlobStream::send_to`]); whoever wants
//! the bytes themselves takes them as a stream. What is not in memory is read by a thread that may wait. The runtime's wait only
//! where pages are taken away in the moment between the look at them and the sending.

use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use rustix::io::Errno;
use tokio::task::JoinHandle;

use super::pages::{self, Pages};
use super::reader::{Open, Reads};

/// Up to this size a blob's pages are worth looking at only if it is read again.
const SMALL: u64 = 64 << 10;
/// Up to this size a range is copied for less than it costs the kernel to send pages.
const FEW: u64 = 8 << 10;
/// The most bytes sent in one call, and brought into memory at once.
const SLICE: u64 = 256 << 10;
/// Bytes per read of what is read into a buffer for a socket: what a slow reader holds in memory.
const FEW_READ: u64 = 32 << 10;
/// Bytes per read for those who take a stream.
const READ_CHUNK: u64 = 128 << 10;

/// The bytes of a range, in order; never longer or shorter than the range unless they end in an error. Taken as a
/// stream, or piece by piece, partly from the file itself.
#[derive(Debug)]
pub struct BlobStream {
    open: Arc<Open>,
    left: Range<u64>,
    /// Whether the kernel may send from the file itself.
    sends_file: bool,
    /// What was brought into memory last.
    brought: Range<u64>,
    waiting: Option<JoinHandle<io::Result<Bytes>>>,
}

/// What comes next of a range.
#[derive(Debug)]
pub enum Piece {
    /// These bytes.
    Read(Bytes),
    /// Bytes that are in memory as a part of the file: for [`BlobStream::send_to`].
    File,
}

impl BlobStream {
    pub(super) fn new(open: Arc<Open>, range: Range<u64>, reads: Reads) -> Self {
        let is_few = range.end - range.start <= FEW;
        let sends_file = reads == Reads::Sendfile && !is_few && (open.was_read() || open.size() > SMALL);
        Self { open, brought: 0..0, left: range, sends_file, waiting: None }
    }

    /// Bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.left.end - self.left.start
    }

    /// Where in the file the next byte lies.
    pub fn position(&self) -> u64 {
        self.left.start
    }

    /// Where in the file the bytes end that [`send_to`](Self::send_to) sends at most.
    pub fn slice_end(&self) -> u64 {
        self.slice().end
    }

    /// The next piece, `None` at the end. Ready when no disk needs to be waited for; an error is one of the file.
    pub fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece>>> {
        let Some((pages, part)) = self.pages().filter(|_| !self.left.is_empty()) else {
            return self.poll_bytes(FEW_READ, context).map(|next| next.map(|bytes| bytes.map(Piece::Read)));
        };
        if self.waiting.is_none() {
            // Not looked at between being brought and being sent: where memory is short it may be gone already.
            let was_just_brought = self.left.start == self.brought.start && !self.brought.is_empty();
            if was_just_brought || pages.are_in_memory(part.clone()) {
                return Poll::Ready(Some(Ok(Piece::File)));
            }
            let (open, at) = (Arc::clone(&self.open), self.left.start);
            self.brought = at..at + part.len() as u64;
            let fetch = move || pages::fetch(open.file(), at, part.len()).map(|()| Bytes::new());
            self.waiting = Some(tokio::task::spawn_blocking(fetch));
        }
        let brought = ready!(self.poll_waiting(context));
        Poll::Ready(Some(self.or_end(brought).map(|_| Piece::File)))
    }

    /// Has the kernel send the next bytes of the file, after a [`Piece::File`], and says how many the socket took.
    pub fn send_to(&mut self, socket: impl AsFd) -> Result<usize, SendError> {
        let mut at = self.left.start;
        let length = usize::try_from(self.slice().end - at).unwrap_or(0);
        match rustix::fs::sendfile(socket, self.open.file(), Some(&mut at), length) {
            Ok(0) => Err(SendError::File(io::ErrorKind::UnexpectedEof.into())),
            Ok(sent) => {
                self.left.start += sent as u64;
                Ok(sent)
            }
            Err(errno @ (Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM)) => {
                tracing::debug!(%errno, "the kernel does not send from this file, and it is read");
                self.sends_file = false;
                Err(SendError::Unsupported)
            }
            Err(errno) => Err(SendError::of(errno)),
        }
    }

    /// The file's pages, and the next part of it, where it is sent as a file.
    fn pages(&self) -> Option<(&Pages, Range<usize>)> {
        let pages = self.sends_file.then(|| self.open.pages()).flatten()?;
        let Range { start, end } = self.slice();
        Some((pages, usize::try_from(start).ok()?..usize::try_from(end).ok()?))
    }

    /// What is sent next at most. What was brought is sent before more is looked for: a slow reader takes little at a time.
    fn slice(&self) -> Range<u64> {
        let start = self.left.start;
        let end = if self.brought.contains(&start) { self.brought.end } else { start + SLICE };
        start..end.min(self.left.end)
    }

    /// The next bytes, up to `most`, in a buffer of their own.
    fn poll_bytes(&mut self, most: u64, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = ready!(self.poll_chunk(most, context));
        self.left.start += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Poll::Ready(Some(self.or_end(bytes)))
    }

    fn poll_chunk(&mut self, most: u64, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.waiting.is_none() {
            let at = self.left.start;
            let mut chunk = BytesMut::zeroed(usize::try_from(most.min(self.remaining())).unwrap_or(0));
            match pages::read_now(self.open.file(), &mut chunk, at)? {
                Some(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Some(read) => {
                    chunk.truncate(read);
                    return Poll::Ready(Ok(chunk.freeze()));
                }
                None => {
                    let open = Arc::clone(&self.open);
                    self.waiting = Some(tokio::task::spawn_blocking(move || {
                        open.file().read_exact_at(&mut chunk, at)?;
                        Ok(chunk.freeze())
                    }));
                }
            }
        }
        self.poll_waiting(context)
    }

    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let Some(waiting) = self.waiting.as_mut() else { return Poll::Pending };
        let brought = ready!(Pin::new(waiting).poll(context));
        self.waiting = None;
        Poll::Ready(brought.map_err(io::Error::other).flatten())
    }

    /// After an error the rest will not come.
    fn or_end<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.is_err() {
            self.left.start = self.left.end;
        }
        outcome
    }
}

impl Stream for BlobStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_bytes(READ_CHUNK, context)
    }
}

/// Why nothing more was sent.
#[derive(Debug)]
pub enum SendError {
    /// The file ended early, or its disk failed.
    File(io::Error),
    /// The connection's: it takes nothing now (`WouldBlock`), or has ended.
    Socket(io::Error),
    /// The kernel does not send from such files. Nothing was sent; the next pieces are read.
    Unsupported,
}

impl SendError {
    /// `sendfile(2)` has one error for two sides. What is not known as a connection's end is the file's, and told.
    fn of(errno: Errno) -> Self {
        use Errno as E;
        let ends = [E::AGAIN, E::INTR, E::PIPE, E::CONNRESET, E::CONNABORTED, E::TIMEDOUT, E::NOTCONN, E::SHUTDOWN];
        let lost = [E::HOSTUNREACH, E::HOSTDOWN, E::NETUNREACH, E::NETDOWN, E::NETRESET];
        let of_a_socket = ends.contains(&errno) || lost.contains(&errno);
        if of_a_socket { Self::Socket(errno.into()) } else { Self::File(errno.into()) }
    }
}

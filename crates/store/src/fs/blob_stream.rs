//! Delivers the bytes of a range: by `sendfile(2)` from the page cache ([`BlobStream::send_to`]) or
//! as a stream. Pages that are not in memory are read on the blocking pool first, so that a runtime
//! thread waits for the disk only if the kernel evicts a page between the check and the send. Opens
//! no files; see `reader`.

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
use super::reader::{OpenFile, Reads};

/// Blobs up to this size, in bytes, are mapped only from their second read on.
const SMALL_BLOB: u64 = 64 << 10;
/// Ranges up to this size, in bytes, are copied, which costs less than `sendfile`.
const SMALL_RANGE: u64 = 8 << 10;
/// The most bytes sent by one call and read into memory at once.
const SLICE: u64 = 256 << 10;
/// Bytes per buffered read for a socket, and so the memory that a slow client occupies.
const SOCKET_READ: u64 = 32 << 10;
/// Bytes per read of the stream.
const STREAM_READ: u64 = 128 << 10;

/// The bytes of a range, in order. It yields exactly the range or ends with an error. Use it as a
/// stream, or call [`poll_piece`](Self::poll_piece) and [`send_to`](Self::send_to).
#[derive(Debug)]
pub struct BlobStream {
    open: Arc<OpenFile>,
    left: Range<u64>,
    /// Whether the bytes are sent with `sendfile`.
    uses_sendfile: bool,
    /// The range that was read into memory last.
    fetched: Range<u64>,
    /// The running read on the blocking pool.
    pending_read: Option<JoinHandle<io::Result<Bytes>>>,
}

/// The next piece of a range.
#[derive(Debug)]
pub enum Piece {
    /// Bytes in a buffer.
    Read(Bytes),
    /// Bytes of the file that are in the page cache; send them with [`BlobStream::send_to`].
    File,
}

impl BlobStream {
    /// Creates a stream for a range, which must lie inside the file.
    pub(super) fn new(open: Arc<OpenFile>, range: Range<u64>, reads: Reads) -> Self {
        let is_small = range.end - range.start <= SMALL_RANGE;
        let uses_sendfile = reads == Reads::Sendfile && !is_small && (open.was_read() || open.size() > SMALL_BLOB);
        Self { open, fetched: 0..0, left: range, uses_sendfile, pending_read: None }
    }

    /// Returns the number of bytes left.
    pub fn remaining(&self) -> u64 {
        self.left.end - self.left.start
    }

    /// Returns the offset of the next byte in the file.
    pub fn position(&self) -> u64 {
        self.left.start
    }

    /// Returns the offset up to which the next [`send_to`](Self::send_to) can send.
    pub fn slice_end(&self) -> u64 {
        self.slice().end
    }

    /// Returns the next piece, or `None` at the end. Becomes ready when the bytes are in memory. An
    /// error concerns the file.
    pub fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece>>> {
        let Some((pages, part)) = self.pages().filter(|_| !self.left.is_empty()) else {
            return self.poll_bytes(SOCKET_READ, context).map(|next| next.map(|bytes| bytes.map(Piece::Read)));
        };
        if self.pending_read.is_none() {
            // Not checked again after a fetch: if memory is short, the pages can be evicted
            // already, and the fetch would repeat forever.
            let was_just_fetched = self.left.start == self.fetched.start && !self.fetched.is_empty();
            if was_just_fetched || pages.are_in_memory(part.clone()) {
                return Poll::Ready(Some(Ok(Piece::File)));
            }
            let (open, at) = (Arc::clone(&self.open), self.left.start);
            self.fetched = at..at + part.len() as u64;
            let fetch = move || pages::fetch(open.file(), at, part.len()).map(|()| Bytes::new());
            self.pending_read = Some(tokio::task::spawn_blocking(fetch));
        }
        let fetched = ready!(self.poll_pending_read(context));
        Poll::Ready(Some(self.end_on_error(fetched).map(|_| Piece::File)))
    }

    /// Sends the next bytes of the file with `sendfile(2)`. Call it after [`Piece::File`]. Returns
    /// how many bytes the socket accepted.
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
                tracing::debug!(%errno, "sendfile is not supported for this file; it is read into buffers instead");
                self.uses_sendfile = false;
                Err(SendError::Unsupported)
            }
            Err(errno) => Err(SendError::of(errno)),
        }
    }

    /// Returns the page map and the next slice if the bytes are sent with `sendfile`.
    fn pages(&self) -> Option<(&Pages, Range<usize>)> {
        let pages = self.uses_sendfile.then(|| self.open.pages()).flatten()?;
        let Range { start, end } = self.slice();
        Some((pages, usize::try_from(start).ok()?..usize::try_from(end).ok()?))
    }

    /// Returns the range that is sent next. Fetched bytes are sent completely before the next
    /// fetch, because a slow client accepts only a few at a time.
    fn slice(&self) -> Range<u64> {
        let start = self.left.start;
        let end = if self.fetched.contains(&start) { self.fetched.end } else { start + SLICE };
        start..end.min(self.left.end)
    }

    /// Returns the next bytes, up to `most`, in a new buffer.
    fn poll_bytes(&mut self, most: u64, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = ready!(self.poll_chunk(most, context));
        self.left.start += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Poll::Ready(Some(self.end_on_error(bytes)))
    }

    /// Reads up to `most` bytes: at once if they are in memory, otherwise on the blocking pool.
    fn poll_chunk(&mut self, most: u64, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.pending_read.is_none() {
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
                    self.pending_read = Some(tokio::task::spawn_blocking(move || {
                        open.file().read_exact_at(&mut chunk, at)?;
                        Ok(chunk.freeze())
                    }));
                }
            }
        }
        self.poll_pending_read(context)
    }

    /// Waits for the running read on the blocking pool.
    fn poll_pending_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let Some(pending_read) = self.pending_read.as_mut() else { return Poll::Pending };
        let fetched = ready!(Pin::new(pending_read).poll(context));
        self.pending_read = None;
        Poll::Ready(fetched.map_err(io::Error::other).flatten())
    }

    /// Ends the range after an error.
    fn end_on_error<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.is_err() {
            self.left.start = self.left.end;
        }
        outcome
    }
}

impl Stream for BlobStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_bytes(STREAM_READ, context)
    }
}

/// Why no bytes were sent.
#[derive(Debug)]
pub enum SendError {
    /// The file ended early or could not be read.
    File(io::Error),
    /// The connection accepts no bytes now (`WouldBlock`) or has ended.
    Socket(io::Error),
    /// `sendfile` is not supported for this file. Nothing was sent; the next pieces are read into
    /// buffers.
    Unsupported,
}

impl SendError {
    /// Classifies an error of `sendfile(2)`, which can concern the file or the socket. Unknown
    /// errors count as those of the file, because these are logged.
    fn of(errno: Errno) -> Self {
        use Errno as E;
        let socket_errors =
            [E::AGAIN, E::INTR, E::PIPE, E::CONNRESET, E::CONNABORTED, E::TIMEDOUT, E::NOTCONN, E::SHUTDOWN];
        let network_errors = [E::HOSTUNREACH, E::HOSTDOWN, E::NETUNREACH, E::NETDOWN, E::NETRESET];
        let is_socket = socket_errors.contains(&errno) || network_errors.contains(&errno);
        if is_socket { Self::Socket(errno.into()) } else { Self::File(errno.into()) }
    }
}

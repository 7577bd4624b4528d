//! Holds back the bytes of a connection until each request head is complete and unambiguous, so
//! that the HTTP server behind it never reads what another parser could read differently. In place
//! of a malformed head it hands on a request that only says so; the door answers it in its own form
//! ([`ConnectionState::begin_request`]). Changes no byte of a well-formed request.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::chunks::ChunkScanner;
use super::connections::RequestInProgress;
use super::head::{self, Framing, Head, Malformed, Targets};

/// The bytes read at once while a head or a chunk's frame is awaited.
const READ_SIZE: usize = 4 << 10;
/// What stands for a malformed request. Its connection ends with the response.
const STAND_IN: &[u8] = b"GET /.malformed HTTP/1.1\r\nhost: malformed\r\nconnection: close\r\n\r\n";

/// What the filter of a connection tells the service behind it.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    /// The number of requests that the service has begun.
    begun: AtomicU64,
    /// The number of the request that is malformed. It is the last one.
    malformed: OnceLock<(u64, Malformed)>,
    /// Whether the connection was upgraded and carries no more requests.
    upgraded: AtomicBool,
    /// Requests whose responses are complete, but not all of them sent.
    unsent: Mutex<Vec<RequestInProgress>>,
}

impl ConnectionState {
    /// Counts a request, and returns what is wrong with it if it stands for a malformed one.
    pub(super) fn begin_request(&self) -> Option<Malformed> {
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        self.malformed.get().filter(|(at, _)| *at == number).map(|(_, malformed)| *malformed)
    }

    /// Keeps a request in progress until what was written of its response is sent.
    pub(super) fn end_when_sent(&self, request: RequestInProgress) {
        self.unsent().push(request);
    }

    /// Ends the requests whose responses are sent.
    fn end_sent(&self) {
        self.unsent().clear();
    }

    fn unsent(&self) -> MutexGuard<'_, Vec<RequestInProgress>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the filter that the bytes from now on are no requests. To be called before the client
    /// can know.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Release);
    }
}

/// What the next bytes of the connection are.
#[derive(Debug)]
enum Reading {
    Head,
    /// A body with this many bytes left.
    Body(u64),
    Chunks(ChunkScanner),
    /// Bytes of an upgraded connection.
    Upgraded,
    /// Nothing more: a malformed request came.
    Ended,
}

/// A connection whose requests are checked before they are read.
#[derive(Debug)]
pub(super) struct RequestFilter<S> {
    inner: S,
    state: Arc<ConnectionState>,
    reading: Reading,
    /// Bytes read and not handed on.
    held: BytesMut,
    /// How many of them may be handed on.
    checked: usize,
    /// How many of them were searched for the end of a head.
    searched: usize,
    /// The number of heads handed on.
    heads: u64,
}

impl<S: AsyncRead + Unpin> RequestFilter<S> {
    pub(super) fn new(inner: S, state: Arc<ConnectionState>) -> Self {
        Self { inner, state, reading: Reading::Head, held: BytesMut::new(), checked: 0, searched: 0, heads: 0 }
    }

    /// Moves checked bytes to `out`. Returns whether there were any.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let count = self.checked.min(out.remaining());
        out.put_slice(&self.held[..count]);
        self.held.advance(count);
        self.checked -= count;
        count > 0
    }

    /// Decides how many of the held bytes may be handed on. Returns whether that is any.
    fn check(&mut self) -> io::Result<bool> {
        match self.reading {
            Reading::Ended => {}
            Reading::Upgraded => self.checked = self.held.len(),
            Reading::Body(_) | Reading::Chunks(_) => {
                let held = std::mem::take(&mut self.held);
                let count = self.body_bytes(&held);
                self.held = held;
                self.checked = count?;
            }
            Reading::Head if self.state.upgraded.load(Ordering::Acquire) => {
                self.reading = Reading::Upgraded;
                self.checked = self.held.len();
            }
            Reading::Head => self.check_head(),
        }
        Ok(self.checked > 0)
    }

    /// Checks the head once it is complete.
    fn check_head(&mut self) {
        // An empty line before a request is skipped (RFC 9112, section 2.2).
        if self.searched == 0 && self.held.starts_with(b"\r\n") {
            self.held.advance(2);
        }
        let outcome = match head::find_end(&self.held, self.searched) {
            Ok(None) => {
                self.searched = self.held.len();
                return;
            }
            Ok(Some(length)) => Head::parse(&self.held[..length], Targets::Utf8)
                .and_then(|head| head.framing())
                .map(|framing| (length, framing)),
            Err(malformed) => Err(malformed),
        };
        (self.searched, self.heads) = (0, self.heads + 1);
        match outcome {
            Ok((length, framing)) => {
                self.checked = length;
                self.reading = match framing {
                    Framing::Length(0) => Reading::Head,
                    Framing::Length(length) => Reading::Body(length),
                    Framing::Chunked => Reading::Chunks(ChunkScanner::default()),
                };
            }
            Err(malformed) => {
                // Set at most once, since nothing is read after it.
                let _ = self.state.malformed.set((self.heads, malformed));
                self.reading = Reading::Ended;
                self.held = BytesMut::from(STAND_IN);
                self.checked = STAND_IN.len();
            }
        }
    }

    /// Returns whether the next bytes can go straight from the socket to the server.
    fn passes_through(&self) -> bool {
        self.held.is_empty() && matches!(self.reading, Reading::Body(_) | Reading::Chunks(_) | Reading::Upgraded)
    }

    /// Takes back the bytes after the end of the body from those that went straight to the server.
    fn take_back(&mut self, out: &mut ReadBuf<'_>, start: usize) -> io::Result<()> {
        let came = &out.filled()[start..];
        let count = self.body_bytes(came)?;
        if count < came.len() {
            self.held.extend_from_slice(&came[count..]);
            out.set_filled(start + count);
        }
        Ok(())
    }

    /// Counts the bytes that belong to the body, and returns their number.
    fn body_bytes(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (count, ended) = match &mut self.reading {
            Reading::Body(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                (count, *left == 0)
            }
            Reading::Chunks(scanner) => {
                // The server is in the middle of the body, so its read fails.
                let ambiguous = |_| io::Error::new(io::ErrorKind::InvalidData, "ambiguous chunks");
                (scanner.scan(bytes).map_err(ambiguous)?, scanner.is_ended())
            }
            Reading::Head | Reading::Upgraded | Reading::Ended => (bytes.len(), false),
        };
        if ended {
            self.reading = Reading::Head;
        }
        Ok(count)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RequestFilter<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.hand_on(out) || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if !this.held.is_empty() && this.check()? {
                continue;
            }
            if matches!(this.reading, Reading::Ended) {
                // An end of the stream would make the server give up its response.
                return Poll::Pending;
            }
            if this.passes_through() {
                let start = out.filled().len();
                ready!(Pin::new(&mut this.inner).poll_read(context, out))?;
                return Poll::Ready(this.take_back(out, start));
            }
            // Not into a small rest of the buffer, which would cut a body into small pieces.
            if this.held.capacity() - this.held.len() < READ_SIZE / 2 {
                this.held.reserve(READ_SIZE);
            }
            if ready!(poll_read_buf(Pin::new(&mut this.inner), context, &mut this.held))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RequestFilter<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        // The HTTP server flushes once it has written all that it holds.
        self.state.end_sent();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt as _;

    /// A client that sends these pieces.
    struct Pieces(Vec<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if let Some(piece) = self.0.first_mut() {
                let count = piece.len().min(out.remaining());
                out.put_slice(&piece[..count]);
                piece.drain(..count);
                if piece.is_empty() {
                    self.0.remove(0);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    /// Returns what the server reads, and which request it is told to be malformed.
    async fn read(pieces: Vec<Vec<u8>>) -> (io::Result<Vec<u8>>, Option<(u64, Malformed)>) {
        let state = Arc::new(ConnectionState::default());
        let mut filter = RequestFilter::new(Pieces(pieces), Arc::clone(&state));
        let mut bytes = Vec::new();
        let outcome = loop {
            // Nothing follows what stands for a malformed request, not even an end.
            match futures::FutureExt::now_or_never(filter.read_buf(&mut bytes)) {
                None | Some(Ok(0)) => break Ok(bytes),
                Some(Ok(_)) => {}
                Some(Err(error)) => break Err(error),
            }
        };
        (outcome, state.malformed.get().copied())
    }

    const WELL_FORMED: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n\
        PUT /\u{e9} HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nGET /\r\n\
        POST http://h/b HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
        POST /c HTTP/1.1\r\nhost: h\r\nContent-Length: 0\r\n\r\n";

    proptest! {
        #[test]
        fn well_formed_requests_pass_unchanged_in_any_pieces(cuts in proptest::collection::vec(0usize..300, 0..8)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(WELL_FORMED.len())).collect();
            cuts.sort_unstable();
            cuts.dedup();
            let mut pieces = Vec::new();
            let mut rest = WELL_FORMED.as_bytes();
            for (at, cut) in cuts.iter().enumerate().map(|(n, cut)| (if n == 0 { 0 } else { cuts[n - 1] }, *cut)) {
                let (piece, after) = rest.split_at(cut - at);
                if !piece.is_empty() {
                    pieces.push(piece.to_vec());
                }
                rest = after;
            }
            if !rest.is_empty() {
                pieces.push(rest.to_vec());
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (bytes, malformed) = runtime.block_on(read(pieces));
            prop_assert_eq!(bytes.unwrap(), WELL_FORMED.as_bytes());
            prop_assert_eq!(malformed, None);
        }
    }

    #[tokio::test]
    async fn a_malformed_request_is_replaced_and_the_last() {
        let after = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
        for hostile in [
            "GET /b HTTP/1.1\nHost: h\n\n",
            "GET /b HTTP/1.1\r\nHost: h\r\nA: b\nContent-Length: 5\r\n\r\n",
            "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://other/b HTTP/1.1\r\nHost: h\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            let text = format!("GET /a HTTP/1.1\r\nHost: h\r\n\r\n{hostile}{after}");
            let (bytes, malformed) = read(vec![text.into_bytes()]).await;
            let bytes = String::from_utf8(bytes.unwrap()).unwrap();
            assert!(bytes.starts_with("GET /a ") && bytes.ends_with(std::str::from_utf8(STAND_IN).unwrap()), "{bytes}");
            assert!(!bytes.contains("smuggled") && !bytes.contains("/b"), "{bytes}");
            assert_eq!(malformed, Some((2, Malformed::Syntax)), "{hostile:?}");
        }
    }

    #[tokio::test]
    async fn ambiguous_chunks_fail_the_body() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        for chunks in ["5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n", "0\r\n\n", "-1\r\n"] {
            for pieces in [vec![format!("{head}{chunks}")], vec![head.to_owned(), chunks.to_owned()]] {
                let (bytes, _) = read(pieces.into_iter().map(String::into_bytes).collect()).await;
                assert_eq!(bytes.unwrap_err().kind(), io::ErrorKind::InvalidData, "{chunks:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_upgraded_connection_carries_any_bytes() {
        let state = Arc::new(ConnectionState::default());
        let pieces = [&b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], b"\x81\x05\n\n\n\n\n"].map(<[u8]>::to_vec);
        let mut filter = RequestFilter::new(Pieces(pieces.to_vec()), Arc::clone(&state));
        let mut head = [0; 27];
        filter.read_exact(&mut head).await.unwrap();
        state.upgrade();
        let mut rest = Vec::new();
        filter.read_to_end(&mut rest).await.unwrap();
        assert_eq!((rest.as_slice(), state.malformed.get()), (pieces[1].as_slice(), None));
    }
}

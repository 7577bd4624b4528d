//! The bytes of a range on their way out: from memory at once, from disk by way of the blocking pool.
//!
//! Ranges are slices of the mapped file; a small blob that is read for the first time is read into a buffer, without
//! waiting (`RWF_NOWAIT`). Whatever is not
//! in memory is read by a thread that may wait; the runtime's never do.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use tokio::task::JoinHandle;

use super::mapped::{self, Map};
use super::reader::{Open, Reads};

/// Up to this size a blob is worth a map of its own only if it is read again.
const SMALL: u64 = 64 << 10;
/// Bytes of a map handed over at once: for so many a slow reader's are not looked at again.
const SLICE: u64 = 256 << 10;
/// Bytes per read of what is not mapped: what a slow reader holds in memory.
const READ_CHUNK: u64 = 128 << 10;

/// The bytes of a range, in order. A stream, and never longer or shorter than the range unless it ends in an error.
#[derive(Debug)]
pub struct BlobStream {
    open: Arc<Open>,
    left: Range<u64>,
    mapped: bool,
    /// Whether something was handed over already: at first, whoever opened the blob has just looked at it.
    begun: bool,
    waiting: Option<JoinHandle<io::Result<Bytes>>>,
}

impl BlobStream {
    pub(super) fn new(open: Arc<Open>, range: Range<u64>, reads: Reads) -> Self {
        let mapped = reads == Reads::Mapped && (open.was_read() || open.size() > SMALL);
        Self { open, left: range, mapped, begun: false, waiting: None }
    }

    /// Bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.left.end - self.left.start
    }

    /// The next bytes, if they are in memory.
    fn at_hand(&self) -> io::Result<Option<Bytes>> {
        if let Some((map, range)) = self.mapped_next()? {
            // The end of a file that was cut inside a page reads as zeros in a map.
            if self.begun && !self.open.is_whole()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            return Ok(map.is_resident(range.clone()).then(|| map.slice(range)));
        }
        let mut chunk = BytesMut::zeroed(to_usize(READ_CHUNK.min(self.remaining()))?);
        match mapped::read_now(self.open.file(), &mut chunk, self.left.start)? {
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(read) => {
                chunk.truncate(read);
                Ok(Some(chunk.freeze()))
            }
            None => Ok(None),
        }
    }

    /// The map and the next part of it, where this range is read by map.
    fn mapped_next(&self) -> io::Result<Option<(&Map, Range<usize>)>> {
        let Some(map) = self.mapped.then(|| self.open.map()).flatten() else { return Ok(None) };
        let (start, length) = (to_usize(self.left.start)?, to_usize(SLICE.min(self.remaining()))?);
        Ok(Some((map, start..start + length)))
    }

    /// Has the next bytes brought into memory by a thread that may wait for the disk.
    fn bring(&self) -> io::Result<JoinHandle<io::Result<Bytes>>> {
        let (open, at) = (Arc::clone(&self.open), self.left.start);
        if let Some((map, range)) = self.mapped_next()? {
            let slice = map.slice(range);
            return Ok(tokio::task::spawn_blocking(move || {
                mapped::fetch(open.file(), at, slice.len())?;
                Ok(slice)
            }));
        }
        let length = to_usize(READ_CHUNK.min(self.remaining()))?;
        Ok(tokio::task::spawn_blocking(move || {
            let mut chunk = BytesMut::zeroed(length);
            open.file().read_exact_at(&mut chunk, at)?;
            Ok(chunk.freeze())
        }))
    }
}

impl Stream for BlobStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if self.waiting.is_none() {
            match self.at_hand() {
                Ok(Some(chunk)) => {
                    self.left.start += chunk.len() as u64;
                    self.begun = true;
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Ok(None) => self.waiting = Some(self.bring()?),
                Err(error) => return self.fail(error),
            }
        }
        let Some(waiting) = self.waiting.as_mut() else { return Poll::Pending };
        let brought = ready!(Pin::new(waiting).poll(context));
        self.waiting = None;
        match brought.map_err(io::Error::other).flatten() {
            Ok(chunk) => {
                self.left.start += chunk.len() as u64;
                self.begun = true;
                Poll::Ready(Some(Ok(chunk)))
            }
            Err(error) => self.fail(error),
        }
    }
}

impl BlobStream {
    /// The stream ends here: the rest will not come.
    fn fail(&mut self, error: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.left.start = self.left.end;
        Poll::Ready(Some(Err(error)))
    }
}

fn to_usize(length: u64) -> io::Result<usize> {
    usize::try_from(length).map_err(io::Error::other)
}

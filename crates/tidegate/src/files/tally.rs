//! Checksums of bytes on their way somewhere else, and their count.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest;
use bytes::Bytes;
use futures::Stream;
use store::ByteStream;

use crate::model::upload::Digests;

/// What went by.
pub(super) struct Tally {
    sha256: digest::Context,
    crc32: crc_fast::Digest,
    bytes: u64,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            sha256: digest::Context::new(&digest::SHA256),
            crc32: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            bytes: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.crc32.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn finish(&self) -> (u64, Digests) {
        let crc32 = u32::try_from(self.crc32.finalize() & u64::from(u32::MAX)).unwrap_or(0);
        (self.bytes, Digests { sha256: hex::encode(self.sha256.clone().finish()), crc32 })
    }
}

/// Reads the tally of a stream while that is somebody else's.
#[derive(Clone)]
pub(super) struct Reader(Arc<Mutex<Tally>>);

impl Reader {
    /// Bytes so far, and their checksums.
    pub(super) fn read(&self) -> (u64, Digests) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

/// The stream, with its bytes counted as they are taken from it.
pub(super) fn tallied(body: ByteStream) -> (ByteStream, Reader) {
    let tally = Arc::new(Mutex::new(Tally::new()));
    (Box::pin(Tallied { body, tally: Arc::clone(&tally) }), Reader(tally))
}

struct Tallied {
    body: ByteStream,
    tally: Arc<Mutex<Tally>>,
}

impl Stream for Tallied {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.body.as_mut().poll_next(context));
        if let Some(Ok(bytes)) = &next {
            self.tally.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
        }
        Poll::Ready(next)
    }
}

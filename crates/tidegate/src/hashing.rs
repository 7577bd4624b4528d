//! Checksums of bytes on their way somewhere else, and their count.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest;
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use store::ByteStream;

/// What went by.
#[derive(Clone)]
pub(crate) struct StreamHashes {
    /// The SHA-256 of these bytes and of all that came before them, where that is wanted.
    pub(crate) sha256: Option<digest::Context>,
    crc32: crc_fast::Digest,
    pub(crate) bytes: u64,
}

impl StreamHashes {
    /// The CRC-32 of these bytes alone.
    pub(crate) fn crc32(&self) -> u32 {
        u32::try_from(self.crc32.finalize() & u64::from(u32::MAX)).unwrap_or(0)
    }

    fn take(&mut self, bytes: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.crc32.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

/// Reads the tally of a stream while that is somebody else's.
#[derive(Clone)]
pub(crate) struct Reader(Arc<Mutex<StreamHashes>>);

impl Reader {
    /// What went by so far.
    pub(crate) fn read(&self) -> StreamHashes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A SHA-256 of nothing yet.
pub(crate) fn sha256() -> digest::Context {
    digest::Context::new(&digest::SHA256)
}

/// As it is shown.
pub(crate) fn hex_of(sha256: digest::Context) -> String {
    hex::encode(sha256.finish())
}

/// The SHA-256 of all of a stream, as it is shown.
pub(crate) async fn sha256_of(body: ByteStream) -> std::io::Result<String> {
    let mut digest = sha256();
    let mut body = body;
    while let Some(bytes) = body.try_next().await? {
        digest.update(&bytes);
    }
    Ok(hex_of(digest))
}

/// The stream, with its bytes counted as they are taken from it. `sha256` goes on from where it is.
pub(crate) fn hash_stream(body: ByteStream, sha256: Option<digest::Context>) -> (ByteStream, Reader) {
    let crc32 = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc);
    let tally = Arc::new(Mutex::new(StreamHashes { sha256, crc32, bytes: 0 }));
    (Box::pin(Tallied { body, tally: Arc::clone(&tally) }), Reader(tally))
}

/// The CRC-32 of two texts, one after the other, of which the second has `length` bytes.
pub(crate) fn combined(first: u32, second: u32, length: u64) -> u32 {
    let both = crc_fast::checksum_combine(crc_fast::CrcAlgorithm::Crc32IsoHdlc, first.into(), second.into(), length);
    u32::try_from(both & u64::from(u32::MAX)).unwrap_or(0)
}

struct Tallied {
    body: ByteStream,
    tally: Arc<Mutex<StreamHashes>>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn crc(bytes: &[u8]) -> u32 {
        u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap()
    }

    proptest! {
        #[test]
        fn a_sum_of_two_texts_is_made_of_theirs(first: Vec<u8>, second: Vec<u8>) {
            let both = [first.as_slice(), second.as_slice()].concat();
            prop_assert_eq!(combined(crc(&first), crc(&second), second.len() as u64), crc(&both));
        }
    }
}

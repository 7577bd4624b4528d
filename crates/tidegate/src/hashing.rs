//! SHA-256 and CRC-32 of byte streams, computed while the bytes pass through. Never buffers a
//! stream and never does I/O of its own.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest;
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use store::ByteStream;

/// The hashes and the length of the bytes that passed so far.
#[derive(Clone)]
pub(crate) struct StreamHashes {
    /// SHA-256 of these bytes and of all bytes that its initial state covered, if it was asked for.
    pub(crate) sha256: Option<digest::Context>,
    crc32: crc_fast::Digest,
    /// The number of bytes.
    pub(crate) bytes: u64,
}

impl StreamHashes {
    /// Returns the CRC-32 (IEEE) of these bytes alone.
    pub(crate) fn crc32(&self) -> u32 {
        u32::try_from(self.crc32.finalize() & u64::from(u32::MAX)).unwrap_or(0)
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.crc32.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

/// Reads the hashes of a [`hash_stream`] while something else consumes it.
#[derive(Clone)]
pub(crate) struct HashReader(Arc<Mutex<StreamHashes>>);

impl HashReader {
    /// Returns the hashes of the bytes read so far.
    pub(crate) fn read(&self) -> StreamHashes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns the initial state of SHA-256.
pub(crate) fn sha256() -> digest::Context {
    digest::Context::new(&digest::SHA256)
}

/// Returns a finished SHA-256 in lower-case hex.
pub(crate) fn to_hex(sha256: digest::Context) -> String {
    hex::encode(sha256.finish())
}

/// Reads a stream to its end and returns its SHA-256 in lower-case hex.
pub(crate) async fn sha256_of(body: ByteStream) -> std::io::Result<String> {
    let mut digest = sha256();
    let mut body = body;
    while let Some(bytes) = body.try_next().await? {
        digest.update(&bytes);
    }
    Ok(to_hex(digest))
}

/// Wraps a stream so that its bytes are hashed as they are read. `sha256` is the state to continue
/// from; `None` computes only CRC-32 and length.
pub(crate) fn hash_stream(body: ByteStream, sha256: Option<digest::Context>) -> (ByteStream, HashReader) {
    let crc32 = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc);
    let hashes = Arc::new(Mutex::new(StreamHashes { sha256, crc32, bytes: 0 }));
    (Box::pin(HashingStream { body, hashes: Arc::clone(&hashes) }), HashReader(hashes))
}

/// Returns the CRC-32 of two concatenated byte strings from their CRC-32s. `length` is the length
/// of the second in bytes.
pub(crate) fn combine_crc32(first: u32, second: u32, length: u64) -> u32 {
    let both = crc_fast::checksum_combine(crc_fast::CrcAlgorithm::Crc32IsoHdlc, first.into(), second.into(), length);
    u32::try_from(both & u64::from(u32::MAX)).unwrap_or(0)
}

/// A stream that hashes what is read from it.
struct HashingStream {
    body: ByteStream,
    hashes: Arc<Mutex<StreamHashes>>,
}

impl Stream for HashingStream {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.body.as_mut().poll_next(context));
        if let Some(Ok(bytes)) = &next {
            self.hashes.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        }
        Poll::Ready(next)
    }
}

/// Returns the SHA-256 in hex of a list of parts: of the lines `number:etag`, sorted.
pub(crate) fn parts_digest(parts: &[(u32, String)]) -> String {
    let mut sorted: Vec<_> = parts.iter().collect();
    sorted.sort();
    let mut context = digest::Context::new(&digest::SHA256);
    for (number, etag) in sorted {
        context.update(format!("{number}:{etag}\n").as_bytes());
    }
    hex::encode(context.finish())
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
            prop_assert_eq!(combine_crc32(crc(&first), crc(&second), second.len() as u64), crc(&both));
        }
    }
}

//! Computes the hashes of a body while it streams: the MD5 for its ETag, and the checksums that the
//! client asked to verify. Holds no bytes. Source: S3, "Checking object integrity".

use aws_lc_rs::digest;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::{Digest as _, Md5};

use crate::error::{Error, Result};

/// The checksum algorithms that S3 clients can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `Content-MD5`.
    Md5,
    /// `x-amz-checksum-crc32`.
    Crc32,
    /// `x-amz-checksum-crc32c`.
    Crc32c,
    /// `x-amz-checksum-crc64nvme`.
    Crc64Nvme,
    /// `x-amz-checksum-sha1`.
    Sha1,
    /// `x-amz-checksum-sha256`.
    Sha256,
}

impl Algorithm {
    /// Returns the name used in error messages.
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Returns the length of the checksum in bytes.
    fn value_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// The checksums that a body must have, as raw big-endian bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checks {
    expected: Vec<(Algorithm, Vec<u8>)>,
}

impl Checks {
    /// Returns an empty list: nothing is verified.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an expected checksum. Returns `false` if its length is wrong for the algorithm.
    #[must_use]
    pub fn require(&mut self, algorithm: Algorithm, value: Vec<u8>) -> bool {
        let fits = value.len() == algorithm.value_len();
        self.expected.push((algorithm, value));
        fits
    }
}

/// An unfinished checksum computation.
enum Hasher {
    Crc(Box<Crc>),
    Sha(digest::Context),
}

/// The hasher hashes of one body.
pub(crate) struct Hashes {
    md5: Md5,
    /// Algorithm, expected value and computation; MD5 is computed in `md5`.
    checks: Vec<(Algorithm, Vec<u8>, Option<Hasher>)>,
}

impl Hashes {
    /// Starts the MD5 and every expected checksum.
    pub(crate) fn new(checks: Checks) -> Self {
        let start = |algorithm| match algorithm {
            Algorithm::Md5 => None,
            Algorithm::Crc32 => Some(Hasher::Crc(Box::new(Crc::new(CrcAlgorithm::Crc32IsoHdlc)))),
            Algorithm::Crc32c => Some(Hasher::Crc(Box::new(Crc::new(CrcAlgorithm::Crc32Iscsi)))),
            Algorithm::Crc64Nvme => Some(Hasher::Crc(Box::new(Crc::new(CrcAlgorithm::Crc64Nvme)))),
            Algorithm::Sha1 => Some(Hasher::Sha(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY))),
            Algorithm::Sha256 => Some(Hasher::Sha(digest::Context::new(&digest::SHA256))),
        };
        let checks = checks.expected.into_iter().map(|(algorithm, value)| (algorithm, value, start(algorithm)));
        Self { md5: Md5::new(), checks: checks.collect() }
    }

    /// Adds the next bytes of the body.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        for (_, _, hasher) in &mut self.checks {
            match hasher {
                Some(Hasher::Crc(crc)) => crc.update(bytes),
                Some(Hasher::Sha(context)) => context.update(bytes),
                None => {}
            }
        }
    }

    /// Returns the MD5. Fails with [`Error::ChecksumMismatch`] if an expected checksum differs.
    pub(crate) fn finish(self) -> Result<[u8; 16]> {
        let md5: [u8; 16] = self.md5.finalize().into();
        for (algorithm, expected, hasher) in self.checks {
            let matches = match hasher {
                None => expected == md5,
                Some(Hasher::Crc(crc)) => expected == crc.finalize().to_be_bytes()[8 - algorithm.value_len()..],
                Some(Hasher::Sha(context)) => expected == context.finish().as_ref(),
            };
            if !matches {
                return Err(Error::ChecksumMismatch(algorithm.name()));
            }
        }
        Ok(md5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    /// Values for "123456789": the check values of the CRC catalogue, and FIPS 180 / RFC 1321 digests.
    #[test]
    fn known_values() {
        for (algorithm, value) in [
            (Algorithm::Crc32, hex::decode("cbf43926").unwrap()),
            (Algorithm::Crc32c, hex::decode("e3069283").unwrap()),
            (Algorithm::Crc64Nvme, hex::decode("ae8b14860a799888").unwrap()),
            (Algorithm::Md5, STANDARD.decode("JfnnlDI7RTiF9RgfG2JNCw==").unwrap()),
            (Algorithm::Sha1, hex::decode("f7c3bc1d808e04732adf679965ccc34ca7ae3441").unwrap()),
            (
                Algorithm::Sha256,
                hex::decode("15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225").unwrap(),
            ),
        ] {
            let run = |value: Vec<u8>| {
                let mut checks = Checks::none();
                assert!(checks.require(algorithm, value));
                let mut hashes = Hashes::new(checks);
                hashes.update(b"1234");
                hashes.update(b"56789");
                hashes.finish()
            };
            let md5 = run(value.clone()).unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
            assert_eq!(hex::encode(md5), "25f9e794323b453885f5181f1b624d0b");
            let mut wrong = value;
            wrong[0] ^= 1;
            assert!(matches!(run(wrong), Err(Error::ChecksumMismatch(_))), "{algorithm:?}");
        }
        assert!(!Checks::none().require(Algorithm::Crc32, vec![0; 8]));
    }
}

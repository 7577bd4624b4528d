//! Uploads: attempts to create an object, with their state, parts and checksums. Never touches
//! bytes; the pipeline is in `uploads`.

use std::time::SystemTime;

use super::ids::ObjectId;
use super::key::Key;
use super::owner::OwnerKind;
use super::rules::{self, Landing};

/// The state of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// The upload accepts bytes.
    Open,
    /// The upload has become an object.
    Completed,
    /// The client aborted the upload.
    Aborted,
    /// The server ended the upload because it was not completed in time.
    Expired,
}

impl UploadState {
    /// Returns the name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Completed => "COMPLETED",
            Self::Aborted => "ABORTED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Parses the name in the database.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Completed, Self::Aborted, Self::Expired].into_iter().find(|state| state.as_str() == text)
    }
}

/// The record of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The id of the upload, in the API and in the store.
    pub id: String,
    /// The kind of the owner.
    pub of: OwnerKind,
    /// The id of the object that the upload creates.
    pub object: ObjectId,
    /// The key that the bytes will have.
    pub key: Key,
    /// The key at which a single PUT lands, if it is another one.
    pub incoming: Option<Key>,
    /// The size in bytes of every part but the last; `None` for a single PUT.
    pub part_size: Option<u64>,
    /// The announced size in bytes.
    pub announced_size: Option<u64>,
    /// The state of the upload.
    pub state: UploadState,
    /// The digest of the parts with which the upload was completed or, for files, is being
    /// completed. For a single PUT to another owner kind, the announced SHA-256.
    pub parts_digest: Option<String>,
    /// When the upload expires.
    pub expires_at: SystemTime,
}

impl Upload {
    /// Returns whether the upload accepts bytes at `now`.
    pub fn takes_bytes(&self, now: SystemTime) -> bool {
        self.state == UploadState::Open && now < self.expires_at
    }

    /// Returns whether a completion has frozen the upload's bytes, so that it accepts no others.
    pub fn is_being_completed(&self) -> bool {
        rules::of(self.of).landing == Landing::Beside && self.state == UploadState::Open && self.parts_digest.is_some()
    }

    /// Returns the largest size in bytes of part `number`, if the whole may have `max_size` bytes.
    pub fn part_limit(&self, number: u32, max_size: u64) -> u64 {
        let part_size = self.part_size.unwrap_or(u64::MAX);
        let before = u64::from(number.saturating_sub(1)).saturating_mul(part_size);
        part_size.min(self.announced_size.unwrap_or(max_size).saturating_sub(before))
    }
}

/// The checksums of a whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// The SHA-256 in lower-case hex.
    pub sha256: String,
    /// The CRC-32, as ZIP uses it.
    pub crc32: u32,
}

/// A part of any size, kept until its upload ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// The part number, which determines the order of the parts.
    pub number: u32,
    /// The stored bytes.
    pub bytes: store::Fragment,
    /// The CRC-32, as ZIP uses it.
    pub crc32: u32,
}

/// Returns the part size of an upload in whole MiB: at least the configured one, and large enough
/// that 10,000 parts hold `size` bytes.
pub fn plan_part_size(configured: u64, size: Option<u64>) -> u64 {
    const MIB: u64 = 1 << 20;
    let needed = size.unwrap_or(0).div_ceil(u64::from(store::MAX_PARTS)).div_ceil(MIB).saturating_mul(MIB);
    configured.max(needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ten_thousand_parts_suffice(size in 0u64..(48u64 << 40), configured in (5u64 << 20)..(1u64 << 30)) {
            let part = plan_part_size(configured, Some(size));
            prop_assert!(part >= configured && part.saturating_mul(10_000) >= size);
            prop_assert!(part <= configured.max(store::MAX_PART_SIZE));
        }

        #[test]
        fn part_limits_add_up_to_the_size(size in 0u64..1000, part_size in 1u64..100) {
            let upload = Upload {
                id: String::new(), of: OwnerKind::Disks, object: ObjectId::generate(), key: Key::stored(String::new()), incoming: None,
                part_size: Some(part_size), announced_size: Some(size), state: UploadState::Open,
                parts_digest: None, expires_at: SystemTime::now(),
            };
            prop_assert_eq!((1..=1000).map(|number| upload.part_limit(number, u64::MAX)).sum::<u64>(), size);
        }
    }
}

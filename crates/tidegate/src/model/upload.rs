//! One attempt to create an object.

use std::time::SystemTime;

use super::ids::ObjectId;
use super::key::Key;
use super::owner::OwnerKind;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Takes parts.
    Open,
    /// Became an object.
    Completed,
    /// Given up by its client.
    Aborted,
    /// Given up by us.
    Expired,
}

impl UploadState {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Completed => "COMPLETED",
            Self::Aborted => "ABORTED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Completed, Self::Aborted, Self::Expired].into_iter().find(|state| state.as_str() == text)
    }
}

/// An upload's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The store's id of it, which is also the one on the wire.
    pub id: String,
    /// Whose kind of thing it will be.
    pub of: OwnerKind,
    /// What it will become.
    pub object: ObjectId,
    /// Where its bytes will lie.
    pub key: Key,
    /// Where a single PUT of it lands, if that is somewhere else. Uploads of files have one.
    pub incoming: Option<Key>,
    /// Bytes in every part but the last; `None` for a single PUT.
    pub part_size: Option<u64>,
    /// The announced size of the whole.
    pub announced_size: Option<u64>,
    /// Where it stands.
    pub state: UploadState,
    /// Digest of the parts it was completed with; of one of files, also of those it is being completed with. Of one that
    /// takes a single PUT to another owner, what was announced of its bytes.
    pub parts_digest: Option<String>,
    /// When it is given up.
    pub expires_at: SystemTime,
}

impl Upload {
    /// Whether it takes bytes at `now`.
    pub fn takes_bytes(&self, now: SystemTime) -> bool {
        self.state == UploadState::Open && now < self.expires_at
    }

    /// Whether it is being completed with the parts that it has, or with what was put: then it takes nothing else.
    pub fn is_being_completed(&self) -> bool {
        self.of == OwnerKind::Files && self.state == UploadState::Open && self.parts_digest.is_some()
    }

    /// Whether it brings a medium: to a session or a space.
    pub fn is_media(&self) -> bool {
        matches!(self.of, OwnerKind::Session | OwnerKind::Space)
    }

    /// The most bytes part `number` may have, where a whole may have `max_size`.
    pub fn part_limit(&self, number: u32, max_size: u64) -> u64 {
        let part_size = self.part_size.unwrap_or(u64::MAX);
        let before = u64::from(number.saturating_sub(1)).saturating_mul(part_size);
        part_size.min(self.announced_size.unwrap_or(max_size).saturating_sub(before))
    }
}

/// Checksums of a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Lower-case hex.
    pub sha256: String,
    /// As ZIP has it.
    pub crc32: u32,
}

/// A part of any size, kept until its upload ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Its place: parts are joined in the order of their numbers.
    pub number: u32,
    /// Its bytes.
    pub bytes: store::Fragment,
    /// As ZIP has it.
    pub crc32: u32,
}

/// The part size for an upload: at least the configured one, and so much that 10,000 parts hold
/// `size`; whole MiB.
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

//! What is known of an object whose bytes may be in an archive of the bucket. Never asks the store;
//! `library/thaw.rs` does. ZIP archives are another thing, see `model/archive.rs`.

use std::time::SystemTime;

pub use store::ArchiveState;

/// What is known of an object's archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveStatus {
    /// Whether the bytes can be read.
    pub state: ArchiveState,
    /// When the last thaw was requested, if this product requested it.
    pub requested_at: Option<SystemTime>,
}

impl ArchiveStatus {
    /// Returns what is true at `now`: a temporary copy has an end.
    pub fn at(self, now: SystemTime) -> Self {
        match self.state {
            ArchiveState::Thawed { until } if until <= now => Self { state: ArchiveState::Archived, ..self },
            _ => self,
        }
    }
}

impl From<ArchiveState> for ArchiveStatus {
    fn from(state: ArchiveState) -> Self {
        Self { state, requested_at: None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_temporary_copy_ends() {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let thawed = ArchiveStatus::from(ArchiveState::Thawed { until });
        assert_eq!(thawed.at(until - Duration::from_secs(1)), thawed);
        assert_eq!(thawed.at(until).state, ArchiveState::Archived);
        assert!(!thawed.at(until).state.is_readable());
        assert_eq!(ArchiveStatus::from(ArchiveState::Readable).at(until).state, ArchiveState::Readable);
    }
}

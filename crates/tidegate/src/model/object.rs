//! Stored content and its record.

use std::time::SystemTime;

use super::ids::ObjectId;
use super::key::Key;

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// Announced; its bytes are on their way, or there and not looked at yet.
    Pending,
    /// Looked through for malware.
    Scanning,
    /// Made anew.
    Processing,
    /// Complete and readable.
    Ready,
    /// Never readable, by its content's fault.
    Rejected,
    /// Not readable, by ours; it can be tried again.
    Failed,
    /// No longer readable; its bytes are about to go.
    Deleted,
    /// On its way back.
    Restoring,
    /// Gone. The row stays, so that its id is never another's.
    Purged,
}

/// Every state, in the order of life.
pub const STATES: [ObjectState; 9] = [
    ObjectState::Pending,
    ObjectState::Scanning,
    ObjectState::Processing,
    ObjectState::Ready,
    ObjectState::Rejected,
    ObjectState::Failed,
    ObjectState::Deleted,
    ObjectState::Restoring,
    ObjectState::Purged,
];

impl ObjectState {
    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Scanning => "SCANNING",
            Self::Processing => "PROCESSING",
            Self::Ready => "READY",
            Self::Rejected => "REJECTED",
            Self::Failed => "FAILED",
            Self::Deleted => "DELETED",
            Self::Restoring => "RESTORING",
            Self::Purged => "PURGED",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether the one may follow the other.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => {
                matches!(next, Self::Scanning | Self::Ready | Self::Rejected | Self::Failed | Self::Purged)
            }
            Self::Scanning => {
                matches!(next, Self::Processing | Self::Ready | Self::Rejected | Self::Failed | Self::Purged)
            }
            Self::Processing => matches!(next, Self::Ready | Self::Rejected | Self::Failed | Self::Purged),
            // Signatures that were not known when it was scanned.
            Self::Ready => matches!(next, Self::Deleted | Self::Rejected),
            Self::Failed => matches!(next, Self::Pending | Self::Scanning | Self::Purged),
            Self::Rejected => next == Self::Purged,
            Self::Deleted => matches!(next, Self::Restoring | Self::Purged),
            Self::Restoring => matches!(next, Self::Ready | Self::Deleted),
            Self::Purged => false,
        }
    }

    /// Whether it has bytes that nobody may read yet.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Scanning | Self::Processing | Self::Failed)
    }
}

/// An object's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its id.
    pub id: ObjectId,
    /// Where its bytes lie or will lie.
    pub key: Key,
    /// The name its uploader gave it.
    pub name: Option<String>,
    /// The media type.
    pub content_type: String,
    /// Where it stands.
    pub state: ObjectState,
    /// When it was announced.
    pub created_at: SystemTime,
    /// Its content, once it has one.
    pub content: Option<Content>,
}

/// What is known of bytes that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Length in bytes.
    pub size: u64,
    /// Opaque validator, without quotes.
    pub etag: String,
    /// When the bytes became visible.
    pub last_modified: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is asked for, in whatever order: what was purged stays purged, what was rejected is never read, and
        /// only what was ready can be deleted and brought back.
        #[test]
        fn no_path_leads_back(steps in proptest::collection::vec(0usize..STATES.len(), 0..40)) {
            let mut state = ObjectState::Pending;
            let mut seen = vec![state];
            for step in steps {
                if state.may_become(STATES[step]) {
                    let rejected = seen.contains(&ObjectState::Rejected);
                    prop_assert!(!rejected || STATES[step] == ObjectState::Purged, "{:?} after a rejection", STATES[step]);
                    state = STATES[step];
                    seen.push(state);
                }
            }
            prop_assert!(!seen.contains(&ObjectState::Deleted) || seen.contains(&ObjectState::Ready));
            prop_assert!(!seen.contains(&ObjectState::Restoring) || seen.contains(&ObjectState::Deleted));
            let last = seen.len() - 1;
            prop_assert!(!seen[..last].contains(&ObjectState::Purged));
        }
    }

    #[test]
    fn names_are_read_back() {
        assert!(STATES.into_iter().all(|state| ObjectState::parse(state.as_str()) == Some(state)));
        assert_eq!(ObjectState::parse("ready"), None);
    }
}

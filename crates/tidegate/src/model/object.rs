//! Objects: the records of stored content, and the states that they can be in. Never touches bytes;
//! the pipeline is in `uploads`.

use std::time::SystemTime;

use super::ids::ObjectId;
use super::key::Key;
use crate::error::archived::ArchiveStatus;

/// The state of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// Announced; its bytes have not arrived or have not been checked.
    Pending,
    /// Being scanned for malware.
    Scanning,
    /// Being re-encoded.
    Processing,
    /// Complete and readable.
    Ready,
    /// Never readable, because of its content.
    Rejected,
    /// Not readable, because of an error of the server; it can be retried.
    Failed,
    /// Deleted and not readable; its bytes are deleted, or kept until retention ends.
    Deleted,
    /// Being restored.
    Restoring,
    /// Gone. The row stays, so that its id is never reused.
    Purged,
}

/// All states, in the order of an object's life.
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
    /// Returns the name in the database and in the API.
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

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.as_str() == text)
    }

    /// Returns whether an object in this state may change to state `next`.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => {
                matches!(next, Self::Scanning | Self::Ready | Self::Rejected | Self::Failed | Self::Purged)
            }
            Self::Scanning => {
                matches!(next, Self::Processing | Self::Ready | Self::Rejected | Self::Failed | Self::Purged)
            }
            Self::Processing => matches!(next, Self::Ready | Self::Rejected | Self::Failed | Self::Purged),
            // A rescan may find malware with signatures that were unknown at the first scan.
            Self::Ready => matches!(next, Self::Deleted | Self::Rejected),
            Self::Failed => matches!(next, Self::Pending | Self::Scanning | Self::Purged),
            Self::Rejected => next == Self::Purged,
            Self::Deleted => matches!(next, Self::Restoring | Self::Purged),
            Self::Restoring => matches!(next, Self::Ready | Self::Deleted),
            Self::Purged => false,
        }
    }

    /// Returns whether the object has bytes that are being checked or processed.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Scanning | Self::Processing | Self::Failed)
    }
}

/// The record of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The object's id.
    pub id: ObjectId,
    /// The key that its bytes have or will have.
    pub key: Key,
    /// The name that its uploader announced.
    pub name: Option<String>,
    /// The media type.
    pub content_type: String,
    /// The state of the object.
    pub state: ObjectState,
    /// When the object was announced.
    pub created_at: SystemTime,
    /// The facts about its bytes; `None` before they are complete.
    pub content: Option<Content>,
    /// What is known of its archive; `None` unless `library::thaw` has filled it in.
    pub archive: Option<ArchiveStatus>,
}

/// The facts about stored bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The length in bytes.
    pub size: u64,
    /// The ETag, without quotes.
    pub etag: String,
    /// When the bytes became visible.
    pub last_modified: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever changes are tried, in any order: a PURGED object stays purged, a REJECTED one
        /// never becomes readable, and only a READY one can be deleted and restored.
        #[test]
        fn final_states_are_final(steps in proptest::collection::vec(0usize..STATES.len(), 0..40)) {
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

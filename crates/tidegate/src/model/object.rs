//! Stored content and its record.

use std::time::SystemTime;

use super::ids::ObjectId;
use super::key::Key;

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// Announced; its bytes are on their way.
    Pending,
    /// Complete and readable.
    Ready,
    /// No longer readable; its bytes are about to go.
    Deleted,
    /// Gone. The row stays, so that its id is never another's.
    Purged,
}

/// Every state, in the order of life.
pub const STATES: [ObjectState; 4] =
    [ObjectState::Pending, ObjectState::Ready, ObjectState::Deleted, ObjectState::Purged];

impl ObjectState {
    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Deleted => "DELETED",
            Self::Purged => "PURGED",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether the one may follow the other.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Ready | Self::Purged) | (Self::Ready, Self::Deleted) | (Self::Deleted, Self::Purged)
        )
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
        /// Whatever is asked for, in whatever order: what was purged stays purged, and only what is
        /// ready was ever readable.
        #[test]
        fn no_path_leads_back(steps in proptest::collection::vec(0usize..4, 0..20)) {
            let mut state = ObjectState::Pending;
            let mut seen = vec![state];
            for step in steps {
                if state.may_become(STATES[step]) {
                    state = STATES[step];
                    prop_assert!(!seen.contains(&state), "{:?} twice", state);
                    seen.push(state);
                }
            }
            prop_assert!(!seen.contains(&ObjectState::Deleted) || seen.contains(&ObjectState::Ready));
        }
    }

    #[test]
    fn names_are_read_back() {
        assert!(STATES.into_iter().all(|state| ObjectState::parse(state.as_str()) == Some(state)));
        assert_eq!(ObjectState::parse("ready"), None);
    }
}

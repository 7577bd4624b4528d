//! Bulk actions: one action on many objects of one owner, done one by one in the background.

use std::time::SystemTime;

use uuid::Uuid;

use super::caller::Caller;
use super::owner::OwnerKind;

/// What is done with each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAction {
    /// Delete it.
    Delete,
    /// Restore it after it was deleted.
    Restore,
    /// Remove it for good after it was deleted.
    Purge,
}

impl BulkAction {
    /// All actions.
    pub const ALL: [Self; 3] = [Self::Delete, Self::Restore, Self::Purge];

    /// Returns the name, on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Purge => "purge",
        }
    }

    /// Parses the name; `None` if there is no such action.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// Returns the actions that an owner's objects know one by one; none for packages, whose routes
    /// take many at once.
    pub fn of(kind: OwnerKind) -> &'static [Self] {
        match kind {
            OwnerKind::Space => &[Self::Delete, Self::Restore, Self::Purge],
            OwnerKind::Session => &[Self::Delete, Self::Restore],
            OwnerKind::Disks | OwnerKind::Files => &[Self::Delete],
            OwnerKind::Dataset => &[],
        }
    }
}

/// A bulk action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Its id.
    pub id: Uuid,
    /// The kind of the owner.
    pub kind: OwnerKind,
    /// The owner's id.
    pub owner: String,
    /// What is done.
    pub action: BulkAction,
    /// Who started it.
    pub caller: Caller,
    /// The number of objects.
    pub total: u64,
    /// The number of objects that are done, those that failed included.
    pub next: u64,
    /// The number of objects that were begun. Those behind `next` may be done without a record of it.
    pub begun: u64,
    /// How often the object after `next` was begun and came to no end.
    pub tries: u64,
    /// The number of objects that failed.
    pub failed: u64,
    /// When it was started.
    pub created_at: SystemTime,
    /// When it was finished; `None` while it runs.
    pub finished_at: Option<SystemTime>,
}

/// An object that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkFailure {
    /// The object, as the request names it.
    pub item: String,
    /// The code of the error.
    pub code: String,
    /// The message of the error.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for action in BulkAction::ALL {
            assert_eq!(BulkAction::parse(action.as_str()), Some(action));
        }
        assert_eq!(BulkAction::parse("Delete"), None);
    }
}

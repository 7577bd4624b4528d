//! Everything in which the surfaces differ, as data: one row per owner kind.

use super::owner::OwnerKind;

/// The row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What somebody sees who may not.
    pub stranger: Stranger,
    /// What a delete leaves.
    pub deletion: Deletion,
}

/// What a stranger sees of an object that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// That it is not theirs (403).
    Forbidden,
}

/// What a delete leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing: all versions are purged at once.
    Purge,
}

const FILES: Rules = Rules { stranger: Stranger::Forbidden, deletion: Deletion::Purge };
const DISKS: Rules = Rules { stranger: Stranger::Forbidden, deletion: Deletion::Purge };

/// The rules of a kind.
pub fn of(kind: OwnerKind) -> &'static Rules {
    match kind {
        OwnerKind::Disks => &DISKS,
        OwnerKind::Files => &FILES,
    }
}

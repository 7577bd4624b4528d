//! Everything in which the surfaces differ, as data: one row per owner kind.

use super::owner::OwnerKind;

/// The row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What somebody sees who may not.
    pub stranger: Stranger,
    /// What a delete leaves.
    pub deletion: Deletion,
    /// What is looked for first.
    pub scanning: Scanning,
}

/// What a stranger sees of an object that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// That it is not theirs (403).
    Forbidden,
    /// Nothing: what is not theirs looks like what is not there (404).
    NotFound,
}

/// What a delete leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing: all versions are purged at once.
    Purge,
    /// What can be brought back until retention ends.
    Restorable,
}

/// Whether bytes are scanned for malware before anybody may read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanning {
    /// Never: what they hold is nobody's to know.
    Never,
    /// Where there is a scanner.
    IfConfigured,
    /// Always; production does not start without a scanner, or the word that there is none.
    Required,
}

const DISKS: Rules = Rules { stranger: Stranger::Forbidden, deletion: Deletion::Purge, scanning: Scanning::Never };
const FILES: Rules =
    Rules { stranger: Stranger::Forbidden, deletion: Deletion::Purge, scanning: Scanning::IfConfigured };
const SESSION: Rules =
    Rules { stranger: Stranger::Forbidden, deletion: Deletion::Restorable, scanning: Scanning::Required };
const SPACE: Rules =
    Rules { stranger: Stranger::NotFound, deletion: Deletion::Restorable, scanning: Scanning::Required };
const DATASET: Rules =
    Rules { stranger: Stranger::NotFound, deletion: Deletion::Restorable, scanning: Scanning::IfConfigured };

/// The rules of a kind.
pub fn of(kind: OwnerKind) -> &'static Rules {
    match kind {
        OwnerKind::Disks => &DISKS,
        OwnerKind::Files => &FILES,
        OwnerKind::Session => &SESSION,
        OwnerKind::Space => &SPACE,
        OwnerKind::Dataset => &DATASET,
    }
}

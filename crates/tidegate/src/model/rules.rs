//! Everything in which the owner kinds differ on the way of an upload, as data: one row per kind. What follows from a row
//! is done in `uploads`; what needs code of its own per kind is one `match` in `uploads::effects`.

use std::time::Duration;

use super::event::AuditAction;
use super::object::ObjectState;
use super::owner::OwnerKind;

/// The row of an owner kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What a caller without rights is told of an object that exists.
    pub stranger: Stranger,
    /// Where the bytes of an upload land.
    pub landing: Landing,
    /// Whether the bytes are scanned for malware.
    pub scanning: Scanning,
    /// What is made of the bytes before they are published.
    pub processing: Processing,
    /// How published bytes are counted.
    pub charge: Charge,
    /// What a delete leaves.
    pub deletion: Deletion,
    /// The state of an object that is confirmed and waits for the worker; `None` where nothing waits.
    pub queued_as: Option<ObjectState>,
    /// Whether every change of an object's status is kept in a history, which clients may watch.
    pub has_history: bool,
    /// Whether that history also tells of deletions.
    pub tells_of_deletions: bool,
    /// What clients call an object.
    pub noun: &'static str,
    /// Whether published blobs carry metadata that says whose they are. A CDN hands it to everybody who has the URL.
    pub has_metadata: bool,
    /// What the audit log calls what becomes of an object.
    pub actions: Actions,
}

/// What the audit log calls what becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// Its content is rejected.
    pub rejected: AuditAction,
    /// It can't be published now.
    pub failed: AuditAction,
    /// It is tried again; `None` where the request that has it tried again is recorded instead.
    pub retried: Option<AuditAction>,
}

const OF_MEDIA: Actions = Actions {
    rejected: AuditAction::MediaRejected,
    failed: AuditAction::MediaFailed,
    retried: Some(AuditAction::MediaRetried),
};
const OF_FILES: Actions =
    Actions { rejected: AuditAction::FileRejected, failed: AuditAction::FileFailed, retried: None };

/// What a caller without rights is told of an object that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// That access is forbidden (403).
    Forbidden,
    /// That there is no such object (404).
    NotFound,
}

/// Where the bytes of an upload land, and so what a crash between bytes and rows leaves to be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// In parts at the object's own key, where they become readable when they are joined.
    AtKey,
    /// In a draft, or by one PUT beside the key; the completion checks them and moves them to the object's own key.
    Beside,
    /// By PUT or in parts beside the key; the confirmation seals them, and they are published under a key that is
    /// chosen then.
    Sealed,
}

/// Whether bytes are scanned for malware before anybody may read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanning {
    /// Never: they are opaque to the server.
    Never,
    /// If a scanner is configured.
    IfConfigured,
    /// Always. Production does not start without a scanner, or the setting that says there is none.
    Required,
}

/// What is made of the bytes before they are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processing {
    /// Nothing: they are published as they were sent.
    None,
    /// Images are decoded and encoded again without metadata; videos are remuxed.
    Reencode,
    /// Images are decoded, and encoded again without loss of a pixel and without metadata.
    Lossless,
}

/// How published bytes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// Not at all.
    None,
    /// Against the owner's quota, in which an open upload reserves its announced size.
    Quota,
    /// In the owner's counters of objects and bytes.
    Counter,
}

/// What a delete leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing: all versions are purged at once.
    Purge,
    /// Bytes that can be restored until the retention time ends.
    Restorable,
}

const DISKS: Rules = Rules {
    stranger: Stranger::Forbidden,
    landing: Landing::AtKey,
    scanning: Scanning::Never,
    processing: Processing::None,
    charge: Charge::None,
    deletion: Deletion::Purge,
    queued_as: None,
    has_history: false,
    tells_of_deletions: false,
    noun: "image",
    has_metadata: false,
    actions: OF_FILES,
};
const FILES: Rules = Rules {
    stranger: Stranger::Forbidden,
    landing: Landing::Beside,
    scanning: Scanning::IfConfigured,
    processing: Processing::None,
    charge: Charge::Quota,
    deletion: Deletion::Purge,
    queued_as: Some(ObjectState::Scanning),
    has_history: false,
    tells_of_deletions: false,
    noun: "file",
    has_metadata: false,
    actions: OF_FILES,
};
const SESSION: Rules = Rules {
    stranger: Stranger::Forbidden,
    landing: Landing::Sealed,
    scanning: Scanning::Required,
    processing: Processing::Reencode,
    charge: Charge::None,
    deletion: Deletion::Restorable,
    queued_as: Some(ObjectState::Pending),
    has_history: true,
    tells_of_deletions: false,
    noun: "media",
    has_metadata: true,
    actions: OF_MEDIA,
};
const SPACE: Rules = Rules {
    stranger: Stranger::NotFound,
    landing: Landing::Sealed,
    scanning: Scanning::Required,
    processing: Processing::Lossless,
    charge: Charge::Counter,
    deletion: Deletion::Restorable,
    queued_as: Some(ObjectState::Pending),
    has_history: true,
    tells_of_deletions: true,
    noun: "image",
    has_metadata: false,
    actions: OF_MEDIA,
};
const DATASET: Rules = Rules {
    stranger: Stranger::NotFound,
    landing: Landing::Sealed,
    scanning: Scanning::IfConfigured,
    processing: Processing::None,
    charge: Charge::Counter,
    deletion: Deletion::Restorable,
    queued_as: Some(ObjectState::Scanning),
    has_history: false,
    tells_of_deletions: false,
    noun: "package",
    has_metadata: false,
    actions: OF_FILES,
};

impl Rules {
    /// Returns whether an object in this state waits for the worker, or is being worked on.
    pub fn is_waiting(&self, state: ObjectState) -> bool {
        self.queued_as == Some(state) || matches!(state, ObjectState::Scanning | ObjectState::Processing)
    }
}

/// Returns the rules of an owner kind.
pub fn of(kind: OwnerKind) -> &'static Rules {
    match kind {
        OwnerKind::Disks => &DISKS,
        OwnerKind::Files => &FILES,
        OwnerKind::Session => &SESSION,
        OwnerKind::Space => &SPACE,
        OwnerKind::Dataset => &DATASET,
    }
}

/// What uploads of one owner kind may be, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// The largest object in bytes, videos aside where they have a limit of their own.
    pub max_size: u64,
    /// The largest video in bytes; `None` where videos are not taken, or are like everything else.
    pub max_video: Option<u64>,
    /// Bytes in every part but the last, before growing with the announced size.
    pub part_size: u64,
    /// How long a presigned request may be used.
    pub url_lifetime: Duration,
    /// How long an upload stays open.
    pub expiry: Duration,
}

impl UploadLimits {
    /// Returns the most bytes that an object of any type may have.
    pub fn largest(&self) -> u64 {
        self.max_video.unwrap_or(0).max(self.max_size)
    }

    /// Returns the most bytes that an image may have, or a video.
    pub fn of_media(&self, is_video: bool) -> u64 {
        self.max_video.filter(|_| is_video).unwrap_or(self.max_size)
    }
}

/// The limits of every owner kind.
#[derive(Debug, Clone, Copy)]
pub struct AllUploadLimits {
    /// Of disk images.
    pub disks: UploadLimits,
    /// Of users' files.
    pub files: UploadLimits,
    /// Of the media of sessions.
    pub sessions: UploadLimits,
    /// Of the images of spaces.
    pub spaces: UploadLimits,
    /// Of the objects of datasets.
    pub datasets: UploadLimits,
}

impl AllUploadLimits {
    /// Returns the limits of an owner kind.
    pub fn of(&self, kind: OwnerKind) -> &UploadLimits {
        match kind {
            OwnerKind::Disks => &self.disks,
            OwnerKind::Files => &self.files,
            OwnerKind::Session => &self.sessions,
            OwnerKind::Space => &self.spaces,
            OwnerKind::Dataset => &self.datasets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opaque_is_neither_scanned_nor_processed() {
        for rules in OwnerKind::ALL.map(of) {
            if rules.scanning == Scanning::Never {
                assert_eq!(rules.processing, Processing::None);
            }
            // Bytes that are readable as soon as they are joined can't be looked at first.
            assert_eq!(rules.landing == Landing::AtKey, rules.scanning == Scanning::Never);
        }
    }
}

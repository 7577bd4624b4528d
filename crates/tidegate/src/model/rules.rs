//! The differences between owner kinds in the upload pipeline, as data: one row of rules and one of
//! limits per kind. `uploads` applies the rows; differences that need code are in
//! `uploads::effects`.

use std::time::Duration;

use super::event::AuditAction;
use super::object::ObjectState;
use super::owner::OwnerKind;

/// The rules of an owner kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The name of the surface in `SURFACES`.
    pub surface: &'static str,
    /// The name of the surface on the start page.
    pub title: &'static str,
    /// The response to a caller without rights to an existing object.
    pub stranger: Stranger,
    /// Where the bytes of an upload land.
    pub landing: Landing,
    /// Whether the bytes are scanned for malware.
    pub scanning: Scanning,
    /// How the bytes are processed before they are published.
    pub processing: Processing,
    /// What a delete leaves.
    pub deletion: Deletion,
    /// The state of a confirmed object that is queued for the worker; `None` if the owner kind has
    /// no queue.
    pub queued_as: Option<ObjectState>,
    /// Whether status changes are recorded in a history that clients can watch.
    pub has_history: bool,
    /// Whether that history also tells of deletions.
    pub tells_of_deletions: bool,
    /// What clients call an object.
    pub noun: &'static str,
    /// Whether reads are granted by signatures that the edge or a CDN checks.
    pub signs_grants: bool,
    /// Whether published blobs carry metadata about their owner. A CDN sends it to everyone who has
    /// the URL.
    pub has_metadata: bool,
    /// The audit actions of the outcomes.
    pub actions: Actions,
}

/// The audit actions of the outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// The content was rejected.
    pub rejected: AuditAction,
    /// The object could not be published.
    pub failed: AuditAction,
    /// The object was queued again; `None` if the request that caused it is recorded instead.
    pub retried: Option<AuditAction>,
}

const OF_MEDIA: Actions = Actions {
    rejected: AuditAction::MediaRejected,
    failed: AuditAction::MediaFailed,
    retried: Some(AuditAction::MediaRetried),
};
const OF_FILES: Actions =
    Actions { rejected: AuditAction::FileRejected, failed: AuditAction::FileFailed, retried: None };

/// The response to a caller without rights to an existing object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// 403, access is forbidden.
    Forbidden,
    /// 404, no such object.
    NotFound,
}

/// Where the bytes of an upload land. It determines what a crash between bytes and rows leaves to
/// be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// In parts at the object's own key; they become readable when they are joined.
    AtKey,
    /// In a draft, or by one PUT beside the key; the completion checks them and moves them to the
    /// object's own key.
    Beside,
    /// By PUT or in parts at a temporary key. The confirmation seals them: it moves them to a key
    /// that no client can write to. They are published from there, under a key that is chosen at
    /// publication.
    Sealed,
}

/// Whether bytes are scanned for malware before they become readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanning {
    /// Never: the bytes are opaque to the server.
    Never,
    /// If a scanner is configured.
    IfConfigured,
    /// Always. In production, the server starts only with a scanner or with `SCANNER=off`.
    Required,
}

/// How bytes are processed before they are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processing {
    /// Not at all: they are published as they were sent.
    None,
    /// Images are decoded and encoded again without metadata; videos are remuxed.
    Reencode,
    /// Images are decoded, and encoded again without loss of a pixel and without metadata.
    Lossless,
}

/// What remains after a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing: all versions are purged at once.
    Purge,
    /// The bytes, which can be restored until the retention time ends.
    Restorable,
}

const DISKS: Rules = Rules {
    surface: "disks",
    title: "Disk images",
    stranger: Stranger::Forbidden,
    landing: Landing::AtKey,
    scanning: Scanning::Never,
    processing: Processing::None,
    deletion: Deletion::Purge,
    queued_as: None,
    has_history: false,
    tells_of_deletions: false,
    noun: "image",
    signs_grants: true,
    has_metadata: false,
    actions: OF_FILES,
};
const FILES: Rules = Rules {
    surface: "files",
    title: "Files",
    stranger: Stranger::Forbidden,
    landing: Landing::Beside,
    scanning: Scanning::IfConfigured,
    processing: Processing::None,
    deletion: Deletion::Purge,
    queued_as: Some(ObjectState::Scanning),
    has_history: false,
    tells_of_deletions: false,
    noun: "file",
    signs_grants: false,
    has_metadata: false,
    actions: OF_FILES,
};
const SESSION: Rules = Rules {
    surface: "sessions",
    title: "Sessions",
    stranger: Stranger::Forbidden,
    landing: Landing::Sealed,
    scanning: Scanning::Required,
    processing: Processing::Reencode,
    deletion: Deletion::Restorable,
    queued_as: Some(ObjectState::Pending),
    has_history: true,
    tells_of_deletions: false,
    noun: "media",
    signs_grants: true,
    has_metadata: true,
    actions: OF_MEDIA,
};
const SPACE: Rules = Rules {
    surface: "spaces",
    title: "Spaces",
    stranger: Stranger::NotFound,
    landing: Landing::Sealed,
    scanning: Scanning::Required,
    processing: Processing::Lossless,
    deletion: Deletion::Restorable,
    queued_as: Some(ObjectState::Pending),
    has_history: true,
    tells_of_deletions: true,
    noun: "image",
    signs_grants: true,
    has_metadata: false,
    actions: OF_MEDIA,
};
const DATASET: Rules = Rules {
    surface: "packages",
    title: "Packages",
    stranger: Stranger::NotFound,
    landing: Landing::Sealed,
    scanning: Scanning::IfConfigured,
    processing: Processing::None,
    deletion: Deletion::Restorable,
    queued_as: Some(ObjectState::Scanning),
    has_history: false,
    tells_of_deletions: false,
    noun: "package",
    signs_grants: true,
    has_metadata: false,
    actions: OF_FILES,
};

impl Rules {
    /// Returns whether bytes may be scanned for malware.
    pub fn is_scanned(&self) -> bool {
        self.scanning != Scanning::Never
    }

    /// Returns whether an object in this state is queued for the worker or being processed.
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

/// The configured limits of uploads of one owner kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// The largest object in bytes, except videos if they have their own limit.
    pub max_size: u64,
    /// The largest video in bytes; `None` if videos are not accepted or have no limit of their own.
    pub max_video: Option<u64>,
    /// The size in bytes of every part but the last, before it grows with the announced size.
    pub part_size: u64,
    /// The lifetime of a presigned request.
    pub url_lifetime: Duration,
    /// How long an upload stays open.
    pub expiry: Duration,
}

impl UploadLimits {
    /// Returns the largest size of any object in bytes.
    pub fn largest(&self) -> u64 {
        self.max_video.unwrap_or(0).max(self.max_size)
    }

    /// Returns the largest size of an image or of a video in bytes.
    pub fn of_media(&self, is_video: bool) -> u64 {
        self.max_video.filter(|_| is_video).unwrap_or(self.max_size)
    }
}

/// The limits of every owner kind.
#[derive(Debug, Clone, Copy)]
pub struct AllUploadLimits {
    /// The limits of disk images.
    pub disks: UploadLimits,
    /// The limits of users' files.
    pub files: UploadLimits,
    /// The limits of media items of sessions.
    pub sessions: UploadLimits,
    /// The limits of images of spaces.
    pub spaces: UploadLimits,
    /// The limits of objects of datasets.
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
    fn opaque_bytes_are_neither_scanned_nor_processed() {
        for rules in OwnerKind::ALL.map(of) {
            if rules.scanning == Scanning::Never {
                assert_eq!(rules.processing, Processing::None);
            }
            // Bytes that are readable as soon as they are joined cannot be scanned first.
            assert_eq!(rules.landing == Landing::AtKey, rules.scanning == Scanning::Never);
        }
    }
}

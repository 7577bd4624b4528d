//! Media items: images and videos of sessions, and images of spaces. Their names, statuses,
//! dimensions and history.

use std::time::SystemTime;

use super::ids::ObjectId;
use super::key::Key;
use super::object::{Content, Object, ObjectState};
use super::owner::Owner;
use super::principal::Principal;
use super::upload::UploadState;
use crate::error::archived::ArchiveState;

/// The most bytes in a file name.
const MAX_NAME: usize = 255;
/// The most characters of a file extension in a key, its dot included.
const MAX_EXTENSION: usize = 16;

/// The part of a session that a media item belongs to. The names are those of the original
/// application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The intake.
    Intake,
    /// Requests of the customer.
    CustomerRequests,
    /// The inspection.
    Inspection,
    /// The test drive.
    TestDrive,
    /// The initial report.
    InitialReport,
    /// None of the others.
    General,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 6] =
        [Self::Intake, Self::CustomerRequests, Self::Inspection, Self::TestDrive, Self::InitialReport, Self::General];

    /// Returns the name, on the wire, in keys and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::CustomerRequests => "customerRequests",
            Self::Inspection => "inspection",
            Self::TestDrive => "testDrive",
            Self::InitialReport => "initialReport",
            Self::General => "general",
        }
    }

    /// Parses the name; `None` if there is no such stage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

/// Why a file name is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFilename {
    /// The name is empty.
    #[error("filename must not be empty")]
    Empty,
    /// The name is too long.
    #[error("filename may have at most {MAX_NAME} bytes")]
    TooLong,
    /// The name is a path.
    #[error("filename must not hold .., a slash or a backslash")]
    Path,
    /// The name holds control characters.
    #[error("filename must not hold control characters")]
    Control,
}

/// Validates a file name that is only stored and shown, never used as a path.
pub fn check_filename(name: &str) -> Result<(), BadFilename> {
    match name {
        "" => Err(BadFilename::Empty),
        _ if name.len() > MAX_NAME => Err(BadFilename::TooLong),
        _ if name.contains("..") || name.contains(['/', '\\']) => Err(BadFilename::Path),
        _ if name.chars().any(char::is_control) => Err(BadFilename::Control),
        _ => Ok(()),
    }
}

/// Returns the file extension to put into a key, with its dot; empty if the name has none of plain
/// letters and digits.
pub fn extension(name: &str) -> &str {
    match name.rfind('.') {
        Some(at) if at > 0 => {
            let ending = &name[at..];
            let plain = ending.len() > 1 && ending[1..].bytes().all(|byte| byte.is_ascii_alphanumeric());
            // The local store reserves two extensions.
            let reserved = [".meta", ".part"].iter().any(|own| ending.eq_ignore_ascii_case(own));
            if plain && !reserved && ending.len() <= MAX_EXTENSION { ending } else { "" }
        }
        _ => "",
    }
}

/// The result of the malware scan of published content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// The scanner found nothing.
    Clean,
    /// No scanner was configured.
    Skipped,
    /// The content is too large for the scanner; a setting allowed it.
    Unscanned,
}

impl Scan {
    /// Returns the name, on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Skipped => "skipped",
            Self::Unscanned => "unscanned",
        }
    }

    /// Parses the name; `None` if there is no such result.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Clean, Self::Skipped, Self::Unscanned].into_iter().find(|scan| scan.as_str() == text)
    }
}

/// The status of a media item, in the terms of the sessions API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The upload is open.
    PendingUpload,
    /// The upload was confirmed and its bytes are sealed.
    Uploaded,
    /// The bytes are being scanned for malware.
    Scanning,
    /// Scanning or processing failed on the server's side; it can be retried.
    ScanFailed,
    /// The media item is being processed.
    Processing,
    /// The media item is published.
    Completed,
    /// The media item was rejected for its content.
    Rejected,
}

impl Status {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::PendingUpload,
        Self::Uploaded,
        Self::Scanning,
        Self::ScanFailed,
        Self::Processing,
        Self::Completed,
        Self::Rejected,
    ];

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingUpload => "PENDING_UPLOAD",
            Self::Uploaded => "UPLOADED",
            Self::Scanning => "SCANNING",
            Self::ScanFailed => "SCAN_FAILED",
            Self::Processing => "PROCESSING",
            Self::Completed => "COMPLETED",
            Self::Rejected => "REJECTED",
        }
    }

    /// Parses the name; `None` if there is no such status.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Returns the states of object and upload that correspond to the status.
    pub fn states(self) -> (ObjectState, UploadState) {
        let object = match self {
            Self::PendingUpload => return (ObjectState::Pending, UploadState::Open),
            Self::Uploaded => ObjectState::Pending,
            Self::Scanning => ObjectState::Scanning,
            Self::ScanFailed => ObjectState::Failed,
            Self::Processing => ObjectState::Processing,
            Self::Completed => ObjectState::Ready,
            Self::Rejected => ObjectState::Rejected,
        };
        (object, UploadState::Completed)
    }

    /// Returns the status that corresponds to states of object and upload; `None` for a deleted
    /// object and for an upload that was aborted or expired.
    pub fn of(object: ObjectState, upload: UploadState) -> Option<Self> {
        match (object, upload) {
            (ObjectState::Pending, UploadState::Open) => Some(Self::PendingUpload),
            (ObjectState::Pending, UploadState::Completed) => Some(Self::Uploaded),
            (ObjectState::Scanning, _) => Some(Self::Scanning),
            (ObjectState::Processing, _) => Some(Self::Processing),
            (ObjectState::Ready, _) => Some(Self::Completed),
            (ObjectState::Rejected, _) => Some(Self::Rejected),
            (ObjectState::Failed, _) => Some(Self::ScanFailed),
            (ObjectState::Pending | ObjectState::Deleted | ObjectState::Restoring | ObjectState::Purged, _) => None,
        }
    }
}

/// A media item of a session, or an image of a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// The fields common to all objects. The name is its uploader's; the type is the published one,
    /// or before that the announced one.
    pub object: Object,
    /// The key at which the client uploads it. In sessions, clients also identify the media item by
    /// it.
    pub file_key: Key,
    /// The session or the space it belongs to.
    pub owner: Owner,
    /// The state of its upload.
    pub upload: UploadState,
    /// The part of the session it belongs to; `None` in a space.
    pub stage: Option<Stage>,
    /// The alternative text.
    pub alt: Option<String>,
    /// The name of the principal that began the upload.
    pub created_by: String,
    /// The key of the sealed bytes, once the upload was confirmed.
    pub sealed: Option<Key>,
    /// The key it is imported from, if it was not uploaded.
    pub imported_from: Option<String>,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
    /// The scan result; `None` before the scan.
    pub scan: Option<Scan>,
    /// Dimensions and preview; `None` before processing.
    pub visual: Option<VisualInfo>,
}

impl Media {
    /// Returns whether a principal may go on with the item's upload: who announced it, or a service.
    pub fn is_of_uploader(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Anonymous => false,
            Principal::User { id, .. } => self.created_by == id.as_str(),
            Principal::Service | Principal::System => true,
        }
    }

    /// Returns the status; `None` if the media item was deleted, or its upload aborted or expired.
    pub fn status(&self) -> Option<Status> {
        Status::of(self.object.state, self.upload)
    }
}

/// Dimensions, duration and preview of an image or a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisualInfo {
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The duration of a video in milliseconds.
    pub duration: Option<u64>,
    /// The BlurHash: a blurred preview as a short string (<https://blurha.sh>).
    pub blurhash: String,
}

/// A file derived from an object: a thumbnail or a poster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The file name, such as `320.webp` or `poster.jpg`.
    pub name: String,
    /// The key.
    pub key: Key,
    /// The media type.
    pub content_type: String,
    /// Size, entity tag and time of the bytes.
    pub content: Content,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
}

/// A change in an object's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The object reached this status.
    Became(Status),
    /// The object was deleted and can be restored. Recorded for spaces only.
    Deleted,
    /// The object was removed for good. Recorded for spaces only.
    Purged,
}

impl Change {
    /// Returns the name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Became(status) => status.as_str(),
            Self::Deleted => "DELETED",
            Self::Purged => "PURGED",
        }
    }

    /// Parses the name; `None` if there is no such change.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "DELETED" => Some(Self::Deleted),
            "PURGED" => Some(Self::Purged),
            other => Status::parse(other).map(Self::Became),
        }
    }
}

impl From<Status> for Change {
    fn from(status: Status) -> Self {
        Self::Became(status)
    }
}

/// An entry of an object's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// The entry's id; unique over all objects, ascending with time.
    pub id: i64,
    /// The object.
    pub object: ObjectId,
    /// The change.
    pub change: Change,
    /// The reason, if one is known.
    pub reason: Option<String>,
    /// When it happened.
    pub at: SystemTime,
    /// The new archive state, if that is what has changed and not the status.
    pub archive: Option<ArchiveState>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        assert!(Stage::ALL.into_iter().all(|stage| Stage::parse(stage.as_str()) == Some(stage)));
        assert!(Status::ALL.into_iter().all(|status| Status::parse(status.as_str()) == Some(status)));
        let of = |status: Status| Status::of(status.states().0, status.states().1);
        assert!(Status::ALL.into_iter().all(|status| of(status) == Some(status)));
        let changes = Status::ALL.into_iter().map(Change::Became).chain([Change::Deleted, Change::Purged]);
        assert!(changes.into_iter().all(|change| Change::parse(change.as_str()) == Some(change)));
        assert_eq!(Stage::parse("processed"), None, "nothing is put where things are served from");
        assert_eq!(Stage::parse("GENERAL"), None);
    }

    #[test]
    fn filenames_that_are_paths_are_refused() {
        for bad in ["", "..", "a/../b", "a/b", "a\\b", "a\0b", "a\nb", "..\u{2f}x", &"x".repeat(256)] {
            assert!(check_filename(bad).is_err(), "{bad:?}");
        }
        for good in ["photo.jpg", "Ünïcode 写真.JPEG", ".hidden", "a b.c", "100%.png", &"x".repeat(255)] {
            assert_eq!(check_filename(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn only_plain_endings_get_into_keys() {
        for (name, ending) in [
            ("photo.jpg", ".jpg"),
            ("photo.JPEG", ".JPEG"),
            ("a.tar.gz", ".gz"),
            ("a.jpg.php", ".php"),
            ("a.php.jpg", ".jpg"),
            ("a.php.", ""),
            ("a.php\0.jpg", ".jpg"),
            ("photo", ""),
            (".hidden", ""),
            ("photo.", ""),
            ("photo.j pg", ""),
            ("photo.j*g", ""),
            ("photo.écran", ""),
            ("photo.0123456789abcdef", ""),
            ("photo.meta", ""),
            ("photo.PART", ""),
        ] {
            assert_eq!(extension(name), ending, "{name:?}");
        }
    }
}

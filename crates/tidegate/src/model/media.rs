//! Media of sessions and images of spaces: what is said of them, and what became of them.

use std::time::SystemTime;

use super::ids::ObjectId;
use super::key::Key;
use super::object::{Content, Object, ObjectState};
use super::owner::Owner;
use super::upload::UploadState;

/// Bytes in a name that a person gave.
const MAX_NAME: usize = 255;
/// Characters of an ending, its dot included, that is kept.
const MAX_EXTENSION: usize = 16;

/// Where in a session something belongs. The names are the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// When it came in.
    Intake,
    /// What the customer wishes.
    CustomerRequests,
    /// What was found.
    Inspection,
    /// How it drove.
    TestDrive,
    /// The first report.
    InitialReport,
    /// Anything else.
    General,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Intake, Self::CustomerRequests, Self::Inspection, Self::TestDrive, Self::InitialReport, Self::General];

    /// The name on the wire, in keys and in the database.
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

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

/// Why a file's name is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFilename {
    /// Nothing there.
    #[error("filename must not be empty")]
    Empty,
    /// Too many bytes.
    #[error("filename may have at most {MAX_NAME} bytes")]
    TooLong,
    /// A path.
    #[error("filename must not hold .., a slash or a backslash")]
    Path,
    /// Control characters.
    #[error("filename must not hold control characters")]
    Control,
}

/// Checks a name that is only kept and shown, never used as a path.
pub fn check_filename(name: &str) -> Result<(), BadFilename> {
    match name {
        "" => Err(BadFilename::Empty),
        _ if name.len() > MAX_NAME => Err(BadFilename::TooLong),
        _ if name.contains("..") || name.contains(['/', '\\']) => Err(BadFilename::Path),
        _ if name.chars().any(char::is_control) => Err(BadFilename::Control),
        _ => Ok(()),
    }
}

/// The ending of a name as it is put into a key: with its dot, or nothing where it is no plain one.
pub fn extension(name: &str) -> &str {
    match name.rfind('.') {
        Some(at) if at > 0 => {
            let ending = &name[at..];
            let plain = ending.len() > 1 && ending[1..].bytes().all(|byte| byte.is_ascii_alphanumeric());
            // The store has two endings of its own.
            let reserved = [".meta", ".part"].iter().any(|own| ending.eq_ignore_ascii_case(own));
            if plain && !reserved && ending.len() <= MAX_EXTENSION { ending } else { "" }
        }
        _ => "",
    }
}

/// What the scanner said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// Nothing was found.
    Clean,
    /// There was no scanner.
    Skipped,
    /// More than the scanner looks at; let through by a setting.
    Unscanned,
}

impl Scan {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Skipped => "skipped",
            Self::Unscanned => "unscanned",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Clean, Self::Skipped, Self::Unscanned].into_iter().find(|scan| scan.as_str() == text)
    }
}

/// Where a medium stands, in the words of the source of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Its bytes are awaited.
    PendingUpload,
    /// They are sealed.
    Uploaded,
    /// Looked through for malware.
    Scanning,
    /// Something of ours failed; it can be tried again.
    ScanFailed,
    /// Made anew.
    Processing,
    /// Published.
    Completed,
    /// Refused for what it is.
    Rejected,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PendingUpload,
        Self::Uploaded,
        Self::Scanning,
        Self::ScanFailed,
        Self::Processing,
        Self::Completed,
        Self::Rejected,
    ];

    /// The name on the wire.
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

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The states of object and upload that make it.
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

    /// `None` for what was deleted, or given up before it came.
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

/// One of a session's media, or an image of a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What is known of every object. Its name is the one its uploader gave, its type what it is published as, or was
    /// announced as.
    pub object: Object,
    /// Where the client puts it, which is also what the client calls it by in a session.
    pub file_key: Key,
    /// Its session or its space.
    pub owner: Owner,
    /// Where its upload stands.
    pub upload: UploadState,
    /// Where in the session it belongs; what is in a space has none.
    pub stage: Option<Stage>,
    /// What it shows, for those who can't see it.
    pub alt: Option<String>,
    /// Who announced it.
    pub created_by: String,
    /// Where what was sent lies, once it was confirmed.
    pub sealed: Option<Key>,
    /// What it is copied from, where it was not sent.
    pub imported_from: Option<String>,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
    /// What the scanner said.
    pub scan: Option<Scan>,
    /// What it is like, once it was made anew.
    pub visual: Option<VisualInfo>,
}

impl Media {
    /// Where it stands.
    pub fn status(&self) -> Option<Status> {
        Status::of(self.object.state, self.upload)
    }
}

/// What a picture or a video is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisualInfo {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Milliseconds, of a video.
    pub duration: Option<u64>,
    /// A blurred preview in a few characters.
    pub blurhash: String,
}

/// Something derived from an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// As `320.webp` or `poster.jpg`.
    pub name: String,
    /// Where it lies.
    pub key: Key,
    /// Its type.
    pub content_type: String,
    /// Its bytes.
    pub content: Content,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// What an object became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has this status from then on.
    Became(Status),
    /// It was deleted and can be brought back. Told of what is in spaces only.
    Deleted,
    /// It is gone for good. The same.
    Purged,
}

impl Change {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Became(status) => status.as_str(),
            Self::Deleted => "DELETED",
            Self::Purged => "PURGED",
        }
    }

    /// Reads the name.
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

/// A line of an object's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// Orders them; unique among all.
    pub id: i64,
    /// Of which object.
    pub object: ObjectId,
    /// What it became.
    pub change: Change,
    /// Why, where there is a reason.
    pub reason: Option<String>,
    /// When.
    pub at: SystemTime,
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

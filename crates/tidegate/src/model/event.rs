//! Audit events: who did what to what, from where, and with what outcome.

use core::net::IpAddr;
use std::time::SystemTime;

use super::access::Action;
use super::caller::Caller;
use super::ids::ObjectId;
use super::owner::{Owner, OwnerKind};

/// What was done. The names are for good: they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    /// An upload was begun, and with it an object.
    UploadBegun,
    /// It became its object's content.
    UploadCompleted,
    /// Somebody gave it up.
    UploadAborted,
    /// Its time was over.
    UploadExpired,
    /// An object was deleted.
    ObjectDeleted,
    /// Its bytes are gone.
    ObjectPurged,
    /// A token was made for somebody.
    TokenIssued,
    /// The same, with the role that sees everything.
    AdminTokenIssued,
    /// A file of another program was taken over.
    Imported,
    /// A user was given another limit.
    QuotaSet,
    /// A session was made.
    SessionCreated,
    /// A session was deleted, and with it all that is in it.
    SessionDeleted,
    /// A session that was deleted is back.
    SessionRestored,
    /// A space was made.
    SpaceCreated,
    /// A space was deleted, and with it all that is in it.
    SpaceDeleted,
    /// Somebody was made a member of a space, or given another role.
    MemberSet,
    /// Somebody is no longer a member.
    MemberRemoved,
    /// What a client sent was taken from where it was put.
    UploadConfirmed,
    /// Nothing was found in it, it was made anew and published.
    MediaPublished,
    /// It was refused for what it is.
    MediaRejected,
    /// It can't be made anew now.
    MediaFailed,
    /// It is tried again.
    MediaRetried,
    /// What was deleted is back.
    ObjectRestored,
    /// A file was scanned, and nothing was found.
    FileScanned,
    /// Something was found in it.
    FileRejected,
    /// It can't be scanned now.
    FileFailed,
    /// It was made private after it had been announced as public.
    FileMadePrivate,
    /// A dataset was made.
    DatasetCreated,
    /// A collection was made.
    CollectionCreated,
    /// A package or a collection was deleted, with all that is in it.
    NodesDeleted,
    /// One that was deleted is to come back, with all that is in it.
    NodesRestored,
    /// A job that was given up was taken back.
    JobRetried,
    /// Somebody tried what they may not.
    Refused(Action),
}

impl AuditAction {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UploadBegun => "upload.begun",
            Self::UploadCompleted => "upload.completed",
            Self::UploadAborted => "upload.aborted",
            Self::UploadExpired => "upload.expired",
            Self::ObjectDeleted => "object.deleted",
            Self::ObjectPurged => "object.purged",
            Self::TokenIssued => "token.issued",
            Self::AdminTokenIssued => "token.issued-to-admin",
            Self::Imported => "object.imported",
            Self::QuotaSet => "quota.set",
            Self::SessionCreated => "session.created",
            Self::SessionDeleted => "session.deleted",
            Self::SessionRestored => "session.restored",
            Self::SpaceCreated => "space.created",
            Self::SpaceDeleted => "space.deleted",
            Self::MemberSet => "member.set",
            Self::MemberRemoved => "member.removed",
            Self::UploadConfirmed => "upload.confirmed",
            Self::MediaPublished => "media.published",
            Self::MediaRejected => "media.rejected",
            Self::MediaFailed => "media.failed",
            Self::MediaRetried => "media.retried",
            Self::ObjectRestored => "object.restored",
            Self::FileScanned => "file.scanned",
            Self::FileRejected => "file.rejected",
            Self::FileFailed => "file.failed",
            Self::FileMadePrivate => "file.made-private",
            Self::DatasetCreated => "dataset.created",
            Self::CollectionCreated => "collection.created",
            Self::NodesDeleted => "nodes.deleted",
            Self::NodesRestored => "nodes.restored",
            Self::JobRetried => "job.retried",
            Self::Refused(action) => action.as_str(),
        }
    }

    /// Whether it came about.
    pub fn outcome(self) -> &'static str {
        if matches!(self, Self::Refused(_)) { "refused" } else { "done" }
    }
}

/// An event about to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When.
    pub at: SystemTime,
    /// Who, from where, by which request.
    pub caller: Caller,
    /// What.
    pub action: AuditAction,
    /// Whose things it was about.
    pub owner: Option<Owner>,
    /// Which of them.
    pub object: Option<ObjectId>,
}

/// An event as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id; ordered by time.
    pub id: uuid::Uuid,
    /// When.
    pub at: SystemTime,
    /// What sort of party acted.
    pub actor_kind: String,
    /// Who.
    pub actor: String,
    /// For whom a service acted, or for whom a token was made.
    pub acting_for: Option<String>,
    /// What.
    pub action: String,
    /// Whose things it was about: kind and id.
    pub owner: Option<(String, String)>,
    /// Which of them.
    pub object: Option<ObjectId>,
    /// From where.
    pub address: Option<IpAddr>,
    /// `done` or `refused`.
    pub outcome: String,
    /// By which request.
    pub request_id: String,
}

/// Which events are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Of one owner's things, or of everything.
    pub owner: Option<Owner>,
    /// About one object.
    pub object: Option<(OwnerKind, ObjectId)>,
    /// At or after.
    pub since: SystemTime,
}

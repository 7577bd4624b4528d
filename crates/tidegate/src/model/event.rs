//! Audit events: who did what to which object, from where, and with what outcome. `db/audit.rs`
//! stores them; the database refuses to change or delete one.

use core::net::IpAddr;
use std::time::SystemTime;

use super::access::Action;
use super::caller::Caller;
use super::ids::ObjectId;
use super::owner::{Owner, OwnerKind};

/// An audited action. The names are stored and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditAction {
    /// An upload was begun, and its object created.
    UploadBegun,
    /// An upload was completed and became its object's content.
    UploadCompleted,
    /// An upload was aborted by its client.
    UploadAborted,
    /// An upload expired.
    UploadExpired,
    /// An object was deleted.
    ObjectDeleted,
    /// An object's bytes were removed for good.
    ObjectPurged,
    /// A token was issued to a user.
    TokenIssued,
    /// A token with the role `admin` was issued to a user.
    AdminTokenIssued,
    /// A file of another program was imported.
    Imported,
    /// A user's quota was changed.
    QuotaSet,
    /// A session was created.
    SessionCreated,
    /// A session was deleted, with all its media items.
    SessionDeleted,
    /// A deleted session was restored.
    SessionRestored,
    /// A space was created.
    SpaceCreated,
    /// A space was deleted, with all its images.
    SpaceDeleted,
    /// A user became a member, or got another role.
    MemberSet,
    /// A member was removed.
    MemberRemoved,
    /// An uploaded file was confirmed and sealed.
    UploadConfirmed,
    /// A media item was scanned, processed and published.
    MediaPublished,
    /// A media item was rejected for its content.
    MediaRejected,
    /// A media item could not be scanned or processed.
    MediaFailed,
    /// Processing of a failed media item was started again.
    MediaRetried,
    /// A deleted object was restored.
    ObjectRestored,
    /// A file was scanned and found clean.
    FileScanned,
    /// A file was rejected for its content.
    FileRejected,
    /// A file could not be scanned.
    FileFailed,
    /// A file announced as public was made private.
    FileMadePrivate,
    /// A dataset was created.
    DatasetCreated,
    /// A collection was created.
    CollectionCreated,
    /// Packages or collections were deleted, with all they contain.
    NodesDeleted,
    /// Restoring of deleted packages or collections began.
    NodesRestored,
    /// A dead-lettered job was put back in the queue.
    JobRetried,
    /// A link to one file was issued, with a lifetime that its issuer chose.
    LinkIssued,
    /// A thaw of an archived object was requested from the store.
    ThawRequested,
    /// An archived object has become readable.
    ObjectThawed,
    /// An action was refused.
    Refused(Action),
}

impl AuditAction {
    /// Returns the stored name.
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
            Self::LinkIssued => "link.issued",
            Self::ThawRequested => "object.thaw-requested",
            Self::ObjectThawed => "object.thawed",
            Self::Refused(action) => action.as_str(),
        }
    }

    /// Returns the stored outcome: `refused` or `done`.
    pub fn outcome(self) -> &'static str {
        if matches!(self, Self::Refused(_)) { Outcome::Refused.as_str() } else { Outcome::Done.as_str() }
    }
}

/// An event to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened.
    pub at: SystemTime,
    /// Who acted, from where, and by which request.
    pub caller: Caller,
    /// The action.
    pub action: AuditAction,
    /// The owner of the object, if there is one.
    pub owner: Option<Owner>,
    /// The object, if there is one.
    pub object: Option<ObjectId>,
}

/// A recorded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's id; ids are ordered by time.
    pub id: uuid::Uuid,
    /// When it happened.
    pub at: SystemTime,
    /// The kind of principal that acted, see `Principal::kind`.
    pub actor_kind: String,
    /// The name of the principal that acted.
    pub actor: String,
    /// The user a service acted for, or a token was issued to.
    pub acting_for: Option<String>,
    /// The name of the action.
    pub action: String,
    /// The owner of the object: kind and id.
    pub owner: Option<(String, String)>,
    /// The object, if there is one.
    pub object: Option<ObjectId>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// `done` or `refused`.
    pub outcome: String,
    /// The id of the request.
    pub request_id: String,
}

/// A filter for listing events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events about this owner; `None` for all owners.
    pub owner: Option<Owner>,
    /// Only events about this object.
    pub object: Option<(OwnerKind, ObjectId)>,
    /// Only events about owners of this kind.
    pub kind: Option<OwnerKind>,
    /// Only events of this actor.
    pub actor: Option<String>,
    /// Only events of this action.
    pub action: Option<String>,
    /// Only what was done, or only what was refused.
    pub outcome: Option<Outcome>,
    /// Only events at or after this time.
    pub since: SystemTime,
}

impl EventFilter {
    /// Returns the filter that all events match.
    pub fn all() -> Self {
        let since = SystemTime::UNIX_EPOCH;
        Self { owner: None, object: None, kind: None, actor: None, action: None, outcome: None, since }
    }
}

/// The outcome of an audited action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// Returns the stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// Parses the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Done, Self::Refused].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

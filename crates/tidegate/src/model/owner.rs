//! What bytes belong to. A closed enum, one variant per surface; the compiler lists what a new one needs.

use super::ids::{OrgId, SessionId, SpaceId, UserId};
use super::package::DatasetId;

/// An owner. Never the person who uploaded; that is `created_by`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user's disk images.
    Disks(UserId),
    /// A user's files.
    Files(UserId),
    /// The media of a session, which is an organisation's.
    Session(SessionId, OrgId),
    /// The images of a space, which is its members'.
    Space(SpaceId),
    /// The packages of a dataset, which is its members'.
    Dataset(DatasetId),
}

/// The kinds of owner, as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnerKind {
    /// Disk images.
    Disks,
    /// Files.
    Files,
    /// Media of a session.
    Session,
    /// Images of a space.
    Space,
    /// Packages of a dataset.
    Dataset,
}

impl Owner {
    /// The owner's kind.
    pub fn kind(&self) -> OwnerKind {
        match self {
            Self::Disks(_) => OwnerKind::Disks,
            Self::Files(_) => OwnerKind::Files,
            Self::Session(..) => OwnerKind::Session,
            Self::Space(_) => OwnerKind::Space,
            Self::Dataset(_) => OwnerKind::Dataset,
        }
    }

    /// Returns the session, if the owner is one.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Session(session, _) => Some(session),
            Self::Disks(_) | Self::Files(_) | Self::Space(_) | Self::Dataset(_) => None,
        }
    }

    /// The owner's id within its kind, as it is stored.
    pub fn id(&self) -> &str {
        match self {
            Self::Disks(user) | Self::Files(user) => user.as_str(),
            Self::Session(session, _) => session.as_str(),
            Self::Space(space) => space.as_str(),
            Self::Dataset(dataset) => dataset.as_str(),
        }
    }
}

impl OwnerKind {
    /// Returns the owner of this kind that a user is; `None` for kinds whose owners are no users.
    pub fn of_user(self, user: &UserId) -> Option<Owner> {
        match self {
            Self::Disks => Some(Owner::Disks(user.clone())),
            Self::Files => Some(Owner::Files(user.clone())),
            Self::Session | Self::Space | Self::Dataset => None,
        }
    }

    /// Returns whether the owners of this kind are users.
    pub fn is_of_users(self) -> bool {
        matches!(self, Self::Disks | Self::Files)
    }

    /// All of them.
    pub const ALL: [Self; 5] = [Self::Disks, Self::Files, Self::Session, Self::Space, Self::Dataset];

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disks => "disks",
            Self::Files => "files",
            Self::Session => "session",
            Self::Space => "space",
            Self::Dataset => "dataset",
        }
    }
}

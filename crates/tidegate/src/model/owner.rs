//! The owner of stored bytes: a closed enum with one variant per surface, so that the compiler
//! lists what a new one needs. Never the person who uploaded; that is `created_by`.

use super::ids::{OrgId, SessionId, SpaceId, UserId};
use super::package::DatasetId;

/// The owner of stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A user's disk images.
    Disks(UserId),
    /// A user's files.
    Files(UserId),
    /// The media items of a session, which belongs to an organisation.
    Session(SessionId, OrgId),
    /// The images of a space, which its members share.
    Space(SpaceId),
    /// The packages of a dataset, which its members share.
    Dataset(DatasetId),
}

/// The kind of an owner, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnerKind {
    /// Disk images of a user.
    Disks,
    /// Files of a user.
    Files,
    /// Media items of a session.
    Session,
    /// Images of a space.
    Space,
    /// Packages of a dataset.
    Dataset,
}

impl Owner {
    /// Returns the owner's kind.
    pub fn kind(&self) -> OwnerKind {
        match self {
            Self::Disks(_) => OwnerKind::Disks,
            Self::Files(_) => OwnerKind::Files,
            Self::Session(..) => OwnerKind::Session,
            Self::Space(_) => OwnerKind::Space,
            Self::Dataset(_) => OwnerKind::Dataset,
        }
    }

    /// Returns the user who alone may use the objects; `None` for other owners.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Disks(user) | Self::Files(user) => Some(user),
            Self::Session(..) | Self::Space(_) | Self::Dataset(_) => None,
        }
    }

    /// Returns the organisation whose users all may use the objects; `None` for other owners.
    pub fn org(&self) -> Option<&OrgId> {
        match self {
            Self::Session(_, org) => Some(org),
            Self::Disks(_) | Self::Files(_) | Self::Space(_) | Self::Dataset(_) => None,
        }
    }

    /// Returns whether access is decided by the role of a member.
    pub fn has_members(&self) -> bool {
        match self {
            Self::Space(_) | Self::Dataset(_) => true,
            Self::Disks(_) | Self::Files(_) | Self::Session(..) => false,
        }
    }

    /// Returns the session, if the owner is one.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Session(session, _) => Some(session),
            Self::Disks(_) | Self::Files(_) | Self::Space(_) | Self::Dataset(_) => None,
        }
    }

    /// Returns the owner's id within its kind, as it is stored.
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

    /// All owner kinds.
    pub const ALL: [Self; 5] = [Self::Disks, Self::Files, Self::Session, Self::Space, Self::Dataset];

    /// Parses the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Returns the stored name.
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

//! Principals: who is acting. The request a principal acts by is a `Caller`, in `caller.rs`.

use std::collections::BTreeMap;

use super::ids::{OrgId, UserId};
use super::package::DatasetId;
use super::role::Role;

/// The authenticated party of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A request without credentials.
    Anonymous,
    /// A signed-in user.
    User {
        /// The user's id.
        id: UserId,
        /// The user's organisation, if sign-in names one.
        org: Option<OrgId>,
        /// The roles that sign-in grants.
        roles: Roles,
    },
    /// A backend that presents a service token.
    Service,
    /// The server itself, in background jobs.
    System,
}

/// Roles granted by sign-in, beyond a user's own objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Whether the user may read the whole audit log and retry failed jobs.
    pub admin: bool,
    /// Roles in datasets granted by the token, in addition to those in the database.
    pub datasets: BTreeMap<DatasetId, Role>,
}

impl Principal {
    /// Returns a user without organisation and roles.
    pub fn user(id: UserId) -> Self {
        Self::User { id, org: None, roles: Roles::default() }
    }

    /// Returns the kind of principal, as it is stored in the audit log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User { .. } => "user",
            Self::Service => "service",
            Self::System => "system",
        }
    }

    /// Returns the name used in logs and in `created_by`.
    pub fn name(&self) -> &str {
        match self {
            Self::User { id, .. } => id.as_str(),
            Self::Anonymous | Self::Service | Self::System => self.kind(),
        }
    }
}

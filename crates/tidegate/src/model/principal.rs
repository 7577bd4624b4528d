//! Who is acting.

use std::collections::BTreeMap;

use super::ids::{OrgId, UserId};
use super::package::DatasetId;
use super::role::Role;

/// The acting party of every shared function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody signed in.
    Anonymous,
    /// A signed-in person.
    User {
        /// Who.
        id: UserId,
        /// Of which organisation.
        org: Option<OrgId>,
        /// With which roles.
        roles: Roles,
    },
    /// A backend that holds a service token.
    Service,
    /// The server itself, in jobs.
    System,
}

/// What somebody may do beyond their own things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// See what everybody did.
    pub admin: bool,
    /// What they may do in datasets by the word of whoever signed them in, whatever the database says.
    pub datasets: BTreeMap<DatasetId, Role>,
}

impl Principal {
    /// A person without organisation or roles.
    pub fn user(id: UserId) -> Self {
        Self::User { id, org: None, roles: Roles::default() }
    }

    /// What sort of party it is, as it is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User { .. } => "user",
            Self::Service => "service",
            Self::System => "system",
        }
    }

    /// A name for logs and for `created_by`.
    pub fn name(&self) -> &str {
        match self {
            Self::User { id, .. } => id.as_str(),
            Self::Anonymous | Self::Service | Self::System => self.kind(),
        }
    }
}

//! Who is acting, and by which request: what every shared function is told.

use core::net::IpAddr;
use std::borrow::Cow;

use super::ids::{OrgId, UserId};
use super::principal::{Principal, Roles};

/// A principal in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who is acting.
    pub principal: Principal,
    /// Whom a service says it acts for.
    pub acting_for: Option<UserId>,
    /// Of which organisation it says that user is.
    pub acting_org: Option<OrgId>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The request's id, as it is in the log and in the answer.
    pub request_id: String,
}

impl Caller {
    /// The server itself, in a job.
    pub fn system() -> Self {
        Self::from(Principal::System)
    }

    /// Who decides about one owner's things: a service that names a user may do what that user may, and no more, so
    /// that an id which the user made up opens nothing.
    pub fn deciding(&self) -> Cow<'_, Principal> {
        match (&self.principal, &self.acting_for) {
            (Principal::Service, Some(user)) => {
                Cow::Owned(Principal::User { id: user.clone(), org: self.acting_org.clone(), roles: Roles::default() })
            }
            (principal, _) => Cow::Borrowed(principal),
        }
    }

    /// The organisation whose things a route is about that names none.
    pub fn org(&self) -> Option<&OrgId> {
        match &self.principal {
            Principal::User { org, .. } => org.as_ref(),
            Principal::Service => self.acting_org.as_ref(),
            Principal::Anonymous | Principal::System => None,
        }
    }

    /// The user whose things a route without an owner in its path is about.
    pub fn user(&self) -> Option<&UserId> {
        match &self.principal {
            Principal::User { id, .. } => Some(id),
            Principal::Service => self.acting_for.as_ref(),
            Principal::Anonymous | Principal::System => None,
        }
    }
}

/// A principal outside any request.
impl From<Principal> for Caller {
    fn from(principal: Principal) -> Self {
        Self { principal, acting_for: None, acting_org: None, address: None, request_id: String::new() }
    }
}

//! The caller of a shared function: a principal, and the request it acts by.

use core::net::IpAddr;
use std::borrow::Cow;
use std::time::SystemTime;

use super::ids::{OrgId, UserId};
use super::principal::{Principal, Roles};

/// A principal, and the request it acts by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The authenticated principal.
    pub principal: Principal,
    /// The user that a service acts for, if it names one.
    pub acting_for: Option<UserId>,
    /// The organisation of the user that a service acts for, if it names one.
    pub acting_org: Option<OrgId>,
    /// When the caller's token ends; `None` for credentials without an end.
    pub expires_at: Option<SystemTime>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The request's id, as in the log and in `x-request-id`; empty outside a request.
    pub request_id: String,
}

impl Caller {
    /// Returns the caller of a background job: the server itself.
    pub fn system() -> Self {
        Self::from(Principal::System)
    }

    /// Returns the principal whose rights apply. A service that names a user has the rights of that
    /// user and no more, so a user id that an end user made up opens nothing.
    pub fn effective_principal(&self) -> Cow<'_, Principal> {
        match (&self.principal, &self.acting_for) {
            (Principal::Service, Some(user)) => {
                Cow::Owned(Principal::User { id: user.clone(), org: self.acting_org.clone(), roles: Roles::default() })
            }
            (principal, _) => Cow::Borrowed(principal),
        }
    }

    /// Returns the organisation that applies to routes which name none.
    pub fn org(&self) -> Option<&OrgId> {
        match &self.principal {
            Principal::User { org, .. } => org.as_ref(),
            Principal::Service => self.acting_org.as_ref(),
            Principal::Anonymous | Principal::System => None,
        }
    }

    /// Returns the user that applies to routes which name no owner.
    pub fn user(&self) -> Option<&UserId> {
        match &self.principal {
            Principal::User { id, .. } => Some(id),
            Principal::Service => self.acting_for.as_ref(),
            Principal::Anonymous | Principal::System => None,
        }
    }
}

/// Makes the caller of a principal outside any request.
impl From<Principal> for Caller {
    fn from(principal: Principal) -> Self {
        Self {
            principal,
            acting_for: None,
            acting_org: None,
            expires_at: None,
            address: None,
            request_id: String::new(),
        }
    }
}

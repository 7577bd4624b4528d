//! The one authorization decision. Pure: who, what, on whose bytes.

use super::owner::Owner;
use super::principal::Principal;

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the list.
    List,
    /// Read metadata or bytes, or be granted to.
    Read,
    /// Upload.
    Write,
    /// Delete.
    Delete,
    /// See what was done.
    Audit,
    /// Make tokens for others.
    IssueTokens,
    /// Say how much a user may have.
    SetQuota,
}

impl Action {
    /// All of them, for tests that leave none out.
    pub const ALL: [Self; 7] =
        [Self::List, Self::Read, Self::Write, Self::Delete, Self::Audit, Self::IssueTokens, Self::SetQuota];

    /// The name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Audit => "audit",
            Self::IssueTokens => "issue-tokens",
            Self::SetQuota => "set-quota",
        }
    }
}

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// One owner's things.
    Owner(&'a Owner),
    /// The whole server.
    Everything,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// Nobody signed in.
    Unauthenticated,
    /// Signed in, and not allowed.
    Deny,
}

/// Decides. Disk images and files belong to one user, who may do everything with them; services act for users; an admin may
/// see what was done, and nothing more of what is not theirs. What is not allowed here is denied.
pub fn decide(principal: &Principal, action: Action, target: Target<'_>) -> Decision {
    match (principal, target) {
        (Principal::Anonymous, _) => Decision::Unauthenticated,
        (Principal::System | Principal::Service, _) => Decision::Allow,
        (Principal::User { roles, .. }, _) if roles.admin && action == Action::Audit => Decision::Allow,
        (Principal::User { .. }, _) if matches!(action, Action::IssueTokens | Action::SetQuota) => Decision::Deny,
        (Principal::User { id, .. }, Target::Owner(Owner::Disks(user) | Owner::Files(user))) if id == user => {
            Decision::Allow
        }
        (Principal::User { .. }, Target::Owner(_) | Target::Everything) => Decision::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::UserId;
    use crate::model::principal::Roles;
    use proptest::prelude::*;

    fn user(text: &str, admin: bool) -> Principal {
        Principal::User { id: UserId::parse(text).unwrap(), org: None, roles: Roles { admin } }
    }

    proptest! {
        #[test]
        fn only_the_owner_the_server_and_its_services_may(a in "\\PC{1,8}", b in "\\PC{1,8}") {
            let disks = Owner::Disks(UserId::parse(&a).unwrap());
            let files = Owner::Files(UserId::parse(&a).unwrap());
            for action in Action::ALL {
                for target in [Target::Owner(&disks), Target::Owner(&files), Target::Everything] {
                    let everybodys = !matches!(action, Action::IssueTokens | Action::SetQuota);
                    let own = a == b && target != Target::Everything && everybodys;
                    let plain = decide(&user(&b, false), action, target);
                    prop_assert_eq!(plain, if own { Decision::Allow } else { Decision::Deny });
                    let admin = decide(&user(&b, true), action, target);
                    let sees = own || action == Action::Audit;
                    prop_assert_eq!(admin, if sees { Decision::Allow } else { Decision::Deny });
                    prop_assert_eq!(decide(&Principal::Anonymous, action, target), Decision::Unauthenticated);
                    prop_assert_eq!(decide(&Principal::System, action, target), Decision::Allow);
                    prop_assert_eq!(decide(&Principal::Service, action, target), Decision::Allow);
                }
            }
        }
    }
}

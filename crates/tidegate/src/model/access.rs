//! The authorization decision: whether a principal may do an action on a target. One pure function;
//! who the principal and the owner are is found out in `crate::access`.

use super::owner::Owner;
use super::principal::Principal;
use super::role::Role;

/// An action that needs a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// List objects.
    List,
    /// Read metadata or bytes, or obtain a grant to read.
    Read,
    /// Upload objects.
    Write,
    /// Delete objects.
    Delete,
    /// Have the store thaw archived objects, which costs money.
    Thaw,
    /// Manage members, or delete the whole.
    Manage,
    /// Read the audit log.
    Audit,
    /// Issue tokens to users.
    IssueTokens,
    /// Set a user's quota.
    SetQuota,
    /// List dead-lettered jobs and retry them.
    Operate,
}

impl Action {
    /// All actions, so that tests leave none out.
    pub const ALL: [Self; 10] = [
        Self::List,
        Self::Read,
        Self::Write,
        Self::Delete,
        Self::Thaw,
        Self::Manage,
        Self::Audit,
        Self::IssueTokens,
        Self::SetQuota,
        Self::Operate,
    ];

    /// Returns whether the action concerns the server rather than an owner's objects.
    fn concerns_server(self) -> bool {
        matches!(self, Self::IssueTokens | Self::SetQuota | Self::Operate)
    }

    /// Returns the name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Thaw => "thaw",
            Self::Manage => "manage",
            Self::Audit => "audit",
            Self::IssueTokens => "issue-tokens",
            Self::SetQuota => "set-quota",
            Self::Operate => "operate",
        }
    }
}

/// What the action applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Objects of one owner.
    Owner(&'a Owner),
    /// Objects of an owner with members, of whom the principal is one with this role.
    Shared(&'a Owner, Role),
    /// The whole server, or objects of all owners.
    Everything,
}

/// The outcome of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The action is allowed.
    Allow,
    /// The principal is anonymous; signing in may help.
    Unauthenticated,
    /// The principal is signed in and not allowed.
    Deny,
}

/// Decides whether `principal` may do `action` on `target`. Anything not allowed here is denied.
///
/// - Disk images and files: only their user, with every action.
/// - Sessions: every user of the session's organisation.
/// - Spaces and datasets: members, as far as their role allows.
/// - Services and the server itself: everything. A service that names a user is decided as that
///   user, see [`Caller::effective_principal`](super::caller::Caller::effective_principal).
/// - Admins: [`Action::Audit`] and [`Action::Operate`] on everything, and nothing else beyond their
///   own.
pub fn decide(principal: &Principal, action: Action, target: Target<'_>) -> Decision {
    match (principal, target) {
        (Principal::Anonymous, _) => Decision::Unauthenticated,
        (Principal::System | Principal::Service, _) => Decision::Allow,
        (Principal::User { roles, .. }, _) if roles.admin && matches!(action, Action::Audit | Action::Operate) => {
            Decision::Allow
        }
        (Principal::User { .. }, _) if action.concerns_server() => Decision::Deny,
        (Principal::User { id, .. }, Target::Owner(owner)) if owner.user() == Some(id) => Decision::Allow,
        (Principal::User { org: Some(org), .. }, Target::Owner(owner)) if owner.org() == Some(org) => Decision::Allow,
        (Principal::User { .. }, Target::Shared(owner, role)) if owner.has_members() && role.allows(action) => {
            Decision::Allow
        }
        (Principal::User { .. }, Target::Owner(_) | Target::Shared(..) | Target::Everything) => Decision::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{OrgId, SessionId, UserId};
    use crate::model::principal::Roles;
    use proptest::prelude::*;

    fn user(text: &str, admin: bool) -> Principal {
        Principal::User { id: UserId::parse(text).unwrap(), org: None, roles: Roles { admin, ..Roles::default() } }
    }

    #[test]
    fn a_space_is_its_members_as_far_as_their_role_goes() {
        use crate::model::ids::SpaceId;
        let (space, disks) = (Owner::Space(SpaceId::generate()), Owner::Disks(UserId::parse("a").unwrap()));
        for action in Action::ALL {
            let sees = action == Action::Audit || action == Action::Operate;
            for role in Role::ALL {
                let allowed = |yes| if yes { Decision::Allow } else { Decision::Deny };
                let target = Target::Shared(&space, role);
                assert_eq!(
                    decide(&user("a", false), action, target),
                    allowed(role.allows(action)),
                    "{role:?} {action:?}"
                );
                assert_eq!(decide(&user("a", true), action, target), allowed(role.allows(action) || sees));
                assert_eq!(decide(&Principal::Anonymous, action, target), Decision::Unauthenticated);
                assert_eq!(decide(&Principal::Service, action, target), Decision::Allow);
                assert_eq!(decide(&user("a", false), action, Target::Shared(&disks, role)), Decision::Deny);
            }
            assert_eq!(
                decide(&user("a", false), action, Target::Owner(&space)),
                Decision::Deny,
                "no member: {action:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_session_is_its_organisation_s(a in "\\PC{1,8}", b in "\\PC{1,8}") {
            let org = |text: &str| OrgId::parse(text).unwrap();
            let session = Owner::Session(SessionId::generate(), org(&a));
            for action in Action::ALL {
                let everybodys = !action.concerns_server();
                let of = |org| Principal::User { id: UserId::parse("u").unwrap(), org, roles: Roles::default() };
                let allowed = |yes| if yes { Decision::Allow } else { Decision::Deny };
                let target = Target::Owner(&session);
                prop_assert_eq!(decide(&of(Some(org(&b))), action, target), allowed(a == b && everybodys));
                prop_assert_eq!(decide(&of(None), action, target), Decision::Deny);
                prop_assert_eq!(decide(&Principal::Anonymous, action, target), Decision::Unauthenticated);
            }
        }

        #[test]
        fn only_the_owner_the_server_and_its_services_may(a in "\\PC{1,8}", b in "\\PC{1,8}") {
            let disks = Owner::Disks(UserId::parse(&a).unwrap());
            let files = Owner::Files(UserId::parse(&a).unwrap());
            for action in Action::ALL {
                for target in [Target::Owner(&disks), Target::Owner(&files), Target::Everything] {
                    let everybodys = !action.concerns_server();
                    let own = a == b && target != Target::Everything && everybodys;
                    let plain = decide(&user(&b, false), action, target);
                    prop_assert_eq!(plain, if own { Decision::Allow } else { Decision::Deny });
                    let admin = decide(&user(&b, true), action, target);
                    let sees = own || matches!(action, Action::Audit | Action::Operate);
                    prop_assert_eq!(admin, if sees { Decision::Allow } else { Decision::Deny });
                    prop_assert_eq!(decide(&Principal::Anonymous, action, target), Decision::Unauthenticated);
                    prop_assert_eq!(decide(&Principal::System, action, target), Decision::Allow);
                    prop_assert_eq!(decide(&Principal::Service, action, target), Decision::Allow);
                }
            }
        }
    }
}

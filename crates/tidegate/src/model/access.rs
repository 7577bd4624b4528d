//! The one authorization decision. Pure: who, what, on whose bytes.

use super::owner::Owner;
use super::principal::Principal;
use super::role::Role;

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
    /// Say who may do what, or end it as a whole.
    Manage,
    /// See what was done.
    Audit,
    /// Make tokens for others.
    IssueTokens,
    /// Say how much a user may have.
    SetQuota,
    /// See what work was given up, and have it tried again.
    Operate,
}

impl Action {
    /// All of them, for tests that leave none out.
    pub const ALL: [Self; 9] = [
        Self::List,
        Self::Read,
        Self::Write,
        Self::Delete,
        Self::Manage,
        Self::Audit,
        Self::IssueTokens,
        Self::SetQuota,
        Self::Operate,
    ];

    /// Whether it is about the server, and not about somebody's things.
    fn is_of_the_server(self) -> bool {
        matches!(self, Self::IssueTokens | Self::SetQuota | Self::Operate)
    }

    /// The name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Manage => "manage",
            Self::Audit => "audit",
            Self::IssueTokens => "issue-tokens",
            Self::SetQuota => "set-quota",
            Self::Operate => "operate",
        }
    }
}

/// On what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// One owner's things.
    Owner(&'a Owner),
    /// The things of an owner that has members, of whom the one who asks is one with this role.
    Shared(&'a Owner, Role),
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

/// Decides. Disk images and files belong to one user, who may do everything with them; what is a session's, to everybody of
/// its organisation; what is a space's or a dataset's, to its members as far as their role goes; services act for users; an admin may see what was done and what work was given up, and nothing more of what is not theirs. What
/// is not allowed here is denied.
pub fn decide(principal: &Principal, action: Action, target: Target<'_>) -> Decision {
    match (principal, target) {
        (Principal::Anonymous, _) => Decision::Unauthenticated,
        (Principal::System | Principal::Service, _) => Decision::Allow,
        (Principal::User { roles, .. }, _) if roles.admin && matches!(action, Action::Audit | Action::Operate) => {
            Decision::Allow
        }
        (Principal::User { .. }, _) if action.is_of_the_server() => Decision::Deny,
        (Principal::User { id, .. }, Target::Owner(Owner::Disks(user) | Owner::Files(user))) if id == user => {
            Decision::Allow
        }
        (Principal::User { org: Some(org), .. }, Target::Owner(Owner::Session(_, its))) if org == its => {
            Decision::Allow
        }
        (Principal::User { .. }, Target::Shared(Owner::Space(_) | Owner::Dataset(_), role)) if role.may(action) => {
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
                assert_eq!(decide(&user("a", false), action, target), allowed(role.may(action)), "{role:?} {action:?}");
                assert_eq!(decide(&user("a", true), action, target), allowed(role.may(action) || sees));
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
                let everybodys = !action.is_of_the_server();
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
                    let everybodys = !action.is_of_the_server();
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

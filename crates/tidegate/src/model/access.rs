//! The one authorization decision. Pure: who, what, on whose bytes.

use super::owner::Owner;
use super::principal::Principal;

/// What somebody wants to do with an owner's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See the list.
    List,
    /// Read metadata or bytes, or be granted to.
    Read,
    /// Upload.
    Write,
    /// Delete.
    Delete,
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

/// Decides. Disk images belong to one user, who may do everything with them; nobody else may anything.
pub fn decide(principal: &Principal, _action: Action, owner: &Owner) -> Decision {
    match (principal, owner) {
        (Principal::System, _) => Decision::Allow,
        (Principal::Anonymous, _) => Decision::Unauthenticated,
        (Principal::User { id }, Owner::Disks(user)) if id == user => Decision::Allow,
        (Principal::User { .. }, _) => Decision::Deny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::UserId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_the_owner_and_the_system_may(a in "\\PC{1,8}", b in "\\PC{1,8}") {
            let user = |text: &str| UserId::parse(text).unwrap();
            let owner = Owner::Disks(user(&a));
            for action in [Action::List, Action::Read, Action::Write, Action::Delete] {
                let decision = decide(&Principal::User { id: user(&b) }, action, &owner);
                prop_assert_eq!(decision == Decision::Allow, a == b);
                prop_assert_eq!(decide(&Principal::Anonymous, action, &owner), Decision::Unauthenticated);
                prop_assert_eq!(decide(&Principal::System, action, &owner), Decision::Allow);
            }
        }
    }
}

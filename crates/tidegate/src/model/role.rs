//! Roles of members in spaces and datasets, and the actions each allows. What a role may do with
//! the whole server is in `access.rs`: nothing.

use super::access::Action;

/// The role of a member, from the least rights to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May list and read.
    Viewer,
    /// May also upload, delete and restore.
    Editor,
    /// May also manage members and read the audit log. Spaces do not use this role.
    Manager,
    /// May also manage managers, and delete the space or dataset.
    Owner,
}

impl Role {
    /// All roles, in ascending order.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Manager, Self::Owner];

    /// Returns the name, on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    /// Parses the name; `None` if there is no such role.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Returns whether the role allows `action`.
    pub fn allows(self, action: Action) -> bool {
        let needed = match action {
            Action::List | Action::Read => Self::Viewer,
            Action::Write | Action::Delete | Action::Thaw => Self::Editor,
            Action::Manage | Action::Audit => Self::Manager,
            Action::IssueTokens | Action::SetQuota | Action::Operate => return false,
        };
        self >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_more_may_also_less() {
        for action in Action::ALL {
            let may: Vec<bool> = Role::ALL.into_iter().map(|role| role.allows(action)).collect();
            assert!(may.is_sorted(), "{action:?}: {may:?}");
        }
        assert!(
            !Role::Viewer.allows(Action::Write)
                && !Role::Editor.allows(Action::Manage)
                && !Role::Owner.allows(Action::Operate)
        );
        assert!(Role::ALL.into_iter().all(|role| Role::parse(role.as_str()) == Some(role)));
        assert_eq!(Role::parse("Owner"), None);
    }
}

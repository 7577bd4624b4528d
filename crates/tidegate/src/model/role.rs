//! What members of something shared may do in it.

use super::access::Action;

/// What a member may do. The later in this list, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See.
    Viewer,
    /// And put in, delete and bring back.
    Editor,
    /// And say who is a member. Datasets have managers; spaces have not.
    Manager,
    /// And say who manages, and delete the whole.
    Owner,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Manager, Self::Owner];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether it is enough for this.
    pub fn may(self, action: Action) -> bool {
        let needed = match action {
            Action::List | Action::Read => Self::Viewer,
            Action::Write | Action::Delete => Self::Editor,
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
            let may: Vec<bool> = Role::ALL.into_iter().map(|role| role.may(action)).collect();
            assert!(may.is_sorted(), "{action:?}: {may:?}");
        }
        assert!(
            !Role::Viewer.may(Action::Write) && !Role::Editor.may(Action::Manage) && !Role::Owner.may(Action::Operate)
        );
        assert!(Role::ALL.into_iter().all(|role| Role::parse(role.as_str()) == Some(role)));
        assert_eq!(Role::parse("Owner"), None);
    }
}

//! Who is acting.

use super::ids::UserId;

/// The acting party of every shared function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody signed in.
    Anonymous,
    /// A signed-in person.
    User {
        /// Who.
        id: UserId,
    },
    /// The server itself, in jobs.
    System,
}

impl Principal {
    /// A name for logs and for `created_by`.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User { id } => id.as_str(),
            Self::System => "system",
        }
    }
}

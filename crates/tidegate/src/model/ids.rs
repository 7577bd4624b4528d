//! Typed identifiers of users, organisations, sessions, spaces and objects. Ids of datasets are in
//! `package.rs`.

use std::fmt;

use uuid::Uuid;

/// The longest user id in bytes. OpenID Connect Core allows 255 ASCII characters for `sub`.
const MAX_USER_ID: usize = 1024;

/// A user id, as sign-in names it: any text without control characters. It becomes a key segment
/// only in encoded form (`key::encoded`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

/// Why a user id is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUserId {
    /// The text is empty.
    #[error("the user id is empty")]
    Empty,
    /// The text is longer than 1024 bytes.
    #[error("the user id is longer than 1024 bytes")]
    TooLong,
    /// The text holds control characters.
    #[error("the user id holds control characters")]
    Control,
    /// The text is the name of a principal that is no user.
    #[error("the user id is one of the names service, system and anonymous, which are no users")]
    Reserved,
}

/// The names of the principals that are no users, as rows have them.
const NO_USERS: [&str; 3] = ["service", "system", "anonymous"];

impl UserId {
    /// Validates a user id.
    pub fn parse(text: &str) -> Result<Self, BadUserId> {
        match text {
            "" => Err(BadUserId::Empty),
            _ if text.len() > MAX_USER_ID => Err(BadUserId::TooLong),
            _ if text.chars().any(char::is_control) => Err(BadUserId::Control),
            _ if NO_USERS.contains(&text) => Err(BadUserId::Reserved),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Returns the id as sign-in named it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An organisation id, as sign-in names it. The same texts are valid as for user ids, and the names
/// of principals that are no users.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrgId(String);

impl OrgId {
    /// Validates an organisation id.
    pub fn parse(text: &str) -> Result<Self, BadUserId> {
        match UserId::parse(text) {
            Ok(UserId(text)) => Ok(Self(text)),
            Err(BadUserId::Reserved) => Ok(Self(text.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Returns the id as sign-in named it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Defines an id that is a UUID, kept as the text that stands in keys and rows.
macro_rules! uuid_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Generates a new id (UUID version 7).
            pub fn generate() -> Self {
                Self(Uuid::now_v7().hyphenated().to_string())
            }

            /// Parses the hyphenated form, in letters of either case; `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                ObjectId::parse(text).map(|id| Self(id.to_string()))
            }

            /// Returns the hyphenated form, in lower case.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

uuid_text!(
    /// A session id: a client's own UUID, or one that the server generated.
    SessionId
);
uuid_text!(
    /// A space id.
    SpaceId
);

/// An object id: a UUID version 7, ordered by time so that neighbours in time are neighbours in an
/// index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub Uuid);

impl ObjectId {
    /// Generates a new id (UUID version 7).
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Parses the hyphenated form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let hyphenated = text.len() == 36;
        hyphenated.then(|| Uuid::try_parse(text).ok()).flatten().map(Self)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::principal::Principal;

    #[test]
    fn no_user_has_the_name_of_another_principal() {
        for name in NO_USERS {
            assert_eq!(UserId::parse(name), Err(BadUserId::Reserved), "{name}");
            assert_eq!(OrgId::parse(name).map(|org| org.as_str().to_owned()), Ok(name.to_owned()));
        }
        assert!(UserId::parse("Service").is_ok() && OrgId::parse("").is_err());
        for principal in [Principal::Service, Principal::System, Principal::Anonymous] {
            assert!(NO_USERS.contains(&principal.name()), "{principal:?}");
        }
    }
}

//! Typed identifiers.

use std::fmt;

use uuid::Uuid;

/// The longest user id taken, in bytes. OpenID Connect allows 255 for `sub`.
const MAX_USER_ID: usize = 1024;

/// A person, as sign-in names them. Any text without control characters; it becomes a path segment only
/// in encoded form (see `key`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

/// Why a user id was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUserId {
    /// Nothing there.
    #[error("the user id is empty")]
    Empty,
    /// More than 1024 bytes.
    #[error("the user id is longer than 1024 bytes")]
    TooLong,
    /// Control characters.
    #[error("the user id holds control characters")]
    Control,
}

impl UserId {
    /// Checks the text.
    pub fn parse(text: &str) -> Result<Self, BadUserId> {
        match text {
            "" => Err(BadUserId::Empty),
            _ if text.len() > MAX_USER_ID => Err(BadUserId::TooLong),
            _ if text.chars().any(char::is_control) => Err(BadUserId::Control),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The text as sign-in gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An organisation, as sign-in names it. Any text that a user id may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrgId(String);

impl OrgId {
    /// Checks the text.
    pub fn parse(text: &str) -> Result<Self, BadUserId> {
        UserId::parse(text).map(|UserId(text)| Self(text))
    }

    /// The text as sign-in gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ids that are UUIDs, kept as the text that stands in keys and rows.
macro_rules! uuid_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// A new one.
            pub fn generate() -> Self {
                Self(Uuid::now_v7().hyphenated().to_string())
            }

            /// Reads the hyphenated form, in letters of any case; `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                ObjectId::parse(text).map(|id| Self(id.to_string()))
            }

            /// The hyphenated form, in lower case.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

uuid_text!(
    /// A session: a client's own UUID, or one of ours.
    SessionId
);
uuid_text!(
    /// A space.
    SpaceId
);

/// An object. Time-ordered, so that neighbours in time are neighbours in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub Uuid);

impl ObjectId {
    /// A new one.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Reads the hyphenated form; `None` for anything else.
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

//! Spaces: who their members are and what each may do.

use std::time::SystemTime;

use super::ids::{SpaceId, UserId};
use super::media::{Scan, VisualInfo};
use super::object::Object;
use super::role::Role;

/// Bytes in a name that a person gave.
const MAX_NAME: usize = 200;

/// A space, as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Its id.
    pub id: SpaceId,
    /// The name a person gave it.
    pub name: String,
    /// What the one who asks may do; `None` for a service, which may do everything.
    pub role: Option<Role>,
    /// When it was made.
    pub created_at: SystemTime,
    /// Images that are there.
    pub images: u64,
    /// Their bytes, thumbnails aside.
    pub bytes: u64,
}

/// Somebody who belongs to a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub added_at: SystemTime,
}

/// An image, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its record. The key is where it lies once it is READY.
    pub object: Object,
    /// Who put it in.
    pub created_by: String,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
    /// What the scanner said.
    pub scan: Option<Scan>,
    /// What it is like, once it was looked at.
    pub visual: Option<VisualInfo>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<SystemTime>,
    /// Its smaller copies, the smallest first.
    pub thumbnails: Vec<Thumbnail>,
}

/// A smaller copy, which lies beside its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// As `320.webp`.
    pub name: String,
    /// Its type.
    pub content_type: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Why a name is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing to be seen.
    #[error("name must not be empty")]
    Empty,
    /// Too many bytes.
    #[error("name may have at most {MAX_NAME} bytes")]
    TooLong,
    /// Control characters.
    #[error("name must not hold control characters")]
    Control,
}

/// Checks a name that is only kept and shown. Markup, right-to-left text and pictures are names like all others: whoever
/// shows them has to show them as text.
pub fn check_name(name: &str) -> Result<(), BadName> {
    match name {
        _ if name.trim().is_empty() => Err(BadName::Empty),
        _ if name.len() > MAX_NAME => Err(BadName::TooLong),
        _ if name.chars().any(char::is_control) => Err(BadName::Control),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_that_can_be_seen() {
        for bad in ["", "  ", "\u{a0}", "a\nb", "a\0", &"x".repeat(201)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for good in ["<b>x</b>", "\u{202e}right to left", "🏞️ 写真", "a/../b"] {
            assert_eq!(check_name(good), Ok(()), "{good:?}");
        }
    }
}

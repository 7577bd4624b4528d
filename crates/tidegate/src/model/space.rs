//! Spaces, their members and their images, as listings show them. What each role allows is in
//! `role.rs`.

use std::time::SystemTime;

use super::ids::{SpaceId, UserId};
use super::media::{Scan, VisualInfo};
use super::object::Object;
use super::role::Role;

/// The most bytes in a space's name.
const MAX_NAME: usize = 200;

/// A space, as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// The space's id.
    pub id: SpaceId,
    /// The name that its creator gave it.
    pub name: String,
    /// The caller's role; `None` for a service, which may do everything.
    pub role: Option<Role>,
    /// When the space was created.
    pub created_at: SystemTime,
    /// The number of READY images.
    pub images: u64,
    /// Bytes of these images, without thumbnails.
    pub bytes: u64,
}

/// A member of a space or of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user's id.
    pub user: UserId,
    /// The member's role.
    pub role: Role,
    /// When the user became a member.
    pub added_at: SystemTime,
}

/// An image of a space, as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The object's record. Its key is valid once the state is READY.
    pub object: Object,
    /// The name of the principal that uploaded it.
    pub created_by: String,
    /// Why the image was rejected or failed.
    pub reason: Option<String>,
    /// The scan result; `None` before the scan.
    pub scan: Option<Scan>,
    /// Dimensions and preview; `None` before processing.
    pub visual: Option<VisualInfo>,
    /// When the image was deleted, if it was.
    pub deleted_at: Option<SystemTime>,
    /// The thumbnails, the smallest first.
    pub thumbnails: Vec<Thumbnail>,
}

/// A thumbnail, stored beside its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The file name, such as `320.webp`.
    pub name: String,
    /// The media type.
    pub content_type: String,
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
}

/// Why the name of a space is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// The name is empty or only whitespace.
    #[error("name must not be empty")]
    Empty,
    /// The name is too long.
    #[error("name may have at most {MAX_NAME} bytes")]
    TooLong,
    /// The name holds control characters.
    #[error("name must not hold control characters")]
    Control,
}

/// Validates the name of a space. The name is only stored and shown, so markup and right-to-left
/// text are valid; a client must show it as text.
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

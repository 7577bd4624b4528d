//! Images: probed before they are decoded, decoded once, turned upright, and encoded anew, so that nothing of the file
//! that came is in the file that is served but its pixels and its colours. Runs in the sandbox only.
//!
//! What comes out: JPEG at the given quality for everything opaque; PNG (of PNG and GIF) or WebP (of WebP) where there is
//! transparency; a GIF frame by frame, and any other animation as WebP. Or, where that is ordered, the file itself without
//! anything but its picture.

mod animation;
mod colour;
mod confirm;
mod jpeg;
mod pixels;
mod planes;
mod raster;
mod segments;
mod strip;
mod thumbs;

pub(crate) use self::confirm::difference;
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// What an image may be, and what is to be made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What it was said to be, and its first bytes say.
    pub kind: Kind,
    /// Pixels of the canvas; of an animation, of all frames together.
    pub max_pixels: u64,
    /// Frames of an animation.
    pub max_frames: u32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// The longer sides of the thumbnails, in pixels. What is smaller already is not made larger.
    pub thumbnails: Vec<u32>,
    /// Whether the image stays as it is, pixel by pixel, and only what is said of it is left out.
    #[serde(default)]
    pub lossless: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The image made anew, or without all but itself.
    pub main: Picture,
    /// Thumbnails, of each size a WebP and a JPEG (or PNG, where there is transparency), the smallest first.
    pub thumbnails: Vec<Thumbnail>,
    /// A blurred preview in a few characters; see blurha.sh.
    pub blurhash: String,
    /// Frames; 1 for a still image.
    pub frames: u32,
}

/// A smaller copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The longer side that was asked for. Its own is shorter where the image's was.
    pub longest: u32,
    /// The copy.
    pub picture: Picture,
}

/// One encoded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The type.
    pub kind: Kind,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Why nothing became of it: the content's fault, said so that the person who sent it understands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// More than may be decoded.
    #[error("the image is {width} x {height} pixels; at most {max} pixels are taken")]
    TooManyPixels {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// The limit.
        max: u64,
    },
    /// More frames, or more pixels in all of them, than may be decoded.
    #[error("the animation is too long: at most {max_frames} frames and {max_pixels} pixels in all are taken")]
    TooLong {
        /// The limit.
        max_frames: u32,
        /// The limit.
        max_pixels: u64,
    },
    /// It can't be read to its end.
    #[error("the image is damaged or incomplete")]
    Damaged,
    /// A form that nobody makes any more, or a lossless or arithmetic JPEG.
    #[error("this form of the image's type is not supported: {0}")]
    Unsupported(String),
    /// The first bytes are those of something else.
    #[error("the file is not what its type says")]
    WrongType,
    /// It took more memory or time than one image may take.
    #[error("the image takes too much memory or time to decode")]
    TooCostly,
    /// A video that has no pictures.
    #[error("the video has no picture track that can be read")]
    NoVideo,
    /// A video that ends before its container says.
    #[error("the video is incomplete: the file ends before it says it does")]
    Cut,
}

/// Cleans an image.
pub fn clean(bytes: &[u8], order: &Order) -> Result<Cleaned, Refusal> {
    if Kind::sniff(bytes) != Some(order.kind) {
        return Err(Refusal::WrongType);
    }
    match order.kind {
        Kind::Jpeg => jpeg::clean(bytes, order),
        Kind::Gif => animation::clean_gif(bytes, order),
        Kind::Png => raster::clean_png(bytes, order),
        Kind::Webp => raster::clean_webp(bytes, order),
        Kind::Mp4 | Kind::Quicktime | Kind::Webm => Err(Refusal::WrongType),
    }
}

/// What becomes of the image itself: encoded anew, or left as it is where that is asked for. `size` is how it is looked at.
fn main_of(
    file: &[u8],
    order: &Order,
    orientation: Orientation,
    (width, height): (u32, u32),
    made: impl FnOnce() -> Result<Picture, Refusal>,
) -> Result<Picture, Refusal> {
    let stripped = if order.lossless { strip::strip(file, order.kind, orientation) } else { None };
    match stripped {
        Some(bytes) => Ok(Picture { kind: order.kind, width, height, bytes }),
        // A decoder may be kinder than the rules; what it has seen is a picture all the same.
        None => made(),
    }
}

/// Whether a canvas may be decoded.
fn check_size(width: u32, height: u32, order: &Order) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(Refusal::Damaged);
    }
    if u64::from(width) * u64::from(height) > order.max_pixels {
        return Err(Refusal::TooManyPixels { width, height, max: order.max_pixels });
    }
    Ok(())
}

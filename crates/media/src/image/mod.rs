//! Cleans images: checks their size before decoding, decodes once, applies the Exif orientation and
//! encodes again, so that the output contains only pixels and a colour profile of the input. Opaque
//! images become JPEG; images with transparency become PNG (from PNG and GIF) or WebP (from WebP);
//! GIF animations stay GIF and other animations become WebP. With `lossless`, the file is kept and
//! only its metadata is removed; see `strip`. Runs in the sandbox only.

mod animation;
mod apng;
mod colour;
mod confirm;
mod exif;
mod jpeg;
mod orientation;
mod pixels;
mod raster;
mod repair;
mod scan;
mod segments;
mod strip;
mod thumbs;

pub(crate) use self::confirm::difference;
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// The limits for an image, and the output to produce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanOptions {
    /// The declared type, which must match the first bytes.
    pub kind: Kind,
    /// The limit of pixels; for an animation, of all frames together.
    pub max_pixels: u64,
    /// The limit of frames.
    pub max_frames: u32,
    /// The JPEG and WebP quality, 1 to 100.
    pub quality: u8,
    /// The longer sides of the thumbnails, in pixels. Smaller images are not enlarged.
    pub thumbnails: Vec<u32>,
    /// Whether to keep every pixel and remove only the metadata.
    #[serde(default)]
    pub lossless: bool,
}

/// The output of cleaning an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The re-encoded image, or the original without metadata.
    pub main: Picture,
    /// The thumbnails, smallest first: of each size a WebP and a JPEG (or a PNG if there is
    /// transparency).
    pub thumbnails: Vec<Thumbnail>,
    /// The `BlurHash` of the image (blurha.sh).
    pub blurhash: String,
    /// The number of frames; 1 for a still image.
    pub frames: u32,
}

/// A thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The requested longer side, in pixels. The actual one is shorter if the image is smaller.
    pub longest: u32,
    /// The encoded thumbnail.
    pub picture: Picture,
}

/// One encoded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The media type.
    pub kind: Kind,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The encoded file.
    pub bytes: Vec<u8>,
}

/// Why an image or a video is refused because of its content. The messages are written for the
/// person who uploaded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The image exceeds the limit of pixels.
    #[error("the picture is {width} x {height} pixels; at most {max} pixels are taken")]
    TooManyPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit of pixels.
        max: u64,
    },
    /// The animation exceeds the limit of frames or the limit of pixels in all frames.
    #[error("the animation is too long: at most {max_frames} frames and {max_pixels} pixels in all are taken")]
    TooLong {
        /// The limit of frames.
        max_frames: u32,
        /// The limit of pixels in all frames.
        max_pixels: u64,
    },
    /// The file can't be decoded completely.
    #[error("the file is damaged or incomplete")]
    Damaged,
    /// The file uses an unsupported variant of its format, such as a lossless or arithmetic JPEG.
    #[error("this form of the file's type is not supported: {0}")]
    Unsupported(String),
    /// The first bytes do not match the declared type.
    #[error("the file is not what its type says")]
    WrongType,
    /// Decoding exceeded the limit of memory or time.
    #[error("the file takes too much memory or time to decode")]
    TooCostly,
    /// The video has a track that the container does not hold.
    #[error("{codec} in {container} is not supported")]
    Codec {
        /// The name of the codec, as ffmpeg calls it.
        codec: String,
        /// The media type of the container.
        container: String,
    },
    /// The video has no readable video track.
    #[error("the video has no picture track that can be read")]
    NoVideo,
    /// The video ends before its container says.
    #[error("the video is incomplete: the file ends before it says it does")]
    Cut,
}

/// Cleans an image. Fails with [`Refusal::WrongType`] if its first bytes do not match
/// `options.kind`.
pub fn clean(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    if Kind::sniff(bytes) != Some(options.kind) {
        return Err(Refusal::WrongType);
    }
    match options.kind {
        Kind::Jpeg => jpeg::clean(bytes, options),
        Kind::Gif => animation::clean_gif(bytes, options),
        Kind::Png => raster::clean_png(bytes, options),
        Kind::Webp => raster::clean_webp(bytes, options),
        Kind::Mp4 | Kind::Quicktime | Kind::Webm => Err(Refusal::WrongType),
    }
}

/// Returns the main picture: the original without metadata if `lossless` is set, otherwise the
/// result of `encode`. The size is that of the upright image.
fn main_picture(
    file: &[u8],
    options: &CleanOptions,
    orientation: Orientation,
    (width, height): (u32, u32),
    encode: impl FnOnce() -> Result<Picture, Refusal>,
) -> Result<Picture, Refusal> {
    let stripped = if options.lossless { strip::strip(file, options.kind, orientation) } else { None };
    match stripped {
        Some(bytes) => Ok(Picture { kind: options.kind, width, height, bytes }),
        // The file breaks the rules of its format, but the decoder could read it.
        None => encode(),
    }
}

/// Fails if the canvas is empty or exceeds the limit of pixels.
fn check_size(width: u32, height: u32, options: &CleanOptions) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(Refusal::Damaged);
    }
    if u64::from(width) * u64::from(height) > options.max_pixels {
        return Err(Refusal::TooManyPixels { width, height, max: options.max_pixels });
    }
    Ok(())
}

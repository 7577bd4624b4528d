//! Cleans PNG and WebP images. Still images are processed here; animations are passed to
//! `animation`.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits};

use super::colour::Profile;
use super::orientation::ExifTransform;
use super::pixels::Pixels;
use super::thumbs::derive_thumbnails;
use super::{CleanOptions, Cleaned, Refusal, animation, check_size, main_picture};
use crate::kind::Kind;

/// The memory that a decoder may use besides the pixels, in bytes, for decompressed text and
/// profiles.
const METADATA_MEMORY: u64 = 16 << 20;

/// Cleans a PNG.
pub(super) fn clean_png(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    let (width, height) = png_size(bytes)?;
    check_size(width, height, options)?;
    let mut limits = Limits::default();
    // Sixteen bits for each of four channels.
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * 8 + METADATA_MEMORY);
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(refusal_from)?;
    if decoder.is_apng().map_err(refusal_from)? {
        return animation::clean_frames(bytes, decoder, options, |decoder| decoder.apng().map_err(refusal_from));
    }
    clean_still(bytes, decoder, options, Kind::Png)
}

/// Cleans a WebP.
pub(super) fn clean_webp(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(refusal_from)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, options)?;
    if decoder.has_animation() {
        return animation::clean_frames(bytes, decoder, options, Ok);
    }
    clean_still(bytes, decoder, options, Kind::Webp)
}

/// Reads the size of a PNG from its first chunk, so that it can be checked before anything is
/// allocated.
fn png_size(bytes: &[u8]) -> Result<(u32, u32), Refusal> {
    let side = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    if bytes.get(12..16) != Some(b"IHDR") {
        return Err(Refusal::Damaged);
    }
    side(16).zip(side(20)).ok_or(Refusal::Damaged)
}

/// Cleans a still image.
fn clean_still(
    file: &[u8],
    mut decoder: impl ImageDecoder,
    options: &CleanOptions,
    kind: Kind,
) -> Result<Cleaned, Refusal> {
    let (orientation, profile) = (orientation(&mut decoder), profile(&mut decoder));
    let image = DynamicImage::from_decoder(decoder).map_err(refusal_from)?;
    let image = upright_srgb(to_pixels(image), ExifTransform::from_orientation(orientation), profile.as_ref());
    let main = main_picture(file, options, orientation, (image.width, image.height), || match (image.alpha, kind) {
        // Lossless output was requested but the file could not be stripped.
        _ if options.lossless => image.png(),
        (false, _) => image.jpeg(options.quality),
        (true, Kind::Webp) => image.webp(options.quality),
        (true, _) => image.png(),
    })?;
    let (thumbnails, blurhash) = derive_thumbnails(&image, None, options)?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: 1 })
}

/// Returns the Exif orientation; upright if it can't be read.
pub(super) fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// Returns the embedded ICC profile, if it is valid.
pub(super) fn profile(decoder: &mut impl ImageDecoder) -> Option<Profile> {
    Profile::parse(decoder.icc_profile().ok().flatten().as_deref())
}

/// Converts pixels to sRGB, makes them upright and removes an opaque alpha channel.
pub(super) fn upright_srgb(image: Pixels, transform: ExifTransform, profile: Option<&Profile>) -> Pixels {
    let image = image.without_opaque_alpha();
    profile.into_iter().fold(image, |image, profile| profile.to_srgb(image)).transformed(transform)
}

/// Converts a decoded image to pixels with 8 bits per channel.
fn to_pixels(image: DynamicImage) -> Pixels {
    let (width, height, alpha) = (image.width(), image.height(), image.color().has_alpha());
    let bytes = if alpha { image.into_rgba8().into_raw() } else { image.into_rgb8().into_raw() };
    Pixels { width, height, alpha, bytes }
}

/// Maps an error of a decoder to a refusal.
pub(super) fn refusal_from(error: image::ImageError) -> Refusal {
    match error {
        image::ImageError::Limits(_) => Refusal::TooCostly,
        image::ImageError::Unsupported(error) => Refusal::Unsupported(error.to_string()),
        _ => Refusal::Damaged,
    }
}

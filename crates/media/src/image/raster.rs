//! Cleans PNG and WebP images. Still images are processed here; animations are passed to
//! `animation`.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::LoopCount;
use image::{AnimationDecoder as _, DynamicImage, ImageDecoder, Limits};

use super::animation::{Animation, TimedFrame};
use super::colour::Profile;
use super::orientation::ExifTransform;
use super::pixels::Pixels;
use super::thumbs::derive_thumbnails;
use super::{CleanOptions, Cleaned, Refusal, animation, apng, check_size, exif, main_picture};
use crate::kind::Kind;

/// The memory that a decoder may use besides the pixels, in bytes, for decompressed text and
/// profiles.
const METADATA_MEMORY: u64 = 16 << 20;

/// Cleans a PNG.
pub(super) fn clean_png(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    let (width, height) = png_size(bytes)?;
    check_size(width, height, options)?;
    let repaired = apng::with_valid_transparency(bytes);
    let bytes = repaired.as_deref().unwrap_or(bytes);
    let mut limits = Limits::default();
    // Sixteen bits for each of four channels.
    let memory = u64::from(width) * u64::from(height) * 8 + METADATA_MEMORY;
    limits.max_alloc = Some(memory);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(refusal_from)?;
    let orientation = exif::orientation(decoder.exif_metadata().ok().flatten().as_deref());
    let profile = apng::colours(bytes).profile(decoder.icc_profile().ok().flatten().as_deref());
    if decoder.is_apng().map_err(refusal_from)? {
        let frames = apng::Frames::new(bytes, usize::try_from(memory).unwrap_or(usize::MAX))?;
        let animation = Animation { orientation, profile, plays: frames.plays };
        return animation::clean_frames(bytes, options, &animation, frames);
    }
    clean_still(bytes, decoder, options, &Animation { orientation, profile, plays: 0 }, Kind::Png)
}

/// Cleans a WebP.
pub(super) fn clean_webp(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(refusal_from)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, options)?;
    let orientation = exif::orientation(decoder.exif_metadata().ok().flatten().as_deref());
    let profile =
        Profile::parse(decoder.icc_profile().ok().flatten().as_deref()).and_then(|profile| profile.for_image(false));
    let mut animation = Animation { orientation, profile, plays: 0 };
    if !decoder.has_animation() {
        return clean_still(bytes, decoder, options, &animation, Kind::Webp);
    }
    if let LoopCount::Finite(plays) = decoder.loop_count() {
        animation.plays = plays.get();
    }
    let frames = decoder.into_frames().map(|frame| {
        let frame = frame.map_err(refusal_from)?;
        // WebP stores whole milliseconds.
        let (delay, _) = frame.delay().numer_denom_ms();
        let image = frame.into_buffer();
        let (width, height) = image.dimensions();
        Ok(TimedFrame { pixels: Pixels { width, height, alpha: true, bytes: image.into_raw() }, delay })
    });
    animation::clean_frames(bytes, options, &animation, frames)
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
    decoder: impl ImageDecoder,
    options: &CleanOptions,
    Animation { orientation, profile, .. }: &Animation,
    kind: Kind,
) -> Result<Cleaned, Refusal> {
    let image = DynamicImage::from_decoder(decoder).map_err(refusal_from)?;
    let image = srgb_pixels(image, profile.as_ref()).without_opaque_alpha();
    let image = image.transformed(ExifTransform::from_orientation(*orientation));
    let main = main_picture(file, options, *orientation, (image.width, image.height), || match (image.alpha, kind) {
        // Lossless output was requested but the file could not be stripped.
        _ if options.lossless => image.png(),
        (false, _) => image.jpeg(options.quality),
        (true, Kind::Webp) => image.webp(options.quality),
        (true, _) => image.png(),
    })?;
    let (thumbnails, blurhash) = derive_thumbnails(&image, None, options)?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: 1 })
}

/// Converts a decoded image to sRGB pixels with 8 bits per channel. Sixteen bits are reduced after
/// the conversion, because dark colours of linear light need them.
fn srgb_pixels(image: DynamicImage, profile: Option<&Profile>) -> Pixels {
    let is_deep = image.color().bytes_per_pixel() / image.color().channel_count() > 1;
    let (width, height) = (image.width(), image.height());
    if let Some(profile) = profile.filter(|profile| is_deep && profile.is_rgb()) {
        let mut image = image.into_rgba16();
        profile.to_srgb_16(&mut image);
        let bytes = image.iter().map(|value| reduced(*value)).collect();
        return Pixels { width, height, alpha: true, bytes };
    }
    let pixels = to_pixels(image);
    profile.into_iter().fold(pixels, |pixels, profile| profile.to_srgb(pixels))
}

/// Reduces a channel to 8 bits.
fn reduced(value: u16) -> u8 {
    u8::try_from((u32::from(value) * 255 + 32_767) / 65_535).unwrap_or(u8::MAX)
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

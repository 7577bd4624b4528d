//! PNG and WebP: still ones here, moving ones by way of `animation`.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits};

use super::colour::Profile;
use super::pixels::Pixels;
use super::planes::Turn;
use super::thumbs::derive;
use super::{Cleaned, Order, Refusal, animation, check_size, main_of};
use crate::kind::Kind;

/// What a decoder may keep besides the picture: compressed text and profiles may swell.
const BESIDES: u64 = 16 << 20;

pub(super) fn clean_png(bytes: &[u8], order: &Order) -> Result<Cleaned, Refusal> {
    let (width, height) = png_size(bytes)?;
    check_size(width, height, order)?;
    let mut limits = Limits::default();
    // Sixteen bits for each of four channels.
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * 8 + BESIDES);
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(refused)?;
    if decoder.is_apng().map_err(refused)? {
        return animation::clean_frames(bytes, decoder, order, |decoder| decoder.apng().map_err(refused));
    }
    still(bytes, decoder, order, Kind::Png)
}

pub(super) fn clean_webp(bytes: &[u8], order: &Order) -> Result<Cleaned, Refusal> {
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(refused)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, order)?;
    if decoder.has_animation() {
        return animation::clean_frames(bytes, decoder, order, Ok);
    }
    still(bytes, decoder, order, Kind::Webp)
}

/// Read from the first chunk, so that nothing is allocated for what is not taken.
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

fn still(file: &[u8], mut decoder: impl ImageDecoder, order: &Order, kind: Kind) -> Result<Cleaned, Refusal> {
    let (orientation, profile) = (orientation(&mut decoder), profile(&mut decoder));
    let image = DynamicImage::from_decoder(decoder).map_err(refused)?;
    let image = upright(of(image), Turn::upright(orientation), profile.as_ref());
    let main = main_of(file, order, orientation, (image.width, image.height), || match (image.alpha, kind) {
        // Whatever its bytes are like: nothing of its pixels is lost.
        _ if order.lossless => image.png(),
        (false, _) => image.jpeg(order.quality),
        (true, Kind::Webp) => image.webp(order.quality),
        (true, _) => image.png(),
    })?;
    let (thumbnails, blurhash) = derive(&image, None, order)?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: 1 })
}

/// How an image lies; what can't be read is upright.
pub(super) fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

pub(super) fn profile(decoder: &mut impl ImageDecoder) -> Option<Profile> {
    Profile::read(decoder.icc_profile().ok().flatten().as_deref())
}

/// In sRGB and as it should be looked at.
pub(super) fn upright(image: Pixels, turn: Turn, profile: Option<&Profile>) -> Pixels {
    let image = image.without_idle_alpha();
    profile.into_iter().fold(image, |image, profile| profile.applied(image)).turned(turn)
}

/// Eight bits for each of three or four channels.
fn of(image: DynamicImage) -> Pixels {
    let (width, height, alpha) = (image.width(), image.height(), image.color().has_alpha());
    let bytes = if alpha { image.into_rgba8().into_raw() } else { image.into_rgb8().into_raw() };
    Pixels { width, height, alpha, bytes }
}

/// What decoders say, in our words.
pub(super) fn refused(error: image::ImageError) -> Refusal {
    match error {
        image::ImageError::Limits(_) => Refusal::TooCostly,
        image::ImageError::Unsupported(error) => Refusal::Unsupported(error.to_string()),
        _ => Refusal::Damaged,
    }
}

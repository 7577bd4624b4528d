//! JPEG: decoded to planes of brightness and colour, turned there, and encoded again, which is quicker than by way of red,
//! green and blue, and loses less.

use std::cell::Cell;

use fast_image_resize::{PixelType, Resizer};
use image::metadata::Orientation;
use turbojpeg::{Colorspace, Compressor, DecompressHeader, Decompressor, PixelFormat, Subsamp, YuvImage};

use super::colour::{self, Profile};
use super::pixels::{Pixels, size};
use super::planes::Turn;
use super::thumbs::{Shrink, derive, shrink};
use super::{Cleaned, Order, Picture, Refusal, check_size, main_of, segments};
use crate::kind::Kind;

/// Scans of a progressive file. Honest encoders make about ten; thousands would take minutes to decode.
const MAX_SCANS: u32 = 500;

pub(super) fn clean(bytes: &[u8], order: &Order) -> Result<Cleaned, Refusal> {
    let segments = segments::read(bytes);
    let orientation = segments.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let turn = Turn::upright(orientation);
    let untidy = Cell::new(false);
    let main = |size, made: &dyn Fn() -> Result<Picture, Refusal>| match untidy.get() {
        // Nobody can say where in it the picture ends.
        true => made(),
        false => main_of(bytes, order, orientation, size, made),
    };
    let profile = Profile::read(segments.icc.as_deref());
    let mut decompressor = Decompressor::new().map_err(|_| Refusal::TooCostly)?;
    let header = decompressor.read_header(bytes).map_err(|_| Refusal::Damaged)?;
    let (width, height) = (pixels(header.width)?, pixels(header.height)?);
    check_size(width, height, order)?;
    if header.is_lossless || header.is_arithmetic {
        return Err(Refusal::Unsupported("lossless or arithmetic coding".to_owned()));
    }
    decompressor.set_scan_limit(MAX_SCANS).map_err(|_| Refusal::TooCostly)?;
    if matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK) {
        let image = inks(&mut decompressor, bytes, &header, profile.as_ref(), &untidy)?.turned(turn);
        return finish(main(image.size(), &|| image.jpeg(order.quality))?, &image, None, order);
    }
    let kept = profile.as_ref().and_then(Profile::kept);
    let planar = matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray) && keeps_pairs(turn, &header);
    if planar && (kept.is_some() || !profile.as_ref().is_some_and(Profile::is_rgb)) {
        let image = Planes::decode(&mut decompressor, bytes, &header, &untidy)?.turned(turn);
        let main = main(image.size(), &|| image.jpeg(order.quality, kept.as_deref()))?;
        return finish(main, &image, profile.as_ref(), order);
    }
    let image = colours(&mut decompressor, bytes, &header, &untidy)?;
    let image = profile.iter().fold(image, |image, profile| profile.applied(image)).turned(turn);
    finish(main(image.size(), &|| image.jpeg(order.quality))?, &image, None, order)
}

fn finish(main: Picture, image: &dyn Shrink, profile: Option<&Profile>, order: &Order) -> Result<Cleaned, Refusal> {
    let (thumbnails, blurhash) = derive(image, profile, order)?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: 1 })
}

/// Where pixels share their colour by twos or fours, a picture of odd size can't be turned around without its colours
/// moving by a pixel.
fn keeps_pairs(turn: Turn, header: &DecompressHeader) -> bool {
    let sampling = header.subsamp;
    sampling != Subsamp::Unknown
        && (!turn.mirrored || header.width.is_multiple_of(sampling.width()))
        && (!turn.flipped || header.height.is_multiple_of(sampling.height()))
}

/// What a decoder says of bytes between the picture and the mark of its end: all of it was decoded. Only the first thing it
/// has to say is known, so that nothing that comes before the end may be passed over.
fn is_harmless(error: &turbojpeg::Error) -> bool {
    matches!(error, turbojpeg::Error::TurboJpegError(text) if text.ends_with("extraneous bytes before marker 0xd9"))
}

fn decoded(outcome: turbojpeg::Result<()>, untidy: &Cell<bool>) -> Result<(), Refusal> {
    match outcome {
        Err(error) if !is_harmless(&error) => Err(Refusal::Damaged),
        Err(_) => {
            untidy.set(true);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Into red, green and blue.
fn colours(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    untidy: &Cell<bool>,
) -> Result<Pixels, Refusal> {
    let bytes = packed(decompressor, bytes, header, PixelFormat::RGB, untidy)?;
    Ok(Pixels { width: pixels(header.width)?, height: pixels(header.height)?, alpha: false, bytes })
}

/// The four inks of print.
fn inks(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    profile: Option<&Profile>,
    untidy: &Cell<bool>,
) -> Result<Pixels, Refusal> {
    let mut inks = packed(decompressor, bytes, header, PixelFormat::CMYK, untidy)?;
    // Programs write them upside down, 255 for no ink, since the first that wrote them did.
    for ink in &mut inks {
        *ink = 255 - *ink;
    }
    let bytes = profile.and_then(|profile| profile.of_inks(&inks)).unwrap_or_else(|| colour::of_plain_inks(&inks));
    Ok(Pixels { width: pixels(header.width)?, height: pixels(header.height)?, alpha: false, bytes })
}

fn packed(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    format: PixelFormat,
    untidy: &Cell<bool>,
) -> Result<Vec<u8>, Refusal> {
    let pitch = header.width * format.size();
    let mut out = vec![0; pitch * header.height];
    let image =
        turbojpeg::Image { pixels: out.as_mut_slice(), width: header.width, pitch, height: header.height, format };
    decoded(decompressor.decompress(bytes, image), untidy)?;
    Ok(out)
}

fn pixels(length: usize) -> Result<u32, Refusal> {
    u32::try_from(length).map_err(|_| Refusal::Damaged)
}

/// Brightness and two colours, each a plane of its own.
struct Planes(YuvImage<Vec<u8>>);

impl Planes {
    fn decode(
        decompressor: &mut Decompressor,
        bytes: &[u8],
        header: &DecompressHeader,
        untidy: &Cell<bool>,
    ) -> Result<Self, Refusal> {
        let DecompressHeader { width, height, subsamp, .. } = *header;
        let length = turbojpeg::yuv_pixels_len(width, 1, height, subsamp).map_err(|_| Refusal::Damaged)?;
        let mut image = YuvImage { pixels: vec![0; length], width, align: 1, height, subsamp };
        decoded(decompressor.decompress_to_yuv(bytes, image.as_deref_mut()), untidy)?;
        Ok(Self(image))
    }

    /// The planes and their sizes, padding included.
    fn planes(&self) -> Vec<(&[u8], (usize, usize))> {
        let brightness = self.0.y_size();
        let (first, rest) = self.0.pixels.split_at(brightness.0 * brightness.1);
        if self.0.subsamp == Subsamp::Gray {
            return vec![(first, brightness)];
        }
        let colour = self.0.uv_size();
        let (second, third) = rest.split_at(colour.0 * colour.1);
        vec![(first, brightness), (second, colour), (third, colour)]
    }

    fn turned(self, turn: Turn) -> Self {
        if turn == Turn::NONE {
            return self;
        }
        let subsamp = match self.0.subsamp {
            Subsamp::Sub2x1 if turn.transposed => Subsamp::Sub1x2,
            Subsamp::Sub1x2 if turn.transposed => Subsamp::Sub2x1,
            Subsamp::Sub4x1 if turn.transposed => Subsamp::Sub1x4,
            Subsamp::Sub1x4 if turn.transposed => Subsamp::Sub4x1,
            same => same,
        };
        let mut turned = Vec::with_capacity(self.0.pixels.len());
        for (plane, (width, height)) in self.planes() {
            turned.extend_from_slice(&turn.plane::<1>(plane, width, height));
        }
        let (width, height) = turn.size((self.0.width, self.0.height));
        Self(YuvImage { pixels: turned, width, align: 1, height, subsamp })
    }

    fn jpeg(&self, quality: u8, profile: Option<&[u8]>) -> Result<Picture, Refusal> {
        let mut compressor = Compressor::new().map_err(|_| Refusal::TooCostly)?;
        let bytes = compressor
            .set_quality(i32::from(quality))
            .and_then(|()| compressor.compress_yuv_to_vec(self.0.as_deref()))
            .map_err(|_| Refusal::TooCostly)?;
        let bytes = match profile {
            Some(profile) => segments::with_icc(bytes, profile),
            None => bytes,
        };
        let (width, height) = self.size();
        Ok(Picture { kind: Kind::Jpeg, width, height, bytes })
    }
}

impl Shrink for Planes {
    fn size(&self) -> (u32, u32) {
        (pixels(self.0.width).unwrap_or(u32::MAX), pixels(self.0.height).unwrap_or(u32::MAX))
    }

    fn shrunk(&self, resizer: &mut Resizer, width: u32, height: u32) -> Option<Pixels> {
        let (whole_width, whole_height) = self.size();
        let small = self.planes().into_iter().enumerate().map(|(number, (plane, padded))| {
            let (by_x, by_y) = match number {
                0 => (1, 1),
                _ => (self.0.subsamp.width(), self.0.subsamp.height()),
            };
            let across = |whole: u32, by: usize| f64::from(whole) / f64::from(u32::try_from(by).unwrap_or(1));
            let part = (across(whole_width, by_x), across(whole_height, by_y));
            let padded = (pixels(padded.0).ok()?, pixels(padded.1).ok()?);
            shrink(resizer, plane, padded, PixelType::U8, Some(part), (width, height))
        });
        let small: Vec<Vec<u8>> = small.collect::<Option<_>>()?;
        let mut bytes = vec![0; size(width) * size(height) * 3];
        let (triples, _) = bytes.as_chunks_mut::<3>();
        match small.as_slice() {
            [gray] => triples.iter_mut().zip(gray).for_each(|(to, gray)| *to = [*gray; 3]),
            [brightness, blue, red] => {
                for (((to, y), cb), cr) in triples.iter_mut().zip(brightness).zip(blue).zip(red) {
                    *to = rgb(*y, *cb, *cr);
                }
            }
            _ => return None,
        }
        Some(Pixels { width, height, alpha: false, bytes })
    }
}

/// ITU-T T.871 section 7, in 16 bits after the point.
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    let clamped = |value: i32| u8::try_from(((value + (1 << 15)) >> 16).clamp(0, 255)).unwrap_or_default();
    [clamped(y + 91_881 * cr), clamped(y - 22_554 * cb - 46_802 * cr), clamped(y + 116_130 * cb)]
}

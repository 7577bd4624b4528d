//! Cleans JPEG images. Decodes to YCbCr planes, applies the orientation to the planes and encodes
//! them again, which is faster than a conversion to RGB and loses less. Uses RGB where the planes
//! can't be transformed or the profile can't be kept. Segments are parsed in `segments`.

use std::cell::Cell;

use fast_image_resize::{PixelType, Resizer};
use image::metadata::Orientation;
use turbojpeg::{Colorspace, Compressor, DecompressHeader, Decompressor, PixelFormat, Subsamp, YuvImage};

use super::colour::{self, Profile};
use super::orientation::ExifTransform;
use super::pixels::{Pixels, size};
use super::thumbs::{Resize, derive_thumbnails, resize_plane};
use super::{CleanOptions, Cleaned, Picture, Refusal, check_size, main_picture, segments};
use crate::kind::Kind;

/// The largest number of scans of a progressive file. Encoders write about ten; thousands would
/// take minutes to decode.
const MAX_SCANS: u32 = 500;

/// Cleans a JPEG.
pub(super) fn clean(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    let segments = segments::read(bytes);
    let orientation = segments.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let transform = ExifTransform::from_orientation(orientation);
    let has_trailing_data = Cell::new(false);
    let main = |size, encode: &dyn Fn() -> Result<Picture, Refusal>| match has_trailing_data.get() {
        // The end of the picture data is unknown, so the file can't be stripped.
        true => encode(),
        false => main_picture(bytes, options, orientation, size, encode),
    };
    let profile = Profile::parse(segments.icc.as_deref());
    let mut decompressor = Decompressor::new().map_err(|_| Refusal::TooCostly)?;
    let header = decompressor.read_header(bytes).map_err(|_| Refusal::Damaged)?;
    let (width, height) = (pixels(header.width)?, pixels(header.height)?);
    check_size(width, height, options)?;
    if header.is_lossless || header.is_arithmetic {
        return Err(Refusal::Unsupported("lossless or arithmetic coding".to_owned()));
    }
    decompressor.set_scan_limit(MAX_SCANS).map_err(|_| Refusal::TooCostly)?;
    if matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK) {
        let image = decode_cmyk(&mut decompressor, bytes, &header, profile.as_ref(), &has_trailing_data)?
            .transformed(transform);
        return finish(main(image.size(), &|| image.jpeg(options.quality))?, &image, None, options);
    }
    let kept_profile = profile.as_ref().and_then(Profile::minimal_rgb);
    let planar =
        matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray) && keeps_chroma_alignment(transform, &header);
    if planar && (kept_profile.is_some() || !profile.as_ref().is_some_and(Profile::is_rgb)) {
        let image = YuvPlanes::decode(&mut decompressor, bytes, &header, &has_trailing_data)?.transformed(transform);
        let main = main(image.size(), &|| image.jpeg(options.quality, kept_profile.as_deref()))?;
        return finish(main, &image, profile.as_ref(), options);
    }
    let image = decode_rgb(&mut decompressor, bytes, &header, &has_trailing_data)?;
    let image = profile.iter().fold(image, |image, profile| profile.to_srgb(image)).transformed(transform);
    finish(main(image.size(), &|| image.jpeg(options.quality))?, &image, None, options)
}

/// Adds the thumbnails to the main picture.
fn finish(
    main: Picture,
    image: &dyn Resize,
    profile: Option<&Profile>,
    options: &CleanOptions,
) -> Result<Cleaned, Refusal> {
    let (thumbnails, blurhash) = derive_thumbnails(image, profile, options)?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: 1 })
}

/// Returns whether a transformation keeps chroma samples aligned with their pixels. With chroma
/// subsampling, mirroring an image of odd size would shift its colours by a pixel.
fn keeps_chroma_alignment(transform: ExifTransform, header: &DecompressHeader) -> bool {
    let sampling = header.subsamp;
    sampling != Subsamp::Unknown
        && (!transform.mirrored || header.width.is_multiple_of(sampling.width()))
        && (!transform.flipped || header.height.is_multiple_of(sampling.height()))
}

/// Returns whether a decoder warning means only that there are bytes between the picture data and
/// the end marker. The decoder reports only its first warning, so any other warning counts as
/// damage.
fn is_trailing_data_warning(error: &turbojpeg::Error) -> bool {
    matches!(error, turbojpeg::Error::TurboJpegError(text) if text.ends_with("extraneous bytes before marker 0xd9"))
}

/// Accepts a decoder result, with a flag for data after the picture.
fn check_decoded(outcome: turbojpeg::Result<()>, has_trailing_data: &Cell<bool>) -> Result<(), Refusal> {
    match outcome {
        Err(error) if !is_trailing_data_warning(&error) => Err(Refusal::Damaged),
        Err(_) => {
            has_trailing_data.set(true);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Decodes to RGB.
fn decode_rgb(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    has_trailing_data: &Cell<bool>,
) -> Result<Pixels, Refusal> {
    let bytes = decode_packed(decompressor, bytes, header, PixelFormat::RGB, has_trailing_data)?;
    Ok(Pixels { width: pixels(header.width)?, height: pixels(header.height)?, alpha: false, bytes })
}

/// Decodes CMYK and converts it to sRGB.
fn decode_cmyk(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    profile: Option<&Profile>,
    has_trailing_data: &Cell<bool>,
) -> Result<Pixels, Refusal> {
    let mut cmyk = decode_packed(decompressor, bytes, header, PixelFormat::CMYK, has_trailing_data)?;
    // CMYK JPEGs are stored inverted, 255 for no ink, as Adobe Photoshop writes them.
    for ink in &mut cmyk {
        *ink = 255 - *ink;
    }
    let bytes =
        profile.and_then(|profile| profile.cmyk_to_srgb(&cmyk)).unwrap_or_else(|| colour::plain_cmyk_to_srgb(&cmyk));
    Ok(Pixels { width: pixels(header.width)?, height: pixels(header.height)?, alpha: false, bytes })
}

/// Decodes to interleaved pixels of a format.
fn decode_packed(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &DecompressHeader,
    format: PixelFormat,
    has_trailing_data: &Cell<bool>,
) -> Result<Vec<u8>, Refusal> {
    let pitch = header.width * format.size();
    let mut out = vec![0; pitch * header.height];
    let image =
        turbojpeg::Image { pixels: out.as_mut_slice(), width: header.width, pitch, height: header.height, format };
    check_decoded(decompressor.decompress(bytes, image), has_trailing_data)?;
    Ok(out)
}

/// Converts a length in pixels.
fn pixels(length: usize) -> Result<u32, Refusal> {
    u32::try_from(length).map_err(|_| Refusal::Damaged)
}

/// A decoded image with one plane for luma and two for chroma, or luma only.
struct YuvPlanes(YuvImage<Vec<u8>>);

impl YuvPlanes {
    /// Decodes to planes.
    fn decode(
        decompressor: &mut Decompressor,
        bytes: &[u8],
        header: &DecompressHeader,
        has_trailing_data: &Cell<bool>,
    ) -> Result<Self, Refusal> {
        let DecompressHeader { width, height, subsamp, .. } = *header;
        let length = turbojpeg::yuv_pixels_len(width, 1, height, subsamp).map_err(|_| Refusal::Damaged)?;
        let mut image = YuvImage { pixels: vec![0; length], width, align: 1, height, subsamp };
        check_decoded(decompressor.decompress_to_yuv(bytes, image.as_deref_mut()), has_trailing_data)?;
        Ok(Self(image))
    }

    /// Returns the planes and their sizes, including padding.
    fn planes(&self) -> Vec<(&[u8], (usize, usize))> {
        let luma_size = self.0.y_size();
        let (luma, chroma) = self.0.pixels.split_at(luma_size.0 * luma_size.1);
        if self.0.subsamp == Subsamp::Gray {
            return vec![(luma, luma_size)];
        }
        let chroma_size = self.0.uv_size();
        let (blue, red) = chroma.split_at(chroma_size.0 * chroma_size.1);
        vec![(luma, luma_size), (blue, chroma_size), (red, chroma_size)]
    }

    /// Applies an orientation to each plane.
    fn transformed(self, transform: ExifTransform) -> Self {
        if transform == ExifTransform::NONE {
            return self;
        }
        let subsamp = match self.0.subsamp {
            Subsamp::Sub2x1 if transform.transposed => Subsamp::Sub1x2,
            Subsamp::Sub1x2 if transform.transposed => Subsamp::Sub2x1,
            Subsamp::Sub4x1 if transform.transposed => Subsamp::Sub1x4,
            Subsamp::Sub1x4 if transform.transposed => Subsamp::Sub4x1,
            same => same,
        };
        let mut pixels = Vec::with_capacity(self.0.pixels.len());
        for (plane, (width, height)) in self.planes() {
            pixels.extend_from_slice(&transform.apply::<1>(plane, width, height));
        }
        let (width, height) = transform.output_size((self.0.width, self.0.height));
        Self(YuvImage { pixels, width, align: 1, height, subsamp })
    }

    /// Encodes a JPEG, with a profile if one is given.
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

impl Resize for YuvPlanes {
    fn size(&self) -> (u32, u32) {
        (pixels(self.0.width).unwrap_or(u32::MAX), pixels(self.0.height).unwrap_or(u32::MAX))
    }

    fn resized(&self, resizer: &mut Resizer, width: u32, height: u32) -> Option<Pixels> {
        let (whole_width, whole_height) = self.size();
        let small = self.planes().into_iter().enumerate().map(|(number, (plane, padded))| {
            let (by_x, by_y) = match number {
                0 => (1, 1),
                _ => (self.0.subsamp.width(), self.0.subsamp.height()),
            };
            let across = |whole: u32, by: usize| f64::from(whole) / f64::from(u32::try_from(by).unwrap_or(1));
            let part = (across(whole_width, by_x), across(whole_height, by_y));
            let padded = (pixels(padded.0).ok()?, pixels(padded.1).ok()?);
            resize_plane(resizer, plane, padded, PixelType::U8, Some(part), (width, height))
        });
        let small: Vec<Vec<u8>> = small.collect::<Option<_>>()?;
        let mut bytes = vec![0; size(width) * size(height) * 3];
        let (triples, _) = bytes.as_chunks_mut::<3>();
        match small.as_slice() {
            [gray] => triples.iter_mut().zip(gray).for_each(|(to, gray)| *to = [*gray; 3]),
            [luma, blue, red] => {
                for (((to, y), cb), cr) in triples.iter_mut().zip(luma).zip(blue).zip(red) {
                    *to = rgb(*y, *cb, *cr);
                }
            }
            _ => return None,
        }
        Some(Pixels { width, height, alpha: false, bytes })
    }
}

/// Converts YCbCr to RGB (ITU-T T.871 section 7), in 16-bit fixed point.
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    let clamped = |value: i32| u8::try_from(((value + (1 << 15)) >> 16).clamp(0, 255)).unwrap_or_default();
    [clamped(y + 91_881 * cr), clamped(y - 22_554 * cb - 46_802 * cr), clamped(y + 116_130 * cb)]
}

//! Cleans JPEG images. Decodes to YCbCr planes, applies the orientation to the planes and encodes
//! them again, which is faster than a conversion to RGB and loses less. Uses RGB where the planes
//! can't be transformed or the profile can't be kept. Segments are parsed in `segments`; files that
//! the decoder reads only with a warning are rewritten in `repair`.

use fast_image_resize::Resizer;
use fast_image_resize::pixels::U8;
use image::metadata::Orientation;
use turbojpeg::{Colorspace, Compressor, DecompressHeader, Decompressor, PixelFormat, Subsamp, YuvImage};

use super::colour::{self, Profile};
use super::orientation::ExifTransform;
use super::pixels::{Pixels, size};
use super::repair::{MAX_SCANS, repair};
use super::thumbs::{Resize, derive_thumbnails, resize_plane};
use super::{CleanOptions, Cleaned, Picture, Refusal, check_size, exif, main_picture, segments};
use crate::kind::Kind;

/// Cleans a JPEG.
pub(super) fn clean(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    let segments = segments::read(bytes);
    let orientation = exif::orientation(segments.exif);
    let icc = segments.icc.as_deref();
    let file = JpegFile { bytes, orientation, options, is_repaired: false };
    // The decoder does not report a few bytes before each restart marker, and a file that is kept
    // must not hide them.
    if !(options.lossless && segments.has_restarts) {
        match file.clean(icc) {
            // The decoder reports only its first warning, so a harmless one can hide a serious one.
            Err(Refusal::Damaged) => {}
            outcome => return outcome,
        }
    }
    let repaired = repair(bytes, icc, options)?;
    JpegFile { bytes: &repaired, is_repaired: true, ..file }.clean(icc)
}

/// A JPEG file that is cleaned if it can be decoded without a warning.
struct JpegFile<'a> {
    bytes: &'a [u8],
    orientation: Orientation,
    options: &'a CleanOptions,
    /// Whether every scan is known to be whole.
    is_repaired: bool,
}

impl JpegFile<'_> {
    fn clean(&self, icc: Option<&[u8]>) -> Result<Cleaned, Refusal> {
        let Self { bytes, options, .. } = *self;
        let transform = ExifTransform::from_orientation(self.orientation);
        let mut decompressor = Decompressor::new().map_err(|_| Refusal::TooCostly)?;
        let header = decompressor.read_header(bytes).map_err(|_| Refusal::Damaged)?;
        check_size(pixels(header.width)?, pixels(header.height)?, options)?;
        if header.is_lossless || header.is_arithmetic {
            return Err(Refusal::Unsupported("lossless or arithmetic coding".to_owned()));
        }
        decompressor.set_scan_limit(MAX_SCANS).map_err(|_| Refusal::TooCostly)?;
        let is_gray = header.colorspace == Colorspace::Gray;
        let profile = Profile::parse(icc).and_then(|profile| profile.for_image(is_gray));
        if matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK) {
            let image = self.decode_cmyk(&mut decompressor, &header, profile.as_ref())?.transformed(transform);
            return finish(self.main(image.size(), || image.jpeg(options.quality))?, &image, None, options);
        }
        let kept_profile = profile.as_ref().and_then(Profile::minimal_rgb);
        let planar = matches!(header.colorspace, Colorspace::YCbCr | Colorspace::Gray)
            && keeps_chroma_alignment(transform, &header);
        if planar && (kept_profile.is_some() || !matches!(profile, Some(Profile::Rgb(_)))) {
            let mut image = self.decode_planes(&mut decompressor, &header)?;
            // The output has no profile for grey values.
            profile.iter().for_each(|profile| image.gray_to_srgb(profile));
            let image = image.transformed(transform);
            let main = self.main(image.size(), || image.jpeg(options.quality, kept_profile.as_deref()))?;
            let profile = profile.filter(|_| kept_profile.is_some());
            return finish(main, &image, profile.as_ref(), options);
        }
        let image = self.decode_rgb(&mut decompressor, &header)?;
        let image = profile.iter().fold(image, |image, profile| profile.to_srgb(image)).transformed(transform);
        finish(self.main(image.size(), || image.jpeg(options.quality))?, &image, None, options)
    }

    /// Returns the main picture: the file without its metadata, or the result of `encode`.
    fn main(&self, size: (u32, u32), encode: impl FnOnce() -> Result<Picture, Refusal>) -> Result<Picture, Refusal> {
        main_picture(self.bytes, self.options, self.orientation, size, encode)
    }

    /// Accepts a result of the decoder without a warning. In a file whose scans are whole, an
    /// unusual order of its scans is harmless too.
    fn check(&self, outcome: turbojpeg::Result<()>) -> Result<(), Refusal> {
        match outcome {
            Ok(()) => Ok(()),
            Err(turbojpeg::Error::TurboJpegError(text))
                if self.is_repaired && text.contains("Inconsistent progression") =>
            {
                Ok(())
            }
            Err(_) => Err(Refusal::Damaged),
        }
    }

    /// Decodes to RGB.
    fn decode_rgb(&self, decompressor: &mut Decompressor, header: &DecompressHeader) -> Result<Pixels, Refusal> {
        let bytes = self.decode_packed(decompressor, header, PixelFormat::RGB)?;
        Ok(Pixels { width: pixels(header.width)?, height: pixels(header.height)?, alpha: false, bytes })
    }

    /// Decodes CMYK and converts it to sRGB.
    fn decode_cmyk(
        &self,
        decompressor: &mut Decompressor,
        header: &DecompressHeader,
        profile: Option<&Profile>,
    ) -> Result<Pixels, Refusal> {
        let mut cmyk = self.decode_packed(decompressor, header, PixelFormat::CMYK)?;
        // CMYK JPEGs are stored inverted, 255 for no ink, as Adobe Photoshop writes them.
        for ink in &mut cmyk {
            *ink = 255 - *ink;
        }
        let bytes = profile
            .and_then(|profile| profile.cmyk_to_srgb(&cmyk))
            .unwrap_or_else(|| colour::plain_cmyk_to_srgb(&cmyk));
        Ok(Pixels { width: pixels(header.width)?, height: pixels(header.height)?, alpha: false, bytes })
    }

    /// Decodes to interleaved pixels of a format.
    fn decode_packed(
        &self,
        decompressor: &mut Decompressor,
        header: &DecompressHeader,
        format: PixelFormat,
    ) -> Result<Vec<u8>, Refusal> {
        let pitch = header.width * format.size();
        let mut out = vec![0; pitch * header.height];
        let image =
            turbojpeg::Image { pixels: out.as_mut_slice(), width: header.width, pitch, height: header.height, format };
        self.check(decompressor.decompress(self.bytes, image))?;
        Ok(out)
    }

    /// Decodes to planes.
    fn decode_planes(&self, decompressor: &mut Decompressor, header: &DecompressHeader) -> Result<YuvPlanes, Refusal> {
        let DecompressHeader { width, height, subsamp, .. } = *header;
        let length = turbojpeg::yuv_pixels_len(width, 1, height, subsamp).map_err(|_| Refusal::Damaged)?;
        let mut image = YuvImage { pixels: vec![0; length], width, align: 1, height, subsamp };
        self.check(decompressor.decompress_to_yuv(self.bytes, image.as_deref_mut()))?;
        Ok(YuvPlanes(image))
    }
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

/// Converts a length in pixels.
fn pixels(length: usize) -> Result<u32, Refusal> {
    u32::try_from(length).map_err(|_| Refusal::Damaged)
}

/// A decoded image with one plane for luma and two for chroma, or luma only.
struct YuvPlanes(YuvImage<Vec<u8>>);

impl YuvPlanes {
    /// Converts the luma of a grey image to sRGB, if the profile is for grey values.
    fn gray_to_srgb(&mut self, profile: &Profile) {
        let (width, height) = self.0.y_size();
        if let Some(luma) = self.0.pixels.get_mut(..width * height) {
            profile.gray_to_srgb(luma);
        }
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
            resize_plane::<U8>(resizer, plane, padded, Some(part), (width, height))
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

//! Makes the thumbnails and the `BlurHash` of an image from its decoded pixels. Decodes nothing.

use fast_image_resize::images::{Image, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::colour::Profile;
use super::pixels::{Pixels, size};
use super::{CleanOptions, Refusal, Thumbnail};

/// The JPEG and WebP quality of thumbnails.
const QUALITY: u8 = 80;
/// The longer side of the image that the `BlurHash` is computed from, in pixels.
const BLURHASH_SIZE: u32 = 32;

/// An image that can be resized.
pub(super) trait Resize {
    /// Returns the size in pixels.
    fn size(&self) -> (u32, u32);
    /// Returns a copy of another size, in the image's own colour space. Returns `None` if resizing
    /// fails.
    fn resized(&self, resizer: &mut Resizer, width: u32, height: u32) -> Option<Pixels>;
}

/// Makes the thumbnails and the `BlurHash` of an image, in sRGB. Each size is made from the next
/// larger one.
pub(super) fn derive_thumbnails(
    image: &dyn Resize,
    profile: Option<&Profile>,
    options: &CleanOptions,
) -> Result<(Vec<Thumbnail>, String), Refusal> {
    let mut resizer = Resizer::new();
    let mut sizes = options.thumbnails.clone();
    sizes.sort_unstable();
    sizes.dedup();
    if options.lossless {
        // The original is published, so thumbnails of its own size are useless. The smallest is
        // always made.
        let longer = image.size().0.max(image.size().1);
        let smallest = sizes.first().copied();
        sizes.retain(|size| *size < longer || Some(*size) == smallest);
    }
    let (mut pictures, mut larger) = (Vec::new(), None::<Pixels>);
    for longest in sizes.into_iter().rev() {
        let (width, height) = fit_within(image.size(), longest);
        let source: &dyn Resize = larger.as_ref().map_or(image, |larger| larger);
        let mut small = source.resized(&mut resizer, width, height).ok_or(Refusal::TooCostly)?;
        if let (None, Some(profile)) = (&larger, profile) {
            small = profile.to_srgb(small);
        }
        pictures.push(Thumbnail { longest, picture: small.webp(QUALITY)? });
        let picture = if small.alpha { small.png()? } else { small.jpeg(QUALITY)? };
        pictures.push(Thumbnail { longest, picture });
        larger = Some(small);
    }
    let (width, height) = fit_within(image.size(), BLURHASH_SIZE);
    let source: &dyn Resize = larger.as_ref().map_or(image, |larger| larger);
    let tiny = source.resized(&mut resizer, width, height).ok_or(Refusal::TooCostly)?;
    pictures.reverse();
    Ok((pictures, compute_blurhash(&tiny)?))
}

/// Returns the size with the same aspect ratio whose longer side is `longest`, or the original size
/// if that is smaller.
fn fit_within((width, height): (u32, u32), longest: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= longest {
        return (width, height);
    }
    let scaled = |side: u32| {
        let rounded = (u64::from(side) * u64::from(longest) * 2 + u64::from(longer)) / (2 * u64::from(longer));
        u32::try_from(rounded).unwrap_or(longest).max(1)
    };
    (scaled(width), scaled(height))
}

/// Computes the `BlurHash`.
fn compute_blurhash(tiny: &Pixels) -> Result<String, Refusal> {
    // BlurHash ignores alpha, so transparent pixels are blended with white.
    let on_white = |colour: u8, alpha: u8| {
        let sum = u16::from(colour) * u16::from(alpha) + 255 * u16::from(255 - alpha);
        u8::try_from(sum / 255).unwrap_or(u8::MAX)
    };
    let rgba: Vec<u8> = if tiny.alpha {
        let (quads, _) = tiny.bytes.as_chunks::<4>();
        quads.iter().flat_map(|[r, g, b, a]| [on_white(*r, *a), on_white(*g, *a), on_white(*b, *a), 255]).collect()
    } else {
        let (triples, _) = tiny.bytes.as_chunks::<3>();
        triples.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect()
    };
    let (x, y) = if tiny.width >= tiny.height { (4, 3) } else { (3, 4) };
    blurhash::encode(x, y, tiny.width, tiny.height, &rgba).map_err(|_| Refusal::TooCostly)
}

impl Resize for Pixels {
    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn resized(&self, resizer: &mut Resizer, width: u32, height: u32) -> Option<Pixels> {
        let resize = if self.alpha { resize_plane::<U8x4> } else { resize_plane::<U8x3> };
        let bytes = resize(resizer, &self.bytes, (self.width, self.height), None, (width, height))?;
        Some(Self { width, height, alpha: self.alpha, bytes })
    }
}

/// Resizes a plane, or the part of it at the top left with the size `part`. Takes the type of a pixel:
/// with its value, code for every type would be compiled.
pub(super) fn resize_plane<P: PixelTrait>(
    resizer: &mut Resizer,
    bytes: &[u8],
    (width, height): (u32, u32),
    part: Option<(f64, f64)>,
    to: (u32, u32),
) -> Option<Vec<u8>> {
    let bytes = bytes.get(..size(width) * size(height) * P::size())?;
    let from = TypedImageRef::<P>::from_buffer(width, height, bytes).ok()?;
    let mut small = Image::new(to.0, to.1, P::pixel_type());
    let mut resize_options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    if let Some((width, height)) = part {
        resize_options = resize_options.crop(0.0, 0.0, width, height);
    }
    resizer.resize_typed(&from, &mut small.typed_image_mut::<P>()?, &resize_options).ok()?;
    Some(small.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aspect_ratios_are_kept_and_nothing_is_enlarged() {
        assert_eq!(fit_within((4000, 3000), 320), (320, 240));
        assert_eq!(fit_within((3000, 4000), 1280), (960, 1280));
        assert_eq!(fit_within((100, 50), 320), (100, 50));
        assert_eq!(fit_within((10_000, 1), 320), (320, 1));
        assert_eq!(fit_within((333, 250), 100), (100, 75));
    }
}

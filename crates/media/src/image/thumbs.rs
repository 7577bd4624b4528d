//! Thumbnails, and the blurred preview, from the one decoding.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::colour::Profile;
use super::pixels::{Pixels, size};
use super::{Order, Refusal, Thumbnail};

/// Quality of thumbnails, JPEG and WebP.
const QUALITY: u8 = 80;
/// Pixels on the longer side of what the preview is made of.
const PREVIEW: u32 = 32;

/// What can be made smaller.
pub(super) trait Shrink {
    /// The size.
    fn size(&self) -> (u32, u32);
    /// A copy of that size, as it is encoded.
    fn shrunk(&self, resizer: &mut Resizer, width: u32, height: u32) -> Option<Pixels>;
}

/// All that is derived from an image, in sRGB. Each size is made of the next larger one.
pub(super) fn derive(
    image: &dyn Shrink,
    profile: Option<&Profile>,
    order: &Order,
) -> Result<(Vec<Thumbnail>, String), Refusal> {
    let mut resizer = Resizer::new();
    let mut sizes = order.thumbnails.clone();
    sizes.sort_unstable();
    sizes.dedup();
    if order.lossless {
        // Beside the image itself, copies of its own size are of no use; one there is always.
        let longer = image.size().0.max(image.size().1);
        let smallest = sizes.first().copied();
        sizes.retain(|size| *size < longer || Some(*size) == smallest);
    }
    let (mut pictures, mut larger) = (Vec::new(), None::<Pixels>);
    for longest in sizes.into_iter().rev() {
        let (width, height) = fitted(image.size(), longest);
        let source: &dyn Shrink = larger.as_ref().map_or(image, |larger| larger);
        let mut small = source.shrunk(&mut resizer, width, height).ok_or(Refusal::TooCostly)?;
        if let (None, Some(profile)) = (&larger, profile) {
            small = profile.applied(small);
        }
        pictures.push(Thumbnail { longest, picture: small.webp(QUALITY)? });
        let picture = if small.alpha { small.png()? } else { small.jpeg(QUALITY)? };
        pictures.push(Thumbnail { longest, picture });
        larger = Some(small);
    }
    let (width, height) = fitted(image.size(), PREVIEW);
    let source: &dyn Shrink = larger.as_ref().map_or(image, |larger| larger);
    let tiny = source.shrunk(&mut resizer, width, height).ok_or(Refusal::TooCostly)?;
    pictures.reverse();
    Ok((pictures, preview(&tiny)?))
}

/// The largest size of the same shape whose longer side is at most `longest`, and never a larger one than there is.
fn fitted((width, height): (u32, u32), longest: u32) -> (u32, u32) {
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

fn preview(tiny: &Pixels) -> Result<String, Refusal> {
    // It takes four bytes and looks at three: what is transparent is shown on white.
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

impl Shrink for Pixels {
    fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn shrunk(&self, resizer: &mut Resizer, width: u32, height: u32) -> Option<Pixels> {
        let pixel = if self.alpha { PixelType::U8x4 } else { PixelType::U8x3 };
        let bytes = shrink(resizer, &self.bytes, (self.width, self.height), pixel, None, (width, height))?;
        Some(Self { width, height, alpha: self.alpha, bytes })
    }
}

/// Makes a plane smaller, or what of it lies within `part`.
pub(super) fn shrink(
    resizer: &mut Resizer,
    bytes: &[u8],
    (width, height): (u32, u32),
    pixel: PixelType,
    part: Option<(f64, f64)>,
    to: (u32, u32),
) -> Option<Vec<u8>> {
    let from = ImageRef::new(width, height, bytes.get(..size(width) * size(height) * pixel.size())?, pixel).ok()?;
    let mut small = Image::new(to.0, to.1, pixel);
    let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    if let Some((width, height)) = part {
        options = options.crop(0.0, 0.0, width, height);
    }
    resizer.resize(&from, &mut small, &options).ok()?;
    Some(small.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_kept_and_nothing_grows() {
        assert_eq!(fitted((4000, 3000), 320), (320, 240));
        assert_eq!(fitted((3000, 4000), 1280), (960, 1280));
        assert_eq!(fitted((100, 50), 320), (100, 50));
        assert_eq!(fitted((10_000, 1), 320), (320, 1));
        assert_eq!(fitted((333, 250), 100), (100, 75));
    }
}

//! Converts colours to sRGB with an ICC profile, and rewrites a profile without its descriptive
//! text where the output keeps it. Decodes no images.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::pixels::Pixels;

/// The number of pixels that are converted at once.
const CHUNK: usize = 1 << 16;

/// A parsed ICC profile.
pub(super) struct Profile(ColorProfile);

impl Profile {
    /// Parses a profile. Returns `None` for an invalid one, which viewers ignore too.
    pub(super) fn parse(icc: Option<&[u8]>) -> Option<Self> {
        ColorProfile::new_from_slice(icc?).ok().map(Self)
    }

    /// Returns the bytes of an RGB profile without its descriptive text except the name. Returns
    /// `None` for other colour spaces.
    pub(super) fn minimal_rgb(&self) -> Option<Vec<u8>> {
        let is_rgb = self.0.color_space == DataColorSpace::Rgb;
        let mut bare = self.0.clone();
        bare.copyright = None;
        bare.device_manufacturer = None;
        bare.device_model = None;
        bare.char_target = None;
        bare.viewing_conditions = None;
        bare.viewing_conditions_description = None;
        bare.calibration_date = None;
        let bytes = is_rgb.then(|| bare.encode().ok()).flatten()?;
        // The rewritten profile must be valid.
        ColorProfile::new_from_slice(&bytes).is_ok().then_some(bytes)
    }

    /// Returns whether the profile is for RGB.
    pub(super) fn is_rgb(&self) -> bool {
        self.0.color_space == DataColorSpace::Rgb
    }

    /// Converts pixels to sRGB. Returns them unchanged if the profile is not for RGB.
    pub(super) fn to_srgb(&self, mut pixels: Pixels) -> Pixels {
        let layout = if pixels.alpha { Layout::Rgba } else { Layout::Rgb };
        let width = if pixels.alpha { 4 } else { 3 };
        let transform = self.0.create_transform_8bit(layout, &srgb(), layout, TransformOptions::default());
        // A profile for another colour space than the image's is ignored.
        if let (true, Ok(transform)) = (self.is_rgb(), transform) {
            let mut to = vec![0; CHUNK * width];
            for piece in pixels.bytes.chunks_mut(CHUNK * width) {
                let to = &mut to[..piece.len()];
                if transform.transform(piece, to).is_ok() {
                    piece.copy_from_slice(to);
                }
            }
        }
        pixels
    }

    /// Converts CMYK to sRGB. Returns `None` if the profile is not for CMYK.
    pub(super) fn cmyk_to_srgb(&self, cmyk: &[u8]) -> Option<Vec<u8>> {
        let transform =
            self.0.create_transform_8bit(Layout::Rgba, &srgb(), Layout::Rgb, TransformOptions::default()).ok()?;
        let is_cmyk = self.0.color_space == DataColorSpace::Cmyk;
        let mut rgb = vec![0; cmyk.len() / 4 * 3];
        for (from, to) in cmyk.chunks(CHUNK * 4).zip(rgb.chunks_mut(CHUNK * 3)) {
            transform.transform(from, to).ok()?;
        }
        is_cmyk.then_some(rgb)
    }
}

/// Returns the sRGB profile, the default of images without one.
fn srgb() -> ColorProfile {
    ColorProfile::new_srgb()
}

/// Converts CMYK to sRGB without a profile, by multiplying the complements of ink and black.
pub(super) fn plain_cmyk_to_srgb(cmyk: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| {
        let product = u16::from(255 - ink) * u16::from(255 - black);
        u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
    };
    let (quads, _) = cmyk.as_chunks::<4>();
    quads.iter().flat_map(|[c, m, y, k]| [light(*c, *k), light(*m, *k), light(*y, *k)]).collect()
}

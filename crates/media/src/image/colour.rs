//! Colours: what a profile says they are, as sRGB; and the profile itself, made anew from what of it matters, where it can
//! be kept.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::pixels::Pixels;

/// Pixels that are transformed at once.
const PIECE: usize = 1 << 16;

/// A profile that was read.
pub(super) struct Profile(ColorProfile);

impl Profile {
    /// Reads one; what can't be read says nothing, as in every viewer.
    pub(super) fn read(icc: Option<&[u8]>) -> Option<Self> {
        ColorProfile::new_from_slice(icc?).ok().map(Self)
    }

    /// The same, for pictures of three colours, with nothing that a program would not need: no text but its name.
    pub(super) fn kept(&self) -> Option<Vec<u8>> {
        let of_colours = self.0.color_space == DataColorSpace::Rgb;
        let mut bare = self.0.clone();
        bare.copyright = None;
        bare.device_manufacturer = None;
        bare.device_model = None;
        bare.char_target = None;
        bare.viewing_conditions = None;
        bare.viewing_conditions_description = None;
        bare.calibration_date = None;
        let bytes = of_colours.then(|| bare.encode().ok()).flatten()?;
        // What we wrote must be read as the same by others.
        ColorProfile::new_from_slice(&bytes).is_ok().then_some(bytes)
    }

    /// Whether it is of three colours.
    pub(super) fn is_rgb(&self) -> bool {
        self.0.color_space == DataColorSpace::Rgb
    }

    /// The pixels in sRGB.
    pub(super) fn applied(&self, mut pixels: Pixels) -> Pixels {
        let layout = if pixels.alpha { Layout::Rgba } else { Layout::Rgb };
        let width = if pixels.alpha { 4 } else { 3 };
        let transform = self.0.create_transform_8bit(layout, &srgb(), layout, TransformOptions::default());
        // A profile of another kind than its image says nothing.
        if let (true, Ok(transform)) = (self.is_rgb(), transform) {
            let mut to = vec![0; PIECE * width];
            for piece in pixels.bytes.chunks_mut(PIECE * width) {
                let to = &mut to[..piece.len()];
                if transform.transform(piece, to).is_ok() {
                    piece.copy_from_slice(to);
                }
            }
        }
        pixels
    }

    /// Four inks as sRGB; `None` if the profile is not of such.
    pub(super) fn of_inks(&self, inks: &[u8]) -> Option<Vec<u8>> {
        let transform =
            self.0.create_transform_8bit(Layout::Rgba, &srgb(), Layout::Rgb, TransformOptions::default()).ok()?;
        let is_cmyk = self.0.color_space == DataColorSpace::Cmyk;
        let mut rgb = vec![0; inks.len() / 4 * 3];
        for (from, to) in inks.chunks(PIECE * 4).zip(rgb.chunks_mut(PIECE * 3)) {
            transform.transform(from, to).ok()?;
        }
        is_cmyk.then_some(rgb)
    }
}

/// What screens show where nothing else is said.
fn srgb() -> ColorProfile {
    ColorProfile::new_srgb()
}

/// Four inks as sRGB where no profile says how they look: ink takes light away.
pub(super) fn of_plain_inks(inks: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| {
        let product = u16::from(255 - ink) * u16::from(255 - black);
        u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
    };
    let (quads, _) = inks.as_chunks::<4>();
    quads.iter().flat_map(|[c, m, y, k]| [light(*c, *k), light(*m, *k), light(*y, *k)]).collect()
}

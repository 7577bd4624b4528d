//! Converts colours to sRGB, by an ICC profile or by the colour chunks of a PNG, and rewrites a
//! profile without its descriptive text where the output keeps it. Decodes no images.
//!
//! Source: ICC.1; W3C PNG section 11.3.2 (cHRM, gAMA, sRGB, cICP) and 4.3 (their precedence);
//! ITU-T H.273 (code points); ITU-R BT.2100 (PQ and HLG) and BT.2408 (reference white).

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformOptions,
};

use super::pixels::Pixels;

/// The number of pixels that are converted at once.
const CHUNK: usize = 1 << 16;
/// The points of a computed tone curve.
const CURVE_POINTS: u16 = 4096;
/// The luminance that HDR images show as white, in candela per square metre (BT.2408).
const REFERENCE_WHITE: f64 = 203.0;
/// The exponent of gAMA that stands for sRGB, times 100,000.
const SRGB_GAMMA: u32 = 45_455;
/// The tolerance of gAMA and cHRM values that stand for sRGB, times 100,000.
const SRGB_TOLERANCE: u32 = 500;
/// The cHRM values of sRGB, times 100,000: white, red, green and blue, x and y each.
const SRGB_CHROMATICITIES: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];

/// The colour space of an image.
pub(super) enum Profile {
    Rgb(Box<ColorProfile>),
    /// The sRGB value of each grey value.
    Gray(Box<[u8; 256]>),
    Cmyk(Box<ColorProfile>),
}

impl Profile {
    /// Parses an ICC profile. Returns `None` for an invalid one, which viewers ignore too.
    pub(super) fn parse(icc: Option<&[u8]>) -> Option<Self> {
        let profile = Box::new(ColorProfile::new_from_slice(icc?).ok()?);
        match profile.color_space {
            DataColorSpace::Rgb => Some(Self::Rgb(profile)),
            DataColorSpace::Cmyk => Some(Self::Cmyk(profile)),
            DataColorSpace::Gray => Self::gray(&profile),
            _ => None,
        }
    }

    /// Returns the profile if it describes grey values and the image has nothing else, or if it
    /// describes colours. Viewers ignore a profile for grey values in an image with colours.
    pub(super) fn for_image(self, is_gray: bool) -> Option<Self> {
        (is_gray || !matches!(self, Self::Gray(_))).then_some(self)
    }

    /// Returns the table of a profile for grey values.
    fn gray(profile: &ColorProfile) -> Option<Self> {
        let transform =
            profile.create_transform_8bit(Layout::Gray, &srgb(), Layout::Rgb, TransformOptions::default()).ok()?;
        let grays: Vec<u8> = (0..=u8::MAX).collect();
        let mut colours = [0; 3 * 256];
        transform.transform(&grays, &mut colours).ok()?;
        let (triples, _) = colours.as_chunks::<3>();
        let mut table = Box::new([0; 256]);
        table.iter_mut().zip(triples).for_each(|(to, [_, green, _])| *to = *green);
        Some(Self::Gray(table))
    }

    /// Returns the bytes of an RGB profile without its descriptive text except the name. Returns
    /// `None` for other colour spaces.
    pub(super) fn minimal_rgb(&self) -> Option<Vec<u8>> {
        let Self::Rgb(profile) = self else { return None };
        let mut bare = profile.clone();
        bare.copyright = None;
        bare.device_manufacturer = None;
        bare.device_model = None;
        bare.char_target = None;
        bare.viewing_conditions = None;
        bare.viewing_conditions_description = None;
        bare.calibration_date = None;
        let bytes = bare.encode().ok()?;
        // The rewritten profile must be valid.
        ColorProfile::new_from_slice(&bytes).is_ok().then_some(bytes)
    }

    /// Converts pixels to sRGB. Returns them unchanged if the profile is for CMYK.
    pub(super) fn to_srgb(&self, mut pixels: Pixels) -> Pixels {
        match self {
            Self::Rgb(profile) => convert_rgb(profile, &mut pixels),
            Self::Gray(table) => {
                let width = if pixels.alpha { 4 } else { 3 };
                for pixel in pixels.bytes.chunks_exact_mut(width) {
                    pixel.iter_mut().take(3).for_each(|value| *value = table[usize::from(*value)]);
                }
            }
            Self::Cmyk(_) => {}
        }
        pixels
    }

    /// Returns whether the profile is for RGB.
    pub(super) fn is_rgb(&self) -> bool {
        matches!(self, Self::Rgb(_))
    }

    /// Converts RGBA of 16 bits to sRGB in place, as far as the profile can be applied.
    pub(super) fn to_srgb_16(&self, values: &mut [u16]) {
        let Self::Rgb(profile) = self else { return };
        let options = TransformOptions::default();
        let Ok(transform) = profile.create_transform_16bit(Layout::Rgba, &srgb(), Layout::Rgba, options) else {
            return;
        };
        let mut to = vec![0; CHUNK * 4];
        for piece in values.chunks_mut(CHUNK * 4) {
            let to = &mut to[..piece.len()];
            if transform.transform(piece, to).is_ok() {
                piece.copy_from_slice(to);
            }
        }
    }

    /// Converts grey values to sRGB in place. Does nothing if the profile is not for grey values.
    pub(super) fn gray_to_srgb(&self, values: &mut [u8]) {
        if let Self::Gray(table) = self {
            values.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
        }
    }

    /// Converts CMYK to sRGB. Returns `None` if the profile is not for CMYK.
    pub(super) fn cmyk_to_srgb(&self, cmyk: &[u8]) -> Option<Vec<u8>> {
        let Self::Cmyk(profile) = self else { return None };
        let transform =
            profile.create_transform_8bit(Layout::Rgba, &srgb(), Layout::Rgb, TransformOptions::default()).ok()?;
        let mut rgb = vec![0; cmyk.len() / 4 * 3];
        for (from, to) in cmyk.chunks(CHUNK * 4).zip(rgb.chunks_mut(CHUNK * 3)) {
            transform.transform(from, to).ok()?;
        }
        Some(rgb)
    }
}

/// Converts pixels to sRGB by an RGB profile, as far as the profile can be applied.
fn convert_rgb(profile: &ColorProfile, pixels: &mut Pixels) {
    let (layout, width) = if pixels.alpha { (Layout::Rgba, 4) } else { (Layout::Rgb, 3) };
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb(), layout, TransformOptions::default()) else {
        return;
    };
    let mut to = vec![0; CHUNK * width];
    for piece in pixels.bytes.chunks_mut(CHUNK * width) {
        let to = &mut to[..piece.len()];
        if transform.transform(piece, to).is_ok() {
            piece.copy_from_slice(to);
        }
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

/// The colour chunks of a PNG, as stored.
#[derive(Debug, Default)]
pub(super) struct PngColours<'a> {
    pub(super) cicp: Option<&'a [u8]>,
    pub(super) srgb: bool,
    pub(super) gamma: Option<&'a [u8]>,
    pub(super) chromaticities: Option<&'a [u8]>,
    pub(super) is_gray: bool,
}

impl PngColours<'_> {
    /// Returns the colour space of the image, by the precedence cICP, iCCP, sRGB, gAMA with cHRM.
    /// Returns `None` if the image has none, or one that is invalid or stands for sRGB by an sRGB,
    /// gAMA or cHRM chunk: viewers show all these as sRGB.
    pub(super) fn profile(&self, icc: Option<&[u8]>) -> Option<Profile> {
        if let Some(profile) = self.cicp.and_then(cicp_profile) {
            return Some(profile);
        }
        if let Some(profile) = Profile::parse(icc) {
            return profile.for_image(self.is_gray);
        }
        if self.srgb {
            return None;
        }
        let gamma = self.gamma.and_then(|gamma| number(gamma, 0)).filter(|gamma| (1_000..=1_000_000).contains(gamma));
        let chromaticities: Option<Vec<u32>> =
            self.chromaticities.and_then(|values| (0..8).map(|at| number(values, at * 4)).collect());
        let is_srgb = gamma.is_none_or(|gamma| gamma.abs_diff(SRGB_GAMMA) <= SRGB_TOLERANCE)
            && chromaticities.as_ref().is_none_or(|values| {
                values.iter().zip(SRGB_CHROMATICITIES).all(|(value, srgb)| value.abs_diff(srgb) <= SRGB_TOLERANCE)
            });
        if is_srgb {
            return None;
        }
        rgb_profile(gamma, chromaticities.as_deref())
    }
}

/// Returns the big-endian number of four bytes at an offset.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// Returns the profile of an image with a file gamma and chromaticities, each times 100,000; those
/// of sRGB where one is missing.
fn rgb_profile(gamma: Option<u32>, chromaticities: Option<&[u32]>) -> Option<Profile> {
    let mut profile = srgb();
    if let Some(&[white_x, white_y, red_x, red_y, green_x, green_y, blue_x, blue_y]) = chromaticities {
        let point = |x: u32, y: u32| {
            // A colour has x + y <= 1; a y of zero has no luminance.
            (y > 0 && x.checked_add(y)? <= 100_000).then(|| Chromaticity { x: fraction(x), y: fraction(y) })
        };
        let primaries =
            ColorPrimaries { red: point(red_x, red_y)?, green: point(green_x, green_y)?, blue: point(blue_x, blue_y)? };
        profile.update_rgb_colorimetry(point(white_x, white_y)?.to_xyyb(), primaries);
        let colorants = [profile.red_colorant, profile.green_colorant, profile.blue_colorant];
        // Primaries on one line span no colours.
        if colorants.iter().any(|colour| ![colour.x, colour.y, colour.z].iter().all(|value| value.is_finite())) {
            return None;
        }
    }
    if let Some(gamma) = gamma {
        set_curve(&mut profile, ToneReprCurve::Parametric(vec![1.0 / fraction(gamma)]));
    }
    Some(Profile::Rgb(Box::new(profile)))
}

/// Converts a value that is stored times 100,000.
#[expect(clippy::cast_possible_truncation, reason = "the values have at most seven digits")]
fn fraction(stored: u32) -> f32 {
    (f64::from(stored) / 100_000.0) as f32
}

/// Sets the tone curve of all channels.
fn set_curve(profile: &mut ColorProfile, curve: ToneReprCurve) {
    profile.cicp = None;
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
}

/// Returns the colour space of a cICP chunk: its primaries, transfer function, matrix (0, because a
/// PNG holds RGB) and range (1, full). Returns `None` for code points that are not supported.
fn cicp_profile(chunk: &[u8]) -> Option<Profile> {
    const PQ: u8 = 16;
    const HLG: u8 = 18;
    let &[primaries, transfer, 0, 1] = chunk else { return None };
    let color_primaries = CicpColorPrimaries::try_from(primaries).ok()?;
    let is_hdr = [PQ, HLG].contains(&transfer);
    // The curve of an HDR image is replaced below.
    let known = if is_hdr { 13 } else { transfer };
    let transfer_characteristics = TransferCharacteristics::try_from(known).ok()?;
    let mut profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    profile.red_trc.as_ref()?;
    profile.cicp = None;
    if transfer == PQ {
        set_curve(&mut profile, sdr_curve(pq_luminance));
    } else if transfer == HLG {
        set_curve(&mut profile, sdr_curve(hlg_luminance));
    }
    Some(Profile::Rgb(Box::new(profile)))
}

/// Returns the tone curve that shows an HDR image on a display whose white is the reference white:
/// brighter values are cut off. `luminance` returns candela per square metre.
fn sdr_curve(luminance: impl Fn(f64) -> f64) -> ToneReprCurve {
    let point = |at: u16| {
        let shown = (luminance(f64::from(at) / f64::from(CURVE_POINTS - 1)) / REFERENCE_WHITE).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u16")]
        let stored = (shown * f64::from(u16::MAX)).round() as u16;
        stored
    };
    ToneReprCurve::Lut((0..CURVE_POINTS).map(point).collect())
}

/// The PQ transfer function (BT.2100 table 4).
fn pq_luminance(value: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 4096.0 * 128.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 4096.0 * 32.0, 2392.0 / 4096.0 * 32.0);
    let power = value.powf(1.0 / m2);
    10_000.0 * ((power - c1).max(0.0) / (c2 - c3 * power)).powf(1.0 / m1)
}

/// The HLG transfer function on a display of 1,000 candela per square metre, per channel (BT.2100
/// table 5).
fn hlg_luminance(value: f64) -> f64 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
    let scene = if value <= 0.5 { value * value / 3.0 } else { (((value - c) / a).exp() + b) / 12.0 };
    1000.0 * scene.powf(1.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXEL: [u8; 3] = [200, 90, 100];

    #[expect(clippy::needless_pass_by_value, reason = "callers make the profile in the call")]
    fn shown(profile: Option<Profile>, pixel: [u8; 3]) -> Vec<u8> {
        let pixels = Pixels { width: 1, height: 1, alpha: false, bytes: pixel.to_vec() };
        profile.iter().fold(pixels, |pixels, profile| profile.to_srgb(pixels)).bytes
    }

    fn png<'a>(gamma: &'a [u8], chromaticities: &'a [u8]) -> PngColours<'a> {
        PngColours { gamma: Some(gamma), chromaticities: Some(chromaticities), ..PngColours::default() }
    }

    fn chromaticities(values: [u32; 8]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    #[test]
    fn chromaticities_and_code_points_mean_what_a_profile_means() {
        let p3 = chromaticities([31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000]);
        let mut profile = ColorProfile::new_display_p3();
        let wanted = shown(Some(Profile::Rgb(Box::new(profile.clone()))), PIXEL);
        assert_ne!(wanted, PIXEL, "the primaries differ from those of sRGB");
        let coded = PngColours { cicp: Some(&[12, 13, 0, 1]), ..PngColours::default() };
        set_curve(&mut profile, ToneReprCurve::Parametric(vec![1.0 / 0.45]));
        let with_gamma = shown(Some(Profile::Rgb(Box::new(profile))), PIXEL);
        let near = |one: &[u8], other: &[u8]| one.iter().zip(other).all(|(one, other)| one.abs_diff(*other) <= 1);
        assert!(near(&shown(coded.profile(None), PIXEL), &wanted), "cICP");
        let gamma = 45_000_u32.to_be_bytes();
        assert!(near(&shown(png(&gamma, &p3).profile(None), PIXEL), &with_gamma), "cHRM and gAMA");
    }

    #[test]
    fn what_is_invalid_is_shown_as_srgb() {
        let gamma = 100_000_u32.to_be_bytes();
        for values in [[0; 8], [u32::MAX; 8], [31_270, 32_900, 64_000, 33_000, 64_000, 33_000, 64_000, 33_000]] {
            assert_eq!(shown(png(&gamma, &chromaticities(values)).profile(None), PIXEL), PIXEL, "{values:?}");
        }
        for cicp in [&[1, 1][..], &[2, 2, 0, 1], &[255, 255, 0, 1], &[9, 16, 9, 1], &[1, 8, 0, 0]] {
            assert_eq!(shown(PngColours { cicp: Some(cicp), ..PngColours::default() }.profile(None), PIXEL), PIXEL);
        }
        for gamma in [0_u32, 1, u32::MAX] {
            let gamma = gamma.to_be_bytes();
            let colours = PngColours { gamma: Some(&gamma), ..PngColours::default() };
            assert_eq!(shown(colours.profile(None), PIXEL), PIXEL);
        }
    }

    #[test]
    fn hdr_images_show_the_reference_white_as_white() {
        for (transfer, white) in [(16, 148), (18, 191)] {
            let cicp = [9, transfer, 0, 1];
            let gray = |value| {
                let colours = PngColours { cicp: Some(&cicp), ..PngColours::default() };
                shown(colours.profile(None), [value; 3])
            };
            assert!(gray(white).iter().all(|value| *value >= 252), "{transfer}: {:?}", gray(white));
            assert!(
                gray(white - 30).iter().all(|value| (120..240).contains(value)),
                "{transfer}: {:?}",
                gray(white - 30)
            );
            assert_eq!(gray(255), [255; 3]);
            assert_eq!(gray(0), [0; 3]);
        }
    }
}

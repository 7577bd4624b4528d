//! Reads PNG files: their colour chunks, and the frames of an animation as complete pictures.
//! Decodes with the `png` crate, which reduces every colour type to 8 bits with alpha.
//! Source: W3C PNG sections 11.3 and 12 (APNG).

use std::io::Cursor;

use png::{BlendOp, DisposeOp, Transformations};

use super::Refusal;
use super::animation::TimedFrame;
use super::colour::PngColours;
use super::pixels::{Pixels, size};
use super::strip::{crc32, read_png_chunk};

/// Returns the colour chunks before the picture data.
pub(super) fn colours(file: &[u8]) -> PngColours<'_> {
    // The colour type: 0 and 4 are grey values without and with alpha.
    let mut colours = PngColours { is_gray: matches!(file.get(25), Some(0 | 4)), ..PngColours::default() };
    let mut rest = file.get(8..).unwrap_or_default();
    while let Some((name, data, after)) = read_png_chunk(rest) {
        match name {
            b"IDAT" => break,
            b"cICP" => colours.cicp = Some(data),
            b"sRGB" => colours.srgb = true,
            b"gAMA" => colours.gamma = Some(data),
            b"cHRM" => colours.chromaticities = Some(data),
            _ => {}
        }
        rest = after;
    }
    colours
}

/// Returns the file with only the bits of a transparent grey value that its depth permits. The
/// decoder would compare all of them. Returns `None` if there is nothing to change.
pub(super) fn with_valid_transparency(file: &[u8]) -> Option<Vec<u8>> {
    let (&depth, &colour_type) = (file.get(24)?, file.get(25)?);
    if colour_type != 0 || depth >= 8 {
        return None;
    }
    let mut rest = file.get(8..)?;
    while let Some((name, data, after)) = read_png_chunk(rest) {
        if name == b"tRNS" {
            let &[_, value] = data else { return None };
            let start = file.len() - rest.len();
            let mut out = file.to_vec();
            let named = [b't', b'R', b'N', b'S', 0, value & ((1 << depth) - 1)];
            out.get_mut(start + 4..start + 10)?.copy_from_slice(&named);
            out.get_mut(start + 10..start + 14)?.copy_from_slice(&crc32(&named).to_be_bytes());
            return Some(out);
        }
        if name == b"IDAT" {
            return None;
        }
        rest = after;
    }
    None
}

/// The part of the canvas that a frame covers.
#[derive(Debug, Clone, Copy)]
struct Region {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// The frames of an animation.
pub(super) struct Frames<'a> {
    reader: png::Reader<Cursor<&'a [u8]>>,
    /// The number of plays; 0 for endless.
    pub(super) plays: u32,
    remaining: u32,
    /// The time at which the next frame begins, in milliseconds. Delays are rounded so that their
    /// sum stays right.
    time: f64,
    canvas: Vec<[u8; 4]>,
    width: usize,
    /// What to do with the last frame before the next one is drawn.
    disposal: Option<(Region, DisposeOp, Vec<[u8; 4]>)>,
}

impl<'a> Frames<'a> {
    /// Starts to read an animation, with a limit of memory in bytes.
    pub(super) fn new(file: &'a [u8], limit: usize) -> Result<Self, Refusal> {
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), png::Limits { bytes: limit });
        decoder.set_transformations(Transformations::ALPHA | Transformations::STRIP_16);
        let reader = decoder.read_info().map_err(refusal)?;
        let info = reader.info();
        let control = info.animation_control.ok_or(Refusal::Damaged)?;
        let (width, height) = (size(info.width), size(info.height));
        let is_in_animation = info.frame_control.is_some();
        let mut frames = Self {
            reader,
            plays: control.num_plays,
            remaining: control.num_frames,
            time: 0.0,
            canvas: vec![[0; 4]; width * height],
            width,
            disposal: None,
        };
        if !is_in_animation {
            // The picture for programs without animation.
            frames.read_picture()?;
        }
        Ok(frames)
    }

    /// Reads the next picture as RGBA.
    fn read_picture(&mut self) -> Result<Vec<[u8; 4]>, Refusal> {
        let mut buffer = vec![0; self.reader.output_buffer_size().ok_or(Refusal::TooCostly)?];
        let info = self.reader.next_frame(&mut buffer).map_err(refusal)?;
        buffer.truncate(info.buffer_size());
        match info.color_type {
            png::ColorType::Rgba => Ok(buffer.as_chunks::<4>().0.to_vec()),
            png::ColorType::GrayscaleAlpha => {
                let (pairs, _) = buffer.as_chunks::<2>();
                Ok(pairs.iter().map(|[gray, alpha]| [*gray, *gray, *gray, *alpha]).collect())
            }
            _ => Err(Refusal::Damaged),
        }
    }

    /// Draws the next frame on the canvas and returns it.
    fn draw_next(&mut self) -> Result<TimedFrame, Refusal> {
        self.dispose();
        let picture = self.read_picture()?;
        let control = *self.reader.info().frame_control().ok_or(Refusal::Damaged)?;
        let region = Region {
            x: size(control.x_offset),
            y: size(control.y_offset),
            width: size(control.width),
            height: size(control.height),
        };
        let before = if control.dispose_op == DisposeOp::Previous { self.canvas.clone() } else { Vec::new() };
        // There is nothing before the first frame to go back to.
        let disposal = match (control.dispose_op, self.disposal.is_some()) {
            (DisposeOp::Previous, false) => DisposeOp::Background,
            (other, _) => other,
        };
        for (row, pixels) in self.rows(region).zip(picture.chunks_exact(region.width.max(1))) {
            for (to, from) in row.iter_mut().zip(pixels) {
                *to = if control.blend_op == BlendOp::Over { over(*from, *to) } else { *from };
            }
        }
        self.disposal = Some((region, disposal, before));
        let info = self.reader.info();
        let pixels =
            Pixels { width: info.width, height: info.height, alpha: true, bytes: self.canvas.as_flattened().to_vec() };
        let begin = self.time.round();
        self.time += milliseconds(control.delay_num, control.delay_den);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a delay has at most 65,535 seconds"
        )]
        let delay = (self.time.round() - begin) as u32;
        Ok(TimedFrame { pixels, delay })
    }

    /// Removes the last frame from the canvas as it demands.
    fn dispose(&mut self) {
        let Some((region, disposal, before)) = &mut self.disposal else { return };
        match disposal {
            DisposeOp::None => {}
            DisposeOp::Background => {
                let region = *region;
                self.rows(region).for_each(|row| row.fill([0; 4]));
            }
            DisposeOp::Previous => self.canvas = std::mem::take(before),
        }
    }

    /// Returns the rows of a region of the canvas.
    fn rows(&mut self, region: Region) -> impl Iterator<Item = &mut [[u8; 4]]> {
        let Region { x, y, width, height } = region;
        let rows = self.canvas.chunks_exact_mut(self.width.max(1)).skip(y).take(height);
        rows.filter_map(move |row| row.get_mut(x..x + width))
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<TimedFrame, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        let frame = self.draw_next();
        if frame.is_err() {
            self.remaining = 0;
        }
        Some(frame)
    }
}

/// Returns the delay of a frame in milliseconds. A denominator of zero stands for 100.
fn milliseconds(numerator: u16, denominator: u16) -> f64 {
    let denominator = if denominator == 0 { 100.0 } else { f64::from(denominator) };
    f64::from(numerator) * 1000.0 / denominator
}

/// Draws a colour over another one (W3C PNG section 13.16).
fn over([red, green, blue, alpha]: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    if alpha == 255 || below[3] == 0 {
        return if alpha == 0 { below } else { [red, green, blue, alpha] };
    }
    let (above, under) = (u32::from(alpha) * 255, u32::from(below[3]) * (255 - u32::from(alpha)));
    let sum = above + under;
    let mix = |over: u8, under_colour: u8| {
        let value = (u32::from(over) * above + u32::from(under_colour) * under + sum / 2) / sum.max(1);
        u8::try_from(value).unwrap_or(u8::MAX)
    };
    let alpha = u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX);
    [mix(red, below[0]), mix(green, below[1]), mix(blue, below[2]), alpha]
}

/// Maps an error of the decoder to a refusal.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err calls")]
fn refusal(error: png::DecodingError) -> Refusal {
    match error {
        png::DecodingError::LimitsExceeded => Refusal::TooCostly,
        _ => Refusal::Damaged,
    }
}

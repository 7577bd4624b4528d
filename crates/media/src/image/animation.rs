//! Cleans animations. A GIF stays a GIF: its frames are decompressed and compressed again with the
//! same palette, so that no colour changes and nothing else of the file is kept. Other animations
//! become WebP. Still images are in `jpeg` and `raster`.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Encoder, MemoryLimit};
use image::metadata::Orientation;

use super::colour::Profile;
use super::orientation::ExifTransform;
use super::pixels::Pixels;
use super::strip::{count_webp_frames, set_webp_delays};
use super::thumbs::derive_thumbnails;
use super::{CleanOptions, Cleaned, Picture, Refusal, check_size, main_picture};
use crate::kind::Kind;

/// The longest delay of a `WebP` frame, in milliseconds (RFC 9649 section 2.7.1.1).
const MAX_DELAY: u32 = (1 << 24) - 1;

/// A frame of an animation as a complete picture.
pub(super) struct TimedFrame {
    pub(super) pixels: Pixels,
    /// In milliseconds.
    pub(super) delay: u32,
}

/// What applies to all frames of an animation.
pub(super) struct Animation {
    pub(super) orientation: Orientation,
    pub(super) profile: Option<Profile>,
    /// The number of plays; 0 for endless.
    pub(super) plays: u32,
}

/// Counts the frames and pixels of an animation against its limits.
struct FrameCounter<'a> {
    options: &'a CleanOptions,
    frames: u32,
    pixels: u64,
}

impl<'a> FrameCounter<'a> {
    /// Starts at zero frames.
    fn new(options: &'a CleanOptions) -> Self {
        Self { options, frames: 0, pixels: 0 }
    }

    /// Counts a frame. Fails with [`Refusal::TooLong`] beyond a limit.
    fn add(&mut self, width: u32, height: u32) -> Result<(), Refusal> {
        let CleanOptions { max_frames, max_pixels, .. } = *self.options;
        self.frames += 1;
        self.pixels += u64::from(width) * u64::from(height);
        if self.frames > max_frames || self.pixels > max_pixels {
            return Err(Refusal::TooLong { max_frames, max_pixels });
        }
        Ok(())
    }
}

/// Cleans a GIF.
pub(super) fn clean_gif(bytes: &[u8], options: &CleanOptions) -> Result<Cleaned, Refusal> {
    let damaged = |_: gif::DecodingError| Refusal::Damaged;
    let mut gif_options = DecodeOptions::new();
    gif_options.set_color_output(ColorOutput::Indexed);
    if let Some(most) = NonZeroU64::new(options.max_pixels) {
        gif_options.set_memory_limit(MemoryLimit::Bytes(most));
    }
    let mut decoder = gif_options.read_info(bytes).map_err(damaged)?;
    let (width, height) = (decoder.width(), decoder.height());
    check_size(width.into(), height.into(), options)?;
    let palette = decoder.global_palette().map(<[u8]>::to_vec).unwrap_or_default();
    let (mut counter, mut first) = (FrameCounter::new(options), None);
    let mut encoder = Encoder::new(Vec::new(), width, height, &palette).map_err(|_| Refusal::Damaged)?;
    while let Some(info) = decoder.next_frame_info().map_err(damaged)? {
        let (across, down) = (info.width, info.height);
        counter.add(across.into(), down.into())?;
        let mut frame = info.clone();
        // Frames that wait for user input would stop the animation.
        frame.needs_user_input = false;
        // The decoder returns the rows in order.
        frame.interlaced = false;
        let mut indices = vec![0; usize::from(across) * usize::from(down)];
        decoder.read_into_buffer(&mut indices).map_err(damaged)?;
        frame.buffer = indices.into();
        crop_to_canvas(&mut frame, (width, height));
        if counter.frames == 1 {
            first = Some(draw_on_canvas(&frame, &palette, (width, height))?);
            encoder.set_repeat(decoder.repeat()).map_err(|_| Refusal::Damaged)?;
        }
        encoder.write_frame(&frame).map_err(|_| Refusal::Damaged)?;
    }
    let first = first.ok_or(Refusal::Damaged)?;
    let (thumbnails, blurhash) = derive_thumbnails(&first, None, options)?;
    let size = (width.into(), height.into());
    let main = main_picture(bytes, options, Orientation::NoTransforms, size, || match (counter.frames, first.alpha) {
        (1, false) => first.jpeg(options.quality),
        (1, true) => first.png(),
        _ => {
            let bytes = encoder.into_inner().map_err(|_| Refusal::TooCostly)?;
            Ok(Picture { kind: Kind::Gif, width: width.into(), height: height.into(), bytes })
        }
    })?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: counter.frames })
}

/// Draws the first frame on its canvas.
fn draw_on_canvas(frame: &gif::Frame<'_>, palette: &[u8], (width, height): (u16, u16)) -> Result<Pixels, Refusal> {
    let palette = frame.palette.as_deref().unwrap_or(palette);
    let mut rgba = vec![0; usize::from(width) * usize::from(height) * 4];
    let (canvas, _) = rgba.as_chunks_mut::<4>();
    for (y, line) in frame.buffer.chunks_exact(usize::from(frame.width).max(1)).enumerate() {
        let start = (usize::from(frame.top) + y) * usize::from(width) + usize::from(frame.left);
        let row = canvas.get_mut(start..start + line.len()).ok_or(Refusal::Damaged)?;
        for (to, index) in row.iter_mut().zip(line) {
            let colour = palette.get(usize::from(*index) * 3..usize::from(*index) * 3 + 3);
            if let (Some(&[red, green, blue]), true) = (colour, frame.transparent != Some(*index)) {
                *to = [red, green, blue, 255];
            }
        }
    }
    let image = Pixels { width: width.into(), height: height.into(), alpha: true, bytes: rgba };
    Ok(image.without_opaque_alpha())
}

/// Removes what lies beyond the canvas, as viewers do. A frame that lies beyond it completely
/// becomes one transparent pixel, so that its delay stays.
fn crop_to_canvas(frame: &mut gif::Frame<'_>, (width, height): (u16, u16)) {
    let (left, top) = (frame.left.min(width), frame.top.min(height));
    let (across, down) = (frame.width.min(width - left), frame.height.min(height - top));
    if across == 0 || down == 0 {
        let index = frame.transparent.unwrap_or_default();
        (frame.left, frame.top, frame.width, frame.height) = (0, 0, 1, 1);
        (frame.transparent, frame.buffer) = (Some(index), vec![index].into());
        // Other disposals would clear the pixel.
        frame.dispose = gif::DisposalMethod::Keep;
    } else if (across, down) != (frame.width, frame.height) {
        let rows = frame.buffer.chunks_exact(usize::from(frame.width)).take(usize::from(down));
        let cropped: Vec<u8> = rows.flat_map(|row| row.iter().take(usize::from(across))).copied().collect();
        (frame.width, frame.height, frame.buffer) = (across, down, cropped.into());
    }
}

/// Cleans an animation of any other format; encodes it as WebP.
pub(super) fn clean_frames(
    file: &[u8],
    options: &CleanOptions,
    animation: &Animation,
    frames: impl Iterator<Item = Result<TimedFrame, Refusal>>,
) -> Result<Cleaned, Refusal> {
    let transform = ExifTransform::from_orientation(animation.orientation);
    let (mut counter, mut shown) = (FrameCounter::new(options), Vec::new());
    for frame in frames {
        let TimedFrame { pixels, delay } = frame?;
        counter.add(pixels.width, pixels.height)?;
        let pixels =
            animation.profile.iter().fold(pixels, |pixels, profile| profile.to_srgb(pixels)).transformed(transform);
        shown.push(TimedFrame { pixels, delay: delay.min(MAX_DELAY) });
    }
    let first = shown.first().ok_or(Refusal::Damaged)?;
    let still = first.pixels.clone().without_opaque_alpha();
    let (thumbnails, blurhash) = derive_thumbnails(&still, None, options)?;
    let size = (still.width, still.height);
    let main = main_picture(file, options, animation.orientation, size, || match shown.len() {
        1 => encode_still(&still, options),
        _ => encode_webp(&shown, animation.plays, options.quality),
    })?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: counter.frames })
}

/// Encodes an animation with a single frame.
fn encode_still(image: &Pixels, options: &CleanOptions) -> Result<Picture, Refusal> {
    if image.alpha { image.png() } else { image.jpeg(options.quality) }
}

/// Encodes an animated WebP.
fn encode_webp(frames: &[TimedFrame], plays: u32, quality: u8) -> Result<Picture, Refusal> {
    let TimedFrame { pixels: first, .. } = frames.first().ok_or(Refusal::Damaged)?;
    let mut config = webp::WebPConfig::new().map_err(|()| Refusal::TooCostly)?;
    config.quality = f32::from(quality);
    let mut encoder = webp::AnimEncoder::new(first.width, first.height, &config);
    // The format stores 16 bits.
    encoder.set_loop_count(plays.min(u16::MAX.into()).cast_signed());
    let mut at = 0_i32;
    for TimedFrame { pixels, delay } in frames {
        encoder.add_frame(webp::AnimFrame::from_rgba(&pixels.bytes, pixels.width, pixels.height, at));
        // The encoder needs times that increase; a frame without a delay gets it back below.
        at = at.checked_add(delay.cast_signed().max(1)).ok_or(Refusal::TooCostly)?;
    }
    let mut bytes = encoder.try_encode().map_err(|_| Refusal::TooCostly)?.to_vec();
    set_delays(&mut bytes, frames, at).ok_or(Refusal::TooCostly)?;
    Ok(Picture { kind: Kind::Webp, width: first.width, height: first.height, bytes })
}

/// Sets the delays that the encoder does not know: that of the last frame, and zero. `end` is the
/// sum of the delays that it was given.
fn set_delays(webp: &mut [u8], frames: &[TimedFrame], end: i32) -> Option<()> {
    let count = usize::try_from(count_webp_frames(webp)?).ok()?;
    set_webp_delays(webp, |number, encoded, before| {
        if count == frames.len() {
            frames.get(number).map_or(encoded, |frame| frame.delay)
        } else if number + 1 == count {
            // Equal frames were merged.
            u32::try_from(end).unwrap_or_default().saturating_sub(before).min(MAX_DELAY)
        } else {
            encoded
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::AnimationDecoder as _;

    fn frame(shade: u8, delay: u32) -> TimedFrame {
        TimedFrame { pixels: Pixels { width: 8, height: 8, alpha: true, bytes: [shade, 9, 9, 255].repeat(64) }, delay }
    }

    fn delays(webp: &[u8]) -> Vec<u32> {
        let decoder = image::codecs::webp::WebPDecoder::new(std::io::Cursor::new(webp)).unwrap();
        decoder.into_frames().map(|frame| frame.unwrap().delay().numer_denom_ms().0).collect()
    }

    #[test]
    fn every_delay_is_kept() {
        for times in [vec![100, 100, 3000], vec![1, 0, 16_777_215], vec![0, 0], vec![40; 9]] {
            let frames: Vec<_> = (0_u8..).zip(&times).map(|(shade, delay)| frame(shade * 25, *delay)).collect();
            let encoded = encode_webp(&frames, 3, 80).unwrap();
            assert_eq!(delays(&encoded.bytes), times);
        }
    }

    #[test]
    fn merged_frames_keep_their_common_delay() {
        for shades in [[1, 90, 90], [1, 1, 90]] {
            let frames: Vec<_> =
                shades.iter().zip([100, 200, 400]).map(|(shade, delay)| frame(*shade, delay)).collect();
            let encoded = encode_webp(&frames, 0, 80).unwrap();
            assert_eq!(delays(&encoded.bytes).iter().sum::<u32>(), 700, "{shades:?}");
        }
    }

    #[test]
    fn a_frame_is_cropped_to_the_canvas() {
        let cropped = |left, top| {
            let buffer = (0..12).collect::<Vec<u8>>().into();
            let mut frame = gif::Frame { left, top, width: 4, height: 3, buffer, ..gif::Frame::default() };
            crop_to_canvas(&mut frame, (6, 5));
            (frame.left, frame.top, frame.width, frame.height, frame.buffer.to_vec())
        };
        assert_eq!(cropped(2, 2), (2, 2, 4, 3, (0..12).collect()));
        assert_eq!(cropped(3, 3), (3, 3, 3, 2, vec![0, 1, 2, 4, 5, 6]));
        assert_eq!(cropped(6, 0), (0, 0, 1, 1, vec![0]));
        assert_eq!(cropped(0, 65_535), (0, 0, 1, 1, vec![0]));
    }
}

//! Cleans animations. A GIF stays a GIF: its frames are decompressed and compressed again with the
//! same palette, so that no colour changes and nothing else of the file is kept. Other animations
//! become WebP. Still images are in `jpeg` and `raster`.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Encoder, MemoryLimit};
use image::metadata::{LoopCount, Orientation};
use image::{AnimationDecoder, ImageDecoder};

use super::orientation::ExifTransform;
use super::pixels::Pixels;
use super::raster::{orientation, profile, refusal_from, upright_srgb};
use super::thumbs::derive_thumbnails;
use super::{CleanOptions, Cleaned, Picture, Refusal, check_size, main_picture};
use crate::kind::Kind;

/// The longest delay of a frame, in milliseconds.
const MAX_DELAY: i64 = 60_000;

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
    gif_options.check_frame_consistency(true);
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
        // In hundredths of a second. Delays above a minute are errors or abuse.
        frame.delay = frame.delay.min(6000);
        let mut indices = vec![0; usize::from(across) * usize::from(down)];
        decoder.read_into_buffer(&mut indices).map_err(damaged)?;
        frame.buffer = indices.into();
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

/// Cleans an animation of any other format; encodes it as WebP.
pub(super) fn clean_frames<'a, D, F>(
    file: &[u8],
    mut decoder: D,
    options: &CleanOptions,
    frames: impl FnOnce(D) -> Result<F, Refusal>,
) -> Result<Cleaned, Refusal>
where
    D: ImageDecoder,
    F: AnimationDecoder<'a>,
{
    let (orientation, profile) = (orientation(&mut decoder), profile(&mut decoder));
    let transform = ExifTransform::from_orientation(orientation);
    let decoder = frames(decoder)?;
    let repeat = match decoder.loop_count() {
        LoopCount::Infinite => 0,
        LoopCount::Finite(count) => i32::try_from(count.get()).unwrap_or(0),
    };
    let (mut counter, mut timed_frames, mut at) = (FrameCounter::new(options), Vec::new(), 0_i64);
    for frame in decoder.into_frames() {
        let frame = frame.map_err(refusal_from)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let delay = (i64::from(numerator) / i64::from(denominator.max(1))).clamp(1, MAX_DELAY);
        let image = frame.into_buffer();
        counter.add(image.width(), image.height())?;
        let image = Pixels { width: image.width(), height: image.height(), alpha: true, bytes: image.into_raw() };
        let image = profile.iter().fold(image, |image, profile| profile.to_srgb(image)).transformed(transform);
        timed_frames.push((image, i32::try_from(at).unwrap_or(i32::MAX)));
        at += delay;
    }
    let (first, _) = timed_frames.first().ok_or(Refusal::Damaged)?;
    let still = upright_srgb(first.clone(), ExifTransform::NONE, None);
    let (thumbnails, blurhash) = derive_thumbnails(&still, None, options)?;
    let main = main_picture(file, options, orientation, (still.width, still.height), || match timed_frames.len() {
        1 => encode_still(&still, options),
        _ => encode_webp(&timed_frames, repeat, options.quality),
    })?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: counter.frames })
}

/// Encodes an animation with a single frame.
fn encode_still(image: &Pixels, options: &CleanOptions) -> Result<Picture, Refusal> {
    if image.alpha { image.png() } else { image.jpeg(options.quality) }
}

/// Encodes an animated WebP. Each frame comes with its start time in milliseconds.
fn encode_webp(frames: &[(Pixels, i32)], repeat: i32, quality: u8) -> Result<Picture, Refusal> {
    let (first, _) = frames.first().ok_or(Refusal::Damaged)?;
    let mut config = webp::WebPConfig::new().map_err(|()| Refusal::TooCostly)?;
    config.quality = f32::from(quality);
    let mut encoder = webp::AnimEncoder::new(first.width, first.height, &config);
    encoder.set_loop_count(repeat);
    for (image, at) in frames {
        encoder.add_frame(webp::AnimFrame::from_rgba(&image.bytes, image.width, image.height, *at));
    }
    let bytes = encoder.try_encode().map_err(|_| Refusal::TooCostly)?.to_vec();
    Ok(Picture { kind: Kind::Webp, width: first.width, height: first.height, bytes })
}

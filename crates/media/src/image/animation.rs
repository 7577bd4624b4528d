//! What moves. A GIF stays one: its frames are unpacked and packed again as they are, so that no colour changes and nothing
//! else of the file is kept. Other animations become WebP.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Encoder, MemoryLimit};
use image::metadata::{LoopCount, Orientation};
use image::{AnimationDecoder, ImageDecoder};

use super::pixels::Pixels;
use super::planes::Turn;
use super::raster::{orientation, profile, refused, upright};
use super::thumbs::derive;
use super::{Cleaned, Order, Picture, Refusal, check_size, main_of};
use crate::kind::Kind;

/// Milliseconds that a frame is shown at most.
const LONGEST: i64 = 60_000;

/// Counts frames and their pixels.
struct Budget<'a> {
    order: &'a Order,
    frames: u32,
    pixels: u64,
}

impl<'a> Budget<'a> {
    fn new(order: &'a Order) -> Self {
        Self { order, frames: 0, pixels: 0 }
    }

    fn take(&mut self, width: u32, height: u32) -> Result<(), Refusal> {
        let Order { max_frames, max_pixels, .. } = *self.order;
        self.frames += 1;
        self.pixels += u64::from(width) * u64::from(height);
        if self.frames > max_frames || self.pixels > max_pixels {
            return Err(Refusal::TooLong { max_frames, max_pixels });
        }
        Ok(())
    }
}

pub(super) fn clean_gif(bytes: &[u8], order: &Order) -> Result<Cleaned, Refusal> {
    let damaged = |_: gif::DecodingError| Refusal::Damaged;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.check_frame_consistency(true);
    if let Some(most) = NonZeroU64::new(order.max_pixels) {
        options.set_memory_limit(MemoryLimit::Bytes(most));
    }
    let mut decoder = options.read_info(bytes).map_err(damaged)?;
    let (width, height) = (decoder.width(), decoder.height());
    check_size(width.into(), height.into(), order)?;
    let palette = decoder.global_palette().map(<[u8]>::to_vec).unwrap_or_default();
    let (mut budget, mut first) = (Budget::new(order), None);
    let mut encoder = Encoder::new(Vec::new(), width, height, &palette).map_err(|_| Refusal::Damaged)?;
    while let Some(info) = decoder.next_frame_info().map_err(damaged)? {
        let (across, down) = (info.width, info.height);
        budget.take(across.into(), down.into())?;
        let mut frame = info.clone();
        // Whatever was asked to wait for a person is shown on; delays above a minute are a mistake or a trick.
        frame.needs_user_input = false;
        // The rows come in order.
        frame.interlaced = false;
        frame.delay = frame.delay.min(6000);
        let mut indices = vec![0; usize::from(across) * usize::from(down)];
        decoder.read_into_buffer(&mut indices).map_err(damaged)?;
        frame.buffer = indices.into();
        if budget.frames == 1 {
            first = Some(on_canvas(&frame, &palette, (width, height))?);
            encoder.set_repeat(decoder.repeat()).map_err(|_| Refusal::Damaged)?;
        }
        encoder.write_frame(&frame).map_err(|_| Refusal::Damaged)?;
    }
    let first = first.ok_or(Refusal::Damaged)?;
    let (thumbnails, blurhash) = derive(&first, None, order)?;
    let size = (width.into(), height.into());
    let main = main_of(bytes, order, Orientation::NoTransforms, size, || match (budget.frames, first.alpha) {
        (1, false) => first.jpeg(order.quality),
        (1, true) => first.png(),
        _ => {
            let bytes = encoder.into_inner().map_err(|_| Refusal::TooCostly)?;
            Ok(Picture { kind: Kind::Gif, width: width.into(), height: height.into(), bytes })
        }
    })?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: budget.frames })
}

/// The first frame, as it is seen.
fn on_canvas(frame: &gif::Frame<'_>, palette: &[u8], (width, height): (u16, u16)) -> Result<Pixels, Refusal> {
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
    Ok(image.without_idle_alpha())
}

/// Frames that some decoder gives, as WebP.
pub(super) fn clean_frames<'a, D, F>(
    file: &[u8],
    mut decoder: D,
    order: &Order,
    frames: impl FnOnce(D) -> Result<F, Refusal>,
) -> Result<Cleaned, Refusal>
where
    D: ImageDecoder,
    F: AnimationDecoder<'a>,
{
    let (orientation, profile) = (orientation(&mut decoder), profile(&mut decoder));
    let turn = Turn::upright(orientation);
    let decoder = frames(decoder)?;
    let repeat = match decoder.loop_count() {
        LoopCount::Infinite => 0,
        LoopCount::Finite(count) => i32::try_from(count.get()).unwrap_or(0),
    };
    let (mut budget, mut shown, mut at) = (Budget::new(order), Vec::new(), 0_i64);
    for frame in decoder.into_frames() {
        let frame = frame.map_err(refused)?;
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let delay = (i64::from(numerator) / i64::from(denominator.max(1))).clamp(1, LONGEST);
        let image = frame.into_buffer();
        budget.take(image.width(), image.height())?;
        let image = Pixels { width: image.width(), height: image.height(), alpha: true, bytes: image.into_raw() };
        let image = profile.iter().fold(image, |image, profile| profile.applied(image)).turned(turn);
        shown.push((image, i32::try_from(at).unwrap_or(i32::MAX)));
        at += delay;
    }
    let (first, _) = shown.first().ok_or(Refusal::Damaged)?;
    let still = upright(first.clone(), Turn::NONE, None);
    let (thumbnails, blurhash) = derive(&still, None, order)?;
    let main = main_of(file, order, orientation, (still.width, still.height), || match shown.len() {
        1 => still_of(&still, order),
        _ => webp(&shown, repeat, order.quality),
    })?;
    Ok(Cleaned { main, thumbnails, blurhash, frames: budget.frames })
}

fn still_of(image: &Pixels, order: &Order) -> Result<Picture, Refusal> {
    if image.alpha { image.png() } else { image.jpeg(order.quality) }
}

fn webp(shown: &[(Pixels, i32)], repeat: i32, quality: u8) -> Result<Picture, Refusal> {
    let (first, _) = shown.first().ok_or(Refusal::Damaged)?;
    let mut config = webp::WebPConfig::new().map_err(|()| Refusal::TooCostly)?;
    config.quality = f32::from(quality);
    let mut encoder = webp::AnimEncoder::new(first.width, first.height, &config);
    encoder.set_loop_count(repeat);
    for (image, at) in shown {
        encoder.add_frame(webp::AnimFrame::from_rgba(&image.bytes, image.width, image.height, *at));
    }
    let bytes = encoder.try_encode().map_err(|_| Refusal::TooCostly)?.to_vec();
    Ok(Picture { kind: Kind::Webp, width: first.width, height: first.height, bytes })
}

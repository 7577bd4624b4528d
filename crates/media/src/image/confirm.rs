//! Whether what was made of an image is what its maker says: read from the file itself, before the one that came is let go
//! of. Headers only; no pixel is decoded again.

use std::io::Cursor;

use gif::DecodeOptions;
use image::ImageDecoder as _;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;

use super::{Cleaned, Order};
use crate::kind::Kind;

/// In what a file differs from the image it was made of, said so that a person understands; `None` if it does not.
pub(crate) fn difference(cleaned: &Cleaned, order: &Order) -> Option<String> {
    let main = &cleaned.main;
    let Some(seen) = look(main.kind, &main.bytes).filter(|_| Kind::sniff(&main.bytes) == Some(main.kind)) else {
        return Some(format!("it is no {}", main.kind.content_type()));
    };
    let ((width, height), wanted) = (seen.size, (main.width, main.height));
    // Where nothing but the picture was taken out of the file, it says itself which way is up.
    if seen.size != wanted && !(order.lossless && (height, width) == wanted) {
        return Some(format!("it has {width} x {height} pixels instead of {} x {}", wanted.0, wanted.1));
    }
    // Frames that look the same are made one by the encoder of WebP. How many the other formats move through is not said.
    let is_right = match main.kind {
        Kind::Gif => seen.frames == cleaned.frames,
        Kind::Webp => (1..=cleaned.frames).contains(&seen.frames),
        _ => true,
    };
    if is_right { None } else { Some(format!("it has {} frames instead of {}", seen.frames, cleaned.frames)) }
}

struct Seen {
    size: (u32, u32),
    frames: u32,
}

fn look(kind: Kind, bytes: &[u8]) -> Option<Seen> {
    let still = |size| Some(Seen { size, frames: 1 });
    match kind {
        Kind::Jpeg => {
            let header = turbojpeg::read_header(bytes).ok()?;
            still((u32::try_from(header.width).ok()?, u32::try_from(header.height).ok()?))
        }
        Kind::Png => still(PngDecoder::new(Cursor::new(bytes)).ok()?.dimensions()),
        Kind::Webp => {
            let decoder = WebPDecoder::new(Cursor::new(bytes)).ok()?;
            let frames = if decoder.has_animation() { super::strip::count_webp_frames(bytes)? } else { 1 };
            Some(Seen { size: decoder.dimensions(), frames })
        }
        Kind::Gif => {
            let mut options = DecodeOptions::new();
            options.skip_frame_decoding(true);
            let mut decoder = options.read_info(bytes).ok()?;
            let (size, mut frames) = ((decoder.width().into(), decoder.height().into()), 0);
            while decoder.next_frame_info().ok()?.is_some() {
                frames += 1;
            }
            Some(Seen { size, frames })
        }
        Kind::Mp4 | Kind::Quicktime | Kind::Webm => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Picture, clean};
    use image::{DynamicImage, ImageFormat, RgbaImage};

    fn order(kind: Kind) -> Order {
        Order { kind, max_pixels: 1 << 20, max_frames: 99, quality: 85, thumbnails: vec![8], lossless: false }
    }

    fn moving(frames: u8) -> Vec<u8> {
        let mut encoder = gif::Encoder::new(Vec::new(), 4, 2, &[0, 0, 0, 250, 250, 250]).unwrap();
        for frame in 0..frames {
            let buffer = (0..8).map(|at| (frame + at) % 2).collect::<Vec<u8>>().into();
            encoder.write_frame(&gif::Frame { width: 4, height: 2, delay: 9, buffer, ..Default::default() }).unwrap();
        }
        encoder.into_inner().unwrap()
    }

    fn still(format: ImageFormat, alpha: u8) -> Vec<u8> {
        let image = RgbaImage::from_fn(40, 24, |x, _| image::Rgba([x.to_le_bytes()[0], 9, 9, alpha]));
        let mut out = Cursor::new(Vec::new());
        DynamicImage::ImageRgba8(image).write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn what_is_made_is_what_it_is_said_to_be() {
        for (kind, bytes, made) in [
            (Kind::Png, still(ImageFormat::Png, 255), Kind::Jpeg),
            (Kind::Png, still(ImageFormat::Png, 9), Kind::Png),
            (Kind::Webp, still(ImageFormat::WebP, 9), Kind::Webp),
            (Kind::Gif, moving(5), Kind::Gif),
        ] {
            for order in [order(kind), Order { lossless: true, ..order(kind) }] {
                let cleaned = clean(&bytes, &order).unwrap();
                assert!(order.lossless || cleaned.main.kind == made, "{:?}", cleaned.main.kind);
                assert_eq!(difference(&cleaned, &order), None, "{kind:?}");
                let other = |change: &dyn Fn(&mut Picture)| {
                    let mut main = cleaned.main.clone();
                    change(&mut main);
                    difference(&Cleaned { main, ..cleaned.clone() }, &order).unwrap_or_default()
                };
                assert!(other(&|main| main.width += 1).contains("pixels instead of"));
                assert!(other(&|main| main.bytes.truncate(20)).contains("it is no image/"));
                assert!(other(&|main| main.bytes = b"GIF".to_vec()).contains("it is no image/"));
            }
        }
        let cleaned = clean(&moving(5), &order(Kind::Gif)).unwrap();
        let fewer = Cleaned { main: Picture { bytes: moving(4), ..cleaned.main.clone() }, ..cleaned };
        assert_eq!(difference(&fewer, &order(Kind::Gif)).unwrap(), "it has 4 frames instead of 5");
    }
}

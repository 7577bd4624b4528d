//! Confirms that an output file has the type, size and number of frames that its encoder reported,
//! before the original is deleted. Parses headers only and decodes no pixels.

use std::io::Cursor;

use gif::DecodeOptions;
use image::ImageDecoder as _;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;

use super::{CleanOptions, Cleaned};
use crate::kind::Kind;

/// Returns the difference between the main output file and its description, for a person to read.
/// Returns `None` if there is none.
pub(crate) fn difference(cleaned: &Cleaned, options: &CleanOptions) -> Option<String> {
    let main = &cleaned.main;
    let Some(header) = parse_header(main.kind, &main.bytes).filter(|_| Kind::sniff(&main.bytes) == Some(main.kind))
    else {
        return Some(format!("it is not a valid {}", main.kind.content_type()));
    };
    let ((width, height), wanted) = (header.size, (main.width, main.height));
    // A file whose metadata was stripped keeps its Exif orientation, so width and height can be
    // swapped.
    if header.size != wanted && !(options.lossless && (height, width) == wanted) {
        return Some(format!("it has {width} x {height} pixels instead of {} x {}", wanted.0, wanted.1));
    }
    // The WebP encoder merges equal frames. The other formats do not state their number of frames.
    let frames_match = match main.kind {
        Kind::Gif => header.frames == cleaned.frames,
        Kind::Webp => (1..=cleaned.frames).contains(&header.frames),
        _ => true,
    };
    if frames_match { None } else { Some(format!("it has {} frames instead of {}", header.frames, cleaned.frames)) }
}

/// The size and the number of frames in a file's headers.
struct Header {
    size: (u32, u32),
    frames: u32,
}

/// Parses the headers of an image. Returns `None` if they are invalid.
fn parse_header(kind: Kind, bytes: &[u8]) -> Option<Header> {
    let still = |size| Some(Header { size, frames: 1 });
    match kind {
        Kind::Jpeg => {
            let header = turbojpeg::read_header(bytes).ok()?;
            still((u32::try_from(header.width).ok()?, u32::try_from(header.height).ok()?))
        }
        Kind::Png => still(PngDecoder::new(Cursor::new(bytes)).ok()?.dimensions()),
        Kind::Webp => {
            let decoder = WebPDecoder::new(Cursor::new(bytes)).ok()?;
            let frames = if decoder.has_animation() { super::strip::count_webp_frames(bytes)? } else { 1 };
            Some(Header { size: decoder.dimensions(), frames })
        }
        Kind::Gif => {
            let mut gif_options = DecodeOptions::new();
            gif_options.skip_frame_decoding(true);
            let mut decoder = gif_options.read_info(bytes).ok()?;
            let (size, mut frames) = ((decoder.width().into(), decoder.height().into()), 0);
            while decoder.next_frame_info().ok()?.is_some() {
                frames += 1;
            }
            Some(Header { size, frames })
        }
        Kind::Mp4 | Kind::Quicktime | Kind::Webm => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Picture, clean};
    use image::{DynamicImage, ImageFormat, RgbaImage};

    fn options(kind: Kind) -> CleanOptions {
        CleanOptions { kind, max_pixels: 1 << 20, max_frames: 99, quality: 85, thumbnails: vec![8], lossless: false }
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
    fn the_output_matches_its_description() {
        for (kind, bytes, made) in [
            (Kind::Png, still(ImageFormat::Png, 255), Kind::Jpeg),
            (Kind::Png, still(ImageFormat::Png, 9), Kind::Png),
            (Kind::Webp, still(ImageFormat::WebP, 9), Kind::Webp),
            (Kind::Gif, moving(5), Kind::Gif),
        ] {
            for options in [options(kind), CleanOptions { lossless: true, ..options(kind) }] {
                let cleaned = clean(&bytes, &options).unwrap();
                assert!(options.lossless || cleaned.main.kind == made, "{:?}", cleaned.main.kind);
                assert_eq!(difference(&cleaned, &options), None, "{kind:?}");
                let other = |change: &dyn Fn(&mut Picture)| {
                    let mut main = cleaned.main.clone();
                    change(&mut main);
                    difference(&Cleaned { main, ..cleaned.clone() }, &options).unwrap_or_default()
                };
                assert!(other(&|main| main.width += 1).contains("pixels instead of"));
                assert!(other(&|main| main.bytes.truncate(20)).contains("it is not a valid image/"));
                assert!(other(&|main| main.bytes = b"GIF".to_vec()).contains("it is not a valid image/"));
            }
        }
        let cleaned = clean(&moving(5), &options(Kind::Gif)).unwrap();
        let fewer = Cleaned { main: Picture { bytes: moving(4), ..cleaned.main.clone() }, ..cleaned };
        assert_eq!(difference(&fewer, &options(Kind::Gif)).unwrap(), "it has 4 frames instead of 5");
    }
}

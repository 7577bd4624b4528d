//! Removes metadata from image files without re-encoding: drops comments, location, device and data
//! after the end, and keeps every byte of the pictures, their orientation and their colour profile.
//! Decodes no pixels; the caller has decoded the file before. Source: ITU-T T.81 Annex B (JPEG),
//! W3C PNG section 5, RFC 9649 (WebP), `GIF89a`; CIPA DC-008 (Exif).

mod gif;
mod jpeg;
mod png;
mod webp;

use image::metadata::Orientation;

pub(in crate::image) use self::png::crc32;
use super::segments::is_profile;
use crate::kind::Kind;

/// Returns the file without metadata. Returns `None` if the file violates its format.
pub(in crate::image) fn strip(file: &[u8], kind: Kind, orientation: Orientation) -> Option<Vec<u8>> {
    match kind {
        Kind::Jpeg => jpeg::strip(file, orientation),
        Kind::Png => png::strip(file, orientation),
        Kind::Webp => webp::strip(file, orientation),
        Kind::Gif => gif::strip(file),
        Kind::Mp4 | Kind::Quicktime | Kind::Webm => None,
    }
}

/// Counts the frames of an animated WebP. Returns `None` if the file violates the format.
pub(in crate::image) fn count_webp_frames(file: &[u8]) -> Option<u32> {
    webp::count_frames(file)
}

/// Sets the delay of each frame of an animated WebP, in milliseconds, to what `delay` returns for
/// its number, its encoded delay and the sum of the delays before it. Returns `None` if the file
/// violates the format.
pub(in crate::image) fn set_webp_delays(file: &mut [u8], delay: impl Fn(usize, u32, u32) -> u32) -> Option<()> {
    webp::set_delays(file, delay)
}

/// Reads a chunk of a PNG: its name, its data, and the bytes after it.
pub(in crate::image) fn read_png_chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    png::read_chunk(bytes)
}

/// Returns a TIFF structure with only the Exif orientation. Returns `None` for the default
/// orientation.
fn orientation_exif(orientation: Orientation) -> Option<[u8; 26]> {
    if orientation == Orientation::NoTransforms {
        return None;
    }
    let mut tiff = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    tiff[19] = orientation.to_exif();
    Some(tiff)
}

/// Reads a file from the front; contains the unread bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads `length` bytes. Returns `None` if fewer are left.
    fn read(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Reads one byte.
    fn byte(&mut self) -> Option<u8> {
        self.read(1).map(|bytes| bytes[0])
    }
}

/// The largest ICC profile that is kept, in bytes. Profiles have a few kilobytes; those for print
/// have up to two megabytes.
const MAX_ICC: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::super::exif::{self, EXIF_PREFIX as EXIF};
    use super::super::segments::ICC;
    use super::png::crc32;
    use super::webp::{WEBP_EXIF, WEBP_XMP, push_chunk, read_chunk};
    use super::*;
    use image::{DynamicImage, ImageDecoder as _, ImageFormat, RgbaImage};
    use proptest::prelude::*;
    use std::io::Cursor;

    const SECRET: &[u8] = b"SecretPlace";
    const TURNED: Orientation = Orientation::Rotate90;

    fn picture() -> DynamicImage {
        let colour = |x: u32, y: u32| {
            image::Rgba([(x * 5).to_le_bytes()[0], (y * 9).to_le_bytes()[0], 90, if x > 9 { 255 } else { 7 }])
        };
        DynamicImage::ImageRgba8(RgbaImage::from_fn(40, 24, colour))
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture().write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    /// Returns the smallest valid ICC profile of a length.
    fn icc(length: u8) -> Vec<u8> {
        let mut profile = vec![0; usize::from(length)];
        profile[3] = length;
        profile[36..40].copy_from_slice(b"acsp");
        profile
    }

    /// Returns a TIFF structure with an orientation, followed by a secret.
    fn exif_with_secret() -> Vec<u8> {
        [&orientation_exif(TURNED).unwrap()[..], SECRET].concat()
    }

    fn jpeg_file() -> Vec<u8> {
        let rgb = picture().to_rgb8();
        let image = turbojpeg::Image {
            pixels: rgb.as_raw().as_slice(),
            width: 40,
            pitch: 120,
            height: 24,
            format: turbojpeg::PixelFormat::RGB,
        };
        let plain = turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2).unwrap();
        let segment = |marker: u8, body: &[u8]| {
            let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
            [&[0xff, marker], &length[..], body].concat()
        };
        let (exif, comment) = (segment(0xe1, &[EXIF, &exif_with_secret()].concat()), segment(0xfe, SECRET));
        let icc = segment(0xe2, &[ICC, b"\x01\x01", &icc(140)].concat());
        let end = plain.len() - 2;
        // A height and a comment between the scan and the end marker, and another file after it.
        let height = segment(0xdc, SECRET);
        [
            &plain[..2],
            &exif,
            &plain[2..20],
            &icc,
            &comment,
            &plain[20..end],
            &height,
            &comment,
            &plain[end..],
            b"PK\x03\x04",
            SECRET,
        ]
        .concat()
    }

    fn png_file() -> Vec<u8> {
        let plain = encoded(ImageFormat::Png);
        let chunk = |name: &[u8], data: &[u8]| {
            let named = [name, data].concat();
            let length = u32::try_from(data.len()).unwrap().to_be_bytes();
            [&length[..], &named, &crc32(&named).to_be_bytes()].concat()
        };
        let text = chunk(b"tEXt", &[b"Comment\0", SECRET].concat());
        let (exif, size) = (chunk(b"eXIf", &exif_with_secret()), chunk(b"pHYs", &[0, 0, 0, 1, 0, 0, 0, 1, 0]));
        let end = plain.len() - 12;
        let long = chunk(b"gAMA", SECRET);
        // Animation frames of an image that declares no frames.
        let moves = chunk(b"acTL", &[0; 8]);
        let frame = [moves.clone(), chunk(b"fdAT", &[&[0, 0, 0, 1], SECRET].concat())].concat();
        [&plain[..33], &moves, &exif, &size, &text, &long, &plain[33..end], &text, &frame, &plain[end..], SECRET]
            .concat()
    }

    fn webp_file() -> Vec<u8> {
        let plain = encoded(ImageFormat::WebP);
        let mut body = b"WEBP".to_vec();
        push_chunk(&mut body, *b"VP8X", &[0x10 | WEBP_EXIF | WEBP_XMP, 0, 0, 0, 39, 0, 0, 23, 0, 0]);
        let mut rest = Reader(&plain[12..]);
        let (name, data) = read_chunk(&mut rest).unwrap();
        assert_eq!(&name, b"VP8L");
        push_chunk(&mut body, name, data);
        push_chunk(&mut body, *b"EXIF", &exif_with_secret());
        push_chunk(&mut body, *b"XMP ", SECRET);
        push_chunk(&mut body, *b"abcd", SECRET);
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [b"RIFF", &length[..], &body, SECRET].concat()
    }

    fn gif_file() -> Vec<u8> {
        let mut encoder = ::gif::Encoder::new(Vec::new(), 4, 2, &[0, 0, 0, 200, 10, 10]).unwrap();
        encoder.set_repeat(::gif::Repeat::Finite(3)).unwrap();
        for delay in [7, 9] {
            let buffer = vec![0, 1, 0, 1, 1, 0, 1, 0].into();
            encoder
                .write_frame(&::gif::Frame { width: 4, height: 2, delay, buffer, ..::gif::Frame::default() })
                .unwrap();
        }
        let mut file = encoder.into_inner().unwrap();
        let comment = [b"\x21\xfe\x0b", SECRET, b"\0"].concat();
        let other = [b"\x21\xff\x0bXMP DataXMP\x0b", SECRET, b"\0"].concat();
        let end = file.pop().unwrap();
        [&file[..], &comment, &other, &[end], SECRET].concat()
    }

    fn contains(bytes: &[u8], text: &[u8]) -> bool {
        bytes.windows(text.len()).any(|window| window == text)
    }

    fn files() -> [(Kind, Vec<u8>, ImageFormat); 4] {
        [
            (Kind::Jpeg, jpeg_file(), ImageFormat::Jpeg),
            (Kind::Png, png_file(), ImageFormat::Png),
            (Kind::Webp, webp_file(), ImageFormat::WebP),
            (Kind::Gif, gif_file(), ImageFormat::Gif),
        ]
    }

    #[test]
    fn only_the_picture_is_kept() {
        for (kind, file, _) in files() {
            assert!(contains(&file, SECRET));
            let stripped = strip(&file, kind, TURNED).unwrap_or_else(|| panic!("{kind:?}"));
            assert!(!contains(&stripped, SECRET), "{kind:?}");
            assert!(!contains(&stripped, b"PK"), "{kind:?}");
            assert_eq!(
                strip(&stripped, kind, TURNED).as_ref(),
                Some(&stripped),
                "{kind:?}: stripping twice changes nothing"
            );
        }
    }

    #[test]
    fn slightly_invalid_files_are_repaired() {
        // A missing end chunk, and a container length that some programs write wrong.
        let png = png_file();
        let end = png.windows(4).position(|window| window == b"IEND").unwrap() - 4;
        assert_eq!(strip(&png[..end], Kind::Png, TURNED), strip(&png, Kind::Png, TURNED));
        let mut webp = encoded(ImageFormat::WebP);
        let right = strip(&webp, Kind::Webp, TURNED).unwrap();
        let length = u32::try_from(webp.len()).unwrap().to_le_bytes();
        webp[4..8].copy_from_slice(&length);
        assert_eq!(strip(&webp, Kind::Webp, TURNED), Some(right));
    }

    #[test]
    fn pixels_stay_as_they_were() {
        let jpeg = |bytes: &[u8]| turbojpeg::decompress(bytes, turbojpeg::PixelFormat::RGB).unwrap().pixels;
        let file = jpeg_file();
        assert_eq!(jpeg(&file), jpeg(&strip(&file, Kind::Jpeg, TURNED).unwrap()));
        for (kind, file, format) in files().into_iter().skip(1) {
            let stripped = strip(&file, kind, TURNED).unwrap();
            let decoded = |bytes: &[u8]| image::load_from_memory_with_format(bytes, format).unwrap().into_rgba8();
            assert_eq!(decoded(&file), decoded(&stripped), "{kind:?}");
        }
    }

    #[test]
    fn invalid_profiles_and_trailing_data_are_refused() {
        use std::io::Write as _;
        let packed = |data: &[u8]| {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        };
        let plain = encoded(ImageFormat::Png);
        let chunk = |name: &[u8], data: &[u8]| {
            let named = [name, data].concat();
            let length = u32::try_from(data.len()).unwrap().to_be_bytes();
            [&length[..], &named, &crc32(&named).to_be_bytes()].concat()
        };
        let with = |more: &[u8]| strip(&[&plain[..33], more, &plain[33..]].concat(), Kind::Png, TURNED);
        let named = |profile: &[u8]| chunk(b"iCCP", &[SECRET, b"\0\0", &packed(profile)].concat());
        let good = with(&named(&icc(140))).unwrap();
        assert!(!contains(&good, SECRET), "the profile's name is replaced");
        let mut decoder = image::codecs::png::PngDecoder::new(Cursor::new(&good)).unwrap();
        assert_eq!(decoder.icc_profile().unwrap(), Some(icc(140)));
        for bad in [[icc(140), SECRET.to_vec()].concat(), SECRET.to_vec(), vec![0; MAX_ICC + 1]] {
            assert_eq!(with(&named(&bad)), None);
        }
        let end = plain.len() - 12;
        let mut nameless = plain.clone();
        nameless[12] = 0;
        assert_eq!(strip(&nameless, Kind::Png, TURNED), None, "the header must come first");
        let behind = [&plain[..end], &chunk(b"IDAT", SECRET), &plain[end..]].concat();
        assert_eq!(strip(&behind, Kind::Png, TURNED), None, "data after the last pixel");
        // An invalid profile, one that is too large, and one after the picture.
        let jpeg = jpeg_file();
        let segment = |body: &[u8]| {
            let length = u16::try_from(ICC.len() + 4 + body.len()).unwrap().to_be_bytes();
            [b"\xff\xe2", &length[..], ICC, b"\x01\x01", body].concat()
        };
        let with = |at: usize, more: &[u8]| strip(&[&jpeg[..at], more, &jpeg[at..]].concat(), Kind::Jpeg, TURNED);
        assert!(strip(&jpeg, Kind::Jpeg, TURNED).is_some());
        assert_eq!(with(2, &segment(SECRET)), None);
        assert_eq!(with(2, &segment(&[7; 65_000]).repeat(70)), None);
        let end = jpeg.windows(2).rposition(|window| window == b"\xff\xdc").unwrap();
        assert_eq!(
            with(end, &segment(SECRET)),
            strip(&jpeg, Kind::Jpeg, TURNED),
            "what follows the picture is removed"
        );
        let webp = [&b"WEBPVP8X\x0a\0\0\0\x20\0\0\0\0\0\0\0\0\0ICCP\x0b\0\0\0"[..], SECRET, b"\0"].concat();
        let webp = [b"RIFF", &u32::try_from(webp.len()).unwrap().to_le_bytes()[..], &webp].concat();
        assert_eq!(strip(&webp, Kind::Webp, TURNED), None);
    }

    /// Decoders ignore frames beyond the declared number, and a second chunk of most kinds.
    #[test]
    fn frames_and_chunks_that_decoders_ignore_are_removed() {
        let plain = encoded(ImageFormat::Png);
        let chunk = |name: &[u8], data: &[u8]| {
            let named = [name, data].concat();
            let length = u32::try_from(data.len()).unwrap().to_be_bytes();
            [&length[..], &named, &crc32(&named).to_be_bytes()].concat()
        };
        let pixels = {
            use std::io::Write as _;
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::none());
            encoder.write_all(SECRET).unwrap();
            encoder.finish().unwrap()
        };
        let control = |number: u32| chunk(b"fcTL", &[&number.to_be_bytes()[..], &[0; 22]].concat());
        let hidden = [control(1), chunk(b"fdAT", &[&[0, 0, 0, 2], &pixels[..]].concat())].concat();
        let end = plain.len() - 12;
        let (declared, gamma) = (chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]), chunk(b"gAMA", &[0, 1, 2, 3]));
        let file =
            [&plain[..33], &declared, &gamma, &gamma, &control(0), &plain[33..end], &hidden, &plain[end..]].concat();
        let stripped = strip(&file, Kind::Png, Orientation::NoTransforms).unwrap();
        assert!(!contains(&stripped, SECRET));
        assert_eq!(stripped.windows(4).filter(|window| *window == b"gAMA").count(), 1);
        assert_eq!(stripped.windows(4).filter(|window| *window == b"fcTL").count(), 1);
    }

    /// A JPEG can hold any data between its last pixel and its end marker; only the decoder detects
    /// it.
    #[test]
    fn data_after_the_last_pixel_is_removed() {
        let plain = jpeg_file();
        let end = plain.windows(4).rposition(|window| window == b"\xff\xd9PK").unwrap();
        let comment = plain[..end].windows(2).rposition(|window| window == b"\xff\xdc").unwrap();
        let hidden = [&plain[..comment], SECRET, &plain[end..]].concat();
        let options = super::super::CleanOptions {
            kind: Kind::Jpeg,
            max_pixels: 1_000_000,
            max_frames: 1,
            quality: 90,
            thumbnails: vec![16],
            lossless: true,
        };
        let cleaned = super::super::clean(&hidden, &options).unwrap();
        assert!(!contains(&cleaned.main.bytes, SECRET));
        let cleaned = super::super::clean(&plain, &options).unwrap();
        assert_eq!(Some(cleaned.main.bytes), strip(&plain, Kind::Jpeg, TURNED), "a valid file keeps its bytes");
    }

    #[test]
    fn orientation_and_colour_information_are_kept() {
        let file = strip(&jpeg_file(), Kind::Jpeg, TURNED).unwrap();
        let segments = super::super::segments::read(&file);
        assert_eq!(exif::orientation(segments.exif), TURNED);
        assert_eq!(segments.icc, Some(icc(140)));
        assert!(!contains(&strip(&jpeg_file(), Kind::Jpeg, Orientation::NoTransforms).unwrap(), b"Exif"));
        let png = strip(&png_file(), Kind::Png, TURNED).unwrap();
        assert!(contains(&png, b"pHYs"));
        let mut decoder = image::codecs::png::PngDecoder::new(Cursor::new(&png)).unwrap();
        assert_eq!(decoder.orientation().unwrap(), TURNED);
        let webp = strip(&webp_file(), Kind::Webp, TURNED).unwrap();
        let mut decoder = image::codecs::webp::WebPDecoder::new(Cursor::new(&webp)).unwrap();
        assert_eq!(decoder.orientation().unwrap(), TURNED);
        let plain = strip(&webp_file(), Kind::Webp, Orientation::NoTransforms).unwrap();
        assert!(!contains(&plain, b"EXIF") && plain[20] & (WEBP_EXIF | WEBP_XMP) == 0);
    }

    #[test]
    fn a_gif_keeps_its_delays_and_repetitions() {
        let file = strip(&gif_file(), Kind::Gif, Orientation::NoTransforms).unwrap();
        let mut decoder = ::gif::DecodeOptions::new().read_info(file.as_slice()).unwrap();
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!((delays, decoder.repeat()), (vec![7, 9], ::gif::Repeat::Finite(3)));
    }

    proptest! {
        /// Damaged files are shortened or refused, and never read beyond their end.
        #[test]
        fn damaged_files_never_panic(which in 0usize..4, end in 0usize..2000, at in 0usize..2000, byte: u8) {
            let (kind, mut file, _) = files()[which].clone();
            let length = file.len();
            file[at % length] = byte;
            file.truncate(1 + end % length);
            if let Some(stripped) = strip(&file, kind, TURNED) {
                prop_assert!(stripped.len() <= file.len() + 64);
                prop_assert!(strip(&stripped, kind, TURNED).is_some());
            }
        }
    }
}

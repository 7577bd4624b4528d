//! Files without anything but their pictures: what is said of them, where and with what they were made, and what was put
//! behind their end is left out, and every byte of the pictures is kept as it is. Which way is up and what the colours mean
//! belongs to the picture. Nothing is decoded here; whoever calls has done that before, and knows that it is one.
//!
//! ITU-T T.81 Annex B (JPEG), W3C PNG section 5, RFC 9649 (WebP), `GIF89a`; Exif as in CIPA DC-008.

use image::metadata::Orientation;

use crate::kind::Kind;

/// A file's picture alone; `None` where the file does not go by the rules of its kind.
pub(super) fn strip(file: &[u8], kind: Kind, orientation: Orientation) -> Option<Vec<u8>> {
    match kind {
        Kind::Jpeg => jpeg(file, orientation),
        Kind::Png => png(file, orientation),
        Kind::Webp => webp(file, orientation),
        Kind::Gif => gif(file),
        Kind::Mp4 | Kind::Quicktime | Kind::Webm => None,
    }
}

/// Exif that says which way is up and nothing else; none where that is the usual one.
fn upright(orientation: Orientation) -> Option<[u8; 26]> {
    if orientation == Orientation::NoTransforms {
        return None;
    }
    let mut tiff = *b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    tiff[19] = orientation.to_exif();
    Some(tiff)
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }
}

const EXIF: &[u8] = b"Exif\0\0";
const JFIF: &[u8] = b"JFIF\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const ADOBE: &[u8] = b"Adobe";
/// Bytes of a colour profile: a few kilobytes as a rule; with large tables for print, two megabytes.
const MAX_ICC: usize = 4 << 20;

/// Whether a colour profile is one from its beginning to its end: ICC.1 section 7.2.
fn is_profile(icc: &[u8]) -> bool {
    let length = icc.first_chunk::<4>().map(|length| u32::from_be_bytes(*length));
    let length = length.and_then(|length| usize::try_from(length).ok());
    length == Some(icc.len()) && icc.get(36..40) == Some(b"acsp")
}

fn jpeg(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
    let icc = super::segments::read(file).icc;
    if icc.as_ref().is_some_and(|icc| !is_profile(icc)) {
        return None;
    }
    let (mut pieces, mut seen_scan) = (0, false);
    let mut rest = Rest(file.strip_prefix(b"\xff\xd8")?);
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(b"\xff\xd8");
    // JFIF must be first where there is one; Exif comes behind it.
    let mut exif = upright(orientation);
    loop {
        if rest.byte()? != 0xff {
            return None;
        }
        let mut marker = rest.byte()?;
        while marker == 0xff {
            marker = rest.byte()?;
        }
        if marker != 0xe0
            && let Some(tiff) = exif.take()
        {
            out.extend_from_slice(&[0xff, 0xe1, 0, 2 + 6 + 26]);
            out.extend_from_slice(EXIF);
            out.extend_from_slice(&tiff);
        }
        match marker {
            0xd9 => {
                out.extend_from_slice(b"\xff\xd9");
                // All that was copied of a profile is the one that was looked at.
                return (pieces == icc.map_or(0, |icc| icc.len())).then_some(out);
            }
            // Marks without a length that have no place here; the decoder passes over them.
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0xd8 => return None,
            _ => {}
        }
        let length = rest.take(2)?;
        let body = rest.take(usize::from(u16::from_be_bytes([length[0], length[1]])).checked_sub(2)?)?;
        match marker {
            0xe0 if body.starts_with(JFIF) && body.len() >= 14 => {
                // Its last two bytes say how large a thumbnail follows: none.
                out.extend_from_slice(&[0xff, 0xe0, 0, 16]);
                out.extend_from_slice(&body[..12]);
                out.extend_from_slice(&[0, 0]);
            }
            0xe2 if body.starts_with(ICC) => {
                if seen_scan {
                    return None;
                }
                pieces += body.len().checked_sub(ICC.len() + 2)?;
                segment(&mut out, marker, length, body);
            }
            // How the colours of the scans are to be understood.
            0xee if body.starts_with(ADOBE) && body.len() >= 12 => {
                out.extend_from_slice(&[0xff, 0xee, 0, 14]);
                out.extend_from_slice(&body[..12]);
            }
            0xda => {
                seen_scan = true;
                segment(&mut out, marker, length, body);
                out.extend_from_slice(scan(&mut rest)?);
            }
            // Tables, frames, and how often the decoder may begin anew.
            0xc0..=0xc2 | 0xc4 | 0xdb | 0xdd => segment(&mut out, marker, length, body),
            // What is said of the picture; and a height at a place where no decoder reads it.
            0xe0..=0xef | 0xfe | 0xdc => {}
            _ => return None,
        }
    }
}

fn segment(out: &mut Vec<u8>, marker: u8, length: &[u8], body: &[u8]) {
    out.extend_from_slice(&[0xff, marker]);
    out.extend_from_slice(length);
    out.extend_from_slice(body);
}

/// The coded data of a scan: up to the next mark that is neither a zero that was put in nor a restart.
fn scan<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let mut at = 0;
    loop {
        at += rest.0.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match rest.0.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return rest.take(at),
        }
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// What may stand before a picture: what it is made of, what its colours mean, that it moves, how wide a pixel is. Each with
/// the most bytes that it has.
const PNG_BEFORE: [(&[u8; 4], usize); 12] = [
    (b"IHDR", 13),
    (b"PLTE", 768),
    (b"tRNS", 256),
    (b"cHRM", 32),
    (b"gAMA", 4),
    (b"sBIT", 4),
    (b"sRGB", 1),
    (b"cICP", 4),
    (b"mDCV", 24),
    (b"cLLI", 8),
    (b"pHYs", 9),
    (b"acTL", 8),
];
/// A chunk without anything in it, its checksum included.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

fn png(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
    let mut rest = Rest(file.strip_prefix(PNG)?);
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(PNG);
    let mut exif = upright(orientation);
    let (mut begun, mut moves, mut pixels) = (false, false, Vec::new());
    let most = most_pixels(file)?;
    // Decoders don't miss the end; they have seen the whole picture by then.
    while rest.0.len() >= 12 {
        let whole = rest.0;
        let length = usize::try_from(u32::from_be_bytes(rest.take(4)?.try_into().ok()?)).ok()?;
        let name: [u8; 4] = rest.take(4)?.try_into().ok()?;
        rest.take(length.checked_add(4)?)?;
        let chunk = &whole[..whole.len() - rest.0.len()];
        if &name == b"IDAT"
            && let Some(tiff) = exif.take()
        {
            out.extend_from_slice(&[0, 0, 0, 26]);
            let named = [&b"eXIf"[..], &tiff].concat();
            out.extend_from_slice(&named);
            out.extend_from_slice(&crc32(&named).to_be_bytes());
        }
        if &name == b"iCCP" && !begun {
            profile(&mut out, &chunk[8..8 + length])?;
            continue;
        }
        let before = PNG_BEFORE.iter().any(|(kept, most)| **kept == name && length <= *most);
        moves |= &name == b"acTL" && before && !begun && chunk.get(8..12).is_some_and(|frames| frames != [0; 4]);
        match &name {
            b"IEND" => break,
            b"IDAT" => {
                begun = true;
                out.extend_from_slice(chunk);
                pixels.extend_from_slice(&chunk[8..8 + length]);
            }
            b"fcTL" if moves && length == 26 => {
                ends_with_the_picture(&mut pixels, most)?;
                out.extend_from_slice(chunk);
            }
            b"fdAT" if moves && begun => {
                out.extend_from_slice(chunk);
                // Behind its number in the sequence.
                pixels.extend_from_slice(chunk.get(12..8 + length)?);
            }
            _ if before && !begun => out.extend_from_slice(chunk),
            // Without it the picture could not be read, and nobody knows what it is.
            other if other[0].is_ascii_uppercase() => return None,
            _ => {}
        }
    }
    out.extend_from_slice(PNG_END);
    ends_with_the_picture(&mut pixels, most)?;
    begun.then_some(out)
}

/// Bytes that the pixels of a picture or of one of its frames come to at most: eight each, and what begins their rows.
fn most_pixels(file: &[u8]) -> Option<u64> {
    let side = |at: usize| Some(u64::from(u32::from_be_bytes(file.get(at..at + 4)?.try_into().ok()?)));
    let (width, height) = (side(16)?, side(20)?);
    width.checked_mul(height)?.checked_mul(8)?.checked_add(height.checked_mul(16)?)?.checked_add(1024)
}

/// What is behind the last pixel is seen by nobody, and not handed on.
fn ends_with_the_picture(pixels: &mut Vec<u8>, most: u64) -> Option<()> {
    let data = std::mem::take(pixels);
    if data.is_empty() {
        return Some(());
    }
    (inflated(&data, most, false)?.0 == data.len()).then_some(())
}

/// A colour profile, under a name of ours.
fn profile(out: &mut Vec<u8>, data: &[u8]) -> Option<()> {
    let name = data.iter().take(80).position(|byte| *byte == 0)?;
    let packed = data.get(name + 2..)?;
    let (read, icc) = inflated(packed, u64::try_from(MAX_ICC).ok()?, true)?;
    if read != packed.len() || !is_profile(&icc) {
        return None;
    }
    let named = [&b"iCCPicc\0\0"[..], packed].concat();
    out.extend_from_slice(&u32::try_from(named.len() - 4).ok()?.to_be_bytes());
    out.extend_from_slice(&named);
    out.extend_from_slice(&crc32(&named).to_be_bytes());
    Some(())
}

/// How much of the data is one compressed stream (RFC 1950), and what is in it, where that is to be kept. None is taken that
/// holds more than `most`.
fn inflated(data: &[u8], most: u64, keep: bool) -> Option<(usize, Vec<u8>)> {
    let (mut inflate, mut kept) = (flate2::Decompress::new(true), Vec::new());
    let mut window = vec![0; 64 << 10];
    loop {
        let (read, made) = (usize::try_from(inflate.total_in()).ok()?, inflate.total_out());
        let status = inflate.decompress(data.get(read..)?, &mut window, flate2::FlushDecompress::None).ok()?;
        let new = usize::try_from(inflate.total_out() - made).ok()?;
        if inflate.total_out() > most {
            return None;
        }
        if keep {
            kept.extend_from_slice(window.get(..new)?);
        }
        if status == flate2::Status::StreamEnd {
            return Some((usize::try_from(inflate.total_in()).ok()?, kept));
        }
        // Neither read nor made: it ends in the middle.
        if new == 0 && usize::try_from(inflate.total_in()).ok()? == read {
            return None;
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap_or_default()
}

/// Flags of the header of an extended file.
const WEBP_EXIF: u8 = 0x08;
const WEBP_XMP: u8 = 0x04;

fn webp(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
    let mut rest = Rest(file);
    let head = rest.take(12)?;
    if &head[..4] != b"RIFF" || &head[8..] != b"WEBP" {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(head[4..8].try_into().ok()?)).ok()?;
    // What is behind the container's end belongs to nobody. Some programs don't count right where that is.
    let mut rest = Rest(&rest.0[..length.checked_sub(4)?.min(rest.0.len())]);
    let mut body = Vec::with_capacity(file.len());
    let (first, picture) = chunk(&mut rest)?;
    match &first {
        b"VP8 " | b"VP8L" => put(&mut body, first, picture),
        b"VP8X" => {
            let exif = upright(orientation);
            let mut flags = picture.get(..10)?.to_vec();
            *flags.first_mut()? &= !(WEBP_EXIF | WEBP_XMP);
            if exif.is_some() {
                *flags.first_mut()? |= WEBP_EXIF;
            }
            put(&mut body, first, &flags);
            let mut seen = Vec::new();
            while !rest.0.is_empty() {
                let (name, data) = chunk(&mut rest)?;
                // A second picture is shown by nobody.
                if &name != b"ANMF" && seen.contains(&name) {
                    continue;
                }
                seen.push(name);
                match &name {
                    b"ICCP" if !is_profile(data) => return None,
                    b"ICCP" | b"ALPH" | b"VP8 " | b"VP8L" => put(&mut body, name, data),
                    b"ANIM" => put(&mut body, name, data.get(..6)?),
                    b"ANMF" => put(&mut body, name, &frame(data)?),
                    _ => {}
                }
            }
            if let Some(tiff) = exif {
                put(&mut body, *b"EXIF", &tiff);
            }
        }
        _ => return None,
    }
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&u32::try_from(body.len() + 4).ok()?.to_le_bytes());
    out.extend_from_slice(b"WEBP");
    out.extend_from_slice(&body);
    Some(out)
}

/// A frame of an animation: sixteen bytes of its own, and chunks as in a still picture.
fn frame(data: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Rest(data);
    let mut out = rest.take(16)?.to_vec();
    let mut seen = Vec::new();
    while !rest.0.is_empty() {
        let (name, data) = chunk(&mut rest)?;
        if [b"ALPH", b"VP8 ", b"VP8L"].contains(&&name) && !seen.contains(&name) {
            seen.push(name);
            put(&mut out, name, data);
        }
    }
    Some(out)
}

fn chunk<'a>(rest: &mut Rest<'a>) -> Option<([u8; 4], &'a [u8])> {
    let name = rest.take(4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(rest.take(4)?.try_into().ok()?)).ok()?;
    let data = rest.take(length)?;
    // Chunks begin at even places; the last may lack what fills it up.
    if length % 2 == 1 && !rest.0.is_empty() {
        rest.byte()?;
    }
    Some((name, data))
}

fn put(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    out.extend_from_slice(&name);
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
}

fn gif(file: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Rest(file);
    let head = rest.take(13)?;
    if !head.starts_with(b"GIF8") {
        return None;
    }
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(head);
    out.extend_from_slice(rest.take(colours(head[10]))?);
    loop {
        match rest.byte()? {
            0x3b => {
                out.push(0x3b);
                return Some(out);
            }
            0x2c => {
                let place = rest.take(9)?;
                out.push(0x2c);
                out.extend_from_slice(place);
                out.extend_from_slice(rest.take(colours(place[8]) + 1)?);
                out.extend_from_slice(blocks(&mut rest)?);
            }
            0x21 => {
                let label = rest.byte()?;
                let data = blocks(&mut rest)?;
                // How long a frame is shown, and how often all of them are.
                let loops = [&b"\x0bNETSCAPE2.0\x03\x01"[..], b"\x0bANIMEXTS1.0\x03\x01"];
                let kept = match label {
                    0xf9 if data.first() == Some(&4) => data.get(..5)?,
                    0xff if loops.iter().any(|name| data.starts_with(name)) => data.get(..16)?,
                    _ => continue,
                };
                out.extend_from_slice(&[0x21, label]);
                out.extend_from_slice(kept);
                out.push(0);
            }
            _ => return None,
        }
    }
}

/// Bytes of the table of colours that these flags say follows.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Blocks with their lengths, up to and with the empty one that ends them.
fn blocks<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let mut at = 0;
    loop {
        let length = usize::from(*rest.0.get(at)?);
        at += length + 1;
        if length == 0 {
            return rest.take(at);
        }
    }
}

#[cfg(test)]
mod tests {
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

    /// What is enough to be taken for a colour profile, of so many bytes.
    fn icc(length: u8) -> Vec<u8> {
        let mut profile = vec![0; usize::from(length)];
        profile[3] = length;
        profile[36..40].copy_from_slice(b"acsp");
        profile
    }

    /// TIFF that says which way is up, and where it was taken.
    fn told() -> Vec<u8> {
        [&upright(TURNED).unwrap()[..], SECRET].concat()
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
        let (exif, comment) = (segment(0xe1, &[EXIF, &told()].concat()), segment(0xfe, SECRET));
        let icc = segment(0xe2, &[ICC, b"\x01\x01", &icc(140)].concat());
        let end = plain.len() - 2;
        // A height and a comment between the scan and the end, and another file behind it.
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
        let (exif, size) = (chunk(b"eXIf", &told()), chunk(b"pHYs", &[0, 0, 0, 1, 0, 0, 0, 1, 0]));
        let end = plain.len() - 12;
        let long = chunk(b"gAMA", SECRET);
        // Frames of a picture that says it has none.
        let moves = chunk(b"acTL", &[0; 8]);
        let frame = [moves.clone(), chunk(b"fdAT", &[&[0, 0, 0, 1], SECRET].concat())].concat();
        [&plain[..33], &moves, &exif, &size, &text, &long, &plain[33..end], &text, &frame, &plain[end..], SECRET]
            .concat()
    }

    fn webp_file() -> Vec<u8> {
        let plain = encoded(ImageFormat::WebP);
        let mut body = b"WEBP".to_vec();
        put(&mut body, *b"VP8X", &[0x10 | WEBP_EXIF | WEBP_XMP, 0, 0, 0, 39, 0, 0, 23, 0, 0]);
        let mut rest = Rest(&plain[12..]);
        let (name, data) = chunk(&mut rest).unwrap();
        assert_eq!(&name, b"VP8L");
        put(&mut body, name, data);
        put(&mut body, *b"EXIF", &told());
        put(&mut body, *b"XMP ", SECRET);
        put(&mut body, *b"abcd", SECRET);
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

    fn holds(bytes: &[u8], text: &[u8]) -> bool {
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
    fn nothing_is_left_but_the_picture_and_every_bit_of_that() {
        for (kind, file, _) in files() {
            assert!(holds(&file, SECRET));
            let stripped = strip(&file, kind, TURNED).unwrap_or_else(|| panic!("{kind:?}"));
            assert!(!holds(&stripped, SECRET), "{kind:?}");
            assert!(!holds(&stripped, b"PK"), "{kind:?}");
            assert_eq!(strip(&stripped, kind, TURNED).as_ref(), Some(&stripped), "{kind:?}: once is enough");
        }
    }

    #[test]
    fn files_that_are_not_quite_right_are_put_right() {
        // An end that is missing, and lengths that some programs count wrong.
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
    fn profiles_are_profiles_and_data_ends_with_the_picture() {
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
        assert!(!holds(&good, SECRET), "its name is ours");
        let mut decoder = image::codecs::png::PngDecoder::new(Cursor::new(&good)).unwrap();
        assert_eq!(decoder.icc_profile().unwrap(), Some(icc(140)));
        for bad in [[icc(140), SECRET.to_vec()].concat(), SECRET.to_vec(), vec![0; MAX_ICC + 1]] {
            assert_eq!(with(&named(&bad)), None);
        }
        let end = plain.len() - 12;
        let behind = [&plain[..end], &chunk(b"IDAT", SECRET), &plain[end..]].concat();
        assert_eq!(strip(&behind, Kind::Png, TURNED), None, "behind the last pixel");
        // A profile that is none, one behind the picture, and one that is too large to be looked at.
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
        assert_eq!(with(end, &segment(SECRET)), None);
        let webp = [&b"WEBPVP8X\x0a\0\0\0\x20\0\0\0\0\0\0\0\0\0ICCP\x0b\0\0\0"[..], SECRET, b"\0"].concat();
        let webp = [b"RIFF", &u32::try_from(webp.len()).unwrap().to_le_bytes()[..], &webp].concat();
        assert_eq!(strip(&webp, Kind::Webp, TURNED), None);
    }

    /// Between its last pixel and its end a JPEG may hold anything; only the decoder knows where that begins.
    #[test]
    fn what_is_hidden_behind_the_last_pixel_is_not_handed_on() {
        let plain = jpeg_file();
        let end = plain.windows(4).rposition(|window| window == b"\xff\xd9PK").unwrap();
        let comment = plain[..end].windows(2).rposition(|window| window == b"\xff\xdc").unwrap();
        let hidden = [&plain[..comment], SECRET, &plain[end..]].concat();
        let order = super::super::Order {
            kind: Kind::Jpeg,
            max_pixels: 1_000_000,
            max_frames: 1,
            quality: 90,
            thumbnails: vec![16],
            lossless: true,
        };
        let cleaned = super::super::clean(&hidden, &order).unwrap();
        assert!(!holds(&cleaned.main.bytes, SECRET));
        let cleaned = super::super::clean(&plain, &order).unwrap();
        assert_eq!(Some(cleaned.main.bytes), strip(&plain, Kind::Jpeg, TURNED), "what is in order stays as it is");
    }

    #[test]
    fn which_way_is_up_and_what_colours_mean_is_kept() {
        let file = strip(&jpeg_file(), Kind::Jpeg, TURNED).unwrap();
        let segments = super::super::segments::read(&file);
        assert_eq!(segments.exif.and_then(Orientation::from_exif_chunk), Some(TURNED));
        assert_eq!(segments.icc, Some(icc(140)));
        assert!(!holds(&strip(&jpeg_file(), Kind::Jpeg, Orientation::NoTransforms).unwrap(), b"Exif"));
        let png = strip(&png_file(), Kind::Png, TURNED).unwrap();
        assert!(holds(&png, b"pHYs"));
        let mut decoder = image::codecs::png::PngDecoder::new(Cursor::new(&png)).unwrap();
        assert_eq!(decoder.orientation().unwrap(), TURNED);
        let webp = strip(&webp_file(), Kind::Webp, TURNED).unwrap();
        let mut decoder = image::codecs::webp::WebPDecoder::new(Cursor::new(&webp)).unwrap();
        assert_eq!(decoder.orientation().unwrap(), TURNED);
        let plain = strip(&webp_file(), Kind::Webp, Orientation::NoTransforms).unwrap();
        assert!(!holds(&plain, b"EXIF") && plain[20] & (WEBP_EXIF | WEBP_XMP) == 0);
    }

    #[test]
    fn a_gif_moves_as_it_did() {
        let file = strip(&gif_file(), Kind::Gif, Orientation::NoTransforms).unwrap();
        let mut decoder = ::gif::DecodeOptions::new().read_info(file.as_slice()).unwrap();
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!((delays, decoder.repeat()), (vec![7, 9], ::gif::Repeat::Finite(3)));
    }

    proptest! {
        /// Whatever comes: it is cut short or refused, and never read beyond its end.
        #[test]
        fn damaged_files_are_no_trouble(which in 0usize..4, end in 0usize..2000, at in 0usize..2000, byte: u8) {
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

//! PNG: chunks, of which some are the picture, its colours and its motion.

use image::metadata::Orientation;

use super::{MAX_ICC, Rest, is_profile, upright};

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

pub(super) fn strip(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
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

/// Bytes that the pixels of a picture or of one of its frames come to at most: eight each, and what begins their rows. `None`
/// where the file doesn't begin with what says its size.
fn most_pixels(file: &[u8]) -> Option<u64> {
    if file.get(8..16) != Some(b"\0\0\0\x0dIHDR") {
        return None;
    }
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

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap_or_default()
}

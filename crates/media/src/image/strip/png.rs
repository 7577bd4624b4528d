//! Strips PNG files: keeps the chunks for pixels, colours and animation, and the orientation.
//! Inflates pixel data and profiles only to find data hidden after them.

use image::metadata::Orientation;

use super::{MAX_ICC, Reader, is_profile, orientation_exif};

/// The PNG signature.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The chunks that are kept before the pixel data (header, palette, colour space, animation, pixel
/// size), each with its largest length in bytes.
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
/// The IEND chunk with its checksum.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Returns the file without any other chunk.
pub(super) fn strip(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
    let mut rest = Reader(file.strip_prefix(PNG)?);
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(PNG);
    let mut exif = orientation_exif(orientation);
    let (mut begun, mut pixels) = (false, Vec::new());
    // The frames of the animation that may still follow, and whether the last one was among them.
    let (mut frames, mut in_frame) = (0_u32, false);
    let mut seen = Vec::new();
    let max_size = max_inflated_size(file)?;
    // A missing IEND chunk is accepted, as decoders do.
    while rest.0.len() >= 12 {
        let whole = rest.0;
        let length = usize::try_from(u32::from_be_bytes(rest.read(4)?.try_into().ok()?)).ok()?;
        let name: [u8; 4] = rest.read(4)?.try_into().ok()?;
        rest.read(length.checked_add(4)?)?;
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
            push_profile(&mut out, &chunk[8..8 + length])?;
            continue;
        }
        let before = PNG_BEFORE.iter().any(|(kept, max_size)| **kept == name && length <= *max_size);
        // Decoders ignore a second chunk of the same kind.
        let before = before && !begun && !seen.contains(&name);
        if before {
            seen.push(name);
        }
        if &name == b"acTL" && before {
            frames = u32::from_be_bytes(chunk.get(8..12)?.try_into().ok()?);
        }
        match &name {
            b"IEND" => break,
            b"IDAT" => {
                begun = true;
                out.extend_from_slice(chunk);
                pixels.extend_from_slice(&chunk[8..8 + length]);
            }
            b"fcTL" if length == 26 => {
                check_no_trailing_data(&mut pixels, max_size)?;
                in_frame = frames > 0;
                frames = frames.saturating_sub(1);
                if in_frame {
                    out.extend_from_slice(chunk);
                }
            }
            b"fdAT" if in_frame && begun => {
                out.extend_from_slice(chunk);
                // The pixel data follows the sequence number.
                pixels.extend_from_slice(chunk.get(12..8 + length)?);
            }
            _ if before => out.extend_from_slice(chunk),
            // An unknown critical chunk: the picture can't be understood without it.
            other if other[0].is_ascii_uppercase() => return None,
            _ => {}
        }
    }
    out.extend_from_slice(PNG_END);
    check_no_trailing_data(&mut pixels, max_size)?;
    begun.then_some(out)
}

/// Returns an upper limit for the inflated pixel data of one frame, in bytes: eight per pixel, plus
/// filter bytes. Returns `None` if the file does not begin with a header chunk.
fn max_inflated_size(file: &[u8]) -> Option<u64> {
    if file.get(8..16) != Some(b"\0\0\0\x0dIHDR") {
        return None;
    }
    let side = |at: usize| Some(u64::from(u32::from_be_bytes(file.get(at..at + 4)?.try_into().ok()?)));
    let (width, height) = (side(16)?, side(20)?);
    width.checked_mul(height)?.checked_mul(8)?.checked_add(height.checked_mul(16)?)?.checked_add(1024)
}

/// Returns `None` if there is data after the compressed pixels.
fn check_no_trailing_data(pixels: &mut Vec<u8>, max_size: u64) -> Option<()> {
    let data = std::mem::take(pixels);
    if data.is_empty() {
        return Some(());
    }
    (inflate_stream(&data, max_size, false)?.0 == data.len()).then_some(())
}

/// Appends the ICC profile chunk with a neutral name. Returns `None` if the profile is invalid.
fn push_profile(out: &mut Vec<u8>, data: &[u8]) -> Option<()> {
    let name = data.iter().take(80).position(|byte| *byte == 0)?;
    let packed = data.get(name + 2..)?;
    let (read, icc) = inflate_stream(packed, u64::try_from(MAX_ICC).ok()?, true)?;
    if read != packed.len() || !is_profile(&icc) {
        return None;
    }
    let named = [&b"iCCPicc\0\0"[..], packed].concat();
    out.extend_from_slice(&u32::try_from(named.len() - 4).ok()?.to_be_bytes());
    out.extend_from_slice(&named);
    out.extend_from_slice(&crc32(&named).to_be_bytes());
    Some(())
}

/// Inflates one zlib stream (RFC 1950). Returns its compressed length and, if `keep` is set, its
/// contents. Returns `None` if the stream is invalid or holds more than `max_size` bytes.
fn inflate_stream(data: &[u8], max_size: u64, keep: bool) -> Option<(usize, Vec<u8>)> {
    let (mut inflate, mut kept) = (flate2::Decompress::new(true), Vec::new());
    let mut window = vec![0; 64 << 10];
    loop {
        let (read, produced) = (usize::try_from(inflate.total_in()).ok()?, inflate.total_out());
        let status = inflate.decompress(data.get(read..)?, &mut window, flate2::FlushDecompress::None).ok()?;
        let new = usize::try_from(inflate.total_out() - produced).ok()?;
        if inflate.total_out() > max_size {
            return None;
        }
        if keep {
            kept.extend_from_slice(window.get(..new)?);
        }
        if status == flate2::Status::StreamEnd {
            return Some((usize::try_from(inflate.total_in()).ok()?, kept));
        }
        // No progress: the stream is truncated.
        if new == 0 && usize::try_from(inflate.total_in()).ok()? == read {
            return None;
        }
    }
}

/// Reads a chunk: its name, its data, and the bytes after it. Does not check its checksum.
pub(super) fn read_chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let (data, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((name, data, rest.get(4..)?))
}

/// Computes the CRC-32 of a chunk.
pub(in crate::image) fn crc32(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap_or_default()
}

//! Strips WebP files: keeps the chunks for pixels, alpha, animation and the ICC profile, and the
//! orientation. Decodes nothing.

use image::metadata::Orientation;

use super::{Reader, is_profile, orientation_exif};

/// The VP8X flag for an Exif chunk.
pub(super) const WEBP_EXIF: u8 = 0x08;
/// The VP8X flag for an XMP chunk.
pub(super) const WEBP_XMP: u8 = 0x04;

/// Returns the file without any other chunk.
pub(super) fn strip(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
    let mut rest = Reader(file);
    let head = rest.read(12)?;
    if &head[..4] != b"RIFF" || &head[8..] != b"WEBP" {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(head[4..8].try_into().ok()?)).ok()?;
    // Data after the container's end is dropped. Some programs write a length beyond the end of the
    // file.
    let mut rest = Reader(&rest.0[..length.checked_sub(4)?.min(rest.0.len())]);
    let mut body = Vec::with_capacity(file.len());
    let (first, picture) = read_chunk(&mut rest)?;
    match &first {
        b"VP8 " | b"VP8L" => push_chunk(&mut body, first, picture),
        b"VP8X" => {
            let exif = orientation_exif(orientation);
            let mut flags = picture.get(..10)?.to_vec();
            *flags.first_mut()? &= !(WEBP_EXIF | WEBP_XMP);
            if exif.is_some() {
                *flags.first_mut()? |= WEBP_EXIF;
            }
            push_chunk(&mut body, first, &flags);
            let mut seen = Vec::new();
            while !rest.0.is_empty() {
                let (name, data) = read_chunk(&mut rest)?;
                // Decoders ignore a second chunk of the same kind.
                if &name != b"ANMF" && seen.contains(&name) {
                    continue;
                }
                seen.push(name);
                match &name {
                    b"ICCP" if !is_profile(data) => return None,
                    b"ICCP" | b"ALPH" | b"VP8 " | b"VP8L" => push_chunk(&mut body, name, data),
                    b"ANIM" => push_chunk(&mut body, name, data.get(..6)?),
                    b"ANMF" => push_chunk(&mut body, name, &strip_frame(data)?),
                    _ => {}
                }
            }
            if let Some(tiff) = exif {
                push_chunk(&mut body, *b"EXIF", &tiff);
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

/// Counts the animation frames.
pub(super) fn count_frames(file: &[u8]) -> Option<u32> {
    let mut rest = Reader(file.get(12..)?);
    let mut frames = 0;
    while !rest.0.is_empty() {
        frames += u32::from(&read_chunk(&mut rest)?.0 == b"ANMF");
    }
    Some(frames)
}

/// Sets the delay of each animation frame to what `delay` returns for its number, its delay and the
/// sum of the delays before it.
pub(super) fn set_delays(file: &mut [u8], delay: impl Fn(usize, u32, u32) -> u32) -> Option<()> {
    let length = file.len();
    let (mut at, mut number, mut before) = (12, 0, 0_u32);
    while at < length {
        let mut rest = Reader(file.get(at..)?);
        let (name, _) = read_chunk(&mut rest)?;
        let next = length - rest.0.len();
        if &name == b"ANMF" {
            // The header of the chunk, the position and the size come before it.
            let stored = file.get_mut(at + 8 + 12..at + 8 + 15)?;
            let [low, middle, high] = *stored.first_chunk::<3>()?;
            let new = delay(number, u32::from_le_bytes([low, middle, high, 0]), before);
            stored.copy_from_slice(new.to_le_bytes().first_chunk::<3>()?);
            (number, before) = (number + 1, before.saturating_add(new));
        }
        at = next;
    }
    Some(())
}

/// Strips an animation frame: a 16-byte header and the chunks of a still picture.
fn strip_frame(data: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Reader(data);
    let mut out = rest.read(16)?.to_vec();
    let mut seen = Vec::new();
    while !rest.0.is_empty() {
        let (name, data) = read_chunk(&mut rest)?;
        if [b"ALPH", b"VP8 ", b"VP8L"].contains(&&name) && !seen.contains(&name) {
            seen.push(name);
            push_chunk(&mut out, name, data);
        }
    }
    Some(out)
}

/// Reads a chunk: its name and its data.
pub(super) fn read_chunk<'a>(rest: &mut Reader<'a>) -> Option<([u8; 4], &'a [u8])> {
    let name = rest.read(4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(rest.read(4)?.try_into().ok()?)).ok()?;
    let data = rest.read(length)?;
    // Chunks are padded to an even length; the padding can be missing at the end.
    if length % 2 == 1 && !rest.0.is_empty() {
        rest.byte()?;
    }
    Some((name, data))
}

/// Appends a chunk with its padding.
pub(super) fn push_chunk(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    out.extend_from_slice(&name);
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
}

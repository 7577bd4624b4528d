//! WebP: chunks in a RIFF container.

use image::metadata::Orientation;

use super::{Rest, is_profile, upright};

/// Flags of the header of an extended file.
pub(super) const WEBP_EXIF: u8 = 0x08;
pub(super) const WEBP_XMP: u8 = 0x04;

pub(super) fn strip(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
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

pub(super) fn count_frames(file: &[u8]) -> Option<u32> {
    let mut rest = Rest(file.get(12..)?);
    let mut frames = 0;
    while !rest.0.is_empty() {
        frames += u32::from(&chunk(&mut rest)?.0 == b"ANMF");
    }
    Some(frames)
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

pub(super) fn chunk<'a>(rest: &mut Rest<'a>) -> Option<([u8; 4], &'a [u8])> {
    let name = rest.take(4)?.try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(rest.take(4)?.try_into().ok()?)).ok()?;
    let data = rest.take(length)?;
    // Chunks begin at even places; the last may lack what fills it up.
    if length % 2 == 1 && !rest.0.is_empty() {
        rest.byte()?;
    }
    Some((name, data))
}

pub(super) fn put(out: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    out.extend_from_slice(&name);
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
}

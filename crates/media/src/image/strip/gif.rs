//! GIF: frames, and how they move.

use super::Rest;

pub(super) fn strip(file: &[u8]) -> Option<Vec<u8>> {
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

//! Strips GIF files: keeps frames, delays and the loop count. Decompresses nothing.

use super::Reader;

/// Returns the file without extensions other than delays and loop count.
pub(super) fn strip(file: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Reader(file);
    let head = rest.read(13)?;
    if !head.starts_with(b"GIF8") {
        return None;
    }
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(head);
    out.extend_from_slice(rest.read(colour_table_length(head[10]))?);
    loop {
        match rest.byte()? {
            0x3b => {
                out.push(0x3b);
                return Some(out);
            }
            0x2c => {
                let descriptor = rest.read(9)?;
                out.push(0x2c);
                out.extend_from_slice(descriptor);
                out.extend_from_slice(rest.read(colour_table_length(descriptor[8]) + 1)?);
                out.extend_from_slice(read_sub_blocks(&mut rest)?);
            }
            0x21 => {
                let label = rest.byte()?;
                let data = read_sub_blocks(&mut rest)?;
                // The graphic control extension holds the delay; the application extensions hold
                // the loop count.
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

/// Returns the length of the colour table that the flags announce, in bytes.
fn colour_table_length(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Reads data sub-read_sub_blocks up to and including the terminating empty one.
fn read_sub_blocks<'a>(rest: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut at = 0;
    loop {
        let length = usize::from(*rest.0.get(at)?);
        at += length + 1;
        if length == 0 {
            return rest.read(at);
        }
    }
}

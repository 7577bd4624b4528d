//! Strips JPEG files: keeps tables, frames, scans, the JFIF and Adobe headers, the ICC profile and
//! the orientation. Decodes no scan.

use image::metadata::Orientation;

use super::{Reader, is_profile, orientation_exif};
use crate::image::exif::EXIF_PREFIX;
use crate::image::segments::{self, ADOBE, JFIF};

/// Returns the file without any other segment.
pub(super) fn strip(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
    let segments = segments::read(file);
    let icc = segments.icc.filter(|icc| is_profile(icc));
    if segments.has_icc && icc.is_none() {
        return None;
    }
    let mut rest = Reader(file.strip_prefix(b"\xff\xd8")?);
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(b"\xff\xd8");
    // JFIF must be the first segment if there is one; Exif follows it.
    let mut exif = orientation_exif(orientation);
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
            out.extend_from_slice(EXIF_PREFIX);
            out.extend_from_slice(&tiff);
        }
        match marker {
            0xd9 => {
                out.extend_from_slice(b"\xff\xd9");
                return Some(match icc {
                    Some(icc) => segments::with_icc(out, &icc),
                    None => out,
                });
            }
            // Markers without a length that are invalid here; decoders skip them.
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0xd8 => return None,
            _ => {}
        }
        let length = rest.read(2)?;
        let body = rest.read(usize::from(u16::from_be_bytes([length[0], length[1]])).checked_sub(2)?)?;
        match marker {
            0xe0 if body.starts_with(JFIF) && body.len() >= 14 => {
                // The last two bytes are the size of a thumbnail; it is removed.
                out.extend_from_slice(&[0xff, 0xe0, 0, 16]);
                out.extend_from_slice(&body[..12]);
                out.extend_from_slice(&[0, 0]);
            }
            // The Adobe segment defines the colour transform of the scans.
            0xee if body.starts_with(ADOBE) && body.len() >= 12 => {
                out.extend_from_slice(&[0xff, 0xee, 0, 14]);
                out.extend_from_slice(&body[..12]);
            }
            0xda => {
                push_segment(&mut out, marker, length, body);
                out.extend_from_slice(read_scan(&mut rest)?);
            }
            // Frame headers, tables and the restart interval.
            0xc0..=0xc2 | 0xc4 | 0xdb | 0xdd => push_segment(&mut out, marker, length, body),
            // Metadata, and DNL, which decoders ignore.
            0xe0..=0xef | 0xfe | 0xdc => {}
            _ => return None,
        }
    }
}

/// Appends a segment.
fn push_segment(out: &mut Vec<u8>, marker: u8, length: &[u8], body: &[u8]) {
    out.extend_from_slice(&[0xff, marker]);
    out.extend_from_slice(length);
    out.extend_from_slice(body);
}

/// Reads the entropy-coded data of a scan, up to the next marker that is neither a stuffed zero
/// byte nor a restart marker.
fn read_scan<'a>(rest: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut at = 0;
    loop {
        at += rest.0.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match rest.0.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return rest.read(at),
        }
    }
}

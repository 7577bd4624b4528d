//! JPEG: segments, of which tables, frames and scans are the picture.

use image::metadata::Orientation;

use super::{Rest, is_profile, upright};
use crate::image::segments;

pub(super) const EXIF: &[u8] = b"Exif\0\0";
const JFIF: &[u8] = b"JFIF\0";
pub(super) const ICC: &[u8] = b"ICC_PROFILE\0";
const ADOBE: &[u8] = b"Adobe";

pub(super) fn strip(file: &[u8], orientation: Orientation) -> Option<Vec<u8>> {
    let icc = segments::read(file).icc;
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

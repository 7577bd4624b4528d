//! Reads the orientation from Exif metadata, as tolerantly as other readers: as a number of any
//! integer type and count, and after the prefix of JPEG segments, which some programs write into
//! other formats too. Source: CIPA DC-008 (Exif) 4.6; TIFF 6.0 section 2.

use image::metadata::Orientation;

/// The prefix of Exif in a JPEG segment.
pub(super) const EXIF_PREFIX: &[u8] = b"Exif\0\0";
/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;
/// The TIFF types of unsigned integers.
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// Returns the orientation; upright if there is none or it is invalid.
pub(super) fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.and_then(read_orientation).unwrap_or(Orientation::NoTransforms)
}

fn read_orientation(exif: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::parse(exif.strip_prefix(EXIF_PREFIX).unwrap_or(exif))?;
    let first = usize::try_from(tiff.long(4)?).ok()?;
    let entries = usize::from(tiff.short(first)?);
    let mut at = first.checked_add(2)?;
    for _ in 0..entries {
        if tiff.short(at)? == ORIENTATION {
            return Orientation::from_exif(u8::try_from(tiff.first_value(at)?).ok()?);
        }
        at = at.checked_add(12)?;
    }
    None
}

/// A TIFF structure.
struct Tiff<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
}

impl<'a> Tiff<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let is_big_endian = match bytes.get(..4)? {
            b"MM\0\x2a" => true,
            b"II\x2a\0" => false,
            _ => return None,
        };
        Some(Self { bytes, is_big_endian })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// Returns the first value of the entry at an offset. Values of more than four bytes lie
    /// elsewhere.
    fn first_value(&self, entry: usize) -> Option<u32> {
        let (kind, count) = (self.short(entry + 2)?, u64::from(self.long(entry + 4)?));
        let size = match kind {
            BYTE => 1,
            SHORT => 2,
            LONG => 4,
            _ => return None,
        };
        let at = match count * size {
            0 => return None,
            1..=4 => entry + 8,
            _ => usize::try_from(self.long(entry + 8)?).ok()?,
        };
        match kind {
            BYTE => self.bytes.get(at).copied().map(u32::from),
            SHORT => self.short(at).map(u32::from),
            _ => self.long(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns Exif metadata with one entry for the orientation, and four more values after it.
    fn exif(big_endian: bool, kind: u16, count: u32, value: [u8; 4]) -> Vec<u8> {
        let short = |number: u16| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        let long = |number: u32| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        let order: &[u8] = if big_endian { b"MM" } else { b"II" };
        let head = [order, &short(42), &long(8), &short(2), &short(0x010f), &short(2), &long(1), b"x\0\0\0"].concat();
        let entry = [&short(ORIENTATION)[..], &short(kind), &long(count), &value, &long(0)].concat();
        [&head[..], &entry, &short(6), &short(9)].concat()
    }

    #[test]
    fn every_form_of_an_orientation_is_read() {
        for (what, exif) in [
            ("a SHORT", exif(true, SHORT, 1, [0, 6, 0, 0])),
            ("a SHORT, little-endian", exif(false, SHORT, 1, [6, 0, 0, 0])),
            ("a LONG", exif(true, LONG, 1, [0, 0, 0, 6])),
            ("a LONG, little-endian", exif(false, LONG, 1, [6, 0, 0, 0])),
            ("a BYTE", exif(true, BYTE, 1, [6, 0, 0, 0])),
            ("two SHORTs", exif(true, SHORT, 2, [0, 6, 0, 1])),
            ("three SHORTs, stored elsewhere", exif(true, SHORT, 3, [0, 0, 0, 38])),
        ] {
            assert_eq!(orientation(Some(&exif)), Orientation::Rotate90, "{what}");
            let prefixed = [EXIF_PREFIX, &exif].concat();
            assert_eq!(orientation(Some(&prefixed)), Orientation::Rotate90, "{what}, with a prefix");
        }
    }

    #[test]
    fn an_invalid_orientation_is_upright() {
        for exif in [
            exif(true, SHORT, 1, [0, 9, 0, 0]),
            exif(true, SHORT, 1, [1, 6, 0, 0]),
            exif(true, SHORT, 0, [0, 6, 0, 0]),
            exif(true, 5, 1, [0, 0, 0, 38]),
            exif(true, LONG, u32::MAX, [0xff; 4]),
            b"MM\0\x2a\xff\xff\xff\xff".to_vec(),
            b"Exif\0\0".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(orientation(Some(&exif)), Orientation::NoTransforms, "{exif:?}");
        }
        assert_eq!(orientation(None), Orientation::NoTransforms);
    }

    proptest! {
        #[test]
        fn nothing_is_read_beyond_the_end(end in 0usize..60, at in 0usize..60, byte: u8) {
            let mut exif = exif(true, SHORT, 3, [0, 0, 0, 38]);
            let length = exif.len();
            exif[at % length] = byte;
            exif.truncate(end);
            orientation(Some(&exif));
        }
    }
}

//! Detects truncated video files by the lengths that their container declares. ffmpeg does not
//! report a truncation between two frames. Reads a few bytes of each box or element and decodes
//! nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::kind::Kind;

/// The largest number of boxes that are read. A fragment, usually one second, has two.
const MAX_BOXES: u32 = 1_000_000;

/// Returns whether a file ends before a length that it declares. Blocking.
pub(super) fn is_truncated(kind: Kind, path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if kind == Kind::Webm { is_segment_truncated(&file, length) } else { is_box_truncated(&file, length) }
}

/// Checks the boxes of an MP4 or `QuickTime` file (ISO/IEC 14496-12 section 4.2). Any data can follow
/// the last box, so only the boxes with video data and index count.
fn is_box_truncated(file: &File, length: u64) -> io::Result<bool> {
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let mut head = [0; 16];
        let read = read_up_to(file, at, &mut head)?;
        let (Some(short), Some(name)) = (parse_number(&head[..4]), head.get(4..8).filter(|_| read >= 8)) else {
            return Ok(false);
        };
        let (size, least) = match short {
            // The box extends to the end of the file.
            0 => return Ok(false),
            1 if read == 16 => (parse_number(&head[8..]).unwrap_or_default(), 16),
            size => (size, 8),
        };
        if size < least {
            return Ok(false);
        }
        let Some(end) = at.checked_add(size).filter(|end| *end <= length) else {
            return Ok([b"moov", b"moof", b"mdat"].iter().any(|known| name == *known));
        };
        at = end;
    }
    Ok(false)
}

/// Checks the segment of a `WebM` file (RFC 8794 section 4, RFC 9559). A segment of unknown length
/// counts as complete.
fn is_segment_truncated(file: &File, length: u64) -> io::Result<bool> {
    /// The element id of a segment (RFC 9559).
    const SEGMENT: u64 = 0x1853_8067;
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let mut head = [0; 16];
        let read = read_up_to(file, at, &mut head)?;
        let head = &head[..read];
        let Some(id) = parse_vint(head) else { return Ok(false) };
        let Some(size) = parse_vint(head.get(id.length..).unwrap_or_default()) else { return Ok(false) };
        if size.unknown {
            return Ok(false);
        }
        let begins = at + (id.length + size.length) as u64;
        let end = begins.checked_add(size.value).filter(|end| *end <= length);
        match end {
            Some(end) if id.marked != SEGMENT => at = end,
            Some(_) => return Ok(false),
            None => return Ok(id.marked == SEGMENT),
        }
    }
    Ok(false)
}

/// A parse_vint-size integer of EBML (RFC 8794 section 4).
struct Vint {
    /// The encoded length in bytes.
    length: usize,
    /// The value without the length marker.
    value: u64,
    /// The value with the length marker, as element ids are written.
    marked: u64,
    /// Whether all value bits are set, which stands for an unknown length.
    unknown: bool,
}

/// Parses a variable-size integer.
fn parse_vint(bytes: &[u8]) -> Option<Vint> {
    let length = usize::try_from(bytes.first()?.leading_zeros()).ok()? + 1;
    let marked = parse_number(bytes.get(..length).filter(|bytes| bytes.len() <= 8)?)?;
    let bits = 7 * length;
    let value = marked & ((1 << bits) - 1);
    Some(Vint { length, value, marked, unknown: value == (1 << bits) - 1 })
}

/// Parses a big-endian number of up to eight bytes.
fn parse_number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Fills `bytes` from an offset; reads fewer only at the end of the file.
fn read_up_to(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truncated(kind: Kind, bytes: &[u8]) -> bool {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        is_truncated(kind, file.path()).unwrap()
    }

    fn boxed(name: &[u8], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&size[..], name, body].concat()
    }

    #[test]
    fn a_truncated_file_is_distinguished_from_one_with_trailing_data() {
        let (head, index, frames) = (boxed(b"ftyp", b"isom"), boxed(b"moov", &[0; 40]), boxed(b"mdat", &[7; 400]));
        let whole = [&head[..], &index, &frames].concat();
        assert!(!truncated(Kind::Mp4, &whole));
        for end in [whole.len() - 1, whole.len() - 400, head.len() + 20] {
            assert!(truncated(Kind::Mp4, &whole[..end]), "{end}");
        }
        assert!(
            !truncated(Kind::Mp4, &whole[..head.len() + index.len()]),
            "a truncation between two boxes is not detected"
        );
        for behind in [&b"\0\0\0"[..], &[0; 40], b"\xff\xff\xff\xffSEFT", b"\0\0\0\x05abcdefgh", &boxed(b"free", b"")] {
            assert!(!truncated(Kind::Quicktime, &[&whole[..], behind].concat()), "{behind:?}");
        }
        let large = [&head[..], b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x20", &[7; 16]].concat();
        assert!(!truncated(Kind::Mp4, &large) && truncated(Kind::Mp4, &large[..large.len() - 1]), "lengths of 64 bits");
        assert!(
            !truncated(Kind::Mp4, &[&head[..], b"\0\0\0\0mdat", &[7; 9]].concat()),
            "a box up to the end of the file"
        );
        assert!(truncated(Kind::Mp4, b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff"), "a length that overflows");
        assert!(!truncated(Kind::Mp4, b"") && !truncated(Kind::Mp4, b"\0\0\0\x01mdat"));
    }

    #[test]
    fn a_segment_of_known_length_must_be_complete() {
        let head = b"\x1a\x45\xdf\xa3\x84webm";
        let known = [&head[..], b"\xec\x81\0", b"\x18\x53\x80\x67\x01\0\0\0\0\0\0\x20", &[7; 32]].concat();
        assert!(!truncated(Kind::Webm, &known) && !truncated(Kind::Webm, &[&known[..], b"behind"].concat()));
        assert!(truncated(Kind::Webm, &known[..known.len() - 1]));
        let live = [&head[..], b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff", &[7; 3]].concat();
        assert!(!truncated(Kind::Webm, &live));
        assert!(
            !truncated(Kind::Webm, b"")
                && !truncated(Kind::Webm, &head[..6])
                && !truncated(Kind::Webm, b"\0\0\0\0\0\0\0\0\0")
        );
    }
}

//! Whether a file is as long as it says: containers say how long their parts are, so that a file that was cut off shows,
//! which ffmpeg passes over where the cut lies between two frames. Reads a few bytes of each part and decodes nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::kind::Kind;

/// Parts of a file that are looked at: two for each fragment, which is a second as a rule.
const MOST_PARTS: u32 = 1_000_000;

/// Whether a file ends before the part that it says it has. Blocking.
pub(super) fn is_cut(kind: Kind, path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if kind == Kind::Webm { is_segment_cut(&file, length) } else { is_box_cut(&file, length) }
}

/// ISO/IEC 14496-12 section 4.2: boxes one after the other, each with its length. What stands behind the last one may be
/// anything, so that only the boxes that make a film count.
fn is_box_cut(file: &File, length: u64) -> io::Result<bool> {
    let mut at = 0;
    for _ in 0..MOST_PARTS {
        let mut head = [0; 16];
        let read = read_up_to(file, at, &mut head)?;
        let (Some(short), Some(name)) = (number(&head[..4]), head.get(4..8).filter(|_| read >= 8)) else {
            return Ok(false);
        };
        let (size, least) = match short {
            // To the end of the file.
            0 => return Ok(false),
            1 if read == 16 => (number(&head[8..]).unwrap_or_default(), 16),
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

/// RFC 8794 section 4 and RFC 9559: a head, and the segment with its length, unless that was not known when it was begun.
fn is_segment_cut(file: &File, length: u64) -> io::Result<bool> {
    const SEGMENT: u64 = 0x1853_8067;
    let mut at = 0;
    for _ in 0..MOST_PARTS {
        let mut head = [0; 16];
        let read = read_up_to(file, at, &mut head)?;
        let head = &head[..read];
        let Some(id) = variable(head) else { return Ok(false) };
        let Some(size) = variable(head.get(id.length..).unwrap_or_default()) else { return Ok(false) };
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

/// A number of variable length.
struct Variable {
    /// Bytes.
    length: usize,
    /// Without the bit that says how long it is.
    value: u64,
    /// With it, as ids are written.
    marked: u64,
    /// Whether all its bits are set.
    unknown: bool,
}

fn variable(bytes: &[u8]) -> Option<Variable> {
    let length = usize::try_from(bytes.first()?.leading_zeros()).ok()? + 1;
    let marked = number(bytes.get(..length).filter(|bytes| bytes.len() <= 8)?)?;
    let bits = 7 * length;
    let value = marked & ((1 << bits) - 1);
    Some(Variable { length, value, marked, unknown: value == (1 << bits) - 1 })
}

/// Up to eight bytes, the highest first.
fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

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

    fn cut(kind: Kind, bytes: &[u8]) -> bool {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        is_cut(kind, file.path()).unwrap()
    }

    fn boxed(name: &[u8], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&size[..], name, body].concat()
    }

    #[test]
    fn a_film_that_ends_early_is_told_from_one_with_something_behind_it() {
        let (head, index, frames) = (boxed(b"ftyp", b"isom"), boxed(b"moov", &[0; 40]), boxed(b"mdat", &[7; 400]));
        let whole = [&head[..], &index, &frames].concat();
        assert!(!cut(Kind::Mp4, &whole));
        for end in [whole.len() - 1, whole.len() - 400, head.len() + 20] {
            assert!(cut(Kind::Mp4, &whole[..end]), "{end}");
        }
        assert!(!cut(Kind::Mp4, &whole[..head.len() + index.len()]), "between two parts nothing shows");
        for behind in [&b"\0\0\0"[..], &[0; 40], b"\xff\xff\xff\xffSEFT", b"\0\0\0\x05abcdefgh", &boxed(b"free", b"")] {
            assert!(!cut(Kind::Quicktime, &[&whole[..], behind].concat()), "{behind:?}");
        }
        let large = [&head[..], b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x20", &[7; 16]].concat();
        assert!(!cut(Kind::Mp4, &large) && cut(Kind::Mp4, &large[..large.len() - 1]), "lengths of 64 bits");
        assert!(!cut(Kind::Mp4, &[&head[..], b"\0\0\0\0mdat", &[7; 9]].concat()), "to the end of the file");
        assert!(cut(Kind::Mp4, b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff"), "beyond all numbers");
        assert!(!cut(Kind::Mp4, b"") && !cut(Kind::Mp4, b"\0\0\0\x01mdat"));
    }

    #[test]
    fn a_segment_of_known_length_must_be_there() {
        let head = b"\x1a\x45\xdf\xa3\x84webm";
        let known = [&head[..], b"\xec\x81\0", b"\x18\x53\x80\x67\x01\0\0\0\0\0\0\x20", &[7; 32]].concat();
        assert!(!cut(Kind::Webm, &known) && !cut(Kind::Webm, &[&known[..], b"behind"].concat()));
        assert!(cut(Kind::Webm, &known[..known.len() - 1]));
        let live = [&head[..], b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff", &[7; 3]].concat();
        assert!(!cut(Kind::Webm, &live));
        assert!(!cut(Kind::Webm, b"") && !cut(Kind::Webm, &head[..6]) && !cut(Kind::Webm, b"\0\0\0\0\0\0\0\0\0"));
    }
}

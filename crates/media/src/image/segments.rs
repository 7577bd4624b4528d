//! Reads the Exif and ICC segments of a JPEG file, and inserts an ICC profile into one. Decodes no
//! pixels. Source: ITU-T T.81 Annex B; ICC.1 Annex B.4; CIPA DC-008 (Exif) 4.7.2.

use super::exif::EXIF_PREFIX;

const SOI: u8 = 0xd8;
const SOS: u8 = 0xda;
const DRI: u8 = 0xdd;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
pub(super) const JFIF: &[u8] = b"JFIF\0";
pub(super) const ADOBE: &[u8] = b"Adobe";
pub(super) const ICC: &[u8] = b"ICC_PROFILE\0";
/// The bytes of a profile in one segment: 65,535 minus the length, the name and the sequence
/// numbers.
const ICC_CHUNK: usize = 65_535 - 2 - ICC.len() - 2;
/// The largest profile that is read, in bytes. Profiles have a few kilobytes; those for print have
/// up to two megabytes.
const MAX_ICC: usize = 4 << 20;

/// The contents of the segments that are used.
#[derive(Debug, Default)]
pub(super) struct Segments<'a> {
    /// The TIFF structure of Exif.
    pub(super) exif: Option<&'a [u8]>,
    /// The ICC profile, assembled from its segments.
    pub(super) icc: Option<Vec<u8>>,
    /// Whether there are segments of an ICC profile, which may be too large to be read.
    pub(super) has_icc: bool,
    /// Whether scans are divided by restart markers.
    pub(super) has_restarts: bool,
}

/// Reads the segments up to the picture data. Stops at an invalid segment; the decoder decides
/// whether the file is valid.
pub(super) fn read(file: &[u8]) -> Segments<'_> {
    let (mut found, mut pieces) = (Segments::default(), Vec::new());
    let mut rest = file.get(2..).unwrap_or_default();
    while let Some((marker, after)) = next_marker(rest) {
        match marker {
            SOS | 0xd9 => break,
            0x01 | 0xd0..=0xd7 => {
                rest = after;
                continue;
            }
            _ => {}
        }
        let Some(length) = after.first_chunk::<2>() else { break };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some(body) = after.get(2..length) else { break };
        match marker {
            APP1 if found.exif.is_none() => found.exif = body.strip_prefix(EXIF_PREFIX),
            APP2 => {
                if let Some([number, _, piece @ ..]) = body.strip_prefix(ICC) {
                    pieces.push((*number, piece));
                }
            }
            DRI => found.has_restarts = body != [0, 0],
            _ => {}
        }
        rest = &after[length..];
    }
    found.has_icc = !pieces.is_empty();
    found.icc = assemble_icc(pieces);
    found
}

/// Reads the next marker, and returns it with the bytes after it. Skips any other bytes and fill
/// bytes before it, as decoders do.
pub(super) fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes;
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        let after = rest.get(at..)?;
        let marker = after.iter().position(|byte| *byte != 0xff)?;
        rest = after.get(marker + 1..)?;
        match after.get(marker)? {
            0 => {}
            marker => return Some((*marker, rest)),
        }
    }
}

/// Assembles an ICC profile from its numbered pieces. Some programs number them from 0, and some
/// write the profile twice.
fn assemble_icc(mut pieces: Vec<(u8, &[u8])>) -> Option<Vec<u8>> {
    if let Some((_, whole)) = pieces.first().filter(|(_, piece)| is_profile(piece)) {
        return Some(whole.to_vec());
    }
    pieces.sort_by_key(|(number, _)| *number);
    pieces.dedup_by_key(|(number, _)| *number);
    let length: usize = pieces.iter().map(|(_, piece)| piece.len()).sum();
    (1..=MAX_ICC).contains(&length).then(|| pieces.into_iter().flat_map(|(_, piece)| piece).copied().collect())
}

/// Returns whether bytes are exactly one ICC profile (ICC.1 section 7.2).
pub(super) fn is_profile(icc: &[u8]) -> bool {
    let length = icc.first_chunk::<4>().map(|length| u32::from_be_bytes(*length));
    let length = length.and_then(|length| usize::try_from(length).ok());
    length == Some(icc.len()) && icc.get(36..40) == Some(b"acsp")
}

/// Inserts an ICC profile into a JPEG file, after its JFIF segment if that is the first one.
/// Returns the file unchanged if the profile needs more than 255 segments.
pub(super) fn with_icc(file: Vec<u8>, profile: &[u8]) -> Vec<u8> {
    let count = profile.len().div_ceil(ICC_CHUNK);
    let (Ok(count), [0xff, SOI, rest @ ..]) = (u8::try_from(count), file.as_slice()) else { return file };
    let first = match rest {
        [0xff, APP0, high, low, ..] => 2 + 2 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 2,
    };
    let Some((before, after)) = file.split_at_checked(first) else { return file };
    let mut out = Vec::with_capacity(file.len() + profile.len() + usize::from(count) * 18);
    out.extend_from_slice(before);
    for (number, piece) in (1..=count).zip(profile.chunks(ICC_CHUNK)) {
        // The chunk size leaves room for the header within a 16-bit length.
        let length = u16::try_from(2 + ICC.len() + 2 + piece.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&[0xff, APP2]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(ICC);
        out.extend_from_slice(&[number, count]);
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(after);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inserted_profile_is_read_back() {
        let file = b"\xff\xd8\xff\xe0\0\x04ab\xff\xda\0\x02data\xff\xd9".to_vec();
        for size in [1, ICC_CHUNK, ICC_CHUNK + 1, 3 * ICC_CHUNK] {
            let profile: Vec<u8> = (0..size).map(|n| n.to_le_bytes()[0]).collect();
            let with = with_icc(file.clone(), &profile);
            assert_eq!(read(&with).icc.as_deref(), Some(&profile[..]));
            assert!(with.starts_with(b"\xff\xd8\xff\xe0\0\x04ab\xff\xe2"));
        }
        assert!(read(&with_icc(file.clone(), &vec![0; MAX_ICC + 1])).icc.is_none(), "larger than the limit");
        assert!(read(&file).icc.is_none());
    }

    #[test]
    fn a_profile_is_read_however_it_is_numbered() {
        let mut profile: Vec<u8> = (0..200).collect();
        profile[..4].copy_from_slice(&200_u32.to_be_bytes());
        profile[36..40].copy_from_slice(b"acsp");
        let segment = |number: u8, count: u8, piece: &[u8]| {
            let length = u16::try_from(2 + ICC.len() + 2 + piece.len()).unwrap().to_be_bytes();
            [&[0xff, APP2], &length[..], ICC, &[number, count], piece].concat()
        };
        let (start, end) = profile.split_at(90);
        for (what, segments) in [
            ("in one piece", vec![segment(1, 1, &profile)]),
            ("numbered from 0", vec![segment(0, 2, start), segment(1, 2, end)]),
            ("out of order", vec![segment(2, 2, end), segment(1, 2, start)]),
            ("twice", vec![segment(1, 1, &profile), segment(1, 1, &profile)]),
            (
                "twice in pieces",
                vec![segment(1, 2, start), segment(2, 2, end), segment(1, 2, start), segment(2, 2, end)],
            ),
            ("numbered alike", vec![segment(1, 1, &profile), segment(0, 1, &profile)]),
        ] {
            let file = [b"\xff\xd8".to_vec(), segments.concat(), b"\xff\xda".to_vec()].concat();
            assert_eq!(read(&file).icc.as_ref(), Some(&profile), "{what}");
            let junk = [&b"\xff\xd8junk\xff\0"[..], &segments.join(&b"\xff\0\0\xff"[..]), b"\xff\xda"].concat();
            assert_eq!(read(&junk).icc.as_ref(), Some(&profile), "{what}, with junk between the segments");
        }
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let whole = b"\xff\xd8\xff\xe1\0\x0cExif\0\0tiff\xff\xe2\0\x10ICC_PROFILE\0\x01\x01\xff\xda";
        for end in 0..=whole.len() {
            read(&whole[..end]);
        }
        assert_eq!(read(whole).exif, Some(&b"tiff"[..]));
    }
}

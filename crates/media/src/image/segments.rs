//! Reads the Exif and ICC segments of a JPEG file, and inserts an ICC profile into one. Decodes no
//! pixels. Source: ITU-T T.81 Annex B; ICC.1 Annex B.4; CIPA DC-008 (Exif) 4.7.2.

const SOI: u8 = 0xd8;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
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
}

/// Reads the segments up to the picture data. Stops at an invalid segment; the decoder decides
/// whether the file is valid.
pub(super) fn read(file: &[u8]) -> Segments<'_> {
    let (mut found, mut pieces) = (Segments::default(), Vec::new());
    let mut rest = file.get(2..).unwrap_or_default();
    while let [0xff, after @ ..] = rest {
        let [marker, after @ ..] = after else { break };
        match *marker {
            0xff => {
                rest = &rest[1..];
                continue;
            }
            SOS => break,
            _ => {}
        }
        let [high, low, ..] = after else { break };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(body) = after.get(2..length) else { break };
        match *marker {
            APP1 if found.exif.is_none() => found.exif = body.strip_prefix(EXIF),
            APP2 => {
                if let Some([number, _, piece @ ..]) = body.strip_prefix(ICC) {
                    pieces.push((*number, piece));
                }
            }
            _ => {}
        }
        rest = &after[length..];
    }
    pieces.sort_by_key(|(number, _)| *number);
    let length: usize = pieces.iter().map(|(_, piece)| piece.len()).sum();
    if (1..=MAX_ICC).contains(&length) {
        found.icc = Some(pieces.into_iter().flat_map(|(_, piece)| piece).copied().collect());
    }
    found
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
    fn nothing_is_read_beyond_the_end() {
        let whole = b"\xff\xd8\xff\xe1\0\x0cExif\0\0tiff\xff\xe2\0\x10ICC_PROFILE\0\x01\x01\xff\xda";
        for end in 0..=whole.len() {
            read(&whole[..end]);
        }
        assert_eq!(read(whole).exif, Some(&b"tiff"[..]));
    }
}

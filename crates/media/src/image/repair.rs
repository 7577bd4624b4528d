//! Rewrites JPEG files that decoders only read with a warning: with bytes between their segments,
//! after a scan or before a restart marker, with scan parameters that a sequential file ignores,
//! or with an unknown JFIF version. The output has the same tables, frames and scans, the JFIF and
//! Adobe headers and the ICC profile, and nothing else. Fails if a scan is not whole, which decoders report by the same kind of warning.
//!
//! Reads the entropy-coded data symbol by symbol to find where each scan ends; computes no pixels.
//! Source: ITU-T T.81 Annexes B, F and G.

use super::scan::{Scan, ScanComponent};
use super::segments::{self, ADOBE, JFIF};
use super::{CleanOptions, Refusal, check_size};

/// The largest number of scans of a progressive file. Encoders write about ten; thousands would
/// take minutes to decode.
pub(super) const MAX_SCANS: u32 = 500;
/// The length of an Adobe segment's body, and the position of its colour transform.
const ADOBE_LENGTH: usize = 12;
const ADOBE_TRANSFORM: usize = 11;

/// A file that is being rewritten.
struct Repair<'a> {
    options: &'a CleanOptions,
    rest: &'a [u8],
    out: Vec<u8>,
    /// The Adobe segment, until it is written: before the frame, whose number of components it needs.
    adobe: Option<&'a [u8]>,
    scan: Scan,
    scans: u32,
}

/// Returns the file without anything but its picture, and with its ICC profile. Fails with
/// [`Refusal::Damaged`] if a scan is not whole or the end marker is missing.
pub(super) fn repair(file: &[u8], icc: Option<&[u8]>, options: &CleanOptions) -> Result<Vec<u8>, Refusal> {
    let rest = file.strip_prefix(b"\xff\xd8").ok_or(Refusal::Damaged)?;
    let mut out = Vec::with_capacity(file.len());
    out.extend_from_slice(b"\xff\xd8");
    let mut repair = Repair { options, rest, out, adobe: None, scan: Scan::default(), scans: 0 };
    while repair.copy_segment()? {}
    Ok(match icc {
        Some(icc) => segments::with_icc(repair.out, icc),
        None => repair.out,
    })
}

impl<'a> Repair<'a> {
    /// Copies the next segment, and the scan that follows it. Returns `false` after the end marker.
    fn copy_segment(&mut self) -> Result<bool, Refusal> {
        let marker = self.read_marker().ok_or(Refusal::Damaged)?;
        match marker {
            0xd9 if self.scans > 0 => {
                self.out.extend_from_slice(b"\xff\xd9");
                return Ok(false);
            }
            0xd8 | 0xd9 => return Err(Refusal::Damaged),
            // Markers without a length, which mean nothing here.
            0x01 | 0xd0..=0xd7 => return Ok(true),
            _ => {}
        }
        let body = self.read_body().ok_or(Refusal::Damaged)?;
        match marker {
            0xe0 if body.starts_with(JFIF) && body.len() >= 14 => {
                // Version 1.1; the density; no thumbnail.
                let jfif = [JFIF, &[1, 1], body.get(7..12).unwrap_or_default(), &[0, 0]].concat();
                self.push(0xe0, &jfif);
            }
            0xee if body.starts_with(ADOBE) && body.len() >= ADOBE_LENGTH => {
                self.adobe = body.get(..ADOBE_LENGTH);
                if self.scan.components() > 0 {
                    self.push_adobe();
                }
            }
            0xc0..=0xc2 => self.copy_frame(marker, body)?,
            0xc4 => {
                self.scan.read_tables(body).ok_or(Refusal::Damaged)?;
                self.push(marker, body);
            }
            0xdb => self.push(marker, body),
            0xdd => {
                let interval = body.first_chunk::<2>().ok_or(Refusal::Damaged)?;
                self.scan.restart_interval = u32::from(u16::from_be_bytes(*interval));
                self.push(marker, body);
            }
            0xda => self.copy_scan(body)?,
            0xe0..=0xef | 0xfe | 0xdc => {}
            _ => return Err(Refusal::Damaged),
        }
        Ok(true)
    }

    /// Copies a frame header, after the Adobe segment.
    fn copy_frame(&mut self, marker: u8, body: &'a [u8]) -> Result<(), Refusal> {
        let (width, height) = self.scan.read_frame(body, marker == 0xc2).ok_or(Refusal::Damaged)?;
        check_size(width.into(), height.into(), self.options)?;
        self.scan.prepare();
        self.push_adobe();
        self.push(marker, body);
        Ok(())
    }

    /// Writes the last Adobe segment. Decoders take an unknown colour transform for the usual one of
    /// its number of components.
    fn push_adobe(&mut self) {
        let Some(adobe) = self.adobe.take() else { return };
        let mut adobe = adobe.to_vec();
        let usual = if self.scan.components() == 4 { 2 } else { 1 };
        match adobe.get_mut(ADOBE_TRANSFORM) {
            Some(transform) if *transform != 0 => *transform = usual,
            _ => {}
        }
        self.push(0xee, &adobe);
    }

    /// Copies a scan header and the scan's data without anything after the last symbol of each
    /// restart interval.
    fn copy_scan(&mut self, body: &[u8]) -> Result<(), Refusal> {
        self.scans += 1;
        if self.scans > MAX_SCANS {
            return Err(Refusal::TooCostly);
        }
        let mut header = body.to_vec();
        let components: Vec<ScanComponent> = self.scan.read_header(&mut header).ok_or(Refusal::Damaged)?;
        self.push(0xda, &header);
        let intervals = self.scan.intervals(&components);
        for interval in 0..intervals {
            if interval > 0 {
                let expected = 0xd0 + u8::try_from((interval - 1) % 8).unwrap_or_default();
                // Another marker means that data was lost.
                if self.read_marker() != Some(expected) {
                    return Err(Refusal::Damaged);
                }
                self.out.extend_from_slice(&[0xff, expected]);
            }
            let length = self.scan.read_interval(&components, interval, self.rest).ok_or(Refusal::Damaged)?;
            let (data, rest) = self.rest.split_at_checked(length).ok_or(Refusal::Damaged)?;
            self.out.extend_from_slice(data);
            self.rest = rest;
        }
        Ok(())
    }

    /// Reads the next marker. Skips any other bytes before it.
    fn read_marker(&mut self) -> Option<u8> {
        let (marker, rest) = segments::next_marker(self.rest)?;
        self.rest = rest;
        Some(marker)
    }

    /// Reads the body of a segment.
    fn read_body(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk::<2>()?));
        let (segment, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        segment.get(2..)
    }

    fn push(&mut self, marker: u8, body: &[u8]) {
        // The bodies are those of segments that were read, or shorter.
        let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
        self.out.extend_from_slice(&[0xff, marker]);
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::clean;
    use crate::kind::Kind;
    use proptest::prelude::*;

    const FILES: [(&str, &[u8]); 6] = [
        ("sequential", include_bytes!("../../testdata/sequential.jpg")),
        ("with restarts", include_bytes!("../../testdata/restarts.jpg")),
        ("progressive", include_bytes!("../../testdata/progressive.jpg")),
        ("progressive with restarts", include_bytes!("../../testdata/progressive-restarts.jpg")),
        ("gray", include_bytes!("../../testdata/gray.jpg")),
        ("CMYK", include_bytes!("../../testdata/cmyk.jpg")),
    ];
    /// Longer than what the decoder reads ahead, which it does not report.
    const JUNK: &[u8] = b"junk behind the picture\xff\0";

    fn options(lossless: bool) -> CleanOptions {
        CleanOptions {
            kind: Kind::Jpeg,
            max_pixels: 1 << 16,
            max_frames: 1,
            quality: 90,
            thumbnails: vec![16],
            lossless,
        }
    }

    fn repaired(file: &[u8]) -> Option<Vec<u8>> {
        repair(file, None, &options(false)).ok()
    }

    /// Decodes a file. Returns `None` if the decoder warns.
    fn decoded(file: &[u8]) -> Option<Vec<u8>> {
        let colours = turbojpeg::read_header(file).ok()?.colorspace;
        let is_cmyk = matches!(colours, turbojpeg::Colorspace::CMYK | turbojpeg::Colorspace::YCCK);
        let format = if is_cmyk { turbojpeg::PixelFormat::CMYK } else { turbojpeg::PixelFormat::RGB };
        turbojpeg::decompress(file, format).ok().map(|image| image.pixels)
    }

    /// Inserts bytes before every marker for which `wanted` holds. The first one belongs to the
    /// signature of the file.
    fn insert(file: &[u8], bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<u8> {
        let mut out = file[..2].to_vec();
        let mut rest = &file[2..];
        while let Some((marker, after)) = segments::next_marker(rest) {
            let start = rest.len() - after.len() - 2;
            out.extend_from_slice(&rest[..start]);
            if out.len() > 2 && wanted(marker) {
                out.extend_from_slice(bytes);
            }
            out.extend_from_slice(&[0xff, marker]);
            rest = after;
        }
        out
    }

    #[test]
    fn a_valid_file_keeps_its_pixels() {
        for (what, file) in FILES {
            let repaired = repaired(file).unwrap_or_else(|| panic!("{what}"));
            assert_eq!(decoded(&repaired).unwrap(), decoded(file).unwrap(), "{what}");
        }
    }

    #[test]
    fn harmless_deviations_are_removed() {
        for (what, file) in FILES {
            let place = |marker: u8| file.windows(2).position(|pair| pair == [0xff, marker]).unwrap();
            let mut version = file.to_vec();
            if file[3] == 0xe0 {
                version[11..13].copy_from_slice(&[0, 0]);
            }
            let mut scan = file.to_vec();
            if file[place(0xc4) - 1..].windows(2).filter(|pair| *pair == [0xff, 0xda]).count() == 1 {
                let start = place(0xda);
                let length = usize::from(file[start + 3]);
                scan[start + 2 + length - 3..start + 2 + length].fill(0);
            }
            for (deviation, odd) in [
                (
                    "bytes before each segment",
                    insert(file, JUNK, |marker| !(0xd0..=0xd7).contains(&marker) && marker != 0xd9),
                ),
                ("bytes before each restart marker", insert(file, JUNK, |marker| (0xd0..=0xd7).contains(&marker))),
                ("bytes before the end", insert(file, JUNK, |marker| marker == 0xd9)),
                ("fill bytes", insert(file, b"\xff\xff\xff", |_| true)),
                ("a restart marker before the end", insert(file, b"\xff\xd3", |marker| marker == 0xd9)),
                ("an unknown version of JFIF", version),
                ("the parameters of a sequential scan", scan),
                ("bytes after the end", [file, JUNK].concat()),
            ] {
                let repaired = repaired(&odd).unwrap_or_else(|| panic!("{what}, {deviation}"));
                assert_eq!(decoded(&repaired).unwrap(), decoded(file).unwrap(), "{what}, {deviation}");
                assert!(!repaired.windows(4).any(|window| window == b"junk"), "{what}, {deviation}");
                for lossless in [false, true] {
                    let cleaned = clean(&odd, &options(lossless)).unwrap_or_else(|_| panic!("{what}, {deviation}"));
                    assert!(!cleaned.main.bytes.windows(4).any(|window| window == b"junk"), "{what}, {deviation}");
                    if lossless {
                        assert_eq!(
                            decoded(&cleaned.main.bytes).unwrap(),
                            decoded(file).unwrap(),
                            "{what}, {deviation}"
                        );
                    }
                }
            }
        }
    }

    /// A few bytes before a restart marker cause no warning, and a file that is kept must not have
    /// them.
    #[test]
    fn a_kept_file_hides_nothing_before_its_restart_markers() {
        let odd = insert(FILES[1].1, b"hid", |marker| (0xd0..=0xd7).contains(&marker));
        let cleaned = clean(&odd, &options(true)).unwrap();
        assert!(!cleaned.main.bytes.windows(3).any(|window| window == b"hid"));
        assert_eq!(decoded(&cleaned.main.bytes).unwrap(), decoded(FILES[1].1).unwrap());
    }

    #[test]
    fn an_adobe_segment_counts_wherever_it_is() {
        // Without JFIF, this segment says that the components are RGB.
        let file = FILES[0].1;
        let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
        let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        let after = frame + 2 + usize::from(u16::from_be_bytes([file[frame + 2], file[frame + 3]]));
        let rgb = [b"\xff\xd8", &file[20..after], adobe, &file[after..]].concat();
        assert_ne!(decoded(&rgb).unwrap(), decoded(file).unwrap());
        let odd = insert(&rgb, JUNK, |marker| marker == 0xdb);
        assert_eq!(decoded(&repaired(&odd).unwrap()).unwrap(), decoded(&rgb).unwrap());
    }

    #[test]
    fn truncated_and_broken_files_are_refused() {
        for (what, file) in FILES {
            // Without the end marker, and with one after each possible end.
            for end in (200..file.len()).rev().step_by(7) {
                let cut = &file[..end.min(file.len() - 1)];
                assert_eq!(clean(cut, &options(false)), Err(Refusal::Damaged), "{what} up to {end}");
            }
            let restart = file.windows(2).position(|pair| pair[0] == 0xff && (0xd0..=0xd7).contains(&pair[1]));
            if let Some(restart) = restart {
                let lost = [&file[..restart - 4], &file[restart..]].concat();
                assert_eq!(clean(&lost, &options(false)), Err(Refusal::Damaged), "{what}: bytes are missing");
                let skipped = [&file[..restart], &file[restart + 2..]].concat();
                assert_eq!(clean(&skipped, &options(false)), Err(Refusal::Damaged), "{what}: a marker is missing");
            }
        }
    }

    #[test]
    fn a_bomb_is_not_read() {
        let huge = insert(FILES[2].1, b"", |_| true);
        let frame = huge.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
        let mut large = huge.clone();
        large[frame + 5..frame + 9].fill(0xff);
        let refused = repair(&large, None, &options(false)).unwrap_err();
        assert!(matches!(refused, Refusal::TooManyPixels { width: 65_535, height: 65_535, .. }), "{refused}");
        let scan = huge.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        let next = scan + 2 + huge[scan + 2..].windows(2).position(|pair| pair == [0xff, 0xc4]).unwrap();
        let many = [&huge[..scan], &huge[scan..next].repeat(501), &huge[next..]].concat();
        assert_eq!(repair(&many, None, &options(false)), Err(Refusal::TooCostly));
    }

    /// Returns the decoder's complaint about data that ends early, if it has one.
    fn complaint(file: &[u8]) -> Option<String> {
        let header = turbojpeg::Decompressor::new().unwrap().read_header(file).map(drop);
        let read = header.and_then(|()| turbojpeg::decompress(file, turbojpeg::PixelFormat::RGB).map(drop));
        read.err()
            .map(|error| error.to_string())
            .filter(|text| text.contains("remature") || text.contains("bad Huffman code"))
    }

    #[test]
    fn a_coefficient_beyond_the_last_is_the_last() {
        // Where it is kept decides how many bits the next scan has.
        let mut file = FILES[2].1.to_vec();
        file[423] = 20;
        assert_eq!(repaired(&file).and_then(|whole| complaint(&whole)), None);
    }

    /// Returns class and place of each Huffman table that a file defines.
    fn defined_tables(file: &[u8]) -> Vec<u8> {
        let mut places = Vec::new();
        for start in (0..file.len()).filter(|at| file[*at..].starts_with(b"\xff\xc4")) {
            let Some(length) = file.get(start + 2..start + 4) else { continue };
            let end = start + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            let mut body = file.get(start + 4..end).unwrap_or_default();
            while let Some((place, rest)) = body.split_first() {
                let symbols: usize = rest.iter().take(16).map(|count| usize::from(*count)).sum();
                places.push(*place);
                body = rest.get(16 + symbols..).unwrap_or_default();
            }
        }
        places
    }

    proptest! {
        /// The decoder and this module agree on what is whole: what one reads without a warning
        /// the other reads too, apart from an unusual order of scans.
        #[test]
        fn damage_is_found_as_the_decoder_finds_it(which in 0usize..6, at in 0usize..6000, byte: u8, cut in 0usize..40) {
            let mut file = FILES[which].1.to_vec();
            let length = file.len();
            file[at % length] = byte;
            if cut > 0 {
                // A piece is missing before the end marker.
                file.drain(length - 2 - cut..length - 2);
            }
            let (before, whole) = (decoded(&file), repaired(&file));
            prop_assert_eq!(whole.as_deref().and_then(complaint), None);
            // The decoder knows the usual tables where a file has none.
            if before.is_some() && file.len() == length && defined_tables(&file) == defined_tables(FILES[which].1) {
                prop_assert!(whole.is_some() || !file.ends_with(b"\xff\xd9"), "the decoder reads it");
            }
        }
    }
}

//! Computes the layout of a ZIP of stored entries before its first byte is sent (PKWARE APPNOTE
//! 6.3.10). All sizes and checksums are known, so there are no data descriptors, the total length
//! is exact, and any byte range can be generated on its own. Never reads a file; see `archives`.

use std::time::SystemTime;

use time::OffsetDateTime;

/// The smallest value that a 32-bit field cannot hold; the field is then filled with ones and the
/// value is in the ZIP64 extra field (APPNOTE 4.5.3).
const FULL_32: u64 = 0xffff_ffff;
const FULL_16: u64 = 0xffff;
/// The "version made by" field (APPNOTE 4.4.2): Unix, so that permissions apply, and version 4.5.
const VERSION_MADE_BY: u16 = 3 << 8 | 45;
const NEEDS_ZIP64: u16 = 45;
const NEEDS_DEFAULT: u16 = 10;
/// The flag that declares the name as UTF-8.
const UTF8: u16 = 1 << 11;
/// The Unix mode of a regular file that its owner can write and everyone can read.
const MODE: u32 = 0o100_644 << 16;

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The entry's name, as [`super::names`] creates it.
    pub(crate) name: String,
    /// The size in bytes.
    pub(crate) size: u64,
    pub(crate) crc32: u32,
    pub(crate) modified: SystemTime,
}

impl Entry {
    /// Returns the local file header, which precedes the entry's bytes.
    pub(crate) fn local_header(&self) -> Vec<u8> {
        let large = self.size >= FULL_32;
        let mut out = Vec::with_capacity(usize::try_from(self.local_length()).unwrap_or(0));
        out.extend(0x0403_4b50_u32.to_le_bytes());
        self.common(large, &mut out);
        out.extend(if large { 20_u16 } else { 0 }.to_le_bytes());
        out.extend(self.name.as_bytes());
        if large {
            out.extend(1_u16.to_le_bytes());
            out.extend(16_u16.to_le_bytes());
            out.extend(self.size.to_le_bytes());
            out.extend(self.size.to_le_bytes());
        }
        out
    }

    /// Returns the length of the local file header in bytes.
    pub(crate) fn local_length(&self) -> u64 {
        30 + self.name.len() as u64 + if self.size >= FULL_32 { 20 } else { 0 }
    }

    /// Returns the central directory header of an entry whose local header begins at `offset`.
    pub(crate) fn central_header(&self, offset: u64) -> Vec<u8> {
        let mut extra = Vec::new();
        if self.size >= FULL_32 {
            extra.extend(self.size.to_le_bytes());
            extra.extend(self.size.to_le_bytes());
        }
        if offset >= FULL_32 {
            extra.extend(offset.to_le_bytes());
        }
        let mut out = Vec::with_capacity(usize::try_from(self.central_length(offset)).unwrap_or(0));
        out.extend(0x0201_4b50_u32.to_le_bytes());
        out.extend(VERSION_MADE_BY.to_le_bytes());
        self.common(!extra.is_empty(), &mut out);
        out.extend(if extra.is_empty() { 0 } else { low_16(extra.len() as u64 + 4) }.to_le_bytes());
        // No comment, the first disk, no internal attributes.
        out.extend([0; 6]);
        out.extend(MODE.to_le_bytes());
        out.extend(low_32(offset).to_le_bytes());
        out.extend(self.name.as_bytes());
        if !extra.is_empty() {
            out.extend(1_u16.to_le_bytes());
            out.extend(low_16(extra.len() as u64).to_le_bytes());
            out.extend(extra);
        }
        out
    }

    /// Returns the length of the central directory header in bytes.
    pub(crate) fn central_length(&self, offset: u64) -> u64 {
        let fields = if self.size >= FULL_32 { 16 } else { 0 } + if offset >= FULL_32 { 8 } else { 0 };
        46 + self.name.len() as u64 + if fields > 0 { 4 + fields } else { 0 }
    }

    /// Writes the fields that both headers have in common, from "version needed" to the length of
    /// the name.
    fn common(&self, zip64: bool, out: &mut Vec<u8>) {
        let (time, date) = dos_time(self.modified);
        let needs = if zip64 { NEEDS_ZIP64 } else { NEEDS_DEFAULT };
        let flags = if self.name.is_ascii() { 0 } else { UTF8 };
        // Method 0: stored, without compression.
        for field in [needs, flags, 0, time, date] {
            out.extend(field.to_le_bytes());
        }
        out.extend(self.crc32.to_le_bytes());
        out.extend(low_32(self.size).to_le_bytes());
        out.extend(low_32(self.size).to_le_bytes());
        out.extend(low_16(self.name.len() as u64).to_le_bytes());
    }
}

/// Returns the end of central directory records, with the ZIP64 ones if needed.
pub(crate) fn end(entries: u64, directory: u64, directory_length: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(98);
    if needs_zip64(entries, directory, directory_length) {
        out.extend(0x0606_4b50_u32.to_le_bytes());
        out.extend(44_u64.to_le_bytes());
        out.extend(VERSION_MADE_BY.to_le_bytes());
        out.extend(NEEDS_ZIP64.to_le_bytes());
        out.extend([0; 8]);
        for field in [entries, entries, directory_length, directory] {
            out.extend(field.to_le_bytes());
        }
        out.extend(0x0706_4b50_u32.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        out.extend((directory + directory_length).to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(0x0605_4b50_u32.to_le_bytes());
    out.extend([0; 4]);
    out.extend(low_16(entries).to_le_bytes());
    out.extend(low_16(entries).to_le_bytes());
    out.extend(low_32(directory_length).to_le_bytes());
    out.extend(low_32(directory).to_le_bytes());
    out.extend([0; 2]);
    out
}

/// Returns the length of those records in bytes.
pub(crate) fn end_length(entries: u64, directory: u64, directory_length: u64) -> u64 {
    if needs_zip64(entries, directory, directory_length) { 98 } else { 22 }
}

fn needs_zip64(entries: u64, directory: u64, directory_length: u64) -> bool {
    entries >= FULL_16 || directory >= FULL_32 || directory_length >= FULL_32
}

fn low_32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn low_16(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// Returns the MS-DOS time and date in UTC, with a resolution of two seconds, from 1980 to 2107.
fn dos_time(at: SystemTime) -> (u16, u16) {
    let at = OffsetDateTime::from(at);
    match at.year() {
        year @ 1980..=2107 => {
            let time = u16::from(at.hour()) << 11 | u16::from(at.minute()) << 5 | u16::from(at.second() / 2);
            let years = u16::try_from(year - 1980).unwrap_or(0);
            (time, years << 9 | u16::from(u8::from(at.month())) << 5 | u16::from(at.day()))
        }
        ..1980 => (0, 1 << 5 | 1),
        _ => (23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn entry(name: &str, size: u64) -> Entry {
        Entry {
            name: name.into(),
            size,
            crc32: 7,
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        }
    }

    proptest! {
        #[test]
        fn lengths_are_those_of_the_bytes(name in "\\PC{0,30}", size in prop_oneof![0..9u64, FULL_32 - 2..FULL_32 + 3, any::<u64>()],
            offset in prop_oneof![0..9u64, FULL_32 - 2..FULL_32 + 3], entries in prop_oneof![0..3u64, FULL_16 - 2..FULL_16 + 2]) {
            let entry = entry(&name, size);
            prop_assert_eq!(entry.local_header().len() as u64, entry.local_length());
            prop_assert_eq!(entry.central_header(offset).len() as u64, entry.central_length(offset));
            prop_assert_eq!(end(entries, offset, 9).len() as u64, end_length(entries, offset, 9));
            prop_assert_eq!(end(entries, 9, offset).len() as u64, end_length(entries, 9, offset));
        }
    }

    #[test]
    fn fields_grow_where_they_must_and_not_before() {
        assert_eq!(entry("a", FULL_32 - 1).local_length(), 31);
        assert_eq!(entry("a", FULL_32).local_length(), 51);
        assert_eq!(entry("a", 1).central_length(FULL_32 - 1), 47);
        assert_eq!(entry("a", 1).central_length(FULL_32), 59);
        assert_eq!((end_length(65_534, 0, 0), end_length(65_535, 0, 0)), (22, 98));
    }

    #[test]
    fn times_outside_the_format_are_its_first_and_last() {
        assert_eq!(dos_time(SystemTime::UNIX_EPOCH), (0, 0x21));
        assert_eq!(dos_time(SystemTime::UNIX_EPOCH + Duration::from_secs(5_000_000_000)).1 >> 9, 127);
        let (time, date) = dos_time(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        // 2027-01-15 08:00:00 UTC.
        assert_eq!((date >> 9, date >> 5 & 15, date & 31, time >> 11, time & 0x7ff), (47, 1, 15, 8, 0));
    }
}

//! The parts of an upload that were acknowledged: one line each, appended and synced before the answer.
//!
//! A line is its JSON, a tab and the CRC-32 of the JSON, so that a line torn by a crash is told from a
//! whole one; it was never acknowledged and is passed over.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// A stored part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) size: u64,
    /// Lower-case hex MD5 of the part, which is its ETag.
    pub(super) md5: String,
    /// The file that holds a part sent again; absent when the part lies at its offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) aside: Option<String>,
    /// Set when the part was left out of a completion: it counts as never uploaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) dropped: bool,
}

pub(super) fn append(file: &mut File, line: &Line) -> Result<()> {
    let json = serde_json::to_string(line).map_err(std::io::Error::from)?;
    let crc = crc_fast::crc32_iso_hdlc(json.as_bytes());
    // A leading newline closes a line that a crash tore.
    let before = file.seek(SeekFrom::End(0))?;
    let written = file.write_all(format!("\n{json}\t{crc:08x}\n").as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        // Nobody was told of this line; it must not count after a restart.
        file.set_len(before)?;
    }
    Ok(written?)
}

/// The lines in order; a later line of a number replaces an earlier one.
pub(super) fn read(file: &mut File) -> Result<Vec<Line>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

fn parse(line: &[u8]) -> Option<Line> {
    let (json, crc) = std::str::from_utf8(line).ok()?.rsplit_once('\t')?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    (crc_fast::crc32_iso_hdlc(json.as_bytes()) == crc).then(|| serde_json::from_str(json).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_passed_over_at_every_length() {
        let line = |number| Line { number, size: 5, md5: "ab".repeat(16), aside: None, dropped: false };
        let mut whole = tempfile::tempfile().unwrap();
        append(&mut whole, &line(1)).unwrap();
        let first = whole.metadata().unwrap().len();
        append(&mut whole, &line(2)).unwrap();
        let mut bytes = Vec::new();
        whole.seek(SeekFrom::Start(0)).unwrap();
        whole.read_to_end(&mut bytes).unwrap();
        for cut in usize::try_from(first).unwrap()..bytes.len() - 1 {
            let mut torn = tempfile::tempfile().unwrap();
            torn.write_all(&bytes[..cut]).unwrap();
            append(&mut torn, &line(3)).unwrap();
            let read = read(&mut torn).unwrap();
            assert_eq!(read, [line(1), line(3)], "cut at {cut}");
        }
        assert_eq!(read(&mut whole).unwrap(), [line(1), line(2)]);
    }
}

//! Records the acknowledged parts of an upload in a journal: one line per part, appended and synced
//! before the response. A line is JSON, a tab and the CRC-32 of the JSON. A line that a crash cut
//! short fails its CRC and is ignored; it was never acknowledged. Decides nothing about uploads;
//! see `multipart`.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// One line of the journal: a stored part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub(super) number: u32,
    pub(super) size: u64,
    /// The MD5 of the part in lower-case hex, which is its ETag.
    pub(super) md5: String,
    /// The name of the side file that holds a part sent again; `None` if the part lies at its
    /// offset in the data file.
    #[serde(rename = "aside", default, skip_serializing_if = "Option::is_none")]
    pub(super) side_file: Option<String>,
    /// Whether a completion left the part out. A dropped part counts as never uploaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) dropped: bool,
}

/// Appends a record durably. After an error the journal is as it was before.
pub(super) fn append(file: &mut File, record: &PartRecord) -> Result<()> {
    let json = serde_json::to_string(record).map_err(std::io::Error::from)?;
    let crc = crc_fast::crc32_iso_hdlc(json.as_bytes());
    // The leading newline ends a line that a crash cut short.
    let before = file.seek(SeekFrom::End(0))?;
    let written = file.write_all(format!("\n{json}\t{crc:08x}\n").as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        // The part was not acknowledged, so its line must not count after a restart.
        file.set_len(before)?;
    }
    Ok(written?)
}

/// Returns the valid records in order. A later record of a part number replaces an earlier one.
pub(super) fn read(file: &mut File) -> Result<Vec<PartRecord>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes.split(|byte| *byte == b'\n').filter_map(parse).collect())
}

/// Parses a line. Returns `None` if it is incomplete or its CRC is wrong.
fn parse(line: &[u8]) -> Option<PartRecord> {
    let (json, crc) = std::str::from_utf8(line).ok()?.rsplit_once('\t')?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    (crc_fast::crc32_iso_hdlc(json.as_bytes()) == crc).then(|| serde_json::from_str(json).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_ignored_at_every_length() {
        let line = |number| PartRecord { number, size: 5, md5: "ab".repeat(16), side_file: None, dropped: false };
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

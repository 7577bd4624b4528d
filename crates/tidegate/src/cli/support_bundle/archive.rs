//! A `.tar.gz` of small text files: headers in the ustar format of POSIX.1-2017 (`pax`, "ustar
//! Interchange Format").

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The size of a header, and what contents are padded to.
const BLOCK: usize = 512;
/// The longest name of a file.
const MAX_NAME: usize = 99;

/// Returns the archive of files, each with its name and its text.
pub(super) fn pack(files: &[(String, String)], modified: u64) -> anyhow::Result<Vec<u8>> {
    let mut archive = GzEncoder::new(Vec::new(), Compression::default());
    for (name, text) in files {
        archive.write_all(&header(name, text.len(), modified)?)?;
        archive.write_all(text.as_bytes())?;
        archive.write_all(&vec![0; text.len().next_multiple_of(BLOCK) - text.len()])?;
    }
    archive.write_all(&[0; 2 * BLOCK])?;
    Ok(archive.finish()?)
}

/// Returns the header of a file with mode 0600.
fn header(name: &str, size: usize, modified: u64) -> anyhow::Result<[u8; BLOCK]> {
    anyhow::ensure!(name.len() <= MAX_NAME, "the name {name} is too long");
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, &format!("{modified:011o}\0"));
    // The checksum is that of the header with spaces in its place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn contents_are_padded_to_blocks() {
        let files = [("a.txt".to_owned(), "x".repeat(512)), ("b/c.txt".to_owned(), "y".to_owned())];
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&pack(&files, 7).unwrap()[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain.len(), BLOCK * (1 + 1 + 1 + 1 + 2));
        assert_eq!((&plain[..6], plain[512], plain[1024]), (&b"a.txt\0"[..], b'x', b'b'));
        assert!(pack(&[("n".repeat(100), String::new())], 0).is_err());
    }
}

//! Validates the list of parts with which a client completes an upload. Both backends use it before
//! they assemble the blob. Reads and writes no bytes.

use md5::{Digest as _, Md5};

use crate::error::{Error, PartFault, Result};
use crate::{MAX_PARTS, Part};

/// A client's list of uploaded parts, with the limits of the upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The number and the ETag (without quotes) of every part, in any order.
    pub parts: Vec<(u32, String)>,
    /// The size of every part but the last, in bytes.
    pub part_size: u64,
    /// The announced total size in bytes, if any.
    pub size: Option<u64>,
    /// The largest allowed total size in bytes.
    pub max_size: u64,
}

impl Completion {
    /// Returns the ETag of the assembled blob: the MD5 of the parts' MD5s, a hyphen and the number
    /// of parts. Returns `None` if a part's ETag is not an MD5.
    pub fn etag(&self) -> Option<String> {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort();
        let mut whole = Md5::new();
        for (_, etag) in &parts {
            whole.update(hex::decode(etag).ok().filter(|md5| md5.len() == 16)?);
        }
        Some(format!("{}-{}", hex::encode(whole.finalize()), parts.len()))
    }

    /// Validates the listed parts against the stored ones and returns the total size. `stored` must
    /// be sorted by number. Fails with the first problem found.
    pub fn check(&self, stored: &[Part]) -> Result<u64> {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_key(|(number, _)| *number);
        let fault = |number, fault| Err(Error::InvalidPart { number, fault });
        let Some((last, _)) = parts.last() else { return fault(1, PartFault::Missing) };
        let mut total = 0u64;
        for (index, (number, etag)) in parts.iter().enumerate() {
            let expected = u32::try_from(index).unwrap_or(u32::MAX) + 1;
            if index > 0 && parts[index - 1].0 == *number {
                return fault(*number, PartFault::Twice);
            }
            if *number != expected || *number > MAX_PARTS {
                return fault(expected, PartFault::Gap);
            }
            let Ok(at) = stored.binary_search_by_key(number, |part| part.number) else {
                return fault(*number, PartFault::Missing);
            };
            if stored[at].etag != *etag {
                return fault(*number, PartFault::WrongEtag);
            }
            if number != last && stored[at].size != self.part_size {
                return fault(*number, PartFault::Short);
            }
            total += stored[at].size;
        }
        let needed = self.size.map_or(0, |size| size.div_ceil(self.part_size.max(1)));
        let next = u32::try_from(parts.len()).unwrap_or(u32::MAX).saturating_add(1);
        if u64::from(next) <= needed {
            return fault(next, PartFault::Missing);
        }
        if total > self.max_size {
            return Err(Error::TooLarge { limit: self.max_size });
        }
        match self.size {
            Some(announced) if announced != total => Err(Error::SizeMismatch { announced, actual: total }),
            _ => Ok(total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Vec<Part> {
        [(1, "a", 10), (2, "b", 10), (3, "c", 4)]
            .map(|(number, etag, size)| Part { number, etag: etag.into(), size })
            .to_vec()
    }

    fn check(parts: &[(u32, &str)], size: Option<u64>, max_size: u64) -> String {
        let parts = parts.iter().map(|(number, etag)| (*number, (*etag).to_owned())).collect();
        match (Completion { parts, part_size: 10, size, max_size }).check(&stored()) {
            Ok(total) => total.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_fault_is_named() {
        let all = [(3, "c"), (1, "a"), (2, "b")];
        assert_eq!(check(&all, None, 100), "24");
        assert_eq!(check(&all, Some(24), 24), "24");
        assert_eq!(check(&all[1..], None, 100), "20", "fewer parts than stored may make the whole");
        assert_eq!(check(&[], None, 100), "part 1: was never uploaded");
        assert_eq!(check(&[(1, "a"), (3, "c")], None, 100), "part 2: is missing between the parts given");
        assert_eq!(check(&[(2, "b")], None, 100), "part 1: is missing between the parts given");
        assert_eq!(check(&[(1, "a"), (1, "a")], None, 100), "part 1: is named twice");
        assert_eq!(check(&[(1, "b")], None, 100), "part 1: has another ETag");
        assert_eq!(check(&[(0, "a")], None, 100), "part 1: is missing between the parts given");
        assert_eq!(check(&all[1..], Some(24), 100), "part 3: was never uploaded");
        assert_eq!(check(&all, Some(25), 100), "24 bytes were uploaded, 25 were announced");
        assert_eq!(check(&all, None, 23), "more than 23 bytes");
        let long = [(1, "a"), (2, "b"), (3, "c"), (4, "d")];
        assert_eq!(check(&long, None, 100), "part 3: is shorter than the part size and not the last");
        let mut short = stored();
        short[0].size = 9;
        let completion =
            Completion { parts: vec![(1, "a".into()), (2, "b".into())], part_size: 10, size: None, max_size: 99 };
        assert_eq!(
            completion.check(&short).unwrap_err().to_string(),
            "part 1: is shorter than the part size and not the last"
        );
    }
}

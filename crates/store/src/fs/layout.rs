//! Allocates the ranges of a draft's file to its fragments: each at its expected offset in the
//! future blob if that is known and free, else at the end. Touches no file; see `draft`.

use std::collections::{BTreeMap, HashSet};

/// Offsets from here on are never used for expected positions, because some file systems allow no
/// larger files.
const MAX_EXPECTED_OFFSET: u64 = 1 << 42;

/// Allocates ranges of a draft's file to fragments. The range that the file had when it was opened
/// counts as used.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The allocated ranges by offset.
    pub(super) extents: BTreeMap<u64, Extent>,
    /// The length of the file when it was opened. Offsets below it are never allocated.
    initial_length: u64,
    /// The end of the last used range.
    end: u64,
    /// The number and the length of the first fragment. Fragments of this length get expected
    /// offsets.
    first: Option<(u32, u64)>,
    /// The ids of the fragments whose bytes were removed.
    pub(super) dropped: HashSet<String>,
}

/// A range of the file that belongs to a fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    length: u64,
    number: u32,
    pub(super) finished: bool,
}

impl Layout {
    /// Creates the layout of a file with `length` bytes.
    pub(super) fn with_length(length: u64) -> Self {
        Self { initial_length: length, end: length, ..Self::default() }
    }

    /// Allocates a range for a fragment of up to `length` bytes and returns its offset: the
    /// expected offset if all fragments have the same length, else the end of the file.
    pub(super) fn allocate(&mut self, number: u32, length: u64) -> u64 {
        // An empty fragment gets an offset of its own too.
        let length = length.max(1);
        if self.extents.is_empty() && self.end == 0 {
            // Numbers begin with 0 or 1. A higher first number means that fragments are sent in
            // parallel.
            self.first = Some((if number == 1 { 1 } else { 0 }, length));
        }
        let at = self.expected_offset(number, length).unwrap_or(self.end);
        self.extents.insert(at, Extent { length, number, finished: false });
        self.end = self.end.max(at.saturating_add(length));
        at
    }

    /// Returns the offset of a fragment if all fragments have the length of the first one and the
    /// range is free.
    fn expected_offset(&self, number: u32, length: u64) -> Option<u64> {
        let (first, unit) = self.first?;
        // A shorter fragment at the end of the file is taken for the last one.
        let regular = self
            .extents
            .iter()
            .all(|(at, extent)| extent.length == unit || at + extent.length == self.end && extent.number > first);
        let at = u64::from(number.checked_sub(first)?).checked_mul(unit)?;
        let before = self.extents.range(..at.checked_add(length)?).next_back();
        let is_free = at >= self.initial_length && before.is_none_or(|(start, extent)| start + extent.length <= at);
        (regular && length <= unit && is_free && unit > 0 && at < MAX_EXPECTED_OFFSET).then_some(at)
    }

    /// Returns whether a finished fragment can lie at `offset` or after it.
    pub(super) fn may_have_fragments_after(&self, offset: u64) -> bool {
        self.initial_length > offset || self.extents.range(offset..).any(|(_, extent)| extent.finished)
    }

    /// Sets the final length of the fragment at an offset. A length of 0 frees the range.
    pub(super) fn finish(&mut self, at: u64, length: u64) {
        let Some(extent) = self.extents.remove(&at) else { return };
        if let Some((_, unit)) = &mut self.first
            && *unit == extent.length.max(1)
            && self.extents.is_empty()
            && self.initial_length == 0
        {
            *unit = length;
        }
        if length > 0 {
            self.extents.insert(at, Extent { length, finished: true, ..extent });
        }
        let last = self.extents.last_key_value().map_or(0, |(at, extent)| at + extent.length);
        self.end = last.max(self.initial_length);
    }

    /// Returns the range that no fragment but the one at an offset uses, as start and end: the
    /// fragment's own range, and what is free before and after it. The end is `u64::MAX` if nothing
    /// follows.
    pub(super) fn unshared_range(&self, at: u64) -> Option<(u64, u64)> {
        self.extents.get(&at)?;
        let before = self.extents.range(..at).next_back().map_or(0, |(start, extent)| start + extent.length);
        let after = self.extents.range(at + 1..).next().map_or(u64::MAX, |(start, _)| *start);
        Some((before.max(self.initial_length), after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the offsets of fragments (number, limit, length), each finished before the next
    /// begins.
    fn offsets(fragments: &[(u32, u64, u64)]) -> Vec<u64> {
        let mut layout = Layout::default();
        let write = |(number, most, size): &(u32, u64, u64)| {
            let at = layout.allocate(*number, *most);
            layout.finish(at, *size);
            at
        };
        fragments.iter().map(write).collect()
    }

    #[test]
    fn fragments_get_their_expected_offsets_if_known() {
        assert_eq!(offsets(&[(0, 5, 5), (1, 5, 5), (2, 5, 3)]), [0, 5, 10], "in order");
        assert_eq!(offsets(&[(1, 9, 5), (2, 9, 5), (3, 9, 3)]), [0, 5, 10], "with an upper limit instead of a length");
        assert_eq!(offsets(&[(0, 5, 5), (3, 2, 2), (1, 5, 5), (2, 5, 5)]), [0, 15, 5, 10], "in any order");
        assert_eq!(offsets(&[(0, 5, 5), (1, 3, 3), (2, 7, 7), (3, 1, 1)]), [0, 5, 8, 15], "of any length");
        assert_eq!(offsets(&[(0, 5, 5), (1, 5, 5), (1, 5, 5)]), [0, 5, 10], "sent again: at the end");
        assert_eq!(offsets(&[(0, 5, 5), (1, 5, 0), (1, 5, 5)]), [0, 5, 5], "the first attempt failed");
        assert_eq!(offsets(&[(2, 5, 5), (0, 5, 5), (1, 5, 5)]), [10, 0, 5], "a later one first");
        assert_eq!(offsets(&[(9999, 1 << 40, 5)]), [0], "an implausible number");
        let mut layout = Layout::default();
        let all = [(1, 5), (2, 5), (3, 5), (4, 2)].map(|(number, most)| layout.allocate(number, most));
        assert_eq!(all, [0, 5, 10, 15], "in parallel");
    }

    proptest! {
        #[test]
        fn no_two_fragments_overlap(
            fragments in proptest::collection::vec((0u32..9, 0u64..9, 0u64..9, any::<bool>()), 0..20),
            before in prop_oneof![Just(0u64), 1u64..20],
        ) {
            let mut layout = Layout::with_length(before);
            let (mut lying, mut open) = (vec![(0, before)], Vec::new());
            for (number, most, size, stays_open) in fragments {
                let at = layout.allocate(number, most);
                for (other, length) in lying.iter().chain(&open) {
                    prop_assert!(at + most <= *other || other + length <= at || most == 0 || *length == 0, "{layout:?} {at}");
                }
                if stays_open && most > 0 {
                    open.push((at, most));
                } else if most > 0 {
                    layout.finish(at, size.min(most));
                    lying.push((at, size.min(most)));
                }
            }
        }
    }
}

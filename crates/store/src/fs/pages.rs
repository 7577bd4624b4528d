//! Finds out which pages of a file are in the page cache, so that threads which must not block send
//! only those. Holds the only `unsafe` code of this crate. Never reads through the mapping. Used by
//! `blob_stream`.

#![expect(unsafe_code, reason = "asks the kernel which pages of a mapping are in memory")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

/// The smallest page size of supported machines, in bytes.
const MIN_PAGE: usize = 4 << 10;
/// The number of bytes whose residency is checked at once.
const BLOCK: usize = 2 << 20;
/// The most pages in a block, plus one for a range that does not begin at a page.
const MAX_PAGES: usize = BLOCK / MIN_PAGE + 1;
/// How long a block that was in memory is assumed to be still there, in milliseconds. `mincore(2)`
/// is expensive compared with serving a small range, and the kernel does not evict recently used
/// pages first.
const RECHECK_AFTER: u64 = 1000;
/// Bytes per read when a range is fetched from disk.
const FETCH: usize = 256 << 10;

/// The residency of a file's pages.
#[derive(Debug)]
pub(super) struct Pages {
    /// Passed to `mincore(2)` and never read, so none of its pages becomes part of this process.
    map: Mmap,
    /// The last [`Check`] of each block.
    checks: Box<[AtomicU64]>,
}

impl Pages {
    /// Maps a file of `size` bytes. Returns `None` if it can't be mapped, or if the kernel may not
    /// report its residency: since Linux 5.2, `mincore(2)` reports it only to the file's owner and
    /// to users who may write the file.
    pub(super) fn of(file: &File, size: u64) -> Option<Self> {
        if size == 0 {
            return None;
        }
        if file.metadata().ok()?.uid() != rustix::process::geteuid().as_raw() {
            static WARN_ONCE: Once = Once::new();
            WARN_ONCE.call_once(|| {
                tracing::warn!(
                    "the store has files of another user, which can't be sent from the page cache; they are read"
                );
            });
            return None;
        }
        // SAFETY: a change of the file by another process is visible to readers of the mapping or
        // ends them with `SIGBUS`. This mapping is never read: its address is passed to `mincore`
        // only.
        let map = unsafe { Mmap::map(file) };
        match map {
            // The file was truncated after it was opened.
            Ok(map) if map.len() as u64 != size => None,
            Ok(map) => {
                let blocks = map.len().div_ceil(BLOCK);
                let checks = (0..blocks).map(|_| AtomicU64::new(0)).collect();
                Some(Self { map, checks })
            }
            Err(error) => {
                tracing::debug!(%error, "a blob can't be mapped; it is read into buffers instead");
                None
            }
        }
    }

    /// Returns whether every page of a range is in memory. A block that was completely in memory
    /// within [`RECHECK_AFTER`] counts as still there. The range must lie inside the file.
    pub(super) fn are_in_memory(&self, part: Range<usize>) -> bool {
        let (first, last) = (part.start / BLOCK, part.end.saturating_sub(1) / BLOCK);
        let now = now();
        (first..=last).all(|block| {
            let range = block * BLOCK..((block + 1) * BLOCK).min(self.map.len());
            let Some(stored) = self.checks.get(block) else { return false };
            let check = Check::decode(stored.load(Ordering::Relaxed));
            let is_recent = now.saturating_sub(check.at) < RECHECK_AFTER;
            let all_resident = if is_recent {
                check.all_resident
            } else {
                let all_resident = self.is_resident(range.clone());
                stored.store(Check { at: now, all_resident }.encode(), Ordering::Relaxed);
                all_resident
            };
            all_resident || self.is_resident(part.start.max(range.start)..part.end.min(range.end))
        })
    }

    /// Asks the kernel whether every page of a range is in memory. The range must not be longer
    /// than a [`BLOCK`].
    fn is_resident(&self, part: Range<usize>) -> bool {
        let start = part.start & !(page_size() - 1);
        let pages = (part.end - start).div_ceil(page_size());
        let mut resident = [0u8; MAX_PAGES];
        if pages > MAX_PAGES || part.end > self.map.len() {
            return false;
        }
        let address = self.map.as_ptr().wrapping_add(start).cast_mut().cast();
        // SAFETY: `address` is the start of a page of a live mapping, the length ends inside its
        // last page, and `resident` has a byte for each page of the range.
        let outcome = unsafe { libc::mincore(address, part.end - start, resident.as_mut_ptr()) };
        outcome == 0 && resident[..pages].iter().all(|page| page & 1 == 1)
    }
}

/// A check of a block: when it was made, in milliseconds of [`now`], and whether all pages were in
/// memory.
struct Check {
    at: u64,
    all_resident: bool,
}

impl Check {
    fn decode(stored: u64) -> Self {
        Self { at: stored >> 1, all_resident: stored & 1 == 1 }
    }

    fn encode(&self) -> u64 {
        self.at << 1 | u64::from(self.all_resident)
    }
}

/// Returns a monotonic time in milliseconds, from the kernel's coarse clock. It is at least
/// [`RECHECK_AFTER`], so that the initial check (0) is never recent.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    let milliseconds = now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000);
    u64::try_from(milliseconds).unwrap_or(0) + RECHECK_AFTER
}

/// Returns the page size in bytes.
fn page_size() -> usize {
    rustix::param::page_size().max(MIN_PAGE)
}

/// Reads a range of a file into the page cache. Fails if the disk fails or the file ends early.
/// Blocking.
pub(super) fn fetch(file: &File, start: u64, length: usize) -> io::Result<()> {
    let mut scratch = vec![0u8; FETCH.min(length)];
    let (mut at, mut left) = (start, length);
    while left > 0 {
        let step = left.min(scratch.len());
        file.read_exact_at(&mut scratch[..step], at)?;
        at += step as u64;
        left -= step;
    }
    Ok(())
}

/// Reads bytes that are in memory, without waiting for the disk (`RWF_NOWAIT`). Returns the number
/// of bytes read, or `None` if the read would block.
pub(super) fn read_now(file: impl AsFd, buffer: &mut [u8], at: u64) -> io::Result<Option<usize>> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    loop {
        match preadv2(&file, &mut [io::IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
            Ok(read) => return Ok(Some(read)),
            Err(Errno::INTR) => {}
            // OPNOTSUPP: the file system does not support RWF_NOWAIT.
            Err(Errno::AGAIN | Errno::OPNOTSUPP) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
}

//! Which pages of a file are in memory, so that who must not wait does not ask the kernel for one that was not there a
//! moment ago. Owns the only `unsafe` of this crate.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

/// Smallest page of the machines we know; more entries than needed where pages are larger.
const PAGE: usize = 4 << 10;
/// Bytes whose residency is asked for at once.
const BLOCK: usize = 2 << 20;
/// One more than a block has, for a part that does not begin with a page.
const MOST_PAGES: usize = BLOCK / PAGE + 1;
/// How long a block that was in memory is taken to be there still, in milliseconds. `mincore` costs as much as a good
/// part of a small range's way through the server, and what was in memory a second ago and is read now is not what the
/// kernel takes away first.
const LOOK_AGAIN: u64 = 1000;
/// Bytes per read when a range is fetched from disk.
const FETCH: usize = 256 << 10;

/// What is known of a file's pages.
#[derive(Debug)]
pub(super) struct Pages {
    /// Only asked about, never read: no page of it is ever part of this process's memory.
    map: Mmap,
    /// For each block, the last [`Look`] at it.
    seen: Box<[AtomicU64]>,
}

impl Pages {
    /// Of the whole file, which has `size` bytes; `None` where it can't be mapped, or where the kernel might not tell us
    /// which of its pages are in memory (since Linux 5.2, `mincore(2)` says so to a file's owner, and to others only if
    /// they may write it).
    pub(super) fn of(file: &File, size: u64) -> Option<Self> {
        if size == 0 {
            return None;
        }
        if file.metadata().ok()?.uid() != rustix::process::geteuid().as_raw() {
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                tracing::warn!(
                    "files of another user are read into buffers: which of their pages are in memory is not told"
                );
            });
            return None;
        }
        // SAFETY: what another process does to a mapped file is seen by whoever reads the map, or ends them with
        // `SIGBUS`. Nobody reads this one: its addresses go to `mincore` and nowhere else.
        let map = unsafe { Mmap::map(file) };
        match map {
            // Cut since it was opened.
            Ok(map) if map.len() as u64 != size => None,
            Ok(map) => {
                let blocks = map.len().div_ceil(BLOCK);
                let seen = (0..blocks).map(|_| AtomicU64::new(0)).collect();
                Some(Self { map, seen })
            }
            Err(error) => {
                tracing::debug!(%error, "a blob's pages can't be looked at, and it is read");
                None
            }
        }
    }

    /// Whether every page of a part is in memory, so that copying from it waits for no disk. A block that was all in
    /// memory [a moment ago](LOOK_AGAIN) counts as still being there. The part must lie inside the file.
    pub(super) fn are_in_memory(&self, part: Range<usize>) -> bool {
        let (first, last) = (part.start / BLOCK, part.end.saturating_sub(1) / BLOCK);
        let now = now();
        (first..=last).all(|block| {
            let place = block * BLOCK..((block + 1) * BLOCK).min(self.map.len());
            let Some(seen) = self.seen.get(block) else { return false };
            let look = Look::of(seen.load(Ordering::Relaxed));
            let is_recent = now.saturating_sub(look.at) < LOOK_AGAIN;
            let whole = if is_recent {
                look.whole
            } else {
                let whole = self.look_at(place.clone());
                seen.store(Look { at: now, whole }.stored(), Ordering::Relaxed);
                whole
            };
            whole || self.look_at(part.start.max(place.start)..part.end.min(place.end))
        })
    }

    /// Whether every page of a part, no longer than a [`BLOCK`], is in memory as of now.
    fn look_at(&self, part: Range<usize>) -> bool {
        let start = part.start & !(page_size() - 1);
        let pages = (part.end - start).div_ceil(page_size());
        let mut resident = [0u8; MOST_PAGES];
        if pages > MOST_PAGES || part.end > self.map.len() {
            return false;
        }
        let address = self.map.as_ptr().wrapping_add(start).cast_mut().cast();
        // SAFETY: `address` is the start of a page of a live map, the length ends inside its last page, and `resident`
        // has a byte for each page in between.
        let outcome = unsafe { libc::mincore(address, part.end - start, resident.as_mut_ptr()) };
        outcome == 0 && resident[..pages].iter().all(|page| page & 1 == 1)
    }
}

/// When a block was last looked at, in milliseconds of [`now`], and whether all of it was in memory.
struct Look {
    at: u64,
    whole: bool,
}

impl Look {
    fn of(stored: u64) -> Self {
        Self { at: stored >> 1, whole: stored & 1 == 1 }
    }

    fn stored(&self) -> u64 {
        self.at << 1 | u64::from(self.whole)
    }
}

/// Milliseconds since the system started, in its coarse grain; later than [`LOOK_AGAIN`] from the first.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    let milliseconds = now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000);
    u64::try_from(milliseconds).unwrap_or(0) + LOOK_AGAIN
}

fn page_size() -> usize {
    rustix::param::page_size().max(PAGE)
}

/// Reads a range of a file into the page cache. Blocking; an error of the disk, or an end before the range's, is one
/// here.
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

/// Reads what is in memory already and never waits for a disk: the bytes read, `None` where that can't be said
/// without waiting (`RWF_NOWAIT`).
pub(super) fn read_now(file: impl AsFd, buffer: &mut [u8], at: u64) -> io::Result<Option<usize>> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    loop {
        match preadv2(&file, &mut [io::IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
            Ok(read) => return Ok(Some(read)),
            Err(Errno::INTR) => {}
            // OPNOTSUPP: not every file system can.
            Err(Errno::AGAIN | Errno::OPNOTSUPP) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
}

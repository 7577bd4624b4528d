//! Files mapped into memory, so that the kernel copies from the page cache to the socket without a buffer of
//! ours in between. Owns the only `unsafe` of this crate; never reads through a map itself.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use bytes::Bytes;
use memmap2::Mmap;

/// Smallest page of the machines we know; more entries than needed where pages are larger.
const PAGE: usize = 4 << 10;
/// The most pages whose residency is asked for at once.
const MOST_PAGES: usize = 512;
/// Bytes per read when a range is fetched from disk.
const FETCH: usize = 256 << 10;

/// The whole file as bytes; `None` where it can't be mapped, or where the kernel would not tell us which of its pages
/// are in memory (`mincore(2)` says so to a file's owner and to root only, since Linux 5.2).
pub(super) fn map(file: &File) -> Option<Bytes> {
    let metadata = file.metadata().ok()?;
    let me = rustix::process::geteuid();
    if metadata.len() == 0 || !(me.is_root() || me.as_raw() == metadata.uid()) {
        return None;
    }
    // SAFETY: the map is shared with whoever may write the file. Blobs are never written after they were published,
    // and nobody of ours reads through the map: its slices are handed to `writev` only, where a page that is gone
    // (the file was cut, the disk failed) is `EFAULT` for one connection rather than `SIGBUS` for the process.
    let map = unsafe { Mmap::map(file) };
    match map {
        Ok(map) => Some(Bytes::from_owner(map)),
        Err(error) => {
            tracing::debug!(%error, "a blob can't be mapped and is read instead");
            None
        }
    }
}

/// Whether every page of a slice of a map is in memory, so that copying from it waits for no disk. `slice` must be
/// part of what [`map`] gave, and [`MOST_PAGES`] at the most are looked at.
pub(super) fn is_resident(slice: &[u8]) -> bool {
    let start = slice.as_ptr() as usize;
    let aligned = start & !(page_size() - 1);
    let length = slice.len() + (start - aligned);
    let pages = length.div_ceil(page_size());
    let mut resident = [0u8; MOST_PAGES];
    if pages > MOST_PAGES {
        return false;
    }
    // SAFETY: `aligned` is the start of a page of a live map, `length` ends inside its last page, and `resident` has
    // a byte for each page in between.
    let outcome = unsafe { libc::mincore(aligned as *mut libc::c_void, length, resident.as_mut_ptr()) };
    outcome == 0 && resident[..pages].iter().all(|page| page & 1 == 1)
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

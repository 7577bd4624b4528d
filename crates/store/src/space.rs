//! Watches the free space of one file system, and keeps a reserve of it from everything that adds
//! bytes. Deletes need room too: a database writes before it removes anything. A ballast of a few
//! MiB and inodes is given up when even the reserve was used up by another program. Writes no
//! blobs; `fs` claims room here before it writes.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{self, AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::key::BALLAST;

/// How long a measurement is used again while there is plenty of room.
const MEASURE_EVERY: Duration = Duration::from_millis(50);
/// How long a measurement is used again while room is short.
const MEASURE_EVERY_WHEN_SHORT: Duration = Duration::from_millis(10);
/// The largest default of the reserve, in bytes.
const MAX_DEFAULT_RESERVE: u64 = 1 << 30;
/// The largest reserve of inodes.
const MAX_INODE_RESERVE: u64 = 10_000;
/// The largest ballast in bytes.
const MAX_BALLAST: u64 = 4 << 20;
/// The largest number of inodes in the ballast, beside its folder.
const MAX_BALLAST_INODES: u64 = 64;
/// The name of the ballast's file that holds the bytes.
const BYTES: &str = "bytes";

/// The free space of a file system, and what of it is reserved. Sizes are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    /// Free for unprivileged users, less what is being written now.
    pub free: u64,
    /// Kept free from everything that adds bytes.
    pub reserve: u64,
    /// The size of the file system.
    pub total: u64,
    /// Free inodes; `None` if the file system does not count them.
    pub free_inodes: Option<u64>,
    /// Inodes kept free from everything that adds files.
    pub inode_reserve: u64,
}

impl FreeSpace {
    /// Returns whether less is free than the reserve.
    pub fn is_short(&self) -> bool {
        !self.has_room_for(0)
    }

    /// Returns whether `bytes` more leave the reserve untouched.
    fn has_room_for(&self, bytes: u64) -> bool {
        self.free >= self.reserve.saturating_add(bytes)
            && self.free_inodes.is_none_or(|inodes| inodes >= self.inode_reserve)
    }

    /// Returns whether so little is free that a database can fail to delete a row.
    fn is_exhausted(&self) -> bool {
        self.free < (1 << 20).min(self.total / 128) || self.free_inodes.is_some_and(|inodes| inodes < 8)
    }
}

/// The file system of a folder, its reserve and its ballast.
#[derive(Debug)]
pub struct Space {
    /// What the folder holds, for the log.
    name: &'static str,
    dir: OwnedFd,
    device: u64,
    /// The configured reserve in bytes; `None` for the default.
    reserve: Option<u64>,
    measured: Mutex<Measured>,
    /// Bytes that are being written and that a measurement may not show yet.
    in_flight: AtomicU64,
    /// Bytes written since the last measurement.
    written: AtomicU64,
    short: AtomicBool,
    refused: AtomicU64,
}

/// The last measurement.
#[derive(Debug)]
struct Measured {
    at: Option<Instant>,
    space: FreeSpace,
}

/// Room for bytes that are being written. Dropping it ends the claim.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    space: &'a Space,
    bytes: u64,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Counted as written before it stops to count as in flight, so that it is never missing.
        self.space.written.fetch_add(self.bytes, Ordering::AcqRel);
        self.space.in_flight.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Space {
    /// Watches the file system of an existing folder. Without `reserve`, keeps the smaller of 1 GiB
    /// and 5 % of it free.
    pub fn open(folder: &Path, name: &'static str, reserve: Option<u64>) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = fs::open(folder, flags, Mode::empty())?;
        let device = fs::fstat(&dir)?.st_dev;
        let none = FreeSpace { free: 0, reserve: 0, total: 0, free_inodes: None, inode_reserve: 0 };
        let space = Self {
            name,
            dir,
            device,
            reserve,
            measured: Mutex::new(Measured { at: None, space: none }),
            in_flight: AtomicU64::new(0),
            written: AtomicU64::new(0),
            short: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        };
        let now = space.measure()?;
        if now.reserve >= now.total {
            tracing::warn!(
                folder = name,
                reserve = now.reserve,
                total = now.total,
                "the reserve is as large as the disk: every upload is refused; lower STORE_RESERVE_MB"
            );
        }
        Ok(space)
    }

    /// Returns the name that the log and the metrics show.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns whether both folders lie on one file system.
    pub fn is_same_disk(&self, other: &Self) -> bool {
        self.device == other.device
    }

    /// Returns how many writes were refused to keep the reserve.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Returns what is free. Uses a recent measurement again.
    pub fn measure(&self) -> Result<FreeSpace> {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let lifetime =
            if self.less_in_flight(measured.space).is_short() { MEASURE_EVERY_WHEN_SHORT } else { MEASURE_EVERY };
        if measured.at.is_none_or(|at| at.elapsed() >= lifetime) {
            // Taken before the measurement: what is written meanwhile counts twice, and never not at all.
            let written = self.written.load(Ordering::Acquire);
            measured.space = self.read_statvfs()?;
            measured.at = Some(Instant::now());
            self.written.fetch_sub(written, Ordering::AcqRel);
            self.log_transition(measured.space);
        }
        Ok(self.less_in_flight(measured.space))
    }

    /// Fails with [`Error::Full`] unless `bytes` more leave the reserve untouched.
    pub fn check(&self, bytes: u64) -> Result<()> {
        // Another program may have freed space since the last measurement.
        if self.measure()?.has_room_for(bytes) || (self.forget() && self.measure()?.has_room_for(bytes)) {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Error::Full)
    }

    /// Claims room for bytes that are written next. Fails with [`Error::Full`] if they would touch
    /// the reserve. All claims together never do.
    pub(crate) fn claim(&self, bytes: u64) -> Result<Claim<'_>> {
        self.in_flight.fetch_add(bytes, Ordering::AcqRel);
        let claim = Claim { space: self, bytes };
        match self.check(0) {
            Ok(()) => Ok(claim),
            Err(error) => {
                std::mem::forget(claim);
                self.in_flight.fetch_sub(bytes, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    /// Forgets the last measurement, if it is not of this moment. Returns whether it did.
    pub fn forget(&self) -> bool {
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = measured.at.is_none_or(|at| at.elapsed() >= MEASURE_EVERY_WHEN_SHORT);
        if is_old {
            measured.at = None;
        }
        is_old
    }

    /// Measures the file system.
    fn read_statvfs(&self) -> Result<FreeSpace> {
        let stat = fs::fstatvfs(&self.dir)?;
        let total = stat.f_blocks.saturating_mul(stat.f_frsize);
        Ok(FreeSpace {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            reserve: self.reserve.unwrap_or_else(|| MAX_DEFAULT_RESERVE.min(total / 20)),
            total,
            // Some file systems, such as btrfs, create inodes as they need them.
            free_inodes: (stat.f_files > 0).then_some(stat.f_favail),
            inode_reserve: if self.reserve == Some(0) { 0 } else { MAX_INODE_RESERVE.min(stat.f_files / 20) },
        })
    }

    /// Subtracts what was written since a measurement and what is being written.
    fn less_in_flight(&self, measured: FreeSpace) -> FreeSpace {
        let in_flight = self.in_flight.load(Ordering::Acquire).saturating_add(self.written.load(Ordering::Acquire));
        FreeSpace { free: measured.free.saturating_sub(in_flight), ..measured }
    }

    /// Logs once when room gets short, and once when it no longer is.
    fn log_transition(&self, now: FreeSpace) {
        let FreeSpace { free, reserve, free_inodes, inode_reserve, .. } = now;
        let was_short = self.short.load(Ordering::Relaxed);
        // A margin keeps the state from changing with every deleted file.
        let enough = now.has_room_for(reserve / 16);
        if !was_short && now.is_short() && !self.short.swap(true, Ordering::Relaxed) {
            tracing::error!(
                folder = self.name,
                free,
                reserve,
                free_inodes,
                inode_reserve,
                "the disk is full up to the reserve: uploads are refused until space is freed"
            );
        } else if was_short && enough && self.short.swap(false, Ordering::Relaxed) {
            tracing::warn!(folder = self.name, free, reserve, "the disk has room again: uploads are taken");
        }
    }

    /// Gives up the ballast if so little is free that a delete could fail.
    pub fn free_ballast_if_exhausted(&self) {
        // Not an earlier measurement: another program may have filled the disk a moment ago.
        match self.read_statvfs() {
            Ok(now) if now.is_exhausted() => match self.free_ballast() {
                Ok(0) => {}
                Ok(files) => {
                    self.forget();
                    tracing::warn!(
                        folder = self.name,
                        files,
                        "the disk is full: the ballast was given up, for deletes"
                    );
                }
                Err(error) => tracing::debug!(folder = self.name, %error, "the ballast can't be given up"),
            },
            Ok(_) => {}
            Err(error) => tracing::warn!(folder = self.name, %error, "the free space of the disk can't be read"),
        }
    }

    /// Removes the files of the ballast and returns how many there were.
    fn free_ballast(&self) -> Result<u64> {
        let folder = match self.open_ballast() {
            Err(Error::NotFound) => return Ok(0),
            other => other?,
        };
        let mut removed = 0;
        for entry in fs::Dir::read_from(&folder)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                fs::unlinkat(&folder, entry.file_name(), AtFlags::empty())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Creates the ballast, or what is missing of it, if there is room for it beyond the reserve.
    /// Blocking.
    pub fn restore_ballast(&self) {
        if let Err(error) = self.create_ballast() {
            tracing::debug!(folder = self.name, %error, "there is no ballast: it can't be created now");
        }
    }

    fn create_ballast(&self) -> Result<()> {
        let now = self.measure()?;
        let size = MAX_BALLAST.min(now.total / 64) & !0xfff;
        if !now.has_room_for(size.saturating_mul(2)) {
            return Ok(());
        }
        match fs::mkdirat(&self.dir, BALLAST, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let folder = self.open_ballast()?;
        let open_or_create = |name: &str| -> Result<File> {
            let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            Ok(File::from(fs::openat(&folder, name, flags, Mode::from_raw_mode(0o600))?))
        };
        // Also if the file exists: a server that was killed can have left it empty.
        let file = open_or_create(BYTES)?;
        let allocated = fs::fallocate(file.as_fd(), FallocateFlags::empty(), 0, size);
        if allocated.is_err() {
            fs::unlinkat(&folder, BYTES, AtFlags::empty())?;
        }
        allocated?;
        let inodes = now.free_inodes.map_or(0, |free| MAX_BALLAST_INODES.min(free / 32));
        for number in 0..inodes {
            open_or_create(&format!("inode-{number}"))?;
        }
        Ok(())
    }

    fn open_ballast(&self) -> Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(fs::openat(&self.dir, BALLAST, flags, Mode::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_now(folder: &Path) -> FreeSpace {
        Space::open(folder, "test", Some(0)).unwrap().measure().unwrap()
    }

    #[test]
    fn claims_together_never_touch_the_reserve() {
        let folder = tempfile::tempdir().unwrap();
        // Large figures, because other programs use the same disk meanwhile.
        let free = free_now(folder.path()).free;
        let each = free / 16;
        let space = Space::open(folder.path(), "test", Some(free - 8 * each)).unwrap();
        let claims: Vec<_> = (0..100).map_while(|_| space.claim(each).ok()).collect();
        assert!((6..=9).contains(&claims.len()), "{} claims of an eighth", claims.len());
        assert!(space.check(3 * each).is_err(), "what was claimed is not free");
        assert!(space.refused() >= 2);
        drop(claims);
        space.measured.lock().unwrap().at = None;
        assert!(space.check(4 * each).is_ok(), "nothing was written");
    }

    #[test]
    fn the_default_reserve_leaves_small_disks_usable() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::open(folder.path(), "test", None).unwrap();
        let now = space.measure().unwrap();
        assert_eq!(now.reserve, (now.total / 20).min(1 << 30));
    }

    #[test]
    fn a_ballast_is_created_given_up_and_created_again() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::open(folder.path(), "test", Some(0)).unwrap();
        let files = || std::fs::read_dir(folder.path().join(BALLAST)).map_or(0, Iterator::count);
        space.restore_ballast();
        let full = files();
        assert!(full >= 1, "there is no ballast");
        space.free_ballast_if_exhausted();
        assert_eq!(files(), full, "kept while there is room");
        assert_eq!(space.free_ballast().unwrap(), full as u64);
        assert_eq!(files(), 0);
        space.restore_ballast();
        assert_eq!(files(), full);
    }

    #[test]
    fn a_ballast_that_was_created_half_way_is_completed() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let space = Space::open(folder.path(), "test", Some(0)).unwrap();
        space.restore_ballast();
        let ballast = folder.path().join(BALLAST);
        let allocated = || std::fs::metadata(ballast.join(BYTES)).unwrap().blocks();
        let (full, files) = (allocated(), std::fs::read_dir(&ballast).unwrap().count());
        assert!(full > 0);
        // A server that was killed has created the file, and not yet allocated it.
        std::fs::File::create(ballast.join(BYTES)).unwrap();
        assert_eq!(allocated(), 0);
        let has_inodes = std::fs::remove_file(ballast.join("inode-1")).is_ok();
        space.restore_ballast();
        assert_eq!((allocated(), std::fs::read_dir(&ballast).unwrap().count()), (full, files), "{has_inodes}");
    }

    #[test]
    fn short_and_exhausted_are_by_bytes_and_by_inodes() {
        let plenty =
            FreeSpace { free: 50 << 20, reserve: 5 << 20, total: 100 << 20, free_inodes: Some(500), inode_reserve: 50 };
        assert!(!plenty.is_short() && !plenty.is_exhausted());
        assert!(plenty.has_room_for(45 << 20) && !plenty.has_room_for((45 << 20) + 1));
        let no_inodes = FreeSpace { free_inodes: Some(49), ..plenty };
        assert!(no_inodes.is_short() && !no_inodes.is_exhausted());
        assert!(FreeSpace { free_inodes: Some(0), ..plenty }.is_exhausted());
        assert!(FreeSpace { free: (5 << 20) - 1, ..plenty }.is_short());
        assert!(FreeSpace { free: 4096, ..plenty }.is_exhausted());
        assert!(!FreeSpace { free_inodes: None, ..plenty }.is_short());
    }
}

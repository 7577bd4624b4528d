//! Opens, creates, renames and removes files below the store's folder, through its descriptor.
//! Every path is relative and resolved by the kernel with `openat2(RESOLVE_BENEATH |
//! RESOLVE_NO_SYMLINKS)`, so no `..`, absolute path or symbolic link leads out of the folder. Knows
//! neither keys nor records; see `blob`.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// The mode of created folders.
const DIR_MODE: Mode = Mode::from_raw_mode(0o700);
/// The mode of created files.
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);

/// The open root folder of a store.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// Opens `path`, creating it if it does not exist, and locks it exclusively. Fails if another
    /// server has it locked.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        crate::private::create_private_folder(path)?;
        let root = Self::open_for_reading(path)?;
        fs::flock(&root.dir, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
            Errno::WOULDBLOCK => Error::Unavailable(std::io::Error::other(format!(
                "{} is in use by another server; each needs a folder of its own",
                path.display()
            ))),
            other => other.into(),
        })?;
        Ok(root)
    }

    /// Opens an existing folder without locking it.
    pub(crate) fn open_for_reading(path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root = Self { dir: fs::open(path, flags, Mode::empty())?, path: path.to_owned() };
        // Fails at start if the kernel lacks openat2, rather than at the first request.
        match root.open_dir(".") {
            Err(Error::Unavailable(error)) if error.raw_os_error() == Some(rustix::io::Errno::NOSYS.raw_os_error()) => {
                Err(Error::Unavailable(std::io::Error::other(
                    "the system has no openat2; Linux 5.6 or newer is needed",
                )))
            }
            other => other.map(|_| root),
        }
    }

    /// Checks that the folder can be read and is still the one at its path: not unmounted, not
    /// replaced.
    pub(crate) fn probe(&self) -> Result<()> {
        self.entries("")?;
        let (here, there) = (fs::fstat(&self.dir)?, fs::stat(&self.path)?);
        if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino) {
            return Ok(());
        }
        let path = self.path.display();
        Err(Error::Unavailable(std::io::Error::other(format!(
            "{path} is now another folder than the one opened at start; restart the server"
        ))))
    }

    /// Opens a path below the root with `openat2(2)`.
    fn resolve(&self, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        loop {
            match fs::openat2(&self.dir, path, flags | OFlags::CLOEXEC, mode, resolve) {
                Ok(fd) => return Ok(fd),
                // EAGAIN: a rename raced with the resolution (openat2(2)).
                Err(Errno::AGAIN | Errno::INTR) => {}
                // A symbolic link in the path, or a file in place of a folder, counts as not found.
                Err(Errno::LOOP | Errno::XDEV | Errno::NOTDIR) => return Err(Error::NotFound),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Opens a folder.
    pub(crate) fn open_dir(&self, path: &str) -> Result<OwnedFd> {
        self.resolve(path, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty())
    }

    /// Returns whether a file or folder exists at `path`.
    pub(crate) fn exists(&self, path: &str) -> Result<bool> {
        match self.resolve(path, OFlags::PATH, Mode::empty()) {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns whether `path` leads to the given open file.
    pub(crate) fn is_at(&self, file: &File, path: &str) -> Result<bool> {
        let there = match self.resolve(path, OFlags::PATH, Mode::empty()) {
            Err(Error::NotFound) => return Ok(false),
            other => fs::fstat(other?)?,
        };
        let open = fs::fstat(file)?;
        Ok((there.st_dev, there.st_ino) == (open.st_dev, open.st_ino))
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_file(&self, path: &str) -> Result<File> {
        // NONBLOCK, because opening a FIFO would block otherwise.
        let file = File::from(self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(Error::NotFound) }
    }

    /// Opens a file for reading and writing.
    pub(crate) fn open_rw(&self, path: &str) -> Result<File> {
        Ok(File::from(self.resolve(path, OFlags::RDWR, Mode::empty())?))
    }

    /// Creates a file. Fails if it exists.
    pub(crate) fn create_new(&self, path: &str) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        Ok(File::from(self.resolve(path, flags, FILE_MODE)?))
    }

    /// Reads a whole file. Fails with [`Error::Damaged`] if it has more than `limit` bytes.
    pub(crate) fn read_small(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        self.open_small(path, limit).map(|(bytes, _)| bytes)
    }

    /// Reads a whole file like [`Self::read_small`] and returns it with the open file.
    pub(crate) fn open_small(&self, path: &str, limit: u64) -> Result<(Vec<u8>, File)> {
        let (mut bytes, file) = (Vec::new(), self.open_file(path)?);
        (&file).take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(Error::Damaged(format!("the record {path} is longer than {limit} bytes")));
        }
        Ok((bytes, file))
    }

    /// Creates a folder and its parents, durably. Fails with [`Error::InvalidKey`] if a file has
    /// the name of a folder.
    pub(crate) fn ensure_dir(&self, path: &str) -> Result<()> {
        if path.is_empty() || self.open_dir(path).is_ok() {
            return Ok(());
        }
        let (parent, name) = split_parent(path);
        self.ensure_dir(parent)?;
        let parent = self.open_dir(or_dot(parent))?;
        match fs::mkdirat(&parent, name, DIR_MODE) {
            Ok(()) => fs::fsync(&parent)?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        // A file with this name is the blob of another key.
        self.open_dir(path).map(drop).map_err(|error| match error {
            Error::NotFound => Error::InvalidKey("another key is a folder of this one"),
            other => other,
        })
    }

    /// Makes the changes in a folder durable.
    pub(crate) fn sync_dir(&self, path: &str) -> Result<()> {
        Ok(fs::fsync(self.open_dir(or_dot(path))?)?)
    }

    /// Renames a file. Fails with [`Error::AlreadyExists`] if `to` exists, unless `replace` is set.
    pub(crate) fn rename(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        let (from_dir, from_name) = split_parent(from);
        let (to_dir, to_name) = split_parent(to);
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let (source, target) = (self.open_dir(or_dot(from_dir))?, self.open_dir(or_dot(to_dir))?);
        fs::renameat_with(&source, from_name, &target, to_name, flags).map_err(|errno| match errno {
            Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY => Error::AlreadyExists,
            other => other.into(),
        })
    }

    /// Removes a file. Returns `false` if there was none.
    pub(crate) fn unlink(&self, path: &str) -> Result<bool> {
        let (dir, name) = split_parent(path);
        let dir = match self.open_dir(or_dot(dir)) {
            Err(Error::NotFound) => return Ok(false),
            other => other?,
        };
        match fs::unlinkat(&dir, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes an empty folder. Returns `false` if it does not exist or is not empty.
    pub(crate) fn remove_empty_dir(&self, path: &str) -> Result<bool> {
        let (parent, name) = split_parent(path);
        let parent = match self.open_dir(or_dot(parent)) {
            Err(Error::NotFound) => return Ok(false),
            other => other?,
        };
        match fs::unlinkat(&parent, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes a folder that holds only files, with its files.
    pub(crate) fn remove_flat_dir(&self, path: &str) -> Result<()> {
        for (name, is_dir) in self.entries(path)? {
            if !is_dir {
                self.unlink(&format!("{path}/{name}"))?;
            }
        }
        self.remove_empty_dir(path)?;
        Ok(())
    }

    /// Returns the names in a folder, each with whether it is a folder itself. Returns nothing if
    /// the folder does not exist. Skips names that are not UTF-8, which the store never creates.
    pub(crate) fn entries(&self, path: &str) -> Result<Vec<(String, bool)>> {
        let dir = match self.open_dir(or_dot(path)) {
            Err(Error::NotFound) => return Ok(Vec::new()),
            other => other?,
        };
        let mut entries = Vec::new();
        for entry in fs::Dir::new(dir)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name != "." && name != ".." {
                entries.push((name.to_owned(), entry.file_type().is_dir()));
            }
        }
        Ok(entries)
    }
}

/// Splits a relative path into its parent and its name.
pub(crate) fn split_parent(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Returns the path, or `.` for the root itself.
fn or_dot(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

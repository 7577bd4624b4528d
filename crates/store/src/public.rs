//! Writes files that everybody may read, whatever the umask is: what a web server is to serve.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Writes files, given by relative paths, into a folder that is empty or does not exist yet, with
/// modes 0755 and 0644. A folder that exists keeps its mode. Every error names a path. Blocking.
pub fn write_public_files<'a>(folder: &Path, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> io::Result<()> {
    check_empty(folder).map_err(|error| at(folder, &error))?;
    create_folder(folder)?;
    for (name, bytes) in files {
        let path = folder.join(name);
        let below = Path::new(name).ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        for parent in below.collect::<Vec<_>>().into_iter().rev() {
            create_folder(&folder.join(parent))?;
        }
        write_file(&path, bytes).map_err(|error| at(&path, &error))?;
    }
    Ok(())
}

/// Fails if a folder has something in it.
fn check_empty(folder: &Path) -> io::Result<()> {
    let mut entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    match entries.next() {
        None => Ok(()),
        Some(entry) => {
            let name = entry?.file_name();
            let message = format!("the folder has {} in it; give an empty or a new folder", name.display());
            Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, message))
        }
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_folder(parent)?;
    }
    let created = std::fs::create_dir(folder).and_then(|()| open_folder(folder)?.set_permissions(mode(0o755)));
    created.map_err(|error| at(folder, &error))
}

/// Opens a folder, and nothing that was put in its place.
fn open_folder(folder: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(folder, flags, Mode::empty())?.into())
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(mode(0o644))
}

fn mode(mode: u32) -> Permissions {
    Permissions::from_mode(mode)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

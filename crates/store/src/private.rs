//! Creates folders and files that only this user may read, whatever the umask is, and takes the
//! rights of others away from files of the server's own.

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The rights of the group and of everybody else.
const OTHERS: u32 = 0o077;

/// Creates a folder and its parents with mode 0700. Only warns about a folder that exists already
/// and that others may enter: it can be theirs too. Blocking.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = std::fs::metadata(folder)?.mode() & 0o777;
    if mode & OTHERS != 0 {
        tracing::warn!(
            folder = %folder.display(),
            mode = format!("{mode:04o}"),
            "other users of this machine may enter the folder; chmod 700 keeps them out"
        );
    }
    Ok(())
}

/// Creates a file with mode 0600 unless it exists, and takes the rights of others away from it and
/// from the files whose names are its own and one of `endings`. Blocking.
pub fn make_private(file: &Path, endings: &[&str]) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let beside = endings.iter().map(|ending| {
        let mut name = OsString::from(file);
        name.push(ending);
        PathBuf::from(name)
    });
    std::iter::once(file.to_owned()).chain(beside).try_for_each(|path| take_others_rights(&path))
}

/// Writes a new file with mode 0600, durably. Fails if it exists. Blocking.
pub fn write_private_file(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    opened.write_all(bytes)?;
    opened.sync_all()
}

fn take_others_rights(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    match std::fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS)) {
        Ok(()) => tracing::info!(file = %path.display(), "other users of this machine may no longer read the file"),
        // Another user's file, or a read-only file system: the server can still work.
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "others may read the file: its mode can't be changed")
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_new_is_private_and_old_files_are_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("a/b");
        create_private_folder(&new).unwrap();
        assert_eq!((mode(&new), mode(new.parent().unwrap())), (0o700, 0o700));
        std::fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
        create_private_folder(&new).unwrap();
        assert_eq!(mode(&new), 0o755, "a folder that exists stays as it is");
        let (file, log) = (new.join("x.db"), new.join("x.db-wal"));
        std::fs::write(&log, "log").unwrap();
        std::fs::set_permissions(&log, Permissions::from_mode(0o644)).unwrap();
        make_private(&file, &["-wal", "-shm"]).unwrap();
        assert_eq!((mode(&file), mode(&log)), (0o600, 0o600));
        assert_eq!(std::fs::read(&log).unwrap(), b"log");
        std::fs::write(&file, "rows").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        make_private(&file, &[]).unwrap();
        assert_eq!((mode(&file), std::fs::read(&file).unwrap()), (0o600, b"rows".to_vec()));
        let whole = new.join("whole");
        write_private_file(&whole, b"all").unwrap();
        assert_eq!((mode(&whole), std::fs::read(&whole).unwrap()), (0o600, b"all".to_vec()));
        assert!(write_private_file(&whole, b"again").is_err(), "nothing is overwritten");
    }
}

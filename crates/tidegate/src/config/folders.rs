//! Checks that the folders of a server can be written to, before anything is created in them. Never
//! creates anything.

#![expect(clippy::disallowed_methods, reason = "looks at folders that are settings")]

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::{Config, StoreSetting};
use crate::db::Database;

/// Returns a message for each folder that this process cannot write to: the setting, the path, the
/// cause, and what would be right. A folder below one that was named is left out.
pub fn unusable_folders(config: &Config) -> Vec<String> {
    let mut folders = vec![("TIDEGATE_DATA", config.data.clone())];
    if let StoreSetting::Local(root) = &config.store {
        folders.push(("UPLOAD_ROOT", root.clone()));
    }
    if let Database::Sqlite(file) = &config.database {
        folders.push(("DATABASE_URL", parent_of(file)));
    }
    let (mut named, mut problems): (Vec<PathBuf>, Vec<String>) = (Vec::new(), Vec::new());
    for (setting, folder) in folders {
        let Some(fault) = find_fault(&folder) else { continue };
        if !named.iter().any(|other| folder.starts_with(other)) {
            problems.push(format!("{setting}={}: {fault}", folder.display()));
            named.push(folder);
        }
    }
    if let Database::Sqlite(file) = &config.database
        && file.is_dir()
    {
        problems.push(format!("DATABASE_URL=sqlite:{}: this is a folder; give a file", file.display()));
    }
    problems
}

fn parent_of(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

/// Returns why a folder cannot be written to, or cannot be created; `None` if it can.
fn find_fault(folder: &Path) -> Option<String> {
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {
            let error = refusal(folder)?;
            Some(format!("the folder can't be written to: {error}; {}", remedy(&error)))
        }
        Ok(_) => Some("this is no folder; give a folder, or a path where one can be created".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => find_fault_of_parent(folder),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let file = folder.ancestors().find(|path| path.is_file()).unwrap_or(folder);
            Some(format!("the folder can't be created: {} is a file", file.display()))
        }
        Err(error) => Some(format!("the folder can't be entered: {error}; {}", remedy(&error))),
    }
}

/// Returns why a folder that does not exist cannot be created.
fn find_fault_of_parent(folder: &Path) -> Option<String> {
    let mut parents =
        folder.ancestors().skip(1).map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let parent = parents.find(|path| path.exists())?;
    let error = refusal(parent)?;
    Some(format!("the folder can't be created in {}: {error}; {}", parent.display(), remedy(&error)))
}

/// Returns the error of writing to a folder.
fn refusal(folder: &Path) -> Option<io::Error> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK).err().map(io::Error::from)
}

/// Returns what to do about an error.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "give a folder on a disk that is not read-only",
        _ => "give it to the user that runs the server (chown), or give another folder",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_folder_is_told_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(find_fault(folder.path()).is_none());
        assert!(find_fault(&folder.path().join("new/deeper")).is_none());
        assert!(find_fault(&file).unwrap().starts_with("this is no folder"));
        let below = find_fault(&file.join("data/deeper")).unwrap();
        assert!(below.contains(&format!("{} is a file", file.display())), "{below}");
        assert!(find_fault(Path::new("relative-and-new")).is_none());
        assert!(!folder.path().join("new").exists(), "a check creates nothing");
    }
}

//! A tree of files that another program wrote, on its way to become blobs: read, and taken over without copying a byte.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, fstat, linkat};
use rustix::io::Errno;
use serde_json::{Map, Value};

use super::draft::reading;
use super::ingest::blocking;
use super::place::{is_sidecar, sidecar};
use super::root::{Root, split};
use super::sidecar::{Etag, Sidecar, micros};
use super::{FsStore, TempGuard};
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Deletion, Stat, key};

/// The longest record of another program that is looked at.
const MAX_META: u64 = 64 << 10;
/// Members of our records that mean something else in others'.
const OURS: [&str; 6] = ["metadata", "cache_control", "content_disposition", "upload_id", "etag", "etag_is_md5"];

/// The tree. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tree(Arc<Root>);

/// What lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file, by its path from the top.
    File(String),
    /// Something that is passed over: its path, as far as it can be shown, and why.
    Other(String, String),
}

/// A file of the tree as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Length in bytes.
    pub size: u64,
    /// When it was changed last.
    pub modified: SystemTime,
    /// Which file it is: what was looked at is what is taken over.
    inode: (u64, u64),
    /// The record beside it, `{path}.meta`.
    pub meta: Option<Map<String, Value>>,
}

impl Tree {
    /// Opens a folder that must be there. Blocking.
    pub fn open(folder: &Path) -> Result<Self> {
        Root::open_for_reading(folder).map(|root| Self(Arc::new(root)))
    }

    /// Everything below a folder but records, depth first in the order of names.
    pub async fn walk(&self, below: &str) -> Result<Vec<Found>> {
        let (tree, below) = (self.clone(), below.to_owned());
        blocking(move || {
            let mut found = Vec::new();
            tree.walk_blocking(&below, &mut found)?;
            Ok(found)
        })
        .await
    }

    fn walk_blocking(&self, folder: &str, found: &mut Vec<Found>) -> Result<()> {
        let dir = match self.0.open_dir(folder) {
            Ok(dir) => dir,
            Err(error) if folder.contains('/') => {
                found.push(Found::Other(folder.to_owned(), format!("its folder can't be read: {error}")));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::new(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            match name.to_str() {
                Ok("." | "..") => {}
                Ok(name) => entries.push((name.to_owned(), self.kind(folder, name, entry.file_type())?)),
                Err(_) => found.push(Found::Other(
                    format!("{folder}/{}", name.to_string_lossy()),
                    "its name is not UTF-8".to_owned(),
                )),
            }
        }
        entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, kind) in entries {
            let path = format!("{folder}/{name}");
            match kind {
                FileType::Directory => self.walk_blocking(&path, found)?,
                // Looked at with the file that it is about.
                _ if is_sidecar(&name) => {}
                FileType::RegularFile => found.push(Found::File(path)),
                FileType::Symlink => found.push(Found::Other(path, "it is a symbolic link".to_owned())),
                _ => found.push(Found::Other(path, "it is not a file".to_owned())),
            }
        }
        Ok(())
    }

    /// Not every file system tells the kind with the name.
    fn kind(&self, folder: &str, name: &str, told: FileType) -> Result<FileType> {
        if told != FileType::Unknown {
            return Ok(told);
        }
        let dir = self.0.open_dir(folder)?;
        let stat = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode))
    }

    /// A file, and its record if it has one that can be read.
    pub async fn look(&self, path: &str) -> Result<Foreign> {
        let (tree, path) = (self.clone(), path.to_owned());
        blocking(move || {
            let file = tree.0.open_file(&path)?;
            let metadata = file.metadata()?;
            let inode = (metadata.dev(), metadata.ino());
            Ok(Foreign { size: metadata.len(), modified: metadata.modified()?, inode, meta: tree.meta(&path)? })
        })
        .await
    }

    fn meta(&self, path: &str) -> Result<Option<Map<String, Value>>> {
        match self.0.read_small(&sidecar(path), MAX_META) {
            Ok(bytes) => {
                let wrong = |error| Error::Damaged(format!("its .meta is no JSON object: {error}"));
                serde_json::from_slice(&bytes).map(Some).map_err(wrong)
            }
            Err(Error::NotFound) if self.is_free(&sidecar(path))? => Ok(None),
            // What can't be read may say that nobody else may see the file.
            Err(Error::NotFound) => Err(Error::Damaged("its .meta is not a file".into())),
            Err(error) => Err(error),
        }
    }

    /// Whether nothing at all lies at a path.
    fn is_free(&self, path: &str) -> Result<bool> {
        let (folder, name) = split(path);
        match rustix::fs::statat(&self.0.open_dir(folder)?, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(false),
            Err(Errno::NOENT) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Its bytes.
    pub async fn read(&self, path: &str) -> Result<ByteStream> {
        let (tree, path) = (self.clone(), path.to_owned());
        let file = blocking(move || tree.0.open_file(&path)).await?;
        Ok(reading(file, 0, u64::MAX))
    }
}

impl FsStore {
    /// Makes a file of a tree the blob at `key`, without copying it: where the tree is this store, the file stays where it
    /// is, and its record is completed; else the blob is another name (a hard link) of the file. [`Error::NotFound`] if
    /// it is not as it was `seen` any more. A blob that is there already was left without anybody who knows of it, and
    /// makes way.
    pub async fn adopt(
        &self,
        tree: &Tree,
        path: &str,
        key: &str,
        seen: &Foreign,
        attributes: Attributes,
    ) -> Result<Stat> {
        key::check(key)?;
        let (store, tree, path, key) = (self.clone(), tree.clone(), path.to_owned(), key.to_owned());
        let seen = seen.clone();
        blocking(move || {
            if path == key && same_place(&store.root, &tree.0, &key)? {
                return store.adopt_in_place(&tree, &key, &seen, attributes);
            }
            match store.adopt_by_link(&tree, &path, &key, &seen, attributes.clone()) {
                Err(Error::AlreadyExists) => {
                    store.delete_blocking(&key, Deletion::Purge)?;
                    store.adopt_by_link(&tree, &path, &key, &seen, attributes)
                }
                other => other,
            }
        })
        .await
    }

    fn adopt_in_place(&self, tree: &Tree, key: &str, seen: &Foreign, attributes: Attributes) -> Result<Stat> {
        let _key = self.lock_key(key);
        let _tree = self.lock_tree();
        let file = self.root.open_file(key)?;
        let record = record_of(&file, seen, attributes)?;
        // What the other program wrote stays for it to read.
        let mut merged = tree.meta(key)?.unwrap_or_default();
        merged.retain(|name, _| !OURS.contains(&name.as_str()));
        match serde_json::to_value(&record) {
            Ok(Value::Object(ours)) if length_of(&merged) < MAX_META / 2 => merged.extend(ours),
            Ok(Value::Object(ours)) => merged = ours,
            _ => return Err(Error::Damaged("a record that is no object".into())),
        }
        file.sync_all()?;
        self.write_record(&sidecar(key), &merged)?;
        self.root.sync_dir(split(key).0)?;
        Ok(record.into_stat())
    }

    fn adopt_by_link(
        &self,
        tree: &Tree,
        path: &str,
        key: &str,
        seen: &Foreign,
        attributes: Attributes,
    ) -> Result<Stat> {
        let (temp, file) = (self.temp_name(), tree.0.open_file(path)?);
        let ((from, from_name), (to, to_name)) = (split(path), split(&temp));
        let (from, to) = (tree.0.open_dir(from)?, self.root.open_dir(to)?);
        match linkat(&from, from_name, &to, to_name, AtFlags::empty()) {
            Err(Errno::XDEV) => {
                return Err(Error::Refused(
                    "it lies on another file system than the store; make its folder the store (UPLOAD_ROOT), or bring it \
                     to the store's file system first"
                        .into(),
                ));
            }
            other => other?,
        }
        let mut guard = TempGuard { store: self.clone(), path: Some(temp.clone()) };
        // Something else may have taken its name in between.
        if !self.root.is_at(&file, &temp)? {
            return Err(Error::NotFound);
        }
        file.sync_all()?;
        let stat = self.publish(&temp, key, &record_of(&file, seen, attributes)?)?;
        guard.path = None;
        Ok(stat)
    }
}

fn length_of(record: &Map<String, Value>) -> u64 {
    serde_json::to_vec(record).map_or(u64::MAX, |bytes| bytes.len() as u64)
}

fn record_of(file: &File, seen: &Foreign, attributes: Attributes) -> Result<Sidecar> {
    let metadata = file.metadata()?;
    let now = (metadata.len(), metadata.modified()?, (metadata.dev(), metadata.ino()));
    if now != (seen.size, seen.modified, seen.inode) {
        return Err(Error::NotFound);
    }
    let record = Sidecar::new(metadata.len(), Etag::Unique, attributes, None);
    Ok(Sidecar { modified_us: micros(metadata.modified()?), ..record })
}

/// Whether a path means the same file in both.
fn same_place(store: &Root, tree: &Root, path: &str) -> Result<bool> {
    let there = match store.open_file(path) {
        Ok(file) => fstat(file.as_fd())?,
        Err(Error::NotFound) => return Ok(false),
        Err(error) => return Err(error),
    };
    let here = fstat(tree.open_file(path)?.as_fd())?;
    // Two names of one file, in two trees, are two places.
    let folders = (fstat(&store.open_dir(split(path).0)?)?, fstat(&tree.open_dir(split(path).0)?)?);
    let same =
        |one: &rustix::fs::Stat, other: &rustix::fs::Stat| (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
    Ok(same(&here, &there) && same(&folders.0, &folders.1))
}

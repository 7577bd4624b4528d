//! Imports files that another program wrote: lists them, reads them and adopts them as blobs
//! without copying bytes. Never changes a source file's bytes. Which files become which keys is
//! decided by the server.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{AtFlags, FileType, fstat, linkat};
use rustix::io::Errno;
use serde_json::{Map, Value};

use super::draft::stream_range;
use super::ingest::run_blocking;
use super::paths::{is_sidecar, sidecar_path};
use super::root::{Root, split_parent};
use super::sidecar::{Etag, Sidecar, unix_micros};
use super::{FsStore, TempGuard};
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Deletion, Stat, key};

/// The largest foreign record that is read, in bytes.
const MAX_META: u64 = 64 << 10;
/// The members of our records that can have another meaning in foreign records; they are removed
/// when a file is adopted.
const OWN_MEMBERS: [&str; 6] = ["metadata", "cache_control", "content_disposition", "upload_id", "etag", "etag_is_md5"];

/// A folder with another program's files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tree(Arc<Root>);

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeEntry {
    /// A file, by its path from the root of the tree.
    File(String),
    /// An entry that is skipped: its path, with unprintable characters replaced, and the reason.
    Other(String, String),
}

/// A file of a tree, as it was inspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFile {
    /// Length in bytes.
    pub size: u64,
    /// When the file was last modified.
    pub modified: SystemTime,
    /// Device and inode number, so that only the inspected file is adopted.
    inode: (u64, u64),
    /// The record beside the file, `{path}.meta`, if there is one.
    pub meta: Option<Map<String, Value>>,
}

impl Tree {
    /// Opens an existing folder. Blocking.
    pub fn open(folder: &Path) -> Result<Self> {
        Root::open_for_reading(folder).map(|root| Self(Arc::new(root)))
    }

    /// Lists everything below a folder except records, depth first in the order of names.
    pub async fn walk(&self, below: &str) -> Result<Vec<TreeEntry>> {
        let (tree, below) = (self.clone(), below.to_owned());
        run_blocking(move || {
            let mut found = Vec::new();
            tree.walk_blocking(&below, &mut found)?;
            Ok(found)
        })
        .await
    }

    /// Appends the entries below a folder to `found`.
    fn walk_blocking(&self, folder: &str, found: &mut Vec<TreeEntry>) -> Result<()> {
        let dir = match self.0.open_dir(folder) {
            Ok(dir) => dir,
            Err(error) if folder.contains('/') => {
                found.push(TreeEntry::Other(folder.to_owned(), format!("its folder can't be read: {error}")));
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
                Ok(name) => entries.push((name.to_owned(), self.file_type(folder, name, entry.file_type())?)),
                Err(_) => found.push(TreeEntry::Other(
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
                // A record is read together with its file.
                _ if is_sidecar(&name) => {}
                FileType::RegularFile => found.push(TreeEntry::File(path)),
                FileType::Symlink => found.push(TreeEntry::Other(path, "it is a symbolic link".to_owned())),
                _ => found.push(TreeEntry::Other(path, "it is not a file".to_owned())),
            }
        }
        Ok(())
    }

    /// Returns the type of a directory entry. Asks for it separately if the file system does not
    /// return it with the name.
    fn file_type(&self, folder: &str, name: &str, reported: FileType) -> Result<FileType> {
        if reported != FileType::Unknown {
            return Ok(reported);
        }
        let dir = self.0.open_dir(folder)?;
        let stat = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode))
    }

    /// Inspects a file and parses its record. Fails with [`Error::Damaged`] if the record can't be
    /// read.
    pub async fn look(&self, path: &str) -> Result<ForeignFile> {
        let (tree, path) = (self.clone(), path.to_owned());
        run_blocking(move || {
            let file = tree.0.open_file(&path)?;
            let metadata = file.metadata()?;
            let inode = (metadata.dev(), metadata.ino());
            Ok(ForeignFile {
                size: metadata.len(),
                modified: metadata.modified()?,
                inode,
                meta: tree.read_meta(&path)?,
            })
        })
        .await
    }

    /// Reads the record beside a file; `None` if there is none.
    fn read_meta(&self, path: &str) -> Result<Option<Map<String, Value>>> {
        match self.0.read_small(&sidecar_path(path), MAX_META) {
            Ok(bytes) => {
                let wrong = |error| Error::Damaged(format!("its .meta is no JSON object: {error}"));
                serde_json::from_slice(&bytes).map(Some).map_err(wrong)
            }
            Err(Error::NotFound) if self.is_free(&sidecar_path(path))? => Ok(None),
            // An unreadable record is an error, because it can restrict who may read the file.
            Err(Error::NotFound) => Err(Error::Damaged("its .meta is not a file".into())),
            Err(error) => Err(error),
        }
    }

    /// Returns whether nothing exists at a path, not even a symbolic link.
    fn is_free(&self, path: &str) -> Result<bool> {
        let (folder, name) = split_parent(path);
        match rustix::fs::statat(&self.0.open_dir(folder)?, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(false),
            Err(Errno::NOENT) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the bytes of a file.
    pub async fn read(&self, path: &str) -> Result<ByteStream> {
        let (tree, path) = (self.clone(), path.to_owned());
        let file = run_blocking(move || tree.0.open_file(&path)).await?;
        Ok(stream_range(file, 0, u64::MAX))
    }
}

impl FsStore {
    /// Makes a file of a tree the blob at `key`, without copying it. If the tree is this store, the
    /// file stays where it is and its record is completed; otherwise the blob is a hard link to the
    /// file. Fails with [`Error::NotFound`] if the file has changed since it was inspected
    /// (`seen`). Replaces a blob at `key`, which an interrupted import can have left.
    pub async fn adopt(
        &self,
        tree: &Tree,
        path: &str,
        key: &str,
        seen: &ForeignFile,
        attributes: Attributes,
    ) -> Result<Stat> {
        key::check(key)?;
        self.space.check(0)?;
        let (store, tree, path, key) = (self.clone(), tree.clone(), path.to_owned(), key.to_owned());
        let seen = seen.clone();
        run_blocking(move || {
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

    /// Completes the record of a file that lies at its key already.
    fn adopt_in_place(&self, tree: &Tree, key: &str, seen: &ForeignFile, attributes: Attributes) -> Result<Stat> {
        let _key = self.lock_key(key);
        let _tree = self.lock_tree();
        let file = self.root.open_file(key)?;
        let record = record_of(&file, seen, attributes)?;
        // Keeps the other program's members, so that it can still read its record.
        let mut merged = tree.read_meta(key)?.unwrap_or_default();
        merged.retain(|name, _| !OWN_MEMBERS.contains(&name.as_str()));
        match serde_json::to_value(&record) {
            Ok(Value::Object(own)) if serialized_length(&merged) < MAX_META / 2 => merged.extend(own),
            Ok(Value::Object(own)) => merged = own,
            _ => return Err(Error::Damaged(format!("the record of {key} is not a JSON object"))),
        }
        file.sync_all()?;
        self.write_record(&sidecar_path(key), &merged)?;
        self.root.sync_dir(split_parent(key).0)?;
        Ok(record.into_stat())
    }

    /// Publishes a hard link to the file as the blob at `key`.
    fn adopt_by_link(
        &self,
        tree: &Tree,
        path: &str,
        key: &str,
        seen: &ForeignFile,
        attributes: Attributes,
    ) -> Result<Stat> {
        let (temp, file) = (self.temp_name(), tree.0.open_file(path)?);
        let ((from, from_name), (to, to_name)) = (split_parent(path), split_parent(&temp));
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
        // The name can lead to another file by now.
        if !self.root.is_at(&file, &temp)? {
            return Err(Error::NotFound);
        }
        file.sync_all()?;
        let stat = self.publish(&temp, key, &record_of(&file, seen, attributes)?)?;
        guard.path = None;
        Ok(stat)
    }
}

/// Returns the length of a record as JSON, in bytes.
fn serialized_length(record: &Map<String, Value>) -> u64 {
    serde_json::to_vec(record).map_or(u64::MAX, |bytes| bytes.len() as u64)
}

/// Creates the record of an adopted file. Fails with [`Error::NotFound`] if the file has changed
/// since it was inspected.
fn record_of(file: &File, seen: &ForeignFile, attributes: Attributes) -> Result<Sidecar> {
    let metadata = file.metadata()?;
    let now = (metadata.len(), metadata.modified()?, (metadata.dev(), metadata.ino()));
    if now != (seen.size, seen.modified, seen.inode) {
        return Err(Error::NotFound);
    }
    let record = Sidecar::new(metadata.len(), Etag::Unique, attributes, None);
    Ok(Sidecar { modified_us: unix_micros(metadata.modified()?), ..record })
}

/// Returns whether a path leads to the same file in the same folder in both trees.
fn same_place(store: &Root, tree: &Root, path: &str) -> Result<bool> {
    let there = match store.open_file(path) {
        Ok(file) => fstat(file.as_fd())?,
        Err(Error::NotFound) => return Ok(false),
        Err(error) => return Err(error),
    };
    let here = fstat(tree.open_file(path)?.as_fd())?;
    // Compares the folders too: hard links to one file in two trees are different places.
    let folders = (fstat(&store.open_dir(split_parent(path).0)?)?, fstat(&tree.open_dir(split_parent(path).0)?)?);
    let same =
        |one: &rustix::fs::Stat, other: &rustix::fs::Stat| (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
    Ok(same(&here, &there) && same(&folders.0, &folders.1))
}

//! Publishes, moves, deletes, restores and lists blobs. Every blob has its record beside it, and a
//! blob without a record is never visible. Writes no blob's bytes; see `ingest`. All functions
//! block.

use super::FsStore;
use super::paths::{is_sidecar, sidecar_path};
use super::reader::Blob;
use super::root::split_parent;
use super::sidecar::Sidecar;
use crate::error::{Error, Result};
use crate::key::{self, trash_key};
use crate::{Attributes, Deletion, Entry, Stat};

impl FsStore {
    /// Publishes a temporary file as the blob at `key`: first the record, then the bytes, then the
    /// folder. The file's bytes must be durable already. Fails with [`Error::AlreadyExists`] if the
    /// key exists.
    pub(super) fn publish(&self, temp: &str, key: &str, record: &Sidecar) -> Result<Stat> {
        let _key = self.lock_key(key);
        let _tree = self.lock_tree();
        let (folder, _) = split_parent(key);
        self.root.ensure_dir(folder)?;
        if self.root.exists(key)? {
            return Err(Error::AlreadyExists);
        }
        self.write_record(&sidecar_path(key), record)?;
        // Syncs in between, because a file system can reorder the renames and the record must never
        // be missing.
        self.root.sync_dir(folder)?;
        self.root.rename(temp, key, false)?;
        self.root.sync_dir(folder)?;
        Ok(record.clone().into_stat())
    }

    /// Writes a record, replacing an older one. Sync its folder to make it durable.
    pub(super) fn write_record(&self, path: &str, record: &impl serde::Serialize) -> Result<()> {
        let temp = self.temp_name();
        let bytes = serde_json::to_vec(record).map_err(|error| Error::Unavailable(error.into()))?;
        let mut file = self.root.create_new(&temp)?;
        let written = std::io::Write::write_all(&mut file, &bytes).and_then(|()| file.sync_data());
        let renamed = written.map_err(Error::from).and_then(|()| self.root.rename(&temp, path, true));
        if renamed.is_err() {
            // A full disk must not fill up with what it refused.
            self.root.unlink(&temp)?;
        }
        renamed
    }

    /// Returns the properties of a blob.
    pub(super) fn stat_blocking(&self, key: &str) -> Result<Stat> {
        self.reader.open_blob(key).map(Blob::into_stat)
    }

    /// Moves a blob into the trash (`replace`) or out of it. Into the trash the bytes are renamed
    /// first, so that they are no longer served; out of it they are renamed last, after the record.
    fn rename_with_record(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        let (from_folder, to_folder) = (split_parent(from).0, split_parent(to).0);
        self.root.ensure_dir(to_folder)?;
        if replace {
            self.root.rename(from, to, true)?;
            // Counted now: readers must reopen the blob even if a later step fails.
            self.changes.increment(from);
            // An interrupted attempt has renamed the record already.
            match self.root.rename(&sidecar_path(from), &sidecar_path(to), true) {
                Err(Error::NotFound) => {}
                other => other?,
            }
        } else {
            match self.root.rename(&sidecar_path(from), &sidecar_path(to), true) {
                Err(Error::NotFound) => {}
                other => other?,
            }
            // Syncs in between, because a file system can reorder the renames and the record must
            // never be missing.
            self.root.sync_dir(to_folder)?;
            self.root.rename(from, to, false)?;
            self.changes.increment(from);
        }
        self.root.sync_dir(to_folder)?;
        self.root.sync_dir(from_folder)
    }

    /// Deletes a blob: into the trash, or for good together with a trashed one. Idempotent.
    pub(super) fn delete_blocking(&self, key: &str, deletion: Deletion) -> Result<()> {
        key::check(key)?;
        let _key = self.lock_key(key);
        let trashed = trash_key(key);
        match deletion {
            Deletion::Restorable => {
                let _tree = self.lock_tree();
                if self.root.exists(key)? {
                    self.rename_with_record(key, &trashed, true)?;
                } else if self.root.exists(&trashed)? && self.root.exists(&sidecar_path(key))? {
                    // An earlier attempt was interrupted between bytes and record.
                    self.root.rename(&sidecar_path(key), &sidecar_path(&trashed), true)?;
                    self.root.sync_dir(split_parent(&trashed).0)?;
                }
            }
            Deletion::Purge => {
                for path in [key, trashed.as_str()] {
                    {
                        // The lock keeps the folder, which can be empty now, from being removed
                        // before it is synced.
                        let _tree = self.lock_tree();
                        let had_bytes = self.root.unlink(path)?;
                        self.changes.increment(path);
                        if had_bytes | self.root.unlink(&sidecar_path(path))? {
                            self.root.sync_dir(split_parent(path).0)?;
                        }
                    }
                    self.remove_empty_folders(split_parent(path).0)?;
                }
                return Ok(());
            }
        }
        self.remove_empty_folders(split_parent(key).0)
    }

    /// Moves a blob back from the trash. Returns the blob also if it is not in the trash but at its
    /// key.
    pub(super) fn restore_blocking(&self, key: &str) -> Result<Stat> {
        key::check(key)?;
        let _key = self.lock_key(key);
        if self.root.exists(key)? {
            return self.stat_blocking(key);
        }
        let trashed = trash_key(key);
        if !self.root.exists(&trashed)? {
            return Err(Error::NotFound);
        }
        {
            let _tree = self.lock_tree();
            self.rename_with_record(&trashed, key, false)?;
        }
        self.remove_empty_folders(split_parent(&trashed).0)?;
        self.stat_blocking(key)
    }

    /// Moves a blob with one rename of its bytes. The record is written at `to` before the rename
    /// and removed from `from` after it, so the bytes always have their record beside them. An
    /// interruption leaves one of these states:
    ///
    /// | bytes | record | a repeated call |
    /// |---|---|---|
    /// | `from` | `from` | starts |
    /// | `from` | both (the one at `to` is unused) | starts again |
    /// | `to` | both (the one at `from` is obsolete) | removes the obsolete record and fails with [`Error::NotFound`] |
    /// | `to` | `to` | fails with [`Error::NotFound`]: the move is complete |
    /// | both | both | fails with [`Error::AlreadyExists`]: a new blob was written to `from` |
    pub(super) fn move_blocking(&self, from: &str, to: &str, carrying: Option<Attributes>) -> Result<()> {
        key::check(from)?;
        key::check(to)?;
        let _keys = self.lock_keys(from, to);
        if !self.root.exists(from)? {
            self.remove_orphan_record(from)?;
            return Err(Error::NotFound);
        }
        // Older versions renamed the record before the bytes.
        let half_moved = !self.root.exists(&sidecar_path(from))? && self.root.exists(&sidecar_path(to))?;
        let target_exists = self.root.exists(to)?;
        let record = if half_moved && !target_exists {
            let record = Sidecar::read(&self.root, &sidecar_path(to))?;
            let length = self.root.open_file(from)?.metadata()?.len();
            if length != record.size {
                return Err(Error::Damaged(format!("the file has {length} bytes, its record says {}", record.size)));
            }
            record
        } else {
            // Report a damaged blob before a conflict of keys.
            self.stat_blocking(from)?;
            Sidecar::read(&self.root, &sidecar_path(from))?
        };
        if target_exists {
            return Err(Error::AlreadyExists);
        }
        let record = match carrying {
            Some(attributes) => Sidecar { attributes, ..record },
            None => record,
        };
        let (from_folder, to_folder) = (split_parent(from).0, split_parent(to).0);
        {
            let _tree = self.lock_tree();
            self.root.ensure_dir(to_folder)?;
            self.write_record(&sidecar_path(to), &record)?;
            // Syncs in between, because a file system can reorder the renames and the record must
            // never be missing.
            self.root.sync_dir(to_folder)?;
            self.root.rename(from, to, false)?;
            self.changes.increment(from);
            self.root.sync_dir(to_folder)?;
            self.root.unlink(&sidecar_path(from))?;
            self.root.sync_dir(from_folder)?;
        }
        self.remove_empty_folders(from_folder)
    }

    /// Removes a record whose bytes were moved. Keeps it if the trash holds the blob, because it
    /// can be that blob's only record.
    fn remove_orphan_record(&self, key: &str) -> Result<()> {
        {
            let _tree = self.lock_tree();
            if self.root.exists(&trash_key(key))? || !self.root.unlink(&sidecar_path(key))? {
                return Ok(());
            }
            self.root.sync_dir(split_parent(key).0)?;
        }
        self.remove_empty_folders(split_parent(key).0)
    }

    /// Removes a folder and its parents as far as they are empty.
    pub(super) fn remove_empty_folders(&self, folder: &str) -> Result<()> {
        if self.beside {
            // The server's own locks do not reach this process.
            return Ok(());
        }
        let _tree = self.lock_tree_exclusively();
        let mut folder = folder;
        while !folder.is_empty() && self.root.remove_empty_dir(folder)? {
            folder = split_parent(folder).0;
        }
        Ok(())
    }

    /// Lists blobs in byte order of their keys, depth first; a folder sorts as its name followed by
    /// `/`.
    pub(super) fn list_blocking(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let (folder, _) = split_parent(prefix);
        self.walk(folder, prefix, after, limit, &mut found)?;
        Ok(found)
    }

    /// Returns a blob's record and the length of its file. A listing shows the actual length,
    /// because it is used to find differences.
    fn read_entry(&self, key: &str) -> Result<(Sidecar, u64)> {
        let record = Sidecar::read(&self.root, &sidecar_path(key))?;
        Ok((record, self.root.open_file(key)?.metadata()?.len()))
    }

    /// Appends the blobs below a folder to `found`, up to `limit`.
    fn walk(
        &self,
        folder: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        found: &mut Vec<Entry>,
    ) -> Result<()> {
        let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let mut names: Vec<String> = self
            .root
            .entries(folder)?
            .into_iter()
            .filter(|(name, is_dir)| *is_dir || !is_sidecar(name))
            .filter(|(name, _)| !folder.is_empty() || !key::RESERVED.contains(&name.as_str()))
            .map(|(name, is_dir)| if is_dir { name + "/" } else { name })
            .collect();
        names.sort_unstable();
        for name in names {
            if found.len() >= limit {
                return Ok(());
            }
            let full = path(&name);
            match full.strip_suffix('/') {
                Some(sub) => {
                    let may_match = full.starts_with(prefix) || prefix.starts_with(&full);
                    let is_before = after.is_some_and(|after| after > full.as_str() && !after.starts_with(&full));
                    if may_match && !is_before {
                        self.walk(sub, prefix, after, limit, found)?;
                    }
                }
                None if full.starts_with(prefix) && after.is_none_or(|after| full.as_str() > after) => {
                    match self.read_entry(&full) {
                        Ok((record, size)) => {
                            let Stat { etag, last_modified, .. } = record.into_stat();
                            found.push(Entry { key: full, size, etag, last_modified });
                        }
                        // The blob was deleted in the meantime, or the file has no record.
                        Err(Error::NotFound) => {}
                        // A damaged record must not hide the other blobs.
                        Err(error) => {
                            tracing::error!(%error, key = full, "a blob is not listed: its record can't be read")
                        }
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

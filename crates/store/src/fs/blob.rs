//! Blobs at rest: publishing, reading, deleting, restoring, listing. All blocking.

use super::FsStore;
use super::place::{self, sidecar};
use super::reader::Blob;
use super::root::split;
use super::sidecar::Sidecar;
use crate::error::{Error, Result};
use crate::key::{self, trash};
use crate::{Attributes, Deletion, Entry, Stat};

impl FsStore {
    /// Makes a finished temporary file the blob at `key`: sidecar first, then the bytes, then the folder.
    /// The file's own bytes are durable already.
    pub(super) fn publish(&self, temp: &str, key: &str, record: &Sidecar) -> Result<Stat> {
        let _key = self.lock_key(key);
        let _tree = self.lock_tree();
        let (folder, _) = split(key);
        self.root.ensure_dir(folder)?;
        if self.root.exists(key)? {
            return Err(Error::AlreadyExists);
        }
        self.write_record(&sidecar(key), record)?;
        // A file system may reorder the two renames; the record must never be the one that is missing.
        self.root.sync_dir(folder)?;
        self.root.rename(temp, key, false)?;
        self.root.sync_dir(folder)?;
        Ok(record.clone().into_stat())
    }

    /// Writes a record durably in place of an older one, if there was one.
    pub(super) fn write_record(&self, path: &str, record: &impl serde::Serialize) -> Result<()> {
        let temp = self.temp_name();
        let bytes = serde_json::to_vec(record).map_err(|error| Error::Unavailable(error.into()))?;
        let mut file = self.root.create_new(&temp)?;
        std::io::Write::write_all(&mut file, &bytes)?;
        file.sync_data()?;
        self.root.rename(&temp, path, true)
    }

    pub(super) fn stat_blocking(&self, key: &str) -> Result<Stat> {
        self.reader.open_blob(key).map(Blob::into_stat)
    }

    /// Renames the bytes first when they leave a place (they stop being served at once) and last when
    /// they arrive (the record is there before them).
    fn carry(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        let (from_folder, to_folder) = (split(from).0, split(to).0);
        self.root.ensure_dir(to_folder)?;
        if replace {
            self.root.rename(from, to, true)?;
            // Whoever opened the blob before must look again, whatever follows.
            self.changes.note(from);
            // An interrupted carry has moved the record already.
            match self.root.rename(&sidecar(from), &sidecar(to), true) {
                Err(Error::NotFound) => {}
                other => other?,
            }
        } else {
            match self.root.rename(&sidecar(from), &sidecar(to), true) {
                Err(Error::NotFound) => {}
                other => other?,
            }
            // A file system may reorder the two; the record must never be the one that is missing.
            self.root.sync_dir(to_folder)?;
            self.root.rename(from, to, false)?;
            self.changes.note(from);
        }
        self.root.sync_dir(to_folder)?;
        self.root.sync_dir(from_folder)
    }

    pub(super) fn delete_blocking(&self, key: &str, deletion: Deletion) -> Result<()> {
        key::check(key)?;
        let _key = self.lock_key(key);
        let waiting = trash(key);
        match deletion {
            Deletion::Restorable => {
                let _tree = self.lock_tree();
                if self.root.exists(key)? {
                    self.carry(key, &waiting, true)?;
                } else if self.root.exists(&waiting)? && self.root.exists(&sidecar(key))? {
                    // An earlier attempt stopped between bytes and record.
                    self.root.rename(&sidecar(key), &sidecar(&waiting), true)?;
                    self.root.sync_dir(split(&waiting).0)?;
                }
            }
            Deletion::Purge => {
                for path in [key, waiting.as_str()] {
                    {
                        // The folder may be empty after this: nobody removes it before it is synced.
                        let _tree = self.lock_tree();
                        let had_bytes = self.root.unlink(path)?;
                        self.changes.note(path);
                        if had_bytes | self.root.unlink(&sidecar(path))? {
                            self.root.sync_dir(split(path).0)?;
                        }
                    }
                    self.prune(split(path).0)?;
                }
                return Ok(());
            }
        }
        self.prune(split(key).0)
    }

    pub(super) fn restore_blocking(&self, key: &str) -> Result<Stat> {
        key::check(key)?;
        let _key = self.lock_key(key);
        if self.root.exists(key)? {
            return self.stat_blocking(key);
        }
        let waiting = trash(key);
        if !self.root.exists(&waiting)? {
            return Err(Error::NotFound);
        }
        {
            let _tree = self.lock_tree();
            self.carry(&waiting, key, false)?;
        }
        self.prune(split(&waiting).0)?;
        self.stat_blocking(key)
    }

    /// Moves a blob by one rename of its bytes. Its record is written at the new place before, and removed from the old one
    /// after, so that at every moment the bytes lie at one of the two with their record beside them. What an interruption
    /// leaves, and what a repetition makes of it:
    ///
    /// | bytes | record | repeated |
    /// |---|---|---|
    /// | `from` | `from` | begins |
    /// | `from` | both, that at `to` of no use yet | begins again |
    /// | `to` | both, that at `from` of no use any more | [`Error::NotFound`], and the record at `from` goes |
    /// | `to` | `to` | [`Error::NotFound`]: it was moved |
    /// | both | both | [`Error::AlreadyExists`]: something came to `from` since |
    pub(super) fn move_blocking(&self, from: &str, to: &str, carrying: Option<Attributes>) -> Result<()> {
        key::check(from)?;
        key::check(to)?;
        let _keys = self.lock_keys(from, to);
        if !self.root.exists(from)? {
            self.forget_record(from)?;
            return Err(Error::NotFound);
        }
        // Older servers moved the record before the bytes.
        let half_moved = !self.root.exists(&sidecar(from))? && self.root.exists(&sidecar(to))?;
        let taken = self.root.exists(to)?;
        let record = if half_moved && !taken {
            let record = Sidecar::read(&self.root, &sidecar(to))?;
            let there = self.root.open_file(from)?.metadata()?.len();
            if there != record.size {
                return Err(Error::Damaged(format!("{there} bytes are there, the record says {}", record.size)));
            }
            record
        } else {
            // Only what is whole is moved, or said to be in the way.
            self.stat_blocking(from)?;
            Sidecar::read(&self.root, &sidecar(from))?
        };
        if taken {
            return Err(Error::AlreadyExists);
        }
        let record = match carrying {
            Some(attributes) => Sidecar { attributes, ..record },
            None => record,
        };
        let (from_folder, to_folder) = (split(from).0, split(to).0);
        {
            let _tree = self.lock_tree();
            self.root.ensure_dir(to_folder)?;
            self.write_record(&sidecar(to), &record)?;
            // A file system may reorder the two renames; the record must never be the one that is missing.
            self.root.sync_dir(to_folder)?;
            self.root.rename(from, to, false)?;
            self.changes.note(from);
            self.root.sync_dir(to_folder)?;
            self.root.unlink(&sidecar(from))?;
            self.root.sync_dir(from_folder)?;
        }
        self.prune(from_folder)
    }

    /// Removes a record whose bytes were moved away. Of what waits in the trash it may be the only one.
    fn forget_record(&self, key: &str) -> Result<()> {
        {
            let _tree = self.lock_tree();
            if self.root.exists(&trash(key))? || !self.root.unlink(&sidecar(key))? {
                return Ok(());
            }
            self.root.sync_dir(split(key).0)?;
        }
        self.prune(split(key).0)
    }

    /// Removes folders that became empty, from the inside out.
    pub(super) fn prune(&self, folder: &str) -> Result<()> {
        let _tree = self.lock_tree_alone();
        let mut folder = folder;
        while !folder.is_empty() && self.root.remove_empty_dir(folder)? {
            folder = split(folder).0;
        }
        Ok(())
    }

    /// Depth first in the order of the keys' bytes: a folder sorts as its name with a slash.
    pub(super) fn list_blocking(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let (folder, _) = split(prefix);
        self.walk(folder, prefix, after, limit, &mut found)?;
        Ok(found)
    }

    /// A blob's record, and how many bytes there are: whoever compares wants to know what is, not what was written down.
    fn listed(&self, key: &str) -> Result<(Sidecar, u64)> {
        let record = Sidecar::read(&self.root, &sidecar(key))?;
        Ok((record, self.root.open_file(key)?.metadata()?.len()))
    }

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
            .filter(|(name, is_dir)| *is_dir || !place::is_sidecar(name))
            .filter(|(name, _)| !folder.is_empty() || ![key::TEMP, key::UPLOADS, key::TRASH].contains(&name.as_str()))
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
                    let passed = after.is_some_and(|after| after > full.as_str() && !after.starts_with(&full));
                    if may_match && !passed {
                        self.walk(sub, prefix, after, limit, found)?;
                    }
                }
                None if full.starts_with(prefix) && after.is_none_or(|after| full.as_str() > after) => {
                    match self.listed(&full) {
                        Ok((record, size)) => {
                            let Stat { etag, last_modified, .. } = record.into_stat();
                            found.push(Entry { key: full, size, etag, last_modified });
                        }
                        // Deleted meanwhile, or bytes without a record: not a blob.
                        Err(Error::NotFound) => {}
                        // One damaged record must not hide all others.
                        Err(error) => tracing::error!(%error, key = full, "a blob can't be listed"),
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

//! The disks that this server writes to: those of the local store, of the data folder and of a
//! SQLite file. Refuses what would use their reserve. How a disk is watched is in `store::Space`.

use std::path::Path;
use std::sync::Arc;

use store::{FreeSpace, Space};

use crate::error::Result;

/// The name of the data folder, if nothing else of ours lies on its disk.
const DATA: &str = "data";

/// The watched disks, each once.
#[derive(Debug)]
pub struct DiskSpace {
    spaces: Vec<Arc<Space>>,
    /// The disk of the local store; `None` if the store is a bucket.
    store: Option<Arc<Space>>,
    /// The disk of the data folder, where videos are copied to; `None` if there is no such folder.
    data: Option<Arc<Space>>,
    /// The disk of the SQLite file; `None` if the database is PostgreSQL.
    database: Option<Arc<Space>>,
}

impl DiskSpace {
    /// Watches the disks of these folders, and keeps `reserve` bytes of each free. The data folder
    /// need not exist: a server with a bucket and PostgreSQL has nothing there. Blocking.
    pub fn open(
        store: Option<Arc<Space>>,
        data: &Path,
        database: Option<&Path>,
        reserve: Option<u64>,
    ) -> store::Result<Self> {
        let mut spaces: Vec<Arc<Space>> = store.iter().cloned().collect();
        let mut watch = |folder: &Path, name| -> store::Result<Arc<Space>> {
            let space = Arc::new(Space::open(folder, name, reserve)?);
            if let Some(known) = spaces.iter().find(|known| known.is_same_disk(&space)) {
                return Ok(Arc::clone(known));
            }
            spaces.push(Arc::clone(&space));
            Ok(space)
        };
        let database = database.map(|folder| watch(folder, "database")).transpose()?;
        let data = match watch(data, DATA) {
            Err(store::Error::NotFound) => None,
            other => Some(other?),
        };
        Ok(Self { spaces, store, data, database })
    }

    /// Returns the disk of the SQLite file, if there is one.
    pub fn of_database(&self) -> Option<&Arc<Space>> {
        self.database.as_ref()
    }

    /// Returns an error unless the disk of the SQLite file has room for new rows, and the store's
    /// for `bytes` more. The data folder takes neither; see [`Self::check_copy`].
    pub fn check(&self, bytes: u64) -> Result<()> {
        for space in self.of_rows_and_blobs() {
            let is_store = self.store.as_ref().is_some_and(|store| std::ptr::eq(&**store, space));
            space.check(if is_store { bytes } else { 0 })?;
        }
        Ok(())
    }

    /// Returns an error unless the data folder has room for a temporary copy of `bytes`.
    pub fn check_copy(&self, bytes: u64) -> Result<()> {
        self.data.iter().try_for_each(|data| Ok(data.check(bytes)?))
    }

    /// Returns what is free on the local store's disk; `None` if the store is a bucket.
    pub fn of_store(&self) -> Option<FreeSpace> {
        self.store.as_ref().and_then(|space| measured(space))
    }

    /// Returns whether the disk of the local store is full up to its reserve.
    pub fn is_store_full(&self) -> bool {
        self.of_store().is_some_and(|space| space.is_short())
    }

    /// Returns whether the disk of the SQLite file is full up to its reserve.
    pub fn is_database_full(&self) -> bool {
        self.database.as_ref().and_then(|space| measured(space)).is_some_and(|space| space.is_short())
    }

    /// Returns whether a disk is full up to its reserve that uploads need.
    pub fn is_any_full(&self) -> bool {
        self.of_rows_and_blobs().filter_map(measured).any(|space| space.is_short())
    }

    /// Gives up the ballast of each disk that is completely full. Blocking.
    pub fn free_ballast_if_exhausted(&self) {
        self.of_rows_and_blobs().for_each(Space::free_ballast_if_exhausted);
    }

    /// Creates the ballast of each disk that has room for it. Blocking.
    pub fn restore_ballast(&self) {
        self.of_rows_and_blobs().for_each(Space::restore_ballast);
    }

    /// Returns the disks of the local store and of the SQLite file, to which uploads and deletes
    /// write.
    fn of_rows_and_blobs(&self) -> impl Iterator<Item = &Space> {
        self.spaces.iter().map(|space| &**space).filter(|space| space.name() != DATA)
    }

    /// Sets the gauges of all disks.
    #[expect(clippy::cast_precision_loss, reason = "nobody reads the last of sixteen digits")]
    pub fn record_metrics(&self) {
        let mut refused = 0;
        for space in &self.spaces {
            refused += space.refused();
            let Some(now) = measured(space) else { continue };
            metrics::gauge!("tidegate_disk_free_bytes", "folder" => space.name()).set(now.free as f64);
            metrics::gauge!("tidegate_disk_reserve_bytes", "folder" => space.name()).set(now.reserve as f64);
            metrics::gauge!("tidegate_disk_full", "folder" => space.name()).set(f64::from(u8::from(now.is_short())));
            if let Some(inodes) = now.free_inodes {
                metrics::gauge!("tidegate_disk_free_inodes", "folder" => space.name()).set(inodes as f64);
            }
        }
        metrics::counter!("tidegate_disk_refused_total").absolute(refused);
    }
}

/// Measures a disk; `None` if it can't be read, which is logged.
fn measured(space: &Space) -> Option<FreeSpace> {
    match space.measure() {
        Ok(space) => Some(space),
        Err(error) => {
            tracing::warn!(folder = space.name(), %error, "the free space of the disk can't be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a bucket and PostgreSQL nothing of an upload is written to the data folder.
    #[test]
    fn a_short_data_folder_refuses_copies_and_no_uploads() {
        let folder = tempfile::tempdir().unwrap();
        let more_than_there_is = Some(1 << 60);
        let disks = DiskSpace::open(None, folder.path(), None, more_than_there_is).unwrap();
        disks.check(1).unwrap();
        assert!(!disks.is_any_full());
        disks.check_copy(1).unwrap_err();
        let with_database = DiskSpace::open(None, folder.path(), Some(folder.path()), more_than_there_is).unwrap();
        with_database.check(1).unwrap_err();
        assert!(with_database.is_any_full());
    }
}

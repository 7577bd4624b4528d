//! Opens the folder of a store that a server has open, for a command that runs beside it. Takes no
//! lock and cleans nothing up. Its caller writes only to keys that no server ever writes to.

use std::path::Path;
use std::sync::Arc;

use super::FsStore;
use super::reader::ChangeCounters;
use super::root::Root;
use crate::error::Result;
use crate::key;
use crate::sigv4::Presigner;
use crate::space::Space;

impl FsStore {
    /// Opens an existing folder without locking it. The store that is returned removes no folder, so
    /// that it never removes one that the server is about to write to. Fails with
    /// [`Error::NotFound`](crate::Error::NotFound) if there is no folder, or no store in it.
    /// Blocking.
    pub fn open_beside(folder: &Path, presigner: Presigner) -> Result<Self> {
        let root = Arc::new(Root::open_for_reading(folder)?);
        root.open_dir(key::TEMP)?;
        let space = Arc::new(Space::open(folder, "store", Some(0))?);
        Ok(Self::with_root(root, Arc::new(ChangeCounters::new()), presigner, space, true))
    }
}

//! The identity of a store: a random id in a file at its root, created once. It goes along when the
//! folder is moved or copied as a whole. Decides nothing; the server compares it with its database.

use uuid::Uuid;

use super::FsStore;
use super::ingest::run_blocking;
use crate::error::{Error, Result};
use crate::key::IDENTITY;

impl FsStore {
    /// Returns the id of the store; `None` if it has none yet. Fails with [`Error::Damaged`] if the
    /// file holds something else.
    pub async fn identity(&self) -> Result<Option<Uuid>> {
        let store = self.clone();
        run_blocking(move || {
            let bytes = match store.root.read_small(IDENTITY, 1024) {
                Err(Error::NotFound) => return Ok(None),
                other => other?,
            };
            let text = String::from_utf8_lossy(&bytes);
            let id = Uuid::try_parse(text.trim());
            id.map(Some).map_err(|_| Error::Damaged(format!("the store's {IDENTITY} file holds no id")))
        })
        .await
    }

    /// Gives the store a new random id, durably, and returns it. Call only if it has none.
    pub async fn create_identity(&self) -> Result<Uuid> {
        let (store, id) = (self.clone(), Uuid::new_v4());
        run_blocking(move || {
            let temp = store.temp_name();
            let written = || -> Result<()> {
                let mut file = store.root.create_new(&temp)?;
                std::io::Write::write_all(&mut file, format!("{id}\n").as_bytes())?;
                file.sync_all()?;
                store.root.rename(&temp, IDENTITY, false)?;
                store.root.sync_dir("")
            };
            let done = written();
            if done.is_err() {
                store.root.unlink(&temp)?;
            }
            done.map(|()| id)
        })
        .await
    }
}

//! Seals: blobs that were moved to where no presigned request leads, before anybody looks at them. What all backends
//! share of it; where a seal lies, each backend decides.

use std::time::SystemTime;

use uuid::Uuid;

use crate::error::Result;
use crate::{Deletion, Entry, Seals, Store};

/// Seals in one listing: calls that were cut off may have left several.
const PAGE: usize = 1000;

/// Returns the key of a seal below `seals`.
pub(crate) fn key(seals: &str, seal: Uuid) -> String {
    format!("{seals}{}", seal.simple())
}

/// Returns the newest seal below a prefix.
pub(crate) async fn newest(store: &dyn Store, seals: &str) -> Result<Option<String>> {
    let found = list(store, seals).await?;
    Ok(found.into_iter().max_by(|one, other| age(one).cmp(&age(other))).map(|seal| seal.key))
}

/// Removes the seals below a prefix that a listing shows.
pub(crate) async fn remove(store: &dyn Store, seals: &str, which: Seals<'_>) -> Result<()> {
    let mut found = list(store, seals).await?;
    if let Seals::OlderThan(kept) = which {
        let Some(kept) = found.iter().find(|seal| seal.key == kept).cloned() else { return Ok(()) };
        found.retain(|seal| age(seal) < age(&kept));
    }
    for seal in found {
        store.delete(&seal.key, Deletion::Purge).await?;
    }
    Ok(())
}

async fn list(store: &dyn Store, seals: &str) -> Result<Vec<Entry>> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.list(seals, after.as_deref(), PAGE).await?;
        after = page.last().map(|last| last.key.clone());
        let is_last = page.len() < PAGE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

/// A bucket tells its times in seconds; seals of one second are told apart by their names, which grow with time.
fn age(seal: &Entry) -> (SystemTime, &str) {
    (seal.last_modified, &seal.key)
}

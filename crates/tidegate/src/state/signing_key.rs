//! The key that grants are signed with. Where it was given by a setting it is one for good; where it lies in the data folder
//! another one takes its place while the server runs, as soon as every edge that reads that folder trusts it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};
use sign::{Hash, Signer};
use tokio_util::sync::CancellationToken;

use crate::config::secrets::{self, FoundKey};
use crate::state::edge_keys::EdgeKeys;

/// The signer of now.
#[derive(Debug)]
pub struct SigningKey {
    current: ArcSwap<Signer>,
    hash: Hash,
    /// Whether it was said that the key that signs is not there any more.
    orphaned: AtomicBool,
    /// Where others may come from, and how long their public halves have to lie there before.
    folder: Option<(PathBuf, Duration)>,
}

impl SigningKey {
    /// Signs with `signer`, and with what comes into the folder after it.
    pub fn new(signer: Signer, hash: Hash, folder: Option<(PathBuf, Duration)>) -> Self {
        Self { current: ArcSwap::from_pointee(signer), hash, orphaned: AtomicBool::new(false), folder }
    }

    /// What signs, as of now.
    pub fn signer(&self) -> Guard<Arc<Signer>> {
        self.current.load()
    }

    /// Looks for another key. Blocking. One that can't be read, or that the edge does not trust, changes nothing.
    pub fn reload(&self, edge_keys: &EdgeKeys) {
        let Some((folder, settled)) = &self.folder else { return };
        let keys = match secrets::private_keys(folder) {
            Ok(keys) => keys,
            Err(error) => {
                tracing::error!(%error, folder = %folder.display(), "the keys that grants are signed with can't be looked for");
                return;
            }
        };
        let now = self.signer().key_pair_id().to_owned();
        // Only one that the edge trusts by what lies there, and has had the time to.
        let mut settled = secrets::settled(&keys, *settled, SystemTime::now());
        let Some(found) = settled.find(|key| key.id == now || is_trusted(key, edge_keys)) else {
            if keys.iter().all(|key| key.id != now) && !self.orphaned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    key = now,
                    "the key that grants are signed with was removed, and there is no other: it signs until the server ends"
                );
            }
            return;
        };
        if found.id == now {
            return;
        }
        let read = found.read().and_then(|key| Ok((key.public_pem()?, key)));
        match read {
            Ok((public, key)) => {
                edge_keys.sign_with(&found.id, &public);
                self.current.store(Arc::new(Signer::new(found.id.clone(), key, self.hash)));
                self.orphaned.store(false, Ordering::Relaxed);
                metrics::counter!("tidegate_signing_key_changes_total").increment(1);
                tracing::info!(key = found.id, "grants are signed with another key from now on");
            }
            Err(error) => {
                tracing::error!(key = found.id, %error, "a key that grants were to be signed with can't be used")
            }
        }
    }

    /// Looks every so often until `stop`.
    pub async fn follow(self: Arc<Self>, edge_keys: Arc<EdgeKeys>, every: Duration, stop: CancellationToken) {
        if self.folder.is_none() {
            return;
        }
        while tokio::time::timeout(every, stop.cancelled()).await.is_err() {
            let (key, edge_keys) = (Arc::clone(&self), Arc::clone(&edge_keys));
            if let Err(error) = tokio::task::spawn_blocking(move || key.reload(&edge_keys)).await {
                tracing::error!(%error, "the keys that grants are signed with can't be looked for");
            }
        }
    }
}

/// Whether a key can be read, and its public half is what the edge has read.
fn is_trusted(key: &FoundKey, edge_keys: &EdgeKeys) -> bool {
    key.read().and_then(|read| Ok(read.public_pem()?)).is_ok_and(|public| edge_keys.holds(&key.id, &public))
}

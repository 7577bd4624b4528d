//! The key that signs grants. A key given by a setting never changes. A key in the data folder is
//! replaced while the server runs, once a newer one has been there long enough for every edge that
//! reads the folder to trust it. A key kept by AWS is replaced by `remote_key.rs`. Which keys an
//! edge trusts is in `edge_keys.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};
use sign::{Hash, Signer};
use tokio_util::sync::CancellationToken;

use crate::config::secrets::{self, FoundKey};
use crate::state::edge_keys::EdgeKeys;

/// The signer in use, and the folder it may be replaced from.
#[derive(Debug)]
pub struct SigningKey {
    current: ArcSwap<Signer>,
    hash: Hash,
    /// Whether it was already logged that the key in use is missing from the folder.
    missing_reported: AtomicBool,
    /// The folder of private keys, and how long a public key must have been there before its
    /// private key signs. `None` where the key comes from elsewhere.
    folder: Option<(PathBuf, Duration)>,
}

impl SigningKey {
    /// Creates the signing key from `signer`, replaced later by newer keys from `folder`.
    pub fn new(signer: Signer, hash: Hash, folder: Option<(PathBuf, Duration)>) -> Self {
        Self { current: ArcSwap::from_pointee(signer), hash, missing_reported: AtomicBool::new(false), folder }
    }

    /// Returns the signer in use.
    pub fn signer(&self) -> Guard<Arc<Signer>> {
        self.current.load()
    }

    /// Switches to the newest eligible key of the folder. A key that cannot be read, or that the
    /// edge does not trust, changes nothing. Blocks on file reads.
    pub fn reload(&self, edge_keys: &EdgeKeys) {
        let Some((folder, min_age)) = &self.folder else { return };
        let keys = match secrets::private_keys(folder) {
            Ok(keys) => keys,
            Err(error) => {
                tracing::error!(%error, folder = %folder.display(), "the keys that grants are signed with can't be looked for");
                return;
            }
        };
        let now = self.signer().key_pair_id().to_owned();
        // The edge must trust the public key that lies in the folder, and must have had the time to
        // read it.
        let mut eligible = secrets::older_than(&keys, *min_age, SystemTime::now());
        let Some(found) = eligible.find(|key| key.id == now || is_trusted(key, edge_keys)) else {
            if keys.iter().all(|key| key.id != now) && !self.missing_reported.swap(true, Ordering::Relaxed) {
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
                edge_keys.set_own_keys(vec![(found.id.clone(), public)]);
                self.switch(found.id.clone(), key);
                self.missing_reported.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(key = found.id, %error, "a key that grants were to be signed with can't be used")
            }
        }
    }

    /// Signs with another key from now on. Its public half must be trusted already.
    pub fn switch(&self, id: String, key: sign::SigningKey) {
        metrics::counter!("tidegate_signing_key_changes_total").increment(1);
        tracing::info!(key = id, "grants are signed with another key from now on");
        self.current.store(Arc::new(Signer::new(id, key, self.hash)));
    }

    /// Calls [`Self::reload`] at an interval until `stop` is cancelled.
    pub async fn reload_periodically(
        self: Arc<Self>,
        edge_keys: Arc<EdgeKeys>,
        every: Duration,
        stop: CancellationToken,
    ) {
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

/// Returns whether a private key can be read and the edge trusts its public key.
fn is_trusted(key: &FoundKey, edge_keys: &EdgeKeys) -> bool {
    key.read().and_then(|read| Ok(read.public_pem()?)).is_ok_and(|public| edge_keys.contains(&key.id, &public))
}

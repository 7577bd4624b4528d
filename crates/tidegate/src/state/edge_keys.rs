//! The public keys that the edge trusts, read from a folder at start and again while it runs, so
//! that keys are added and removed without a restart. Never reads private keys; see
//! `signing_key.rs`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::{ArcSwap, Guard};
use sign::{PublicKey, Verifier};
use tokio_util::sync::CancellationToken;

use crate::config::known_keys;
use crate::config::secrets::{self, PublicKeys};

/// The verifier with the trusted keys, and the folder it is rebuilt from.
#[derive(Debug)]
pub struct EdgeKeys {
    current: ArcSwap<Verifier>,
    folder: PathBuf,
    /// Ids and public keys of this server's own signing keys, trusted whether or not they lie in
    /// the folder.
    own: Mutex<Vec<(String, String)>>,
    /// Whether keys whose private halves everybody has are refused.
    refuses_published: bool,
    /// The keys found when the folder was last read.
    folder_keys: Mutex<PublicKeys>,
}

impl EdgeKeys {
    /// Reads the folder. Blocks on file reads.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn open(folder: PathBuf, own: Vec<(String, String)>, refuses_published: bool) -> anyhow::Result<Self> {
        let folder_keys = secrets::public_keys(&folder)
            .with_context(|| format!("EDGE_KEYS={}: give a folder of <key-pair-id>.pub.pem", folder.display()))?;
        let (own, current, none) = (Mutex::new(last_of_each_id(own)), ArcSwap::default(), Mutex::default());
        let edge_keys = Self { current, folder, own, refuses_published, folder_keys: none };
        edge_keys.replace(folder_keys);
        Ok(edge_keys)
    }

    /// Returns the verifier with the keys trusted at this moment.
    pub fn verifier(&self) -> Guard<Arc<Verifier>> {
        self.current.load()
    }

    /// Reads the folder again. A folder that cannot be read changes nothing. A file that holds no
    /// valid key is not trusted, and neither is the key it held before. Blocks on file reads.
    pub fn reload(&self) {
        match secrets::public_keys(&self.folder) {
            Ok(found) if found == *self.folder_keys.lock().unwrap_or_else(PoisonError::into_inner) => {}
            Ok(found) => self.replace(found),
            Err(error) => {
                tracing::error!(%error, folder = %self.folder.display(), "the edge's public keys can't be read again");
            }
        }
    }

    /// Returns whether the folder holds this public key under this id.
    pub fn contains(&self, id: &str, public: &str) -> bool {
        let folder_keys = self.folder_keys.lock().unwrap_or_else(PoisonError::into_inner);
        folder_keys.pems.iter().any(|(known, pem)| known == id && pem.trim() == public.trim())
    }

    /// Returns the ids and PEMs of the keys that are trusted, ordered by id.
    pub fn trusted(&self) -> Vec<(String, String)> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut pems = self.folder_keys.lock().unwrap_or_else(PoisonError::into_inner).pems.clone();
        pems.retain(|(id, _)| own.iter().all(|(own, _)| own != id));
        pems.extend(own);
        pems.retain(|(_, pem)| PublicKey::parse(pem).is_ok() && !self.refuses(pem));
        pems.sort();
        pems
    }

    /// Returns whether a key is refused because everybody has its private half.
    fn refuses(&self, pem: &str) -> bool {
        self.refuses_published && known_keys::is_published(pem)
    }

    /// Sets this server's own signing keys. Of several with one id, the last counts. Keys that they
    /// replace stay trusted while they lie in the folder.
    pub fn set_own_keys(&self, keys: Vec<(String, String)>) {
        let keys = last_of_each_id(keys);
        {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            if *own == keys {
                return;
            }
            *own = keys;
        }
        let folder_keys = self.folder_keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.replace(folder_keys);
    }

    /// Builds a verifier from the keys found in the folder and the server's own key, and uses it
    /// from now on.
    fn replace(&self, found: PublicKeys) {
        for problem in &found.problems {
            tracing::warn!("{problem}");
        }
        let mut verifier = self.current.load().successor();
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (id, pem) in found.pems.iter().chain(&own) {
            if self.refuses(pem) {
                tracing::error!(id, "everybody has the private half of this public key: production does not trust it");
                continue;
            }
            if own.iter().any(|(own, known)| own == id && known.trim() != pem.trim()) {
                tracing::warn!(id, "another public key lies under the id of the server's own, and is not trusted");
            }
            match PublicKey::parse(pem) {
                Ok(key) => verifier.trust(id.clone(), key),
                Err(error) => {
                    let (error, folder) = (error.to_string(), self.folder.display().to_string());
                    let wanted = "a PUBLIC KEY PEM (SubjectPublicKeyInfo) of RSA-2048 or P-256";
                    tracing::error!(error, id, folder, wanted, "a public key of the edge can't be used");
                }
            }
        }
        let mut ids: Vec<&str> = verifier.key_pair_ids().collect();
        ids.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "nobody trusts 2^53 keys")]
        metrics::gauge!("tidegate_edge_keys").set(ids.len() as f64);
        let folder = self.folder.display();
        if ids.is_empty() {
            tracing::warn!(%folder, "the edge trusts nobody: there is no <key-pair-id>.pub.pem that holds a key");
        } else {
            tracing::info!(keys = ids.join(" "), %folder, "the edge's public keys were read");
        }
        self.current.store(Arc::new(verifier));
        *self.folder_keys.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// Calls [`Self::reload`] at an interval until `stop` is cancelled.
    pub async fn reload_periodically(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        while tokio::time::timeout(every, stop.cancelled()).await.is_err() {
            let edge_keys = Arc::clone(&self);
            tokio::select! {
                read = tokio::task::spawn_blocking(move || edge_keys.reload()) => if let Err(error) = read {
                    tracing::error!(%error, "the edge's public keys can't be read again");
                },
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Returns keys ordered by id. Of several with one id, the last is kept.
fn last_of_each_id(mut keys: Vec<(String, String)>) -> Vec<(String, String)> {
    keys.reverse();
    keys.sort_by(|one, other| one.0.cmp(&other.0));
    keys.dedup_by(|later, kept| later.0 == kept.0);
    keys
}

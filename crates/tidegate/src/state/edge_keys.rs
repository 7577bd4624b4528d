//! The public keys the edge trusts: read from a folder at start and again while it runs, so that a key comes or goes
//! without a restart.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::{ArcSwap, Guard};
use sign::{PublicKey, Verifier};
use tokio_util::sync::CancellationToken;

use crate::config::secrets::{self, PublicKeys};

/// The keys that are trusted now.
#[derive(Debug)]
pub struct EdgeKeys {
    current: ArcSwap<Verifier>,
    folder: PathBuf,
    /// Trusted whatever lies in the folder: what this server signs with.
    own: Mutex<Option<(String, String)>>,
    /// What the folder held when it was last read.
    held: Mutex<PublicKeys>,
}

impl EdgeKeys {
    /// Reads the folder. Blocking.
    pub fn open(folder: PathBuf, own: Option<(String, String)>) -> anyhow::Result<Self> {
        let held = secrets::public_keys(&folder)
            .with_context(|| format!("EDGE_KEYS={}: give a folder of <key-pair-id>.pub.pem", folder.display()))?;
        let edge_keys = Self { current: ArcSwap::default(), folder, own: Mutex::new(own), held: Mutex::default() };
        edge_keys.take(held);
        Ok(edge_keys)
    }

    /// What verifies, as of now.
    pub fn verifier(&self) -> Guard<Arc<Verifier>> {
        self.current.load()
    }

    /// Reads the folder again. Blocking. A folder that can't be read changes nothing; a file that is no key is not
    /// trusted, and neither is what it stood for before.
    pub fn reload(&self) {
        match secrets::public_keys(&self.folder) {
            Ok(found) if found == *self.held.lock().unwrap_or_else(PoisonError::into_inner) => {}
            Ok(found) => self.take(found),
            Err(error) => {
                tracing::error!(%error, folder = %self.folder.display(), "the edge's public keys can't be read again");
            }
        }
    }

    /// Whether this public key lies in the folder under this id.
    pub fn holds(&self, id: &str, public: &str) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.pems.iter().any(|(known, pem)| known == id && pem.trim() == public.trim())
    }

    /// What this server signs with from now on. What it signed with before is trusted as long as it lies in the folder.
    pub fn sign_with(&self, id: &str, public: &str) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some((id.to_owned(), public.to_owned()));
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.take(held);
    }

    fn take(&self, found: PublicKeys) {
        for problem in &found.problems {
            tracing::warn!("{problem}");
        }
        let mut verifier = self.current.load().successor();
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (id, pem) in found.pems.iter().chain(&own) {
            if own.as_ref().is_some_and(|(own, known)| own == id && known.trim() != pem.trim()) {
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
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// Reads the folder every so often until `stop`.
    pub async fn follow(self: Arc<Self>, every: Duration, stop: CancellationToken) {
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

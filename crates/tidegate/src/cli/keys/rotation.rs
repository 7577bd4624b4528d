//! What a rotation of the signing key remembers: a document beside the key, in the same service, so
//! that any machine continues what another one began. It holds the new private key until that key
//! signs.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sign::{KeyKind, SigningKey};

use crate::config::known_keys;

/// A rotation that has begun.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rotation {
    /// The id of the key that is replaced; `None` for the first key.
    pub(super) old: Option<String>,
    /// Whether everybody has the private half of the old key.
    pub(super) old_is_published: bool,
    /// The new public key.
    pub(super) public_key: String,
    /// The new private key, until it signs.
    pub(super) private_key: Option<String>,
    /// The id that CloudFront gave to the new key.
    pub(super) id: Option<String>,
    /// When the key group and the edges of Tidegate were told of the new key, in epoch seconds.
    pub(super) announced_at: Option<u64>,
    /// When the new key was put where servers read it, in epoch seconds.
    pub(super) switched_at: Option<u64>,
}

impl Rotation {
    /// Makes a pair.
    pub(super) fn new(old: Option<(String, String)>, kind: KeyKind) -> anyhow::Result<Self> {
        let (key, private_key) = SigningKey::generate(kind)?;
        Ok(Self {
            old_is_published: old.as_ref().is_some_and(|(_, public)| known_keys::is_published(public)),
            old: old.map(|(id, _)| id),
            public_key: key.public_pem()?,
            private_key: Some(private_key),
            id: None,
            announced_at: None,
            switched_at: None,
        })
    }

    /// Reads the document.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        // The parser's own message may quote the value.
        serde_json::from_str(text).ok().context("it is no rotation; remove it to begin a new one")
    }

    /// Returns the document.
    pub(super) fn to_json(&self) -> anyhow::Result<SecretString> {
        Ok(serde_json::to_string(self)?.into())
    }

    /// Returns the name of the new public key in CloudFront, by which a key that was created just
    /// before a crash is found again.
    pub(super) fn public_key_name(&self) -> anyhow::Result<String> {
        let fingerprint = known_keys::fingerprint(&self.public_key).context("its public key is none")?;
        Ok(format!("tidegate-{}", &fingerprint[..24]))
    }
}

/// Returns the time now in epoch seconds.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns how long it is until `seconds` after a time in epoch seconds.
pub(super) fn until(start: u64, seconds: u64) -> Duration {
    Duration::from_secs(start.saturating_add(seconds).saturating_sub(now()))
}

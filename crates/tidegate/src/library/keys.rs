//! The keys that the server signs with and accepts, as operators are shown them: ids, fingerprints
//! of public keys, and how far a rotation is. Never returns anything private.

use std::sync::Arc;
use std::time::SystemTime;

use sign::{KeyKind, PublicKey};

use crate::access;
use crate::app::App;
use crate::config::known_keys;
use crate::config::secrets::KeyTimes;
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::owner::OwnerKind;
use crate::sign_in::token::Key;

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// What it is for: `edge`, `tokens`, `links` or `s3`.
    pub used_for: &'static str,
    /// The id that stands in what is signed.
    pub id: String,
    /// The algorithm, or the type of a key that more than one may be used with.
    pub algorithm: &'static str,
    /// The SHA-256 of the public key's DER `SubjectPublicKeyInfo` in hex; `None` for a secret that
    /// signs and verifies.
    pub fingerprint: Option<String>,
    /// Whether new signatures are made with it; otherwise it is only accepted.
    pub signs: bool,
    /// Where it comes from: `setting`, `generated`, `file` or `issuer`.
    pub source: &'static str,
    /// When its file came to its place.
    pub since: Option<SystemTime>,
}

/// Returns all keys. Authorizes the caller.
pub async fn list(app: &Arc<App>, caller: &Caller) -> Result<Vec<KeyState>> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    let shared = Arc::clone(app);
    let reading = tokio::task::spawn_blocking(move || KeyTimes::read(&shared.config)).await;
    let times = reading.map_err(|error| Error::Internal(error.into()))?;
    let mut keys = edge_keys(app, &times);
    keys.extend(token_keys(app, &times));
    keys.extend(link_keys(app, &times));
    // The operator's access key counts as a secret; that of presigned requests stands in each of them.
    keys.extend(app.local.as_ref().map(|local| KeyState {
        used_for: "s3",
        id: local.credentials.presign.access_key.clone(),
        algorithm: "AWS4-HMAC-SHA256",
        fingerprint: None,
        signs: true,
        source: "generated",
        since: times.s3,
    }));
    Ok(keys)
}

/// Returns the keys of grants: the one that signs, and those that the edge accepts.
fn edge_keys(app: &App, times: &KeyTimes) -> Vec<KeyState> {
    let signing = app.signing_key.signer().key_pair_id().to_owned();
    let is_given = app.config.cloudfront.key.is_some() || app.remote_key.is_some();
    let shown = |(id, pem): (String, String)| {
        let algorithm = match PublicKey::parse(&pem).ok()?.kind() {
            KeyKind::Rsa2048 => "RSA-2048",
            KeyKind::P256 => "P-256",
        };
        let signs = id == signing;
        let source = match () {
            () if signs && is_given => "setting",
            () if times.generated.contains(&id) => "generated",
            () => "file",
        };
        let since = times.edge.get(&id).copied().filter(|_| source != "setting");
        let fingerprint = known_keys::fingerprint(&pem);
        Some(KeyState { used_for: "edge", id, algorithm, fingerprint, signs, source, since })
    };
    app.edge_keys.trusted().into_iter().filter_map(shown).collect()
}

/// Returns the keys of tokens: the server's own, and those of the issuer.
fn token_keys(app: &App, times: &KeyTimes) -> Vec<KeyState> {
    let shown = |key: &Key, source: &'static str| KeyState {
        used_for: "tokens",
        // Not every key set names its keys.
        id: key.id.clone().unwrap_or_else(|| key.fingerprint.chars().take(16).collect()),
        algorithm: key.algorithm.as_str(),
        fingerprint: Some(key.fingerprint.clone()),
        signs: false,
        source,
        since: None,
    };
    let own = app.sign_in.issuer.as_ref().map(|issuer| {
        let is_given = app.config.auth.sign_in.own_key.is_some();
        let source = if is_given { "setting" } else { "generated" };
        KeyState { signs: true, since: times.tokens.filter(|_| !is_given), ..shown(issuer.key(), source) }
    });
    let mut keys: Vec<KeyState> = own.into_iter().collect();
    keys.extend(app.sign_in.fixed_key().map(|key| shown(key, "setting")));
    keys.extend(app.sign_in.issuer_keys().iter().map(|key| shown(key, "issuer")));
    keys
}

/// Returns the keys of links to files and media items. Their ids stand in the links.
fn link_keys(app: &App, times: &KeyTimes) -> Vec<KeyState> {
    if !app.config.is_on(OwnerKind::Files) && !app.config.is_on(OwnerKind::Session) {
        return Vec::new();
    }
    let is_given = app.config.files.link_key.is_some();
    let shown = |(number, id): (usize, &str)| {
        let is_generated = number == 0 && !is_given;
        KeyState {
            used_for: "links",
            id: id.to_owned(),
            algorithm: "HMAC-SHA256",
            fingerprint: None,
            signs: number == 0,
            source: if is_generated { "generated" } else { "setting" },
            since: times.links.filter(|_| is_generated),
        }
    };
    app.links.key_ids().enumerate().map(shown).collect()
}

//! Reads the keys and credentials that a server has, and the modes of its files, for commands that run
//! beside it. Generates nothing and changes nothing; see `secrets` for what a start does.

#![expect(clippy::disallowed_methods, reason = "keys and credentials are files")]

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use sign::SigningKey;

use super::secrets::{self, Credentials};
use super::{Config, Ports, StoreSetting};
use crate::db::Database;

/// The keys and credentials that exist.
#[derive(Debug)]
pub struct PresentKeys {
    /// The key that signs grants, with its key pair id; `None` if none was generated yet.
    pub signing_key: Option<(String, SigningKey)>,
    /// The credentials that presign requests to the S3 door; `None` if there are none yet, or if the
    /// store is a bucket.
    pub presign: Option<Credentials>,
}

#[derive(Deserialize)]
struct Stored {
    access_key: String,
    secret_key: String,
}

impl PresentKeys {
    /// Reads them as a server would choose them. Blocking.
    pub fn read(config: &Config) -> anyhow::Result<Self> {
        let signing_key = match &config.cloudfront.key {
            Some((id, pem)) => Some((id.clone(), SigningKey::parse(pem.expose_secret())?)),
            None => generated_key(config)?,
        };
        let presign = match config.store {
            StoreSetting::Local(_) => read_credentials(&config.data.join("keys").join("s3-presign.json"))?,
            StoreSetting::S3(_) => None,
        };
        Ok(Self { signing_key, presign })
    }
}

impl Ports {
    /// Returns where a server with this configuration listens.
    pub fn of(config: &Config) -> Self {
        let (worker_port, metrics_port) = (config.worker_port, config.metrics_port);
        Self { bind: config.bind, port: config.port, worker_port, metrics_port }
    }
}

/// Returns the key in the data folder that a server signs with.
fn generated_key(config: &Config) -> anyhow::Result<Option<(String, SigningKey)>> {
    let folder = secrets::key_folder(config);
    let mut keys = match secrets::private_keys(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.with_context(|| format!("{} can't be read", folder.display()))?,
    };
    let trusted = secrets::public_keys(&config.edge.keys)?;
    if keys.iter().any(|key| trusted.has(&key.id)) {
        keys.retain(|key| trusted.has(&key.id));
    }
    let chosen = secrets::choose_key(&keys, config.edge.min_key_age(), SystemTime::now());
    chosen.map(|found| Ok((found.id.clone(), found.read()?))).transpose()
}

fn read_credentials(path: &Path) -> anyhow::Result<Option<Credentials>> {
    let about = || format!("{} can't be read", path.display());
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.with_context(about)?,
    };
    // The text of a JSON error can repeat what it was reading.
    let stored: Stored = serde_json::from_slice(&bytes).map_err(|_| anyhow::anyhow!(about()))?;
    Ok(Some(Credentials { access_key: stored.access_key, secret_key: stored.secret_key.into() }))
}

/// Returns a message for each file and folder of the server that other users of this machine may read
/// or change, or that belongs to another user than `user`. What does not exist is left out. Blocking.
pub fn exposed_files(config: &Config, user: u32) -> Vec<String> {
    let keys = config.data.join("keys");
    // A group may read the folders, as a service manager sets them up, and nobody the keys.
    let (open, closed) = (0o027, 0o077);
    let mut paths: Vec<(PathBuf, u32)> = vec![(config.data.clone(), open), (keys.clone(), closed)];
    paths.push((secrets::key_folder(config), closed));
    if let StoreSetting::Local(root) = &config.store {
        paths.push((root.clone(), open));
    }
    if let Database::Sqlite(file) = &config.database {
        paths.push((file.clone(), closed));
    }
    for folder in [keys, secrets::key_folder(config)] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            // Public keys may be read.
            if !name.to_string_lossy().ends_with(".pub.pem") {
                paths.push((entry.path(), closed));
            }
        }
    }
    paths.sort();
    paths.dedup();
    let mut problems = Vec::new();
    for (path, refused) in paths {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let mode = metadata.mode() & 0o777;
        if metadata.uid() != user {
            problems.push(format!("{} belongs to the user {} and not to {user}", path.display(), metadata.uid()));
        } else if mode & refused != 0 {
            problems.push(format!("{} has mode {mode:04o}", path.display()));
        }
    }
    problems
}

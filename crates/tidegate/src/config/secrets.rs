//! Keys and credentials on disk: read where they are configured, generated on the first start
//! otherwise. Files have mode 0600 in folders of mode 0700, and are written atomically. Secrets are
//! never logged.

#![expect(clippy::disallowed_methods, reason = "keys and credentials are files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_lc_rs::rand;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sign::{KeyKind, SigningKey};

use super::key_text::KeyText;
use super::resolve::Resolver;
use super::{Config, StoreSetting, known_keys};

/// The keys and credentials of a server.
#[derive(Debug)]
pub struct Secrets {
    /// The key that signs grants, with its key pair id.
    pub signing_key: (String, SigningKey),
    /// The credentials of the S3 door; `None` without a local store.
    pub s3: Option<DoorCredentials>,
    /// The PEM that the server's own tokens are signed with, if it issues any.
    pub tokens: Option<SecretString>,
    /// The key that signs links to files.
    pub links: SecretString,
}

/// The credentials that the S3 door of a local store accepts.
#[derive(Debug)]
pub struct DoorCredentials {
    /// The server's own, which presign requests and never leave it.
    pub presign: Credentials,
    /// The operator's, for reading; in production only if they are configured.
    pub operator: Option<Credentials>,
}

impl DoorCredentials {
    /// Returns whether an access key is the operator's.
    pub fn is_operator(&self, access_key: &str) -> bool {
        self.operator.as_ref().is_some_and(|operator| operator.access_key == access_key)
    }
}

/// S3 credentials.
#[derive(Clone)]
pub struct Credentials {
    /// The access key id, which is public.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: SecretString,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct StoredCredentials {
    access_key: String,
    secret_key: String,
}

/// Returns the PEM of the key that signs grants, given as text or as a file name.
pub(super) fn private_key(r: &mut Resolver, text: String) -> Option<SecretString> {
    let pem = KeyText::read(text).and_then(|key| key.parsed_by("an RSA or P-256 private key", SigningKey::parse));
    pem.map_err(|wanted| r.problem("CLOUDFRONT_PRIVATE_KEY_PEM", &wanted)).ok().map(Into::into)
}

/// Returns whether everybody has a private key.
pub(super) fn is_published(pem: &SecretString) -> bool {
    let public = SigningKey::parse(pem.expose_secret()).and_then(|key| key.public_pem());
    public.is_ok_and(|public| known_keys::is_published(&public))
}

/// Returns the folder of key pairs that sign grants.
pub fn key_folder(config: &Config) -> PathBuf {
    config.data.join("keys").join("cloudfront")
}

/// Loads all keys and credentials, and generates missing ones. `remote` is the signing key that is
/// kept outside of this server, with its id.
pub fn load(config: &Config, remote: Option<(String, SigningKey)>) -> anyhow::Result<Secrets> {
    let folder = config.data.join("keys");
    make_folder(&folder)?;
    let cloudfront = key_folder(config);
    make_folder(&cloudfront)?;
    let signing_key = match (remote, &config.cloudfront.key) {
        (Some(remote), _) => remote,
        (None, Some((id, pem))) => (id.clone(), SigningKey::parse(pem.expose_secret())?),
        (None, None) => generated_key(config, &cloudfront)?,
    };
    let s3 = match config.store {
        StoreSetting::Local(_) => Some(door_credentials(config, &folder)?),
        StoreSetting::S3(_) => None,
    };
    let own = &config.auth.sign_in;
    let tokens = match &own.own_key {
        _ if !own.own_tokens => None,
        Some(given) => Some(given.clone()),
        None => Some(token_key(config)?),
    };
    let links = match &config.files.link_key {
        Some(given) => given.clone(),
        None => link_key(&folder)?,
    };
    Ok(Secrets { signing_key, s3, tokens, links })
}

/// Reads the public keys in a folder, ordered by id. A file that cannot be read is reported and not
/// trusted; a missing folder holds no keys.
pub fn public_keys(folder: &Path) -> io::Result<PublicKeys> {
    let mut found = PublicKeys::default();
    let listed = match pems(folder, ".pub.pem") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.problems.push(format!("the folder {} is not there", folder.display()));
            Vec::new()
        }
        other => other?,
    };
    for (id, path) in listed {
        if !is_key_pair_id(&id) {
            let path = path.display();
            found.problems.push(format!("{path} is no key: a key pair id is up to 64 letters, digits, - and _"));
            continue;
        }
        match read_small(&path) {
            Ok(pem) => found.pems.push((id, pem)),
            Err(error) => found.problems.push(format!("{} can't be read and is not trusted: {error}", path.display())),
        }
    }
    Ok(found)
}

/// When the keys of a server came to their places, as far as files say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyTimes {
    /// The public keys in the edge's folder, by id.
    pub edge: BTreeMap<String, SystemTime>,
    /// The ids of the private keys in the data folder.
    pub generated: BTreeSet<String>,
    /// The generated key of tokens.
    pub tokens: Option<SystemTime>,
    /// The generated key of links.
    pub links: Option<SystemTime>,
    /// The generated credentials of the S3 door.
    pub s3: Option<SystemTime>,
}

impl KeyTimes {
    /// Reads the times. A file that is not there, or cannot be read, has none. Blocks on file reads.
    pub fn read(config: &Config) -> Self {
        let time = |path: &Path| fs::metadata(path).ok().map(|metadata| arrived(&metadata));
        let keys = config.data.join("keys");
        let public = pems(&config.edge.keys, ".pub.pem").unwrap_or_default();
        let private = pems(&key_folder(config), ".pem").unwrap_or_default();
        Self {
            edge: public.into_iter().filter_map(|(id, path)| Some((id, time(&path)?))).collect(),
            generated: private.into_iter().map(|(id, _)| id).collect(),
            tokens: time(&token_key_file(config)),
            links: time(&keys.join("links.key")),
            s3: time(&keys.join("s3-presign.json")),
        }
    }
}

/// The public keys in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys {
    /// Key pair ids and PEMs, ordered by id.
    pub pems: Vec<(String, String)>,
    /// Problems of other files.
    pub problems: Vec<String>,
}

impl PublicKeys {
    /// Returns whether there is a key with this id.
    pub fn has(&self, id: &str) -> bool {
        self.pems.iter().any(|(known, _)| known == id)
    }
}

/// Reads at most 64 KiB of a plain file.
fn read_small(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    // Without `O_NONBLOCK`, opening a named pipe would hang.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(nonblock).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    file.take(64 << 10).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the key for links in the data folder, generating it if it is missing.
fn link_key(folder: &Path) -> anyhow::Result<SecretString> {
    let make = || random_text(48, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    Ok(read_or_make(&folder.join("links.key"), make)?.into())
}

/// Returns the PEM for tokens in the data folder, generating it if it is missing.
pub fn token_key(config: &Config) -> anyhow::Result<SecretString> {
    make_folder(&config.data.join("keys"))?;
    let make = || Ok(SigningKey::generate(KeyKind::P256)?.1);
    Ok(read_or_make(&token_key_file(config), make)?.into())
}

/// Returns the path of the key for tokens that a server generates.
pub fn token_key_file(config: &Config) -> PathBuf {
    config.data.join("keys").join("tokens.pem")
}

fn door_credentials(config: &Config, folder: &Path) -> anyhow::Result<DoorCredentials> {
    let operator = match &config.operator {
        Some((access_key, secret_key)) => {
            Some(Credentials { access_key: access_key.clone(), secret_key: secret_key.clone() })
        }
        None if config.in_production() => None,
        None => Some(credentials(&folder.join("s3-operator.json"))?),
    };
    Ok(DoorCredentials { presign: credentials(&folder.join("s3-presign.json"))?, operator })
}

/// A private key found in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// The key pair id.
    pub id: String,
    /// The path of its file.
    pub path: PathBuf,
    /// When the file was written; the newest key is found by it.
    pub written: SystemTime,
    /// When the file arrived in the folder.
    pub arrived: SystemTime,
}

impl FoundKey {
    /// Reads the key.
    pub fn read(&self) -> anyhow::Result<SigningKey> {
        let pem = fs::read_to_string(&self.path).with_context(|| self.path.display().to_string())?;
        SigningKey::parse(&pem).map_err(|error| anyhow::anyhow!("{}: {error}", self.path.display()))
    }
}

/// Returns the private keys in a folder, the oldest first.
pub fn private_keys(folder: &Path) -> io::Result<Vec<FoundKey>> {
    let mut found = Vec::new();
    for (id, path) in pems(folder, ".pem")?.into_iter().filter(|(id, _)| is_key_pair_id(id)) {
        match fs::metadata(&path).and_then(|metadata| Ok((metadata.modified()?, arrived(&metadata)))) {
            Ok((written, arrived)) => found.push(FoundKey { id, path, written, arrived }),
            // Removed since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by(|one, other| (one.written, &one.id).cmp(&(other.written, &other.id)));
    Ok(found)
}

/// Returns when a file arrived in its folder; a moved or copied file may keep an older modification
/// time.
fn arrived(metadata: &fs::Metadata) -> SystemTime {
    let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec()).max((metadata.ctime(), metadata.ctime_nsec()));
    let since = Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0));
    SystemTime::UNIX_EPOCH + since
}

/// Returns the keys that have been in their folder for at least `min_age`, the newest first.
pub fn older_than(keys: &[FoundKey], min_age: Duration, now: SystemTime) -> impl Iterator<Item = &FoundKey> {
    keys.iter().rev().filter(move |key| now.duration_since(key.arrived).is_ok_and(|age| age >= min_age))
}

/// Returns the key to sign with: the newest of at least `min_age`, or the oldest of all if none is
/// that old.
pub fn choose_key(keys: &[FoundKey], min_age: Duration, now: SystemTime) -> Option<&FoundKey> {
    older_than(keys, min_age, now).next().or_else(|| keys.first())
}

/// Generates a key pair in a folder. The public key is written first, so that no private key is
/// found before it can be trusted.
pub fn generate_pair(folder: &Path, kind: KeyKind) -> anyhow::Result<(String, SigningKey)> {
    make_folder(folder)?;
    let id = format!("K{}", random_text(13, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")?);
    let (key, pem) = SigningKey::generate(kind)?;
    write_new(&folder.join(format!("{id}.pub.pem")), key.public_pem()?.as_bytes())?;
    write_new(&folder.join(format!("{id}.pem")), pem.as_bytes())?;
    Ok((id, key))
}

/// Adds a public key to a folder that edges read. One that is there already is no error.
pub fn add_public_key(folder: &Path, id: &str, pem: &str) -> anyhow::Result<()> {
    let path = folder.join(format!("{id}.pub.pem"));
    match fs::read_to_string(&path) {
        Ok(known) if known == pem => Ok(()),
        _ => write_new(&path, pem.as_bytes()),
    }
}

/// Removes a public key from a folder that edges read. One that is not there is no error.
pub fn remove_public_key(folder: &Path, id: &str) -> anyhow::Result<()> {
    let path = folder.join(format!("{id}.pub.pem"));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(anyhow::Error::new(error).context(format!("{} can't be removed", path.display())))
        }
        _ => Ok(()),
    }
}

/// Returns the key in the folder to sign with, generating one if there is none.
fn generated_key(config: &Config, folder: &Path) -> anyhow::Result<(String, SigningKey)> {
    let mut keys = private_keys(folder).map_err(|error| unreadable(folder, error))?;
    // Prefers keys that the edge trusts.
    let trusted = public_keys(&config.edge.keys).map_err(|error| unreadable(&config.edge.keys, error))?;
    if keys.iter().any(|key| trusted.has(&key.id)) {
        keys.retain(|key| trusted.has(&key.id));
    }
    match choose_key(&keys, config.edge.min_key_age(), SystemTime::now()) {
        Some(found) => Ok((found.id.clone(), found.read()?)),
        None => generate_pair(folder, config.cloudfront.key_kind),
    }
}

/// Returns whether a name can be a key pair id, which stands in URLs and cookies unencoded.
fn is_key_pair_id(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Returns ids and paths of the files `<id><ending>`.
fn pems(folder: &Path, ending: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // `.pub.pem` ends in `.pem`, too.
        if let Some(id) = name.strip_suffix(ending).filter(|id| !id.contains('.')) {
            found.push((id.to_owned(), path.clone()));
        }
    }
    found.sort();
    Ok(found)
}

fn credentials(path: &Path) -> anyhow::Result<Credentials> {
    let make = || {
        let stored = StoredCredentials {
            access_key: format!("TG{}", random_text(18, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")?),
            secret_key: random_text(40, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")?,
        };
        Ok(serde_json::to_string(&stored)?)
    };
    let stored: StoredCredentials = serde_json::from_str(&read_or_make(path, make)?)
        .map_err(|_| anyhow::anyhow!("{}: not what was written there; remove it to make new ones", path.display()))?;
    Ok(Credentials { access_key: stored.access_key, secret_key: stored.secret_key.into() })
}

/// Returns the text of a file, and makes the file if it is missing. Of several processes that make it at
/// once, each gets the text of the one that was first.
fn read_or_make(path: &Path, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(path, error)),
    }
    match write_and_sync(path, make()?.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(anyhow::Error::new(error).context(format!("{} can't be written", path.display())));
        }
        _ => {}
    }
    fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("{} can't be read", path.display()))
}

/// Returns uniformly random text; random bytes that would favour some letters are discarded.
fn random_text(length: usize, alphabet: &[u8]) -> anyhow::Result<String> {
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut byte = [0u8];
        rand::fill(&mut byte).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
        if usize::from(byte[0]) < fair {
            text.push(char::from(alphabet[usize::from(byte[0]) % alphabet.len()]));
        }
    }
    Ok(text)
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.with_context(|| format!("the folder {} can't be created", path.display()))
}

/// Writes a new file durably; fails if it exists.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_and_sync(path, bytes).with_context(|| format!("{} can't be written", path.display()))
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A name of its own: another process may write the same file.
    let temp = path.with_extension(format!("{}.tmp", uuid::Uuid::new_v4().simple()));
    let written = write_temp(&temp, bytes).and_then(|()| fs::hard_link(&temp, path));
    let removed = fs::remove_file(&temp);
    written?;
    removed?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn write_temp(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server and a worker that start together on one data folder.
    #[test]
    fn a_file_that_many_make_at_once_is_one_for_all() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("links.key");
            let made = std::thread::scope(|scope| {
                let one = |n: usize| {
                    scope.spawn({
                        let path = &path;
                        move || read_or_make(path, || Ok(format!("key {n}"))).unwrap()
                    })
                };
                (0..8).map(one).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            });
            let stored = fs::read_to_string(&path).unwrap();
            assert!(made.iter().all(|text| *text == stored), "{made:?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        }
    }

    #[test]
    fn a_new_key_signs_once_every_edge_has_read_it() {
        let now = SystemTime::now();
        let key = |id: &str, age: u64| FoundKey {
            id: id.into(),
            path: PathBuf::new(),
            written: now - Duration::from_secs(age),
            arrived: now - Duration::from_secs(age),
        };
        let min_age = Duration::from_secs(10);
        let choose_key = |keys: &[FoundKey]| super::choose_key(keys, min_age, now).map(|key| key.id.clone());
        assert_eq!(choose_key(&[]), None);
        assert_eq!(choose_key(&[key("first", 0)]).as_deref(), Some("first"));
        assert_eq!(choose_key(&[key("old", 100), key("new", 9)]).as_deref(), Some("old"));
        assert_eq!(choose_key(&[key("old", 100), key("new", 10)]).as_deref(), Some("new"));
        assert_eq!(choose_key(&[key("one", 3), key("two", 2)]).as_deref(), Some("one"));
    }
}

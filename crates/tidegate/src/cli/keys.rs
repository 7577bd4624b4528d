//! `tidegate keys`: key pairs that grants are signed with, made and listed. A running server finds a new one by itself.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use sign::{KeyKind, PublicKey};

use super::{complain, print};
use crate::config::Config;
use crate::config::secrets;
use crate::model::rfc3339;

/// What is done.
#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Make a key pair: ID.pem (0600) and ID.pub.pem.
    ///
    /// In the data folder a running server signs with it as soon as every edge that reads the folder has had the time to
    /// trust it; the one before is trusted until its ID.pub.pem is removed.
    Generate(New),
    /// List the key pairs, the newest first.
    List(Folder),
}

/// What is made.
#[derive(Debug, Args)]
pub(super) struct New {
    /// The type. Default: as `CLOUDFRONT_KEY_TYPE` says.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    #[command(flatten)]
    folder: Folder,
}

/// Where.
#[derive(Debug, Args)]
pub(super) struct Folder {
    /// Another folder than that of the data folder, as for a key that is given by `CLOUDFRONT_PRIVATE_KEY_PEM`.
    #[arg(long = "folder", value_name = "FOLDER")]
    path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Rsa,
    P256,
}

/// Does it.
pub(super) fn run(config: &Config, what: &What) -> ExitCode {
    let done = match what {
        What::Generate(new) => generate(config, new),
        What::List(folder) => list(config, folder),
    };
    match done {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn folder_of(config: &Config, folder: &Folder) -> PathBuf {
    folder.path.clone().unwrap_or_else(|| secrets::key_folder(config))
}

fn generate(config: &Config, new: &New) -> anyhow::Result<String> {
    let kind = match new.kind {
        Some(Kind::Rsa) => KeyKind::Rsa2048,
        Some(Kind::P256) => KeyKind::P256,
        None => config.cloudfront.key_kind,
    };
    let folder = folder_of(config, &new.folder);
    let (id, _) = secrets::generate_pair(&folder, kind)?;
    let at = |ending: &str| folder.join(format!("{id}{ending}")).display().to_string();
    let mut text = format!("{id}\nprivate {}\npublic  {}\n", at(".pem"), at(".pub.pem"));
    if let (Some((given, _)), None) = (&config.cloudfront.key, &new.folder.path) {
        text.push_str(&format!("not used: CLOUDFRONT_PRIVATE_KEY_PEM gives the server the key {given}\n"));
    } else if new.folder.path.is_none() {
        let seconds = config.edge.min_key_age().as_secs();
        text.push_str(&format!("signed with from about {seconds} s after this, where the edge reads this folder\n"));
    }
    Ok(text)
}

fn list(config: &Config, folder: &Folder) -> anyhow::Result<String> {
    let path = folder_of(config, folder);
    let private = secrets::private_keys(&path).with_context(|| format!("the folder {}", path.display()));
    let (mut private, public) = (private?, secrets::public_keys(&path)?);
    let used = config.cloudfront.key.is_none() && folder.path.is_none();
    let min_age = config.edge.min_key_age();
    let signs = secrets::chosen(&private, min_age, SystemTime::now()).filter(|_| used).map(|key| key.id.clone());
    private.reverse();
    let mut text = format!("{:<24} {:<9} {:<24} use\n", "id", "type", "made");
    for key in &private {
        let pem = public.pems.iter().find(|(id, _)| *id == key.id).map(|(_, pem)| pem.as_str());
        let kind = pem.map_or("?", kind_of);
        let how = match (&signs, pem) {
            (_, None) => "trusted by nobody: its .pub.pem is not here".to_owned(),
            (Some(id), _) if *id == key.id => "signs".to_owned(),
            (Some(_), _) => waits(key.arrived, min_age),
            (None, _) => "here, and not what the server signs with".to_owned(),
        };
        text.push_str(&format!("{:<24} {kind:<9} {:<24} {how}\n", key.id, rfc3339(key.written)));
    }
    for (id, pem) in public.pems.iter().filter(|(id, _)| private.iter().all(|key| key.id != *id)) {
        text.push_str(&format!("{id:<24} {:<9} {:<24} trusted, public half only\n", kind_of(pem), ""));
    }
    for problem in &public.problems {
        text.push_str(&format!("{problem}\n"));
    }
    if let Some((id, _)) = config.cloudfront.key.as_ref().filter(|_| folder.path.is_none()) {
        text.push_str(&format!("{id:<24} given by CLOUDFRONT_PRIVATE_KEY_PEM: signs\n"));
    }
    Ok(text)
}

/// A key that another one is signed with instead.
fn waits(written: SystemTime, min_age: Duration) -> String {
    match (written + min_age).duration_since(SystemTime::now()) {
        Ok(left) => format!("trusted; signs in {} s", left.as_secs() + 1),
        Err(_) => "trusted; signed before".to_owned(),
    }
}

fn kind_of(pem: &str) -> &'static str {
    match PublicKey::parse(pem).map(|key| key.kind()) {
        Ok(KeyKind::Rsa2048) => "rsa-2048",
        Ok(KeyKind::P256) => "p256",
        Err(_) => "unusable",
    }
}

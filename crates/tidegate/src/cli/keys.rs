//! `tidegate keys`: generates and lists key pairs that sign grants. A running server finds a new
//! pair by itself.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use sign::{KeyKind, PublicKey};

use super::{print, print_error};
use crate::config::Config;
use crate::config::secrets;
use crate::model::rfc3339;

/// What to do with key pairs.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Generate a key pair: ID.pem (mode 0600) and ID.pub.pem.
    ///
    /// In the data folder, a running server signs with it as soon as every edge that reads the
    /// folder has had the time to trust it. The previous key is trusted until its ID.pub.pem is
    /// removed.
    Generate(GenerateArgs),
    /// List the key pairs, the newest first.
    List(FolderArgs),
}

/// Options of `keys generate`.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// The key type. Default: `CLOUDFRONT_KEY_TYPE`.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    #[command(flatten)]
    folder: FolderArgs,
}

/// The folder of key pairs.
#[derive(Debug, Args)]
pub(super) struct FolderArgs {
    /// A folder other than that in the data folder, such as for a key given by
    /// `CLOUDFRONT_PRIVATE_KEY_PEM`.
    #[arg(long = "folder", value_name = "FOLDER")]
    path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Rsa,
    P256,
}

/// Runs the subcommand.
pub(super) fn run(config: &Config, what: &KeysCommand) -> ExitCode {
    let done = match what {
        KeysCommand::Generate(new) => generate(config, new),
        KeysCommand::List(folder) => list(config, folder),
    };
    match done {
        Ok(text) => print(&text),
        Err(error) => {
            print_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn folder_of(config: &Config, folder: &FolderArgs) -> PathBuf {
    folder.path.clone().unwrap_or_else(|| secrets::key_folder(config))
}

fn generate(config: &Config, new: &GenerateArgs) -> anyhow::Result<String> {
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

fn list(config: &Config, folder: &FolderArgs) -> anyhow::Result<String> {
    let path = folder_of(config, folder);
    let private = secrets::private_keys(&path).with_context(|| format!("the folder {}", path.display()));
    let (mut private, public) = (private?, secrets::public_keys(&path)?);
    let used = config.cloudfront.key.is_none() && folder.path.is_none();
    let min_age = config.edge.min_key_age();
    let signs = secrets::choose_key(&private, min_age, SystemTime::now()).filter(|_| used).map(|key| key.id.clone());
    private.reverse();
    let mut text = format!("{:<24} {:<9} {:<24} use\n", "id", "type", "made");
    for key in &private {
        let pem = public.pems.iter().find(|(id, _)| *id == key.id).map(|(_, pem)| pem.as_str());
        let kind = pem.map_or("?", kind_of);
        let how = match (&signs, pem) {
            (_, None) => "trusted by nobody: its .pub.pem is not here".to_owned(),
            (Some(id), _) if *id == key.id => "signs".to_owned(),
            (Some(_), _) => describe_waiting(key.arrived, min_age),
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

/// Describes a key that does not sign: it will, or it did before.
fn describe_waiting(written: SystemTime, min_age: Duration) -> String {
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

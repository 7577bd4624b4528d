//! `tidegate keys`: generates, lists and rotates key pairs that sign grants. A running server finds
//! a new pair by itself.

mod rotate;
mod rotation;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand, ValueEnum};
use sign::{KeyKind, PublicKey, SigningKey};

pub(super) use self::rotate::RotateArgs;
use super::{print, print_error, process};
use crate::config::Config;
use crate::config::known_keys;
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
    /// Replace the signing key that AWS keeps: in CloudFront, in its key group, and where servers
    /// read it.
    ///
    /// Continues where an earlier run has ended. Exit code 0: every step whose time has come is
    /// done; 1: a step failed, and the same command tries it again.
    Rotate(RotateArgs),
    /// Print a dummy key pair, with which infrastructure can be created before there is a real one.
    ///
    /// It is always the same, everybody has it, and production refuses it.
    Dummy(DummyArgs),
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

/// Options of `keys dummy`.
#[derive(Debug, Args)]
pub(super) struct DummyArgs {
    /// The key type.
    #[arg(long, value_enum, default_value = "rsa")]
    kind: Kind,
    /// What to print.
    #[arg(long, value_enum, default_value = "pair")]
    form: Form,
}

/// What is printed of a dummy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Both PEMs.
    Pair,
    /// The PEM of the public key, for CloudFront.
    Public,
    /// The PEM of the private key.
    Private,
    /// The PEM of the private key in base64.
    Base64,
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

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Rsa => Self::Rsa2048,
            Kind::P256 => Self::P256,
        }
    }
}

/// Prints a dummy, for which no setting counts.
pub(super) fn run_dummy(wanted: &DummyArgs) -> ExitCode {
    print_or_report(dummy(wanted))
}

/// Runs the subcommand.
pub(super) fn run(config: &Config, what: &KeysCommand) -> ExitCode {
    print_or_report(match what {
        KeysCommand::Generate(new) => generate(config, new),
        KeysCommand::List(folder) => list(config, folder),
        KeysCommand::Rotate(args) => process::run_once(|| rotate::run(config, args)).map(|()| String::new()),
        KeysCommand::Dummy(wanted) => dummy(wanted),
    })
}

fn print_or_report(done: anyhow::Result<String>) -> ExitCode {
    match done {
        Ok(text) => print(&text),
        Err(error) => {
            print_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dummy(wanted: &DummyArgs) -> anyhow::Result<String> {
    let private = known_keys::dummy_key(wanted.kind.into());
    let public = SigningKey::parse(private)?.public_pem()?;
    Ok(match wanted.form {
        Form::Pair => format!("{private}{public}"),
        Form::Public => public,
        Form::Private => private.to_owned(),
        Form::Base64 => format!("{}\n", STANDARD.encode(private)),
    })
}

fn folder_of(config: &Config, folder: &FolderArgs) -> PathBuf {
    folder.path.clone().unwrap_or_else(|| secrets::key_folder(config))
}

fn generate(config: &Config, new: &GenerateArgs) -> anyhow::Result<String> {
    let kind = new.kind.map_or(config.cloudfront.key_kind, Kind::into);
    let folder = folder_of(config, &new.folder);
    let (id, _) = secrets::generate_pair(&folder, kind)?;
    let at = |ending: &str| folder.join(format!("{id}{ending}")).display().to_string();
    let mut text = format!("{id}\nprivate {}\npublic  {}\n", at(".pem"), at(".pub.pem"));
    if let (Some((given, _)), None) = (&config.cloudfront.key, &new.folder.path) {
        text.push_str(&format!("not used: CLOUDFRONT_PRIVATE_KEY_PEM gives the server the key {given}\n"));
    } else if let (Some(remote), None) = (&config.cloudfront.remote_key, &new.folder.path) {
        text.push_str(&format!("not used: the server signs with the key in {}\n", remote.place));
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
    let elsewhere = config.cloudfront.remote_key.as_ref().filter(|_| folder.path.is_none());
    let used = config.cloudfront.key.is_none() && elsewhere.is_none() && folder.path.is_none();
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
    if let Some(remote) = elsewhere {
        text.push_str(&format!("{:<24} in {}: signs\n", "the key", remote.place));
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

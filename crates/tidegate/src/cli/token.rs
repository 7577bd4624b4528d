//! `tidegate token`: a token for a user, signed as the server signs its own.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;
use secrecy::ExposeSecret as _;

use super::{complain, print};
use crate::config::{Config, Origin, secrets};
use crate::model::ids::{OrgId, UserId};
use crate::model::principal::Roles;
use crate::sign_in::issuer::{Issuer, NewToken};

/// Whom the token is for.
#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// The user's id.
    #[arg(long)]
    user: String,
    /// The user's organisation.
    #[arg(long)]
    org: Option<String>,
    /// Let the user see what everybody did.
    #[arg(long)]
    admin: bool,
    /// How long it is good for.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=8760))]
    hours: u64,
}

/// Prints the token.
pub(super) fn run(config: &Config, wanted: &Wanted) -> ExitCode {
    match make(config, wanted) {
        Ok(token) => print(&format!("{token}\n")),
        Err(error) => {
            complain(&format!("no token: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn make(config: &Config, wanted: &Wanted) -> anyhow::Result<String> {
    let setting = &config.auth.sign_in;
    anyhow::ensure!(setting.own_tokens, "this server takes no tokens of its own; see AUTH_OWN_TOKENS");
    let address = match &config.public_base_url {
        Some(address) => address.to_string(),
        // Without a public address the server is its own issuer under the one it listens on.
        None => {
            anyhow::ensure!(
                config.port != 0,
                "PORT=0 gives the server another name at every start; set PUBLIC_BASE_URL"
            );
            let at = format!("http://{}", std::net::SocketAddr::new(config.bind, config.port));
            Origin::parse(&at).context("BIND_HOST makes no URL")?.to_string()
        }
    };
    let key = match &setting.own_key {
        Some(given) => given.clone(),
        None => secrets::token_key(config)?,
    };
    let issuer = Issuer::new(key.expose_secret(), &address, setting.own_audience())?;
    let new = NewToken {
        user: UserId::parse(&wanted.user)?,
        org: wanted.org.as_deref().map(OrgId::parse).transpose()?,
        roles: Roles { admin: wanted.admin, datasets: std::collections::BTreeMap::default() },
    };
    let (token, _) = issuer.issue(&new, SystemTime::now(), Duration::from_secs(wanted.hours * 3600))?;
    Ok(token)
}

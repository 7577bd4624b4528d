//! `tidegate token`: issues a token for a user, signed with the server's own key.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;
use secrecy::ExposeSecret as _;

use super::{print, print_error};
use crate::config::{Config, Origin, secrets};
use crate::model::ids::{OrgId, UserId};
use crate::model::principal::Roles;
use crate::sign_in::issuer::{Issuer, NewToken};

/// Options of `token`.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The user's id.
    #[arg(long)]
    user: String,
    /// The user's organisation.
    #[arg(long)]
    org: Option<String>,
    /// Give the user the role `admin`, which may read the whole audit log.
    #[arg(long)]
    admin: bool,
    /// The lifetime in hours.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=8760))]
    hours: u64,
}

/// Prints the token.
pub(super) fn run(config: &Config, arguments: &TokenArgs) -> ExitCode {
    match issue(config, arguments) {
        Ok(token) => print(&format!("{token}\n")),
        Err(error) => {
            print_error(&format!("no token: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn issue(config: &Config, arguments: &TokenArgs) -> anyhow::Result<String> {
    let setting = &config.auth.sign_in;
    anyhow::ensure!(
        setting.own_tokens,
        "this server takes no tokens of its own; if the running one does, give this command AUTH_OWN_TOKENS=true too"
    );
    let address = match &config.public_base_url {
        Some(address) => address.to_string(),
        // Without a public address, the server is its own issuer under the address it listens on.
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
        None => {
            // A key generated here would be no server's.
            let file = secrets::token_key_file(config);
            anyhow::ensure!(
                file.exists(),
                "no server has issued tokens in {}: {} is missing. Start `tidegate serve` with AUTH_OWN_TOKENS=true \
                 first, or set TIDEGATE_DATA to the server's data folder",
                config.data.display(),
                file.display()
            );
            secrets::token_key(config)?
        }
    };
    let issuer = Issuer::new(key.expose_secret(), &address, setting.own_audience())?;
    let new = NewToken {
        user: UserId::parse(&arguments.user)?,
        org: arguments.org.as_deref().map(OrgId::parse).transpose()?,
        roles: Roles { admin: arguments.admin, datasets: std::collections::BTreeMap::default() },
    };
    let (token, _) = issuer.issue(&new, SystemTime::now(), Duration::from_secs(arguments.hours * 3600))?;
    Ok(token)
}

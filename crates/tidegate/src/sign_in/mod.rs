//! Sign-in: from a token to who is acting. Knows no requests; `http/auth.rs` finds the token in one.

pub mod claims;
pub mod issuer;
pub mod jwks;
pub mod token;

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_lc_rs::{constant_time, digest};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use self::claims::Mapping;
use self::issuer::Issuer;
use self::jwks::Jwks;
use self::token::{Expected, Key, Rejected};
use crate::error::{Error, Result};
use crate::model::epoch_seconds;
use crate::model::principal::Principal;

/// What tokens are checked against.
#[derive(Debug, Clone, Default)]
pub struct SignInSetting {
    /// The PEM of the issuer's one key.
    pub public_key: Option<String>,
    /// Where the issuer's keys are.
    pub jwks_url: Option<String>,
    /// How often they are read.
    pub jwks_refresh: Duration,
    /// `iss`.
    pub issuer: Option<String>,
    /// `aud`.
    pub audience: Option<String>,
    /// What the claims mean.
    pub mapping: Mapping,
    /// Tokens of services.
    pub services: Vec<SecretString>,
    /// Whether tokens of our own making are made and taken.
    pub own_tokens: bool,
    /// The PEM they are signed with, if given.
    pub own_key: Option<SecretString>,
}

impl SignInSetting {
    /// For whom tokens of our own making are.
    pub fn own_audience(&self) -> &str {
        self.audience.as_deref().unwrap_or("tidegate")
    }
}

/// Everything that a token is checked against.
#[derive(Debug)]
pub struct SignIn {
    fixed: Option<Key>,
    jwks: Option<Jwks>,
    expected: Expected,
    mapping: Mapping,
    /// Tokens of our own making.
    pub issuer: Option<Issuer>,
    /// SHA-256 of each service token: what is compared has one length.
    services: Vec<[u8; 32]>,
}

impl SignIn {
    /// As the settings say; the default settings accept no token. `own_key` is the PEM that our own tokens are signed
    /// with; `address` is the API's.
    pub fn new(setting: &SignInSetting, own_key: Option<&str>, address: &str) -> anyhow::Result<Self> {
        let SignInSetting { public_key, jwks_url, jwks_refresh, issuer, audience, mapping, services, .. } = setting;
        let fixed = public_key.as_deref().map(Key::from_pem).transpose().context("AUTH_JWT_PUBLIC_KEY_BASE64")?;
        Ok(Self {
            fixed,
            jwks: jwks_url.as_ref().map(|url| Jwks::new(url, *jwks_refresh)).transpose()?,
            expected: Expected { issuer: issuer.clone(), audience: audience.clone() },
            mapping: mapping.clone(),
            issuer: own_key.map(|pem| Issuer::new(pem, address, setting.own_audience())).transpose()?,
            services: services.iter().map(|token| hashed(token.expose_secret())).collect(),
        })
    }

    /// Who holds this service token, in a time that tells nothing of it.
    pub fn service(&self, token: &str) -> Option<Principal> {
        let given = hashed(token);
        // Every one is compared, so that not even the number of the right one shows.
        let found = self
            .services
            .iter()
            .fold(false, |found, known| found | constant_time::verify_slices_are_equal(known, &given).is_ok());
        found.then_some(Principal::Service)
    }

    /// Which user a token names.
    pub async fn user(&self, token: &str) -> Result<Principal> {
        let refused = |rejected: Rejected| Error::Unauthenticated(format!("the token is not taken: {rejected}").into());
        let parsed = token::parse(token).map_err(refused)?;
        let now = SystemTime::now();
        if let Some(issuer) = self.issuer.as_ref().filter(|issuer| parsed.key_id() == Some(issuer.key_id())) {
            let claims = parsed.verify(issuer.key(), issuer.expected(), epoch_seconds(now)).map_err(refused)?;
            return Mapping::default().principal(&claims).map_err(refused);
        }
        let claims = match (&self.fixed, &self.jwks) {
            (Some(key), _) => parsed.verify(key, &self.expected, epoch_seconds(now)),
            (None, Some(jwks)) => {
                let key = jwks.find(&parsed).await?;
                key.ok_or(Rejected::Key).and_then(|key| parsed.verify(&key, &self.expected, epoch_seconds(now)))
            }
            (None, None) => Err(Rejected::Key),
        };
        claims.and_then(|claims| self.mapping.principal(&claims)).map_err(refused)
    }

    /// Why tokens can't be checked at present; `None` where they can.
    pub fn trouble(&self) -> Option<String> {
        self.jwks.as_ref().and_then(Jwks::trouble)
    }

    /// Whether there is anything outside that sign-in depends on.
    pub fn depends(&self) -> bool {
        self.jwks.is_some()
    }

    /// Reads the keys again and again until `stop`.
    pub async fn keep_fresh(&self, stop: CancellationToken) {
        if let Some(jwks) = &self.jwks {
            jwks.keep_fresh(stop).await;
        }
    }
}

fn hashed(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

//! Sign-in: verifies tokens and maps their claims to a principal. Knows no requests; `http/auth.rs`
//! finds the token in one.

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
use self::token::{Claims, Expected, Key, Rejected};
use crate::error::{Error, Result};
use crate::model::epoch_seconds;
use crate::model::principal::Principal;

/// The settings of sign-in.
#[derive(Debug, Clone, Default)]
pub struct SignInSetting {
    /// The PEM of the issuer's only public key.
    pub public_key: Option<String>,
    /// The URL of the issuer's key set (RFC 7517).
    pub jwks_url: Option<String>,
    /// The interval of reading the key set.
    pub jwks_refresh: Duration,
    /// The required `iss`.
    pub issuer: Option<String>,
    /// The required `aud`.
    pub audience: Option<String>,
    /// The meaning of the claims.
    pub mapping: Mapping,
    /// The valid service tokens.
    pub services: Vec<SecretString>,
    /// Whether the server issues and accepts its own tokens.
    pub own_tokens: bool,
    /// The PEM that the server's own tokens are signed with, if given.
    pub own_key: Option<SecretString>,
}

impl SignInSetting {
    /// Returns the `aud` of the server's own tokens.
    pub fn own_audience(&self) -> &str {
        self.audience.as_deref().unwrap_or("tidegate")
    }
}

/// A user whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user.
    pub principal: Principal,
    /// When the token ends.
    pub expires_at: Option<SystemTime>,
}

/// Verifies tokens of users and services.
#[derive(Debug)]
pub struct SignIn {
    fixed: Option<Key>,
    jwks: Option<Jwks>,
    expected: Expected,
    mapping: Mapping,
    /// Issues and verifies the server's own tokens, where enabled.
    pub issuer: Option<Issuer>,
    /// SHA-256 of each service token; hashes have one length, so comparing them takes constant
    /// time.
    services: Vec<[u8; 32]>,
}

impl SignIn {
    /// Creates the verifier from the settings; default settings accept no token. `own_key` is the
    /// PEM that the server's own tokens are signed with, `address` the API's address.
    pub fn new(setting: &SignInSetting, own_key: Option<&str>, address: &str) -> anyhow::Result<Self> {
        let SignInSetting { public_key, jwks_url, jwks_refresh, issuer, audience, mapping, services, .. } = setting;
        let fixed = public_key.as_deref().map(Key::from_pem).transpose().context("AUTH_JWT_PUBLIC_KEY_BASE64")?;
        Ok(Self {
            fixed,
            jwks: jwks_url.as_ref().map(|url| Jwks::new(url, *jwks_refresh)).transpose()?,
            expected: Expected { issuer: issuer.clone(), audience: audience.clone() },
            mapping: mapping.clone(),
            issuer: own_key.map(|pem| Issuer::new(pem, address, setting.own_audience())).transpose()?,
            services: services.iter().map(|token| sha256(token.expose_secret())).collect(),
        })
    }

    /// Returns the service principal if this is a service token. Takes constant time.
    pub fn verify_service(&self, token: &str) -> Option<Principal> {
        let given = sha256(token);
        // Every token is compared, so timing does not reveal which one matched.
        let found = self
            .services
            .iter()
            .fold(false, |found, known| found | constant_time::verify_slices_are_equal(known, &given).is_ok());
        found.then_some(Principal::Service)
    }

    /// Verifies a user's token and returns the user and the token's end.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the token is rejected; [`Error::Unavailable`] if the issuer's
    /// keys cannot be read.
    pub async fn verify_user(&self, token: &str) -> Result<SignedIn> {
        let refused = |rejected: Rejected| Error::Unauthenticated(format!("the token is not taken: {rejected}").into());
        let parsed = token::parse(token).map_err(refused)?;
        let now = SystemTime::now();
        if let Some(issuer) = self.issuer.as_ref().filter(|issuer| parsed.key_id() == Some(issuer.key_id())) {
            let claims = parsed.verify(issuer.key(), issuer.expected(), epoch_seconds(now)).map_err(refused)?;
            let principal = Mapping::default().principal(&claims).map_err(refused)?;
            return Ok(SignedIn { principal, expires_at: claims.expires_at() });
        }
        let claims = match (&self.fixed, &self.jwks) {
            (Some(key), _) => parsed.verify(key, &self.expected, epoch_seconds(now)),
            (None, Some(jwks)) => {
                let key = jwks.find(&parsed).await?;
                key.ok_or(Rejected::Key).and_then(|key| parsed.verify(&key, &self.expected, epoch_seconds(now)))
            }
            (None, None) => Err(Rejected::Key),
        };
        let claims = claims.map_err(refused)?;
        let principal = self.mapping.principal(&claims).map_err(refused)?;
        Ok(SignedIn { principal, expires_at: claims.expires_at() })
    }

    /// Returns the user that an authorizer's claims name, and when they end. The claims must come from
    /// the context of an event, which no client can write.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if they name no user, or have ended.
    pub fn accept_claims(&self, mut claims: serde_json::Map<String, serde_json::Value>) -> Result<SignedIn> {
        self.mapping.restore(&mut claims);
        let refused = |rejected: Rejected| {
            Error::Unauthenticated(format!("the authorizer's claims are not taken: {rejected}").into())
        };
        let claims = Claims::of_authorizer(claims, epoch_seconds(SystemTime::now())).map_err(refused)?;
        let principal = self.mapping.principal(&claims).map_err(refused)?;
        Ok(SignedIn { principal, expires_at: claims.expires_at() })
    }

    /// Returns the issuer's only public key, if it was given by a setting.
    pub fn fixed_key(&self) -> Option<&Key> {
        self.fixed.as_ref()
    }

    /// Returns the keys that were last read from the issuer.
    pub fn issuer_keys(&self) -> Vec<Key> {
        self.jwks.as_ref().map(Jwks::keys).unwrap_or_default()
    }

    /// Returns why tokens cannot be verified at present, if they cannot.
    pub fn unavailable_reason(&self) -> Option<String> {
        self.jwks.as_ref().and_then(Jwks::unavailable_reason)
    }

    /// Returns whether sign-in depends on another server.
    pub fn is_external(&self) -> bool {
        self.jwks.is_some()
    }

    /// Reads the key set at an interval until `stop` is cancelled.
    pub async fn refresh_periodically(&self, stop: CancellationToken) {
        if let Some(jwks) = &self.jwks {
            jwks.refresh_periodically(stop).await;
        }
    }
}

fn sha256(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

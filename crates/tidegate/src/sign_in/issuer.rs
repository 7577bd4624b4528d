//! The server's own tokens, signed with its own ES256 key: for deployments without an issuer, and
//! for services that act for users.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::token::{Algorithm, Expected, Key};
use crate::error::{Error, Result};
use crate::model::epoch_seconds;
use crate::model::ids::{OrgId, UserId};
use crate::model::principal::Roles;

/// Signs tokens, and verifies its own.
#[derive(Debug)]
pub struct Issuer {
    pair: EcdsaKeyPair,
    public: Key,
    id: String,
    expected: Expected,
}

/// The content of a token to issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The user's id.
    pub user: UserId,
    /// The user's organisation.
    pub org: Option<OrgId>,
    /// The user's roles.
    pub roles: Roles,
}

impl Issuer {
    /// Creates an issuer at `address` whose tokens are for `audience`.
    pub fn new(pem: &str, address: &str, audience: &str) -> anyhow::Result<Self> {
        let (label, der) = sign::pem_block(pem)?;
        let pair = match label.as_str() {
            "PRIVATE KEY" => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der),
            "EC PRIVATE KEY" => EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der),
            _ => anyhow::bail!("a PEM block {label:?} is no private key"),
        };
        let pair = pair.map_err(|_| anyhow::anyhow!("tokens are signed with a P-256 key"))?;
        let point = pair.public_key().as_ref();
        let id = thumbprint(point);
        let public = Key::new(Some(id.clone()), Algorithm::Es256, point).context("the public key")?;
        let expected = Expected { issuer: Some(address.to_owned()), audience: Some(audience.to_owned()) };
        Ok(Self { pair, public, id, expected })
    }

    /// Returns the key id (`kid`): the thumbprint of the key (RFC 7638).
    pub fn key_id(&self) -> &str {
        &self.id
    }

    /// Returns the public key.
    pub fn key(&self) -> &Key {
        &self.public
    }

    pub(super) fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Issues a token, and returns it with its expiry.
    pub fn issue(&self, new: &NewToken, now: SystemTime, lifetime: Duration) -> Result<(String, SystemTime)> {
        let ends = now + lifetime;
        let mut claims = json!({
            "iss": self.expected.issuer, "aud": self.expected.audience, "sub": new.user.as_str(),
            "iat": epoch_seconds(now), "exp": epoch_seconds(ends), "jti": uuid::Uuid::new_v4().to_string(),
        });
        if let Some(org) = &new.org {
            claims["org"] = org.as_str().into();
        }
        if new.roles.admin {
            claims["roles"] = json!(["admin"]);
        }
        if !new.roles.datasets.is_empty() {
            let roles = new.roles.datasets.iter().map(|(id, role)| (id.as_str(), role.as_str()));
            claims["datasets"] = json!(roles.collect::<std::collections::BTreeMap<_, _>>());
        }
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "ES256", "typ": "JWT", "kid": self.id })), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| Error::Internal(anyhow::anyhow!("a token can't be signed")))?;
        Ok((format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), ends))
    }

    /// Returns the public key as a key set (RFC 7517).
    pub fn jwks(&self) -> Value {
        let (x, y) = coordinates(self.pair.public_key().as_ref());
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.id, "use": "sig", "alg": "ES256" }] })
    }
}

/// Returns the coordinates of an uncompressed point, in base64url.
fn coordinates(point: &[u8]) -> (String, String) {
    let half = |at: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(at).unwrap_or_default());
    (half(1..33), half(33..65))
}

/// Returns the JWK thumbprint of a point (RFC 7638).
fn thumbprint(point: &[u8]) -> String {
    use aws_lc_rs::digest;
    let (x, y) = coordinates(point);
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
}

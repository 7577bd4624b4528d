//! Signs policies and formats the result as a URL query or as cookies. Caches nothing and checks no
//! right; callers decide what may be signed.

use crate::encoding;
use crate::keys::{Hash, SigningKey};
use crate::policy::{canned_policy, custom_policy};
use crate::resource::Resource;

/// Signs with one key pair of a CloudFront key group and one hash algorithm.
#[derive(Debug)]
pub struct Signer {
    key_pair_id: String,
    key: SigningKey,
    hash: Hash,
}

/// A signed custom policy. It can be sent in a URL's query or in cookies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySignature {
    /// The policy in CloudFront's base64.
    pub policy: String,
    /// The signature in CloudFront's base64.
    pub signature: String,
    /// The id of the public key (`Key-Pair-Id`).
    pub key_pair_id: String,
    /// The hash algorithm of the signature.
    pub hash: Hash,
    /// When the grant expires, in epoch seconds.
    pub expires: u64,
}

impl PolicySignature {
    /// Returns the query parameters of the signature. Append them after `?`, or after `&` if the
    /// URL has a query.
    pub fn query(&self) -> String {
        let label = hash_parameter(self.hash);
        format!("Policy={}&Signature={}&Key-Pair-Id={}{label}", self.policy, self.signature, self.key_pair_id)
    }

    /// Returns the names and values of the cookies: three, or four with SHA-256.
    pub fn cookies(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let label = (self.hash == Hash::Sha256).then_some(("CloudFront-Hash-Algorithm", "SHA256"));
        [
            ("CloudFront-Policy", self.policy.as_str()),
            ("CloudFront-Signature", self.signature.as_str()),
            ("CloudFront-Key-Pair-Id", self.key_pair_id.as_str()),
        ]
        .into_iter()
        .chain(label)
    }
}

impl Signer {
    /// Creates a signer for the key that CloudFront knows as `key_pair_id`.
    pub fn new(key_pair_id: impl Into<String>, key: SigningKey, hash: Hash) -> Self {
        Self { key_pair_id: key_pair_id.into(), key, hash }
    }

    /// The id of the public key (`Key-Pair-Id`).
    pub fn key_pair_id(&self) -> &str {
        &self.key_pair_id
    }

    /// Returns the private key, from which the public key can be derived.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Returns `url` signed with a canned policy that expires at `expires` (epoch seconds). The
    /// parameters are in the order of the developer guide. Returns `None` only if the crypto
    /// library fails.
    pub fn sign_url(&self, url: &Resource, expires: u64) -> Option<String> {
        let signature = self.key.sign(self.hash, canned_policy(url.as_str(), expires).as_bytes())?;
        let join = if url.as_str().contains('?') { '&' } else { '?' };
        let label = hash_parameter(self.hash);
        let (signature, id) = (encoding::encode(&signature), &self.key_pair_id);
        Some(format!("{url}{join}Expires={expires}&Signature={signature}&Key-Pair-Id={id}{label}"))
    }

    /// Signs a custom policy for `resource` that expires at `expires` (epoch seconds). Returns
    /// `None` only if the crypto library fails.
    pub fn sign_resource(&self, resource: &Resource, expires: u64) -> Option<PolicySignature> {
        self.sign_policy(&custom_policy(resource, expires), expires)
    }

    /// Signs a policy document byte for byte.
    fn sign_policy(&self, policy: &str, expires: u64) -> Option<PolicySignature> {
        let signature = self.key.sign(self.hash, policy.as_bytes())?;
        Some(PolicySignature {
            policy: encoding::encode(policy.as_bytes()),
            signature: encoding::encode(&signature),
            key_pair_id: self.key_pair_id.clone(),
            hash: self.hash,
            expires,
        })
    }
}

/// Returns the query parameter that names the hash; empty for SHA-1, CloudFront's default.
fn hash_parameter(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "",
        Hash::Sha256 => "&Hash-Algorithm=SHA256",
    }
}

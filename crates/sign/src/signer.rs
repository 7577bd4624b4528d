//! Signing: a policy in, the query or the cookies out.

use crate::encoding;
use crate::keys::{Hash, SigningKey};
use crate::policy::{canned_policy, custom_policy};
use crate::resource::Resource;

/// One key pair of a key group and the hash to use with it.
#[derive(Debug)]
pub struct Signer {
    key_pair_id: String,
    key: SigningKey,
    hash: Hash,
}

/// A signed custom policy, good for a URL's query and for cookies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySignature {
    /// The policy in CloudFront's base64.
    pub policy: String,
    /// The signature in CloudFront's base64.
    pub signature: String,
    /// The public key's id.
    pub key_pair_id: String,
    /// The hash that was used.
    pub hash: Hash,
    /// When it ends, epoch seconds.
    pub expires: u64,
}

impl PolicySignature {
    /// The parameters to put after a URL's `?` (or after its own parameters and `&`).
    pub fn query(&self) -> String {
        let label = hash_parameter(self.hash);
        format!("Policy={}&Signature={}&Key-Pair-Id={}{label}", self.policy, self.signature, self.key_pair_id)
    }

    /// Names and values of the cookies, three or four.
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
    /// A signer for the key that CloudFront knows as `key_pair_id`.
    pub fn new(key_pair_id: impl Into<String>, key: SigningKey, hash: Hash) -> Self {
        Self { key_pair_id: key_pair_id.into(), key, hash }
    }

    /// The public key's id.
    pub fn key_pair_id(&self) -> &str {
        &self.key_pair_id
    }

    /// The private key, for its public half.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// A signed URL with a canned policy that ends at `expires` (epoch seconds). The parameters come
    /// in the order of the developer guide. `None` only if the crypto library fails.
    pub fn sign_url(&self, url: &Resource, expires: u64) -> Option<String> {
        let signature = self.key.sign(self.hash, canned_policy(url.as_str(), expires).as_bytes())?;
        let join = if url.as_str().contains('?') { '&' } else { '?' };
        let label = hash_parameter(self.hash);
        let (signature, id) = (encoding::encode(&signature), &self.key_pair_id);
        Some(format!("{url}{join}Expires={expires}&Signature={signature}&Key-Pair-Id={id}{label}"))
    }

    /// A signed custom policy over `resource`. `None` only if the crypto library fails.
    pub fn sign_resource(&self, resource: &Resource, expires: u64) -> Option<PolicySignature> {
        self.sign_policy(&custom_policy(resource, expires), expires)
    }

    /// Signs a policy document as it stands.
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

fn hash_parameter(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "",
        Hash::Sha256 => "&Hash-Algorithm=SHA256",
    }
}

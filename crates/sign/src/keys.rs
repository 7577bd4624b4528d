//! Parses, generates and holds signing keys and public keys. Accepts every text form in which
//! operators store a PEM. Never prints or returns key material in errors or debug output. The C
//! calls are in `evp`.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::evp;

/// The hash algorithm of a signature. CloudFront assumes SHA-1 unless the request names SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1, the default of every key type.
    Sha1,
    /// SHA-256, selected by `Hash-Algorithm=SHA256` (URL) or `CloudFront-Hash-Algorithm=SHA256`
    /// (cookie).
    Sha256,
}

/// The key types that CloudFront accepts in a key group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, 2048 bits, PKCS#1 v1.5 signatures.
    Rsa2048,
    /// ECDSA on P-256, ASN.1 DER signatures.
    P256,
}

/// Why a key was not accepted. Never contains key material.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The text holds no `-----BEGIN …-----` block, neither as it is nor after base64 decoding.
    #[error("no PEM block found; supply PEM text, PEM text with \\n escapes, or base64 of a PEM")]
    NotPem,
    /// The block's label names another kind of data than the key that is required.
    #[error("a PEM block \"{0}\" is not the kind of key that is required here")]
    Label(String),
    /// The key is encrypted. There is no setting for a passphrase.
    #[error("the key is encrypted; supply it unencrypted")]
    Encrypted,
    /// The contents of the block could not be parsed.
    #[error("the PEM block \"{0}\" does not hold a valid key")]
    Malformed(String),
    /// CloudFront does not accept this key type or size.
    #[error("CloudFront accepts RSA keys of 2048 bits and ECDSA keys on P-256; this key is neither")]
    Unsupported,
    /// The random number generator or the library failed.
    #[error("a key could not be generated")]
    Generate,
}

/// A private key that signs grants.
pub struct SigningKey {
    key: evp::Key,
    kind: KeyKind,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Parses a PKCS#8, PKCS#1 or SEC1 key given as PEM text, PEM text with `\n` escapes, or base64
    /// of a PEM.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (label, der) = pem_block(text)?;
        let key = match label.as_str() {
            "PRIVATE KEY" => evp::Key::from_pkcs8(&der),
            "RSA PRIVATE KEY" => evp::Key::from_pkcs1(&der),
            "EC PRIVATE KEY" => evp::Key::from_sec1(&der),
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            _ => return Err(KeyError::Label(label)),
        };
        let key = key.ok_or(KeyError::Malformed(label))?;
        let kind = key.kind().ok_or(KeyError::Unsupported)?;
        Ok(Self { key, kind })
    }

    /// Generates a key and returns it with its PKCS#8 PEM.
    pub fn generate(kind: KeyKind) -> Result<(Self, String), KeyError> {
        let pkcs8 = match kind {
            KeyKind::Rsa2048 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generate)?;
                der.as_ref().to_vec()
            }
            KeyKind::P256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| KeyError::Generate)?;
                pair.to_pkcs8v1().map_err(|_| KeyError::Generate)?.as_ref().to_vec()
            }
        };
        let text = encode_pem("PRIVATE KEY", &pkcs8);
        Ok((Self::parse(&text)?, text))
    }

    /// Returns the key's type.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Returns the public key that belongs to this private key.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::parse(&self.public_pem()?)
    }

    /// Returns the public key as a PEM that CloudFront's "create public key" accepts.
    pub fn public_pem(&self) -> Result<String, KeyError> {
        let spki = self.key.spki().ok_or(KeyError::Unsupported)?;
        Ok(encode_pem("PUBLIC KEY", &spki))
    }

    /// Signs `message`. Returns `None` only if the library fails, for example for lack of memory.
    pub fn sign(&self, hash: Hash, message: &[u8]) -> Option<Vec<u8>> {
        self.key.sign(hash, message)
    }
}

/// A public key that the edge trusts.
pub struct PublicKey {
    key: evp::Key,
    kind: KeyKind,
    spki: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Parses a `PUBLIC KEY` PEM in any of the forms that [`SigningKey::parse`] accepts.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (label, der) = pem_block(text)?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::Label(label));
        }
        let key = evp::Key::from_spki(&der).ok_or(KeyError::Malformed(label))?;
        let kind = key.kind().ok_or(KeyError::Unsupported)?;
        Ok(Self { key, kind, spki: der })
    }

    /// Returns the key's DER `SubjectPublicKeyInfo` exactly as it was parsed.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Returns the key's type.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Returns whether `signature` is valid for `message` under this key.
    pub fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify(hash, message, signature)
    }
}

/// Returns the label and the DER bytes of the first key block in PEM text, PEM text with `\n`
/// escapes, or base64 of a PEM.
pub fn pem_block(text: &str) -> Result<(String, Vec<u8>), KeyError> {
    let text = text.trim().replace("\\n", "\n");
    if let Some(found) = find_block(&text) {
        return found;
    }
    let compact: String = text.split_whitespace().collect();
    let decoded = STANDARD.decode(compact).map_err(|_| KeyError::NotPem)?;
    let inner = String::from_utf8(decoded).map_err(|_| KeyError::NotPem)?;
    find_block(&inner).unwrap_or(Err(KeyError::NotPem))
}

/// Finds and decodes the first key block. Skips the parameter block that `openssl ecparam -genkey`
/// writes before the key. Returns `None` if there is no block.
fn find_block(text: &str) -> Option<Result<(String, Vec<u8>), KeyError>> {
    let mut rest = text;
    loop {
        let start = rest.find("-----BEGIN ")? + "-----BEGIN ".len();
        rest = &rest[start..];
        let label_end = rest.find("-----")?;
        let label = rest[..label_end].to_owned();
        rest = &rest[label_end + 5..];
        let Some(end) = rest.find(&format!("-----END {label}-----")) else {
            return Some(Err(KeyError::Malformed(label)));
        };
        let body = &rest[..end];
        if label.ends_with("PARAMETERS") {
            rest = &rest[end..];
            continue;
        }
        if body.contains("Proc-Type: 4,ENCRYPTED") {
            return Some(Err(KeyError::Encrypted));
        }
        let compact: String = body.split_whitespace().collect();
        return Some(match STANDARD.decode(compact) {
            Ok(der) => Ok((label, der)),
            Err(_) => Err(KeyError::Malformed(label)),
        });
    }
}

/// Encodes DER bytes as a PEM block (RFC 7468).
fn encode_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().copied().map(char::from));
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = include_str!("../tests/fixtures/throwaway-rsa2048.pkcs8.pem");
    const RSA_1: &str = include_str!("../tests/fixtures/throwaway-rsa2048.pkcs1.pem");
    const EC: &str = include_str!("../tests/fixtures/throwaway-p256.pkcs8.pem");
    const EC_1: &str = include_str!("../tests/fixtures/throwaway-p256.sec1.pem");
    const RSA_PUB: &str = include_str!("../tests/fixtures/throwaway-rsa2048.pub.pem");

    #[test]
    fn every_form_of_a_key_makes_the_same_signature() {
        let escaped = RSA.replace('\n', "\\n");
        let base64 = STANDARD.encode(RSA);
        let first = SigningKey::parse(RSA).unwrap().sign(Hash::Sha1, b"x").unwrap();
        for form in [RSA_1, &escaped, &base64] {
            assert_eq!(SigningKey::parse(form).unwrap().sign(Hash::Sha1, b"x").unwrap(), first);
        }
        for form in [EC, EC_1] {
            let key = SigningKey::parse(form).unwrap();
            let signature = key.sign(Hash::Sha1, b"x").unwrap();
            assert!(key.public_key().unwrap().verify(Hash::Sha1, b"x", &signature));
            assert!(!key.public_key().unwrap().verify(Hash::Sha256, b"x", &signature));
        }
    }

    #[test]
    fn the_derived_public_key_equals_the_published_one() {
        assert_eq!(SigningKey::parse(RSA).unwrap().public_pem().unwrap().trim(), RSA_PUB.trim());
    }

    #[test]
    fn a_generated_key_signs_and_its_pem_parses() {
        for kind in [KeyKind::Rsa2048, KeyKind::P256] {
            let (key, text) = SigningKey::generate(kind).unwrap();
            let signature = key.sign(Hash::Sha256, b"m").unwrap();
            let again = SigningKey::parse(&text).unwrap();
            assert_eq!(again.kind(), kind);
            assert!(again.public_key().unwrap().verify(Hash::Sha256, b"m", &signature));
        }
    }

    #[test]
    fn each_invalid_key_gets_its_own_error() {
        assert_eq!(SigningKey::parse("hello").unwrap_err(), KeyError::NotPem);
        assert_eq!(SigningKey::parse(RSA_PUB).unwrap_err(), KeyError::Label("PUBLIC KEY".into()));
        assert_eq!(PublicKey::parse(RSA).unwrap_err(), KeyError::Label("PRIVATE KEY".into()));
        let cut = RSA.replace("-----END PRIVATE KEY-----", "");
        assert_eq!(SigningKey::parse(&cut).unwrap_err(), KeyError::Malformed("PRIVATE KEY".into()));
        let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        assert_eq!(SigningKey::parse(empty).unwrap_err(), KeyError::Malformed("PRIVATE KEY".into()));
    }

    #[test]
    fn debug_shows_no_key_material() {
        let shown = format!("{:?}", SigningKey::parse(RSA).unwrap());
        assert_eq!(shown, "SigningKey { kind: Rsa2048, .. }");
    }
}

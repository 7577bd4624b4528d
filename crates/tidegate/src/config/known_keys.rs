//! Key pairs whose private halves are published: the dummy keys that stand in until there is a real
//! one, and the keys of Tidegate's tests. Production never signs with them and trusts none of them.

use aws_lc_rs::digest;
use sign::KeyKind;

/// The SHA-256 of the public keys' DER `SubjectPublicKeyInfo`.
const FINGERPRINTS: [&str; 5] = [
    "9dcb4f7f9fea750cf367d48c7b472a1c559c59f7cf2ce7dc3da854f8fa196217",
    "06677e2ce8d5d2bef32e34536c04b7e3231cdbd2292414955decbdd57a6b13b7",
    "864864b8c77161b3dc85564494f6cfb01c46e063d6c4fbc76cfca81fb421b6c0",
    "b83f0625d76357509d24295889fb811e49da9921c95654c2215ad2cf361e4c3b",
    "d87a22c9e51dfa7e6d0b3cb01e4155f63bf8731883de33afdb50914a8f3dbb31",
];

/// Returns the PEM of a dummy private key. It is always the same.
pub fn dummy_key(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa2048 => include_str!("dummy_keys/rsa2048.pem"),
        KeyKind::P256 => include_str!("dummy_keys/p256.pem"),
    }
}

/// Returns the SHA-256 of a public key's DER `SubjectPublicKeyInfo` in hex; `None` if the text is
/// no PEM.
pub fn fingerprint(public_pem: &str) -> Option<String> {
    let (_, spki) = sign::pem_block(public_pem).ok()?;
    Some(hex::encode(digest::digest(&digest::SHA256, &spki)))
}

/// Returns whether everybody has the private half of a public key.
pub fn is_published(public_pem: &str) -> bool {
    fingerprint(public_pem).is_some_and(|found| FINGERPRINTS.contains(&found.as_str()))
}

#[cfg(test)]
mod tests {
    use sign::SigningKey;

    use super::*;

    #[test]
    fn dummies_and_the_keys_of_tests_are_known_by_their_fingerprints_and_new_keys_are_not() {
        let mut known = Vec::new();
        for kind in [KeyKind::Rsa2048, KeyKind::P256] {
            let dummy = SigningKey::parse(dummy_key(kind)).unwrap();
            assert_eq!(dummy.kind(), kind);
            known.push(dummy);
            let (own, _) = SigningKey::generate(kind).unwrap();
            assert!(!is_published(&own.public_pem().unwrap()));
        }
        for pem in [
            include_str!("../../../sign/tests/fixtures/throwaway-p256.pkcs8.pem"),
            include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs1.pem"),
            include_str!("../../../sign/tests/fixtures/throwaway-rsa2048-other.pkcs8.pem"),
        ] {
            known.push(SigningKey::parse(pem).unwrap());
        }
        assert_eq!(known.len(), FINGERPRINTS.len());
        for key in known {
            assert!(is_published(&key.public_pem().unwrap()));
        }
        assert!(!is_published("no PEM"));
    }
}

//! Signs and verifies HMAC links, each of which lets its holder read one object until it expires.
//! They serve bytes that no CloudFront signature may open. Version 1 signs `key|exp` as
//! `HMAC-SHA256(secret, key|exp)` in hex, the format that existing clients use. Version 2 also
//! signs the disposition, the id of the secret and the owner's epoch; raising the epoch revokes all
//! earlier links. Never builds URLs and never looks an object up.

use aws_lc_rs::hmac;

/// The longest lifetime of a link, in seconds: seven days.
pub const MAX_LINK_LIFETIME: u64 = 7 * 24 * 3600;
/// Length of a secret's id, in hexadecimal digits.
const ID_DIGITS: usize = 8;

/// The `Content-Disposition` type of a link's response (RFC 6266).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Display in the browser, where the content type is safe.
    Inline,
    /// Download as a file.
    Attachment,
}

impl Disposition {
    /// Returns the value used in a link.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Attachment => "attachment",
        }
    }

    /// Parses the value used in a link. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Inline, Self::Attachment].into_iter().find(|disposition| disposition.as_str() == text)
    }
}

/// The signed parameters of a version 2 link besides its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkTerms {
    /// When the link expires, in epoch seconds.
    pub expires: u64,
    /// The disposition of the response.
    pub disposition: Disposition,
    /// The owner's epoch. It is signed but not part of the link.
    pub epoch: u64,
}

/// The HMAC secrets of links: the first one signs, all of them verify.
pub struct LinkSigner {
    secrets: Vec<(String, hmac::Key)>,
}

impl std::fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.secrets.iter().map(|(id, _)| id)).finish()
    }
}

impl LinkSigner {
    /// Creates a signer that signs with `current`; links signed with `others` stay valid.
    pub fn new<'a>(current: &'a [u8], others: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let secret = |bytes: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
            let mut id = hex::encode(hmac::sign(&key, b"tidegate link key id").as_ref());
            id.truncate(ID_DIGITS);
            (id, key)
        };
        Self { secrets: std::iter::once(current).chain(others).map(secret).collect() }
    }

    /// Returns the id of the secret that signs.
    pub fn key_id(&self) -> &str {
        self.secrets.first().map_or("", |(id, _)| id)
    }

    /// Returns the ids of all secrets, that of the one that signs first.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|(id, _)| id.as_str())
    }

    /// Signs a version 1 link. Returns lower-case hex.
    pub fn sign_v1(&self, key: &str, expires: u64) -> String {
        self.sign(&message_v1(key, expires))
    }

    /// Signs a version 2 link. Returns lower-case hex.
    pub fn sign_v2(&self, key: &str, terms: LinkTerms) -> String {
        self.sign(&message_v2(key, self.key_id(), terms))
    }

    /// Verifies a version 1 signature against every secret. `expires` is the text in the link.
    /// Returns the expiry in epoch seconds, or `None` if the signature is invalid or the link has
    /// expired.
    pub fn verify_v1(&self, key: &str, expires: &str, signature: &str, now: u64) -> Option<u64> {
        let expiry = parse_current_expiry(expires, now);
        let signature = decode_signature(signature)?;
        let message = message_v1(key, parse_decimal(expires)?);
        let valid = self.secrets.iter().any(|(_, secret)| hmac::verify(secret, &message, &signature).is_ok());
        expiry.filter(|_| valid)
    }

    /// Verifies a version 2 signature made with the secret `key_id`. Returns the expiry in epoch
    /// seconds, or `None` if the signature is invalid or the link has expired.
    pub fn verify_v2(
        &self,
        key: &str,
        key_id: &str,
        (expires, disposition, epoch): (&str, Disposition, u64),
        signature: &str,
        now: u64,
    ) -> Option<u64> {
        let expiry = parse_current_expiry(expires, now);
        let signature = decode_signature(signature)?;
        let (id, secret) = self.secrets.iter().find(|(id, _)| id == key_id)?;
        let message = message_v2(key, id, LinkTerms { expires: parse_decimal(expires)?, disposition, epoch });
        let valid = hmac::verify(secret, &message, &signature).is_ok();
        expiry.filter(|_| valid)
    }

    /// Signs a message with the current secret. Returns lower-case hex.
    fn sign(&self, message: &[u8]) -> String {
        self.secrets.first().map_or_else(String::new, |(_, secret)| hex::encode(hmac::sign(secret, message).as_ref()))
    }
}

/// Returns the message of a version 1 link. The expiry is digits only and comes last, so two
/// different pairs of key and expiry never give the same message, whatever the key contains.
fn message_v1(key: &str, expires: u64) -> Vec<u8> {
    format!("{key}|{expires}").into_bytes()
}

/// Returns the message of a version 2 link. The key comes last because only the key may contain
/// `|`. The final `|` keeps it apart from version 1 messages, which end in a digit.
fn message_v2(key: &str, key_id: &str, terms: LinkTerms) -> Vec<u8> {
    let LinkTerms { expires, disposition, epoch } = terms;
    format!("tidegate-link-2|{key_id}|{epoch}|{}|{expires}|{key}|", disposition.as_str()).into_bytes()
}

/// Parses an expiry that lies after `now` and at most [`MAX_LINK_LIFETIME`] later.
fn parse_current_expiry(expires: &str, now: u64) -> Option<u64> {
    parse_decimal(expires).filter(|expires| (now + 1..=now + MAX_LINK_LIFETIME).contains(expires))
}

/// Parses a decimal number without sign, space or leading zero.
fn parse_decimal(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// Decodes 32 bytes of lower-case hex.
fn decode_signature(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    hex::decode_to_slice(text, &mut bytes).ok().filter(|()| lower).map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000;
    const SOON: &str = "1800000100";

    fn signer() -> LinkSigner {
        LinkSigner::new(b"current", [b"previous".as_slice()])
    }

    #[test]
    fn only_plain_near_expiries_are_accepted() {
        let links = signer();
        for (text, valid) in [
            (SOON, true),
            ("1799999999", false),
            ("1800000000", false),
            ("1800604800", true),
            ("1800604801", false),
            ("01800000100", false),
            ("1800000100.0", false),
            ("+1800000100", false),
            ("-1", false),
            (" 1800000100", false),
            ("", false),
            ("99999999999999999999", false),
        ] {
            // Signed exactly as written, even where the expiry is not a number.
            let signature = links.sign(format!("k|{text}").as_bytes());
            assert_eq!(links.verify_v1("k", text, &signature, NOW).is_some(), valid, "{text:?}");
        }
    }

    #[test]
    fn retired_secrets_stop_verifying() {
        let (old, new) = (LinkSigner::new(b"previous", []), signer());
        let terms = LinkTerms { expires: NOW + 100, disposition: Disposition::Inline, epoch: 3 };
        let (first, second) = (old.sign_v1("k", NOW + 100), old.sign_v2("k", terms));
        let parts = (SOON, Disposition::Inline, 3);
        assert!(new.verify_v1("k", SOON, &first, NOW).is_some());
        assert!(new.verify_v2("k", old.key_id(), parts, &second, NOW).is_some());
        let newer = LinkSigner::new(b"next", [b"current".as_slice()]);
        assert!(newer.verify_v1("k", SOON, &first, NOW).is_none());
        assert!(newer.verify_v2("k", old.key_id(), parts, &second, NOW).is_none());
        assert!(!format!("{new:?}").contains("current") && old.key_id().len() == ID_DIGITS);
    }

    #[test]
    fn every_parameter_is_signed() {
        let links = signer();
        let terms = LinkTerms { expires: NOW + 100, disposition: Disposition::Attachment, epoch: 7 };
        let valid = links.sign_v2("a/b|c", terms);
        let verify = |key: &str, id: &str, parts, signature: &str| links.verify_v2(key, id, parts, signature, NOW);
        let id = links.key_id();
        assert_eq!(verify("a/b|c", id, (SOON, Disposition::Attachment, 7), &valid), Some(NOW + 100));
        assert!(verify("a/b", id, (SOON, Disposition::Attachment, 7), &valid).is_none());
        assert!(verify("a/b|c", id, (SOON, Disposition::Inline, 7), &valid).is_none());
        assert!(verify("a/b|c", id, (SOON, Disposition::Attachment, 8), &valid).is_none());
        assert!(verify("a/b|c", id, ("1800000101", Disposition::Attachment, 7), &valid).is_none());
        assert!(verify("a/b|c", "00000000", (SOON, Disposition::Attachment, 7), &valid).is_none());
        assert!(verify("a/b|c", id, (SOON, Disposition::Attachment, 7), &valid.to_uppercase()).is_none());
        assert!(verify("a/b|c", id, (SOON, Disposition::Attachment, 7), &valid[1..]).is_none());
        assert!(links.verify_v1("a/b|c", SOON, &valid, NOW).is_none(), "versions don't share signatures");
    }

    proptest! {
        #[test]
        fn no_other_key_or_time_has_the_same_signature(a in "[a|/0-9]{0,6}", b in "[a|/0-9]{0,6}", one in 1u64..50, other in 1u64..50) {
            let links = signer();
            let signature = links.sign_v1(&a, NOW + one);
            let accepted = links.verify_v1(&b, &(NOW + other).to_string(), &signature, NOW).is_some();
            prop_assert_eq!(accepted, a == b && one == other);
        }

        #[test]
        fn no_text_panics(expires in "\\PC{0,30}", signature in "\\PC{0,80}") {
            prop_assert!(signer().verify_v1("k", &expires, &signature, NOW).is_none());
        }
    }
}

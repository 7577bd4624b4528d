//! HMAC links: one object for anybody who has the link, until it ends. For bytes that no CloudFront key may open.
//!
//! Version 1 is `HMAC-SHA256(secret, key|exp)` in hex, as its clients know it. Version 2 also covers how the bytes are
//! shown, which secret signed, and the owner's epoch, which ends all earlier links when it is raised.

use aws_lc_rs::hmac;

/// How long a link may live, in seconds: seven days.
pub const MAX_LINK_LIFETIME: u64 = 7 * 24 * 3600;
/// Hexadecimal digits of a secret's id.
const ID_DIGITS: usize = 8;

/// How the bytes of a link are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// In place, where that is safe.
    Inline,
    /// To be saved.
    Attachment,
}

impl Shown {
    /// The word in a link.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Attachment => "attachment",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Inline, Self::Attachment].into_iter().find(|shown| shown.as_str() == text)
    }
}

/// What a link of version 2 says besides its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When it ends, epoch seconds.
    pub expires: u64,
    /// How its bytes are shown.
    pub shown: Shown,
    /// The owner's epoch; not said in the link.
    pub epoch: u64,
}

/// The secrets: the first signs, all verify.
pub struct LinkSigner {
    secrets: Vec<(String, hmac::Key)>,
}

impl std::fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.secrets.iter().map(|(id, _)| id)).finish()
    }
}

impl LinkSigner {
    /// Signs with `current`; links signed with `others` are still good.
    pub fn new<'a>(current: &'a [u8], others: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let secret = |bytes: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
            let mut id = hex::encode(hmac::sign(&key, b"tidegate link key id").as_ref());
            id.truncate(ID_DIGITS);
            (id, key)
        };
        Self { secrets: std::iter::once(current).chain(others).map(secret).collect() }
    }

    /// The id of the secret that signs.
    pub fn key_id(&self) -> &str {
        self.secrets.first().map_or("", |(id, _)| id)
    }

    /// The signature of a link of version 1, lower-case hex.
    pub fn sign_v1(&self, key: &str, expires: u64) -> String {
        self.sign(&message_v1(key, expires))
    }

    /// The signature of a link of version 2, lower-case hex.
    pub fn sign_v2(&self, key: &str, terms: Terms) -> String {
        self.sign(&message_v2(key, self.key_id(), terms))
    }

    /// Whether a signature of version 1 is good for `key`, by any secret. `expires` is the link's own text for it; the
    /// outcome is its number.
    pub fn verify_v1(&self, key: &str, expires: &str, signature: &str, now: u64) -> Option<u64> {
        let ends = in_time(expires, now);
        let signature = unhex(signature)?;
        let message = message_v1(key, canonical(expires)?);
        let good = self.secrets.iter().any(|(_, secret)| hmac::verify(secret, &message, &signature).is_ok());
        ends.filter(|_| good)
    }

    /// Whether a signature of version 2 by the secret `key_id` is good for `key` and what the link says; when it ends.
    pub fn verify_v2(
        &self,
        key: &str,
        key_id: &str,
        (expires, shown, epoch): (&str, Shown, u64),
        signature: &str,
        now: u64,
    ) -> Option<u64> {
        let ends = in_time(expires, now);
        let signature = unhex(signature)?;
        let (id, secret) = self.secrets.iter().find(|(id, _)| id == key_id)?;
        let message = message_v2(key, id, Terms { expires: canonical(expires)?, shown, epoch });
        let good = hmac::verify(secret, &message, &signature).is_ok();
        ends.filter(|_| good)
    }

    fn sign(&self, message: &[u8]) -> String {
        self.secrets.first().map_or_else(String::new, |(_, secret)| hex::encode(hmac::sign(secret, message).as_ref()))
    }
}

/// The number is digits only and stands last, so that whatever a key holds, no two pairs have one message.
fn message_v1(key: &str, expires: u64) -> Vec<u8> {
    format!("{key}|{expires}").into_bytes()
}

/// The key stands last, since it alone may hold a bar. What begins as no message of version 1 ends: in a number.
fn message_v2(key: &str, key_id: &str, terms: Terms) -> Vec<u8> {
    let Terms { expires, shown, epoch } = terms;
    format!("tidegate-link-2|{key_id}|{epoch}|{}|{expires}|{key}|", shown.as_str()).into_bytes()
}

/// A time that has not come, and is not further away than links live.
fn in_time(expires: &str, now: u64) -> Option<u64> {
    canonical(expires).filter(|expires| (now + 1..=now + MAX_LINK_LIFETIME).contains(expires))
}

/// Decimal, without sign, space or leading zero.
fn canonical(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// 32 bytes of lower-case hex.
fn unhex(text: &str) -> Option<[u8; 32]> {
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
    fn only_plain_times_that_are_near_are_taken() {
        let links = signer();
        for (text, good) in [
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
            // Signed just so, as far as it can be.
            let signature = links.sign(format!("k|{text}").as_bytes());
            assert_eq!(links.verify_v1("k", text, &signature, NOW).is_some(), good, "{text:?}");
        }
    }

    #[test]
    fn secrets_overlap_and_go() {
        let (old, new) = (LinkSigner::new(b"previous", []), signer());
        let terms = Terms { expires: NOW + 100, shown: Shown::Inline, epoch: 3 };
        let (first, second) = (old.sign_v1("k", NOW + 100), old.sign_v2("k", terms));
        let parts = (SOON, Shown::Inline, 3);
        assert!(new.verify_v1("k", SOON, &first, NOW).is_some());
        assert!(new.verify_v2("k", old.key_id(), parts, &second, NOW).is_some());
        let newer = LinkSigner::new(b"next", [b"current".as_slice()]);
        assert!(newer.verify_v1("k", SOON, &first, NOW).is_none());
        assert!(newer.verify_v2("k", old.key_id(), parts, &second, NOW).is_none());
        assert!(!format!("{new:?}").contains("current") && old.key_id().len() == ID_DIGITS);
    }

    #[test]
    fn everything_that_is_said_is_signed() {
        let links = signer();
        let terms = Terms { expires: NOW + 100, shown: Shown::Attachment, epoch: 7 };
        let good = links.sign_v2("a/b|c", terms);
        let verify = |key: &str, id: &str, parts, signature: &str| links.verify_v2(key, id, parts, signature, NOW);
        let id = links.key_id();
        assert_eq!(verify("a/b|c", id, (SOON, Shown::Attachment, 7), &good), Some(NOW + 100));
        assert!(verify("a/b", id, (SOON, Shown::Attachment, 7), &good).is_none());
        assert!(verify("a/b|c", id, (SOON, Shown::Inline, 7), &good).is_none());
        assert!(verify("a/b|c", id, (SOON, Shown::Attachment, 8), &good).is_none());
        assert!(verify("a/b|c", id, ("1800000101", Shown::Attachment, 7), &good).is_none());
        assert!(verify("a/b|c", "00000000", (SOON, Shown::Attachment, 7), &good).is_none());
        assert!(verify("a/b|c", id, (SOON, Shown::Attachment, 7), &good.to_uppercase()).is_none());
        assert!(verify("a/b|c", id, (SOON, Shown::Attachment, 7), &good[1..]).is_none());
        assert!(links.verify_v1("a/b|c", SOON, &good, NOW).is_none(), "versions don't share signatures");
    }

    proptest! {
        #[test]
        fn no_other_key_or_time_has_the_same_signature(a in "[a|/0-9]{0,6}", b in "[a|/0-9]{0,6}", one in 1u64..50, other in 1u64..50) {
            let links = signer();
            let signature = links.sign_v1(&a, NOW + one);
            let taken = links.verify_v1(&b, &(NOW + other).to_string(), &signature, NOW).is_some();
            prop_assert_eq!(taken, a == b && one == other);
        }

        #[test]
        fn no_text_panics(expires in "\\PC{0,30}", signature in "\\PC{0,80}") {
            prop_assert!(signer().verify_v1("k", &expires, &signature, NOW).is_none());
        }
    }
}

//! Encodes and decodes CloudFront's URL-safe base64: the standard alphabet with `+`, `=` and `/`
//! replaced by `-`, `_` and `~`. It is not RFC 4648 base64url, which writes `/` as `_` and drops
//! the padding.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Encodes bytes as CloudFront expects them in `Policy` and `Signature`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = STANDARD.encode(bytes).into_bytes();
    for byte in &mut text {
        *byte = match *byte {
            b'+' => b'-',
            b'=' => b'_',
            b'/' => b'~',
            other => other,
        };
    }
    text.into_iter().map(char::from).collect()
}

/// Decodes CloudFront's base64. Returns `None` for any other alphabet, including the standard one.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut standard = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        standard.push(match byte {
            b'-' => b'+',
            b'_' => b'=',
            b'~' => b'/',
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => byte,
            _ => return None,
        });
    }
    STANDARD.decode(standard).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_byte_string_round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = encode(&bytes);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~".contains(&b)));
            prop_assert_eq!(decode(&text), Some(bytes));
        }
    }

    #[test]
    fn the_standard_alphabet_is_refused() {
        assert_eq!(decode("+/=="), None);
        assert_eq!(decode("YQ=="), None);
        assert_eq!(decode("YQ__"), Some(b"a".to_vec()));
        assert_eq!(decode("YQ"), None, "padding is required");
    }
}

//! The signing key as a parameter or a secret holds it: a private key alone, or a JSON document that
//! has the key together with its id, so that both change at once, and the public keys that edges
//! trust besides. Messages never show any of it.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sign::{PublicKey, SigningKey};

use super::known_keys;

/// What a document looks like, for messages.
const FORM: &str =
    "{\"keyPairId\": \"K…\", \"privateKey\": \"PEM or base64 of one\", \"publicKeys\": {\"K…\": \"PEM\"}}";

/// A signing key with its id.
#[derive(Debug)]
pub struct KeyDocument {
    /// The key pair id.
    pub id: String,
    /// The key.
    pub key: SigningKey,
    /// The public half of the key.
    pub public: String,
    /// Ids and PEMs of other keys that edges trust. `None` if the value says nothing of them.
    pub others: Option<Vec<(String, String)>>,
    /// The private key as text.
    text: SecretString,
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    key_pair_id: String,
    private_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_keys: Option<Map<String, Value>>,
}

impl KeyDocument {
    /// Creates a document.
    ///
    /// # Errors
    ///
    /// The text holds no private key.
    pub fn new(id: String, text: SecretString, others: Option<Vec<(String, String)>>) -> Result<Self, String> {
        if !is_key_pair_id(&id) {
            return Err("the key pair id is not 1 to 64 letters and digits".to_owned());
        }
        let key = SigningKey::parse(text.expose_secret()).map_err(|error| error.to_string())?;
        let public = key.public_pem().map_err(|error| error.to_string())?;
        Ok(Self { id, key, public, others, text })
    }

    /// Reads the value of a parameter or a secret. `given_id` is the id of a private key that comes
    /// without one.
    ///
    /// # Errors
    ///
    /// The value holds no private key, or no id. The message shows nothing of it.
    pub fn parse(value: &str, given_id: Option<&str>) -> Result<Self, String> {
        if !value.trim_start().starts_with('{') {
            let id = given_id
                .ok_or_else(|| format!("it holds no key pair id: set CLOUDFRONT_KEY_PAIR_ID, or write {FORM}"))?;
            return Self::new(id.to_owned(), value.to_owned().into(), None);
        }
        // The parser's own message may quote the value.
        let stored: Stored = serde_json::from_str(value).map_err(|_| format!("it is no JSON of the form {FORM}"))?;
        let others = stored.public_keys.map(|keys| {
            let read = |(id, pem): (String, Value)| {
                let pem = pem.as_str().filter(|pem| PublicKey::parse(pem).is_ok() && is_key_pair_id(&id));
                pem.map(|pem| (id.clone(), pem.to_owned())).ok_or("one of its publicKeys is no public key under its id")
            };
            keys.into_iter().map(read).collect::<Result<Vec<_>, _>>()
        });
        Self::new(stored.key_pair_id, stored.private_key.into(), others.transpose()?)
    }

    /// Returns the JSON form.
    pub fn to_json(&self) -> SecretString {
        let keys = |others: &Vec<(String, String)>| {
            others.iter().map(|(id, pem)| (id.clone(), Value::from(pem.as_str()))).collect::<Map<_, _>>()
        };
        let stored = Stored {
            key_pair_id: self.id.clone(),
            private_key: self.text.expose_secret().to_owned(),
            public_keys: self.others.as_ref().map(keys),
        };
        serde_json::to_string(&stored).unwrap_or_default().into()
    }

    /// Returns the document with other keys that edges trust.
    ///
    /// # Errors
    ///
    /// Never, because the document was read before.
    pub fn with_others(&self, others: Vec<(String, String)>) -> anyhow::Result<Self> {
        Self::new(self.id.clone(), self.text.clone(), Some(others)).map_err(anyhow::Error::msg)
    }

    /// Returns whether everybody has this private key.
    pub fn is_published(&self) -> bool {
        known_keys::is_published(&self.public)
    }
}

/// Returns whether CloudFront could have given a key this id.
fn is_key_pair_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const PKCS8: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs8.pem");
    const PKCS1: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs1.pem");
    const SEC1: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.sec1.pem");
    const PUBLIC: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pub.pem");

    #[test]
    fn a_key_comes_alone_or_with_its_id() {
        for pem in [PKCS8, PKCS1, SEC1] {
            for form in [pem.to_owned(), STANDARD.encode(pem), pem.replace('\n', "\\n")] {
                let read = KeyDocument::parse(&form, Some("K1")).unwrap();
                assert_eq!((read.id.as_str(), read.others.is_none()), ("K1", true));
                let json = serde_json::json!({ "keyPairId": "K2", "privateKey": form }).to_string();
                // Its own id counts, also where another is given.
                assert_eq!(KeyDocument::parse(&json, Some("K1")).unwrap().id, "K2");
                assert_eq!(KeyDocument::parse(&json, None).unwrap().public, read.public);
            }
        }
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let others = vec![("K0".to_owned(), PUBLIC.to_owned())];
        let written = KeyDocument::new("K1".to_owned(), PKCS8.into(), Some(others.clone())).unwrap();
        let read = KeyDocument::parse(written.to_json().expose_secret(), None).unwrap();
        assert_eq!((read.id, read.public, read.others), ("K1".to_owned(), written.public, Some(others)));
    }

    /// One private key and the public keys of a rotation fit the standard tier of parameters.
    #[test]
    fn a_document_of_a_rotation_fits_a_parameter() {
        let (key, pem) = SigningKey::generate(sign::KeyKind::Rsa2048).unwrap();
        let others = ["K2JCJMDEHXQW5F", "K3JCJMDEHXQW5F"].map(|id| (id.to_owned(), key.public_pem().unwrap()));
        let document = KeyDocument::new("K1JCJMDEHXQW5F".to_owned(), pem.into(), Some(others.to_vec())).unwrap();
        let length = document.to_json().expose_secret().len();
        assert!(length < aws::ssm::MAX_VALUE, "{length}");
    }

    #[test]
    fn other_values_are_refused_without_being_shown() {
        let document = |id: &str, key: &str, more: &str| {
            let (id, key) = (serde_json::json!(id), serde_json::json!(key));
            format!("{{\"keyPairId\": {id}, \"privateKey\": {key}{more}}}")
        };
        let bad = [
            (PUBLIC.to_owned(), "PUBLIC KEY"),
            (STANDARD.encode(PUBLIC), "PUBLIC KEY"),
            ("hunter2".to_owned(), "no PEM block"),
            (String::new(), "no PEM block"),
            ("{\"privateKey\": \"hunter2\"}".to_owned(), "no JSON of the form"),
            ("{\"keyPairId\": \"K1\", \"privateKey\": hunter2}".to_owned(), "no JSON of the form"),
            (document("K1", "hunter2", ""), "no PEM block"),
            (document("K1", PUBLIC, ""), "PUBLIC KEY"),
            (document("hunter 2", PKCS8, ""), "letters and digits"),
            (document("K1", PKCS8, ", \"key\": \"hunter2\""), "no JSON of the form"),
            (document("K1", PKCS8, ", \"publicKeys\": {\"K0\": \"hunter2\"}"), "publicKeys"),
            (document("K1", PKCS8, ", \"publicKeys\": {\"K0\": 2}"), "publicKeys"),
        ];
        for (value, says) in bad {
            let message = KeyDocument::parse(&value, Some("K1")).unwrap_err();
            assert!(message.contains(says) && !message.contains("hunter"), "{says}: {message}");
        }
        assert!(KeyDocument::parse(PKCS8, None).unwrap_err().contains("CLOUDFRONT_KEY_PAIR_ID"));
    }
}

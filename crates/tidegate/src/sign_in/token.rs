//! JSON Web Tokens (RFC 7515, 7519, 8725): parsed strictly, and verified with RS256 or ES256 only.
//! Headers that name a source of keys (`jku`, `x5u`, `jwk`) are ignored.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The longest token in bytes.
const MAX_TOKEN: usize = 16 << 10;
/// The longest key id in bytes.
const MAX_KEY_ID: usize = 256;
/// What stands before the point in the DER `SubjectPublicKeyInfo` of a P-256 key (RFC 5480).
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The last second of the year 9999, the latest that RFC 3339 can say.
const LATEST: Duration = Duration::from_secs(253_402_300_799);
/// The tolerated clock difference in seconds.
pub const LEEWAY: u64 = 30;

/// Why a token is rejected. Nothing more is revealed about a token whose signature is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Not a JWS in compact form, of strict base64url and of JSON without duplicate names.
    #[error("it is no JSON Web Token")]
    Malformed,
    /// Signed with another algorithm, or with an extension that must be understood (`crit`).
    #[error("it is signed in a way that is not taken here (RS256 and ES256 are)")]
    Algorithm,
    /// No trusted key has this id and type.
    #[error("it is not signed by a trusted key")]
    Key,
    /// The signature is invalid.
    #[error("it is not signed by a trusted key")]
    Signature,
    /// `exp` is missing, not a number, or in the past.
    #[error("it has expired, or does not say when it ends")]
    Expired,
    /// `nbf` is not a number, or in the future.
    #[error("it is not valid yet")]
    NotYet,
    /// `iss` is not the expected issuer.
    #[error("it comes from another issuer")]
    Issuer,
    /// `aud` does not contain the expected audience.
    #[error("it is made out for somebody else")]
    Audience,
    /// The claim with this name holds no valid user id.
    #[error("its claim {0} does not name a user")]
    Subject(String),
    /// The claim with this name is there and holds no single organisation.
    #[error("its claim {0} does not name one organisation")]
    Organisation(String),
}

/// The accepted algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256, with r and s of fixed length.
    Es256,
}

impl Algorithm {
    /// Returns the name in tokens (RFC 7518).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A public key that verifies tokens.
#[derive(Clone)]
pub struct Key {
    /// The key's id in its key set.
    pub id: Option<String>,
    /// The only algorithm it is used with (RFC 8725, section 3.1).
    pub algorithm: Algorithm,
    /// The SHA-256 of its DER `SubjectPublicKeyInfo`, in hex.
    pub fingerprint: String,
    public: ParsedPublicKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Key {
    /// Creates a key from DER: a `SubjectPublicKeyInfo`, or for P-256 also an uncompressed point.
    /// `None` if it is unsuitable.
    pub fn new(id: Option<String>, algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let public = match algorithm {
            Algorithm::Rs256 => {
                // The library checks the length only on verification, when every token would be
                // rejected.
                let bits = PublicEncryptingKey::from_der(bytes).ok()?.key_size_bits();
                (2048..=8192).contains(&bits).then_some(())?;
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, bytes)
            }
            Algorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes),
        };
        // An uncompressed point is the end of its `SubjectPublicKeyInfo`.
        let head: &[u8] = if algorithm == Algorithm::Es256 && bytes.len() == 65 { &P256_HEAD } else { &[] };
        let fingerprint = hex::encode(digest::digest(&digest::SHA256, &[head, bytes].concat()));
        Some(Self { id, algorithm, fingerprint, public: public.ok()? })
    }

    /// Parses a `PUBLIC KEY` PEM: as text, with `\n` escapes, or in base64.
    pub fn from_pem(text: &str) -> anyhow::Result<Self> {
        let (label, der) = sign::pem_block(text)?;
        anyhow::ensure!(label == "PUBLIC KEY", "a PEM block {label:?} is no public key");
        let key =
            [Algorithm::Rs256, Algorithm::Es256].into_iter().find_map(|algorithm| Self::new(None, algorithm, &der));
        key.ok_or_else(|| anyhow::anyhow!("tokens are verified with RSA keys of 2048 bits or more and P-256 keys"))
    }
}

/// The required issuer and audience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The required `iss`.
    pub issuer: Option<String>,
    /// A required element of `aud`; the required `client_id` of an access token of Amazon Cognito.
    pub audience: Option<String>,
}

/// A parsed token that is not verified yet.
#[derive(Debug)]
pub struct Parsed<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The claims of a verified token.
#[derive(Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Returns claims that another program has verified. API Gateway passes numbers on as text.
    ///
    /// # Errors
    ///
    /// [`Rejected::Expired`] if `exp` is not a number, or in the past.
    pub fn of_authorizer(mut claims: Map<String, Value>, now: u64) -> Result<Self, Rejected> {
        if let Some(ends) = claims.get_mut("exp") {
            if let Some(number) = ends.as_str().and_then(|text| text.parse::<u64>().ok()) {
                *ends = number.into();
            }
            // An authorizer's result may be cached for longer than the token lives.
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay far below 2^53")]
            let earliest = now.saturating_sub(LEEWAY) as f64;
            if !ends.as_f64().is_some_and(|ends| ends > earliest) {
                return Err(Rejected::Expired);
            }
        }
        Ok(Self(claims))
    }

    /// Returns when the token ends (`exp`), in whole seconds; `None` if that is beyond any date.
    pub fn expires_at(&self) -> Option<SystemTime> {
        let ends = Duration::try_from_secs_f64(self.0.get("exp")?.as_f64()?.floor()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(ends).filter(|_| ends <= LATEST)
    }

    /// Returns a claim by name, or by JSON pointer (RFC 6901) if the name begins with a slash.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let mut steps = name.strip_prefix('/').unwrap_or(name).split('/');
        if !name.starts_with('/') {
            return self.0.get(name);
        }
        let first = self.0.get(&unescaped(steps.next()?))?;
        steps.try_fold(first, |value, step| match value {
            Value::Object(members) => members.get(&unescaped(step)),
            Value::Array(elements) => elements.get(index(step)?),
            _ => None,
        })
    }
}

/// Parses a step of a JSON pointer as an index of an array: digits without leading zeros.
fn index(step: &str) -> Option<usize> {
    let is_index = step == "0" || (step.bytes().all(|byte| byte.is_ascii_digit()) && !step.starts_with('0'));
    if is_index { step.parse().ok() } else { None }
}

/// Returns a claim to be changed, by name or by JSON pointer as in [`Claims::get`].
pub(super) fn find_mut<'a>(claims: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    let Some(pointer) = name.strip_prefix('/') else { return claims.get_mut(name) };
    let mut steps = pointer.split('/');
    let first = claims.get_mut(&unescaped(steps.next()?))?;
    steps.try_fold(first, |value, step| match value {
        Value::Object(members) => members.get_mut(&unescaped(step)),
        Value::Array(elements) => elements.get_mut(index(step)?),
        _ => None,
    })
}

/// Unescapes a step of a JSON pointer (RFC 6901, section 4).
pub(super) fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// Parses a token without verifying it.
pub fn parse(token: &str) -> Result<Parsed<'_>, Rejected> {
    let malformed = || Rejected::Malformed;
    if token.len() > MAX_TOKEN {
        return Err(Rejected::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Rejected::Malformed);
    };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejected::Malformed);
    let head = object(&decoded(header)?).ok_or_else(malformed)?;
    if head.contains_key("crit") || head.contains_key("b64") {
        return Err(Rejected::Algorithm);
    }
    let algorithm = match head.get("alg").and_then(Value::as_str) {
        Some("RS256") => Algorithm::Rs256,
        Some("ES256") => Algorithm::Es256,
        _ => return Err(Rejected::Algorithm),
    };
    // Tokens for another purpose say so in `typ` (RFC 8725, section 3.11).
    match head.get("typ").map(|kind| kind.as_str().unwrap_or_default().to_ascii_lowercase()) {
        None => {}
        Some(kind) if ["jwt", "at+jwt", "application/at+jwt"].contains(&kind.as_str()) => {}
        Some(_) => return Err(Rejected::Malformed),
    }
    let key_id = match head.get("kid") {
        None => None,
        Some(Value::String(id)) if id.len() <= MAX_KEY_ID => Some(id.clone()),
        Some(_) => return Err(Rejected::Malformed),
    };
    let signed = &token[..header.len() + 1 + payload.len()];
    Ok(Parsed { algorithm, key_id, signed, payload: decoded(payload)?, signature: decoded(signature)? })
}

impl Parsed<'_> {
    /// Returns the id of the key that the token names.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Returns the algorithm that the token names.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Verifies the signature, then the claims. `now` is in seconds since the Unix epoch.
    pub fn verify(&self, key: &Key, expected: &Expected, now: u64) -> Result<Claims, Rejected> {
        if key.algorithm != self.algorithm {
            return Err(Rejected::Key);
        }
        key.public.verify_sig(self.signed.as_bytes(), &self.signature).map_err(|_| Rejected::Signature)?;
        let claims = object(&self.payload).ok_or(Rejected::Malformed)?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay far below 2^53")]
        let (earliest, latest) = (now.saturating_sub(LEEWAY) as f64, (now + LEEWAY) as f64);
        match claims.get("exp").and_then(Value::as_f64) {
            Some(ends) if ends > earliest => {}
            _ => return Err(Rejected::Expired),
        }
        match claims.get("nbf").map(Value::as_f64) {
            None => {}
            Some(Some(begins)) if begins <= latest => {}
            Some(_) => return Err(Rejected::NotYet),
        }
        let is = |claim: Option<&Value>, wanted: &str| claim.and_then(Value::as_str) == Some(wanted);
        if expected.issuer.as_ref().is_some_and(|issuer| !is(claims.get("iss"), issuer)) {
            return Err(Rejected::Issuer);
        }
        let for_us = |audience: &String| match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(|one| is(Some(one), audience)),
            // Access tokens of Amazon Cognito have no `aud`; they name the client they were issued to.
            None if is_of_cognito(&claims) => is(claims.get("client_id"), audience),
            one => is(one, audience),
        };
        if expected.audience.as_ref().is_some_and(|audience| !for_us(audience)) {
            return Err(Rejected::Audience);
        }
        Ok(Claims(claims))
    }
}

/// Returns whether claims are those of an access token of Amazon Cognito (Cognito developer guide,
/// "Verifying a JSON web token").
fn is_of_cognito(claims: &Map<String, Value>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    text("token_use") == "access" && text("iss").starts_with("https://cognito-idp.")
}

/// Parses a JSON object without duplicate names at any depth.
pub(super) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(Value::Object(members))) => Some(members),
        _ => None,
    }
}

/// A JSON value without duplicate names, since parsers differ in which of two they use.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = all.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = all.next_entry::<String, Strict>()? {
            if members.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a name occurs twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_access_tokens_of_cognito_may_lack_an_audience() {
        let claims = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let cognito = r#""iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A""#;
        assert!(is_of_cognito(&claims(&format!(r#"{{{cognito},"token_use":"access"}}"#))));
        for other in [
            format!(r#"{{{cognito},"token_use":"id"}}"#),
            format!("{{{cognito}}}"),
            r#"{"iss":"https://issuer.example","token_use":"access"}"#.to_owned(),
            r#"{"iss":["https://cognito-idp."],"token_use":"access"}"#.to_owned(),
        ] {
            assert!(!is_of_cognito(&claims(&other)), "{other}");
        }
    }
}

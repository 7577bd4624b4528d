//! The settings of the key that signs grants: given as text or as a file, or kept in a parameter of
//! Systems Manager or in a secret of Secrets Manager. What the last two hold is read by
//! `state/remote_key.rs`.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use super::resolve::Resolver;
use super::secrets;
use super::settings::{Setting, built};

/// The rows of the settings table.
pub(super) const SIGNING_KEY: &[Setting] = &[
    built(
        "CLOUDFRONT_KEY_PAIR_ID",
        "",
        "letters and digits",
        "The id of the public key in CloudFront. Default: that of the generated key.",
    )
    .alias(&["CLOUDFRONT_KEY_ID"]),
    built(
        "CLOUDFRONT_PRIVATE_KEY_PEM",
        "",
        "a PEM, a PEM with \\n escapes, base64 of a PEM, or a path to one",
        "The key grants are signed with. Default: a generated one.",
    )
    .secret(),
    built(
        "CLOUDFRONT_PRIVATE_KEY_SSM_PARAM",
        "",
        "the name or ARN of a parameter",
        "The parameter (SecureString) of Systems Manager that holds this key instead: as a PEM, as base64 of one, or as \
         JSON together with its id.",
    ),
    built(
        "CLOUDFRONT_PRIVATE_KEY_SECRET_ID",
        "",
        "the name or ARN of a secret",
        "The secret of Secrets Manager that holds this key instead, in the same forms.",
    ),
    built(
        "CLOUDFRONT_PRIVATE_KEY_REFRESH_SECONDS",
        "60",
        "1 to 86400 seconds",
        "How often the parameter or the secret is read. Another key in it signs after two more such times, when every \
         server has read it.",
    ),
    built(
        "CLOUDFRONT_KEY_GROUP_ID",
        "",
        "the id of a key group",
        "The key group of the distribution. tidegate keys rotate changes it, and a server signs with no new key that is \
         not in it.",
    ),
    built("CLOUDFRONT_KEY_TYPE", "rsa", "rsa | p256", "The type of key that is generated."),
];

/// Where a signing key is kept outside of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a parameter of Systems Manager, by name or ARN.
    Parameter(String),
    /// In a secret of Secrets Manager, by name or ARN.
    Secret(String),
}

impl KeyPlace {
    /// Returns the name or ARN.
    pub fn name(&self) -> &str {
        match self {
            Self::Parameter(name) | Self::Secret(name) => name,
        }
    }

    /// Returns the setting that names it.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Parameter(_) => "CLOUDFRONT_PRIVATE_KEY_SSM_PARAM",
            Self::Secret(_) => "CLOUDFRONT_PRIVATE_KEY_SECRET_ID",
        }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "the parameter {name}"),
            Self::Secret(name) => write!(f, "the secret {name}"),
        }
    }
}

/// A signing key that is kept outside of this server.
#[derive(Debug, Clone)]
pub struct RemoteKeySetting {
    /// Where it is.
    pub place: KeyPlace,
    /// The id of a key that is kept without one.
    pub given_id: Option<String>,
    /// The interval of reading it.
    pub refresh: Duration,
}

/// The sources of a signing key, of which one is given at most.
#[derive(Debug, Default)]
pub(super) struct SigningKeySetting {
    /// The key of `CLOUDFRONT_PRIVATE_KEY_PEM`, with its id.
    pub(super) given: Option<(String, SecretString)>,
    /// The key elsewhere.
    pub(super) remote: Option<RemoteKeySetting>,
    /// The key group.
    pub(super) group: Option<String>,
}

pub(super) fn resolve(r: &mut Resolver) -> SigningKeySetting {
    let id = r.text("CLOUDFRONT_KEY_PAIR_ID");
    let plain = |id: &String| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if id.as_ref().is_some_and(|id| !plain(id)) {
        r.problem("CLOUDFRONT_KEY_PAIR_ID", "letters and digits");
    }
    let group = r.text("CLOUDFRONT_KEY_GROUP_ID");
    let is_group = |id: &String| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if group.as_ref().is_some_and(|id| !is_group(id)) {
        r.problem("CLOUDFRONT_KEY_GROUP_ID", "the id of a key group: letters, digits and -");
    }
    let refresh = r.seconds("CLOUDFRONT_PRIVATE_KEY_REFRESH_SECONDS", 1..=86_400);
    let parameter = place(r, KeyPlace::Parameter);
    let secret = place(r, KeyPlace::Secret);
    let pem = r.text("CLOUDFRONT_PRIVATE_KEY_PEM");
    if parameter.is_some() && secret.is_some() {
        r.problem("CLOUDFRONT_PRIVATE_KEY_SECRET_ID", "either it or CLOUDFRONT_PRIVATE_KEY_SSM_PARAM");
    }
    if let Some(place) = parameter.or(secret) {
        if pem.is_some() {
            r.problem(place.setting(), "either it or CLOUDFRONT_PRIVATE_KEY_PEM");
        }
        return SigningKeySetting {
            given: None,
            remote: Some(RemoteKeySetting { place, given_id: id, refresh }),
            group,
        };
    }
    let is_given = pem.is_some();
    let given = match (id, pem.and_then(|text| secrets::private_key(r, text))) {
        (Some(id), Some(pem)) => Some((id, pem)),
        (None, Some(_)) => {
            r.problem("CLOUDFRONT_KEY_PAIR_ID", "the id of the public half of CLOUDFRONT_PRIVATE_KEY_PEM");
            None
        }
        (Some(_), None) if !is_given => {
            r.problem("CLOUDFRONT_PRIVATE_KEY_PEM", "the private key of CLOUDFRONT_KEY_PAIR_ID");
            None
        }
        _ => None,
    };
    SigningKeySetting { given, remote: None, group }
}

/// Returns the place that a setting names.
fn place(r: &mut Resolver, of: fn(String) -> KeyPlace) -> Option<KeyPlace> {
    let setting = of(String::new()).setting();
    let name = r.text(setting)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.:+=@!".contains(&byte);
    if name.len() > 2048 || !name.bytes().all(plain) {
        r.problem(setting, "a name such as /prod/tidegate/signing-key, or an ARN");
    }
    Some(of(name))
}

//! Grants: time-limited rights to read, as CloudFront URLs or cookies. Signs once per scope and
//! window, and never for a key outside the served roots. Key pairs are in `state`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sign::{PolicySignature, Resource, window_expiry};

use crate::app::App;
use crate::config::{GrantMode, Origin};
use crate::error::{Error, Result};
use crate::library::{objects, thaw};
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::owner::OwnerKind;
use crate::state::object_cache::Ready;

/// The bytes that are percent-encoded in the paths of URLs.
///
/// CloudFront compares the path that a client sends with the signed one, byte for byte, and some
/// clients send `(` for `%28`. So what a path segment may contain (RFC 3986, `pchar`) is not
/// encoded, with two exceptions: `*` is a wildcard in policies, and S3 reads `+` as a space.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A right to read one object.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The URL to read from.
    pub url: String,
    /// The authorization for reading.
    pub authorization: Authorization,
    /// The object.
    pub object: Arc<Ready>,
}

/// The authorization for a read.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// Cookies that the client sends along.
    Cookies {
        /// The signature in the cookies.
        signature: Arc<PolicySignature>,
        /// The `Path` attribute of the cookies.
        path: String,
        /// When they expire and when to renew them.
        times: Times,
    },
    /// The URL itself contains the signature.
    Url(Times),
    /// The caller's own sign-in, at the API.
    SignIn,
}

/// The times of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the grant expires, in epoch seconds.
    pub expires_at: u64,
    /// When a grant with a later expiry is available, in epoch seconds.
    pub refresh_after: u64,
}

impl Times {
    /// Returns the times, limited to `not_after` in epoch seconds.
    fn capped(self, not_after: u64) -> Self {
        Self { expires_at: self.expires_at.min(not_after), refresh_after: self.refresh_after.min(not_after) }
    }
}

/// Issues a grant for a READY object. Authorizes the caller.
pub async fn issue(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<Grant> {
    let object = objects::find_ready(app, caller, kind, id).await?;
    let Some(edge) = &app.addresses.edge else {
        let url = format!("{}/v1/images/{id}/range", app.addresses.api);
        return Ok(Grant { url, authorization: Authorization::SignIn, object });
    };
    let ends = thaw::grant_end(app, &object.owner, id, &object.key, &object.content).await?;
    let url = format!("{edge}/{}", object.key);
    let root = served_root(app, object.key.as_str())?;
    let (signature, times) = sign_root_until(app, root, app.config.cloudfront.lifetime, ends, app.db.now())?;
    let (url, authorization) = match app.config.cloudfront.auth_mode {
        GrantMode::Url => (format!("{url}?{}", signature.query()), Authorization::Url(times)),
        GrantMode::Cookie => {
            let path = if app.config.cloudfront.cookie.wide_path {
                format!("/{}", app.config.images.layout.images())
            } else {
                format!("/{}", served_root(app, object.key.as_str())?)
            };
            (url, Authorization::Cookies { signature, path, times })
        }
    };
    metrics::counter!("tidegate_grants_total", "owner" => kind.as_str()).increment(1);
    Ok(Grant { url, authorization, object })
}

/// Returns the signature over a served root in the current window. It is made once and then cached.
pub(crate) fn sign_root(
    app: &App,
    root: &str,
    lifetime: Duration,
    now: SystemTime,
) -> Result<(Arc<PolicySignature>, Times)> {
    sign_root_until(app, root, lifetime, u64::MAX, now)
}

/// Returns the signature over a served root as [`sign_root`] does, but expiring at `not_after` (epoch
/// seconds) at the latest.
fn sign_root_until(
    app: &App,
    root: &str,
    lifetime: Duration,
    not_after: u64,
    now: SystemTime,
) -> Result<(Arc<PolicySignature>, Times)> {
    let times = window(now, lifetime).capped(not_after);
    let edge = edge(app)?;
    let signer = app.signing_key.signer();
    let covered = (root.to_owned(), times.expires_at, signer.key_pair_id().to_owned());
    let signature = app
        .grants
        .policies
        .try_get_with(covered, || {
            let scope = format!("{edge}/{root}");
            let resource = Resource::below(&scope).map_err(|error| error.to_string())?;
            metrics::counter!("tidegate_signatures_total").increment(1);
            let signed = signer.sign_resource(&resource, times.expires_at);
            signed.map(Arc::new).ok_or_else(|| "the crypto library failed".to_owned())
        })
        .map_err(|error: Arc<String>| Error::Internal(anyhow::anyhow!("signing: {error}")))?;
    Ok((signature, times))
}

/// Returns the URL of one key in the current window, with its own canned policy, which covers no
/// other key. It is made once and then cached.
pub(crate) fn sign_key(app: &App, key: &Key, lifetime: Duration, now: SystemTime) -> Result<(Arc<str>, Times)> {
    sign_key_until(app, key, lifetime, u64::MAX, now)
}

/// Returns the URL of one key as [`sign_key`] does, but expiring at `not_after` (epoch seconds) at
/// the latest.
pub(crate) fn sign_key_until(
    app: &App,
    key: &Key,
    lifetime: Duration,
    not_after: u64,
    now: SystemTime,
) -> Result<(Arc<str>, Times)> {
    let times = window(now, lifetime).capped(not_after);
    Ok((sign_url(app, key.as_str(), times.expires_at)?, times))
}

/// Returns the URL of one key that expires after `lifetime`, to the second, with its own canned
/// policy, and the time of its expiry. For links whose lifetime somebody has chosen.
pub(crate) fn sign_link(app: &App, key: &str, lifetime: Duration, now: SystemTime) -> Result<(String, SystemTime)> {
    let expires_at = epoch_seconds(now) + lifetime.as_secs();
    let url = sign_url(app, key, expires_at)?;
    Ok((url.as_ref().to_owned(), SystemTime::UNIX_EPOCH + Duration::from_secs(expires_at)))
}

/// Returns the URL of one key until `expires_at` in epoch seconds. It is made once and then cached.
fn sign_url(app: &App, key: &str, expires_at: u64) -> Result<Arc<str>> {
    served_root(app, key)?;
    let edge = edge(app)?;
    let signer = app.signing_key.signer();
    let covered = (key.to_owned(), expires_at, signer.key_pair_id().to_owned());
    app.grants
        .urls
        .try_get_with(covered, || {
            let url = format!("{edge}/{}", utf8_percent_encode(key, PATH));
            let resource = Resource::url(&url).map_err(|error| error.to_string())?;
            metrics::counter!("tidegate_signatures_total").increment(1);
            let signed = signer.sign_url(&resource, expires_at);
            signed.map(Arc::from).ok_or_else(|| "the crypto library failed".to_owned())
        })
        .map_err(|error: Arc<String>| Error::Internal(anyhow::anyhow!("signing: {error}")))
}

/// Returns the expiry and renewal time of what is signed now.
fn window(now: SystemTime, lifetime: Duration) -> Times {
    let lifetime = lifetime.as_secs();
    let expires_at = window_expiry(epoch_seconds(now), lifetime);
    Times { expires_at, refresh_after: expires_at - lifetime + lifetime / 4 }
}

/// Returns the address of the edge or CDN.
fn edge(app: &App) -> Result<&Origin> {
    app.addresses.edge.as_ref().ok_or_else(|| Error::Misconfig("there is no edge and no CDN".into()))
}

/// Returns the served root of a key. Returns an internal error for a key outside every served root,
/// which must never be signed.
fn served_root<'a>(app: &App, key: &'a str) -> Result<&'a str> {
    let root = app.config.images.layout.served_root(key);
    root.ok_or_else(|| Error::Misconfig("the object is outside the served roots; was IMAGE_BASE_PATH changed?".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    /// Decodes what some clients decode before they send a path: octets that a path segment may
    /// contain. A client that keeps `%2B` does so because servers read `+` in two ways.
    fn normalised(path: &str) -> String {
        let mut text = String::new();
        let mut rest = path;
        while let Some(at) = rest.find('%') {
            let (before, escape) = (&rest[..at], &rest[at..at + 3]);
            let byte = u8::from_str_radix(&escape[1..], 16).unwrap();
            let kept = !(byte.is_ascii_alphanumeric() || b"-._~!$&'(),;=:@".contains(&byte));
            text.push_str(before);
            if kept {
                text.push_str(escape)
            } else {
                text.push(char::from(byte))
            }
            rest = &rest[at + 3..];
        }
        text + rest
    }

    proptest! {
        #[test]
        fn a_signed_path_is_sent_as_it_is_and_names_one_key(key in "([ -~]|[a%+*?'éü\u{65}\u{301}]){1,40}") {
            let path = utf8_percent_encode(&key, PATH).to_string();
            prop_assert_eq!(&normalised(&path), &path);
            prop_assert_eq!(percent_decode_str(&path).decode_utf8().unwrap(), key);
            prop_assert!(!path.contains(['*', '?', '+', '\\', ' ', '#', '"']), "{}", path);
            prop_assert!(Resource::url(&format!("https://h.test/a/{path}")).is_ok(), "{}", path);
        }
    }
}

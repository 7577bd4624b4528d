//! Grants: time-limited rights to read, as CloudFront URLs or cookies. One signature per scope and window.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sign::{PolicySignature, Resource, window_expiry};

use crate::app::App;
use crate::config::{GrantMode, Origin};
use crate::error::{Error, Result};
use crate::library::objects;
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::owner::OwnerKind;
use crate::state::object_cache::Ready;

/// What stands in the path of a URL as it is.
const PATH: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A right to read one object.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Where to read.
    pub url: String,
    /// What authorizes it.
    pub authorization: Authorization,
    /// What will be read.
    pub object: Arc<Ready>,
}

/// What authorizes a read.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// Cookies to send along; `path` is what they are for.
    Cookies {
        /// The cookies.
        signature: Arc<PolicySignature>,
        /// Their `Path`.
        path: String,
        /// When they end and when to ask again.
        times: Times,
    },
    /// The URL itself.
    Url(Times),
    /// The caller's own sign-in, at the API.
    SignIn,
}

/// A grant's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Epoch seconds at which it ends.
    pub expires_at: u64,
    /// Epoch seconds from which asking again gives a later one.
    pub refresh_after: u64,
}

impl Times {
    /// The same, but ending at `not_after` (epoch seconds) at the latest.
    fn capped(self, not_after: u64) -> Self {
        Self { expires_at: self.expires_at.min(not_after), refresh_after: self.refresh_after.min(not_after) }
    }
}

/// Issues a grant for an object that is ready.
pub async fn issue(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<Grant> {
    let object = objects::find_ready(app, caller, kind, id).await?;
    let Some(edge) = &app.addresses.edge else {
        let url = format!("{}/v1/images/{id}/range", app.addresses.api);
        return Ok(Grant { url, authorization: Authorization::SignIn, object });
    };
    let url = format!("{edge}/{}", object.key);
    let root = served_root(app, &object.key)?;
    let (signature, times) = sign_root(app, root, app.config.cloudfront.lifetime, app.db.now())?;
    let (url, authorization) = match app.config.cloudfront.auth_mode {
        GrantMode::Url => (format!("{url}?{}", signature.query()), Authorization::Url(times)),
        GrantMode::Cookie => {
            let path = if app.config.cloudfront.cookie.wide_path {
                format!("/{}", app.config.images.layout.images())
            } else {
                format!("/{}", served_root(app, &object.key)?)
            };
            (url, Authorization::Cookies { signature, path, times })
        }
    };
    metrics::counter!("tidegate_grants_total", "owner" => kind.as_str()).increment(1);
    Ok(Grant { url, authorization, object })
}

/// The signature over a served root in the current window, made once.
pub(crate) fn sign_root(
    app: &App,
    root: &str,
    lifetime: Duration,
    now: SystemTime,
) -> Result<(Arc<PolicySignature>, Times)> {
    let times = window(now, lifetime);
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

/// The URL of one key in the current window, with a canned policy of its own, made once. It opens that key and nothing else.
pub(crate) fn sign_key(app: &App, key: &Key, lifetime: Duration, now: SystemTime) -> Result<(Arc<str>, Times)> {
    sign_key_until(app, key, lifetime, u64::MAX, now)
}

/// The same for whoever shows a right that ends itself at `not_after` (epoch seconds): the URL ends no later than that.
pub(crate) fn sign_key_until(
    app: &App,
    key: &Key,
    lifetime: Duration,
    not_after: u64,
    now: SystemTime,
) -> Result<(Arc<str>, Times)> {
    served_root(app, key)?;
    let times = window(now, lifetime).capped(not_after);
    let edge = edge(app)?;
    let signer = app.signing_key.signer();
    let covered = (key.as_str().to_owned(), times.expires_at, signer.key_pair_id().to_owned());
    let url = app
        .grants
        .urls
        .try_get_with(covered, || {
            let url = format!("{edge}/{}", percent_encoding::utf8_percent_encode(key.as_str(), PATH));
            let resource = Resource::url(&url).map_err(|error| error.to_string())?;
            metrics::counter!("tidegate_signatures_total").increment(1);
            let signed = signer.sign_url(&resource, times.expires_at);
            signed.map(Arc::from).ok_or_else(|| "the crypto library failed".to_owned())
        })
        .map_err(|error: Arc<String>| Error::Internal(anyhow::anyhow!("signing: {error}")))?;
    Ok((url, times))
}

/// When what is signed now ends, and when asking again gives a later end.
fn window(now: SystemTime, lifetime: Duration) -> Times {
    let lifetime = lifetime.as_secs();
    let expires_at = window_expiry(epoch_seconds(now), lifetime);
    Times { expires_at, refresh_after: expires_at - lifetime + lifetime / 4 }
}

fn edge(app: &App) -> Result<&Origin> {
    app.addresses.edge.as_ref().ok_or_else(|| Error::Misconfig("there is no edge and no CDN".into()))
}

/// What may be signed for. A key outside every served root is our own mistake, and never signed.
fn served_root<'a>(app: &App, key: &'a Key) -> Result<&'a str> {
    let root = app.config.images.layout.served_root(key.as_str());
    root.ok_or_else(|| {
        Error::Misconfig("the object lies outside what may be served; was IMAGE_BASE_PATH changed?".into())
    })
}

//! Grants: time-limited rights to read, as CloudFront URLs or cookies. One signature per scope and window.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;
use sign::{PolicySignature, Resource, window_expiry};

use crate::app::App;
use crate::config::GrantMode;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::owner::OwnerKind;
use crate::objects;
use crate::records::Ready;

/// Signatures that were made, by what they cover and when they end. An entry of an older window is simply
/// never asked for again.
#[derive(Debug)]
pub struct GrantCache(Cache<(String, u64), Arc<PolicySignature>>);

impl GrantCache {
    /// An empty cache; about a kilobyte per entry at most 10,000 entries.
    pub fn new() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(3600)).build())
    }
}

impl Default for GrantCache {
    fn default() -> Self {
        Self::new()
    }
}

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

/// Issues a grant for an object that is ready.
pub async fn issue(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<Grant> {
    let object = objects::find_ready(app, caller, kind, id).await?;
    let Some(edge) = &app.addresses.edge else {
        let url = format!("{}/v1/images/{id}/range", app.addresses.api);
        return Ok(Grant { url, authorization: Authorization::SignIn, object });
    };
    let url = format!("{edge}/{}", object.key);
    let root = served_root(app, &object.key)?;
    let (signature, times) = sign_root(app, root, app.config.cloudfront.lifetime, SystemTime::now())?;
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
    let lifetime = lifetime.as_secs();
    let expires_at = window_expiry(epoch_seconds(now), lifetime);
    let times = Times { expires_at, refresh_after: expires_at - lifetime + lifetime / 4 };
    let edge = app.addresses.edge.as_ref().ok_or_else(|| Error::Misconfig("there is no edge and no CDN".into()))?;
    let signature = app
        .grants
        .0
        .try_get_with((root.to_owned(), expires_at), || {
            let scope = format!("{edge}/{root}");
            let resource = Resource::below(&scope).map_err(|error| error.to_string())?;
            metrics::counter!("tidegate_signatures_total").increment(1);
            let signed = app.signer.sign_resource(&resource, expires_at);
            signed.map(Arc::new).ok_or_else(|| "the crypto library failed".to_owned())
        })
        .map_err(|error: Arc<String>| Error::Internal(anyhow::anyhow!("signing: {error}")))?;
    Ok((signature, times))
}

/// What may be signed for. A key outside every served root is our own mistake, and never signed.
fn served_root<'a>(app: &App, key: &'a Key) -> Result<&'a str> {
    let root = app.config.images.layout.served_root(key.as_str());
    root.ok_or_else(|| {
        Error::Misconfig("the object lies outside what may be served; was IMAGE_BASE_PATH changed?".into())
    })
}

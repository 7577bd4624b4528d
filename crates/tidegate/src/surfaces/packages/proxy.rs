//! Redirects pages that hold a presigned URL but cannot read from its host. The URL itself is the
//! authorization, so there is no sign-in. Accepts only URLs of known buckets; metadata is requested
//! with that URL and never with the server's own credentials.

use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED, RANGE};

use crate::app::{App, LOCAL_BUCKET};
use crate::config::StoreSetting;
use crate::error::{Error, Result, bad_request};
use crate::model::s3_url::{self, OwnStore, PresignedUrl};

/// The facts that S3 returns about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The size in bytes.
    pub size: u64,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `ETag`, quoted.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// Returns the URL to redirect to. `beside` holds the URL's own parameters that arrived as
/// parameters of the request. Returns 400 if the bucket is not allowed.
pub fn resolve(app: &App, given: &str, beside: &[(String, String)]) -> Result<PresignedUrl> {
    let origin = app.config.store.origin(&app.addresses.s3);
    let (bucket, in_path, at_aws) = match &app.config.store {
        StoreSetting::Local(_) => (LOCAL_BUCKET, true, false),
        StoreSetting::S3(setting) => {
            let in_path = setting.addressing == store::Addressing::Path;
            (setting.bucket.as_str(), in_path, setting.endpoint.host().ends_with(".amazonaws.com"))
        }
    };
    let own = OwnStore { scheme: origin.scheme, authority: &origin.authority, bucket, in_path };
    let url = s3_url::parse(given, beside, own, app.db.now()).map_err(|error| bad_request(error.to_string()))?;
    let listed = app.config.packages.proxy_buckets.contains(&url.bucket);
    let ours = url.bucket == bucket && (url.is_own || at_aws);
    if !listed && !ours {
        return Err(bad_request("presigned_url leads to a bucket that is not served here; see PROXY_ALLOWED_BUCKETS"));
    }
    metrics::counter!("tidegate_proxied_total").increment(1);
    Ok(url)
}

/// Requests the facts about the object of a presigned URL from S3. Returns 503 if too many such
/// requests are in progress.
pub async fn facts(app: &App, url: &PresignedUrl) -> Result<Facts> {
    let _turn = app.fetcher.permits.try_acquire().map_err(|_| Error::Busy)?;
    let request = app.fetcher.client.get(&url.url).header(RANGE, "bytes=0-0");
    // The URL is a secret and must not appear in the error.
    let response = request.send().await.map_err(|error| Error::Unavailable(error.without_url().into()))?;
    let status = response.status().as_u16();
    let size = match status {
        // An empty object has no first byte, so S3 answers 416.
        206 | 416 => total(&response),
        200 => text(&response, &CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        403 => return Err(Error::Forbidden("S3 refuses presigned_url".into())),
        404 => return Err(Error::NotFound("S3 has no such object".into())),
        400..=499 => return Err(bad_request(format!("S3 refuses presigned_url with status {status}"))),
        _ => return Err(Error::Unavailable(anyhow::anyhow!("S3 answers with status {status}"))),
    };
    let size = size.ok_or_else(|| Error::Unavailable(anyhow::anyhow!("S3 does not say how long the object is")))?;
    let found = status != 416;
    Ok(Facts {
        size,
        content_type: text(&response, &CONTENT_TYPE).filter(|_| found),
        etag: text(&response, &ETAG),
        last_modified: text(&response, &LAST_MODIFIED),
    })
}

/// Returns the total length from `Content-Range` (RFC 9110, section 14.4).
fn total(response: &Response) -> Option<u64> {
    text(response, &CONTENT_RANGE)?.rsplit_once('/')?.1.parse().ok()
}

fn text(response: &Response, name: &HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

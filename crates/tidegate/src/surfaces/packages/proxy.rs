//! The door for pages that hold a presigned URL and may not read from its host: they are sent on to it. Whoever holds the URL
//! has the right to read, so that nobody signs in. Only what leads to a bucket that is known is handed on; metadata is got
//! with that very URL, never with credentials of ours, and from nowhere else.

use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED, RANGE};

use crate::app::{App, LOCAL_BUCKET};
use crate::config::StoreSetting;
use crate::error::{Error, Result, bad_request};
use crate::model::s3_url::{self, OwnStore, PresignedUrl};

/// What S3 says of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes.
    pub size: u64,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `ETag`, quoted.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// The URL that a page is sent on to. `beside` are parameters that arrived beside it and belong to it.
pub fn resolve(app: &App, given: &str, beside: &[(String, String)]) -> Result<PresignedUrl> {
    let s3 = &app.addresses.s3;
    let (bucket, in_path, at_aws) = match &app.config.store {
        StoreSetting::Local(_) => (LOCAL_BUCKET, true, false),
        StoreSetting::S3(setting) => {
            let in_path = setting.addressing == store::Addressing::Path;
            (setting.bucket.as_str(), in_path, setting.endpoint.host().ends_with(".amazonaws.com"))
        }
    };
    let authority = if in_path { s3.authority.clone() } else { format!("{bucket}.{}", s3.authority) };
    let own = OwnStore { scheme: s3.scheme, authority: &authority, bucket, in_path };
    let url = s3_url::parse(given, beside, own, app.db.now()).map_err(|error| bad_request(error.to_string()))?;
    let listed = app.config.packages.proxy_buckets.contains(&url.bucket);
    let ours = url.bucket == bucket && (url.is_own || at_aws);
    if !listed && !ours {
        return Err(bad_request("presigned_url leads to a bucket that is not served here; see PROXY_ALLOWED_BUCKETS"));
    }
    metrics::counter!("tidegate_proxied_total").increment(1);
    Ok(url)
}

/// What S3 says of the object that a URL reads, to whoever holds that URL.
pub async fn facts(app: &App, url: &PresignedUrl) -> Result<Facts> {
    let _turn = app.fetcher.permits.try_acquire().map_err(|_| Error::Busy)?;
    let request = app.fetcher.client.get(&url.url).header(RANGE, "bytes=0-0");
    // The address is a secret, and must not be told in the error.
    let answer = request.send().await.map_err(|error| Error::Unavailable(error.without_url().into()))?;
    let status = answer.status().as_u16();
    let size = match status {
        // An empty object has no first byte.
        206 | 416 => total(&answer),
        200 => text(&answer, &CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        403 => return Err(Error::Forbidden("S3 refuses presigned_url".into())),
        404 => return Err(Error::NotFound("S3 has no such object".into())),
        400..=499 => return Err(bad_request(format!("S3 refuses presigned_url with status {status}"))),
        _ => return Err(Error::Unavailable(anyhow::anyhow!("S3 answers with status {status}"))),
    };
    let size = size.ok_or_else(|| Error::Unavailable(anyhow::anyhow!("S3 does not say how long the object is")))?;
    let found = status != 416;
    Ok(Facts {
        size,
        content_type: text(&answer, &CONTENT_TYPE).filter(|_| found),
        etag: text(&answer, &ETAG),
        last_modified: text(&answer, &LAST_MODIFIED),
    })
}

/// The number behind the slash of `Content-Range`.
fn total(answer: &Response) -> Option<u64> {
    text(answer, &CONTENT_RANGE)?.rsplit_once('/')?.1.parse().ok()
}

fn text(answer: &Response, name: &HeaderName) -> Option<String> {
    answer.headers().get(name)?.to_str().ok().map(str::to_owned)
}

//! The HTTP client for presigned URLs that a caller supplied. It follows no redirect and uses no
//! proxy, so it connects only to the host that was checked. The checks are in `model/s3_url.rs`.

use std::time::Duration;

use tokio::sync::Semaphore;

/// The time limit for connecting, and for the whole request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most requests in flight.
const MAX_REQUESTS: usize = 64;

/// An HTTP client without redirects, proxies and cookies, and the permits that bound its requests.
#[derive(Debug)]
pub struct Fetcher {
    pub(crate) client: reqwest::Client,
    pub(crate) permits: Semaphore,
}

impl Fetcher {
    /// Creates the client.
    pub fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { client, permits: Semaphore::new(MAX_REQUESTS) })
    }
}

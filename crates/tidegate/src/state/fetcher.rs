//! The HTTP client for presigned URLs that a caller gives. It follows no redirect and uses no proxy, so that it asks only
//! the host that was checked.

use std::time::Duration;

use tokio::sync::Semaphore;

/// How long S3 may take to say what it knows.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests on their way at once.
const AT_ONCE: usize = 64;

/// Asks S3, and follows it nowhere.
#[derive(Debug)]
pub struct Fetcher {
    pub(crate) client: reqwest::Client,
    pub(crate) turns: Semaphore,
}

impl Fetcher {
    /// A client of its own: no proxies, no cookies, no redirects.
    pub fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { client, turns: Semaphore::new(AT_ONCE) })
    }
}

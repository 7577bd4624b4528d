//! Requests to a running server of this machine.

use std::time::Duration;

use anyhow::Context as _;

/// The most bytes of a body that are read.
const MAX_BODY: usize = 4 << 20;

/// The answer of a server.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// Whether the status is 2xx.
    pub(super) is_success: bool,
    /// The body, up to 4 MiB.
    pub(super) body: String,
}

/// Sends a GET request. Uses no proxy, and follows no redirect.
pub(super) async fn get(url: &str, timeout: Duration) -> anyhow::Result<Answer> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(timeout);
    let about = || format!("{url} does not answer");
    let mut response =
        client.build()?.get(url).send().await.map_err(reqwest::Error::without_url).with_context(about)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url).with_context(about)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            body.truncate(MAX_BODY);
            break;
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status: status.as_u16(), is_success: status.is_success(), body })
}

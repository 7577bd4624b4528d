//! `Set-Cookie` lines for CloudFront signed cookies. Never signs anything; see `library/grants.rs`.

use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderValue, header};
use sign::PolicySignature;

use crate::app::App;
use crate::error::{Error, Result};
use crate::model::epoch_seconds;

/// Returns the attributes that follow name and value of each cookie.
pub(super) fn attributes(app: &App, path: &str) -> Vec<String> {
    let cookie = &app.config.cloudfront.cookie;
    let mut attributes = vec![format!("Path={path}"), "HttpOnly".to_owned()];
    if app.addresses.edge.as_ref().is_some_and(|edge| edge.scheme == "https") {
        attributes.push("Secure".to_owned());
    }
    attributes.push(format!("SameSite={}", cookie.same_site));
    if cookie.partitioned {
        attributes.push("Partitioned".to_owned());
    }
    if let Some(domain) = &cookie.domain {
        attributes.push(format!("Domain={domain}"));
    }
    attributes
}

/// Returns the `Max-Age` attribute that ends a cookie with its signature, at `expires_at` in epoch
/// seconds.
pub(super) fn max_age(expires_at: u64) -> String {
    format!("Max-Age={}", expires_at.saturating_sub(epoch_seconds(SystemTime::now())))
}

/// Appends the three cookies of a signature to the response headers.
pub(super) fn set(headers: &mut HeaderMap, signature: &PolicySignature, attributes: &[String]) -> Result<()> {
    let tail = attributes.join("; ");
    for (name, value) in signature.cookies() {
        let line = HeaderValue::from_str(&format!("{name}={value}; {tail}"));
        headers.append(header::SET_COOKIE, line.map_err(|error| Error::Internal(error.into()))?);
    }
    Ok(())
}

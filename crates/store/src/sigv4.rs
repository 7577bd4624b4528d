//! Presigns S3 requests with AWS Signature Version 4 in the query. Signs only `host` and the given
//! headers, never the payload. Sends nothing. Source: AWS, "Authenticating Requests: Using Query
//! Parameters".

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use time::OffsetDateTime;

use crate::PresignedRequest;
use crate::error::{Error, Result};

/// The longest lifetime of a presigned request: seven days.
pub const MAX_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The characters that SigV4 percent-encodes in query values (RFC 3986 unreserved characters stay).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The characters that SigV4 percent-encodes in paths.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// The address that presigned requests are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The scheme and authority, without a trailing slash.
    pub url: String,
    /// The region in the credential scope.
    pub region: String,
    /// The bucket, written as the first path segment; `None` if the host contains it.
    pub bucket: Option<String>,
}

/// Presigns requests with one set of credentials.
pub struct Presigner {
    endpoint: Endpoint,
    access_key: String,
    secret_key: String,
    /// The session token of temporary credentials.
    session_token: Option<String>,
    /// The derived signing key and the day it is for. Deriving it takes four of a request's six
    /// HMACs.
    signing_key: Mutex<Option<(String, hmac::Key)>>,
}

impl Clone for Presigner {
    fn clone(&self) -> Self {
        let (access_key, secret_key) = (self.access_key.clone(), self.secret_key.clone());
        Self::new(self.endpoint.clone(), access_key, secret_key).with_token(self.session_token.as_deref())
    }
}

impl fmt::Debug for Presigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presigner").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A request to sign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'static str,
    pub(crate) key: &'a str,
    /// The query parameters of the operation, unencoded.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// The headers to sign besides `host`: lower-case names in sorted order.
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

impl Presigner {
    /// Creates a presigner for `endpoint`.
    pub fn new(endpoint: Endpoint, access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            endpoint,
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: None,
            signing_key: Mutex::new(None),
        }
    }

    /// Adds the session token of temporary credentials.
    pub(crate) fn with_token(self, session_token: Option<&str>) -> Self {
        Self { session_token: session_token.map(str::to_owned), ..self }
    }

    /// Signs a request that is valid from `now` for `lifetime`: 1 second to 7 days, rounded down to
    /// whole seconds.
    pub(crate) fn presign(
        &self,
        request: Unsigned<'_>,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<PresignedRequest> {
        if lifetime < Duration::from_secs(1) || lifetime > MAX_LIFETIME {
            return Err(Error::BadLifetime);
        }
        let Endpoint { url, region, bucket } = &self.endpoint;
        let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
        let (day, instant) = timestamps(now);
        let scope = format!("{day}/{region}/s3/aws4_request");
        let mut names = vec!["host"];
        names.extend(request.headers.iter().map(|(name, _)| *name));
        names.sort_unstable();
        let signed_headers = names.join(";");
        let credential = format!("{}/{scope}", self.access_key);
        let seconds = lifetime.as_secs().to_string();
        let mut query: Vec<(String, String)> =
            request.query.iter().map(|(name, value)| (encode(name), encode(value))).collect();
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &instant),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", &signed_headers),
        ] {
            query.push((name.to_owned(), encode(value)));
        }
        if let Some(token) = &self.session_token {
            query.push(("X-Amz-Security-Token".to_owned(), encode(token)));
        }
        let sent = join(&query);
        query.sort_unstable();
        let bucket = bucket.as_deref().map(|bucket| format!("/{}", encode(bucket))).unwrap_or_default();
        let path = format!("{bucket}/{}", percent_encode(request.key.as_bytes(), PATH));
        let mut canonical = format!("{}\n{path}\n{}\n", request.method, join(&query));
        for name in &names {
            let value = request.headers.iter().find(|(header, _)| header == name).map_or(host, |(_, value)| value);
            canonical.push_str(&format!("{name}:{}\n", value.trim()));
        }
        canonical.push_str(&format!("\n{signed_headers}\nUNSIGNED-PAYLOAD"));
        let hashed = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{instant}\n{scope}\n{hashed}");
        let signature = hex::encode(hmac::sign(&self.signing_key(&day), to_sign.as_bytes()));
        Ok(PresignedRequest {
            method: request.method,
            expires: whole_seconds(now) + Duration::from_secs(lifetime.as_secs()),
            url: format!("{url}{path}?{sent}&X-Amz-Signature={signature}"),
            headers: request.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        })
    }

    /// Returns the signing key of a day (`YYYYMMDD`), derived once a day.
    fn signing_key(&self, day: &str) -> hmac::Key {
        let mut cached = self.signing_key.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, key)) = cached.as_ref().filter(|(cached_day, _)| cached_day == day) {
            return key.clone();
        }
        let step = |key: &[u8], data: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes());
        let mut tag = step(format!("AWS4{}", self.secret_key).as_bytes(), day);
        for data in [self.endpoint.region.as_str(), "s3", "aws4_request"] {
            tag = step(tag.as_ref(), data);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
        *cached = Some((day.to_owned(), key.clone()));
        key
    }
}

/// Percent-encodes a query name or value.
fn encode(text: &str) -> String {
    percent_encode(text.as_bytes(), UNRESERVED).to_string()
}

/// Joins encoded query parameters.
fn join(query: &[(String, String)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Rounds a time down to the whole second, the precision of `X-Amz-Date`.
fn whole_seconds(at: SystemTime) -> SystemTime {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// Returns a time as `YYYYMMDD` and as `YYYYMMDDTHHMMSSZ`.
fn timestamps(now: SystemTime) -> (String, String) {
    let at = OffsetDateTime::from(now);
    let day = format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day());
    let instant = format!("{day}T{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
    (day, instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signing time of the vectors: 24 May 2013, midnight UTC.
    const VECTORS_AT: Duration = Duration::from_secs(1_369_353_600);

    fn presigner(url: &str, bucket: Option<&str>) -> Presigner {
        let endpoint = Endpoint { url: url.into(), region: "us-east-1".into(), bucket: bucket.map(str::to_owned) };
        Presigner::new(endpoint, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    }

    /// Presigned URLs equal botocore's byte for byte, with the example credentials of the AWS
    /// documentation.
    #[test]
    fn golden_vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/fixtures/s3-presign-vectors.json")).unwrap();
        let host = "https://examplebucket.s3.amazonaws.com";
        let override_headers = [
            ("response-content-disposition", "attachment; filename=\"a b.txt\""),
            ("response-content-type", "text/plain"),
        ];
        for (id, presigner, method, key, query, headers) in [
            ("doc-get", presigner(host, None), "GET", "test.txt", &[][..], &[][..]),
            ("path-local", presigner("http://127.0.0.1:9000", Some("examplebucket")), "PUT", "dir/k", &[], &[]),
            (
                "part",
                presigner(host, None),
                "PUT",
                "k",
                &[("uploadId", "VXBsb2FkIElE.x-y_z"), ("partNumber", "7")],
                &[],
            ),
            (
                "put-ct-len",
                presigner(host, None),
                "PUT",
                "k",
                &[],
                &[("content-length", "1234"), ("content-type", "image/png")],
            ),
            ("get-override", presigner(host, None), "GET", "k", &override_headers[..], &[]),
        ] {
            let all = vectors["botocore-1.44.5"].as_array().unwrap();
            let theirs = all.iter().find(|vector| vector["id"] == id).unwrap()["url"].as_str().unwrap();
            let unsigned = Unsigned { method, key, query, headers };
            let now = SystemTime::UNIX_EPOCH + VECTORS_AT;
            assert_eq!(presigner.presign(unsigned, now, Duration::from_secs(86_400)).unwrap().url, theirs, "{id}");
        }
    }

    #[test]
    fn the_signing_key_changes_with_the_day() {
        let presigner = presigner("http://127.0.0.1:9000", Some("b"));
        let sign = |at: Duration| {
            let unsigned = Unsigned { method: "GET", key: "k", query: &[], headers: &[] };
            presigner.presign(unsigned, SystemTime::UNIX_EPOCH + at, Duration::from_secs(60)).unwrap().url
        };
        let today = sign(VECTORS_AT);
        assert_ne!(today, sign(VECTORS_AT + Duration::from_secs(86_400)));
        assert_eq!(today, sign(VECTORS_AT));
    }

    #[test]
    fn lifetimes_beyond_a_week_are_refused() {
        let presigner = presigner("http://127.0.0.1:9000", Some("b"));
        let unsigned = Unsigned { method: "GET", key: "k", query: &[], headers: &[] };
        for bad in [Duration::ZERO, MAX_LIFETIME + Duration::from_secs(1)] {
            assert!(matches!(presigner.presign(unsigned, SystemTime::now(), bad), Err(Error::BadLifetime)));
        }
        assert!(!format!("{presigner:?}").contains("wJalr"), "debug output does not contain the secret");
    }
}

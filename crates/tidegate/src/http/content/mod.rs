//! Bytes over HTTP: conditional requests and ranges (RFC 9110, sections 13 and 14), and the headers of what is
//! served. Knows nothing of who may read what.

mod conditions;
mod multipart;
mod ranges;
mod sent;

use std::io::Write as _;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use store::Stat;

pub(crate) use self::conditions::decide;
pub(crate) use self::sent::Sent;
use crate::error::Result;

/// What a request for bytes comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    Unsatisfiable,
    /// 200.
    Whole,
    /// 206 of one range.
    Part(Range<u64>),
    /// 206 of several.
    Parts(Vec<Range<u64>>),
}

/// What is there, in the form in which it is said; made once for a blob that is served often.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    size: u64,
    /// Quoted.
    etag: Option<HeaderValue>,
    /// In whole seconds: what an HTTP date can say.
    modified: SystemTime,
    last_modified: Option<HeaderValue>,
    content_type: HeaderValue,
}

impl Facts {
    /// Of a blob. What can't be a header is left out rather than failing a download.
    pub(crate) fn of(stat: &Stat) -> Self {
        let since = stat.last_modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs());
        let opaque = HeaderValue::from_static("application/octet-stream");
        Self {
            size: stat.size,
            etag: HeaderValue::from_str(&format!("\"{}\"", stat.etag)).ok(),
            modified,
            last_modified: HeaderValue::from_str(&httpdate::fmt_http_date(modified)).ok(),
            content_type: HeaderValue::from_str(&stat.attributes.content_type).unwrap_or(opaque),
        }
    }

    fn etag(&self) -> &str {
        self.etag.as_ref().and_then(|etag| etag.to_str().ok()).unwrap_or_default()
    }
}

/// Answers a GET or HEAD. `base` holds the headers of the place (caching, policies); `read` gives the bytes of
/// a range and is called for what is sent only.
pub(crate) async fn respond<R, F>(
    method: &Method,
    request: &HeaderMap,
    facts: &Facts,
    base: HeaderMap,
    read: R,
) -> Result<Response<Sent>>
where
    R: Fn(Range<u64>) -> F + Send + 'static,
    F: Future<Output = Result<Sent>> + Send + 'static,
{
    let answer = decide(method, request, facts);
    let mut response = Response::new(Sent::Nothing);
    *response.headers_mut() = base;
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(etag) = &facts.etag {
        headers.insert(header::ETAG, etag.clone());
    }
    if let Some(last_modified) = &facts.last_modified {
        headers.insert(header::LAST_MODIFIED, last_modified.clone());
    }
    let status = match &answer {
        Answer::NotModified => StatusCode::NOT_MODIFIED,
        Answer::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Answer::Unsatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        Answer::Whole => StatusCode::OK,
        Answer::Part(_) | Answer::Parts(_) => StatusCode::PARTIAL_CONTENT,
    };
    let body = match answer {
        Answer::NotModified => Sent::Nothing,
        Answer::PreconditionFailed => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
            Sent::Nothing
        }
        Answer::Unsatisfiable => {
            headers.insert(header::CONTENT_RANGE, unsatisfied(facts.size));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
            Sent::Nothing
        }
        Answer::Whole => {
            headers.insert(header::CONTENT_TYPE, facts.content_type.clone());
            headers.insert(header::CONTENT_LENGTH, facts.size.into());
            if method == Method::HEAD { Sent::Nothing } else { read(0..facts.size).await? }
        }
        Answer::Part(range) => {
            headers.insert(header::CONTENT_TYPE, facts.content_type.clone());
            headers.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
            headers.insert(header::CONTENT_RANGE, content_range(&range, facts.size));
            read(range).await?
        }
        Answer::Parts(ranges) => {
            let parts = multipart::Parts::new(ranges, facts);
            insert(headers, header::CONTENT_TYPE, &parts.content_type());
            headers.insert(header::CONTENT_LENGTH, parts.length().into());
            parts.send(read).await?
        }
    };
    *response.status_mut() = status;
    *response.body_mut() = body;
    Ok(response)
}

/// Room for two numbers of 64 bits and what stands around them.
const SHORT: usize = 96;

/// `bytes first-last/size`.
fn content_range(range: &Range<u64>, size: u64) -> HeaderValue {
    short(format_args!("bytes {}-{}/{size}", range.start, range.end - 1))
}

/// `bytes */size`.
fn unsatisfied(size: u64) -> HeaderValue {
    short(format_args!("bytes */{size}"))
}

/// A header's value that was written to the stack first.
fn short(text: std::fmt::Arguments<'_>) -> HeaderValue {
    let mut buffer = [0u8; SHORT];
    let mut left = buffer.as_mut_slice();
    let written = if left.write_fmt(text).is_ok() { SHORT - left.len() } else { 0 };
    HeaderValue::from_bytes(&buffer[..written]).unwrap_or(HeaderValue::from_static("bytes */*"))
}

/// Sets a header; a value that can't be one is left out rather than failing a download.
pub(crate) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The headers of bytes from anywhere: no sniffing, no scripts, no other site's page.
pub(crate) fn guarded(resource_policy: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(24);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static(resource_policy));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers
}

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

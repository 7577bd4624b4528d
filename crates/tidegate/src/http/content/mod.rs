//! Bytes over HTTP: conditional requests and ranges (RFC 9110, sections 13 and 14), and the headers of what is
//! served. Knows nothing of who may read what.

mod body;
mod conditions;
mod fields;
mod multipart;
mod ranges;

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use store::Stat;

pub(crate) use self::body::ResponseBody;
pub(crate) use self::conditions::evaluate;
pub(crate) use self::fields::{FieldLines, Fields};
use crate::error::Result;
use crate::model::key;

/// What a request for bytes comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
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
pub(crate) struct Representation {
    size: u64,
    /// Quoted; empty where it can't be said.
    etag: String,
    /// In whole seconds: what an HTTP date can say. `None` where it is not known.
    modified: Option<SystemTime>,
    last_modified: String,
    /// Whether other bytes always have another date.
    date_is_strong: bool,
    /// Empty where it is not known.
    content_type: String,
}

impl Representation {
    /// Of a blob.
    pub(crate) fn of(stat: &Stat) -> Self {
        let since = stat.last_modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs());
        let sayable = |text: &str| HeaderValue::from_str(text).is_ok() && !text.is_empty();
        let given = Some(stat.attributes.content_type.as_str()).filter(|text| sayable(text));
        Self {
            size: stat.size,
            etag: Some(format!("\"{}\"", stat.etag)).filter(|text| sayable(text)).unwrap_or_default(),
            modified: Some(modified),
            date_is_strong: true,
            last_modified: httpdate::fmt_http_date(modified),
            content_type: given.unwrap_or("application/octet-stream").to_owned(),
        }
    }

    /// The same, of what lies at a key: where others may come to lie there within the same second, the date is a weak
    /// validator (RFC 9110, section 8.8.2.2).
    pub(crate) fn at_key(self, key: &str) -> Self {
        Self { date_is_strong: !key::is_reused(key), ..self }
    }

    /// Of something elsewhere, as its own server told: `ETag` and `Last-Modified` as they came, if they did.
    pub(crate) fn from_upstream(
        size: u64,
        content_type: &str,
        etag: Option<String>,
        last_modified: Option<String>,
    ) -> Self {
        let modified = last_modified.as_deref().and_then(|text| httpdate::parse_http_date(text).ok());
        Self {
            size,
            etag: etag.unwrap_or_default(),
            modified,
            last_modified: last_modified.unwrap_or_default(),
            date_is_strong: false,
            content_type: content_type.to_owned(),
        }
    }
}

/// Answers a GET or HEAD: writes the fields of the answer and gives its status and body. `read` gives the bytes of a
/// range and is called for what is sent only. Where it fails, some fields were written.
pub(crate) async fn respond<R, F>(
    method: &Method,
    request: &HeaderMap,
    representation: &Representation,
    fields: &mut (impl Fields + Send),
    read: R,
) -> Result<(StatusCode, ResponseBody)>
where
    R: Fn(Range<u64>) -> F + Send + 'static,
    F: Future<Output = Result<ResponseBody>> + Send + 'static,
{
    fields.set(&header::ACCEPT_RANGES, b"bytes");
    if !representation.last_modified.is_empty() {
        fields.set(&header::LAST_MODIFIED, representation.last_modified.as_bytes());
    }
    if !representation.etag.is_empty() {
        fields.set(&header::ETAG, representation.etag.as_bytes());
    }
    Ok(match evaluate(method, request, representation) {
        ReadOutcome::NotModified => (StatusCode::NOT_MODIFIED, ResponseBody::Nothing),
        ReadOutcome::PreconditionFailed => {
            fields.number(&header::CONTENT_LENGTH, 0);
            (StatusCode::PRECONDITION_FAILED, ResponseBody::Nothing)
        }
        ReadOutcome::Unsatisfiable => {
            fields.text(&header::CONTENT_RANGE, format_args!("bytes */{}", representation.size));
            fields.number(&header::CONTENT_LENGTH, 0);
            (StatusCode::RANGE_NOT_SATISFIABLE, ResponseBody::Nothing)
        }
        ReadOutcome::Whole => {
            if !representation.content_type.is_empty() {
                fields.set(&header::CONTENT_TYPE, representation.content_type.as_bytes());
            }
            fields.number(&header::CONTENT_LENGTH, representation.size);
            let body =
                if method == Method::HEAD { ResponseBody::Nothing } else { read(0..representation.size).await? };
            (StatusCode::OK, body)
        }
        ReadOutcome::Part(range) => {
            fields.set(&header::CONTENT_TYPE, representation.content_type.as_bytes());
            fields.number(&header::CONTENT_LENGTH, range.end - range.start);
            fields.text(&header::CONTENT_RANGE, format_args!("{}", ContentRange(&range, representation.size)));
            (StatusCode::PARTIAL_CONTENT, read(range).await?)
        }
        ReadOutcome::Parts(ranges) => {
            let parts = multipart::Parts::new(ranges, representation);
            fields.set(&header::CONTENT_TYPE, parts.content_type().as_bytes());
            fields.number(&header::CONTENT_LENGTH, parts.length());
            (StatusCode::PARTIAL_CONTENT, parts.send(read).await?)
        }
    })
}

/// A range of a blob of some size, as `Content-Range` says it.
struct ContentRange<'a>(&'a Range<u64>, u64);

impl std::fmt::Display for ContentRange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(range, size) = self;
        write!(f, "bytes {}-{}/{size}", range.start, range.end - 1)
    }
}

/// What authorizes a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthorizedBy {
    /// The URL: a signature, a link or a token is part of it, or it is public. Whoever knows it may read.
    Url,
    /// Signed cookies, which browsers send along whichever page embeds the URL.
    SignedCookies,
    /// Who signed in, which may be by a cookie too.
    SignIn,
}

impl AuthorizedBy {
    /// Whose pages may embed what is read, as `Cross-Origin-Resource-Policy` says it, unless it is set for all alike. A page
    /// that has the URL gains nothing by embedding it; with a cookie it would see what its visitor may see.
    pub(crate) fn resource_policy(self, set: Option<&'static str>) -> &'static str {
        set.unwrap_or(match self {
            Self::Url => "cross-origin",
            Self::SignedCookies => "same-site",
            Self::SignIn => "same-origin",
        })
    }
}

/// Sets the fields of bytes from anywhere: no sniffing, no scripts, and no page of those that may not embed them.
pub(crate) fn set_security_fields(resource_policy: &str, fields: &mut impl Fields) {
    fields.set(&header::X_CONTENT_TYPE_OPTIONS, b"nosniff");
    fields.set(&RESOURCE_POLICY, resource_policy.as_bytes());
    fields.set(&header::CONTENT_SECURITY_POLICY, b"default-src 'none'; sandbox");
}

/// `Cross-Origin-Resource-Policy` (Fetch Standard). Redirects carry it too: isolated pages look at each answer on the way.
pub(crate) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

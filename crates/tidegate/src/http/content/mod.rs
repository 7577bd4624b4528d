//! Responses to reads: conditional requests and ranges (RFC 9110, sections 13 and 14), and the
//! headers of the content. Knows nothing of who may read; handlers decide that before.

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
pub(crate) use self::conditions::{etag_matches, evaluate};
pub(crate) use self::fields::{FieldLines, Fields};
use crate::error::Result;
use crate::model::disposition::Rendering;
use crate::model::key;

/// The response that a read request selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// 304 Not Modified.
    NotModified,
    /// 412 Precondition Failed.
    PreconditionFailed,
    /// 416 Range Not Satisfiable.
    Unsatisfiable,
    /// 200 OK with the whole content.
    Whole,
    /// 206 Partial Content with one range.
    Part(Range<u64>),
    /// 206 Partial Content with several ranges, as `multipart/byteranges`.
    Parts(Vec<Range<u64>>),
}

/// Metadata of the selected representation (RFC 9110, section 3.2), formatted for headers. Built
/// once for a blob that is served often.
#[derive(Debug, Clone)]
pub(crate) struct Representation {
    /// The length in bytes.
    size: u64,
    /// The entity tag with its quotes; empty if it cannot be sent.
    etag: String,
    /// The modification time in whole seconds, as HTTP dates have it; `None` if unknown.
    modified: Option<SystemTime>,
    /// The modification time as an HTTP date; empty if unknown.
    last_modified: String,
    /// Whether the date is a strong validator: no two contents at this address share it.
    date_is_strong: bool,
    /// The media type; empty if unknown.
    content_type: String,
    /// What a browser makes of that media type.
    rendering: Rendering,
}

impl Representation {
    /// Returns the representation of a stored object.
    pub(crate) fn of(stat: &Stat) -> Self {
        let since = stat.last_modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs());
        let sayable = |text: &str| HeaderValue::from_str(text).is_ok() && !text.is_empty();
        let given = Some(stat.attributes.content_type.as_str()).filter(|text| sayable(text));
        let content_type = given.unwrap_or("application/octet-stream");
        Self {
            size: stat.size,
            etag: Some(format!("\"{}\"", stat.etag)).filter(|text| sayable(text)).unwrap_or_default(),
            modified: Some(modified),
            date_is_strong: true,
            last_modified: httpdate::fmt_http_date(modified),
            content_type: content_type.to_owned(),
            rendering: Rendering::of(content_type),
        }
    }

    /// Sets the key the representation is served at. Where a key may be reused within one second,
    /// the date is a weak validator (RFC 9110, section 8.8.2.2).
    pub(crate) fn at_key(self, key: &str) -> Self {
        Self { date_is_strong: !key::is_reused(key), ..self }
    }

    /// Returns the representation of an object on another server, with the `ETag` and
    /// `Last-Modified` that it sent.
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
            rendering: Rendering::of(content_type),
        }
    }

    /// Returns what a browser makes of the representation's media type.
    pub(crate) fn rendering(&self) -> Rendering {
        self.rendering
    }
}

/// Responds to a GET or HEAD: writes the header fields and returns status and body. `read` returns
/// the bytes of a range and is called only for ranges that are sent.
///
/// # Errors
///
/// Those of `read`; some fields are written by then.
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

/// A `Content-Range` value: a range, and the complete length.
struct ContentRange<'a>(&'a Range<u64>, u64);

impl std::fmt::Display for ContentRange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(range, size) = self;
        write!(f, "bytes {}-{}/{size}", range.start, range.end - 1)
    }
}

/// What authorized a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthorizedBy {
    /// The URL: it carries a signature, a link or a token, or is public. Anyone who knows it may
    /// read.
    Url,
    /// Signed cookies, which browsers send whichever page embeds the URL.
    SignedCookies,
    /// Sign-in, which may be by cookie.
    SignIn,
}

impl AuthorizedBy {
    /// Returns the `Cross-Origin-Resource-Policy` value: the configured one, or a default. A page
    /// that knows a URL gains nothing by embedding it; with cookies it could see what its visitor
    /// may see.
    pub(crate) fn resource_policy(self, set: Option<&'static str>) -> &'static str {
        set.unwrap_or(match self {
            Self::Url => "cross-origin",
            Self::SignedCookies => "same-site",
            Self::SignIn => "same-origin",
        })
    }
}

/// Sets the security fields of user content: no MIME sniffing, no scripts, and no embedding by
/// pages that may not.
pub(crate) fn set_security_fields(rendering: Rendering, resource_policy: &str, fields: &mut impl Fields) {
    fields.set(&header::X_CONTENT_TYPE_OPTIONS, b"nosniff");
    fields.set(&RESOURCE_POLICY, resource_policy.as_bytes());
    fields.set(&header::CONTENT_SECURITY_POLICY, security_policy(rendering).as_bytes());
}

/// Returns the `Content-Security-Policy` value of content (W3C, "Content Security Policy Level 3").
///
/// A browser shows an image, audio or video that is opened in a tab in a document of its own, to
/// which the policy applies. That document has inline styles, and requests audio and video again
/// with CORS, which a sandbox's opaque origin fails. Scripts, forms, frames and plugins stay
/// forbidden.
fn security_policy(rendering: Rendering) -> &'static str {
    match rendering {
        Rendering::Image => "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        Rendering::Media => {
            "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
        }
        Rendering::Other => ACTIVE_CONTENT_POLICY,
    }
}

/// The `Content-Security-Policy` value of content that could run scripts.
pub(crate) const ACTIVE_CONTENT_POLICY: &str = "default-src 'none'; sandbox";

/// The `Cross-Origin-Resource-Policy` field (Fetch Standard). Redirects carry it too, since
/// cross-origin isolated pages check every response on the way.
pub(crate) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

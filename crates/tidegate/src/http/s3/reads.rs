//! `GetObject` and `HeadObject`, with the conditions and ranges of all other doors. The protocol
//! layer verifies the signature and passes the request on as it came: its own parsing of these
//! headers refuses lists, malformed values and several ranges, and does not support `If-Range`.

use std::ops::Range;
use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use futures::TryFutureExt as _;
use percent_encoding::percent_decode_str;
use s3s::path::{S3Path, parse_path_style};
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3Request, S3Response, S3Result, s3_error};
use store::Stat;

use super::super::content::{self, AuthorizedBy, Fields as _, Representation, ResponseBody};
use super::SIGNATURE;
use super::door::{check_bucket, internal, to_s3_error};
use crate::app::{App, Local};
use crate::error::Error;
use crate::library::downloads;
use crate::model::disposition::{self, Rendering};

/// Query parameters that turn a GET of an object into another operation.
const OTHER_OPERATIONS: [&str; 7] = ["acl", "attributes", "legal-hold", "retention", "tagging", "torrent", "uploadId"];

/// The route of object reads.
pub(super) struct Reads {
    app: Arc<App>,
    local: Arc<Local>,
}

impl Reads {
    pub(super) fn new(app: Arc<App>, local: Arc<Local>) -> Self {
        Self { app, local }
    }

    /// Returns the object at a key, if the request may read it. The operator reads every object;
    /// others hold a URL that this server signed, which opens READY objects only.
    async fn readable(&self, request: &S3Request<Body>, key: &str) -> S3Result<Stat> {
        let credentials = &self.local.credentials;
        let is_operator = request.credentials.as_ref().is_some_and(|given| credentials.is_operator(&given.access_key));
        if !is_operator && self.app.db.find_ready_by_key_unscoped(key).await.map_err(internal)?.is_none() {
            return Err(s3_error!(NoSuchKey, "The specified key does not exist."));
        }
        self.app.store.stat(key).await.map_err(|error| match error {
            // S3 has such keys, and this store never does.
            store::Error::InvalidKey(_) => to_s3_error(store::Error::NotFound),
            other => to_s3_error(other),
        })
    }
}

#[async_trait::async_trait]
impl S3Route for Reads {
    fn is_match(&self, method: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        let is_read = *method == Method::HEAD
            || (*method == Method::GET
                && parameters(uri)
                    .is_ok_and(|given| !given.iter().any(|(name, _)| OTHER_OPERATIONS.contains(&name.as_str()))));
        is_read && object(uri).is_some()
    }

    async fn check_access(&self, request: &mut S3Request<Body>) -> S3Result<()> {
        let denied = || s3_error!(AccessDenied, "Access Denied");
        request.credentials.as_ref().ok_or_else(denied)?;
        let (bucket, _) = object(&request.uri).ok_or_else(denied)?;
        check_bucket(&bucket)
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let (_, key) = object(&request.uri).ok_or_else(|| s3_error!(InvalidURI))?;
        let response_overrides = overrides(&request.uri)?;
        let stat = self.readable(&request, &key).await?;
        let mut headers = request.headers;
        only_one_range(&mut headers);
        let mut fields = HeaderMap::new();
        if let Some(cache_control) = &stat.attributes.cache_control {
            fields.set(&header::CACHE_CONTROL, cache_control.as_bytes());
        }
        let given = stat.attributes.content_disposition.as_deref();
        if let Some(disposition) = disposition::served(&stat.attributes.content_type, given) {
            fields.set(&header::CONTENT_DISPOSITION, disposition.as_bytes());
        }
        let read = downloads::reader(&self.app.store, &key, &stat);
        let read = move |range: Range<u64>| {
            let length = range.end - range.start;
            read(range).map_ok(move |body| ResponseBody::Stream(body, length))
        };
        let representation = Representation::of(&stat).at_key(&key);
        let answer = content::respond(&request.method, &headers, &representation, &mut fields, read).await;
        let (status, body) = answer.map_err(|error| match error {
            Error::StoreError(error) => to_s3_error(error),
            Error::NotFound(_) => to_s3_error(store::Error::NotFound),
            other => internal(other),
        })?;
        match status {
            StatusCode::PRECONDITION_FAILED => Err(with_fields(
                s3_error!(PreconditionFailed, "At least one of the preconditions you specified did not hold."),
                fields,
            )),
            StatusCode::RANGE_NOT_SATISFIABLE => {
                Err(with_fields(s3_error!(InvalidRange, "The requested range is not satisfiable"), fields))
            }
            _ => {
                // Without a signature in the URL it was the operator, who signs each request.
                let in_url =
                    parameters(&request.uri).is_ok_and(|given| given.iter().any(|(name, _)| name == SIGNATURE));
                let by = if in_url { AuthorizedBy::Url } else { AuthorizedBy::SignIn };
                // A URL may name another type than the object's, and then the browser goes by that.
                let rendering = match response_overrides.get(header::CONTENT_TYPE) {
                    Some(named) => Rendering::of(named.to_str().unwrap_or_default()),
                    None => representation.rendering(),
                };
                let policy = by.resource_policy(self.app.config.resource_policy);
                content::set_security_fields(rendering, policy, &mut fields);
                if status.is_success() {
                    fields.extend(response_overrides);
                }
                let body = Body::http_body_unsync(body);
                Ok(S3Response { status: Some(status), headers: fields, ..S3Response::new(body) })
            }
        }
    }
}

/// Returns bucket and key in a path; `None` if it does not name an object.
fn object(uri: &Uri) -> Option<(Box<str>, Box<str>)> {
    let path = percent_decode_str(uri.path()).decode_utf8().ok()?;
    match parse_path_style(&path).ok()? {
        S3Path::Object { bucket, key } => Some((bucket, key)),
        S3Path::Root | S3Path::Bucket { .. } => None,
    }
}

/// Returns the query parameters, decoded as the protocol layer decodes them.
fn parameters(uri: &Uri) -> Result<Vec<(String, String)>, serde_urlencoded::de::Error> {
    serde_urlencoded::from_str(uri.query().unwrap_or_default())
}

/// Removes a header with several ranges; S3 then responds with the whole object.
fn only_one_range(headers: &mut HeaderMap) {
    if headers.get(header::RANGE).is_some_and(|range| range.as_bytes().contains(&b',')) {
        headers.remove(header::RANGE);
    }
}

/// Adds the object's header fields to an error, without those that describe its bytes.
fn with_fields(mut error: S3Error, mut fields: HeaderMap) -> S3Error {
    for name in [header::CONTENT_LENGTH, header::CONTENT_DISPOSITION, header::CACHE_CONTROL] {
        fields.remove(name);
    }
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    error.set_headers(fields);
    error
}

/// Returns the response headers that the signed URL overrides (`response-*` parameters).
fn overrides(uri: &Uri) -> S3Result<HeaderMap> {
    let mut fields = HeaderMap::new();
    for (name, value) in parameters(uri).map_err(|error| s3_error!(error, InvalidURI))? {
        let Some(field) = overridden(&name) else { continue };
        let malformed = || s3_error!(InvalidArgument, "{name} is no value of that header.");
        if field == header::EXPIRES {
            httpdate::parse_http_date(&value).map_err(|_| malformed())?;
        }
        fields.insert(field, HeaderValue::from_str(&value).map_err(|_| malformed())?);
    }
    Ok(fields)
}

fn overridden(parameter: &str) -> Option<HeaderName> {
    Some(match parameter {
        "response-cache-control" => header::CACHE_CONTROL,
        "response-content-disposition" => header::CONTENT_DISPOSITION,
        "response-content-encoding" => header::CONTENT_ENCODING,
        "response-content-language" => header::CONTENT_LANGUAGE,
        "response-content-type" => header::CONTENT_TYPE,
        "response-expires" => header::EXPIRES,
        _ => return None,
    })
}

//! Routes that read files: by link, or by the public path. The bytes come from the API's origin, so
//! they are served such that no script in them can run there.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, Method, Response, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use futures::TryFutureExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sign::Disposition;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::content::{self, AuthorizedBy, Fields as _, Representation, ResponseBody};
use super::super::error::ErrorBody;
use super::super::forwarded::names_a_proxy;
use super::ApiResult;
use super::wire::LinkQuery;
use crate::app::App;
use crate::error::{Error, bad_request};
use crate::library::{downloads, thaw};
use crate::model::disposition;
use crate::model::file::File;
use crate::model::owner::OwnerKind;
use crate::surfaces::files::links::{self, Given};

/// URL-safe base64; padding is accepted and not written.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_encode_padding(false),
);

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
/// The characters escaped in `X-Accel-Redirect`, which nginx percent-decodes.
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(get_link, head_link))
        .routes(routes!(get_link_below_files, head_link_below_files))
        .routes(routes!(get_public, head_public))
}

/// Encodes a key for a link.
pub(super) fn encoded(key: &str) -> String {
    BASE64.encode(key)
}

type LinkParts = std::result::Result<Query<LinkQuery>, axum::extract::rejection::QueryRejection>;

/// Read a file by its link
///
/// `Range` and conditional requests as in RFC 9110.
#[utoipa::path(get, path = "/get/{key}", operation_id = "read_file_link", tag = "files", security(()), params(("key" = String, Path, description = "base64url of the key"), LinkQuery),
    responses((status = 200, content_type = "application/octet-stream"), (status = 206, content_type = "application/octet-stream"), (status = 304), (status = 412), (status = 416),
        (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_link(
    State(app): State<Arc<App>>,
    method: Method,
    Path(key): Path<String>,
    query: LinkParts,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    // A duplicate parameter is unreadable too.
    let Query(asked) = query.map_err(|_| bad_request("the link's query can't be read"))?;
    let key = BASE64.decode(&key).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = key.ok_or_else(|| bad_request("the link's key is not base64url"))?;
    let kid = match asked.v.as_deref() {
        None | Some("1") => None,
        Some("2") => Some(asked.kid.unwrap_or_default()),
        Some(_) => return Err(bad_request("the link's version must be 1 or 2").into()),
    };
    let (exp, sig) = (asked.exp.unwrap_or_default(), asked.sig.unwrap_or_default());
    let given = Given { exp, sig, disposition: asked.disposition, kid };
    let (file, shown) = links::open(&app, &key, &given).await?;
    respond(&app, &method, &headers, &file, shown, b"private, no-store, no-transform").await
}

/// Read headers by a link
///
/// As GET without the bytes; `Range` has no meaning here.
#[utoipa::path(head, path = "/get/{key}", operation_id = "head_file_link", tag = "files", security(()), params(("key" = String, Path), LinkQuery),
    responses((status = 200), (status = 304), (status = 400), (status = 403), (status = 404), (status = 409), (status = 412)))]
async fn head_link(
    state: State<Arc<App>>,
    method: Method,
    key: Path<String>,
    query: LinkParts,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    get_link(state, method, key, query, headers).await
}

/// Read a file by its link, below the surface's own path
///
/// As `/get/{key}`.
#[utoipa::path(get, path = "/v1/files/get/{key}", operation_id = "read_file_link_below_files", tag = "files", security(()), params(("key" = String, Path), LinkQuery),
    responses((status = 200, content_type = "application/octet-stream"), (status = 206, content_type = "application/octet-stream"), (status = 304), (status = 412), (status = 416),
        (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_link_below_files(
    state: State<Arc<App>>,
    method: Method,
    key: Path<String>,
    query: LinkParts,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    get_link(state, method, key, query, headers).await
}

/// Read headers by a link, below the surface's own path
///
/// As GET without the bytes; `Range` has no meaning here.
#[utoipa::path(head, path = "/v1/files/get/{key}", operation_id = "head_file_link_below_files", tag = "files", security(()), params(("key" = String, Path), LinkQuery),
    responses((status = 200), (status = 304), (status = 400), (status = 403), (status = 404), (status = 409), (status = 412)))]
async fn head_link_below_files(
    state: State<Arc<App>>,
    method: Method,
    key: Path<String>,
    query: LinkParts,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    get_link(state, method, key, query, headers).await
}

/// Read a public file
///
/// Without sign-in, where `FILES_PUBLIC` is on; private files are not there.
#[utoipa::path(get, path = "/storage/{user_id}/{*path}", operation_id = "read_public_file", tag = "files", security(()), params(("user_id" = String, Path), ("path" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 206, content_type = "application/octet-stream"), (status = 304), (status = 412), (status = 416),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn get_public(
    State(app): State<Arc<App>>,
    method: Method,
    Path((user, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    let file = links::open_public(&app, &format!("storage/{user}/{path}")).await?;
    respond(&app, &method, &headers, &file, Disposition::Inline, b"no-cache, no-transform").await
}

/// Read headers of a public file
///
/// As GET without the bytes; `Range` has no meaning here.
#[utoipa::path(head, path = "/storage/{user_id}/{*path}", operation_id = "head_public_file", tag = "files", security(()), params(("user_id" = String, Path), ("path" = String, Path)),
    responses((status = 200), (status = 304), (status = 404), (status = 409), (status = 412)))]
async fn head_public(
    state: State<Arc<App>>,
    method: Method,
    path: Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    get_public(state, method, path, headers).await
}

/// Returns the `X-Accel-Redirect` location from which nginx in front serves a file itself, with
/// ranges and conditions. Requests that did not come through a proxy get the bytes from this
/// server.
fn accel_redirect(app: &App, headers: &HeaderMap, key: &str) -> Option<String> {
    let below = app.config.files.accel_prefix.as_ref().filter(|_| names_a_proxy(headers))?;
    Some(format!("{below}{}", utf8_percent_encode(key, IN_PATHS)))
}

/// Responds to a GET or HEAD of a file.
async fn respond(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    file: &File,
    shown: Disposition,
    cache_control: &[u8],
) -> ApiResult<Response<Body>> {
    let key = file.object.key.as_str().to_owned();
    let mut stat = app.store.stat(&key).await.map_err(|error| match error {
        store::Error::NotFound => Error::StoreError(store::Error::Damaged("its bytes are gone".into())),
        other => other.into(),
    })?;
    thaw::require_readable(OwnerKind::Files, stat.archive)?;
    // The record decides the type, not a sidecar that another program may have written.
    stat.attributes.content_type.clone_from(&file.object.content_type);
    let representation = Representation::of(&stat).at_key(&key);
    let mut fields = HeaderMap::new();
    let policy = AuthorizedBy::Url.resource_policy(app.config.resource_policy);
    content::set_security_fields(representation.rendering(), policy, &mut fields);
    fields.set(&header::CACHE_CONTROL, cache_control);
    let name = file.object.name.as_deref().unwrap_or_default();
    let attachment = disposition::attachment(name);
    let wished = match shown {
        Disposition::Inline => disposition::inline(name),
        Disposition::Attachment => attachment.clone(),
    };
    let disposition = disposition::served(&file.object.content_type, Some(&wished)).unwrap_or(attachment);
    fields.set(&header::CONTENT_DISPOSITION, disposition.as_bytes());
    if let Some(location) = accel_redirect(app, headers, &key) {
        fields.set(&header::CONTENT_TYPE, stat.attributes.content_type.as_bytes());
        fields.set(&X_ACCEL_REDIRECT, location.as_bytes());
        return Ok((fields, ()).into_response());
    }
    let read = downloads::reader(&app.store, &key, &stat);
    let read = move |range: Range<u64>| {
        let length = range.end - range.start;
        read(range).map_ok(move |body| ResponseBody::Stream(body, length))
    };
    let (status, body) = content::respond(method, headers, &representation, &mut fields, read).await?;
    Ok((status, fields, body.into_body()).into_response())
}

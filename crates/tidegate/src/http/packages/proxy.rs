//! The S3 proxy for web pages that hold presigned URLs: without sign-in, a redirect or a few
//! headers, never a body. The checks are in `model/s3_url.rs`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::content::{AuthorizedBy, Representation};
use super::super::error::ErrorBody;
use super::ApiResult;
use super::reading::{redirect, respond_to_head};
use crate::app::App;
use crate::error::{Result, bad_request};
use crate::surfaces::packages::proxy;

const ALLOWED: &str = "GET, HEAD, OPTIONS";

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(proxy_s3, head_proxy_s3, proxy_s3_options))
}

/// Returns the presigned URL and the other parameters of the query.
fn parameters(query: Option<&str>) -> Result<(String, Vec<(String, String)>)> {
    let unreadable = || bad_request("the query can't be read");
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query.unwrap_or_default()).map_err(|_| unreadable())?;
    let (urls, beside): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == "presigned_url");
    let mut urls = urls.into_iter().map(|(_, url)| url).filter(|url| !url.is_empty());
    match (urls.next(), urls.next()) {
        (Some(url), None) => Ok((url, beside)),
        (None, _) => Err(bad_request("the query parameter presigned_url is missing")),
        (Some(_), Some(_)) => Err(bad_request("presigned_url is given twice")),
    }
}

/// Go on to a presigned URL
///
/// Without sign-in: whoever holds the URL may read. 307 to it, with headers for pages of other origins. It must lead to a
/// bucket of this server, or one of `PROXY_ALLOWED_BUCKETS`, and be good.
#[utoipa::path(get, path = "/packages/proxy/s3", operation_id = "follow_presigned_url", tag = "packages", security(()),
    params(("presigned_url" = String, Query, description = "the URL, percent-encoded; parameters that arrive beside it belong to it")),
    responses((status = 307, description = "The content is at the URL in `Location`."), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn proxy_s3(
    State(app): State<Arc<App>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    let (given, beside) = parameters(query.as_deref())?;
    let url = proxy::resolve(&app, &given, &beside)?;
    if method != Method::HEAD {
        return Ok(redirect(&app, &url.url, AuthorizedBy::Url)?);
    }
    let found = proxy::facts(&app, &url).await?;
    let content_type = found.content_type.unwrap_or_default();
    Ok(respond_to_head(
        &headers,
        &Representation::from_upstream(found.size, &content_type, found.etag, found.last_modified),
    )
    .await?)
}

/// Read headers of what a presigned URL leads to
///
/// What S3 tells the holder of the URL: length, type, entity tag and date.
#[utoipa::path(head, path = "/packages/proxy/s3", operation_id = "head_presigned_url", tag = "packages", security(()),
    params(("presigned_url" = String, Query, description = "the URL, percent-encoded; parameters that arrive beside it belong to it")),
    responses((status = 200), (status = 304), (status = 400), (status = 403), (status = 404), (status = 412), (status = 503)))]
async fn head_proxy_s3(
    state: State<Arc<App>>,
    method: Method,
    query: RawQuery,
    headers: HeaderMap,
) -> ApiResult<Response<Body>> {
    proxy_s3(state, method, query, headers).await
}

/// What the proxy can be asked
///
/// The methods it takes, in `Allow`.
#[utoipa::path(options, path = "/packages/proxy/s3", operation_id = "describe_presigned_url_proxy", tag = "packages", security(()),
    responses((status = 204, headers(("Allow" = String, description = "The methods it takes")))))]
async fn proxy_s3_options() -> Response<Body> {
    let headers = [
        (header::ALLOW, HeaderValue::from_static(ALLOWED)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

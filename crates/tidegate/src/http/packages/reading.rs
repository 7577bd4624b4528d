//! Routes that return links into a dataset: presigned, signed for the CDN, and as a manifest.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use sign::Hash;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::content::{self, AuthorizedBy, RESOURCE_POLICY, Representation, ResponseBody};
use super::super::cookies;
use super::super::error::ErrorBody;
use super::query::{DatasetQuery, PresignQuery, SignQuery};
use super::response::{ManifestResponse, PresignedPackageUrl, SignedAssets};
use super::wire::NodeIds;
use super::{
    ApiResult, NO_STORE, QueryResult, asset_path, dataset_id, named_nodes, needed_path, package_id, read_query,
};
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::surfaces::packages::links::{self, Signed};
use crate::surfaces::packages::manifest;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(presign_s3, head_presign_s3))
        .routes(routes!(sign_cloudfront))
        .routes(routes!(download_manifest))
}

/// Redirects to a URL that is a secret. `by` says what authorized it.
pub(super) fn redirect(app: &App, url: &str, by: AuthorizedBy) -> Result<Response<Body>> {
    let to = HeaderValue::from_str(url).map_err(|error| Error::Internal(error.into()))?;
    let headers = [
        (header::LOCATION, to),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (RESOURCE_POLICY, HeaderValue::from_static(by.resource_policy(app.config.resource_policy))),
    ];
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// Responds to a HEAD of an object that is read elsewhere, preconditions included.
pub(super) async fn respond_to_head(request: &HeaderMap, representation: &Representation) -> Result<Response<Body>> {
    let mut fields = HeaderMap::new();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nothing = |_| std::future::ready(Ok(ResponseBody::Nothing));
    let (status, body) = content::respond(&Method::HEAD, request, representation, &mut fields, nothing).await?;
    Ok((status, fields, body.into_body()).into_response())
}

/// Get a presigned URL of a package's source file, or of an asset
///
/// 307 to it, for an hour; with `redirect=false` it comes in JSON. Collections have no source file.
#[utoipa::path(get, path = "/packages/presign/s3", operation_id = "presign_package", tag = "packages", params(PresignQuery),
    responses((status = 307, description = "The content is at the presigned URL in `Location`."), (status = 200, body = PresignedPackageUrl), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn presign_s3(
    State(app): State<Arc<App>>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    query: QueryResult<PresignQuery>,
) -> ApiResult<Response<Body>> {
    let query = read_query(query)?;
    let (dataset, package) = (dataset_id(query.dataset_id.as_deref())?, package_id(query.package_id.as_deref())?);
    let path = query.path.as_deref().map(asset_path).transpose()?;
    let what = (&package, path.as_ref());
    if method == Method::HEAD {
        let stat = links::stat(&app, &caller, &dataset, what).await?;
        return Ok(respond_to_head(&headers, &Representation::of(&stat)).await?);
    }
    let in_json = match query.redirect.as_deref() {
        None | Some("true") => false,
        Some("false") => true,
        Some(_) => return Err(bad_request("redirect must be true or false").into()),
    };
    let signed = links::presign(&app, &caller, &dataset, what).await?;
    if in_json {
        let expires_at = epoch_seconds(signed.expires);
        return Ok((NO_STORE, Json(PresignedPackageUrl { presigned_url: signed.url, expires_at })).into_response());
    }
    Ok(redirect(&app, &signed.url, AuthorizedBy::SignIn)?)
}

/// Read headers of a package's source file, or of an asset
///
/// Its length, type, entity tag and date; `redirect` has no meaning here.
#[utoipa::path(head, path = "/packages/presign/s3", operation_id = "head_package", tag = "packages", params(PresignQuery),
    responses((status = 200), (status = 304), (status = 400), (status = 401), (status = 404), (status = 409), (status = 412)))]
async fn head_presign_s3(
    state: State<Arc<App>>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    query: QueryResult<PresignQuery>,
) -> ApiResult<Response<Body>> {
    presign_s3(state, caller, method, headers, query).await
}

/// Get a CDN URL of an asset
///
/// For an hour, and for that asset alone. With `scope=prefix` one signature over all assets of the package, to be put behind
/// their URLs, and as cookies; `path` has no effect then.
#[utoipa::path(get, path = "/packages/cloudfront/sign", operation_id = "sign_package_assets", tag = "packages", params(SignQuery),
    responses((status = 200, body = SignedAssets, headers(("Set-Cookie" = String, description = "The signed cookies of `scope=prefix`, in one line each"))), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn sign_cloudfront(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<SignQuery>,
) -> ApiResult<Response<Body>> {
    let query = read_query(query)?;
    let (dataset, package) = (dataset_id(query.dataset_id.as_deref())?, package_id(query.package_id.as_deref())?);
    let signed = match query.scope.as_deref() {
        None | Some("object") => {
            let path = needed_path(query.path.as_deref())?;
            links::sign_object(&app, &caller, &dataset, (&package, &path)).await?
        }
        Some("prefix") => links::sign_prefix(&app, &caller, &dataset, &package).await?,
        Some(_) => return Err(bad_request("scope must be prefix, or left out").into()),
    };
    Ok(match signed {
        Signed::Object(url, times) => {
            let body = SignedAssets::Object {
                signed_url: url.as_ref().to_owned(),
                expires_at: times.expires_at,
                refresh_after: times.refresh_after,
            };
            (NO_STORE, Json(body)).into_response()
        }
        Signed::Prefix { base_url, path, signature, times } => {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            let mut attributes = cookies::attributes(&app, &path);
            attributes.push(cookies::max_age(times.expires_at));
            cookies::set(&mut headers, &signature, &attributes)?;
            let body = SignedAssets::Prefix {
                base_url,
                query: signature.query(),
                policy: signature.policy.clone(),
                signature: signature.signature.clone(),
                key_pair_id: signature.key_pair_id.clone(),
                hash_algorithm: (signature.hash == Hash::Sha256).then_some("SHA256"),
                expires_at: times.expires_at,
                refresh_after: times.refresh_after,
            };
            (headers, Json(body)).into_response()
        }
    })
}

/// Get a manifest of many downloads
///
/// The source files of packages, and of all that lies in collections, with presigned URLs that live an hour. What is scanned,
/// was rejected or failed is in `blocked`; ids that are unknown or deleted are in `missing`.
#[utoipa::path(post, path = "/packages/download-manifest", operation_id = "create_download_manifest", tag = "packages", params(DatasetQuery), request_body = NodeIds,
    responses((status = 200, body = ManifestResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn download_manifest(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<DatasetQuery>,
    request: Request,
) -> ApiResult<Response<Body>> {
    let (dataset, node_ids) = named_nodes(query, request).await?;
    let begun = SystemTime::now();
    let manifest = manifest::manifest(&app, &caller, &dataset, &node_ids).await?;
    metrics::histogram!("tidegate_manifest_seconds").record(begun.elapsed().unwrap_or_default().as_secs_f64());
    Ok((NO_STORE, Json(ManifestResponse::from(manifest))).into_response())
}

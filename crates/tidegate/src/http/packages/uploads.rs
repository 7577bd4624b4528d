//! Routes of uploads into datasets, and of the assets of packages.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::super::json::{json, optional_json};
use super::query::{AssetQuery, AssetsQuery, DatasetQuery};
use super::wire::{
    AssetPage, Confirmed, NewPackage, NewPackageFile, PackageConfirmation, PackagePart, PackagePartUrl,
    PackagePartUrls, PackageParts, PackageUpload, WantedParts,
};
use super::{
    ApiResult, NO_STORE, QueryResult, dataset_id, encode_position, limit, needed_path, package_id, parent_id,
    parse_position, read_query,
};
use crate::app::App;
use crate::error::Result;
use crate::model::caller::Caller;
use crate::surfaces::packages::uploads::{self, NewPackageUpload, Which};
use crate::surfaces::packages::{confirming, deletion, links, no_such_package};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create_package))
        .routes(routes!(confirm_package))
        .routes(routes!(sign_package_parts, list_package_parts))
        .routes(routes!(create_asset, list_assets, delete_asset))
}

impl From<NewPackageFile> for NewPackageUpload {
    fn from(file: NewPackageFile) -> Self {
        let NewPackageFile { content_type, size, sha256, multipart } = file;
        Self { content_type, size, sha256, in_parts: multipart }
    }
}

/// Announce a package and its source file
///
/// PUT the file to `uploadUrl` with `headers`, then confirm it. With `multipart`, or over 5 GiB, ask for its parts instead.
#[utoipa::path(post, path = "/packages", tag = "packages", params(DatasetQuery), request_body = NewPackage,
    responses((status = 201, body = PackageUpload), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn create_package(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<DatasetQuery>,
    request: Request,
) -> ApiResult<Response<Body>> {
    let dataset = dataset_id(read_query(query)?.dataset_id.as_deref())?;
    let NewPackage { name, parent_id: parent, filename, file } = json(request).await?;
    let parent = parent_id(parent.as_deref())?;
    let filename = filename.as_deref().unwrap_or(&name);
    let what = (name.as_str(), filename, parent.as_ref());
    let target = uploads::begin_package(&app, &caller, &dataset, what, file.into()).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(PackageUpload::new(target, false))).into_response())
}

/// Parses the package id or asset id in a path; an invalid one is not found.
fn which(id: &str) -> Result<Which> {
    Which::parse(id).ok_or_else(no_such_package)
}

/// Confirm a file that was sent
///
/// By the package's id for a source file, by the asset's for an asset. It is sealed, scanned where there is a scanner, and
/// READY after that. Asked again this answers the same; of what FAILED it has another try.
#[utoipa::path(post, path = "/packages/{id}/confirm", tag = "packages", params(("id" = String, Path)),
    request_body = Option<PackageConfirmation>,
    responses((status = 200, body = Confirmed), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn confirm_package(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> ApiResult<Json<Confirmed>> {
    let which = which(&id)?;
    let sent: Option<PackageConfirmation> = optional_json(request).await?;
    let parts = sent.and_then(|sent| sent.parts);
    let parts = parts.map(|parts| parts.into_iter().map(|part| (part.part_number, unquoted(part.etag))).collect());
    Ok(Json(match confirming::confirm(&app, &caller, &which, parts).await? {
        confirming::Confirmed::Package(node) => Confirmed::Package(Box::new((*node).into())),
        confirming::Confirmed::Asset(found) => Confirmed::Asset(Box::new((*found).into())),
    }))
}

/// Removes the quotes of an ETag, which clients pass on as they received it.
fn unquoted(etag: String) -> String {
    let bare = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::to_owned);
    bare.unwrap_or(etag)
}

/// Get presigned PUTs for parts
///
/// Each URL takes one PUT of that part's bytes. Keep the `ETag` of each answer.
#[utoipa::path(post, path = "/packages/{id}/parts", tag = "packages", params(("id" = String, Path)), request_body = WantedParts,
    responses((status = 200, body = PackagePartUrls), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn sign_package_parts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> ApiResult<Response<Body>> {
    let which = which(&id)?;
    let WantedParts { part_numbers } = json(request).await?;
    let signed = uploads::sign_parts(&app, &caller, &which, &part_numbers).await?;
    let show =
        |(part_number, request): (u32, store::PresignedRequest)| PackagePartUrl { part_number, url: request.url };
    Ok((NO_STORE, Json(PackagePartUrls { parts: signed.into_iter().map(show).collect() })).into_response())
}

/// List the parts that were sent
///
/// What a client needs to go on after it was interrupted.
#[utoipa::path(get, path = "/packages/{id}/parts", tag = "packages", params(("id" = String, Path)),
    responses((status = 200, body = PackageParts), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn list_package_parts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<PackageParts>> {
    let (part_size, parts) = uploads::list_parts(&app, &caller, &which(&id)?).await?;
    let show = |part: store::Part| PackagePart { part_number: part.number, etag: part.etag, size: Some(part.size) };
    Ok(Json(PackageParts { part_size, parts: parts.into_iter().map(show).collect() }))
}

/// Announce an asset of a package
///
/// PUT the file to `uploadUrl` with `headers`, then confirm it by `POST /packages/{id}/confirm` with the `id` of this answer.
#[utoipa::path(post, path = "/packages/assets", operation_id = "create_package_asset", tag = "packages", params(AssetQuery), request_body = NewPackageFile,
    responses((status = 201, body = PackageUpload), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody)))]
async fn create_asset(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<AssetQuery>,
    request: Request,
) -> ApiResult<Response<Body>> {
    let query = read_query(query)?;
    let (dataset, package) = (dataset_id(query.dataset_id.as_deref())?, package_id(query.package_id.as_deref())?);
    let path = needed_path(query.path.as_deref())?;
    let file: NewPackageFile = json(request).await?;
    let target = uploads::begin_asset(&app, &caller, &dataset, (&package, &path), file.into()).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(PackageUpload::new(target, true))).into_response())
}

/// List the assets of a package
///
/// In the order of their paths; with `path`, that one alone.
#[utoipa::path(get, path = "/packages/assets", operation_id = "list_package_assets", tag = "packages", params(AssetsQuery),
    responses((status = 200, body = AssetPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn list_assets(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<AssetsQuery>,
) -> ApiResult<Json<AssetPage>> {
    let query = read_query(query)?;
    let (dataset, package) = (dataset_id(query.dataset_id.as_deref())?, package_id(query.package_id.as_deref())?);
    if let Some(path) = query.path.as_deref() {
        let path = super::asset_path(path)?;
        let found = links::asset(&app, &caller, &dataset, (&package, &path)).await?;
        return Ok(Json(AssetPage { assets: vec![found.into()], next_cursor: None }));
    }
    let limit = limit(query.limit.as_deref())?;
    let (_, after) = query.cursor.as_deref().map_or(Ok((0, String::new())), parse_position)?;
    let (found, more) = links::assets(&app, &caller, &dataset, &package, (&after, limit)).await?;
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| encode_position(0, last.object.name.as_deref().unwrap_or_default()));
    Ok(Json(AssetPage { assets: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Delete an asset of a package
///
/// For good: viewers make assets again from the source file. Its path is free after that.
#[utoipa::path(delete, path = "/packages/assets", operation_id = "delete_package_asset", tag = "packages", params(AssetQuery),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
async fn delete_asset(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryResult<AssetQuery>,
) -> ApiResult<StatusCode> {
    let query = read_query(query)?;
    let (dataset, package) = (dataset_id(query.dataset_id.as_deref())?, package_id(query.package_id.as_deref())?);
    let path = needed_path(query.path.as_deref())?;
    deletion::delete_asset(&app, &caller, &dataset, (&package, &path)).await?;
    Ok(StatusCode::NO_CONTENT)
}

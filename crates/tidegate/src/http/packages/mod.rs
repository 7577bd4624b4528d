//! Routes of datasets and packages, `/packages`. Handlers parse and render only; the rules are in
//! `surfaces/packages/`.

mod datasets;
mod nodes;
mod proxy;
mod query;
mod reading;
mod response;
mod uploads;
mod wire;

use std::sync::Arc;

use axum::extract::{Query, Request};
use axum::http::{HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use utoipa_axum::router::OpenApiRouter;

use self::query::DatasetQuery;
use self::wire::NodeIds;
use super::error::ApiError;
use super::json::json;
use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::package::{AssetPath, DatasetId, NodeId};
use crate::surfaces::packages::no_such_package;

/// The page size where the query gives none.
const USUAL_PAGE: i64 = 100;

type ApiResult<T> = std::result::Result<T, ApiError>;
/// A query string, or why it could not be parsed.
type QueryResult<T> = std::result::Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// Signed URLs are for the caller alone, so caches must not store them.
const NO_STORE: [(header::HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// Returns the routes of datasets and packages.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(datasets::routes())
        .merge(nodes::routes())
        .merge(uploads::routes())
        .merge(reading::routes())
        .merge(proxy::routes())
}

/// Returns the parameters of a query.
fn read_query<T>(asking: QueryResult<T>) -> Result<T> {
    asking.map(|Query(asked)| asked).map_err(|_| bad_request("the query can't be read, or names a parameter twice"))
}

/// Returns a required parameter.
fn needed<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str> {
    let given = value.filter(|text| !text.is_empty());
    given.ok_or_else(|| bad_request(format!("the query parameter {name} is missing")))
}

/// Parses the dataset id in a query; an invalid one is not found.
fn dataset_id(value: Option<&str>) -> Result<DatasetId> {
    DatasetId::parse(needed("dataset_id", value)?).ok_or_else(access::no_such_dataset)
}

/// Reads the dataset in a query and the ids in a body.
async fn named_nodes(query: QueryResult<DatasetQuery>, request: Request) -> ApiResult<(DatasetId, Vec<String>)> {
    let dataset = dataset_id(read_query(query)?.dataset_id.as_deref())?;
    let NodeIds { node_ids } = json(request).await?;
    Ok((dataset, node_ids))
}

/// Parses the package id in a query; an invalid one is not found.
fn package_id(value: Option<&str>) -> Result<NodeId> {
    NodeId::parse(needed("package_id", value)?).ok_or_else(no_such_package)
}

/// Parses the path of an asset.
fn asset_path(value: &str) -> Result<AssetPath> {
    AssetPath::parse(value).map_err(|error| bad_request(error.to_string()))
}

/// Parses the required path of an asset.
fn needed_path(value: Option<&str>) -> Result<AssetPath> {
    asset_path(needed("path", value)?)
}

/// Parses the id of a parent collection; an invalid one is not found.
fn parent_id(text: Option<&str>) -> Result<Option<NodeId>> {
    let unknown = || Error::NotFound("no such collection".into());
    text.map(|text| NodeId::parse(text).ok_or_else(unknown)).transpose()
}

/// Parses the page size.
fn limit(text: Option<&str>) -> Result<i64> {
    text.map_or(Ok(USUAL_PAGE), |text| text.parse().map_err(|_| bad_request("limit must be from 1 to 1000")))
}

/// Encodes the position after which the next page begins: a number and a text.
fn encode_position(number: i64, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{number} {text}"))
}

/// Decodes a position.
fn parse_position(cursor: &str) -> Result<(i64, String)> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (number, text) = text.split_once(' ')?;
        Some((number.parse().ok()?, text.to_owned()))
    };
    read().ok_or_else(|| bad_request("cursor is not one that a listing gave"))
}

//! Datasets and packages, `/packages`: paths and wording. The rules are in the shared functions.

mod datasets;
mod nodes;
mod proxy;
mod query;
mod reading;
mod response;
mod uploads;
mod wire;

use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use utoipa_axum::router::OpenApiRouter;

use super::error::ApiError;
use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::package::{AssetPath, DatasetId, NodeId};
use crate::surfaces::packages::no_such_package;

const USUAL_PAGE: i64 = 100;

type ApiResult<T> = std::result::Result<T, ApiError>;
/// A query that may be unreadable.
type QueryResult<T> = std::result::Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// What is signed is for who asked.
const NO_STORE: [(header::HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// The surface's routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(datasets::routes())
        .merge(nodes::routes())
        .merge(uploads::routes())
        .merge(reading::routes())
        .merge(proxy::routes())
}

/// A query's parameters.
fn read_query<T>(asking: QueryResult<T>) -> Result<T> {
    asking.map(|Query(asked)| asked).map_err(|_| bad_request("the query can't be read, or names a parameter twice"))
}

/// A parameter that must be there.
fn needed<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str> {
    let given = value.filter(|text| !text.is_empty());
    given.ok_or_else(|| bad_request(format!("the query parameter {name} is missing")))
}

/// The dataset a query names; what is no id names none.
fn dataset_id(value: Option<&str>) -> Result<DatasetId> {
    DatasetId::parse(needed("dataset_id", value)?).ok_or_else(access::no_such_dataset)
}

/// The package a query names; the same.
fn package_id(value: Option<&str>) -> Result<NodeId> {
    NodeId::parse(needed("package_id", value)?).ok_or_else(no_such_package)
}

/// The path of an asset.
fn asset_path(value: &str) -> Result<AssetPath> {
    AssetPath::parse(value).map_err(|error| bad_request(error.to_string()))
}

/// The path of an asset that must be named.
fn needed_path(value: Option<&str>) -> Result<AssetPath> {
    asset_path(needed("path", value)?)
}

/// A collection that something lies in.
fn parent_id(text: Option<&str>) -> Result<Option<NodeId>> {
    let unknown = || Error::NotFound("no such collection".into());
    text.map(|text| NodeId::parse(text).ok_or_else(unknown)).transpose()
}

fn limit(text: Option<&str>) -> Result<i64> {
    text.map_or(Ok(USUAL_PAGE), |text| text.parse().map_err(|_| bad_request("limit must be from 1 to 1000")))
}

/// Where a page goes on, as clients hand it back: a number and a text.
fn encode_position(number: i64, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{number} {text}"))
}

/// Reads it.
fn parse_position(cursor: &str) -> Result<(i64, String)> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (number, text) = text.split_once(' ')?;
        Some((number.parse().ok()?, text.to_owned()))
    };
    read().ok_or_else(|| bad_request("cursor is not one that a listing gave"))
}

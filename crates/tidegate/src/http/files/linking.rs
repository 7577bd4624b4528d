//! Routes that sign links to files and revoke them. The rules are in `surfaces/files/links.rs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use sign::Disposition;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::super::json::json;
use super::super::time::rfc3339;
use super::wire::{LinkWanted, SignedLink, UserQuery};
use super::{ApiResult, serve};
use crate::app::App;
use crate::error::bad_request;
use crate::model::caller::Caller;
use crate::surfaces::files;
use crate::surfaces::files::links::{self, Version};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(signed_url, post_signed_url)).routes(routes!(revoke_links))
}

/// Sign a link
///
/// For anybody who has it, until it ends.
#[utoipa::path(get, path = "/v1/files/signed-url", operation_id = "sign_file_link", tag = "files", params(LinkWanted),
    responses((status = 200, body = SignedLink), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn signed_url(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<LinkWanted>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<SignedLink>> {
    let Query(wanted) = query.map_err(|_| bad_request("the query can't be read"))?;
    link(&app, &caller, wanted).await
}

/// Sign a link, asked for in JSON
///
/// For anybody who has it, until it ends.
#[utoipa::path(post, path = "/v1/files/signed-url", operation_id = "sign_file_link_json", tag = "files", request_body = LinkWanted,
    responses((status = 200, body = SignedLink), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn post_signed_url(State(app): State<Arc<App>>, caller: Caller, request: Request) -> ApiResult<Json<SignedLink>> {
    let wanted: LinkWanted = json(request).await?;
    link(&app, &caller, wanted).await
}

/// Signs a link with the options of a query or a body.
async fn link(app: &App, caller: &Caller, wanted: LinkWanted) -> ApiResult<Json<SignedLink>> {
    wanted.others.refuse_about(&LinkWanted::REACH, LinkWanted::KNOWN)?;
    let key = wanted.key.or(wanted.file_key).ok_or_else(|| bad_request("key is needed"))?;
    let shown = match wanted.disposition.as_deref() {
        None => Disposition::Inline,
        Some(word) => {
            Disposition::parse(word).ok_or_else(|| bad_request("disposition must be inline or attachment"))?
        }
    };
    let lifetime = match wanted.ttl.or(wanted.expires_in) {
        None => app.config.files.link_lifetime,
        Some(given) => whole(&given).ok_or_else(|| bad_request("ttl must be a number of seconds"))?,
    };
    let version = match wanted.v.as_ref().map(whole) {
        None | Some(Some(2)) => Version::Two,
        Some(Some(1)) => Version::One,
        Some(_) => return Err(bad_request("v must be 1 or 2").into()),
    };
    let signed = links::issue(app, caller, &key, shown, lifetime, version).await?;
    let url = format!("{}/get/{}?{}", app.addresses.api, serve::encoded(&signed.key), signed.query);
    let ends = std::time::UNIX_EPOCH + std::time::Duration::from_secs(signed.expires);
    Ok(Json(SignedLink {
        signed_url: url.clone(),
        url,
        expires_in: lifetime,
        disposition: shown.as_str(),
        expires_at: rfc3339(ends),
    }))
}

/// Returns a whole number, given as a number or as text.
fn whole(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// End all links to a user's files
///
/// From the answer on none that was signed before opens anything.
#[utoipa::path(post, path = "/v1/files/links/revoke", operation_id = "revoke_file_links", tag = "files", params(UserQuery),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
async fn revoke_links(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<UserQuery>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<StatusCode> {
    let Query(asked) = query.map_err(|_| bad_request("the query can't be read"))?;
    let owner = files::owner(&caller, asked.user())?;
    links::revoke(&app, &caller, &owner).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Routes for tokens that this server issues: services request them, and anyone reads the key set
//! to verify them. The rules are in `library/tokens.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ErrorBody};
use super::json::json;
use super::time::rfc3339;
use crate::app::App;
use crate::error::{Error, bad_request};
use crate::library::tokens;
use crate::model::caller::Caller;
use crate::model::ids::{OrgId, UserId};
use crate::model::package::DatasetId;
use crate::model::principal::Roles;
use crate::model::role::Role;
use crate::sign_in::issuer::NewToken;

/// The allowed lifetimes in seconds.
const LIFETIMES: std::ops::RangeInclusive<u64> = 60..=86_400;
/// The lifetime where the request gives none, in seconds.
const DEFAULT_LIFETIME: u64 = 3600;

/// Returns the routes of issued tokens.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create_token)).routes(routes!(get_jwks))
}

/// Whom a token is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenRequest {
    user_id: String,
    /// The user's organisation.
    org: Option<String>,
    /// `admin`, or nothing.
    #[serde(default)]
    roles: Vec<String>,
    /// The user's roles in datasets, by the ids of these: viewer, editor, manager or owner.
    #[serde(default)]
    datasets: BTreeMap<String, String>,
    /// Seconds, from 60 to 86400; an hour if left out.
    expires_in: Option<u64>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IssuedToken {
    /// To be sent as `Authorization: Bearer …`.
    token: String,
    expires_at: String,
}

/// Make a token for a user
///
/// For services, where `AUTH_OWN_TOKENS` is on.
#[utoipa::path(post, path = "/v1/tokens", tag = "sign-in", security(("service" = []), ("bearer" = [])), request_body = TokenRequest,
    responses((status = 200, body = IssuedToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn create_token(State(app): State<Arc<App>>, caller: Caller, request: Request) -> Result<Response, ApiError> {
    let asked: TokenRequest = json(request).await?;
    let lifetime = asked.expires_in.unwrap_or(DEFAULT_LIFETIME);
    if !LIFETIMES.contains(&lifetime) {
        return Err(bad_request("expiresIn must be from 60 to 86400 seconds").into());
    }
    if asked.roles.iter().any(|role| role != "admin") {
        return Err(bad_request("the one role there is, is admin").into());
    }
    let mut datasets = BTreeMap::new();
    for (id, role) in &asked.datasets {
        let id = DatasetId::parse(id).ok_or_else(|| bad_request("datasets: no id of a dataset, as N:dataset:1"))?;
        let role = Role::parse(role).ok_or_else(|| bad_request("datasets: viewer, editor, manager or owner"))?;
        datasets.insert(id, role);
    }
    let new = NewToken {
        user: UserId::parse(&asked.user_id).map_err(|error| bad_request(format!("userId: {error}")))?,
        org: asked.org.as_deref().map(OrgId::parse).transpose().map_err(|_| bad_request("org is no id"))?,
        roles: Roles { admin: !asked.roles.is_empty(), datasets },
    };
    let (token, expires_at) = tokens::issue(&app, &caller, &new, Duration::from_secs(lifetime)).await?;
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, Json(IssuedToken { token, expires_at: rfc3339(expires_at) })).into_response())
}

/// Get the key set
///
/// The public half of the key that this server signs tokens with (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "sign-in", security(()),
    responses((status = 200, description = "A JWK Set.", content_type = "application/json"), (status = 404, body = ErrorBody)))]
async fn get_jwks(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let issuer = app.sign_in.issuer.as_ref();
    let issuer = issuer.ok_or_else(|| Error::NotFound("this server issues no tokens".into()))?;
    let cached = [(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))];
    Ok((cached, Json(issuer.jwks())).into_response())
}

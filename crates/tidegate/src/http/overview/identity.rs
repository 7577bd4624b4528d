//! Who the caller is, and how users sign in: what a page asks before anything else.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::config::OidcSetting;
use crate::http::auth::AnyCaller;
use crate::http::error::ErrorBody;
use crate::http::time::rfc3339;
use crate::model::access::{self, Action, Decision, Target};
use crate::model::caller::Caller;
use crate::model::owner::OwnerKind;
use crate::model::principal::Principal;

/// Who sends the request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    /// `user`, `service`, or `anonymous` for a request without credentials.
    kind: &'static str,
    /// The user's id; null for others.
    id: Option<String>,
    /// The organisation that applies to routes which name none.
    organization: Option<String>,
    /// The server's own roles: `admin`, or nothing.
    roles: Vec<&'static str>,
    /// Whether the routes of the overview answer the caller.
    administrator: bool,
    /// The user that a service acts for.
    acting_for: Option<String>,
    /// When the token ends; null for credentials without an end.
    expires_at: Option<String>,
    /// The kinds of owners whose surfaces are on: `disks`, `files`, `session`, `space`, `dataset`.
    surfaces: Vec<&'static str>,
}

/// How users sign in, and which other origins pages of this server reach.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignInMethods {
    /// `AUTH_MODE`: `dev`, `jwt`, `authorizer` or `none`.
    mode: &'static str,
    /// The provider to send users to; null if there is none.
    oidc: Option<OidcProvider>,
    /// The origin of the edge or the CDN; null if there is neither.
    edge: Option<String>,
    /// The origins that presigned requests lead to.
    stores: Vec<String>,
}

/// An OpenID Connect provider: discovery is below its issuer. Public clients use PKCE; the redirect
/// URI is `/sign-in`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OidcProvider {
    issuer: String,
    client_id: String,
    /// Scopes between spaces.
    scope: String,
    /// The origins of its endpoints that a page may ask, besides that of the issuer.
    origins: Vec<String>,
}

impl From<&OidcSetting> for OidcProvider {
    fn from(OidcSetting { issuer, client_id, scope, origins }: &OidcSetting) -> Self {
        let origins = origins.iter().map(ToString::to_string).collect();
        Self { issuer: issuer.clone(), client_id: client_id.clone(), scope: scope.clone(), origins }
    }
}

/// Say who the caller is
///
/// A request without credentials is `anonymous`. Wrong or expired ones are refused.
#[utoipa::path(get, path = "/v1/me", operation_id = "get_caller", tag = "sign-in",
    security((), ("bearer" = []), ("cookie" = []), ("user" = []), ("user" = [], "organisation" = [])),
    responses((status = 200, body = Identity), (status = 401, body = ErrorBody)))]
pub(super) async fn get_caller(State(app): State<Arc<App>>, AnyCaller(caller): AnyCaller) -> Json<Identity> {
    Json(identity_of(&app, &caller))
}

fn identity_of(app: &App, caller: &Caller) -> Identity {
    let (id, admin) = match &caller.principal {
        Principal::User { id, roles, .. } => (Some(id.as_str().to_owned()), roles.admin),
        Principal::Anonymous | Principal::Service | Principal::System => (None, false),
    };
    let decision = access::decide(&caller.effective_principal(), Action::Operate, Target::Everything);
    Identity {
        kind: caller.principal.kind(),
        id,
        organization: caller.org().map(|org| org.as_str().to_owned()),
        roles: admin.then_some("admin").into_iter().collect(),
        administrator: decision == Decision::Allow,
        acting_for: caller.acting_for.as_ref().map(|user| user.as_str().to_owned()),
        expires_at: caller.expires_at.map(rfc3339),
        surfaces: OwnerKind::ALL.into_iter().filter(|kind| app.config.is_on(*kind)).map(OwnerKind::as_str).collect(),
    }
}

/// Say how users sign in
///
/// For pages, before anybody has signed in; nothing in it is secret.
#[utoipa::path(get, path = "/v1/sign-in", operation_id = "get_sign_in", tag = "sign-in", security(()),
    responses((status = 200, body = SignInMethods)))]
pub(super) async fn get_sign_in(State(app): State<Arc<App>>) -> Json<SignInMethods> {
    Json(SignInMethods {
        mode: app.config.auth.mode.as_str(),
        oidc: app.config.auth.oidc.as_ref().map(OidcProvider::from),
        edge: app.addresses.edge.as_ref().map(ToString::to_string),
        stores: vec![app.config.store.origin(&app.addresses.s3).to_string()],
    })
}

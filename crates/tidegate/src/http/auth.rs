//! Authentication: turns the credentials of a request into a [`Caller`].
//!
//! With `AUTH_MODE=jwt`, the first of these decides alone: a service token in `X-Service-Token`, a
//! bearer token, the cookie `auth_token`. Tokens in URLs are ignored. What a caller may do is
//! decided in `crate::access`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use super::address::ClientAddress;
use super::admission;
use super::error::ApiError;
use super::turns;
use crate::app::App;
use crate::config::AuthMode;
use crate::error::{Error, Result, unauthenticated};
use crate::model::caller::Caller;
use crate::model::ids::{OrgId, UserId};
use crate::model::principal::{Principal, Roles};
use crate::sign_in::SignedIn;

/// The user id of every caller where sign-in is off.
const SHARED_USER: &str = "local";
/// The cookie that holds a token.
const COOKIE: &str = "auth_token";

impl Caller {
    /// Returns the user of a route that concerns the caller's own objects.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] for a service that names no user; [`Error::Unauthenticated`] for an
    /// anonymous caller.
    pub(crate) fn require_user(&self) -> Result<UserId> {
        match (self.user(), &self.principal) {
            (Some(user), _) => Ok(user.clone()),
            (None, Principal::Service) => {
                Err(Error::BadRequest("name the user you act for in the X-User-Id header".into()))
            }
            (None, _) => Err(unauthenticated()),
        }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> std::result::Result<Self, ApiError> {
        let without_end = |principal| SignedIn { principal, expires_at: None };
        let signed_in = match app.config.auth.mode {
            AuthMode::None => without_end(Principal::user(user_id(SHARED_USER)?)),
            AuthMode::Dev => without_end(principal_from_headers(parts)?),
            AuthMode::Jwt => signed_in_by_token(app, parts).await?,
            AuthMode::Authorizer => signed_in_by_authorizer(app, parts)?,
        };
        Ok(caller_of(parts, app, signed_in)?)
    }
}

/// A caller who may be anonymous: one without credentials. Wrong credentials are refused all the
/// same.
pub(crate) struct AnyCaller(pub(crate) Caller);

impl FromRequestParts<Arc<App>> for AnyCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> std::result::Result<Self, ApiError> {
        if has_credentials(app, parts)? {
            return Caller::from_request_parts(parts, app).await.map(Self);
        }
        let anonymous = SignedIn { principal: Principal::Anonymous, expires_at: None };
        Ok(Self(caller_of(parts, app, anonymous)?))
    }
}

/// Returns whether a request names its caller, rightly or not.
fn has_credentials(app: &App, parts: &Parts) -> Result<bool> {
    match app.config.auth.mode {
        AuthMode::None => Ok(true),
        AuthMode::Dev => Ok(["x-user-id", "authorization"]
            .iter()
            .any(|name| parts.headers.get(*name).is_some_and(|value| !value.is_empty()))),
        AuthMode::Jwt => Ok(!matches!(credentials(&parts.headers)?, Credentials::None)),
        AuthMode::Authorizer => Ok(parts.extensions.get::<AuthorizerClaims>().is_some()),
    }
}

/// Makes the caller of a request, and counts the request as its.
fn caller_of(parts: &Parts, app: &App, signed_in: SignedIn) -> Result<Caller> {
    let SignedIn { principal, expires_at } = signed_in;
    let is_service = principal == Principal::Service;
    let caller = Caller {
        acting_for: if is_service { acting_for(&parts.headers)? } else { None },
        acting_org: if is_service { acting_org(&parts.headers)? } else { None },
        principal,
        expires_at,
        address: parts.extensions.get::<ClientAddress>().map(|client| client.0),
        request_id: single_header(&parts.headers, "x-request-id")?.unwrap_or_default().to_owned(),
    };
    app.rates.check_subject(&caller)?;
    admission::count_caller(&parts.extensions, &caller)?;
    turns::wait_as(&caller);
    Ok(caller)
}

/// Returns whether a request carries a valid service token. Services are not limited by address,
/// since they send the requests of many clients from few addresses.
pub(crate) fn is_service(app: &App, headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || header("authorization")?.split_once(' ').map(|(_, token)| token.trim_start_matches(' '));
    app.config.auth.mode == AuthMode::Jwt
        && header("x-service-token").or_else(bearer).is_some_and(|token| app.sign_in.verify_service(token).is_some())
}

/// Returns the user in `X-User-Id`. An invalid one is a bad request, since the service itself has
/// signed in.
fn acting_for(headers: &HeaderMap) -> Result<Option<UserId>> {
    let wrong = |error: String| Error::BadRequest(format!("X-User-Id: {error}").into());
    let named = single_header(headers, "x-user-id").map_err(|error| wrong(error.to_string()))?;
    named.map(UserId::parse).transpose().map_err(|error| wrong(error.to_string()))
}

/// Returns the organisation in `X-Org-Id`, of the user that a service acts for.
fn acting_org(headers: &HeaderMap) -> Result<Option<OrgId>> {
    let wrong = |error: String| Error::BadRequest(format!("X-Org-Id: {error}").into());
    let named = single_header(headers, "x-org-id").map_err(|error| wrong(error.to_string()))?;
    named.map(OrgId::parse).transpose().map_err(|error| wrong(error.to_string()))
}

fn user_id(text: &str) -> Result<UserId> {
    UserId::parse(text).map_err(|error| Error::Unauthenticated(error.to_string().into()))
}

/// Returns the principal of `AUTH_MODE=dev`, from the headers `X-User-Id`, `X-Org-Id` and
/// `X-Roles`.
fn principal_from_headers(parts: &Parts) -> Result<Principal> {
    let headers = &parts.headers;
    // Clients of the original image gateway know this error by its code.
    let missing = || {
        if headers.contains_key(header::AUTHORIZATION) {
            return Error::Unauthenticated(
                "AUTH_MODE=dev reads no token: name the caller in the X-User-Id header, or start the server with \
                 AUTH_MODE=jwt"
                    .into(),
            );
        }
        match parts.uri.path().starts_with("/v1/images") {
            true => Error::Unidentified,
            false => Error::Unauthenticated("AUTH_MODE=dev takes the caller from the X-User-Id header".into()),
        }
    };
    let id = user_id(single_header(headers, "x-user-id")?.filter(|id| !id.is_empty()).ok_or_else(missing)?)?;
    let org = single_header(headers, "x-org-id")?.map(OrgId::parse).transpose();
    let org = org.map_err(|_| Error::Unauthenticated("X-Org-Id is no organisation's id".into()))?;
    let roles = single_header(headers, "x-roles")?.unwrap_or_default();
    let admin = roles.split(',').any(|role| role.trim() == "admin");
    Ok(Principal::User { id, org, roles: Roles { admin, ..Roles::default() } })
}

/// Returns the caller of `AUTH_MODE=jwt`; a refusal is counted and logged without the token.
async fn signed_in_by_token(app: &App, parts: &Parts) -> Result<SignedIn> {
    let service = |token| app.sign_in.verify_service(token).map(|principal| SignedIn { principal, expires_at: None });
    let (means, outcome) = match credentials(&parts.headers)? {
        Credentials::None => ("none", Err(unauthenticated())),
        Credentials::Service(token) => {
            let wrong = || Error::Unauthenticated("the service token is wrong".into());
            ("service", service(token).ok_or_else(wrong))
        }
        Credentials::Bearer(token) => match service(token) {
            Some(service) => ("service", Ok(service)),
            None => ("bearer", app.sign_in.verify_user(token).await),
        },
        Credentials::Cookie(token) => match check_same_site(parts) {
            Ok(()) => ("cookie", app.sign_in.verify_user(token).await),
            Err(refused) => ("cookie", Err(refused)),
        },
    };
    if let Err(error) = &outcome {
        metrics::counter!("tidegate_sign_in_refused_total", "by" => means).increment(1);
        if means != "none" {
            let client = parts.extensions.get::<ClientAddress>().map(|client| client.0);
            tracing::info!(means, client = ?client, reason = %error, "somebody could not sign in");
        }
    }
    outcome
}

/// The claims that the authorizer of API Gateway has passed on: an extension of requests that come
/// as events of AWS Lambda, and of no others.
#[derive(Debug, Clone)]
pub(super) struct AuthorizerClaims(pub(super) lambda::Claims);

/// Returns the caller of `AUTH_MODE=authorizer`; a refusal is counted and logged without the claims.
fn signed_in_by_authorizer(app: &App, parts: &Parts) -> Result<SignedIn> {
    let (means, outcome) = match parts.extensions.get::<AuthorizerClaims>() {
        None => ("none", Err(unauthenticated())),
        // An authorizer may have read a cookie, which browsers send from any page.
        Some(AuthorizerClaims(claims)) => {
            let by_header = parts.headers.contains_key(header::AUTHORIZATION);
            let same_site = if by_header { Ok(()) } else { check_same_site(parts) };
            ("authorizer", same_site.and_then(|()| app.sign_in.accept_claims(claims.clone())))
        }
    };
    if let Err(error) = &outcome {
        metrics::counter!("tidegate_sign_in_refused_total", "by" => means).increment(1);
        if means != "none" {
            tracing::info!(means, reason = %error, "somebody could not sign in");
        }
    }
    outcome
}

/// The credentials of a request. The first that is present decides alone.
enum Credentials<'a> {
    Service(&'a str),
    Bearer(&'a str),
    Cookie(&'a str),
    None,
}

/// Finds the credentials of a request without checking them.
fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>> {
    if let Some(token) = single_header(headers, "x-service-token")? {
        return Ok(Credentials::Service(token));
    }
    if let Some(given) = single_header(headers, "authorization")? {
        let bearer = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = bearer.ok_or_else(|| Error::Unauthenticated("Authorization must be a bearer token".into()))?;
        return Ok(Credentials::Bearer(token.trim_start_matches(' ')));
    }
    Ok(cookie(headers).map_or(Credentials::None, Credentials::Cookie))
}

/// Checks that a change signed in by cookie comes from a same-origin page or names its origin.
/// Browsers attach cookies to requests from any page (OWASP, cross-site request forgery). Foreign
/// origins are refused before routing (`guard.rs`); here one must be present.
fn check_same_site(parts: &Parts) -> Result<()> {
    let reads = [Method::GET, Method::HEAD].contains(&parts.method);
    let same = parts.headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"same-origin");
    if reads || same || parts.headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    Err(Error::Forbidden("a change that is signed in by cookie needs an Origin header; or send a bearer token".into()))
}

/// Returns the sign-in cookie. Browsers send the cookie with the longest path first (RFC 6265,
/// section 5.4).
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Returns a header that may occur once.
///
/// # Errors
///
/// [`Error::Unauthenticated`] if it occurs twice or is not UTF-8.
fn single_header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Unauthenticated(format!("the header {name} is given twice").into()));
    }
    let text = std::str::from_utf8(value.as_bytes());
    text.map(Some).map_err(|_| Error::Unauthenticated(format!("the header {name} is not UTF-8").into()))
}

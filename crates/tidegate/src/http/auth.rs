//! From a request to the one who acts.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::app::App;
use crate::config::AuthMode;
use crate::error::Error;
use crate::model::ids::UserId;
use crate::model::principal::Principal;

/// The user everybody is when sign-in is off.
const EVERYBODY: &str = "local";

/// The caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Principal);

impl Caller {
    /// The user, where a route is about the caller's own things.
    pub(crate) fn user(&self) -> Result<UserId, Error> {
        match &self.0 {
            Principal::User { id } => Ok(id.clone()),
            Principal::Anonymous | Principal::System => Err(Error::Unauthenticated("sign in first".into())),
        }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let id = match app.config.auth.mode {
            AuthMode::None => EVERYBODY,
            AuthMode::Dev => header_user(parts)?,
        };
        let id = UserId::parse(id).map_err(|error| Error::Unauthenticated(error.to_string().into()))?;
        Ok(Self(Principal::User { id }))
    }
}

fn header_user(parts: &Parts) -> Result<&str, Error> {
    let refused = |message: &'static str| Error::Unauthenticated(message.into());
    let mut values = parts.headers.get_all("x-user-id").iter();
    let value = values.next().ok_or_else(|| refused("AUTH_MODE=dev takes the caller from the X-User-Id header"))?;
    if values.next().is_some() {
        return Err(refused("X-User-Id is given twice"));
    }
    std::str::from_utf8(value.as_bytes()).map_err(|_| refused("X-User-Id is not UTF-8"))
}

//! Issues tokens to users on behalf of a service, and records each in the audit log. Never verifies
//! tokens; see `sign_in`.

use std::time::{Duration, SystemTime};

use crate::access;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::sign_in::issuer::NewToken;

/// Issues a token for a user, on behalf of a service. Authorizes the caller.
pub async fn issue(app: &App, caller: &Caller, new: &NewToken, lifetime: Duration) -> Result<(String, SystemTime)> {
    access::authorize_everywhere(app, caller, Action::IssueTokens)?;
    let issuer = app.sign_in.issuer.as_ref();
    let issuer = issuer.ok_or_else(|| Error::Misconfig("this server issues no tokens; see AUTH_OWN_TOKENS".into()))?;
    let now = app.db.now();
    let issued = issuer.issue(new, now, lifetime)?;
    let action = if new.roles.admin { AuditAction::AdminTokenIssued } else { AuditAction::TokenIssued };
    let caller = Caller { acting_for: Some(new.user.clone()), ..caller.clone() };
    let event = NewEvent { at: now, caller, action, owner: None, object: None };
    let mut tx = app.db.begin().await?;
    tx.record_event(&event).await?;
    tx.commit().await?;
    Ok(issued)
}

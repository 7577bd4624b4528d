//! Users' files: found by their keys, listed, deleted, linked to. How they come about is in `uploads`, `parts` and
//! `completion`.

pub mod completion;
pub mod deletion;
pub mod import;
pub mod links;
pub mod parts;
pub mod uploads;
pub mod visibility;

use crate::access;
use crate::app::App;
use crate::error::{Result, bad_request, unauthenticated};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::UserId;
use crate::model::owner::Owner;
use crate::model::principal::Principal;
use crate::model::quota::Usage;

/// Whose files a route without a key is about: the caller's own, or those of the user a service names.
pub fn owner(caller: &Caller, named: Option<&str>) -> Result<Owner> {
    let user = match &caller.principal {
        Principal::User { id, .. } => id.clone(),
        Principal::Service => match (named, &caller.acting_for) {
            (Some(named), _) => UserId::parse(named).map_err(|error| bad_request(error.to_string()))?,
            (None, Some(user)) => user.clone(),
            (None, None) => return Err(bad_request("a service must name the user: user_id or user_email")),
        },
        Principal::Anonymous | Principal::System => return Err(unauthenticated()),
    };
    Ok(Owner::Files(user))
}

/// What a user's files take, and the limit.
pub async fn usage(app: &App, caller: &Caller, owner: &Owner) -> Result<(Usage, u64)> {
    access::authorize(app, caller, Action::List, owner, None)?;
    let usage = app.db.find_usage(owner).await?;
    Ok((usage, usage.quota.unwrap_or(app.config.files.quota)))
}

/// Gives a user a limit of their own, in bytes, or the usual one. For services.
pub async fn set_quota(app: &App, caller: &Caller, named: Option<&str>, quota: Option<u64>) -> Result<(Usage, u64)> {
    access::authorize_everywhere(app, caller, Action::SetQuota)?;
    let owner = owner(caller, named)?;
    if quota.is_some_and(|quota| i64::try_from(quota).is_err()) {
        return Err(bad_request(format!("quota may be at most {} bytes", i64::MAX)));
    }
    let mut tx = app.db.begin().await?;
    tx.set_quota(&owner, quota).await?;
    let at = app.db.now();
    let action = AuditAction::QuotaSet;
    tx.record_event(&NewEvent { at, caller: caller.clone(), action, owner: Some(owner.clone()), object: None }).await?;
    tx.commit().await?;
    tracing::info!(quota, "a user's quota was set");
    let usage = app.db.find_usage(&owner).await?;
    Ok((usage, usage.quota.unwrap_or(app.config.files.quota)))
}

//! Users' files: their owner, usage and quota. The submodules do the rest: `uploads` and
//! `completion` create files, `links` and `visibility` share them, `deletion` deletes them.

pub mod completion;
pub mod deletion;
pub mod import;
pub mod links;
mod renaming;
pub mod uploads;
pub mod visibility;

use crate::access;
use crate::app::App;
use crate::error::{Result, bad_request, unauthenticated};
use crate::library;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::file::File;
use crate::model::ids::UserId;
use crate::model::owner::Owner;
use crate::model::principal::Principal;
use crate::model::quota::Usage;

/// Returns whose files a request without a key is about: the caller's own, or those of the user
/// that a service names.
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

/// Returns the bytes that a user's files take, and the quota. Authorizes the caller.
pub async fn usage(app: &App, caller: &Caller, owner: &Owner) -> Result<(Usage, u64)> {
    access::authorize(app, caller, Action::List, owner, None)?;
    let usage = app.db.find_usage(owner).await?;
    Ok((usage, usage.quota.unwrap_or(app.config.quotas.of(owner.kind()).bytes)))
}

/// Has the store thaw an archived file, and returns the file. Authorizes the caller.
pub async fn thaw(app: &App, caller: &Caller, key: &str) -> Result<File> {
    let (owner, mut file) = library::files::find(app, caller, Action::Thaw, key).await?;
    file.object.archive = Some(library::thaw::begin(app, caller, &owner, &file.object).await?);
    Ok(file)
}

/// Sets a user's quota in bytes, or resets it to the default. For services only; authorizes the
/// caller.
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
    Ok((usage, usage.quota.unwrap_or(app.config.quotas.of(owner.kind()).bytes)))
}

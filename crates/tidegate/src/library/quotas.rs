//! Checks requests against the quotas of owners and users. A check locks the counters until its
//! transaction ends, and the database counts what the transaction inserts, so concurrent requests
//! cannot exceed a quota together. The counters themselves are in `db/quotas.rs`.

use std::time::SystemTime;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::model::quota::{Demand, Shortage};
use crate::model::rules;

/// Reserves room for new objects and their uploads. Returns [`Error::QuotaExceeded`] if the owner,
/// or the user who begins them, has not enough left.
pub(crate) async fn reserve(app: &App, tx: &mut Tx, caller: &Caller, owner: &Owner, demand: Demand) -> Result<()> {
    let quotas = app.config.quotas.of(owner.kind());
    if let Some(shortage) = tx.check_quota(owner, demand, quotas).await? {
        return Err(refuse(owner.kind(), shortage));
    }
    // Services begin the uploads of many users; the owners' quotas limit them.
    if let Principal::User { id, .. } = &caller.principal
        && demand.uploads > 0
        && let Some(shortage) =
            tx.check_open_uploads_of(id.as_str(), demand.uploads, quotas.open_uploads_of_user).await?
    {
        return Err(refuse(owner.kind(), shortage));
    }
    Ok(())
}

/// Checks new objects and uploads against the quotas of their owner, without a lock: a request that
/// passes can be refused later. For work that comes before [`reserve`].
pub(crate) async fn check(app: &App, owner: &Owner, demand: Demand) -> Result<()> {
    let usage = app.db.find_usage(owner).await?;
    match usage.shortage(demand, app.config.quotas.of(owner.kind())) {
        Some(shortage) => Err(refuse(owner.kind(), shortage)),
        None => Ok(()),
    }
}

/// Reserves at least `bytes` for an object that was announced without a size. Does nothing if as
/// much is reserved already. Returns [`Error::QuotaExceeded`] if the owner has not enough left.
pub(crate) async fn reserve_up_to(app: &App, tx: &mut Tx, owner: &Owner, object: ObjectId, bytes: u64) -> Result<()> {
    // Locked before the reserved bytes are read, which another request can raise too.
    tx.hold_quota(owner).await?;
    let more = bytes.saturating_sub(tx.find_announced_unscoped(object).await?);
    if more == 0 {
        return Ok(());
    }
    let demand = Demand { bytes: more, ..Demand::default() };
    match tx.check_quota(owner, demand, app.config.quotas.of(owner.kind())).await? {
        Some(shortage) => Err(refuse(owner.kind(), shortage)),
        None => tx.set_announced(object, bytes).await,
    }
}

/// Checks the number of sessions, spaces or datasets that a user has created. The new one is in the
/// transaction already. Returns [`Error::QuotaExceeded`] if it is one too many.
pub(crate) async fn check_owners_of(app: &App, tx: &mut Tx, creator: &str, kind: OwnerKind) -> Result<()> {
    let Some(quota) = app.config.quotas.owners_of(kind) else { return Ok(()) };
    let kept_since = app.db.now().checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    match tx.check_owners_of(creator, kind, kept_since, quota).await? {
        Some(shortage) => Err(refuse(kind, shortage)),
        None => Ok(()),
    }
}

/// Counts and logs a refusal, and returns its error.
fn refuse(kind: OwnerKind, shortage: Shortage) -> Error {
    let (surface, resource) = (rules::of(kind).surface, shortage.resource.as_str());
    metrics::counter!("tidegate_quota_refused_total", "surface" => surface, "resource" => resource).increment(1);
    tracing::info!(surface, resource, used = shortage.used, quota = shortage.quota, "a quota refused a request");
    Error::QuotaExceeded(shortage)
}

//! Manages the members of datasets that are stored in the database. Never covers roles that a token
//! grants; see `access`.

use super::{check_limit, cut, record};
use crate::access;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::UserId;
use crate::model::package::{Dataset, DatasetId};
use crate::model::role::Role;
use crate::model::space::Member;

/// Returns a page of a dataset's members, and whether there are more. Authorizes the caller.
pub async fn list(app: &App, caller: &Caller, id: &DatasetId, after: &str, limit: i64) -> Result<(Vec<Member>, bool)> {
    let dataset = access::find_dataset(app, caller, Action::Manage, id).await?;
    check_limit(limit)?;
    let mut found = app.db.list_dataset_members(dataset.number, after, limit + 1).await?;
    let more = cut(&mut found, limit);
    Ok((found, more))
}

/// Checks that a change of roles does not exceed the caller's own: managers set viewers and
/// editors, and only owners set managers and owners.
fn check_rank(caller: &Caller, dataset: &Dataset, roles: [Option<Role>; 2]) -> Result<()> {
    let high = roles.into_iter().flatten().any(|role| role >= Role::Manager);
    match access::dataset_role(caller, dataset) {
        Some(own) if high && own < Role::Owner => {
            Err(Error::Forbidden("only owners say who manages and who owns a dataset".into()))
        }
        _ => Ok(()),
    }
}

/// Adds a member or changes a member's role. The last owner cannot be changed. Authorizes the
/// caller.
pub async fn set(app: &App, caller: &Caller, id: &DatasetId, user: &UserId, new: Role) -> Result<Member> {
    let dataset = access::find_dataset(app, caller, Action::Manage, id).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    // The lock keeps the membership unchanged until the commit.
    tx.hold_dataset(dataset.number).await?;
    let had = tx.find_dataset_member(dataset.number, user).await?;
    check_rank(caller, &dataset, [Some(new), had.as_ref().map(|member| member.role)])?;
    let had_since = had.as_ref().map(|member| member.added_at);
    match had {
        Some(member) if member.role == new => return Ok(member),
        Some(member) if member.role == Role::Owner => keep_an_owner(&mut tx, dataset.number).await?,
        _ => {}
    }
    tx.set_dataset_member(dataset.number, user, new, now).await?;
    record(&mut tx, app, caller, AuditAction::MemberSet, &dataset.id, None).await?;
    tx.commit().await?;
    tracing::info!(dataset = dataset.id.as_str(), role = new.as_str(), "a member's role was set");
    Ok(Member { user: user.clone(), role: new, added_at: had_since.unwrap_or(now) })
}

async fn keep_an_owner(tx: &mut crate::db::Tx, dataset: i64) -> Result<()> {
    if tx.count_dataset_owners(dataset).await? > 1 {
        return Ok(());
    }
    Err(Error::InvalidState("a dataset needs an owner; make somebody else one first".into()))
}

/// Removes a member; every member can remove themselves. The last owner cannot be removed.
/// Authorizes the caller.
pub async fn remove(app: &App, caller: &Caller, id: &DatasetId, user: &UserId) -> Result<()> {
    let leaves = access::effective_user(caller).as_ref() == Some(user);
    let dataset = access::find_dataset(app, caller, if leaves { Action::Read } else { Action::Manage }, id).await?;
    let mut tx = app.db.begin().await?;
    tx.hold_dataset(dataset.number).await?;
    let had = tx.find_dataset_member(dataset.number, user).await?;
    let had = had.ok_or_else(|| Error::NotFound("no such member".into()))?;
    if !leaves {
        check_rank(caller, &dataset, [Some(had.role), None])?;
    }
    if had.role == Role::Owner {
        keep_an_owner(&mut tx, dataset.number).await?;
    }
    tx.remove_dataset_member(dataset.number, user).await?;
    record(&mut tx, app, caller, AuditAction::MemberRemoved, &dataset.id, None).await?;
    tx.commit().await?;
    tracing::info!(dataset = dataset.id.as_str(), "a member was removed");
    Ok(())
}

//! Spaces: collections of images whose members read them under one signature. Owns the spaces and
//! their members; the images are in `images`, and what spaces share with sessions is in
//! `uploads/media_items`.

pub mod images;
pub mod links;

use crate::access;
use crate::app::App;
use crate::db::{Cursor, Tx};
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::cdn_invalidations;
use crate::library::objects::MAX_PAGE;
use crate::library::quotas;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::{ObjectId, SpaceId, UserId};
use crate::model::micros;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::model::role::Role;
use crate::model::space::{Member, Space, check_name};
use crate::queue::{self, Job};

/// Creates a space and makes the caller its owner.
pub async fn create(app: &App, caller: &Caller, name: &str) -> Result<Space> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let name = name.trim();
    check_name(name).map_err(|error| bad_request(error.to_string()))?;
    let first = access::effective_user(caller)
        .ok_or_else(|| bad_request("a space needs an owner; name the user in X-User-Id"))?;
    app.disks.check(0)?;
    let (id, now) = (SpaceId::generate(), app.db.now());
    let mut tx = app.db.begin().await?;
    tx.insert_space(&id, name, first.as_str(), now).await?;
    quotas::check_owners_of(app, &mut tx, first.as_str(), OwnerKind::Space).await?;
    tx.set_member(&id, &first, Role::Owner, now).await?;
    record(&mut tx, app, caller, AuditAction::SpaceCreated, &id).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_spaces_total").increment(1);
    tracing::info!(space = id.as_str(), "a space was created");
    Ok(Space { id, name: name.to_owned(), role: Some(Role::Owner), created_at: now, images: 0, bytes: 0 })
}

async fn record(tx: &mut Tx, app: &App, caller: &Caller, action: AuditAction, id: &SpaceId) -> Result<()> {
    let owner = Some(Owner::Space(id.clone()));
    tx.record_event(&NewEvent { at: app.db.now(), caller: caller.clone(), action, owner, object: None }).await
}

/// Returns a space with its number of images and bytes. Authorizes the caller.
pub async fn space(app: &App, caller: &Caller, id: &SpaceId) -> Result<Space> {
    access::find_space(app, caller, Action::Read, id).await?;
    app.db.find_space(id, access::effective_user(caller).as_ref()).await?.ok_or_else(access::no_such_space)
}

/// Returns a page of the spaces visible to the caller, newest first, and the cursor of the next
/// page.
pub async fn list(app: &App, caller: &Caller, after: Cursor, limit: i64) -> Result<(Vec<Space>, Option<Cursor>)> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    check_limit(limit)?;
    let (of, last) = (access::effective_user(caller), after.id.to_string());
    let mut found = app.db.list_spaces(of.as_ref(), (after.created_at, &last), limit + 1).await?;
    let more = cut(&mut found, limit);
    let place =
        |last: &Space| Some(Cursor { created_at: micros(last.created_at), id: ObjectId::parse(last.id.as_str())? });
    let next = found.last().filter(|_| more).and_then(place);
    Ok((found, next))
}

fn check_limit(limit: i64) -> Result<()> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")))
}

/// Removes the additional row that was read, and returns whether there was one.
fn cut<T>(found: &mut Vec<T>, limit: i64) -> bool {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    more
}

/// Deletes a space: it is not found from now on, and a job moves its bytes. Authorizes the caller.
pub async fn delete(app: &App, caller: &Caller, id: &SpaceId) -> Result<()> {
    let owner = access::find_space(app, caller, Action::Manage, id).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if !tx.delete_space(id, now).await? {
        return Err(access::no_such_space());
    }
    cdn_invalidations::queue_root(app, &mut tx, &owner).await?;
    record(&mut tx, app, caller, AuditAction::SpaceDeleted, id).await?;
    queue::enqueue(&mut tx, &Job::HideSpaceV1 { space: id.as_str().to_owned() }, now).await?;
    tx.signal_watchers(&owner);
    tx.commit().await?;
    tracing::info!(space = id.as_str(), "a space was deleted");
    Ok(())
}

/// Returns a page of a space's members, and whether there are more. Authorizes the caller.
pub async fn members(app: &App, caller: &Caller, id: &SpaceId, after: &str, limit: i64) -> Result<(Vec<Member>, bool)> {
    access::find_space(app, caller, Action::Manage, id).await?;
    check_limit(limit)?;
    let mut found = app.db.list_space_members(id, after, limit + 1).await?;
    let more = cut(&mut found, limit);
    Ok((found, more))
}

/// Adds a member or changes a member's role. The last owner cannot be changed. Authorizes the
/// caller.
pub async fn set_member(app: &App, caller: &Caller, id: &SpaceId, user: &UserId, role: Role) -> Result<Member> {
    let owner = access::find_space(app, caller, Action::Manage, id).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    // The lock keeps the membership unchanged until the commit.
    if !tx.hold(&owner).await? {
        return Err(access::no_such_space());
    }
    let had = tx.find_member(id, user).await?;
    let had_since = had.as_ref().map(|member| member.added_at);
    match had {
        Some(member) if member.role == role => return Ok(member),
        Some(member) if member.role == Role::Owner => keep_an_owner(&mut tx, id).await?,
        _ => {}
    }
    tx.set_member(id, user, role, now).await?;
    record(&mut tx, app, caller, AuditAction::MemberSet, id).await?;
    tx.commit().await?;
    tracing::info!(space = id.as_str(), role = role.as_str(), "a member's role was set");
    Ok(Member { user: user.clone(), role, added_at: had_since.unwrap_or(now) })
}

/// Returns an error if the space has only one owner.
async fn keep_an_owner(tx: &mut Tx, id: &SpaceId) -> Result<()> {
    if tx.count_owners(id).await? > 1 {
        return Ok(());
    }
    Err(Error::InvalidState("a space needs an owner; make somebody else one first, or delete the space".into()))
}

/// Removes a member; owners can remove anyone, and every member themselves. The last owner cannot
/// be removed. Authorizes the caller.
pub async fn remove_member(app: &App, caller: &Caller, id: &SpaceId, user: &UserId) -> Result<()> {
    let leaves = access::effective_user(caller).as_ref() == Some(user);
    let owner = access::find_space(app, caller, if leaves { Action::Read } else { Action::Manage }, id).await?;
    let mut tx = app.db.begin().await?;
    if !tx.hold(&owner).await? {
        return Err(access::no_such_space());
    }
    let had = tx.find_member(id, user).await?.ok_or_else(|| Error::NotFound("no such member".into()))?;
    if had.role == Role::Owner {
        keep_an_owner(&mut tx, id).await?;
    }
    tx.remove_member(id, user).await?;
    record(&mut tx, app, caller, AuditAction::MemberRemoved, id).await?;
    // The removed member's open streams check their access again.
    tx.signal_watchers(&owner);
    tx.commit().await?;
    tracing::info!(space = id.as_str(), "a member was removed");
    Ok(())
}

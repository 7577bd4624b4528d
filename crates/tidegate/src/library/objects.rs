//! Finds, lists and purges objects of any owner kind. Authorizes the caller of every query; never
//! returns a deleted object unless asked to.

use std::sync::Arc;

use crate::access;
use crate::app::App;
use crate::db::{Cursor, ObjectList};
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::cdn_invalidations;
use crate::library::{positions, thaw};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::page::{Page, Start};
use crate::model::principal::Principal;
use crate::state::object_cache::Ready;

/// The largest number of objects in one page.
pub const MAX_PAGE: i64 = 1000;

/// Returns an object that is not deleted. Authorizes the caller for `action`.
pub async fn find(
    app: &App,
    caller: &Caller,
    action: Action,
    kind: OwnerKind,
    id: ObjectId,
) -> Result<(Owner, Object)> {
    let (owner, object) = find_in_any_state(app, caller, action, kind, id).await?;
    match object.state {
        ObjectState::Deleted | ObjectState::Restoring | ObjectState::Purged => Err(not_found()),
        _ => Ok((owner, object)),
    }
}

/// Returns an object whatever its state. Authorizes the caller for `action`.
pub async fn find_in_any_state(
    app: &App,
    caller: &Caller,
    action: Action,
    kind: OwnerKind,
    id: ObjectId,
) -> Result<(Owner, Object)> {
    // The caller is usually the owner; then one query both finds the object and authorizes.
    let own = caller.user().and_then(|user| kind.of_user(user));
    if let Some(owner) = own {
        access::authorize(app, caller, action, &owner, Some(id))?;
        if let Some(object) = app.object_cache.read_object(&owner, app.db.find_object(&owner, id)).await? {
            return Ok((owner, object));
        }
    } else if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let owner = app.db.owner_of(kind, id).await?.ok_or_else(not_found)?;
    access::authorize(app, caller, action, &owner, Some(id))?;
    let object = app.db.find_object(&owner, id).await?.ok_or_else(not_found)?;
    Ok((owner, object))
}

/// Returns the error for an object that does not exist.
pub(crate) fn not_found() -> Error {
    Error::NotFound("no such image".into())
}

/// Returns an object whose bytes can be read. Authorizes the caller.
pub async fn find_ready(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<Arc<Ready>> {
    if let Some(known) = app.object_cache.ready(id).filter(|known| known.owner.kind() == kind) {
        access::authorize(app, caller, Action::Read, &known.owner, Some(id))?;
        return Ok(known);
    }
    let (owner, object) = find(app, caller, Action::Read, kind, id).await?;
    let content = ready_content(&object)?.clone();
    Ok(Arc::new(Ready { owner, key: object.key, content }))
}

/// Returns a readable object with its name, from the database. Authorizes the caller.
pub async fn find_named(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<(Object, Content)> {
    let (owner, mut object) = find(app, caller, Action::Read, kind, id).await?;
    let content = ready_content(&object)?.clone();
    thaw::show(app, &owner, &mut object).await?;
    Ok((object, content))
}

fn ready_content(object: &Object) -> Result<&Content> {
    let content = object.content.as_ref().filter(|_| object.state == ObjectState::Ready);
    content.ok_or_else(|| Error::InvalidState("the upload is not complete".into()))
}

/// Returns a page of an owner's objects, newest first. Authorizes the caller.
pub async fn list(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    state: Option<ObjectState>,
    start: Start<Cursor>,
    limit: i64,
) -> Result<Page<Object>> {
    access::authorize(app, caller, Action::List, owner, None)?;
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let (after, total) = positions::of_objects(app, &ObjectList::Objects(owner, state), start).await?;
    let mut items = app.db.list_objects(owner, state, after, limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > wanted;
    items.truncate(wanted);
    thaw::show_all(app, &mut items).await?;
    Ok(Page { items, more, total })
}

/// Deletes the bytes of a deleted object and marks its row as PURGED.
pub(crate) async fn purge(app: &App, object: ObjectId, key: &str) -> Result<()> {
    app.store.delete(key, store::Deletion::Purge).await?;
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    if app.config.images.layout.served_root(key).is_some() {
        cdn_invalidations::queue(app, &mut tx, &[key.to_owned()]).await?;
    }
    if tx.set_object_state(object, ObjectState::Deleted, ObjectState::Purged, now).await? {
        tx.record(&Caller::system(), AuditAction::ObjectPurged, object, now).await?;
    }
    tx.commit().await
}

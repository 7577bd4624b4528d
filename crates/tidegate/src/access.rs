//! Authorization: finds the owner that bytes belong to and the caller's role there, and has
//! `model/access.rs` decide. Every function that serves a caller authorizes here first. A refusal
//! is counted and queued for the audit log. Never reads or changes an owner's objects.

use std::collections::HashMap;

use crate::app::App;
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::model::access::{self, Action, Decision, Target};
use crate::model::caller::Caller;
use crate::model::ids::{ObjectId, SessionId, SpaceId, UserId};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::package::{Dataset, DatasetId};
use crate::model::principal::Principal;
use crate::model::role::Role;
use crate::model::rules::{self, Stranger};
use crate::state::status_feeds::FeedAccess;

/// Decides whether the caller may do `action` on objects of `owner`. `object` names the object, if
/// one is known.
///
/// # Errors
///
/// [`Error::Unauthenticated`] for an anonymous caller. A stranger gets [`Error::Forbidden`] or
/// [`Error::NotFound`], by the owner kind's rules.
pub fn authorize(app: &App, caller: &Caller, action: Action, owner: &Owner, object: Option<ObjectId>) -> Result<()> {
    match access::decide(&caller.effective_principal(), action, Target::Owner(owner)) {
        Decision::Allow => Ok(()),
        Decision::Unauthenticated => Err(unauthenticated()),
        Decision::Deny => {
            count_refusal(owner.kind().as_str());
            app.refusals.note(caller, action, Some(owner), object);
            Err(match rules::of(owner.kind()).stranger {
                Stranger::Forbidden => Error::Forbidden("this belongs to somebody else".into()),
                Stranger::NotFound => Error::NotFound(format!("no such {}", owner.kind().as_str()).into()),
            })
        }
    }
}

/// Decides whether a member with `role` may do `action`; without a role as [`authorize`] does.
///
/// # Errors
///
/// [`Error::Forbidden`] if the role is too low, since a member knows that the owner exists.
pub fn authorize_member(
    app: &App,
    caller: &Caller,
    action: Action,
    (owner, role): (&Owner, Option<Role>),
    object: Option<ObjectId>,
) -> Result<()> {
    let Some(role) = role else { return authorize(app, caller, action, owner, object) };
    match access::decide(&caller.effective_principal(), action, Target::Shared(owner, role)) {
        Decision::Allow => Ok(()),
        Decision::Unauthenticated => Err(unauthenticated()),
        Decision::Deny => {
            count_refusal(owner.kind().as_str());
            app.refusals.note(caller, action, Some(owner), object);
            Err(Error::Forbidden(format!("the role {} does not allow this", role.as_str()).into()))
        }
    }
}

/// Decides whether the caller may do `action` on the server as a whole.
pub fn authorize_everywhere(app: &App, caller: &Caller, action: Action) -> Result<()> {
    match access::decide(&caller.effective_principal(), action, Target::Everything) {
        Decision::Allow => Ok(()),
        Decision::Unauthenticated => Err(unauthenticated()),
        Decision::Deny => {
            count_refusal("server");
            app.refusals.note(caller, action, None, None);
            Err(Error::Forbidden("this takes another role".into()))
        }
    }
}

/// Counts and records a refusal that followed from a key alone, before any lookup.
pub fn note_refusal(app: &App, caller: &Caller, action: Action, kind: OwnerKind) {
    count_refusal(kind.as_str());
    app.refusals.note(caller, action, None, None);
}

fn count_refusal(owner: &'static str) {
    metrics::counter!("tidegate_refusals_total", "owner" => owner).increment(1);
}

/// Returns the user whose role counts: the caller, or the user a service acts for. `None` for
/// callers who need no role.
pub(crate) fn effective_user(caller: &Caller) -> Option<UserId> {
    match caller.effective_principal().into_owned() {
        Principal::User { id, .. } => Some(id),
        Principal::Anonymous | Principal::Service | Principal::System => None,
    }
}

/// Finds a session in which the caller may do `action`.
pub async fn find_session(app: &App, caller: &Caller, action: Action, id: &SessionId) -> Result<Owner> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let owner = app.db.find_session_unscoped(id).await?.ok_or_else(|| Error::NotFound("no such session".into()))?;
    authorize(app, caller, action, &owner, None)?;
    Ok(owner)
}

/// Finds a space in which the caller may do `action`. A stranger gets `NotFound`, whether the space exists or not.
pub async fn find_space(app: &App, caller: &Caller, action: Action, id: &SpaceId) -> Result<Owner> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let role = app.db.find_role(id, effective_user(caller).as_ref()).await?.ok_or_else(no_such_space)?;
    let owner = Owner::Space(id.clone());
    authorize_member(app, caller, action, (&owner, role), None)?;
    Ok(owner)
}

/// Returns the caller's role in a space; `None` also where the space does not exist.
pub(crate) async fn space_role(app: &App, caller: &Caller, id: &SpaceId) -> Result<Option<Role>> {
    Ok(app.db.find_role(id, effective_user(caller).as_ref()).await?.flatten())
}

/// Finds a dataset in which the caller may do `action`.
pub async fn find_dataset(app: &App, caller: &Caller, action: Action, id: &DatasetId) -> Result<Dataset> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let dataset = app.db.find_dataset(id, effective_user(caller).as_ref()).await?.ok_or_else(no_such_dataset)?;
    authorize_dataset(app, caller, action, &dataset)?;
    Ok(dataset)
}

/// Decides whether the caller may do `action` in a dataset. A stranger gets [`Error::NotFound`].
pub(crate) fn authorize_dataset(app: &App, caller: &Caller, action: Action, dataset: &Dataset) -> Result<()> {
    // Services are held to this too: one that names an organisation sees no other.
    if caller.org().is_some_and(|org| org.as_str() != dataset.org_name) {
        note_refusal(app, caller, action, OwnerKind::Dataset);
        return Err(no_such_dataset());
    }
    let owner = Owner::Dataset(dataset.id.clone());
    authorize_member(app, caller, action, (&owner, dataset_role(caller, dataset)), None)
}

/// Returns the caller's role in a dataset: the higher of the token's and the database's. A caller of another
/// organisation has none.
pub(crate) fn dataset_role(caller: &Caller, dataset: &Dataset) -> Option<Role> {
    let effective = caller.effective_principal();
    let Principal::User { org: Some(org), roles, .. } = &*effective else { return None };
    if org.as_str() != dataset.org_name {
        return None;
    }
    roles.datasets.get(&dataset.id).copied().max(dataset.role)
}

/// Decides whether the caller may do `action` with objects of an owner, whichever kind it is.
pub async fn authorize_owner(app: &App, caller: &Caller, action: Action, owner: &Owner) -> Result<()> {
    match owner {
        Owner::Session(session, _) => find_session(app, caller, action, session).await.map(drop),
        Owner::Space(space) => find_space(app, caller, action, space).await.map(drop),
        Owner::Dataset(dataset) => find_dataset(app, caller, action, dataset).await.map(drop),
        Owner::Disks(_) | Owner::Files(_) => authorize(app, caller, action, owner, None),
    }
}

/// Decides again while a stream is open, since sessions and spaces may be deleted and members
/// removed meanwhile.
pub(crate) async fn authorize_again(app: &App, caller: &Caller, action: Action, owner: &Owner) -> Result<()> {
    match owner {
        Owner::Session(session, _) => find_session(app, caller, action, session).await.map(drop),
        Owner::Space(space) => find_space(app, caller, action, space).await.map(drop),
        Owner::Disks(_) | Owner::Files(_) | Owner::Dataset(_) => Err(Error::NotFound("no such media".into())),
    }
}

/// Finds what decides who may watch an owner, for all watching users at once. Does not authorize.
pub(crate) async fn find_feed_access(app: &App, owner: &Owner, users: Vec<UserId>) -> Result<FeedAccess> {
    match owner {
        Owner::Session(session, _) => {
            let exists = app.db.find_session_unscoped(session).await?.is_some();
            Ok(FeedAccess { exists, roles: HashMap::new() })
        }
        Owner::Space(space) => {
            let Some(members) = app.db.list_roles(space, &users).await? else { return Ok(FeedAccess::default()) };
            let roles = users.into_iter().map(|user| (members.get(&user).copied(), user));
            Ok(FeedAccess { exists: true, roles: roles.map(|(role, user)| (user, role)).collect() })
        }
        Owner::Disks(_) | Owner::Files(_) | Owner::Dataset(_) => Ok(FeedAccess::default()),
    }
}

/// Decides again whether a watcher may see an owner's changes, from what [`find_feed_access`] found.
/// A user of whom it knows nothing began to watch meanwhile, and was authorized then.
pub(crate) fn authorize_watcher(app: &App, caller: &Caller, owner: &Owner, access: &FeedAccess) -> Result<()> {
    if !access.exists {
        return Err(Error::NotFound(format!("no such {}", owner.kind().as_str()).into()));
    }
    let role = match effective_user(caller) {
        Some(user) if owner.has_members() => match access.roles.get(&user) {
            Some(role) => *role,
            None => return Ok(()),
        },
        _ => None,
    };
    authorize_member(app, caller, Action::List, (owner, role), None)
}

/// Returns the owner that a text names, even a deleted one. Does not authorize. Returns 400 for a
/// malformed user id, and 404 for a session that never existed and for an id that no space or
/// dataset can have.
pub(crate) async fn find_named_owner_unscoped(app: &App, kind: OwnerKind, text: &str) -> Result<Owner> {
    let user = || UserId::parse(text).map_err(|error| bad_request(format!("owner: {error}")));
    match kind {
        OwnerKind::Disks => user().map(Owner::Disks),
        OwnerKind::Files => user().map(Owner::Files),
        OwnerKind::Session => {
            let unknown = || Error::NotFound("no such session".into());
            let session = SessionId::parse(text).ok_or_else(unknown)?;
            app.db.find_session_even_deleted_unscoped(&session).await?.map(|(owner, _)| owner).ok_or_else(unknown)
        }
        OwnerKind::Space => SpaceId::parse(text).map(Owner::Space).ok_or_else(no_such_space),
        OwnerKind::Dataset => DatasetId::parse(text).map(Owner::Dataset).ok_or_else(no_such_dataset),
    }
}

/// Decides whether the caller may read the audit log of an owner. Owners of a space may.
pub(crate) async fn authorize_audit(app: &App, caller: &Caller, owner: &Owner, object: Option<ObjectId>) -> Result<()> {
    let role = match owner {
        Owner::Space(space) => space_role(app, caller, space).await?,
        Owner::Dataset(dataset) => return find_dataset(app, caller, Action::Audit, dataset).await.map(drop),
        Owner::Disks(_) | Owner::Files(_) | Owner::Session(..) => None,
    };
    authorize_member(app, caller, Action::Audit, (owner, role), object)
}

/// Returns the error for a space that does not exist, or that the caller may not know of.
pub(crate) fn no_such_space() -> Error {
    Error::NotFound("no such space".into())
}

/// Returns the error for a dataset that does not exist, or that the caller may not know of.
pub(crate) fn no_such_dataset() -> Error {
    Error::NotFound("no such dataset".into())
}

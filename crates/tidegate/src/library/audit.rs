//! The audit log: who may read what was done and refused, by owner, object and time. Changes record their events in
//! their own transactions; refusals go through `state::refusals`.

use crate::access;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::objects::MAX_PAGE;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{Event, EventFilter};
use crate::model::ids::{ObjectId, SessionId, SpaceId, UserId};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::package::DatasetId;
use crate::model::principal::Principal;

/// What events are asked for by the names of an owner and an object. A session that never was is nobody's.
pub async fn about(
    app: &App,
    kind: OwnerKind,
    owner: Option<&str>,
    object: Option<ObjectId>,
) -> Result<(Option<Owner>, Option<(OwnerKind, ObjectId)>)> {
    let user = |text: &str| UserId::parse(text).map_err(|error| bad_request(format!("owner: {error}")));
    let owner = match (owner, kind, object) {
        // Of an object, its owner is known.
        (_, _, Some(_)) | (None, _, _) => None,
        (Some(text), OwnerKind::Disks, _) => Some(Owner::Disks(user(text)?)),
        (Some(text), OwnerKind::Files, _) => Some(Owner::Files(user(text)?)),
        (Some(text), OwnerKind::Session, _) => {
            let unknown = || Error::NotFound("no such session".into());
            let session = SessionId::parse(text).ok_or_else(unknown)?;
            Some(app.db.find_session_even_deleted_unscoped(&session).await?.ok_or_else(unknown)?.0)
        }
        (Some(text), OwnerKind::Space, _) => {
            let unknown = || Error::NotFound("no such space".into());
            Some(Owner::Space(SpaceId::parse(text).ok_or_else(unknown)?))
        }
        (Some(text), OwnerKind::Dataset, _) => {
            Some(Owner::Dataset(DatasetId::parse(text).ok_or_else(access::no_such_dataset)?))
        }
    };
    let object = match object {
        Some(object) => Some((app.db.kind_of(object).await?.unwrap_or(kind), object)),
        None => None,
    };
    Ok((owner, object))
}

/// A page of events, newest first, and whether there are more. Without an owner and an object: of everything.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: EventFilter,
    before: Cursor,
    limit: i64,
) -> Result<(Vec<Event>, bool)> {
    match (filter.object, &filter.owner) {
        (Some((kind, object)), _) => match app.db.owner_of(kind, object).await? {
            Some(owner) => match access::authorize_audit(app, caller, &owner, Some(object)).await {
                // In the words for what never was.
                Err(Error::NotFound(_)) => return Err(Error::NotFound("no such object".into())),
                other => other?,
            },
            None if caller.principal == Principal::Anonymous => return Err(unauthenticated()),
            None => return Err(Error::NotFound("no such object".into())),
        },
        (None, Some(owner)) => access::authorize_audit(app, caller, owner, None).await?,
        (None, None) => access::authorize_everywhere(app, caller, Action::Audit)?,
    }
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let mut found = app.db.list_events(&filter, (before.created_at, before.id.0), limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    Ok((found, more))
}

/// Removes a batch of what is older than the settings keep; `true` if there may be more.
pub async fn forget_old(app: &App) -> Result<bool> {
    const AT_ONCE: i64 = 1000;
    let Some(before) = app.db.now().checked_sub(app.config.audit_retention) else { return Ok(false) };
    let mut tx = app.db.begin().await?;
    let gone = tx.forget_events(before, AT_ONCE).await?;
    tx.commit().await?;
    Ok(gone >= AT_ONCE.unsigned_abs())
}

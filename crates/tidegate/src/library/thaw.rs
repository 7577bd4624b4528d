//! Archived objects: learns their state from the store, refuses what needs their bytes, and has the
//! store thaw them. A signature cannot see an archive, so single grants ask first, for objects that
//! are old enough (`ARCHIVE_AFTER_DAYS`). Lists show what is stored in the database. Deletes nothing
//! and moves nothing.

use std::time::{Duration, SystemTime};

use futures::future;

use crate::app::App;
use crate::db::{ThawReservation, Tx};
use crate::error::archived::{ArchiveState, ArchiveStatus};
use crate::error::{Error, Result, unauthenticated};
use crate::library::objects;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::model::rules;
use crate::model::{epoch_seconds, micros};
use crate::queue::{self, Job};

/// When a caller whose owner has too many thaws may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The shortest time between a thaw and its extension, and between two extensions.
const EXTENSION_INTERVAL: Duration = Duration::from_secs(86_400);
/// How long after its request a thaw may not have reached the store yet.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(900);
/// The shortest pause between two looks at an object that thaws.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
/// The largest number of objects the store is asked about before a grant for many.
const MAX_ASKED: usize = 1000;
/// The longest time for which the store is asked before a grant for many objects.
const ASKING_LIMIT: Duration = Duration::from_secs(10);
/// The number of objects the store is asked about at a time.
const CONCURRENT_LOOKS: usize = 16;
/// The number of objects in one query.
const AT_ONCE: usize = 1000;

/// Returns an error if bytes in this state cannot be read, and counts it.
pub(crate) fn require_readable(kind: OwnerKind, status: impl Into<ArchiveStatus>) -> Result<()> {
    let status = status.into();
    if status.state.is_readable() {
        return Ok(());
    }
    metrics::counter!("tidegate_archived_refused_total", "owner" => kind.as_str()).increment(1);
    Err(Error::Archived(status))
}

/// Returns when a grant for an object must end, in epoch seconds: when its temporary copy does, or
/// never. Asks the store only if the object is old enough to be archived. The caller has authorized.
///
/// # Errors
///
/// [`Error::Archived`] if the bytes cannot be read now.
pub(crate) async fn grant_end(app: &App, owner: &Owner, id: ObjectId, key: &Key, content: &Content) -> Result<u64> {
    let Some(state) = look(app, owner, id, key, content).await? else { return Ok(u64::MAX) };
    // A temporary copy may have ended since the store was asked.
    let state = ArchiveStatus::from(state).at(app.db.now()).state;
    let mut status = ArchiveStatus::from(state);
    if state == ArchiveState::Thawing {
        status.requested_at = app.db.list_archived(&[id]).await?.remove(&id).and_then(|known| known.requested_at);
    }
    require_readable(owner.kind(), status)?;
    Ok(match state {
        ArchiveState::Thawed { until } => epoch_seconds(until),
        ArchiveState::Readable | ArchiveState::Archived | ArchiveState::Thawing => u64::MAX,
    })
}

/// Returns an error if one of many objects is known to be unreadable. The store is asked about those
/// that are stored as unreadable, and then about others, for a limited number and time. The caller
/// has authorized.
///
/// # Errors
///
/// [`Error::Archived`] if the bytes of an object cannot be read now.
pub(crate) async fn require_all_readable(app: &App, owner: &Owner, objects: &[&Object]) -> Result<()> {
    if app.config.archived.after.is_none() {
        return Ok(());
    }
    let (mut unreadable, mut others) = (Vec::new(), Vec::new());
    for some in objects.chunks(AT_ONCE) {
        let ids: Vec<ObjectId> = some.iter().map(|object| object.id).collect();
        let (known, now) = (app.db.list_archived(&ids).await?, app.db.now());
        for object in some {
            let status = known.get(&object.id).map(|status| status.at(now));
            match status.filter(|status| !status.state.is_readable()) {
                Some(status) => unreadable.push((*object, status)),
                None => others.push(*object),
            }
        }
    }
    let asked = unreadable.iter().map(|(object, _)| *object).chain(others).take(MAX_ASKED);
    let has_ended = tokio::time::timeout(ASKING_LIMIT, ask_all(app, owner, asked.collect())).await;
    let is_complete = has_ended.ok().transpose()?.is_some() && unreadable.len() <= MAX_ASKED;
    match unreadable.first().filter(|_| !is_complete) {
        Some((_, status)) => require_readable(owner.kind(), *status),
        None => Ok(()),
    }
}

/// Asks the store about objects that may be archived. Returns the first error.
async fn ask_all(app: &App, owner: &Owner, objects: Vec<&Object>) -> Result<()> {
    for some in objects.chunks(CONCURRENT_LOOKS) {
        let mut looks = Vec::with_capacity(some.len());
        for object in some {
            if let Some(content) = &object.content {
                looks.push(grant_end(app, owner, object.id, &object.key, content));
            }
        }
        future::try_join_all(looks).await?;
    }
    Ok(())
}

/// Returns what the store says of an object's archive; `None` if it is too young to be in one, or if
/// the store does not answer, because the read itself then says more.
async fn look(app: &App, owner: &Owner, id: ObjectId, key: &Key, content: &Content) -> Result<Option<ArchiveState>> {
    let Some(after) = app.config.archived.after.filter(|_| app.local.is_none()) else { return Ok(None) };
    if content.last_modified.checked_add(after).is_none_or(|oldest| oldest > app.db.now()) {
        return Ok(None);
    }
    if let Some(known) = app.archive_states.get(id) {
        return Ok(Some(known));
    }
    let _one = app.archive_states.asking.lock(&id.to_string()).await;
    if let Some(known) = app.archive_states.get(id) {
        return Ok(Some(known));
    }
    let counted = |outcome: &'static str| {
        metrics::counter!("tidegate_archive_lookups_total", "outcome" => outcome).increment(1);
    };
    let state = match app.store.stat(key.as_str()).await {
        Ok(stat) => stat.archive,
        Err(error) => {
            counted("failed");
            tracing::debug!(object.id = %id, %error, "the store did not say whether an object is archived");
            return Ok(None);
        }
    };
    counted(match state {
        ArchiveState::Readable => "readable",
        ArchiveState::Archived => "archived",
        ArchiveState::Thawing => "thawing",
        ArchiveState::Thawed { .. } => "thawed",
    });
    // A read goes on without the database's knowledge of it.
    if let Err(error) = remember(app, owner, id, state).await
        && !error.is_logged()
    {
        tracing::warn!(object.id = %id, error = error.detail(), "an archive state could not be stored");
    }
    Ok(Some(state))
}

/// Stores what the store says of an object, for lists. A thaw that is stored first here is followed by
/// a job. The end of a thaw is recorded and told by the caller that stores it.
pub(super) async fn remember(app: &App, owner: &Owner, id: ObjectId, state: ArchiveState) -> Result<()> {
    app.archive_states.insert(id, state);
    let now = app.db.now();
    let known = app.db.list_archived(&[id]).await?.remove(&id);
    let was_thawing = known.is_some_and(|known| known.state == ArchiveState::Thawing);
    let requested_at = known.and_then(|known| known.requested_at);
    let is_new = requested_at.is_some_and(|at| at + REQUEST_TIME > now);
    if known.map_or(ArchiveState::Readable, |known| known.state) == state
        || (was_thawing && is_new && state == ArchiveState::Archived)
    {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    if !tx.set_archived(owner, id, &state.into()).await? {
        return Ok(());
    }
    if state == ArchiveState::Thawing {
        look_soon(app, &mut tx, id).await?;
    } else if was_thawing {
        record_change(&mut tx, owner, id, state, now).await?;
        if state.is_readable() {
            tx.record(&Caller::system(), AuditAction::ObjectThawed, id, now).await?;
        }
    }
    tx.commit().await?;
    if was_thawing {
        note_end(owner.kind(), id, state);
    }
    Ok(())
}

/// Counts and logs the end of a thaw.
fn note_end(kind: OwnerKind, id: ObjectId, state: ArchiveState) {
    let outcome = if state.is_readable() { "thawed" } else { "lost" };
    metrics::counter!("tidegate_thaws_total", "outcome" => outcome).increment(1);
    if state.is_readable() {
        tracing::info!(object.id = %id, owner = kind.as_str(), "an archived object was thawed");
    } else {
        tracing::warn!(object.id = %id, owner = kind.as_str(), "a thaw has ended, and its object is archived again");
    }
}

/// Enqueues the first look at an object that thaws from now on.
pub(crate) async fn look_soon(app: &App, tx: &mut Tx, id: ObjectId) -> Result<()> {
    let now = app.db.now();
    let job = Job::ThawV1 { object: id.0, since: micros(now) };
    queue::enqueue_anew(tx, &job, now + SHORTEST_PAUSE).await
}

/// Fills in what is known of one object's archive, and asks the store if it is old enough. The
/// caller has authorized.
pub(crate) async fn show(app: &App, owner: &Owner, object: &mut Object) -> Result<()> {
    let Some(content) = object.content.clone().filter(|_| object.state == ObjectState::Ready) else { return Ok(()) };
    look(app, owner, object.id, &object.key, &content).await?;
    show_all(app, [object]).await
}

/// Fills in what is known of the archives of listed objects. The store is not asked: a list would
/// send a request for each of a thousand. The caller has authorized.
pub(crate) async fn show_all<'a>(app: &App, objects: impl IntoIterator<Item = &'a mut Object>) -> Result<()> {
    if app.config.archived.after.is_none() {
        return Ok(());
    }
    let mut ready: Vec<&mut Object> = objects.into_iter().filter(|object| object.state == ObjectState::Ready).collect();
    let ids: Vec<ObjectId> = ready.iter().map(|object| object.id).collect();
    let (known, now) = (app.db.list_archived(&ids).await?, app.db.now());
    for object in &mut ready {
        object.archive = known.get(&object.id).map(|status| status.at(now));
    }
    Ok(())
}

/// Has the store thaw an archived object, and returns the state it has from now on. Does nothing
/// with an object that is not archived. Authorizes the caller.
pub async fn thaw(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<ArchiveStatus> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let (owner, object) = objects::find(app, caller, Action::Thaw, kind, id).await?;
    begin(app, caller, &owner, &object).await
}

/// Has the store thaw an archived object, or extend the temporary copy of a thawed one. The caller has
/// authorized.
pub(crate) async fn begin(app: &App, caller: &Caller, owner: &Owner, object: &Object) -> Result<ArchiveStatus> {
    if object.state != ObjectState::Ready {
        return Err(not_ready(object.state.as_str()));
    }
    let found = app.store.stat(object.key.as_str()).await?.archive;
    let before = known(app, object.id, found).await?;
    let is_new = match found {
        ArchiveState::Archived => reserve(app, owner, object.id).await?,
        ArchiveState::Thawed { .. } if reserve_extension(app, owner, object.id, found).await? => false,
        ArchiveState::Readable | ArchiveState::Thawing | ArchiveState::Thawed { .. } => {
            remember(app, owner, object.id, found).await?;
            return known(app, object.id, found).await;
        }
    };
    let setting = app.config.archived;
    match app.store.thaw(object.key.as_str(), setting.thaw_days, setting.thaw_tier).await {
        Ok(state) => {
            store_request(app, caller, (owner, object.id), state, is_new).await?;
            known(app, object.id, state).await
        }
        Err(error) => {
            release(app, owner, object.id, ArchiveStatus { state: found, ..before }).await;
            Err(error.into())
        }
    }
}

fn not_ready(state: &str) -> Error {
    Error::InvalidState(format!("it is {state}, and not READY").into())
}

/// Returns what is stored of an object's archive, or what the store has said.
async fn known(app: &App, id: ObjectId, state: ArchiveState) -> Result<ArchiveStatus> {
    Ok(app.db.list_archived(&[id]).await?.remove(&id).unwrap_or_else(|| state.into()))
}

/// Stores that an archived object is being thawed, and enqueues the job that follows it, before the
/// store is asked: whatever happens then is noticed. Returns `false` if it was stored before.
async fn reserve(app: &App, owner: &Owner, id: ObjectId) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let reservation = tx.reserve_thaw(owner, id, app.db.now(), app.config.archived.thaws_per_owner).await?;
    match reservation {
        ThawReservation::Reserved | ThawReservation::Joined => {}
        ThawReservation::Full => {
            metrics::counter!("tidegate_rate_limited_total", "by" => "thaws").increment(1);
            return Err(Error::RateLimited { retry_after: RETRY_AFTER });
        }
        ThawReservation::NotReady => return Err(not_ready("deleted")),
    }
    look_soon(app, &mut tx, id).await?;
    tx.commit().await?;
    Ok(reservation == ThawReservation::Reserved)
}

/// Stores that the temporary copy of an object is extended. Returns `false` if it is too early.
async fn reserve_extension(app: &App, owner: &Owner, id: ObjectId, found: ArchiveState) -> Result<bool> {
    remember(app, owner, id, found).await?;
    let now = app.db.now();
    let before = now.checked_sub(EXTENSION_INTERVAL).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut tx = app.db.begin().await?;
    let is_reserved = tx.reserve_extension(id, now, before).await?;
    tx.commit().await?;
    Ok(is_reserved)
}

/// Stores what an object was before a thaw that the store has refused. The job that follows it finds
/// out whether the store has begun it nevertheless.
async fn release(app: &App, owner: &Owner, id: ObjectId, before: ArchiveStatus) {
    let stored = async {
        let mut tx = app.db.begin().await?;
        tx.set_archived(owner, id, &before).await?;
        tx.set_thaw_request(id, before.requested_at).await?;
        tx.commit().await
    };
    if let Err(error) = stored.await {
        tracing::warn!(object.id = %id, error = error.detail(), "the state before a refused thaw could not be stored");
    }
}

/// Stores and records a thaw that the store has begun.
async fn store_request(
    app: &App,
    caller: &Caller,
    (owner, id): (&Owner, ObjectId),
    state: ArchiveState,
    is_new: bool,
) -> Result<()> {
    app.archive_states.insert(id, state);
    let now = app.db.now();
    let mut tx = app.db.begin().await?;
    let is_changed = tx.set_archived(owner, id, &state.into()).await?;
    if is_changed || (is_new && tx.hold_ready(id).await?) {
        record_change(&mut tx, owner, id, state, now).await?;
    }
    tx.record(caller, AuditAction::ThawRequested, id, now).await?;
    if is_changed && state == ArchiveState::Thawing {
        look_soon(app, &mut tx, id).await?;
    }
    tx.commit().await?;
    metrics::counter!("tidegate_thaws_total", "outcome" => "requested").increment(1);
    tracing::info!(object.id = %id, owner = owner.kind().as_str(), "a thaw was requested");
    Ok(())
}

/// Writes a change of the archive state into an object's history, if its owner kind keeps one.
async fn record_change(tx: &mut Tx, owner: &Owner, id: ObjectId, state: ArchiveState, at: SystemTime) -> Result<()> {
    if !rules::of(owner.kind()).has_history {
        return Ok(());
    }
    tx.add_archive_change(owner, id, state, at).await
}

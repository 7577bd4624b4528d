//! Bulk actions: started by a request, and done by a job object by object, as if the caller did
//! each by a request of its own. The caller's rights are checked again for each object when it is its
//! turn. A job does a bounded number of objects and enqueues itself for the rest.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::model::access::Action;
use crate::model::bulk::{Bulk, BulkAction, BulkFailure};
use crate::model::caller::Caller;
use crate::model::file::FileKey;
use crate::model::ids::ObjectId;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;
use crate::queue::{self, Job};
use crate::surfaces::{disks, files, sessions, spaces};

/// The largest number of objects.
pub const MOST_ITEMS: usize = 10_000;
/// The longest name of an object in bytes: more than any key has.
pub const MAX_ITEM: usize = 2048;
/// The largest number of unfinished bulk actions of one caller.
const MOST_RUNNING: i64 = 3;
/// When a caller with that many may try again.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// The largest number of failures that are kept.
const MOST_FAILURES: u64 = 1000;
/// The number of objects in one turn of the job.
const TURN: i64 = 100;
/// The longest time of one turn, unless one object takes longer.
const TURN_LIMIT: Duration = Duration::from_secs(10);
/// How often an object is begun whose bytes the store can't change, before it counts as failed.
const MOST_TRIES: u64 = 5;
/// How long a bulk action is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// The number of bulk actions deleted in one transaction.
const DELETED: i64 = 50;

/// A bulk action as its caller requests it.
#[derive(Debug, Clone)]
pub struct NewBulk {
    /// The kind of the owner.
    pub kind: OwnerKind,
    /// The id of the owner.
    pub owner: String,
    /// What is done.
    pub action: BulkAction,
    /// The ids of the objects; for files, their keys.
    pub items: Vec<String>,
}

/// Starts a bulk action and returns its id. Authorizes the caller for the owner as a whole.
pub async fn start(app: &App, caller: &Caller, new: NewBulk) -> Result<Uuid> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    check(app, &new)?;
    authorize(app, caller, &new).await?;
    let NewBulk { kind, owner, action, items } = new;
    let (id, now) = (Uuid::now_v7(), app.db.now());
    let bulk = Bulk {
        id,
        kind,
        owner,
        action,
        caller: caller.clone(),
        total: items.len() as u64,
        next: 0,
        begun: 0,
        tries: 0,
        failed: 0,
        created_at: now,
        finished_at: None,
    };
    let mut tx = app.db.begin().await?;
    if !tx.insert_bulk(&bulk, &items, MOST_RUNNING).await? {
        return Err(Error::RateLimited { retry_after: RETRY_AFTER });
    }
    queue::enqueue(&mut tx, &Job::BulkV1 { bulk: id }, now).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_bulks_total", "owner" => kind.as_str(), "action" => action.as_str()).increment(1);
    tracing::info!(bulk.id = %id, owner = kind.as_str(), action = action.as_str(), total = bulk.total, "a bulk action was started");
    Ok(id)
}

/// Checks a request without looking anything up.
fn check(app: &App, new: &NewBulk) -> Result<()> {
    let kind = new.kind.as_str();
    if !app.config.is_on(new.kind) {
        return Err(bad_request(format!("kind {kind} is switched off on this server (SURFACES)")));
    }
    if !BulkAction::of(new.kind).contains(&new.action) {
        let names: Vec<&str> = BulkAction::of(new.kind).iter().map(|action| action.as_str()).collect();
        return Err(bad_request(format!("action of kind {kind} must be one of {}", names.join(", "))));
    }
    if new.items.is_empty() || new.items.len() > MOST_ITEMS {
        return Err(bad_request(format!("ids must name 1 to {MOST_ITEMS} objects")));
    }
    let is_name = |item: &String| !item.is_empty() && item.len() <= MAX_ITEM && !item.contains('\0');
    if !new.items.iter().all(is_name) {
        return Err(bad_request(format!("each of ids must have 1 to {MAX_ITEM} bytes, and no NUL")));
    }
    let mut seen = HashSet::with_capacity(new.items.len());
    if !new.items.iter().all(|item| seen.insert(item.as_str())) {
        return Err(bad_request("ids must name no object twice"));
    }
    Ok(())
}

/// Decides whether the caller may do the action with objects of the owner now.
async fn authorize(app: &App, caller: &Caller, new: &NewBulk) -> Result<()> {
    let action = match new.action {
        BulkAction::Delete | BulkAction::Purge => Action::Delete,
        BulkAction::Restore => Action::Write,
    };
    let owner = access::find_named_owner_unscoped(app, new.kind, &new.owner).await?;
    access::authorize_owner(app, caller, action, &owner).await
}

/// Returns a bulk action and the objects that failed, for who started it and for those who may see
/// everything. Others do not find it.
pub async fn find(app: &App, caller: &Caller, id: Uuid) -> Result<(Bulk, Vec<BulkFailure>)> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let unknown = || Error::NotFound("no such bulk action".into());
    let bulk = app.db.find_bulk_unscoped(id).await?.ok_or_else(unknown)?;
    if !is_of(&bulk, caller) && access::authorize_everywhere(app, caller, Action::Operate).is_err() {
        return Err(unknown());
    }
    let failures = app.db.list_bulk_failures(id, i64::try_from(MOST_FAILURES).unwrap_or(i64::MAX)).await?;
    Ok((bulk, failures))
}

/// Returns whether a caller is who started a bulk action.
fn is_of(bulk: &Bulk, caller: &Caller) -> bool {
    let (own, other) = (&bulk.caller, caller);
    own.principal.kind() == other.principal.kind()
        && own.principal.name() == other.principal.name()
        && own.acting_for == other.acting_for
}

/// Does a turn of a bulk action.
pub(super) async fn run(app: &App, id: Uuid) -> Result<()> {
    let Some(bulk) = app.db.find_bulk_unscoped(id).await?.filter(|bulk| bulk.finished_at.is_none()) else {
        return Ok(());
    };
    let items = app.db.list_bulk_items(id, bulk.next, TURN).await?;
    let interrupted = bulk.begun > bulk.next;
    let tries = if interrupted { bulk.tries + 1 } else { 0 };
    let mut tx = app.db.begin().await?;
    if !tx.begin_bulk_turn(id, bulk.next, bulk.next + items.len() as u64, tries).await? {
        return Ok(());
    }
    tx.commit().await?;
    let owner = access::find_named_owner_unscoped(app, bulk.kind, &bulk.owner).await?;
    let (started, mut next) = (Instant::now(), bulk.next);
    for (number, item) in items {
        let outcome = perform(app, (&bulk, &owner), &item).await;
        let is_first = number == bulk.next;
        let failure = match outcome {
            Err(Error::NotFound(_)) if is_first && interrupted && may_be_done(app, &bulk, &owner).await => None,
            Err(error) if is_passing(&error, if is_first { tries } else { 0 }) => return Err(error),
            other => other.err(),
        };
        if !record(app, &bulk, number, failure.as_ref()).await? {
            return Ok(());
        }
        next = number + 1;
        if started.elapsed() > TURN_LIMIT {
            break;
        }
    }
    let mut tx = app.db.begin().await?;
    if next < bulk.total {
        // What is left of the turn was not begun.
        tx.begin_bulk_turn(id, next, next, 0).await?;
        queue::enqueue_anew(&mut tx, &Job::BulkV1 { bulk: id }, app.db.now()).await?;
        return tx.commit().await;
    }
    finish(app, tx, &bulk).await
}

/// Returns whether an object that is not found may have been removed by this very action, before a
/// record of it was written. What was restored is found, and is restored once more.
async fn may_be_done(app: &App, bulk: &Bulk, owner: &Owner) -> bool {
    matches!(bulk.action, BulkAction::Delete | BulkAction::Purge)
        && access::authorize_owner(app, &bulk.caller, Action::Delete, owner).await.is_ok()
}

/// Returns whether an error says nothing of the object, so that the job tries it again.
fn is_passing(error: &Error, tries: u64) -> bool {
    match error {
        Error::Unavailable(_) | Error::InsufficientStorage | Error::Busy | Error::Scanner(_) => true,
        Error::StoreError(_) => tries < MOST_TRIES,
        _ => false,
    }
}

/// Counts an object as done. Returns `false` if another worker was first.
async fn record(app: &App, bulk: &Bulk, number: u64, failure: Option<&Error>) -> Result<bool> {
    if let Some(error @ (Error::Internal(_) | Error::StoreError(_) | Error::Misconfig(_))) = failure {
        tracing::error!(bulk.id = %bulk.id, number, error = error.detail(), "an object of a bulk action failed");
    }
    let message = failure.map(ToString::to_string).unwrap_or_default();
    let failure = failure.map(|error| (error.code().as_str(), message.as_str()));
    let mut tx = app.db.begin().await?;
    let is_first = tx.advance_bulk(bulk.id, number, failure, MOST_FAILURES).await?;
    tx.commit().await?;
    let (kind, action) = (bulk.kind.as_str(), bulk.action.as_str());
    let outcome = if failure.is_some() { "failed" } else { "done" };
    metrics::counter!("tidegate_bulk_items_total", "owner" => kind, "action" => action, "outcome" => outcome)
        .increment(u64::from(is_first));
    Ok(is_first)
}

/// Finishes a bulk action of which everything is done.
async fn finish(app: &App, mut tx: Tx, bulk: &Bulk) -> Result<()> {
    let is_first = tx.finish_bulk(bulk.id, app.db.now()).await?;
    tx.commit().await?;
    if is_first && let Some(bulk) = app.db.find_bulk_unscoped(bulk.id).await? {
        let (kind, action) = (bulk.kind.as_str(), bulk.action.as_str());
        tracing::info!(bulk.id = %bulk.id, owner = kind, action, total = bulk.total, failed = bulk.failed, "a bulk action was finished");
    }
    Ok(())
}

/// Does the action with one object, as the caller. Authorizes the caller.
async fn perform(app: &App, (bulk, owner): (&Bulk, &Owner), item: &str) -> Result<()> {
    let (caller, no_such) = (&bulk.caller, || Error::NotFound("no such object".into()));
    let object = || ObjectId::parse(item).ok_or_else(no_such);
    match (owner, bulk.action) {
        (Owner::Space(space), BulkAction::Delete) => spaces::images::delete(app, caller, space, object()?).await,
        (Owner::Space(space), BulkAction::Purge) => spaces::images::purge(app, caller, space, object()?).await,
        (Owner::Space(space), BulkAction::Restore) => {
            spaces::images::restore(app, caller, space, object()?).await.map(drop)
        }
        (Owner::Session(session, _), BulkAction::Delete) => {
            sessions::deletion::delete(app, caller, Some(session), object()?).await
        }
        (Owner::Session(session, _), BulkAction::Restore) => {
            sessions::deletion::restore(app, caller, Some(session), object()?).await.map(drop)
        }
        (Owner::Disks(_), BulkAction::Delete) => {
            // A service may delete everybody's, but here it names whose.
            let found = app.db.find_object(owner, object()?).await?.ok_or_else(no_such)?;
            disks::delete(app, caller, owner.kind(), found.id).await
        }
        (Owner::Files(user), BulkAction::Delete) => match FileKey::parse(item) {
            Some(key) if key.is_of(user) => files::deletion::delete(app, caller, item).await,
            _ => Err(no_such()),
        },
        // `check` lets nothing else in.
        _ => Err(no_such()),
    }
}

/// Counts what is left of a bulk action as failed, because its job was dead-lettered.
pub(super) async fn on_dead_letter(app: &App, tx: &mut Tx, id: Uuid, reason: &str) -> Result<()> {
    tx.fail_bulk_rest(id, ("INTERNAL", reason), MOST_FAILURES).await?;
    tx.finish_bulk(id, app.db.now()).await.map(drop)
}

/// Deletes old bulk actions.
pub(super) async fn delete_old(app: &App) -> Result<()> {
    let before = app.db.now().checked_sub(KEPT).unwrap_or(std::time::SystemTime::UNIX_EPOCH);
    loop {
        let mut tx = app.db.begin().await?;
        let deleted = tx.delete_bulks(before, DELETED).await?;
        tx.commit().await?;
        if deleted < DELETED.unsigned_abs() {
            return Ok(());
        }
    }
}

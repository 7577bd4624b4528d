//! Records the outcome of processing an object: rejected, failed, or queued again. The same
//! functions serve every owner kind; differences are in `effects`. Never deletes bytes itself.

use std::time::SystemTime;

use super::effects::{self, Item};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::media::Status;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::rules;
use crate::queue;

/// The outcome of a pipeline step.
pub(crate) enum Outcome<T> {
    /// The step succeeded; the next step follows.
    Good(T),
    /// The content is unacceptable, which is final. Holds the reason.
    Rejected(String),
    /// The server or its configuration prevents the step, and a retry now would not help. Holds the
    /// reason.
    Failed(String),
}

/// Rejects an object in the caller's transaction, and enqueues the job that deletes its bytes. For
/// packages there is no such job: the caller deletes the seal after its commit. Returns `false` if
/// the object is no longer in state `from`.
pub(crate) async fn reject(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    item: &Item,
    from: ObjectState,
    reason: &str,
) -> Result<bool> {
    let (id, now) = (item.id(), app.db.now());
    effects::lock_counters(tx, item).await?;
    effects::withdraw_work(tx, item).await?;
    if !tx.move_object(id, from, ObjectState::Rejected, Some(reason)).await? {
        return Ok(false);
    }
    if from == ObjectState::Ready {
        effects::uncount_in_folder_or_package(tx, item).await?;
    }
    record_status_change(tx, item.owner(), id, Status::Rejected, Some(reason), now).await?;
    tx.record(caller, rules::of(item.kind()).actions.rejected, id, now).await?;
    effects::rejected(app, tx, item, from).await?;
    effects::count_media(item.kind(), "rejected");
    tracing::warn!(object.id = %id, owner = item.kind().as_str(), reason, "an object was rejected");
    Ok(true)
}

/// Moves an object to FAILED, in the caller's transaction. Does nothing unless the object is
/// waiting to be processed, because a dead-lettered job calls this too.
pub(crate) async fn fail(app: &App, tx: &mut Tx, id: ObjectId, reason: &str) -> Result<()> {
    let Some((owner, state)) = tx.owner_and_state(id).await? else { return Ok(()) };
    let (kind, now) = (owner.kind(), app.db.now());
    if !rules::of(kind).is_waiting(state) || !tx.move_object(id, state, ObjectState::Failed, Some(reason)).await? {
        return Ok(());
    }
    record_status_change(tx, &owner, id, Status::ScanFailed, Some(reason), now).await?;
    tx.record(&Caller::system(), rules::of(kind).actions.failed, id, now).await?;
    effects::count_media(kind, "failed");
    tracing::warn!(object.id = %id, owner = kind.as_str(), reason, "an object cannot be published");
    Ok(())
}

/// Moves an object to FAILED, in its own transaction.
pub(crate) async fn fail_now(app: &App, id: ObjectId, reason: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    fail(app, &mut tx, id, reason).await?;
    tx.commit().await
}

/// Writes a status change into an object's history, if its owner kind keeps one.
pub(crate) async fn record_status_change(
    tx: &mut Tx,
    owner: &Owner,
    id: ObjectId,
    status: Status,
    reason: Option<&str>,
    at: SystemTime,
) -> Result<()> {
    if !rules::of(owner.kind()).has_history {
        return Ok(());
    }
    tx.add_status_change(owner, id, status.into(), reason, at).await
}

/// Queues a FAILED object again; processing continues from where its bytes are. Returns `false` if
/// it is not FAILED.
pub(crate) async fn requeue(tx: &mut Tx, caller: &Caller, item: &Item, now: SystemTime) -> Result<bool> {
    let (id, rules) = (item.id(), rules::of(item.kind()));
    let Some((first, job)) = rules.queued_as.zip(effects::work(item)) else { return Ok(false) };
    if !tx.move_object(id, ObjectState::Failed, first, None).await? {
        return Ok(false);
    }
    record_status_change(tx, item.owner(), id, Status::Uploaded, None, now).await?;
    if let Some(action) = rules.actions.retried {
        tx.record(caller, action, id, now).await?;
    }
    // The failed job may still be finishing, and would delete the new job with its own name.
    queue::enqueue_anew(tx, &job, now).await?;
    Ok(true)
}

/// Queues a FAILED object again at a caller's request. Returns an error if it is not FAILED. The
/// caller has authorized.
pub(crate) async fn retry(app: &App, caller: &Caller, item: &Item) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if !requeue(&mut tx, caller, item, app.db.now()).await? {
        return Err(Error::InvalidState("only a failed object can be retried".into()));
    }
    tx.commit().await
}

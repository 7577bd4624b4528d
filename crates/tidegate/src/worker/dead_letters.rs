//! Lists and retries dead-lettered jobs, those that have used up their attempts. The retries need
//! only a database, so the command line can run them beside a server. Never runs a job; see
//! `runner`.

use crate::access;
use crate::app::App;
use crate::db::{Db, DeadLetter};
use crate::error::{Error, Result, bad_request};
use crate::library::objects::MAX_PAGE;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{AuditAction, NewEvent};
use crate::model::ids::ObjectId;
use crate::model::object::ObjectState;
use crate::queue::Job;
use crate::uploads::effects::Item;
use crate::uploads::outcome;

/// The number of objects in one query.
const BATCH: i64 = 500;

/// Returns dead-lettered jobs with ids after `after`, oldest first. Authorizes the caller.
pub async fn list(app: &App, caller: &Caller, after: i64, limit: i64) -> Result<Vec<DeadLetter>> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    app.db.list_dead_letters(after, limit).await
}

/// Queues a dead-lettered job again, with all its attempts. Authorizes the caller.
pub async fn retry(app: &App, caller: &Caller, id: i64) -> Result<()> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    requeue(&app.db, caller, id).await?;
    Ok(())
}

/// Queues all FAILED objects again, including those whose failure was final at the time, such as
/// files too large for the scanner or videos without ffmpeg. Returns their number. Does not
/// authorize.
pub async fn requeue_failed(db: &Db, caller: &Caller) -> Result<u64> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = db.list_failed(after, BATCH).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(*last);
        for id in page {
            let Some(item) = Item::find_by_id_unscoped(db, id).await? else { continue };
            let mut tx = db.begin().await?;
            let is_requeued = outcome::requeue(&mut tx, caller, &item, db.now()).await?;
            tx.commit().await?;
            count += u64::from(is_requeued);
        }
    }
}

/// Queues a dead-lettered job again, as [`retry`] does. Does not authorize.
pub async fn requeue(db: &Db, caller: &Caller, id: i64) -> Result<()> {
    let unknown = || Error::NotFound("no such dead-lettered job".into());
    let dead = db.find_dead_letter(id).await?.ok_or_else(unknown)?;
    let job: Option<Job> = serde_json::from_str(&dead.payload).ok();
    let item = match job.as_ref().and_then(Job::pipeline_object) {
        Some(object) => Item::find_by_id_unscoped(db, object).await?,
        None => None,
    };
    let now = db.now();
    let mut tx = db.begin().await?;
    let is_requeued = match (&item, job) {
        // The object's status must show that it is queued again.
        (Some(item), _) => outcome::requeue(&mut tx, caller, item, now).await?,
        (None, Some(Job::RestoreMediaV1 { object })) => {
            // The dead-lettered job had set the object back to DELETED.
            let id = ObjectId(object);
            tx.set_object_state(id, ObjectState::Deleted, ObjectState::Restoring, now).await?;
            false
        }
        (None, Some(Job::RestoreTreeV1 { .. })) => {
            let message = "this restore was cancelled and its nodes are deleted again; request a new restore";
            return Err(Error::InvalidState(message.into()));
        }
        (None, _) => false,
    };
    if !is_requeued && !tx.requeue_dead_letter(id, now).await? {
        return Err(unknown());
    }
    let action = AuditAction::JobRetried;
    tx.record_event(&NewEvent { at: now, caller: caller.clone(), action, owner: None, object: None }).await?;
    tx.commit().await?;
    tracing::info!(job.id = id, "a dead-lettered job was queued again");
    Ok(())
}

//! Jobs that were given up: seen, and taken back. Takes a database and no server, so that it can be done beside one.

use crate::access;
use crate::app::App;
use crate::db::{Db, DeadJob};
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

/// Objects that are looked up in one query.
const AT_ONCE: i64 = 500;

/// Jobs that were given up, after `after`, the oldest first.
pub async fn list(app: &App, caller: &Caller, after: i64, limit: i64) -> Result<Vec<DeadJob>> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    app.db.list_dead_jobs(after, limit).await
}

/// Has one tried again, from its first attempt on.
pub async fn retry(app: &App, caller: &Caller, id: i64) -> Result<()> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    revive(&app.db, caller, id).await?;
    Ok(())
}

/// Has all that failed tried again, also what failed for good at the time: what was too large for the scanner, or a video
/// where there was no ffmpeg. How many there were.
pub async fn revive_failed(db: &Db, caller: &Caller) -> Result<u64> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = db.list_failed(after, AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(*last);
        for id in page {
            let Some(item) = Item::find_by_id_unscoped(db, id).await? else { continue };
            let mut tx = db.begin().await?;
            let taken_back = outcome::requeue(&mut tx, caller, &item, db.now()).await?;
            tx.commit().await?;
            count += u64::from(taken_back);
        }
    }
}

/// The same for whoever has the database.
pub async fn revive(db: &Db, caller: &Caller, id: i64) -> Result<()> {
    let unknown = || Error::NotFound("no such job among those that were given up".into());
    let dead = db.find_dead_job(id).await?.ok_or_else(unknown)?;
    let job = serde_json::from_str(&dead.payload).ok();
    let item = match job {
        Some(
            Job::IngestV1 { object, .. }
            | Job::ImportImageV1 { object, .. }
            | Job::ScanFileV1 { object }
            | Job::PublishPackageV1 { object },
        ) => Item::find_by_id_unscoped(db, ObjectId(object)).await?,
        _ => None,
    };
    let now = db.now();
    let mut tx = db.begin().await?;
    let taken_back = match (&item, job) {
        // The status of an object that failed says that it waits again.
        (Some(item), _) => outcome::requeue(&mut tx, caller, item, now).await?,
        (None, Some(Job::RestoreMediaV1 { object })) => {
            // The state that was given up with it.
            let id = ObjectId(object);
            tx.set_object_state(id, ObjectState::Deleted, ObjectState::Restoring, now).await?;
            false
        }
        (None, Some(Job::RestoreTreeV1 { .. })) => {
            let message = "what this restore was to bring back was put back among what is deleted; ask for it again";
            return Err(Error::InvalidState(message.into()));
        }
        (None, _) => false,
    };
    if !taken_back && !tx.revive_job(id, now).await? {
        return Err(unknown());
    }
    let action = AuditAction::JobRetried;
    tx.record_event(&NewEvent { at: now, caller: caller.clone(), action, owner: None, object: None }).await?;
    tx.commit().await?;
    tracing::info!(job.id = id, "a job that was given up is tried again");
    Ok(())
}

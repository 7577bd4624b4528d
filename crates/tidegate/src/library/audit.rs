//! The audit log: what was done is recorded with the change itself; what was refused beside it, by a writer of its
//! own, so that a flood of refusals costs no request and no more than a bounded queue.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use moka::sync::Cache;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::{App, unauthenticated};
use crate::db::{Cursor, Db};
use crate::error::{Error, Result, bad_request};
use crate::library::objects::MAX_PAGE;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::event::{Deed, Event, NewEvent, Scope};
use crate::model::ids::{ObjectId, SessionId, SpaceId, UserId};
use crate::model::owner::{Owner, OwnerKind};
use crate::model::package::DatasetId;
use crate::model::principal::Principal;
use crate::surfaces::packages;

/// Refusals that may wait to be written; more are counted and dropped.
const WAITING: usize = 1024;
/// Taken at once; with what came meanwhile they are written in one transaction.
const BATCH: usize = 100;
/// Between two of them: refusals must not keep changes from the disk.
const PAUSE: Duration = Duration::from_millis(200);
/// So many refusals of one sort, by one party and about one owner, are recorded in a minute; the others are counted.
const PER_MINUTE: u32 = 10;

/// Where refusals go.
#[derive(Debug)]
pub struct Refusals {
    /// How many there were lately: who, what, whose.
    lately: Cache<(String, Action, Option<Owner>), Arc<AtomicU32>>,
    sender: mpsc::Sender<NewEvent>,
    receiver: Mutex<Option<mpsc::Receiver<NewEvent>>>,
}

impl Default for Refusals {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let lately = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(60)).build();
        Self { lately, sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Refusals {
    /// Notes that somebody was refused.
    pub fn note(&self, caller: &Caller, action: Action, owner: Option<&Owner>, object: Option<ObjectId>) {
        let sort = (caller.principal.name().to_owned(), action, owner.cloned());
        let before = self.lately.get_with(sort, Arc::default).fetch_add(1, Ordering::Relaxed);
        if before >= PER_MINUTE {
            return metrics::counter!("tidegate_audit_dropped_total").increment(1);
        }
        let event = NewEvent {
            at: SystemTime::now(),
            caller: caller.clone(),
            deed: Deed::Refused(action),
            owner: owner.cloned(),
            object,
        };
        if self.sender.try_send(event).is_err() {
            metrics::counter!("tidegate_audit_dropped_total").increment(1);
        }
    }

    /// Writes what is noted until `stop`, and then what is left. Called once.
    pub async fn write(&self, db: &Db, stop: CancellationToken) {
        let taken = self.receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut receiver) = taken else { return };
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let stopped = tokio::select! {
                _ = receiver.recv_many(&mut batch, BATCH) => false,
                () = stop.cancelled() => true,
            };
            while let Ok(event) = receiver.try_recv() {
                batch.push(event);
            }
            if let Err(error) = write_all(db, &batch).await {
                metrics::counter!("tidegate_audit_dropped_total").increment(batch.len() as u64);
                tracing::error!(error = error.detail(), events = batch.len(), "refusals can't be recorded");
            }
            batch.clear();
            if stopped {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn write_all(db: &Db, batch: &[NewEvent]) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for event in batch {
        tx.record_event(event).await?;
    }
    tx.commit().await
}

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
            Some(app.db.find_any_session(&session).await?.ok_or_else(unknown)?.0)
        }
        (Some(text), OwnerKind::Space, _) => {
            let unknown = || Error::NotFound("no such space".into());
            Some(Owner::Space(SpaceId::parse(text).ok_or_else(unknown)?))
        }
        (Some(text), OwnerKind::Dataset, _) => {
            Some(Owner::Dataset(DatasetId::parse(text).ok_or_else(packages::no_such_dataset)?))
        }
    };
    let object = match object {
        Some(object) => Some((app.db.kind_of(object).await?.unwrap_or(kind), object)),
        None => None,
    };
    Ok((owner, object))
}

/// A page of events, newest first, and whether there are more. Without an owner and an object: of everything.
pub async fn list(app: &App, caller: &Caller, scope: Scope, before: Cursor, limit: i64) -> Result<(Vec<Event>, bool)> {
    match (scope.object, &scope.owner) {
        (Some((kind, object)), _) => match app.db.owner_of(kind, object).await? {
            Some(owner) => match authorize(app, caller, &owner, Some(object)).await {
                // In the words for what never was.
                Err(Error::NotFound(_)) => return Err(Error::NotFound("no such object".into())),
                other => other?,
            },
            None if caller.principal == Principal::Anonymous => return Err(unauthenticated()),
            None => return Err(Error::NotFound("no such object".into())),
        },
        (None, Some(owner)) => authorize(app, caller, owner, None).await?,
        (None, None) => app.authorize_everywhere(caller, Action::Audit)?,
    }
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let mut found = app.db.list_events(&scope, (before.created_at, before.id.0), limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    Ok((found, more))
}

/// Whether somebody may see what was done with an owner's things: of a space, its owners may.
async fn authorize(app: &App, caller: &Caller, owner: &Owner, object: Option<ObjectId>) -> Result<()> {
    let role = match owner {
        Owner::Space(space) => crate::surfaces::spaces::role(app, caller, space).await?,
        Owner::Dataset(dataset) => return packages::find(app, caller, Action::Audit, dataset).await.map(drop),
        Owner::Disks(_) | Owner::Files(_) | Owner::Session(..) => None,
    };
    app.authorize_member(caller, Action::Audit, (owner, role), object)
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

//! The job that follows a thaw until the bytes can be read. It also follows objects that were deleted
//! while they thaw, until their bytes have left the served root. Begins no thaws; see `thaw`.

use std::time::{Duration, SystemTime};

use super::thaw::{REQUEST_TIME, SHORTEST_PAUSE, look_soon, remember};
use crate::app::App;
use crate::error::Result;
use crate::error::archived::ArchiveState;
use crate::model::from_micros;
use crate::model::ids::ObjectId;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::Owner;
use crate::queue::{self, Job};

/// The longest pause between two looks at an object that thaws. A thaw takes minutes to days.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// The longest pause if the object was deleted: once it is thawed, signatures open its bytes.
const LONGEST_PAUSE_IF_DELETED: Duration = Duration::from_secs(60);

/// What has become of the bytes of a deleted object. The order is that of what is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unpublished {
    /// They have left the served root.
    Moved,
    /// They are archived, and stay unreadable where they are.
    Archived,
    /// They thaw where they are, and must be moved once they can be read.
    Thawing,
}

impl Unpublished {
    /// Returns what a restorable delete has done.
    pub(crate) fn of(outcome: store::Result<()>) -> Result<Self> {
        match outcome {
            Ok(()) => Ok(Self::Moved),
            Err(store::Error::Archived(ArchiveState::Archived)) => Ok(Self::Archived),
            // Also of what has become readable in the meantime.
            Err(store::Error::Archived(_)) => Ok(Self::Thawing),
            Err(error) => Err(error.into()),
        }
    }
}

/// Looks at an object that thaws since a time in microseconds. Looks again later if it still does;
/// else records and tells what it has become. Returns a DELETED object: the caller moves its bytes,
/// and calls [`follow_deleted`].
pub async fn follow(app: &App, id: ObjectId, since: i64) -> Result<Option<Object>> {
    let Some((owner, object)) = find(app, id).await? else { return Ok(None) };
    match object.state {
        ObjectState::Ready => follow_ready(app, (&owner, &object), since).await.map(|()| None),
        ObjectState::Deleted => Ok(Some(object)),
        ObjectState::Restoring => look_again(app, id, since, LONGEST_PAUSE_IF_DELETED).await.map(|()| None),
        _ => {
            app.archive_states.forget(id);
            Ok(None)
        }
    }
}

async fn find(app: &App, id: ObjectId) -> Result<Option<(Owner, Object)>> {
    let Some(kind) = app.db.kind_of(id).await? else { return Ok(None) };
    let Some(owner) = app.db.owner_of(kind, id).await? else { return Ok(None) };
    Ok(app.db.find_object(&owner, id).await?.map(|object| (owner, object)))
}

/// Looks at a READY object.
async fn follow_ready(app: &App, (owner, object): (&Owner, &Object), since: i64) -> Result<()> {
    let state = match app.store.stat(object.key.as_str()).await {
        // Its bytes are gone, so nothing thaws.
        Err(store::Error::NotFound) => return forget(app, owner, object.id).await,
        stat => stat?.archive,
    };
    remember(app, owner, object.id, state).await?;
    match state {
        ArchiveState::Thawing => look_again(app, object.id, since, LONGEST_PAUSE).await,
        ArchiveState::Archived if elapsed(app, since) < REQUEST_TIME => {
            look_again(app, object.id, since, LONGEST_PAUSE).await
        }
        ArchiveState::Archived | ArchiveState::Readable | ArchiveState::Thawed { .. } => Ok(()),
    }
}

/// Deletes what is stored of an object's archive.
async fn forget(app: &App, owner: &Owner, id: ObjectId) -> Result<()> {
    app.archive_states.forget(id);
    let mut tx = app.db.begin().await?;
    tx.set_archived(owner, id, &ArchiveState::Readable.into()).await?;
    tx.commit().await
}

/// Looks again later at a deleted object, unless its bytes were moved or stay unreadable. `bytes` is
/// what has become of them now.
pub(crate) async fn follow_deleted(app: &App, id: ObjectId, since: i64, bytes: Unpublished) -> Result<()> {
    let is_settled = match bytes {
        Unpublished::Moved => true,
        // A request that was sent before the delete may reach the store after it.
        Unpublished::Archived => elapsed(app, since) >= REQUEST_TIME,
        Unpublished::Thawing => false,
    };
    if is_settled {
        app.archive_states.forget(id);
        return Ok(());
    }
    look_again(app, id, since, LONGEST_PAUSE_IF_DELETED).await
}

/// Has a job follow the bytes of a deleted object that thaw at their key.
pub(crate) async fn note_unmoved(app: &App, id: ObjectId, bytes: Unpublished) -> Result<()> {
    match bytes {
        Unpublished::Moved => Ok(()),
        // A deleted object is not thawed, so its bytes stay unreadable where they are until they are restored
        // or purged.
        Unpublished::Archived => {
            tracing::info!(object.id = %id, "archived bytes of a deleted object stay at their key");
            Ok(())
        }
        Unpublished::Thawing => {
            let mut tx = app.db.begin().await?;
            look_soon(app, &mut tx, id).await?;
            tx.commit().await
        }
    }
}

/// Returns how long an object has thawed.
fn elapsed(app: &App, since: i64) -> Duration {
    app.db.now().duration_since(from_micros(since)).unwrap_or_default()
}

/// Enqueues the next look in place of the running job.
async fn look_again(app: &App, id: ObjectId, since: i64, longest: Duration) -> Result<()> {
    let at = next_look(app.db.now(), elapsed(app, since), longest);
    let mut tx = app.db.begin().await?;
    queue::enqueue_anew(&mut tx, &Job::ThawV1 { object: id.0, since }, at).await?;
    tx.commit().await
}

/// Returns when to look again at an object that has thawed for a while: the longer it takes, the
/// longer the pause.
fn next_look(now: SystemTime, elapsed: Duration, longest: Duration) -> SystemTime {
    now + (elapsed / 4).clamp(SHORTEST_PAUSE, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of looks at a thaw of a day.
    fn looks(longest: Duration) -> i32 {
        let begun = SystemTime::UNIX_EPOCH;
        let (mut now, mut looks) = (begun, 0);
        while now < begun + Duration::from_secs(86_400) {
            let next = next_look(now, now.duration_since(begun).unwrap(), longest);
            assert!(next <= now + longest);
            now = next;
            looks += 1;
        }
        looks
    }

    #[test]
    fn a_thaw_of_a_day_is_looked_at_a_few_hundred_times() {
        let (kept, deleted) = (looks(LONGEST_PAUSE), looks(LONGEST_PAUSE_IF_DELETED));
        assert!((150..250).contains(&kept) && (1400..1500).contains(&deleted), "{kept} {deleted}");
    }
}

//! What becomes of the media of a session or a space, as it comes about: told within a moment by whoever did it, and looked for every
//! second besides, since that may be another process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};
use tokio::time::Instant;

use crate::access;
use crate::app::App;
use crate::db::Subscription;
use crate::error::Result;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::media::StatusChange;
use crate::model::owner::Owner;

/// How often it is looked for what nobody told.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long it is not looked again.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// How long somebody watches at a time: whoever signed in may not be let in any more by then.
const MAX_DURATION: Duration = Duration::from_secs(3600);
/// Where writers race, an earlier number may be seen after a later one; so far back is looked again.
const OVERLAP: i64 = 1000;
/// How many changes may have come, of all owners, since the one that somebody goes on from.
const MAX_RESUME: i64 = 100_000;
/// How long one that came earlier may be seen later.
const RACE_WINDOW: Duration = Duration::from_secs(5);
/// Status changes that are read at once.
const BATCH: i64 = 2000;

struct Watch {
    app: Arc<App>,
    caller: Caller,
    owner: Owner,
    subscription: Subscription,
    started_at: Instant,
    polled_at: Instant,
    last: i64,
    /// Numbers that were told, of those that are looked at again.
    sent: HashSet<i64>,
    ready: std::collections::VecDeque<StatusChange>,
}

/// Everything that becomes of an owner's media from now on, or after the change `since`; and the
/// change after which that begins. Ends with the owner, the right to see it, or the server.
pub async fn watch(
    app: &Arc<App>,
    caller: Caller,
    owner: Owner,
    since: Option<i64>,
) -> Result<(i64, impl Stream<Item = StatusChange> + Send + use<>)> {
    access::authorize_again(app, &caller, Action::List, &owner).await?;
    let subscription = app.db.signals().changes.subscribe();
    let newest = app.db.last_status_change(&owner).await?;
    // Who was told of one before goes on there, if that is not too long ago.
    let last = since.filter(|since| (newest - MAX_RESUME..=newest).contains(since)).unwrap_or(newest);
    let before = app.db.list_status_changes_after(&owner, last - OVERLAP, BATCH).await?;
    // Where writers race, one of these may have come after the last that was told: rather twice than never.
    let sure = app.db.now().checked_sub(RACE_WINDOW).filter(|_| since.is_some());
    let known =
        |change: &StatusChange| change.id <= last && sure.is_none_or(|sure| change.at < sure || change.id == last);
    let sent = before.into_iter().filter(known).map(|change| change.id).collect();
    let watch = Watch {
        app: Arc::clone(app),
        caller,
        owner,
        subscription,
        started_at: Instant::now(),
        polled_at: Instant::now(),
        last,
        sent,
        ready: std::collections::VecDeque::new(),
    };
    let changes = stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(change) = watch.ready.pop_front() {
                return Some((change, watch));
            }
            if watch.started_at.elapsed() > MAX_DURATION {
                return None;
            }
            // Much may ring that is about others.
            tokio::time::sleep_until(watch.polled_at + MIN_INTERVAL).await;
            tokio::select! {
                () = watch.app.closing.cancelled() => return None,
                () = watch.subscription.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            watch.polled_at = Instant::now();
            if let Err(error) = watch.poll().await {
                tracing::debug!(error = error.detail(), "a session or space is no longer watched");
                return None;
            }
        }
    });
    Ok((last, changes))
}

impl Watch {
    async fn poll(&mut self) -> Result<()> {
        access::authorize_again(&self.app, &self.caller, Action::List, &self.owner).await?;
        let floor = self.last - OVERLAP;
        let found = self.app.db.list_status_changes_after(&self.owner, floor, BATCH).await?;
        self.sent.retain(|id| *id > floor);
        for change in found {
            if self.sent.insert(change.id) {
                self.last = self.last.max(change.id);
                self.ready.push_back(change);
            }
        }
        Ok(())
    }
}

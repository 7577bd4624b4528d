//! Streams the status changes of a session's or a space's media items. A commit notifies the stream
//! at once; the database is also polled every second, because notifications of other processes can
//! be missed. Never writes.

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

/// How often the database is polled without a notification.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time between two polls.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// The longest duration of one stream. After that the client must sign in again.
const MAX_DURATION: Duration = Duration::from_secs(3600);
/// How many change numbers each poll reads again. Transactions can commit in another order than
/// that of their numbers.
const OVERLAP: i64 = 1000;
/// The largest number of changes, of all owners, after which a stream can resume.
const MAX_RESUME: i64 = 100_000;
/// How long a change with a smaller number can become visible after one with a larger number.
const RACE_WINDOW: Duration = Duration::from_secs(5);
/// The number of status changes in one query.
const BATCH: i64 = 2000;

struct Watch {
    app: Arc<App>,
    caller: Caller,
    owner: Owner,
    subscription: Subscription,
    started_at: Instant,
    polled_at: Instant,
    last: i64,
    /// The numbers of changes already sent, within the range that is read again.
    sent: HashSet<i64>,
    ready: std::collections::VecDeque<StatusChange>,
}

/// Streams all status changes of an owner's media items, from now on or after the change `since`.
/// Also returns the number of the change after which the stream begins. The stream ends when the
/// owner is deleted, when the caller loses access, or when the server stops.
pub async fn watch(
    app: &Arc<App>,
    caller: Caller,
    owner: Owner,
    since: Option<i64>,
) -> Result<(i64, impl Stream<Item = StatusChange> + Send + use<>)> {
    access::authorize_again(app, &caller, Action::List, &owner).await?;
    let subscription = app.db.signals().changes.subscribe();
    let newest = app.db.last_status_change(&owner).await?;
    // Resumes after the last change that the client received, if it is not too old.
    let last = since.filter(|since| (newest - MAX_RESUME..=newest).contains(since)).unwrap_or(newest);
    let before = app.db.list_status_changes_after(&owner, last - OVERLAP, BATCH).await?;
    // A change with a smaller number may have become visible late, so recent ones are sent again.
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
            // Notifications cover the changes of all owners, so the poll rate is limited.
            tokio::time::sleep_until(watch.polled_at + MIN_INTERVAL).await;
            tokio::select! {
                () = watch.app.closing.cancelled() => return None,
                () = watch.subscription.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            watch.polled_at = Instant::now();
            if let Err(error) = watch.poll().await {
                tracing::debug!(error = error.detail(), "a watch of a session or space has ended");
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

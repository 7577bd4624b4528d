//! Streams the status changes of a session's or a space's media items. One task for each watched
//! owner reads the database for all its watchers: a commit wakes it at once, and it also reads every
//! second, because notifications of other processes can be missed. Each watcher's access is decided
//! again in every round. Never writes.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::access;
use crate::app::App;
use crate::db::Subscription;
use crate::error::{Error, Result};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::media::StatusChange;
use crate::model::owner::Owner;
use crate::state::status_feeds::{FeedAccess, Round, StatusFeed, Watcher};

/// How often the database is read without a notification.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time between two readings.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// The longest duration of one stream. After that the client must sign in again.
const MAX_DURATION: Duration = Duration::from_secs(3600);
/// How many change numbers each reading covers again. Transactions can commit in another order than
/// that of their numbers.
const OVERLAP: i64 = 1000;
/// The largest number of changes, of all owners, after which a stream can resume.
const MAX_RESUME: i64 = 100_000;
/// How long a change with a smaller number can become visible after one with a larger number.
const RACE_WINDOW: Duration = Duration::from_secs(5);
/// The number of status changes in one query.
const BATCH: i64 = 2000;

/// How far an owner's changes were read.
#[derive(Debug, Default)]
struct Position {
    last: i64,
    /// The numbers of changes already found, within the range that is read again.
    found: HashSet<i64>,
}

impl Position {
    /// Returns a position after `last` at which `found` is known already.
    fn after(last: i64, found: impl IntoIterator<Item = i64>) -> Self {
        Self { last, found: found.into_iter().collect() }
    }

    /// Reads the changes that were not found before. Also returns whether there may be more.
    async fn read(&mut self, app: &App, owner: &Owner) -> Result<(Vec<StatusChange>, bool)> {
        let mut changes = app.db.list_status_changes_after(owner, self.last - OVERLAP, BATCH).await?;
        let more = i64::try_from(changes.len()).unwrap_or(i64::MAX) >= BATCH;
        changes.retain(|change| self.add(change));
        Ok((changes, more))
    }

    /// Adds a change. Returns whether it was not found before.
    fn add(&mut self, change: &StatusChange) -> bool {
        let new = self.found.insert(change.id);
        if change.id > self.last {
            self.last = change.id;
            let floor = self.last - OVERLAP;
            if self.found.len() > 2 * usize::try_from(OVERLAP).unwrap_or(0) {
                self.found.retain(|id| *id > floor);
            }
        }
        new
    }
}

/// The state of one stream of status changes.
struct Watch {
    app: Arc<App>,
    caller: Caller,
    owner: Owner,
    watcher: Watcher,
    ends_at: Instant,
    position: Position,
    /// Whether the watcher must read the database itself, to reach the rounds of its feed.
    behind: bool,
    ready: VecDeque<StatusChange>,
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
    let feed = app.status_feeds.feed(&owner);
    feed.begun.get_or_try_init(|| begin(app, &feed)).await?;
    // Joined before the history is read: what the feed finds from now on is not missed, and what it
    // found before is in the history.
    let watcher = feed.join(access::effective_user(&caller)).ok_or(Error::Busy)?;
    let newest = app.db.last_status_change(&owner).await?;
    // Resumes after the last change that the client received, if it is not too old.
    let last = since.filter(|since| (newest - MAX_RESUME..=newest).contains(since)).unwrap_or(newest);
    let before = app.db.list_status_changes_after(&owner, last - OVERLAP, BATCH).await?;
    // A change with a smaller number may have become visible late, so recent ones are sent again.
    let sure = app.db.now().checked_sub(RACE_WINDOW).filter(|_| since.is_some());
    let known =
        |change: &StatusChange| change.id <= last && sure.is_none_or(|sure| change.at < sure || change.id == last);
    let found: Vec<i64> = before.iter().filter(|change| known(change)).map(|change| change.id).collect();
    let watch = Watch {
        app: Arc::clone(app),
        caller,
        owner,
        watcher,
        ends_at: Instant::now() + MAX_DURATION,
        behind: i64::try_from(before.len()).unwrap_or(i64::MAX) >= BATCH,
        position: Position::after(last, found),
        ready: before.into_iter().filter(|change| !known(change)).collect(),
    };
    Ok((last, stream::unfold(watch.remembering_ready(), Watch::next)))
}

impl Watch {
    /// Marks the changes that are ready as found.
    fn remembering_ready(mut self) -> Self {
        for change in &self.ready {
            self.position.add(change);
        }
        self
    }

    /// Returns the next change; `None` at the end of the stream.
    async fn next(mut self) -> Option<(StatusChange, Self)> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Some((change, self));
            }
            if let Err(error) = self.advance().await? {
                tracing::debug!(error = error.detail(), "a watch of a session or space has ended");
                return None;
            }
        }
    }

    /// Waits for the next round, or reads the next batch if the watcher is behind. Returns an error
    /// if the caller has lost access, and `None` when the stream is over.
    async fn advance(&mut self) -> Option<Result<()>> {
        if self.behind {
            return Some(self.catch_up().await);
        }
        let closing = self.app.closing.clone();
        let next = tokio::select! {
            () = closing.cancelled() => return None,
            () = tokio::time::sleep_until(self.ends_at) => return None,
            next = self.watcher.rounds.recv() => next,
        };
        match next {
            Ok(round) => Some(self.take(&round)),
            Err(RecvError::Lagged(_)) => {
                self.behind = true;
                Some(Ok(()))
            }
            Err(RecvError::Closed) => None,
        }
    }

    /// Takes the changes of a round, if the caller may still watch.
    fn take(&mut self, round: &Round) -> Result<()> {
        access::authorize_watcher(&self.app, &self.caller, &self.owner, &round.access)?;
        for change in &round.changes {
            if self.position.add(change) {
                self.ready.push_back(change.clone());
            }
        }
        Ok(())
    }

    /// Reads the next batch of changes.
    async fn catch_up(&mut self) -> Result<()> {
        self.app.status_feeds.count_look();
        access::authorize_again(&self.app, &self.caller, Action::List, &self.owner).await?;
        let (changes, more) = self.position.read(&self.app, &self.owner).await?;
        // Changes may fill a batch again and again without new ones among them.
        self.behind = more && !changes.is_empty();
        self.ready.extend(changes);
        Ok(())
    }
}

/// Reads where a feed begins, and starts the task that reads for its watchers.
async fn begin(app: &Arc<App>, feed: &Arc<StatusFeed>) -> Result<()> {
    let subscription = app.db.signals().changes.subscribe(&feed.owner);
    let last = app.db.last_status_change(&feed.owner).await?;
    let before = app.db.list_status_changes_after(&feed.owner, last - OVERLAP, BATCH).await?;
    let last = before.last().map_or(last, |change| change.id.max(last));
    let position = Position::after(last, before.iter().map(|change| change.id));
    let reader = Reader { app: Arc::clone(app), owner: feed.owner.clone(), feed: Arc::downgrade(feed), position };
    tokio::spawn(reader.run(subscription));
    Ok(())
}

/// Reads the database for the watchers of one owner.
struct Reader {
    app: Arc<App>,
    owner: Owner,
    /// Gone with the last watcher.
    feed: Weak<StatusFeed>,
    position: Position,
}

impl Reader {
    /// Reads until nobody watches, the owner is deleted, or the server stops.
    async fn run(mut self, mut subscription: Subscription) {
        let mut sent = FeedAccess::default();
        let mut read_at = Instant::now();
        loop {
            tokio::time::sleep_until(read_at + MIN_INTERVAL).await;
            let stops = tokio::select! {
                () = self.app.closing.cancelled() => true,
                () = subscription.notified() => false,
                () = tokio::time::sleep(POLL_INTERVAL) => false,
            };
            let Some(feed) = self.feed.upgrade() else { return };
            read_at = Instant::now();
            let round = if stops { Err(Error::Busy) } else { self.read(&feed).await };
            match round {
                Ok(round) if round.changes.is_empty() && round.access == sent => {}
                Ok(round) => {
                    let exists = round.access.exists;
                    sent.clone_from(&round.access);
                    feed.send(round);
                    if !exists {
                        return feed.end();
                    }
                }
                Err(error) => {
                    tracing::debug!(error = error.detail(), "the watches of a session or space have ended");
                    return feed.end();
                }
            }
        }
    }

    /// Reads who may watch and what has changed.
    async fn read(&mut self, feed: &StatusFeed) -> Result<Round> {
        self.app.status_feeds.count_look();
        let (mut changes, mut more) = self.position.read(&self.app, &self.owner).await?;
        while more {
            let (next, again) = self.position.read(&self.app, &self.owner).await?;
            more = again && !next.is_empty();
            changes.extend(next);
        }
        // Read after the changes: whoever may not see them any more is not shown them.
        let access = access::find_feed_access(&self.app, &self.owner, feed.users()).await?;
        Ok(Round { access, changes })
    }
}

//! Feeds of status changes, one for each session or space that clients watch: the database is read
//! once for all its watchers. Holds the feeds and who watches; never reads the database itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OnceCell, broadcast};

use crate::model::ids::UserId;
use crate::model::media::StatusChange;
use crate::model::owner::Owner;
use crate::model::role::Role;

/// The number of rounds that a watcher may fall behind before it reads the database itself.
const ROUNDS: usize = 64;

/// The feeds of this server, by the owner that is watched.
#[derive(Debug, Default)]
pub struct StatusFeeds {
    feeds: Mutex<HashMap<Owner, Weak<StatusFeed>>>,
    /// How often the database was read for watchers.
    looks: AtomicU64,
}

/// What one look at the database has found.
#[derive(Debug)]
pub struct Round {
    /// What decides who may still watch.
    pub access: FeedAccess,
    /// The changes that were not found before, in the order of their numbers.
    pub changes: Vec<StatusChange>,
}

/// What decides who may watch an owner, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedAccess {
    /// Whether the owner exists and is not deleted.
    pub exists: bool,
    /// The roles of the watching users, where roles decide; `None` for a user without one. A user who
    /// began to watch during the look is missing.
    pub roles: HashMap<UserId, Option<Role>>,
}

/// The feed of one owner. It ends with its last watcher.
#[derive(Debug)]
pub struct StatusFeed {
    /// The owner that is watched.
    pub owner: Owner,
    /// Set once the feed has read where it begins.
    pub begun: OnceCell<()>,
    /// `None` once the feed has ended.
    rounds: Mutex<Option<broadcast::Sender<Arc<Round>>>>,
    /// The watching users, and how often each watches.
    users: Mutex<HashMap<UserId, usize>>,
}

/// A watcher of a feed, until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    feed: Arc<StatusFeed>,
    user: Option<UserId>,
    /// The rounds since the watcher came.
    pub rounds: broadcast::Receiver<Arc<Round>>,
}

impl StatusFeeds {
    /// Returns the feed of an owner; a new one if nobody watches the owner or its feed has ended.
    pub fn feed(&self, owner: &Owner) -> Arc<StatusFeed> {
        let mut feeds = locked(&self.feeds);
        if let Some(feed) = feeds.get(owner).and_then(Weak::upgrade)
            && locked(&feed.rounds).is_some()
        {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(StatusFeed {
            owner: owner.clone(),
            begun: OnceCell::new(),
            rounds: Mutex::new(Some(broadcast::Sender::new(ROUNDS))),
            users: Mutex::default(),
        });
        feeds.insert(owner.clone(), Arc::downgrade(&feed));
        feed
    }

    /// Counts a look at the database for watchers.
    pub fn count_look(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("tidegate_watch_looks_total").increment(1);
    }

    /// Returns how often the database was read for watchers.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl StatusFeed {
    /// Adds a watcher; `user` is the user whose role counts. `None` if the feed has ended.
    pub fn join(self: &Arc<Self>, user: Option<UserId>) -> Option<Watcher> {
        let rounds = locked(&self.rounds).as_ref()?.subscribe();
        if let Some(user) = &user {
            *locked(&self.users).entry(user.clone()).or_default() += 1;
        }
        Some(Watcher { feed: Arc::clone(self), user, rounds })
    }

    /// Returns the watching users.
    pub fn users(&self) -> Vec<UserId> {
        locked(&self.users).keys().cloned().collect()
    }

    /// Hands a round to every watcher.
    pub fn send(&self, round: Round) {
        if let Some(rounds) = &*locked(&self.rounds) {
            // It fails if nobody watches, and then nobody needs it.
            let _ = rounds.send(Arc::new(round));
        }
    }

    /// Ends the feed, and the streams of its watchers.
    pub fn end(&self) {
        locked(&self.rounds).take();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let Some(user) = &self.user else { return };
        let mut users = locked(&self.feed.users);
        match users.get_mut(user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(users.remove(user)),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::SpaceId;

    #[tokio::test]
    async fn watchers_share_a_feed_until_it_ends() {
        let feeds = StatusFeeds::default();
        let owner = Owner::Space(SpaceId::parse("01900000-0000-7000-8000-000000000000").unwrap());
        let user = |name: &str| Some(UserId::parse(name).unwrap());
        let (first, second) = (feeds.feed(&owner), feeds.feed(&owner));
        assert!(Arc::ptr_eq(&first, &second));
        let (one, mut two, three) = (first.join(user("a")), second.join(user("a")).unwrap(), first.join(user("b")));
        drop(one);
        assert_eq!(first.users().len(), 2, "a watches still");
        drop(three);
        assert_eq!(first.users(), [user("a").unwrap()]);
        first.send(Round { access: FeedAccess::default(), changes: Vec::new() });
        assert!(two.rounds.recv().await.is_ok());
        first.end();
        assert!(two.rounds.recv().await.is_err() && first.join(None).is_none());
        assert!(!Arc::ptr_eq(&first, &feeds.feed(&owner)), "a new one");
    }
}

//! Caches what the store has said of objects that may be archived, so that it is asked once for many
//! grants. Never asks itself; see `library/thaw.rs`.

use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::locks::KeyedLock;
use crate::error::archived::ArchiveState;
use crate::model::ids::ObjectId;

/// The largest number of entries.
const MAX_ENTRIES: u64 = 100_000;
/// How long it is used that an object can be read.
const READABLE_LIFETIME: Duration = Duration::from_secs(45);
/// How long it is used that an object cannot be read. Another server learns no later that it can.
const UNREADABLE_LIFETIME: Duration = Duration::from_secs(2);

/// The lifetimes of entries.
#[derive(Debug)]
struct Lifetimes;

impl Lifetimes {
    fn of(state: ArchiveState) -> Duration {
        if state.is_readable() { READABLE_LIFETIME } else { UNREADABLE_LIFETIME }
    }
}

impl Expiry<ObjectId, ArchiveState> for Lifetimes {
    fn expire_after_create(&self, _: &ObjectId, state: &ArchiveState, _: Instant) -> Option<Duration> {
        Some(Self::of(*state))
    }

    fn expire_after_update(
        &self,
        _: &ObjectId,
        state: &ArchiveState,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(Self::of(*state))
    }
}

/// The archive states that the store has told lately.
#[derive(Debug)]
pub struct ArchiveStates {
    known: Cache<ObjectId, ArchiveState>,
    /// Locks by object: one request asks the store, the others wait for its answer.
    pub asking: KeyedLock,
}

impl ArchiveStates {
    /// Creates an empty cache.
    pub fn new() -> Self {
        let known = Cache::builder().max_capacity(MAX_ENTRIES).expire_after(Lifetimes).build();
        Self { known, asking: KeyedLock::new() }
    }

    /// Returns what the store has said of an object lately.
    pub fn get(&self, id: ObjectId) -> Option<ArchiveState> {
        self.known.get(&id)
    }

    /// Forgets what the store has said of an object.
    pub fn forget(&self, id: ObjectId) {
        self.known.invalidate(&id);
    }

    /// Keeps what the store says of an object.
    pub fn insert(&self, id: ObjectId, state: ArchiveState) {
        self.known.insert(id, state);
    }
}

impl Default for ArchiveStates {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_asked_about_soon() {
        let (id, now) = (ObjectId(uuid::Uuid::nil()), Instant::now());
        let lifetime = |state| {
            let updated = Lifetimes.expire_after_update(&id, &state, now, Some(READABLE_LIFETIME));
            assert_eq!(updated, Lifetimes.expire_after_create(&id, &state, now));
            updated.unwrap()
        };
        for state in [ArchiveState::Archived, ArchiveState::Thawing] {
            assert_eq!(lifetime(state), UNREADABLE_LIFETIME);
        }
        assert_eq!(lifetime(ArchiveState::Readable), READABLE_LIFETIME);
        assert_eq!(lifetime(ArchiveState::Thawed { until: std::time::SystemTime::now() }), READABLE_LIFETIME);
    }
}

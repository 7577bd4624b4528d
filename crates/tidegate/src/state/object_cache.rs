//! Caches records that cannot change in their current state: READY objects and open uploads.
//! Signing a part or streaming a range then needs no query. Never holds a record past a commit of
//! this server that ends its state: the commit removes the record before its caller continues
//! (`db::Signals`), and a record read before that commit is not inserted after it. Changes by other
//! servers arrive through `cache_invalidation`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::upload::{Upload, UploadState};

/// The largest number of entries of each kind.
const MAX_ENTRIES: u64 = 50_000;
/// The lifetime of an entry if no other server changes records. It bounds the effect of an error
/// here.
const LIFETIME: Duration = Duration::from_secs(60);
/// The lifetime of an entry if other servers change records. A server killed between its commit and
/// its notification notifies nobody.
const SHARED_LIFETIME: Duration = Duration::from_secs(3);

/// What reading an object needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The object's owner.
    pub owner: Owner,
    /// The key of its bytes.
    pub key: Key,
    /// The facts about its bytes.
    pub content: Content,
}

/// The cached records. Always current if one server uses the database; otherwise delayed by the
/// notifications of the other servers.
#[derive(Debug)]
pub struct ObjectCache {
    enabled: AtomicBool,
    ready: Cache<ObjectId, Arc<Ready>>,
    open: Cache<ObjectId, Arc<(Owner, Upload)>>,
    /// The number of removals so far.
    removals: Mutex<u64>,
}

impl ObjectCache {
    /// Returns an empty cache. A `shared` one stores nothing until [`Self::enable`].
    pub fn new(shared: bool) -> Self {
        let kept = if shared { SHARED_LIFETIME } else { LIFETIME };
        Self {
            enabled: AtomicBool::new(!shared),
            ready: Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(kept).build(),
            open: Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(kept).build(),
            removals: Mutex::new(0),
        }
    }

    /// Returns a READY object, if it is cached.
    pub fn ready(&self, id: ObjectId) -> Option<Arc<Ready>> {
        self.ready.get(&id)
    }

    /// Returns the open upload of an object and its owner, if they are cached.
    pub fn open(&self, id: ObjectId) -> Option<Arc<(Owner, Upload)>> {
        self.open.get(&id)
    }

    /// Reads an object, and caches it if it is READY.
    pub async fn read_object(
        &self,
        owner: &Owner,
        read: impl Future<Output = Result<Option<Object>>>,
    ) -> Result<Option<Object>> {
        let before = self.count();
        let object = read.await?;
        if let Some(object) = object.as_ref().filter(|object| object.state == ObjectState::Ready)
            && let Some(content) = object.content.clone()
        {
            let ready = Ready { owner: owner.clone(), key: object.key.clone(), content };
            self.insert_if_current(before, || self.ready.insert(object.id, Arc::new(ready)));
        }
        Ok(object)
    }

    /// Reads an upload, and caches it if it is open.
    pub async fn read_upload(
        &self,
        owner: &Owner,
        read: impl Future<Output = Result<Option<Upload>>>,
    ) -> Result<Option<Upload>> {
        let before = self.count();
        let upload = read.await?;
        if let Some(upload) = upload.as_ref().filter(|upload| upload.state == UploadState::Open) {
            self.insert_if_current(before, || {
                self.open.insert(upload.object, Arc::new((owner.clone(), upload.clone())))
            });
        }
        Ok(upload)
    }

    /// Enables the cache. Called once every change is notified to this server.
    pub fn enable(&self) {
        self.enabled.store(true, Ordering::Release);
    }

    /// Removes all entries and disables the cache.
    pub fn disable(&self) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        self.enabled.store(false, Ordering::Release);
        *removals += 1;
        self.ready.invalidate_all();
        self.open.invalidate_all();
    }

    /// Removes the entries of an object.
    pub fn remove(&self, id: ObjectId) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        *removals += 1;
        self.ready.invalidate(&id);
        self.open.invalidate(&id);
    }

    /// Returns the number of removals so far.
    fn count(&self) -> u64 {
        *self.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inserts an entry, unless anything was removed since `before`, because that could be the same
    /// record.
    fn insert_if_current(&self, before: u64, insert: impl FnOnce()) {
        let removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        if self.enabled.load(Ordering::Acquire) && *removals == before {
            insert();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::UserId;
    use std::time::SystemTime;

    #[tokio::test]
    async fn a_record_removed_during_its_read_is_not_cached() {
        let cache = ObjectCache::new(false);
        let owner = Owner::Disks(UserId::parse("a").unwrap());
        let object = Object {
            id: ObjectId::generate(),
            key: Key::stored("k".into()),
            name: None,
            content_type: "t/t".into(),
            state: ObjectState::Ready,
            created_at: SystemTime::now(),
            content: Some(Content { size: 1, etag: "e".into(), last_modified: SystemTime::now() }),
            archive: None,
        };
        let reading = async {
            cache.remove(object.id);
            Ok(Some(object.clone()))
        };
        cache.read_object(&owner, reading).await.unwrap();
        assert!(cache.ready(object.id).is_none());
        cache.read_object(&owner, async { Ok(Some(object.clone())) }).await.unwrap();
        assert!(cache.ready(object.id).is_some());
        cache.remove(object.id);
        assert!(cache.ready(object.id).is_none());
        let pending = Object { state: ObjectState::Pending, ..object.clone() };
        cache.read_object(&owner, async { Ok(Some(pending)) }).await.unwrap();
        assert!(cache.ready(object.id).is_none(), "only records that cannot change are cached");
        let shared = ObjectCache::new(true);
        shared.read_object(&owner, async { Ok(Some(object.clone())) }).await.unwrap();
        assert!(shared.ready(object.id).is_none(), "a shared cache is disabled at first");
        shared.enable();
        shared.read_object(&owner, async { Ok(Some(object.clone())) }).await.unwrap();
        assert!(shared.ready(object.id).is_some());
        shared.disable();
        assert!(shared.ready(object.id).is_none());
    }
}

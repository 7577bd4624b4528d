//! Caches what does not change while it is in a state: objects that are ready, uploads that are open. Asking for the
//! hundredth part URL or stream URL then costs no query.
//!
//! A commit that ends such a state has the record forgotten before its caller goes on, whatever the commit's outcome
//! (`db::Signals`). A record that was read before that and would be kept after it is not kept: see `keep`.

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

const MAX_ENTRIES: u64 = 50_000;
/// How long a record is kept at most, where no other server changes it. A bound on what could go wrong here.
const LIFETIME: Duration = Duration::from_secs(60);
/// The same where other servers change it: a server that is killed between its commit and its notice tells nobody.
const SHARED_LIFETIME: Duration = Duration::from_secs(3);

/// What reading an object takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Whose it is.
    pub owner: Owner,
    /// Where its bytes lie.
    pub key: Key,
    /// What they are.
    pub content: Content,
}

/// The records in memory. Exact while one server has the database; where others share it, as late as they are told
/// (`cache_invalidation.rs`).
#[derive(Debug)]
pub struct ObjectCache {
    enabled: AtomicBool,
    ready: Cache<ObjectId, Arc<Ready>>,
    open: Cache<ObjectId, Arc<(Owner, Upload)>>,
    /// How often something was forgotten.
    removals: Mutex<u64>,
}

impl ObjectCache {
    /// Returns an empty cache. One that is `shared` keeps nothing until [`Self::enable`].
    pub fn new(shared: bool) -> Self {
        let kept = if shared { SHARED_LIFETIME } else { LIFETIME };
        Self {
            enabled: AtomicBool::new(!shared),
            ready: Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(kept).build(),
            open: Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(kept).build(),
            removals: Mutex::new(0),
        }
    }

    /// A ready object, if it is known.
    pub fn ready(&self, id: ObjectId) -> Option<Arc<Ready>> {
        self.ready.get(&id)
    }

    /// The open upload of an object and its owner, if it is known.
    pub fn open(&self, id: ObjectId) -> Option<Arc<(Owner, Upload)>> {
        self.open.get(&id)
    }

    /// Reads an object and keeps it if it is ready.
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

    /// Reads an upload and keeps it if it is open.
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

    /// Begins to keep: from here on every change is told.
    pub fn enable(&self) {
        self.enabled.store(true, Ordering::Release);
    }

    /// Forgets everything, and keeps nothing until told otherwise.
    pub fn disable(&self) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        self.enabled.store(false, Ordering::Release);
        *removals += 1;
        self.ready.invalidate_all();
        self.open.invalidate_all();
    }

    /// Forgets what is known of an object.
    pub fn remove(&self, id: ObjectId) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        *removals += 1;
        self.ready.invalidate(&id);
        self.open.invalidate(&id);
    }

    fn count(&self) -> u64 {
        *self.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was read unless anything was forgotten since: it may be the very thing.
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
    async fn what_is_forgotten_while_it_is_read_is_not_kept() {
        let records = ObjectCache::new(false);
        let owner = Owner::Disks(UserId::parse("a").unwrap());
        let object = Object {
            id: ObjectId::generate(),
            key: Key::stored("k".into()),
            name: None,
            content_type: "t/t".into(),
            state: ObjectState::Ready,
            created_at: SystemTime::now(),
            content: Some(Content { size: 1, etag: "e".into(), last_modified: SystemTime::now() }),
        };
        let reading = async {
            records.remove(object.id);
            Ok(Some(object.clone()))
        };
        records.read_object(&owner, reading).await.unwrap();
        assert!(records.ready(object.id).is_none());
        records.read_object(&owner, async { Ok(Some(object.clone())) }).await.unwrap();
        assert!(records.ready(object.id).is_some());
        records.remove(object.id);
        assert!(records.ready(object.id).is_none());
        let pending = Object { state: ObjectState::Pending, ..object.clone() };
        records.read_object(&owner, async { Ok(Some(pending)) }).await.unwrap();
        assert!(records.ready(object.id).is_none(), "only what does not change is kept");
        let shared = ObjectCache::new(true);
        shared.read_object(&owner, async { Ok(Some(object.clone())) }).await.unwrap();
        assert!(shared.ready(object.id).is_none(), "others may change what is shared");
        shared.enable();
        shared.read_object(&owner, async { Ok(Some(object.clone())) }).await.unwrap();
        assert!(shared.ready(object.id).is_some());
        shared.disable();
        assert!(shared.ready(object.id).is_none());
    }
}

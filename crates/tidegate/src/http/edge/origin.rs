//! The origin of the edge: a local folder whose blobs stay open for a while, or a remote store.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, TryFutureExt as _};
use moka::sync::Cache;
use store::{Blob, FsReader, Stat};

use super::super::content::{Representation, ResponseBody};
use super::headers::ObjectHeaders;
use super::meters::{Lookup, Meters};
use super::refused::Refused;
use crate::app::StoreDebug;
use crate::error::{Error, Result};
use crate::library::downloads;
use crate::state::locks::KeyedLock;

/// How long a blob may stay open; [`Blob::is_current`] says why this is bounded.
const OPEN_TIME: Duration = Duration::from_secs(60);

/// How long to wait while another request opens the same blob.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The store that the edge reads from.
pub enum Origin {
    /// A folder on this machine.
    Local(Local),
    /// A remote store.
    Remote(Arc<dyn StoreDebug>),
}

/// A local folder and its open blobs.
pub struct Local {
    reader: FsReader,
    open: Cache<String, Arc<ServedObject>>,
    /// Held while a blob is opened, so that concurrent requests open it once.
    opening: KeyedLock,
}

impl Local {
    /// Returns an open blob that is still current.
    fn cached(&self, key: &str) -> Option<Arc<ServedObject>> {
        self.open.get(key).filter(|served| served.is_current())
    }

    /// Returns the object at a key, opening its blob if needed.
    async fn find(&self, key: &str, meters: &Meters) -> std::result::Result<Arc<ServedObject>, Refused> {
        if let Some(served) = self.cached(key) {
            meters.blob(Lookup::Hit);
            return Ok(served);
        }
        let Ok(_opening) = tokio::time::timeout(OPEN_TIMEOUT, self.opening.lock(key)).await else {
            return Err(Refused::Failed(Error::Busy));
        };
        if let Some(served) = self.cached(key) {
            meters.blob(Lookup::Hit);
            return Ok(served);
        }
        meters.blob(if self.open.contains_key(key) { Lookup::Stale } else { Lookup::Miss });
        self.open.invalidate(key);
        let served = Arc::new(ServedObject::local(key, self.reader.blob(key).await?));
        self.open.insert(key.to_owned(), Arc::clone(&served));
        Ok(served)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local(..) => "Local",
            Self::Remote(_) => "Remote",
        })
    }
}

/// An object with the headers it is served with.
#[derive(Debug)]
pub(super) struct ServedObject {
    pub(super) representation: Representation,
    pub(super) headers: ObjectHeaders,
    source: ObjectSource,
    opened: Instant,
}

/// The bytes of an object.
#[derive(Debug)]
enum ObjectSource {
    Blob(Blob),
    Store { store: Arc<dyn StoreDebug>, key: String, stat: Stat },
}

impl ServedObject {
    fn local(key: &str, blob: Blob) -> Self {
        let stat = blob.stat();
        let (representation, headers) = (Representation::of(stat).at_key(key), ObjectHeaders::of(key, stat));
        Self { representation, headers, source: ObjectSource::Blob(blob), opened: Instant::now() }
    }
}

impl Origin {
    /// Creates an origin from a folder, with at most `most` open blobs.
    pub fn local(reader: FsReader, most: u64) -> Self {
        let open = Cache::builder().max_capacity(most).time_to_live(OPEN_TIME).build();
        Self::Local(Local { reader, open, opening: KeyedLock::new() })
    }

    /// Closes blobs whose time is over. Blocks on file operations.
    pub(super) fn upkeep(&self) {
        if let Self::Local(local) = self {
            local.open.run_pending_tasks();
        }
    }

    /// Returns whether the origin is a folder on this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local(..))
    }

    /// Checks that the origin responds.
    pub(super) async fn probe(&self) -> std::result::Result<(), store::Error> {
        match self {
            Self::Local(local) => local.reader.probe().await,
            Self::Remote(store) => store.probe().await,
        }
    }

    /// Returns the object at a key.
    pub(super) async fn find(&self, key: &str, meters: &Meters) -> std::result::Result<Arc<ServedObject>, Refused> {
        match self {
            Self::Local(local) => local.find(key, meters).await,
            Self::Remote(store) => {
                let stat = store.stat(key).await?;
                if !stat.archive.is_readable() {
                    return Err(Refused::Archived);
                }
                let (representation, headers) = (Representation::of(&stat).at_key(key), ObjectHeaders::of(key, &stat));
                let source = ObjectSource::Store { store: Arc::clone(store), key: key.to_owned(), stat };
                Ok(Arc::new(ServedObject { representation, headers, source, opened: Instant::now() }))
            }
        }
    }
}

impl ServedObject {
    /// Returns whether the object is still the one its key names. Remote objects are looked up for
    /// every request.
    pub(super) fn is_current(&self) -> bool {
        match &self.source {
            ObjectSource::Blob(blob) => self.opened.elapsed() < OPEN_TIME && blob.is_current(),
            ObjectSource::Store { .. } => false,
        }
    }

    /// Returns a function that reads ranges of the object.
    pub(super) fn reader(self: &Arc<Self>) -> impl Fn(Range<u64>) -> ReadFuture + Send + 'static {
        let served = Arc::clone(self);
        move |range| match &served.source {
            ObjectSource::Blob(blob) => {
                ReadFuture::Ready(std::future::ready(blob.read(range).map(ResponseBody::Blob).map_err(Error::from)))
            }
            ObjectSource::Store { store, key, stat } => {
                let length = range.end - range.start;
                let read = downloads::reader(store, key, stat)(range);
                ReadFuture::Pending(Box::pin(read.map_ok(move |body| ResponseBody::Stream(body, length))))
            }
        }
    }
}

/// The future of a read: ready for a local blob, pending for a remote store.
pub(super) enum ReadFuture {
    Ready(std::future::Ready<Result<ResponseBody>>),
    Pending(BoxFuture<'static, Result<ResponseBody>>),
}

impl Future for ReadFuture {
    type Output = Result<ResponseBody>;

    fn poll(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<ResponseBody>> {
        match self.get_mut() {
            Self::Ready(ready) => std::pin::Pin::new(ready).poll(context),
            Self::Pending(pending) => pending.as_mut().poll(context),
        }
    }
}

//! Serves bytes through the API, for deployments without an edge. Authorizes the caller; never
//! signs anything, which `grants` does.

use std::ops::Range;
use std::sync::Arc;

use futures::future::BoxFuture;
use store::{ByteStream, Stat};

use crate::app::{App, StoreDebug};
use crate::error::{Error, Result};
use crate::library::{objects, thaw};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::media::Media;
use crate::model::owner::OwnerKind;
use crate::state::object_cache::Ready;

/// An object that the caller may read. Only [`open`] and [`open_media`] create one.
#[derive(Debug)]
pub struct Download {
    object: Arc<Ready>,
    /// The facts about the stored blob.
    pub stat: Stat,
}

/// Opens an object for reading. Authorizes the caller.
pub async fn open(app: &App, caller: &Caller, kind: OwnerKind, id: ObjectId) -> Result<Download> {
    read(app, objects::find_ready(app, caller, kind, id).await?).await
}

/// Opens a media item of a session. The caller has authorized.
pub async fn open_media(app: &App, media: &Media) -> Result<Download> {
    let unpublished = || Error::InvalidState("it is not published".into());
    let content = media.object.content.clone().ok_or_else(unpublished)?;
    if !app.db.is_there(&media.owner).await? {
        return Err(unpublished());
    }
    let owner = media.owner.clone();
    read(app, Arc::new(Ready { owner, key: media.object.key.clone(), content })).await
}

async fn read(app: &App, object: Arc<Ready>) -> Result<Download> {
    let stat = match app.store.stat(object.key.as_str()).await {
        // The object was deleted a moment ago, or, if its record still exists, its bytes are lost.
        Err(store::Error::NotFound) if app.db.find_ready_by_key_unscoped(object.key.as_str()).await?.is_some() => {
            return Err(Error::StoreError(store::Error::Damaged("its bytes are gone".into())));
        }
        other => other?,
    };
    thaw::require_readable(object.owner.kind(), stat.archive)?;
    Ok(Download { object, stat })
}

impl Download {
    /// Returns a function that reads byte ranges of the object.
    pub fn reader(&self, app: &App) -> impl Fn(Range<u64>) -> BoxFuture<'static, Result<ByteStream>> + Send + 'static {
        reader(&app.store, self.object.key.as_str(), &self.stat)
    }

    /// Returns the key of the object.
    pub fn key(&self) -> &str {
        self.object.key.as_str()
    }
}

/// Returns a function that reads byte ranges of the blob that `stat` describes. It fails if another
/// blob is at the key, because the response headers describe the first one.
pub fn reader(
    store: &Arc<dyn StoreDebug>,
    key: &str,
    stat: &Stat,
) -> impl Fn(Range<u64>) -> BoxFuture<'static, Result<ByteStream>> + Send + 'static {
    let (store, key, etag): (_, Arc<str>, Arc<str>) = (Arc::clone(store), key.into(), stat.etag.as_str().into());
    move |range| {
        let (store, key, etag) = (Arc::clone(&store), Arc::clone(&key), Arc::clone(&etag));
        Box::pin(async move {
            let (found, body) = match store.read(&key, Some(range)).await {
                // A shorter blob is at the key now.
                Err(store::Error::BadRange) => return Err(replaced()),
                read => read?,
            };
            if *found.etag == *etag { Ok(body) } else { Err(replaced()) }
        })
    }
}

/// Returns the error for a blob that was replaced while it was read.
fn replaced() -> Error {
    store::Error::Unavailable(std::io::Error::other("the object was replaced while it was read")).into()
}

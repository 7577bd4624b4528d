//! Bytes through the API: the fallback where there is no edge, for whoever may read the object.

use std::ops::Range;

use store::{ByteStream, Stat};

use crate::app::App;
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::owner::OwnerKind;
use crate::model::principal::Principal;
use crate::objects;

/// Finds what to read: its key, and the blob as it is stored.
pub async fn open(app: &App, principal: &Principal, kind: OwnerKind, id: ObjectId) -> Result<(Key, Stat)> {
    let (object, _) = objects::find_ready(app, principal, kind, id).await?;
    let stat = app.store.stat(object.key.as_str()).await?;
    Ok((object.key, stat))
}

/// The bytes of a range of what [`open`] found.
pub async fn read(app: &App, key: &str, range: Range<u64>) -> Result<ByteStream> {
    let (_, body) = app.store.read(key, Some(range)).await?;
    Ok(body)
}

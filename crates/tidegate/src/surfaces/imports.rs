//! Imports images that already exist in the bucket into a space: each is copied, and the copy goes
//! through the upload pipeline. Never changes the source objects.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use media::kind::{Kind, SNIFFED};
use store::Attributes;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::{ObjectId, SpaceId};
use crate::model::key;
use crate::model::media::Media;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::principal::Principal;
use crate::model::upload::{Upload, UploadState};
use crate::queue::{self, Job};
use crate::uploads::begin::{self, NewUpload, Rows};
use crate::uploads::effects::{Details, Item};
use crate::uploads::{media_items, outcome, unreadable};

/// The largest number of keys in one request.
pub const MOST_KEYS: usize = 1000;
/// The number of keys that are looked up concurrently.
const AT_ONCE: usize = 16;
/// The longest stored name in bytes.
const MAX_NAME: usize = 255;

/// The result of an import request.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// The imports that were begun: source key, and id of the new object.
    pub begun: Vec<(String, ObjectId)>,
    /// The keys without an object.
    pub missing: Vec<String>,
}

/// Begins the import of objects of the bucket into a space. Authorizes the caller, and checks all
/// keys before it changes anything.
pub async fn import(app: &Arc<App>, caller: &Caller, space: &SpaceId, keys: Vec<String>) -> Result<Imported> {
    let owner = access::find_space(app, caller, Action::Write, space).await?;
    if caller.principal != Principal::Service {
        access::note_refusal(app, caller, Action::Write, owner.kind());
        return Err(Error::Forbidden("only a service may import what lies in the bucket".into()));
    }
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(bad_request(format!("s3Key takes 1 to {MOST_KEYS} keys")));
    }
    for key in &keys {
        check(app, key)?;
    }
    let stats = stream::iter(keys).map(|key| {
        let app = Arc::clone(app);
        async move {
            match app.store.stat(&key).await {
                Ok(stat) => Ok((key, Some(stat.size))),
                Err(store::Error::NotFound | store::Error::InvalidKey(_)) => Ok((key, None)),
                Err(error) => Err(Error::from(error)),
            }
        }
    });
    let sizes: Vec<(String, Option<u64>)> = stats.buffered(AT_ONCE).try_collect().await?;
    let (mut done, mut tx) = (Imported::default(), app.db.begin().await?);
    if !tx.hold(&owner).await? {
        return Err(Error::NotFound("no such space".into()));
    }
    let mut rows: Vec<Rows<'_>> =
        sizes.iter().filter_map(|(key, size)| Some(plan(app, &owner, key, (*size)?))).collect();
    begin::insert_all(app, &mut tx, caller, &owner, &mut rows).await?;
    tx.commit().await?;
    let mut ids = rows.iter().map(|row| row.object.id);
    for (key, size) in &sizes {
        match size.and_then(|_| ids.next()) {
            Some(id) => done.begun.push((key.clone(), id)),
            None => done.missing.push(key.clone()),
        }
    }
    metrics::counter!("tidegate_imports_total").increment(u64::try_from(done.begun.len()).unwrap_or(0));
    Ok(done)
}

/// Checks that a key is below one of the configured prefixes, because any other key of the bucket
/// is private.
fn check(app: &App, key: &str) -> Result<()> {
    let prefixes = &app.config.spaces.import_prefixes;
    let below = prefixes.iter().any(|prefix| key.strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.is_empty()));
    let plain = key.len() <= 1000 && !key.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if below && plain {
        return Ok(());
    }
    let shown: String = key.chars().filter(|c| !c.is_control()).take(200).collect();
    if !plain {
        return Err(bad_request(format!("{shown:?} is no key: up to 1000 bytes, without empty and dot segments")));
    }
    let allowed = if prefixes.is_empty() { "none is allowed".to_owned() } else { prefixes.join(", ") };
    Err(bad_request(format!(
        "{shown:?} lies below none of the prefixes that may be imported (IMPORT_PREFIXES: {allowed})"
    )))
}

/// Builds the rows of an import.
fn plan<'a>(app: &App, owner: &Owner, from: &'a str, size: u64) -> Rows<'a> {
    let upload_id = begin::new_id();
    let incoming = key::incoming(&upload_id);
    let new = NewUpload {
        object: ObjectId::generate(),
        id: upload_id,
        name: Some(name_of(from)),
        // The media type is detected from the first bytes later.
        content_type: begin::OPAQUE.to_owned(),
        size: Some(size),
        sha256: None,
        key: incoming.clone(),
        incoming: Some(incoming),
        part_size: None,
    };
    let (object, upload) = new.rows(app, owner.kind(), app.db.now());
    // The client sends nothing; the worker copies the object.
    let upload = Upload { state: UploadState::Completed, expires_at: object.created_at, ..upload };
    Rows { object, upload, details: Details::Imported(from) }
}

/// Returns the last segment of a key, shortened to the longest name.
fn name_of(key: &str) -> String {
    let last = key.rsplit('/').next().unwrap_or(key);
    let end = last.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_NAME).last();
    last[..end.unwrap_or(0)].chars().filter(|c| !c.is_control()).collect()
}

/// Copies a source object to a sealed key and enqueues its processing.
pub(crate) async fn copy(app: &App, id: ObjectId, from: &str) -> Result<()> {
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    if media.object.state != ObjectState::Pending || media.sealed.is_some() {
        return Ok(());
    }
    let largest = app.config.upload_limits.of(media.owner.kind()).max_size;
    let (stat, mut body) = match app.store.read(from, None).await {
        Err(store::Error::NotFound) => return reject(app, &media, "it was removed before it was copied").await,
        Err(store::Error::Archived(_)) => {
            return outcome::fail_now(app, id, "it is archived; restore it in the bucket, and retry").await;
        }
        other => other?,
    };
    if stat.size > largest {
        return reject(app, &media, &begin::too_large(largest).to_string()).await;
    }
    // The type is detected before the copy, so that unsupported files are not copied.
    let (mut head, mut seen) = (Vec::new(), Vec::new());
    while seen.len() < SNIFFED {
        let Some(chunk) = body.try_next().await.map_err(|error| unreadable(&error))? else { break };
        seen.extend_from_slice(&chunk[..chunk.len().min(SNIFFED - seen.len())]);
        head.push(Ok(chunk));
    }
    let Some(kind) = Kind::sniff(&seen).filter(|kind| !kind.is_video()) else {
        return reject(app, &media, "it is no image of a type that is taken").await;
    };
    let sealed = key::sealed(id, Uuid::new_v4());
    let attributes = Attributes {
        content_type: kind.content_type().to_owned(),
        metadata: media_items::metadata(&media, None),
        ..Attributes::default()
    };
    app.store.write(sealed.as_str(), stream::iter(head).chain(body).boxed(), attributes).await?;
    let mut tx = app.db.begin().await?;
    if tx.set_imported(id, &sealed, kind.content_type()).await? {
        queue::enqueue(&mut tx, &Job::IngestV1 { object: id.0, video: false }, app.db.now()).await?;
    }
    tx.commit().await
}

async fn reject(app: &App, media: &Media, reason: &str) -> Result<()> {
    let (item, mut tx) = (Item::Media(media.clone()), app.db.begin().await?);
    if outcome::reject(app, &mut tx, &Caller::system(), &item, ObjectState::Pending, reason).await? {
        tx.commit().await?;
    }
    Ok(())
}

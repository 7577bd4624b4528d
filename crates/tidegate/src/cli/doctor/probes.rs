//! Writes the probe objects that the checks read, and removes them, also those that a killed run has
//! left. Where they may lie is in `model/key/`.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::StreamExt as _;
use store::{Attributes, Deletion, Store, UploadRef};
use uuid::Uuid;

use super::context::Context;
use crate::model::key;
use crate::model::owner::OwnerKind;
use crate::model::rules;

/// How many bytes a probe has.
pub(super) const SIZE: usize = 4096;
/// The media type of probes.
pub(super) const CONTENT_TYPE: &str = "application/octet-stream";
/// The age from which probes are those of a run that was killed.
const LEFT_AFTER: Duration = Duration::from_secs(600);
/// The most probes of one folder that are removed at once.
const PAGE: usize = 200;
/// How many requests are made at a time.
const AT_ONCE: usize = 12;

/// A probe object.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) key: String,
    /// The folder, with its trailing slash.
    pub(super) folder: String,
    /// The owner kind in whose served root it lies; `None` outside every served root.
    pub(super) kind: Option<OwnerKind>,
    pub(super) etag: String,
}

impl Probe {
    /// Returns the name by which people know the place: the surface, or the first segment of the key.
    pub(super) fn place(&self) -> &str {
        let first = self.key.split('/').next().unwrap_or(&self.key);
        self.kind.map_or(first, |kind| rules::of(kind).surface)
    }
}

/// Returns the bytes of a probe.
pub(super) fn bytes() -> Vec<u8> {
    (0..SIZE).map(|at| u8::try_from((at * 31 + at / 251) % 251).unwrap_or_default()).collect()
}

/// Writes one probe into each folder: into the served roots of the surfaces that are on, and into
/// every place that must not be served. Removes what earlier runs have left first.
pub(super) async fn write(context: &Context) -> Result<Vec<Probe>, String> {
    let store = context.store.as_ref().map_err(Clone::clone)?.any();
    let name = Uuid::now_v7().simple().to_string();
    let folders = key::probe_folders(&context.config.images.layout);
    let wanted = folders.into_iter().filter(|(_, kind)| kind.is_none_or(|kind| context.signs_for(kind)));
    let writing = wanted.map(|(folder, kind)| {
        let key = format!("{folder}{name}");
        async move {
            remove_left(store, &folder).await;
            write_one(store, &key).await.map(|etag| Probe { key, folder, kind, etag })
        }
    });
    let written: Vec<_> = futures::stream::iter(writing).buffered(AT_ONCE).collect().await;
    let (mut probes, mut problem) = (Vec::new(), None);
    for one in written {
        match one {
            Ok(probe) => probes.push(probe),
            Err(error) => problem = Some(error),
        }
    }
    let Some(problem) = problem else { return Ok(probes) };
    // Best effort: what can't be written can often not be removed either, and the next run tries again.
    drop(remove(context, &probes).await);
    Err(problem)
}

async fn write_one(store: &dyn Store, key: &str) -> Result<String, String> {
    let attributes = Attributes {
        content_type: CONTENT_TYPE.to_owned(),
        cache_control: Some("private, no-store".to_owned()),
        ..Attributes::default()
    };
    let mut tries = 0;
    loop {
        let body = futures::stream::iter([Ok(Bytes::from(bytes()))]);
        match store.write(key, Box::pin(body), attributes.clone()).await {
            Ok(stat) => return Ok(stat.etag),
            // A server can have removed the empty folder of an earlier probe meanwhile.
            Err(store::Error::NotFound) if tries < 3 => tries += 1,
            Err(error) => return Err(format!("a probe can't be written to {key}: {error}")),
        }
    }
}

/// Removes old probes of a folder. What can't be removed is tried again by the next run, and by the
/// server's sweep.
async fn remove_left(store: &dyn Store, folder: &str) {
    let before = SystemTime::now().checked_sub(LEFT_AFTER).unwrap_or(SystemTime::UNIX_EPOCH);
    for entry in store.list(folder, None, PAGE).await.unwrap_or_default() {
        if entry.last_modified < before {
            drop(store.delete(&entry.key, Deletion::Purge).await);
        }
    }
    if folder.starts_with(key::INCOMING_ROOT) {
        for open in store.list_uploads(folder, before).await.unwrap_or_default() {
            drop(store.abort(&open.upload).await);
        }
    }
}

/// Removes the probes of this run. Returns what could not be removed.
pub(super) async fn remove(context: &Context, probes: &[Probe]) -> Vec<String> {
    let Ok(store) = &context.store else { return Vec::new() };
    let removing = probes.iter().map(|probe| remove_one(store.any(), &probe.key));
    futures::stream::iter(removing).buffer_unordered(AT_ONCE).filter_map(|left| async { left }).collect().await
}

/// Removes one probe. Returns a message if it could not be removed.
pub(super) async fn remove_one(store: &dyn Store, key: &str) -> Option<String> {
    store.delete(key, Deletion::Purge).await.err().map(|error| format!("{key} was not removed: {error}"))
}

/// Aborts an upload in parts of this run. Returns a message if it could not be aborted.
pub(super) async fn abort(store: &dyn Store, upload: &UploadRef) -> Option<String> {
    store.abort(upload).await.err().map(|error| format!("the upload to {} was not aborted: {error}", upload.key))
}

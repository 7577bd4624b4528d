//! A part on its way in. Part `n` is written at `(n - 1) * part_size` of the upload's one file, and the journal
//! records that it was acknowledged. A part sent again goes to a file of its own first, so that the
//! acknowledged one survives until the new one is whole.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::FsStore;
use super::durable::DurableFile;
use super::ingest::{Sink, blocking, pump};
use super::journal::{self, Line};
use super::multipart::{DATA, Opened};
use crate::checksum::{Checks, Hashes};
use crate::error::{Error, PartFault, Result};
use crate::{ByteStream, MAX_PARTS, Part, UploadRef};

impl FsStore {
    /// Stores a part and returns once it is durable. More than `limit` bytes or wrong checksums are
    /// refused, and what was acknowledged under that number before stays.
    pub async fn write_part(
        &self,
        upload: &UploadRef,
        number: u32,
        body: ByteStream,
        limit: u64,
        checks: Checks,
    ) -> Result<Part> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(Error::InvalidPart { number, fault: PartFault::Missing });
        }
        let (store, upload) = (self.clone(), upload.clone());
        let sink = blocking(move || store.part_sink(&upload, number, checks)).await?;
        let limit = limit.min(sink.opened.announced.part_size);
        let sink = pump(sink, body, limit).await?;
        blocking(move || sink.acknowledge()).await
    }

    fn part_sink(&self, upload: &UploadRef, number: u32, checks: Checks) -> Result<PartSink> {
        let opened = self.opened(upload)?;
        // Before the place is claimed: a completion in between makes this writer stale.
        let generation = opened.gate.generation();
        let in_place = {
            let mut state = opened.state();
            !state.parts.contains_key(&number) && state.in_place.insert(number)
        };
        let mut sink = PartSink {
            store: self.clone(),
            file: None,
            number,
            size: 0,
            hashes: Some(Hashes::new(checks)),
            aside: None,
            in_place,
            generation,
            opened,
        };
        let file = if in_place {
            self.root.open_rw(&sink.opened.path(DATA)).map_err(gone)?
        } else {
            let name = format!("part-{number:05}.{}", Uuid::new_v4().simple());
            let file = self.root.create_new(&sink.opened.path(&name)).map_err(gone)?;
            sink.aside = Some(name);
            file
        };
        sink.file = Some(DurableFile::new(file));
        Ok(sink)
    }
}

/// A part on its way in. Gives its place up when dropped, whatever became of it.
struct PartSink {
    store: FsStore,
    opened: Arc<Opened>,
    number: u32,
    size: u64,
    hashes: Option<Hashes>,
    file: Option<DurableFile>,
    /// Name of the file of a part that is sent again.
    aside: Option<String>,
    in_place: bool,
    generation: u64,
}

impl Sink for PartSink {
    fn take(&mut self, chunks: &[Bytes]) -> Result<()> {
        let start = if self.aside.is_some() { 0 } else { self.opened.offset(self.number) };
        let file = self.file.as_mut().ok_or_else(ended)?;
        for chunk in chunks {
            self.opened.gate.while_open(self.generation, || file.write_at(chunk, start + self.size))?;
            if let Some(hashes) = &mut self.hashes {
                hashes.update(chunk);
            }
            self.size += chunk.len() as u64;
        }
        Ok(())
    }
}

impl PartSink {
    /// Makes the part durable and records it; only then may the client be told.
    fn acknowledge(mut self) -> Result<Part> {
        let md5 = hex::encode(self.hashes.take().ok_or_else(ended)?.finish()?);
        self.file.take().ok_or_else(ended)?.sync()?;
        if self.aside.is_some() {
            self.store.root.sync_dir(&self.opened.folder)?;
        }
        let line =
            Line { number: self.number, size: self.size, md5: md5.clone(), dropped: false, aside: self.aside.clone() };
        let opened = Arc::clone(&self.opened);
        let replaced = opened.gate.while_open(self.generation, || {
            let mut state = opened.state();
            journal::append(&mut state.journal, &line)?;
            Ok(state.parts.insert(self.number, line))
        })?;
        // It is the record now; dropping must not remove it.
        self.aside = None;
        if let Some(Line { aside: Some(older), .. }) = replaced {
            self.store.root.unlink(&self.opened.path(&older))?;
        }
        Ok(Part { number: self.number, etag: md5, size: self.size })
    }
}

fn ended() -> Error {
    Error::Unavailable(io::Error::other("a part ended twice"))
}

/// Without its files the upload was completed or aborted a moment ago.
fn gone(error: Error) -> Error {
    match error {
        Error::NotFound => Error::NoSuchUpload,
        other => other,
    }
}

impl Drop for PartSink {
    fn drop(&mut self) {
        if self.in_place {
            self.opened.state().in_place.remove(&self.number);
        }
        if let Some(name) = self.aside.take()
            && let Err(error) = self.store.root.unlink(&self.opened.path(&name))
        {
            tracing::warn!(%error, "a part that broke off was left; it goes with its upload");
        }
    }
}

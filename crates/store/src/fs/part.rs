//! Writes the parts of multipart uploads. Part `n` is written at offset `(n - 1) * part_size` of
//! the upload's data file, and the journal records its acknowledgement. A part that is sent again
//! is written to a side file first, so that the acknowledged part survives until the new one is
//! complete. Completing is in `multipart`.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::FsStore;
use super::durable::DurableFile;
use super::ingest::{Sink, run_blocking, write_to_sink};
use super::journal::{self, PartRecord};
use super::multipart::{ActiveUpload, DATA};
use crate::checksum::{Checks, Hashes};
use crate::error::{Error, PartFault, Result};
use crate::{ByteStream, MAX_PARTS, Part, UploadRef};

impl FsStore {
    /// Stores a part and returns when it is durable. Fails if the body exceeds `limit` bytes or the
    /// part size, or if a checksum differs; an earlier part with the same number then stays.
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
        let sink = run_blocking(move || store.part_sink(&upload, number, checks)).await?;
        let limit = limit.min(sink.upload.record.part_size);
        let sink = write_to_sink(&self.gathering, sink, body, limit).await?;
        run_blocking(move || sink.acknowledge()).await
    }

    /// Opens the file for a part: the data file, or a side file if the number is stored or being
    /// written already.
    fn part_sink(&self, upload: &UploadRef, number: u32, checks: Checks) -> Result<PartSink> {
        let upload = self.active_upload(upload)?;
        // Read before the offset is claimed, so that a completion in between makes this writer
        // stale.
        let generation = upload.fence.generation();
        let in_place = {
            let mut state = upload.state();
            !state.parts.contains_key(&number) && state.writing_in_place.insert(number)
        };
        let mut sink = PartSink {
            store: self.clone(),
            file: None,
            number,
            size: 0,
            hashes: Some(Hashes::new(checks)),
            side_file: None,
            in_place,
            generation,
            upload,
        };
        let file = if in_place {
            self.root.open_rw(&sink.upload.path(DATA)).map_err(upload_gone)?
        } else {
            let name = format!("part-{number:05}.{}", Uuid::new_v4().simple());
            self.space.check(0)?;
            let file = self.root.create_new(&sink.upload.path(&name)).map_err(upload_gone)?;
            sink.side_file = Some(name);
            file
        };
        sink.file = Some(DurableFile::new(file, Arc::clone(&self.space)));
        Ok(sink)
    }
}

/// Writes one part. Dropping it releases the claim on its offset and removes a side file that was
/// not recorded.
struct PartSink {
    store: FsStore,
    upload: Arc<ActiveUpload>,
    number: u32,
    size: u64,
    hashes: Option<Hashes>,
    file: Option<DurableFile>,
    /// The name of the side file of a part that is sent again.
    side_file: Option<String>,
    in_place: bool,
    generation: u64,
}

impl Sink for PartSink {
    fn write(&mut self, chunks: &[Bytes]) -> Result<()> {
        let start = if self.side_file.is_some() { 0 } else { self.upload.offset(self.number) };
        let file = self.file.as_mut().ok_or_else(already_finished)?;
        for chunk in chunks {
            self.upload.fence.write_if_open(self.generation, || file.write_at(chunk, start + self.size))?;
            if let Some(hashes) = &mut self.hashes {
                hashes.update(chunk);
            }
            self.size += chunk.len() as u64;
        }
        Ok(())
    }
}

impl PartSink {
    /// Makes the part durable and records it in the journal. The response must not be sent earlier.
    fn acknowledge(mut self) -> Result<Part> {
        let md5 = hex::encode(self.hashes.take().ok_or_else(already_finished)?.finish()?);
        self.file.take().ok_or_else(already_finished)?.sync()?;
        if self.side_file.is_some() {
            self.store.root.sync_dir(&self.upload.folder)?;
        }
        let (number, size, side_file) = (self.number, self.size, self.side_file.clone());
        let record = PartRecord { number, size, md5: md5.clone(), side_file, dropped: false };
        let upload = Arc::clone(&self.upload);
        let replaced = upload.fence.write_if_open(self.generation, || {
            let mut state = upload.state();
            journal::append(&mut state.journal, &record)?;
            Ok(state.parts.insert(self.number, record))
        })?;
        // The journal refers to the bytes now, so dropping the sink must not free them.
        self.side_file = None;
        if std::mem::take(&mut self.in_place) {
            upload.state().writing_in_place.remove(&number);
        }
        if let Some(PartRecord { side_file: Some(older), .. }) = replaced {
            self.store.root.unlink(&self.upload.path(&older))?;
        }
        Ok(Part { number: self.number, etag: md5, size: self.size })
    }
}

/// Returns the error for a sink that is used after its part was acknowledged.
fn already_finished() -> Error {
    Error::Unavailable(io::Error::other("the writer of a part was used after its end"))
}

/// Maps a missing file to [`Error::NoSuchUpload`]: the upload was completed or aborted in the
/// meantime.
fn upload_gone(error: Error) -> Error {
    match error {
        Error::NotFound => Error::NoSuchUpload,
        other => other,
    }
}

impl Drop for PartSink {
    fn drop(&mut self) {
        let side_file = self.side_file.take();
        let is_claimed = std::mem::take(&mut self.in_place);
        if !is_claimed && side_file.is_none() {
            return;
        }
        // Closed first: an unlinked file takes space until then.
        self.file = None;
        let (store, upload, number) = (self.store.clone(), Arc::clone(&self.upload), self.number);
        let free = move || {
            if let Some(name) = side_file
                && let Err(error) = store.root.unlink(&upload.path(&name))
            {
                tracing::warn!(%error, "the side file of a failed part can't be removed; it is removed with its upload");
            }
            if is_claimed {
                if let Err(error) = upload.free_offset(number) {
                    tracing::warn!(%error, "the space of a failed part can't be freed before its upload ends");
                }
                // Released last, so that nobody writes to the offset while it is freed.
                upload.state().writing_in_place.remove(&number);
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(free)),
            Err(_) => free(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::Endpoint;
    use crate::{Attributes, Completion, Deletion, Presigner};

    const PART: u64 = 5 << 20;

    fn write(store: &FsStore, upload: &UploadRef, number: u32, byte: u8, size: u64) -> PartSink {
        let mut sink = store.part_sink(upload, number, Checks::none()).unwrap();
        sink.write(&[Bytes::from(vec![byte; usize::try_from(size).unwrap()])]).unwrap();
        sink
    }

    /// A stalled writer claims the offset of a part. The part is sent again and acknowledged, and a
    /// completion that then fails copies it to the offset. The end of the stalled writer frees
    /// nothing there.
    #[test]
    fn a_failed_writer_does_not_free_a_part_that_was_copied_to_its_offset() {
        // Outside of a runtime a dropped sink frees its space before `drop` returns.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let endpoint = Endpoint { url: "http://127.0.0.1:9".into(), region: "local".into(), bucket: None };
        let store = FsStore::open(folder.path(), Presigner::new(endpoint, "access", "secret")).unwrap();
        let upload_id = store.create_upload("a/b", PART, Attributes::default()).unwrap();
        let upload = UploadRef { key: "a/b".into(), upload_id };
        let stalled = write(&store, &upload, 2, 9, 1_234_567);
        let one = write(&store, &upload, 1, 1, PART).acknowledge().unwrap();
        let two = write(&store, &upload, 2, 2, PART).acknowledge().unwrap();
        let parts = [one, two].map(|part| (part.number, part.etag)).to_vec();
        let completion = Completion { parts, part_size: PART, size: None, max_size: u64::MAX };
        let complete = || runtime.block_on(store.complete_upload(upload.clone(), completion.clone()));

        let other: ByteStream = Box::pin(futures::stream::iter([Ok(Bytes::from_static(b"in the way"))]));
        runtime.block_on(store.write_checked("a/b", other, Attributes::default(), 100, Checks::none())).unwrap();
        assert!(matches!(complete(), Err(Error::AlreadyExists)));
        let copied = |active: Arc<ActiveUpload>| active.state().parts[&2].side_file.is_none();
        assert!(copied(store.active_upload(&upload).unwrap()), "the failed completion has not copied the part");
        runtime.block_on(crate::Store::delete(&store, "a/b", Deletion::Purge)).unwrap();

        drop(stalled);
        complete().unwrap();
        let expected = [vec![1; 5 << 20], vec![2; 5 << 20]].concat();
        assert!(std::fs::read(folder.path().join("a/b")).unwrap() == expected, "an acknowledged part was overwritten");
    }
}

//! Stores drafts in a bucket. Each fragment is an object of its own, because an S3 object can't be
//! appended to. Joining copies inside S3 where the fragments are large enough for parts.

use futures::{StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::S3Store;
use super::writing::CopyOptions;
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Deletion, Fragment, MIN_PART_SIZE, Stat, Store as _, UploadRef, key};

/// The number of fragments that are listed at once when a draft is discarded.
const DISCARD_PAGE: usize = 1000;

impl S3Store {
    /// Writes a fragment as an object below the draft's folder.
    pub(super) async fn write_to_draft(
        &self,
        draft: &str,
        number: u32,
        body: ByteStream,
        attributes: &Attributes,
    ) -> Result<Fragment> {
        let place = format!("{draft}/part_{number:06}.{}", Uuid::new_v4().simple());
        let stat = self.write(&place, body, attributes.clone()).await?;
        Ok(Fragment { place, offset: 0, size: stat.size })
    }

    /// Removes all fragments of a draft. Idempotent.
    pub(super) async fn discard_draft(&self, draft: &str) -> Result<()> {
        key::check(draft)?;
        loop {
            let found = self.list(&format!("{draft}/"), None, DISCARD_PAGE).await?;
            if found.is_empty() {
                return Ok(());
            }
            for blob in found {
                self.delete(&blob.key, Deletion::Purge).await?;
            }
        }
    }

    /// Joins fragments into the object at `to`: by copying inside S3 if every fragment but the last
    /// is large enough for a part, otherwise by reading and writing them.
    pub(super) async fn join_fragments(
        &self,
        fragments: &[Fragment],
        to: &str,
        attributes: &Attributes,
    ) -> Result<Stat> {
        if let [one] = fragments {
            let stat = self.head(&one.place).await?;
            if self.find(to).await?.is_some() {
                return Err(Error::AlreadyExists);
            }
            self.copy(&one.place, to, &stat, CopyOptions::default()).await?;
            return self.head(to).await;
        }
        let copyable = |fragment: &Fragment| (MIN_PART_SIZE..=self.max_copy).contains(&fragment.size);
        let all_copyable = (2..=10_000).contains(&fragments.len()) && fragments.iter().rev().skip(1).all(copyable);
        if !all_copyable || fragments.last().is_none_or(|last| last.size == 0 || last.size > self.max_copy) {
            let places = fragments.iter().map(|fragment| fragment.place.clone()).collect();
            return self.write_stream(to, self.concatenate(places), attributes).await.map_err(|error| match error {
                Error::Incomplete(error) if is_not_found(&error) => Error::NotFound,
                other => other,
            });
        }
        if self.find(to).await?.is_some() {
            return Err(Error::AlreadyExists);
        }
        let upload = UploadRef { key: to.to_owned(), upload_id: self.create_upload(to, attributes).await? };
        match self.copy_fragments(&upload, fragments).await {
            Ok(()) => self.head(to).await,
            Err(error) => {
                self.abort_failed(&upload).await;
                Err(error)
            }
        }
    }

    /// Copies fragments as the parts of an upload and completes it.
    async fn copy_fragments(&self, upload: &UploadRef, fragments: &[Fragment]) -> Result<()> {
        let mut done = Vec::with_capacity(fragments.len());
        for (number, fragment) in (1..).zip(fragments) {
            done.push(if fragment.size < MIN_PART_SIZE {
                // Only the last fragment can be this short. Not every server copies ranges below
                // the part size.
                let body = self.read(&fragment.place, None).await?.1;
                let bytes = body.try_collect::<Vec<_>>().await.map_err(Error::Incomplete)?;
                self.upload_part(upload, number, bytes.concat().into()).await?
            } else {
                self.copy_part(upload, number, &self.source(&fragment.place), None, 0..fragment.size).await?
            });
        }
        self.complete_parts(upload, done, false).await
    }

    /// Returns the bytes of objects, one after the other.
    fn concatenate(&self, places: Vec<String>) -> ByteStream {
        let store = self.clone();
        let bodies = futures::stream::iter(places).then(move |place| {
            let store = store.clone();
            async move { store.read(&place, None).await.map(|(_, body)| body).map_err(std::io::Error::other) }
        });
        Box::pin(bodies.try_flatten())
    }
}

/// Returns whether a stream of [`S3Store::concatenate`] failed because an object does not exist.
fn is_not_found(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .is_some_and(|inner| matches!(inner, Error::NotFound))
}

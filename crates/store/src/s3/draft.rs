//! Drafts in a bucket: each fragment is a blob of its own, since nothing there can be written to twice.

use futures::{StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::S3Store;
use super::writing::Copying;
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Deletion, Fragment, MIN_PART_SIZE, Stat, Store as _, UploadRef, key};

/// Blobs of a draft discarded in one listing.
const DISCARDED: usize = 1000;

impl S3Store {
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

    pub(super) async fn discard_draft(&self, draft: &str) -> Result<()> {
        key::check(draft)?;
        loop {
            let found = self.list(&format!("{draft}/"), None, DISCARDED).await?;
            if found.is_empty() {
                return Ok(());
            }
            for blob in found {
                self.delete(&blob.key, Deletion::Purge).await?;
            }
        }
    }

    /// Makes one blob of several: by copies inside the bucket where they are long enough for that, else by reading them.
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
            self.copy(&one.place, to, &stat, Copying::default()).await?;
            return self.head(to).await;
        }
        let copied = |fragment: &Fragment| (MIN_PART_SIZE..=self.max_copy).contains(&fragment.size);
        let inside = (2..=10_000).contains(&fragments.len()) && fragments.iter().rev().skip(1).all(copied);
        if !inside || fragments.last().is_none_or(|last| last.size == 0 || last.size > self.max_copy) {
            let places = fragments.iter().map(|fragment| fragment.place.clone()).collect();
            return self.write_stream(to, self.one_after_the_other(places), attributes).await.map_err(
                |error| match error {
                    Error::Incomplete(error) if is_gone(&error) => Error::NotFound,
                    other => other,
                },
            );
        }
        if self.find(to).await?.is_some() {
            return Err(Error::AlreadyExists);
        }
        let upload = UploadRef { key: to.to_owned(), upload_id: self.create_upload(to, attributes).await? };
        match self.copy_fragments(&upload, fragments).await {
            Ok(()) => self.head(to).await,
            Err(error) => {
                self.give_up(&upload).await;
                Err(error)
            }
        }
    }

    async fn copy_fragments(&self, upload: &UploadRef, fragments: &[Fragment]) -> Result<()> {
        let mut done = Vec::with_capacity(fragments.len());
        for (number, fragment) in (1..).zip(fragments) {
            done.push(if fragment.size < MIN_PART_SIZE {
                // Only the last. Not every server copies what is short.
                let body = self.read(&fragment.place, None).await?.1;
                let bytes = body.try_collect::<Vec<_>>().await.map_err(Error::Incomplete)?;
                self.send_part(upload, number, bytes.concat().into()).await?
            } else {
                self.copy_part(upload, number, &self.source(&fragment.place), None, 0..fragment.size).await?
            });
        }
        self.publish(upload, done, false).await
    }

    fn one_after_the_other(&self, places: Vec<String>) -> ByteStream {
        let store = self.clone();
        let bodies = futures::stream::iter(places).then(move |place| {
            let store = store.clone();
            async move { store.read(&place, None).await.map(|(_, body)| body).map_err(std::io::Error::other) }
        });
        Box::pin(bodies.try_flatten())
    }
}

/// Whether a stream of ours ended since what it read was not there.
fn is_gone(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .is_some_and(|inner| matches!(inner, Error::NotFound))
}

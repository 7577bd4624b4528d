//! Our own writes: streams of any length, copies of any size, and blobs joined.

use std::ops::Range;

use aws_sdk_s3::primitives::ByteStream as Sent;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MetadataDirective};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::S3Store;
use super::error::{Trouble as _, unavailable};
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Stat, UploadRef};

/// What is held in memory of a stream: a part. It doubles now and then, so that 10,000 parts hold 600 GiB and none is
/// over 128 MiB.
const PART: usize = 8 << 20;
const DOUBLED_EVERY: i32 = 2000;
const COPY_PART: u64 = 1 << 30;

const SOURCE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// How a blob is copied.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Copying<'a> {
    /// Whether it may take the place of what is there.
    pub(super) replace: bool,
    /// What the copy carries, where that is not what the blob does.
    pub(super) carrying: Option<&'a Attributes>,
}

impl S3Store {
    /// Writes a stream: in one request if it is short, else in parts. Nothing is visible before it is whole.
    pub(super) async fn write_stream(&self, key: &str, mut body: ByteStream, attributes: &Attributes) -> Result<Stat> {
        if self.find(key).await?.is_some() {
            return Err(Error::AlreadyExists);
        }
        let mut rest = Bytes::new();
        let first = next_part(&mut body, &mut rest, PART).await?;
        if first.len() < PART {
            self.put(key, first, attributes).await?;
            return self.head(key).await;
        }
        let upload = UploadRef { key: key.to_owned(), upload_id: self.create_upload(key, attributes).await? };
        match self.write_parts(&upload, first, body, rest).await {
            Ok(()) => self.head(key).await,
            Err(error) => {
                self.give_up(&upload).await;
                Err(error)
            }
        }
    }

    /// What stays of it is swept.
    pub(super) async fn give_up(&self, upload: &UploadRef) {
        if let Err(left) = self.abort_upload(upload).await {
            tracing::warn!(%left, "the parts of a write that failed are left to the sweep");
        }
    }

    pub(super) fn source(&self, key: &str) -> String {
        format!("{}/{}", self.bucket, utf8_percent_encode(key, SOURCE))
    }

    pub(super) async fn copy_part(
        &self,
        upload: &UploadRef,
        number: i32,
        source: &str,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<CompletedPart> {
        let copied = self
            .client
            .upload_part_copy()
            .bucket(&*self.bucket)
            .key(&upload.key)
            .upload_id(&upload.upload_id)
            .part_number(number)
            .copy_source(source)
            .set_copy_source_if_match(etag.map(str::to_owned))
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1))
            .customize()
            .config_override(self.patiently())
            .send()
            .await
            .or_trouble()
            // The only condition is on the source.
            .map_err(|error| if matches!(error, Error::AlreadyExists) { Error::Changed } else { error })?;
        let etag = copied.copy_part_result().and_then(|result| result.e_tag());
        let etag = etag.ok_or_else(|| unavailable("a copied part without an ETag"))?;
        Ok(CompletedPart::builder().part_number(number).e_tag(etag).build())
    }

    async fn put(&self, key: &str, bytes: Bytes, attributes: &Attributes) -> Result<()> {
        let (encryption, kms_key) = self.encryption();
        self.client
            .put_object()
            .bucket(&*self.bucket)
            .key(key)
            .content_type(&attributes.content_type)
            .set_cache_control(attributes.cache_control.clone())
            .set_content_disposition(attributes.content_disposition.clone())
            .set_metadata(Some(attributes.metadata.clone().into_iter().collect()))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .if_none_match("*")
            .body(Sent::from(bytes))
            .customize()
            .config_override(self.patiently())
            .send()
            .await
            .or_trouble()
            .map(drop)
    }

    async fn write_parts(&self, upload: &UploadRef, first: Bytes, mut body: ByteStream, mut rest: Bytes) -> Result<()> {
        let (mut done, mut part) = (Vec::new(), first);
        for number in 1..=10_000 {
            done.push(self.send_part(upload, number, part).await?);
            part = next_part(&mut body, &mut rest, PART << (number / DOUBLED_EVERY)).await?;
            if part.is_empty() {
                return self.publish(upload, done, false).await;
            }
        }
        Err(Error::TooLarge { limit: (0..10_000).map(|number| (PART << (number / DOUBLED_EVERY)) as u64).sum() })
    }

    pub(super) async fn send_part(&self, upload: &UploadRef, number: i32, bytes: Bytes) -> Result<CompletedPart> {
        let sent = self
            .client
            .upload_part()
            .bucket(&*self.bucket)
            .key(&upload.key)
            .upload_id(&upload.upload_id)
            .part_number(number)
            .body(Sent::from(bytes))
            .customize()
            .config_override(self.patiently())
            .send()
            .await
            .or_trouble()?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }

    pub(super) async fn publish(&self, upload: &UploadRef, parts: Vec<CompletedPart>, replace: bool) -> Result<()> {
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.client
            .complete_multipart_upload()
            .bucket(&*self.bucket)
            .key(&upload.key)
            .upload_id(&upload.upload_id)
            .multipart_upload(whole)
            .set_if_none_match((!replace).then(|| "*".to_owned()))
            .customize()
            .config_override(self.patiently())
            .send()
            .await
            .or_trouble()
            .map(drop)
    }

    /// Copies a blob that is as `stat` says.
    pub(super) async fn copy(&self, from: &str, to: &str, stat: &Stat, how: Copying<'_>) -> Result<()> {
        let Copying { replace, carrying } = how;
        let source = self.source(from);
        let (encryption, kms_key) = self.encryption();
        if stat.size <= self.max_copy {
            let copied = self
                .client
                .copy_object()
                .bucket(&*self.bucket)
                .key(to)
                .copy_source(source)
                .copy_source_if_match(&stat.etag)
                .set_server_side_encryption(encryption)
                .set_ssekms_key_id(kms_key)
                .set_if_none_match((!replace).then(|| "*".to_owned()));
            let copied = match carrying {
                None => copied.metadata_directive(MetadataDirective::Copy),
                Some(attributes) => copied
                    .metadata_directive(MetadataDirective::Replace)
                    .content_type(&attributes.content_type)
                    .set_cache_control(attributes.cache_control.clone())
                    .set_content_disposition(attributes.content_disposition.clone())
                    .set_metadata(Some(attributes.metadata.clone().into_iter().collect())),
            };
            let copied = copied.customize().config_override(self.patiently()).send().await.or_trouble();
            return match copied {
                // An earlier try of ours, whose answer was lost, or a blob that is another.
                Err(Error::AlreadyExists) => match self.find(to).await? {
                    Some(there) if !replace && there.etag == stat.etag && there.size == stat.size => Ok(()),
                    Some(_) if !replace => Err(Error::AlreadyExists),
                    // It is the source that is no longer as it was.
                    _ => Err(Error::Changed),
                },
                other => other.map(drop),
            };
        }
        let upload = UploadRef {
            key: to.to_owned(),
            upload_id: self.create_upload(to, carrying.unwrap_or(&stat.attributes)).await?,
        };
        let outcome = self.copy_parts(&upload, &source, stat, replace).await;
        if outcome.is_err() {
            self.give_up(&upload).await;
        }
        outcome
    }

    async fn copy_parts(&self, upload: &UploadRef, source: &str, stat: &Stat, replace: bool) -> Result<()> {
        let part_size = COPY_PART.min(self.max_copy).max(stat.size.div_ceil(10_000));
        let mut done = Vec::new();
        let (mut start, mut number) = (0, 1);
        while start < stat.size {
            let end = stat.size.min(start + part_size);
            done.push(self.copy_part(upload, number, source, Some(&stat.etag), start..end).await?);
            (start, number) = (end, number + 1);
        }
        self.publish(upload, done, replace).await
    }
}

/// Up to `size` bytes of a body; fewer only at its end. `rest` is what was read beyond the part before.
async fn next_part(body: &mut ByteStream, rest: &mut Bytes, size: usize) -> Result<Bytes> {
    let mut part = BytesMut::new();
    loop {
        let fits = rest.len().min(size - part.len());
        part.extend_from_slice(&rest.split_to(fits));
        if part.len() == size {
            return Ok(part.freeze());
        }
        match body.try_next().await.map_err(Error::Incomplete)? {
            Some(chunk) => *rest = chunk,
            None => return Ok(part.freeze()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_are_full_but_for_the_last() {
        let chunks = [3usize, 0, 10, 1, 6].map(|length| Ok(Bytes::from(vec![b'x'; length])));
        let mut body: ByteStream = Box::pin(futures::stream::iter(chunks));
        let (mut rest, mut sizes) = (Bytes::new(), Vec::new());
        loop {
            let part = next_part(&mut body, &mut rest, 8).await.unwrap();
            sizes.push(part.len());
            if part.len() < 8 {
                break;
            }
        }
        assert_eq!(sizes, [8, 8, 4]);
    }
}

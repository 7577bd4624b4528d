//! Writes objects from the server itself: streams of any length and copies of any size. An object
//! becomes visible only when it is complete. Clients' uploads do not pass through here; see
//! `multipart`.

use std::ops::Range;

use aws_sdk_s3::primitives::ByteStream as Sent;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MetadataDirective, StorageClass};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::S3Store;
use super::error::{SdkResultExt as _, unavailable};
use crate::error::{Error, Result};
use crate::{Attributes, ByteStream, Stat, UploadRef};

/// The memory in bytes that writing a stream to a bucket needs, unless it is very long: the size of
/// its first part. The size doubles every [`DOUBLE_EVERY`] parts, so that 10,000 parts hold 600 GiB
/// and no part exceeds 128 MiB.
pub const STREAM_BUFFER: usize = 8 << 20;
/// The number of parts after which the part size doubles.
const DOUBLE_EVERY: i32 = 2000;
/// The size of a copied part, in bytes.
const COPY_PART_SIZE: u64 = 1 << 30;

/// The characters that are percent-encoded in `x-amz-copy-source`.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Options of a copy.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CopyOptions<'a> {
    /// Whether the copy may overwrite an existing object.
    pub(super) replace: bool,
    /// The attributes of the copy; `None` keeps those of the source.
    pub(super) attributes: Option<&'a Attributes>,
}

impl S3Store {
    /// Writes a stream: in one request if it fits into one part, otherwise as a multipart upload.
    /// Nothing is visible before the body is complete.
    pub(super) async fn write_stream(&self, key: &str, mut body: ByteStream, attributes: &Attributes) -> Result<Stat> {
        if self.find(key).await?.is_some() {
            return Err(Error::AlreadyExists);
        }
        let mut rest = Bytes::new();
        let first = next_part(&mut body, &mut rest, STREAM_BUFFER).await?;
        if first.len() < STREAM_BUFFER {
            self.put(key, first, attributes).await?;
            return self.head(key).await;
        }
        let upload = UploadRef { key: key.to_owned(), upload_id: self.create_upload(key, attributes).await? };
        match self.write_parts(&upload, first, body, rest).await {
            Ok(()) => self.head(key).await,
            Err(error) => {
                self.abort_failed(&upload).await;
                Err(error)
            }
        }
    }

    /// Aborts the upload of a failed write. The sweep removes parts that this could not remove.
    pub(super) async fn abort_failed(&self, upload: &UploadRef) {
        if let Err(error) = self.abort_upload(upload).await {
            tracing::warn!(%error, "the upload of a failed write can't be aborted; the sweep removes its parts");
        }
    }

    /// Returns the value of `x-amz-copy-source` for a key.
    pub(super) fn source(&self, key: &str) -> String {
        format!("{}/{}", self.bucket, utf8_percent_encode(key, COPY_SOURCE))
    }

    /// Copies a range of an object as a part of an upload. Fails with [`Error::Changed`] if the
    /// source no longer has the ETag.
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
            .config_override(self.with_transfer_timeout())
            .send()
            .await
            .or_store_error()
            // The only condition of the request is on the source.
            .map_err(|error| if matches!(error, Error::AlreadyExists) { Error::Changed } else { error })?;
        let etag = copied.copy_part_result().and_then(|result| result.e_tag());
        let etag = etag.ok_or_else(|| unavailable("a copied part without an ETag"))?;
        Ok(CompletedPart::builder().part_number(number).e_tag(etag).build())
    }

    /// Writes an object in one request. Fails with [`Error::AlreadyExists`] if the key exists.
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
            .config_override(self.with_transfer_timeout())
            .send()
            .await
            .or_store_error()
            .map(drop)
    }

    /// Writes the rest of a stream as parts and completes the upload.
    async fn write_parts(&self, upload: &UploadRef, first: Bytes, mut body: ByteStream, mut rest: Bytes) -> Result<()> {
        let (mut done, mut part) = (Vec::new(), first);
        for number in 1..=10_000 {
            done.push(self.upload_part(upload, number, part).await?);
            part = next_part(&mut body, &mut rest, STREAM_BUFFER << (number / DOUBLE_EVERY)).await?;
            if part.is_empty() {
                return self.complete_parts(upload, done, false).await;
            }
        }
        Err(Error::TooLarge {
            limit: (0..10_000).map(|number| (STREAM_BUFFER << (number / DOUBLE_EVERY)) as u64).sum(),
        })
    }

    /// Uploads a part from memory.
    pub(super) async fn upload_part(&self, upload: &UploadRef, number: i32, bytes: Bytes) -> Result<CompletedPart> {
        let sent = self
            .client
            .upload_part()
            .bucket(&*self.bucket)
            .key(&upload.key)
            .upload_id(&upload.upload_id)
            .part_number(number)
            .body(Sent::from(bytes))
            .customize()
            .config_override(self.with_transfer_timeout())
            .send()
            .await
            .or_store_error()?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }

    /// Completes an upload. Fails with [`Error::AlreadyExists`] if the key exists, unless `replace`
    /// is set.
    pub(super) async fn complete_parts(
        &self,
        upload: &UploadRef,
        parts: Vec<CompletedPart>,
        replace: bool,
    ) -> Result<()> {
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.client
            .complete_multipart_upload()
            .bucket(&*self.bucket)
            .key(&upload.key)
            .upload_id(&upload.upload_id)
            .multipart_upload(whole)
            .set_if_none_match((!replace).then(|| "*".to_owned()))
            .customize()
            .config_override(self.with_transfer_timeout())
            .send()
            .await
            .or_store_error()
            .map(drop)
    }

    /// Copies the object with the properties `stat`. Fails with [`Error::Changed`] if the source
    /// was replaced.
    pub(super) async fn copy(&self, from: &str, to: &str, stat: &Stat, options: CopyOptions<'_>) -> Result<()> {
        let CopyOptions { replace, attributes } = options;
        // Asked before the copy: some servers copy what they do not let anybody read.
        if !stat.archive.is_readable() {
            return Err(Error::Archived(stat.archive));
        }
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
                // As S3 has it: some servers give a copy the class of its source, which may be an archive.
                .storage_class(StorageClass::Standard)
                .set_server_side_encryption(encryption)
                .set_ssekms_key_id(kms_key)
                .set_if_none_match((!replace).then(|| "*".to_owned()));
            let copied = match attributes {
                None => copied.metadata_directive(MetadataDirective::Copy),
                Some(attributes) => copied
                    .metadata_directive(MetadataDirective::Replace)
                    .content_type(&attributes.content_type)
                    .set_cache_control(attributes.cache_control.clone())
                    .set_content_disposition(attributes.content_disposition.clone())
                    .set_metadata(Some(attributes.metadata.clone().into_iter().collect())),
            };
            let copied = copied.customize().config_override(self.with_transfer_timeout()).send().await.or_store_error();
            return match copied {
                // Either an earlier attempt whose response was lost made this copy, or the key has
                // another object.
                Err(Error::AlreadyExists) => match self.find(to).await? {
                    Some(there) if !replace && there.etag == stat.etag && there.size == stat.size => Ok(()),
                    Some(_) if !replace => Err(Error::AlreadyExists),
                    // The condition on the source failed.
                    _ => Err(Error::Changed),
                },
                other => other.map(drop),
            };
        }
        let upload = UploadRef {
            key: to.to_owned(),
            upload_id: self.create_upload(to, attributes.unwrap_or(&stat.attributes)).await?,
        };
        let outcome = self.copy_parts(&upload, &source, stat, replace).await;
        if outcome.is_err() {
            self.abort_failed(&upload).await;
        }
        outcome
    }

    /// Copies an object in parts.
    async fn copy_parts(&self, upload: &UploadRef, source: &str, stat: &Stat, replace: bool) -> Result<()> {
        let part_size = COPY_PART_SIZE.min(self.max_copy).max(stat.size.div_ceil(10_000));
        let mut done = Vec::new();
        let (mut start, mut number) = (0, 1);
        while start < stat.size {
            let end = stat.size.min(start + part_size);
            done.push(self.copy_part(upload, number, source, Some(&stat.etag), start..end).await?);
            (start, number) = (end, number + 1);
        }
        self.complete_parts(upload, done, replace).await
    }
}

/// Returns the next `size` bytes of a body; fewer only at its end. `rest` holds the bytes that were
/// read beyond the previous part.
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
    async fn all_parts_but_the_last_are_full() {
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

//! Begins, completes, aborts and lists multipart uploads of a bucket. Clients upload the parts
//! themselves with presigned requests; the store's own writes are in `writing`.

use std::time::SystemTime;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::S3Store;
use super::error::SdkResultExt as _;
use super::response::{etag, length, time, unquoted};
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::{Attributes, OpenUpload, Part, Stat, UploadRef, key};

/// How often an abort is tried. An abort can miss a part that is being uploaded (S3,
/// `AbortMultipartUpload`).
const MAX_ABORT_ATTEMPTS: usize = 4;

impl S3Store {
    /// Starts an upload and returns its id.
    pub(super) async fn create_upload(&self, key: &str, attributes: &Attributes) -> Result<String> {
        let (encryption, kms_key) = self.encryption();
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&*self.bucket)
            .key(key)
            .content_type(&attributes.content_type)
            .set_cache_control(attributes.cache_control.clone())
            .set_content_disposition(attributes.content_disposition.clone())
            .set_metadata(Some(attributes.metadata.clone().into_iter().collect()))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .send()
            .await
            .or_store_error()
            .map_err(|error| match error {
                // A missing bucket has its own code; any other 404 does not come from an S3 server.
                Error::NotFound => Error::Refused("404 in response to CreateMultipartUpload".into()),
                other => other,
            })?;
        let id = begun.upload_id().filter(|id| !id.is_empty());
        id.map(str::to_owned).ok_or_else(|| super::unavailable("an upload without an id"))
    }

    /// Returns the stored parts of an upload, sorted by number.
    pub(super) async fn parts(&self, upload: &UploadRef) -> Result<Vec<Part>> {
        key::check(&upload.key).map_err(|_| Error::NoSuchUpload)?;
        let (mut parts, mut marker) = (Vec::new(), None);
        loop {
            let request = self.client.list_parts().bucket(&*self.bucket).key(&upload.key).upload_id(&upload.upload_id);
            let page = request.set_part_number_marker(marker).send().await.or_store_error();
            let page = page.map_err(|error| match error {
                Error::NotFound => Error::NoSuchUpload,
                other => other,
            })?;
            for part in page.parts() {
                let number = part.part_number().and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
                parts.push(Part { number, etag: etag(part.e_tag())?, size: length(part.size())? });
            }
            marker = page.next_part_number_marker().map(str::to_owned);
            if page.is_truncated() != Some(true) || marker.is_none() {
                parts.sort_unstable_by_key(|part| part.number);
                return Ok(parts);
            }
        }
    }

    /// Completes an upload. A repeated call returns the same result.
    pub(super) async fn complete_upload(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        let stored = match self.parts(upload).await {
            Err(Error::NoSuchUpload) => return self.find_completed(upload, completion).await,
            other => other?,
        };
        if let Err(error) = completion.check(&stored) {
            // An upload that another server is completing can still be listed, but without its
            // parts.
            return match self.find_completed(upload, completion).await {
                Err(Error::NoSuchUpload) => Err(error),
                other => other,
            };
        }
        let mut parts: Vec<_> = completion.parts.iter().collect();
        parts.sort();
        let named = parts.into_iter().map(|(number, etag)| {
            let number = i32::try_from(*number).unwrap_or(i32::MAX);
            CompletedPart::builder().part_number(number).e_tag(etag).build()
        });
        let whole = CompletedMultipartUpload::builder().set_parts(Some(named.collect())).build();
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&*self.bucket)
            .key(&upload.key)
            .upload_id(&upload.upload_id)
            .multipart_upload(whole)
            .if_none_match("*")
            .customize()
            .config_override(self.with_transfer_timeout())
            .send()
            .await
            .or_store_error();
        match completed {
            Ok(_) => self.head(&upload.key).await,
            // An earlier request whose response was lost, or another server, completed the upload.
            Err(Error::NoSuchUpload | Error::NotFound | Error::AlreadyExists) => {
                self.find_completed(upload, completion).await
            }
            // A part was sent again after the parts were listed.
            Err(Error::Refused(code)) if code.starts_with("InvalidPart") => {
                completion.check(&self.parts(upload).await?)?;
                Err(Error::Refused(code))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the object of an upload that was completed before with the same parts. With KMS
    /// encryption the ETag is not made of the parts' MD5s, and only the number of parts is
    /// compared; that is enough, because each key is used by one upload only.
    async fn find_completed(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        let (stat, opaque) = match self.head_with_encryption(&upload.key).await {
            Err(Error::NotFound) => return Err(Error::NoSuchUpload),
            other => other?,
        };
        let count = format!("-{}", completion.parts.len());
        let same = completion.etag().as_deref() == Some(unquoted(&stat.etag));
        if same || (opaque && stat.etag.ends_with(&count)) { Ok(stat) } else { Err(Error::CompletedDifferently) }
    }

    /// Aborts an upload and checks that its parts are gone. Idempotent.
    pub(super) async fn abort_upload(&self, upload: &UploadRef) -> Result<()> {
        for _ in 0..MAX_ABORT_ATTEMPTS {
            let request = self.client.abort_multipart_upload().bucket(&*self.bucket);
            match request.key(&upload.key).upload_id(&upload.upload_id).send().await.or_store_error() {
                Ok(_) | Err(Error::NoSuchUpload | Error::NotFound) => {}
                Err(error) => return Err(error),
            }
            match self.parts(upload).await {
                Err(Error::NoSuchUpload) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Err(super::unavailable("parts of an upload that was aborted several times"))
    }

    /// Lists the open uploads below `prefix` that were begun before `before`.
    pub(super) async fn open_uploads(&self, prefix: &str, before: SystemTime) -> Result<Vec<OpenUpload>> {
        let (mut found, mut key_marker, mut id_marker) = (Vec::new(), None, None);
        loop {
            let request = self.client.list_multipart_uploads().bucket(&*self.bucket).prefix(prefix);
            let request = request.set_key_marker(key_marker).set_upload_id_marker(id_marker);
            let page = request.send().await.or_store_error()?;
            for open in page.uploads() {
                let begun = time(open.initiated())?;
                if begun < before
                    && let (Some(key), Some(upload_id)) = (open.key(), open.upload_id())
                {
                    found
                        .push(OpenUpload { upload: UploadRef { key: key.into(), upload_id: upload_id.into() }, begun });
                }
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            id_marker = page.next_upload_id_marker().map(str::to_owned);
            if page.is_truncated() != Some(true) || key_marker.is_none() {
                return Ok(found);
            }
        }
    }
}

//! Uploads in parts, as S3 keeps them.

use std::time::SystemTime;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use super::S3Store;
use super::answers::{etag, length, time, unquoted};
use super::error::Trouble as _;
use crate::completion::Completion;
use crate::error::{Error, Result};
use crate::{Attributes, OpenUpload, Part, Stat, UploadRef, key};

/// An abort may pass a part that is on its way; so often is it repeated.
const ABORTS: usize = 4;

impl S3Store {
    /// Has S3 create an upload in parts. Returns its id.
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
            .or_trouble()
            .map_err(|error| match error {
                // What is begun need not be there: whoever says so is no S3.
                Error::NotFound => Error::Refused("404 to the begin of an upload".into()),
                other => other,
            })?;
        let id = begun.upload_id().filter(|id| !id.is_empty());
        id.map(str::to_owned).ok_or_else(|| super::unavailable("an upload without an id"))
    }

    pub(super) async fn parts(&self, upload: &UploadRef) -> Result<Vec<Part>> {
        key::check(&upload.key).map_err(|_| Error::NoSuchUpload)?;
        let (mut parts, mut marker) = (Vec::new(), None);
        loop {
            let request = self.client.list_parts().bucket(&*self.bucket).key(&upload.key).upload_id(&upload.upload_id);
            let page = request.set_part_number_marker(marker).send().await.or_trouble();
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

    pub(super) async fn complete_upload(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        let stored = match self.parts(upload).await {
            Err(Error::NoSuchUpload) => return self.completed_before(upload, completion).await,
            other => other?,
        };
        if let Err(error) = completion.check(&stored) {
            // An upload that another server completes at this moment may still be listed, but without its parts.
            return match self.completed_before(upload, completion).await {
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
            .config_override(self.patiently())
            .send()
            .await
            .or_trouble();
        match completed {
            Ok(_) => self.head(&upload.key).await,
            // Our own earlier request, whose answer was lost, or another server's.
            Err(Error::NoSuchUpload | Error::NotFound | Error::AlreadyExists) => {
                self.completed_before(upload, completion).await
            }
            // A part was sent again since they were listed.
            Err(Error::Refused(code)) if code.starts_with("InvalidPart") => {
                completion.check(&self.parts(upload).await?)?;
                Err(Error::Refused(code))
            }
            Err(error) => Err(error),
        }
    }

    /// The blob, if it is what this completion makes. Where encryption hides the parts' MD5s, their number must do: a
    /// key takes one upload only.
    async fn completed_before(&self, upload: &UploadRef, completion: &Completion) -> Result<Stat> {
        let (stat, opaque) = match self.look(&upload.key).await {
            Err(Error::NotFound) => return Err(Error::NoSuchUpload),
            other => other?,
        };
        let count = format!("-{}", completion.parts.len());
        let same = completion.etag().as_deref() == Some(unquoted(&stat.etag));
        if same || (opaque && stat.etag.ends_with(&count)) { Ok(stat) } else { Err(Error::CompletedDifferently) }
    }

    pub(super) async fn abort_upload(&self, upload: &UploadRef) -> Result<()> {
        for _ in 0..ABORTS {
            let request = self.client.abort_multipart_upload().bucket(&*self.bucket);
            match request.key(&upload.key).upload_id(&upload.upload_id).send().await.or_trouble() {
                Ok(_) | Err(Error::NoSuchUpload | Error::NotFound) => {}
                Err(error) => return Err(error),
            }
            match self.parts(upload).await {
                Err(Error::NoSuchUpload) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Err(super::unavailable("an aborted upload that takes parts all the same"))
    }

    pub(super) async fn open_uploads(&self, prefix: &str, before: SystemTime) -> Result<Vec<OpenUpload>> {
        let (mut found, mut key_marker, mut id_marker) = (Vec::new(), None, None);
        loop {
            let request = self.client.list_multipart_uploads().bucket(&*self.bucket).prefix(prefix);
            let request = request.set_key_marker(key_marker).set_upload_id_marker(id_marker);
            let page = request.send().await.or_trouble()?;
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

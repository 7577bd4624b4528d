//! Compares sealed bytes with what was announced: size, type and SHA-256. A difference is final, so
//! that the client must begin a new upload. Never scans or decodes.

use futures::TryStreamExt as _;
use media::kind::{Kind, SNIFFED};

use super::unreadable;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::hashing;
use crate::model::key::Key;
use crate::model::upload::Upload;

/// Returns the difference between sealed bytes and what was announced; `None` if they match. `kind`
/// is the required media type, if any.
pub(crate) async fn validate(app: &App, upload: &Upload, kind: Option<Kind>, sealed: &Key) -> Result<Option<Error>> {
    let size = app.store.stat(sealed.as_str()).await?.size;
    if let Err(wrong) = check_size(app, upload, kind, size) {
        return Ok(Some(wrong));
    }
    if let Some(kind) = kind
        && sniff(app, sealed, size).await? != Some(kind)
    {
        return Ok(Some(bad_request(format!("the file is not {}, as it was announced", kind.content_type()))));
    }
    if let Some(announced) = &upload.parts_digest {
        let (_, body) = app.store.read(sealed.as_str(), None).await?;
        let sha256 = hashing::sha256_of(body).await.map_err(|error| unreadable(&error))?;
        if sha256 != *announced {
            return Ok(Some(bad_request(format!("the file's SHA-256 is {sha256}, and {announced} was announced"))));
        }
    }
    Ok(None)
}

fn check_size(app: &App, upload: &Upload, kind: Option<Kind>, size: u64) -> Result<()> {
    let limits = app.config.upload_limits.of(upload.of);
    let max = kind.map_or(limits.largest(), |kind| limits.of_media(kind.is_video()));
    if size > max {
        return Err(too_large(max));
    }
    if let Some(announced) = upload.announced_size.filter(|announced| *announced != size) {
        return Err(bad_request(format!("{size} bytes came, {announced} were announced")));
    }
    if size == 0 {
        return Err(bad_request("the file is empty"));
    }
    Ok(())
}

/// Returns the error for an upload that is larger than `max` bytes.
pub(crate) fn too_large(max: u64) -> Error {
    Error::TooLarge(format!("at most {max} bytes are taken of this type").into())
}

/// Returns the media type that the first bytes of a blob indicate.
async fn sniff(app: &App, sealed: &Key, size: u64) -> Result<Option<Kind>> {
    let head = u64::try_from(SNIFFED).unwrap_or(u64::MAX).min(size);
    let (_, body) = app.store.read(sealed.as_str(), Some(0..head)).await?;
    let head: Vec<bytes::Bytes> = body.try_collect().await.map_err(|error| unreadable(&error))?;
    Ok(Kind::sniff(&head.concat()))
}

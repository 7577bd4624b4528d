//! Request and response bodies of disk images, and their conversion from the model.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::archived::ArchiveResponse;
use super::super::time::rfc3339;
use crate::library::grants::Times;
use crate::model::object::{Content, Object};

/// What a client announces of a new image.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImageRequest)]
pub(super) struct NewImage {
    /// A name for people, up to 255 bytes.
    pub(super) name: Option<String>,
    /// The media type as the client sees it; the bytes are always served as `application/octet-stream`.
    pub(super) content_type: Option<String>,
    /// The size in bytes. With it, `partSize` is large enough for 10,000 parts, and completion checks it.
    pub(super) size: Option<u64>,
}

/// An upload that takes parts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageUpload {
    pub(super) image_id: String,
    pub(super) upload_id: String,
    /// Bytes in every part but the last.
    pub(super) part_size: u64,
}

/// Which parts to sign for: one by `partNumber`, or many by `partNumbers`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WantedImageParts)]
pub(super) struct UploadUrls {
    pub(super) upload_id: String,
    /// From 1 to 10,000.
    pub(super) part_number: Option<u32>,
    /// Up to 1,000 numbers.
    pub(super) part_numbers: Option<Vec<u32>>,
}

/// A presigned PUT, or one per part asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = SignedImageParts)]
pub(super) enum SignedParts {
    /// The answer to `partNumber`.
    #[serde(rename_all = "camelCase")]
    #[schema(title = "SignedImagePartAlone")]
    One {
        /// PUT the part here.
        url: String,
        /// When it ends.
        expires_at: String,
    },
    /// The answer to `partNumbers`.
    #[serde(rename_all = "camelCase")]
    #[schema(title = "SignedImagePartList")]
    Many {
        /// In the order asked for.
        urls: Vec<SignedPart>,
        /// When the first of them ends.
        expires_at: String,
    },
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedImagePart)]
pub(super) struct SignedPart {
    pub(super) part_number: u32,
    pub(super) url: String,
}

/// A part that is stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StoredImagePart)]
pub(super) struct StoredPart {
    pub(super) part_number: u32,
    /// With quotes, as the PUT answered it.
    pub(super) etag: String,
    pub(super) size: u64,
}

/// An open upload: what a client needs to go on with it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenImageUpload)]
pub(super) struct OpenUpload {
    pub(super) upload_id: String,
    /// Bytes in every part but the last.
    pub(super) part_size: u64,
    /// As it was announced, or `null`.
    pub(super) size: Option<u64>,
    /// When it is given up.
    pub(super) expires_at: String,
    /// What is stored.
    pub(super) parts: Vec<StoredPart>,
}

/// All parts of an upload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImageCompletion)]
pub(super) struct Completion {
    pub(super) upload_id: String,
    /// In any order.
    pub(super) parts: Vec<CompletedPart>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CompletedImagePart)]
pub(super) struct CompletedPart {
    pub(super) part_number: u32,
    /// With or without quotes.
    pub(super) etag: String,
}

/// An image that is complete.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CompletedImage)]
pub(super) struct Completed {
    #[schema(example = true)]
    pub(super) ok: bool,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) last_modified: String,
}

/// The query of `GET /v1/images`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImagesQuery {
    /// From 1 to 1000; 100 by default.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<String>,
    /// `nextCursor` of the page before.
    pub(super) cursor: Option<String>,
    /// Instead of `cursor`: the number of items to pass over, from 0.
    #[param(value_type = Option<i64>, minimum = 0)]
    pub(super) offset: Option<String>,
    /// `READY`, `PENDING`, or `ALL`; `READY` by default.
    pub(super) status: Option<String>,
}

/// A page of images, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImagePage {
    pub(super) images: Vec<Image>,
    /// How many there are in all; absent with `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    pub(super) image_id: String,
    pub(super) name: Option<String>,
    #[schema(example = "READY")]
    pub(super) status: &'static str,
    /// `null` until the upload is complete.
    pub(super) size: Option<u64>,
    /// `null` until the upload is complete.
    pub(super) etag: Option<String>,
    pub(super) created_at: String,
    /// The archive its bytes are in, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) archive: Option<ArchiveResponse>,
}

/// What is known of an image and its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImageMetadata)]
pub(super) struct Metadata {
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) last_modified: String,
    /// The image's stable address, without any authorization.
    pub(super) url: String,
    /// The name that the upload announced.
    pub(super) name: Option<String>,
    /// When the upload was announced.
    pub(super) created_at: String,
    /// The archive its bytes are in, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) archive: Option<ArchiveResponse>,
}

/// An image that was archived, or was not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThawedImage {
    pub(super) image_id: String,
    pub(super) archive: ArchiveResponse,
}

/// Where to stream an image from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StreamUrl<'a> {
    pub(super) url: String,
    pub(super) auth: StreamAuth<'a>,
    pub(super) size: u64,
    pub(super) etag: String,
}

/// What authorizes the stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum StreamAuth<'a> {
    /// Cookies, also set by this answer.
    #[schema(title = "StreamAuthByCookies")]
    Cookie {
        /// The cookies.
        cookies: Vec<StreamCookie<'a>>,
        /// When they end.
        #[serde(rename = "expiresAt")]
        expires_at: String,
        /// From when on asking again gives later ones.
        #[serde(rename = "refreshAfter")]
        refresh_after: String,
    },
    /// The signature in `url`.
    #[schema(title = "StreamAuthByUrl")]
    Url {
        /// When it ends.
        #[serde(rename = "expiresAt")]
        expires_at: String,
        /// From when on asking again gives a later one.
        #[serde(rename = "refreshAfter")]
        refresh_after: String,
    },
    /// The same sign-in as for this request; `url` is at this server.
    #[schema(title = "StreamAuthBySignIn")]
    None,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamCookie<'a> {
    pub(super) name: &'static str,
    pub(super) value: &'a str,
    /// As in `Set-Cookie`.
    pub(super) attributes: &'a [String],
}

pub(super) fn show_part(part: &store::Part) -> StoredPart {
    StoredPart { part_number: part.number, etag: quoted(&part.etag), size: part.size }
}

pub(super) fn show_image(object: Object) -> Image {
    Image {
        image_id: object.id.to_string(),
        name: object.name,
        status: object.state.as_str(),
        size: object.content.as_ref().map(|content| content.size),
        etag: object.content.as_ref().map(|content| quoted(&content.etag)),
        created_at: rfc3339(object.created_at),
        archive: object.archive.map(Into::into),
    }
}

pub(super) fn show_metadata(object: Object, content: &Content, url: String) -> Metadata {
    Metadata {
        size: content.size,
        etag: quoted(&content.etag),
        last_modified: rfc3339(content.last_modified),
        url,
        name: object.name,
        created_at: rfc3339(object.created_at),
        archive: object.archive.map(Into::into),
    }
}

/// Returns the expiry of a grant and the time from which a new one ends later, as RFC 3339.
pub(super) fn show_times(times: Times) -> (String, String) {
    let show = |epoch: u64| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(epoch));
    (show(times.expires_at), show(times.refresh_after))
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

pub(super) fn unquoted(etag: &str) -> &str {
    etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(etag)
}

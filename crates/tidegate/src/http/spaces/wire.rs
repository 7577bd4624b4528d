//! Request and response bodies of spaces, and their conversion from the model.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::archived::ArchiveResponse;
use super::super::cursor::encode_cursor;
use super::super::time::rfc3339;
use crate::app::App;
use crate::model::ids::{ObjectId, SpaceId};
use crate::model::key::beside;
use crate::model::media::{Change, StatusChange};
use crate::model::object::ObjectState;
use crate::model::space::{Image, Member, Space, Thumbnail};
use crate::surfaces::imports::Imported;
use crate::surfaces::spaces::images::{Grant, ImagePage, Images};
use crate::uploads::media_items::Target;

/// A space that is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SpaceRequest)]
pub(super) struct NewSpace {
    /// For people, up to 200 bytes.
    pub(super) name: String,
}

/// A space, as the caller sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Space)]
pub(super) struct SpaceResponse {
    id: String,
    name: String,
    /// `owner`, `editor` or `viewer`; absent for a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    created_at: String,
    /// Images that are READY.
    image_count: u64,
    /// Their bytes, thumbnails aside.
    bytes: u64,
}

impl From<Space> for SpaceResponse {
    fn from(space: Space) -> Self {
        Self {
            id: space.id.as_str().to_owned(),
            name: space.name,
            role: space.role.map(crate::model::role::Role::as_str),
            created_at: rfc3339(space.created_at),
            image_count: space.images,
            bytes: space.bytes,
        }
    }
}

/// A page of spaces, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpacePage {
    pub(super) spaces: Vec<SpaceResponse>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// What a member may do.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SpaceRoleRequest)]
pub(super) struct NewRole {
    /// `owner`, `editor` or `viewer`.
    pub(super) role: String,
}

/// Somebody who belongs to a space.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SpaceMember)]
pub(super) struct MemberResponse {
    user_id: String,
    /// `owner`, `editor` or `viewer`.
    role: &'static str,
    added_at: String,
}

impl From<&Member> for MemberResponse {
    fn from(member: &Member) -> Self {
        Self {
            user_id: member.user.as_str().to_owned(),
            role: member.role.as_str(),
            added_at: rfc3339(member.added_at),
        }
    }
}

/// A page of members, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SpaceMemberPage)]
pub(super) struct MemberPage {
    pub(super) members: Vec<MemberResponse>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A query that selects a page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// From 1 to 1000; 100 where it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<String>,
    /// `nextCursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// The query of `GET /api/spaces/{spaceId}/images`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImagesQuery {
    /// From 1 to 1000; 100 where it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<String>,
    /// `nextCursor` of the page before.
    pub(super) cursor: Option<String>,
    /// Instead of `cursor`: the number of items to pass over, from 0.
    #[param(value_type = Option<i64>, minimum = 0)]
    pub(super) offset: Option<String>,
    /// `READY`, which is usual, `PENDING`, `SCANNING`, `PROCESSING`, `REJECTED`, `FAILED` or `ALL`.
    pub(super) status: Option<String>,
    /// With `shared`, what all URLs have in common is said once, in `urlQuery`.
    pub(super) urls: Option<String>,
}

/// A query that selects the form of URLs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UrlsQuery {
    /// With `shared`, what all URLs have in common is said once, in `urlQuery`.
    pub(super) urls: Option<String>,
}

/// An image that is to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SpaceImageRequest)]
pub(super) struct NewSpaceImage {
    pub(super) filename: String,
    /// `image/jpeg`, `image/png`, `image/gif` or `image/webp`.
    pub(super) content_type: String,
    /// Bytes. Where it is given, no other number of them is taken.
    pub(super) size: Option<u64>,
    /// Of what is sent, in hexadecimal digits.
    pub(super) sha256: Option<String>,
}

/// Where an image may be sent by one PUT.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SpaceImageUpload)]
pub(super) struct UploadTarget {
    /// What to confirm.
    id: String,
    method: &'static str,
    /// A presigned URL. A secret while it lives.
    upload_url: String,
    /// Headers that must be sent just so.
    headers: BTreeMap<String, String>,
    /// Seconds that the URL works.
    expires_in: u64,
    /// When it ends.
    expires_at: String,
}

impl From<Target> for UploadTarget {
    fn from(target: Target) -> Self {
        Self {
            id: target.object.to_string(),
            method: target.request.method,
            expires_at: rfc3339(target.request.expires),
            upload_url: target.request.url,
            headers: target.request.headers.into_iter().collect(),
            expires_in: target.expires_in,
        }
    }
}

/// A smaller copy of an image.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Thumbnail)]
pub(super) struct ThumbnailResponse {
    /// The `variant` of a link to it, such as `320.webp`.
    name: String,
    width: u32,
    height: u32,
    content_type: String,
    /// Signed as the image's own; null where there is neither edge nor CDN.
    url: Option<String>,
}

/// An image of a space.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpaceImage {
    id: String,
    space_id: String,
    /// As its uploader called it.
    name: Option<String>,
    /// Where it lies, once it is READY.
    s3_key: Option<String>,
    content_type: String,
    /// Pixels, as it is looked at.
    width: Option<u32>,
    /// Pixels, as it is looked at.
    height: Option<u32>,
    /// Bytes.
    size: Option<u64>,
    created_at: String,
    created_by: String,
    /// `PENDING`, `SCANNING`, `PROCESSING`, `READY`, `REJECTED` or `FAILED`.
    status: &'static str,
    /// Why it is `REJECTED` or `FAILED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// `clean`, `skipped` where there is no scanner, `unscanned` where it was too large.
    scan: Option<&'static str>,
    /// Where it can be read until `expiresAt`, once it is READY.
    cloudfront_url: Option<String>,
    /// The smallest first.
    thumbnails: Vec<ThumbnailResponse>,
    /// A blurred preview; see blurha.sh.
    blurhash: Option<String>,
    /// The archive its bytes are in, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<ArchiveResponse>,
}

/// An image, and when its URL ends.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SpaceImageWithTimes)]
pub(super) struct OneSpaceImage {
    #[serde(flatten)]
    image: SpaceImage,
    /// When its URLs end; null where it has none.
    expires_at: Option<String>,
    /// From when on asking again gives URLs that end later.
    refresh_after: Option<String>,
}

/// Images, and when their URLs end.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpaceImagePage {
    images: Vec<SpaceImage>,
    /// With `urls=shared`: what goes behind the `?` of each URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    url_query: Option<String>,
    /// When the URLs end; null where there are none.
    expires_at: Option<String>,
    /// From when on asking again gives URLs that end later.
    refresh_after: Option<String>,
    /// How many there are in all; absent with `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Of a refresh: ids that are not in this space.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<String>>,
}

/// Builds the URLs of one response.
struct Urls<'a> {
    app: &'a App,
    grant: Option<&'a Grant>,
    /// Whether the signature is left out of the URLs, since the response states it once.
    shared: bool,
}

impl Urls<'_> {
    fn of(&self, key: &str) -> Option<String> {
        let (edge, grant) = self.app.addresses.edge.as_ref().zip(self.grant)?;
        Some(if self.shared { format!("{edge}/{key}") } else { format!("{edge}/{key}?{}", grant.signature.query()) })
    }
}

fn times(grant: Option<&Grant>) -> (Option<String>, Option<String>) {
    let at = |seconds: u64| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    (grant.map(|grant| at(grant.times.expires_at)), grant.map(|grant| at(grant.times.refresh_after)))
}

fn show_image(space: &SpaceId, urls: &Urls<'_>, image: Image) -> SpaceImage {
    let (visual, ready) = (image.visual.as_ref(), image.object.state == ObjectState::Ready);
    let key = ready.then(|| image.object.key.as_str());
    let thumbnail = |small: Thumbnail| ThumbnailResponse {
        width: small.width,
        height: small.height,
        url: key.and_then(|key| urls.of(&beside(key, &small.name))),
        name: small.name,
        content_type: small.content_type,
    };
    let thumbnails = image.thumbnails.into_iter().filter(|_| ready).map(thumbnail).collect();
    SpaceImage {
        id: image.object.id.to_string(),
        space_id: space.as_str().to_owned(),
        s3_key: key.map(str::to_owned),
        cloudfront_url: key.and_then(|key| urls.of(key)),
        width: visual.map(|visual| visual.width),
        height: visual.map(|visual| visual.height),
        blurhash: visual.map(|visual| visual.blurhash.clone()),
        size: image.object.content.as_ref().filter(|_| ready).map(|content| content.size),
        created_at: rfc3339(image.object.created_at),
        status: image.object.state.as_str(),
        scan: image.scan.map(crate::model::media::Scan::as_str),
        thumbnails,
        archive: image.object.archive.map(Into::into),
        name: image.object.name,
        content_type: image.object.content_type,
        created_by: image.created_by,
        reason: image.reason,
    }
}

/// Renders a page of images.
pub(super) fn show_page(app: &App, space: &SpaceId, page: ImagePage<Images>, shared: bool) -> SpaceImagePage {
    let ImagePage { images: Images { images, grant }, next, total } = page;
    let urls = Urls { app, grant: grant.as_ref(), shared };
    let (expires_at, refresh_after) = times(grant.as_ref());
    SpaceImagePage {
        images: images.into_iter().map(|image| show_image(space, &urls, image)).collect(),
        url_query: grant.as_ref().filter(|_| shared).map(|grant| grant.signature.query().to_owned()),
        expires_at,
        refresh_after,
        total,
        next_cursor: next.map(encode_cursor),
        missing: None,
    }
}

/// Renders requested images, and the requested ids that were not found.
pub(super) fn show_refreshed(
    app: &App,
    space: &SpaceId,
    found: Images,
    asked: Vec<String>,
    shared: bool,
) -> SpaceImagePage {
    let there: HashSet<ObjectId> = found.images.iter().map(|image| image.object.id).collect();
    let missing = |text: &String| ObjectId::parse(text).is_none_or(|id| !there.contains(&id));
    let missing = asked.into_iter().filter(missing).collect();
    let page = ImagePage { images: found, next: None, total: None };
    SpaceImagePage { missing: Some(missing), ..show_page(app, space, page, shared) }
}

/// Renders one image; `None` if there is none.
pub(super) fn show_one(app: &App, space: &SpaceId, found: Images) -> Option<OneSpaceImage> {
    let Images { images, grant } = found;
    let (expires_at, refresh_after) = times(grant.as_ref());
    let urls = Urls { app, grant: grant.as_ref(), shared: false };
    let image = images.into_iter().next()?;
    Some(OneSpaceImage { image: show_image(space, &urls, image), expires_at, refresh_after })
}

/// Which images' URLs are asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WantedImages)]
pub(super) struct Refresh {
    /// Up to 1,000.
    pub(super) ids: Vec<String>,
}

/// What lies in the bucket already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportRequest)]
pub(super) struct Import {
    /// Up to 1,000 keys.
    pub(super) s3_key: Vec<String>,
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StartedImport)]
pub(super) struct ImportResponse {
    images: Vec<ImportedImage>,
    /// Keys at which nothing lies.
    missing: Vec<String>,
}

/// An image that is being copied.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportedImage {
    s3_key: String,
    id: String,
    status: &'static str,
}

impl From<Imported> for ImportResponse {
    fn from(imported: Imported) -> Self {
        let status = ObjectState::Pending.as_str();
        let show = |(s3_key, id): (String, ObjectId)| ImportedImage { s3_key, id: id.to_string(), status };
        Self { images: imported.begun.into_iter().map(show).collect(), missing: imported.missing }
    }
}

/// An image that was deleted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeletedImage {
    id: String,
    name: Option<String>,
    content_type: String,
    /// Pixels.
    width: Option<u32>,
    /// Pixels.
    height: Option<u32>,
    /// Bytes.
    size: Option<u64>,
    created_at: String,
    deleted_at: Option<String>,
    /// Until then it can be brought back.
    purge_at: Option<String>,
    blurhash: Option<String>,
}

impl DeletedImage {
    pub(super) fn new(app: &App, image: Image) -> Self {
        let visual = image.visual.as_ref();
        Self {
            id: image.object.id.to_string(),
            width: visual.map(|visual| visual.width),
            height: visual.map(|visual| visual.height),
            blurhash: visual.map(|visual| visual.blurhash.clone()),
            size: image.object.content.as_ref().map(|content| content.size),
            created_at: rfc3339(image.object.created_at),
            deleted_at: image.deleted_at.map(rfc3339),
            purge_at: image.deleted_at.map(|at| rfc3339(at + app.config.retention)),
            name: image.object.name,
            content_type: image.object.content_type,
        }
    }
}

/// A page of what was deleted, the latest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeletedImagePage)]
pub(super) struct Trash {
    pub(super) images: Vec<DeletedImage>,
    /// How many there are in all; absent with `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<u64>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// What an image became, and when.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageChange {
    image_id: String,
    /// As an image's status, or `DELETED` or `PURGED`.
    status: &'static str,
    /// Why it is `REJECTED` or `FAILED`; or how it came about: `imported`, `restored`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Its archive, where that has changed and not the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<ArchiveResponse>,
    at: String,
}

impl From<StatusChange> for ImageChange {
    fn from(change: StatusChange) -> Self {
        let status = match change.change {
            Change::Became(status) => status.states().0.as_str(),
            gone => gone.as_str(),
        };
        Self {
            image_id: change.object.to_string(),
            status,
            reason: change.reason,
            archive: change.archive.map(Into::into),
            at: rfc3339(change.at),
        }
    }
}
